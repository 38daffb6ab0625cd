// Numbers, times and names as they are shown. Times stay UTC.

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
export const count = (number) => (number == null ? '–' : grouped.format(number));

/** `1 series`, `2 slices`: the noun takes an s unless it ends in one. */
export const counted = (number, noun) => `${count(number)} ${noun}${number === 1 || noun.endsWith('s') ? '' : 's'}`;

export function seconds(value) {
  if (value == null) return '–';
  if (value < 10 && value % 1) return `${value.toFixed(1)} s`;
  const s = Math.round(value);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, '0')} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, '0')} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

/** What lies between two stamps, which are whole seconds: of a short time only the bound is known. */
export const took = (value) => (value < 2 && value != null ? `under ${Math.floor(value) + 1} s` : seconds(value));

export const day = (time) => (time == null ? '–' : time.slice(0, 10));
export const minute = (time) => (time == null ? '–' : `${time.slice(0, 10)} ${time.slice(11, 16)}`);
export const clock = (time) => (time == null ? '–' : time.slice(11, 19));
export const stamp = (ts) => new Date(ts * 1000).toISOString().replace('.000', '');
export const unix = (time) => Date.parse(time) / 1000;

/** Today only needs its clock. */
export function moment(time, now = new Date().toISOString()) {
  return time != null && day(time) === day(now) ? time.slice(11, 16) : minute(time);
}

const UNITS = { m: 60, h: 3600, d: 86400, w: 7 * 86400, mo: 30.4 * 86400 };
export function step(timeframe) {
  const [, number, unit] = /^(\d+)(mo|[mhdw])$/.exec(timeframe) ?? [null, '1', 'd'];
  return Number(number) * UNITS[unit];
}
/** Daily and longer candles are labelled with a date, the others with an instant. */
export const isLabel = (timeframe) => /(d|w|mo)$/.test(timeframe);
export const when = (time, timeframe) => (isLabel(timeframe) ? day(time) : minute(time));

/** A half-open span in the words of its timeframe: labels with the last day that is inside. */
export function span({ start, end }, timeframe) {
  if (!isLabel(timeframe)) return `${minute(start)} to ${minute(end)}`;
  const last = day(stamp(Math.max(unix(start), unix(end) - 86400)));
  return day(start) === last ? last : `${day(start)} to ${last}`;
}

/** Decimals that show prices of this size as they are: seven figures, ten places at most. */
export function decimals(prices) {
  const most = Math.max(...prices.map(Math.abs), Number.MIN_VALUE);
  const room = Math.min(10, Math.max(2, 6 - Math.floor(Math.log10(most))));
  const places = prices.map((price) => {
    const [digits, exponent] = String(price).split('e');
    return Math.max(0, (digits.split('.')[1] ?? '').length - Number(exponent ?? 0));
  });
  return Math.min(room, Math.max(2, ...places));
}

export const volume = new Intl.NumberFormat('en', { maximumFractionDigits: 4 });

/** A large job names only its first symbols, and how many there are. */
export const symbolsOf = (job) => job.symbols_total ?? job.symbols.length;
/** What a job is about, in a line: the first few symbols, and how many more. */
export function names(job, most = 4) {
  const rest = symbolsOf(job) - most;
  return rest > 0 ? `${job.symbols.slice(0, most).join(' ')} +${count(rest)}` : job.symbols.join(' ');
}
/** What a job is about, with its timeframes. */
export const title = (job, most) => [names(job, most) || job.command, job.timeframes.join(' ')].filter(Boolean).join(' · ');
/** Slices that were neither fetched nor given up. */
export const leftOf = (job) => Math.max(0, job.total_slices - job.completed_slices - job.failed_slices);
/** Slices that were asked for and given up. */
export const failedOf = (job) => job.failed_slices - job.unasked_slices;
export function range(job) {
  // An import asks for no range: it has the one of what it found, once it has found something.
  if (job.command === 'import') {
    const last = new Date(Date.parse(job.end) - 1000).toISOString();
    return symbolsOf(job) ? `${day(job.start)} to ${day(last)}` : '';
  }
  return `${job.start_date ?? day(job.start)} to ${job.end_date ?? 'now'}`;
}
/** The interface's words for its callers, in words for who has the button beside it. */
export const plainNext = (next) => `Next: ${next.replace(/POST \/api\/v1\/backfill\/\S+\/resume/, 'Resume')}`;

/** An error with its next step. */
export const told = ({ message, next }) => `${message[0].toUpperCase()}${message.slice(1)}.${next ? ` ${plainNext(next)}.` : ''}`;

// What runs, how far it is, and what waits.

import { byId, h, keyed, press, say, stateMark } from './dom.js';
import { clock, count, counted, failedOf, leftOf, plainNext, range, seconds, span, title, unix } from './format.js';
import { act, failuresOf, jobs, link, list } from './jobs.js';

/** For so long it is told that the end has moved away. */
const LATER_S = 15;
/** Lines of failures at most. */
const LINES = 5;

const made = new Map();
const idle = h('p', { class: 'quiet' });
const queued = h('p', { class: 'quiet' });

const WAITS = {
  rate: (wait) => `waits ${seconds(wait)} to keep the rate`,
  limit: (wait) => `the provider’s limit: waits ${seconds(wait)}`,
};

function figure(label) {
  const value = h('dd');
  return { node: h('div', null, h('dt', null, label), value), value };
}

/** A slice as events tell it, or a series as its job does. */
function failure({ symbol, timeframe, start, end, error, attempts }) {
  const where = start ? `, ${span({ start, end }, timeframe)}` : '';
  const tries = attempts ? ` (${counted(attempts, 'attempt')})` : '';
  return h('li', null, `${symbol} ${timeframe}${where}: `, h('span', { class: 'why' }, error), tries);
}

/** Failures that say the same are one line, with a count. */
function alike(failures) {
  const lines = new Map();
  for (const one of failures) lines.set(one.error, [...(lines.get(one.error) ?? []), one]);
  return [...lines.values()].map((same) => {
    if (same.length === 1) return failure(same[0]);
    const which = [...new Set(same.map(({ symbol, timeframe }) => `${symbol} ${timeframe}`))];
    const more = which.length > 3 ? ` and ${count(which.length - 3)} more` : '';
    // What failed before anybody followed is known by its series alone.
    const often = same.every(({ start }) => start) ? `${count(same.length)} times` : counted(which.length, 'series');
    return h('li', null, `${often}: `, h('span', { class: 'why' }, same[0].error), ` (${which.slice(0, 3).join(', ')}${more})`);
  });
}

function card(job) {
  const id = job.job_id;
  const name = `now-${id}`;
  const heading = h('h3', { id: name });
  const bar = h('progress', { max: 100, 'aria-labelledby': name });
  const percent = h('span', { class: 'percent' });
  const [done, failed, unasked, left, candles, speed, eta] = ['Done', 'Failed', 'Not asked', 'Left', 'Candles', 'Speed', 'Time left'].map(figure);
  const wait = h('p', { class: 'wait' });
  const hangs = h('p', { class: 'wait hangs' });
  const errors = h('ul', { class: 'errors', 'aria-label': 'What failed' });
  const next = h('p', { class: 'quiet' });
  const fault = h('p', { class: 'fault', role: 'alert' });
  const cancel = h('button', { type: 'button', 'aria-describedby': name }, 'Cancel');
  cancel.addEventListener('click', () => press(cancel, fault, () => act(id, 'cancel')));
  const node = h('article', { class: 'job', 'aria-labelledby': name },
    h('div', { class: 'row' }, stateMark('running'), h('div', { class: 'grow' }, heading), cancel),
    h('div', { class: 'row' }, bar, percent),
    h('dl', { class: 'figures' }, done.node, failed.node, left.node, candles.node, speed.node, eta.node), wait, hangs, errors, next, fault);

  let shown = [];
  let last = null;
  let expected = null;
  /** The earliest end that was expected lately, and since when ends later than that are. */
  let earliest = Infinity;
  let later = null;
  const at = () => performance.now() / 1000;
  function expect({ eta_s: told }) {
    if (told == null) return;
    expected = at() + told;
    if (expected <= earliest + Math.max(2, told / 10)) later = null;
    else later ??= at();
    // After a while that is what is usual.
    earliest = later !== null && at() - later > LATER_S ? expected : Math.min(earliest, expected);
    if (earliest === expected) later = null;
  }
  /** It falls from one moment to the next, or says why not: nobody knows how long a request hangs. */
  function timeLeft({ waiting, slow }) {
    if (slow) return slow.beside.length ? `${slow.symbol} and ${count(slow.beside.length)} more hang` : `${slow.symbol} hangs`;
    if (waiting) return 'waits';
    if (expected === null) return '–';
    const left = expected - at();
    if (left < 0) return 'longer than expected';
    return later === null ? seconds(left) : `${seconds(left)}, slower than before`;
  }
  /** What changes by itself as time passes. */
  function tick() {
    if (!last || link === 'gone') return;
    say(eta.value, timeLeft(last));
    say(hangs, last.slow ? hanging(last.slow) : '');
    hangs.hidden = !last.slow;
  }
  function update(now) {
    say(heading, [title(now, 3), range(now)].filter(Boolean).join(' · '));
    bar.value = now.progress_pct;
    say(percent, `${now.progress_pct.toFixed(1)} %`);
    say(done.value, `${count(now.completed_slices)} of ${count(now.total_slices)}`);
    say(failed.value, count(failedOf(now)));
    failed.node.classList.toggle('why', failedOf(now) > 0);
    say(unasked.value, count(now.unasked_slices));
    if (now.unasked_slices) failed.node.after(unasked.node);
    else unasked.node.remove();
    say(left.value, count(leftOf(now)));
    say(candles.value, count(now.total_records_fetched));
    say(speed.value, now.candles_per_s == null ? '–' : `${count(now.candles_per_s)} /s`);
    if (now !== last) expect(now);
    last = now;
    tick();
    say(wait, now.waiting ? WAITS[now.waiting.for]?.(now.waiting.seconds) ?? '' : '');
    const latest = failuresOf(id);
    if (latest !== shown) errors.replaceChildren(...alike(latest).slice(0, LINES));
    shown = latest;
    errors.hidden = latest.length === 0;
    say(next, now.next ? `${plainNext(now.next)}. The job goes on with the rest.`
      : 'Next: the job goes on with the rest; at its end Resume asks for these again.');
    next.hidden = now.failed_slices === 0;
  }
  return { nodes: [node], update, tick };
}

/** A page that is asked for and does not come, and others beside it. */
function hanging({ symbol, timeframe, since, attempt, attempts, beside }) {
  const took = Math.max(0, Math.round(Date.now() / 1000 - unix(since)));
  return `${symbol} ${timeframe} hangs since ${clock(since)} (${seconds(took)}), attempt ${attempt} of ${attempts}${andBeside(beside)}.`;
}

function andBeside([other, ...more]) {
  if (!other) return '';
  const name = `${other.symbol} ${other.timeframe}`;
  return more.length ? `; ${name} and ${count(more.length)} more hang, too` : `; ${name} hangs, too`;
}

/** What has ended leaves its place: what stands below does not move up under the eyes of who reads it. */
function keepPlace(box, draw) {
  const before = document.hidden ? 0 : box.offsetHeight;
  box.style.minHeight = '';
  draw();
  if (box.offsetHeight < before) box.style.minHeight = `${before}px`;
}

export function show() {
  const box = byId('now');
  const draw = () => {
    const running = list.filter((job) => job.status === 'running');
    const waiting = list.filter((job) => job.status === 'queued').length;
    keyed(box, made, running, (job) => job.job_id, card);
    say(idle, running.length ? '' : 'Nothing runs.');
    say(queued, waiting ? `${counted(waiting, 'job')} waiting for a turn.` : '');
    idle.hidden = running.length > 0;
    queued.hidden = waiting === 0;
    box.append(idle, queued);
    const [first] = running;
    document.title = first ? `${Math.floor(first.progress_pct)} % · candlefile` : 'candlefile';
  };
  jobs.addEventListener('change', () => keepPlace(box, draw));
  new IntersectionObserver(([{ isIntersecting: isSeen }]) => { if (!isSeen) box.style.minHeight = ''; }).observe(box);
  setInterval(() => made.forEach(({ tick }) => tick()), 1000);
}

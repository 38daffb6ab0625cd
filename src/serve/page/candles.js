// The candles of one series, newest first in pages, and where between them some are missing. Nothing here draws.

import { get } from './api.js';
import { day, isLabel, stamp, step, unix } from './format.js';

/** About so many candles a page. */
const PAGE = 1500;
/** So many of the newest are read again when the series has changed. */
const AGAIN = 20_000;
/** Bars of one gap: at least some, that it is seen, and not so many that there is nothing else. */
const GAP = { least: 4, most: 80, tail: 8 };

export class Candles {
  constructor(series) {
    this.step = step(series.timeframe);
    this.#begin(series);
  }

  #begin(series) {
    this.#is(series);
    this.rows = [];
    /** Everything from here on is loaded. */
    this.from = this.last + this.step;
  }

  #is(series) {
    this.series = series;
    this.first = unix(series.first);
    this.last = unix(series.last);
    /** Candles per second as the series has them, nights and weekends included. */
    this.density = Math.min(1 / this.step, series.candles / (this.last - this.first + this.step)) || 1 / this.step;
  }

  get isWhole() {
    // Without a candle there is no first one, and nothing more to load.
    return !(this.from > this.first);
  }

  /** Loads one more page at the old end; false where there is none. */
  async older() {
    let length = PAGE / this.density;
    while (!this.isWhole) {
      const from = Math.max(this.first, Math.floor(this.from - length));
      const rows = await this.#read(from, this.from);
      this.from = from;
      if (rows.length > 0) {
        this.rows = [...rows, ...this.rows];
        return true;
      }
      // Nothing in a long gap: a longer stretch costs no more.
      length *= 4;
    }
    return false;
  }

  /** Loads again what is loaded, and what has come since. Where that is a lot it begins anew, and says so. */
  async again(series) {
    if (series.candles - this.series.candles > AGAIN || this.rows.length === 0) {
      this.#begin(series);
      await this.older();
      return true;
    }
    this.#is(series);
    const from = this.rows.at(-AGAIN)?.ts ?? this.from;
    const newest = await this.#read(from, this.last + this.step);
    this.rows = [...this.rows.filter(({ ts }) => ts < from), ...newest];
    return false;
  }

  /** Candles with `from <= ts < to`, ascending. */
  async #read(from, to) {
    const { symbol, timeframe } = this.series;
    // An end date is inclusive, an end instant is not.
    const [start, end] = isLabel(timeframe) ? [day(stamp(from)), day(stamp(to - 1))] : [stamp(from), stamp(to)];
    const query = new URLSearchParams({ timeframe, start, end, limit: 10_000 });
    const rows = [];
    for (;;) {
      const answer = await get(`historical/${encodeURIComponent(symbol)}?${query}`);
      rows.push(...answer.candles);
      if (!answer.next_cursor) break;
      query.set('cursor', answer.next_cursor);
    }
    return rows.filter(({ ts }) => from <= ts && ts < to);
  }
}

/** The parts of a missing span before the first and after the last candle inside it. */
function emptyParts({ from, to }, rows, step) {
  const inside = rows.filter(({ ts }) => from <= ts && ts < to);
  if (inside.length === 0) return [{ from, to }];
  return [{ from, to: inside[0].ts }, { from: inside.at(-1).ts + step, to }].filter((part) => part.to - part.from >= step);
}

/**
 * Candles and, in missing spans, times without one. `gaps` names the first and the last of those times for each.
 */
export function withGaps(candles, missing) {
  const { rows, step, density } = candles;
  const taken = new Set(rows.map(({ ts }) => ts));
  const gaps = [];
  const times = [];
  const end = candles.last + step;
  for (const span of missing) {
    const whole = { from: unix(span.start), to: unix(span.end) };
    if (!candles.isWhole && whole.to <= candles.from) continue;
    const from = candles.isWhole ? whole.from : Math.max(whole.from, candles.from);
    for (const part of emptyParts({ from, to: whole.to }, rows, step)) {
      const most = part.from >= end ? GAP.tail : GAP.most;
      const bars = Math.min(most, Math.max(GAP.least, Math.round((part.to - part.from) * density)));
      const own = [];
      for (let bar = 0; bar < bars; bar += 1) {
        const grid = Math.max(60, Math.min(step, 86400));
        const time = Math.ceil((part.from + ((part.to - part.from) * bar) / bars) / grid) * grid;
        if (time < part.to && !taken.has(time)) {
          taken.add(time);
          own.push(time);
        }
      }
      times.push(...own);
      if (own.length) gaps.push({ start: stamp(part.from), end: stamp(part.to), first: own[0], last: own.at(-1) });
    }
  }
  const points = [...rows.map(({ ts: time, ...row }) => ({ time, ...row })), ...times.map((time) => ({ time }))];
  return { points: points.sort((a, b) => a.time - b.time), gaps };
}

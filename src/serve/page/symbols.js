// The series of the file: filter, pages, and the coverage of those that can be seen.

import { get } from './api.js';
import { byId, h, keyed, say } from './dom.js';
import { count, day, told, when } from './format.js';
import { pager } from './pager.js';
import { legend, strip } from './strip.js';
import { inTurn } from './turns.js';

const AT_ONCE = 2;
const COLUMNS = 6;

export const series = new EventTarget();
export let all = [];

export const nameOf = ({ symbol, timeframe }) => `${symbol}/${timeframe}`;
/** Changes when the series may look different. */
const stateOf = (one) => `${one.candles} ${one.last}`;

const known = new Map();
const waiting = new Map();
let asked = 0;

/** The coverage of a series; asked for once for each state of it. */
export function coverageOf(one) {
  const { symbol, timeframe } = one;
  const name = nameOf(one);
  if (known.get(name)?.state !== stateOf(one)) {
    const coverage = get(`coverage/${encodeURIComponent(symbol)}?timeframe=${timeframe}`);
    known.set(name, { state: stateOf(one), coverage });
    coverage.catch(() => known.delete(name));
  }
  return known.get(name).coverage;
}
/** Coverage can change without a candle more: then all of it is asked for again as it is seen. */
export function forgetCoverage() {
  known.clear();
}

function work() {
  for (const [name, draw] of waiting) {
    if (asked >= AT_ONCE) return;
    waiting.delete(name);
    asked += 1;
    draw().finally(() => {
      asked -= 1;
      work();
    });
  }
}

const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (isIntersecting) waiting.set(target.dataset.name, target.draw);
    else waiting.delete(target.dataset.name);
  }
  work();
}, { rootMargin: '100px' });

function row(one, open) {
  let latest = one;
  let drawn = null;
  const button = h('button', { type: 'button', class: 'plain symbol', onclick: () => open(latest) }, one.symbol);
  const cell = h('td', { class: 'strip-column' });
  const from = h('td', { class: 's date' });
  const [last, candles, source] = [h('td', { class: 'n' }), h('td', { class: 'n s' }), h('td', { class: 'm quiet' })];
  const node = h('tr', { 'data-name': nameOf(one) },
    h('th', { scope: 'row' }, button, ' ', h('span', { class: 'timeframe' }, one.timeframe)), from, cell, last, candles, source);
  function figures({ first, last: newest, candles: number }) {
    say(from, day(first));
    say(last, when(newest, one.timeframe));
    say(candles, count(number));
  }
  node.draw = async () => {
    try {
      const asked = coverageOf(latest);
      const coverage = await asked;
      // It may have changed while it was asked for: then another question is on its way, or will be.
      if (drawn === coverage || known.get(nameOf(latest))?.coverage !== asked) return;
      drawn = coverage;
      cell.replaceChildren(strip(coverage));
      figures(coverage);
    } catch (error) {
      drawn = null;
      figures(latest);
      cell.replaceChildren(h('span', { class: 'quiet' }, told(error)));
    }
  };
  seen.observe(node);
  return {
    nodes: [node],
    update(now, current) {
      latest = now;
      node.classList.toggle('current', current === nameOf(now));
      // Beside a strip they are of its moment, and change with it.
      if (!drawn) figures(now);
      say(source, `${now.source}${now.adjusted ? ', adjusted' : ''}`);
    },
  };
}

/** Shows the table; `open(series)` when one is chosen, `isFilling()` while a job may add to it. */
export function show(open, isFilling) {
  const body = byId('series').tBodies[0];
  const filter = byId('filter');
  const none = h('tr', null, h('td', { colspan: COLUMNS, class: 'quiet' }));
  const made = new Map();
  let current = null;
  let isKnown = false;
  legend(byId('legend'));

  const pages = pager('series', () => draw());
  byId('series-pages').append(pages.node);

  function draw() {
    const wanted = filter.value.trim().toLowerCase().split(/\s+/);
    const fits = (one) => wanted.every((word) => `${one.symbol} ${one.timeframe} ${one.source}`.toLowerCase().includes(word));
    const shown = pages.slice(all.filter(fits));
    keyed(body, made, shown, nameOf, (one) => {
      const { nodes, update } = row(one, open);
      return { nodes, update: (now) => update(now, current) };
    });
    // Asked again where it may have changed.
    for (const node of body.rows) {
      if (!node.draw) continue;
      seen.unobserve(node);
      seen.observe(node);
    }
    none.remove();
    if (shown.length === 0) {
      sayNone();
      body.append(none);
    }
  }

  /** Why no series is shown: what is not known yet, or is about to change, is not told as if it were so. */
  function sayNone() {
    const empty = isFilling() ? 'The first candles are on their way.' : 'The file holds no series yet. Ask for some with Backfill.';
    say(none.firstChild, all.length ? 'No series fits the filter.' : isKnown ? empty : 'Looking…');
  }

  async function load() {
    try {
      all = (await get('symbols')).symbols;
      isKnown = true;
      say(byId('series-fault'), '');
      draw();
      series.dispatchEvent(new Event('change'));
    } catch (error) {
      // That nobody answers, or that there must be a token, is told elsewhere.
      if (error.status && error.status !== 401) say(byId('series-fault'), told(error));
    }
  }

  filter.addEventListener('input', () => {
    pages.first();
    draw();
  });
  draw();
  return {
    load: inTurn(load),
    sayNone,
    mark(name) {
      current = name;
      draw();
    },
  };
}


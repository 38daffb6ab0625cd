// The coverage of a series as a strip: from the first time it was asked about up to now, left to right.

import { h } from './dom.js';
import { count, span, stamp, unix } from './format.js';

/** Each with its own pattern and height in style.css. */
export const KINDS = {
  covered: 'covered: the provider’s final answer is in the file',
  provisional: 'provisional: in the file, may still change',
  empty: 'empty: the provider has nothing',
  hole: 'hole: missing between what is covered',
  failed: 'failed: asked for and given up',
  behind: 'behind: what came after the last update',
  unasked: 'not asked: nobody has fetched it yet',
};
/** More marks than a strip has room for are not drawn; the longest are. */
const MARKS = 150;
const TOLD = 3;

/** Told are covered stretches without a candle, however the requests were cut. */
const asNumbers = ({ start, end }) => ({ from: unix(start), to: unix(end) });
const asSpan = ({ from, to }) => ({ start: stamp(from), end: stamp(to) });
const within = (spans, from, to) => spans.map((one) => ({ from: Math.max(one.from, from), to: Math.min(one.to, to) }))
  .filter((one) => one.from < one.to);
const without = (spans, others) => others.reduce((left, { from, to }) => [...within(left, -Infinity, from), ...within(left, to, Infinity)], spans);

/**
 * The spans of each kind but `provisional`. Only what is missing amid what is covered is a hole: before and after it nobody
 * has asked, or not again.
 */
export function kindsOf(coverage) {
  const [covered, missing, failed] = ['covered', 'missing', 'failed'].map((kind) => coverage[kind].map(asNumbers));
  const first = Math.min(...covered.map(({ from }) => from));
  const last = Math.max(...covered.map(({ to }) => to));
  const rest = without(missing, failed);
  return {
    covered: coverage.covered,
    empty: coverage.nothing_from_provider,
    hole: within(rest, first, last).map(asSpan),
    failed: coverage.failed,
    behind: covered.length ? within(rest, last, Infinity).map(asSpan) : [],
    unasked: (covered.length ? within(rest, -Infinity, first) : rest).map(asSpan),
  };
}

export function bounds(coverage) {
  const all = Object.values(kindsOf(coverage)).flat().map(asNumbers);
  if (all.length === 0) return null;
  return { from: Math.min(...all.map((one) => one.from)), to: Math.max(...all.map((one) => one.to)) };
}

function told(kind, spans, timeframe) {
  if (spans.length === 0) return null;
  const first = spans.slice(0, TOLD).map((one) => span(one, timeframe)).join(', ');
  const rest = spans.length > TOLD ? ` and ${count(spans.length - TOLD)} more` : '';
  return `${KINDS[kind].split(':')[0]} ${first}${rest}`;
}

export function describe(coverage) {
  const { timeframe, provisional_from: provisional } = coverage;
  const parts = Object.entries(kindsOf(coverage)).map(([kind, spans]) => told(kind, spans, timeframe));
  if (provisional) parts.push(`provisional from ${span({ start: provisional, end: provisional }, timeframe).split(' to ')[0]}`);
  return parts.filter(Boolean).join('; ') || 'nothing asked for yet';
}

export function strip(coverage) {
  const text = describe(coverage);
  const node = h('div', { class: 'strip', role: 'img', 'aria-label': text, title: text });
  const whole = bounds(coverage);
  if (!whole) return node;
  const share = (time) => ((time - whole.from) / (whole.to - whole.from)) * 100;
  const mark = (kind, { from, to }) => {
    const one = h('i', { class: kind });
    one.style.left = `${share(from)}%`;
    one.style.width = `${share(to) - share(from)}%`;
    node.append(one);
  };
  const longest = (spans) => spans.map(asNumbers).sort((a, b) => (b.to - b.from) - (a.to - a.from)).slice(0, MARKS);
  for (const [kind, spans] of Object.entries(kindsOf(coverage))) longest(spans).forEach((one) => mark(kind, one));
  const { provisional_from: start, last } = coverage;
  if (start && last) mark('provisional', asNumbers({ start, end: stamp(unix(last)) }));
  return node;
}

export function legend(list) {
  const item = ([kind, text]) => h('li', null, h('span', { class: 'strip', 'aria-hidden': 'true' }, h('i', { class: kind })), text.split(':')[0]);
  list.append(...Object.entries(KINDS).map((entry) => {
    const node = item(entry);
    node.title = entry[1];
    return node;
  }));
}

// The coverage of a series as a strip: from the first time it was asked about up to now, left to right.

import { h } from './dom.js';
import { count, span, stamp, unix } from './format.js';

/** Each with its own pattern and height in style.css. */
export const KINDS = {
  covered: 'covered: the provider’s final answer is in the file',
  provisional: 'provisional: in the file, may still change',
  empty: 'empty: the provider has nothing',
  missing: 'missing: an update would ask for it',
};
/** More marks than a strip has room for are not drawn; the longest are. */
const MARKS = 150;
const TOLD = 3;

/** Told are covered stretches without a candle, however the requests were cut. */
const spansOf = (coverage, kind) => coverage[kind === 'empty' ? 'nothing_from_provider' : kind];
const asNumbers = ({ start, end }) => ({ from: unix(start), to: unix(end) });

export function bounds(coverage) {
  const all = ['covered', 'missing', 'empty'].flatMap((kind) => spansOf(coverage, kind)).map(asNumbers);
  if (all.length === 0) return null;
  return { from: Math.min(...all.map((one) => one.from)), to: Math.max(...all.map((one) => one.to)) };
}

function told(kind, spans, timeframe) {
  if (spans.length === 0) return null;
  const first = spans.slice(0, TOLD).map((one) => span(one, timeframe)).join(', ');
  const rest = spans.length > TOLD ? ` and ${count(spans.length - TOLD)} more` : '';
  return `${kind} ${first}${rest}`;
}

export function describe(coverage) {
  const { timeframe, provisional_from: provisional } = coverage;
  const parts = ['covered', 'missing', 'empty'].map((kind) => told(kind, spansOf(coverage, kind), timeframe));
  if (provisional) parts.push(`provisional from ${span({ start: provisional, end: provisional }, timeframe).split(' to ')[0]}`);
  return parts.filter(Boolean).join('; ') || 'nothing asked for yet';
}

export function strip(coverage, last) {
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
  for (const kind of ['covered', 'empty', 'missing']) longest(spansOf(coverage, kind)).forEach((one) => mark(kind, one));
  const { provisional_from: start } = coverage;
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

// The jobs, newest first: how each ended, what to do about it, and its series.

import { get } from './api.js';
import { byId, h, keyed, press, say, stateMark } from './dom.js';
import { count, failedOf, leftOf, minute, moment, plainNext, range, span, title, told, took } from './format.js';
import { act, canShowMore, isActive, jobs, list, more } from './jobs.js';
import { pager } from './pager.js';
import { inTurn, sleep } from './turns.js';

const made = new Map();
const COLUMNS = 7;
/** The series of a large job are megabytes, and its events come ten a second. */
const DETAILS_MS = 1000;
const WORST_FIRST = ['failed', 'stale', 'no_data', 'interrupted', 'running', 'pending', 'completed'];
const NOTHING_TOLD = 3;
const RESUMABLE = ['failed', 'partial', 'interrupted'];

function counts(records) {
  if (!records.fetched && !records.removed) return 'nothing had to be stored';
  const parts = ['inserted', 'duplicate', 'restated', 'conflicting', 'rejected'];
  const sum = parts.map((part) => `${count(records[part])} ${part}`).join(' + ');
  const removed = records.removed ? `; ${count(records.removed)} removed` : '';
  return `${count(records.fetched)} fetched = ${sum}${removed}`;
}

function seriesRow(series) {
  const error = series.error && h('div', { class: 'why' }, series.error);
  return h('tr', null,
    h('td', null, stateMark(series.status)),
    h('th', { scope: 'row' }, `${series.symbol} ${series.timeframe}`, error),
    h('td', { class: 'n' }, count(series.records_inserted)),
    h('td', { class: 'n s' }, took(series.duration_s)));
}

/** Its series, a page at a time, what needs looking at first. */
function details(id) {
  const facts = h('p', { class: 'facts' });
  const sum = h('p', { class: 'facts' });
  const body = h('tbody');
  const fault = h('p', { class: 'fault', role: 'alert' });
  const heads = ['State', 'Series', 'New candles', 'Took'];
  const classes = [null, null, 'n', 'n s'];
  const table = h('table', null,
    h('thead', null, h('tr', null, ...heads.map((head, i) => h('th', { scope: 'col', class: classes[i] }, head)))), body);
  let all = [];
  const pages = pager('series of the job', () => draw());
  function draw() {
    body.replaceChildren(...pages.slice(all).map(seriesRow));
  }
  async function load() {
    try {
      const job = await get(`backfill/status/${encodeURIComponent(id)}`);
      say(facts, `${job.command} · ${job.source} · ${job.adjusted ? 'adjusted' : 'raw'} · ${id} · asked ${minute(job.created_at)}`
        + ` · begun ${minute(job.started_at)} · ended ${minute(job.completed_at)}`);
      const { nothing_from_provider: nothing } = job;
      const without = nothing.slice(0, NOTHING_TOLD).map((one) => `${one.symbol} ${one.timeframe} ${span(one, one.timeframe)}`).join('; ');
      const more = nothing.length > NOTHING_TOLD ? `; and ${count(nothing.length - NOTHING_TOLD)} more` : '';
      say(sum, counts(job.records) + (nothing.length ? ` · nothing from the provider: ${without}${more}` : ''));
      all = job.details.sort((a, b) => WORST_FIRST.indexOf(a.status) - WORST_FIRST.indexOf(b.status));
      say(fault, '');
      draw();
    } catch (error) {
      say(fault, told(error));
    }
    await sleep(DETAILS_MS);
  }
  return { nodes: [facts, sum, table, pages.node, fault], load: inTurn(load) };
}

/** For those who do not see it. Put in anew each time: an end in the words of the one before is told too. */
const tellEnd = (text) => byId('ended').replaceChildren(text);

function row(job) {
  const id = job.job_id;
  const state = h('td', { class: 'job-state' });
  const what = h('strong');
  const span = h('span', { class: 'quiet' });
  const detailId = `details-${id}`;
  const open = h('button', { type: 'button', class: 'plain', 'aria-expanded': 'false', 'aria-controls': detailId }, what, ' ', span);
  const why = h('div', { class: 'why' });
  const next = h('div', { class: 'next' });
  const [done, failed, unasked, left] = [h('span'), h('span', { class: 'failed-count' }), h('span', { class: 'left-count' }), h('span', { class: 'left-count' })];
  const [slices, candles] = [h('td', { class: 'n s' }, done, failed, unasked, left), h('td', { class: 'n s' })];
  const [length, asked] = [h('td', { class: 'n m' }), h('td', { class: 'n m' })];
  const fault = h('div', { class: 'fault', role: 'alert' });
  const action = h('button', { type: 'button' });
  const node = h('tr', null, state, h('td', null, open, why, next, fault), slices, candles, length, asked,
    h('td', { class: 'act' }, action));
  const cell = h('td', { colspan: COLUMNS });
  const more = h('tr', { id: detailId, class: 'details', hidden: true }, cell);

  let latest = job;
  let inside = null;
  let seen = '';
  open.addEventListener('click', () => {
    more.hidden = !more.hidden;
    open.setAttribute('aria-expanded', String(!more.hidden));
    if (more.hidden) return;
    if (!inside) {
      inside = details(id);
      cell.append(...inside.nodes);
    }
    inside.load();
  });
  action.addEventListener('click', () => press(action, fault, () => act(id, isActive(latest) ? 'cancel' : 'resume')));

  function update(now) {
    if (node.className !== now.status) state.replaceChildren(stateMark(now.status));
    node.className = now.status;
    say(what, title(now));
    say(span, range(now));
    say(why, now.error ?? '');
    say(next, now.next && !isActive(now) ? plainNext(now.next) : '');
    say(done, `${count(now.completed_slices)}/${count(now.total_slices)}`);
    say(failed, failedOf(now) ? `${count(failedOf(now))} failed` : '');
    say(unasked, now.unasked_slices ? `${count(now.unasked_slices)} not asked` : '');
    say(left, leftOf(now) ? `${count(leftOf(now))} left` : '');
    say(candles, count(now.total_records_inserted));
    say(length, took(now.duration_s));
    say(asked, moment(now.created_at));
    const verb = isActive(now) ? 'Cancel' : RESUMABLE.includes(now.status) ? 'Resume' : '';
    const name = title(now).replace(' · ', ' ');
    say(action, verb);
    if (!verb && action === document.activeElement) open.focus();
    action.hidden = !verb;
    action.setAttribute('aria-label', `${verb} ${name}`);
    if (isActive(latest) && !isActive(now)) tellEnd(`${name}: ${now.status.replace('_', ' ')}${now.error ? `, ${now.error}` : ''}`);
    const changed = `${now.status} ${now.completed_slices} ${now.failed_slices}`;
    if (seen && seen !== changed && inside && !more.hidden) inside.load();
    seen = changed;
    latest = now;
  }
  // Told outright: on a narrow screen the rows are laid out as no table is.
  for (const one of [node, more]) one.setAttribute('role', 'row');
  for (const one of [...node.cells, cell]) one.setAttribute('role', 'cell');
  return { nodes: [node, more], update };
}

export function show() {
  const body = byId('jobs').tBodies[0];
  const none = h('tr', null, h('td', { colspan: COLUMNS, class: 'quiet none' }, 'No jobs yet.'));
  const button = h('button', { type: 'button', onclick: () => more() }, 'Older jobs');
  byId('jobs-more').append(button);
  jobs.addEventListener('change', () => {
    keyed(body, made, list, (job) => job.job_id, row);
    if (list.length === 0) body.append(none);
    else none.remove();
    button.hidden = !canShowMore();
  });
}

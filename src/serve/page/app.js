// The entry: puts the parts together, and says how the server is.

import { get, locked, setToken } from './api.js';
import { Chart } from './chart.js';
import { byId, say } from './dom.js';
import { clock, told } from './format.js';
import * as jobs from './jobs.js';
import * as now from './now.js';
import * as recent from './recent.js';
import * as start from './start.js';
import * as symbols from './symbols.js';
import { sleep } from './turns.js';

/** How often the series are read while a job fills them. */
const SERIES_MS = 5000;
const LINKS = { connecting: 'connecting', live: 'live', polling: 'by polling', gone: 'no answer', locked: 'locked' };

function showLink() {
  const text = LINKS[jobs.link];
  byId('link').className = jobs.link;
  say(byId('link'), text);
  const box = byId('gone');
  const { fault } = jobs;
  box.hidden = !fault || jobs.link === 'locked';
  if (fault) say(box, told(fault));
  // What cannot be asked any more is as it was when it could.
  const isOld = jobs.link === 'gone';
  byId('panels').classList.toggle('old', isOld);
  const asOf = byId('as-of');
  asOf.hidden = !isOld;
  if (isOld) say(asOf, jobs.heard ? `What is below is as of ${clock(jobs.heard)}.` : 'Nothing is known yet.');
}

async function about() {
  const server = await get('server').catch(() => null);
  if (server) say(byId('about'), `${server.file} · ${server.provider} · ${server.version}`);
}

function lock(wasWrong) {
  // All that is asked at a time is refused at a time: who has begun to type is not to be disturbed.
  if (!byId('locked').hidden) return;
  byId('locked').hidden = false;
  byId('panels').hidden = true;
  clearTimeout(timer);
  timer = undefined;
  if (wasWrong) say(byId('locked-why'), 'That token is not the one of this server. Look into its --token-file.');
  byId('token').focus();
}

function theme(changed) {
  const choices = ['auto', 'light', 'dark'];
  const root = document.documentElement;
  const button = byId('theme');
  const shown = () => root.dataset.theme ?? 'auto';
  const name = () => say(button, `Theme: ${shown()}`);
  button.addEventListener('click', () => {
    const next = choices[(choices.indexOf(shown()) + 1) % choices.length];
    if (next === 'auto') delete root.dataset.theme;
    else root.dataset.theme = next;
    try {
      localStorage.setItem('theme', next);
    } catch {
      // Then it holds until the page is left.
    }
    name();
    changed();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
  name();
}

function fromHash() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    // An address that was cut off names no series.
    return '';
  }
}

const chart = new Chart({
  choose: (series) => open(series, true),
  close(name) {
    history.replaceState(null, '', location.pathname);
    table.mark(null);
    const opener = document.querySelector(`#series tr[data-name="${CSS.escape(name ?? '')}"] button`);
    (opener ?? byId('series-title')).focus();
  },
});
const isFilling = () => jobs.link !== 'locked' && jobs.list.some(jobs.isActive);
const table = symbols.show((series) => open(series, true), isFilling);

function open(series, focus) {
  const name = symbols.nameOf(series);
  history.replaceState(null, '', `#${encodeURIComponent(name)}`);
  table.mark(name);
  chart.open(series, symbols.all.filter(({ symbol }) => symbol === series.symbol), focus);
}

symbols.series.addEventListener('change', () => {
  const wanted = symbols.all.find((one) => symbols.nameOf(one) === (chart.name ?? fromHash()));
  if (!wanted) return;
  if (chart.name) chart.refresh(wanted);
  else open(wanted, false);
});

/** Whether what runs has stored candles, and the table shows none. */
const isBehind = () => symbols.all.length === 0
  && jobs.list.some((job) => job.status === 'running' && job.total_records_inserted > 0);

let timer;
/** Whether a slice has failed since: then what is missing is another thing than before, without a candle more. */
let hasFailed = false;
async function loadSeries() {
  clearTimeout(timer);
  if (hasFailed) symbols.forgetCoverage();
  hasFailed = false;
  const before = performance.now();
  await table.load();
  // A file of many series is not read all the time.
  const pause = Math.max(SERIES_MS, 20 * (performance.now() - before));
  if (isFilling()) timer = setTimeout(loadSeries, pause);
  else timer = undefined;
}

function refreshAll() {
  symbols.forgetCoverage();
  return loadSeries();
}

/** Whoever waits for an answer for so long sees what there is. */
const LOADING_MS = 3000;

async function begin() {
  await Promise.race([Promise.allSettled([about(), jobs.refresh(), loadSeries()]), sleep(LOADING_MS)]);
  byId('panels').classList.remove('loading');
}

now.show();
recent.show();
start.show();
theme(() => chart.recolour());
jobs.jobs.addEventListener('change', () => {
  showLink();
  table.sayNone();
  if (isBehind()) loadSeries();
  else if (timer === undefined && isFilling()) timer = setTimeout(loadSeries, SERIES_MS);
});
jobs.jobs.addEventListener('end', refreshAll);
jobs.jobs.addEventListener('failed', () => { hasFailed = true; });
jobs.jobs.addEventListener('back', () => {
  about();
  refreshAll();
});
locked.addEventListener('locked', ({ detail }) => lock(detail));
byId('unlock').addEventListener('submit', (event) => {
  event.preventDefault();
  setToken(byId('token').value.trim());
  byId('token').value = '';
  byId('locked').hidden = true;
  byId('panels').hidden = false;
  byId('main').focus();
  begin();
});
begin();

// The form that asks for candles.

import { byId, press, say } from './dom.js';
import { counted, symbolsOf } from './format.js';
import { isActive, jobs, list, start } from './jobs.js';

const words = (text) => text.split(/[\s,;]+/).filter(Boolean);

const FIELDS = {
  symbols: 'name at least one symbol',
  'start-date': 'choose the first day',
  'end-date': 'the last day is no whole date: finish it, or empty it for up to now',
  timeframes: 'name a timeframe, 1d say',
};

/** A date that is half typed, or that no calendar has, has no value: only its validity tells it from an empty one. */
const isLacking = (field) => field.validity.badInput || (field.required && words(field.value).length === 0);

/** What is not filled in, in the order of the form. */
function lacking() {
  const missing = Object.keys(FIELDS).find((id) => isLacking(byId(id)));
  for (const id of Object.keys(FIELDS)) byId(id).setAttribute('aria-invalid', String(id === missing));
  return missing && { field: byId(missing), text: FIELDS[missing] };
}

/** What was asked for last, until it has ended: the form says how that is, and nothing of what was. */
let asked = null;

function tell() {
  if (!asked) return;
  // One that is not listed any more is somewhere, and nobody knows how it is.
  const job = list.find(({ job_id: id }) => id === asked.job_id);
  const state = job ? `: ${job.status.replace('_', ' ')}` : '';
  say(byId('started'), `${counted(symbolsOf(asked), 'symbol')}, ${counted(asked.slices, 'slice')}${state}.`);
  if (job && !isActive(job)) asked = null;
}

export function show() {
  const form = byId('start');
  jobs.addEventListener('change', tell);
  const year = new Date().getUTCFullYear();
  byId('start-date').value = `${year - 1}-01-01`;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    asked = null;
    say(byId('started'), '');
    say(byId('start-error'), '');
    const lack = lacking();
    if (lack) {
      say(byId('start-error'), lack.text);
      lack.field.focus();
      return;
    }
    const end = byId('end-date').value;
    press(form.querySelector('button'), byId('start-error'), async () => {
      asked = await start({
        symbols: words(byId('symbols').value),
        start_date: byId('start-date').value,
        ...(end && { end_date: end }),
        timeframes: words(byId('timeframes').value),
        adjusted: byId('adjusted').checked,
      });
      tell();
    });
  });
}

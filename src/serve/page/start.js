// The form that asks for candles.

import { byId, press, say } from './dom.js';
import { counted, symbolsOf } from './format.js';
import { start } from './jobs.js';

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

export function show() {
  const form = byId('start');
  const year = new Date().getUTCFullYear();
  byId('start-date').value = `${year - 1}-01-01`;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
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
      const job = await start({
        symbols: words(byId('symbols').value),
        start_date: byId('start-date').value,
        ...(end && { end_date: end }),
        timeframes: words(byId('timeframes').value),
        adjusted: byId('adjusted').checked,
      });
      say(byId('started'), `${counted(symbolsOf(job), 'symbol')}, ${counted(job.slices, 'slice')}: ${job.status}.`);
    });
  });
}

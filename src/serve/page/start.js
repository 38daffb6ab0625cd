// The form that asks for candles.

import { byId, say } from './dom.js';
import { counted, told } from './format.js';
import { start } from './jobs.js';

const words = (text) => text.split(/[\s,;]+/).filter(Boolean);

/** What is not filled in, in the order of the form. */
function lacking() {
  const fields = { symbols: 'name at least one symbol', 'start-date': 'choose the first day', timeframes: 'name a timeframe, 1d say' };
  const missing = Object.keys(fields).find((id) => words(byId(id).value).length === 0);
  for (const id of Object.keys(fields)) byId(id).setAttribute('aria-invalid', String(id === missing));
  return missing && { field: byId(missing), text: fields[missing] };
}

export function show() {
  const form = byId('start');
  const year = new Date().getUTCFullYear();
  byId('start-date').value = `${year - 1}-01-01`;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    say(byId('started'), '');
    say(byId('start-error'), '');
    const lack = lacking();
    if (lack) {
      say(byId('start-error'), lack.text);
      lack.field.focus();
      return;
    }
    const button = form.querySelector('button');
    button.disabled = true;
    const end = byId('end-date').value;
    try {
      const job = await start({
        symbols: words(byId('symbols').value),
        start_date: byId('start-date').value,
        ...(end && { end_date: end }),
        timeframes: words(byId('timeframes').value),
        adjusted: byId('adjusted').checked,
      });
      say(byId('started'), `${counted(job.symbols.length, 'symbol')}, ${counted(job.slices, 'slice')}: ${job.status}.`);
    } catch (error) {
      say(byId('start-error'), told(error));
    }
    button.disabled = false;
  });
}

// A job's events, read with fetch so that the token is in a header. What breaks off is gone on with after its last event.

import { stream } from './api.js';

/** The server sends something every 15 s. */
const SILENCE_MS = 40_000;
const PAUSES_MS = [500, 1000, 2000, 4000, 8000, 15_000];

/** Calls `each({id, event, data})` for every event in the bytes, and `alive()` for every piece of them. */
async function read(body, each, alive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  let event = {};
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    alive();
    const lines = (rest + value).split('\n');
    rest = lines.pop();
    for (const raw of lines) {
      const line = raw.replace(/\r$/, '');
      if (line === '') {
        if (event.data !== undefined) each(event);
        event = {};
      } else {
        const [, name, text] = /^([^:]*):? ?(.*)$/.exec(line);
        if (name === 'data') event.data = event.data === undefined ? text : `${event.data}\n${text}`;
        else if (name) event[name] = text;
      }
    }
  }
}

/** The last event of each job that was followed, for whoever follows it again. */
const last = new Map();

/**
 * Follows a job to its end. `on.event(name, data)` for each event, `on.healthy(bool)` when they begin or stop to come,
 * `on.end()` once. Returns a function that stops it.
 */
export function follow(id, on) {
  let attempt = 0;
  let timer;
  let ended = false;
  let abort = new AbortController();

  const finish = () => {
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    abort.abort();
    on.end();
  };

  async function once() {
    abort = new AbortController();
    let watchdog;
    const alive = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => abort.abort(), SILENCE_MS);
    };
    try {
      alive();
      const headers = { Accept: 'text/event-stream', ...(last.has(id) && { 'Last-Event-ID': last.get(id) }) };
      const response = await stream(`backfill/${id}/events`, headers, abort.signal);
      if (response.status === 204) return finish();
      await read(response.body, ({ id: seen, event, data }) => {
        if (seen) last.set(id, seen);
        attempt = 0;
        on.healthy(true);
        on.event(event, JSON.parse(data));
        if (event === 'end') finish();
      }, alive);
    } catch {
      // Whatever it was, it is tried again below, and polling shows what it is about.
    } finally {
      clearTimeout(watchdog);
    }
    if (ended) return;
    on.healthy(false);
    timer = setTimeout(once, PAUSES_MS[Math.min(attempt, PAUSES_MS.length - 1)]);
    attempt += 1;
  }
  once();
  return () => {
    ended = true;
    clearTimeout(timer);
    abort.abort();
  };
}

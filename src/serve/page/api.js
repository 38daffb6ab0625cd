// Every call to the server. The token stays in this tab and is only ever sent as a header.

import { sleep } from './turns.js';

const PATIENCE_MS = 20_000;

let token = null;
try {
  token = sessionStorage.getItem('token');
} catch {
  // A browser that keeps nothing asks for it again.
}

export const locked = new EventTarget();

export function setToken(text) {
  token = text;
  try {
    sessionStorage.setItem('token', text);
  } catch {
    // It holds until the page is left.
  }
}

/** Something went wrong: in the server's words, or status 0 where there was no answer. */
export class Fault extends Error {
  constructor(status, { message, kind, next }) {
    super(message);
    Object.assign(this, { status, kind, next });
  }

  static gone() {
    return new Fault(0, {
      message: 'the server does not answer',
      kind: 'gone',
      next: 'look whether candlefile serve still runs; this page keeps trying',
    });
  }
}

/** The answer, whatever its status; throws where there is none. */
async function send(path, { method = 'GET', body, headers = {}, signal } = {}) {
  const sent = { ...headers };
  if (token) sent.Authorization = `Bearer ${token}`;
  if (body) sent['Content-Type'] = 'application/json';
  try {
    return await fetch(`api/v1/${path}`, {
      method, headers: sent, signal, body: body && JSON.stringify(body), cache: 'no-store', redirect: 'error',
    });
  } catch {
    throw Fault.gone();
  }
}

async function refuse(response) {
  const said = await response.json().catch(() => null);
  const error = said?.error ?? { message: `the server answered ${response.status}`, kind: 'status', next: 'look at what it printed' };
  if (response.status === 401) locked.dispatchEvent(new CustomEvent('locked', { detail: Boolean(token) }));
  throw new Fault(response.status, error);
}

/** Reads JSON. A busy server is asked again when it says. */
export async function get(path) {
  for (let attempt = 1; ; attempt += 1) {
    const response = await send(path, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (response.status === 503 && attempt < 4) {
      await sleep(1000 * Math.min(5, Number(response.headers.get('Retry-After')) || 1));
    } else if (response.ok) {
      return response.json().catch(() => { throw Fault.gone(); });
    } else {
      await refuse(response);
    }
  }
}

export async function post(path, body) {
  const response = await send(path, { method: 'POST', body, signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!response.ok) await refuse(response);
  return response.json();
}

/** An answer that goes on, for events. */
export async function stream(path, headers, signal) {
  const response = await send(path, { headers, signal });
  if (!response.ok) await refuse(response);
  return response;
}

// What is known of the jobs: asked for now and then, and followed by events while they run.

import { Fault, get, locked, post } from './api.js';
import { follow } from './events.js';
import { inTurn } from './turns.js';

/** Streams at most: a browser has six connections to a server, for all its tabs together. */
const FOLLOWED = 2;
/** Where events tell of what runs, nothing does, or nobody looks; and where they do not. */
const PAUSE_MS = { quiet: 5000, polled: 1000 };
const GONE_MS = [1000, 2000, 4000, 8000];
/** A server that runs is heard of every few seconds. */
const SILENCE_MS = 10_000;
/** Kept of a job's failures. */
const FAILURES = 1000;
/** As long as the server's. */
const SPEED_MS = 10_000;

export const jobs = new EventTarget();
/** Newest first. */
export let list = [];
/** live | polling | gone | locked | connecting */
export let link = 'connecting';
export let fault = null;
/** When the server was last heard of. */
export let heard = null;
/** The same by the clock that no one sets. Who looks away hears nothing. */
let heardAt = performance.now();

const streams = new Map();
const failures = new Map();
const rates = new Map();
/** When each job was last told of, other than by a poll. */
const told = new Map();
/** Jobs that the server lists at most. */
const MOST = 200;
let limit = 10;
let timer;
let tries = 0;

const those = (status) => list.filter((job) => job.status === status);
export const isActive = (job) => job.status === 'running' || job.status === 'queued';
export const failuresOf = (id) => failures.get(id) ?? [];

function changed(next, error = null) {
  const before = link;
  link = next;
  fault = error;
  jobs.dispatchEvent(new Event('change'));
  if (before === 'gone' && next !== 'gone') jobs.dispatchEvent(new Event('back'));
}

const linkNow = () => ([...streams.values()].some((stream) => stream.healthy === false) ? 'polling' : 'live');

/** Since it was seen last, or at all. */
const hasEnded = (job, before) => !isActive(job) && job.status !== before?.status;
const hasFailed = (job, before) => job.failed_slices > before?.failed_slices;

/** Tells what jobs, each with how it was before, have done to the file besides storing candles. */
function tellOf(pairs) {
  if (pairs.some(([job, before]) => hasEnded(job, before))) jobs.dispatchEvent(new Event('end'));
  else if (pairs.some(([job, before]) => hasFailed(job, before))) jobs.dispatchEvent(new Event('failed'));
}

function hear() {
  heard = new Date().toISOString();
  heardAt = performance.now();
}

function keep(job) {
  told.set(job.job_id, performance.now());
  hear();
  const before = list.find(({ job_id: id }) => id === job.job_id);
  if (!before) list = [job, ...list];
  else list = list.map((known) => (known === before ? { ...known, ...job } : known));
  tellOf([[job, before]]);
}

/** Candles stored per second of the last stretch, as events tell it, for when none do. */
function measured({ job_id: id, records }) {
  const at = performance.now();
  const stored = records.inserted + records.restated;
  const seen = [...(rates.get(id) ?? []), { at, stored }];
  // The newest that is as old as the stretch is where it begins.
  while (at - seen[1]?.at >= SPEED_MS) seen.shift();
  rates.set(id, seen);
  const [began] = seen;
  return at > began.at ? Math.round(((stored - began.stored) / (at - began.at)) * 1000) : null;
}

/** Failures from before anybody followed, or that no events tell. */
async function learnFailures() {
  for (const { job_id: id, failed_slices: failed } of those('running')) {
    if (failed === 0 || failures.has(id)) continue;
    failures.set(id, []);
    const { details } = await get(`backfill/status/${id}`).catch(() => ({ details: [] }));
    if (failuresOf(id).length === 0) failures.set(id, details.filter(({ error }) => error).slice(0, FAILURES));
    jobs.dispatchEvent(new Event('change'));
  }
}

function begin(id) {
  const stream = { healthy: null, told: false };
  stream.stop = follow(id, {
    event(name, data) {
      if (name === 'slice_failed') {
        failures.set(id, [data, ...failuresOf(id)].slice(0, FAILURES));
      } else {
        stream.told = true;
        keep(data);
        learnFailures();
      }
      changed(linkNow());
    },
    healthy(is) {
      if (stream.healthy === is) return;
      stream.healthy = is;
      stream.told &&= is;
      if (!fault) changed(linkNow());
      if (!is) refresh();
    },
    end() {
      streams.delete(id);
      refresh();
    },
  });
  streams.set(id, stream);
}

/** What runs is followed where it can be seen: a tab that is hidden leaves its connections to the others. */
function followThem() {
  followOnly(document.hidden ? [] : those('running').slice(0, FOLLOWED).map((job) => job.job_id));
}

function followOnly(ids) {
  for (const [id, stream] of streams) {
    if (ids.includes(id)) continue;
    stream.stop();
    streams.delete(id);
  }
  ids.filter((id) => !streams.has(id)).forEach(begin);
}

async function ask() {
  const asked = performance.now();
  const wasLocked = link === 'locked';
  try {
    const answer = await get(`backfill/recent?limit=${limit}`);
    hear();
    // Somebody else was refused meanwhile.
    if (link === 'locked' && !wasLocked) return;
    const before = new Map(list.map((job) => [job.job_id, job]));
    list = answer.jobs.map((job) => {
      const { job_id: id } = job;
      // An answer may be older than what was told meanwhile, and knows less of what runs than events do.
      const isKnownBetter = told.get(id) > asked || (streams.get(id)?.told && isActive(job));
      return (isKnownBetter && before.get(id)) || { ...job, candles_per_s: job.status === 'running' ? measured(job) : null };
    });
    tries = 0;
    tellOf(list.map((job) => [job, before.get(job.job_id)]));
    // The oldest has its turn first: what runs may stand behind a long queue.
    if (list.length === limit && isActive(list.at(-1)) && limit < MOST) more(MOST);
    followThem();
    learnFailures();
    changed(linkNow());
  } catch (error) {
    // What stands between says of itself that the server is not there.
    const is = [0, 502, 504].includes(error.status) ? 'gone' : error.status === 401 ? 'locked' : 'polling';
    tries += 1;
    changed(is, error);
  }
}

function pause() {
  if (fault) return GONE_MS[Math.min(Math.max(tries - 1, 0), GONE_MS.length - 1)];
  if (document.hidden) return PAUSE_MS.quiet;
  const [running, queued] = [those('running'), those('queued')];
  const active = running.length ? running : queued;
  return active.every((job) => streams.get(job.job_id)?.told) ? PAUSE_MS.quiet : PAUSE_MS.polled;
}

const askInTurn = inTurn(ask);

/** Asks now, and from then on in its time. */
export async function refresh() {
  await askInTurn();
  clearTimeout(timer);
  if (link !== 'locked') timer = setTimeout(refresh, pause());
}

// A server that hangs refuses nothing: only that it says nothing shows it.
setInterval(() => {
  const isSilent = performance.now() - heardAt > SILENCE_MS;
  if (isSilent && !document.hidden && !['gone', 'locked'].includes(link)) changed('gone', Fault.gone());
}, 1000);

document.addEventListener('visibilitychange', () => {
  heardAt = performance.now();
  if (link === 'locked') return;
  followThem();
  refresh();
});
// Nothing is asked again before there is another token, whoever was refused.
locked.addEventListener('locked', () => {
  followOnly([]);
  clearTimeout(timer);
  changed('locked');
});

export const canShowMore = () => list.length === limit && limit < MOST;
export function more(count = Math.min(MOST, limit * 5)) {
  limit = count;
  refresh();
}

export async function start(request) {
  const job = await post('backfill', request);
  await refresh();
  // It may have ended before it was seen to run.
  return { ...job, ...list.find(({ job_id: id }) => id === job.job_id) };
}

export async function act(id, verb) {
  const job = await post(`backfill/${encodeURIComponent(id)}/${verb}`);
  if (verb === 'resume') [failures, rates].forEach((known) => known.delete(id));
  keep(job);
  await refresh();
}

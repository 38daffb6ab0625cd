//! What is told of jobs: one feed a job, one text an event, whoever reads it. What is told was committed. Nobody who reads
//! slowly holds anything back or in memory: whoever falls behind goes on with the state now.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::api::job;
use super::pace::Pace;
use crate::provider::Waiting;
use crate::store::{Counts, JobRow, JobStatus, SliceCounts, SliceRow};

/// Followers at once.
const FOLLOWERS: usize = 64;
/// Jobs whose events are kept.
const FEEDS: usize = 100;
/// Events of a job that are kept.
const EVENTS: usize = 256;
/// Bytes of a job's events that are kept.
const BYTES: usize = 256 << 10;
/// The stretch of time whose candles say how fast they come.
const SPEED_OF: Duration = Duration::from_secs(10);

/// All feeds.
pub(super) struct Hub {
    ids: Arc<Ids>,
    feeds: Mutex<VecDeque<Arc<Feed>>>,
    room: Arc<Semaphore>,
}

/// Ids of events: numbers that no two feeds share, after the name of this run of the server.
struct Ids {
    run: String,
    newest: AtomicU64,
}

impl Hub {
    pub(super) fn new() -> Hub {
        let ids = Ids {
            run: format!("{:016x}", fastrand::u64(..)),
            newest: AtomicU64::new(0),
        };
        Hub {
            ids: Arc::new(ids),
            feeds: Mutex::default(),
            room: Arc::new(Semaphore::new(FOLLOWERS)),
        }
    }

    /// A place for a follower; `None` where all are taken.
    pub(super) fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).try_acquire_owned().ok()
    }

    pub(super) fn followers(&self) -> usize {
        FOLLOWERS - self.room.available_permits()
    }

    /// The number of the newest event of all feeds.
    pub(super) fn newest(&self) -> u64 {
        self.ids.newest.load(Ordering::SeqCst)
    }

    /// A job's feed. The oldest that nobody holds makes way for a new one.
    pub(super) fn feed(&self, job_id: &str) -> Arc<Feed> {
        let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(feed) = feeds.iter().find(|feed| feed.job_id == job_id) {
            return Arc::clone(feed);
        }
        let idle = feeds.iter().position(|feed| Arc::strong_count(feed) == 1);
        if let Some(idle) = idle.filter(|_| feeds.len() >= FEEDS) {
            feeds.remove(idle);
        }
        let feed = Arc::new(Feed {
            job_id: job_id.to_owned(),
            ids: Arc::clone(&self.ids),
            news: watch::Sender::new(()),
            state: Mutex::new(State {
                speed: Pace::over(SPEED_OF),
                ..State::default()
            }),
        });
        feeds.push_back(Arc::clone(&feed));
        feed
    }

    /// The number in the id of an event of this run.
    pub(super) fn number(&self, id: &str) -> Option<u64> {
        let (run, number) = id.rsplit_once('-')?;
        (run == self.ids.run).then(|| number.parse().ok()).flatten()
    }
}

/// An event as it is sent.
#[derive(Clone)]
pub(super) struct Event {
    pub(super) number: u64,
    /// Whether it is the last one.
    pub(super) ends: bool,
    pub(super) text: Bytes,
}

/// What is told of one job.
pub(super) struct Feed {
    pub(super) job_id: String,
    ids: Arc<Ids>,
    news: watch::Sender<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whether the job runs here: then its file is not looked at for news.
    runs_here: bool,
    looked: Option<Instant>,
    now: Option<(Facts, Event)>,
    kept: VecDeque<Event>,
    bytes: usize,
    /// The newest event that is not kept any more.
    gone: u64,
    newest: u64,
    speed: Pace,
    /// Slices whose failure was found in the file; `None` before the first look.
    failed: Option<HashSet<i64>>,
}

/// How far a job is.
pub(super) struct Told<'a> {
    pub(super) job: &'a JobRow,
    pub(super) eta: Option<f64>,
    /// `None` where another process sends them.
    pub(super) requests: Option<u64>,
    pub(super) waiting: Option<Waiting>,
    /// Unix seconds.
    pub(super) now: i64,
}

/// What makes a state worth telling: all of it that does not change by itself as time passes.
#[derive(PartialEq)]
struct Facts {
    of_file: (JobStatus, SliceCounts, Counts, Option<i64>),
    requests: Option<u64>,
    waiting: Option<(&'static str, u64)>,
    speed: Option<u64>,
}

impl Feed {
    /// The job begins here.
    pub(super) fn begin(&self) {
        let mut state = self.state();
        state.runs_here = true;
        state.now = None;
        state.speed = Pace::over(SPEED_OF);
    }

    /// How far the job is, from where it runs.
    pub(super) fn tell(&self, told: &Told<'_>) {
        self.publish(&mut self.state(), told);
    }

    /// A slice was given up, where the job runs.
    pub(super) fn tell_failure(&self, failure: &Value) {
        self.push(&mut self.state(), "slice_failed", failure, false);
    }

    /// The job does not run here any more.
    pub(super) fn leave(&self, ended: Option<&Told<'_>>) {
        let mut state = self.state();
        state.runs_here = false;
        state.failed = None;
        if let Some(told) = ended {
            self.publish(&mut state, told);
        }
    }

    /// How far the job is, as the file had it when `newest` was the newest of all events. What has happened since is not
    /// taken back.
    /// `failed` are its failed slices, where they are not as many as [`Feed::failures`].
    pub(super) fn found(&self, told: &Told<'_>, failed: Option<&[SliceRow]>, newest: u64) {
        let mut state = self.state();
        if state.now.is_some() && (state.runs_here || state.newest > newest) {
            return;
        }
        if let Some(failed) = failed {
            let ids = failed.iter().map(|slice| slice.slice_id).collect();
            // What had failed before anybody looked is no news.
            let known = state.failed.replace(ids);
            let is_news = |id| known.as_ref().is_some_and(|known| !known.contains(id));
            for slice in failed.iter().filter(|slice| is_news(&slice.slice_id)) {
                let error = slice.error.as_deref().unwrap_or_default();
                let failure = job::failure(&slice.key, slice.span, error, slice.attempts);
                self.push(&mut state, "slice_failed", &failure, false);
            }
        }
        self.publish(&mut state, told);
    }

    /// How many failed slices the file was found to have; `None` where nobody has looked.
    pub(super) fn failures(&self) -> Option<usize> {
        self.state().failed.as_ref().map(HashSet::len)
    }

    /// Whether the file is to be looked at for news now. Of many who ask, one is told so each time.
    pub(super) fn is_to_be_looked_at(&self, every: Duration) -> bool {
        let mut state = self.state();
        let just_now = |looked: Instant| looked.elapsed() < every;
        if state.runs_here || state.looked.is_some_and(just_now) {
            return false;
        }
        state.looked = Some(Instant::now());
        true
    }

    /// Whether this is the event with which the job has ended.
    pub(super) fn is_end(&self, number: u64) -> bool {
        let state = self.state();
        let now = state.now.as_ref();
        now.is_some_and(|(_, now)| now.ends && now.number == number)
    }

    /// What came after an event; the state now, where that is not known any more.
    /// `seen` is moved on.
    pub(super) fn after(&self, seen: &mut Option<u64>) -> Option<Event> {
        let state = self.state();
        let place = |seen: u64| {
            let kept = state.kept.iter().position(|event| event.number == seen);
            kept.map(|at| at + 1).or((seen == state.gone).then_some(0))
        };
        let event = match seen.and_then(place) {
            Some(at) => state.kept.get(at)?,
            None => &state.now.as_ref()?.1,
        };
        // Behind a state that is not kept comes what is.
        *seen = Some(event.number.max(state.gone));
        Some(event.clone())
    }

    /// Tells when there is news.
    pub(super) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    fn publish(&self, state: &mut State, told: &Told<'_>) {
        let job = told.job;
        let stored = job.records.inserted + job.records.restated;
        let speed = state.speed.per_second(Instant::now(), stored);
        let ends = !matches!(job.status, JobStatus::Queued | JobStatus::Running);
        let facts = Facts::of(told, speed.filter(|_| !ends));
        // Of a job that has ended here more is known than the file has: that is not to be lost.
        let as_before = |known: &Facts| facts.of_file == known.of_file && (ends || facts == *known);
        if state
            .now
            .as_ref()
            .is_some_and(|(known, _)| as_before(known))
        {
            return;
        }
        let mut document = job::told(job, told.eta, told.now);
        document["requests"] = json!(facts.requests);
        document["candles_per_s"] = json!(facts.speed);
        document["waiting"] = facts.waiting.map_or(
            Value::Null,
            |(what, seconds)| json!({ "for": what, "seconds": seconds }),
        );
        let name = if ends { "end" } else { "progress" };
        let event = self.push(state, name, &document, ends);
        state.now = Some((facts, event));
    }

    fn push(&self, state: &mut State, name: &str, document: &Value, ends: bool) -> Event {
        let number = self.ids.newest.fetch_add(1, Ordering::SeqCst) + 1;
        let run = &self.ids.run;
        let text = format!("id: {run}-{number}\nevent: {name}\ndata: {document}\n\n");
        let event = Event {
            number,
            ends,
            text: text.into(),
        };
        state.newest = number;
        state.bytes += event.text.len();
        state.kept.push_back(event.clone());
        while state.kept.len() > EVENTS || state.bytes > BYTES {
            let Some(gone) = state.kept.pop_front() else {
                break;
            };
            state.bytes -= gone.text.len();
            state.gone = gone.number;
        }
        self.news.send_replace(());
        event
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Facts {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Whole numbers that are not negative.
    fn of(told: &Told<'_>, speed: Option<f64>) -> Facts {
        let seconds = |wait: &Duration| wait.as_secs_f64().ceil() as u64;
        let job = told.job;
        Facts {
            of_file: (job.status, job.slices, job.records, job.completed_at),
            requests: told.requests,
            waiting: told.waiting.as_ref().map(|waiting| match waiting {
                Waiting::Rate(wait) => ("rate", seconds(wait)),
                Waiting::Limit(wait) => ("limit", seconds(wait)),
            }),
            speed: speed.map(|speed| speed.round() as u64),
        }
    }
}

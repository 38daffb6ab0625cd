//! What is told of one job: one text an event, whoever reads it. What is told was committed. Nobody who reads
//! slowly holds anything back or in memory: whoever falls behind goes on with the state now.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::backfill::Outcome;
use crate::http::retry::ATTEMPTS;
use crate::model::counts::Counts;
use crate::model::series::SeriesKey;
use crate::model::status::JobStatus;
use crate::monitor::Slow;
use crate::provider::Waiting;
use crate::run::pace::Pace;
use crate::serve::api::{job, time};
use crate::serve::jobs::events::Ids;
use crate::store::{JobRow, SliceCounts, SliceRow};

/// Events of a job that are kept.
const EVENTS: usize = 256;
/// Bytes of a job's events that are kept.
const BYTES: usize = 256 << 10;
/// The stretch of time whose candles say how fast they come.
const SPEED_OF: Duration = Duration::from_secs(10);

/// An event as it is sent.
#[derive(Clone)]
pub(in crate::serve) struct Event {
    pub(in crate::serve) number: u64,
    /// Whether it is the last one.
    pub(in crate::serve) ends: bool,
    pub(in crate::serve) text: Bytes,
}

/// What is told of one job.
pub(in crate::serve) struct Feed {
    pub(in crate::serve) job_id: String,
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
pub(in crate::serve) struct Told<'a> {
    pub(in crate::serve) job: &'a JobRow,
    pub(in crate::serve) eta: Option<f64>,
    /// `None` where another process sends them.
    pub(in crate::serve) requests: Option<u64>,
    pub(in crate::serve) waiting: Option<Waiting>,
    pub(in crate::serve) slow: Option<Slow>,
    pub(in crate::serve) outcome: Outcome,
    /// Unix seconds.
    pub(in crate::serve) now: i64,
}

/// What makes a state worth telling: all of it that does not change by itself as time passes.
#[derive(PartialEq)]
struct Facts {
    of_file: (JobStatus, SliceCounts, Counts, Option<i64>),
    requests: Option<u64>,
    waiting: Option<(&'static str, u64)>,
    slow: Option<Slow>,
    speed: Option<u64>,
}

impl Feed {
    pub(in crate::serve) fn new(job_id: &str, ids: Arc<Ids>) -> Feed {
        Feed {
            job_id: job_id.to_owned(),
            ids,
            news: watch::Sender::new(()),
            state: Mutex::new(State {
                speed: Pace::over(SPEED_OF),
                ..State::default()
            }),
        }
    }

    /// The job begins here.
    pub(in crate::serve) fn begin(&self) {
        let mut state = self.state();
        state.runs_here = true;
        state.now = None;
        // What was read of the file before is of another time.
        state.newest = self.ids.next();
        state.speed = Pace::over(SPEED_OF);
    }

    /// How far the job is, from where it runs.
    pub(in crate::serve) fn tell(&self, told: &Told<'_>) {
        self.publish(&mut self.state(), told);
    }

    /// A slice was given up, where the job runs.
    pub(in crate::serve) fn tell_failure(&self, failure: &Value) {
        self.push(&mut self.state(), "slice_failed", failure, false);
    }

    /// The job does not run here any more.
    pub(in crate::serve) fn leave(&self, ended: Option<&Told<'_>>) {
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
    pub(in crate::serve) fn found(
        &self,
        told: &Told<'_>,
        failed: Option<&[SliceRow]>,
        newest: u64,
    ) {
        let mut state = self.state();
        if state.newest > newest || (state.runs_here && state.now.is_some()) {
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
    pub(in crate::serve) fn failures(&self) -> Option<usize> {
        self.state().failed.as_ref().map(HashSet::len)
    }

    /// Whether the file is to be looked at for news now. Of many who ask, one is told so each time.
    pub(in crate::serve) fn is_to_be_looked_at(&self, every: Duration) -> bool {
        let mut state = self.state();
        let just_now = |looked: Instant| looked.elapsed() < every;
        if state.runs_here || state.looked.is_some_and(just_now) {
            return false;
        }
        state.looked = Some(Instant::now());
        true
    }

    /// Whether this is the event with which the job has ended.
    pub(in crate::serve) fn is_end(&self, number: u64) -> bool {
        let state = self.state();
        let now = state.now.as_ref();
        now.is_some_and(|(_, now)| now.ends && now.number == number)
    }

    /// Whether it is known what came after an event.
    pub(in crate::serve) fn knows(&self, number: u64) -> bool {
        let state = self.state();
        let mut kept = state.kept.iter();
        number == state.gone || kept.any(|event| event.number == number)
    }

    /// What comes after an event of this feed: the next one, or the state now where that is not kept any more, or where
    /// nothing was seen yet. `seen` is moved on.
    pub(in crate::serve) fn after(&self, seen: &mut Option<u64>) -> Option<Event> {
        let state = self.state();
        let now = state.now.as_ref().map(|(_, event)| event);
        let event = match *seen {
            None => now?,
            Some(seen) => {
                let at = state.kept.partition_point(|event| event.number <= seen);
                let is_behind = seen < state.gone;
                now.filter(|now| is_behind && now.number > seen)
                    .or(state.kept.get(at))?
            }
        };
        *seen = Some(event.number);
        Some(event.clone())
    }

    /// Tells when there is news.
    pub(in crate::serve) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    fn publish(&self, state: &mut State, told: &Told<'_>) {
        let job = told.job;
        let stored = job.records.inserted + job.records.restated;
        let speed = state.speed.per_second(Instant::now(), stored);
        let ends = !job.status.is_active();
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
        let mut document = job::document_with(job, told.eta, &told.outcome, told.now);
        document["requests"] = json!(facts.requests);
        document["candles_per_s"] = json!(facts.speed);
        document["waiting"] = facts.waiting.map_or(
            Value::Null,
            |(what, seconds)| json!({ "for": what, "seconds": seconds }),
        );
        let series = |key: &SeriesKey| json!({ "symbol": key.symbol, "timeframe": key.timeframe });
        document["slow"] = facts.slow.as_ref().map_or(Value::Null, |slow| {
            json!({
                "symbol": slow.key.symbol, "timeframe": slow.key.timeframe, "since": time(slow.since),
                "attempt": slow.attempt, "attempts": ATTEMPTS, "beside": slow.beside.iter().map(series).collect::<Vec<_>>(),
            })
        });
        let name = if ends { "end" } else { "progress" };
        let event = self.push(state, name, &document, ends);
        state.now = Some((facts, event));
    }

    fn push(&self, state: &mut State, name: &str, document: &Value, ends: bool) -> Event {
        let number = self.ids.next();
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
            slow: told.slow.clone(),
            speed: speed.map(|speed| speed.round() as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::market::Policy;
    use crate::serve::jobs::events::Hub;

    fn job(symbol: &str, completed: u64) -> JobRow {
        let slices = SliceCounts {
            total: 9,
            completed,
            failed: 0,
            pending: 9 - completed,
        };
        JobRow {
            job_id: "job".into(),
            status: JobStatus::Running,
            command: "backfill".into(),
            symbols: vec![symbol.into()],
            timeframes: vec!["1d".into()],
            start_ts: 0,
            end_ts: 86_400,
            start_words: None,
            end_words: None,
            source: "a provider".into(),
            adjusted: crate::model::listing::Adjustment::Raw,
            policy: Policy::default(),
            rate: None,
            workers: None,
            created_at: 0,
            started_at: None,
            completed_at: None,
            resume_at: None,
            error: None,
            owner: None,
            heartbeat_at: None,
            program: None,
            slices,
            records: Counts::default(),
        }
    }

    fn told(job: &JobRow) -> Told<'_> {
        Told {
            job,
            eta: None,
            requests: None,
            waiting: None,
            slow: None,
            outcome: Outcome::default(),
            now: 0,
        }
    }

    #[test]
    fn whoever_falls_behind_goes_on_with_the_state_now_or_what_is_kept() {
        let feed = Hub::new().feed("job");
        feed.tell(&told(&job("AAPL", 1)));
        let hear = |mut seen: Option<u64>| {
            let heard = std::iter::from_fn(|| feed.after(&mut seen).map(|event| event.number));
            heard.take(2 * EVENTS).collect::<Vec<_>>()
        };
        assert_eq!(hear(None), [1]);
        let newest = 10 * EVENTS as u64;
        for _ in 1..newest {
            feed.tell_failure(&json!({}));
        }
        // The state has not changed since: it is not told twice.
        let kept: Vec<u64> = (newest - EVENTS as u64 + 1..=newest).collect();
        assert_eq!(hear(Some(1)), kept);
        assert_eq!(hear(None), [&[1], &*kept].concat());
        assert!(feed.knows(kept[0] - 1) && !feed.knows(kept[0] - 2));
        feed.tell(&told(&job("AAPL", 2)));
        assert_eq!(hear(Some(1)), [newest + 1]);
        assert_eq!(hear(Some(newest)), [newest + 1]);
    }

    #[test]
    fn what_is_too_large_to_be_kept_is_told_all_the_same() {
        let feed = Hub::new().feed("job");
        let symbol = "A".repeat(BYTES);
        let mut seen = None;
        for completed in 0..3 {
            feed.tell(&told(&job(&symbol, completed)));
            assert_eq!(
                feed.after(&mut seen).map(|event| event.number),
                Some(completed + 1)
            );
            assert!(feed.after(&mut seen).is_none());
            assert_eq!(feed.state().bytes, 0);
        }
    }

    #[test]
    fn what_was_read_before_it_happened_is_not_told_after_it() {
        let hub = Hub::new();
        let feed = hub.feed("job");
        let newest = hub.newest();
        feed.tell(&told(&job("AAPL", 2)));
        feed.found(&told(&job("AAPL", 1)), None, newest);
        assert_eq!(hub.newest(), 1);
        feed.found(&told(&job("AAPL", 3)), None, hub.newest());
        assert_eq!(hub.newest(), 2);
        let newest = hub.newest();
        feed.begin();
        feed.found(&told(&job("AAPL", 4)), None, newest);
        assert!(feed.after(&mut None).is_none());
        feed.tell(&told(&job("AAPL", 5)));
        feed.found(&told(&job("AAPL", 6)), None, hub.newest());
        assert_eq!(feed.after(&mut None).map(|event| event.number), Some(4));
    }
}

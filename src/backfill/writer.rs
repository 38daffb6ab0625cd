//! The one writer: takes batches of messages, stores each in one transaction (`take`), and reports after the commit.

mod take;

use std::collections::HashMap;
use std::time::Instant;

use super::execute::Part;
use super::fetch::{Fetcher, Series};
use super::message::{Message, PageMessage};
use super::outlook::{Look, Outlook};
use super::{Job, Runner, Stop};
use crate::model::counts::Counts;
use crate::model::span::SpanSet;
use crate::model::status::SeriesStatus;
use crate::monitor::{FailedSlice, Left, Monitor, Snapshot};
use crate::store::{Slice, Store, StoreError};

/// A running job gives a sign of life this often, whether or not it has something to store.
const HEARTBEAT: i64 = 10;

/// What is known of a job's series while it runs.
#[derive(Debug)]
pub(super) struct Ledger<'a> {
    job: &'a Job,
    pub(super) states: Vec<State<'a>>,
    pub(super) failed: Vec<FailedSlice>,
    pub(super) stop: Option<Stop>,
    slices: u64,
    completed: u64,
    /// All counts of this run.
    pub(super) records: Counts,
    /// Of the batch in hand, to be reported once it is committed.
    news: Vec<FailedSlice>,
    /// Slices that the batch in hand ends, by their series.
    ended: Vec<(usize, Slice)>,
    beat_at: i64,
    /// Seconds that this machine's clock was found ahead of the provider's.
    pub(super) clock_offset: Option<i64>,
    pub(super) habit: u64,
    looked_at: i64,
    outlook: Outlook,
}

/// One series, so far.
#[derive(Debug)]
pub(super) struct State<'a> {
    pub(super) series: &'a Series,
    /// Its row.
    id: i64,
    /// Slices without an end.
    pub(super) open: HashMap<i64, Slice>,
    /// What is missing and was left to others.
    pub(super) left: Vec<Left>,
    /// Whether anything was left to others: then more was asked than this job knows.
    is_shared: bool,
    pub(super) status: SeriesStatus,
    pub(super) records: Counts,
    pub(super) error: Option<String>,
    /// The end of its last slice, kept back until the candles that came first were checked: what is in two scales must not
    /// look complete, however this run ends.
    last: Last,
    /// Of an adjusted series, what was covered when its stored candles were chosen for the check, and what this run asks for.
    known: SpanSet,
    /// Up to where it was asked for, where that is not its end.
    asked_to: i64,
    /// The earliest instant of the plan and of the answers.
    asked_at: i64,
}

/// What a batch may change of what is told, as it was before.
struct Before {
    records: Counts,
    completed: u64,
    series: Vec<SeriesBefore>,
}

struct SeriesBefore {
    index: usize,
    status: SeriesStatus,
    records: Counts,
    error: Option<String>,
    left: Vec<Left>,
}

/// What becomes of the page that ends the last slice of a series.
#[derive(Debug)]
enum Last {
    /// It is stored when it comes.
    Stored,
    /// It waits for the check, once it has come.
    Kept(Option<Box<PageMessage>>),
}

fn known(covered: &SpanSet, slices: &[Slice]) -> SpanSet {
    covered.union(&slices.iter().map(|slice| slice.span).collect())
}

fn by_id(slices: &[Slice]) -> impl Iterator<Item = (i64, Slice)> {
    slices.iter().map(|slice| (slice.slice_id, *slice))
}

impl State<'_> {
    /// Whether all that is to be done for it is.
    pub(super) fn is_over(&self) -> bool {
        self.open.is_empty() && self.left.is_empty()
    }
}

impl<'a> Ledger<'a> {
    pub(super) fn new(job: &'a Job, parts: &'a [Part], outlook: Outlook) -> Ledger<'a> {
        let states = parts
            .iter()
            .map(|part| State {
                series: &part.series,
                id: part.id,
                known: known(&part.series.stored.covered, &part.slices),
                open: by_id(&part.slices).collect(),
                is_shared: !part.left.is_empty(),
                left: part.left.clone(),
                status: SeriesStatus::Pending,
                records: Counts::default(),
                error: None,
                last: Last::Stored,
                asked_to: i64::MAX,
                asked_at: job.planned_at,
            })
            .collect();
        Ledger {
            job,
            states,
            failed: Vec::new(),
            stop: None,
            slices: parts.iter().map(|part| part.slices.len() as u64).sum(),
            completed: 0,
            records: Counts::default(),
            news: Vec::new(),
            ended: Vec::new(),
            beat_at: 0,
            clock_offset: None,
            habit: 0,
            looked_at: 0,
            outlook,
        }
    }

    /// Whether a slice has no end yet.
    pub(super) fn is_open(&self) -> bool {
        self.states.iter().any(|state| !state.open.is_empty())
    }

    /// Whether something is left to others.
    pub(super) fn leaves_some(&self) -> bool {
        self.states.iter().any(|state| !state.left.is_empty())
    }

    /// Keeps back what comes last of a series until what came first was checked.
    pub(super) fn keep_last(&mut self, series: usize) {
        self.states[series].last = Last::Kept(None);
    }

    /// More slices of a series, and what is left to others now.
    pub(super) fn take_up(
        &mut self,
        series: usize,
        slices: &[Slice],
        left: &[Left],
        covered: &SpanSet,
    ) {
        let state = &mut self.states[series];
        state.known = state.known.union(&known(covered, slices));
        state.left = left.to_vec();
        state.open.extend(by_id(slices));
        self.slices += slices.len() as u64;
    }

    /// Stores what comes until nothing more does. An empty batch says that time has passed.
    ///
    /// # Errors
    /// The file cannot be written, or the job was lost to another owner. Everything reported before is saved.
    pub(super) fn write(
        &mut self,
        store: &mut Store,
        batches: impl IntoIterator<Item = Vec<Message>>,
        fetcher: &Fetcher,
        runner: &Runner,
        monitor: &dyn Monitor,
    ) -> Result<(), StoreError> {
        for messages in batches {
            store.check_in_place()?;
            let now = runner.clock.now();
            let has_news = !messages.is_empty();
            if has_news || now - self.beat_at >= HEARTBEAT {
                let before = self.before(&messages);
                if let Err(error) = self.store(store, messages, now) {
                    self.take_back(before);
                    return Err(error);
                }
                self.ended.clear();
                store.bound_log(&runner.cancel);
                self.beat_at = now;
            }
            if now != self.looked_at {
                self.job.turns.look(store, now)?;
                self.looked_at = now;
            }
            for failure in std::mem::take(&mut self.news) {
                monitor.slice_failed(&failure);
                self.failed.push(failure);
            }
            monitor.progress(&self.snapshot(fetcher, runner, now));
        }
        Ok(())
    }

    /// One transaction.
    fn store(
        &mut self,
        store: &mut Store,
        messages: Vec<Message>,
        now: i64,
    ) -> Result<(), StoreError> {
        let batch = store.batch(&self.job.job_id, self.job.owner.as_str(), now)?;
        for message in messages {
            self.take(&batch, message, now)?;
        }
        batch.commit()
    }

    fn before(&self, messages: &[Message]) -> Before {
        let series = messages.iter().filter_map(Message::series);
        let series = series.map(|index| {
            let state = &self.states[index];
            SeriesBefore {
                index,
                status: state.status,
                records: state.records,
                error: state.error.clone(),
                left: state.left.clone(),
            }
        });
        Before {
            records: self.records,
            completed: self.completed,
            series: series.collect(),
        }
    }

    /// What was not stored is not told: how the job ends is by what is in the file.
    fn take_back(&mut self, before: Before) {
        self.records = before.records;
        self.completed = before.completed;
        for before in before.series {
            let state = &mut self.states[before.index];
            (state.status, state.records) = (before.status, before.records);
            (state.error, state.left) = (before.error, before.left);
        }
        for (index, slice) in self.ended.drain(..) {
            self.states[index].open.insert(slice.slice_id, slice);
        }
        self.news.clear();
    }

    fn snapshot(&mut self, fetcher: &Fetcher, runner: &Runner, now: i64) -> Snapshot<'a> {
        let failed = self.failed.len() as u64;
        let done = self.completed + failed;
        let requests = runner.provider.requests() - self.job.requests_before;
        let (waiting, slow) = (runner.provider.waiting(), fetcher.slowest(now));
        let look = Look {
            done,
            left: self.slices.saturating_sub(done),
            requests,
            waiting: waiting.as_ref(),
            hangs: slow.is_some(),
        };
        let time_left = self.outlook.time_left(Instant::now(), look);
        Snapshot {
            job_id: &self.job.job_id,
            slices: self.slices,
            completed: self.completed,
            failed,
            records: self.records,
            requests,
            waiting,
            slow,
            time_left,
            now,
        }
    }
}

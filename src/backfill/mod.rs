//! Step three: fetchers on a rayon pool, one bounded channel, one writer.
//!
//! The calling thread is the writer. Fetchers take slices from the `queue`, send judged pages and end when the queue is
//! empty, the job stops, or the writer has hung up. A failed slice is a message, not a return: the job goes on.

mod estimate;
mod execute;
mod fetch;
mod idle;
mod judge;
mod message;
mod next;
mod no_data;
mod outlook;
mod pages;
mod planning;
mod pool;
mod queue;
mod recheck;
mod report;
mod turns;
mod under_way;
mod update;
mod writer;

pub(crate) use estimate::Estimate;
pub(crate) use next::{Failures, Outcome, WITHOUT_DATA, failed_since};
pub use no_data::{NoData, NothingFrom};
pub(crate) use planning::{left_of, targets};
pub use report::{Report, SeriesReport};
pub(crate) use update::sources;
pub use update::update_of;

use std::path::PathBuf;
use std::sync::Arc;

use crate::http::rate::Rate;
use crate::model::market::Policy;
use crate::model::series::SeriesKey;
use crate::model::span::Span;
use crate::model::status::{JobStatus, SeriesStatus};
use crate::monitor::Monitor;
use crate::provider::{Provider, Unreachable};
use crate::run::clock::{Cancel, Clock};
use crate::run::owner::Owner;
use crate::store::{JobSettings, NewJob, Others, Queued, Store, StoreError};
use execute::{Part, execute};
use turns::FileTurns;

/// How a job is run.
#[allow(clippy::struct_excessive_bools)] // Each is a switch of its own.
pub struct Runner {
    /// Where candles come from.
    pub provider: Arc<dyn Provider>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Raised to stop.
    pub cancel: Cancel,
    /// Threads that fetch: as many as requests are to be under way, not as many as there are cores.
    pub workers: usize,
    /// Requests at most; the provider's own rate where there is none. One a second and slower holds over all programs on the
    /// file, and from one run to the next.
    pub rate: Option<Rate>,
    /// When candles count as closed and final.
    pub policy: Policy,
    /// Ask for the live edge again even if nothing in it has newly closed or become final.
    pub force: bool,
    /// Ask again where the provider had nothing.
    pub refetch_empty: bool,
    /// Ask again for the gaps amid the candles, each after 1, 2, 4 .. days; at once where `force` is set.
    pub refetch_gaps: bool,
    /// Wait for other jobs of the file that fetch part of what is asked, and take what they leave.
    pub wait: bool,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// The command that asks, for the record: `backfill` or `update`.
    pub command: &'static str,
    /// The series, each with what is asked of it. One that is named twice is asked once, for a span that holds both.
    pub series: Vec<(SeriesKey, Span)>,
    /// The start as typed, if it was.
    pub start_words: Option<String>,
    /// The end as typed, if it was.
    pub end_words: Option<String>,
}

/// Why a job ended before all slices were done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stop {
    /// The provider does not accept the key.
    Unauthorized(String),
    /// Nothing answers at the provider's address.
    Unreachable {
        /// What happened.
        message: String,
        /// What keeps it from being reached.
        why: Unreachable,
    },
    /// The provider's limit lasts longer than a job waits.
    Throttled {
        /// What would help.
        message: String,
        /// When to go on, Unix seconds.
        resume_at: i64,
    },
    /// The disk is full, or nothing more may be written: a quota, or a limit of the process.
    Full {
        /// What happened.
        message: String,
        /// The file that takes no more.
        file: PathBuf,
    },
    /// It was told to.
    Cancelled,
    /// A fetcher stopped unexpectedly: a defect of this program.
    Defect,
}

/// The job as its parts need it.
#[derive(Debug)]
pub(crate) struct Job {
    job_id: String,
    owner: Owner,
    planned_at: i64,
    policy: Policy,
    requests_before: u64,
    turns: Arc<FileTurns>,
}

/// Fetches what is missing of the series, as a new job.
///
/// A slice that fails does not stop the job: the report says what is missing. What was saved stays saved, whatever
/// happens. A disk that is full by the time that the job has begun stops it, and the report says that, too ([`Stop::Full`]).
///
/// # Errors
/// The file cannot be opened, read or written, or a series is bound otherwise.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use candlefile::backfill::{Request, Runner, run};
/// use candlefile::model::{Adjustment, JobStatus, Policy, SeriesKey, Span, Symbol};
/// use candlefile::{Cancel, ManualClock, Store};
/// use candlefile::provider::Sample;
///
/// let folder = std::env::temp_dir().join(format!("candlefile-run-{}", std::process::id()));
/// std::fs::create_dir_all(&folder)?;
/// let mut store = Store::create(&folder.join("market.db"))?;
/// let runner = Runner {
///     provider: Arc::new(Sample::default()),
///     clock: Arc::new(ManualClock::at(1_767_225_600)), // 2026-01-01; SystemClock::default() outside of examples
///     cancel: Cancel::new(),
///     workers: 8,
///     rate: None,
///     policy: Policy::default(),
///     force: false,
///     refetch_empty: false,
///     refetch_gaps: false,
///     wait: false,
/// };
/// let symbol: Symbol = "AAPL".parse()?;
/// let key = SeriesKey {
///     timeframe: "1d".parse()?, source: "sample".into(), adjusted: Adjustment::Raw,
///     listing: runner.provider.listing(&symbol), // its market, its grid: the provider says them
///     symbol,
/// };
/// let january = Span::new(1_704_067_200, 1_706_745_600).expect("not empty"); // labels 2024-01-01 to 2024-01-31
/// let request = Request { command: "backfill", series: vec![(key, january)], start_words: None, end_words: None };
///
/// let report = run(&mut store, &request, &runner, &())?;
/// assert_eq!((report.status, report.records.inserted), (JobStatus::Completed, 21));
/// let again = run(&mut store, &request, &runner, &())?;
/// assert_eq!((again.requests, again.records.fetched), (0, 0));
/// # drop(store); std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run(
    store: &mut Store,
    request: &Request,
    runner: &Runner,
    monitor: &dyn Monitor,
) -> Result<Report, StoreError> {
    if !store.is_soon_ready_to_write()? {
        // Somebody reads it, and who has nothing to store need not wait for him.
        if let Some(report) = idle::report(store, request, runner)? {
            return Ok(report);
        }
        ready(store, runner, monitor)?;
    }
    let now = runner.clock.now();
    store.reap_jobs(now)?;
    let job = runner.job(store, uuid::Uuid::now_v7().to_string(), now)?;
    let new = request.as_job(&job, runner, JobStatus::Running);
    let (targets, made) = store.create_job(&new, |store| {
        runner.beside_others(store, &job.job_id, &request.series)
    })?;
    execute(
        store,
        &job,
        &Part::all(store, &targets, made)?,
        runner,
        monitor,
    )
}

/// A reader of the file at rest keeps it from being written for as long as he reads.
fn ready(store: &Store, runner: &Runner, monitor: &dyn Monitor) -> Result<(), StoreError> {
    store.ready_to_write(&runner.cancel, || monitor.held_up(store.path()))
}

/// Records what is asked as a job of this process that waits for its turn, with what is missing now planned. [`resume`] runs
/// it, and plans anew. Returns its id, or that of a job that asks for the same and is queued or running.
///
/// # Errors
/// The file cannot be read or written, or a series is bound otherwise.
pub(crate) fn enqueue(
    store: &mut Store,
    request: &Request,
    runner: &Runner,
) -> Result<String, StoreError> {
    let now = runner.clock.now();
    // What others fetch now they may have given up when its turn comes.
    let all = || runner.targets(store, &request.series, &Others::default(), now);
    let targets = store.at_one_instant(all)?;
    let job = runner.job(store, uuid::Uuid::now_v7().to_string(), now)?;
    let new = request.as_job(&job, runner, JobStatus::Queued);
    Ok(match store.queue_job(&new, &targets)? {
        Queued::New => job.job_id,
        Queued::Already(job_id) => job_id,
    })
}

/// Takes a job up again under the same id: plans anew what is missing of its unfinished series, and fetches that.
///
/// # Errors
/// There is no such job, a living owner runs it, another process has it queued, or the file cannot be read or written.
pub fn resume(
    store: &mut Store,
    job_id: &str,
    runner: &Runner,
    monitor: &dyn Monitor,
) -> Result<Report, StoreError> {
    ready(store, runner, monitor)?;
    let now = runner.clock.now();
    store.reap_jobs(now)?;
    let detail = store.job(job_id, now)?;
    let job = runner.job(store, detail.job.job_id, now)?;
    let mut unfinished = Vec::new();
    for series in detail.series {
        let key = runner.key_of(series.key);
        // One that has all its slices may not have been looked at in the end.
        if series.status != SeriesStatus::Completed || runner.doubts(store, &key)? {
            unfinished.push((key, series.span));
        }
    }
    let plan = |store: &Store| runner.beside_others(store, &job.job_id, &unfinished);
    let (targets, made) =
        store.take_over(&job.job_id, &runner.settings(), &job.owner, now, plan)?;
    execute(
        store,
        &job,
        &Part::all(store, &targets, made)?,
        runner,
        monitor,
    )
}

impl Stop {
    fn full(file: PathBuf) -> Stop {
        // Who reads it elsewhere does not know where it was run.
        let whole = std::path::absolute(&file).unwrap_or_else(|_| file.clone());
        let full = StoreError::Full(whole);
        Stop::Full {
            message: full.to_string(),
            file,
        }
    }
}

impl Request {
    fn as_job<'a>(&'a self, job: &'a Job, runner: &'a Runner, status: JobStatus) -> NewJob<'a> {
        NewJob {
            job_id: &job.job_id,
            command: self.command,
            source: runner.provider.name(),
            start_words: self.start_words.as_deref(),
            end_words: self.end_words.as_deref(),
            settings: runner.settings(),
            status,
            owner: &job.owner,
            now: job.planned_at,
        }
    }
}

impl Runner {
    /// How the job is run, for the record.
    fn settings(&self) -> JobSettings {
        JobSettings {
            policy: self.policy,
            rate: self.rate.map(|rate| rate.to_string()),
            workers: u32::try_from(self.workers).unwrap_or(u32::MAX),
        }
    }

    fn job(&self, store: &Store, job_id: String, now: i64) -> Result<Job, StoreError> {
        Ok(Job {
            job_id,
            owner: store.owner()?,
            planned_at: now,
            policy: self.policy,
            requests_before: self.provider.requests(),
            turns: Arc::new(FileTurns::new(store, self.provider.name(), self.rate)),
        })
    }
}

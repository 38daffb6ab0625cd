//! How a job ended: counts that add up, what the provider had nothing for, and what failed.

use std::time::Duration;

use chrono::Weekday;

use super::no_data::{NoData, NothingFrom};
use super::writer::{Ledger, State};
use super::{Job, Runner, Stop};
use crate::model::counts::Counts;
use crate::model::number::counted;
use crate::model::series::SeriesKey;
use crate::model::span::Span;
use crate::model::status::{JobStatus, SeriesStatus};
use crate::monitor::{FailedSlice, Left};
use crate::store::{Measurer, SeriesRow, Store, StoreError};

/// How a job ended, and what this run of it did.
#[derive(Clone, Debug)]
pub struct Report {
    /// The job. None was recorded where nothing was missing and the file could not be written at once.
    pub job_id: Option<String>,
    /// How it ended.
    pub status: JobStatus,
    /// The provider's name.
    pub provider: String,
    /// Requests sent, retries included.
    pub requests: u64,
    /// How long this run took, by a clock that no one sets.
    pub elapsed: Duration,
    /// The same in seconds, by the stamps of its start and its end in the file, which are whole ones.
    pub stamped_s: u64,
    /// What was counted.
    pub records: Counts,
    /// The series, in the order asked.
    pub series: Vec<SeriesReport>,
    /// Gaps that the provider had nothing for and that what was asked touches, each whole: of three sessions and more, of one candle
    /// for `1w` and `1mo`.
    pub nothing_from_provider: Vec<NothingFrom>,
    /// Nothing was asked, and no session of what was asked for is without a candle (`1w`, `1mo`: no candle is missing). Not looked for in more than some thousand days.
    pub is_whole: bool,
    /// What is missing and was left to living jobs that fetch it.
    pub left: Vec<Left>,
    /// The slices that were given up.
    pub failed: Vec<FailedSlice>,
    /// Why it ended early, if it did.
    pub stop: Option<Stop>,
    /// Seconds that this machine's clock is ahead of the provider's, where that is more than five minutes; behind it, where
    /// negative. What counts as closed and final went by the clock that is behind.
    pub clock_offset: Option<i64>,
    /// Rows beside what was asked, which the provider adds by habit: dropped, and in no other count.
    pub habit: u64,
}

/// A series of a job.
#[derive(Clone, Debug)]
pub struct SeriesReport {
    /// The series.
    pub key: SeriesKey,
    /// What became of it.
    pub status: SeriesStatus,
    /// What was asked, half-open: Unix seconds, of days and longer labels.
    pub span: Span,
    /// Start of the first candle that the file holds, in the same measure.
    pub first_ts: Option<i64>,
    /// Start of the last candle that the file holds, in the same measure.
    pub last_ts: Option<i64>,
    /// What was counted.
    pub records: Counts,
    /// Why it is not complete.
    pub error: Option<String>,
    /// That the provider has no data for it, where it has none.
    pub no_data: Option<NoData>,
    /// Candles that are held of what was asked although nothing trades in all of it.
    pub off_session: u64,
    /// Whether no candle of what was asked has closed yet.
    pub is_ahead: bool,
}

impl SeriesReport {
    /// Why it is not complete, with what may have been meant by its symbol.
    pub fn why(&self) -> Option<String> {
        let no_data = self.no_data.as_ref().map(NoData::to_string);
        no_data.or_else(|| self.error.clone())
    }

    /// What is to be said where no candle of what was asked has closed yet.
    pub fn not_yet(&self) -> Option<String> {
        let (symbol, timeframe) = (&self.key.symbol, self.key.timeframe);
        let from = self.key.market(Weekday::Sun).day_of(self.span.start());
        let words = || format!("no {timeframe} candle of {symbol} from {from} on has closed");
        self.is_ahead.then(words)
    }

    /// What is to be said of a complete one where nothing trades in what was asked.
    pub fn without_session(&self) -> Option<String> {
        let market = self.key.market(Weekday::Sun);
        let is_without = self.status == SeriesStatus::Completed && !market.trades_within(self.span);
        let words = is_without.then(|| market.no_session(self.span))?;
        Some(match self.off_session {
            0 => words,
            1 => format!("{words}, and 1 candle of then is held (off_session)"),
            more => {
                let more = counted(more, "candle");
                format!("{words}, and {more} of then are held (off_session)")
            }
        })
    }
}

impl Report {
    /// What stopped the job, for the record.
    pub fn error(&self) -> Option<&str> {
        stop_words(self.stop.as_ref())
    }

    /// The jobs to which something was left, each once.
    pub fn left_to(&self) -> Vec<&str> {
        let mut jobs: Vec<&str> = self.left.iter().map(|left| left.job_id.as_str()).collect();
        jobs.sort_unstable();
        jobs.dedup();
        jobs
    }

    /// Why the job is not complete, where no slice or series says so.
    pub(super) fn record(&self) -> Option<String> {
        let stopped = match &self.stop {
            Some(Stop::Full { file, .. }) => Some(StoreError::Full(file.clone()).without_path()),
            _ => self.error().map(str::to_owned),
        };
        stopped.or_else(|| (!self.left.is_empty()).then(|| left_words(&self.left_to())))
    }

    /// Whether a full disk stopped it.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self.stop, Some(Stop::Full { .. }))
    }

    /// Whether everything asked for was there, so that nothing was sent.
    pub fn is_idle(&self) -> bool {
        self.status == JobStatus::Completed && self.requests == 0
    }

    /// When to go on, for a job that the provider's limit interrupted: Unix seconds.
    pub fn resume_at(&self) -> Option<i64> {
        match self.stop {
            Some(Stop::Throttled { resume_at, .. }) => Some(resume_at),
            _ => None,
        }
    }
}

/// Who fetches what is left.
pub(super) fn left_words(jobs: &[&str]) -> String {
    match jobs {
        [job] => format!("job {job} still fetches part of it"),
        jobs => format!("jobs {} still fetch part of it", jobs.join(", ")),
    }
}

fn stop_words(stop: Option<&Stop>) -> Option<&str> {
    match stop? {
        Stop::Unauthorized(message)
        | Stop::Unreachable { message, .. }
        | Stop::Throttled { message, .. }
        | Stop::Full { message, .. } => Some(message),
        Stop::Cancelled => Some("stopped on request"),
        Stop::Defect => Some("a fetcher stopped unexpectedly"),
    }
}

/// Whether no candle of what was asked has closed yet, though some will. Only what begins lately is looked at closely.
pub(super) fn is_ahead(key: &SeriesKey, span: Span, runner: &Runner) -> bool {
    const LATELY: i64 = 40 * 86_400;
    let now = runner.clock.now();
    if span.start() <= now - LATELY - runner.policy.delay {
        return false;
    }
    let market = runner.provider.market(key);
    market.trades_within(span) && market.frontier(now, runner.policy).closed <= span.start()
}

/// Candles that a series holds of a span in which nothing trades.
pub(super) fn off_session(
    store: &Store,
    series: &SeriesRow,
    span: Span,
) -> Result<u64, StoreError> {
    if series.market().trades_within(span) {
        return Ok(0);
    }
    let held = store.part(series, span)?;
    Ok(held.map_or(0, |(candles, _)| candles))
}

/// Whether no session is without a candle in what was asked of these series; false where that would be long
/// to find out.
pub(super) fn is_whole(
    store: &Store,
    measurer: &mut Measurer<'_>,
    series: &[SeriesReport],
) -> Result<bool, StoreError> {
    const MOST_DAYS: i64 = 5_000;
    let days = series.iter().map(|series| series.span.seconds() / 86_400);
    if days.sum::<i64>() > MOST_DAYS {
        return Ok(false);
    }
    for SeriesReport { key, span, .. } in series {
        let held = store.find_series(&key.symbol, key.timeframe)?;
        if !measurer.vacant(&held, *span)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn make(
    store: &Store,
    job: &Job,
    ledger: Ledger<'_>,
    runner: &Runner,
    (elapsed, now): (Duration, i64),
) -> Result<Report, StoreError> {
    let stopped = stop_words(ledger.stop.as_ref());
    let mut series = Vec::with_capacity(ledger.states.len());
    let mut measurer = store.measurer(now);
    let mut nothing_from_provider = Vec::new();
    let mut all_left: Vec<Left> = Vec::new();
    for state in ledger.states {
        let asked = state.series;
        let held = store.find_series(&asked.key.symbol, asked.key.timeframe)?;
        nothing_from_provider.extend(NothingFrom::asked_of(&mut measurer, &held, asked.span)?);
        let State {
            open,
            left,
            status,
            records,
            error,
            ..
        } = state;
        let why = || {
            let to = left.first().map(|left| left_words(&[&left.job_id]));
            stopped.map(str::to_owned).or(to)
        };
        let is_over = open.is_empty() && (left.is_empty() || status != SeriesStatus::Pending);
        let (status, error) = if is_over {
            (status, error)
        } else {
            (SeriesStatus::Interrupted, error.clone().or_else(why))
        };
        all_left.extend(left);
        let (key, span) = (asked.key.clone(), asked.span);
        let no_data = NoData::if_it_is(status, &key, span, runner);
        series.push(SeriesReport {
            is_ahead: is_ahead(&key, span, runner),
            key,
            status,
            span,
            first_ts: held.first_ts,
            last_ts: held.last_ts,
            records,
            error,
            no_data,
            off_session: off_session(store, &held, span)?,
        });
    }
    let complete = series
        .iter()
        .all(|series| series.status == SeriesStatus::Completed);
    let status = match &ledger.stop {
        Some(
            Stop::Unauthorized(_) | Stop::Unreachable { .. } | Stop::Full { .. } | Stop::Defect,
        ) => JobStatus::Failed,
        Some(Stop::Cancelled | Stop::Throttled { .. }) => JobStatus::Interrupted,
        None if complete => JobStatus::Completed,
        None => JobStatus::Partial,
    };
    let requests = runner.provider.requests() - job.requests_before;
    Ok(Report {
        job_id: Some(job.job_id.clone()),
        status,
        provider: runner.provider.name().to_owned(),
        requests,
        elapsed,
        stamped_s: now.saturating_sub(job.planned_at).max(0).unsigned_abs(),
        records: ledger.records,
        is_whole: requests == 0 && is_whole(store, &mut measurer, &series)?,
        series,
        nothing_from_provider,
        left: all_left,
        failed: ledger.failed,
        stop: ledger.stop,
        clock_offset: ledger.clock_offset,
        habit: ledger.habit,
    })
}

//! What is listed of jobs and their slices.

use crate::model::counts::Counts;
use crate::model::listing::Adjustment;
use crate::model::market::Policy;
use crate::model::series::SeriesKey;
use crate::model::span::Span;
use crate::model::status::{JobStatus, SeriesStatus, SliceStatus, State};
use crate::store::jobs::imports::COMMAND;

/// A state from a column.
pub(in crate::store) fn state<T: State>(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<T> {
    let word: String = row.get(at)?;
    T::of_word(&word)
        .ok_or_else(|| rusqlite::Error::InvalidColumnType(at, word, rusqlite::types::Type::Text))
}

/// Which jobs to list.
#[derive(Clone, Debug)]
pub enum JobFilter<'a> {
    /// All of them.
    All,
    /// The newest so many.
    Newest(u32),
    /// The one whose id begins so.
    Prefix(&'a str),
}

/// Slices of a job by state; running ones count as pending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SliceCounts {
    /// All slices.
    pub total: u64,
    /// Done.
    pub completed: u64,
    /// Given up.
    pub failed: u64,
    /// To be fetched, or being fetched.
    pub pending: u64,
}

/// A job as it is listed.
#[derive(Clone, Debug)]
pub struct JobRow {
    /// Its id.
    pub job_id: String,
    /// Where it stands; `interrupted` as soon as its owner is gone, but `queued` where that was a server that has stopped.
    pub status: JobStatus,
    /// The command that asked.
    pub command: String,
    /// Its symbols.
    pub symbols: Vec<String>,
    /// Its timeframes.
    pub timeframes: Vec<String>,
    /// The earliest start of its series, inclusive: Unix seconds, of days and longer a label.
    pub start_ts: i64,
    /// The latest end of its series, exclusive, in the same measure.
    pub end_ts: i64,
    /// The start as typed, if it was.
    pub start_words: Option<String>,
    /// The end as typed, if it was.
    pub end_words: Option<String>,
    /// The provider's name.
    pub source: String,
    /// What the source does to the prices of its series.
    pub adjusted: Adjustment,
    /// When candles count as closed and final.
    pub policy: Policy,
    /// Requests at most, as typed; `None` for the source's own rate.
    pub rate: Option<String>,
    /// Requests at once, where the file's format has it.
    pub workers: Option<u32>,
    /// When it was asked, Unix seconds, as all that follow.
    pub created_at: i64,
    /// When it began.
    pub started_at: Option<i64>,
    /// When it ended.
    pub completed_at: Option<i64>,
    /// When to go on, for one that the provider's limit interrupted.
    pub resume_at: Option<i64>,
    /// What stopped it.
    pub error: Option<String>,
    /// Who runs it, or ran it; nobody where it waits for the next server.
    pub owner: Option<String>,
    /// The owner's last sign of life.
    pub heartbeat_at: Option<i64>,
    /// The version of the program that ran it last, where the file's format has it.
    pub program: Option<String>,
    /// Its slices by state.
    pub slices: SliceCounts,
    /// What was counted for it.
    pub records: Counts,
}

impl JobRow {
    /// Whether it took files, and asked nobody.
    pub fn is_import(&self) -> bool {
        self.command == COMMAND
    }

    /// Whether somebody runs it or is going to.
    pub fn is_owned(&self) -> bool {
        self.status.is_active() && self.owner.is_some()
    }

    /// Seconds from its start to its end, to its owner's last sign of life where it has none, or to `now`, in Unix seconds, while
    /// it runs. None of one that waits.
    pub fn lasted(&self, now: i64) -> Option<u64> {
        let end = match self.status {
            JobStatus::Running => Some(now),
            JobStatus::Queued => None,
            _ => self.completed_at.or(self.heartbeat_at),
        };
        Some(end?.saturating_sub(self.started_at?).max(0).cast_unsigned())
    }

    /// The share of its slices that is done, from 0 to 100. What was given up is not.
    #[allow(clippy::cast_precision_loss)] // A share of slices.
    pub fn progress_pct(&self) -> f64 {
        let done = self.slices.completed as f64;
        let share = |total| (done / total as f64 * 1000.0).floor() / 10.0;
        match (self.slices.total, self.status) {
            (0, JobStatus::Completed) => 100.0,
            (0, _) => 0.0,
            // It lacks something, in whatever slice.
            (total, JobStatus::Partial) => f64::min(share(total), 99.9),
            (total, _) => share(total),
        }
    }
}

/// A job with its series. It may have millions of slices: they are read by [`crate::store::Store::slices`].
#[derive(Clone, Debug)]
pub struct JobDetail {
    /// The job.
    pub job: JobRow,
    /// What it asked for.
    pub series: Vec<JobSeries>,
}

/// Which slices of a job to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SliceFilter {
    /// All of them.
    All,
    /// Those that were given up.
    Failed,
    /// Those that were given up or are being fetched.
    Notable,
}

/// What a job asked of a series, and what became of it.
#[derive(Clone, Debug)]
pub struct JobSeries {
    /// The series' row.
    pub series_id: i64,
    /// The series.
    pub key: SeriesKey,
    /// What was asked, in the measure of the series' candles, half-open.
    pub span: Span,
    /// What became of it.
    pub status: SeriesStatus,
    /// Why.
    pub error: Option<String>,
}

/// A slice as it is listed.
#[derive(Clone, Debug)]
pub struct SliceRow {
    /// Its row.
    pub slice_id: i64,
    /// The series.
    pub key: SeriesKey,
    /// What it asks for, or what it did of that before a resume: half-open, in the measure of the series' candles.
    pub span: Span,
    /// Where it stands.
    pub status: SliceStatus,
    /// Requests made for the page that failed.
    pub attempts: u32,
    /// What was counted for it.
    pub records: Counts,
    /// Why it failed.
    pub error: Option<String>,
    /// When it began, Unix seconds.
    pub started_at: Option<i64>,
    /// When it ended, Unix seconds.
    pub completed_at: Option<i64>,
}

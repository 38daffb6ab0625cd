//! Where jobs, series and slices stand, and how they are listed. Reads no candle.

use rusqlite::{Connection, OptionalExtension, Row};

use super::{Counts, SeriesKey, Store, StoreError, told};
use crate::market::Policy;
use crate::owner;
use crate::span::Span;

macro_rules! states {
    ($(#[$doc:meta])* $name:ident { $($(#[$state_doc:meta])* $state:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
        pub enum $name { $($(#[$state_doc])* #[serde(rename = $text)] $state,)+ }

        impl $name {
            /// The word in the file and in reports.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$state => $text,)+ }
            }
        }

        impl rusqlite::types::FromSql for $name {
            fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
                match value.as_str()? {
                    $($text => Ok($name::$state),)+
                    _ => Err(rusqlite::types::FromSqlError::InvalidType),
                }
            }
        }
    };
}

states! {
    /// Where a job stands.
    JobStatus {
        /// Waits for its turn.
        Queued = "queued",
        /// Is being run by its owner.
        Running = "running",
        /// All slices did.
        Completed = "completed",
        /// It ran, and some slices failed, even all of them, or a symbol has no data.
        Partial = "partial",
        /// Stopped by an error of the whole job.
        Failed = "failed",
        /// Stopped by a signal, by its owner's death, or by the provider's limit.
        Interrupted = "interrupted",
    }
}

states! {
    /// What became of a series in a job.
    SeriesStatus {
        /// Not all slices are done.
        Pending = "pending",
        /// All slices did.
        Completed = "completed",
        /// Some slices failed.
        Failed = "failed",
        /// The provider has nothing at all for it.
        NoData = "no_data",
        /// A split has changed what is stored of an adjusted series.
        Stale = "stale",
        /// The job ended before its slices did.
        Interrupted = "interrupted",
    }
}

states! {
    /// Where a slice stands.
    SliceStatus {
        /// To be fetched.
        Pending = "pending",
        /// Being fetched.
        Running = "running",
        /// Done.
        Completed = "completed",
        /// Given up.
        Failed = "failed",
    }
}
/// Which jobs to list.
#[derive(Clone, Debug)]
pub enum JobFilter<'a> {
    /// All of them.
    All,
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
    /// Where it stands; `interrupted` as soon as its owner is gone.
    pub status: JobStatus,
    /// The command that asked.
    pub command: String,
    /// Its symbols.
    pub symbols: Vec<String>,
    /// Its timeframes.
    pub timeframes: Vec<String>,
    /// The earliest start of its series.
    pub start_ts: i64,
    /// The latest end of its series.
    pub end_ts: i64,
    /// The provider's name.
    pub source: String,
    /// When candles count as closed and final.
    pub policy: Policy,
    /// When it was asked, Unix seconds, as all times here.
    pub created_at: i64,
    /// When it began.
    pub started_at: Option<i64>,
    /// When it ended.
    pub completed_at: Option<i64>,
    /// When to go on, for one that the provider's limit interrupted.
    pub resume_at: Option<i64>,
    /// What stopped it.
    pub error: Option<String>,
    /// Who runs it, or ran it.
    pub owner: Option<String>,
    /// The owner's last sign of life.
    pub heartbeat_at: Option<i64>,
    /// Its slices by state.
    pub slices: SliceCounts,
    /// What was counted for it.
    pub records: Counts,
}

/// A job with all its parts.
#[derive(Clone, Debug)]
pub struct JobDetail {
    /// The job.
    pub job: JobRow,
    /// What it asked for.
    pub series: Vec<JobSeries>,
    /// Its slices, by series and time.
    pub slices: Vec<SliceRow>,
}

/// What a job asked of a series, and what became of it.
#[derive(Clone, Debug)]
pub struct JobSeries {
    /// The series' row.
    pub series_id: i64,
    /// The series.
    pub key: SeriesKey,
    /// What was asked.
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
    /// What it asks for, or what it did of that before a resume.
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
    /// When it ended.
    pub completed_at: Option<i64>,
}

impl Store {
    /// Jobs, newest first.
    ///
    /// # Errors
    /// No job has that id, several have, or the file cannot be read.
    pub fn jobs(&self, filter: &JobFilter<'_>, now: i64) -> Result<Vec<JobRow>, StoreError> {
        let told = told(&self.path);
        let prefix = match filter {
            JobFilter::All => "",
            JobFilter::Prefix(prefix) => prefix,
        };
        let sql = format!(
            "{JOB_COLUMNS} WHERE substr(j.job_id, 1, length(?1)) = ?1 ORDER BY j.created_at DESC, j.job_id DESC"
        );
        let jobs: Vec<JobRow> = self
            .connection
            .prepare(&sql)
            .and_then(|mut select| {
                select
                    .query_map([prefix], |row| job_of(row, now))?
                    .collect()
            })
            .map_err(told)?;
        match (filter, jobs.len()) {
            (JobFilter::All, _) | (_, 1) => Ok(jobs),
            (_, 0) => Err(StoreError::NoJob(prefix.to_owned())),
            (_, _) if jobs.iter().any(|job| job.job_id == prefix) => Ok(jobs
                .into_iter()
                .filter(|job| job.job_id == prefix)
                .collect()),
            (_, count) => Err(StoreError::AmbiguousJob {
                prefix: prefix.to_owned(),
                count,
            }),
        }
    }

    /// One job with its series and slices, by any unique prefix of its id.
    ///
    /// # Errors
    /// No job has that id, several have, or the file cannot be read.
    pub fn job(&self, prefix: &str, now: i64) -> Result<JobDetail, StoreError> {
        let told = told(&self.path);
        let job = self.jobs(&JobFilter::Prefix(prefix), now)?.remove(0);
        let series = self.job_series(&job).map_err(told)?;
        let sql = "SELECT p.slice_id, s.symbol, s.timeframe, s.source, s.adjusted, p.start_ts, p.end_ts, p.status,
                   p.attempts, p.error, p.started_at, p.completed_at, p.records_fetched, p.records_inserted,
                   p.records_duplicate, p.records_restated, p.records_conflicting, p.records_rejected, p.records_removed
                   FROM backfill_progress AS p JOIN series AS s ON s.id = p.series_id
                   WHERE p.job_id = ? ORDER BY s.symbol, p.series_id, p.start_ts, p.slice_id";
        let slices = self
            .connection
            .prepare(sql)
            .and_then(|mut select| {
                select
                    .query_map([&job.job_id], |row| slice_of(row, job.status))?
                    .collect()
            })
            .map_err(told)?;
        Ok(JobDetail {
            job,
            series,
            slices,
        })
    }

    fn job_series(&self, job: &JobRow) -> rusqlite::Result<Vec<JobSeries>> {
        let sql = "SELECT s.id, s.symbol, s.timeframe, s.source, s.adjusted, b.start_ts, b.end_ts, b.status, b.error
                   FROM backfill_series AS b JOIN series AS s ON s.id = b.series_id WHERE b.job_id = ? ORDER BY s.id";
        let mut select = self.connection.prepare(sql)?;
        let rows = select.query_map([&job.job_id], |row| {
            let status: SeriesStatus = row.get(7)?;
            let gone = status == SeriesStatus::Pending && job.status == JobStatus::Interrupted;
            Ok(JobSeries {
                series_id: row.get(0)?,
                key: super::read::key_of(row, 1)?,
                span: super::read::span_of(row, 5)?,
                status: if gone {
                    SeriesStatus::Interrupted
                } else {
                    status
                },
                error: row.get(8)?,
            })
        })?;
        rows.collect()
    }

    /// The unfinished jobs without a living owner, oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn resumable_jobs(&self, now: i64) -> Result<Vec<JobRow>, StoreError> {
        let mut jobs = self.jobs(&JobFilter::All, now)?;
        jobs.retain(|job| {
            matches!(
                job.status,
                JobStatus::Partial | JobStatus::Failed | JobStatus::Interrupted
            )
        });
        jobs.reverse();
        Ok(jobs)
    }
}

/// Why a job is interrupted whose owner said nothing.
pub(super) const ITS_PROCESS_IS_GONE: &str = "its process is gone";

const JOB_COLUMNS: &str = "SELECT j.job_id, j.status, j.command, j.symbols, j.timeframes, j.start_ts, j.end_ts, j.source,
    j.delay_s, j.final_after_s, j.created_at, j.started_at, j.completed_at, j.resume_at, j.error, j.owner, j.heartbeat_at,
    p.total, p.completed, p.failed, p.fetched, p.inserted, p.duplicate, p.restated, p.conflicting, p.rejected, p.removed
    FROM backfill_jobs AS j LEFT JOIN (SELECT job_id, count(*) AS total, sum(status = 'completed') AS completed,
        sum(status = 'failed') AS failed, sum(records_fetched) AS fetched, sum(records_inserted) AS inserted,
        sum(records_duplicate) AS duplicate, sum(records_restated) AS restated, sum(records_conflicting) AS conflicting,
        sum(records_rejected) AS rejected, sum(records_removed) AS removed
        FROM backfill_progress GROUP BY job_id) AS p ON p.job_id = j.job_id";

pub(super) fn find_job(
    connection: &Connection,
    job_id: &str,
    now: i64,
) -> rusqlite::Result<Option<JobRow>> {
    connection
        .prepare(&format!("{JOB_COLUMNS} WHERE j.job_id = ?"))?
        .query_row([job_id], |row| job_of(row, now))
        .optional()
}

fn job_of(row: &Row<'_>, now: i64) -> rusqlite::Result<JobRow> {
    let list = |index: usize| -> rusqlite::Result<Vec<String>> {
        let text: String = row.get(index)?;
        Ok(serde_json::from_str(&text).unwrap_or_default())
    };
    let number = |index: usize| -> rusqlite::Result<u64> {
        Ok(row
            .get::<_, Option<i64>>(index)?
            .unwrap_or(0)
            .cast_unsigned())
    };
    let (status, owner, heartbeat_at): (JobStatus, Option<String>, Option<i64>) =
        (row.get(1)?, row.get(15)?, row.get(16)?);
    let claimed = matches!(status, JobStatus::Running | JobStatus::Queued);
    let gone = claimed
        && !owner
            .as_deref()
            .is_some_and(|owner| owner::is_alive(owner, heartbeat_at, now));
    let (total, completed, failed) = (number(17)?, number(18)?, number(19)?);
    Ok(JobRow {
        job_id: row.get(0)?,
        status: if gone { JobStatus::Interrupted } else { status },
        command: row.get(2)?,
        symbols: list(3)?,
        timeframes: list(4)?,
        start_ts: row.get(5)?,
        end_ts: row.get(6)?,
        source: row.get(7)?,
        policy: Policy {
            delay: row.get(8)?,
            final_after: row.get(9)?,
        },
        created_at: row.get(10)?,
        started_at: row.get(11)?,
        completed_at: row.get(12)?,
        resume_at: row.get(13)?,
        error: if gone {
            Some(ITS_PROCESS_IS_GONE.to_owned())
        } else {
            row.get(14)?
        },
        owner,
        heartbeat_at,
        slices: SliceCounts {
            total,
            completed,
            failed,
            pending: total - completed - failed,
        },
        records: counts_of(row, 20)?,
    })
}

fn slice_of(row: &Row<'_>, job: JobStatus) -> rusqlite::Result<SliceRow> {
    let status: SliceStatus = row.get(7)?;
    let left = status == SliceStatus::Running && job != JobStatus::Running;
    Ok(SliceRow {
        slice_id: row.get(0)?,
        key: super::read::key_of(row, 1)?,
        span: super::read::span_of(row, 5)?,
        status: if left { SliceStatus::Pending } else { status },
        attempts: row.get(8)?,
        error: row.get(9)?,
        started_at: row.get(10)?,
        completed_at: row.get(11)?,
        records: counts_of(row, 12)?,
    })
}

/// The counts from a column on, in the order of [`Counts`].
fn counts_of(row: &Row<'_>, at: usize) -> rusqlite::Result<Counts> {
    let number = |index: usize| -> rusqlite::Result<u64> {
        Ok(row
            .get::<_, Option<i64>>(at + index)?
            .unwrap_or(0)
            .cast_unsigned())
    };
    Ok(Counts {
        fetched: number(0)?,
        inserted: number(1)?,
        duplicate: number(2)?,
        restated: number(3)?,
        conflicting: number(4)?,
        rejected: number(5)?,
        removed: number(6)?,
    })
}

//! Jobs, what they ask of which series, and their slices: created, taken over, ended and listed.

use chrono::Weekday;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::series::{bind, coverage, empty_spans};
use super::write::Counts;
use super::{SeriesKey, Store, StoreError, told};
use crate::market::Policy;
use crate::owner::{self, Owner};
use crate::span::{Span, SpanSet};

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

/// What a job asks of a series, and the slices that are missing.
#[derive(Clone, Debug)]
pub struct Target {
    /// The series.
    pub key: SeriesKey,
    /// The weekday that begins the source's weeks.
    pub week_start: Weekday,
    /// What is asked, whole candles.
    pub span: Span,
    /// What is missing of it, ascending.
    pub slices: Vec<Span>,
}

/// A job to be recorded.
#[derive(Clone, Debug)]
pub struct NewJob<'a> {
    /// Its id, a `UUIDv7`.
    pub job_id: &'a str,
    /// The command that asked.
    pub command: &'a str,
    /// The provider's name.
    pub source: &'a str,
    /// The start as typed, if it was.
    pub start_words: Option<&'a str>,
    /// The end as typed, if it was.
    pub end_words: Option<&'a str>,
    /// When candles count as closed and final.
    pub policy: Policy,
    /// Who runs it.
    pub owner: &'a Owner,
    /// Now, Unix seconds.
    pub now: i64,
}

/// A slice in the file, as the fetchers need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Its row.
    pub slice_id: i64,
    /// Its series' row.
    pub series_id: i64,
    /// What it asks for.
    pub span: Span,
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
    /// Records a job as running, with its series bound and its slices pending. Returns, for each target, the series' row
    /// and its slices.
    ///
    /// # Errors
    /// A series is held from another source or with another adjustment, or the file cannot be written; nothing is
    /// recorded then.
    pub fn create_job(
        &mut self,
        job: &NewJob<'_>,
        targets: &[Target],
    ) -> Result<Vec<(i64, Vec<Progress>)>, StoreError> {
        let told = told(&self.path);
        let tx = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(told)?;
        let start = targets
            .iter()
            .map(|target| target.span.start())
            .min()
            .unwrap_or(0);
        let end = targets
            .iter()
            .map(|target| target.span.end())
            .max()
            .unwrap_or(0);
        let sql = "INSERT INTO backfill_jobs (job_id, status, command, symbols, timeframes, start_ts, end_ts, start_words,
                   end_words, source, delay_s, final_after_s, created_at, started_at, owner, heartbeat_at)
                   VALUES (?1, 'running', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, ?13, ?12)";
        let symbols = distinct(targets.iter().map(|target| target.key.symbol.to_string()));
        let timeframes = distinct(
            targets
                .iter()
                .map(|target| target.key.timeframe.to_string()),
        );
        tx.execute(
            sql,
            params![
                job.job_id,
                job.command,
                json(&symbols),
                json(&timeframes),
                start,
                end,
                job.start_words,
                job.end_words,
                job.source,
                job.policy.delay,
                job.policy.final_after,
                job.now,
                job.owner.as_str()
            ],
        )
        .map_err(told)?;
        let mut made = Vec::with_capacity(targets.len());
        for target in targets {
            let series_id = bind(
                &tx,
                &target.key,
                Some(target.week_start),
                job.now,
                &self.path,
            )?;
            let sql = "INSERT INTO backfill_series (job_id, series_id, start_ts, end_ts, status) VALUES (?, ?, ?, ?, 'pending')";
            let values = params![
                job.job_id,
                series_id,
                target.span.start(),
                target.span.end()
            ];
            tx.prepare_cached(sql)
                .and_then(|mut insert| insert.execute(values))
                .map_err(told)?;
            made.push((
                series_id,
                insert_slices(&tx, job.job_id, series_id, &target.slices).map_err(told)?,
            ));
        }
        tx.commit().map_err(told)?;
        Ok(made)
    }

    /// Takes a job up again under the same id, for a new owner.
    ///
    /// # Errors
    /// A living owner runs it, or the file cannot be written.
    pub fn take_over(
        &mut self,
        job_id: &str,
        policy: Policy,
        owner: &Owner,
        now: i64,
    ) -> Result<(), StoreError> {
        let told = told(&self.path);
        let tx = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(told)?;
        let job = find_job(&tx, job_id, now)
            .map_err(told)?
            .ok_or_else(|| StoreError::NoJob(job_id.to_owned()))?;
        if matches!(job.status, JobStatus::Running | JobStatus::Queued) {
            return Err(StoreError::Owned {
                job_id: job.job_id,
                owner: job.owner.unwrap_or_default(),
            });
        }
        let sql = "UPDATE backfill_jobs SET status = 'running', owner = ?2, heartbeat_at = ?3, completed_at = NULL, error = NULL,
                   resume_at = NULL, delay_s = ?4, final_after_s = ?5 WHERE job_id = ?1";
        tx.execute(
            sql,
            params![
                job_id,
                owner.as_str(),
                now,
                policy.delay,
                policy.final_after
            ],
        )
        .map_err(told)?;
        tx.commit().map_err(told)
    }

    /// Replaces the unfinished slices of a job by what is missing now. One that stored something before it stopped is
    /// cut to what it proved and stays, so that its counts stay.
    ///
    /// # Errors
    /// The job is no longer this owner's, or the file cannot be written.
    pub fn replan_job(
        &mut self,
        job_id: &str,
        owner: &Owner,
        now: i64,
        targets: &[Target],
    ) -> Result<Vec<(i64, Vec<Progress>)>, StoreError> {
        let told = told(&self.path);
        let tx = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(told)?;
        let ours =
            "SELECT 1 FROM backfill_jobs WHERE job_id = ? AND owner = ? AND status = 'running'";
        if !tx
            .prepare(ours)
            .and_then(|mut ours| ours.exists(params![job_id, owner.as_str()]))
            .map_err(told)?
        {
            return Err(StoreError::LostJob(job_id.to_owned()));
        }
        let mut made = Vec::with_capacity(targets.len());
        for target in targets {
            // It may have been dropped and made anew, or bound to another source, since.
            let series_id = bind(&tx, &target.key, Some(target.week_start), now, &self.path)?;
            cut_unfinished(&tx, job_id, series_id, now).map_err(told)?;
            let sql = "UPDATE backfill_series SET status = 'pending', error = NULL WHERE job_id = ? AND series_id = ?";
            tx.execute(sql, params![job_id, series_id]).map_err(told)?;
            made.push((
                series_id,
                insert_slices(&tx, job_id, series_id, &target.slices).map_err(told)?,
            ));
        }
        tx.commit().map_err(told)?;
        Ok(made)
    }

    /// Records how a job ended. What was running is pending again, and series without an end are interrupted. A job that
    /// was lost to another owner is left alone.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn end_job(
        &mut self,
        job_id: &str,
        owner: &Owner,
        status: JobStatus,
        error: Option<&str>,
        resume_at: Option<i64>,
        now: i64,
    ) -> Result<(), StoreError> {
        let told = told(&self.path);
        let tx = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(told)?;
        let sql = "UPDATE backfill_jobs SET status = ?3, error = ?4, resume_at = ?5, completed_at = ?6, heartbeat_at = ?6
                   WHERE job_id = ?1 AND owner = ?2 AND status = 'running'";
        let ended = tx
            .execute(
                sql,
                params![
                    job_id,
                    owner.as_str(),
                    status.as_str(),
                    error,
                    resume_at,
                    now
                ],
            )
            .map_err(told)?;
        if ended == 1 {
            lay_down(&tx, job_id).map_err(told)?;
        }
        tx.commit().map_err(told)
    }

    /// Records jobs as interrupted whose owner is gone.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn reap_jobs(&mut self, now: i64) -> Result<(), StoreError> {
        let told = told(&self.path);
        let tx = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(told)?;
        let sql = "SELECT job_id, owner, heartbeat_at FROM backfill_jobs WHERE status IN ('running', 'queued')";
        let claimed: Vec<(String, Option<String>, Option<i64>)> = tx
            .prepare(sql)
            .and_then(|mut select| {
                select
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                    .collect()
            })
            .map_err(told)?;
        for (job_id, owner, heartbeat_at) in claimed {
            if owner.is_some_and(|owner| owner::is_alive(&owner, heartbeat_at, now)) {
                continue;
            }
            let sql = "UPDATE backfill_jobs SET status = 'interrupted', error = 'its process is gone' WHERE job_id = ?";
            tx.execute(sql, [&job_id]).map_err(told)?;
            lay_down(&tx, &job_id).map_err(told)?;
        }
        tx.commit().map_err(told)
    }

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

const JOB_COLUMNS: &str = "SELECT j.job_id, j.status, j.command, j.symbols, j.timeframes, j.start_ts, j.end_ts, j.source,
    j.delay_s, j.final_after_s, j.created_at, j.started_at, j.completed_at, j.resume_at, j.error, j.owner, j.heartbeat_at,
    p.total, p.completed, p.failed, p.fetched, p.inserted, p.duplicate, p.restated, p.conflicting, p.rejected, p.removed
    FROM backfill_jobs AS j LEFT JOIN (SELECT job_id, count(*) AS total, sum(status = 'completed') AS completed,
        sum(status = 'failed') AS failed, sum(records_fetched) AS fetched, sum(records_inserted) AS inserted,
        sum(records_duplicate) AS duplicate, sum(records_restated) AS restated, sum(records_conflicting) AS conflicting,
        sum(records_rejected) AS rejected, sum(records_removed) AS removed
        FROM backfill_progress GROUP BY job_id) AS p ON p.job_id = j.job_id";

fn find_job(connection: &Connection, job_id: &str, now: i64) -> rusqlite::Result<Option<JobRow>> {
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
        error: row.get(14)?,
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

fn insert_slices(
    connection: &Connection,
    job_id: &str,
    series_id: i64,
    slices: &[Span],
) -> rusqlite::Result<Vec<Progress>> {
    let sql = "INSERT INTO backfill_progress (job_id, series_id, start_ts, end_ts, status) VALUES (?, ?, ?, ?, 'pending')";
    let mut insert = connection.prepare_cached(sql)?;
    slices
        .iter()
        .map(|&span| {
            let slice_id = insert.insert(params![job_id, series_id, span.start(), span.end()])?;
            Ok(Progress {
                slice_id,
                series_id,
                span,
            })
        })
        .collect()
}

fn cut_unfinished(
    connection: &Connection,
    job_id: &str,
    series_id: i64,
    now: i64,
) -> rusqlite::Result<()> {
    let unfinished = "job_id = ?1 AND series_id = ?2 AND status <> 'completed'";
    connection.execute(
        &format!("DELETE FROM backfill_progress WHERE {unfinished} AND records_fetched + records_removed = 0"),
        params![job_id, series_id],
    )?;
    let answered = coverage(connection, series_id)?.union(
        &empty_spans(connection, series_id)?
            .into_iter()
            .map(|empty| empty.span)
            .collect(),
    );
    let rest: Vec<(i64, Option<Span>)> = connection
        .prepare(&format!(
            "SELECT slice_id, start_ts, end_ts FROM backfill_progress WHERE {unfinished}"
        ))?
        .query_map(params![job_id, series_id], |row| {
            Ok((row.get(0)?, Span::new(row.get(1)?, row.get(2)?)))
        })?
        .collect::<rusqlite::Result<_>>()?;
    for (slice_id, span) in rest {
        let open = span
            .map(|span| SpanSet::from(span).subtract(&answered))
            .unwrap_or_default();
        let end = open
            .iter()
            .next()
            .map(Span::start)
            .filter(|&end| span.is_some_and(|span| end > span.start()));
        let sql = "UPDATE backfill_progress SET status = 'completed', error = NULL, end_ts = coalesce(?2, end_ts),
                   completed_at = coalesce(completed_at, ?3) WHERE slice_id = ?1";
        connection.execute(sql, params![slice_id, end, now])?;
    }
    Ok(())
}

/// A job that no longer runs has no running slice.
fn lay_down(connection: &Connection, job_id: &str) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE backfill_progress SET status = 'pending' WHERE job_id = ? AND status = 'running'",
        [job_id],
    )?;
    connection.execute(
        "UPDATE backfill_series SET status = 'interrupted' WHERE job_id = ? AND status = 'pending'",
        [job_id],
    )?;
    Ok(())
}

fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    texts.filter(|text| seen.insert(text.clone())).collect()
}

fn json(texts: &[String]) -> String {
    serde_json::to_string(texts).expect("text is always JSON")
}

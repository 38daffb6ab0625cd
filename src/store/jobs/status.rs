//! Where jobs, series and slices stand, read from the file. Reads no candle.

use rusqlite::params;

use crate::model::status::{JobStatus, SeriesStatus};
use crate::run::pace::{PACE_OF, time_left};
use crate::store::candles::key::{KEY, key_columns, key_of};
use crate::store::candles::read::span_of;
use crate::store::jobs::rows::{job_of, job_rows, slice_of};
use crate::store::jobs::states::state;
use crate::store::{
    JobDetail, JobFilter, JobRow, JobSeries, SliceFilter, SliceRow, Store, StoreError, told,
};

/// Slices that are read in a moment.
const READ_IN_A_MOMENT: u64 = 100_000;

impl Store {
    /// Jobs, newest first. `now`, in Unix seconds, says whether an owner whose process cannot be seen still gives signs of life.
    ///
    /// # Errors
    /// No job has that id, several have, or the file cannot be read.
    pub fn jobs(&self, filter: &JobFilter<'_>, now: i64) -> Result<Vec<JobRow>, StoreError> {
        let told = told(&self.path);
        let prefix = match filter {
            JobFilter::All | JobFilter::Newest(_) => "",
            JobFilter::Prefix(prefix) => prefix,
        };
        let most = match filter {
            JobFilter::All => -1,
            JobFilter::Newest(count) => i64::from(*count),
            JobFilter::Prefix(_) => 1,
        };
        // Ids are hexadecimal digits and hyphens.
        let of_prefix = "FROM backfill_jobs WHERE job_id >= ?1 AND job_id < ?1 || '~'";
        let chosen = format!(
            "SELECT * {of_prefix} ORDER BY job_id = ?1 DESC, created_at DESC, job_id DESC LIMIT ?2"
        );
        let sql = format!(
            "{} ORDER BY j.created_at DESC, j.job_id DESC",
            job_rows(self.format, &chosen)
        );
        let jobs: Vec<JobRow> = self
            .connection
            .prepare_cached(&sql)
            .and_then(|mut select| {
                select
                    .query_map(params![prefix, most], |row| {
                        job_of(row, now, &self.path, self.format)
                    })?
                    .collect()
            })
            .map_err(told)?;
        if !matches!(filter, JobFilter::Prefix(_)) {
            return Ok(jobs);
        }
        let found = jobs
            .first()
            .ok_or_else(|| StoreError::NoJob(prefix.to_owned()))?;
        if found.job_id != prefix {
            let count = format!("SELECT count(*) {of_prefix}");
            let count = self
                .connection
                .query_row(&count, [prefix], |row| row.get(0));
            let count: u32 = count.map_err(told)?;
            if count > 1 {
                return Err(StoreError::AmbiguousJob {
                    prefix: prefix.to_owned(),
                    count,
                });
            }
        }
        Ok(jobs)
    }

    /// How the slices of a job are read: where they are most of the file's, one after the other is faster than by an index.
    fn index_of(&self, job: &JobRow) -> Result<&'static str, StoreError> {
        let sql = "SELECT coalesce(max(slice_id), 0) FROM backfill_progress";
        let told = told(&self.path);
        let mut select = self.connection.prepare_cached(sql).map_err(told)?;
        let all: i64 = select.query_row([], |row| row.get(0)).map_err(told)?;
        let are_most = job.slices.total * 2 > all.cast_unsigned();
        Ok(if are_most { "NOT INDEXED" } else { "" })
    }

    /// One job with its series, by any unique prefix of its id. `now` is as in [`Store::jobs`].
    ///
    /// # Errors
    /// No job has that id, several have, or the file cannot be read.
    pub fn job(&self, prefix: &str, now: i64) -> Result<JobDetail, StoreError> {
        let told = told(&self.path);
        let job = self.jobs(&JobFilter::Prefix(prefix), now)?.remove(0);
        let series = self.job_series(&job, None, u32::MAX).map_err(told)?;
        Ok(JobDetail { job, series })
    }

    /// The series of a job of which this has become, so many at most.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn job_series_that_are(
        &self,
        job: &JobRow,
        status: SeriesStatus,
        most: u32,
    ) -> Result<Vec<JobSeries>, StoreError> {
        self.job_series(job, Some(status), most)
            .map_err(told(&self.path))
    }

    /// How many slices of a job were given up for one of these reasons. Not looked for in a job of very many slices, each of
    /// which would have to be read.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn failed_for(&self, job: &JobRow, reasons: &[&str]) -> Result<u64, StoreError> {
        if job.slices.failed == 0 || job.slices.total > READ_IN_A_MOMENT {
            return Ok(0);
        }
        let index = self.index_of(job)?;
        let sql = format!(
            "SELECT count(*) FROM backfill_progress {index}
             WHERE job_id = ?1 AND status = 'failed' AND error IN (SELECT value FROM json_each(?2))"
        );
        let count: i64 = self
            .connection
            .prepare_cached(&sql)
            .and_then(|mut select| {
                select.query_row(
                    params![job.job_id, serde_json::json!(reasons).to_string()],
                    |row| row.get(0),
                )
            })
            .map_err(told(&self.path))?;
        Ok(count.cast_unsigned())
    }

    /// The slices of a job that were given up.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn failed_slices(&self, job: &JobRow) -> Result<Vec<SliceRow>, StoreError> {
        self.slices(job, SliceFilter::Failed, u32::MAX)
    }

    /// Failed slices of all jobs whose answer has not come since, each stretch of a series once, and how many of them failed for
    /// these reasons alone.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn failed_since(&self, reasons: &[&str]) -> Result<(u64, u64), StoreError> {
        // What is covered may reach into the tail that was asked for later, which is not final yet and ends with what is closed.
        let sql = "SELECT count(*), coalesce(sum(is_theirs), 0) FROM
                   (SELECT min(coalesce(p.error IN (SELECT value FROM json_each(?1)), 0)) AS is_theirs FROM backfill_progress AS p JOIN series AS s ON s.id = p.series_id
                   LEFT JOIN coverage AS c ON c.series_id = p.series_id AND c.start_ts =
                       (SELECT max(start_ts) FROM coverage WHERE series_id = p.series_id AND start_ts <= p.start_ts)
                   WHERE p.status = 'failed' AND coalesce(c.end_ts, p.start_ts) < p.end_ts
                   AND NOT coalesce(s.tail_asked_at >= p.completed_at AND (s.tail_asked_to >= p.end_ts OR p.end_ts >= p.completed_at - 86400)
                       AND s.tail_asked_from <= max(coalesce(c.end_ts, p.start_ts), p.start_ts), 0)
                   AND NOT EXISTS (SELECT 1 FROM empty_spans AS e WHERE e.series_id = p.series_id
                       AND e.start_ts <= p.start_ts AND e.end_ts >= p.end_ts)
                   GROUP BY p.series_id, p.start_ts, p.end_ts)";
        let reasons = serde_json::json!(reasons).to_string();
        let (all, theirs): (i64, i64) = self
            .connection
            .prepare_cached(sql)
            .and_then(|mut select| {
                select.query_row([reasons], |row| Ok((row.get(0)?, row.get(1)?)))
            })
            .map_err(told(&self.path))?;
        Ok((all.cast_unsigned(), theirs.cast_unsigned()))
    }

    /// Slices of a job, by series and time, so many at most.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn slices(
        &self,
        job: &JobRow,
        which: SliceFilter,
        most: u32,
    ) -> Result<Vec<SliceRow>, StoreError> {
        let running = job.status == JobStatus::Running;
        let any = match which {
            SliceFilter::All => job.slices.total > 0,
            SliceFilter::Failed => job.slices.failed > 0,
            SliceFilter::Notable => job.slices.failed > 0 || running,
        };
        if !any {
            return Ok(Vec::new());
        }
        let which = match which {
            SliceFilter::All => "",
            SliceFilter::Failed => "AND p.status = 'failed'",
            SliceFilter::Notable => "AND p.status IN ('failed', 'running')",
        };
        let (index, key) = (self.index_of(job)?, key_columns("s", self.format));
        let sql = format!(
            "SELECT p.slice_id, {key}, p.start_ts, p.end_ts, p.status,
                   p.attempts, p.error, p.started_at, p.completed_at, p.records_fetched, p.records_inserted,
                   p.records_duplicate, p.records_restated, p.records_conflicting, p.records_rejected, p.records_removed
                   FROM backfill_progress AS p {index} JOIN series AS s ON s.id = p.series_id
                   WHERE p.job_id = ? {which} ORDER BY s.symbol, p.series_id, p.start_ts, p.slice_id LIMIT ?"
        );
        let read = || -> rusqlite::Result<Vec<SliceRow>> {
            let mut select = self.connection.prepare(&sql)?;
            let rows = select.query_map(params![job.job_id, most], |row| slice_of(row, job.status));
            rows?.collect()
        };
        read().map_err(told(&self.path))
    }

    fn job_series(
        &self,
        job: &JobRow,
        only: Option<SeriesStatus>,
        most: u32,
    ) -> rusqlite::Result<Vec<JobSeries>> {
        let key = key_columns("s", self.format);
        let sql = format!(
            "SELECT s.id, {key}, b.start_ts, b.end_ts, b.status, b.error
             FROM backfill_series AS b JOIN series AS s ON s.id = b.series_id
             WHERE b.job_id = ?1 AND (?2 IS NULL OR b.status = ?2) ORDER BY s.id LIMIT ?3"
        );
        let mut select = self.connection.prepare(&sql)?;
        let rest = 1 + KEY;
        let only = only.map(SeriesStatus::as_str);
        let rows = select.query_map(params![job.job_id, only, most], |row| {
            let status: SeriesStatus = state(row, rest + 2)?;
            let gone = status == SeriesStatus::Pending && job.status == JobStatus::Interrupted;
            Ok(JobSeries {
                series_id: row.get(0)?,
                key: key_of(row, 1)?,
                span: span_of(row, rest)?,
                status: if gone {
                    SeriesStatus::Interrupted
                } else {
                    status
                },
                error: row.get(rest + 3)?,
            })
        })?;
        rows.collect()
    }

    /// Seconds until a running job has asked for everything, if the rest goes as the slices of the last ten minutes did: it
    /// falls from one slice to the next, and is `None` where none was done in them, or the next one is overdue, and for a job
    /// that does not run. `now`, in Unix seconds, ends the ten minutes, inclusive.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn eta(&self, job: &JobRow, now: i64) -> Result<Option<f64>, StoreError> {
        if job.status != JobStatus::Running {
            return Ok(None);
        }
        let index = self.index_of(job)?;
        let sql = format!(
            "SELECT count(*), min(started_at), max(completed_at) FROM backfill_progress {index}
             WHERE job_id = ?1 AND status IN ('completed', 'failed') AND completed_at > ?2"
        );
        let since = now - PACE_OF.as_secs().cast_signed();
        let (done, began, last): (u32, Option<i64>, Option<i64>) = self
            .connection
            .prepare_cached(&sql)
            .and_then(|mut select| {
                select.query_row(params![job.job_id, since], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })
            })
            .map_err(told(&self.path))?;
        let (began, last) = (began.unwrap_or(since).max(since), last.unwrap_or(now));
        if done == 0 {
            return Ok(None);
        }
        #[allow(clippy::cast_precision_loss)] // An estimate.
        let [took, since_last] = [(last - began).max(1), now - last].map(|seconds| seconds as f64);
        let each = took / f64::from(done);
        Ok(time_left(each, job.slices.pending, since_last))
    }

    /// The unfinished jobs without a living owner, oldest first. `now` is as in [`Store::jobs`].
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn resumable_jobs(&self, now: i64) -> Result<Vec<JobRow>, StoreError> {
        let mut jobs = self.jobs(&JobFilter::All, now)?;
        jobs.retain(|job| {
            job.status != JobStatus::Completed && !job.is_owned() && !job.is_import()
        });
        jobs.reverse();
        Ok(jobs)
    }
}

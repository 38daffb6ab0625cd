//! What a job has done for each of its series so far. Reads no candle.

use crate::model::series::SeriesKey;
use crate::model::span::SpanSet;
use crate::model::status::{JobStatus, SeriesStatus};
use crate::run::owner;
use crate::store::candles::key::{KEY, key_columns, key_of};
use crate::store::candles::read::span_of;
use crate::store::file::stamp::stamp_if_any;
use crate::store::jobs::states::state;
use crate::store::{JobRow, Store, StoreError, told};

/// Jobs, counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct JobTally {
    /// How many stand where, as the file has it.
    pub by_status: Vec<(JobStatus, u64)>,
    /// How many wait for this process.
    pub queued_here: u64,
    /// When one was completed last, Unix seconds.
    pub last_completed_at: Option<i64>,
}

/// A series of a job with what was done for it.
#[derive(Clone, Debug)]
pub(crate) struct SeriesProgress {
    /// The series.
    pub key: SeriesKey,
    /// What became of it.
    pub status: SeriesStatus,
    /// Whether a slice of it is done or being fetched.
    pub has_begun: bool,
    /// Candles that were new.
    pub inserted: u64,
    /// Why it is not complete.
    pub error: Option<String>,
    /// When its first slice began, Unix seconds.
    pub started_at: Option<i64>,
    /// When its last slice ended.
    pub completed_at: Option<i64>,
}

impl Store {
    /// Counts the jobs.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn job_tally(&self) -> Result<JobTally, StoreError> {
        let sql = "SELECT status, count(*), max(completed_at), sum(owner = ?1)
                   FROM backfill_jobs GROUP BY status ORDER BY status";
        let read = || -> rusqlite::Result<JobTally> {
            let mut tally = JobTally::default();
            let mut select = self.connection.prepare_cached(sql)?;
            let mut rows = select.query([owner::this_process(&self.path)])?;
            while let Some(row) = rows.next()? {
                let status = state(row, 0)?;
                tally
                    .by_status
                    .push((status, row.get::<_, i64>(1)?.cast_unsigned()));
                match status {
                    JobStatus::Completed => tally.last_completed_at = row.get(2)?,
                    JobStatus::Queued => {
                        let here: Option<i64> = row.get(3)?;
                        tally.queued_here = here.unwrap_or(0).cast_unsigned();
                    }
                    _ => {}
                }
            }
            Ok(tally)
        };
        read().map_err(told(&self.path))
    }

    /// What was asked for of a series and given up, in whatever job. What was not asked at all is no part of it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn asked_in_vain(&self, series_id: i64) -> Result<SpanSet, StoreError> {
        let sql = "SELECT start_ts, end_ts FROM backfill_progress
                   WHERE series_id = ? AND status = 'failed' AND attempts > 0";
        let read = || -> rusqlite::Result<SpanSet> {
            let mut select = self.connection.prepare_cached(sql)?;
            let spans = select.query_map([series_id], |row| span_of(row, 0))?;
            spans.collect()
        };
        read().map_err(told(&self.path))
    }

    /// A job's series, by symbol.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn series_progress(&self, job: &JobRow) -> Result<Vec<SeriesProgress>, StoreError> {
        let key = key_columns("s", self.format);
        let sql = format!("SELECT {key}, b.status, b.error,
                   coalesce(sum(p.status <> 'pending'), 0), coalesce(sum(p.records_inserted), 0), min(p.started_at),
                   max(p.completed_at)
                   FROM backfill_series AS b JOIN series AS s ON s.id = b.series_id
                   LEFT JOIN backfill_progress AS p ON p.job_id = b.job_id AND p.series_id = b.series_id
                   WHERE b.job_id = ? GROUP BY b.series_id ORDER BY s.symbol, s.id");
        let read = || -> rusqlite::Result<Vec<SeriesProgress>> {
            let mut select = self.connection.prepare_cached(&sql)?;
            let rows = select.query_map([&job.job_id], |row| {
                let status: SeriesStatus = state(row, KEY)?;
                let gone = status == SeriesStatus::Pending && job.status == JobStatus::Interrupted;
                Ok(SeriesProgress {
                    key: key_of(row, 0)?,
                    status: if gone {
                        SeriesStatus::Interrupted
                    } else {
                        status
                    },
                    error: row.get(KEY + 1)?,
                    has_begun: row.get::<_, i64>(KEY + 2)? > 0,
                    inserted: row.get::<_, i64>(KEY + 3)?.cast_unsigned(),
                    started_at: stamp_if_any(row, KEY + 4)?,
                    completed_at: stamp_if_any(row, KEY + 5)?,
                })
            })?;
            rows.collect()
        };
        read().map_err(told(&self.path))
    }
}

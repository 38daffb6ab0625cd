//! Jobs and slices as they stand in rows of a file of any format.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row};

use crate::model::counts::Counts;
use crate::model::listing::Adjustment;
use crate::model::market::Policy;
use crate::model::status::{JobStatus, SliceStatus};
use crate::run::owner;
use crate::store::candles::key::{KEY, key_of};
use crate::store::candles::read::span_of;
use crate::store::file::stamp::{Wait, stamp, stamp_if_any};
use crate::store::jobs::imports::{IMPORTS_SINCE, files_as_slices};
use crate::store::jobs::states::state;
use crate::store::jobs::totals::{TOTALS_SINCE, sums};
use crate::store::{JobRow, SliceCounts, SliceRow, StoreError, told};

/// Why a job is interrupted whose owner said nothing.
pub(in crate::store) const ITS_PROCESS_IS_GONE: &str = "its process is gone";
/// What a queued job waits for whose server has stopped.
pub(in crate::store) const ITS_SERVER_HAS_STOPPED: &str =
    "its server has stopped, and it waits for the next one";

/// From this format on an owner is proven by a lock.
const LOCKED_SINCE: i32 = 3;
/// Format 1 did not know which version ran a job.
const PROGRAM_SINCE: i32 = 2;
/// Format 2 did not know how fast.
const PACE_SINCE: i32 = 3;

/// The jobs that a statement chooses, each with the totals of its slices: added up from the slices in a file whose format does
/// not keep them.
pub(super) fn job_rows(format: i32, chosen: &str) -> String {
    let program = if format < PROGRAM_SINCE {
        "NULL"
    } else {
        "j.program"
    };
    let pace = if format < PACE_SINCE {
        "NULL AS rate, NULL AS workers"
    } else {
        "j.rate, j.workers"
    };
    let totals = if format < TOTALS_SINCE {
        format!("({})", sums("main", Some(chosen)))
    } else if format < IMPORTS_SINCE {
        "backfill_totals".to_owned()
    } else {
        let files = files_as_slices(chosen);
        format!("(SELECT * FROM backfill_totals UNION ALL {files})")
    };
    format!(
        "SELECT j.job_id, j.status, j.command, j.symbols, j.timeframes, j.start_ts, j.end_ts, j.source, j.delay_s,
         j.final_after_s, j.created_at, j.started_at, j.completed_at, j.resume_at, j.error, j.owner, j.heartbeat_at,
         t.slices, t.completed, t.failed, t.records_fetched, t.records_inserted, t.records_duplicate, t.records_restated,
         t.records_conflicting, t.records_rejected, t.records_removed, {program} AS program, {pace}, j.start_words, j.end_words,
         (SELECT s.adjusted FROM backfill_series AS b JOIN series AS s ON s.id = b.series_id WHERE b.job_id = j.job_id LIMIT 1)
             AS adjusted
         FROM ({chosen}) AS j LEFT JOIN {totals} AS t ON t.job_id = j.job_id"
    )
}

pub(in crate::store) fn find_job(
    connection: &Connection,
    job_id: &str,
    now: i64,
    path: &Path,
) -> rusqlite::Result<Option<JobRow>> {
    let chosen = "SELECT * FROM backfill_jobs WHERE job_id = ?1";
    connection
        .prepare(&job_rows(crate::store::FORMAT, chosen))?
        .query_row([job_id], |row| job_of(row, now, path, crate::store::FORMAT))
        .optional()
}

/// A job that asks a provider, and so can be run again.
///
/// # Errors
/// There is no such job, it took files, or the file cannot be read.
pub(super) fn find_fetching(
    connection: &Connection,
    job_id: &str,
    now: i64,
    path: &Path,
) -> Result<JobRow, StoreError> {
    let job = find_job(connection, job_id, now, path).map_err(told(path))?;
    let job = job.ok_or_else(|| StoreError::NoJob(job_id.to_owned()))?;
    if job.is_import() {
        return Err(StoreError::IsImport(job.job_id));
    }
    Ok(job)
}

pub(super) fn job_of(
    row: &Row<'_>,
    now: i64,
    path: &Path,
    format: i32,
) -> rusqlite::Result<JobRow> {
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
        (state(row, 1)?, row.get(15)?, row.get(16)?);
    let claimed = status.is_active();
    let is_alive = if format < LOCKED_SINCE {
        owner::was_alive_before
    } else {
        owner::is_alive
    };
    let gone = claimed
        && !owner
            .as_deref()
            .is_some_and(|owner| is_alive(path, owner, heartbeat_at, now));
    let error: Option<String> = row.get(14)?;
    let waits = status == JobStatus::Queued && error.as_deref() == Some(ITS_SERVER_HAS_STOPPED);
    let (total, completed, failed) = (number(17)?, number(18)?, number(19)?);
    Ok(JobRow {
        job_id: row.get(0)?,
        status: if gone && !waits {
            JobStatus::Interrupted
        } else {
            status
        },
        command: row.get(2)?,
        symbols: list(3)?,
        timeframes: list(4)?,
        start_ts: stamp(row, 5)?,
        end_ts: stamp(row, 6)?,
        start_words: row.get("start_words")?,
        end_words: row.get("end_words")?,
        source: row.get(7)?,
        policy: Policy {
            delay: row.get::<_, Wait>(8)?.0,
            final_after: row.get::<_, Option<Wait>>(9)?.map(|wait| wait.0),
        },
        rate: row.get("rate")?,
        workers: row
            .get::<_, Option<i64>>("workers")?
            .and_then(|workers| workers.try_into().ok()),
        created_at: stamp(row, 10)?,
        started_at: stamp_if_any(row, 11)?,
        completed_at: stamp_if_any(row, 12)?,
        // Of a clock that ran ahead, both are from the future: nothing is to be waited for.
        resume_at: stamp_if_any(row, 13)?.filter(|_| heartbeat_at <= Some(now)),
        error: if gone && !waits {
            Some(ITS_PROCESS_IS_GONE.to_owned())
        } else {
            error
        },
        owner: owner.filter(|_| !(gone && waits)),
        heartbeat_at,
        slices: SliceCounts {
            total,
            completed,
            failed,
            // A damaged file says anything.
            pending: total.saturating_sub(completed).saturating_sub(failed),
        },
        records: counts_of(row, 20)?,
        adjusted: (row.get::<_, Option<i64>>("adjusted")?)
            .and_then(Adjustment::numbered)
            .unwrap_or_default(),
        program: row.get("program")?,
    })
}

pub(super) fn slice_of(row: &Row<'_>, job: JobStatus) -> rusqlite::Result<SliceRow> {
    let rest = 1 + KEY;
    let status: SliceStatus = state(row, rest + 2)?;
    let left = status == SliceStatus::Running && job != JobStatus::Running;
    Ok(SliceRow {
        slice_id: row.get(0)?,
        key: key_of(row, 1)?,
        span: span_of(row, rest)?,
        status: if left { SliceStatus::Pending } else { status },
        attempts: row.get(rest + 3)?,
        error: row.get(rest + 4)?,
        started_at: stamp_if_any(row, rest + 5)?,
        completed_at: stamp_if_any(row, rest + 6)?,
        records: counts_of(row, rest + 7)?,
    })
}

/// The counts from a column on, in the order of [`Counts`].
pub(super) fn counts_of(row: &Row<'_>, at: usize) -> rusqlite::Result<Counts> {
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

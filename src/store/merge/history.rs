//! The history of an added file: its jobs, what they asked and were answered, and what was odd. Slices get new ids, so that
//! each candle still says when it was fetched. A job that both files know, since one is a copy of the other, stays one job
//! with the slices of both.

use rusqlite::{Connection, params};

use crate::model::candle::Unstorable;
use crate::store::candles::columns::{named, selected};
use crate::store::candles::coverage::{HOURS_SINCE, SEVERAL_HOURS};

/// Copies the history of the attached file, once its series are known.
pub(super) fn add(tx: &Connection, format: i32) -> rusqlite::Result<()> {
    let program = if format < 2 { "NULL" } else { "program" };
    let settings = if format < 3 {
        "NULL, NULL"
    } else {
        "rate, workers"
    };
    // Who runs a job that still runs goes on in its own file.
    let jobs = format!(
        "INSERT INTO main.backfill_jobs (job_id, status, command, symbols, timeframes, start_ts, end_ts, start_words,
            end_words, source, delay_s, final_after_s, created_at, started_at, completed_at, resume_at, error, owner,
            heartbeat_at, program, rate, workers)
         SELECT job_id, iif(status IN ('queued', 'running'), 'interrupted', status), command, symbols, timeframes, start_ts,
            end_ts, start_words, end_words, source, delay_s, final_after_s, created_at, started_at, completed_at, resume_at,
            iif(status IN ('queued', 'running'), 'it still ran when the files were merged', error), owner, heartbeat_at,
            {program}, {settings}
         FROM input.backfill_jobs WHERE true ON CONFLICT DO NOTHING"
    );
    tx.execute(&jobs, [])?;
    let sql = "INSERT INTO main.backfill_series (job_id, series_id, start_ts, end_ts, status, error)
        SELECT job_id, ours, start_ts, end_ts, iif(status = 'pending', 'interrupted', status), error
        FROM input.backfill_series JOIN temp.added_series ON theirs = series_id WHERE true ON CONFLICT DO NOTHING";
    tx.execute(sql, [])?;
    let newest = "SELECT coalesce(max(slice_id), 0) FROM main.backfill_progress";
    let newest: i64 = tx.query_row(newest, [], |row| row.get(0))?;
    let sql = "INSERT INTO temp.added_slices (theirs, ours)
        SELECT slice_id, coalesce((SELECT slice_id FROM main.backfill_progress AS held
            WHERE (held.job_id, held.series_id, held.start_ts, held.end_ts) = (slice.job_id, ours, slice.start_ts, slice.end_ts)
            AND held.started_at IS slice.started_at), slice_id + ?)
        FROM input.backfill_progress AS slice JOIN temp.added_series ON theirs = series_id";
    tx.execute(sql, [newest])?;
    let sql = "INSERT INTO main.backfill_progress (slice_id, job_id, series_id, start_ts, end_ts, status, attempts,
            records_fetched, records_inserted, records_duplicate, records_restated, records_conflicting, records_rejected,
            records_removed, error, started_at, completed_at)
        SELECT slice.ours, job_id, series.ours, start_ts, end_ts, iif(status = 'running', 'pending', status), attempts,
            records_fetched, records_inserted, records_duplicate, records_restated, records_conflicting, records_rejected,
            records_removed, error, started_at, completed_at
        FROM input.backfill_progress JOIN temp.added_series AS series ON series.theirs = series_id
        JOIN temp.added_slices AS slice ON slice.theirs = slice_id WHERE slice.ours > ?";
    tx.execute(sql, [newest])?;
    // Of a slice that both files know the one that came further says more.
    let sql = "UPDATE main.backfill_progress AS held SET (status, attempts, records_fetched, records_inserted, records_duplicate,
            records_restated, records_conflicting, records_rejected, records_removed, error, completed_at) =
            (iif(row.status = 'running', 'pending', row.status), row.attempts, row.records_fetched, row.records_inserted,
            row.records_duplicate, row.records_restated, row.records_conflicting, row.records_rejected, row.records_removed,
            row.error, row.completed_at)
        FROM input.backfill_progress AS row JOIN temp.added_slices AS slice ON slice.theirs = row.slice_id
        WHERE held.slice_id = slice.ours AND slice.ours <= ?
            AND row.records_fetched + row.records_removed > held.records_fetched + held.records_removed";
    tx.execute(sql, [newest])?;
    let several_hours = if format < HOURS_SINCE {
        SEVERAL_HOURS
    } else {
        "false"
    };
    let sql = format!(
        "INSERT INTO main.rejected (series_id, ts, reason, raw, slice_id, seen_at)
        SELECT series.ours, ts, reason, raw, slice.ours, seen_at
        FROM input.rejected AS row JOIN temp.added_series AS series ON series.theirs = series_id
        LEFT JOIN temp.added_slices AS slice ON slice.theirs = slice_id
        WHERE NOT (reason = ?2 AND series.ours IN (SELECT id FROM main.series WHERE {several_hours}))
            AND (slice.ours > ?1 OR NOT EXISTS (SELECT 1 FROM main.rejected AS held
                WHERE held.series_id = series.ours AND (held.ts, held.reason, held.raw, held.seen_at, held.slice_id) IS
                    (row.ts, row.reason, row.raw, row.seen_at, slice.ours)))"
    );
    tx.execute(&sql, params![newest, Unstorable::OffGrid.to_string()])?;
    let (candle, old) = (selected(), named("old_"));
    tx.execute_batch(&format!(
        "INSERT INTO main.conflicts (series_id, {candle}, seen_at) SELECT ours, {candle}, seen_at
            FROM input.conflicts JOIN temp.added_series ON theirs = series_id;
         INSERT INTO main.restatements (series_id, ts, action, {old}, seen_at) SELECT ours, ts, action, {old}, seen_at
            FROM input.restatements JOIN temp.added_series ON theirs = series_id
            EXCEPT SELECT series_id, ts, action, {old}, seen_at FROM main.restatements"
    ))
}

/// A conflict is kept once per distinct value, and not with the value that is stored.
pub(super) fn tidy(tx: &Connection) -> rusqlite::Result<()> {
    tx.execute_batch(&format!(
        "DELETE FROM main.conflicts WHERE rowid NOT IN (SELECT min(rowid) FROM main.conflicts GROUP BY series_id, {});
         DELETE FROM main.conflicts AS odd WHERE EXISTS (SELECT 1 FROM main.candle_data AS held
            WHERE (held.series_id, held.ts) = (odd.series_id, odd.ts) AND ({}) IS ({}))",
        selected(),
        named("held."),
        named("odd.")
    ))
}

//! The history of an added file: its jobs, what they asked and were answered, and what was odd. Slices get new ids, so that
//! each candle still says when it was fetched. A job that both files know, since one is a copy of the other, stays one job
//! with the slices of both.

use rusqlite::{Connection, params};

use crate::model::candle::Unstorable;
use crate::store::candles::columns::{named, selected};
use crate::store::candles::coverage::{HOURS_SINCE, SEVERAL_HOURS};
use crate::store::file::tables::{Kind, TABLES, Table, table};

/// Of a slice: what it is, and so the same in both files.
const OF_A_SLICE: [&str; 6] = [
    "slice_id",
    "job_id",
    "series_id",
    "start_ts",
    "end_ts",
    "started_at",
];

/// Their series, which `temp.added_series` says to be one of ours.
const SERIES: &str = "JOIN temp.added_series AS series ON series.theirs = row.series_id";

/// Their slices, which `temp.added_slices` says to be ours.
const SLICES: &str = "JOIN temp.added_slices AS slice ON slice.theirs = row.slice_id";

/// Copies the history of the attached file, once its series are known.
pub(super) fn add(tx: &Connection, format: i32) -> rusqlite::Result<()> {
    add_jobs(tx)?;
    let newest = "SELECT coalesce(max(slice_id), 0) FROM main.backfill_progress";
    let newest: i64 = tx.query_row(newest, [], |row| row.get(0))?;
    add_slices(tx, newest)?;
    for table in TABLES.iter() {
        if let Kind::Log { .. } = table.kind() {
            add_log(tx, table, format, newest)?;
        }
    }
    Ok(())
}

/// The jobs and what each of them asked for. One that both files know stays as ours has it. Who runs a job that still runs goes
/// on in its own file.
fn add_jobs(tx: &Connection) -> rusqlite::Result<()> {
    let runs = "row.status IN ('queued', 'running')";
    let status = format!("iif({runs}, 'interrupted', row.status)");
    let error = format!("iif({runs}, 'it still ran when the files were merged', row.error)");
    let jobs = table("backfill_jobs").copy(tx, &[("status", &status), ("error", &error)])?;
    let pending = "iif(row.status = 'pending', 'interrupted', row.status)";
    let said = [("series_id", "series.ours"), ("status", pending)];
    let series = table("backfill_series").copy(tx, &said)?;
    // Without a WHERE the ON of the conflict would be taken for one of a join.
    for copy in jobs
        .into_iter()
        .chain(series.map(|copy| format!("{copy} {SERIES}")))
    {
        tx.execute(&format!("{copy} WHERE true ON CONFLICT DO NOTHING"), [])?;
    }
    Ok(())
}

/// The slices. Those that we do not know get ids behind our `newest`, all moved by the same number, so that the order in which
/// they were made stays.
fn add_slices(tx: &Connection, newest: i64) -> rusqlite::Result<()> {
    // Each of theirs is the one of ours that is the same part of the same job and began at the same second, or a new one.
    let sql = "INSERT INTO temp.added_slices (theirs, ours)
        SELECT slice_id, coalesce((SELECT slice_id FROM main.backfill_progress AS held
            WHERE (held.job_id, held.series_id, held.start_ts, held.end_ts) = (slice.job_id, ours, slice.start_ts, slice.end_ts)
            AND held.started_at IS slice.started_at), slice_id + ?)
        FROM input.backfill_progress AS slice JOIN temp.added_series ON theirs = series_id";
    tx.execute(sql, [newest])?;
    let slices = table("backfill_progress");
    let status = (
        "status",
        "iif(row.status = 'running', 'pending', row.status)",
    );
    let said = [
        ("slice_id", "slice.ours"),
        ("series_id", "series.ours"),
        status,
    ];
    if let Some(copy) = slices.copy(tx, &said)? {
        let sql = format!("{copy} {SERIES} {SLICES} WHERE slice.ours > ?");
        tx.execute(&sql, [newest])?;
    }
    // Of a slice that both files know the one that came further says more.
    if let Some(values) = slices.expressions(tx, "input", &[status])? {
        let (columns, values): (Vec<&str>, Vec<String>) = std::iter::zip(&slices.columns, values)
            .map(|(column, value)| (column.as_str(), value))
            .filter(|(column, _)| !OF_A_SLICE.contains(column))
            .unzip();
        let sql = format!(
            "UPDATE main.backfill_progress AS held SET ({}) = ({}) FROM input.backfill_progress AS row {SLICES}
            WHERE held.slice_id = slice.ours AND slice.ours <= ?
                AND row.records_fetched + row.records_removed > held.records_fetched + held.records_removed",
            columns.join(", "),
            values.join(", ")
        );
        tx.execute(&sql, [newest])?;
    }
    Ok(())
}

/// What was seen of the series.
fn add_log(tx: &Connection, log: &Table, format: i32, newest: i64) -> rusqlite::Result<()> {
    let said = [("series_id", "series.ours"), ("slice_id", "slice.ours")];
    let Some(mut sql) = log.copy(tx, &said)? else {
        return Ok(());
    };
    sql += &format!(" {SERIES}");
    if log.place("slice_id").is_some() {
        // A slice of which nothing is known any more has none of ours.
        sql += &format!(" LEFT {SLICES}");
    }
    match log.name.as_str() {
        // Rows of slices that are new are new. Rows that were rejected for their start, by the rule for several hours that was
        // given up, are no fault of the provider's any more.
        "rejected" => {
            let several_hours = if format < HOURS_SINCE {
                SEVERAL_HOURS
            } else {
                "false"
            };
            sql += &format!(
                " WHERE NOT (row.reason = ?2 AND series.ours IN (SELECT id FROM main.series WHERE {several_hours}))
                AND (slice.ours > ?1 OR NOT EXISTS (SELECT 1 FROM main.rejected AS held
                    WHERE held.series_id = series.ours AND (held.ts, held.reason, held.raw, held.seen_at, held.slice_id) IS
                        (row.ts, row.reason, row.raw, row.seen_at, slice.ours)))"
            );
            let off_grid = Unstorable::OffGrid.to_string();
            return tx.execute(&sql, params![newest, off_grid]).map(drop);
        }
        // Those that are known are taken out in the end, by [`tidy`].
        "conflicts" => {}
        name => sql += &format!(" EXCEPT SELECT {} FROM main.{name}", log.columns.join(", ")),
    }
    tx.execute(&sql, []).map(drop)
}

/// A conflict is kept once per distinct value, and not with the value that is stored.
pub(super) fn tidy(tx: &Connection) -> rusqlite::Result<()> {
    // The oldest row of each value stays; then those go whose value is the one of the candle itself.
    tx.execute_batch(&format!(
        "DELETE FROM main.conflicts WHERE rowid NOT IN (SELECT min(rowid) FROM main.conflicts GROUP BY series_id, {});
         DELETE FROM main.conflicts AS odd WHERE EXISTS (SELECT 1 FROM main.candle_data AS held
            WHERE (held.series_id, held.ts) = (odd.series_id, odd.ts) AND ({}) IS ({}))",
        selected(),
        named("held."),
        named("odd.")
    ))
}

//! What the slices of each job come to, kept beside them by triggers, whatever statement changes a slice. Those of a file
//! are never run here, since a file may be hostile: each connection that writes has its own.

use rusqlite::{Connection, params};

use crate::store::file::open::SCHEMA;

const COUNTS: [&str; 7] = [
    "records_fetched",
    "records_inserted",
    "records_duplicate",
    "records_restated",
    "records_conflicting",
    "records_rejected",
    "records_removed",
];

/// From this format on a file has totals.
pub(in crate::store) const TOTALS_SINCE: i32 = 4;

/// Keeps the totals from here on, as the schema's triggers do for other programs; whoever inserts slices says so by [`add`] or
/// [`refill`]. SQLite runs a connection's own triggers also where those of files are switched off.
pub(in crate::store) fn keep(connection: &Connection) -> rusqlite::Result<()> {
    // With a trigger each insertion would write pages aside, in case it has to be taken back: of millions, many gigabytes.
    let triggers = SCHEMA.split("CREATE TRIGGER ").skip(1);
    for trigger in triggers.filter(|trigger| !trigger.contains(" AFTER INSERT ")) {
        let end = trigger.find("END;").unwrap_or(trigger.len());
        let own = trigger[..end].replacen(" ON ", " ON main.", 1);
        connection.execute_batch(&format!("CREATE TEMP TRIGGER {own}END"))?;
    }
    Ok(())
}

/// Counts slices that were inserted, none of which was begun.
pub(in crate::store) fn add(
    connection: &Connection,
    job_id: &str,
    slices: usize,
) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO backfill_totals (job_id) VALUES (?)";
    connection.prepare_cached(sql)?.execute([job_id])?;
    let sql = "UPDATE backfill_totals SET slices = slices + ?2 WHERE job_id = ?1";
    let slices = i64::try_from(slices).unwrap_or(i64::MAX);
    let mut update = connection.prepare_cached(sql)?;
    update.execute(params![job_id, slices]).map(drop)
}

/// Counts all slices anew.
pub(in crate::store) fn refill(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "DELETE FROM main.backfill_totals; INSERT INTO main.backfill_totals {}",
        sums("main", None)
    ))
}

/// What the slices come to, in the columns of `backfill_totals`: those of all jobs, or of those that a statement chooses.
pub(in crate::store) fn sums(database: &str, chosen: Option<&str>) -> String {
    let counts = COUNTS.map(|column| format!("sum({column}) AS {column}"));
    let counts = counts.join(", ");
    let jobs = chosen.map_or_else(String::new, |chosen| {
        format!("WHERE job_id IN (SELECT job_id FROM ({chosen}))")
    });
    format!(
        "SELECT job_id, count(*) AS slices, sum(status = 'completed') AS completed, sum(status = 'failed') AS failed, {counts}
         FROM {database}.backfill_progress {jobs} GROUP BY job_id"
    )
}

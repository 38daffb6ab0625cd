//! What the slices of each job come to, kept beside them by triggers, whatever statement changes a slice. Those of a file
//! are never run here, since a file may be hostile: each connection that writes has its own.

use rusqlite::Connection;

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

/// Keeps the totals from here on, as the schema's triggers do for other programs. SQLite runs a connection's own triggers also
/// where those of files are switched off.
pub(in crate::store) fn keep(connection: &Connection) -> rusqlite::Result<()> {
    for trigger in SCHEMA.split("CREATE TRIGGER ").skip(1) {
        let end = trigger.find("END;").unwrap_or(trigger.len());
        let own = trigger[..end].replacen(" ON ", " ON main.", 1);
        connection.execute_batch(&format!("CREATE TEMP TRIGGER {own}END"))?;
    }
    Ok(())
}

/// What the slices come to, in the columns of `backfill_totals`: those of all jobs, or of those that a statement chooses.
pub(in crate::store) fn sums(chosen: Option<&str>) -> String {
    let counts = COUNTS.map(|column| format!("sum({column}) AS {column}"));
    let counts = counts.join(", ");
    let jobs = chosen.map_or_else(String::new, |chosen| {
        format!("WHERE job_id IN (SELECT job_id FROM ({chosen}))")
    });
    format!(
        "SELECT job_id, count(*) AS slices, sum(status = 'completed') AS completed, sum(status = 'failed') AS failed, {counts}
         FROM backfill_progress {jobs} GROUP BY job_id"
    )
}

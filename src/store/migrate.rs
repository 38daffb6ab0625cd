//! Bringing a file of an older format up to this one: all steps in one transaction, so that a crash leaves the old format
//! or the new one. Only a writer does so; readers read every format as it is.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::{FORMAT, StoreError, told};

/// `STEPS[n - 1]` turns format n into format n + 1. A step that was released is never changed.
const STEPS: [&str; FORMAT as usize - 1] = ["ALTER TABLE backfill_jobs ADD COLUMN program TEXT"];

/// Brings the file to the current format. Another process may have done so since its header was read.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let mut run = || {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found: i32 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let done = usize::try_from(found - 1).unwrap_or(0);
        for step in STEPS.iter().skip(done) {
            tx.execute_batch(step)?;
        }
        tx.pragma_update(None, "user_version", FORMAT)?;
        tx.commit()
    };
    run().map_err(told(path))
}

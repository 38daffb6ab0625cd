//! Bringing a file of an older format up to this one: all steps in one transaction, so that a crash leaves the old format
//! or the new one. Only a writer does so; readers read every format as it is.

use crate::run::clock::{Clock, SystemClock};
use crate::store::jobs::create::claims;
use crate::store::{FORMAT, Store, StoreError, told};

/// `STEPS[n - 1]` turns format n into format n + 1. A step that was released is never changed.
const STEPS: [&str; FORMAT as usize - 1] = [
    "ALTER TABLE backfill_jobs ADD COLUMN program TEXT",
    include_str!("format_3.sql"),
    include_str!("format_4.sql"),
];

/// Whether a table, index or view of this format is none of an older one.
pub(in crate::store) fn came_after(format: i32, kind: &str, name: &str) -> bool {
    let created = format!("CREATE {} {name} ", kind.to_uppercase());
    let removed = format!("DROP {} {name};", kind.to_uppercase());
    let later = STEPS.iter().skip(usize::try_from(format - 1).unwrap_or(0));
    later
        .into_iter()
        .any(|step| step.contains(&created) && !step.contains(&removed))
}

/// Brings the file to the current format. Another process may have done so since its header was read. Refused while somebody
/// works on it who knows the older one alone.
pub(in crate::store) fn migrate(store: &Store) -> Result<(), StoreError> {
    let told = told(&store.path);
    let tx = store.begin_as_it_is()?;
    let found: i32 = tx
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(told)?;
    if found < FORMAT {
        let now = SystemClock::default().now();
        let mut claims = claims(&tx).map_err(told)?.into_iter();
        if let Some(living) = claims.find(|claim| claim.was_living_before(&store.path, now)) {
            return Err(StoreError::OwnedBefore {
                path: store.path.clone(),
                job_id: living.job_id,
                owner: living.owner,
            });
        }
    }
    let done = usize::try_from(found - 1).unwrap_or(0);
    for step in STEPS.iter().skip(done) {
        tx.execute_batch(step).map_err(told)?;
    }
    tx.pragma_update(None, "user_version", FORMAT)
        .map_err(told)?;
    tx.commit()
}

//! Times as the file holds them. A time that no calendar can write, or a wait that no job can have, is damage and must
//! never get further than here.

use std::ops::Range;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};

use crate::model::market::Policy;

/// The years 1 to 9999, which RFC 3339 can write: far more than any candle has, and far from where a sum overflows.
const WRITABLE: Range<i64> = -62_135_596_800..253_402_300_800;

/// Unix seconds read from the file.
pub(in crate::store) struct Stamp(pub(in crate::store) i64);

impl FromSql for Stamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Stamp> {
        within(value, WRITABLE).map(Stamp)
    }
}

/// Seconds of a job's [`Policy`] read from the file.
pub(in crate::store) struct Wait(pub(in crate::store) i64);

impl FromSql for Wait {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Wait> {
        within(value, 0..Policy::LONGEST + 1).map(Wait)
    }
}

fn within(value: ValueRef<'_>, range: Range<i64>) -> FromSqlResult<i64> {
    let seconds = value.as_i64()?;
    if range.contains(&seconds) {
        Ok(seconds)
    } else {
        Err(FromSqlError::OutOfRange(seconds))
    }
}

/// The time in a column.
pub(in crate::store) fn stamp(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<i64> {
    Ok(row.get::<_, Stamp>(at)?.0)
}

/// The time in a column that may have none.
pub(in crate::store) fn stamp_if_any(
    row: &rusqlite::Row<'_>,
    at: usize,
) -> rusqlite::Result<Option<i64>> {
    Ok(row.get::<_, Option<Stamp>>(at)?.map(|stamp| stamp.0))
}

//! Times as the file holds them. A time that no calendar can write is damage, and must never get further than here.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};

/// The years 1 to 9999, which RFC 3339 can write: far more than any candle has, and far from where a sum overflows.
const WRITABLE: std::ops::Range<i64> = -62_135_596_800..253_402_300_800;

/// Unix seconds read from the file.
pub(super) struct Stamp(pub(super) i64);

impl FromSql for Stamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Stamp> {
        let ts = value.as_i64()?;
        if WRITABLE.contains(&ts) {
            Ok(Stamp(ts))
        } else {
            Err(FromSqlError::OutOfRange(ts))
        }
    }
}

/// The time in a column.
pub(super) fn stamp(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<i64> {
    Ok(row.get::<_, Stamp>(at)?.0)
}

/// The time in a column that may have none.
pub(super) fn stamp_if_any(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Option<i64>> {
    Ok(row.get::<_, Option<Stamp>>(at)?.map(|stamp| stamp.0))
}

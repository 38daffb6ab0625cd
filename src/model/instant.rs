//! Instants in words.

use chrono::{DateTime, SecondsFormat};

/// RFC 3339, UTC, whole seconds.
pub(crate) fn time(ts: i64) -> String {
    DateTime::from_timestamp(ts, 0)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}

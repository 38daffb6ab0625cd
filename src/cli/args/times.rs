//! How an instant and a length of time are read.

use std::time::Duration;

use crate::model::market::Policy;
use crate::model::range::{BadTyped, Moment};
use crate::run::clock::{Clock, SystemClock};

/// One end of a range, as it is typed now.
pub fn moment(text: &str) -> Result<Moment, BadTyped> {
    Moment::typed(text, SystemClock::default().now())
}

/// A time like 15m, 1h or 90s; a plain 0 is one, too.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let duration = humantime::parse_duration(text)
        .map_err(|_| "write a time like 15m, 1h or 90s".to_owned())?;
    if duration > Duration::from_secs(Policy::LONGEST.unsigned_abs()) {
        Err("a year is the longest".into())
    } else {
        Ok(duration)
    }
}

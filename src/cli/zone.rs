//! The zone that times are shown in, as it is typed.

use crate::model::zones::{BadZone, like, named};
use crate::store::SeriesRow;
use chrono_tz::Tz;

/// A zone, or the market's own.
#[derive(Clone, Copy, Debug)]
pub enum Zone {
    Market,
    Named(Tz),
}

impl Zone {
    /// The zone that it means for a series.
    pub fn of(self, series: &SeriesRow) -> Tz {
        match self {
            Zone::Market => series.market().zone(),
            Zone::Named(zone) => zone,
        }
    }
}

impl std::str::FromStr for Zone {
    type Err = String;

    fn from_str(text: &str) -> Result<Zone, String> {
        if text.eq_ignore_ascii_case("market") {
            return Ok(Zone::Market);
        }
        named(text).map(Zone::Named).map_err(|error| match error {
            BadZone::Unknown { text } => format!(
                "write market, utc, local, ET or a zone, like {}",
                like(&text)
            ),
            local @ BadZone::Local(_) => local.to_string(),
        })
    }
}

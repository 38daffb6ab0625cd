//! The zone that times are shown in, as it is typed.

use candlefile::nearest::nearest;
use candlefile::store::SeriesRow;
use chrono_tz::{TZ_VARIANTS, Tz};

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
        let named = TZ_VARIANTS
            .iter()
            .find(|zone| zone.name().eq_ignore_ascii_case(text));
        named.map(|&zone| Zone::Named(zone)).ok_or_else(|| {
            let all = TZ_VARIANTS.iter().map(|zone| zone.name());
            let similar = nearest(text, all, |name| {
                // Most people know the city alone.
                let city = name.rsplit('/').next().unwrap_or(name);
                if text.contains('/') { name } else { city }
            });
            format!("write market, utc or a zone, like {}", similar.join(", "))
        })
    }
}

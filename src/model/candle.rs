//! One OHLCV bar, and what makes it storable or suspicious. No I/O, no knowledge of a provider's format.

use crate::model::market::Market;

/// One candle of a series. The series (symbol and timeframe) is known from where the candle stands.
///
/// Two candles are equal when every value is: that is what makes a candle fetched again a duplicate.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Candle {
    /// Start of the candle in Unix seconds, UTC. Intraday the true instant; for `1d` and longer a label, the first
    /// market date at 00:00Z.
    pub ts: i64,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Traded volume, fractional on real feeds. Absent for indices only.
    pub volume: Option<f64>,
    /// Volume-weighted average price; may lie outside `[low, high]`, since it counts trades that set no price.
    pub vwap: Option<f64>,
    /// Number of trades.
    pub trades: Option<i64>,
}

/// Earliest storable candle start, 1900-01-01T00:00Z: before it market zones had no whole-hour offsets.
pub const MIN_TS: i64 = -2_208_988_800;
/// Exclusive upper bound of candle starts, 2200-01-01T00:00Z.
pub const MAX_TS: i64 = 7_258_118_400;

/// Why a candle cannot be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unstorable {
    /// A price is NaN or infinite.
    #[error("{0} is not a finite number")]
    NotFinite(&'static str),
    /// A required value is absent.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A value that counts something is below zero.
    #[error("{0} is negative")]
    Negative(&'static str),
    /// The start is not where a candle of this timeframe can start.
    #[error("the stamp is off the timeframe's grid")]
    OffGrid,
    /// The start is before 1900 or after 2199.
    #[error("the stamp is absurd")]
    AbsurdStamp,
}

/// A row that cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The candle start, where the stamp could be read.
    pub ts: Option<i64>,
    /// Why.
    pub reason: String,
    /// The row as the provider sent it.
    pub raw: String,
}

impl Candle {
    /// Checks the values (not the stamp's grid) against what the file may hold.
    ///
    /// # Errors
    /// The first value that is missing, not finite or negative where it may not be.
    pub fn storable(&self, market: &Market) -> Result<(), Unstorable> {
        let finite = |name, value: f64| {
            if value.is_finite() {
                Ok(())
            } else {
                Err(Unstorable::NotFinite(name))
            }
        };
        finite("open", self.open)?;
        finite("high", self.high)?;
        finite("low", self.low)?;
        finite("close", self.close)?;
        match self.volume {
            Some(volume) => {
                finite("volume", volume)?;
                if volume < 0.0 {
                    return Err(Unstorable::Negative("volume"));
                }
            }
            None if !market.has_volume() => {}
            None => return Err(Unstorable::Missing("volume")),
        }
        if let Some(vwap) = self.vwap {
            finite("vwap", vwap)?;
        }
        match self.trades {
            Some(trades) if trades < 0 => return Err(Unstorable::Negative("trades")),
            _ => {}
        }
        if (MIN_TS..MAX_TS).contains(&self.ts) {
            Ok(())
        } else {
            Err(Unstorable::AbsurdStamp)
        }
    }

    /// This candle with what another one of the same prices has beside them and it has not. `None` where a value that both have
    /// differs.
    pub(crate) fn completed_by(&self, other: &Candle) -> Option<Candle> {
        fn agree<T: PartialEq>(ours: Option<T>, theirs: Option<T>) -> bool {
            ours.zip(theirs).is_none_or(|(ours, theirs)| ours == theirs)
        }
        let prices = |candle: &Candle| {
            (
                candle.ts,
                candle.open,
                candle.high,
                candle.low,
                candle.close,
            )
        };
        let is_same = prices(self) == prices(other)
            && agree(self.volume, other.volume)
            && agree(self.vwap, other.vwap)
            && agree(self.trades, other.trades);
        is_same.then(|| Candle {
            volume: self.volume.or(other.volume),
            vwap: self.vwap.or(other.vwap),
            trades: self.trades.or(other.trades),
            ..*self
        })
    }

    /// What is odd about a storable candle: pairs of check name and detail, none for nearly all. A `vwap` outside
    /// `[low, high]` is normal on real data and no oddity.
    pub fn suspicions(&self) -> Vec<(&'static str, String)> {
        let (open, high, low, close) = (self.open, self.high, self.low, self.close);
        // The one comparison that a clean candle pays for.
        if low > 0.0 && low <= open && low <= close && high >= open && high >= close {
            return Vec::new();
        }
        let mut found = Vec::new();
        if high < low {
            found.push(("high_below_low", format!("high {high} < low {low}")));
        }
        if open < low || open > high {
            found.push((
                "open_outside_range",
                format!("open {open} outside [{low}, {high}]"),
            ));
        }
        if close < low || close > high {
            found.push((
                "close_outside_range",
                format!("close {close} outside [{low}, {high}]"),
            ));
        }
        for (name, value) in [
            ("open", open),
            ("high", high),
            ("low", low),
            ("close", close),
        ] {
            if value == 0.0 {
                found.push(("zero_price", format!("{name} is 0")));
                break;
            }
        }
        for (name, value) in [
            ("open", open),
            ("high", high),
            ("low", low),
            ("close", close),
        ] {
            if value < 0.0 {
                found.push(("negative_price", format!("{name} {value} < 0")));
                break;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use chrono::Weekday;

    use super::*;
    use crate::model::market::MarketCode;
    use crate::model::timeframe::Timeframe;

    fn of(code: MarketCode) -> Market {
        Market::new(code, Timeframe::Day, Weekday::Sun)
    }

    fn clean() -> Candle {
        let (open, high, low, close) = (10.0, 12.0, 9.0, 11.0);
        Candle {
            ts: 0,
            open,
            high,
            low,
            close,
            volume: Some(1.5),
            vwap: Some(13.0),
            trades: Some(3),
        }
    }

    #[test]
    fn a_missing_volume_is_storable_for_an_index_only() {
        let candle = Candle {
            volume: None,
            ..clean()
        };
        assert_eq!(candle.storable(&of(MarketCode::XCBO)), Ok(()));
        assert_eq!(
            candle.storable(&of(MarketCode::XNYS)),
            Err(Unstorable::Missing("volume"))
        );
    }

    #[test]
    fn numbers_that_are_not_finite_and_negative_counts_are_unstorable() {
        let stock = &of(MarketCode::XNYS);
        assert_eq!(
            Candle {
                open: f64::NAN,
                ..clean()
            }
            .storable(stock),
            Err(Unstorable::NotFinite("open"))
        );
        assert_eq!(
            Candle {
                high: f64::INFINITY,
                ..clean()
            }
            .storable(stock),
            Err(Unstorable::NotFinite("high"))
        );
        assert_eq!(
            Candle {
                volume: Some(-1.0),
                ..clean()
            }
            .storable(stock),
            Err(Unstorable::Negative("volume"))
        );
        assert_eq!(
            Candle {
                trades: Some(-1),
                ..clean()
            }
            .storable(stock),
            Err(Unstorable::Negative("trades"))
        );
        assert_eq!(
            Candle {
                ts: MAX_TS,
                ..clean()
            }
            .storable(stock),
            Err(Unstorable::AbsurdStamp)
        );
    }

    #[test]
    fn a_vwap_outside_the_range_is_no_suspicion() {
        assert!(clean().suspicions().is_empty());
    }

    #[test]
    fn suspicious_candles_name_what_is_odd() {
        let names = |candle: Candle| {
            candle
                .suspicions()
                .into_iter()
                .map(|(name, _)| name)
                .collect::<Vec<_>>()
        };
        assert!(
            names(Candle {
                high: 8.0,
                ..clean()
            })
            .contains(&"high_below_low")
        );
        assert_eq!(
            names(Candle {
                close: 13.0,
                ..clean()
            }),
            ["close_outside_range"]
        );
        assert_eq!(
            names(Candle {
                low: 0.0,
                ..clean()
            }),
            ["zero_price"]
        );
        assert_eq!(
            names(Candle {
                low: -1.0,
                ..clean()
            }),
            ["negative_price"]
        );
    }
}

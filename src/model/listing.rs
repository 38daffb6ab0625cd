//! What is said of a symbol by whoever has its candles, a provider or an import, and recorded with each of its series. Nothing
//! here is read off a symbol's text. No I/O.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;

use crate::model::market::{Grid, MarketCode};
use crate::model::tag::Tag;

/// Where a symbol trades, how its candles are cut, and in what its prices are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Listing {
    /// The market: it decides the zone, the trading hours and when a candle is final.
    pub market: MarketCode,
    /// Where candles of minutes and hours start and end.
    pub grid: Grid,
    /// What the prices are in; `None` where nobody has said.
    pub currency: Option<Currency>,
    /// The last market day on which it can trade: an option's expiry. `None` where no end is known.
    pub last_day: Option<NaiveDate>,
}

impl Listing {
    /// On a market, cut on lines of UTC, in an unknown currency and without an end.
    pub const fn on(market: MarketCode) -> Listing {
        Listing {
            market,
            grid: Grid::Utc,
            currency: None,
            last_day: None,
        }
    }
}

impl From<MarketCode> for Listing {
    fn from(market: MarketCode) -> Listing {
        Listing::on(market)
    }
}

/// What prices are in: an ISO code, or as exchanges write it (`GBp` for pence, `USDT`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency(Tag);

/// Text that is no [`Currency`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no currency: it is three to eight letters or digits, like USD, GBp or USDT")]
pub struct BadCurrency(String);

impl Currency {
    /// As text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for Currency {
    type Err = BadCurrency;

    fn from_str(text: &str) -> Result<Currency, BadCurrency> {
        let is_one =
            (3..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        Tag::of(text)
            .filter(|_| is_one)
            .map(Currency)
            .ok_or_else(|| BadCurrency(text.to_owned()))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl serde::Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What the source has done to the prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Adjustment {
    /// Nothing: 0 in the file.
    #[default]
    Raw,
    /// Adjusted for splits: 1.
    Split,
    /// Adjusted for splits and dividends: 2.
    Total,
}

impl Adjustment {
    /// By whether splits are to be adjusted for.
    pub fn for_splits(wanted: bool) -> Adjustment {
        if wanted {
            Adjustment::Split
        } else {
            Adjustment::Raw
        }
    }

    /// Whether something was done to them, so that a split changes all of the past.
    pub fn is_adjusted(self) -> bool {
        self != Adjustment::Raw
    }

    /// As the file has it.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The one that a file has under a number; `None` for any other.
    pub fn numbered(number: i64) -> Option<Adjustment> {
        [Adjustment::Raw, Adjustment::Split, Adjustment::Total]
            .into_iter()
            .find(|adjustment| i64::from(adjustment.number()) == number)
    }

    /// In a word: `raw`, `split`, `total`.
    pub fn word(self) -> &'static str {
        match self {
            Adjustment::Raw => "raw",
            Adjustment::Split => "split",
            Adjustment::Total => "total",
        }
    }
}

impl fmt::Display for Adjustment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Adjustment::Raw => "raw",
            Adjustment::Split => "adjusted",
            Adjustment::Total => "adjusted for dividends, too",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_is_an_iso_code_or_what_exchanges_write() {
        for text in ["USD", "GBp", "USDT", "ILA"] {
            assert_eq!(
                text.parse::<Currency>().map(|c| c.to_string()),
                Ok(text.to_owned())
            );
        }
        for text in ["", "US", "US D", "DOLLARSUS", "€UR"] {
            assert!(text.parse::<Currency>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_adjustment_has_its_number_in_the_file_and_no_other_is_one() {
        for (number, adjustment) in [
            (0, Adjustment::Raw),
            (1, Adjustment::Split),
            (2, Adjustment::Total),
        ] {
            assert_eq!(Adjustment::numbered(number), Some(adjustment));
        }
        assert_eq!(Adjustment::numbered(3), None);
        assert_eq!(Adjustment::numbered(-1), None);
    }
}

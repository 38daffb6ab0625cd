//! The range a person types, and the span of candles that it means for a series. No I/O; the clock is an argument.

use chrono::{DateTime, Datelike, NaiveDate};

use crate::market::{Market, label_of};
use crate::span::Span;

/// One end of a range as typed: a date of the market zone, or an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    words: String,
    value: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Date(NaiveDate),
    Instant(i64),
}

/// Text that is neither a date nor an instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a date: write YYYY-MM-DD (a day of the market) or an instant like 2024-01-02T14:30:00Z, from 1900 to 2199"
)]
pub struct BadMoment {
    /// The text as it was given.
    pub text: String,
}

/// A range that holds nothing that could be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadRange {
    /// The end is not after the start.
    #[error("the end {end} is before the start {start}")]
    Reversed {
        /// The start as typed.
        start: String,
        /// The end as typed.
        end: String,
    },
    /// Nothing in the range has begun yet.
    #[error("the range from {start} is wholly in the future")]
    Future {
        /// The start as typed.
        start: String,
    },
}

/// A range as typed. Both dates are inclusive, as people say it; an end instant is exclusive; without an end it goes up
/// to now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// Where it begins.
    pub start: Moment,
    /// Where it ends; `None` is now.
    pub end: Option<Moment>,
}

impl std::str::FromStr for Moment {
    type Err = BadMoment;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadMoment {
            text: text.to_owned(),
        };
        let is_plain_date =
            text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let (value, year) = if is_plain_date {
            let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| bad())?;
            (Value::Date(date), date.year())
        } else {
            let instant = DateTime::parse_from_rfc3339(text).map_err(|_| bad())?;
            (Value::Instant(instant.timestamp()), instant.year())
        };
        if !(1900..2200).contains(&year) {
            return Err(bad());
        }
        Ok(Moment {
            words: text.to_owned(),
            value,
        })
    }
}

impl Moment {
    /// The text as typed.
    pub fn words(&self) -> &str {
        &self.words
    }

    /// The first candle that this moment, as a start, asks for.
    pub fn first_candle(&self, market: &Market) -> i64 {
        match self.value {
            Value::Date(date) if market.timeframe().is_label() => market.floor(label_of(date)),
            Value::Date(date) => market.floor(market.midnight(date)),
            Value::Instant(instant) => market.label(instant),
        }
    }

    /// The end of the last candle that this moment, as an end, asks for.
    pub fn last_candle_end(&self, market: &Market) -> i64 {
        match self.value {
            Value::Date(date) if market.timeframe().is_label() => market.next(label_of(date)),
            Value::Date(date) => {
                let midnight = market.midnight(date.succ_opt().unwrap_or(date));
                market.next(midnight - 1)
            }
            Value::Instant(instant) => market.next(market.label(instant - 1)),
        }
    }
}

/// Two ends of the same kind are compared as typed: rounding outward would hide that they are reversed.
pub(crate) fn are_reversed(start: Option<&Moment>, end: Option<&Moment>) -> bool {
    match (start.map(|start| start.value), end.map(|end| end.value)) {
        (Some(Value::Date(start)), Some(Value::Date(end))) => end < start,
        (Some(Value::Instant(start)), Some(Value::Instant(end))) => end <= start,
        _ => false,
    }
}

/// The span from a candle's start up to and with the candle that holds `now`.
pub fn up_to_now(market: &Market, start: i64, now: i64) -> Option<Span> {
    Span::new(start, market.next(market.label(now - 1)))
}

impl Range {
    /// The span that the range means for a market, rounded outward to whole candles, and not beyond the candle that
    /// holds `now`.
    ///
    /// # Errors
    /// A range that is reversed or empty, or that lies wholly in the future.
    pub fn span(&self, market: &Market, now: i64) -> Result<Span, BadRange> {
        let start = self.start.first_candle(market);
        let begun = market.next(market.label(now - 1));
        let end = match &self.end {
            None => begun,
            Some(moment) => {
                let end = moment.last_candle_end(market);
                if end <= start || are_reversed(Some(&self.start), self.end.as_ref()) {
                    return Err(BadRange::Reversed {
                        start: self.start.words.clone(),
                        end: moment.words.clone(),
                    });
                }
                end.min(begun)
            }
        };
        Span::new(start, end).ok_or_else(|| BadRange::Future {
            start: self.start.words.clone(),
        })
    }
}

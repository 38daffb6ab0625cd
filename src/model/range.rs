//! The range a person types, and the span of candles that it means for a series. No I/O; the clock is an argument.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, TimeZone};
use chrono_tz::Tz;

use crate::model::market::{Market, label_of};
use crate::model::span::Span;

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
    /// So long before the market's day that an instant lies in.
    Ago(Back, i64),
    /// As far as there is anything.
    Farthest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Back {
    Days(u64),
    Months(u32),
    ToNewYear,
}

/// The first and the last day that can be named.
const FIRST: NaiveDate = NaiveDate::from_ymd_opt(1900, 1, 1).expect("a date");
const LAST: NaiveDate = NaiveDate::from_ymd_opt(2199, 12, 31).expect("a date");

/// Text that is neither a date nor an instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a date: write YYYY-MM-DD (a day of the market) or an instant like 2024-01-02T14:30:00Z, from 1900 to 2199"
)]
pub struct BadMoment {
    /// The text as it was given.
    pub text: String,
}

/// Text that is no moment, not even one that counts from today.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a date: write YYYY-MM-DD (a day of the market), an instant like 2024-01-02T14:30:00Z, from 1900 to 2199, \
     or 30d, 2w, 6mo, 1y (so long ago), today, ytd or max"
)]
pub struct BadTyped {
    /// The text as it was given.
    pub text: String,
}

/// Where an end lies that is not after its start.
pub(crate) fn side(start: &str, end: &str) -> &'static str {
    if start == end {
        "no later than"
    } else {
        "before"
    }
}

/// A range that holds nothing that could be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadRange {
    /// The end is not after the start.
    #[error("the end {end} is {} the start {start}", side(start, end))]
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
        if !(FIRST.year()..=LAST.year()).contains(&year) {
            return Err(bad());
        }
        Ok(Moment {
            words: text.to_owned(),
            value,
        })
    }
}

impl Moment {
    /// A moment as people type it: also `20240102`, and what counts from the market's day at `now` (Unix seconds): `30d`, `2w`,
    /// `6mo`, `1y` or the same with a minus (so long before today), `today`, `ytd` (since New Year), `max` (as far as there is
    /// anything). Nothing of it goes back beyond 1900.
    ///
    /// # Errors
    /// Text that is none of these.
    pub fn typed(text: &str, now: i64) -> Result<Moment, BadTyped> {
        let moment = |value| Moment {
            words: text.to_owned(),
            value,
        };
        let bad = || BadTyped {
            text: text.to_owned(),
        };
        if text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit()) {
            let date = NaiveDate::parse_from_str(text, "%Y%m%d").map_err(|_| bad())?;
            let known = (FIRST..=LAST).contains(&date);
            return known.then(|| moment(Value::Date(date))).ok_or_else(bad);
        }
        let back = match text.to_ascii_lowercase().as_str() {
            "max" => return Ok(moment(Value::Farthest)),
            "today" => Some(Back::Days(0)),
            "ytd" => Some(Back::ToNewYear),
            text => ago(text.strip_prefix('-').unwrap_or(text)),
        };
        match back {
            Some(back) => Ok(moment(Value::Ago(back, now))),
            None => text.parse().map_err(|_| bad()),
        }
    }

    /// The same, where `max` goes back to this day and no farther.
    #[must_use]
    pub fn not_before(self, first: NaiveDate) -> Moment {
        let value = match self.value {
            Value::Farthest => Value::Date(first),
            value => value,
        };
        Moment { value, ..self }
    }

    /// The text as typed.
    pub fn words(&self) -> &str {
        &self.words
    }

    /// The day of a zone that it is, or lies in; `farthest` is as far as there is anything.
    pub(crate) fn day(&self, zone: Tz, farthest: NaiveDate) -> NaiveDate {
        let day = |instant| {
            zone.timestamp_opt(instant, 0)
                .single()
                .map(|at| at.date_naive())
        };
        match self.value {
            Value::Date(date) => date,
            Value::Instant(instant) => day(instant).unwrap_or(farthest),
            Value::Ago(back, now) => day(now)
                .map_or(FIRST, |today| back.before(today))
                .max(FIRST),
            Value::Farthest => farthest,
        }
    }

    /// The first candle that this moment, as a start, asks for.
    pub fn first_candle(&self, market: &Market) -> i64 {
        match self.on(market, FIRST) {
            Fixed::Date(date) if market.timeframe().is_label() => market.floor(label_of(date)),
            Fixed::Date(date) => market.floor(market.midnight(date)),
            Fixed::Instant(instant) => market.label(instant),
        }
    }

    /// The end of the last candle that this moment, as an end, asks for.
    pub fn last_candle_end(&self, market: &Market) -> i64 {
        match self.on(market, LAST) {
            Fixed::Date(date) if market.timeframe().is_label() => market.next(label_of(date)),
            Fixed::Date(date) => {
                let midnight = market.midnight(date.succ_opt().unwrap_or(date));
                market.next(midnight - 1)
            }
            Fixed::Instant(instant) => market.next(market.label(instant - 1)),
        }
    }

    /// What it is for a market, where `farthest` is as far as there is anything.
    fn on(&self, market: &Market, farthest: NaiveDate) -> Fixed {
        match self.value {
            Value::Date(date) => Fixed::Date(date),
            Value::Instant(instant) => Fixed::Instant(instant),
            Value::Ago(back, now) => Fixed::Date(back.before(market.date(now)).max(FIRST)),
            Value::Farthest => Fixed::Date(farthest),
        }
    }
}

/// A moment on a market.
#[derive(Clone, Copy)]
enum Fixed {
    Date(NaiveDate),
    Instant(i64),
}

impl Back {
    fn before(self, today: NaiveDate) -> NaiveDate {
        let back = match self {
            Back::Days(days) => today.checked_sub_days(Days::new(days)),
            Back::Months(months) => today.checked_sub_months(Months::new(months)),
            Back::ToNewYear => today.with_ordinal(1),
        };
        back.unwrap_or(FIRST)
    }
}

/// How long ago, as it is typed.
fn ago(text: &str) -> Option<Back> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let number: u16 = number.parse().ok()?;
    match unit {
        "d" => Some(Back::Days(number.into())),
        "w" => Some(Back::Days(u64::from(number) * 7)),
        "mo" => Some(Back::Months(number.into())),
        "y" => Some(Back::Months(u32::from(number) * 12)),
        _ => None,
    }
}

/// Two ends of the same kind are compared as typed: rounding outward would hide that they are reversed.
pub(crate) fn are_reversed(market: &Market, start: Option<&Moment>, end: Option<&Moment>) -> bool {
    let start = start.map(|start| start.on(market, FIRST));
    match (start, end.map(|end| end.on(market, LAST))) {
        (Some(Fixed::Date(start)), Some(Fixed::Date(end))) => end < start,
        (Some(Fixed::Instant(start)), Some(Fixed::Instant(end))) => end <= start,
        _ => false,
    }
}

/// The span from a candle's start up to and with the candle that holds `now`.
pub fn up_to_now(market: &Market, start: i64, now: i64) -> Option<Span> {
    Span::new(start, market.next(market.label(now - 1)))
}

impl Range {
    /// The same, where `max` goes back to this day and no farther.
    #[must_use]
    pub fn not_before(self, first: NaiveDate) -> Range {
        Range {
            start: self.start.not_before(first),
            ..self
        }
    }

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
                if end <= start || are_reversed(market, Some(&self.start), self.end.as_ref()) {
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

#[cfg(test)]
mod tests {
    use chrono::Weekday;

    use super::*;
    use crate::model::market::MarketCode;
    use crate::model::timeframe::Timeframe;

    #[test]
    fn what_counts_from_today_counts_from_the_markets_day() {
        // 2024-03-01 02:00Z: in New York the 29th of February is not over.
        let now = 1_709_258_400;
        let first = |code: MarketCode, text: &str| {
            let market = Market::new(code, Timeframe::Day, Weekday::Sun);
            let moment = Moment::typed(text, now).expect("a moment");
            crate::model::market::date_of(moment.first_candle(&market)).to_string()
        };
        for (text, stock, crypto) in [
            ("today", "2024-02-29", "2024-03-01"),
            ("1d", "2024-02-28", "2024-02-29"),
            ("-1w", "2024-02-22", "2024-02-23"),
            ("3mo", "2023-11-29", "2023-12-01"),
            ("1y", "2023-02-28", "2023-03-01"),
            ("YTD", "2024-01-01", "2024-01-01"),
            ("65535y", "1900-01-01", "1900-01-01"),
            ("max", "1900-01-01", "1900-01-01"),
            ("20240102", "2024-01-02", "2024-01-02"),
            ("2024-01-02", "2024-01-02", "2024-01-02"),
        ] {
            assert_eq!(first(MarketCode::XNYS, text), stock, "{text}");
            assert_eq!(first(MarketCode::ALWAYS, text), crypto, "{text}");
        }
        for text in [
            "18991231", "22000101", "1M", "--1d", "1 d", "٣d", "\u{e9}d", "12345", "00000000",
        ] {
            assert!(Moment::typed(text, now).is_err(), "{text}");
        }
    }
}

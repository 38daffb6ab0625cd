//! What a stretch without a candle is measured in: days with trading hours, and for weeks and months whole candles.

use chrono::NaiveDate;

use super::{DAY, Market, Policy, label_of, minus_days, plus_days};
use crate::model::span::{Span, SpanSet};
use crate::model::timeframe::Timeframe;

/// Shorter ones are halts, and closures that no calendar knows yet.
const DAYS: usize = 3;
/// A market without trading hours for so many days has come to its end.
const REST: u64 = 31;

impl Market {
    /// From how many slots on a stretch without a candle is told.
    pub fn telling_slots(&self) -> usize {
        match self.timeframe {
            Timeframe::Week | Timeframe::Month => 1,
            Timeframe::Minutes(_) | Timeframe::Hours(_) | Timeframe::Day => DAYS,
        }
    }

    /// The years of which is known on which days there is trading: elsewhere no stretch without a candle is told.
    pub(crate) fn known_years(&self) -> Span {
        let years = self.calendar.and_then(|calendar| {
            let (first, after) = (calendar.first(), plus_days(calendar.last(), 1));
            if self.timeframe.is_label() {
                return Span::new(label_of(first), label_of(after));
            }
            Span::new(self.midnight(first), self.midnight(after))
        });
        years.unwrap_or(Span::EVERYTHING)
    }

    /// The first slot that begins at or after a position: the candles of a market day, its label for `1d`, a whole candle of `1w` and `1mo`. `None` where nothing trades any more.
    pub fn slot_from(&self, position: i64) -> Option<Span> {
        if matches!(self.timeframe, Timeframe::Week | Timeframe::Month) {
            let start = self.first_from(position);
            self.trading_close(start)?;
            return Span::new(start, self.next(start));
        }
        // No market rests for longer.
        let date = self.day_of(position);
        (0..REST)
            .filter_map(|days| self.day_slot(plus_days(date, days)))
            .find(|slot| slot.start() >= position)
    }

    /// Whether there are trading hours in a span.
    pub fn trades_within(&self, span: Span) -> bool {
        let last = self.last_trading_candle_before(span.end());
        last.is_some_and(|last| last >= span.start())
            || self
                .slot_from(span.start())
                .is_some_and(|slot| slot.start() < span.end())
    }

    /// The same spans, with those joined between which there are no trading hours: however the requests were cut, nothing is
    /// missing there.
    pub fn bridged(&self, spans: &SpanSet) -> SpanSet {
        let ends = spans.iter().zip(spans.iter().skip(1));
        let gaps = ends.filter_map(|(a, b)| Span::new(a.end(), b.start()));
        spans.union(&gaps.filter(|&gap| !self.trades_within(gap)).collect())
    }

    /// What is to be said of a span without trading hours.
    pub fn no_session(&self, span: Span) -> String {
        match self.last_day {
            Some(day) if self.lifetime_of(span).is_none() => format!("it expired on {day}"),
            _ => format!("{} do not trade then", self.hours.plural()),
        }
    }

    /// The candles of a market day, without one that holds hours of the day before or after as well: it is there where
    /// either day has any.
    pub(crate) fn day_slot(&self, date: NaiveDate) -> Option<Span> {
        if self.timeframe.is_label() {
            let is_day = self.trades_on(date);
            return is_day.then(|| Span::new(label_of(date), label_of(date) + DAY))?;
        }
        let (open, close) = self.trading_hours(date)?;
        let (first, last) = (self.floor(open), self.floor(close - 1));
        let before = self.trading_hours(minus_days(date, 1));
        let after = self.trading_hours(plus_days(date, 1));
        let start = match before {
            Some((_, close)) if close > first => self.next(first),
            _ => first,
        };
        let end = match after {
            Some((open, _)) if open < self.next(last) => last,
            _ => self.next(last),
        };
        Span::new(start, end)
    }

    /// The last market day whose trading hours are over, so that their candles count as closed.
    pub(crate) fn last_closed_session(&self, now: i64, policy: Policy) -> Option<NaiveDate> {
        let back = (0..REST).map(|days| minus_days(self.date(now), days));
        { back }.find(|&date| {
            let hours = self.trading_hours(date);
            hours.is_some_and(|(_, close)| close + policy.delay <= now)
        })
    }

    /// From a position to the end of a market day, or of the last before it with trading hours; of `1w` and `1mo` to the end of
    /// the last candle that ends by then. `None` where nothing lies between.
    pub(crate) fn through(&self, start: i64, date: NaiveDate) -> Option<Span> {
        if self.timeframe.is_label() {
            return Span::new(start, self.floor(label_of(date) + DAY));
        }
        let mut back = (0..REST).map(|days| minus_days(date, days));
        let (_, close) = back.find_map(|date| self.trading_hours(date))?;
        Span::new(start, close)
    }

    /// The start of the first candle at or after a position.
    fn first_from(&self, position: i64) -> i64 {
        let start = self.floor(position);
        if start < position {
            self.next(position)
        } else {
            start
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::Weekday;

    use super::*;
    use crate::model::market::MarketCode;

    fn market(code: MarketCode, timeframe: &str) -> Market {
        Market::new(code, timeframe.parse().expect("a timeframe"), Weekday::Sun)
    }

    fn label(month: u32, day: u32) -> i64 {
        label_of(NaiveDate::from_ymd_opt(2024, month, day).expect("a date"))
    }

    #[test]
    fn a_slot_of_minutes_is_a_day_of_trading_hours_that_begins_later() {
        // New York is five hours behind in January: 04:00 is 09:00Z.
        let minutes = market(MarketCode::XNYS, "1m");
        let friday = label(1, 5) + 9 * 3600;
        let slot = minutes.slot_from(friday).expect("a slot");
        assert_eq!((slot.start(), slot.seconds()), (friday, 16 * 3600));
        let slot = minutes.slot_from(friday + 60).expect("a slot");
        assert_eq!(slot.start(), friday + 3 * DAY);
    }

    #[test]
    fn a_candle_that_two_days_share_belongs_to_neither() {
        let hour = |day: u32, hour: i64| label(1, day) + hour * 3600;
        // Chicago's midnight is 06:00Z in January, New York's evening ends at 01:00Z. Tuesday is the 9th.
        for (code, timeframe, start, end) in [
            (MarketCode::XCBO, "1h", hour(9, 6), hour(10, 6)),
            (MarketCode::XCBO, "4h", hour(9, 8), hour(10, 4)),
            (MarketCode::XCBO, "12h", hour(9, 12), hour(10, 0)),
            (MarketCode::XNYS, "4h", hour(9, 8), hour(10, 4)),
            (MarketCode::XNYS, "12h", hour(9, 12), hour(10, 0)),
            (MarketCode::ALWAYS, "12h", hour(9, 0), hour(10, 0)),
        ] {
            let market = market(code, timeframe);
            let found = market.slot_from(start).expect("a slot");
            assert_eq!(
                (found.start(), found.end()),
                (start, end),
                "{code} {timeframe}"
            );
            let next = market.slot_from(start + 1).expect("a slot");
            assert_eq!(next.start(), start + DAY, "{code} {timeframe}");
        }
    }

    #[test]
    fn a_slot_of_longer_candles_is_a_label() {
        let days = market(MarketCode::XNYS, "1d");
        assert_eq!(
            days.slot_from(label(1, 6)).map(Span::start),
            Some(label(1, 8))
        );
        let weeks = market(MarketCode::XNYS, "1w");
        assert_eq!(
            weeks.slot_from(label(1, 1)),
            Span::new(label(1, 7), label(1, 14))
        );
        let months = market(MarketCode::XNYS, "1mo");
        assert_eq!(
            months.slot_from(label(1, 1)),
            Span::new(label(1, 1), label(2, 1))
        );
    }
}

//! When a candle is closed, and when the provider no longer revises it. Both never fall from one candle to the next.

use chrono::{Datelike, NaiveDate, NaiveTime, Weekday};
use chrono_tz::Tz;

use super::code::Hours;
use super::{DAY, HOUR, MINUTE, Market, date_of, instant_of, minus_days, plus_days};
use crate::model::calendar::Calendar;
use crate::model::timeframe::Timeframe;

/// Seconds after its last trading hour from which a candle counts as closed, unless told otherwise: slower
/// plans publish 15 minutes late.
pub const DEFAULT_DELAY: i64 = 15 * MINUTE;
/// A crypto or forex candle is final this long after its end.
const ALWAYS_OPEN_FINAL_AFTER: i64 = HOUR;
/// A stock or index candle is final at this market hour of the next calendar day: the files of a day's revised bars
/// appear around 11:00 New York the day after.
const FINAL_HOUR: u32 = 12;
/// Forex trades from Sunday to Friday, from and to this hour of New York.
const FOREX_ZONE: Tz = chrono_tz::America::New_York;
const FOREX_TURN: NaiveTime = NaiveTime::from_hms_opt(17, 0, 0).expect("a time of day");
/// An absent tail younger than this proves nothing: delayed plans and late publication look the same.
const TAIL_PROVES_AFTER: i64 = 7 * DAY;

/// When a candle counts as closed and as final. Neither wait is negative nor longer than [`Policy::LONGEST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// Seconds from the last trading hour to closed (`--delay`).
    pub delay: i64,
    /// Seconds from the last trading hour to final, in place of the market's rule (`--final-after`).
    pub final_after: Option<i64>,
}

impl Policy {
    /// The longest wait there is, in seconds: a year.
    pub const LONGEST: i64 = 366 * DAY;
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            delay: DEFAULT_DELAY,
            final_after: None,
        }
    }
}

/// What is closed and what is final at one instant: both are candle starts, and everything before them is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frontier {
    /// The first candle that is not closed.
    pub closed: i64,
    /// The first candle that is not final; never after `closed`.
    pub settled: i64,
    /// Coverage may reach here (at most) on the word of an absent tail alone.
    pub tail_proven: i64,
}

impl Market {
    /// The end of the last trading hour within a candle, as an instant; `None` where none can exist.
    pub fn trading_close(&self, ts: i64) -> Option<i64> {
        let end = self.end_instant(ts);
        let start = if self.timeframe.is_label() {
            self.midnight(date_of(ts))
        } else {
            ts
        };
        let (first, mut day) = (self.date(start), self.date(end - 1));
        // What opens in an evening is the session of the next date, and of that date's label.
        if !self.timeframe.is_label()
            && self
                .calendar
                .is_some_and(Calendar::opens_the_evening_before)
        {
            day = plus_days(day, 1);
        }
        while day >= first {
            if let Some((open, close)) = self.trading_hours(day)
                && close > start
                && open < end
            {
                return Some(end.min(close));
            }
            day = minus_days(day, 1);
        }
        None
    }

    /// Whether a candle lies where none can exist by the trading hours: a stock's on a Sunday, on a holiday or at night. Of
    /// years that no calendar knows nothing is said.
    pub fn is_off_session(&self, ts: i64) -> bool {
        self.calendar
            .is_none_or(|calendar| calendar.knows(self.day_of(ts)))
            && self.trading_close(ts).is_none()
    }

    /// The instant from which a candle counts as closed.
    pub fn closed_at(&self, ts: i64, policy: Policy) -> i64 {
        self.last_instant(ts) + policy.delay
    }

    /// The instant from which the provider no longer revises a candle.
    pub fn final_at(&self, ts: i64, policy: Policy) -> i64 {
        let close = self.last_instant(ts);
        let settled = match (policy.final_after, self.hours) {
            (Some(after), _) => close + after,
            // Forex has ticks after its last trading hour, too: recorded.
            (None, Hours::Always | Hours::Forex | Hours::Unknown) => {
                self.end_instant(ts) + ALWAYS_OPEN_FINAL_AFTER
            }
            (None, Hours::Stocks | Hours::Indices | Hours::Exchange) => {
                self.at_hour(plus_days(self.date(close - 1), 1), FINAL_HOUR)
            }
        };
        settled.max(close + policy.delay)
    }

    /// What is closed and final at `now`.
    pub fn frontier(&self, now: i64, policy: Policy) -> Frontier {
        let settled = self.first_later(now, |ts| self.final_at(ts, policy));
        Frontier {
            closed: self.first_later(now, |ts| self.closed_at(ts, policy)),
            settled,
            tail_proven: self.label(now - TAIL_PROVES_AFTER).min(settled),
        }
    }

    /// The last candle with trading hours that starts before a position, if there is one within ten days of it.
    pub fn last_trading_candle_before(&self, position: i64) -> Option<i64> {
        let oldest = position - 10 * DAY - self.candle_bound();
        let mut ts = self.floor(position - 1);
        while ts >= oldest {
            if self.trading_close(ts).is_some() {
                return Some(ts);
            }
            ts = self.floor(self.idle_since(ts) - 1);
        }
        None
    }

    /// How many market days with trading hours lie after one day, up to and with another; counted up to `most`.
    pub fn trading_days(&self, after: NaiveDate, until: NaiveDate, most: usize) -> usize {
        let days = after.iter_days().skip(1).take_while(|&day| day <= until);
        days.filter(|&day| self.trading_hours(day).is_some())
            .take(most)
            .count()
    }

    /// The last market day that a candle reaches into.
    pub fn last_date(&self, ts: i64) -> NaiveDate {
        self.date(self.end_instant(ts) - 1)
    }

    /// First and last instant of a market date's trading hours, Unix seconds, the last exclusive; `None` on days without.
    /// Everything that asks from when to when a market trades asks here; where the day alone counts it is `trades_on`.
    pub fn trading_hours(&self, date: NaiveDate) -> Option<(i64, i64)> {
        if !self.trades_on(date) {
            return None;
        }
        // Between the sessions from which its candles are cut there is none of them.
        if let Some(session) = self.session(date) {
            return Some(session);
        }
        let day = || (self.midnight(date), self.midnight(plus_days(date, 1)));
        Some(match self.hours {
            Hours::Always | Hours::Indices | Hours::Unknown => day(),
            Hours::Forex => {
                let turn = || instant_of(FOREX_ZONE, date.and_time(FOREX_TURN));
                match date.weekday() {
                    Weekday::Sun => (turn(), day().1),
                    Weekday::Fri => (day().0, turn()),
                    _ => day(),
                }
            }
            Hours::Stocks | Hours::Exchange => return self.calendar?.trading_hours(date),
        })
    }

    /// Whether a market date has trading hours.
    pub(crate) fn trades_on(&self, date: NaiveDate) -> bool {
        self.last_day.is_none_or(|last| date <= last)
            && match (self.hours, self.calendar) {
                (Hours::Forex, _) => date.weekday() != Weekday::Sat,
                (_, Some(calendar)) => calendar.trades_on(date),
                (_, None) => true,
            }
    }

    /// The start of the stretch without trading hours that an idle candle lies in, not before its market date.
    fn idle_since(&self, ts: i64) -> i64 {
        if self.timeframe.is_label() {
            return ts;
        }
        let date = self.date(ts);
        match self.trading_hours(date) {
            Some((_, close)) if ts >= close => close,
            _ => self.midnight(date).min(ts),
        }
    }

    /// The end of a candle's last trading hour, or of the candle where it has none.
    fn last_instant(&self, ts: i64) -> i64 {
        self.trading_close(ts)
            .unwrap_or_else(|| self.end_instant(ts))
    }

    /// The first candle whose moment is after `now`. `moment` never falls from one candle to the next.
    fn first_later(&self, now: i64, moment: impl Fn(i64) -> i64) -> i64 {
        let mut high = self.next(self.label(now));
        while moment(high) <= now {
            high = self.next(high);
        }
        let mut back = self.candle_bound();
        let mut low = self.floor(high - back);
        while moment(low) > now {
            high = low;
            back *= 2;
            low = self.floor(low - back);
        }
        while self.next(low) < high {
            let middle = self.floor(low + (high - low) / 2).max(self.next(low));
            if moment(middle) <= now {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    }

    /// An upper bound of a candle's length in seconds.
    fn candle_bound(&self) -> i64 {
        match self.timeframe {
            Timeframe::Minutes(_) | Timeframe::Hours(_) | Timeframe::Day => DAY,
            Timeframe::Week => 7 * DAY,
            Timeframe::Month => 31 * DAY,
        }
    }
}

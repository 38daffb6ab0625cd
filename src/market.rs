//! When candles of a series start, close and become final. Pure arithmetic over market zones; the clock is an argument.
//!
//! Two kinds of time meet here. *Instants* are UTC seconds. *Positions* are what `ts` holds: the instant itself for
//! intraday timeframes, the label (market date at 00:00Z) for `1d` and longer.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, Offset, TimeZone, Timelike, Weekday};
use chrono_tz::Tz;

use crate::span::Span;
use crate::symbol::AssetClass;
use crate::timeframe::Timeframe;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Seconds after its last trading hour from which a candle counts as closed, unless told otherwise: Polygon's slower
/// plans publish 15 minutes late.
pub const DEFAULT_DELAY: i64 = 15 * MINUTE;

/// A crypto or forex candle is final this long after its end.
const ALWAYS_OPEN_FINAL_AFTER: i64 = HOUR;
/// A stock or index candle is final at this market hour of the next day: Massive's flat files of a day, which hold the
/// revised bars, appear around 11:00 New York the day after.
const FINAL_HOUR: u32 = 12;
/// US stocks trade from here to [`STOCK_CLOSE_HOUR`], New York, pre-market and after hours included.
const STOCK_OPEN_HOUR: u32 = 4;
const STOCK_CLOSE_HOUR: u32 = 20;
/// An absent tail younger than this proves nothing: delayed plans and late publication look the same.
const TAIL_PROVES_AFTER: i64 = 7 * DAY;

/// Days of a cell for minutes and hours, sized so that one page of 50,000 base bars holds it:
/// 52 trading days x 960 minutes = 49,920 for stocks, 34 x 1440 = 48,960 for the rest.
const STOCK_CELL_DAYS: i64 = 75;
const OTHER_CELL_DAYS: i64 = 34;

/// Where and in what steps a series lives: asset class, timeframe, and the weekday that begins its weeks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Market {
    class: AssetClass,
    timeframe: Timeframe,
    week_start: Weekday,
}

/// When a candle counts as closed and as final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Seconds from the last trading hour to closed (`--delay`).
    pub delay: i64,
    /// Seconds from the last trading hour to final, in place of the asset class's rule (`--final-after`).
    pub final_after: Option<i64>,
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
    /// The market of a series; `week_start` is the provider's.
    pub fn new(class: AssetClass, timeframe: Timeframe, week_start: Weekday) -> Market {
        Market {
            class,
            timeframe,
            week_start,
        }
    }

    /// The asset class.
    pub fn class(&self) -> AssetClass {
        self.class
    }

    /// The timeframe.
    pub fn timeframe(&self) -> Timeframe {
        self.timeframe
    }

    /// The zone whose midnight begins the provider's day. Recorded on Polygon: stocks New York, indices Chicago, crypto
    /// and forex UTC.
    pub fn zone(&self) -> Tz {
        match self.class {
            AssetClass::Stock => chrono_tz::America::New_York,
            AssetClass::Index => chrono_tz::America::Chicago,
            AssetClass::Crypto | AssetClass::Forex => chrono_tz::UTC,
        }
    }

    /// The market date of an instant.
    pub fn date(&self, instant: i64) -> NaiveDate {
        self.local(instant).date_naive()
    }

    /// The instant at which a market date begins.
    pub fn midnight(&self, date: NaiveDate) -> i64 {
        self.at_hour(date, 0)
    }

    /// The position at which the market day of an instant begins.
    pub fn day_start(&self, instant: i64) -> i64 {
        let today = self.date(instant);
        if self.timeframe.is_label() {
            label_of(today)
        } else {
            self.midnight(today)
        }
    }

    /// The position of an instant: itself, or the label of its market date, floored to the candle that holds it.
    ///
    /// A provider's stamp becomes a candle start this way for `1d` and longer, whatever instant of the day it is.
    pub fn label(&self, instant: i64) -> i64 {
        self.floor(self.position(instant))
    }

    /// The start of the candle that holds a position.
    pub fn floor(&self, position: i64) -> i64 {
        match self.timeframe {
            Timeframe::Minutes(n) => position - position.rem_euclid(i64::from(n) * MINUTE),
            Timeframe::Hours(n) => {
                let mut hour = position - position.rem_euclid(HOUR);
                while !self.begins_hours(hour, n) {
                    hour -= HOUR;
                }
                hour
            }
            Timeframe::Day => position - position.rem_euclid(DAY),
            Timeframe::Week => {
                let date = date_of(position);
                let back = date.weekday().days_since(self.week_start);
                label_of(date) - i64::from(back) * DAY
            }
            Timeframe::Month => label_of(first_of_month(date_of(position))),
        }
    }

    /// The start of the first candle after a position; for a candle start, where that candle ends.
    pub fn next(&self, position: i64) -> i64 {
        match self.timeframe {
            Timeframe::Minutes(n) => self.floor(position) + i64::from(n) * MINUTE,
            Timeframe::Hours(n) => {
                let mut hour = position - position.rem_euclid(HOUR) + HOUR;
                while !self.begins_hours(hour, n) {
                    hour += HOUR;
                }
                hour
            }
            Timeframe::Day => self.floor(position) + DAY,
            Timeframe::Week => self.floor(position) + 7 * DAY,
            Timeframe::Month => {
                let first = first_of_month(date_of(position));
                label_of(first_of_month(plus_days(first, 31)))
            }
        }
    }

    /// The instant at which a candle ends; a label's is the market midnight of the day after its last.
    pub fn end_instant(&self, ts: i64) -> i64 {
        let end = self.next(ts);
        if self.timeframe.is_label() {
            self.midnight(date_of(end))
        } else {
            end
        }
    }

    /// The end of the last trading hour within a candle, as an instant; `None` where none can exist.
    pub fn trading_close(&self, ts: i64) -> Option<i64> {
        if !self.timeframe.is_label() {
            let date = self.date(ts);
            let (open, close) = self.trading_hours(date)?;
            let end = self.next(ts).min(close);
            return (end > ts.max(open)).then_some(end);
        }
        let (first, mut day) = (date_of(ts), date_of(self.next(ts)));
        while day > first {
            day = minus_days(day, 1);
            if let Some((_, close)) = self.trading_hours(day) {
                return Some(close);
            }
        }
        None
    }

    /// The instant from which a candle counts as closed.
    pub fn closed_at(&self, ts: i64, policy: Policy) -> i64 {
        self.last_instant(ts) + policy.delay
    }

    /// The instant from which the provider no longer revises a candle.
    pub fn final_at(&self, ts: i64, policy: Policy) -> i64 {
        let close = self.last_instant(ts);
        let settled = match (policy.final_after, self.class) {
            (Some(after), _) => close + after,
            (None, AssetClass::Crypto | AssetClass::Forex) => close + ALWAYS_OPEN_FINAL_AFTER,
            (None, AssetClass::Stock | AssetClass::Index) => {
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

    /// Cuts a span at this market's cell lines: midnights, every 75 days for stocks and 34 for the rest, counted from
    /// 1970-01-01. Days and longer are one cell for all time.
    pub fn cut_at_cells(&self, span: Span) -> Vec<Span> {
        if self.timeframe.is_label() {
            return vec![span];
        }
        let days = if self.class == AssetClass::Stock {
            STOCK_CELL_DAYS
        } else {
            OTHER_CELL_DAYS
        };
        let mut cuts = Vec::new();
        let mut from = span.start();
        while from < span.end() {
            let day = label_of(self.date(from)).div_euclid(DAY);
            let line = self.midnight(date_of((day.div_euclid(days) + 1) * days * DAY));
            let to = line.min(span.end());
            cuts.extend(Span::new(from, to));
            from = to;
        }
        cuts
    }

    /// How many candles can exist in a span by the trading hours: an upper bound for estimates.
    pub fn expected_candles(&self, span: Span) -> i64 {
        let open_days = |days: i64| match self.class {
            AssetClass::Stock | AssetClass::Index => (days * 5 + 6) / 7,
            AssetClass::Crypto | AssetClass::Forex => days,
        };
        let days = (span.seconds() + DAY - 1) / DAY;
        let open_minutes = match self.class {
            AssetClass::Stock => i64::from(STOCK_CLOSE_HOUR - STOCK_OPEN_HOUR) * 60,
            _ => 24 * 60,
        };
        let per_day = |minutes: i64| {
            (open_minutes / minutes).min((span.seconds() / (minutes * MINUTE)).max(1))
        };
        match self.timeframe {
            Timeframe::Minutes(n) => open_days(days) * per_day(i64::from(n)),
            Timeframe::Hours(n) => open_days(days) * per_day(i64::from(n) * 60),
            Timeframe::Day => open_days(days),
            Timeframe::Week => days / 7,
            Timeframe::Month => (days / 30).max(1),
        }
    }

    /// The position of an instant, not floored to a candle.
    fn position(&self, instant: i64) -> i64 {
        if self.timeframe.is_label() {
            label_of(self.date(instant))
        } else {
            instant
        }
    }

    fn local(&self, instant: i64) -> DateTime<Tz> {
        self.zone()
            .timestamp_opt(instant, 0)
            .earliest()
            .unwrap_or(DateTime::<chrono::Utc>::UNIX_EPOCH.with_timezone(&self.zone()))
    }

    /// The instant of a local hour. Market zones have no shift at midnight, noon or trading hours' ends; elsewhere the
    /// earlier reading is taken, and a skipped hour is read with the offset before the shift.
    fn at_hour(&self, date: NaiveDate, hour: u32) -> i64 {
        let local = date.and_time(NaiveTime::MIN) + chrono::Duration::hours(i64::from(hour));
        match self.zone().from_local_datetime(&local).earliest() {
            Some(instant) => instant.timestamp(),
            None => {
                local.and_utc().timestamp()
                    - i64::from(
                        self.zone()
                            .offset_from_utc_datetime(&local)
                            .fix()
                            .local_minus_utc(),
                    )
            }
        }
    }

    /// Whether a candle of N hours begins at this full hour: N-hour steps of the market's wall clock from midnight. On
    /// the days of a shift the candle that holds it is an hour shorter or longer.
    fn begins_hours(&self, instant: i64, n: u32) -> bool {
        n == 1 || self.local(instant).hour().is_multiple_of(n)
    }

    /// First and last instant of a market date's trading hours; `None` on days without.
    fn trading_hours(&self, date: NaiveDate) -> Option<(i64, i64)> {
        let weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
        match self.class {
            AssetClass::Stock if !weekend => Some((
                self.at_hour(date, STOCK_OPEN_HOUR),
                self.at_hour(date, STOCK_CLOSE_HOUR),
            )),
            AssetClass::Index if !weekend => {
                Some((self.midnight(date), self.midnight(plus_days(date, 1))))
            }
            AssetClass::Stock | AssetClass::Index => None,
            AssetClass::Crypto | AssetClass::Forex => {
                Some((self.midnight(date), self.midnight(plus_days(date, 1))))
            }
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

/// The date that a label stands for, or the UTC date of an instant.
pub fn date_of(label: i64) -> NaiveDate {
    DateTime::from_timestamp(label, 0)
        .unwrap_or_default()
        .date_naive()
}

/// The label of a date: its 00:00Z.
pub fn label_of(date: NaiveDate) -> i64 {
    date.and_time(NaiveTime::MIN).and_utc().timestamp()
}

fn first_of_month(date: NaiveDate) -> NaiveDate {
    date.with_day(1).unwrap_or(date)
}

fn plus_days(date: NaiveDate, days: u64) -> NaiveDate {
    date.checked_add_days(Days::new(days))
        .unwrap_or(NaiveDate::MAX)
}

fn minus_days(date: NaiveDate, days: u64) -> NaiveDate {
    date.checked_sub_days(Days::new(days))
        .unwrap_or(NaiveDate::MIN)
}

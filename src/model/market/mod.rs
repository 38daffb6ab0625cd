//! When candles of a series start, close and become final. Pure arithmetic over market zones; the clock is an argument.
//!
//! Two kinds of time meet here. *Instants* are UTC seconds. *Positions* are what `ts` holds: the instant itself for
//! intraday timeframes, the label (market date at 00:00Z) for `1d` and longer.

mod cells;
mod code;
mod days;
mod finality;
mod grid;
mod slots;

pub use cells::Cells;
pub use code::{BadMarketCode, MarketCode};
pub(crate) use days::instant_of;
pub use days::{date_of, label_of};
pub use finality::{DEFAULT_DELAY, Frontier, Policy};
pub use grid::{BadGrid, Grid, Offset, OtherGrid};

use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeZone, Weekday};
use chrono_tz::Tz;

use code::Hours;
use days::{first_of_month, minus_days, plus_days};

use crate::model::calendar::Calendar;
use crate::model::listing::Listing;
use crate::model::span::Span;
use crate::model::timeframe::Timeframe;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A stamp of a day or longer that lies at most this long before a midnight means the day that begins: mistakes with
/// daylight saving put stamps at 23:00 of the evening before, for half of a year.
const EARLY_STAMP: i64 = 2 * HOUR;

/// Where and in what steps a series lives: when its market trades, the grid of its candles, timeframe, the weekday that begins
/// its weeks, the last day of what comes to an end, and the cells in which it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Market {
    code: MarketCode,
    hours: Hours,
    /// On which days, where it has sessions.
    calendar: Option<&'static Calendar>,
    grid: Grid,
    timeframe: Timeframe,
    week_start: Weekday,
    last_day: Option<NaiveDate>,
    cells: Cells,
}

/// What of a series this build does not know, so that it can be read and not filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// When its market trades.
    Market(MarketCode),
    /// Where its candles start and end.
    Grid(Grid),
    /// Where the sessions are, from which its candles are cut.
    GridOf(Grid, MarketCode),
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unknown::Market(market) => write!(f, "the market {market}"),
            Unknown::Grid(grid) => write!(f, "the grid {grid}"),
            Unknown::GridOf(grid, market) => write!(f, "the grid {grid} of the market {market}"),
        }
    }
}

impl Market {
    /// The market of a series, by what is said of its symbol; `week_start` is the provider's. After the last day it has no
    /// trading hours any more. Its cells are [those of 50,000 minutes](Cells::of_50_000_minutes).
    pub fn new(listing: impl Into<Listing>, timeframe: Timeframe, week_start: Weekday) -> Market {
        let listing = listing.into();
        let (hours, calendar) = listing.market.hours();
        let market = Market {
            code: listing.market,
            hours,
            calendar,
            grid: listing.grid,
            timeframe,
            week_start,
            last_day: listing.last_day,
            cells: Cells::ENDLESS,
        };
        market.in_cells(Cells::of_50_000_minutes(&market))
    }

    /// What of it this build does not know; whatever else is asked is a guess then.
    pub fn unknown(&self) -> Option<Unknown> {
        match (self.hours, self.grid) {
            (Hours::Unknown, _) => Some(Unknown::Market(self.code)),
            _ if self.knows_its_grid() => None,
            (_, Grid::Other(_)) => Some(Unknown::Grid(self.grid)),
            _ => Some(Unknown::GridOf(self.grid, self.code)),
        }
    }

    /// The part of a span in which a candle can still begin: up to and with the one that holds the end of the last day.
    pub fn lifetime_of(&self, span: Span) -> Option<Span> {
        let Some(last_day) = self.last_day else {
            return Some(span);
        };
        let last = self.midnight(plus_days(last_day, 1)) - 1;
        let end = self.next(self.position(last));
        Span::new(span.start(), span.end().min(end))
    }

    /// Whether its last day has passed.
    pub(crate) fn has_ended(&self, now: i64) -> bool {
        self.last_day.is_some_and(|last| self.date(now) > last)
    }

    /// The calendar code.
    pub fn code(&self) -> MarketCode {
        self.code
    }

    /// Whether its candles have a volume: those of indices may be without.
    pub fn has_volume(&self) -> bool {
        !matches!(self.hours, Hours::Indices | Hours::Unknown)
    }

    /// Whether it always trades, so that a day without a candle is no holiday.
    pub fn always_trades(&self) -> bool {
        self.hours == Hours::Always
    }

    /// The weekday that begins its weeks.
    pub(crate) fn week_start(&self) -> Weekday {
        self.week_start
    }

    /// The timeframe.
    pub fn timeframe(&self) -> Timeframe {
        self.timeframe
    }

    /// The zone whose midnight begins the provider's day, as recorded: stocks New York, indices Chicago, crypto and forex
    /// UTC; elsewhere the exchange's.
    pub fn zone(&self) -> Tz {
        self.calendar.map_or(chrono_tz::UTC, Calendar::zone)
    }

    /// The market date of an instant.
    pub fn date(&self, instant: i64) -> NaiveDate {
        self.local(instant).date_naive()
    }

    /// The market date of a position: a label's own, or the date of an instant.
    pub fn day_of(&self, position: i64) -> NaiveDate {
        if self.timeframe.is_label() {
            date_of(position)
        } else {
            self.date(position)
        }
    }

    /// The instant at which a market date begins.
    pub fn midnight(&self, date: NaiveDate) -> i64 {
        self.at_hour(date, 0)
    }

    /// The start of the candle that the market day of an instant begins in: its label, or the candle that holds its
    /// midnight.
    pub fn day_start(&self, instant: i64) -> i64 {
        let today = self.date(instant);
        if self.timeframe.is_label() {
            label_of(today)
        } else {
            self.floor(self.midnight(today))
        }
    }

    /// The position of an instant: itself, or the label of its market date, floored to the candle that holds it.
    pub fn label(&self, instant: i64) -> i64 {
        self.floor(self.position(instant))
    }

    /// The position that a provider's stamp means, not moved to any grid: the instant itself, or for `1d` and longer the
    /// label of its market date, whatever instant of the day it is (New York's midnight, the open, 16:00). One at most two
    /// hours before a midnight means the day that begins.
    pub fn stamped(&self, instant: i64) -> i64 {
        if !self.timeframe.is_label() {
            return instant;
        }
        let date = self.date(instant);
        let next = plus_days(date, 1);
        let is_early = self.midnight(next) - instant <= EARLY_STAMP;
        label_of(if is_early { next } else { date })
    }

    /// The start of the candle that holds a position.
    pub fn floor(&self, position: i64) -> i64 {
        match self.timeframe {
            Timeframe::Minutes(n) => self.intraday_floor(position, i64::from(n) * MINUTE),
            Timeframe::Hours(n) => self.intraday_floor(position, i64::from(n) * HOUR),
            Timeframe::Day => position - position.rem_euclid(DAY),
            Timeframe::Week => {
                let date = date_of(position);
                let back = date.weekday().days_since(self.week_start);
                label_of(date) - i64::from(back) * DAY
            }
            Timeframe::Month => label_of(first_of_month(date_of(position))),
        }
    }

    /// Whether a candle starts at a position.
    pub fn on_grid(&self, position: i64) -> bool {
        self.floor(position) == position
    }

    /// The start of the first candle after a position; for a candle start, the end of the stretch that is this candle's alone.
    pub fn next(&self, position: i64) -> i64 {
        match self.timeframe {
            Timeframe::Minutes(n) => self.intraday_next(position, i64::from(n) * MINUTE),
            Timeframe::Hours(n) => self.intraday_next(position, i64::from(n) * HOUR),
            Timeframe::Day => self.floor(position) + DAY,
            Timeframe::Week => self.floor(position) + 7 * DAY,
            Timeframe::Month => {
                let first = first_of_month(date_of(position));
                label_of(first_of_month(plus_days(first, 31)))
            }
        }
    }

    /// A span rounded outward to whole candles.
    pub fn whole_candles(&self, span: Span) -> Span {
        let end = self.next(span.end() - 1);
        Span::new(self.floor(span.start()), end).unwrap_or(span)
    }

    /// The instant at which a candle ends; a label's is the market midnight of the day after its last.
    pub fn end_instant(&self, ts: i64) -> i64 {
        match self.timeframe {
            Timeframe::Minutes(n) => self.intraday_end(ts, i64::from(n) * MINUTE),
            Timeframe::Hours(n) => self.intraday_end(ts, i64::from(n) * HOUR),
            Timeframe::Day | Timeframe::Week | Timeframe::Month => {
                self.midnight(date_of(self.next(ts)))
            }
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

    /// The instant of a local hour. Market zones have no shift at midnight, noon or trading hours' ends.
    fn at_hour(&self, date: NaiveDate, hour: u32) -> i64 {
        let local = date.and_time(NaiveTime::MIN) + chrono::Duration::hours(i64::from(hour));
        instant_of(self.zone(), local)
    }
}

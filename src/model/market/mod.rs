//! When candles of a series start, close and become final. Pure arithmetic over market zones; the clock is an argument.
//!
//! Two kinds of time meet here. *Instants* are UTC seconds. *Positions* are what `ts` holds: the instant itself for
//! intraday timeframes, the label (market date at 00:00Z) for `1d` and longer.

mod code;
mod finality;
mod grid;
mod slots;

pub use code::{BadMarketCode, MarketCode};
pub use finality::{DEFAULT_DELAY, Frontier, Policy};
pub use grid::{BadGrid, Grid, Offset, OtherGrid};

use std::fmt;

use chrono::{
    DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Offset as _, TimeZone, Weekday,
};
use chrono_tz::Tz;

use code::Hours;

use crate::model::listing::Listing;
use crate::model::span::Span;
use crate::model::timeframe::Timeframe;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// US stocks trade from here to [`STOCK_CLOSE_HOUR`], New York, pre-market and after hours included.
const STOCK_OPEN_HOUR: u32 = 4;
const STOCK_CLOSE_HOUR: u32 = 20;

/// A stamp of a day or longer that lies at most this long before a midnight means the day that begins: mistakes with
/// daylight saving put stamps at 23:00 of the evening before, for half of a year.
const EARLY_STAMP: i64 = 2 * HOUR;

/// Days of a cell for minutes and hours, sized so that one page of 50,000 base bars holds it:
/// 52 trading days x 960 minutes = 49,920 for stocks, 34 x 1440 = 48,960 for the rest.
const STOCK_CELL_DAYS: i64 = 75;
const OTHER_CELL_DAYS: i64 = 34;

/// Where and in what steps a series lives: when its market trades, the grid of its candles, timeframe, the weekday that begins
/// its weeks, and the last day of what comes to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Market {
    code: MarketCode,
    hours: Hours,
    grid: Grid,
    timeframe: Timeframe,
    week_start: Weekday,
    last_day: Option<NaiveDate>,
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
    /// trading hours any more.
    pub fn new(listing: impl Into<Listing>, timeframe: Timeframe, week_start: Weekday) -> Market {
        let listing = listing.into();
        Market {
            code: listing.market,
            hours: listing.market.hours(),
            grid: listing.grid,
            timeframe,
            week_start,
            last_day: listing.last_day,
        }
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

    /// The timeframe.
    pub fn timeframe(&self) -> Timeframe {
        self.timeframe
    }

    /// The zone whose midnight begins the provider's day, as recorded: stocks New York, indices Chicago, crypto and forex
    /// UTC.
    pub fn zone(&self) -> Tz {
        match self.hours {
            Hours::Stocks => chrono_tz::America::New_York,
            Hours::Indices => chrono_tz::America::Chicago,
            Hours::Always | Hours::Forex | Hours::Unknown => chrono_tz::UTC,
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

    /// Cuts a span at this market's cell lines: midnights, every 75 days for stocks and 34 for the rest, counted from
    /// 1970-01-01, each floored to the start of the candle that holds it. Days and longer are one cell for all time.
    pub fn cut_at_cells(&self, span: Span) -> Vec<Span> {
        let Some(days) = self.cell_days() else {
            return vec![span];
        };
        let mut cuts = Vec::new();
        let mut from = span.start();
        while from < span.end() {
            // A candle lies in the cell of its last second: one that holds a line's midnight begins the cell.
            let day = label_of(self.date(self.next(from) - 1)).div_euclid(DAY);
            let midnight = self.midnight(date_of((day.div_euclid(days) + 1) * days * DAY));
            let to = self.floor(midnight).min(span.end());
            cuts.extend(Span::new(from, to));
            from = to;
        }
        cuts
    }

    /// How many cells a span reaches into at most.
    pub fn cells(&self, span: Span) -> i64 {
        self.cell_days()
            .map_or(1, |days| span.seconds() / (days * DAY) + 2)
    }

    /// How long a cell is; `None` where all time is one.
    fn cell_days(&self) -> Option<i64> {
        match self.hours {
            _ if self.timeframe.is_label() => None,
            Hours::Stocks => Some(STOCK_CELL_DAYS),
            _ => Some(OTHER_CELL_DAYS),
        }
    }

    /// How many candles can exist in a span by the trading hours: an upper bound for estimates.
    pub fn expected_candles(&self, span: Span) -> i64 {
        let open_days = |days: i64| match self.hours {
            Hours::Stocks | Hours::Indices => (days * 5 + 6) / 7,
            Hours::Always | Hours::Forex | Hours::Unknown => days,
        };
        let days = (span.seconds() + DAY - 1) / DAY;
        let open_hours = match self.hours {
            Hours::Stocks => i64::from(STOCK_CLOSE_HOUR - STOCK_OPEN_HOUR),
            _ => 24,
        };
        let per_day = |most: i64, seconds: i64| most.min((span.seconds() / seconds).max(1));
        match self.timeframe {
            Timeframe::Minutes(n) => {
                let n = i64::from(n);
                open_days(days) * per_day(open_hours * 60 / n, n * MINUTE)
            }
            Timeframe::Hours(n) => {
                let n = i64::from(n);
                // Hours that begin on no line of UTC touch one candle more.
                let most = match self.hours {
                    Hours::Stocks => (open_hours + n - 2) / n + 1,
                    _ => open_hours / n,
                };
                open_days(days) * per_day(most, n * HOUR)
            }
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

    /// The instant of a local hour. Market zones have no shift at midnight, noon or trading hours' ends.
    fn at_hour(&self, date: NaiveDate, hour: u32) -> i64 {
        let local = date.and_time(NaiveTime::MIN) + chrono::Duration::hours(i64::from(hour));
        instant_of(self.zone(), local)
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

/// The instant of a zone's wall clock: of two the earlier, and one that a shift skips is read with the offset before it.
pub(crate) fn instant_of(zone: Tz, local: NaiveDateTime) -> i64 {
    if let Some(instant) = zone.from_local_datetime(&local).earliest() {
        return instant.timestamp();
    }
    let offset = zone.offset_from_utc_datetime(&local).fix();
    local.and_utc().timestamp() - i64::from(offset.local_minus_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_cut_into_no_more_cells_than_are_counted_on() {
        for code in [MarketCode::XNYS, MarketCode::ALWAYS] {
            for timeframe in ["1m", "4h", "1d"] {
                let timeframe = timeframe.parse().expect("a timeframe");
                let market = Market::new(code, timeframe, Weekday::Mon);
                for days in [1, 33, 34, 35, 74, 75, 76, 800] {
                    for start in (0..80).map(|day| day * DAY + HOUR) {
                        let span = Span::new(start, start + days * DAY).expect("not empty");
                        let cuts = i64::try_from(market.cut_at_cells(span).len()).expect("few");
                        let counted = market.cells(span);
                        assert!((cuts..=cuts + 2).contains(&counted), "{cuts} {counted}");
                    }
                }
            }
        }
    }
}

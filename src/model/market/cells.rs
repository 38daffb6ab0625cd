//! How a span is cut so that one request fetches one cell, and how many candles it can have at most.

use std::num::NonZeroU32;

use super::code::Hours;
use super::{DAY, HOUR, MINUTE, Market, date_of, label_of};
use crate::model::span::Span;
use crate::model::timeframe::Timeframe;

/// So many hours a day US stocks trade at most.
const STOCK_HOURS: i64 = 16;

/// How long the cells of a series are. A provider sizes them so that one request fetches one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cells(Option<NonZeroU32>);

impl Cells {
    /// All time is one cell.
    pub const ENDLESS: Cells = Cells(None);

    /// So many days of the market, counted from 1970-01-01.
    pub const fn of_days(days: NonZeroU32) -> Cells {
        Cells(Some(days))
    }

    /// For pages of 50,000 minutes, whatever the candles are made of: 75 days of stocks (52 trading days x 960 minutes =
    /// 49,920), 34 of the rest (34 x 1,440 = 48,960). Days and longer are one cell for all time.
    pub fn of_50_000_minutes(market: &Market) -> Cells {
        const STOCKS: NonZeroU32 = NonZeroU32::new(75).unwrap();
        const REST: NonZeroU32 = NonZeroU32::new(34).unwrap();
        match market.hours {
            _ if market.timeframe.is_label() => Cells::ENDLESS,
            Hours::Stocks => Cells::of_days(STOCKS),
            _ => Cells::of_days(REST),
        }
    }

    fn days(self) -> Option<i64> {
        self.0.map(|days| i64::from(days.get()))
    }
}

impl Market {
    /// The same market with cells of another length.
    #[must_use]
    pub fn in_cells(self, cells: Cells) -> Market {
        Market { cells, ..self }
    }

    /// Cuts a span at its cell lines: midnights of the market, each floored to the start of the candle that holds it.
    pub fn cut_at_cells(&self, span: Span) -> Vec<Span> {
        let Some(days) = self.cells.days() else {
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
        let days = self.cells.days();
        days.map_or(1, |days| span.seconds() / (days * DAY) + 2)
    }

    /// How many candles can exist in a span by the trading hours: an upper bound for estimates.
    pub fn expected_candles(&self, span: Span) -> i64 {
        let open_days = |days: i64| match self.hours {
            Hours::Stocks | Hours::Indices | Hours::Exchange => (days * 5 + 6) / 7,
            Hours::Always | Hours::Forex | Hours::Unknown => days,
        };
        let days = (span.seconds() + DAY - 1) / DAY;
        let open_hours = match self.hours {
            Hours::Stocks => STOCK_HOURS,
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
}

#[cfg(test)]
mod tests {
    use chrono::Weekday;

    use super::*;
    use crate::model::market::MarketCode;

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

//! Days on which nothing of a market has a candle: it may have been closed, and its calendar not know that. Looked up for days
//! alone on which a series that was asked has none, and until the first series has one.

use std::collections::HashMap;

use chrono::NaiveDate;

use crate::model::calendar::Calendar;
use crate::model::expected::Day;
use crate::model::market::Market;
use crate::model::next::Next;
use crate::model::span::{Share, Span};
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;
use crate::store::{SeriesRow, Store, StoreError, told};

/// So many symbols at least must have been asked for a day: fewer may have been halted together.
const SYMBOLS: usize = 3;

/// A day that looks like a closure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    /// The market's code; others may have the same sessions.
    pub market: &'static str,
    /// The day.
    pub day: NaiveDate,
    /// How many symbols were asked for it, and have candles before and after.
    pub symbols: usize,
}

impl Closed {
    /// How to have the file know days of one market.
    pub(crate) fn next(days: &[Closed]) -> Next {
        Next::TellDays {
            market: days
                .first()
                .map_or_else(String::new, |one| one.market.to_owned()),
            days: days.iter().map(|one| one.day).collect(),
            is_open: false,
        }
    }
}

/// Finds them, of a file that stands still.
pub(super) struct Closures<'a> {
    store: &'a Store,
    /// The series of each market, those with most candles first; read once they are asked about.
    series: Option<HashMap<&'static str, Vec<SeriesRow>>>,
    /// The symbols that were asked for a day that was looked up; `None` where something has a candle.
    days: HashMap<(&'static str, NaiveDate), Option<usize>>,
}

impl Closures<'_> {
    pub(super) fn of(store: &Store) -> Closures<'_> {
        Closures {
            store,
            series: None,
            days: HashMap::new(),
        }
    }

    pub(super) fn found(&self) -> Vec<Closed> {
        let days = self.days.iter();
        let mut found: Vec<Closed> = days
            .filter_map(|(&(market, day), &symbols)| {
                let symbols = symbols.filter(|&symbols| symbols >= SYMBOLS)?;
                Some(Closed {
                    market,
                    day,
                    symbols,
                })
            })
            .collect();
        found.sort_unstable_by_key(|closed| (closed.market, closed.day));
        found
    }

    /// Marks the days of a series that look like closures; says whether there are any.
    pub(super) fn mark(
        &mut self,
        market: &Market,
        life: Span,
        days: &mut [Day],
    ) -> Result<bool, StoreError> {
        let Some(calendar) = market.code().calendar().filter(|_| has_days(market)) else {
            return Ok(false);
        };
        let mut found = false;
        let within = |day: &&mut Day| life.intersect(day.span) == Some(day.span) && day.is_empty();
        for day in days.iter_mut().filter(within) {
            let symbols = self.symbols_of(calendar, day.date)?;
            day.is_closed = symbols.is_some_and(|symbols| symbols >= SYMBOLS);
            found |= day.is_closed;
        }
        Ok(found)
    }

    fn symbols_of(
        &mut self,
        calendar: &Calendar,
        day: NaiveDate,
    ) -> Result<Option<usize>, StoreError> {
        let market = calendar.code_of_sessions();
        if let Some(known) = self.days.get(&(market, day)) {
            return Ok(*known);
        }
        let series = match &mut self.series {
            Some(series) => series,
            unread => unread.insert(by_market(self.store)?),
        };
        let mut symbols: Vec<&Symbol> = Vec::new();
        let mut has_candle = false;
        for series in series.get(market).into_iter().flatten() {
            let (Some(slot), Some((first, last))) = (
                series.market().day_slot(day),
                series.first_ts.zip(series.last_ts),
            ) else {
                continue;
            };
            if first >= slot.end() || last < slot.start() {
                continue;
            }
            has_candle = self.store.has_candle_in(series, slot)?;
            if has_candle {
                break;
            }
            let is_asked = series.coverage.share_of(slot) == Share::All;
            if is_asked && !symbols.contains(&&series.key.symbol) {
                symbols.push(&series.key.symbol);
            }
        }
        let symbols = (!has_candle).then_some(symbols.len());
        self.days.insert((market, day), symbols);
        Ok(symbols)
    }
}

/// Whether a candle of its series lies in one day.
fn has_days(market: &Market) -> bool {
    !matches!(market.timeframe(), Timeframe::Week | Timeframe::Month)
}

fn by_market(store: &Store) -> Result<HashMap<&'static str, Vec<SeriesRow>>, StoreError> {
    let mut by_market: HashMap<_, Vec<SeriesRow>> = HashMap::new();
    for series in store.series()? {
        let market = series.market();
        let calendar = market
            .code()
            .calendar()
            .filter(|calendar| calendar.takes_days());
        if let Some(calendar) = calendar.filter(|_| has_days(&market)) {
            by_market
                .entry(calendar.code_of_sessions())
                .or_default()
                .push(series);
        }
    }
    for series in by_market.values_mut() {
        series.sort_by_key(|series| std::cmp::Reverse(series.candles));
    }
    Ok(by_market)
}

impl Store {
    fn has_candle_in(&self, series: &SeriesRow, span: Span) -> Result<bool, StoreError> {
        let sql =
            "SELECT EXISTS (SELECT 1 FROM candle_data WHERE series_id = ? AND ts >= ? AND ts < ?)";
        let has = || {
            let mut select = self.connection.prepare_cached(sql)?;
            select.query_row([series.id, span.start(), span.end()], |row| row.get(0))
        };
        has().map_err(told(&self.path))
    }
}

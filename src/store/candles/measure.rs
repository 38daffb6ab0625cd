//! What of a series should be there and is, by what the file knows of it. Its candles are looked at where their number is not
//! what the calendar expects, and nowhere else.

use std::collections::HashMap;

use crate::model::expected::{Day, Facts, Held, Measure, Slots, gaps, measure};
use crate::model::market::{Market, Policy};
use crate::model::span::{Span, SpanSet};
use crate::store::candles::closed::{Closed, Closures};
use crate::store::candles::flags::OFF_SESSION;
use crate::store::candles::series::known_in;
use crate::store::file::stamp::{stamp, stamp_if_any};
use crate::store::{SeriesRow, Store, StoreError, told};

/// Measures the series of a file, one after the other: what they share is made once.
pub(crate) struct Measurer<'a> {
    store: &'a Store,
    now: i64,
    /// Candles outside of trading hours, by the series' row.
    off_session: HashMap<i64, u64>,
    markets: HashMap<Market, (Slots, i64)>,
    closures: Closures<'a>,
}

impl Store {
    /// Measures series at an instant.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn measurer(&self, now: i64) -> Result<Measurer<'_>, StoreError> {
        let sql = "SELECT series_id, count(*) FROM quality_issues WHERE check_name = ? GROUP BY series_id";
        let off_session = || -> rusqlite::Result<HashMap<i64, u64>> {
            let mut select = self.connection.prepare_cached(sql)?;
            let rows = select.query_map([OFF_SESSION], |row| {
                Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
            })?;
            rows.collect()
        };
        Ok(Measurer {
            store: self,
            now,
            off_session: off_session().map_err(told(&self.path))?,
            markets: HashMap::new(),
            closures: Closures::of(self),
        })
    }

    /// From the first position that was ever asked of a series, or that it holds a candle of, to the end of the last.
    fn asked_or_held(&self, series: &SeriesRow) -> Result<Option<Span>, StoreError> {
        let sql = "SELECT min(start_ts), max(end_ts) FROM (
                       SELECT min(start_ts) AS start_ts, max(end_ts) AS end_ts FROM backfill_series WHERE series_id = ?1
                       UNION ALL SELECT min(start_ts), max(end_ts) FROM coverage WHERE series_id = ?1
                       UNION ALL SELECT min(start_ts), max(end_ts) FROM empty_spans WHERE series_id = ?1)";
        let told = told(&self.path);
        let asked = || {
            let mut select = self.connection.prepare_cached(sql)?;
            select.query_row([series.id], |row| {
                Ok((stamp_if_any(row, 0)?, stamp_if_any(row, 1)?))
            })
        };
        let asked = match asked().map_err(told)? {
            (Some(start), Some(end)) => Span::new(start, end),
            _ => None,
        };
        let held = series.first_ts.zip(series.last_ts);
        let held = held.and_then(|(first, last)| Span::new(first, series.market().next(last)));
        Ok(match (asked, held) {
            (Some(asked), Some(held)) => Some(asked.hull(held)),
            (asked, held) => asked.or(held),
        })
    }

    /// The starts of rows of a series that could not be stored, ascending.
    fn rejected_starts(&self, series_id: i64) -> Result<Vec<i64>, StoreError> {
        let sql = "SELECT ts FROM rejected WHERE series_id = ? AND ts IS NOT NULL ORDER BY ts";
        let starts = || {
            let mut select = self.connection.prepare_cached(sql)?;
            let rows = select.query_map([series_id], |row| stamp(row, 0))?;
            rows.collect::<rusqlite::Result<_>>()
        };
        starts().map_err(told(&self.path))
    }
}

impl Measurer<'_> {
    /// What of a series can be measured: what was ever asked of it, and what it holds. `None` where that is nothing.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn span(&self, series: &SeriesRow) -> Result<Option<Span>, StoreError> {
        let market = series.market();
        let span = self.store.asked_or_held(series)?;
        let span = span.map(|span| market.whole_candles(span));
        // Who asks up to a day to come has asked for what there is by now.
        let now = market.next(market.label(self.now));
        let last = series
            .last_ts
            .map_or(now, |last| now.max(market.next(last)));
        let span = span.and_then(|span| Span::new(span.start(), span.end().min(last)));
        Ok(span.and_then(|span| market.lifetime_of(span)))
    }

    /// The days that look like closures, of those that were measured: told once, and no gap of each series.
    pub(crate) fn closed(&self) -> Vec<Closed> {
        self.closures.found()
    }

    /// Measures a series in a span; each of its sessions is handed on as well.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn measure(
        &mut self,
        series: &SeriesRow,
        span: Span,
        each: impl FnMut(&Day),
    ) -> Result<Measure, StoreError> {
        let (store, market, now) = (self.store, series.market(), self.now);
        let told = told(&store.path);
        let known = known_in("main", store.format, &store.connection, series.id).map_err(told)?;
        let life = series.first_ts.zip(series.last_ts);
        let life = life.and_then(|(first, last)| Span::new(first, last + 1));
        let reach = life.map_or(span, |life| life.hull(span));
        let (slots, settled) = match self.markets.remove(&market) {
            Some((slots, settled)) => (slots.reaching(&market, reach), settled),
            None => (
                Slots::around(&market, reach),
                market.frontier(now, Policy::default()).settled,
            ),
        };
        let tail = known.tail.and_then(|tail| Span::new(tail.from, tail.to));
        let unsettled = Span::new(settled, i64::MAX);
        let pending: SpanSet = tail.into_iter().chain(unsettled).collect();
        let starts;
        let off_session = self.off_session.get(&series.id).copied().unwrap_or(0);
        let expected = life.map_or(0, |life| slots.count(life)).cast_unsigned();
        let held = match life {
            Some(life) if series.candles == expected + off_session => Held::Every {
                first: life.start(),
                last: life.end() - 1,
            },
            _ => {
                starts = store.starts(series.id)?;
                Held::Starts(&starts)
            }
        };
        let facts = Facts {
            market: &market,
            span,
            answered: &known.answered(),
            pending: &pending,
            rejected: &store.rejected_starts(series.id)?,
            held,
        };
        let mut days = Vec::new();
        let mut measured = measure(&facts, &slots, |day| days.push(*day));
        self.markets.insert(market, (slots, settled));
        if let Some(life) = life
            && self.closures.mark(&market, life, &mut days)?
        {
            measured.gaps = gaps(&market, Some(life), &days);
        }
        days.iter().for_each(each);
        Ok(measured)
    }
}

//! Reading candles, pushed or pulled one by one: memory stays flat.

use std::collections::HashMap;

use rusqlite::params;

use crate::model::candle::Candle;
use crate::model::span::Span;
use crate::model::symbol::Symbol;
use crate::store::candles::columns::{AFTER, candle_of, selected};
use crate::store::candles::coverage::slice_of;
use crate::store::file::stamp::{stamp, stamp_if_any};
use crate::store::{SeriesRow, Store, StoreError, told};

/// Candles that are read at once.
const BATCH: usize = 4096;

/// Candles in ascending order. After an error there are no more.
#[derive(Debug)]
pub(crate) struct Candles<'a> {
    store: &'a Store,
    series_id: i64,
    batch: std::vec::IntoIter<Candle>,
    /// The newest that was read, `None` once there are no more.
    after: Option<i64>,
}

impl Store {
    /// The candles of a series that this file holds. What others write meanwhile may be seen, unless it is read
    /// [at one instant](Store::at_one_instant).
    pub(crate) fn candles(&self, series: &SeriesRow) -> Candles<'_> {
        self.candles_from(series, i64::MIN)
    }

    /// The same, those that start after the given instant.
    pub(crate) fn candles_from(&self, series: &SeriesRow, after: i64) -> Candles<'_> {
        Candles {
            store: self,
            series_id: series.id,
            batch: Vec::new().into_iter(),
            after: Some(after),
        }
    }

    /// Reads the rows of a series in ascending order: candles, each with the slice that brought it.
    ///
    /// # Errors
    /// The file cannot be read, or what `each` returns.
    pub(crate) fn each_row<E: From<StoreError>>(
        &self,
        series_id: i64,
        span: Span,
        mut each: impl FnMut(Candle, Option<i64>) -> Result<(), E>,
    ) -> Result<(), E> {
        let told = |error| E::from(told(&self.path)(error));
        let slice = slice_of("candle_data", "main", self.format);
        let sql = format!(
            "SELECT {}, {slice} FROM candle_data WHERE series_id = ? AND ts >= ? AND ts < ? ORDER BY ts",
            selected()
        );
        let mut select = self.connection.prepare_cached(&sql).map_err(told)?;
        let mut rows = select
            .query([series_id, span.start(), span.end()])
            .map_err(told)?;
        let (mut before, mut read) = (None, 0);
        while let Some(row) = rows.next().map_err(told)? {
            let candle = candle_of(row).map_err(told)?;
            // A damaged file could lead in circles.
            if before >= Some(candle.ts) {
                return Err(self.out_of_order(candle.ts).into());
            }
            before = Some(candle.ts);
            each(candle, row.get(AFTER).map_err(told)?)?;
            read += 1;
            if read % BATCH as u64 == 0 {
                self.meter.add(BATCH as u64);
            }
        }
        self.meter.add(read % BATCH as u64);
        Ok(())
    }

    /// Whether a span holds more than so many candles: then the start of the last of them.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn full_page(
        &self,
        series_id: i64,
        span: Span,
        count: u32,
    ) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT ts FROM candle_data WHERE series_id = ? AND ts >= ? AND ts < ? ORDER BY ts LIMIT 2 OFFSET ?";
        let last = i64::from(count) - 1;
        let read = || {
            self.connection
                .prepare_cached(sql)?
                .query_map([series_id, span.start(), span.end(), last], |row| {
                    stamp(row, 0)
                })?
                .collect::<rusqlite::Result<Vec<i64>>>()
        };
        let found = read().map_err(told(&self.path))?;
        Ok(found.first().filter(|_| found.len() == 2).copied())
    }

    /// When the slices of a series brought their candles: the end of each, or its start while it still runs.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn slice_times(&self, series_id: i64) -> Result<HashMap<i64, i64>, StoreError> {
        let sql = "SELECT slice_id, coalesce(completed_at, started_at) AS at FROM backfill_progress
                   WHERE series_id = ? AND at IS NOT NULL";
        let read = || {
            self.connection
                .prepare_cached(sql)?
                .query_map([series_id], |row| Ok((row.get(0)?, stamp(row, 1)?)))?
                .collect::<rusqlite::Result<_>>()
        };
        read().map_err(told(&self.path))
    }

    /// The symbols of which the file holds candles from a source.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn symbols_with_candles(&self, source: &str) -> Result<Vec<Symbol>, StoreError> {
        let sql = "SELECT DISTINCT symbol FROM series WHERE source = ? AND candles > 0";
        let read = || {
            let mut select = self.connection.prepare(sql)?;
            let symbols = select.query_map([source], |row| row.get::<_, String>(0))?;
            symbols.collect::<rusqlite::Result<Vec<_>>>()
        };
        let symbols = read().map_err(told(&self.path))?.into_iter();
        Ok(symbols.filter_map(|symbol| symbol.parse().ok()).collect())
    }

    /// The starts of the first and the last candle of a series, if it has any.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn stamps(&self, series_id: i64) -> Result<Option<(i64, i64)>, StoreError> {
        let read = || {
            self.connection
                .prepare_cached("SELECT first_ts, last_ts FROM series WHERE id = ?")?
                .query_row([series_id], |row| {
                    Ok(stamp_if_any(row, 0)?.zip(stamp_if_any(row, 1)?))
                })
        };
        read().map_err(told(&self.path))
    }

    pub(in crate::store) fn out_of_order(&self, ts: i64) -> StoreError {
        StoreError::Damaged {
            path: self.path.clone(),
            why: format!("candles are out of order at {ts}"),
        }
    }

    /// Where the oldest so many candles of a series end, if there are any.
    pub(crate) fn head_end(&self, series_id: i64, count: u32) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT max(ts) + 1 FROM (SELECT ts FROM candle_data WHERE series_id = ? ORDER BY ts LIMIT ?)";
        self.one_stamp(sql, series_id, count)
    }

    /// Where the newest so many candles of a series begin, if there are any.
    pub(crate) fn tail_start(&self, series_id: i64, count: u32) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT min(ts) FROM (SELECT ts FROM candle_data WHERE series_id = ? ORDER BY ts DESC LIMIT ?)";
        self.one_stamp(sql, series_id, count)
    }

    fn one_stamp(&self, sql: &str, series_id: i64, count: u32) -> Result<Option<i64>, StoreError> {
        let read = || {
            let mut select = self.connection.prepare_cached(sql)?;
            select.query_row(params![series_id, count], |row| row.get(0))
        };
        read().map_err(told(&self.path))
    }
}

impl Candles<'_> {
    fn read(&mut self, after: i64) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT {} FROM candle_data WHERE series_id = ?1 AND ts > ?2 ORDER BY ts LIMIT ?3",
            selected()
        );
        let rows = || -> rusqlite::Result<Vec<Candle>> {
            let mut rows = Vec::with_capacity(BATCH);
            let mut select = self.store.connection.prepare_cached(&sql)?;
            let limit = BATCH.try_into().unwrap_or(i64::MAX);
            for row in select.query_map([self.series_id, after, limit], candle_of)? {
                rows.push(row?);
            }
            Ok(rows)
        };
        let rows = rows().map_err(told(&self.store.path))?;
        let mut before = after;
        for candle in &rows {
            if candle.ts <= before {
                return Err(self.store.out_of_order(candle.ts));
            }
            before = candle.ts;
        }
        self.store.meter.add(rows.len() as u64);
        self.after = (rows.len() == BATCH).then_some(before);
        self.batch = rows.into_iter();
        Ok(())
    }
}

impl Iterator for Candles<'_> {
    type Item = Result<Candle, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.batch.len() == 0
            && let Some(after) = self.after.take()
            && let Err(error) = self.read(after)
        {
            return Some(Err(error));
        }
        self.batch.next().map(Ok)
    }
}

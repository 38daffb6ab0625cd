//! Reading what the file holds: the list of series, and candles in spans. Listing reads no candle.

use std::collections::HashMap;

use chrono::Weekday;
use rusqlite::{OptionalExtension, Row, params};

use super::packing::Oddity;
use super::rows::candle_of;
use super::series::{coverage, empty_spans};
use super::stamp::{stamp, stamp_if_any};
use super::{SeriesKey, Store, StoreError, told};
use crate::candle::Candle;
use crate::market::Market;
use crate::nearest::nearest;
use crate::span::{Span, SpanSet};
use crate::symbol::Symbol;
use crate::timeframe::Timeframe;

/// A series as it is listed.
#[derive(Clone, Debug)]
pub struct SeriesRow {
    /// Its row.
    pub id: i64,
    /// The series.
    pub key: SeriesKey,
    /// Number of candles.
    pub candles: u64,
    /// Start of the first candle.
    pub first_ts: Option<i64>,
    /// Start of the last candle.
    pub last_ts: Option<i64>,
    /// The weekday that begins a week, 1 Monday to 7 Sunday, for `1w` alone.
    pub week_start: Option<u8>,
    /// The spans with the provider's final answer.
    pub coverage: SpanSet,
    /// The spans for which the provider had nothing.
    pub empty: SpanSet,
    /// The first position that was ever asked for.
    pub requested_from: Option<i64>,
}

impl SeriesRow {
    /// The market of the series. Before its first job nobody knows where its weeks begin, and nothing hangs on it.
    pub fn market(&self) -> Market {
        let known = self
            .week_start
            .and_then(|day| Weekday::try_from(day.wrapping_sub(1)).ok());
        self.key.market(known.unwrap_or(Weekday::Sun))
    }

    /// Stretches between its first and its last covered position that are not covered.
    pub fn holes(&self) -> usize {
        self.coverage.iter().count().saturating_sub(1)
    }
}

/// Which candles of a series to read.
#[derive(Clone, Copy, Debug)]
pub enum Selection {
    /// All of them.
    All,
    /// Those in a span.
    Within(Span),
    /// The newest so many, in ascending order.
    Tail(u32),
}

impl Store {
    /// Reads at one instant: what others commit meanwhile is not seen. Thousands of small questions cost less so, too.
    /// As long as it lasts, another process' write-ahead log cannot begin anew.
    ///
    /// # Errors
    /// The file cannot be read, or what `read` returns.
    pub fn at_one_instant<T, E: From<StoreError>>(
        &self,
        read: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let told = |error| E::from(told(&self.path)(error));
        let instant = self.connection.unchecked_transaction().map_err(told)?;
        let found = read()?;
        instant.commit().map_err(told)?;
        Ok(found)
    }

    /// Everything the file holds, by symbol and timeframe.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn series(&self) -> Result<Vec<SeriesRow>, StoreError> {
        let sql = format!("{SERIES_COLUMNS} ORDER BY s.symbol, s.id");
        let rows = || {
            self.connection
                .prepare(&sql)?
                .query_map([], |row| self.series_of(row))?
                .collect::<rusqlite::Result<_>>()
        };
        rows().map_err(told(&self.path))
    }

    /// One series.
    ///
    /// # Errors
    /// The file holds no such series, or cannot be read.
    pub fn find_series(
        &self,
        symbol: &Symbol,
        timeframe: Timeframe,
    ) -> Result<SeriesRow, StoreError> {
        let sql = format!("{SERIES_COLUMNS} WHERE s.symbol = ? AND s.timeframe = ?");
        let found = || {
            let mut select = self.connection.prepare_cached(&sql)?;
            select
                .query_row(params![symbol.as_str(), timeframe.to_string()], |row| {
                    self.series_of(row)
                })
                .optional()
        };
        found()
            .map_err(told(&self.path))?
            .ok_or_else(|| self.no_series(symbol, timeframe))
    }

    /// Reads the candles of a series in ascending order, one after the other: memory stays flat.
    ///
    /// # Errors
    /// The file holds no such series or cannot be read, or what `each` returns.
    ///
    /// # Examples
    /// ```
    /// # use candlefile::{Candle, SeriesKey, Store};
    /// use candlefile::{Selection, Span};
    /// # let folder = std::env::temp_dir().join(format!("candlefile-read-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # let path = folder.join("read.db");
    /// # let mut store = Store::create(&path)?;
    /// # let key = SeriesKey { symbol: "AAPL".parse()?, timeframe: "1d".parse()?, source: "my-csv".into(), adjusted: false };
    /// # let candle = Candle { ts: 1_704_153_600, open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume: Some(1.0), vwap: None, trades: None };
    /// # store.insert_candles(&key, &[candle], 0)?;
    /// # drop(store);
    ///
    /// let store = Store::read(&path)?;
    /// let january = Span::new(1_704_067_200, 1_706_745_600).expect("not empty");
    /// let mut closes = Vec::new();
    /// store.each_candle(&"AAPL".parse()?, "1d".parse()?, Selection::Within(january), |candle| {
    ///     closes.push(candle.close);
    ///     Ok::<(), candlefile::StoreError>(())
    /// })?;
    /// assert_eq!(closes, [1.0]);
    /// # drop(store); std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn each_candle<E: From<StoreError>>(
        &self,
        symbol: &Symbol,
        timeframe: Timeframe,
        selection: Selection,
        mut each: impl FnMut(Candle) -> Result<(), E>,
    ) -> Result<(), E> {
        let told = |error| E::from(told(&self.path)(error));
        let series = self.find_series(symbol, timeframe)?;
        let (start, end) = match selection {
            Selection::Within(span) => (span.start(), span.end()),
            Selection::All => (i64::MIN, i64::MAX),
            Selection::Tail(count) => (self.tail_start(series.id, count).map_err(told)?, i64::MAX),
        };
        let span = Span::new(start, end);
        span.map_or(Ok(()), |span| {
            self.each_row(series.id, span, |candle, _| each(candle))
        })
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
        let sql =
            "SELECT ts, open, high, low, close, volume, vwap, trades, slice_id FROM candle_data
                   WHERE series_id = ? AND ts >= ? AND ts < ? ORDER BY ts";
        let mut select = self.connection.prepare_cached(sql).map_err(told)?;
        let mut rows = select
            .query([series_id, span.start(), span.end()])
            .map_err(told)?;
        while let Some(row) = rows.next().map_err(told)? {
            each(candle_of(row).map_err(told)?, row.get(8).map_err(told)?)?;
        }
        Ok(())
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

    /// The newest covered candles of a series, ascending, at most `count`: what a split would have changed.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn newest_covered(&self, series_id: i64, count: usize) -> Result<Vec<Candle>, StoreError> {
        let sql = "SELECT ts, open, high, low, close, volume, vwap, trades FROM candle_data
                   WHERE series_id = ? AND ts >= ? AND ts < ? ORDER BY ts DESC LIMIT ?";
        let read = || {
            let mut newest = Vec::new();
            let mut select = self.connection.prepare_cached(sql)?;
            for span in coverage(&self.connection, series_id)?.iter().rev() {
                let wanted = i64::try_from(count - newest.len()).unwrap_or(i64::MAX);
                for row in
                    select.query_map([series_id, span.start(), span.end(), wanted], candle_of)?
                {
                    newest.push(row?);
                }
                if newest.len() >= count {
                    break;
                }
            }
            newest.reverse();
            Ok(newest)
        };
        read().map_err(told(&self.path))
    }

    /// What is odd about candles of a series in a span: start, check and detail, ascending.
    pub(crate) fn oddities(&self, series_id: i64, span: Span) -> Result<Vec<Oddity>, StoreError> {
        let sql = "SELECT ts, check_name, detail FROM quality_issues
                   WHERE series_id = ? AND ts >= ? AND ts < ? ORDER BY ts, check_name";
        let read = || {
            self.connection
                .prepare_cached(sql)?
                .query_map([series_id, span.start(), span.end()], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })?
                .collect::<rusqlite::Result<_>>()
        };
        read().map_err(told(&self.path))
    }

    fn tail_start(&self, series_id: i64, count: u32) -> rusqlite::Result<i64> {
        let sql = "SELECT min(ts) FROM (SELECT ts FROM candle_data WHERE series_id = ? ORDER BY ts DESC LIMIT ?)";
        let first: Option<i64> =
            self.connection
                .query_row(sql, params![series_id, count], |row| row.get(0))?;
        Ok(first.unwrap_or(i64::MAX))
    }

    fn no_series(&self, symbol: &Symbol, timeframe: Timeframe) -> StoreError {
        let held = || {
            self.connection
                .prepare("SELECT symbol, timeframe FROM series")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<Vec<(String, String)>>>()
        };
        let held = held().unwrap_or_default();
        StoreError::NoSeries {
            symbol: symbol.to_string(),
            timeframe: timeframe.to_string(),
            held: nearest(symbol.as_str(), held, |(symbol, _)| symbol)
                .into_iter()
                .map(|(symbol, timeframe)| format!("{symbol} {timeframe}"))
                .collect(),
        }
    }

    fn series_of(&self, row: &Row<'_>) -> rusqlite::Result<SeriesRow> {
        let id = row.get(0)?;
        Ok(SeriesRow {
            id,
            key: key_of(row, 1)?,
            candles: row.get::<_, i64>(5)?.cast_unsigned(),
            first_ts: stamp_if_any(row, 6)?,
            last_ts: stamp_if_any(row, 7)?,
            requested_from: stamp_if_any(row, 8)?,
            week_start: row.get(9)?,
            coverage: coverage(&self.connection, id)?,
            empty: empty_spans(&self.connection, id)?
                .into_iter()
                .map(|empty| empty.span)
                .collect(),
        })
    }
}

/// `min` skips what is absent only as an aggregate; the scalar one would be NULL as soon as one argument is.
const SERIES_COLUMNS: &str = "SELECT s.id, s.symbol, s.timeframe, s.source, s.adjusted, s.candles, s.first_ts, s.last_ts,
    (SELECT min(start_ts) FROM (SELECT min(start_ts) AS start_ts FROM coverage WHERE series_id = s.id
        UNION ALL SELECT min(start_ts) FROM backfill_series WHERE series_id = s.id)),
    s.week_start FROM series AS s";

/// A key from five columns `symbol, timeframe, source, adjusted`.
pub(super) fn key_of(row: &Row<'_>, at: usize) -> rusqlite::Result<SeriesKey> {
    let bad = |column: usize, error: Box<dyn std::error::Error + Send + Sync>| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error)
    };
    let (symbol, timeframe): (String, String) = (row.get(at)?, row.get(at + 1)?);
    Ok(SeriesKey {
        symbol: symbol.parse().map_err(|error| bad(at, Box::new(error)))?,
        timeframe: timeframe
            .parse()
            .map_err(|error| bad(at + 1, Box::new(error)))?,
        source: row.get(at + 2)?,
        adjusted: row.get(at + 3)?,
    })
}

/// A span from two columns.
pub(super) fn span_of(row: &Row<'_>, at: usize) -> rusqlite::Result<Span> {
    let (start, end) = (stamp(row, at)?, stamp(row, at + 1)?);
    Span::new(start, end).ok_or(rusqlite::Error::IntegralValueOutOfRange(at, end))
}

//! Reading what the file holds: the list of series, and candles in spans. Listing reads no candle here.

use chrono::Weekday;
use rusqlite::{OptionalExtension, Row, params};

use crate::model::market::Market;
use crate::model::nearest::nearest;
use crate::model::series::SeriesKey;
use crate::model::span::{Span, SpanSet};
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;
use crate::plan::answered;
use crate::store::candles::coverage::{
    SEVERAL_HOURS, coverage_in, empty_spans_in, stated_coverage,
};
use crate::store::candles::key::{KEY, key_columns, key_of};
use crate::store::file::stamp::{stamp, stamp_if_any};
use crate::store::{Store, StoreError, told};

/// A series as it is listed.
#[derive(Clone, Debug)]
pub struct SeriesRow {
    /// Its row.
    pub id: i64,
    /// The series.
    pub key: SeriesKey,
    /// Number of candles.
    pub candles: u64,
    /// Start of the first candle, Unix seconds; of days and longer the label. `None` where there is none.
    pub first_ts: Option<i64>,
    /// Start of the last candle, in the same measure.
    pub last_ts: Option<i64>,
    /// The weekday that begins a week, 1 Monday to 7 Sunday, for `1w` alone.
    pub week_start: Option<u8>,
    /// The spans with the provider's final answer, half-open and in the same measure, as are all here.
    pub coverage: SpanSet,
    /// The spans for which the provider had nothing.
    pub empty: SpanSet,
    /// Those of them for which it said so once: that is in doubt where candles come to lie beside them.
    pub said_once: SpanSet,
    /// The first position that was ever asked for: a candle's start, inclusive.
    pub requested_from: Option<i64>,
}

/// A series and its candles, without what is known of its coverage.
#[derive(Clone, Debug)]
pub struct HeldSeries {
    /// The series.
    pub key: SeriesKey,
    /// Number of candles.
    pub candles: u64,
    /// Start of the first candle, Unix seconds; of days and longer the label. `None` where there is none.
    pub first_ts: Option<i64>,
    /// Start of the last candle, in the same measure.
    pub last_ts: Option<i64>,
}

impl SeriesRow {
    /// The market of the series. Before its first job nobody knows where its weeks begin, and nothing hangs on it.
    pub fn market(&self) -> Market {
        let known = self
            .week_start
            .and_then(|day| Weekday::try_from(day.wrapping_sub(1)).ok());
        self.key.market(known.unwrap_or(Weekday::Sun))
    }

    /// Where the provider's final answer is known.
    pub fn answered(&self) -> SpanSet {
        answered(self.candles > 0, &self.coverage, || self.empty.clone())
    }

    /// Stretches with trading hours between its first and its last covered position that are not covered.
    pub fn holes(&self) -> usize {
        let covered = self.market().bridged(&self.coverage);
        covered.iter().count().saturating_sub(1)
    }
}

impl Store {
    /// Reads at one instant: what others commit meanwhile is not seen. Thousands of small questions cost less so, too.
    /// As long as it lasts, another process' write-ahead log cannot begin anew. Within another one it is of that instant.
    ///
    /// # Errors
    /// The file cannot be read, or what `read` returns.
    pub fn at_one_instant<T, E: From<StoreError>>(
        &self,
        read: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        if !self.connection.is_autocommit() {
            return read();
        }
        let told = |error| E::from(told(&self.path)(error));
        let instant = self.connection.unchecked_transaction().map_err(told)?;
        let found = self.if_still(read())?;
        instant.commit().map_err(told)?;
        Ok(found)
    }

    /// Everything the file holds, by symbol and timeframe.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn series(&self) -> Result<Vec<SeriesRow>, StoreError> {
        let sql = format!("{} ORDER BY s.symbol, s.id", series_columns(self.format));
        let rows = || {
            self.connection
                .prepare(&sql)?
                .query_map([], |row| self.series_of(row))?
                .collect::<rusqlite::Result<_>>()
        };
        rows().map_err(told(&self.path))
    }

    /// The same without coverage: thousands of series are read in a moment.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn held_series(&self) -> Result<Vec<HeldSeries>, StoreError> {
        let sql = format!(
            "SELECT {} FROM series ORDER BY symbol, id",
            held_columns(self.format)
        );
        let rows = || {
            let mut select = self.connection.prepare_cached(&sql)?;
            select
                .query_map([], held_of)?
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
        let sql = format!(
            "{} WHERE s.symbol = ? AND s.timeframe = ?",
            series_columns(self.format)
        );
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

    /// A series with the books of its row as it is now; none where it is not that series any more.
    pub(crate) fn refreshed(&self, series: &SeriesRow) -> Result<Option<SeriesRow>, StoreError> {
        let sql = format!(
            "SELECT {} FROM series WHERE id = ?",
            held_columns(self.format)
        );
        let held = || {
            let mut select = self.connection.prepare_cached(&sql)?;
            select.query_row([series.id], held_of).optional()
        };
        let held = held().map_err(told(&self.path))?;
        Ok(held
            .filter(|held| held.key.is_bound_like(&series.key))
            .map(|held| SeriesRow {
                candles: held.candles,
                first_ts: held.first_ts,
                last_ts: held.last_ts,
                ..series.clone()
            }))
    }

    /// The coverage that stands in the file, be it of an older format whose word is not taken any more.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn stated_coverage(&self, series_id: i64) -> Result<SpanSet, StoreError> {
        stated_coverage(&self.connection, series_id).map_err(told(&self.path))
    }

    pub(crate) fn no_series(&self, symbol: &Symbol, timeframe: Timeframe) -> StoreError {
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
        let empty = empty_spans_in("main", self.format, &self.connection, id)?;
        let once = empty.iter().filter(|empty| !empty.is_confirmed);
        let rest = 1 + KEY;
        Ok(SeriesRow {
            id,
            key: key_of(row, 1)?,
            candles: row.get::<_, i64>(rest)?.cast_unsigned(),
            first_ts: stamp_if_any(row, rest + 1)?,
            last_ts: stamp_if_any(row, rest + 2)?,
            requested_from: stamp_if_any(row, rest + 3)?,
            week_start: row.get(rest + 4)?,
            coverage: coverage_in("main", self.format, &self.connection, id)?,
            empty: empty.iter().map(|empty| empty.span).collect(),
            said_once: once.map(|empty| empty.span).collect(),
        })
    }
}

/// `min` skips what is absent only as an aggregate; the scalar one would be NULL as soon as one argument is.
/// Of a series whose coverage was taken back, and of which no job is known, its first fetched candle says from where it was
/// asked.
fn series_columns(format: i32) -> String {
    let key = key_columns("s", format);
    format!(
        "SELECT s.id, {key}, s.candles, s.first_ts, s.last_ts,
         coalesce((SELECT min(start_ts) FROM (SELECT min(start_ts) AS start_ts FROM coverage WHERE series_id = s.id
             UNION ALL SELECT min(b.start_ts) FROM backfill_series AS b JOIN backfill_jobs AS j ON j.job_id = b.job_id
             WHERE b.series_id = s.id AND j.command <> 'import')),
             (SELECT ts FROM candle_data WHERE series_id = s.id AND slice_id IS NOT NULL AND {SEVERAL_HOURS} ORDER BY ts LIMIT 1)),
         s.week_start FROM series AS s"
    )
}

/// A key and the books.
fn held_columns(format: i32) -> String {
    format!(
        "{}, candles, first_ts, last_ts",
        key_columns("series", format)
    )
}

/// A series from these columns.
fn held_of(row: &Row<'_>) -> rusqlite::Result<HeldSeries> {
    Ok(HeldSeries {
        key: key_of(row, 0)?,
        candles: row.get::<_, i64>(KEY)?.cast_unsigned(),
        first_ts: stamp_if_any(row, KEY + 1)?,
        last_ts: stamp_if_any(row, KEY + 2)?,
    })
}

/// A span from two columns.
pub(in crate::store) fn span_of(row: &Row<'_>, at: usize) -> rusqlite::Result<Span> {
    let (start, end) = (stamp(row, at)?, stamp(row, at + 1)?);
    Span::new(start, end).ok_or(rusqlite::Error::IntegralValueOutOfRange(at, end))
}

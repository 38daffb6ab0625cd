//! Forgetting a series, whole or in part: in one transaction everything that was known of it goes, so that the next
//! backfill asks for exactly that again. What jobs did stays written in their slices.

use rusqlite::{Connection, params};

use crate::model::span::Span;
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;
use crate::store::candles::coverage::{doubt_first, forget_empty, uncover};
use crate::store::candles::series::check_unclaimed;
use crate::store::file::stamp::stamp_if_any;
use crate::store::file::tables::{Kind, TABLES};
use crate::store::jobs::imports::forget_files;
use crate::store::{SeriesRow, Store, StoreError, told};

/// A series, or a span of it.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// The series.
    pub series: SeriesRow,
    /// The span, whole candles; `None` is the whole series, which is then no more.
    pub span: Option<Span>,
}

impl Store {
    /// Forgets series and parts of some, all together or none: their candles and everything that was known of them, also
    /// that they were ever asked for. Returns the number of candles that went, in the same order. `now`, in Unix seconds, says
    /// whether a job whose process cannot be seen still gives signs of life.
    ///
    /// # Errors
    /// A running job works on one of them, or the file cannot be written.
    pub(crate) fn drop_parts(&mut self, parts: &[Part], now: i64) -> Result<Vec<u64>, StoreError> {
        let told = told(&self.path);
        let tx = self.begin()?;
        let mut gone = Vec::with_capacity(parts.len());
        for Part { series, span } in parts {
            check_unclaimed(&tx, series.id, now, &self.path)?;
            forget_files(&tx, series.id).map_err(told)?;
            gone.push(match span {
                Some(span) => forget_part(&tx, series, *span).map_err(told)? as u64,
                None => forget_whole(&tx, series.id).map_err(told)?,
            });
        }
        tx.commit()?;
        Ok(gone)
    }

    /// Forgets a series whole: its candles and everything that was known of it. `now`, in Unix seconds, says whether a job whose process
    /// cannot be seen still gives signs of life. Returns the series as it was.
    ///
    /// # Errors
    /// The file holds no such series, a running job works on it, or the file cannot be written.
    pub fn drop_series(
        &mut self,
        symbol: &Symbol,
        timeframe: Timeframe,
        now: i64,
    ) -> Result<SeriesRow, StoreError> {
        let series = self.find_series(symbol, timeframe)?;
        let whole = Part {
            series: series.clone(),
            span: None,
        };
        self.drop_parts(&[whole], now)?;
        Ok(series)
    }

    /// What a series holds in a span: the number of candles, and from where to where anything is known; `None` where
    /// nothing is.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn part(
        &self,
        series: &SeriesRow,
        span: Span,
    ) -> Result<Option<(u64, Span)>, StoreError> {
        let sql = "SELECT count(*), min(ts), max(ts) FROM candle_data WHERE series_id = ? AND ts >= ? AND ts < ?";
        let within = params![series.id, span.start(), span.end()];
        let (candles, first, last) = self
            .connection
            .query_row(sql, within, |row| {
                Ok((
                    row.get::<_, i64>(0)?.cast_unsigned(),
                    stamp_if_any(row, 1)?,
                    stamp_if_any(row, 2)?,
                ))
            })
            .map_err(told(&self.path))?;
        let stamps = first
            .zip(last)
            .and_then(|(first, last)| Span::new(first, last + 1));
        let asked = series.coverage.union(&series.empty).within(span);
        Ok(asked
            .iter()
            .chain(stamps)
            .reduce(Span::hull)
            .map(|known| (candles, known)))
    }

    /// Forgets what a series holds in a span, and that it was ever asked for. Returns the number of candles that went: those that
    /// start at or after the span's start and before its end, in Unix seconds, of days and longer in the measure of labels. `now`
    /// is as in [`Store::drop_series`].
    ///
    /// # Errors
    /// As [`Store::drop_series`].
    pub fn drop_part(
        &mut self,
        symbol: &Symbol,
        timeframe: Timeframe,
        span: Span,
        now: i64,
    ) -> Result<u64, StoreError> {
        let series = self.find_series(symbol, timeframe)?;
        let span = Some(span);
        let gone = self.drop_parts(&[Part { series, span }], now)?;
        Ok(gone.iter().sum())
    }
}

fn forget_whole(tx: &Connection, series_id: i64) -> rusqlite::Result<u64> {
    let candles = "DELETE FROM series WHERE id = ? RETURNING candles";
    tx.query_row(candles, [series_id], |row| {
        Ok(row.get::<_, i64>(0)?.cast_unsigned())
    })
}

fn forget_part(tx: &Connection, series: &SeriesRow, span: Span) -> rusqlite::Result<usize> {
    let series_id = series.id;
    let within = params![series_id, span.start(), span.end()];
    let forget = |table: &str, at: &str| {
        let sql = format!("DELETE FROM {table} WHERE series_id = ? AND {at} >= ? AND {at} < ?");
        tx.execute(&sql, within)
    };
    let has_seam = series.key.adjusted.is_adjusted() && has_provisional(tx, series_id, span)?;
    let gone = forget("candle_data", "ts")?;
    for table in TABLES.iter() {
        match table.kind() {
            Kind::Judgement { at } | Kind::Log { at } => forget(&table.name, at)?,
            Kind::Data | Kind::History | Kind::Local => 0,
        };
    }
    uncover(tx, series_id, span)?;
    forget_empty(tx, series_id, span)?;
    if has_seam {
        // What lies on both sides of it may stand in two scales, and was to be checked with it.
        doubt_first(tx, series, span.end())?;
    }
    // What was asked at the live edge counts from the end of the part on.
    let sql = "UPDATE series SET candles = candles - ?2,
               first_ts = (SELECT min(ts) FROM candle_data WHERE series_id = ?1),
               last_ts = (SELECT max(ts) FROM candle_data WHERE series_id = ?1),
               tail_asked_at = iif(?3 < tail_asked_to, tail_asked_at, NULL),
               tail_asked_from = iif(?3 < tail_asked_to, max(?3, tail_asked_from), NULL),
               tail_asked_to = iif(?3 < tail_asked_to, tail_asked_to, NULL) WHERE id = ?1";
    let fewer = i64::try_from(gone).unwrap_or(i64::MAX);
    tx.execute(sql, params![series_id, fewer, span.end()])?;
    Ok(gone)
}

/// Whether a candle in a span is one that its provider may still change.
fn has_provisional(tx: &Connection, series_id: i64, span: Span) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM candle_data AS d WHERE series_id = ?1 AND ts >= ?2 AND ts < ?3 AND slice_id IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM coverage AS c WHERE c.series_id = ?1 AND c.start_ts <= d.ts AND d.ts < c.end_ts))";
    tx.query_row(sql, params![series_id, span.start(), span.end()], |row| {
        row.get(0)
    })
}

//! What a batch of an import writes: candles, what they count for their file, and how that ended.

use rusqlite::params;

use super::FileEnd;
use crate::model::counts::Counts;
use crate::model::market::Market;
use crate::model::series::SeriesKey;
use crate::model::span::Span;
use crate::model::timeframe::Timeframe;
use crate::store::candles::coverage::cover;
use crate::store::candles::insert::{HandedIn, hand_in, market_of};
use crate::store::candles::key::{key_columns, key_of};
use crate::store::candles::rows::has_candles;
use crate::store::candles::series::bind;
use crate::store::{Batch, FORMAT, StoreError, told};

impl Batch<'_> {
    /// The row of a series of an import, bound to its key or made, and its market with the weekday that begins its weeks.
    ///
    /// # Errors
    /// The series is held from another source, with another adjustment or of another market, or the file cannot be written.
    pub(crate) fn bind_imported(
        &self,
        key: &SeriesKey,
        market: Market,
        now: i64,
    ) -> Result<(i64, Market), StoreError> {
        let week_start = Some(market.week_start());
        let id = bind(&self.tx, key, week_start, now, self.path)?;
        let market = market_of(&self.tx, id, key, &[]).map_err(told(self.path))?;
        Ok((id, market))
    }

    /// Stores candles and rejects that a file has brought, and counts them for the file.
    ///
    /// # Errors
    /// The file cannot be written; nothing of the batch is stored then.
    pub(crate) fn imported(
        &self,
        (job_id, path): (&str, &str),
        rows: &HandedIn<'_>,
    ) -> Result<Counts, StoreError> {
        let counts = hand_in(&self.tx, rows).map_err(|error| error.at(self.path))?;
        self.count_rows((job_id, path), counts)?;
        Ok(counts)
    }

    /// Counts rows for a file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn count_rows(
        &self,
        (job_id, path): (&str, &str),
        counts: Counts,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE imports SET records_fetched = records_fetched + ?3, records_inserted = records_inserted + ?4,
                   records_duplicate = records_duplicate + ?5, records_restated = records_restated + ?6,
                   records_conflicting = records_conflicting + ?7, records_rejected = records_rejected + ?8
                   WHERE job_id = ?1 AND path = ?2";
        let number = u64::cast_signed;
        let values = params![
            job_id,
            path,
            number(counts.fetched),
            number(counts.inserted),
            number(counts.duplicate),
            number(counts.restated),
            number(counts.conflicting),
            number(counts.rejected),
        ];
        self.execute(sql, values)
    }

    /// Notes what of a file's text is stored, every row of it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn file_stored_up_to(
        &self,
        (job_id, path): (&str, &str),
        position: u64,
    ) -> Result<(), StoreError> {
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        let sql = "UPDATE imports SET position = ?3 WHERE job_id = ?1 AND path = ?2";
        self.execute(sql, params![job_id, path, position])
    }

    /// Says what became of a file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn file_ended(
        &self,
        (job_id, path): (&str, &str),
        end: FileEnd<'_>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE imports SET status = ?3, digest = ?4, error = ?5 WHERE job_id = ?1 AND path = ?2";
        let FileEnd {
            status,
            digest,
            error,
        } = end;
        self.execute(sql, params![job_id, path, status.as_str(), digest, error])
    }

    /// Says of a span that all there is of a series is stored. A series without a candle is never covered.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn cover_imported(&self, series_id: i64, span: Span) -> Result<(), StoreError> {
        let cover = || {
            if has_candles(&self.tx, series_id)? {
                cover(&self.tx, series_id, span)?;
            }
            Ok(())
        };
        cover().map_err(told(self.path))
    }

    /// The series with candles from a source, of a timeframe, and with raw prices.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn raw_series_of(
        &self,
        source: &str,
        timeframe: Timeframe,
    ) -> Result<Vec<(i64, SeriesKey)>, StoreError> {
        let columns = key_columns("series", FORMAT);
        let sql = format!(
            "SELECT id, {columns} FROM series WHERE source = ? AND timeframe = ? AND adjusted = 0 AND candles > 0"
        );
        let read = || -> rusqlite::Result<Vec<(i64, SeriesKey)>> {
            let mut select = self.tx.prepare_cached(&sql)?;
            let timeframe = timeframe.to_string();
            let rows = select.query_map([source, &timeframe], |row| {
                Ok((row.get(0)?, key_of(row, 1)?))
            })?;
            rows.collect()
        };
        read().map_err(told(self.path))
    }

    /// Says that an import brought rows of a series, in a span.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn series_imported(
        &self,
        job_id: &str,
        series_id: i64,
        span: Span,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO backfill_series (job_id, series_id, start_ts, end_ts, status) VALUES (?1, ?2, ?3, ?4, 'completed')
                   ON CONFLICT DO UPDATE SET start_ts = min(start_ts, ?3), end_ts = max(end_ts, ?4)";
        self.execute(sql, params![job_id, series_id, span.start(), span.end()])
    }

    /// Writes into the job what it turned out to have: its symbols, its timeframes and where they begin and end.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn describe_import(&self, job_id: &str) -> Result<(), StoreError> {
        let of = |column: &str| {
            format!(
                "(SELECT json_group_array(DISTINCT s.{column}) FROM backfill_series AS b JOIN series AS s ON s.id = b.series_id
                 WHERE b.job_id = ?1)"
            )
        };
        let sql = format!(
            "UPDATE backfill_jobs SET symbols = {}, timeframes = {},
             start_ts = coalesce((SELECT min(start_ts) FROM backfill_series WHERE job_id = ?1), 0),
             end_ts = coalesce((SELECT max(end_ts) FROM backfill_series WHERE job_id = ?1), 0) WHERE job_id = ?1",
            of("symbol"),
            of("timeframe")
        );
        self.execute(&sql, [job_id])
    }
}

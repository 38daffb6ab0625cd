//! What the file knows of a series beside its candles and coverage: what was asked of it and by what rule, and what is odd about it.

use rusqlite::{OptionalExtension, Row, params};

use crate::model::expected::Ask;
use crate::model::market::Policy;
use crate::model::span::Span;
use crate::store::candles::coverage::{HOURS_SINCE, SEVERAL_HOURS};
use crate::store::candles::flags::OFF_SESSION;
use crate::store::file::stamp::{Wait, stamp, stamp_if_any};
use crate::store::{SeriesRow, Store, StoreError, told};

impl Store {
    /// From the first position that was ever asked of a series, or that it holds a candle of, to the end of the last.
    pub(super) fn asked_or_held(&self, series: &SeriesRow) -> Result<Option<Span>, StoreError> {
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

    /// What was asked of a series, and answered.
    pub(super) fn asked_of(&self, series_id: i64) -> Result<Vec<Ask>, StoreError> {
        let sql = "SELECT start_ts, end_ts, completed_at FROM backfill_progress
                   WHERE series_id = ? AND status = 'completed' AND completed_at IS NOT NULL";
        let asked = || {
            let mut select = self.connection.prepare_cached(sql)?;
            let rows = select.query_map([series_id], |row| {
                let span = Span::new(stamp(row, 0)?, stamp(row, 1)?);
                let at = stamp(row, 2)?;
                Ok(span.map(|span| Ask { span, at }))
            })?;
            rows.filter_map(Result::transpose)
                .collect::<rusqlite::Result<Vec<Ask>>>()
        };
        asked().map_err(told(&self.path))
    }

    /// The live edge of a series that was asked and is not settled.
    pub(super) fn tail_of(&self, series_id: i64) -> Result<Option<Span>, StoreError> {
        let valid = if self.format < HOURS_SINCE {
            format!("NOT ({SEVERAL_HOURS})")
        } else {
            "true".to_owned()
        };
        let sql = format!(
            "SELECT iif({valid}, tail_asked_from, NULL), tail_asked_to FROM series WHERE id = ?"
        );
        let tail = || {
            let mut select = self.connection.prepare_cached(&sql)?;
            select.query_row([series_id], |row| {
                Ok((stamp_if_any(row, 0)?, stamp_if_any(row, 1)?))
            })
        };
        Ok(match tail().map_err(told(&self.path))? {
            (Some(from), Some(to)) => Span::new(from, to),
            _ => None,
        })
    }

    /// When candles counted as closed and final for the last job that asked for a series.
    pub(super) fn policy_of(&self, series_id: i64) -> Result<Policy, StoreError> {
        let sql = "SELECT delay_s, final_after_s FROM backfill_jobs
                   WHERE job_id = (SELECT max(job_id) FROM backfill_series WHERE series_id = ?)";
        let policy = || {
            let mut select = self.connection.prepare_cached(sql)?;
            let row = |row: &Row<'_>| {
                let (Wait(delay), final_after) = (row.get(0)?, row.get::<_, Option<Wait>>(1)?);
                let final_after = final_after.map(|Wait(seconds)| seconds);
                Ok(Policy { delay, final_after })
            };
            select.query_row([series_id], row).optional()
        };
        let policy = policy().map_err(told(&self.path))?;
        Ok(policy.unwrap_or_default())
    }

    /// Candles outside of trading hours.
    pub(super) fn off_session_candles(&self, series_id: i64) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM quality_issues WHERE series_id = ? AND check_name = ?";
        let counted = || -> rusqlite::Result<i64> {
            let mut select = self.connection.prepare_cached(sql)?;
            select.query_row(params![series_id, OFF_SESSION], |row| row.get(0))
        };
        Ok(counted().map_err(told(&self.path))?.cast_unsigned())
    }

    /// The starts of rows of a series that could not be stored, ascending.
    pub(super) fn rejected_starts(&self, series_id: i64) -> Result<Vec<i64>, StoreError> {
        let sql = "SELECT ts FROM rejected WHERE series_id = ? AND ts IS NOT NULL ORDER BY ts";
        let starts = || {
            let mut select = self.connection.prepare_cached(sql)?;
            let rows = select.query_map([series_id], |row| stamp(row, 0))?;
            rows.collect::<rusqlite::Result<_>>()
        };
        starts().map_err(told(&self.path))
    }
}

//! What of a series was answered: the spans with the provider's final answer, and those for which it had nothing.

use rusqlite::{Connection, params};

use crate::model::market::MarketCode;
use crate::model::series::SeriesKey;
use crate::model::span::{Span, SpanSet};
use crate::model::timeframe::Timeframe;
use crate::plan::EmptySpan;
use crate::store::file::stamp::{stamp, stamp_if_any};
use crate::store::{FORMAT, SeriesRow, Store, StoreError, told};

/// Before this format, candles of several hours were taken to be cut by the market's wall clock. What was covered then
/// says nothing of those that there are: the step to it takes that coverage back.
pub(in crate::store) const HOURS_SINCE: i32 = 3;

/// Since this format it is known of nothing whether it was said once.
const CONFIRMED_SINCE: i32 = 7;

/// The series of which [`HOURS_SINCE`] speaks: stocks and indices, whose zone is not UTC.
pub(in crate::store) const SEVERAL_HOURS: &str =
    "timeframe GLOB '[0-9]*h' AND timeframe <> '1h' AND symbol NOT GLOB '[XC]:*'";

impl Store {
    /// Whether candles of a series may have been cut on other lines than now, by an older program: the first command that
    /// writes has them asked for again.
    pub(crate) fn is_cut_otherwise(&self, key: &SeriesKey) -> bool {
        self.format < HOURS_SINCE
            && matches!(key.timeframe, Timeframe::Hours(2..))
            && [MarketCode::XNYS, MarketCode::XCBO].contains(&key.listing.market)
    }

    /// Where a series has its final answers.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn coverage_of(&self, series_id: i64) -> Result<SpanSet, StoreError> {
        coverage_in("main", self.format, &self.connection, series_id).map_err(told(&self.path))
    }
}

/// The spans with the provider's final answer, in a file of this format.
pub(in crate::store) fn coverage(
    connection: &Connection,
    series_id: i64,
) -> rusqlite::Result<SpanSet> {
    coverage_in("main", FORMAT, connection, series_id)
}

/// The same in any file, without those that an older format took for final.
pub(in crate::store) fn coverage_in(
    file: &str,
    format: i32,
    connection: &Connection,
    series_id: i64,
) -> rusqlite::Result<SpanSet> {
    let is_valid = is_valid(file, format);
    let sql = format!(
        "SELECT start_ts, end_ts FROM {file}.coverage WHERE series_id = ?1 AND {is_valid} ORDER BY start_ts"
    );
    stated(connection, &sql, series_id)
}

/// Whether what was answered of a series, `?1`, in a file of a format is still believed.
fn is_valid(file: &str, format: i32) -> String {
    if format < HOURS_SINCE {
        format!("NOT EXISTS (SELECT 1 FROM {file}.series WHERE id = ?1 AND {SEVERAL_HOURS})")
    } else {
        "true".to_owned()
    }
}

/// The slice that brought a row of `candle_data`, by the name that the row goes by in a statement; absent for one that was
/// handed in. It is 0, as in `format_3.sql`, where an older file has no word of it but has covered it, and is not believed.
pub(in crate::store) fn slice_of(candle: &str, file: &str, format: i32) -> String {
    if format < HOURS_SINCE {
        format!(
            "coalesce({candle}.slice_id, (SELECT 0 FROM {file}.series AS s JOIN {file}.coverage AS c ON c.series_id = s.id
             WHERE s.id = {candle}.series_id AND {SEVERAL_HOURS} AND c.start_ts <= {candle}.ts AND {candle}.ts < c.end_ts))"
        )
    } else {
        format!("{candle}.slice_id")
    }
}

/// The spans that stand in the file, whatever they are worth.
pub(in crate::store) fn stated_coverage(
    connection: &Connection,
    series_id: i64,
) -> rusqlite::Result<SpanSet> {
    let sql = "SELECT start_ts, end_ts FROM coverage WHERE series_id = ? ORDER BY start_ts";
    stated(connection, sql, series_id)
}

fn stated(connection: &Connection, sql: &str, series_id: i64) -> rusqlite::Result<SpanSet> {
    connection
        .prepare_cached(sql)?
        .query_map([series_id], |row| {
            Ok(Span::new(stamp(row, 0)?, stamp(row, 1)?))
        })?
        .filter_map(Result::transpose)
        .collect()
}

/// The spans for which the provider had nothing.
pub(in crate::store) fn empty_spans(
    connection: &Connection,
    series_id: i64,
) -> rusqlite::Result<Vec<EmptySpan>> {
    empty_spans_in("main", FORMAT, connection, series_id)
}

/// The same in any file, without those that an older format took for final.
pub(in crate::store) fn empty_spans_in(
    file: &str,
    format: i32,
    connection: &Connection,
    series_id: i64,
) -> rusqlite::Result<Vec<EmptySpan>> {
    let is_valid = is_valid(file, format);
    let is_confirmed = if format < CONFIRMED_SINCE {
        "1"
    } else {
        "is_confirmed"
    };
    connection
        .prepare_cached(&format!(
            "SELECT start_ts, end_ts, asked_at, {is_confirmed} FROM {file}.empty_spans WHERE series_id = ?1 AND {is_valid} ORDER BY start_ts"
        ))?
        .query_map([series_id], |row| {
            let (asked_at, is_confirmed) = (stamp(row, 2)?, row.get(3)?);
            let span = Span::new(stamp(row, 0)?, stamp(row, 1)?);
            Ok(span.map(|span| EmptySpan {
                span,
                asked_at,
                is_confirmed,
            }))
        })?
        .filter_map(Result::transpose)
        .collect()
}

/// The coverage that touches a span, for merging and for judging rows inside it.
pub(in crate::store) fn coverage_touching(
    connection: &Connection,
    series_id: i64,
    span: Span,
) -> rusqlite::Result<SpanSet> {
    // The spans are disjoint: at most one that begins before this one reaches into it.
    let sql = "SELECT start_ts, end_ts FROM coverage WHERE series_id = ?1 AND start_ts <= ?3 AND end_ts >= ?2
               AND start_ts >= coalesce((SELECT max(start_ts) FROM coverage WHERE series_id = ?1 AND start_ts <= ?2), ?2)";
    connection
        .prepare_cached(sql)?
        .query_map(params![series_id, span.start(), span.end()], |row| {
            Ok(Span::new(stamp(row, 0)?, stamp(row, 1)?))
        })?
        .filter_map(Result::transpose)
        .collect()
}

/// Adds a span to the coverage, merging what touches.
pub(in crate::store) fn cover(
    connection: &Connection,
    series_id: i64,
    span: Span,
) -> rusqlite::Result<()> {
    let touching = coverage_touching(connection, series_id, span)?;
    let merged = touching.union(&span.into());
    replace_coverage(connection, series_id, &touching, &merged)
}

/// Takes back that the first covered candle from an instant on was answered for good: the next run asks for it again. What was
/// handed in before it was covered counts as fetched from then on; it would never be asked for otherwise.
pub(in crate::store) fn doubt_first(
    connection: &Connection,
    series: &SeriesRow,
    from: i64,
) -> rusqlite::Result<()> {
    let first = "SELECT min(d.ts) FROM coverage AS c JOIN candle_data AS d
                 ON d.series_id = c.series_id AND d.ts >= max(c.start_ts, ?2) AND d.ts < c.end_ts WHERE c.series_id = ?1";
    let mut first = connection.prepare_cached(first)?;
    let Some(first) = first.query_row([series.id, from], |row| stamp_if_any(row, 0))? else {
        return Ok(());
    };
    connection.execute(
        "UPDATE candle_data SET slice_id = coalesce(slice_id, 0) WHERE series_id = ? AND ts = ?",
        [series.id, first],
    )?;
    match Span::new(first, series.market().next(first)) {
        Some(candle) => uncover(connection, series.id, candle),
        None => Ok(()),
    }
}

/// Cuts a span out of the coverage.
pub(in crate::store) fn uncover(
    connection: &Connection,
    series_id: i64,
    span: Span,
) -> rusqlite::Result<()> {
    let touching = coverage_touching(connection, series_id, span)?;
    let rest = touching.subtract(&span.into());
    replace_coverage(connection, series_id, &touching, &rest)
}

/// Takes back what is not believed: answers that cannot have come, and those of an adjusted series that were not checked for a
/// split; and what is said to have been asked after now.
pub(in crate::store) fn disbelieve(
    connection: &Connection,
    series_id: i64,
    spans: &SpanSet,
    now: i64,
) -> rusqlite::Result<()> {
    for span in spans.iter() {
        uncover(connection, series_id, span)?;
        forget_empty(connection, series_id, span)?;
    }
    let sql = "UPDATE series SET tail_asked_from = NULL, tail_asked_to = NULL, tail_asked_at = NULL
               WHERE id = ? AND tail_asked_at > ?";
    connection
        .prepare_cached(sql)?
        .execute(params![series_id, now])?;
    Ok(())
}

fn replace_coverage(
    connection: &Connection,
    series_id: i64,
    old: &SpanSet,
    new: &SpanSet,
) -> rusqlite::Result<()> {
    if old == new {
        return Ok(());
    }
    for span in old.iter() {
        connection
            .prepare_cached("DELETE FROM coverage WHERE series_id = ? AND start_ts = ?")?
            .execute([series_id, span.start()])?;
    }
    for span in new.iter() {
        connection
            .prepare_cached("INSERT INTO coverage (series_id, start_ts, end_ts) VALUES (?, ?, ?)")?
            .execute([series_id, span.start(), span.end()])?;
    }
    Ok(())
}

/// Cuts a span out of the empty ones.
pub(in crate::store) fn forget_empty(
    connection: &Connection,
    series_id: i64,
    span: Span,
) -> rusqlite::Result<()> {
    let kept = empty_spans(connection, series_id)?;
    for old in kept.iter().filter(|old| old.span.intersect(span).is_some()) {
        connection
            .prepare_cached("DELETE FROM empty_spans WHERE series_id = ? AND start_ts = ?")?
            .execute([series_id, old.span.start()])?;
        for rest in SpanSet::from(old.span).subtract(&span.into()).iter() {
            insert_empty(connection, series_id, EmptySpan { span: rest, ..*old })?;
        }
    }
    Ok(())
}

pub(in crate::store) fn insert_empty(
    connection: &Connection,
    series_id: i64,
    empty: EmptySpan,
) -> rusqlite::Result<()> {
    let EmptySpan {
        span,
        asked_at,
        is_confirmed,
    } = empty;
    connection
        .prepare_cached("INSERT OR REPLACE INTO empty_spans (series_id, start_ts, end_ts, asked_at, is_confirmed) VALUES (?, ?, ?, ?, ?)")?
        .execute(params![series_id, span.start(), span.end(), asked_at, is_confirmed])
        .map(|_| ())
}

//! Series and what is known of them: the row that binds a source and an adjustment, and the tail.

use chrono::Weekday;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use crate::model::market::Market;
use crate::model::series::SeriesKey;
use crate::model::span::{Span, SpanSet};
use crate::model::timeframe::Timeframe;
use crate::plan::{EmptySpan, Known, Provisional, Tail};
use crate::store::candles::coverage::{HOURS_SINCE, SEVERAL_HOURS, coverage_in, empty_spans_in};
use crate::store::candles::key::{KEY_NAMES, key_columns, key_of, key_values, parameters_for};
use crate::store::file::stamp::{stamp, stamp_if_any};
use crate::store::{FORMAT, Store, StoreError, told};

/// The market of a series, once it is sure that the series can be filled.
///
/// # Errors
/// This build does not know the market or the grid.
pub(crate) fn fillable(key: &SeriesKey, market: Market) -> Result<Market, StoreError> {
    match market.unknown() {
        None => Ok(market),
        Some(unknown) => Err(StoreError::Unknown {
            symbol: key.symbol.to_string(),
            timeframe: key.timeframe.to_string(),
            unknown,
        }),
    }
}

/// A series' row as a writer needs it.
struct Held {
    id: i64,
    key: SeriesKey,
}

impl Store {
    /// What the file knows of a series, for a plan. A series that the file does not hold is known to be empty.
    ///
    /// # Errors
    /// The series is held from another source or with another adjustment, or the file cannot be read.
    pub(crate) fn known(&self, key: &SeriesKey) -> Result<Known, StoreError> {
        let told = told(&self.path);
        let Some(held) = held(&self.connection, self.format, key).map_err(told)? else {
            return Ok(Known::default());
        };
        let known = known_in("main", self.format, &self.connection, held.id).map_err(told)?;
        check_binding(key, &held, &known)?;
        Ok(known)
    }

    /// The same for a plan that asks again: as empty counts what is given of its coverage, whatever the requests were that brought
    /// nothing, and what is doubtful. Before its first candle a series has nothing else.
    ///
    /// # Errors
    /// As [`Store::known`].
    pub(crate) fn known_with(&self, key: &SeriesKey, again: &SpanSet) -> Result<Known, StoreError> {
        let mut known = self.known(key)?;
        if known.has_candles {
            let doubtful = known.doubtful(&key.market(Weekday::Sun));
            let empty = |is_confirmed| {
                move |span| EmptySpan {
                    span,
                    asked_at: 0,
                    is_confirmed,
                }
            };
            let again = again.iter().map(empty(true));
            known.empty = again.chain(doubtful.iter().map(empty(false))).collect();
        }
        Ok(known)
    }
}

/// Finds the series' row, or makes it; binds it to the key's source and adjustment.
pub(in crate::store) fn bind(
    connection: &Connection,
    key: &SeriesKey,
    week_start: Option<Weekday>,
    now: i64,
    store: &std::path::Path,
) -> Result<i64, StoreError> {
    let told = told(store);
    let week_start = week_start
        .filter(|_| key.timeframe == Timeframe::Week)
        .map(|day| i64::from(day.number_from_monday()));
    let key_and = |value: Option<i64>| {
        key_values(key)
            .into_iter()
            .chain([week_start.into(), value.into()])
    };
    let Some(held) = held(connection, FORMAT, key).map_err(told)? else {
        let columns = format!("{}, week_start, created_at", *KEY_NAMES);
        let parameters = parameters_for(&columns);
        let sql = format!("INSERT INTO series ({columns}) VALUES ({parameters})");
        return connection
            .prepare_cached(&sql)
            .and_then(|mut insert| insert.insert(params_from_iter(key_and(Some(now)))))
            .map_err(told);
    };
    if held.key.is_bound_like(key) {
        // What nobody had said before.
        let currency = key.listing.currency.map(|currency| currency.to_string());
        let sql = "UPDATE series SET week_start = coalesce(week_start, ?2), currency = coalesce(currency, ?3)
                   WHERE id = ?1 AND (week_start IS NULL AND ?2 IS NOT NULL OR currency IS NULL AND ?3 IS NOT NULL)";
        connection
            .prepare_cached(sql)
            .and_then(|mut update| update.execute(params![held.id, week_start, currency]))
            .map_err(told)?;
        return Ok(held.id);
    }
    check_binding(key, &held, &known(connection, held.id).map_err(told)?)?;
    check_unclaimed(connection, held.id, now, store)?;
    let columns = format!("{}, week_start", *KEY_NAMES);
    let parameters = parameters_for(&columns);
    let sql = format!(
        "UPDATE series SET ({columns}) = ({parameters}), tail_asked_at = NULL, tail_asked_from = NULL,
         tail_asked_to = NULL WHERE id = ?"
    );
    connection
        .execute(&sql, params_from_iter(key_and(Some(held.id))))
        .map_err(told)?;
    // What another source did not have says nothing of this one.
    connection
        .execute("DELETE FROM empty_spans WHERE series_id = ?", [held.id])
        .map_err(told)?;
    Ok(held.id)
}

/// No living job may work on a series that is dropped or bound anew.
pub(in crate::store) fn check_unclaimed(
    connection: &Connection,
    series_id: i64,
    now: i64,
    store: &std::path::Path,
) -> Result<(), StoreError> {
    let sql = "SELECT j.job_id, j.owner, j.heartbeat_at FROM backfill_series AS b JOIN backfill_jobs AS j ON j.job_id = b.job_id
               WHERE b.series_id = ? AND j.status IN ('running', 'queued')";
    let claimed = || -> rusqlite::Result<Option<StoreError>> {
        let mut select = connection.prepare(sql)?;
        let mut claims = select.query([series_id])?;
        while let Some(claim) = claims.next()? {
            let owner: String = claim.get::<_, Option<String>>(1)?.unwrap_or_default();
            if crate::run::owner::is_alive(store, &owner, claim.get(2)?, now) {
                let job_id = claim.get(0)?;
                return Ok(Some(StoreError::Owned { job_id, owner }));
            }
        }
        Ok(None)
    };
    claimed().map_err(told(store))?.map_or(Ok(()), Err)
}

/// A series with neither candle nor coverage binds nothing.
fn check_binding(key: &SeriesKey, held: &Held, known: &Known) -> Result<(), StoreError> {
    if held.key.is_bound_like(key) || !known.has_candles && known.coverage.is_empty() {
        return Ok(());
    }
    Err(StoreError::Bound {
        symbol: key.symbol.to_string(),
        timeframe: key.timeframe.to_string(),
        held: format!("{} ({})", held.key.source, held.key.binding(key)),
        asked: format!("{} ({})", key.source, key.binding(&held.key)),
    })
}

fn held(connection: &Connection, format: i32, key: &SeriesKey) -> rusqlite::Result<Option<Held>> {
    let columns = key_columns("series", format);
    let sql = format!("SELECT id, {columns} FROM series WHERE symbol = ? AND timeframe = ?");
    let held = |row: &Row<'_>| {
        let (id, key) = (row.get(0)?, key_of(row, 1)?);
        Ok(Held { id, key })
    };
    connection
        .prepare_cached(&sql)?
        .query_row([key.symbol.as_str(), &key.timeframe.to_string()], held)
        .optional()
}

/// What the connection's own file knows of a series.
pub(in crate::store) fn known(connection: &Connection, series_id: i64) -> rusqlite::Result<Known> {
    known_in("main", FORMAT, connection, series_id)
}

/// What the file attached by that name knows of a series; the connection's own is `main`.
pub(in crate::store) fn known_in(
    file: &str,
    format: i32,
    connection: &Connection,
    series_id: i64,
) -> rusqlite::Result<Known> {
    let valid = if format < HOURS_SINCE {
        format!("NOT ({SEVERAL_HOURS})")
    } else {
        "true".to_owned()
    };
    let sql = format!(
        "SELECT candles, tail_asked_from, tail_asked_to, iif({valid}, tail_asked_at, NULL), first_ts, last_ts FROM {file}.series WHERE id = ?"
    );
    let (candles, tail, first_ts, last_ts) =
        connection
            .prepare_cached(&sql)?
            .query_row([series_id], |row| {
                let tail = (
                    stamp_if_any(row, 1)?,
                    stamp_if_any(row, 2)?,
                    stamp_if_any(row, 3)?,
                );
                let (first_ts, last_ts) = (stamp_if_any(row, 4)?, stamp_if_any(row, 5)?);
                Ok((row.get::<_, i64>(0)?, tail, first_ts, last_ts))
            })?;
    let tail = match tail {
        (Some(from), Some(to), Some(asked_at)) => Some(Tail { from, to, asked_at }),
        _ => None,
    };
    let coverage = coverage_in(file, format, connection, series_id)?;
    let provisional = match tail {
        Some(tail) => provisional_in(file, connection, series_id, tail, &coverage)?,
        None => None,
    };
    Ok(Known {
        has_candles: candles > 0,
        first_ts,
        last_ts,
        provisional,
        coverage,
        empty: empty_spans_in(file, format, connection, series_id)?,
        tail,
        unchecked: SpanSet::default(),
    })
}

/// The oldest candle of the tail that was fetched and not for good.
fn provisional_in(
    file: &str,
    connection: &Connection,
    series_id: i64,
    tail: Tail,
    coverage: &SpanSet,
) -> rusqlite::Result<Option<Provisional>> {
    let Some(asked) = Span::new(tail.from, tail.to) else {
        return Ok(None);
    };
    let sql = format!(
        "SELECT c.ts, p.started_at FROM {file}.candle_data AS c JOIN {file}.backfill_progress AS p ON p.slice_id = c.slice_id
         WHERE c.series_id = ? AND c.ts >= ? AND c.ts < ? ORDER BY c.ts LIMIT 1"
    );
    let mut oldest = connection.prepare_cached(&sql)?;
    for open in SpanSet::from(asked).subtract(coverage).iter() {
        let within = [series_id, open.start(), open.end()];
        let found = oldest.query_row(within, |row| Ok((stamp(row, 0)?, stamp_if_any(row, 1)?)));
        if let Some((ts, Some(fetched_at))) = found.optional()? {
            return Ok(Some(Provisional { ts, fetched_at }));
        }
    }
    Ok(None)
}

//! Adding one file to another. Its rows are copied by statements over spans, with the file attached: what is final beats
//! what is provisional, among final candles the first stays, among provisional ones the one that was fetched later. The
//! added file is never written, and nothing that is in it is run.

use std::path::Path;

use chrono::Weekday;
use rusqlite::{Connection, ErrorCode, ffi, params, params_from_iter};

use super::read::key_of;
use super::series::{bind, cover, known_in};
use super::stamp::stamp_if_any;
use super::{SeriesKey, Store, StoreError, told};
use crate::plan::Known;
use crate::span::{Span, SpanSet};

/// What became of the candles of an added file: `candles = added + same + conflicting + superseded`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Added {
    /// Series that it holds.
    pub series: u64,
    /// Candles that it holds.
    pub candles: u64,
    /// New ones, and those that took the place of a provisional one.
    pub added: u64,
    /// Those that were there with the same values.
    pub same: u64,
    /// Those that differ from a final one, which stays.
    pub conflicting: u64,
    /// Provisional ones that a final answer, or a later one, has replaced or removed.
    pub superseded: u64,
    /// Provisional candles of the files before it that it has replaced or removed.
    pub restated: u64,
}

/// A series of the added file.
struct Theirs {
    id: i64,
    key: SeriesKey,
    week_start: Option<Weekday>,
    created_at: Option<i64>,
    known: Known,
}

impl Store {
    /// Makes a file that nobody reads before it is whole, to add others to.
    ///
    /// # Errors
    /// As [`Store::create`].
    pub fn create_unseen(path: &Path) -> Result<Store, StoreError> {
        let store = Store::create(path)?;
        let ready = "PRAGMA journal_mode = delete;
            PRAGMA synchronous = off;
            CREATE TEMP TABLE added_series (theirs INTEGER PRIMARY KEY, ours INTEGER NOT NULL);
            CREATE TEMP TABLE added_slices (theirs INTEGER PRIMARY KEY, ours INTEGER NOT NULL)";
        store.connection.execute_batch(ready).map_err(told(path))?;
        Ok(store)
    }

    /// Makes a file that was made [unseen](Store::create_unseen) one like any other, and closes it. It is not synced.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn close_unseen(self) -> Result<(), StoreError> {
        let closed = || {
            self.connection.pragma_update(None, "journal_mode", "wal")?;
            self.connection.close().map_err(|(_, error)| error)
        };
        closed().map_err(told(&self.path))
    }

    /// Adds everything that another file holds at this instant. Values that give way are kept in `conflicts` and
    /// `restatements`, seen `now`.
    ///
    /// # Errors
    /// A series is held from another source or with another adjustment, or a file cannot be read or written; the file is of
    /// no use then.
    pub fn add(&self, other: &Store, now: i64) -> Result<Added, StoreError> {
        let told = told_of(&self.path, &other.path);
        self.connection
            .execute("ATTACH ? AS input", [other.uri()])
            .map_err(told)?;
        // Not immediate: that would lock the other file, too.
        let tx = self.connection.unchecked_transaction().map_err(told)?;
        let added = add_attached(&tx, other.format, now, &self.path, told)?;
        tx.commit().map_err(told)?;
        self.connection
            .execute_batch("DETACH input")
            .map_err(told)?;
        Ok(added)
    }
}

/// Only the file that is made can be too large for the disk. A row that it does not take is damage in the added one.
fn told_of(ours: &Path, theirs: &Path) -> impl Fn(rusqlite::Error) -> StoreError + Copy {
    move |error| match error.sqlite_error() {
        Some(failure)
            if failure.code == ErrorCode::DiskFull
                || failure.extended_code == ffi::SQLITE_IOERR_WRITE =>
        {
            told(ours)(error)
        }
        Some(failure) if failure.code == ErrorCode::ConstraintViolation => StoreError::Damaged {
            path: theirs.to_path_buf(),
            why: error.to_string(),
        },
        _ => told(theirs)(error),
    }
}

fn add_attached(
    tx: &Connection,
    format: i32,
    now: i64,
    path: &Path,
    told: impl Fn(rusqlite::Error) -> StoreError + Copy,
) -> Result<Added, StoreError> {
    let clear = "DELETE FROM temp.added_series; DELETE FROM temp.added_slices";
    tx.execute_batch(clear).map_err(told)?;
    let mut added = Added::default();
    let mut pairs = Vec::new();
    for theirs in series_of_input(tx).map_err(told)? {
        let created_at = theirs.created_at.unwrap_or(now);
        let ours = match bind(tx, &theirs.key, theirs.week_start, created_at, path) {
            // A series with neither candle nor coverage binds nothing.
            Err(StoreError::Bound { .. })
                if !theirs.known.has_candles && theirs.known.coverage.is_empty() =>
            {
                continue;
            }
            bound => bound?,
        };
        tx.execute(
            "INSERT INTO temp.added_series VALUES (?, ?)",
            [theirs.id, ours],
        )
        .map_err(told)?;
        pairs.push((ours, theirs));
    }
    super::merge_history::add(tx, format).map_err(told)?;
    for (ours, theirs) in pairs {
        let mut pair = Pair {
            tx,
            ours,
            theirs: theirs.id,
            now,
            added: &mut added,
        };
        pair.add(&theirs.known).map_err(told)?;
    }
    super::merge_history::tidy(tx).map_err(told)?;
    Ok(added)
}

fn series_of_input(tx: &Connection) -> rusqlite::Result<Vec<Theirs>> {
    let sql = "SELECT id, symbol, timeframe, source, adjusted, week_start, created_at FROM input.series ORDER BY id";
    let mut select = tx.prepare(sql)?;
    let rows = select.query_map([], |row| {
        let id = row.get(0)?;
        Ok(Theirs {
            id,
            key: key_of(row, 1)?,
            week_start: weekday(row.get(5)?),
            created_at: stamp_if_any(row, 6)?,
            known: known_in("input", tx, id)?,
        })
    })?;
    rows.collect()
}

/// Monday is 1.
fn weekday(day: Option<u8>) -> Option<Weekday> {
    Weekday::try_from(day?.checked_sub(1)?).ok()
}

/// A series of ours and the same one of theirs.
struct Pair<'a> {
    tx: &'a Connection,
    ours: i64,
    theirs: i64,
    now: i64,
    added: &'a mut Added,
}

/// In all statements: ?1 and ?2 are our series and theirs, ?3 and ?4 a span, ?5 is now.
const OURS: &str = "main.candle_data AS ours LEFT JOIN input.candle_data AS theirs ON theirs.series_id = ?2 AND theirs.ts = ours.ts
    WHERE ours.series_id = ?1 AND ours.ts >= ?3 AND ours.ts < ?4";
const THEIRS: &str = "input.candle_data AS theirs LEFT JOIN main.candle_data AS ours ON ours.series_id = ?1 AND ours.ts = theirs.ts
    WHERE theirs.series_id = ?2 AND theirs.ts >= ?3 AND theirs.ts < ?4";
const DIFFERENT: &str = "(ours.open, ours.high, ours.low, ours.close, ours.volume, ours.vwap, ours.trades) IS NOT
    (theirs.open, theirs.high, theirs.low, theirs.close, theirs.volume, theirs.vwap, theirs.trades)";
const IN_BOTH: &str = "ours.ts IS NOT NULL AND theirs.ts IS NOT NULL";
/// Candles that were handed in were never fetched.
const FETCHED_LATER: &str = "coalesce((SELECT started_at FROM input.backfill_progress WHERE slice_id = theirs.slice_id), -9e18) >
    coalesce((SELECT started_at FROM main.backfill_progress WHERE slice_id = ours.slice_id), -9e18)";

impl Pair<'_> {
    fn add(&mut self, theirs: &Known) -> rusqlite::Result<()> {
        let ours = known_in("main", self.tx, self.ours)?;
        let before = *self.added;
        self.add_candles(&answered(&ours), &answered(theirs))?;
        let sql = "SELECT count(*) FROM input.candle_data WHERE series_id = ?";
        let candles: i64 = self
            .tx
            .prepare_cached(sql)?
            .query_row([self.theirs], |row| row.get(0))?;
        let added = &mut *self.added;
        added.series += 1;
        added.candles += candles.unsigned_abs();
        let accounted = (added.added - before.added)
            + (added.conflicting - before.conflicting)
            + (added.superseded - before.superseded);
        added.same += candles.unsigned_abs().saturating_sub(accounted);
        self.settle(&ours, theirs)
    }

    /// Span by span, by which side has the final answer.
    fn add_candles(&mut self, ours: &SpanSet, theirs: &SpanSet) -> rusqlite::Result<()> {
        let only_ours = ours.subtract(theirs);
        for span in ours.subtract(&only_ours).iter() {
            self.keep_conflicts(span, IN_BOTH)?;
            self.insert(span)?;
        }
        for span in only_ours.iter() {
            self.supersede(span, "true")?;
        }
        for span in theirs.subtract(ours).iter() {
            self.restate(span, "true")?;
            self.insert(span)?;
        }
        let everywhere = Span::new(i64::MIN, i64::MAX)
            .map(SpanSet::from)
            .unwrap_or_default();
        for span in everywhere.subtract(&ours.union(theirs)).iter() {
            self.restate(span, &format!("{IN_BOTH} AND {FETCHED_LATER}"))?;
            self.supersede(span, &format!("{IN_BOTH} AND theirs.slice_id IS NOT NULL"))?;
            // As for all candles that are handed in.
            self.keep_conflicts(span, &format!("{IN_BOTH} AND theirs.slice_id IS NULL"))?;
            self.insert(span)?;
        }
        Ok(())
    }

    /// Their rows, where we have none.
    fn insert(&mut self, span: Span) -> rusqlite::Result<()> {
        // Not `OR IGNORE`, which would pass over rows that cannot be stored.
        let sql = "INSERT INTO main.candle_data (series_id, ts, open, high, low, close, volume, vwap, trades, slice_id)
            SELECT ?1, ts, open, high, low, close, volume, vwap, trades,
                (SELECT ours FROM temp.added_slices AS slice WHERE slice.theirs = candle.slice_id)
            FROM input.candle_data AS candle WHERE series_id = ?2 AND ts >= ?3 AND ts < ?4 ORDER BY ts
            ON CONFLICT DO NOTHING";
        self.added.added += self.run(span, sql)?;
        Ok(())
    }

    /// Logs and deletes those of our rows that theirs are to replace, or that they do not have.
    fn restate(&mut self, span: Span, which: &str) -> rusqlite::Result<()> {
        self.added.restated +=
            self.log_restated(span, "ours", "theirs", &format!("{OURS} AND {which}"))?;
        for table in ["quality_issues", "candle_data"] {
            let sql = format!(
                "DELETE FROM main.{table} WHERE series_id = ?1 AND ts IN
                 (SELECT ours.ts FROM {OURS} AND {DIFFERENT} AND {which})"
            );
            self.run(span, &sql)?;
        }
        Ok(())
    }

    /// Logs those of their rows that differ from ours or that we do not have.
    fn supersede(&mut self, span: Span, which: &str) -> rusqlite::Result<()> {
        self.added.superseded +=
            self.log_restated(span, "theirs", "ours", &format!("{THEIRS} AND {which}"))?;
        Ok(())
    }

    fn log_restated(&self, span: Span, old: &str, new: &str, rows: &str) -> rusqlite::Result<u64> {
        let sql = format!(
            "INSERT INTO main.restatements (series_id, ts, action, old_open, old_high, old_low, old_close, old_volume,
                old_vwap, old_trades, seen_at)
             SELECT ?1, {old}.ts, iif({new}.ts IS NULL, 'removed', 'replaced'), {old}.open, {old}.high, {old}.low,
                {old}.close, {old}.volume, {old}.vwap, {old}.trades, ?5
             FROM {rows} AND {DIFFERENT}"
        );
        self.run(span, &sql)
    }

    /// Counts every one; those that are known are taken out again in the end.
    fn keep_conflicts(&mut self, span: Span, which: &str) -> rusqlite::Result<()> {
        let sql = format!(
            "INSERT INTO main.conflicts (series_id, ts, open, high, low, close, volume, vwap, trades, seen_at)
             SELECT ?1, theirs.ts, theirs.open, theirs.high, theirs.low, theirs.close, theirs.volume, theirs.vwap,
                theirs.trades, ?5
             FROM {THEIRS} AND {DIFFERENT} AND {which}"
        );
        self.added.conflicting += self.run(span, &sql)?;
        Ok(())
    }

    fn run(&self, span: Span, sql: &str) -> rusqlite::Result<u64> {
        let values = [self.ours, self.theirs, span.start(), span.end(), self.now];
        let mut statement = self.tx.prepare_cached(sql)?;
        let used = statement.parameter_count();
        Ok(statement.execute(params_from_iter(&values[..used]))? as u64)
    }

    /// Brings what is known of the series up to date with its candles.
    fn settle(&self, ours: &Known, theirs: &Known) -> rusqlite::Result<()> {
        let sql = format!(
            "INSERT INTO main.quality_issues (series_id, ts, check_name, detail)
            SELECT ?1, issue.ts, check_name, detail FROM input.quality_issues AS issue
            JOIN input.candle_data AS theirs ON theirs.series_id = ?2 AND theirs.ts = issue.ts
            JOIN main.candle_data AS ours ON ours.series_id = ?1 AND ours.ts = issue.ts
            WHERE issue.series_id = ?2 AND NOT ({DIFFERENT}) ON CONFLICT DO NOTHING"
        );
        self.tx
            .prepare_cached(&sql)?
            .execute([self.ours, self.theirs])?;
        let sql = "UPDATE main.series SET (candles, first_ts, last_ts) =
                (SELECT count(*), min(ts), max(ts) FROM main.candle_data WHERE series_id = ?1)
            WHERE id = ?1 RETURNING candles, first_ts, last_ts";
        let has_candles = self.tx.prepare_cached(sql)?.query_row([self.ours], |row| {
            let candles: i64 = row.get(0)?;
            (stamp_if_any(row, 1)?, stamp_if_any(row, 2)?);
            Ok(candles > 0)
        })?;
        let covered = if has_candles {
            answered(ours).union(&answered(theirs))
        } else {
            ours.coverage.union(&theirs.coverage)
        };
        for span in covered.iter() {
            cover(self.tx, self.ours, span)?;
        }
        self.settle_empty(ours, theirs)?;
        let tail = match (is_nothing(ours), is_nothing(theirs)) {
            (true, _) => theirs.tail,
            (_, true) => ours.tail,
            // What was asked of one end says nothing of the other.
            _ => None,
        };
        let sql = "UPDATE main.series SET tail_asked_from = ?2, tail_asked_to = ?3, tail_asked_at = ?4 WHERE id = ?1";
        let (from, to, at) = (
            tail.map(|t| t.from),
            tail.map(|t| t.to),
            tail.map(|t| t.asked_at),
        );
        self.tx
            .prepare_cached(sql)?
            .execute(params![self.ours, from, to, at])?;
        Ok(())
    }

    /// A span stays empty where both say so, or one does and the other was not asked.
    fn settle_empty(&self, ours: &Known, theirs: &Known) -> rusqlite::Result<()> {
        let empty = |known: &Known| {
            known
                .empty
                .iter()
                .map(|empty| empty.span)
                .collect::<SpanSet>()
        };
        let not_empty = answered(theirs).subtract(&empty(theirs));
        let of_ours = ours.empty.iter().map(|empty| (empty, not_empty.clone()));
        let of_theirs = theirs.empty.iter().map(|empty| (empty, answered(ours)));
        self.tx
            .prepare_cached("DELETE FROM main.empty_spans WHERE series_id = ?")?
            .execute([self.ours])?;
        let sql = "INSERT INTO main.empty_spans (series_id, start_ts, end_ts, asked_at) VALUES (?, ?, ?, ?)";
        let mut insert = self.tx.prepare_cached(sql)?;
        for (empty, other) in of_ours.chain(of_theirs) {
            for span in SpanSet::from(empty.span).subtract(&other).iter() {
                insert.execute([self.ours, span.start(), span.end(), empty.asked_at])?;
            }
        }
        Ok(())
    }
}

/// Where a file has the provider's final answer. Before the first candle the empty ones stand apart.
fn answered(known: &Known) -> SpanSet {
    if known.has_candles {
        return known.coverage.clone();
    }
    known
        .coverage
        .union(&known.empty.iter().map(|empty| empty.span).collect())
}

fn is_nothing(known: &Known) -> bool {
    !known.has_candles
        && known.coverage.is_empty()
        && known.empty.is_empty()
        && known.tail.is_none()
}

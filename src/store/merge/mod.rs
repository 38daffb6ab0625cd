//! Adding one file to another. Its rows are copied by statements over spans, with the file attached: what is final beats
//! what is provisional, among final candles the first stays, among provisional ones the one that was fetched later. The
//! added file is never written, and nothing that is in it is run.

mod history;
mod known;
mod rows;

use std::path::Path;

use chrono::Weekday;
use rusqlite::{Connection, ErrorCode, ffi};

use crate::model::series::SeriesKey;
use crate::plan::Known;
use crate::run::clock::Cancel;
use crate::store::candles::coverage::doubt_first;
use crate::store::candles::key::{KEY, key_columns, key_of};
use crate::store::candles::series::{bind, known_in};
use crate::store::file::stamp::stamp_if_any;
use crate::store::file::tables::table;
use crate::store::jobs::totals;
use crate::store::{Counted, FORMAT, Others, Store, StoreError, told};

/// Steps of SQLite's machine between two looks at whether it is cancelled: some milliseconds.
const STEPS: i32 = 100_000;

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
    /// What its row says of its candles, and what they are.
    says: Counted,
    has: Counted,
    known: Known,
}

impl Store {
    /// Makes a file that nobody reads before it is whole, to add others to. It is not synced, at rest when it is dropped, and
    /// no candlefile before [`Store::give_its_id`]. Once it is cancelled every statement fails.
    ///
    /// # Errors
    /// As [`Store::create`].
    pub(crate) fn create_unseen(path: &Path, cancel: &Cancel) -> Result<Store, StoreError> {
        let mut store = Store::create_unfinished(path)?;
        let cancel = cancel.clone();
        store
            .connection
            .progress_handler(STEPS, Some(move || cancel.is_cancelled()))
            .map_err(told(path))?;
        let ready = "PRAGMA synchronous = off;
            CREATE TEMP TABLE added_series (theirs INTEGER PRIMARY KEY, ours INTEGER NOT NULL);
            CREATE TEMP TABLE added_slices (theirs INTEGER PRIMARY KEY, ours INTEGER NOT NULL)";
        store.connection.execute_batch(ready).map_err(told(path))?;
        Ok(store)
    }

    /// Adds everything that another file holds at this instant. Values that give way are kept in `conflicts` and
    /// `restatements`, seen `now`.
    ///
    /// # Errors
    /// A series is held from another source or with another adjustment, or a file cannot be read or written; the file is of
    /// no use then.
    pub(crate) fn add(&self, other: &Store, now: i64) -> Result<Added, StoreError> {
        let told = told_of(&self.path, &other.path);
        self.connection
            .execute("ATTACH ? AS input", [other.uri()])
            .map_err(told)?;
        // Not immediate: that would lock the other file, too.
        let tx = self.connection.unchecked_transaction().map_err(told)?;
        let added = other.if_still(add_attached(&tx, other, now, &self.path, told))?;
        tx.commit().map_err(told)?;
        self.connection
            .execute_batch("DETACH input")
            .map_err(told)?;
        Ok(added)
    }

    /// Takes back that the first candle behind each seam was answered for good, so that it is asked for again with those on
    /// both sides of it, and a split between the times at which the files were filled is seen.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn doubt_seams(&self, key: &SeriesKey, seams: &[i64]) -> Result<(), StoreError> {
        let series = self.find_series(&key.symbol, key.timeframe)?;
        for &seam in seams {
            doubt_first(&self.connection, &series, seam).map_err(told(&self.path))?;
        }
        Ok(())
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
    other: &Store,
    now: i64,
    path: &Path,
    told: impl Fn(rusqlite::Error) -> StoreError + Copy,
) -> Result<Added, StoreError> {
    let clear = "DELETE FROM temp.added_series; DELETE FROM temp.added_slices";
    tx.execute_batch(clear).map_err(told)?;
    if let Some(copy) = table("calendar_days").copy(tx, &[]).map_err(told)? {
        // Before: a key has the market that these make of it.
        tx.execute(&format!("{copy} WHERE true ON CONFLICT DO NOTHING"), [])
            .map_err(told)?;
    }
    let mut added = Added::default();
    let mut pairs = Vec::new();
    for mut theirs in series_of_input(tx, other.format).map_err(told)? {
        // What may stand in another scale is final in no file.
        let unchecked = other.unchecked(&Others::default(), &theirs.key)?;
        theirs.known.coverage = theirs.known.coverage.subtract(&unchecked);
        if theirs.says != theirs.has {
            return Err(other.wrong_books(&theirs.key, theirs.says, theirs.has));
        }
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
    history::add(tx, other.format).map_err(told)?;
    totals::refill(tx).map_err(told)?;
    for (ours, theirs) in pairs {
        let mut pair = Pair {
            tx,
            ours,
            theirs: theirs.id,
            format: other.format,
            now,
            added: &mut added,
        };
        pair.add(&theirs).map_err(told)?;
        other.meter.add(theirs.has.candles);
    }
    history::tidy(tx).map_err(told)?;
    let other = added.added + added.conflicting + added.superseded;
    added.same = added.candles.saturating_sub(other);
    Ok(added)
}

fn series_of_input(tx: &Connection, format: i32) -> rusqlite::Result<Vec<Theirs>> {
    let columns = key_columns("series", format);
    let sql = format!(
        "SELECT id, {columns}, week_start, created_at, candles, first_ts, last_ts FROM input.series ORDER BY id"
    );
    let mut select = tx.prepare(&sql)?;
    let rows = select.query_map([], |row| {
        let (id, rest) = (row.get(0)?, 1 + KEY);
        Ok(Theirs {
            id,
            key: key_of(row, 1)?,
            week_start: weekday(row.get(rest)?),
            created_at: stamp_if_any(row, rest + 1)?,
            says: counted(row, rest + 2)?,
            has: tx
                .prepare_cached(
                    "SELECT count(*), min(ts), max(ts) FROM input.candle_data WHERE series_id = ?",
                )?
                .query_row([id], |row| counted(row, 0))?,
            known: known_in("input", format, tx, id)?,
        })
    })?;
    rows.collect()
}

/// From three columns: how many, the first, the last.
fn counted(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Counted> {
    Ok(Counted {
        candles: row.get::<_, i64>(at)?.cast_unsigned(),
        first_ts: stamp_if_any(row, at + 1)?,
        last_ts: stamp_if_any(row, at + 2)?,
    })
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
    /// Of the added file.
    format: i32,
    now: i64,
    added: &'a mut Added,
}

impl Pair<'_> {
    fn add(&mut self, theirs: &Theirs) -> rusqlite::Result<()> {
        let ours = known_in("main", FORMAT, self.tx, self.ours)?;
        // What a file without a candle was told once is no final answer beside the other's candles.
        self.add_candles(&ours.coverage, &theirs.known.coverage)?;
        self.added.series += 1;
        self.added.candles += theirs.has.candles;
        self.settle(&ours, &theirs.known)
    }
}

//! Rows on their way into the file: inserted, and each one that is there already judged.

use std::sync::LazyLock;

use rusqlite::{Connection, OptionalExtension, Statement, ToSql, params, params_from_iter};

use crate::model::candle::{Candle, Rejected};
use crate::model::counts::Counts;
use crate::model::market::Market;
use crate::model::span::{Span, SpanSet};
use crate::store::candles::columns::{
    AFTER, bind, candle_of, named, parameters, selected, values_of,
};
use crate::store::candles::coverage::{cover, coverage_touching, empty_spans};
use crate::store::candles::flags::Gone;
use crate::store::{Beginning, StoreError, told};

static INSERT_NEW: LazyLock<String> = LazyLock::new(|| written("INSERT OR IGNORE"));
static REPLACE: LazyLock<String> = LazyLock::new(|| written("REPLACE"));
static STORED: LazyLock<String> = LazyLock::new(|| {
    let selected = selected();
    format!("SELECT {selected}, slice_id FROM candle_data WHERE series_id = ? AND ts = ?")
});
static PROVISIONAL: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM candle_data WHERE series_id = ? AND ts >= ? AND ts < ? AND slice_id <> ?",
        selected()
    )
});
/// `IS` takes two absent values for the same.
static KEEP_CONFLICT: LazyLock<String> = LazyLock::new(|| {
    let (names, values) = (named(""), parameters(4));
    format!(
        "INSERT INTO conflicts (series_id, ts, seen_at, {names}) SELECT ?1, ?2, ?3, {values} WHERE NOT EXISTS (
         SELECT 1 FROM conflicts WHERE series_id = ?1 AND ts = ?2 AND ({names}) IS ({values}))"
    )
});
static RESTATEMENT: LazyLock<String> = LazyLock::new(|| {
    let (names, values) = (named("old_"), parameters(5));
    format!(
        "INSERT INTO restatements (series_id, ts, action, seen_at, {names}) VALUES (?1, ?2, ?3, ?4, {values})"
    )
});

fn written(how: &str) -> String {
    let (names, values) = (named(""), parameters(4));
    format!(
        "{how} INTO candle_data (series_id, ts, slice_id, {names}) VALUES (?1, ?2, ?3, {values})"
    )
}

/// Rows of one series on their way into the file.
pub(in crate::store) struct Rows<'a> {
    pub(in crate::store) tx: &'a Connection,
    pub(in crate::store) series_id: i64,
    pub(in crate::store) slice_id: Option<i64>,
    pub(in crate::store) market: Market,
    /// Trading hours of the day that the last candle lay in: most candles are asked about right after another of their day.
    pub(in crate::store) hours: Option<Span>,
    /// Where the answer begins, for weeks and months.
    pub(in crate::store) beginning: Option<Beginning>,
    pub(in crate::store) seen_at: i64,
    pub(in crate::store) counts: Counts,
}

pub(in crate::store) enum RowError {
    Sqlite(rusqlite::Error),
    Vanished { series_id: i64, ts: i64 },
}

impl From<rusqlite::Error> for RowError {
    fn from(error: rusqlite::Error) -> RowError {
        RowError::Sqlite(error)
    }
}

impl RowError {
    pub(in crate::store) fn at(self, path: &std::path::Path) -> StoreError {
        match self {
            RowError::Sqlite(error) => told(path)(error),
            RowError::Vanished { series_id, ts } => StoreError::Vanished { series_id, ts },
        }
    }
}

impl Rows<'_> {
    /// Inserts ascending candles and judges every one that is there already.
    pub(in crate::store) fn insert(&mut self, candles: &[Candle]) -> Result<(), RowError> {
        let mut insert = self.tx.prepare_cached(&INSERT_NEW)?;
        let mut before = None;
        for c in candles {
            if self.put(&mut insert, c)? == 1 {
                self.counts.inserted += 1;
                self.judge_quality(c)?;
            } else {
                self.judge_ignored(c, before == Some(c.ts))?;
            }
            before = Some(c.ts);
        }
        self.counts.fetched += candles.len() as u64;
        Ok(())
    }

    /// `OR IGNORE` swallows more than a taken key: only a look says what it was.
    fn judge_ignored(&mut self, candle: &Candle, same_answer: bool) -> Result<(), RowError> {
        let stored = self
            .tx
            .prepare_cached(&STORED)?
            .query_row([self.series_id, candle.ts], |row| {
                Ok((candle_of(row)?, row.get::<_, Option<i64>>(AFTER)?))
            })
            .optional()?;
        let Some((stored, slice_id)) = stored else {
            return Err(RowError::Vanished {
                series_id: self.series_id,
                ts: candle.ts,
            });
        };
        if stored == *candle {
            self.counts.duplicate += 1;
            return self.confirm(candle.ts);
        }
        let same_answer = same_answer || self.slice_id.is_some() && slice_id == self.slice_id;
        // Candles that were handed in have no answer of a provider behind them: they restate nothing, and no answer restates them.
        let handed_in = self.slice_id.is_none() || slice_id.is_none();
        if handed_in && let Some(whole) = stored.completed_by(candle) {
            self.counts.duplicate += 1;
            if whole != stored {
                let mut replace = self.tx.prepare_cached(&REPLACE)?;
                write(&mut replace, self.series_id, &whole, slice_id)?;
            }
            return self.confirm(candle.ts);
        }
        if same_answer || handed_in || self.is_covered(candle.ts)? {
            self.counts.conflicting += 1;
            return self.keep_conflict(candle);
        }
        self.counts.restated += 1;
        self.log_restatement(&stored, "replaced")?;
        self.put(&mut *self.tx.prepare_cached(&REPLACE)?, candle)?;
        self.confirm(candle.ts)?;
        self.forget_flags(candle.ts, Gone::Values)?;
        self.judge_quality(candle)
    }

    /// Runs one of the two statements that write a candle; says how many rows it wrote.
    fn put(&self, statement: &mut Statement<'_>, c: &Candle) -> rusqlite::Result<usize> {
        write(statement, self.series_id, c, self.slice_id)
    }

    fn is_covered(&self, ts: i64) -> Result<bool, RowError> {
        let sql = "SELECT end_ts > ?2 FROM coverage WHERE series_id = ?1 AND start_ts <= ?2 ORDER BY start_ts DESC LIMIT 1";
        let covered = self
            .tx
            .prepare_cached(sql)?
            .query_row([self.series_id, ts], |row| row.get(0))
            .optional()?;
        Ok(covered.unwrap_or(false))
    }

    /// Once per distinct value.
    fn keep_conflict(&self, c: &Candle) -> Result<(), RowError> {
        let mut insert = self.tx.prepare_cached(&KEEP_CONFLICT)?;
        write(&mut insert, self.series_id, c, Some(self.seen_at))?;
        Ok(())
    }

    fn log_restatement(&self, old: &Candle, action: &str) -> Result<(), RowError> {
        let key = params![self.series_id, old.ts, action, self.seen_at];
        let values = values_of(old);
        let values = values.iter().map(|value| value as &dyn ToSql);
        self.tx
            .prepare_cached(&RESTATEMENT)?
            .execute(params_from_iter(key.iter().copied().chain(values)))?;
        Ok(())
    }

    pub(in crate::store) fn reject(&mut self, row: &Rejected) -> Result<(), RowError> {
        let sql = "INSERT INTO rejected (series_id, ts, reason, raw, slice_id, seen_at) VALUES (?, ?, ?, ?, ?, ?)";
        let values = params![
            self.series_id,
            row.ts,
            row.reason,
            row.raw,
            self.slice_id,
            self.seen_at
        ];
        self.tx.prepare_cached(sql)?.execute(values)?;
        self.counts.fetched += 1;
        self.counts.rejected += 1;
        Ok(())
    }

    /// The rows of earlier answers in the stretch that becomes covered, but not those that were handed in. Nothing at all
    /// where it is new.
    pub(in crate::store) fn provisional_within(
        &self,
        proven: Option<Span>,
    ) -> Result<Vec<Candle>, RowError> {
        let Some(proven) = proven else {
            return Ok(Vec::new());
        };
        let fresh =
            SpanSet::from(proven).subtract(&coverage_touching(self.tx, self.series_id, proven)?);
        let mut select = self.tx.prepare_cached(&PROVISIONAL)?;
        let mut rows = Vec::new();
        for span in fresh.iter() {
            let found = select.query_map(
                params![self.series_id, span.start(), span.end(), self.slice_id],
                candle_of,
            )?;
            for row in found {
                rows.push(row?);
            }
        }
        Ok(rows)
    }

    /// Takes out what is gone and brings the series' row up to date. With a series' first candle its empty answers
    /// become coverage.
    pub(in crate::store) fn settle(&mut self, gone: &[Candle]) -> Result<(), RowError> {
        for old in gone {
            self.log_restatement(old, "removed")?;
            self.tx
                .prepare_cached("DELETE FROM candle_data WHERE series_id = ? AND ts = ?")?
                .execute([self.series_id, old.ts])?;
            self.forget_flags(old.ts, Gone::Candle)?;
        }
        self.counts.removed += gone.len() as u64;
        let grown = self.counts.inserted.cast_signed() - self.counts.removed.cast_signed();
        if self.counts.inserted == 0 && gone.is_empty() {
            return Ok(());
        }
        let was_empty = !self.has_candles()?;
        // min and max are two seeks on the key.
        let sql = "UPDATE series SET candles = candles + ?2, first_ts = (SELECT min(ts) FROM candle_data WHERE series_id = ?1),
                   last_ts = (SELECT max(ts) FROM candle_data WHERE series_id = ?1) WHERE id = ?1";
        self.tx
            .prepare_cached(sql)?
            .execute([self.series_id, grown])?;
        if was_empty && grown > 0 {
            for empty in empty_spans(self.tx, self.series_id)? {
                cover(self.tx, self.series_id, empty.span)?;
            }
        }
        Ok(())
    }

    pub(in crate::store) fn has_candles(&self) -> Result<bool, RowError> {
        Ok(has_candles(self.tx, self.series_id)?)
    }
}

pub(in crate::store) fn has_candles(
    connection: &Connection,
    series_id: i64,
) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT candles > 0 FROM series WHERE id = ?")?
        .query_row([series_id], |row| row.get(0))
}

/// Runs a statement whose first three parameters are a candle's key and one more, and the others its values.
fn write(
    statement: &mut Statement<'_>,
    series_id: i64,
    candle: &Candle,
    third: Option<i64>,
) -> rusqlite::Result<usize> {
    statement.raw_bind_parameter(1, series_id)?;
    statement.raw_bind_parameter(2, candle.ts)?;
    statement.raw_bind_parameter(3, third)?;
    bind(statement, 4, candle)?;
    statement.raw_execute()
}

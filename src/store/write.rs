//! Writing candles: a page, the coverage it proves and the progress it makes commit in one transaction.
//!
//! Order within a page: what was provisional in the stretch that becomes covered is read first, since an insert hides it;
//! then the rows go in; then what the final answer no longer has goes out.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::series::{bind, cover, coverage_touching};
use super::{SeriesKey, Store, StoreError, told};
use crate::candle::{Candle, Rejected};
use crate::plan::Tail;
use crate::span::{Span, SpanSet};

/// Counts of rows. `fetched = inserted + duplicate + restated + conflicting + rejected`; `removed` stands beside the sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Rows of closed candles in the answers.
    pub fetched: u64,
    /// New rows.
    pub inserted: u64,
    /// Rows whose values were stored already.
    pub duplicate: u64,
    /// Rows that replaced a provisional one.
    pub restated: u64,
    /// Rows that differ from a final one, which stays.
    pub conflicting: u64,
    /// Rows that cannot be stored.
    pub rejected: u64,
    /// Provisional rows that the final answer no longer had.
    #[serde(skip)]
    pub removed: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.fetched += other.fetched;
        self.inserted += other.inserted;
        self.duplicate += other.duplicate;
        self.restated += other.restated;
        self.conflicting += other.conflicting;
        self.rejected += other.rejected;
        self.removed += other.removed;
    }
}

impl Counts {
    /// Whether every fetched row is accounted for.
    pub fn add_up(&self) -> bool {
        self.fetched
            == self.inserted + self.duplicate + self.restated + self.conflicting + self.rejected
    }
}

/// One page of a slice, judged: only closed candles, ascending.
#[derive(Debug)]
pub struct PageWrite<'a> {
    /// The slice's row.
    pub slice_id: i64,
    /// The series' row.
    pub series_id: i64,
    /// The candles to store, ascending by `ts`.
    pub candles: &'a [Candle],
    /// The rows that cannot be stored.
    pub rejected: &'a [Rejected],
    /// The stretch that this page newly proves to be complete.
    pub proven: Option<Span>,
    /// When the page came, Unix seconds.
    pub seen_at: i64,
}

/// A slice that is done.
#[derive(Clone, Copy, Debug)]
pub struct SliceEnd {
    /// The slice's row.
    pub slice_id: i64,
    /// The series' row.
    pub series_id: i64,
    /// What was asked.
    pub span: Span,
    /// The part of it that is proven to be complete, from its start.
    pub proven: Option<Span>,
    /// Whether no page had a storable row.
    pub empty: bool,
    /// When the answer came, Unix seconds.
    pub seen_at: i64,
}

/// What a job has asked of a series, all of it.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// The span asked for.
    pub span: Span,
    /// Up to where it had closed, and the provider was ready to answer.
    pub to: i64,
    /// The `now` of the plan, Unix seconds.
    pub at: i64,
}

/// One transaction of a job's owner. Dropping it takes everything back.
pub struct Batch<'a> {
    tx: Transaction<'a>,
    path: &'a std::path::Path,
}

impl Store {
    /// Begins a transaction for a job, as a sign of life.
    ///
    /// # Errors
    /// The job is no longer this owner's, or the file cannot be written.
    pub fn batch(&mut self, job_id: &str, owner: &str, now: i64) -> Result<Batch<'_>, StoreError> {
        let told = told(&self.path);
        let tx = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(told)?;
        let sql = "UPDATE backfill_jobs SET heartbeat_at = ?3 WHERE job_id = ?1 AND owner = ?2 AND status = 'running'";
        let alive = tx
            .prepare_cached(sql)
            .and_then(|mut update| update.execute(params![job_id, owner, now]))
            .map_err(told)?;
        if alive == 0 {
            return Err(StoreError::LostJob(job_id.to_owned()));
        }
        Ok(Batch {
            tx,
            path: &self.path,
        })
    }

    /// Stores candles that came from elsewhere, in one transaction, and says what became of each. They give no coverage:
    /// a later backfill asks for their span all the same. Rows that cannot be stored are kept in `rejected`; one that
    /// differs from a stored candle is a conflict, and the stored one stays.
    ///
    /// # Errors
    /// The series is held from another source or with another adjustment, or the file cannot be written.
    ///
    /// # Examples
    /// ```
    /// use candlefile::{Candle, SeriesKey, Store};
    ///
    /// let folder = std::env::temp_dir().join(format!("candlefile-doc-{}", std::process::id()));
    /// std::fs::create_dir_all(&folder)?;
    /// let mut store = Store::create(&folder.join("insert.db"))?;
    /// let key = SeriesKey { symbol: "AAPL".parse()?, timeframe: "1d".parse()?, source: "my-csv".into(), adjusted: false };
    /// let candle = Candle {
    ///     ts: 1_704_153_600, // 2024-01-02T00:00:00Z
    ///     open: 187.15, high: 188.44, low: 183.89, close: 185.64, volume: Some(82_488_700.0), vwap: None, trades: None,
    /// };
    /// let first = store.insert_candles(&key, &[candle], 1_704_240_000)?;
    /// assert_eq!((first.inserted, first.duplicate), (1, 0));
    /// let again = store.insert_candles(&key, &[candle], 1_704_240_000)?;
    /// assert_eq!((again.inserted, again.duplicate), (0, 1));
    /// # drop(store); std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn insert_candles(
        &mut self,
        key: &SeriesKey,
        candles: &[Candle],
        now: i64,
    ) -> Result<Counts, StoreError> {
        let told = told(&self.path);
        let tx = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(told)?;
        let series_id = bind(&tx, key, None, now, &self.path)?;
        let mut rows = Rows {
            tx: &tx,
            series_id,
            slice_id: None,
            seen_at: now,
            counts: Counts::default(),
        };
        let mut store = || -> Result<(), RowError> {
            let mut storable = Vec::with_capacity(candles.len());
            for candle in candles {
                let grid = key.timeframe.on_grid(candle.ts);
                let verdict = candle.storable(key.symbol.asset_class());
                let verdict = if grid {
                    verdict
                } else {
                    Err(crate::candle::Unstorable::OffGrid)
                };
                match verdict {
                    Ok(()) => storable.push(*candle),
                    Err(why) => rows.reject(&Rejected {
                        ts: Some(candle.ts),
                        reason: why.to_string(),
                        raw: format!("{candle:?}"),
                    })?,
                }
            }
            storable.sort_by_key(|candle| candle.ts);
            rows.insert(&storable)?;
            rows.settle(&[])?;
            Ok(())
        };
        store().map_err(|error| error.at(&self.path))?;
        let counts = rows.counts;
        tx.commit().map_err(told)?;
        Ok(counts)
    }
}

impl Batch<'_> {
    /// Marks a slice as being fetched.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn slice_started(&self, slice_id: i64, now: i64) -> Result<(), StoreError> {
        let sql = "UPDATE backfill_progress SET status = 'running', started_at = coalesce(started_at, ?2) WHERE slice_id = ?1";
        self.execute(sql, params![slice_id, now])
    }

    /// Stores a page with what it proves, and counts it.
    ///
    /// # Errors
    /// The file cannot be written; nothing of the batch is stored then.
    pub fn page(&self, page: &PageWrite<'_>) -> Result<Counts, StoreError> {
        let mut rows = Rows {
            tx: &self.tx,
            series_id: page.series_id,
            slice_id: Some(page.slice_id),
            seen_at: page.seen_at,
            counts: Counts::default(),
        };
        let mut store = || -> Result<(), RowError> {
            let provisional = rows.provisional_within(page.proven)?;
            rows.insert(page.candles)?;
            for row in page.rejected {
                rows.reject(row)?;
            }
            let gone: Vec<Candle> = provisional
                .into_iter()
                .filter(|old| {
                    page.candles
                        .binary_search_by_key(&old.ts, |candle| candle.ts)
                        .is_err()
                })
                .collect();
            rows.settle(&gone)?;
            if let Some(proven) = page.proven
                && rows.has_candles()?
            {
                cover(&self.tx, page.series_id, proven)?;
            }
            Ok(())
        };
        store().map_err(|error| error.at(self.path))?;
        let counts = rows.counts;
        self.count(page.slice_id, counts)?;
        Ok(counts)
    }

    /// Marks a slice as completed, and keeps in mind where the provider had nothing.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn slice_completed(&self, end: SliceEnd) -> Result<(), StoreError> {
        let sql = "UPDATE backfill_progress SET status = 'completed', error = NULL, completed_at = ?2 WHERE slice_id = ?1";
        self.execute(sql, params![end.slice_id, end.seen_at])?;
        self.remember_empty(end).map_err(told(self.path))
    }

    /// Marks a slice as failed, with what was stored of it kept.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn slice_failed(
        &self,
        slice_id: i64,
        error: &str,
        attempts: u32,
        now: i64,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE backfill_progress SET status = 'failed', error = ?2, attempts = ?3, completed_at = ?4 WHERE slice_id = ?1";
        self.execute(sql, params![slice_id, error, attempts, now])
    }

    /// Says what became of a series of the job. When all its slices are done, what is left uncovered of what was asked is
    /// the tail, and not asked again before something in it has changed.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn series_ended(
        &self,
        job_id: &str,
        series_id: i64,
        status: super::SeriesStatus,
        error: Option<&str>,
        asked: Option<Asked>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE backfill_series SET status = ?3, error = ?4 WHERE job_id = ?1 AND series_id = ?2";
        self.execute(sql, params![job_id, series_id, status.as_str(), error])?;
        let Some(asked) = asked else { return Ok(()) };
        let tail = self.tail(series_id, asked).map_err(told(self.path))?;
        let Some(Tail { from, to, asked_at }) = tail else {
            return Ok(());
        };
        let sql = "UPDATE series SET tail_asked_from = ?2, tail_asked_to = ?3, tail_asked_at = ?4 WHERE id = ?1";
        self.execute(sql, params![series_id, from, to, asked_at])
    }

    /// Whether a series has any candle.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn has_candles(&self, series_id: i64) -> Result<bool, StoreError> {
        has_candles(&self.tx, series_id).map_err(told(self.path))
    }

    /// Commits: from here on everything in the batch is saved.
    ///
    /// # Errors
    /// The file cannot be written; nothing of the batch is stored then.
    pub fn commit(self) -> Result<(), StoreError> {
        let told = told(self.path);
        self.tx.commit().map_err(told)
    }

    fn execute(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), StoreError> {
        let run = || self.tx.prepare_cached(sql)?.execute(values);
        run().map(|_| ()).map_err(told(self.path))
    }

    fn count(&self, slice_id: i64, counts: Counts) -> Result<(), StoreError> {
        let sql = "UPDATE backfill_progress SET records_fetched = records_fetched + ?2, records_inserted = records_inserted + ?3,
                   records_duplicate = records_duplicate + ?4, records_restated = records_restated + ?5,
                   records_conflicting = records_conflicting + ?6, records_rejected = records_rejected + ?7,
                   records_removed = records_removed + ?8 WHERE slice_id = ?1";
        let Counts {
            fetched,
            inserted,
            duplicate,
            restated,
            conflicting,
            rejected,
            removed,
        } = counts;
        let numbers = [
            fetched,
            inserted,
            duplicate,
            restated,
            conflicting,
            rejected,
            removed,
        ]
        .map(u64::cast_signed);
        let [
            fetched,
            inserted,
            duplicate,
            restated,
            conflicting,
            rejected,
            removed,
        ] = numbers;
        self.execute(
            sql,
            params![
                slice_id,
                fetched,
                inserted,
                duplicate,
                restated,
                conflicting,
                rejected,
                removed
            ],
        )
    }

    /// Two kinds are kept: slices without any row, and from the asked start to the series' first candle.
    fn remember_empty(&self, end: SliceEnd) -> rusqlite::Result<()> {
        let kept = super::series::empty_spans(&self.tx, end.series_id)?;
        let asked = SpanSet::from(end.span);
        for old in kept
            .iter()
            .filter(|old| old.span.intersect(end.span).is_some())
        {
            self.tx
                .prepare_cached("DELETE FROM empty_spans WHERE series_id = ? AND start_ts = ?")?
                .execute([end.series_id, old.span.start()])?;
            for rest in SpanSet::from(old.span).subtract(&asked).iter() {
                self.insert_empty(end.series_id, rest, old.asked_at)?;
            }
        }
        let first: Option<i64> = self
            .tx
            .prepare_cached("SELECT first_ts FROM series WHERE id = ?")?
            .query_row([end.series_id], |row| row.get(0))?;
        let until = match first {
            _ if end.empty => i64::MAX,
            Some(first) if end.span.contains(first) => first,
            _ => return Ok(()),
        };
        let nothing = end
            .proven
            .and_then(|proven| Span::new(proven.start(), proven.end().min(until)));
        nothing.map_or(Ok(()), |span| {
            self.insert_empty(end.series_id, span, end.seen_at)
        })
    }

    fn insert_empty(&self, series_id: i64, span: Span, asked_at: i64) -> rusqlite::Result<()> {
        self.tx
            .prepare_cached("INSERT OR REPLACE INTO empty_spans (series_id, start_ts, end_ts, asked_at) VALUES (?, ?, ?, ?)")?
            .execute([series_id, span.start(), span.end(), asked_at])
            .map(|_| ())
    }

    fn tail(&self, series_id: i64, asked: Asked) -> rusqlite::Result<Option<Tail>> {
        let covered = super::series::coverage(&self.tx, series_id)?;
        let empty = super::series::empty_spans(&self.tx, series_id)?;
        let answered = covered.union(&empty.into_iter().map(|empty| empty.span).collect());
        let open = SpanSet::from(asked.span).subtract(&answered);
        let to = asked.span.end().min(asked.to);
        let from = open
            .iter()
            .next()
            .map(Span::start)
            .filter(|&from| from < to);
        Ok(from.map(|from| Tail {
            from,
            to,
            asked_at: asked.at,
        }))
    }
}

/// Rows of one series on their way into the file.
struct Rows<'a> {
    tx: &'a Connection,
    series_id: i64,
    slice_id: Option<i64>,
    seen_at: i64,
    counts: Counts,
}

enum RowError {
    Sqlite(rusqlite::Error),
    Vanished { series_id: i64, ts: i64 },
}

impl From<rusqlite::Error> for RowError {
    fn from(error: rusqlite::Error) -> RowError {
        RowError::Sqlite(error)
    }
}

impl RowError {
    fn at(self, path: &std::path::Path) -> StoreError {
        match self {
            RowError::Sqlite(error) => told(path)(error),
            RowError::Vanished { series_id, ts } => StoreError::Vanished { series_id, ts },
        }
    }
}

impl Rows<'_> {
    /// Inserts ascending candles and judges every one that is there already.
    fn insert(&mut self, candles: &[Candle]) -> Result<(), RowError> {
        let sql = "INSERT OR IGNORE INTO candle_data (series_id, ts, open, high, low, close, volume, vwap, trades, slice_id)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let mut insert = self.tx.prepare_cached(sql)?;
        let mut before = None;
        for c in candles {
            let values = params![
                self.series_id,
                c.ts,
                c.open,
                c.high,
                c.low,
                c.close,
                c.volume,
                c.vwap,
                c.trades,
                self.slice_id
            ];
            if insert.execute(values)? == 1 {
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
        let sql = "SELECT ts, open, high, low, close, volume, vwap, trades, slice_id FROM candle_data WHERE series_id = ? AND ts = ?";
        let stored = self
            .tx
            .prepare_cached(sql)?
            .query_row([self.series_id, candle.ts], |row| {
                Ok((candle_of(row)?, row.get::<_, Option<i64>>(8)?))
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
            return Ok(());
        }
        let same_answer = same_answer || self.slice_id.is_some() && slice_id == self.slice_id;
        // Candles that were handed in have no answer of a provider behind them that could restate anything.
        if same_answer || self.slice_id.is_none() || self.is_covered(candle.ts)? {
            self.counts.conflicting += 1;
            return self.keep_conflict(candle);
        }
        self.counts.restated += 1;
        self.log_restatement(&stored, "replaced")?;
        let sql = "UPDATE candle_data SET open = ?3, high = ?4, low = ?5, close = ?6, volume = ?7, vwap = ?8, trades = ?9,
                   slice_id = ?10 WHERE series_id = ?1 AND ts = ?2";
        let c = candle;
        let values = params![
            self.series_id,
            c.ts,
            c.open,
            c.high,
            c.low,
            c.close,
            c.volume,
            c.vwap,
            c.trades,
            self.slice_id
        ];
        self.tx.prepare_cached(sql)?.execute(values)?;
        self.forget_quality(candle.ts)?;
        self.judge_quality(candle)
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
        let sql = "INSERT INTO conflicts (series_id, ts, open, high, low, close, volume, vwap, trades, seen_at)
                   SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 WHERE NOT EXISTS (SELECT 1 FROM conflicts
                   WHERE series_id = ?1 AND ts = ?2 AND (open, high, low, close) = (?3, ?4, ?5, ?6)
                   AND volume IS ?7 AND vwap IS ?8 AND trades IS ?9)";
        let values = params![
            self.series_id,
            c.ts,
            c.open,
            c.high,
            c.low,
            c.close,
            c.volume,
            c.vwap,
            c.trades,
            self.seen_at
        ];
        self.tx.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    fn log_restatement(&self, old: &Candle, action: &str) -> Result<(), RowError> {
        let sql = "INSERT INTO restatements (series_id, ts, action, old_open, old_high, old_low, old_close, old_volume,
                   old_vwap, old_trades, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let values = params![
            self.series_id,
            old.ts,
            action,
            old.open,
            old.high,
            old.low,
            old.close,
            old.volume,
            old.vwap,
            old.trades,
            self.seen_at
        ];
        self.tx.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    fn reject(&mut self, row: &Rejected) -> Result<(), RowError> {
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

    fn judge_quality(&self, candle: &Candle) -> Result<(), RowError> {
        for (check_name, detail) in candle.suspicions() {
            let sql = "INSERT OR REPLACE INTO quality_issues (series_id, ts, check_name, detail) VALUES (?, ?, ?, ?)";
            self.tx.prepare_cached(sql)?.execute(params![
                self.series_id,
                candle.ts,
                check_name,
                detail
            ])?;
        }
        Ok(())
    }

    fn forget_quality(&self, ts: i64) -> Result<(), RowError> {
        self.tx
            .prepare_cached("DELETE FROM quality_issues WHERE series_id = ? AND ts = ?")?
            .execute([self.series_id, ts])?;
        Ok(())
    }

    /// The rows of earlier answers in the stretch that becomes covered. Nothing at all where it is new.
    fn provisional_within(&self, proven: Option<Span>) -> Result<Vec<Candle>, RowError> {
        let Some(proven) = proven else {
            return Ok(Vec::new());
        };
        let fresh =
            SpanSet::from(proven).subtract(&coverage_touching(self.tx, self.series_id, proven)?);
        let sql = "SELECT ts, open, high, low, close, volume, vwap, trades FROM candle_data
                   WHERE series_id = ? AND ts >= ? AND ts < ? AND slice_id IS NOT ?";
        let mut select = self.tx.prepare_cached(sql)?;
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
    fn settle(&mut self, gone: &[Candle]) -> Result<(), RowError> {
        for old in gone {
            self.log_restatement(old, "removed")?;
            self.tx
                .prepare_cached("DELETE FROM candle_data WHERE series_id = ? AND ts = ?")?
                .execute([self.series_id, old.ts])?;
            self.forget_quality(old.ts)?;
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
            for empty in super::series::empty_spans(self.tx, self.series_id)? {
                cover(self.tx, self.series_id, empty.span)?;
            }
        }
        Ok(())
    }

    fn has_candles(&self) -> Result<bool, RowError> {
        Ok(has_candles(self.tx, self.series_id)?)
    }
}

fn has_candles(connection: &Connection, series_id: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT candles > 0 FROM series WHERE id = ?")?
        .query_row([series_id], |row| row.get(0))
}

/// A candle from the first eight columns `ts, open, high, low, close, volume, vwap, trades`.
pub(super) fn candle_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Candle> {
    Ok(Candle {
        ts: row.get(0)?,
        open: row.get(1)?,
        high: row.get(2)?,
        low: row.get(3)?,
        close: row.get(4)?,
        volume: row.get(5)?,
        vwap: row.get(6)?,
        trades: row.get(7)?,
    })
}

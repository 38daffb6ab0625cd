//! Writing candles: a page, the coverage it proves and the progress it makes commit in one transaction.
//!
//! Order within a page: what was provisional in the stretch that becomes covered is read first, since an insert hides it;
//! then the rows go in; then what the final answer no longer has goes out.

use rusqlite::{params, params_from_iter};

use crate::model::candle::{Candle, Rejected};
use crate::model::counts::Counts;
use crate::model::market::Market;
use crate::model::span::{Span, SpanSet};
use crate::plan::{EmptySpan, Tail};
use crate::store::candles::coverage::{cover, coverage, forget_empty, insert_empty, uncover};
use crate::store::candles::rows::{RowError, Rows, has_candles};
use crate::store::candles::series::known;
use crate::store::file::begin::Writing;
use crate::store::jobs::claims::give_sign;
use crate::store::{Store, StoreError, told};

/// One page of a slice, judged: only closed candles, ascending.
#[derive(Debug)]
pub(crate) struct PageWrite<'a> {
    /// The slice's row.
    pub slice_id: i64,
    /// The series' row.
    pub series_id: i64,
    /// The series' market: its trading hours tell which candles are flagged.
    pub market: Market,
    /// The candles to store, ascending by `ts`.
    pub candles: &'a [Candle],
    /// The rows that cannot be stored.
    pub rejected: &'a [Rejected],
    /// The stretch that this page newly proves to be complete.
    pub proven: Option<Span>,
    /// Where the answer begins that the page is of; for weeks and months.
    pub beginning: Option<Beginning>,
    /// When the page came, Unix seconds, by the clock that is behind: this machine's or the provider's.
    pub seen_at: i64,
}

/// Where an answer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Beginning {
    /// The start of its first candle.
    pub first: i64,
    /// Whether that is later than was asked: the provider may have had only a part of what this candle is made of.
    pub is_late: bool,
}

/// A slice that is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SliceEnd {
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
    /// Whether that was asked for a second time.
    pub is_confirmed: bool,
    /// Whether nothing more has to be checked before it is believed.
    pub is_checked: bool,
    /// When the answer came, Unix seconds, by the clock that is behind: this machine's or the provider's.
    pub seen_at: i64,
    /// Now, Unix seconds.
    pub now: i64,
}

/// Stands with a completed slice of an adjusted series until its run has ended well.
pub(in crate::store) const UNCHECKED: &str = "not checked for a split yet";

/// What a job has asked of a series, all of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// The span asked for.
    pub span: Span,
    /// Up to where it had closed, and the provider was ready to answer.
    pub to: i64,
    /// The earliest `now` of the plan and of the answers, Unix seconds.
    pub at: i64,
}

/// One transaction of a job's owner. Dropping it takes everything back.
pub(crate) struct Batch<'a> {
    pub(in crate::store) tx: Writing<'a>,
    pub(in crate::store) path: &'a std::path::Path,
}

impl Store {
    /// Begins a transaction for a job, as a sign of life.
    ///
    /// # Errors
    /// The job is no longer this owner's, or the file cannot be written.
    pub(crate) fn batch(
        &mut self,
        job_id: &str,
        owner: &str,
        now: i64,
    ) -> Result<Batch<'_>, StoreError> {
        let tx = self.begin()?;
        give_sign(&tx, job_id, owner, now, &self.path)?;
        Ok(Batch {
            tx,
            path: &self.path,
        })
    }
}

impl Batch<'_> {
    /// Marks a slice as being fetched.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn slice_started(&self, slice_id: i64, now: i64) -> Result<(), StoreError> {
        let sql = "UPDATE backfill_progress SET status = 'running', started_at = coalesce(started_at, ?2) WHERE slice_id = ?1";
        self.execute(sql, params![slice_id, now])
    }

    /// Stores a page with what it proves, and counts it.
    ///
    /// # Errors
    /// The file cannot be written; nothing of the batch is stored then.
    pub(crate) fn page(&self, page: &PageWrite<'_>) -> Result<Counts, StoreError> {
        let mut rows = Rows {
            tx: &self.tx,
            series_id: page.series_id,
            slice_id: Some(page.slice_id),
            market: page.market,
            hours: None,
            beginning: page.beginning,
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

    /// Where a series has its final answers.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn coverage(&self, series_id: i64) -> Result<SpanSet, StoreError> {
        coverage(&self.tx, series_id).map_err(told(self.path))
    }

    /// Takes back that a span of a series was answered for good. Its candles stay, as provisional ones.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn take_back(&self, series_id: i64, span: Span) -> Result<(), StoreError> {
        uncover(&self.tx, series_id, span).map_err(told(self.path))
    }

    /// Marks a slice as completed, and keeps in mind where the provider had nothing.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn slice_completed(&self, end: SliceEnd) -> Result<(), StoreError> {
        let sql = "UPDATE backfill_progress SET status = 'completed', error = ?3, completed_at = ?2 WHERE slice_id = ?1";
        let error = (!end.is_checked).then_some(UNCHECKED);
        self.execute(sql, params![end.slice_id, end.now, error])?;
        self.remember_empty(end).map_err(told(self.path))
    }

    /// Says that all that a job stored of a series was checked.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn series_checked(&self, job_id: &str, series_id: i64) -> Result<(), StoreError> {
        let sql = "UPDATE backfill_progress SET error = NULL WHERE job_id = ? AND series_id = ? AND status = 'completed'";
        self.execute(sql, params![job_id, series_id])
    }

    /// Marks a slice as failed, with what was stored of it kept.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn slice_failed(
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
    pub(crate) fn series_ended(
        &self,
        job_id: &str,
        series_id: i64,
        status: crate::model::status::SeriesStatus,
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
    pub(crate) fn has_candles(&self, series_id: i64) -> Result<bool, StoreError> {
        has_candles(&self.tx, series_id).map_err(told(self.path))
    }

    /// Commits: from here on everything in the batch is saved.
    ///
    /// # Errors
    /// The file cannot be written; nothing of the batch is stored then.
    pub(crate) fn commit(self) -> Result<(), StoreError> {
        self.tx.commit()
    }

    pub(in crate::store) fn execute(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
    ) -> Result<(), StoreError> {
        let run = || self.tx.prepare_cached(sql)?.execute(values);
        run().map(|_| ()).map_err(told(self.path))
    }

    fn count(&self, slice_id: i64, counts: Counts) -> Result<(), StoreError> {
        let sql = "UPDATE backfill_progress SET records_fetched = records_fetched + ?2, records_inserted = records_inserted + ?3,
                   records_duplicate = records_duplicate + ?4, records_restated = records_restated + ?5,
                   records_conflicting = records_conflicting + ?6, records_rejected = records_rejected + ?7,
                   records_removed = records_removed + ?8 WHERE slice_id = ?1";
        let mut values = vec![slice_id];
        values.extend(
            [
                counts.fetched,
                counts.inserted,
                counts.duplicate,
                counts.restated,
                counts.conflicting,
                counts.rejected,
                counts.removed,
            ]
            .map(u64::cast_signed),
        );
        self.execute(sql, params_from_iter(values))
    }

    /// Two kinds are kept: slices without any row, and from the asked start to the series' first candle.
    fn remember_empty(&self, end: SliceEnd) -> rusqlite::Result<()> {
        forget_empty(&self.tx, end.series_id, end.span)?;
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
        let empty = |span| EmptySpan {
            span,
            asked_at: end.seen_at,
            is_confirmed: end.is_confirmed || !end.empty,
        };
        nothing.map_or(Ok(()), |span| {
            insert_empty(&self.tx, end.series_id, empty(span))
        })
    }

    fn tail(&self, series_id: i64, asked: Asked) -> rusqlite::Result<Option<Tail>> {
        let answered = known(&self.tx, series_id)?.answered();
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

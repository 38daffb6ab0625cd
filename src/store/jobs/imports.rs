//! Imports: a job that takes files in place of answers, and each of its files with how far it came and what its rows came to.

use std::fmt;

use rusqlite::{Connection, params};

use crate::model::counts::Counts;
use crate::model::market::Market;
use crate::model::series::SeriesKey;
use crate::model::span::Span;
use crate::model::timeframe::Timeframe;
use crate::plan::EmptySpan;
use crate::store::candles::coverage::{cover, coverage, insert_empty};
use crate::store::candles::insert::{HandedIn, hand_in, market_of};
use crate::store::candles::key::{key_columns, key_of};
use crate::store::candles::rows::has_candles;
use crate::store::candles::series::bind;
use crate::store::jobs::create::insert_job;
use crate::store::{Batch, FORMAT, NewJob, Store, StoreError, told};

/// The command of such a job, as `backfill_jobs.command` has it.
pub(crate) const COMMAND: &str = "import";

/// From this format on a file knows what was imported.
pub(in crate::store) const IMPORTS_SINCE: i32 = 6;

/// A file as it lies there, and as what it is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamped {
    /// Its whole path.
    pub path: String,
    /// In bytes.
    pub size: i64,
    /// When it was changed last, Unix nanoseconds.
    pub mtime: i64,
    /// What was said of its rows.
    pub taken_as: String,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileStatus {
    /// It waits for its turn, or is being read.
    Pending,
    /// All of it was read, and every row is accounted for.
    Imported,
    /// It was imported before, under this or another name.
    Known,
    /// It could not be read to its end.
    Failed,
    /// It was told to stop.
    Interrupted,
}

impl FileStatus {
    /// As the file has it.
    pub fn as_str(self) -> &'static str {
        match self {
            FileStatus::Pending => "pending",
            FileStatus::Imported => "imported",
            FileStatus::Known => "known",
            FileStatus::Failed => "failed",
            FileStatus::Interrupted => "interrupted",
        }
    }
}

impl fmt::Display for FileStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How an import's file ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileEnd<'a> {
    /// What became of it.
    pub status: FileStatus,
    /// SHA-256 of its bytes, where all of it was read.
    pub digest: Option<&'a str>,
    /// Why it was not imported.
    pub error: Option<&'a str>,
}

impl Store {
    /// Records an import with its files.
    ///
    /// # Errors
    /// The file cannot be written; nothing is recorded then.
    pub(crate) fn create_import(
        &mut self,
        job: &NewJob<'_>,
        files: &[Stamped],
    ) -> Result<(), StoreError> {
        let told = told(&self.path);
        let tx = self.begin()?;
        insert_job(&tx, job, &[]).map_err(told)?;
        let sql = "INSERT INTO imports (job_id, path, size, mtime, taken_as, status) VALUES (?, ?, ?, ?, ?, 'pending')";
        for file in files {
            let values = params![job.job_id, file.path, file.size, file.mtime, file.taken_as];
            let insert = || tx.prepare_cached(sql)?.execute(values);
            insert().map_err(told)?;
        }
        tx.commit()
    }

    /// Whether a file that lies there unchanged was imported before, whole, and nothing that its job brought was dropped since.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn is_imported(&self, file: &Stamped) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM imports AS file WHERE path = ?1 AND size = ?2 AND mtime = ?3 AND taken_as = ?4
                   AND (status = 'imported' OR status = 'known' AND EXISTS (SELECT 1 FROM imports AS first
                     WHERE first.size = ?2 AND first.digest = file.digest AND first.taken_as = ?4 AND first.status = 'imported')))";
        if self.format < IMPORTS_SINCE {
            return Ok(false);
        }
        let values = params![file.path, file.size, file.mtime, file.taken_as];
        let find = || {
            let mut select = self.connection.prepare_cached(sql)?;
            select.query_row(values, |row| row.get(0))
        };
        find().map_err(told(&self.path))
    }

    /// The digests of what was imported of a size and as the same: a file of another name may be one of them.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn digests_like(&self, file: &Stamped) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT DISTINCT digest FROM imports WHERE size = ? AND taken_as = ? AND status = 'imported' AND digest IS NOT NULL";
        if self.format < IMPORTS_SINCE {
            return Ok(Vec::new());
        }
        let find = || -> rusqlite::Result<Vec<String>> {
            let mut select = self.connection.prepare_cached(sql)?;
            let digests = select.query_map(params![file.size, file.taken_as], |row| row.get(0))?;
            digests.collect()
        };
        find().map_err(told(&self.path))
    }

    /// Whether all series of a source were imported, and no provider was ever asked for one of them.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn is_imported_only(&self, source: &str) -> Result<bool, StoreError> {
        let sql = "SELECT NOT EXISTS (SELECT 1 FROM series AS s WHERE s.source = ?1 AND coalesce((SELECT max(j.command <> 'import')
                   FROM backfill_series AS b JOIN backfill_jobs AS j ON j.job_id = b.job_id WHERE b.series_id = s.id), 1))";
        let find = || {
            let mut select = self.connection.prepare_cached(sql)?;
            select.query_row([source], |row| row.get(0))
        };
        find().map_err(told(&self.path))
    }

    /// How many bytes of the text of a file that lies there unchanged an earlier import has stored, which did not come to its
    /// end.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn stored_up_to(&self, file: &Stamped) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(max(position), 0) FROM imports WHERE path = ? AND size = ? AND mtime = ? AND taken_as = ?
                   AND status IN ('pending', 'failed', 'interrupted')";
        if self.format < IMPORTS_SINCE {
            return Ok(0);
        }
        let values = params![file.path, file.size, file.mtime, file.taken_as];
        let find = || -> rusqlite::Result<i64> {
            let mut select = self.connection.prepare_cached(sql)?;
            select.query_row(values, |row| row.get(0))
        };
        let position = find().map_err(told(&self.path))?;
        Ok(u64::try_from(position).unwrap_or(0))
    }
}

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

    /// Of such a span the provider has said once that it has nothing.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn say_once(&self, series_id: i64, span: Span) -> Result<(), StoreError> {
        let once = || {
            if coverage(&self.tx, series_id)?.within(span) != span.into() {
                return Ok(());
            }
            let empty = EmptySpan {
                span,
                asked_at: 0,
                is_confirmed: false,
            };
            insert_empty(&self.tx, series_id, empty)
        };
        once().map_err(told(self.path))
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

/// Some of what a series has is dropped: the files of the jobs that brought rows of it are no longer known, so that they can be
/// imported again.
pub(in crate::store) fn forget_files(tx: &Connection, series_id: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE imports SET status = 'dropped', position = 0
               WHERE job_id IN (SELECT job_id FROM backfill_series WHERE series_id = ?)";
    tx.execute(sql, [series_id]).map(drop)
}

/// A job's files, counted as its slices are, in the columns of `backfill_totals`.
pub(super) fn files_as_slices(chosen: &str) -> String {
    format!(
        "SELECT job_id, count(*) AS slices, sum(status IN ('imported', 'known', 'dropped')) AS completed,
         sum(status = 'failed') AS failed, sum(records_fetched) AS records_fetched, sum(records_inserted) AS records_inserted,
         sum(records_duplicate) AS records_duplicate, sum(records_restated) AS records_restated,
         sum(records_conflicting) AS records_conflicting, sum(records_rejected) AS records_rejected, 0 AS records_removed
         FROM imports WHERE job_id IN (SELECT job_id FROM ({chosen})) GROUP BY job_id"
    )
}

/// A job that an import made is one that takes files: nothing of it can be asked of a provider.
pub(in crate::store) fn is_import(command: &str) -> bool {
    command == COMMAND
}

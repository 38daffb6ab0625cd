//! Imports: a job that takes files in place of answers, and each of its files with how far it came. What is written as their rows
//! come is in `importing` beside this.

use std::fmt;

use rusqlite::{Connection, params};

use crate::store::jobs::create::insert_job;
use crate::store::{NewJob, Store, StoreError, told};

/// The command of such a job, as `backfill_jobs.command` has it.
pub(super) const COMMAND: &str = "import";

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

//! Jobs that wait for their turn. Each has an owner, the process that is going to run it; the queue goes by age, and what a
//! dead owner left is taken over.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::status::JobStatus;
use crate::run::owner::{self, Owner};
use crate::store::jobs::create::{create, distinct};
use crate::store::jobs::end::lay_down;
use crate::store::jobs::rows::{
    ITS_PROCESS_IS_GONE, ITS_SERVER_HAS_STOPPED, find_fetching, find_job,
};
use crate::store::jobs::states::state;
use crate::store::{JobRow, NewJob, SeriesPlan, Store, StoreError, told};

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Queued {
    /// It is a new job.
    New,
    /// The job with this id asks for the same, and is queued or running.
    Already(String),
}

impl Store {
    /// Records a job that waits for its turn, unless one that asks for the same is queued or running already.
    ///
    /// # Errors
    /// As [`Store::create_job`].
    pub(crate) fn queue_job(
        &mut self,
        job: &NewJob<'_>,
        targets: &[SeriesPlan],
    ) -> Result<Queued, StoreError> {
        let told = told(&self.path);
        let tx = self.begin()?;
        if let Some(same) = same_job(&tx, job, targets, &self.path).map_err(told)? {
            return Ok(Queued::Already(same));
        }
        create(&tx, job, targets, &self.path)?;
        tx.commit()?;
        Ok(Queued::New)
    }

    /// The oldest job that this process has queued, or that the provider's limit has interrupted here until now, from one
    /// of these sources and none of those that are `taken`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn next_job(
        &self,
        sources: &[&str],
        taken: &[&str],
        now: i64,
    ) -> Result<Option<JobRow>, StoreError> {
        let sql = "SELECT job_id FROM backfill_jobs WHERE owner = ?1
                   AND (status = 'queued' OR (status = 'interrupted' AND (resume_at <= ?2 OR (resume_at IS NOT NULL AND heartbeat_at > ?2))))
                   AND source IN (SELECT value FROM json_each(?3)) AND job_id NOT IN (SELECT value FROM json_each(?4)) ORDER BY created_at, job_id LIMIT 1";
        let list = |texts: &[&str]| serde_json::to_string(texts).expect("text is always JSON");
        let Some(owner) = owner::this_process(&self.path) else {
            return Ok(None);
        };
        let find = || {
            let found: Option<String> = self
                .connection
                .prepare_cached(sql)?
                .query_row(params![owner, now, list(sources), list(taken)], |row| {
                    row.get(0)
                })
                .optional()?;
            found.map_or(Ok(None), |job_id| {
                find_job(&self.connection, &job_id, now, &self.path)
            })
        };
        find().map_err(told(&self.path))
    }

    /// When a command was asked for last from a source, Unix seconds. What a clock that ran ahead wrote is from the future,
    /// and does not count.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn last_asked(
        &self,
        command: &str,
        source: &str,
        now: i64,
    ) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT max(created_at) FROM backfill_jobs WHERE command = ? AND source = ? AND created_at <= ?";
        self.connection
            .query_row(sql, params![command, source, now], |row| row.get(0))
            .map_err(told(&self.path))
    }

    /// Puts a job that did not complete into the queue of this process. Its place is by its age.
    ///
    /// # Errors
    /// There is no such job, it took files, a living owner has it, it is complete, or the file cannot be written.
    pub(crate) fn requeue_job(&mut self, job_id: &str, now: i64) -> Result<(), StoreError> {
        let told = told(&self.path);
        let owner = self.owner()?;
        let tx = self.begin()?;
        let job = find_fetching(&tx, job_id, now, &self.path)?;
        match job.status {
            JobStatus::Running | JobStatus::Queued if job.owner.is_some() => {
                let owner = job.owner.unwrap_or_default();
                return Err(StoreError::Owned {
                    job_id: job.job_id,
                    owner,
                });
            }
            JobStatus::Completed => {
                return Err(StoreError::Ended {
                    job_id: job.job_id,
                    status: job.status,
                });
            }
            _ => {}
        }
        requeue(&tx, job_id, &owner, now).map_err(told)?;
        tx.commit()
    }

    /// Ends a job that nobody runs and that would be run by itself: one that waits here, was left by a process that is gone, or
    /// whose end here could not be written. Returns whether it is one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn end_left_job(
        &mut self,
        job_id: &str,
        status: JobStatus,
        error: &str,
        now: i64,
    ) -> Result<bool, StoreError> {
        let told = told(&self.path);
        let tx = self.begin()?;
        let job = find_job(&tx, job_id, now, &self.path).map_err(told)?;
        let is_anothers = |owner: &str, heartbeat_at| {
            !owner::is_this_process(owner) && owner::is_alive(&self.path, owner, heartbeat_at, now)
        };
        let is_anothers = job.is_some_and(|job| {
            let owner = job.owner.as_deref();
            owner.is_some_and(|owner| is_anothers(owner, job.heartbeat_at))
        });
        if is_anothers {
            return Ok(false);
        }
        let sql = "UPDATE backfill_jobs SET status = ?2, error = ?3, resume_at = NULL, completed_at = ?4, heartbeat_at = ?4
                   WHERE job_id = ?1 AND (status IN ('queued', 'running')
                   OR (status = 'interrupted' AND (resume_at IS NOT NULL OR error = ?5)))";
        let ended = tx
            .execute(
                sql,
                params![job_id, status.as_str(), error, now, ITS_PROCESS_IS_GONE],
            )
            .map_err(told)?;
        if ended == 1 {
            lay_down(&tx, job_id).map_err(told)?;
        }
        tx.commit()?;
        Ok(ended == 1)
    }

    /// Takes over what runs that are over had queued or running here, and what the provider's limit interrupted under them,
    /// from these sources. What was left elsewhere is for somebody to resume: the file may be a copy. A running job of this process that is not in `running` is one whose end could not be written. Nothing
    /// is written where there is nothing to take. Returns how many jobs were taken.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(crate) fn take_over_queue(
        &mut self,
        sources: &[&str],
        running: &[&str],
        now: i64,
    ) -> Result<usize, StoreError> {
        let told = told(&self.path);
        let left =
            |connection| left_behind(connection, sources, running, now, &self.path).map_err(told);
        if left(&self.connection)?.is_empty() {
            return Ok(0);
        }
        let owner = self.owner()?;
        let tx = self.begin()?;
        let jobs = left(&tx)?;
        for (job_id, waits) in &jobs {
            if *waits {
                let sql =
                    "UPDATE backfill_jobs SET owner = ?2, heartbeat_at = ?3 WHERE job_id = ?1";
                tx.execute(sql, params![job_id, owner.as_str(), now])
                    .map_err(told)?;
            } else {
                requeue(&tx, job_id, &owner, now).map_err(told)?;
            }
        }
        tx.commit()?;
        Ok(jobs.len())
    }

    /// A sign of life of this process for every job that it has queued.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(crate) fn beat_queue(&mut self, now: i64) -> Result<(), StoreError> {
        let told = told(&self.path);
        let Some(owner) = owner::this_process(&self.path) else {
            return Ok(());
        };
        let sql = "SELECT EXISTS (SELECT 1 FROM backfill_jobs WHERE status = 'queued')";
        let any: bool = self
            .connection
            .query_row(sql, [], |row| row.get(0))
            .map_err(told)?;
        if !any {
            return Ok(());
        }
        let tx = self.begin()?;
        let sql =
            "UPDATE backfill_jobs SET heartbeat_at = ?2 WHERE status = 'queued' AND owner = ?1";
        tx.execute(sql, params![owner, now]).map_err(told)?;
        tx.commit()
    }

    /// Says of every job that this process has queued that it waits for the next server. Waits for no lock of others.
    ///
    /// # Errors
    /// The file cannot be written now.
    pub(crate) fn leave_queue(&mut self) -> Result<(), StoreError> {
        let told = told(&self.path);
        let Some(owner) = owner::this_process(&self.path) else {
            return Ok(());
        };
        self.connection.busy_timeout(SOON).map_err(told)?;
        let tx = self.begin()?;
        let sql = "UPDATE backfill_jobs SET error = ?2 WHERE status = 'queued' AND owner = ?1";
        tx.execute(sql, [owner.as_str(), ITS_SERVER_HAS_STOPPED])
            .map_err(told)?;
        tx.commit()
    }
}

const SOON: Duration = Duration::from_millis(200);

fn requeue(tx: &Connection, job_id: &str, owner: &Owner, now: i64) -> rusqlite::Result<()> {
    lay_down(tx, job_id)?;
    let sql = "UPDATE backfill_jobs SET status = 'queued', owner = ?2, heartbeat_at = ?3, completed_at = NULL, error = NULL,
               resume_at = NULL WHERE job_id = ?1";
    tx.execute(sql, params![job_id, owner.as_str(), now])?;
    let sql = "UPDATE backfill_series SET status = 'pending', error = NULL
               WHERE job_id = ? AND status = 'interrupted'";
    tx.execute(sql, [job_id]).map(|_| ())
}

/// Jobs without a living owner that are to go on by themselves, each with whether it still waits for the provider's limit.
/// One that someone else has found without an owner meanwhile is marked so.
fn left_behind(
    connection: &Connection,
    sources: &[&str],
    running: &[&str],
    now: i64,
    path: &Path,
) -> rusqlite::Result<Vec<(String, bool)>> {
    let sql = "SELECT job_id, owner, heartbeat_at, coalesce(resume_at > ?1 AND NOT heartbeat_at > ?1, 0), source,
               status FROM backfill_jobs
               WHERE command <> 'import' AND (status IN ('queued', 'running')
               OR (status = 'interrupted' AND (error = ?2 OR resume_at IS NOT NULL))) ORDER BY created_at, job_id";
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query(params![now, ITS_PROCESS_IS_GONE])?;
    let mut left = Vec::new();
    while let Some(row) = rows.next()? {
        let (owner, heartbeat_at): (Option<String>, Option<i64>) = (row.get(1)?, row.get(2)?);
        let (job_id, source, status): (String, String, JobStatus) =
            (row.get(0)?, row.get(4)?, state(row, 5)?);
        let given_up = |owner: &str| status == JobStatus::Running && owner::is_this_process(owner);
        let left_here = owner.is_some_and(|owner| {
            given_up(&owner)
                || !owner::is_alive(path, &owner, heartbeat_at, now)
                    && owner::was_here(path, &owner)
        });
        let runs_here = running.contains(&job_id.as_str());
        if left_here && !runs_here && sources.contains(&source.as_str()) {
            left.push((job_id, row.get(3)?));
        }
    }
    Ok(left)
}

/// A job that asks for the same and is queued or running. The order of symbols and timeframes does not matter.
fn same_job(
    tx: &Connection,
    job: &NewJob<'_>,
    targets: &[SeriesPlan],
    path: &Path,
) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT job_id, symbols, timeframes, owner, heartbeat_at FROM backfill_jobs AS j
               WHERE status IN ('queued', 'running') AND command = ?1 AND source = ?2 AND start_words IS ?3 AND end_words IS ?4
               AND NOT EXISTS (SELECT 1 FROM backfill_series AS b JOIN series AS s ON s.id = b.series_id
                               WHERE b.job_id = j.job_id AND s.adjusted <> ?5) ORDER BY created_at, job_id";
    let adjusted = targets.first().map(|target| target.key.adjusted);
    let adjusted = adjusted.unwrap_or_default().number();
    let mut select = tx.prepare(sql)?;
    let values = params![
        job.command,
        job.source,
        job.start_words,
        job.end_words,
        adjusted
    ];
    let mut rows = select.query(values)?;
    let set = |texts: Vec<String>| texts.into_iter().collect::<HashSet<_>>();
    let symbols = set(distinct(targets.iter().map(|t| t.key.symbol.to_string())));
    let timeframes = set(distinct(
        targets.iter().map(|t| t.key.timeframe.to_string()),
    ));
    while let Some(row) = rows.next()? {
        let held = |index: usize| -> rusqlite::Result<HashSet<String>> {
            let text: String = row.get(index)?;
            Ok(set(serde_json::from_str(&text).unwrap_or_default()))
        };
        let (owner, heartbeat_at): (Option<String>, Option<i64>) = (row.get(3)?, row.get(4)?);
        let lives = owner.is_some_and(|owner| owner::is_alive(path, &owner, heartbeat_at, job.now));
        if lives && held(1)? == symbols && held(2)? == timeframes {
            return row.get(0).map(Some);
        }
    }
    Ok(None)
}

//! Whose jobs are: what of them says that it has not ended, and whether its owner lives.

use std::path::Path;

use rusqlite::{Connection, params};

use crate::run::owner;
use crate::store::jobs::end::lay_down;
use crate::store::jobs::rows::ITS_PROCESS_IS_GONE;
use crate::store::{Store, StoreError, told};

impl Store {
    /// Records jobs as interrupted whose owner is gone, and removes what dead owners left beside the file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn reap_jobs(&mut self, now: i64) -> Result<(), StoreError> {
        let told = told(&self.path);
        let tx = self.begin()?;
        for claim in claims(&tx).map_err(told)? {
            if claim.is_living(&self.path, now) {
                continue;
            }
            let job_id = claim.job_id;
            let sql =
                "UPDATE backfill_jobs SET status = 'interrupted', error = ?2 WHERE job_id = ?1";
            tx.execute(sql, [job_id.as_str(), ITS_PROCESS_IS_GONE])
                .map_err(told)?;
            lay_down(&tx, &job_id).map_err(told)?;
        }
        tx.commit()?;
        owner::sweep(&self.path);
        Ok(())
    }
}

/// The owner of a job lives, and is the one that believes so.
pub(in crate::store) fn give_sign(
    tx: &Connection,
    job_id: &str,
    owner: &str,
    now: i64,
    path: &Path,
) -> Result<(), StoreError> {
    let sql = "UPDATE backfill_jobs SET heartbeat_at = ?3 WHERE job_id = ?1 AND owner = ?2 AND status = 'running'";
    let signs = tx
        .prepare_cached(sql)
        .and_then(|mut update| update.execute(params![job_id, owner, now]))
        .map_err(told(path))?;
    if signs > 0 {
        return Ok(());
    }
    let is_there = tx
        .prepare_cached("SELECT 1 FROM backfill_jobs WHERE job_id = ?")
        .and_then(|mut select| select.exists([job_id]))
        .map_err(told(path))?;
    Err(if is_there {
        StoreError::LostJob(job_id.to_owned())
    } else {
        // By way of SQLite an older state was restored, or another file's content put in.
        StoreError::Moved {
            path: path.to_path_buf(),
            now: None,
        }
    })
}

/// A job that says of itself that it has not ended.
pub(in crate::store) struct Claim {
    pub(in crate::store) job_id: String,
    pub(in crate::store) owner: String,
    pub(in crate::store) is_running: bool,
    heartbeat_at: Option<i64>,
}

impl Claim {
    pub(in crate::store) fn is_living(&self, path: &Path, now: i64) -> bool {
        owner::is_alive(path, &self.owner, self.heartbeat_at, now)
    }

    /// As [`Claim::is_living`] in a file of an older format.
    pub(in crate::store) fn was_living_before(&self, path: &Path, now: i64) -> bool {
        owner::was_alive_before(path, &self.owner, self.heartbeat_at, now)
    }
}

pub(in crate::store) fn claims(connection: &Connection) -> rusqlite::Result<Vec<Claim>> {
    let sql = "SELECT job_id, owner, heartbeat_at, status = 'running' FROM backfill_jobs WHERE status IN ('running', 'queued')";
    let claim = |row: &rusqlite::Row<'_>| {
        Ok(Claim {
            job_id: row.get(0)?,
            owner: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
            heartbeat_at: row.get(2)?,
            is_running: row.get(3)?,
        })
    };
    connection.prepare(sql)?.query_map([], claim)?.collect()
}

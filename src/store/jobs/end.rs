//! How jobs end.

use rusqlite::{Connection, params};

use crate::model::status::JobStatus;
use crate::run::owner::Owner;
use crate::store::{Store, StoreError, told};

impl Store {
    /// Records how a job ended. What was running is pending again, and series without an end are interrupted. A job that
    /// was lost to another owner is left alone.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn end_job(
        &mut self,
        job_id: &str,
        owner: &Owner,
        status: JobStatus,
        error: Option<&str>,
        resume_at: Option<i64>,
        now: i64,
    ) -> Result<(), StoreError> {
        let told = told(&self.path);
        let tx = self.begin()?;
        let sql = "UPDATE backfill_jobs SET status = ?3, error = ?4, resume_at = ?5, completed_at = ?6, heartbeat_at = ?6
                   WHERE job_id = ?1 AND owner = ?2 AND status = 'running'";
        let ended = tx
            .execute(
                sql,
                params![
                    job_id,
                    owner.as_str(),
                    status.as_str(),
                    error,
                    resume_at,
                    now
                ],
            )
            .map_err(told)?;
        if ended == 1 {
            lay_down(&tx, job_id).map_err(told)?;
        }
        tx.commit()
    }
}

/// A job that no longer runs has no running slice.
pub(in crate::store) fn lay_down(connection: &Connection, job_id: &str) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE backfill_progress SET status = 'pending' WHERE job_id = ? AND status = 'running'",
        [job_id],
    )?;
    connection.execute(
        "UPDATE backfill_series SET status = 'interrupted' WHERE job_id = ? AND status = 'pending'",
        [job_id],
    )?;
    Ok(())
}

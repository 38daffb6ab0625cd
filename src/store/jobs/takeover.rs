//! Taking a job up again: a new owner, and what is missing now in place of the slices that were not done.

use rusqlite::{Connection, params};

use crate::model::span::{Span, SpanSet};
use crate::model::status::JobStatus;
use crate::run::owner::{self, Owner};
use crate::store::candles::batch::UNCHECKED;
use crate::store::candles::series::known;
use crate::store::file::stamp::stamp;
use crate::store::jobs::create::{JobSettings, Made, PROGRAM, SeriesPlan, insert_slices};
use crate::store::jobs::rows::find_fetching;
use crate::store::{Store, StoreError, told};

impl Store {
    /// Takes a job up again under the same id, for a new owner, and replaces its unfinished slices by what is missing now,
    /// planned in the same transaction.
    /// One that stored something before it stopped is cut to what it proved and stays, so that its counts stay. Returns the
    /// targets, and what was recorded for each.
    ///
    /// # Errors
    /// There is no such job, it took files, a living owner runs it or has it queued, unless it is this process that queued it, a
    /// series is held otherwise, or the file cannot be written; the job is left as it was.
    pub(crate) fn take_over(
        &mut self,
        job_id: &str,
        settings: &JobSettings,
        owner: &Owner,
        now: i64,
        plan: impl FnOnce(&Store) -> Result<Vec<SeriesPlan>, StoreError>,
    ) -> Result<(Vec<SeriesPlan>, Vec<Made>), StoreError> {
        let told = told(&self.path);
        let tx = self.begin()?;
        let job = find_fetching(&tx, job_id, now, &self.path)?;
        let queued_here = job.status == JobStatus::Queued
            && job.owner.as_deref().is_some_and(owner::is_this_process);
        if job.is_owned() && !queued_here {
            return Err(StoreError::Owned {
                job_id: job.job_id,
                owner: job.owner.unwrap_or_default(),
            });
        }
        let targets = plan(self)?;
        let mut made = Vec::with_capacity(targets.len());
        for target in &targets {
            // It may have been dropped and made anew, or bound to another source, since.
            let series_id = target.bind(&tx, now, &self.path)?;
            cut_unfinished(&tx, job_id, series_id, now).map_err(told)?;
            let sql = "UPDATE backfill_series SET status = 'pending', error = NULL WHERE job_id = ? AND series_id = ?";
            tx.execute(sql, params![job_id, series_id]).map_err(told)?;
            made.push((
                series_id,
                insert_slices(&tx, job_id, series_id, &target.slices).map_err(told)?,
            ));
        }
        let sql = "UPDATE backfill_jobs SET status = 'running', owner = ?2, heartbeat_at = ?3,
                   started_at = ?3, completed_at = NULL, error = NULL,
                   resume_at = NULL, delay_s = ?4, final_after_s = ?5, program = ?6, rate = ?7, workers = ?8
                   WHERE job_id = ?1";
        tx.execute(
            sql,
            params![
                job_id,
                owner.as_str(),
                now,
                settings.policy.delay,
                settings.policy.final_after,
                PROGRAM,
                settings.rate,
                settings.workers
            ],
        )
        .map_err(told)?;
        tx.commit()?;
        Ok((targets, made))
    }
}

fn cut_unfinished(
    connection: &Connection,
    job_id: &str,
    series_id: i64,
    now: i64,
) -> rusqlite::Result<()> {
    let unfinished = "job_id = ?1 AND series_id = ?2 AND status <> 'completed'";
    connection.execute(
        &format!("DELETE FROM backfill_progress WHERE {unfinished} AND records_fetched + records_removed = 0"),
        params![job_id, series_id],
    )?;
    let answered = known(connection, series_id)?.answered();
    let rest: Vec<(i64, Option<Span>)> = connection
        .prepare(&format!(
            "SELECT slice_id, start_ts, end_ts FROM backfill_progress WHERE {unfinished}"
        ))?
        .query_map(params![job_id, series_id], |row| {
            Ok((row.get(0)?, Span::new(stamp(row, 1)?, stamp(row, 2)?)))
        })?
        .collect::<rusqlite::Result<_>>()?;
    for (slice_id, span) in rest {
        let open = span
            .map(|span| SpanSet::from(span).subtract(&answered))
            .unwrap_or_default();
        let end = open
            .iter()
            .next()
            .map(Span::start)
            .filter(|&end| span.is_some_and(|span| end > span.start()));
        let sql =
            "UPDATE backfill_progress SET status = 'completed', end_ts = coalesce(?2, end_ts),
                   error = (SELECT iif(adjusted = 0, NULL, ?4) FROM series WHERE id = series_id),
                   completed_at = coalesce(completed_at, ?3) WHERE slice_id = ?1";
        connection.execute(sql, params![slice_id, end, now, UNCHECKED])?;
    }
    Ok(())
}

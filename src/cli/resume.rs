//! `candlefile resume`: go on with jobs that were interrupted or failed in part, under their own ids. A source that cannot be
//! asked does not keep the jobs of others from going on.

use crate::backfill::{Report, Runner, left_of};
use crate::model::status::JobStatus;
use crate::model::status::JobStatus as Status;
use crate::store::{JobFilter, JobRow, SeriesPlan, Store, StoreError};
use anyhow::Result;

use super::args::{Global, Resume};
use super::aside::Aside;
use super::error::Exit;
use super::jobs::{Fetching, check_key};
use super::{output, planned, report};

pub fn run(global: &Global, args: &Resume) -> Result<Exit> {
    let fetching = Fetching::new(global, &args.fetch);
    let mut store = Store::open(&global.db)?;
    let now = fetching.clock.now();
    let elsewhere = |job: &JobRow| job.is_owned() && job.status != JobStatus::Completed;
    let elsewhere = store
        .jobs(&JobFilter::All, now)?
        .into_iter()
        .find(elsewhere);
    let jobs = match &args.job {
        Some(prefix) => store.jobs(&JobFilter::Prefix(prefix), now)?,
        None => store.resumable_jobs(now)?,
    };
    let (mut runs, mut aside) = (Vec::new(), Aside::default());
    for job in jobs
        .into_iter()
        .filter(|job| job.status != JobStatus::Completed)
    {
        match plan(&fetching, &store, &job) {
            Ok((runner, targets)) => {
                aside.count(&targets);
                runs.push((job, runner, targets));
            }
            Err(error) if args.job.is_some() => return Err(error),
            Err(error) => {
                aside.leave_out(global, &job.source, format!("job {}", job.job_id), error)?;
            }
        }
    }
    let cost = runs
        .iter()
        .map(|(_, runner, targets)| (runner, targets.as_slice()));
    planned::check_room(global, planned::cost(cost), args.fetch.yes)?;
    fetching.stop_on_signals();
    let mut reports = Vec::new();
    // Sources that take no more, and the jobs that were left for that.
    let (mut stopped, mut left) = (Vec::new(), 0);
    for (job, runner, _) in runs {
        let is_full = reports.last().is_some_and(Report::is_full);
        if fetching.cancel.is_cancelled() || is_full || stopped.contains(&job.source) {
            left += 1;
            continue;
        }
        let monitor = fetching.monitor();
        let report = crate::backfill::resume(&mut store, &job.job_id, &runner, monitor.as_ref());
        drop(monitor);
        let report = match report {
            Ok(report) => report,
            // Nobody asked for this one by name, and somebody else was quicker.
            Err(StoreError::Owned { job_id, owner }) if args.job.is_none() => {
                output::say(format!(
                    "job {job_id} was left alone: by now it is run by process {owner}"
                ));
                continue;
            }
            Err(error) => return report::print_before(global, &reports, &aside, error.into()),
        };
        if matches!(report.status, Status::Failed | Status::Interrupted) {
            stopped.push(job.source);
        }
        reports.push(report);
    }
    drop(store);
    if left > 0 {
        output::say(format!("left for later: {}", output::counted(left, "job")));
    }
    if reports.is_empty() {
        let why = match (aside.exit(), elsewhere) {
            (Exit::Complete, None) => "no job is left to go on with".to_owned(),
            (Exit::Complete, Some(job)) => format!(
                "job {} is still run by process {}, and no other is left to go on with",
                job.job_id,
                job.owner.unwrap_or_default()
            ),
            _ => "no other job is left to go on with".to_owned(),
        };
        return report::print_nothing_to_do(global, &why, &aside);
    }
    report::print(global, &reports, &aside)
}

/// How a job goes on, and what is missing of it. A key is needed where that is anything.
fn plan(fetching: &Fetching, store: &Store, job: &JobRow) -> Result<(Runner, Vec<SeriesPlan>)> {
    if job.is_import() {
        return Err(StoreError::IsImport(job.job_id.clone()).into());
    }
    let runner = fetching.runner(&job.source, Some(job))?;
    let targets = left_of(store, &job.job_id, &runner)?;
    if !planned::is_empty(&targets) {
        check_key(fetching.global(), &job.source)?;
    }
    Ok((runner, targets))
}

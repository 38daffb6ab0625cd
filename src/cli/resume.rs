//! `candlefile resume`: go on with jobs that were interrupted or failed in part, under their own ids.

use anyhow::Result;
use candlefile::store::{JobFilter, JobStatus};
use candlefile::{JobStatus as Status, Store, StoreError};

use super::args::{Global, Resume};
use super::error::Exit;
use super::jobs::Fetching;
use super::{output, report};

pub fn run(global: &Global, args: &Resume) -> Result<Exit> {
    let fetching = Fetching::new(global, &args.fetch);
    let mut store = Store::open(&global.db)?;
    let now = fetching.clock.now();
    let jobs = match &args.job {
        Some(prefix) => store.jobs(&JobFilter::Prefix(prefix), now)?,
        None => store.resumable_jobs(now)?,
    };
    let mut runs = Vec::new();
    for job in jobs
        .into_iter()
        .filter(|job| job.status != JobStatus::Completed)
    {
        let runner = fetching.runner(&job.source, job.policy)?;
        runs.push((job, runner));
    }
    fetching.stop_on_signals();
    let count = runs.len();
    let mut reports = Vec::new();
    for (job, runner) in runs {
        let monitor = fetching.monitor(&job.source);
        let report =
            candlefile::backfill::resume(&mut store, &job.job_id, &runner, monitor.as_ref());
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
            Err(error) => return report::print_before(global, &reports, error.into()),
        };
        let go_on = !matches!(report.status, Status::Failed | Status::Interrupted);
        reports.push(report);
        if !go_on {
            if reports.len() < count {
                output::say(format!(
                    "{} more jobs were left as they are",
                    count - reports.len()
                ));
            }
            break;
        }
    }
    if reports.is_empty() {
        return report::print_nothing_to_do(global, "no job is left to go on with");
    }
    report::print(global, &reports)
}

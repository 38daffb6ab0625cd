//! `candlefile update`: everything the file holds, from its first requested start up to now, holes included.

use anyhow::Result;
use candlefile::backfill::{sources, targets, update_of};
use candlefile::{Policy, Store};

use super::args::{Global, Update};
use super::error::Exit;
use super::jobs::{Fetching, dry_run};
use super::report;

pub fn run(global: &Global, args: &Update) -> Result<Exit> {
    let fetching = Fetching::new(global, &args.fetch);
    let held = Store::read(&global.db)?;
    let mut runs = Vec::new();
    for source in sources(&held)? {
        let runner = fetching.runner(&source, Policy::default())?;
        let request = update_of(&held, &runner)?;
        runs.push((runner, request));
    }
    drop(held);
    if args.dry_run {
        return dry_run(global, &fetching, &runs);
    }
    let mut store = Store::open(&global.db)?;
    fetching.stop_on_signals();
    let mut reports = Vec::new();
    for (runner, request) in runs {
        let missing = targets(Some(&store), &runner, &request.series)?
            .iter()
            .any(|target| !target.slices.is_empty());
        if !missing || fetching.cancel.is_cancelled() {
            continue;
        }
        let monitor = fetching.monitor(runner.provider.name());
        let report = candlefile::backfill::run(&mut store, &request, &runner, monitor.as_ref());
        drop(monitor);
        match report {
            Ok(report) => reports.push(report),
            Err(error) => return report::print_before(global, &reports, error.into()),
        }
    }
    if reports.is_empty() {
        return report::print_nothing_to_do(global, "everything the file holds is up to date");
    }
    report::print(global, &reports)
}

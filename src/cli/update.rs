//! `candlefile update`: everything the file holds, from its first requested start up to now, holes included.

use std::collections::BTreeMap;

use anyhow::Result;
use candlefile::backfill::{Request, targets};
use candlefile::range::up_to_now;
use candlefile::{Policy, Store};

use super::args::{Global, Update};
use super::error::Exit;
use super::jobs::{Fetching, dry_run};
use super::report;

pub fn run(global: &Global, args: &Update) -> Result<Exit> {
    let fetching = Fetching::new(global, &args.fetch);
    let mut by_source: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for series in Store::read(&global.db)?.series()? {
        // Candles that were only handed in have no provider to be asked.
        if let Some(start) = series.requested_from {
            by_source
                .entry(series.key.source.clone())
                .or_default()
                .push((series.key, start));
        }
    }
    let mut runs = Vec::new();
    for (source, held) in by_source {
        let runner = fetching.runner(&source, Policy::default())?;
        let (week_start, now) = (runner.provider.week_start(), fetching.clock.now());
        let spans = held.into_iter().filter_map(|(key, start)| {
            let span = up_to_now(&key.market(week_start), start, now)?;
            Some((key, span))
        });
        let request = Request {
            command: "update",
            series: spans.collect(),
            start_words: None,
            end_words: None,
        };
        runs.push((runner, request));
    }
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

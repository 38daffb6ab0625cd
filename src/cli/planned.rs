//! A run that is planned and not begun: shown by `--dry-run`, and let through where the key is there and the disk has room.

use std::path::Path;

use crate::backfill::{Estimate, Request, Runner, targets};
use crate::store::{Place, SeriesPlan, Store, StoreError, free_room};
use anyhow::Result;
use serde_json::json;

use super::args::Global;
use super::aside::Aside;
use super::error::{Exit, usage};
use super::jobs::rate_of;
use super::{output, progress, report, table};

/// A run, and what is missing of its series.
pub struct Planned {
    pub runner: Runner,
    pub request: Request,
    pub targets: Vec<SeriesPlan>,
}

impl Planned {
    /// Plans a run on what a file holds.
    pub fn of(store: &Store, runner: Runner, request: Request) -> Result<Planned> {
        let targets = targets(Some(store), &runner, &request.series)?;
        Ok(Planned {
            runner,
            request,
            targets,
        })
    }

    /// Plans a run on a file that may not be there yet; the place of the file, where it is.
    pub fn on(path: &Path, runner: Runner, request: Request) -> Result<(Planned, Option<Place>)> {
        let plan = |store: Option<&Store>| {
            let targets = targets(store, &runner, &request.series)?;
            Ok((targets, store.map(Store::place)))
        };
        let (targets, place) = match Store::reading(path, |store| plan(Some(store))) {
            Err(StoreError::NotFound(_) | StoreError::Empty(_)) => plan(None)?,
            planned => planned?,
        };
        let planned = Planned {
            runner,
            request,
            targets,
        };
        Ok((planned, place))
    }

    /// Whether nothing has to be asked.
    pub fn is_empty(&self) -> bool {
        is_empty(&self.targets)
    }
}

/// Whether nothing is missing.
pub fn is_empty(targets: &[SeriesPlan]) -> bool {
    targets.iter().all(SeriesPlan::is_complete)
}

/// What all that is missing costs.
pub fn cost<'a>(runs: impl IntoIterator<Item = (&'a Runner, &'a [SeriesPlan])>) -> Estimate {
    let mut total = Estimate::default();
    for (runner, targets) in runs {
        for target in targets {
            total += Estimate::of(target, runner.provider.as_ref());
        }
    }
    total
}

/// A plan that is larger than what is free on the disk needs a yes.
pub fn check_room(global: &Global, cost: Estimate, yes: bool) -> Result<()> {
    let needed = cost.bytes();
    let Some(free) = free_room(&global.db).filter(|&free| needed > free && !yes) else {
        return Ok(());
    };
    let what = format!(
        "the plan takes some {}, and {} are free on the disk of {}",
        output::bytes(needed),
        output::bytes(free),
        global.db.display()
    );
    if output::confirmed(&format!("{what}: begin it?"))? == Some(true) {
        return Ok(());
    }
    Err(usage(
        format!("{what}: it needs a yes"),
        "ask for less (--dry-run shows what each series takes), or add --yes",
    ))
}

/// Shows what the runs would fetch: nothing is sent.
pub fn show(global: &Global, runs: &[Planned], aside: &Aside) -> Result<Exit> {
    let (mut total, mut series, mut left) = (Cost::default(), Vec::new(), Vec::new());
    for planned in runs {
        let provider = &planned.runner.provider;
        let rate = rate_of(global, &planned.runner);
        let mut sum = Estimate::default();
        for target in &planned.targets {
            let estimate = Estimate::of(target, provider.as_ref());
            sum += estimate;
            left.extend_from_slice(&target.left);
            series.push((
                target,
                Cost::of(estimate, estimate.time(rate).as_secs_f64()),
            ));
        }
        // One source is asked after the other.
        total.estimate += sum;
        total.seconds += sum.time(rate).as_secs_f64();
    }
    aside.say(global);
    if !global.quiet {
        progress::say_left(&left, false);
    }
    if global.json {
        let each = |(target, cost): &(&SeriesPlan, Cost)| {
            let mut row = cost.document();
            row["symbol"] = json!(target.key.symbol);
            row["timeframe"] = json!(target.key.timeframe);
            row["start"] = json!(output::time(target.span.start()));
            row["end"] = json!(output::time(target.span.end()));
            row
        };
        let series: Vec<_> = series.iter().map(each).collect();
        let left = report::left_document(&left);
        let plan = total.document();
        let mut document = json!({ "plan": plan, "series": series, "left_to_others": left });
        aside.add_to(&mut document);
        output::json(&document)?;
        return Ok(aside.exit());
    }
    let rows = series.iter().map(|(target, cost)| {
        cost.row(
            target.key.symbol.to_string(),
            target.key.timeframe.to_string(),
            output::days(&target.key, target.span),
        )
    });
    let all = total.row("total".into(), String::new(), String::new());
    let titles = [
        "symbol",
        "!timeframe",
        "~range",
        ">slices",
        ">requests",
        ">rows",
        ">size",
        ">time",
    ];
    table::print(titles, rows.chain([all]))?;
    output::print("nothing was sent; rows, size and time are estimates")?;
    Ok(aside.exit())
}

/// An estimate with the time at the current rate.
#[derive(Default)]
struct Cost {
    estimate: Estimate,
    seconds: f64,
}

impl Cost {
    fn of(estimate: Estimate, seconds: f64) -> Cost {
        Cost { estimate, seconds }
    }

    fn document(&self) -> serde_json::Value {
        let Estimate {
            slices,
            requests,
            rows,
            ..
        } = self.estimate;
        json!({
            "slices": slices, "requests": requests, "rows": rows, "bytes": self.estimate.bytes(), "seconds": self.seconds,
        })
    }

    fn row(&self, symbol: String, timeframe: String, range: String) -> Vec<String> {
        let Estimate {
            slices,
            requests,
            rows,
            ..
        } = self.estimate;
        let size = output::bytes(self.estimate.bytes());
        let counts = [slices, requests, rows].map(output::count);
        [
            vec![symbol, timeframe, range],
            counts.to_vec(),
            vec![size, output::seconds(self.seconds)],
        ]
        .concat()
    }
}

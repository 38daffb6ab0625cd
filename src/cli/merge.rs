//! `candlefile merge`: the union of files as a new one.

use std::path::Path;

use crate::handover::merge::{MergeError, merge};
use crate::handover::outfile::Target;
use crate::monitor::Meter;
use crate::run::clock::{Cancel, Clock, SystemClock};
use crate::store::Store;
use anyhow::Result;
use serde_json::{Value, json};

use super::args::{Global, Merge};
use super::error::{Exit, of_input};
use super::output::{self, count, counted};
use super::progress::Passing;
use super::signals::stop_on_signals;
use super::table;

pub fn run(global: &Global, args: &Merge) -> Result<Exit> {
    let meter = Meter::default();
    let open = |file| {
        let store = Store::untouched(file).map_err(of_input)?;
        anyhow::Ok(store.metered(&meter))
    };
    let inputs: Vec<Store> = args
        .files
        .iter()
        .map(|file| open(file))
        .collect::<Result<_, _>>()?;
    let paths: Vec<&Path> = inputs.iter().map(Store::path).collect();
    let target = Target::new(&args.output, args.overwrite, &paths)?;
    let cancel = Cancel::new();
    stop_on_signals(&cancel, None);
    let passing = Passing::new(global.quiet, &meter);
    let merged = merge(&inputs, &target, SystemClock::default().now(), &cancel);
    drop(passing);
    let merged = match merged {
        Err(MergeError::Store(error)) => return Err(error.into()),
        Err(MergeError::Target(error)) => return Err(error.into()),
        merged => merged?,
    };
    let candles: u64 = merged.series.iter().map(|series| series.candles).sum();
    let inputs = args.files.iter().zip(&merged.inputs);
    if global.json {
        let input = |(file, added)| -> Value { json!({ "file": file, "brought": added }) };
        output::json(&json!({
            "path": target.path(), "series": merged.series.len(), "candles": candles,
            "inputs": inputs.map(input).collect::<Vec<_>>(),
            "unchecked": merged.unchecked.iter().map(|key| json!({
                "symbol": key.symbol, "timeframe": key.timeframe,
            })).collect::<Vec<_>>(),
        }))?;
        return Ok(Exit::Complete);
    }
    if global.quiet {
        return Ok(Exit::Complete);
    }
    let titles = [
        "file",
        ">series",
        ">candles",
        ">added",
        ">same",
        ">conflicting",
        ">superseded",
        ">restated",
    ];
    let rows = inputs.map(|(file, added)| {
        let counts = [
            added.series,
            added.candles,
            added.added,
            added.same,
            added.conflicting,
            added.superseded,
            added.restated,
        ];
        let mut row = vec![file.display().to_string()];
        row.extend(counts.map(count));
        row
    });
    table::print(titles, rows)?;
    output::print(format!(
        "{} holds {} with {}",
        args.output.display(),
        counted(merged.series.len() as u64, "series"),
        counted(candles, "candle")
    ))?;
    for key in &merged.unchecked {
        output::say(format_args!(
            "note: {} {} is adjusted, and its files have no candle in common: if a split lies between the times at which they were filled, it stands in two scales; the next run asks again where they join, and sees that",
            key.symbol, key.timeframe
        ));
    }
    Ok(Exit::Complete)
}

//! What serving a file costs, one line each: `cargo bench --bench serve`. Ratios are of one run.
//!
//! `CANDLEFILE_BENCH_SCALE=0.1` makes files smaller and windows shorter by ten times, `CANDLEFILE_BENCH_ONLY` runs the
//! figures of a group alone: historical, clients, steady. `CANDLEFILE_BENCH_MINUTES` is how long memory is watched, 10 when
//! left out. `CANDLEFILE_PYTHON` names an interpreter with Datasette, to compare with.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    missing_docs,
    unreachable_pub,
    dead_code
)]

#[path = "../speed/candles.rs"]
mod candles;
mod client;
mod clients;
mod datasette;
mod historical;
#[path = "../speed/memory.rs"]
mod memory;
mod provider;
mod serving;
mod steady;

use std::path::Path;
use std::time::Duration;

use candlefile::Store;
use candlefile::model::Span;
use memory::{Memory, fill, wanted};

/// A year of a stock's minutes, in millions of candles of which [`candles::span`] counts fifty series.
const YEAR: f64 = 4.9;

fn main() {
    let only = std::env::var("CANDLEFILE_BENCH_ONLY").unwrap_or_default();
    let folder = tempfile::tempdir().unwrap();
    println!("{:<62} {:>18}  floor", "figure", "value");
    for (name, group) in [
        ("historical", historical::run as fn(&Path)),
        ("clients", clients::run),
        ("steady", steady::run),
    ] {
        if only.is_empty() || only == name {
            group(folder.path());
        }
    }
}

fn figure(name: &str, value: impl std::fmt::Display, floor: &str) {
    println!("{name:<62} {value:>18}  {floor}");
}

/// A file with a year of minutes of one stock.
fn year(path: &Path) -> Span {
    let span = candles::span(YEAR);
    fill(path, wanted(1, span), Memory::ready(1, span));
    span
}

/// Candles in a file.
fn count(store: &Store) -> u64 {
    store.series().unwrap().iter().map(|one| one.candles).sum()
}

/// A time at full scale.
fn window(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds * candles::scale())
}

fn mib(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))
}

fn percent(ratio: f64) -> String {
    format!("{:.0} %", ratio * 100.0)
}

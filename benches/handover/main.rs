//! What handing a file over costs, one line each: `cargo bench --bench handover`. Ratios are of one run.
//!
//! `CANDLEFILE_BENCH_SCALE=0.1` makes everything ten times smaller, `CANDLEFILE_BENCH_ONLY` runs the figures of a group
//! alone: export, pack, diff. `CANDLEFILE_PYTHON` names an interpreter with DuckDB and its sqlite extension, to compare with.

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
mod export;
#[path = "../speed/memory.rs"]
mod memory;
mod others;
mod pack;
#[path = "../speed/program.rs"]
mod program;

use std::path::Path;

use candles::SERIES;
use memory::{Memory, fill, wanted};

fn main() {
    let only = std::env::var("CANDLEFILE_BENCH_ONLY").unwrap_or_default();
    let folder = tempfile::tempdir().unwrap();
    println!("{:<62} {:>18}  floor", "figure", "value");
    for (name, group) in [
        ("export", export::run as fn(&Path)),
        ("pack", pack::pack),
        ("diff", pack::diff),
    ] {
        if only.is_empty() || only == name {
            group(folder.path());
        }
    }
}

fn figure(name: &str, value: impl std::fmt::Display, floor: &str) {
    println!("{name:<62} {value:>18}  {floor}");
}

/// A file of so many millions of minutes, at full scale.
fn filled(path: &Path, millions: f64) {
    let span = candles::span(millions);
    fill(path, wanted(SERIES, span), Memory::ready(SERIES, span));
}

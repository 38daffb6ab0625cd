//! What other programs read of an export: pandas, Polars, DuckDB and pyarrow, with equal values and types. Runs where
//! `CANDLEFILE_PYTHON` names an interpreter that has them.
#![cfg(feature = "parquet")]

use std::process::Command;

use super::export::{export, filled};
use crate::support::seeded::say;

#[test]
fn others_read_the_same_values_and_types() {
    let Some(python) = std::env::var_os("CANDLEFILE_PYTHON") else {
        let why = "CANDLEFILE_PYTHON does not name an interpreter with pandas, polars, duckdb and pyarrow";
        say(format!("skipped: {why}"));
        return;
    };
    let home = filled();
    // An index has no volume, and nothing has a vwap here: columns with holes, and one that is empty.
    home.sql(
        "INSERT INTO series (symbol, timeframe, source, adjusted, market, grid, candles, first_ts, last_ts)
             VALUES ('I:NDX', '1d', 'x', 0, 'XCBO', 'utc', 2, 1704153600, 1704240000);
         INSERT INTO candle_data (series_id, ts, open, high, low, close) SELECT id, 1704153600, 1e16, 1e16, 0.1, 1e16 FROM series WHERE source = 'x';
         INSERT INTO candle_data (series_id, ts, open, high, low, close) SELECT id, 1704240000, 100, 1e300, -0.0, 100 FROM series WHERE source = 'x'",
    );
    for name in [
        "out.parquet",
        "out.arrow",
        "out.csv",
        "out.csv.gz",
        "out.csv.zst",
        "out.jsonl",
        "out.jsonl.gz",
    ] {
        export(&home, &format!("-o {name} --known-at")).ok();
    }
    export(&home, "-o hive --layout hive --known-at").ok();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/read_back.py");
    let done = Command::new(python)
        .arg(script)
        .arg(home.path(""))
        .output()
        .unwrap();
    let (said, failed) = (
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    );
    assert!(done.status.success(), "{said}\n{failed}");
    say(said.into_owned());
}

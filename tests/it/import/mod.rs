//! What people already have: files that become candles, whole and once, and what is asked where they do not say what they are.

mod again;
mod archives;
mod asked;
mod broken_off;
#[cfg(feature = "parquet")]
mod columnar;
mod csv;
mod fixtures;
mod flat;
mod recipes;

use std::io::Write;

use flate2::write::GzEncoder;
use serde_json::Value;

use crate::support::harness::{Home, Run};

/// Runs `import FILES.. WORDS` for a script: the words are split at spaces.
pub(crate) fn import(home: &Home, words: &str) -> Run {
    home.cli(["--json", "import"]).args(words).run()
}

/// The rows of a table as text, below a head line.
pub(crate) fn write(home: &Home, name: &str, text: &str) {
    std::fs::write(home.path(name), text).unwrap();
}

pub(crate) fn write_gz(home: &Home, name: &str, text: &str) {
    let path = home.path(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut out = GzEncoder::new(
        std::fs::File::create(path).unwrap(),
        flate2::Compression::fast(),
    );
    out.write_all(text.as_bytes()).unwrap();
    out.finish().unwrap();
}

/// Start, open and volume of each candle, one a line.
pub(crate) fn held(home: &Home, symbol: &str, timeframe: &str) -> Vec<String> {
    let candles = home.db().candles(symbol, timeframe);
    let line = |ts: i64, open: f64, volume: Option<f64>| {
        let at = chrono::DateTime::from_timestamp(ts, 0)
            .unwrap()
            .format("%F %R");
        format!(
            "{at} {open} {}",
            volume.map_or("-".to_owned(), |volume| volume.to_string())
        )
    };
    candles
        .iter()
        .map(|c| line(c.ts, c.open, c.volume))
        .collect()
}

/// Counts of a report: fetched, inserted, duplicate, conflicting, rejected.
pub(crate) fn counts(records: &Value) -> [u64; 5] {
    [
        "fetched",
        "inserted",
        "duplicate",
        "conflicting",
        "rejected",
    ]
    .map(|name| records[name].as_u64().unwrap())
}

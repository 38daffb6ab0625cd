//! A table of text into the file, against the writer alone and against what others take for it.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use candlefile::import::{Format, Import, Importer, Said};
use candlefile::model::{Adjustment, Span};
use candlefile::monitor::Meter;
use candlefile::{Cancel, Store, SystemClock};

use super::candles::{self, SERIES};

/// A key and prices, as the shell of SQLite and DuckDB are given them.
const TABLE: &str = "CREATE TABLE candle (symbol TEXT, ts INTEGER, open REAL, high REAL, low REAL, close REAL, volume REAL,
    PRIMARY KEY (symbol, ts)) WITHOUT ROWID;";

/// Writes the candles of all series as a table with times as text, and says how many these are.
pub fn write(path: &Path, span: Span) -> u64 {
    let mut out = BufWriter::new(std::fs::File::create(path).unwrap());
    writeln!(out, "symbol,datetime,open,high,low,close,volume").unwrap();
    let mut count = 0;
    for index in 0..SERIES {
        let symbol = candles::symbol(index);
        for candle in candles::minutes(index, span) {
            let at = chrono::DateTime::from_timestamp(candle.ts, 0).unwrap();
            let (open, high, low, close) = (candle.open, candle.high, candle.low, candle.close);
            let (at, volume) = (at.format("%F %T"), candle.volume.unwrap());
            writeln!(out, "{symbol},{at},{open},{high},{low},{close},{volume}").unwrap();
            count += 1;
        }
    }
    out.flush().unwrap();
    count
}

/// Seconds that an import of the table takes.
pub fn import(table: &Path, db: &Path) -> f64 {
    drop(std::fs::remove_file(db));
    let said = Said {
        adjusted: Some(Adjustment::Raw),
        zone: candlefile::import::LocalZone::typed("UTC").ok(),
        ..Said::only(Format::Csv)
    };
    let mut store = Store::create(db).unwrap();
    let importer = Importer {
        clock: Arc::new(SystemClock::default()),
        cancel: Cancel::new(),
        meter: Meter::default(),
    };
    let began = Instant::now();
    let import = Import::of(&[table.to_path_buf()], said, None).unwrap();
    let report = import.run(&mut store, &importer).unwrap();
    drop(store);
    let took = began.elapsed().as_secs_f64();
    assert_eq!(report.records.inserted, report.records.fetched);
    took
}

/// Seconds that the shell of SQLite takes for it, where there is one.
pub fn by_sqlite3(table: &Path, db: &Path) -> Option<f64> {
    drop(std::fs::remove_file(db));
    let began = Instant::now();
    let status = Command::new("sqlite3")
        .arg(db)
        .args([TABLE, ".mode csv"])
        .arg(format!(".import --skip 1 {} candle", table.display()))
        .stdout(Stdio::null())
        .status();
    let is_done = status.is_ok_and(|status| status.success());
    is_done.then(|| began.elapsed().as_secs_f64())
}

/// Seconds that DuckDB takes for it, where `CANDLEFILE_PYTHON` has it with its extension for SQLite.
pub fn by_duckdb(table: &Path, db: &Path) -> Option<f64> {
    let python = std::env::var_os("CANDLEFILE_PYTHON")?;
    drop(std::fs::remove_file(db));
    let script = format!(
        "import sqlite3, duckdb, time
from duckdb_extensions import import_extension
import_extension('sqlite_scanner')
sqlite3.connect('{db}').executescript('''{TABLE}''')
began = time.time()
c = duckdb.connect()
c.execute(\"LOAD sqlite; ATTACH '{db}' AS f (TYPE sqlite)\")
c.execute(\"INSERT INTO f.candle SELECT symbol, epoch(datetime)::BIGINT, open, high, low, close, volume FROM read_csv('{table}')\")
print(time.time() - began)",
        db = db.display(),
        table = table.display(),
    );
    let run = Command::new(python).args(["-c", &script]).output().ok()?;
    // Behind the bar that DuckDB shows while it takes long.
    let told = String::from_utf8_lossy(&run.stdout);
    told.split_whitespace().last()?.parse().ok()
}

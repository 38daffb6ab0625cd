//! Exports of 10 million candles, against what others make of the same file.

use std::path::Path;

use super::{figure, filled, others, program};

/// Each is run so often, in turn with what it is compared with; the fastest counts.
const ROUNDS: usize = 3;

pub fn run(folder: &Path) {
    let db = folder.join("export.db");
    filled(&db, 10.0);
    let duckdb = others::duckdb(&db, &folder.join("duckdb.parquet"));
    let sqlite = others::sqlite_csv(&db, &folder.join("sqlite.csv"));
    compare(&db, "parquet", "DuckDB's COPY", duckdb.as_ref(), ">= 1 x");
    compare(&db, "csv", "the sqlite3 shell", sqlite.as_ref(), ">= 2 x");
    for name in ["arrow", "jsonl", "csv.zst"] {
        compare(&db, name, "", None, "");
    }
    std::fs::remove_file(&db).unwrap();
}

fn compare(db: &Path, name: &str, other: &str, run: Option<&others::Other>, floor: &str) {
    let path = db.with_extension(name);
    let (mut ours, mut theirs, mut peak) = (f64::INFINITY, f64::INFINITY, 0.0_f64);
    for _ in 0..ROUNDS {
        let words = ["export", "--overwrite", "-o", path.to_str().unwrap()];
        let export = program::run(db, &words);
        ours = ours.min(export.elapsed.as_secs_f64());
        peak = peak.max(export.peak_mib);
        if let Some(run) = run {
            theirs = theirs.min(run().as_secs_f64());
        }
    }
    figure(&format!("export to {name}"), format!("{ours:.2} s"), "");
    if theirs.is_finite() {
        figure(
            &format!("  {other} of the same file"),
            format!("{theirs:.2} s"),
            "",
        );
        figure("  faster by", format!("{:.2} x", theirs / ours), floor);
    } else if !other.is_empty() {
        figure(&format!("  against {other}"), "skipped", floor);
    }
    let size = std::fs::metadata(&path).unwrap().len() as f64;
    figure(
        "  its size",
        format!("{:.0} MiB", size / f64::from(1 << 20)),
        "",
    );
    figure("  its peak memory", format!("{peak:.0} MiB"), "<= 300 MiB");
    std::fs::remove_file(&path).unwrap();
}

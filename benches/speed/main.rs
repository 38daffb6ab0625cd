//! The figures of the README's table, one line each: `cargo bench --bench speed`. Ratios are of one run.
//!
//! `CANDLEFILE_BENCH_SCALE=0.1` makes everything ten times smaller, `CANDLEFILE_BENCH_ONLY` runs the figures of a group
//! alone: writer, growth, many, import, coverage.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    missing_docs,
    unreachable_pub
)]

mod candles;
mod coverage;
mod import;
mod memory;
mod program;
mod server;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use candlefile::model::Span;
use candlefile::view::View;
use candlefile::{Store, StoreError};
use candles::SERIES;
use memory::{Memory, bare_loop, fill, wanted};
use server::Server;

/// How often the writer runs against a bare loop, in turn.
const ROUNDS: usize = 5;

fn main() {
    if let Ok(millions) = std::env::var(server::MILLIONS) {
        server::serve(millions.parse().unwrap());
        return;
    }
    let only = std::env::var("CANDLEFILE_BENCH_ONLY").unwrap_or_default();
    let folder = tempfile::tempdir().unwrap();
    println!("{:<62} {:>18}  floor", "figure", "value");
    for (name, group) in [
        ("writer", writer as fn(&Path)),
        ("growth", growth),
        ("many", many_series),
        ("import", imports),
        ("coverage", coverages),
    ] {
        if only.is_empty() || only == name {
            group(folder.path());
        }
    }
}

fn figure(name: &str, value: impl std::fmt::Display, floor: &str) {
    println!("{name:<62} {value:>18}  {floor}");
}

/// The writer against a bare loop, the whole program against the writer, and what the program needs.
fn writer(folder: &Path) {
    let span = candles::span(5.0);
    let path = folder.join("writer.db");
    let mut runs: Vec<(f64, f64)> = (0..ROUNDS)
        .map(|_| against_bare_loop(folder, &path, span))
        .collect();
    let ratio = |run: &(f64, f64)| run.1 / run.0;
    runs.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
    let (bare, writer) = runs[ROUNDS / 2];
    figure("bare loop, candles/s", format!("{bare:.0}"), "");
    figure("writer, candles/s", format!("{writer:.0}"), "");
    let (least, most) = (ratio(&runs[0]), ratio(&runs[ROUNDS - 1]));
    figure(
        &format!(
            "writer / bare loop, median of {ROUNDS} ({} to {})",
            percent(least),
            percent(most)
        ),
        percent(writer / bare),
        ">= 85 %",
    );
    let count = candles_in(&path);

    let bytes = |path: &Path| std::fs::metadata(path).unwrap().len() as f64;
    let size = bytes(&path) / count;
    figure(
        "bytes per 1m candle, right after a backfill",
        format!("{size:.1}"),
        "<= 80",
    );
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch("VACUUM")
        .unwrap();
    let size = bytes(&path) / count;
    figure(
        "bytes per 1m candle, after VACUUM",
        format!("{size:.1}"),
        "<= 68",
    );

    let server = Server::start(5.0);
    let before = server.cost();
    let eight = program::backfill(&folder.join("eight.db"), &server.url, span, 8);
    let cost = server.cost().saturating_sub(before).as_secs_f64();
    let speed = count / eight.elapsed.as_secs_f64();
    figure(
        "end to end over loopback HTTP, candles/s",
        format!("{speed:.0}"),
        "",
    );
    figure("end to end / writer", percent(speed / writer), ">= 70 %");
    figure(
        "  of which the server's processor time",
        format!("{cost:.2} s of {:.2} s", eight.elapsed.as_secs_f64()),
        "",
    );
    let (double, larger) = (candles::span(10.0), Server::start(10.0));
    for (workers, floor) in [(8, "<= 200 MiB"), (64, "<= 500 MiB")] {
        for (what, server, span) in [("5 M", &server, span), ("10 M", &larger, double)] {
            let path = folder.join(format!("{what}-{workers}.db"));
            let peak = program::backfill(&path, &server.url, span, workers).peak_mib;
            std::fs::remove_file(&path).unwrap();
            let name = format!("peak memory with {workers} workers, {what} candles");
            figure(&name, mib(peak), floor);
        }
    }
    figure(
        "-wal at its largest, a reader coming and going",
        mib(wal(folder, span)),
        "<= 64 MiB",
    );
}

/// A table of text into the file.
fn imports(folder: &Path) {
    let span = candles::span(5.0);
    let table = folder.join("minutes.csv");
    let count = import::write(&table, span) as f64;
    let db = folder.join("import.db");
    let mut runs: Vec<(f64, f64)> = (0..ROUNDS)
        .map(|_| {
            drop(std::fs::remove_file(&db));
            let writer = fill(&db, wanted(SERIES, span), Memory::ready(SERIES, span)).speed();
            (writer, count / import::import(&table, &db))
        })
        .collect();
    let ratio = |run: &(f64, f64)| run.1 / run.0;
    runs.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
    let (writer, ours) = runs[ROUNDS / 2];
    figure("import of CSV, candles/s", format!("{ours:.0}"), "");
    figure("import of CSV / writer", percent(ours / writer), ">= 80 %");
    for (name, seconds) in [
        (
            "import of CSV / sqlite3 .import",
            import::by_sqlite3(&table, &db),
        ),
        (
            "import of CSV / DuckDB's read_csv into SQLite",
            import::by_duckdb(&table, &db),
        ),
    ] {
        if let Some(seconds) = seconds {
            figure(name, format!("{:.1} x", ours / (count / seconds)), ">= 2 x");
        }
    }
}

/// Candles a second of a bare loop and of the writer, one after the other.
fn against_bare_loop(folder: &Path, path: &Path, span: Span) -> (f64, f64) {
    let bare = folder.join("bare.db");
    let took = bare_loop(&bare, span);
    drop(std::fs::remove_file(path));
    let writer = fill(path, wanted(SERIES, span), Memory::ready(SERIES, span));
    std::fs::remove_file(&bare).unwrap();
    let count = writer.report.records.inserted as f64;
    (count / took.as_secs_f64(), writer.speed())
}

fn candles_in(path: &Path) -> f64 {
    let series = Store::read(path).unwrap().series().unwrap();
    series.iter().map(|series| series.candles).sum::<u64>() as f64
}

/// The largest size that the `-wal` is seen at while a reader comes and goes.
fn wal(folder: &Path, span: Span) -> f64 {
    let path = folder.join("wal.db");
    drop(Store::create(&path).unwrap());
    let done = AtomicBool::new(false);
    let memory = Memory::ready(SERIES, span);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                read_a_while(&path);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let largest = scope.spawn(|| {
            let mut largest = 0;
            while !done.load(Ordering::Relaxed) {
                let size = std::fs::metadata(folder.join("wal.db-wal")).map_or(0, |wal| wal.len());
                largest = largest.max(size);
                std::thread::sleep(Duration::from_millis(1));
            }
            largest
        });
        fill(&path, wanted(SERIES, span), memory);
        done.store(true, Ordering::Relaxed);
        largest.join().unwrap() as f64 / f64::from(1 << 20)
    })
}

/// One snapshot, held for about the time in which a series of 50,000 candles is read.
fn read_a_while(path: &Path) {
    let store = Store::read(path).unwrap();
    for series in store.series().unwrap().into_iter().take(1) {
        View::of(series)
            .each_batch(&store, |_| Ok::<(), StoreError>(()))
            .unwrap();
    }
}

/// A file of 25 million: its growth, a hole in each of 20 series, and what is read of it.
fn growth(folder: &Path) {
    const HOLES: usize = 20;
    let span = candles::span(25.0);
    let cells = candles::market().cut_at_cells(span);
    let hole = cells[cells.len() / 2];
    let path = folder.join("large.db");
    let filled = fill(
        &path,
        wanted(SERIES, span),
        Memory::failing(HOLES, hole.start()),
    );
    let count = filled.report.records.inserted;
    let last = filled.marks.speed(count - count / 5, count);
    let ratio = last / filled.marks.speed(0, count / 5);
    figure(
        "last fifth / first fifth while 25 M are filled",
        percent(ratio),
        ">= 75 %",
    );

    for command in ["list", "status"] {
        let mut times: Vec<Duration> = (0..5)
            .map(|_| program::run(&path, &[command]).elapsed)
            .collect();
        times.sort_unstable();
        let name = format!("`{command}` on the file of 25 M, median of 5");
        figure(
            &name,
            format!("{:.1} ms", times[2].as_secs_f64() * 1e3),
            "< 50 ms",
        );
    }
    let empty = fill(
        &folder.join("empty.db"),
        wanted(HOLES, hole),
        Memory::ready(HOLES, hole),
    );
    let repair = fill(&path, wanted(HOLES, span), Memory::ready(HOLES, hole));
    assert_eq!(repair.report.records, empty.report.records);
    let ratio = repair.elapsed.as_secs_f64() / empty.elapsed.as_secs_f64();
    figure(
        "holes in the file of 25 M / the same rows into an empty file",
        format!("{ratio:.2} x"),
        "<= 2 x",
    );
    std::fs::remove_file(&path).unwrap();
}

/// A rerun of which nothing is missing.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn many_series(folder: &Path) {
    let symbols: Vec<String> = (0..(10_000.0 * candles::scale()) as usize)
        .map(candles::symbol)
        .collect();
    let path = folder.join("many-series.db");
    let week = Span::new(1_704_067_200, 1_704_672_000).unwrap();
    let series = symbols
        .iter()
        .map(|symbol| (candles::key(symbol, "1d"), week))
        .collect();
    fill(&path, series, Memory::default());
    // Nothing answers there: a request would fail the job.
    let mut words = vec!["backfill", "-t", "1d", "--base-url", "http://127.0.0.1:9"];
    words.extend(["--start", "2024-01-01", "--end", "2024-01-07"]);
    words.extend(symbols.iter().map(String::as_str));
    let rerun = program::run(&path, &words);
    let report: serde_json::Value = serde_json::from_str(&rerun.stdout).unwrap();
    figure(
        "rerun over 10,000 covered series",
        format!("{:.3} s", rerun.elapsed.as_secs_f64()),
        "< 0.5 s",
    );
    figure("  its requests", report["requests"].to_string(), "0");
}

/// What should be there against what is, and the keys of the same candles read by SQLite alone.
fn coverages(folder: &Path) {
    let path = folder.join("coverage.db");
    coverage::make(&path);
    for (timeframe, what, floor, share) in [
        ("1d", "10,000 series of 10 years of 1d", "< 5 s", "<= 200 %"),
        ("1m", "10 years of 1m", "< 1 s", "<= 400 %"),
    ] {
        let mut runs: Vec<(f64, f64)> = (0..ROUNDS)
            .map(|_| {
                let keys = coverage::keys(&path, timeframe);
                let words = ["coverage", "-t", timeframe];
                (keys, program::run(&path, &words).elapsed.as_secs_f64())
            })
            .collect();
        let ratio = |run: &(f64, f64)| run.1 / run.0;
        runs.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
        let (keys, ours) = runs[ROUNDS / 2];
        figure(
            &format!("`coverage` of {what}"),
            format!("{ours:.2} s"),
            floor,
        );
        figure("  of reading their keys", percent(ours / keys), share);
    }
    for command in ["list", "info"] {
        let took = program::run(&path, &[command]).elapsed.as_secs_f64();
        let name = format!("`{command}` of both");
        figure(&name, format!("{took:.2} s"), "");
    }
}

fn percent(ratio: f64) -> String {
    format!("{:.0} %", ratio * 100.0)
}

fn mib(value: f64) -> String {
    format!("{value:.0} MiB")
}

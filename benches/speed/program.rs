//! The real program as a process: how long it takes, and how much memory it has at its highest.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use candlefile::model::Span;

use super::candles;

pub struct Run {
    pub elapsed: Duration,
    pub peak_mib: f64,
    pub stdout: String,
}

/// Backfills minutes of all series.
pub fn backfill(db: &Path, url: &str, span: Span, workers: u32) -> Run {
    let symbols: Vec<String> = (0..candles::SERIES).map(candles::symbol).collect();
    let [start, end] = candles::dates(span);
    let workers = workers.to_string();
    let mut words = vec!["backfill", "-t", "1m", "--start", &start, "--end", &end];
    words.extend([
        "--rate",
        "10000/s",
        "--workers",
        &workers,
        "--base-url",
        url,
    ]);
    words.extend(symbols.iter().map(String::as_str));
    run(db, &words)
}

pub fn run(db: &Path, words: &[&str]) -> Run {
    ending(db, words, 0)
}

/// One that ends with this exit code.
pub fn ending(db: &Path, words: &[&str], code: i32) -> Run {
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_candlefile"))
        .args(["-q", "--json", "--db"])
        .arg(db)
        .args(words)
        .env("MASSIVE_API_KEY", "benchmark")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdout.take().unwrap();
    // Aside, so that a full pipe does not hold the program up.
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).unwrap();
        (text, Instant::now())
    });
    let peak_mib = peak_while_running(&mut child);
    let status = child.wait().unwrap();
    let (stdout, ended) = reader.join().unwrap();
    assert_eq!(status.code(), Some(code), "{stdout}");
    Run {
        elapsed: ended - began,
        peak_mib,
        stdout,
    }
}

/// The high-water mark of the resident set, as Linux tells it of a living process; 0 elsewhere.
fn peak_while_running(child: &mut Child) -> f64 {
    let mut peak: u32 = 0;
    let path = format!("/proc/{}/status", child.id());
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(&path).unwrap_or_default();
        let mark = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = mark.and_then(|mark| mark.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    }
    f64::from(peak) / 1024.0
}

//! A year of minutes over HTTP, against the same rows read and written as JSON in memory.

use std::path::Path;
use std::time::{Duration, Instant};

use candlefile::handover::Choice;
use candlefile::handover::export::{Beside, Column, Compression, Encoding, Export, Format};
use candlefile::view::Steps;
use candlefile::{Cancel, Store, SystemClock};

use super::datasette::Datasette;
use super::serving::Serving;
use super::{count, figure, percent, year};

/// Each is run so often, in turn with what it is compared with; the fastest counts.
const ROUNDS: usize = 15;

pub fn run(folder: &Path) {
    let db = folder.join("year.db");
    year(&db);
    let store = Store::read(&db).unwrap();
    let candles = count(&store);
    let serving = Serving::start(&db, "http://127.0.0.1:9");
    let mut client = serving.client();
    let (mut memory, mut http) = (Duration::MAX, Duration::MAX);
    let (mut size, mut csv) = (0, Duration::MAX);
    for _ in 0..ROUNDS {
        memory = memory.min(in_memory(&store));
        let mut ask = |format: &str| {
            let target =
                format!("/api/v1/historical/S0?timeframe=1m&limit=1000000&format={format}");
            let began = Instant::now();
            let answer = client.get(&target).unwrap();
            (began.elapsed(), answer)
        };
        let (took, answer) = ask("json");
        assert_eq!(starts(&answer.body) as u64, candles);
        (http, size) = (http.min(took), answer.body.len());
        csv = csv.min(ask("csv").0);
    }
    let speed = |took: Duration| candles as f64 / took.as_secs_f64();
    let rate = |took| format!("{:.0}", speed(took));
    figure("candles of a year of minutes", candles, "");
    figure(
        "read and written as JSON in memory, candles/s",
        rate(memory),
        "",
    );
    figure("historical, JSON over HTTP, candles/s", rate(http), "");
    figure(
        "  of the same in memory",
        percent(speed(http) / speed(memory)),
        ">= 60 %",
    );
    let megabytes = size as f64 / 1e6 / http.as_secs_f64();
    figure("  MB/s", format!("{megabytes:.0}"), "");
    figure("historical, CSV over HTTP, candles/s", rate(csv), "");
    match Datasette::start(&db) {
        Err(why) => figure(
            "  Datasette's JSON of the same file",
            format!("skipped: {why}"),
            "",
        ),
        Ok(datasette) => {
            let runs = (0..3).map(|_| datasette.candles());
            let (theirs, told) = runs.min().unwrap();
            assert_eq!(told as u64, candles);
            figure(
                "  Datasette's JSON of the same file, candles/s",
                rate(theirs),
                "",
            );
            figure(
                "  faster by",
                format!("{:.1} x", speed(http) / speed(theirs)),
                "",
            );
        }
    }
    drop(serving);
    std::fs::remove_file(&db).unwrap();
}

/// How many candles an answer has.
pub fn starts(body: &[u8]) -> usize {
    body.windows(5).filter(|five| five == b"\"ts\":").count()
}

fn in_memory(store: &Store) -> Duration {
    let export = Export {
        choice: Choice::default(),
        steps: Steps::default(),
        columns: Column::unasked(true)[2..].to_vec(),
        encoding: Encoding {
            format: Format::Jsonl,
            compression: Compression::None,
        },
    };
    let mut text = Vec::new();
    let began = Instant::now();
    let beside = Beside {
        clock: &SystemClock::default(),
        cancel: &Cancel::new(),
        monitor: &(),
    };
    export.to_stream(store, &mut text, &beside).unwrap();
    let took = began.elapsed();
    assert!(!text.is_empty());
    took
}

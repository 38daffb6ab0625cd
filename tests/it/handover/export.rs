//! `export` to text: every chosen candle once, in order, as numbers that read back as they are stored.

use std::io::Read;

use candlefile::Store;
use candlefile::model::{Candle, SeriesKey};
use serde_json::{Value, json};

use crate::support::harness::{Home, Run};
use crate::support::oracle::Candle as Stored;

/// Three asset classes and two timeframes, from the sample provider.
pub(crate) fn filled() -> Home {
    Home::of_sample("AAPL MSFT X:BTCUSD -t 1d,1h --start 2023-12-28 --end 2024-01-10")
}

/// Adds so many series of so many minutes from 1970 on, behind the program's back.
pub(crate) fn minutes(home: &Home, series: u32, each: u32) {
    home.sql(&format!(
        "INSERT INTO series (symbol, timeframe, source, adjusted, market, grid) WITH RECURSIVE s(n) AS
         (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {series}) SELECT 'S' || n, '1m', 'x', 0, 'XNYS', 'utc' FROM s;
         INSERT INTO candle_data (series_id, ts, open, high, low, close, volume) WITH RECURSIVE m(n) AS
         (SELECT 0 UNION ALL SELECT n + 1 FROM m WHERE n < {each} - 1) SELECT id, 60 * n, 1, 1, 1, 1, abs(random() / 7.0) FROM series, m WHERE source = 'x';
         UPDATE series SET candles = {each}, first_ts = 0, last_ts = 60 * ({each} - 1) WHERE source = 'x'",
    ));
}

pub(crate) fn export(home: &Home, words: &str) -> Run {
    home.cli(["export"]).args(words).run()
}

/// The names of all files in the folder.
pub(crate) fn names(home: &Home) -> Vec<String> {
    let name = |(path, _): (std::path::PathBuf, _)| {
        path.file_name().unwrap().to_string_lossy().into_owned()
    };
    files(home).into_iter().map(name).collect()
}

/// All files but those that `SQLite` puts beside one in use, and that a kill leaves.
pub(crate) fn files(home: &Home) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let in_use = |path: &std::path::Path| {
        let name = path.to_string_lossy();
        name.ends_with("-wal") || name.ends_with("-shm")
    };
    let files = home.files().into_iter();
    files.filter(|(path, _)| !in_use(path)).collect()
}

/// Everything the file holds, in the order of an export.
pub(crate) fn stored(home: &Home) -> Vec<(String, String, Stored)> {
    let sql = "SELECT symbol, timeframe FROM series ORDER BY symbol, timeframe";
    let db = home.db();
    let mut series = db.0.prepare(sql).unwrap();
    let keys = series
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    let keys: Vec<(String, String)> = keys.map(Result::unwrap).collect();
    let mut all = Vec::new();
    for (symbol, timeframe) in keys {
        for candle in db.candles(&symbol, &timeframe) {
            all.push((symbol.clone(), timeframe.clone(), candle));
        }
    }
    all
}

pub(crate) fn file(home: &Home, name: &str) -> String {
    std::fs::read_to_string(home.path(name)).unwrap()
}

/// The records of a CSV file as objects of text.
fn records(text: &str) -> Vec<Vec<String>> {
    let mut lines = text
        .lines()
        .map(|line| line.split(',').map(str::to_owned).collect());
    let head: Vec<String> = lines.next().unwrap();
    lines
        .inspect(|line: &Vec<String>| assert_eq!(line.len(), head.len()))
        .collect()
}

#[test]
fn csv_holds_every_candle_in_order_and_exactly() {
    let home = filled();
    let report = export(&home, "--json -o out.csv").ok().json();
    let text = file(&home, "out.csv");
    let head = "symbol,timeframe,ts,datetime,open,high,low,close,volume,vwap,trades";
    assert_eq!(text.lines().next(), Some(head));
    let (records, stored) = (records(&text), stored(&home));
    assert_eq!(records.len(), stored.len());
    for (record, (symbol, timeframe, candle)) in records.iter().zip(&stored) {
        assert_eq!([&record[0], &record[1]], [symbol, timeframe]);
        assert_eq!(record[2], candle.ts.to_string());
        let time = chrono::DateTime::parse_from_rfc3339(&record[3]).unwrap();
        assert_eq!((time.timestamp(), record[3].len()), (candle.ts, 20));
        let reals = [
            Some(candle.open),
            Some(candle.high),
            Some(candle.low),
            Some(candle.close),
            candle.volume,
            candle.vwap,
        ];
        for (text, real) in record[4..10].iter().zip(reals) {
            assert_eq!(text.parse().ok(), real);
            assert!(
                text.is_empty() || text.contains(['.', 'e']),
                "{text} is no real to a reader"
            );
        }
        assert_eq!(record[10].parse().ok(), candle.trades);
    }
    let size = std::fs::metadata(home.path("out.csv")).unwrap().len();
    let expected = json!({
        "path": "out.csv", "format": "csv", "compression": null, "layout": null,
        "columns": head.split(',').collect::<Vec<_>>(), "series": 6, "candles": stored.len(),
        "first": "2023-12-28T00:00:00Z", "last": report["last"], "bytes": size,
    });
    assert_eq!(report, expected);
    let last = stored.iter().map(|(_, _, candle)| candle.ts).max().unwrap();
    let time = chrono::DateTime::parse_from_rfc3339(report["last"].as_str().unwrap()).unwrap();
    assert_eq!(time.timestamp(), last);
}

#[test]
fn json_lines_hold_the_same_with_types() {
    let home = filled();
    export(&home, "-o out.jsonl").ok();
    let text = file(&home, "out.jsonl");
    let stored = stored(&home);
    assert_eq!(text.lines().count(), stored.len());
    for (line, (symbol, timeframe, candle)) in text.lines().zip(&stored) {
        let Stored {
            ts,
            open,
            high,
            low,
            close,
            volume,
            vwap,
            trades,
        } = *candle;
        let time = chrono::DateTime::from_timestamp(ts, 0).unwrap();
        let time = time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let expected = json!({
            "symbol": symbol, "timeframe": timeframe, "ts": ts, "datetime": time, "open": open, "high": high, "low": low,
            "close": close, "volume": volume, "vwap": vwap, "trades": trades,
        });
        assert_eq!(serde_json::from_str::<Value>(line).unwrap(), expected);
    }
}

#[test]
fn compressed_text_is_the_same_text() {
    let home = filled();
    for format in ["csv", "jsonl"] {
        export(&home, &format!("-o out.{format}")).ok();
        export(&home, &format!("-o out.{format}.gz")).ok();
        let plain = file(&home, &format!("out.{format}"));
        let open = |suffix: &str| {
            std::fs::File::open(home.path(&format!("out.{format}.{suffix}"))).unwrap()
        };
        let mut text = String::new();
        flate2::read::GzDecoder::new(open("gz"))
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, plain);
        #[cfg(feature = "compress")]
        {
            export(&home, &format!("-o out.{format}.zst")).ok();
            assert_eq!(zstd::decode_all(open("zst")).unwrap(), plain.as_bytes());
            let whole = std::fs::read(home.path(&format!("out.{format}.zst"))).unwrap();
            for at in (0..whole.len()).rev().step_by(whole.len() / 40 + 1) {
                let mut flipped = whole.clone();
                flipped[at] ^= 0x10;
                let read = zstd::decode_all(flipped.as_slice());
                let is_seen = read.is_err() || at < 8 && read.unwrap() == plain.as_bytes();
                assert!(
                    is_seen,
                    "byte {at} of {} was flipped and is read",
                    whole.len()
                );
            }
        }
    }
}

#[test]
fn stdout_gets_the_candles_and_nothing_else() {
    let home = filled();
    for format in ["csv", "jsonl"] {
        export(&home, &format!("-o out.{format}")).ok();
        let run = export(&home, &format!("-o - --format {format}"))
            .ok()
            .says(&["candles of 6 series"]);
        assert_eq!(run.stdout, file(&home, &format!("out.{format}")));
    }
    assert_eq!(export(&home, "-q -o - --format csv").ok().stderr, "");
    let run = export(&home, "-o - --format csv --start 2030-01-01")
        .exit(1)
        .says(&["no candle"]);
    assert_eq!(run.stdout, "");
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let home = filled();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_candlefile"))
        .args(["-q", "export", "-o", "-", "--format", "jsonl", "--db"])
        .arg(home.db_path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
}

#[test]
fn a_part_is_chosen_like_anywhere_else() {
    let home = filled();
    let text = |words: &str| {
        export(&home, &format!("-q -o - --format csv {words}"))
            .ok()
            .stdout
    };
    let lines = records(&text(
        "MSFT X:BTCUSD -t 1d --start 2024-01-02 --end 2024-01-03",
    ));
    let days: Vec<String> = lines
        .iter()
        .map(|line| format!("{} {}", line[0], &line[3][..10]))
        .collect();
    assert_eq!(
        days,
        [
            "MSFT 2024-01-02",
            "MSFT 2024-01-03",
            "X:BTCUSD 2024-01-02",
            "X:BTCUSD 2024-01-03"
        ]
    );
}

#[test]
fn columns_are_picked_and_ordered_and_named_in_the_help() {
    let home = filled();
    let words =
        "AAPL -t 1d -q -o - --format csv --columns close,adjusted,ts,source,datetime,known_at";
    let text = export(&home, words).ok().stdout;
    let first = stored(&home)[0].2;
    assert_eq!(
        text.lines().next(),
        Some("close,adjusted,ts,source,datetime,known_at")
    );
    let record = &records(&text)[0];
    assert_eq!(record[0].parse(), Ok(first.close));
    assert_eq!(
        record[1..5],
        [
            "false",
            &first.ts.to_string(),
            "sample",
            "2023-12-28T00:00:00Z"
        ]
    );
    let help = home.cli(["export", "--help"]).run().ok().stdout;
    let unknown = export(&home, "-o - --columns open,x --format csv").exit(2);
    for column in text.lines().next().unwrap().split(',') {
        assert!(
            help.contains(column) && unknown.stderr.contains(column),
            "{column}"
        );
    }
    export(&home, "-o - --columns ts,ts --format csv")
        .exit(2)
        .says(&["ts", "twice"]);
}

#[test]
fn known_at_is_when_the_slice_that_brought_a_candle_ended() {
    let home = filled();
    let key = SeriesKey {
        symbol: "HAND".parse().unwrap(),
        timeframe: "1d".parse().unwrap(),
        source: "my-csv".into(),
        adjusted: candlefile::model::Adjustment::Raw,
        listing: candlefile::model::Listing::on(candlefile::model::MarketCode::XNYS),
    };
    let candle = Candle {
        ts: 1_704_153_600,
        open: 1.0,
        high: 1.0,
        low: 1.0,
        close: 1.0,
        volume: Some(1e16),
        vwap: None,
        trades: None,
    };
    Store::open(&home.db_path())
        .unwrap()
        .insert_candles(&key, &[candle], 0)
        .unwrap();
    home.sql("UPDATE backfill_progress SET started_at = 1000, completed_at = CASE status WHEN 'completed' THEN 2000 END");
    home.sql(
        "UPDATE backfill_progress SET status = 'running', completed_at = NULL
         WHERE series_id = (SELECT id FROM series WHERE symbol = 'MSFT' AND timeframe = '1d')",
    );
    let text = export(&home, "-t 1d -q -o - --format csv --known-at")
        .ok()
        .stdout;
    assert!(text.starts_with(
        "symbol,timeframe,ts,datetime,open,high,low,close,volume,vwap,trades,known_at\n"
    ));
    for record in records(&text) {
        let expected = match record[0].as_str() {
            "MSFT" => "1000",
            "HAND" => "",
            _ => "2000",
        };
        assert_eq!(record[11], expected, "{record:?}");
    }
    assert!(
        text.contains("HAND,1d,1704153600,2024-01-02T00:00:00Z,1.0,1.0,1.0,1.0,1e+16,,,\n"),
        "{text}"
    );
    let again = export(
        &home,
        "-t 1d -q -o - --format csv --known-at --columns ts,known_at",
    )
    .ok();
    assert!(again.stdout.starts_with("ts,known_at\n"));
}

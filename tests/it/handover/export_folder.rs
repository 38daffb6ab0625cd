//! `export --layout hive`: a folder of Parquet files whose names say what is in them, whole or not there, and never in
//! place of anything but an earlier one.
#![cfg(feature = "parquet")]

use std::path::Path;

use super::export::{export, filled, stored};
use super::export_columnar::{candle, parquet, text};
use crate::support::harness::Home;

fn parts(home: &Home, folder: &str) -> Vec<String> {
    let root = home.path(folder);
    let relative = |path: &Path| {
        path.strip_prefix(&root)
            .map(|path| path.to_string_lossy().into_owned())
            .ok()
    };
    home.files()
        .iter()
        .filter_map(|(path, _)| relative(path))
        .collect()
}

#[test]
fn every_series_and_year_is_a_file_and_symbols_are_escaped() {
    let home = filled();
    let report = export(&home, "--json -o out --layout hive").ok().json();
    let mut expected = Vec::new();
    for timeframe in ["1d", "1h"] {
        for symbol in ["AAPL", "MSFT", "X%3ABTCUSD"] {
            for year in [2023, 2024] {
                expected.push(format!(
                    "tf={timeframe}/symbol={symbol}/year={year}/part-0.parquet"
                ));
            }
        }
    }
    assert_eq!(parts(&home, "out"), expected);
    let mut all = Vec::new();
    for part in &expected {
        let reader = parquet(&home, &format!("out/{part}"));
        let names: Vec<&str> = reader
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        assert_eq!(
            names,
            [
                "timeframe",
                "ts",
                "open",
                "high",
                "low",
                "close",
                "volume",
                "vwap",
                "trades"
            ]
        );
        let sorted = reader.metadata().row_group(0).sorting_columns().unwrap();
        assert_eq!((sorted.len(), sorted[0].column_idx), (1, 1));
        let values: Vec<&str> = part
            .split('/')
            .map(|level| level.split('=').next_back().unwrap())
            .collect();
        let year: i32 = values[2].parse().unwrap();
        for batch in reader.build().unwrap().map(Result::unwrap) {
            for row in 0..batch.num_rows() {
                assert_eq!(text(&batch, "timeframe", row), values[0]);
                let candle = candle(&batch, row);
                let time = chrono::DateTime::from_timestamp(candle.ts, 0).unwrap();
                assert_eq!(chrono::Datelike::year(&time), year);
                all.push((values[1].replace("%3A", ":"), values[0].to_owned(), candle));
            }
        }
    }
    all.sort_by_key(|(symbol, timeframe, candle)| (symbol.clone(), timeframe.clone(), candle.ts));
    assert_eq!(all, stored(&home));
    let bytes: usize = home
        .files()
        .iter()
        .filter(|(path, _)| path.starts_with(home.path("out")))
        .map(|(_, bytes)| bytes.len())
        .sum();
    assert_eq!(
        (&report["layout"], &report["bytes"]),
        (&"hive".into(), &bytes.into())
    );
}

#[test]
fn only_an_earlier_export_is_replaced() {
    let home = filled();
    export(&home, "-o out --layout hive").ok();
    let first = home.files();
    export(&home, "-o out --layout hive")
        .exit(1)
        .says(&["out exists", "--overwrite"]);
    assert!(home.files() == first);
    export(&home, "-o out --layout hive --overwrite AAPL -t 1d").ok();
    let replaced = [
        "tf=1d/symbol=AAPL/year=2023/part-0.parquet",
        "tf=1d/symbol=AAPL/year=2024/part-0.parquet",
    ];
    assert_eq!(parts(&home, "out"), replaced);
    // As an earlier version laid it out.
    std::fs::rename(home.path("out/tf=1d"), home.path("out/timeframe=1d")).unwrap();
    export(&home, "-o out --layout hive --overwrite AAPL -t 1d").ok();
    assert_eq!(parts(&home, "out"), replaced);
    for odd in [
        "notes",
        "tf=1d/symbol=AAPL/notes",
        "tf=1d/symbol=AAPL/year=2023/notes",
        "tf=1d/part-0.parquet",
    ] {
        std::fs::write(home.path("out").join(odd), "mine").unwrap();
        let before = home.files();
        export(&home, "-o out --layout hive --overwrite")
            .exit(1)
            .says(&[odd, "would be lost"]);
        assert!(home.files() == before, "{odd}");
        std::fs::remove_file(home.path("out").join(odd)).unwrap();
    }
    std::fs::write(home.path("file"), "mine").unwrap();
    export(&home, "-o file --layout hive --overwrite")
        .exit(1)
        .says(&["file is no folder"]);
    export(&home, "-o file/out --layout hive")
        .exit(1)
        .says(&["file is a file, not a folder"]);
    export(&home, "-o missing/out --layout hive")
        .exit(1)
        .says(&["mkdir -p"]);
    export(&home, "-o new --layout hive --start 2030-01-01")
        .exit(1)
        .says(&["no candle"]);
    assert!(!home.path("new").exists() && !home.path(".new.part").exists());
}

#[test]
fn two_at_once_do_not_mix() {
    let home = filled();
    std::fs::create_dir(home.path(".out.part")).unwrap();
    let lock = std::fs::File::open(home.path(".out.part")).unwrap();
    lock.lock().unwrap();
    export(&home, "-o out --layout hive")
        .exit(1)
        .says(&["another process is writing"]);
    lock.unlock().unwrap();
    export(&home, "-o out --layout hive").ok();
    assert!(!home.path(".out.part").exists());
}

#[test]
fn series_of_one_year_and_one_timeframe_are_files_apart() {
    let home = filled();
    let words = "--json -o out --layout hive -t 1d --start 2024-01-01";
    export(&home, words).ok();
    let mut expected = Vec::new();
    for symbol in ["AAPL", "MSFT", "X%3ABTCUSD"] {
        expected.push(format!("tf=1d/symbol={symbol}/year=2024/part-0.parquet"));
    }
    assert_eq!(parts(&home, "out"), expected, "a file for each");
}

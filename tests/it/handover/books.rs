//! Rows that were deleted behind the program's back. `verify` of the file found them, and `pack`, which had read every row,
//! ended with 0: its file was sound for ever, and its coverage said that the provider had had nothing there.

use crate::support::harness::{Home, Run};
#[cfg(feature = "serve")]
use crate::support::serving::Serving;

const DATES: &str = "--start 2024-01-02 --end 2024-02-29";
/// Of a series, so that the rest is as it was.
const OF_AAPL: &str = "series_id = (SELECT id FROM series WHERE symbol = 'AAPL')";
/// The first row, one of the middle, the last.
const ROWS: [&str; 3] = [
    "ts = (SELECT min(ts) FROM candle_data)",
    "ts BETWEEN unixepoch('2024-01-22') AND unixepoch('2024-01-24')",
    "ts = (SELECT max(ts) FROM candle_data)",
];

/// Two series, whole in `good.db`, and damaged in `market.db` by `sql`.
fn damaged(sql: &str) -> Home {
    let home = Home::filled(&format!("AAPL MSFT -t 1d {DATES}"));
    std::fs::copy(home.db_path(), home.path("good.db")).unwrap();
    home.sql(sql);
    home
}

fn run(home: &Home, words: &str) -> Run {
    home.cli(words.split(' ')).run()
}

#[test]
fn whoever_reads_a_series_whole_refuses_one_whose_books_are_wrong_and_leaves_nothing() {
    let deleted = ROWS.map(|rows| format!("DELETE FROM candle_data WHERE {OF_AAPL} AND {rows}"));
    let added = format!(
        "INSERT INTO candle_data SELECT series_id, ts + 86400, open, high, low, close, volume, vwap, trades, slice_id
         FROM candle_data WHERE {OF_AAPL} AND ts = unixepoch('2024-01-05')"
    );
    for sql in deleted.iter().map(String::as_str).chain([added.as_str()]) {
        let home = damaged(sql);
        // What is sound is handed over as before.
        run(&home, "pack MSFT -o msft.db").ok();
        let before = home.files();
        for words in [
            "pack -o out.db",
            "pack -o out.db --with-history",
            "pack AAPL --start 2023-01-01 -o out.db",
            "merge market.db good.db -o out.db",
            "merge good.db market.db -o out.db",
            "export -o out.csv",
            "export AAPL --format jsonl -o out",
            #[cfg(feature = "parquet")]
            "export -o out.parquet",
            #[cfg(feature = "parquet")]
            "export --layout hive -o out",
            "diff market.db good.db",
            "diff good.db market.db",
            // Of a series that only one of them has, too.
            "diff market.db msft.db",
            "diff msft.db market.db",
            "show AAPL -t 1d --csv",
        ] {
            run(&home, words).exit(1).says(&[
                "market.db",
                "AAPL 1d",
                "candles",
                "candlefile verify",
            ]);
            assert!(home.files() == before, "{sql}\n{words}");
        }
        let shown = run(&home, "show AAPL -t 1d --json").exit(1).json();
        assert_eq!(shown["error"]["kind"], "file", "{sql}");
        run(&home, "verify market.db").exit(1);
        run(&home, "export MSFT -o msft.csv").ok();
        run(&home, "show MSFT -t 1d --csv").ok();
    }
}

#[cfg(feature = "serve")]
#[test]
fn the_server_refuses_candles_whose_books_are_wrong_in_each_format() {
    let home = damaged(&format!(
        "DELETE FROM candle_data WHERE {OF_AAPL} AND {}",
        ROWS[1]
    ));
    let serving = Serving::start(home.serve_sample());
    for format in ["csv", "json"] {
        let of = |symbol: &str| {
            let target = format!("/api/v1/historical/{symbol}?timeframe=1d&format={format}");
            serving.get(&target)
        };
        let refused = of("AAPL").refuses(500, "file", "the row of AAPL 1d says");
        let next = refused.json()["error"]["next"].to_string();
        assert!(next.contains("`candlefile verify FILE`"), "{next}");
        of("MSFT").is(200);
    }
    serving.stop();
}

#[test]
fn candles_whose_series_has_no_row_are_not_left_out_in_silence() {
    let home = damaged(
        "PRAGMA foreign_keys = off; DELETE FROM series WHERE symbol = 'MSFT'; DELETE FROM backfill_series;",
    );
    let before = home.files();
    for words in [
        "pack -o out.db",
        "pack AAPL -o out.db",
        "merge market.db good.db -o out.db",
        "export -o out.csv",
        "diff market.db good.db",
        "diff good.db market.db",
    ] {
        let says = ["market.db", "number 2", "candlefile verify"];
        run(&home, words).exit(1).says(&says);
        assert!(home.files() == before, "{words}");
    }
    run(&home, "verify market.db").exit(1);
}

#[test]
fn of_a_part_the_end_that_is_in_it_must_be_there() {
    let home = damaged(&format!(
        "DELETE FROM candle_data WHERE {OF_AAPL} AND {}",
        ROWS[2]
    ));
    for words in [
        "pack --start 2024-02-01 -o out.db",
        "export --start 2024-02-01 -o out.csv",
        "show AAPL -t 1d --tail 3",
    ] {
        run(&home, words)
            .exit(1)
            .says(&["AAPL 1d", "candlefile verify"]);
    }
    run(&home, "pack --end 2024-01-31 -o out.db").ok();
    run(&home, "export --end 2024-01-31 -o out.csv").ok();
}

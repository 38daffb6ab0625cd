//! What holds for each of several columns, sides, prices or tables, tried for each of them alone.

use std::fs;

use candlefile::model::Candle;
use candlefile::provider::{ErrorKind, ProviderError};

use crate::support::harness::Home;
use crate::support::long_past::{COIN, LONG_PAST, cells, coin_of, whole};
use crate::support::scripted::{Bench, candles, key, label, utc, version};
use crate::support::server::Server;

fn filled() -> Home {
    let home = Home::new();
    let words = "AAPL MSFT -t 1d --start 2024-01-02 --end 2024-01-31";
    home.backfill(&Server::start(), words).ok();
    home
}

// "its row says 44 candles, and it has 44": the stamp that was wrong was not told.
#[test]
fn a_wrong_first_or_last_stamp_is_found_though_the_count_is_right_and_told_as_such() {
    let home = filled();
    let good = fs::read(home.db_path()).unwrap();
    for stamp in ["first_ts", "last_ts"] {
        for wrong in [
            format!("{stamp} - 86400"),
            format!("{stamp} + 86400"),
            "NULL".into(),
        ] {
            home.sql(&format!(
                "UPDATE series SET {stamp} = {wrong} WHERE symbol = 'AAPL'"
            ));
            let run = home.cli(["verify", "market.db"]).run().exit(1);
            let told = run.stdout.split("AAPL 1d: its row says ").nth(1);
            let told = told.unwrap_or_else(|| panic!("{stamp} = {wrong} is not told: {run:?}"));
            let (says, has) = told
                .lines()
                .next()
                .unwrap()
                .split_once(", and it has ")
                .unwrap();
            assert!(
                says != has
                    && says.contains(" from ")
                    && has.contains(" from 2024-01-02T00:00:00Z to "),
                "{told}"
            );
            fs::write(home.db_path(), &good).unwrap();
        }
    }
}

/// The tables of a file as the program makes it.
fn tables(home: &Home) -> Vec<String> {
    let db = home.db();
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
    let mut select = db.0.prepare(sql).unwrap();
    let names = select.query_map([], |row| row.get(0)).unwrap();
    names.map(Result::unwrap).collect()
}

#[test]
fn an_index_of_a_stranger_is_refused_on_each_table_and_each_missing_table_is_named() {
    let home = filled();
    let good = fs::read(home.db_path()).unwrap();
    let tables = tables(&home);
    assert!(tables.len() > 10, "{tables:?}");
    for table in &tables {
        let db = home.db();
        let first = db.text(&format!("SELECT name FROM pragma_table_info('{table}')"));
        drop(db);
        for (harm, named) in [
            (
                format!("CREATE INDEX mine ON {table} (abs({first}))"),
                "index mine".to_owned(),
            ),
            (
                format!("CREATE INDEX mine ON {table} ({first}) WHERE abs({first}) > 0"),
                "index mine".to_owned(),
            ),
            (
                format!("PRAGMA foreign_keys = OFF; DROP TABLE {table}"),
                format!("{table} is missing"),
            ),
        ] {
            home.sql(&harm);
            let run = home.cli(["verify", "market.db"]).run().exit(1);
            assert!(run.stdout.contains(&named), "{harm} is not told: {run:?}");
            fs::write(home.db_path(), &good).unwrap();
        }
    }
}

fn is_flagged(odd: Candle, as_what: &str) {
    let mut bench = Bench::new();
    bench.hand_in(&key("AAPL 1d"), &[odd], 0);
    let sql = format!(
        "SELECT count(*) FROM quality_issues WHERE check_name = '{as_what}' AND detail <> ''"
    );
    assert_eq!(bench.number(&sql), 1, "{odd:?} is not told as {as_what}");
}

#[test]
fn an_open_or_a_close_is_named_on_each_side_of_the_range_alone() {
    let sound = version(label("2024-01-05"), 0);
    let Candle { low, high, .. } = sound;
    for (beside, name) in [(low - 1.0, "below"), (high + 1.0, "above")] {
        let _ = name;
        is_flagged(
            Candle {
                open: beside,
                ..sound
            },
            "open_outside_range",
        );
        is_flagged(
            Candle {
                close: beside,
                ..sound
            },
            "close_outside_range",
        );
    }
    is_flagged(
        Candle {
            low: high + 1.0,
            ..sound
        },
        "high_below_low",
    );
}

#[test]
fn each_price_that_is_zero_or_less_is_named() {
    let sound = version(label("2024-01-05"), 0);
    for (value, name) in [(0.0, "zero_price"), (-1.0, "negative_price")] {
        is_flagged(
            Candle {
                open: value,
                ..sound
            },
            name,
        );
        is_flagged(
            Candle {
                high: value,
                ..sound
            },
            name,
        );
        is_flagged(
            Candle {
                low: value,
                ..sound
            },
            name,
        );
        is_flagged(
            Candle {
                close: value,
                ..sound
            },
            name,
        );
    }
}

#[test]
fn of_several_slices_that_failed_the_first_error_is_told_of_the_series() {
    let cells = cells(3);
    let mut bench = coin_of(&cells);
    let last = cells[2];
    bench.provider.script(move |ask, _| {
        let message = if ask.span == last {
            "the last"
        } else {
            "one before"
        };
        Some(Err(ProviderError {
            kind: ErrorKind::Slice,
            message: message.to_owned(),
            attempts: 1,
        }))
    });
    let report = bench.backfill(utc(LONG_PAST), COIN, whole(&cells));
    assert_eq!(report.failed.len(), 3, "all of them fail");
    assert_eq!(
        report.series[0].error.as_deref(),
        Some("one before"),
        "in the report"
    );
    let kept = "SELECT count(*) FROM backfill_series WHERE error = 'one before'";
    assert_eq!(bench.number(kept), 1, "in the file");
}

/// An adjusted series of ten days, and what its provider says of them now.
fn grown(change: impl Fn(&mut Bench)) -> candlefile::backfill::Report {
    let (mut bench, day) = (Bench::new(), 86_400);
    let start = label("2024-01-01");
    let mut days = key("X:BTCUSD 1d");
    days.adjusted = candlefile::model::Adjustment::Split;
    let offered = (0..30).map(|n| start + n * day);
    bench.provider.offer("X:BTCUSD 1d", candles(offered));
    let held = crate::support::scripted::span(start, start + 20 * day);
    let longer = crate::support::scripted::span(start, start + 30 * day);
    bench.run(utc(LONG_PAST), &[(days.clone(), held)]);
    change(&mut bench);
    bench.run(utc(LONG_PAST), &[(days, longer)])
}

#[test]
fn a_checked_candle_that_differs_in_one_price_alone_or_is_gone_hides_no_split_and_is_none() {
    let (start, day) = (label("2024-01-01"), 86_400);
    let prices: [fn(&mut Candle) -> &mut f64; 4] = [
        |candle| &mut candle.open,
        |candle| &mut candle.high,
        |candle| &mut candle.low,
        |candle| &mut candle.close,
    ];
    let halved = |ts| {
        let candle = version(ts, 0);
        Candle {
            open: candle.open / 2.0,
            high: candle.high / 2.0,
            low: candle.low / 2.0,
            close: candle.close / 2.0,
            ..candle
        }
    };
    for price in prices {
        let corrected = || {
            let mut candle = version(start, 0);
            *price(&mut candle) *= 1.01;
            candle
        };
        let report = grown(|bench| bench.provider.offer("X:BTCUSD 1d", [corrected()]));
        assert_eq!(
            report.series[0].status,
            candlefile::model::SeriesStatus::Completed,
            "one price was corrected"
        );
        let report = grown(|bench| {
            let split = (1..20).map(|n| halved(start + n * day));
            bench.provider.offer("X:BTCUSD 1d", split);
            bench.provider.offer("X:BTCUSD 1d", [corrected()]);
        });
        assert_eq!(
            report.series[0].status,
            candlefile::model::SeriesStatus::Stale,
            "a split beside it"
        );
    }
    let report = grown(|bench| bench.provider.withdraw("X:BTCUSD 1d", start));
    assert_eq!(
        report.series[0].status,
        candlefile::model::SeriesStatus::Completed,
        "one is gone"
    );
    let report = grown(|bench| {
        let split = (1..20).map(|n| halved(start + n * day));
        bench.provider.offer("X:BTCUSD 1d", split);
        bench.provider.withdraw("X:BTCUSD 1d", start);
    });
    assert_eq!(
        report.series[0].status,
        candlefile::model::SeriesStatus::Stale,
        "a split, and one is gone"
    );
}

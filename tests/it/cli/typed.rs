//! What people type: dates that count from today, commas, several symbols at once, and a file with a header.

use std::fs;

use chrono::{Days, Months, NaiveDate};
use serde_json::Value;

use crate::support::documents::refused;
use crate::support::exchange::Reply;
use crate::support::harness::Home;
use crate::support::oracle::{date, today};
use crate::support::server::Server;

/// First and last day, by what day it is.
type DaysAt<'a> = dyn Fn(NaiveDate) -> (NaiveDate, NaiveDate) + 'a;

const JANUARY: &str = "--start 2024-01-02 --end 2024-01-31";

/// First and last day of the plan that these words make for daily candles of a symbol. Nothing is sent.
fn planned(home: &Home, symbol: &str, words: &str) -> (NaiveDate, NaiveDate) {
    let words = format!("backfill {symbol} --dry-run --json {words}");
    let words = words.trim_end().split(' ');
    let plan = home.cli(words).run().ok().json()["series"][0].clone();
    let day = |field: &str| date(&plan[field].as_str().unwrap()[..10]);
    (day("start"), day("end").pred_opt().unwrap())
}

#[test]
fn dates_that_count_from_today_are_days_of_the_market() {
    let home = Home::new();
    for symbol in ["AAPL", "X:BTCUSD"] {
        let ago = |today: NaiveDate, days: u64| today.checked_sub_days(Days::new(days)).unwrap();
        let months = |today: NaiveDate, n: u32| today.checked_sub_months(Months::new(n)).unwrap();
        let year = |today: NaiveDate| date(&today.format("%Y-01-01").to_string());
        let first = date(if symbol == "AAPL" {
            "2003-01-01"
        } else {
            "2010-01-01"
        });
        let cases: [(&str, &DaysAt<'_>); 10] = [
            ("", &|today| (months(today, 12), today)),
            ("--start 1y", &|today| (months(today, 12), today)),
            ("--start 30d", &|today| (ago(today, 30), today)),
            ("--start -30D --end -7d", &|today| {
                (ago(today, 30), ago(today, 7))
            }),
            ("--start=-2w --end=1w", &|today| {
                (ago(today, 14), ago(today, 7))
            }),
            ("--start 6mo --end today", &|today| {
                (months(today, 6), today)
            }),
            ("--start ytd", &|today| (year(today), today)),
            ("--start today --end today", &|today| (today, today)),
            ("--start max", &|today| (first, today)),
            ("--start 20240102 --end 20240110", &|_| {
                (date("2024-01-02"), date("2024-01-10"))
            }),
        ];
        for (words, expected) in cases {
            // Midnight may pass meanwhile.
            let (before, plan) = (today(symbol), planned(&home, symbol, words));
            let may_be = [before, today(symbol)].map(expected);
            assert!(may_be.contains(&plan), "{symbol} {words}: {plan:?}");
        }
    }
    let server = Server::start();
    for words in [
        "30",
        "1M",
        "-",
        "-1",
        "d",
        "1h",
        "tomorrow",
        "2024010",
        "20240230",
        "99999999y",
    ] {
        refused(
            &home,
            &server,
            &format!("backfill AAPL --start {words}"),
            2,
            &[words, "30d"],
        );
    }
    refused(
        &home,
        &server,
        "backfill AAPL --start -7d --end -8d",
        2,
        &["-7d", "-8d"],
    );
    refused(
        &home,
        &server,
        "backfill AAPL --end 20200101",
        2,
        &[
            "without --start the start is 1y ago",
            "20200101",
            "give a --start",
        ],
    );
}

#[test]
fn what_counts_from_today_chooses_candles_that_are_held_too() {
    let home = Home::of_sample("X:BTCUSD --start 60d");
    let rows = |words: &str| home.cli(words.split(' ')).run().ok().stdout.lines().count() - 1;
    for words in ["show X:BTCUSD --csv", "export X:BTCUSD -o - --format csv"] {
        let all = rows(words);
        assert_eq!(rows(&format!("{words} --start max --end max")), all);
        for part in ["--start 30d", "--end -30d", "--start 6w --end -2w"] {
            let some = rows(&format!("{words} {part}"));
            assert!(0 < some && some < all, "{words} {part}: {some} of {all}");
        }
    }
    let before = home.db().candles("X:BTCUSD", "1d").len();
    home.cli("drop X:BTCUSD -t 1d --start 10d --yes".split(' '))
        .run()
        .ok();
    assert!(home.db().candles("X:BTCUSD", "1d").len() < before);
}

fn filled() -> Home {
    Home::of_sample(&format!("AAPL,MSFT SPY -t 1d,1h {JANUARY}"))
}

#[test]
fn commas_set_symbols_apart_wherever_they_are_named() {
    let home = filled();
    let names = |series: &Value| -> Vec<String> {
        let each = series.as_array().unwrap().iter();
        each.map(|one| {
            format!(
                "{} {}",
                one["symbol"].as_str().unwrap(),
                one["timeframe"].as_str().unwrap()
            )
        })
        .collect()
    };
    let list = |words: &str| names(&home.cli(words.split(' ')).run().ok().json()["series"]);
    let all = list("list --json");
    assert_eq!(all.len(), 6);
    assert_eq!(
        list("list SPY,AAPL --json"),
        ["AAPL 1d", "AAPL 1h", "SPY 1d", "SPY 1h"]
    );
    assert_eq!(list("list SPY --json"), ["SPY 1d", "SPY 1h"]);
    home.cli("pack AAPL,SPY -t 1d -o part.db".split(' '))
        .run()
        .ok();
    let part = home
        .cli("list --json --db part.db".split(' '))
        .without_db()
        .run()
        .ok()
        .json();
    assert_eq!(names(&part["series"]), ["AAPL 1d", "SPY 1d"]);
    let out = home
        .cli("export AAPL,SPY -t 1d --format csv -o -".split(' '))
        .run()
        .ok()
        .stdout;
    assert!(
        out.contains("AAPL,") && out.contains("SPY,") && !out.contains("MSFT,"),
        "{out}"
    );
    let server = Server::start();
    refused(&home, &server, "list AAPL,QQQ", 1, &["QQQ", "SPY"]);
    refused(&home, &server, "backfill AAPL,,MSFT", 2, &["empty"]);
}

#[test]
fn several_series_are_shown_each_with_its_name() {
    let home = filled();
    let stored = |symbol: &str| home.db().candles(symbol, "1d");
    let json = |words: &str| home.cli(words.split(' ')).run().ok().json();

    let head = json("show AAPL --head 3 --json");
    let stamps: Vec<i64> = head["candles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["ts"].as_i64().unwrap())
        .collect();
    assert_eq!(
        stamps,
        stored("AAPL")
            .iter()
            .take(3)
            .map(|c| c.ts)
            .collect::<Vec<_>>()
    );
    assert_eq!(head["symbol"], "AAPL");
    assert_eq!(
        json("show AAPL --head 999 --json")["candles"]
            .as_array()
            .unwrap()
            .len(),
        stored("AAPL").len()
    );

    let both = json("show MSFT,AAPL MSFT --tail 2 --json");
    let named: Vec<(&str, i64)> = both["candles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["symbol"].as_str().unwrap(), c["ts"].as_i64().unwrap()))
        .collect();
    let mut expected = Vec::new();
    for symbol in ["MSFT", "AAPL"] {
        let all = stored(symbol);
        expected.extend(all[all.len() - 2..].iter().map(|c| (symbol, c.ts)));
    }
    assert_eq!(named, expected);
    assert_eq!(both["series"][0]["symbol"], "MSFT");

    let csv = home
        .cli("show AAPL,MSFT -t 1d,1h --head 1 --csv".split(' '))
        .run()
        .ok()
        .stdout;
    let begins: Vec<String> = csv
        .lines()
        .map(|line| line.split(',').take(2).collect::<Vec<_>>().join(","))
        .collect();
    assert_eq!(
        begins,
        [
            "symbol,timeframe",
            "AAPL,1d",
            "AAPL,1h",
            "MSFT,1d",
            "MSFT,1h"
        ]
    );
    let table = home
        .cli("show AAPL,MSFT --head 1".split(' '))
        .run()
        .ok()
        .stdout;
    assert!(
        table.starts_with("AAPL 1d\n") && table.contains("\nMSFT 1d\n"),
        "{table}"
    );
    assert_eq!(table.matches("2024-01-02").count(), 2, "{table}");

    let server = Server::start();
    refused(&home, &server, "show AAPL,QQQ", 1, &["QQQ"]);
    refused(
        &home,
        &server,
        "show AAPL --head 2 --tail 2",
        2,
        &["--head", "--tail"],
    );
}

#[test]
fn several_series_are_dropped_together_or_not_at_all() {
    let home = filled();
    let held = || {
        let list = home.cli(["list", "--json"]).run().ok().json();
        list["series"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["candles"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    let before = held();
    let server = Server::start();
    refused(&home, &server, "drop AAPL,QQQ -t 1d --yes", 1, &["QQQ"]);
    refused(
        &home,
        &server,
        "drop AAPL,MSFT -t 1d,1h",
        2,
        &["AAPL 1d", "MSFT 1h", "--yes"],
    );
    // A living job works on the last of them.
    let (holding, gate) = Server::holding(0);
    let running = home
        .to(&holding, format!("backfill ZZZ -t 1d {JANUARY}").split(' '))
        .spawn();
    holding.wait_for(1);
    home.cli("drop AAPL,ZZZ -t 1d --yes".split(' '))
        .run()
        .exit(1)
        .says(&["is run by"]);
    gate.open();
    running.wait().ok();
    assert_eq!(held()[..before.len()], before);

    let part = "drop AAPL MSFT -t 1d,1h --start 2024-01-10 --end 2024-01-12 --yes --json";
    let dropped = home.cli(part.split(' ')).run().ok().json()["dropped"].clone();
    let counts: Vec<u64> = dropped
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["candles"].as_u64().unwrap())
        .collect();
    assert_eq!(counts, [3, 21, 3, 21]);
    let run = home.cli("drop AAPL,MSFT -t 1d --yes".split(' ')).run().ok();
    assert_eq!(
        run.stdout,
        "dropped AAPL 1d with 18 candles; MSFT 1d with 18 candles\n"
    );
    let left = home.cli(["list", "AAPL,MSFT"]).run().ok().stdout;
    assert!(left.contains("1h") && !left.contains("1d"), "{left}");
}

#[test]
fn a_range_without_a_session_is_no_spelling_mistake() {
    let (home, server) = (Home::new(), Server::start());
    let weekend = "--start 2024-01-06 --end 2024-01-07";
    for timeframe in ["1d", "5m"] {
        let words = format!("backfill NVDA -t {timeframe} {weekend}");
        let run = home.to(&server, words.split(' ')).run().exit(3);
        assert!(run.stdout.contains("stocks do not trade then"), "{run:?}");
        assert!(!run.stdout.contains("spelling"), "{run:?}");
    }
    let quiet = Server::always(Reply::json(200, r#"{"status":"OK","resultsCount":0}"#));
    for holiday in [
        "--start 2024-01-01 --end 2024-01-01",
        "--start 2024-03-29 --end 2024-03-31",
    ] {
        let run = home
            .to(&quiet, format!("backfill NVDA {holiday}").split(' '))
            .run();
        let said = run.exit(3).stdout;
        assert!(said.contains("stocks do not trade then"), "{said}");
    }
    // A closure that no calendar knows, and a symbol that is one.
    let run = home
        .to(
            &quiet,
            "backfill nvda --start 2024-01-03 --end 2024-01-03".split(' '),
        )
        .run()
        .exit(3);
    assert!(
        run.stdout.contains("NVDA?") && run.stdout.contains("holidays"),
        "{run:?}"
    );
    let run = home
        .to(&quiet, format!("backfill nvd {JANUARY}").split(' '))
        .run()
        .exit(3);
    assert!(
        run.stdout.contains("spelling") && !run.stdout.contains("holidays"),
        "{run:?}"
    );
    let held = filled();
    let shown = held
        .cli(format!("show AAPL {weekend}").split(' '))
        .run()
        .ok()
        .stdout;
    assert_eq!(
        shown,
        "no candles in this range: stocks do not trade then\n"
    );
}

#[test]
fn the_header_of_a_table_of_symbols_is_named() {
    let (home, server) = (Home::new(), Server::start());
    for text in [
        "symbol\nAAPL\n",
        "Symbol,Name\nAAPL,Apple\n",
        "\u{feff}# ours\nTicker\nAAPL\n",
        "\"Company Name\";\"Ticker Symbol\"\nApple;AAPL\n",
        "name\tact_symbol\nApple\tAAPL\n",
        "Symbol:\nAAPL\n",
        "Code\nAAPL\n",
        "Instrument\nAAPL\n",
        "sym\nAAPL\n",
        "NAME,CODE\nApple,AAPL\n",
    ] {
        fs::write(home.path("list.csv"), text).unwrap();
        refused(
            &home,
            &server,
            &format!("backfill --symbols-file list.csv {JANUARY}"),
            2,
            &["list.csv:", "header"],
        );
    }
    // A ticker that is one of these words.
    fs::write(home.path("list.csv"), "SYM\nAAPL\n").unwrap();
    home.to(
        &server,
        format!("backfill --symbols-file list.csv {JANUARY}").split(' '),
    )
    .run()
    .ok();
}

#[test]
fn a_comma_beside_a_blank_ends_no_list_and_begins_none() {
    let home = Home::new();
    let rest = "-t 1d,5m, --provider sample --start 2024-01-02 --end 2024-01-05";
    let held = |home: &Home, words: &[&str]| -> Vec<String> {
        let listed = home.cli(words).arg("--json").run().ok().json();
        let series = listed["series"].as_array().unwrap().iter();
        let each = series.map(|one| format!("{} {}", one["symbol"], one["timeframe"]));
        each.map(|one| one.replace('"', "")).collect()
    };
    home.cli(["backfill", "AAPL,", ",MSFT,NVDA", "SPY, QQQ"])
        .args(rest)
        .run()
        .ok();
    assert_eq!(held(&home, &["list"]).len(), 10);
    assert_eq!(
        held(&home, &["list", "AAPL,", "QQQ"]),
        ["AAPL 1d", "AAPL 5m", "QQQ 1d", "QQQ 5m"]
    );
    home.cli(["drop", "AAPL,", "MSFT", "-t", "1d, 5m", "--yes"])
        .run()
        .ok();
    assert_eq!(held(&home, &["list"]).len(), 6);
    // Where nothing is named, nothing is meant.
    for nothing in [",", "", " , ", "AAPL,,MSFT"] {
        for words in [
            ["list", nothing, "", ""],
            ["drop", nothing, "-t1d", "--yes"],
            ["backfill", nothing, "--dry-run", "-q"],
        ] {
            let words = words
                .into_iter()
                .filter(|word| !word.is_empty() || nothing.is_empty());
            let run = home.cli(words).run().exit(2);
            assert!(run.stderr.contains("is empty"), "{run:?}");
        }
    }
    assert_eq!(held(&home, &["list"]).len(), 6);
}

#[test]
fn a_blank_behind_a_comma_parts_no_list() {
    let home = Home::of_sample(&format!("AAPL , MSFT ,SPY -t 1d, 1h {JANUARY}"));
    let out = |words: &str| home.cli(words.split(' ')).run().ok().stdout;
    let series = |words: &str| out(words).lines().count() - 1;
    assert_eq!(series("list"), 6);
    assert_eq!(series("list AAPL , MSFT"), 4);
    assert_eq!(series("show AAPL , MSFT -t 1d, 1h --head 1 --csv"), 4);
    let exported = |words: &str| {
        let words = format!("export {words} --format csv -o -");
        let run = home.cli(words.split(' ')).run().ok();
        (run.stdout, run.stderr)
    };
    assert!(exported("AAPL , SPY -t 1d, 1h").1.contains("4 series"));
    // Of all symbols.
    let (rows, said) = exported("-t 1d --columns symbol, close ,");
    assert!(rows.starts_with("symbol,close\n"), "{rows}");
    assert!(said.contains("3 series"), "{said}");
    assert!(out("pack AAPL , SPY -t 1d, 1h -o part.db").contains("packed 4 series"));
    assert!(out("drop AAPL , SPY -t 1d, 1h --yes").contains("SPY 1h"));
    assert_eq!(series("list"), 2);

    // Elsewhere a timeframe is no symbol.
    let server = Server::start();
    let apart = "is a timeframe";
    for words in [
        "backfill MSFT 1h -t 1d",
        "show MSFT 1h -t 1d",
        "drop MSFT 1h -t 1d --yes",
        "export MSFT 1h -t 1d -o x.csv",
        "pack -t 1d , 1h -o x.db",
    ] {
        refused(&home, &server, words, 2, &[apart, "-t 1d,1h"]);
    }
    refused(&home, &server, "list MSFT 1h", 2, &[apart, "symbols alone"]);
    for words in ["show -t 1d, 1h", "drop -t 1d, 1h --yes"] {
        refused(&home, &server, words, 2, &["no symbols", "AAPL MSFT"]);
    }
    // And who takes none says so.
    for words in ["update MSFT", "update -t 1d", "update --timeframe=1d"] {
        refused(&home, &server, words, 2, &["every series", "backfill"]);
    }
    refused(&home, &server, "list -t 1d", 2, &["all their timeframes"]);
    for words in ["list AAPL;MSFT", "show AAPL_MSFT", "backfill AAPL|MSFT"] {
        refused(&home, &server, words, 2, &["set apart by commas"]);
    }
}

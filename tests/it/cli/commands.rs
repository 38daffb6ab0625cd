//! The commands that look at the file or tidy it: `list`, `show`, `drop`, `providers`.

use serde_json::json;

use crate::support::checker::{self, check_books};
use crate::support::documents::{fields, is_utc};
use crate::support::harness::Home;
use crate::support::oracle::{day_of, span};
use crate::support::server::Server;

const DATES: &str = "--start 2024-01-02 --end 2024-01-31";

#[test]
fn list_shows_every_series_from_the_books_alone() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, &format!("MSFT AAPL -t 1d,1h {DATES}"))
        .ok();
    home.sample(&format!("SPY {DATES}")).ok();
    let list = home.cli(["list", "--json"]).run().ok().json();
    fields(&list, "series");
    let series = list["series"].as_array().unwrap();
    let names: Vec<(&str, &str)> = series
        .iter()
        .map(|one| {
            (
                one["symbol"].as_str().unwrap(),
                one["timeframe"].as_str().unwrap(),
            )
        })
        .collect();
    let mut sorted = names.clone();
    sorted.sort_by_key(|(symbol, _)| *symbol);
    assert_eq!(names, sorted);
    assert_eq!(names.len(), 5);
    for one in series {
        fields(
            one,
            "symbol timeframe source adjusted adjustment market grid currency first last candles coverage nothing_from_provider",
        );
        let (symbol, timeframe) = (
            one["symbol"].as_str().unwrap(),
            one["timeframe"].as_str().unwrap(),
        );
        let stored = home.db().candles(symbol, timeframe);
        assert_eq!(one["candles"], stored.len());
        assert_eq!(
            one["source"],
            if symbol == "SPY" { "sample" } else { "polygon" }
        );
        assert_eq!(one["adjusted"], false);
        assert_eq!(one["adjustment"], "raw");
        assert_eq!(one["grid"], "utc");
        let listed = (one["market"].as_str(), one["currency"].as_str());
        assert_eq!(listed, (Some("XNYS"), Some("USD")));
        is_utc(&one["first"]);
        is_utc(&one["last"]);
        fields(&one["coverage"][0], "start end");
    }
    assert_eq!(
        series.iter().find(|one| one["symbol"] == "SPY").unwrap()["coverage"],
        json!([{"start": "2024-01-02T00:00:00Z", "end": "2024-02-01T00:00:00Z"}])
    );
    // Of a series that holds all that is expected no candle is looked at.
    home.sql("DELETE FROM candle_data");
    let mut without = home.cli(["list", "--json"]).run().ok().json();
    for (before, after) in series.iter().zip(without["series"].as_array_mut().unwrap()) {
        if before["symbol"] == "SPY" {
            assert_eq!(after["nothing_from_provider"], json!([]));
        }
        after["nothing_from_provider"] = before["nothing_from_provider"].clone();
    }
    assert_eq!(without, list);
    let table = home.cli(["list"]).run().ok();
    assert!(
        ["AAPL", "MSFT", "SPY", "sample"]
            .iter()
            .all(|word| table.stdout.contains(word)),
        "{table:?}"
    );
}

#[test]
fn show_gives_the_candles_oldest_first_in_every_form() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, &format!("AAPL I:NDX -t 1h,1d {DATES}"))
        .ok();
    for symbol in ["AAPL", "I:NDX"] {
        for timeframe in ["1d", "1h"] {
            let document = home
                .cli(["show", symbol, "-t", timeframe, "--tail", "9999", "--json"])
                .run()
                .ok()
                .json();
            fields(&document, "symbol timeframe source adjusted candles");
            let stored = home.db().candles(symbol, timeframe);
            let shown = document["candles"].as_array().unwrap();
            assert_eq!(shown.len(), stored.len());
            for (have, want) in shown.iter().zip(&stored) {
                fields(have, "ts datetime open high low close volume vwap trades");
                let datetime = chrono::DateTime::from_timestamp(want.ts, 0)
                    .unwrap()
                    .format("%Y-%m-%dT%H:%M:%SZ")
                    .to_string();
                assert_eq!(
                    (&have["ts"], &have["datetime"]),
                    (&json!(want.ts), &json!(datetime))
                );
                for (name, number) in [
                    ("open", Some(want.open)),
                    ("high", Some(want.high)),
                    ("low", Some(want.low)),
                    ("close", Some(want.close)),
                    ("volume", want.volume),
                    ("vwap", want.vwap),
                ] {
                    assert_eq!(have[name].as_f64(), number, "{name} of {have}");
                }
                assert_eq!(have["trades"].as_i64(), want.trades);
            }
        }
    }
}

#[test]
fn show_cuts_by_tail_and_by_dates_and_writes_csv() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, &format!("AAPL -t 1h,1d {DATES}"))
        .ok();
    let stamps = |words: &str| -> Vec<i64> {
        let document = home
            .cli(format!("show AAPL --json {words}").split(' '))
            .run()
            .ok()
            .json();
        document["candles"]
            .as_array()
            .unwrap()
            .iter()
            .map(|candle| candle["ts"].as_i64().unwrap())
            .collect()
    };
    let all: Vec<i64> = home
        .db()
        .candles("AAPL", "1d")
        .iter()
        .map(|candle| candle.ts)
        .collect();
    assert_eq!(stamps("-t 1d --tail 5"), all[all.len() - 5..]);
    assert_eq!(stamps("-t 1d --tail 500"), all);
    for timeframe in ["1d", "1h"] {
        let (start, end) = span("AAPL", timeframe, "2024-01-10", "2024-01-12");
        let mut within: Vec<i64> = home
            .db()
            .candles("AAPL", timeframe)
            .iter()
            .map(|candle| candle.ts)
            .collect();
        within.retain(|ts| (start..end).contains(ts));
        assert_eq!(
            stamps(&format!(
                "-t {timeframe} --start 2024-01-10 --end 2024-01-12"
            )),
            within
        );
    }
    let csv = home
        .cli("show AAPL -t 1d --tail 9999 --csv".split(' '))
        .run()
        .ok()
        .stdout;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), all.len() + 1);
    let header: Vec<&str> = lines[0].split(',').collect();
    for name in ["open", "high", "low", "close", "volume", "vwap", "trades"] {
        assert!(header.contains(&name), "{name} in {header:?}");
    }
    let close = header.iter().position(|name| *name == "close").unwrap();
    let closes: Vec<f64> = lines[1..]
        .iter()
        .map(|line| line.split(',').nth(close).unwrap().parse().unwrap())
        .collect();
    assert_eq!(
        closes,
        home.db()
            .candles("AAPL", "1d")
            .iter()
            .map(|candle| candle.close)
            .collect::<Vec<_>>()
    );
    let table = home
        .cli("show AAPL -t 1d --tail 3".split(' '))
        .run()
        .ok()
        .stdout;
    let rows: Vec<&str> = table
        .lines()
        .filter(|line| line.contains("2024-01-"))
        .collect();
    assert_eq!(rows.len(), 3, "{table}");
    assert!(
        rows[2].contains(&day_of(all[all.len() - 1]).to_string()),
        "the newest is last\n{table}"
    );
}

#[test]
fn drop_forgets_a_series_whole_and_frees_its_name() {
    let (home, server) = (
        Home::of_sample(&format!("AAPL MSFT -t 1d,1h {DATES}")),
        Server::start(),
    );
    home.cli("drop AAPL -t 1d --yes".split(' ')).run().ok();
    let db = home.db();
    assert!(db.candles("AAPL", "1d").is_empty() && db.coverage("AAPL", "1d").is_empty());
    assert_eq!(db.count("SELECT count(*) FROM series"), 3);
    assert!(!db.candles("AAPL", "1h").is_empty());
    check_books(&db);
    home.backfill(&server, &format!("AAPL -t 1d {DATES}")).ok();
    checker::check(
        &home.db(),
        "AAPL",
        "1d",
        span("AAPL", "1d", "2024-01-02", "2024-01-31"),
    );
}

#[test]
fn providers_names_each_with_what_it_needs() {
    let home = Home::new();
    let run = home.cli(["providers"]).keyless().run().ok();
    for word in ["polygon", "sample", "MASSIVE_API_KEY"] {
        assert!(run.stdout.contains(word), "{run:?}");
    }
    assert!(
        home.cli(["providers", "--json"])
            .run()
            .ok()
            .json()
            .to_string()
            .contains("sample")
    );
    assert!(home.files().is_empty());
}

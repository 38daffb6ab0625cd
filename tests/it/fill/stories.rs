//! What happens to a few symbols of the sample, and to no other.

use std::path::Path;
use std::sync::Arc;

use candlefile::backfill::{Report, Request, Runner, run};
use candlefile::model::{Adjustment, JobStatus, Policy, SeriesKey};
use candlefile::provider::{Provider, Sample};
use candlefile::{Cancel, ManualClock, Store};
use serde_json::{Value, json};

use crate::support::checker::check_books;
use crate::support::harness::Home;
use crate::support::oracle::Candle;
use crate::support::scripted::{label, ny, span};

/// Asks the sample for days of a symbol, as if it were then.
fn ask(file: &Path, symbol: &str, adjusted: Adjustment, days: (&str, &str), now: &str) -> Report {
    let provider = Sample::default();
    let symbol = symbol.parse().unwrap();
    let key = SeriesKey {
        timeframe: "1d".parse().unwrap(),
        source: "sample".into(),
        adjusted,
        listing: provider.listing(&symbol),
        symbol,
    };
    let runner = Runner {
        provider: Arc::new(provider),
        clock: Arc::new(ManualClock::at(ny(now))),
        cancel: Cancel::new(),
        workers: 1,
        rate: None,
        policy: Policy::default(),
        force: false,
        wait: false,
        refetch_empty: false,
        refetch_gaps: false,
    };
    let request = Request {
        command: "backfill",
        series: vec![(key, span(label(days.0), label(days.1)))],
        start_words: None,
        end_words: None,
    };
    run(&mut Store::create(file).unwrap(), &request, &runner, &()).unwrap()
}

fn days(home: &Home, symbol: &str) -> Vec<Candle> {
    home.db().candles(symbol, "1d")
}

const LATER: &str = "2026-01-05 12:00";

#[test]
fn a_split_divides_raw_prices_and_multiplies_volumes_and_adjusted_ones_know_it_once_it_has_happened()
 {
    let asked = ("2024-06-03", "2024-06-15");
    let of = |adjusted, now| {
        let home = Home::new();
        let report = ask(&home.db_path(), "SPLIT", adjusted, asked, now);
        assert_eq!(report.status, JobStatus::Completed);
        (days(&home, "SPLIT"), home)
    };
    let (raw, _) = of(Adjustment::Raw, LATER);
    let (adjusted, file) = of(Adjustment::Split, LATER);
    let day = label("2024-06-10");
    assert_eq!((raw.len(), adjusted.len()), (10, 10));
    for (raw, adjusted) in raw.iter().zip(&adjusted) {
        if raw.ts >= day {
            assert_eq!(raw, adjusted);
            continue;
        }
        for (raw, adjusted) in [
            (raw.open, adjusted.open),
            (raw.high, adjusted.high),
            (raw.low, adjusted.low),
            (raw.close, adjusted.close),
        ] {
            assert!((raw - 4.0 * adjusted).abs() < 1e-6, "{raw} {adjusted}");
        }
        let volumes = raw.volume.unwrap() * 4.0 / adjusted.volume.unwrap();
        assert!((volumes - 1.0).abs() < 1e-3, "{volumes}");
    }
    // On the Friday before nobody knew of it, and what was stored then is stale on the Tuesday after.
    let home = Home::new();
    let before = "2024-06-09 12:00";
    ask(
        &home.db_path(),
        "SPLIT",
        Adjustment::Split,
        ("2024-06-03", "2024-06-08"),
        before,
    );
    assert_eq!(days(&home, "SPLIT"), raw[..5]);
    let report = ask(
        &home.db_path(),
        "SPLIT",
        Adjustment::Split,
        asked,
        "2024-06-18 13:00",
    );
    assert_eq!(report.status, JobStatus::Partial);
    assert!(
        format!("{:?}", report.series).contains("Stale"),
        "{:?}",
        report.series
    );
    check_books(&file.db());
}

#[test]
fn a_dividend_comes_off_the_price_on_its_day() {
    let of = |adjusted| {
        let home = Home::new();
        ask(
            &home.db_path(),
            "DIVIDEND",
            adjusted,
            ("2024-01-02", "2024-12-31"),
            LATER,
        );
        days(&home, "DIVIDEND")
    };
    let (raw, total) = (of(Adjustment::Raw), of(Adjustment::Total));
    for (raw, total) in raw.iter().zip(&total) {
        let paid = match raw.ts {
            ts if ts < label("2024-02-09") => 4.5,
            ts if ts < label("2024-08-09") => 2.5,
            _ => 0.0,
        };
        assert!((raw.close - total.close - paid).abs() < 1e-6);
        assert_eq!(raw.volume, total.volume);
    }
    assert_eq!(of(Adjustment::Split), raw);
}

#[test]
fn a_candle_is_restated_once_it_is_final_and_keeps_its_value_from_then_on() {
    let home = Home::new();
    let asked = ("2024-05-13", "2024-05-15");
    let report = ask(
        &home.db_path(),
        "RESTATED",
        Adjustment::Raw,
        asked,
        "2024-05-14 20:20",
    );
    assert_eq!((report.records.inserted, report.records.restated), (2, 0));
    let first = days(&home, "RESTATED");
    let report = ask(
        &home.db_path(),
        "RESTATED",
        Adjustment::Raw,
        asked,
        "2024-05-15 12:05",
    );
    assert_eq!((report.records.inserted, report.records.restated), (0, 1));
    let last = days(&home, "RESTATED");
    assert_eq!(first[0], last[0], "it was final");
    assert!(first[1].close != last[1].close && first[1].volume < last[1].volume);
    let old = "SELECT count(*) FROM restatements WHERE action = 'replaced' AND ts = unixepoch('2024-05-14')";
    assert_eq!(home.db().count(old), 1);
    assert_eq!(
        ask(&home.db_path(), "RESTATED", Adjustment::Raw, asked, LATER).requests,
        0
    );
    let fresh = Home::new();
    ask(&fresh.db_path(), "RESTATED", Adjustment::Raw, asked, LATER);
    assert_eq!(days(&fresh, "RESTATED"), last);
    check_books(&home.db());
}

#[test]
fn a_halt_a_late_listing_and_an_end_are_told_as_what_they_are_in_every_timeframe() {
    let home =
        Home::of_sample("HALT LATE DELISTED -t 1d,1h,30m --start 2024-01-02 --end 2024-12-31");
    let told = home.cli(["coverage", "--json"]).run().ok().json();
    for series in told["series"].as_array().unwrap() {
        let gaps: Vec<(&str, i64, &str)> = series["gaps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|gap| {
                (
                    gap["kind"].as_str().unwrap(),
                    gap["sessions"].as_i64().unwrap(),
                    gap["start"].as_str().unwrap(),
                )
            })
            .collect();
        let (kind, sessions, start) = match series["symbol"].as_str().unwrap() {
            "HALT" => ("hole", 16, "2024-04-08"),
            "LATE" => ("before", 55, "2024-01-02"),
            _ => ("ended", 50, "2024-10-21"),
        };
        assert_eq!(gaps.len(), 1, "{series}");
        assert_eq!((gaps[0].0, gaps[0].1), (kind, sessions), "{series}");
        assert!(gaps[0].2.starts_with(start), "{series}");
    }
    assert_eq!(told["closed"], json!([]));
    let checked = home
        .cli(["check", "--json", "--complete-through", "2024-12-31"])
        .run()
        .exit(3)
        .json();
    let complete = |symbol: &str| -> Vec<Value> {
        let all = checked["series"].as_array().unwrap().iter();
        all.filter(|one| one["symbol"] == symbol)
            .map(|one| one["complete"].clone())
            .collect()
    };
    assert_eq!(complete("LATE"), [json!(true), json!(true), json!(true)]);
    assert_eq!(
        complete("DELISTED"),
        [json!(true), json!(true), json!(true)]
    );
    assert_eq!(complete("HALT"), [json!(false), json!(false), json!(false)]);
    check_books(&home.db());
}

// The figures of the README, and everything that was ever compared with it, rest on these.
#[test]
fn nothing_happens_to_any_other_symbol() {
    let home = Home::of_sample("AAPL MSFT -t 1d,1h --start 2024-01-02 --end 2024-12-31");
    let digest = "SELECT printf('%.2f %.2f %.0f', sum(open + close * 3), sum(high * 2 + low * 5 + vwap), sum(volume + trades))
                  FROM candle_data JOIN series ON id = series_id WHERE symbol = ";
    let of = |symbol: &str| home.db().text(&format!("{digest}'{symbol}'"));
    assert_eq!(of("AAPL"), "1546272.48 3089434.81 1608132002");
    assert_eq!(of("MSFT"), "3005283.88 6004533.44 641213880");
}

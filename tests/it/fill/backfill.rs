//! The main job: a range of symbols and timeframes ends in a file that equals the provider, candle by candle.

use chrono::{DateTime, Datelike, Timelike};
use serde_json::json;

use crate::support::checker::{self, check};
use crate::support::harness::{Home, KEY};
use crate::support::oracle::{self, Candle, span};
use crate::support::server::Server;

const README: &str =
    "backfill AAPL MSFT -t 1d,1m --provider sample --start 2024-01-02 --end 2024-03-28";

#[test]
fn the_sample_job_of_the_readme_fills_every_session_from_open_to_close() {
    let home = Home::new();
    home.cli(README.split(' ')).keyless().run().ok();
    let db = home.db();
    for symbol in ["AAPL", "MSFT"] {
        let days = db.candles(symbol, "1d");
        assert_eq!(days.len(), 61, "sessions from 2 January to 28 March 2024");
        assert_eq!(
            (days[0].ts, days[60].ts),
            span(symbol, "1d", "2024-01-02", "2024-03-27")
        );
        let minutes = db.candles(symbol, "1m");
        assert_eq!(minutes.len(), 61 * 390, "minutes of 61 sessions");
        for candle in &minutes {
            let local = DateTime::from_timestamp(candle.ts, 0)
                .unwrap()
                .with_timezone(&chrono_tz::America::New_York);
            let minute = local.hour() * 60 + local.minute();
            assert!(
                (9 * 60 + 30..16 * 60).contains(&minute)
                    && local.weekday().number_from_monday() < 6,
                "{local}"
            );
            assert!(
                candle.low <= candle.open.min(candle.close)
                    && candle.high >= candle.open.max(candle.close)
            );
            assert!(candle.low > 0.0 && candle.volume.unwrap() >= 0.0);
        }
        for timeframe in ["1d", "1m"] {
            assert_eq!(
                db.coverage(symbol, timeframe),
                [span(symbol, timeframe, "2024-01-02", "2024-03-28")]
            );
        }
    }
    assert_eq!(
        db.count("SELECT count(*) FROM series WHERE source <> 'sample'"),
        0
    );
    checker::check_books(&db);
}

#[test]
fn the_sample_is_the_same_in_every_file_whatever_the_range_and_the_workers() {
    let whole = Home::new();
    whole.cli(README.split(' ')).args("--workers 8").run().ok();
    let part = Home::new();
    part.cli(
        "backfill MSFT -t 1m,1d --provider sample --start 2024-02-05 --end 2024-02-16 --workers 1"
            .split(' '),
    )
    .run()
    .ok();
    for timeframe in ["1m", "1d"] {
        let (start, end) = span("MSFT", timeframe, "2024-02-05", "2024-02-16");
        let mut expected = whole.db().candles("MSFT", timeframe);
        expected.retain(|candle| (start..end).contains(&candle.ts));
        assert!(!expected.is_empty());
        assert_eq!(part.db().candles("MSFT", timeframe), expected);
    }
}

#[test]
fn days_of_the_sample_are_shaped_like_days() {
    let home = Home::of_sample("AAPL I:NDX -t 1d,1m --start 2024-01-02 --end 2024-06-28");
    let db = home.db();
    let minutes = db.candles("AAPL", "1m");
    let sessions: Vec<&[Candle]> = minutes.chunks(390).collect();
    for session in &sessions {
        for (one, next) in session.iter().zip(&session[1..]) {
            assert_eq!((next.ts, next.open), (one.ts + 60, one.close));
        }
    }
    let half_hours = |from: usize, value: fn(&Candle) -> f64| -> f64 {
        let candles = sessions
            .iter()
            .flat_map(|session| &session[from..from + 30]);
        candles.map(value).sum()
    };
    let volume = |candle: &Candle| candle.volume.unwrap();
    let range = |candle: &Candle| candle.high - candle.low;
    for (what, value) in [("volume", volume as fn(&Candle) -> f64), ("range", range)] {
        let [open, noon, close] = [0, 180, 360].map(|from| half_hours(from, value));
        let busy = open.min(close) > 1.5 * noon;
        assert!(
            busy,
            "{what} at the open {open}, at noon {noon}, at the close {close}"
        );
    }
    let days = db.candles("AAPL", "1d");
    let nights = days.iter().zip(&days[1..]);
    let gaps = nights.clone().filter(|(day, next)| day.close != next.open);
    assert!(gaps.count() > days.len() / 2, "prices move at night");
    let squares = nights.map(|(day, next)| (next.close / day.close).ln().powi(2));
    let daily = (squares.sum::<f64>() / days.len() as f64).sqrt();
    assert!((0.004..0.03).contains(&daily), "a day moves by {daily}");
    // What trades at all hours, and on all but the weekend's.
    home.sample("X:BTCUSD C:EURUSD -t 1h --start 2024-03-04 --end 2024-03-17")
        .ok();
    let db = home.db();
    let coins = db.candles("X:BTCUSD", "1h");
    assert_eq!(coins.len(), 14 * 24);
    for (one, next) in coins.iter().zip(&coins[1..]) {
        assert_eq!((next.ts, next.open), (one.ts + 3600, one.close));
    }
    let money = db.candles("C:EURUSD", "1h");
    let is_saturday = |candle: &Candle| (candle.ts / 86_400 + 4) % 7 == 6;
    assert!(!money.iter().any(is_saturday));
    // The clocks of New York were moved on the Sunday in between.
    assert_eq!(money.len(), 4 * 24 + 22 + 3 + 4 * 24 + 21 + 3);
    for timeframe in ["1d", "1m"] {
        let candles = db.candles("I:NDX", timeframe);
        let traded =
            |candle: &Candle| (candle.volume, candle.vwap, candle.trades) != (None, None, None);
        assert!(!candles.iter().any(traded), "an index is not traded");
    }
}

#[test]
fn the_sample_has_no_symbols_that_no_provider_could_have() {
    let home = Home::new();
    let range = "-t 1d --provider sample --start 2024-01-02 --end 2024-01-05";
    let backfill = |symbols: &str| {
        home.cli(format!("backfill {symbols} {range}").split(' '))
            .run()
    };
    let good = "AAPL A1 BRK.B BACpL X:BTCUSD C:EURUSD I:NDX O:SPY251219C00650000 ZZZZ9";
    backfill(good).ok();
    for bad in [
        "aapl", "BRK-B", "BRK.", "Z:ABC", "X:btcusd", "^NDX", "X:BACpL",
    ] {
        backfill(bad).exit(3);
    }
    let held = home
        .db()
        .count("SELECT count(*) FROM series WHERE candles > 0");
    assert_eq!(held, 9);
}

#[test]
fn every_asset_class_and_timeframe_equals_the_provider_across_a_clock_change() {
    let (home, server) = (Home::new(), Server::setup().page(2_500).start());
    let symbols = ["AAPL", "X:BTCUSD", "C:EURUSD", "I:NDX"];
    let report = home.backfill(&server, "AAPL X:BTCUSD C:EURUSD I:NDX -t 1m,15m,1h,4h,1d,1w,1mo --start 2024-03-05 --end 2024-03-14").ok().json();
    assert_eq!(report["status"], "completed");
    let db = home.db();
    let mut rows = 0;
    for symbol in symbols {
        for timeframe in ["1m", "15m", "1h", "4h", "1d", "1w", "1mo"] {
            let span = span(symbol, timeframe, "2024-03-05", "2024-03-14");
            check(&db, symbol, timeframe, span);
            rows += oracle::candles(symbol, timeframe, span).count();
        }
    }
    assert_eq!(report["records"]["fetched"], rows);
    assert_eq!(report["records"]["inserted"], rows);
    assert_eq!(report["requests"], server.hits());
}

#[test]
fn a_year_of_days_and_the_turn_of_the_year_equal_the_provider() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(
        &server,
        "AAPL X:ETHUSD I:SPX -t 1d,1w,1mo,1h --start 2022-11-20 --end 2024-01-10",
    )
    .ok();
    for symbol in ["AAPL", "X:ETHUSD", "I:SPX"] {
        for timeframe in ["1d", "1w", "1mo", "1h"] {
            check(
                &home.db(),
                symbol,
                timeframe,
                span(symbol, timeframe, "2022-11-20", "2024-01-10"),
            );
        }
    }
}

#[test]
fn days_are_asked_by_date_and_minutes_by_instant() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(
        &server,
        "AAPL I:NDX -t 1m,1h,1d,1w,1mo --start 2024-03-08 --end 2024-03-12",
    )
    .ok();
    for request in server.requests() {
        assert_eq!(
            request.header("authorization"),
            Some(format!("Bearer {KEY}").as_str())
        );
        assert!(
            !request.target.to_lowercase().contains("apikey"),
            "{}",
            request.target
        );
        assert_eq!(request.header("referer"), None);
        let ask = request.ask();
        assert_eq!(
            ask.dated,
            ask.timeframe.contains(['d', 'w', 'o']),
            "{}",
            request.target
        );
        if request.continues() {
            continue;
        }
        assert_eq!(request.param("adjusted"), Some("false"));
        assert_eq!(request.param("sort"), Some("asc"));
        assert_eq!(request.param("limit"), Some("50000"));
        assert_eq!(
            ask.span,
            span(&ask.symbol, &ask.timeframe, "2024-03-08", "2024-03-12"),
            "{}",
            request.target
        );
    }
}

#[test]
fn every_page_is_followed_on_the_configured_origin() {
    let (home, server) = (Home::new(), Server::setup().page(100).gzip().start());
    let report = home
        .backfill(&server, "AAPL -t 1m --start 2024-01-08 --end 2024-01-09")
        .ok()
        .json();
    let span = span("AAPL", "1m", "2024-01-08", "2024-01-09");
    check(&home.db(), "AAPL", "1m", span);
    let pages = oracle::candles("AAPL", "1m", span).count().div_ceil(100);
    assert!(pages > 10);
    assert_eq!(server.hits(), pages);
    assert_eq!(report["requests"], pages);
    for request in server.requests() {
        assert_eq!(request.continues(), request.n > 0);
        assert_eq!(
            request.header("authorization"),
            Some(format!("Bearer {KEY}").as_str())
        );
    }
    home.assert_no_key_on_disk();
}

#[test]
fn a_rerun_of_a_finished_job_sends_no_request() {
    let (home, server) = (Home::new(), Server::start());
    let words = "AAPL X:BTCUSD -t 1m,1d,1w,1mo --start 2024-01-02 --end 2024-01-09";
    home.backfill(&server, words).ok();
    assert!(server.hits() > 0);
    server.forget();
    let before = home.db().candles("AAPL", "1m");
    let report = home.backfill(&server, words).ok().json();
    assert_eq!(server.hits(), 0);
    assert_eq!(report["requests"], 0);
    assert_eq!(report["status"], "completed");
    assert_eq!(
        report["records"],
        json!({"fetched": 0, "inserted": 0, "duplicate": 0, "restated": 0, "conflicting": 0, "rejected": 0})
    );
    assert_eq!(home.db().candles("AAPL", "1m"), before);
    // A part of what is there is there as well.
    home.backfill(
        &server,
        "X:BTCUSD -t 1m --start 2024-01-04 --end 2024-01-05",
    )
    .ok();
    assert_eq!(server.hits(), 0);
}

#[test]
fn one_worker_and_eight_end_in_the_same_data() {
    let server = Server::start();
    let files = ["1", "8"].map(|workers| {
        let home = Home::new();
        let words = format!(
            "AAPL MSFT X:BTCUSD -t 1h,1d --start 2023-01-02 --end 2023-12-29 --workers {workers}"
        );
        home.backfill(&server, &words).ok();
        home
    });
    for symbol in ["AAPL", "MSFT", "X:BTCUSD"] {
        for timeframe in ["1h", "1d"] {
            let [one, eight] = files.each_ref().map(|home| {
                (
                    home.db().candles(symbol, timeframe),
                    home.db().coverage(symbol, timeframe),
                )
            });
            assert_eq!(one, eight);
            check(
                &files[1].db(),
                symbol,
                timeframe,
                span(symbol, timeframe, "2023-01-02", "2023-12-29"),
            );
        }
    }
}

#[test]
fn a_finished_run_leaves_one_file() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, "AAPL -t 1m --start 2024-01-02 --end 2024-01-05")
        .ok();
    let names: Vec<_> = home.files().into_iter().map(|(path, _)| path).collect();
    assert_eq!(names, [home.db_path()]);
    home.assert_no_key_on_disk();
}

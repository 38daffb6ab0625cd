//! `update` and `resume`: what goes on from what the file holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::support::checker::{self, check_books};
use crate::support::exchange::Reply;
use crate::support::harness::Home;
use crate::support::oracle::{self, DAY, span};
use crate::support::server::Server;

const DATES: &str = "--start 2024-01-02 --end 2024-01-31";

#[test]
fn update_brings_every_series_up_to_now_holes_included() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, &format!("AAPL X:BTCUSD -t 1d {DATES}"))
        .ok();
    home.backfill(&server, "MSFT -t 1w --start 2023-06-01 --end 2023-12-29")
        .ok();
    home.backfill(&server, "AAPL -t 1d --start 2024-03-01 --end 2024-03-28")
        .ok();
    server.forget();
    let report = home.to(&server, ["update", "--json"]).run().ok().json();
    assert_eq!(report["status"], "completed");
    let asked: Vec<_> = server
        .asked()
        .into_iter()
        .map(|ask| (ask.symbol, ask.timeframe, ask.span.0))
        .collect();
    let end = |symbol, timeframe, start, end| span(symbol, timeframe, start, end).1;
    assert_eq!(
        asked,
        [
            (
                "MSFT".into(),
                "1w".into(),
                end("MSFT", "1w", "2023-06-01", "2023-12-29")
            ),
            (
                "AAPL".into(),
                "1d".into(),
                end("AAPL", "1d", "2024-01-02", "2024-01-31")
            ),
            (
                "X:BTCUSD".into(),
                "1d".into(),
                end("X:BTCUSD", "1d", "2024-01-02", "2024-01-31")
            ),
            (
                "AAPL".into(),
                "1d".into(),
                end("AAPL", "1d", "2024-03-01", "2024-03-28")
            ),
        ]
        .map(|ask: (String, String, i64)| ask)
    );
    let now = oracle::now();
    for symbol in ["AAPL", "X:BTCUSD"] {
        let stored = home.db().candles(symbol, "1d");
        let settled = now - now.rem_euclid(DAY) - 4 * DAY;
        let expected: Vec<_> = oracle::candles(
            symbol,
            "1d",
            (span(symbol, "1d", "2024-01-02", "2024-01-31").0, settled),
        )
        .collect();
        assert_eq!(stored[..expected.len()], expected[..]);
        assert!(
            stored.iter().all(|candle| candle.ts + DAY <= now),
            "a day that is not over was stored"
        );
    }
    check_books(&home.db());
    server.forget();
    let nothing = home.to(&server, ["update", "--json"]).run().ok().json();
    assert_eq!(
        (&nothing["job_id"], &nothing["requests"], server.hits()),
        (&Value::Null, &json!(0), 0),
        "{nothing}"
    );
}

#[test]
fn resume_goes_on_with_what_failed_under_the_same_id() {
    let broken = Arc::new(AtomicBool::new(true));
    let now = broken.clone();
    let (home, server) = (
        Home::new(),
        Server::scripted(move |request| {
            let fails = request.ask().symbol == "MSFT" && now.load(Ordering::SeqCst);
            fails.then(|| Reply::json(404, "{}"))
        }),
    );
    let report = home
        .backfill(&server, &format!("AAPL MSFT {DATES}"))
        .exit(3)
        .json();
    server.forget();
    home.to(&server, ["resume"]).run().exit(3);
    assert_eq!(
        server
            .asked()
            .iter()
            .map(|ask| ask.symbol.as_str())
            .collect::<Vec<_>>(),
        ["MSFT"]
    );
    broken.store(false, Ordering::SeqCst);
    let resumed = home
        .to(
            &server,
            ["resume", report["job_id"].as_str().unwrap(), "--json"],
        )
        .run()
        .ok()
        .json();
    assert_eq!(
        (&resumed["job_id"], &resumed["status"]),
        (&report["job_id"], &json!("completed"))
    );
    for symbol in ["AAPL", "MSFT"] {
        checker::check(
            &home.db(),
            symbol,
            "1d",
            span(symbol, "1d", "2024-01-02", "2024-01-31"),
        );
    }
    let nothing = home.to(&server, ["resume", "--json"]).run().ok().json();
    assert!(nothing["job_id"].is_null(), "{nothing}");
}

//! The three kinds of 403 a plan answers with, told apart by their words, and what each of them spares.

use std::sync::Mutex;

use chrono::Days;

use crate::support::aggs;
use crate::support::checker::{self, check};
use crate::support::exchange::{Reply, Request};
use crate::support::harness::Home;
use crate::support::oracle::{self, Span, span};
use crate::support::server::Server;

const HISTORY: &str = "Your plan doesn't include this data timeframe. Please upgrade your plan at https://polygon.io/pricing";
const TODAY: &str = "Attempted to request today's data before end of day. Please upgrade your plan at https://polygon.io/pricing";
const NOT_ENTITLED: &str =
    "You are not entitled to this data. Please upgrade your plan at https://massive.com/pricing";

fn refusal(message: &str) -> Reply {
    Reply::json(
        403,
        format!(r#"{{"status":"NOT_AUTHORIZED","request_id":"d49fca31","message":"{message}"}}"#),
    )
}

/// A plan that begins at an instant: what is wholly before it is refused, what is partly before it is clipped in silence.
fn plan_from(begin: i64) -> impl Fn(&Request) -> Option<Reply> + Send + Sync {
    move |request| {
        let ask = request.ask();
        let (start, end) = ask.span;
        if end <= begin {
            return Some(refusal(HISTORY));
        }
        let rows: Vec<String> =
            oracle::candles(&ask.symbol, &ask.timeframe, (start.max(begin), end))
                .map(|candle| aggs::row(&ask.symbol, &ask.timeframe, &candle, 1.0))
                .collect();
        Some(Reply::json(
            200,
            aggs::body(&ask.symbol, false, &rows, None),
        ))
    }
}

fn refused(server: &Server, begin: i64) -> Vec<Span> {
    server
        .asked()
        .iter()
        .map(|ask| ask.span)
        .filter(|span| span.1 <= begin)
        .collect()
}

#[test]
fn a_plans_history_limit_costs_two_requests_and_not_one_a_slice() {
    let begin = span("AAPL", "1h", "2023-06-15", "2023-06-15").0;
    let (home, server) = (Home::new(), Server::scripted(plan_from(begin)));
    let report = home
        .backfill(
            &server,
            "AAPL -t 1h --start 2021-01-04 --end 2024-01-31 --workers 1",
        )
        .exit(3)
        .json();
    let wasted = refused(&server, begin);
    assert!(
        (1..=2).contains(&wasted.len()),
        "asked before the plan: {wasted:?}"
    );
    assert_eq!(report["status"], "partial");
    assert!(
        report["failed"]
            .to_string()
            .contains("plan doesn't include this data timeframe"),
        "{report}"
    );
    let whole = span("AAPL", "1h", "2021-01-04", "2024-01-31");
    checker::check_rows(&home.db(), "AAPL", "1h", (begin, whole.1));
    let covered = home.db().coverage("AAPL", "1h");
    assert_eq!(covered.len(), 1);
    assert!(
        covered[0].0 <= begin && covered[0].0 > begin - 75 * oracle::DAY && covered[0].1 == whole.1,
        "{covered:?}"
    );
}

#[test]
fn a_history_limit_seen_on_one_symbol_spares_the_others_of_its_kind() {
    let begin = span("AAPL", "1h", "2023-06-15", "2023-06-15").0;
    let (home, server) = (Home::new(), Server::scripted(plan_from(begin)));
    home.backfill(
        &server,
        "AAPL MSFT NVDA SPY -t 1h --start 2021-01-04 --end 2023-12-29 --workers 1",
    )
    .exit(3);
    let wasted = refused(&server, begin);
    assert!(
        wasted.len() <= 5,
        "one at the start, and one a series where the plan begins: {wasted:?}"
    );
    let end = span("AAPL", "1h", "2021-01-04", "2023-12-29").1;
    for symbol in ["AAPL", "MSFT", "NVDA", "SPY"] {
        checker::check_rows(&home.db(), symbol, "1h", (begin, end));
    }
}

#[test]
fn two_symbols_that_are_not_entitled_end_their_asset_class_and_no_other() {
    let (home, server) = (
        Home::new(),
        Server::scripted(|request| {
            (!request.ask().symbol.starts_with("X:")).then(|| refusal(NOT_ENTITLED))
        }),
    );
    let report = home.backfill(&server, "AAPL MSFT NVDA X:BTCUSD X:ETHUSD -t 1h,1d --start 2023-01-03 --end 2023-12-29 --workers 1").exit(3).json();
    assert_eq!(
        server
            .requests()
            .iter()
            .filter(|request| !request.ask().symbol.starts_with("X:"))
            .count(),
        2
    );
    for series in report["series"].as_array().unwrap() {
        let crypto = series["symbol"].as_str().unwrap().starts_with("X:");
        assert_eq!(
            series["status"],
            if crypto { "completed" } else { "failed" },
            "{series}"
        );
    }
    assert!(
        report["failed"].to_string().contains("not entitled"),
        "{report}"
    );
    for symbol in ["X:BTCUSD", "X:ETHUSD"] {
        for timeframe in ["1h", "1d"] {
            check(
                &home.db(),
                symbol,
                timeframe,
                span(symbol, timeframe, "2023-01-03", "2023-12-29"),
            );
        }
    }
    assert_eq!(home.db().count("SELECT count(*) FROM coverage"), 4);
}

// One symbol that was refused for reasons of its own took all others of its class with it.
#[test]
fn a_symbol_that_is_not_entitled_alone_ends_no_other() {
    let (home, server) = (
        Home::new(),
        Server::scripted(|request| {
            let is_refused = ["AAPL", "AMD"].contains(&request.ask().symbol.as_str());
            is_refused.then(|| refusal(NOT_ENTITLED))
        }),
    );
    let words = "AAPL MSFT NVDA -t 1h,1d --start 2023-01-03 --end 2023-12-29 --workers 1";
    let report = home.backfill(&server, words).exit(3).json();
    let asked = server.asked();
    let of_it = asked.iter().filter(|ask| ask.symbol == "AAPL");
    assert_eq!(of_it.count(), 1);
    let failed = report["failed"].to_string();
    assert!(
        failed.contains("not asked: the plan does not include this symbol"),
        "{report}"
    );
    for symbol in ["MSFT", "NVDA"] {
        for timeframe in ["1h", "1d"] {
            let asked = span(symbol, timeframe, "2023-01-03", "2023-12-29");
            check(&home.db(), symbol, timeframe, asked);
        }
    }
    // What the file holds says of the class what no answer of this run has said yet.
    let words = "AAPL AMD INTC --start 2023-01-03 --end 2023-12-29 --workers 1";
    let report = home.backfill(&server, words).exit(3).json();
    let failed = report["failed"].to_string();
    assert!(!failed.contains("class"), "{report}");
    let asked = span("INTC", "1d", "2023-01-03", "2023-12-29");
    check(&home.db(), "INTC", "1d", asked);
}

#[test]
fn today_before_the_end_of_day_is_asked_once_more_ending_yesterday() {
    let refusals = std::sync::Arc::new(Mutex::new(0));
    let counted = refusals.clone();
    let (home, server) = (
        Home::new(),
        Server::scripted(move |request| {
            let ask = request.ask();
            let today = oracle::today(&ask.symbol);
            let after_midnight = if ask.timeframe == "1d" {
                ask.span.1 > oracle::label(today)
            } else {
                ask.span.1 > oracle::midnight(oracle::zone(&ask.symbol), today)
            };
            after_midnight.then(|| {
                *counted.lock().unwrap() += 1;
                refusal(TODAY)
            })
        }),
    );
    let start = oracle::today("AAPL") - Days::new(30);
    let run = home.backfill(
        &server,
        &format!("AAPL MSFT NVDA -t 1d,1h --start {start} --workers 1"),
    );
    let refused = *refusals.lock().unwrap();
    assert!(
        refused <= 2,
        "it is remembered for the job: {refused} refusals\n{run:?}"
    );
    let yesterday = oracle::today("AAPL") - Days::new(1);
    for symbol in ["AAPL", "MSFT", "NVDA"] {
        for timeframe in ["1d", "1h"] {
            let (from, to) = span(
                symbol,
                timeframe,
                &start.to_string(),
                &yesterday.to_string(),
            );
            let stored: Vec<i64> = home
                .db()
                .candles(symbol, timeframe)
                .iter()
                .map(|candle| candle.ts)
                .filter(|ts| *ts < to)
                .collect();
            let expected: Vec<i64> = oracle::candles(symbol, timeframe, (from, to))
                .map(|candle| candle.ts)
                .collect();
            assert_eq!(stored, expected, "{symbol} {timeframe}\n{run:?}");
        }
    }
}

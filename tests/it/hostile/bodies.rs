//! Bodies in the provider's shapes, made by hand: what is data, what is an answer of nothing, and what is neither.

use serde_json::{Value, json};

use crate::support::aggs::body;
use crate::support::checker::check;
use crate::support::exchange::Reply;
use crate::support::harness::{Home, KEY, Run};
use crate::support::oracle::{DAY, span};
use crate::support::server::Server;

/// Midnight in New York on 2 January 2024, as a stock's day is stamped, in milliseconds.
const DAY_ONE: i64 = 1_704_171_600_000;
/// The same day as the file labels it.
const LABEL: i64 = 1_704_153_600;

const WORDS: &str = "AAPL -t 1d --start 2024-01-02 --end 2024-01-05";

fn stock(rows: &[&str]) -> String {
    body(
        "AAPL",
        false,
        &rows.iter().map(ToString::to_string).collect::<Vec<_>>(),
        None,
    )
}

fn answer(text: impl Into<Vec<u8>>, words: &str) -> (Home, Run) {
    let (home, server) = (Home::new(), Server::always(Reply::json(200, text)));
    let run = home.backfill(&server, words);
    (home, run)
}

#[test]
fn numbers_are_stored_to_the_last_bit_however_they_are_written() {
    let text = stock(&[
        r#"{"v":1.12117471e+08,"vw":195.57270000000003,"o":16532,"c":0.30000000000000004,"h":16532.123456789012,"l":1e-1,"t":1704171600000,"n":82132}"#,
        r#"{"v":7.0661926525697e+07,"vw":1,"o":2.2250738585072014e-308,"c":9007199254740993,"h":9007199254740993,"l":4.35e-10,"t":1704258000000}"#,
        r#"{"v":0.5,"o":0.1,"c":179769.31348623157,"h":299792.45800000004,"l":0.1,"t":1704344400000,"n":1}"#,
    ]);
    let (home, run) = answer(text, WORDS);
    run.ok();
    let stored = home.db().candles("AAPL", "1d");
    let parse = |text: &str| text.parse::<f64>().unwrap();
    assert_eq!(stored.len(), 3);
    assert_eq!(
        (stored[0].ts, stored[1].ts, stored[2].ts),
        (LABEL, LABEL + DAY, LABEL + 2 * DAY)
    );
    assert_eq!(stored[0].volume, Some(112_117_471.0));
    assert_eq!(stored[0].vwap, Some(parse("195.57270000000003")));
    assert_eq!(
        (stored[0].open, stored[0].close),
        (16_532.0, parse("0.30000000000000004"))
    );
    assert_eq!(
        (stored[0].high, stored[0].low),
        (parse("16532.123456789012"), 0.1)
    );
    assert_eq!((stored[0].trades, stored[1].trades), (Some(82_132), None));
    assert_eq!(stored[1].volume, Some(parse("7.0661926525697e+07")));
    assert_eq!(
        (stored[1].open, stored[1].low),
        (parse("2.2250738585072014e-308"), parse("4.35e-10"))
    );
    assert_eq!(stored[1].close, parse("9007199254740993"));
    assert_eq!((stored[2].vwap, stored[2].volume), (None, Some(0.5)));
    assert_eq!(
        (stored[2].close, stored[2].high),
        (parse("179769.31348623157"), parse("299792.45800000004"))
    );
}

#[test]
fn an_index_has_no_volume_and_that_is_stored_as_null() {
    let text = r#"{"ticker":"I:NDX","results":[{"o":11830.28,"c":11830.29,"h":11830.3,"l":11830,"t":1704175200000},
        {"o":11,"c":12,"h":13,"l":10,"t":1704261600000}],"status":"OK","request_id":"b2170df9"}"#;
    let (home, run) = answer(text, "I:NDX -t 1d --start 2024-01-02 --end 2024-01-03");
    run.ok();
    let stored = home.db().candles("I:NDX", "1d");
    assert_eq!(stored.len(), 2);
    assert_eq!(
        (
            stored[0].ts,
            stored[0].volume,
            stored[0].vwap,
            stored[0].trades
        ),
        (LABEL, None, None, None)
    );
}

#[test]
fn delayed_is_data_and_unknown_fields_are_ignored() {
    let text = stock(&[
        r#"{"v":1,"o":1,"c":1,"h":1,"l":1,"t":1704171600000,"otc":true,"x":{"y":[null]}}"#,
    ])
    .replace(r#""status":"OK""#, r#""status":"DELAYED","new":[1]"#);
    let (home, run) = answer(text, WORDS);
    assert_eq!(run.ok().json()["records"]["inserted"], 1);
    assert_eq!(home.db().candles("AAPL", "1d").len(), 1);
}

#[test]
fn no_results_in_each_of_its_shapes_is_an_answer_of_nothing() {
    for text in [
        r#"{"ticker":"AAPL","queryCount":0,"resultsCount":0,"adjusted":false,"status":"OK","request_id":"r","count":0}"#,
        r#"{"status":"OK","queryCount":0,"resultsCount":0,"adjusted":false,"results":null}"#,
        r#"{"ticker":"AAPL","queryCount":0,"resultsCount":0,"adjusted":false,"results":[],"status":"DELAYED","next_url":null}"#,
    ] {
        let (home, run) = answer(text, WORDS);
        let report = run.exit(3).json();
        assert_eq!(report["series"][0]["status"], "no_data", "{text}");
        assert_eq!(report["failed"], json!([]), "{text}");
        assert_eq!(
            home.db().spans("empty_spans", "AAPL", "1d"),
            [span("AAPL", "1d", "2024-01-02", "2024-01-05")]
        );
    }
}

/// A slice that cannot be asked again with another outcome fails at the first answer.
fn fails_at_once(text: &str, names: &str) {
    let (home, server) = (Home::new(), Server::always(Reply::json(200, text)));
    let report = home.backfill(&server, WORDS).exit(3).json();
    assert_eq!(server.hits(), 1, "{text}");
    assert_eq!(report["status"], "partial");
    assert_eq!(report["failed"][0]["attempts"], 1, "{report}");
    let error = report["failed"][0]["error"].as_str().unwrap().to_owned();
    assert!(error.contains(names), "{names:?} in {error:?}");
    assert_eq!(report["series"][0]["status"], "failed");
    assert_eq!(
        home.db()
            .count("SELECT (SELECT count(*) FROM candles) + (SELECT count(*) FROM coverage)"),
        0
    );
}

#[test]
fn another_ticker_than_asked_for_is_an_error() {
    fails_at_once(
        &body(
            "MSFT",
            false,
            &[r#"{"v":1,"o":1,"c":1,"h":1,"l":1,"t":1704171600000}"#.into()],
            None,
        ),
        "MSFT",
    );
}

#[test]
fn another_adjustment_than_asked_for_is_an_error() {
    fails_at_once(
        &body(
            "AAPL",
            true,
            &[r#"{"v":1,"o":1,"c":1,"h":1,"l":1,"t":1704171600000}"#.into()],
            None,
        ),
        "adjusted",
    );
}

#[test]
fn next_url_may_name_another_host_and_only_its_path_and_query_are_followed() {
    let stranger = Server::start();
    let url = format!(
        "{}/v2/aggs/ticker/AAPL/range/1/day/1704258000000/2024-01-05?cursor=bGltaXQ9MTAmc29ydD1hc2M",
        stranger.url()
    );
    let first = body(
        "AAPL",
        false,
        &[r#"{"v":1,"o":1,"c":1,"h":1,"l":1,"t":1704171600000}"#.into()],
        Some(&url),
    );
    let (home, server) = (
        Home::new(),
        Server::scripted(move |request| (request.n == 0).then(|| Reply::json(200, first.clone()))),
    );
    home.backfill(&server, WORDS).ok();
    assert_eq!(stranger.hits(), 0);
    let second = server.requests()[1].clone();
    assert!(url.ends_with(&second.target), "{}", second.target);
    assert_eq!(
        second.header("authorization"),
        Some(format!("Bearer {KEY}").as_str())
    );
}

#[test]
fn a_next_url_that_leads_nowhere_ends_the_slice_with_an_error() {
    let row = |t: i64| format!(r#"{{"v":1,"o":1,"c":1,"h":1,"l":1,"t":{t}}}"#);
    let same = "https://api.polygon.io/v2/aggs/ticker/AAPL/range/1/day/1704171600000/2024-01-05?cursor=Y3Vyc29y";
    for (next, stamp, hits) in [
        // The same page again and again.
        (same.to_owned(), DAY_ONE, 2),
        // Out of the endpoint, with the key in the header.
        (
            "https://api.polygon.io/v3/reference/tickers?cursor=YQ".to_owned(),
            DAY_ONE,
            1,
        ),
        (
            "https://api.polygon.io/v2/aggs/ticker/AAPL/../../../v1/account?cursor=YQ".to_owned(),
            DAY_ONE,
            1,
        ),
        ("not a url at all".to_owned(), DAY_ONE, 1),
    ] {
        let text = body("AAPL", false, &[row(stamp)], Some(&next));
        let (home, server) = (Home::new(), Server::always(Reply::json(200, text)));
        let report = home.backfill(&server, WORDS).exit(3).json();
        assert_eq!(
            report["failed"].as_array().map(Vec::len),
            Some(1),
            "{next}: {report}"
        );
        assert!(server.hits() <= hits, "{next}: {} requests", server.hits());
        assert!(
            server.requests().iter().all(|request| request
                .path()
                .starts_with("/v2/aggs/ticker/AAPL/range/1/day/")),
            "{next}"
        );
        assert!(
            home.db()
                .coverage("AAPL", "1d")
                .iter()
                .all(|covered| covered.1 <= LABEL + DAY),
            "{next}"
        );
    }
}

#[test]
fn pages_that_do_not_advance_in_time_end_the_slice_with_an_error() {
    let (home, server) = (
        Home::new(),
        Server::scripted(|request| {
            let row = r#"{"v":1,"o":1,"c":1,"h":1,"l":1,"t":1704171600000}"#.to_owned();
            let next = format!(
                "https://api.polygon.io/v2/aggs/ticker/AAPL/range/1/day/{DAY_ONE}/2024-01-05?cursor=c{}",
                request.n
            );
            Some(Reply::json(200, body("AAPL", false, &[row], Some(&next))))
        }),
    );
    let report = home.backfill(&server, WORDS).exit(3).json();
    assert_eq!(report["failed"].as_array().map(Vec::len), Some(1));
    assert!(server.hits() <= 3, "{} requests", server.hits());
}

#[test]
fn an_empty_page_with_a_new_cursor_is_followed() {
    let (home, server) = (
        Home::new(),
        Server::scripted(|request| {
            let next = format!(
                "https://api.polygon.io/v2/aggs/ticker/AAPL/range/1/day/{DAY_ONE}/2024-01-05?cursor=c{}",
                request.n
            );
            (request.n < 2).then(|| Reply::json(200, body("AAPL", false, &[], Some(&next))))
        }),
    );
    home.backfill(&server, WORDS).ok();
    assert_eq!(server.hits(), 3);
    check(
        &home.db(),
        "AAPL",
        "1d",
        span("AAPL", "1d", "2024-01-02", "2024-01-05"),
    );
}

#[test]
fn a_provider_that_never_stops_paging_is_left_after_a_thousand_pages() {
    let (home, server) = (
        Home::new(),
        Server::scripted(|request| {
            let next = format!(
                "https://api.polygon.io/v2/aggs/ticker/AAPL/range/1/day/{DAY_ONE}/2024-01-05?cursor=c{}",
                request.n
            );
            Some(Reply::json(200, body("AAPL", false, &[], Some(&next))))
        }),
    );
    let words = format!("{WORDS} --rate 10000/s");
    let report = home.backfill(&server, &words).exit(3).json();
    assert_eq!(report["failed"].as_array().map(Vec::len), Some(1));
    assert!(server.hits() <= 1_001, "{} requests", server.hits());
    assert_eq!(home.db().coverage("AAPL", "1d"), []);
}

#[test]
fn rows_snapped_outward_by_one_candle_are_dropped_without_a_word() {
    let rows: Vec<String> = (-1..=4)
        .map(|i| {
            format!(
                r#"{{"v":1,"o":1,"c":1,"h":1,"l":1,"t":{}}}"#,
                DAY_ONE + i * 86_400_000
            )
        })
        .collect();
    let (home, run) = answer(body("AAPL", false, &rows, None), WORDS);
    let report = run.ok().json();
    assert_eq!(
        (
            &report["records"]["fetched"],
            &report["records"]["rejected"]
        ),
        (&Value::from(4), &Value::from(0))
    );
    assert_eq!(home.db().candles("AAPL", "1d").len(), 4);
}

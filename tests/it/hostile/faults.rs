//! What a provider does on a bad day: error statuses, broken bodies, broken connections. Each is retried or not as its
//! kind demands, and none is ever read as an answer.

use std::time::Duration;

use serde_json::Value;

use crate::support::aggs;
use crate::support::checker::check;
use crate::support::exchange::{Reply, Request};
use crate::support::harness::Home;
use crate::support::oracle::span;
use crate::support::server::{Server, gzip};

const DATES: &str = "-t 1d --start 2024-01-02 --end 2024-03-28";

fn good(symbol: &str) -> Vec<u8> {
    let span = span(symbol, "1d", "2024-01-02", "2024-03-28");
    let rows: Vec<String> = crate::support::oracle::candles(symbol, "1d", span)
        .map(|c| aggs::row(symbol, "1d", &c, 1.0))
        .collect();
    aggs::body(symbol, false, &rows, None).into_bytes()
}

fn raw(head: &str, body: &[u8]) -> Reply {
    Reply::Raw([head.as_bytes(), b"\r\n\r\n", body].concat())
}

/// Every fault that passes, by the name of the symbol it befalls.
fn passing(symbol: &str) -> Reply {
    let body = good(symbol);
    let half = &body[..body.len() / 2];
    let json = "HTTP/1.1 200 OK\r\nContent-Type: application/json";
    match symbol {
        "S500" => Reply::json(500, r#"{"status":"ERROR","error":"oops"}"#),
        "S502" => Reply::html(502),
        "S503" => Reply::json(503, "").with("Retry-After", "1"),
        "S504" => Reply::html(504),
        "S408" => Reply::json(408, "{}"),
        "S425" => Reply::json(425, "{}"),
        "HTML" => Reply::html(200),
        "ERR" => Reply::json(
            200,
            r#"{"status":"ERROR","request_id":"r","error":"internal error"}"#,
        ),
        "NOTAUTH" => Reply::json(
            200,
            r#"{"status":"NOT_AUTHORIZED","request_id":"r","message":"try later"}"#,
        ),
        "LOST" => Reply::json(
            200,
            r#"{"ticker":"LOST","queryCount":5,"resultsCount":5,"adjusted":false,"status":"OK"}"#,
        ),
        "EMPTY" => Reply::json(200, ""),
        "NULL" => Reply::json(200, "null"),
        "LIST" => Reply::json(200, "[]"),
        "NOSTATUS" => Reply::json(200, r#"{"ticker":"NOSTATUS"}"#),
        "TRUNC" => Reply::json(200, half),
        "SHORT" => raw(&format!("{json}\r\nContent-Length: {}", body.len()), half),
        "CLOSED" => raw(&format!("{json}\r\nConnection: close"), half),
        "GZIP" => {
            let zipped = gzip(&body);
            raw(
                &format!(
                    "{json}\r\nContent-Encoding: gzip\r\nContent-Length: {}",
                    zipped.len() / 2
                ),
                &zipped[..zipped.len() / 2],
            )
        }
        "RESET" => Reply::Raw(Vec::new()),
        "GARBAGE" => Reply::Raw(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
        other => panic!("no fault is called {other}"),
    }
}

const PASSING: &str = "S500 S502 S503 S504 S408 S425 HTML ERR NOTAUTH LOST EMPTY NULL LIST NOSTATUS TRUNC SHORT CLOSED GZIP RESET GARBAGE";

fn tries(server: &Server, symbol: &str) -> Vec<Request> {
    server
        .requests()
        .into_iter()
        .filter(|request| request.ask().symbol == symbol)
        .collect()
}

#[test]
fn a_fault_that_passes_is_retried_and_costs_no_candle() {
    let seen = std::sync::Mutex::new(std::collections::HashSet::new());
    let (home, server) = (
        Home::new(),
        Server::scripted(move |request| {
            let symbol = request.ask().symbol;
            seen.lock()
                .unwrap()
                .insert(symbol.clone())
                .then(|| passing(&symbol))
        }),
    );
    let report = home
        .backfill(&server, &format!("{PASSING} {DATES} --workers 20"))
        .ok()
        .json();
    assert_eq!(report["failed"], Value::Array(vec![]));
    let db = home.db();
    for symbol in PASSING.split(' ') {
        check(
            &db,
            symbol,
            "1d",
            span(symbol, "1d", "2024-01-02", "2024-03-28"),
        );
        assert_eq!(tries(&server, symbol).len(), 2, "{symbol}");
    }
    let asked = tries(&server, "S503");
    assert!(
        asked[1].at - asked[0].at >= Duration::from_secs(1),
        "Retry-After is a minimum"
    );
}

#[test]
fn a_fault_that_lasts_fails_its_slice_after_six_attempts_and_no_other() {
    let (home, server) = (
        Home::new(),
        Server::scripted(|request| {
            let symbol = request.ask().symbol;
            (symbol != "AAPL" && symbol != "S503").then(|| passing(&symbol))
        }),
    );
    let run = home
        .backfill(&server, &format!("AAPL {PASSING} {DATES} --workers 21"))
        .exit(3);
    let report = run.json();
    assert_eq!(report["status"], "partial");
    let db = home.db();
    for series in report["series"].as_array().unwrap() {
        let symbol = series["symbol"].as_str().unwrap();
        let whole = ["AAPL", "S503"].contains(&symbol);
        assert_eq!(
            series["status"],
            if whole { "completed" } else { "failed" },
            "{series}"
        );
        // An attempt on a connection that garbage has spoiled may end before it reaches the server.
        let reached = tries(&server, symbol).len();
        let expected = match symbol {
            "GARBAGE" => 5..=6,
            _ if whole => 1..=1,
            _ => 6..=6,
        };
        assert!(expected.contains(&reached), "{symbol}: {reached}");
        assert_eq!(db.candles(symbol, "1d").is_empty(), !whole, "{symbol}");
        assert_eq!(
            db.coverage(symbol, "1d").is_empty()
                && db.spans("empty_spans", symbol, "1d").is_empty(),
            !whole,
            "{symbol}"
        );
    }
    let failed = report["failed"].as_array().unwrap();
    assert_eq!(failed.len(), 19);
    for slice in failed {
        assert_eq!(
            (
                slice["attempts"].as_u64(),
                slice["error"].as_str().map(str::is_empty)
            ),
            (Some(6), Some(false)),
            "{slice}"
        );
        assert_eq!(
            (slice["start"].as_str(), slice["end"].as_str()),
            (Some("2024-01-02T00:00:00Z"), Some("2024-03-29T00:00:00Z"))
        );
    }
    assert_eq!(
        db.count("SELECT count(*) FROM backfill_progress WHERE status = 'failed' AND error <> ''"),
        19
    );
    home.assert_no_key_on_disk();
}

#[test]
fn a_fault_on_a_later_page_keeps_the_pages_before_it() {
    for fault in [
        Reply::html(404),
        Reply::json(400, r#"{"status":"ERROR","error":"bad cursor"}"#),
    ] {
        let broken = fault.clone();
        let (home, server) = (
            Home::new(),
            Server::setup()
                .page(500)
                .script(move |request| (request.n == 3).then(|| broken.clone()))
                .start(),
        );
        let words = "AAPL -t 1m --start 2024-01-08 --end 2024-01-11";
        home.backfill(&server, words).exit(3);
        let kept = home.db().candles("AAPL", "1m");
        assert_eq!(kept.len(), 1_500);
        let whole = span("AAPL", "1m", "2024-01-08", "2024-01-11");
        assert_eq!(
            home.db().coverage("AAPL", "1m"),
            [(whole.0, kept[1_499].ts + 60)]
        );
        let report = home.backfill(&server, words).ok().json();
        assert_eq!(report["records"]["duplicate"], 0);
        check(&home.db(), "AAPL", "1m", whole);
    }
}

#[test]
fn what_cannot_get_better_is_asked_once() {
    let (home, server) = (
        Home::new(),
        Server::scripted(|request| match request.ask().symbol.as_str() {
            "S400" => Some(Reply::json(
                400,
                r#"{"status":"ERROR","error":"The parameter 'from' cannot be parsed"}"#,
            )),
            "S404" => Some(Reply::json(
                404,
                r#"{"status":"NOT_FOUND","message":"Data not found."}"#,
            )),
            "S403" => Some(Reply::json(
                403,
                r#"{"status":"NOT_AUTHORIZED","message":"This ticker is under review."}"#,
            )),
            "BIG" => Some(Reply::json(200, vec![b' '; 17 << 20])),
            "BOMB" => {
                let bomb = gzip(&vec![b' '; 64 << 20]);
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {}",
                    bomb.len()
                );
                Some(raw(&head, &bomb))
            }
            _ => None,
        }),
    );
    let report = home
        .backfill(&server, &format!("S400 S404 S403 BIG BOMB GOOD {DATES}"))
        .exit(3)
        .json();
    for symbol in ["S400", "S404", "S403", "BIG", "BOMB", "GOOD"] {
        assert_eq!(tries(&server, symbol).len(), 1, "{symbol}");
    }
    let errors = report["failed"].to_string();
    for words in ["cannot be parsed", "Data not found", "under review"] {
        assert!(
            errors.contains(words),
            "the provider's own words are kept: {words:?} in {errors}"
        );
    }
    check(
        &home.db(),
        "GOOD",
        "1d",
        span("GOOD", "1d", "2024-01-02", "2024-03-28"),
    );
    assert_eq!(home.db().count("SELECT count(*) FROM coverage"), 1);
}

#[test]
fn a_redirect_is_not_followed_and_the_key_goes_nowhere_else() {
    let stranger = Server::start();
    for status in [301, 302, 307, 308] {
        let to = format!(
            "{}/v2/aggs/ticker/AAPL/range/1/day/2024-01-02/2024-03-28",
            stranger.url()
        );
        let (home, server) = (
            Home::new(),
            Server::always(Reply::json(status, "").with("Location", to)),
        );
        let report = home
            .backfill(&server, &format!("AAPL {DATES}"))
            .exit(3)
            .json();
        assert_eq!((server.hits(), stranger.hits()), (1, 0), "{status}");
        assert_eq!(report["failed"][0]["attempts"], 1);
        assert_eq!(home.db().count("SELECT count(*) FROM coverage"), 0);
    }
}

#[test]
fn a_refused_key_stops_the_job_at_the_first_answer_and_is_not_printed() {
    for body in [
        r#"{"status":"ERROR","request_id":"r","error":"Unknown API Key"}"#.to_owned(),
        // A proxy that repeats what it was sent.
        format!(
            r#"{{"status":"ERROR","request_id":"r","error":"Unknown API Key {}"}}"#,
            crate::support::harness::KEY
        ),
    ] {
        let (home, server) = (Home::new(), Server::always(Reply::json(401, body)));
        let run = home
            .backfill(&server, &format!("AAPL MSFT NVDA {DATES} --workers 1"))
            .exit(1);
        assert_eq!(server.hits(), 1);
        assert!(
            run.stdout.contains("Unknown API Key") || run.stderr.contains("Unknown API Key"),
            "{run:?}"
        );
        assert_eq!(home.db().text("SELECT status FROM backfill_jobs"), "failed");
        assert_eq!(home.db().count("SELECT count(*) FROM coverage"), 0);
        home.assert_no_key_on_disk();
    }
}

// What is told of each try with `-v` held a server's words as they came, and the key where the server repeated it.
#[test]
fn a_key_that_a_server_repeats_is_not_told_of_the_tries_either() {
    let body = format!(
        r#"{{"status":"ERROR","error":"bad gateway for {}"}}"#,
        crate::support::harness::KEY
    );
    let (home, server) = (
        Home::new(),
        Server::scripted(move |request| (request.n == 0).then(|| Reply::json(200, &*body))),
    );
    let run = home.backfill(&server, &format!("AAPL {DATES} -v")).ok();
    assert!(run.stderr.contains("bad gateway for ***"), "{run:?}");
    let colours = run.stderr.contains('\u{1b}');
    assert!(!colours, "nobody sees them in a file: {run:?}");
}

#[test]
fn a_key_that_a_row_repeats_is_kept_out_of_the_evidence() {
    let row = format!(
        r#"{{"t":null,"c":"{0}","{0}":1}}"#,
        crate::support::harness::KEY
    );
    // Kept as evidence up to a length that ends within the key.
    let long = format!(
        r#"{{"t":null,"x":"{}{}"}}"#,
        "x".repeat(4096 - 20 - 15),
        crate::support::harness::KEY
    );
    let good = r#"{"t":1704171600000,"o":1,"h":1,"l":1,"c":1,"v":1}"#;
    let body = format!(r#"{{"status":"OK","results":[{row},{long},{good}]}}"#);
    let (home, server) = (Home::new(), Server::always(Reply::json(200, body)));
    home.backfill(&server, &format!("AAPL {DATES}")).ok();
    let raw = home.db().text("SELECT min(raw) FROM rejected");
    assert_eq!(raw, r#"{"t":null,"c":"***","***":1}"#);
    let cut = home.db().text("SELECT max(raw) FROM rejected");
    assert!(cut.ends_with("x***"), "{cut}");
    home.assert_no_key_on_disk();
}

#[test]
fn what_failed_alike_is_one_line_and_a_refusal_is_not_asked_again_on_advice() {
    let refusing = |plan: bool| {
        Server::scripted(move |request| match request.ask().symbol.as_str() {
            "S404" if !plan => Some(Reply::json(404, r#"{"message":"Data not found."}"#)),
            "BOMB" if !plan => Some(Reply::json(200, vec![b' '; 17 << 20])),
            "GOOD" => None,
            _ => Some(Reply::json(
                403,
                r#"{"status":"NOT_AUTHORIZED","message":"This ticker is under review."}"#,
            )),
        })
    };
    let (by_plan, otherwise, good) = (refusing(true), refusing(false), Server::start());
    let home = Home::new();
    let run = |server: &Server, words: &str, exit: i32| {
        let words = format!("backfill {words} -t 1m --start 2024-01-02 --end 2024-02-20");
        home.to(server, words.split(' ')).run().exit(exit).stdout
    };
    let text = run(&by_plan, "S1 S2 GOOD", 3);
    let failed: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("failed:"))
        .collect();
    let [line] = failed[..] else {
        panic!("one line for all that failed alike\n{text}");
    };
    for words in [
        "failed: S1 1m 2024-01-02 to",
        "more slices of 2 series in all: HTTP 403",
    ] {
        assert!(line.contains(words), "{words}\n{line}");
    }
    let next = |text: &str| text.lines().last().unwrap().to_owned();
    let is_plan = "look at what the plan includes; then candlefile";
    assert!(next(&text).contains(is_plan), "{text}");
    let text = run(&otherwise, "S404 S3", 3);
    assert!(
        next(&text).contains("look at its reasons and at the symbols"),
        "{text}"
    );
    let all_403 = Server::always(Reply::json(
        403,
        r#"{"status":"NOT_AUTHORIZED","message":"You are not entitled to this data. Please upgrade your plan"}"#,
    ));
    let text = run(
        &all_403,
        "C:EURUSD C:GBPUSD C:USDJPY C:USDCHF --workers 1",
        3,
    );
    assert!(
        text.contains("not asked: the plan does not include"),
        "{text}"
    );
    assert!(next(&text).contains(is_plan), "{text}");
    // Where something else failed, too, another try may mend it.
    let text = run(&otherwise, "S404 BOMB", 3);
    assert!(next(&text).starts_with("next: candlefile"), "{text}");

    // Up to today: what is asked last is not final.
    home.backfill(&by_plan, "TAIL -t 1d --start 20d").exit(3);
    let missing = || home.cli(["info", "--json"]).run().ok().json()["missing"].clone();
    let of_db = "SELECT count(DISTINCT series_id || ' ' || start_ts) FROM backfill_progress WHERE status = 'failed'";
    assert_eq!(missing()["failed_slices"], home.db().count(of_db));
    run(&good, "S1 S2 S3 S404 BOMB", 0);
    home.sql("DELETE FROM backfill_jobs WHERE symbols LIKE '%C:%'");
    assert_eq!(missing()["failed_slices"], 1, "the others have come since");
    home.backfill(&good, "TAIL -t 1d --start 20d").ok();
    assert_eq!(missing()["failed_slices"], 0);
    assert_eq!(missing()["unfinished_jobs"], 4);
}

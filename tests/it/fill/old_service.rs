//! Five defects that backfill services are known for, each as a test that its behaviour would fail.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::support::checker::{self, check};
use crate::support::exchange::Reply;
use crate::support::harness::Home;
use crate::support::oracle::{self, span};
use crate::support::server::Server;

/// The commits a write-ahead log holds: frames whose header gives the size of the file after the commit.
fn commits(wal: &[u8]) -> usize {
    let page = u32::from_be_bytes(wal[8..12].try_into().unwrap()) as usize;
    let frames = wal[32..].chunks_exact(24 + page);
    frames
        .filter(|frame| frame[8..16] == wal[16..24] && frame[4..8] != [0; 4])
        .count()
}

// The old service inserted row by row, each in a transaction of its own: an hour for what takes seconds.
// A server holds back the fourth page, so that the log of the first three can be counted.
#[test]
fn rows_are_not_committed_one_by_one() {
    let home = Home::new();
    let (server, gate) = Server::holding(3);
    let words = "--json backfill AAPL -t 1m --start 2024-01-08 --end 2024-01-11";
    let running = home.to(&server, words.split(' ')).spawn();
    server.wait_for(4);
    home.wait_for_candles(3_000);
    let commits = commits(&std::fs::read(home.path("market.db-wal")).unwrap());
    assert!(
        (1..100).contains(&commits),
        "{commits} commits for 3,000 rows"
    );
    gate.open();
    running.wait().ok();
    check(
        &home.db(),
        "AAPL",
        "1m",
        span("AAPL", "1m", "2024-01-08", "2024-01-11"),
    );
}

// The old service returned how many rows it had tried to insert, so a run that stored nothing reported thousands.
#[test]
fn a_rerun_counts_what_it_stored_and_not_what_it_tried() {
    let (home, server) = (Home::new(), Server::start());
    let words = "AAPL -t 1m --start 2024-01-08 --end 2024-01-11";
    home.backfill(&server, words).ok();
    let rows =
        oracle::candles("AAPL", "1m", span("AAPL", "1m", "2024-01-08", "2024-01-11")).count();
    home.sql("DELETE FROM coverage");
    let records = home.backfill(&server, words).ok().json()["records"].clone();
    assert_eq!(
        (
            &records["fetched"],
            &records["inserted"],
            &records["duplicate"]
        ),
        (&rows.into(), &0.into(), &rows.into())
    );
    assert_eq!(
        home.db()
            .count("SELECT sum(records_inserted) FROM backfill_progress"),
        rows as i64
    );
    check(
        &home.db(),
        "AAPL",
        "1m",
        span("AAPL", "1m", "2024-01-08", "2024-01-11"),
    );
}

// The old service read any body without `results` as an empty day: an outage became a hole that was never filled.
#[test]
fn an_error_is_never_read_as_no_data() {
    let broken = std::sync::Arc::new(AtomicBool::new(true));
    let now = broken.clone();
    let (home, server) = (
        Home::new(),
        Server::scripted(move |_| {
            let body = r#"{"status":"NOT_FOUND","request_id":"a","message":"Data not found."}"#;
            now.load(Ordering::SeqCst).then(|| Reply::json(404, body))
        }),
    );
    let words = "AAPL -t 1d --start 2024-01-02 --end 2024-01-31";
    let report = home.backfill(&server, words).exit(3).json();
    assert_eq!(report["status"], "partial");
    assert_eq!(report["series"][0]["status"], "failed");
    assert_eq!(report["failed"].as_array().map(Vec::len), Some(1));
    assert_eq!(report["nothing_from_provider"], Value::Array(vec![]));
    let db = home.db();
    assert_eq!(
        db.count("SELECT (SELECT count(*) FROM coverage) + (SELECT count(*) FROM empty_spans)"),
        0
    );
    broken.store(false, Ordering::SeqCst);
    home.backfill(&server, words).ok();
    check(
        &home.db(),
        "AAPL",
        "1d",
        span("AAPL", "1d", "2024-01-02", "2024-01-31"),
    );
}

// The old service turned an absent price into 0, and a chart that fell to zero for a minute every few days.
#[test]
fn a_missing_price_is_never_stored_as_zero() {
    let rows = [
        r#"{"v":1,"o":10,"c":10,"h":11,"l":9,"t":1704171600000}"#,
        r#"{"v":1,"c":10,"h":11,"l":9,"t":1704258000000}"#,
        r#"{"v":1,"o":10,"c":null,"h":11,"l":9,"t":1704344400000}"#,
        r#"{"o":10,"c":10,"h":11,"l":9,"t":1704430800000}"#,
    ];
    let body = crate::support::aggs::body("AAPL", false, &rows.map(String::from), None);
    let (home, server) = (Home::new(), Server::always(Reply::json(200, body)));
    let records = home
        .backfill(&server, "AAPL -t 1d --start 2024-01-02 --end 2024-01-05")
        .ok()
        .json()["records"]
        .clone();
    assert_eq!(
        (
            &records["fetched"],
            &records["inserted"],
            &records["rejected"]
        ),
        (&4.into(), &1.into(), &3.into())
    );
    let db = home.db();
    assert_eq!(db.count("SELECT count(*) FROM candles"), 1);
    assert_eq!(
        db.count("SELECT count(*) FROM candles WHERE open * high * low * close = 0 OR volume = 0"),
        0
    );
    checker::check_books(&db);
}

// The old service kept its progress in memory: after a restart it began again from the first day.
#[test]
fn progress_outlives_the_process() {
    let home = Home::new();
    let (server, gate) = Server::holding(3);
    let words = "AAPL -t 1m --start 2024-01-08 --end 2024-01-11";
    let running = home
        .to(&server, ["backfill"].into_iter().chain(words.split(' ')))
        .spawn();
    server.wait_for(4);
    home.wait_for_candles(3_000);
    running.kill();
    gate.open();
    let whole = span("AAPL", "1m", "2024-01-08", "2024-01-11");
    let kept = home.db().candles("AAPL", "1m");
    assert_eq!(kept.len(), 3_000);
    assert_eq!(
        home.db()
            .count("SELECT sum(records_inserted) FROM backfill_progress"),
        3_000
    );
    let covered = home.db().coverage("AAPL", "1m");
    assert_eq!(covered, [(whole.0, kept[2_999].ts + 60)]);
    server.forget();
    let report = home.backfill(&server, words).ok().json();
    assert_eq!(
        server.asked()[0].span.0,
        covered[0].1,
        "it goes on where it was killed"
    );
    assert_eq!(report["records"]["duplicate"], 0);
    check(&home.db(), "AAPL", "1m", whole);
}

//! Nothing is dropped in silence: every row that came is stored, known already, restated, in conflict or rejected, and
//! the report, `status` and the tables say the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::support::aggs::{body, row};
use crate::support::checker::check_books;
use crate::support::exchange::Reply;
use crate::support::harness::Home;
use crate::support::oracle::{self, Candle, MINUTE, span};
use crate::support::server::Server;

/// 2 January 2024, 00:00 UTC.
const START: i64 = 1_704_153_600;
const TEN_MINUTES: &str = "X:BTCUSD -t 1m --start 2024-01-02T00:00:00Z --end 2024-01-02T00:10:00Z";

/// A row of the minute `n`, with its numbers as given.
fn at(n: i64, numbers: &str) -> String {
    format!(r#"{{{numbers},"t":{}}}"#, (START + n * MINUTE) * 1_000)
}

const GOOD: &str = r#""v":1.5,"o":10,"c":10.5,"h":11,"l":9"#;

fn records(report: &Value) -> [i64; 6] {
    [
        "fetched",
        "inserted",
        "duplicate",
        "restated",
        "conflicting",
        "rejected",
    ]
    .map(|name| report["records"][name].as_i64().unwrap())
}

/// The report's sums are those of its series, of the file's slices and of `status`, and they add up.
fn agree(home: &Home, report: &Value) {
    let sums = records(report);
    assert_eq!(sums[0], sums[1..].iter().sum::<i64>(), "{report}");
    let mut series = [0; 6];
    for one in report["series"].as_array().unwrap() {
        series
            .iter_mut()
            .zip(records(one))
            .for_each(|(sum, n)| *sum += n);
    }
    assert_eq!(series, sums);
    let id = report["job_id"].as_str().unwrap();
    let columns = [
        "fetched",
        "inserted",
        "duplicate",
        "restated",
        "conflicting",
        "rejected",
    ];
    let stored = columns.map(|name| {
        home.db().count(&format!(
            "SELECT coalesce(sum(records_{name}), 0) FROM backfill_progress WHERE job_id = '{id}'"
        ))
    });
    assert_eq!(stored, sums);
    let status = home.cli(["status", id, "--json"]).run().ok().json();
    assert_eq!(records(&status["jobs"][0]), sums);
    check_books(&home.db());
}

#[test]
fn rows_that_cannot_be_stored_are_rejected_with_the_raw_row_and_a_reason() {
    let bad = [
        at(1, r#""v":1,"o":null,"c":10,"h":11,"l":9"#),
        at(2, r#""v":1,"o":"10","c":10,"h":11,"l":9"#),
        at(3, r#""v":-1,"o":10,"c":10,"h":11,"l":9"#),
        at(4, r#""o":10,"c":10,"h":11,"l":9"#),
        format!(r#"{{{GOOD},"t":{}}}"#, (START + 5 * MINUTE + 30) * 1_000),
        at(6, r#""v":1,"o":10,"c":10,"h":11"#),
        format!(r"{{{GOOD}}}"),
        format!(r#"{{{GOOD},"t":1e300}}"#),
    ];
    let rows: Vec<String> = [at(0, GOOD)]
        .into_iter()
        .chain(bad.clone())
        .chain([at(8, GOOD)])
        .collect();
    let (home, server) = (
        Home::new(),
        Server::always(Reply::json(200, body("X:BTCUSD", false, &rows, None))),
    );
    let report = home.backfill(&server, TEN_MINUTES).ok().json();
    assert_eq!(records(&report), [10, 2, 0, 0, 0, 8]);
    agree(&home, &report);
    let db = home.db();
    assert_eq!(
        db.count("SELECT count(*) FROM rejected WHERE reason <> ''"),
        8
    );
    for row in bad {
        let escaped = row.replace('\'', "''");
        assert_eq!(
            db.count(&format!(
                "SELECT count(*) FROM rejected WHERE raw = '{escaped}'"
            )),
            1,
            "{row}"
        );
    }
    assert_eq!(
        db.coverage("X:BTCUSD", "1m"),
        [(START, START + 10 * MINUTE)],
        "the slots count as answered"
    );
    server.forget();
    home.backfill(&server, TEN_MINUTES).ok();
    assert_eq!(
        (
            server.hits(),
            home.db().count("SELECT count(*) FROM rejected")
        ),
        (0, 8)
    );
}

#[test]
fn a_number_beyond_every_double_spoils_its_row_and_not_the_page() {
    let rows = [
        at(0, GOOD),
        at(1, r#""v":1,"o":10,"c":10,"h":1e999,"l":9"#),
        at(2, GOOD),
    ];
    let (home, server) = (
        Home::new(),
        Server::always(Reply::json(200, body("X:BTCUSD", false, &rows, None))),
    );
    let report = home.backfill(&server, TEN_MINUTES).ok().json();
    assert_eq!(records(&report), [3, 2, 0, 0, 0, 1]);
    agree(&home, &report);
    let reason = home.db().text("SELECT reason FROM rejected");
    assert!(reason.contains("number out of range"), "{reason}");
}

#[test]
fn an_answer_of_nothing_but_rejected_rows_is_asked_for_again() {
    let bad = at(1, r#""v":1,"o":null,"c":10,"h":11,"l":9"#);
    let (home, server) = (
        Home::new(),
        Server::scripted(move |request| {
            let good = (request.n > 0).then(|| at(2, GOOD));
            let rows: Vec<String> = [bad.clone()].into_iter().chain(good).collect();
            Some(Reply::json(200, body("X:BTCUSD", false, &rows, None)))
        }),
    );
    let report = home.backfill(&server, TEN_MINUTES).ok().json();
    assert_eq!(server.hits(), 2);
    assert_eq!(records(&report), [2, 1, 0, 0, 0, 1]);
    agree(&home, &report);
}

#[test]
fn storable_but_suspicious_rows_are_stored_and_flagged() {
    let rows = [
        at(0, GOOD),
        at(1, r#""v":1,"o":10,"c":10,"h":9,"l":11"#),
        at(2, r#""v":1,"o":10,"c":12,"h":11,"l":9"#),
        at(3, r#""v":1,"o":0,"c":10,"h":11,"l":0"#),
        // A volume-weighted price outside the range is normal on real data.
        at(
            4,
            r#""v":682,"vw":195.5727,"o":195.59,"c":195.59,"h":195.59,"l":195.59"#,
        ),
    ];
    let (home, server) = (
        Home::new(),
        Server::always(Reply::json(200, body("X:BTCUSD", false, &rows, None))),
    );
    let report = home.backfill(&server, TEN_MINUTES).ok().json();
    assert_eq!(records(&report), [5, 5, 0, 0, 0, 0]);
    let db = home.db();
    let flagged = "SELECT group_concat((ts - 1704153600) / 60) FROM (SELECT DISTINCT ts FROM quality_issues ORDER BY ts)";
    assert_eq!(db.text(flagged), "1,2,3");
    assert_eq!(
        db.count("SELECT count(*) FROM quality_issues WHERE check_name = '' OR check_name IS NULL"),
        0
    );
    agree(&home, &report);
}

#[test]
fn two_rows_for_one_stamp_are_a_duplicate_or_a_conflict_and_the_first_stays() {
    let other = r#""v":1.5,"o":10,"c":10.25,"h":11,"l":9"#;
    let rows = [
        at(0, GOOD),
        at(0, GOOD),
        at(1, GOOD),
        at(1, other),
        at(1, other),
        at(2, GOOD),
    ];
    let (home, server) = (
        Home::new(),
        Server::always(Reply::json(200, body("X:BTCUSD", false, &rows, None))),
    );
    let report = home.backfill(&server, TEN_MINUTES).ok().json();
    assert_eq!(records(&report), [6, 3, 1, 0, 2, 0]);
    agree(&home, &report);
    let db = home.db();
    assert!(
        db.candles("X:BTCUSD", "1m")
            .iter()
            .all(|candle| candle.close == 10.5)
    );
    assert_eq!(
        db.count("SELECT count(*) FROM conflicts"),
        1,
        "once for each distinct value"
    );
    assert_eq!(db.count("SELECT count(*) FROM restatements"), 0);
}

#[test]
fn what_is_provisional_is_replaced_or_removed_and_logged() {
    let span = span("X:BTCUSD", "1m", "2024-01-02", "2024-01-02");
    let revised = Arc::new(AtomicBool::new(false));
    let now = revised.clone();
    let revise = |mut candle: Candle| {
        candle.close = candle.low;
        candle
    };
    let (home, server) = (
        Home::new(),
        Server::setup()
            .page(50_000)
            .script(move |_| {
                // The revised answer has every third candle no more, and every fifth of the others at another close.
                let rows = oracle::candles("X:BTCUSD", "1m", span)
                    .enumerate()
                    .filter(|(i, _)| i % 3 > 0);
                let rows: Vec<String> = rows
                    .map(|(i, candle)| {
                        row(
                            "X:BTCUSD",
                            "1m",
                            &if i % 5 == 0 { revise(candle) } else { candle },
                            1.0,
                        )
                    })
                    .collect();
                now.load(Ordering::SeqCst)
                    .then(|| Reply::json(200, body("X:BTCUSD", false, &rows, None)))
            })
            .start(),
    );
    home.backfill(
        &server,
        "X:BTCUSD -t 1m --start 2024-01-02 --end 2024-01-02",
    )
    .ok();
    let old = home.db().candles("X:BTCUSD", "1m");
    home.sql("DELETE FROM coverage");
    revised.store(true, Ordering::SeqCst);
    let report = home
        .backfill(
            &server,
            "X:BTCUSD -t 1m --start 2024-01-02 --end 2024-01-02",
        )
        .ok()
        .json();
    let kept: Vec<(usize, &Candle)> = old.iter().enumerate().filter(|(i, _)| i % 3 > 0).collect();
    let expected: Vec<Candle> = kept
        .iter()
        .map(|(i, candle)| {
            if i % 5 == 0 {
                revise(**candle)
            } else {
                **candle
            }
        })
        .collect();
    let restated = kept
        .iter()
        .zip(&expected)
        .filter(|((_, before), after)| *before != *after)
        .count() as i64;
    let fetched = kept.len() as i64;
    assert!(restated > 50);
    assert_eq!(
        records(&report),
        [fetched, 0, fetched - restated, restated, 0, 0]
    );
    agree(&home, &report);
    let db = home.db();
    assert_eq!(db.candles("X:BTCUSD", "1m"), expected);
    assert_eq!(db.coverage("X:BTCUSD", "1m"), [span]);
    assert_eq!(
        db.count("SELECT count(*) FROM restatements WHERE action = 'replaced'"),
        restated
    );
    assert_eq!(
        db.count("SELECT count(*) FROM restatements WHERE action = 'removed'"),
        old.len() as i64 - fetched
    );
    assert_eq!(db.count("SELECT count(*) FROM conflicts"), 0);
}

#[test]
fn a_job_of_several_kinds_of_outcome_still_adds_up() {
    let (home, server) = (
        Home::new(),
        Server::scripted(|request| match request.ask().symbol.as_str() {
            "X:BAD" => Some(Reply::json(
                200,
                body(
                    "X:BAD",
                    false,
                    &[at(0, GOOD), at(1, r#""v":1"#), at(0, GOOD)],
                    None,
                ),
            )),
            "X:GONE" => Some(Reply::json(404, "{}")),
            _ => None,
        }),
    );
    let words =
        "X:BTCUSD X:BAD X:GONE X:- -t 1m --start 2024-01-02T00:00:00Z --end 2024-01-02T00:10:00Z";
    let report = home.backfill(&server, words).exit(3).json();
    agree(&home, &report);
    let statuses: Vec<_> = report["series"]
        .as_array()
        .unwrap()
        .iter()
        .map(|series| series["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["completed", "completed", "failed", "no_data"]);
    assert_eq!(report["series"][1]["records"]["rejected"], 1);
}

#[test]
fn a_last_page_of_nothing_but_a_bad_row_counts_however_empty_the_page_before_it_was() {
    let path = "/v2/aggs/ticker/X:BTCUSD/range/1/minute/1/2";
    let next = |cursor: &str| format!("https://api.polygon.io{path}?cursor={cursor}");
    let bad = at(3, r#""v":1.5,"o":"ten","c":10.5,"h":11,"l":9"#);
    let pages = [
        body(
            "X:BTCUSD",
            false,
            &[at(0, GOOD), at(1, GOOD)],
            Some(&next("b")),
        ),
        body("X:BTCUSD", false, &[], Some(&next("c"))),
        body("X:BTCUSD", false, &[bad], None),
    ];
    let server = Server::scripted(move |request| {
        let page = match request.param("cursor") {
            None => &pages[0],
            Some("b") => &pages[1],
            Some(_) => &pages[2],
        };
        Some(Reply::json(200, page.clone()))
    });
    let home = Home::new();
    let report = home.backfill(&server, TEN_MINUTES).ok().json();
    assert_eq!(server.hits(), 3, "each page is asked for once: {report}");
    assert_eq!(
        records(&report),
        [3, 2, 0, 0, 0, 1],
        "two candles and a bad row"
    );
    agree(&home, &report);
}

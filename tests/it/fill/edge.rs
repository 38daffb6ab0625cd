//! The live edge, at the real clock: no unfinished candle is stored, nothing provisional is frozen, and an absent tail
//! proves nothing while it is young.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::DateTime;

use crate::support::aggs::{body, row};
use crate::support::checker::check_books;
use crate::support::exchange::Reply;
use crate::support::harness::Home;
use crate::support::oracle::{self, Candle, DAY, HOUR, MINUTE};
use crate::support::server::Server;

fn instant(ts: i64) -> String {
    DateTime::from_timestamp(ts, 0)
        .unwrap()
        .format("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// The start of a minute some hours ago.
fn hours_ago(hours: i64) -> i64 {
    let ts = oracle::now() - hours * HOUR;
    ts - ts.rem_euclid(HOUR)
}

#[test]
fn no_candle_is_stored_before_it_closed_and_none_is_covered_before_it_is_final() {
    let (home, server) = (Home::new(), Server::start());
    let start = hours_ago(5);
    let before = oracle::now();
    home.backfill(
        &server,
        &format!("X:BTCUSD -t 1m --start {}", instant(start)),
    )
    .ok();
    let after = oracle::now();
    let db = home.db();
    let stored = db.candles("X:BTCUSD", "1m");
    let closed =
        |now: i64| oracle::candles("X:BTCUSD", "1m", (start, now - 16 * MINUTE + 1)).count();
    assert!(
        (closed(before)..=closed(after)).contains(&stored.len()),
        "{} stored",
        stored.len()
    );
    assert!(stored.iter().all(|candle| candle.ts + 16 * MINUTE <= after));
    let covered = db.coverage("X:BTCUSD", "1m");
    assert_eq!((covered.len(), covered[0].0), (1, start));
    // The last final candle may be absent at the provider; then coverage waits for the next.
    assert!(
        covered[0].1 <= after - HOUR && covered[0].1 > before - HOUR - 10 * MINUTE,
        "{covered:?} at {after}"
    );
    check_books(&db);
}

#[test]
fn delay_and_final_after_move_the_edge() {
    let (home, server) = (Home::new(), Server::start());
    let start = hours_ago(5);
    let before = oracle::now();
    home.backfill(
        &server,
        &format!(
            "X:BTCUSD -t 1m --start {} --delay 1h --final-after 2h",
            instant(start)
        ),
    )
    .ok();
    let after = oracle::now();
    let stored = home.db().candles("X:BTCUSD", "1m");
    assert!(
        stored.last().unwrap().ts + HOUR + MINUTE <= after
            && stored.last().unwrap().ts > before - HOUR - 10 * MINUTE
    );
    let covered = home.db().coverage("X:BTCUSD", "1m");
    assert!(
        covered[0].1 <= after - 2 * HOUR && covered[0].1 > before - 2 * HOUR - 10 * MINUTE,
        "{covered:?} at {after}"
    );
}

#[test]
fn what_is_provisional_is_asked_again_and_takes_the_later_value() {
    let revised = Arc::new(AtomicBool::new(false));
    let now = revised.clone();
    let (home, server) = (
        Home::new(),
        Server::setup()
            .page(50_000)
            .script(move |request| {
                let ask = request.ask();
                let rows: Vec<String> = oracle::candles("X:BTCUSD", "1m", ask.span)
                    .map(|candle| Candle {
                        close: candle.high,
                        ..candle
                    })
                    .map(|candle| row("X:BTCUSD", "1m", &candle, 1.0))
                    .collect();
                now.load(Ordering::SeqCst)
                    .then(|| Reply::json(200, body("X:BTCUSD", false, &rows, None)))
            })
            .start(),
    );
    let words = format!("X:BTCUSD -t 1m --start {}", instant(hours_ago(5)));
    home.backfill(&server, &words).ok();
    let old = home.db().candles("X:BTCUSD", "1m");
    let covered = home.db().coverage("X:BTCUSD", "1m")[0];
    server.forget();
    revised.store(true, Ordering::SeqCst);
    let report = home
        .backfill(&server, &format!("{words} --force"))
        .ok()
        .json();
    assert_eq!(
        server.asked()[0].span.0,
        covered.1,
        "what is final is not asked again"
    );
    let changed: Vec<&Candle> = old
        .iter()
        .filter(|candle| candle.ts >= covered.1 && candle.close != candle.high)
        .collect();
    assert!(!changed.is_empty());
    assert_eq!(report["records"]["restated"], changed.len());
    let db = home.db();
    assert_eq!(
        db.count("SELECT count(*) FROM restatements WHERE action = 'replaced'"),
        changed.len() as i64
    );
    for candle in db.candles("X:BTCUSD", "1m") {
        let truth = oracle::candle("X:BTCUSD", "1m", candle.ts).unwrap();
        let close = if candle.ts < covered.1 {
            truth.close
        } else {
            truth.high
        };
        assert_eq!(candle, Candle { close, ..truth });
    }
    check_books(&db);
}

#[test]
fn a_tail_that_is_absent_for_less_than_a_week_is_not_taken_for_the_end() {
    for (days, proven) in [(3, false), (20, true)] {
        let last = hours_ago(0) - days * DAY;
        let (home, server) = (
            Home::new(),
            Server::scripted(move |request| {
                let ask = request.ask();
                let rows: Vec<String> =
                    oracle::candles("X:HALTED", "1h", (ask.span.0, ask.span.1.min(last)))
                        .map(|candle| row("X:HALTED", "1h", &candle, 1.0))
                        .collect();
                Some(Reply::json(200, body("X:HALTED", false, &rows, None)))
            }),
        );
        let before = oracle::now();
        home.backfill(
            &server,
            &format!(
                "X:HALTED -t 1h --start {} --workers 1",
                instant(last - 10 * DAY)
            ),
        )
        .ok();
        let after = oracle::now();
        let covered = home.db().coverage("X:HALTED", "1h");
        let end = covered.last().unwrap().1;
        let newest = home.db().candles("X:HALTED", "1h").last().unwrap().ts + HOUR;
        if proven {
            let week_ago = |now: i64| now - 7 * DAY - (now - 7 * DAY).rem_euclid(HOUR);
            assert!(
                (week_ago(before)..=week_ago(after)).contains(&end),
                "{covered:?}"
            );
        } else {
            assert_eq!(end, newest);
        }
        server.forget();
        home.backfill(
            &server,
            &format!(
                "X:HALTED -t 1h --start {} --force",
                instant(last - 10 * DAY)
            ),
        )
        .ok();
        assert_eq!(
            server.asked()[0].span.0,
            end,
            "it is asked again from there"
        );
    }
}

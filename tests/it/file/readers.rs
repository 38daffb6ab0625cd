//! Readers may use the file while a backfill writes, and never see a promise that is not kept yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use candlefile::{Cancel, Store};

use crate::support::checker::check;
use crate::support::harness::Home;
use crate::support::oracle::{self, span};
use crate::support::running::eventually;
use crate::support::server::Server;

#[test]
fn a_reader_never_sees_coverage_without_its_candles() {
    let snapshots = Arc::new(AtomicUsize::new(0));
    let seen = snapshots.clone();
    // No page is answered before the reader has looked once more, so that it looks between all of them.
    let server = Server::setup()
        .page(100)
        .script(move |request| {
            let before = seen.load(Ordering::SeqCst);
            if request.n > 0 {
                eventually("the reader looks", || {
                    seen.load(Ordering::SeqCst) > before + 1
                });
            }
            None
        })
        .start();
    let home = Home::new();
    let span = span("AAPL", "1m", "2024-01-02", "2024-01-05");
    let stamps: Vec<i64> = oracle::candles("AAPL", "1m", span)
        .map(|candle| candle.ts)
        .collect();
    let words = "backfill AAPL -t 1m --start 2024-01-02 --end 2024-01-05";
    let mut running = home.to(&server, words.split(' ')).spawn();
    server.wait_for(1);
    let db = home.db();
    let mut sizes = std::collections::BTreeSet::new();
    while !running.has_ended() {
        db.0.execute_batch("BEGIN").unwrap();
        let covered = db.coverage("AAPL", "1m");
        let counted = db.count("SELECT coalesce(sum(candles), 0) FROM series");
        let progress = db.count("SELECT coalesce(sum(records_inserted), 0) FROM backfill_progress");
        let rows = db.count("SELECT count(*) FROM candles");
        for (start, end) in covered {
            let promised =
                stamps.partition_point(|ts| *ts < end) - stamps.partition_point(|ts| *ts < start);
            let held = db.count(&format!(
                "SELECT count(*) FROM candles WHERE ts >= {start} AND ts < {end}"
            ));
            assert_eq!(held, promised as i64, "candles in [{start}, {end})");
            assert_eq!(held, rows, "every stored candle is final and covered");
        }
        assert_eq!((counted, progress), (rows, rows));
        db.0.execute_batch("COMMIT").unwrap();
        sizes.insert(rows);
        snapshots.fetch_add(1, Ordering::SeqCst);
    }
    // The last page may have been asked for before the end was seen.
    running.wait().ok();
    assert!(
        sizes.len() > 10,
        "the reader saw only {} states",
        sizes.len()
    );
    check(&home.db(), "AAPL", "1m", span);
}

#[test]
fn a_reader_that_stays_does_not_stop_the_writer() {
    let (home, server) = (Home::new(), Server::setup().page(200).start());
    home.backfill(&server, "AAPL -t 1d --start 2024-01-02 --end 2024-01-05")
        .ok();
    // A file that is being written: at rest a reader is waited for.
    let writer = Store::open(&home.db_path()).unwrap();
    writer.ready_to_write(&Cancel::new(), || ()).unwrap();
    let reader = home.db();
    reader.0.execute_batch("BEGIN").unwrap();
    let before = reader.count("SELECT count(*) FROM candles");
    home.backfill(
        &server,
        "AAPL MSFT -t 1m --start 2024-01-02 --end 2024-01-10",
    )
    .ok();
    assert_eq!(
        reader.count("SELECT count(*) FROM candles"),
        before,
        "its snapshot stays as it was"
    );
    reader.0.execute_batch("COMMIT").unwrap();
    assert!(reader.count("SELECT count(*) FROM candles") > before);
    for symbol in ["AAPL", "MSFT"] {
        check(
            &home.db(),
            symbol,
            "1m",
            span(symbol, "1m", "2024-01-02", "2024-01-10"),
        );
    }
}

//! A packed copy that is made writable goes on: its seal goes with the first write and not before, and only what is missing
//! is fetched.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use candlefile::Store;
use candlefile::handover::verify;
use candlefile::model::{Candle, SeriesKey};
use candlefile::monitor::Meter;

use crate::support::checker::check;
use crate::support::db::Db;
use crate::support::harness::Home;
use crate::support::oracle::span;
use crate::support::server::Server;

const DATES: &str = "--start 2024-01-02 --end 2024-01-31";

/// A folder with a packed file of AAPL 1d, January 2024, and a writable copy of it.
fn copied(server: &Server) -> (Home, PathBuf) {
    let home = Home::new();
    home.backfill(server, &format!("AAPL -t 1d {DATES}")).ok();
    home.cli(["pack", "-o", "out.db"]).run().ok();
    let copy = home.path("mine.db");
    fs::copy(home.path("out.db"), &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o644)).unwrap();
    server.forget();
    (home, copy)
}

fn sealed(path: &Path) -> bool {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name IN ('manifest', 'seal')";
    Db::open(path).count(sql) > 0
}

#[test]
fn a_copy_goes_on_with_what_is_missing_alone() {
    let server = Server::start();
    let (home, copy) = copied(&server);
    let words = "--db mine.db backfill AAPL -t 1d --start 2024-01-02 --end 2024-02-29";
    home.to(&server, words.split(' ')).without_db().run().ok();
    let february = span("AAPL", "1d", "2024-02-01", "2024-02-29");
    let asked: Vec<_> = server.asked().into_iter().map(|ask| ask.span).collect();
    assert_eq!(asked, [february]);
    assert!(!home.path("mine.db-wal").exists() && !home.path("mine.db-journal").exists());
    let db = Db::open(&copy);
    check(
        &db,
        "AAPL",
        "1d",
        span("AAPL", "1d", "2024-01-02", "2024-02-29"),
    );
    assert!(!sealed(&copy));
    assert_eq!(db.text("PRAGMA journal_mode"), "delete");
    let bytes = fs::read(&copy).unwrap();
    let mark = b"candlefile seal";
    assert!(
        !bytes.windows(mark.len()).any(|window| window == mark),
        "no trace of the seal is left"
    );
    home.cli(["verify", "mine.db"]).run().ok();
}

#[test]
fn an_update_of_a_copy_works_from_its_coverage() {
    let server = Server::start();
    let (home, copy) = copied(&server);
    home.to(&server, ["--db", "mine.db", "update"])
        .without_db()
        .run()
        .ok();
    let first = server
        .asked()
        .into_iter()
        .map(|ask| ask.span.0)
        .min()
        .unwrap();
    assert_eq!(first, span("AAPL", "1d", "2024-02-01", "2024-02-01").0);
    assert!(!sealed(&copy));
}

#[test]
fn a_write_that_is_taken_back_leaves_the_seal_on() {
    let (home, copy) = copied(&Server::start());
    let before = fs::read(&copy).unwrap();
    let mut store = Store::open(&copy).unwrap();
    let key = SeriesKey {
        symbol: "AAPL".parse().unwrap(),
        timeframe: "1d".parse().unwrap(),
        source: "elsewhere".to_owned(),
        adjusted: candlefile::model::Adjustment::Raw,
        listing: candlefile::model::Listing::on(candlefile::model::MarketCode::XNYS),
    };
    let candle = Candle {
        ts: 86_400,
        open: 1.0,
        high: 1.0,
        low: 1.0,
        close: 1.0,
        volume: Some(1.0),
        vwap: None,
        trades: None,
    };
    assert!(
        store.insert_candles(&key, &[candle], 0).is_err(),
        "another source"
    );
    assert!(store.is_packed());
    drop(store);
    assert!(fs::read(&copy).unwrap() == before);
    assert!(
        verify(&copy, &Meter::default())
            .unwrap()
            .problems
            .is_empty()
    );
    // Reading takes nothing off either.
    for words in ["list", "status", "show AAPL", "update --dry-run"] {
        home.cli(["--db", "mine.db"])
            .without_db()
            .args(words)
            .run()
            .ok();
    }
    assert!(fs::read(&copy).unwrap() == before);
    assert!(!home.path("mine.db-wal").exists());

    let mut store = Store::open(&copy).unwrap();
    let key = SeriesKey {
        source: "polygon".to_owned(),
        ..key
    };
    store.insert_candles(&key, &[candle], 0).unwrap();
    assert!(!store.is_packed());
    drop(store);
    assert!(!sealed(&copy));
}

#[test]
fn a_read_only_file_says_how_to_make_a_copy_that_goes_on() {
    let server = Server::start();
    let (home, _) = copied(&server);
    for words in [
        "update",
        "backfill AAPL --start 2024-01-02",
        "resume",
        "drop AAPL -t 1d --yes",
    ] {
        let cli = home
            .to(&server, ["--db", "out.db"])
            .without_db()
            .args(words);
        cli.run().exit(1).says(&[
            "read-only",
            "cp out.db copy.db",
            "chmod u+w copy.db",
            "--db copy.db",
        ]);
    }
    assert!(server.asked().is_empty());
    home.cli(["verify", "out.db"]).run().ok();
}

#[test]
fn two_programs_that_take_the_seal_off_at_once_both_store_what_they_fetch() {
    let server = Server::start();
    let (home, copy) = copied(&server);
    let running: Vec<_> = ["MSFT", "SPY", "X:BTCUSD"]
        .map(|symbol| {
            let words = format!("--db mine.db backfill {symbol} -t 1d {DATES}");
            home.to(&server, words.split(' ')).without_db().spawn()
        })
        .into_iter()
        .collect();
    for run in running {
        run.wait().ok();
    }
    let db = Db::open(&copy);
    for symbol in ["AAPL", "MSFT", "SPY", "X:BTCUSD"] {
        check(
            &db,
            symbol,
            "1d",
            span(symbol, "1d", "2024-01-02", "2024-01-31"),
        );
    }
    assert!(!sealed(&copy));
}

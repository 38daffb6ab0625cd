//! A large file that is broken off in its middle, by Ctrl-C or by a kill, goes on behind the last row that was stored: no row is read
//! twice, and none is lost.

use std::sync::Arc;
use std::time::Duration;

use candlefile::import::{Format, Import, Importer, LocalZone, Said, SymbolFrom};
use candlefile::model::{JobStatus, MarketCode};
use candlefile::monitor::Meter;
use candlefile::store::FileStatus;
use candlefile::{Cancel, Clock, Store, SystemClock};

use super::{counts, import, write};
use crate::support::checker::check_books;
use crate::support::harness::Home;
use crate::support::running::eventually;

/// More than waits between reader and writer and is stored at once, behind what a file is understood by.
const ROWS: usize = 140_000;
const WORDS: &str = "a.csv --as csv --market 24/7 --symbol BTC --tz UTC";

/// Minutes, and beside them a column that nobody reads: 2 MiB, by which a file is understood, are few of its rows.
fn minutes(home: &Home) {
    let mut text = "date,open,high,low,close,volume,note\n".to_owned();
    let note = "x".repeat(60);
    let mut at = "2023-01-01T00:00:00"
        .parse::<chrono::NaiveDateTime>()
        .unwrap();
    for row in 0..ROWS {
        text += &format!("{at},{row},{row},{row},{row},1,{note}\n");
        at += chrono::TimeDelta::minutes(1);
    }
    write(home, "a.csv", &text);
}

/// Every row is stored once, by one of two jobs.
fn check_rows(home: &Home) {
    assert_eq!(
        home.db().count("SELECT count(*) FROM candle_data"),
        ROWS as i64
    );
    let of = "SELECT sum(records_fetched) || ' ' || sum(records_inserted) || ' ' || sum(digest IS NOT NULL) FROM imports";
    assert_eq!(home.db().text(of), format!("{ROWS} {ROWS} 1"));
    check_books(&home.db());
    let known = import(home, WORDS).ok().json();
    assert_eq!(known["files"][0]["status"], "known");
}

/// Stops the import once so much of the file was read: whoever stores rows looks at the clock.
struct Stops {
    clock: SystemClock,
    meter: Meter,
    cancel: Cancel,
}

impl Clock for Stops {
    fn now_ms(&self) -> i64 {
        if self.meter.read().done > 3 << 20 {
            self.cancel.cancel();
        }
        self.clock.now_ms()
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    fn sleep(&self, duration: Duration, cancel: &Cancel) {
        self.clock.sleep(duration, cancel);
    }
}

#[test]
fn a_file_that_is_stopped_in_its_middle_goes_on_there() {
    let home = Home::new();
    minutes(&home);
    let said = Said {
        symbol: Some(SymbolFrom::Is("BTC".parse().unwrap())),
        market: Some(MarketCode::ALWAYS),
        zone: LocalZone::typed("UTC").ok(),
        ..Said::only(Format::Csv)
    };
    let mut store = Store::create(&home.db_path()).unwrap();
    let import = Import::of(&[home.path("a.csv")], said, Some(&store)).unwrap();
    let (meter, cancel) = (Meter::default(), Cancel::new());
    let clock = Arc::new(Stops {
        clock: SystemClock::default(),
        meter: meter.clone(),
        cancel: cancel.clone(),
    });
    let stopped = Importer {
        clock,
        cancel,
        meter,
    };
    let first = import.run(&mut store, &stopped).unwrap();
    assert_eq!(
        (first.status, first.files[0].status),
        (JobStatus::Interrupted, FileStatus::Interrupted)
    );
    let stored = first.records.inserted;
    assert!((1..ROWS as u64).contains(&stored), "{stored}");
    let going_on = Importer {
        clock: Arc::new(SystemClock::default()),
        cancel: Cancel::new(),
        meter: Meter::default(),
    };
    let rest = import.run(&mut store, &going_on).unwrap();
    assert_eq!(
        (rest.status, rest.records.fetched),
        (JobStatus::Completed, ROWS as u64 - stored)
    );
    drop(store);
    check_rows(&home);
}

#[test]
fn a_file_whose_import_is_killed_in_its_middle_goes_on_there() {
    let home = Home::on_disk();
    minutes(&home);
    let running = home.cli(["import"]).args(WORDS).spawn();
    let sql = "SELECT sum(candles) FROM series";
    eventually("rows are stored", || {
        home.take_back();
        let stored = || home.db().0.query_row(sql, [], |row| row.get::<_, i64>(0));
        home.db_path().exists() && stored().is_ok_and(|candles| candles > 0)
    });
    running.kill();
    let report = import(&home, WORDS).ok().json();
    assert_eq!(counts(&report["records"])[2], 0, "a row was read twice");
    check_rows(&home);
}

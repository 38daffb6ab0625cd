//! Files of every released format: this version opens and checks each of them.

use std::path::PathBuf;
use std::sync::Arc;

use candlefile::backfill::{Request, Runner, run};
use candlefile::{
    Cancel, JobStatus, ManualClock, Policy, Sample, Selection, SeriesKey, Span, Store, StoreError,
};

use crate::checker::check_books;
use crate::db::Db;
use crate::harness::Home;

#[test]
fn a_file_of_every_released_format_opens_and_is_sound() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/formats");
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "db") {
            continue;
        }
        // A copy: opening a file may leave something beside it.
        let home = Home::new();
        std::fs::copy(&path, home.db_path()).unwrap();
        let list = home.cli(["list", "--json"]).run().ok().json();
        let series = list["series"].as_array().unwrap();
        assert!(!series.is_empty(), "{}", path.display());
        for one in series {
            let (symbol, timeframe) = (
                one["symbol"].as_str().unwrap(),
                one["timeframe"].as_str().unwrap(),
            );
            let shown = home
                .cli(["show", symbol, "-t", timeframe, "--tail", "1", "--json"])
                .run()
                .ok()
                .json();
            assert_eq!(
                shown["candles"].as_array().map(Vec::len),
                Some(1),
                "{symbol} {timeframe}"
            );
            assert_eq!(
                one["candles"],
                Db::open(&home.db_path()).candles(symbol, timeframe).len()
            );
        }
        home.cli(["status"]).run().ok();
        check_books(&home.db());
        checked += 1;
    }
    assert!(checked > 0, "no file of a released format");
}

#[test]
fn a_file_of_the_current_format_is_among_them() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/formats");
    let current = folder.join(format!("v{}.db", candlefile::store::FORMAT));
    assert!(current.is_file(), "{} is missing", current.display());
    // The bytes themselves: a connection would leave files beside it. `user_version` stands at offset 60.
    let bytes = std::fs::read(&current).unwrap();
    let format = i32::from_be_bytes(bytes[60..64].try_into().unwrap());
    assert_eq!(format, candlefile::store::FORMAT);
}

#[test]
fn a_file_of_every_released_format_lacks_nothing_that_it_holds_from_the_sample_provider() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/formats");
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let (original, copy) = (entry.unwrap().path(), tempfile::tempdir().unwrap());
        if original
            .extension()
            .is_none_or(|extension| extension != "db")
        {
            continue;
        }
        let path = copy.path().join("market.db");
        std::fs::copy(&original, &path).unwrap();
        let mut store = Store::open(&path).unwrap();
        for series in store.series().unwrap() {
            let spans: Vec<Span> = series.coverage.iter().collect();
            let held = Span::new(spans[0].start(), spans[spans.len() - 1].end()).unwrap();
            checked += 1;
            let (mut candles, mut last) = (0, i64::MIN);
            let read = store.each_candle(
                &series.key.symbol,
                series.key.timeframe,
                Selection::All,
                |candle| {
                    assert!(candle.ts > last && held.contains(candle.ts));
                    assert_eq!(candle.storable(series.key.symbol.asset_class()), Ok(()));
                    (candles, last) = (candles + 1, candle.ts);
                    Ok::<(), StoreError>(())
                },
            );
            read.unwrap();
            assert_eq!((candles, Some(last)), (series.candles, series.last_ts));
            asks_nothing(&mut store, &series.key, held);
        }
        drop(store);
        let connection = rusqlite::Connection::open(&path).unwrap();
        let word = connection.pragma_query_value(None, "integrity_check", |row| row.get(0));
        assert_eq!(word, Ok("ok".to_owned()), "{}", original.display());
    }
    assert!(checked > 0, "no file of a released format");
}

/// A backfill over what is held sends nothing, long after all of it is final.
fn asks_nothing(store: &mut Store, key: &SeriesKey, held: Span) {
    let runner = Runner {
        provider: Arc::new(Sample::default()),
        clock: Arc::new(ManualClock::at(held.end() + 60 * 86_400)),
        cancel: Cancel::new(),
        workers: 2,
        policy: Policy::default(),
        force: false,
        refetch_empty: false,
    };
    let request = Request {
        command: "backfill",
        series: vec![(key.clone(), held)],
        start_words: None,
        end_words: None,
    };
    let report = run(store, &request, &runner, &()).unwrap();
    assert_eq!((report.status, report.requests), (JobStatus::Completed, 0));
}

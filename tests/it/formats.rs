//! Files of every released format: this version opens and checks each of them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

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

fn released(format: i32) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/formats");
    folder.join(format!("v{format}.db"))
}

#[test]
fn there_is_a_file_of_every_released_format() {
    for format in 1..=candlefile::store::FORMAT {
        let file = released(format);
        assert!(file.is_file(), "{} is missing", file.display());
        // The bytes themselves: a connection would leave files beside it. `user_version` stands at offset 60.
        let bytes = std::fs::read(&file).unwrap();
        let found = i32::from_be_bytes(bytes[60..64].try_into().unwrap());
        assert_eq!(found, format, "{}", file.display());
    }
}

/// Tables with their columns, indices and views, without the text that made them: a column that was added later stands
/// without its comment.
fn shape(db: &Db) -> String {
    db.text(
        "SELECT group_concat(line, char(10)) FROM (
         SELECT m.type || ' ' || m.name || ' ' || coalesce((SELECT group_concat(x.name || ' ' || x.type || ' ' || x.\"notnull\"
           || ' ' || coalesce(x.dflt_value, '-') || ' ' || x.pk, ', ') FROM pragma_table_xinfo(m.name) AS x), '')
           || iif(m.type IN ('index', 'view'), coalesce(m.sql, ''), '') AS line
         FROM sqlite_schema AS m ORDER BY m.type, m.name)",
    )
}

#[test]
fn a_file_of_an_older_format_becomes_one_of_this_format_when_it_is_written_and_holds_the_same() {
    let fresh = Home::new();
    drop(Store::create(&fresh.db_path()).unwrap());
    for format in 1..=candlefile::store::FORMAT {
        let home = Home::new();
        std::fs::copy(released(format), home.db_path()).unwrap();
        let before = home.db().candles("AAPL", "1h");
        home.cli(["list"]).run().ok();
        let version = "PRAGMA user_version";
        assert_eq!(
            home.db().count(version),
            i64::from(format),
            "reading changed it"
        );
        drop(Store::open(&home.db_path()).unwrap());
        let db = home.db();
        assert_eq!(db.count(version), i64::from(candlefile::store::FORMAT));
        assert_eq!(shape(&db), shape(&fresh.db()), "format {format}");
        assert_eq!(db.candles("AAPL", "1h"), before);
        check_books(&db);
        let words = "backfill AAPL --provider sample -t 1d --start 2024-01-02 --end 2024-03-28";
        home.cli(words.split(' ')).run().ok();
        let status = home.cli(["status", "--json"]).run().ok().json();
        assert_eq!(status["jobs"][0]["program"], env!("CARGO_PKG_VERSION"));
    }
}

#[test]
fn two_programs_that_bring_a_file_up_at_once_both_go_on() {
    for _ in 0..6 {
        let home = Home::new();
        std::fs::copy(released(1), home.db_path()).unwrap();
        let both = ["AAPL", "MSFT", "NVDA"].map(|symbol| {
            let words =
                format!("backfill {symbol} --provider sample --start 2024-03-01 --end 2024-03-28");
            home.cli(words.split(' ')).spawn()
        });
        for running in both {
            running.wait().ok();
        }
        check_books(&home.db());
    }
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

#[allow(clippy::print_stderr)] // The figures of a campaign.
fn killed_while_it_brings_a_file_up(kills: u32, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut old, mut new) = (0, 0);
    for kill in 0..kills {
        let home = Home::new();
        std::fs::copy(released(1), home.db_path()).unwrap();
        let before = Db::open(&home.db_path()).candles("AAPL", "1h");
        let words = "backfill AAPL --provider sample -t 1d --start 2024-01-02 --end 2024-03-28";
        let running = home.cli(words.split(' ')).spawn();
        // Not a wait for anything: it moves the kill to anywhere around the change of the format.
        std::thread::sleep(Duration::from_micros(random.u64(..12_000)));
        running.kill();
        let db = home.db();
        match db.count("PRAGMA user_version") {
            1 => old += 1,
            2 => new += 1,
            other => panic!("format {other} after kill {kill} of seed {seed}"),
        }
        assert_eq!(db.candles("AAPL", "1h"), before);
        check_books(&db);
        drop(db);
        home.cli(words.split(' ')).run().ok();
        assert_eq!(home.db().count("PRAGMA user_version"), 2);
        check_books(&home.db());
    }
    eprintln!("{old} kills left the old format, {new} the new one (seed {seed})");
}

#[test]
fn killed_while_it_brings_a_file_up_it_leaves_the_old_format_or_the_new_one() {
    killed_while_it_brings_a_file_up(30, 5);
}

#[test]
#[ignore = "a campaign: 1,000 kills"]
fn campaign_killed_while_it_brings_a_file_up() {
    killed_while_it_brings_a_file_up(1_000, fastrand::u64(..));
}

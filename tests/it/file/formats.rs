//! Files of every released format: this version opens and checks each of them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use candlefile::backfill::{Request, Runner, run};
use candlefile::model::{JobStatus, Policy, SeriesKey, Span};
use candlefile::provider::Sample;
use candlefile::store::FORMAT;
use candlefile::view::View;
use candlefile::{Cancel, ManualClock, Store, StoreError};

use crate::support::checker::check_books;
use crate::support::db::Db;
use crate::support::harness::Home;

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
    for format in 1..=FORMAT {
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
    for format in 1..=FORMAT {
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
        let mut store = Store::open(&home.db_path()).unwrap();
        // What belongs to a series goes with it, also on the connection that made its table anew.
        let coin = ("X:BTCUSD".parse().unwrap(), "1h".parse().unwrap());
        store.drop_series(&coin.0, coin.1, 0).unwrap();
        drop(store);
        let db = home.db();
        let orphans =
            "SELECT count(*) FROM candle_data WHERE series_id NOT IN (SELECT id FROM series)";
        assert_eq!(db.count(orphans), 0, "format {format}");
        assert_eq!(db.count(version), i64::from(FORMAT));
        assert_eq!(shape(&db), shape(&fresh.db()), "format {format}");
        assert_eq!(db.candles("AAPL", "1h"), before);
        check_books(&db);
        home.sample("AAPL -t 1d --start 2024-01-02 --end 2024-03-28")
            .ok();
        let status = home.cli(["status", "--json"]).run().ok().json();
        assert_eq!(status["jobs"][0]["program"], env!("CARGO_PKG_VERSION"));
    }
}

/// Symbol, adjustment, market, grid, currency and last day of each series, and the weekday that begins its weeks.
const LISTINGS: &str = "SELECT group_concat(symbol || ' ' || adjusted || ' ' || market || ' ' || grid || ' ' || coalesce(currency, '?') || ' '
    || coalesce(date(last_day, 'unixepoch'), '-') || ' ' || coalesce(week_start, '-'), char(10))
    FROM (SELECT * FROM series WHERE timeframe = '1w' ORDER BY symbol)";

#[test]
fn what_an_older_file_does_not_say_of_its_series_is_the_same_before_and_after_it_is_brought_up() {
    let home = Home::new();
    std::fs::copy(released(4), home.path("old.db")).unwrap();
    let old = rusqlite::Connection::open(home.path("old.db")).unwrap();
    old.execute_batch(
        "INSERT INTO series (symbol, timeframe, source, adjusted, week_start)
         VALUES ('C:EURUSD', '1w', 'polygon', 0, 7), ('I:NDX', '1w', 'polygon', 0, 7), ('XX:Y', '1w', 'elsewhere', 0, NULL),
             ('O:SPY240119C00450000', '1w', 'polygon', 1, 7), ('O:SPY240230C00450000', '1w', 'polygon', 0, 7)",
    )
    .unwrap();
    drop(old);
    std::fs::copy(home.path("old.db"), home.db_path()).unwrap();
    drop(Store::open(&home.db_path()).unwrap());
    assert_eq!(
        home.db().text(LISTINGS),
        "AAPL 0 XNYS utc ? - 7\nC:EURUSD 0 FX utc ? - 7\nI:NDX 0 XCBO utc ? - 7\nO:SPY240119C00450000 1 XNYS utc ? 2024-01-19 7\n\
         O:SPY240230C00450000 0 XNYS utc ? - 7\nX:BTCUSD 0 24/7 utc ? - 7\nXX:Y 0 XNYS utc ? - -"
    );
    let keys = |file: &str| -> Vec<SeriesKey> {
        let store = Store::read(&home.path(file)).unwrap();
        store
            .held_series()
            .unwrap()
            .into_iter()
            .map(|held| held.key)
            .collect()
    };
    assert_eq!(keys("old.db"), keys("market.db"));
    home.cli(["diff", "old.db", "market.db"]).run().ok();
    let files = ["merge", "old.db", "market.db", "-o", "both.db"];
    home.cli(files).run().ok();
    home.cli(["diff", "both.db", "old.db"]).run().ok();

    // The provider says what prices are in, where nobody has.
    home.cli(["update"]).run().ok();
    assert!(
        home.db()
            .text(LISTINGS)
            .starts_with("AAPL 0 XNYS utc USD - 7\n")
    );
}

#[test]
fn a_file_that_was_packed_in_an_older_format_verifies_and_holds_the_same_as_one_of_now() {
    let home = Home::new();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/formats");
    std::fs::copy(folder.join("packed_v4.db"), home.path("old.db")).unwrap();
    std::fs::copy(released(4), home.db_path()).unwrap();
    let verified = home.cli(["verify", "old.db", "--json"]).run().ok().json();
    assert_eq!(verified["packed"], true);
    for strict in [&[][..], &["--compat"]] {
        let pack = ["pack", "-o", "new.db", "--overwrite"];
        home.cli(pack.iter().chain(strict)).run().ok();
        home.cli(["verify", "new.db"]).run().ok();
        for words in [
            "diff old.db new.db",
            "diff old.db market.db",
            "diff new.db market.db",
        ] {
            let run = home.cli(words.split(' ')).run().ok();
            assert!(run.stdout.contains("hold the same"), "{run:?}");
        }
        // Not a page is left over.
        let db = Db::open(&home.path("new.db"));
        assert_eq!(db.count("PRAGMA freelist_count"), 0);
    }
}

#[test]
fn what_this_build_does_not_know_of_a_series_is_read_and_not_filled() {
    for (change, unknown) in [
        ("market = 'XXXX'", "the market XXXX"),
        ("grid = 'lunar'", "the grid lunar"),
        (
            "market = '24/7', grid = 'session'",
            "the grid session of the market 24/7",
        ),
    ] {
        let home = Home::of_sample("AAPL -t 1h --start 2024-01-02 --end 2024-01-31");
        home.sql(&format!("UPDATE series SET {change}"));
        let held = home.db().candles("AAPL", "1h");
        let shown = home
            .cli("show AAPL -t 1h --head 9999 --json".split(' '))
            .run()
            .ok()
            .json();
        assert_eq!(shown["candles"].as_array().map(Vec::len), Some(held.len()));
        for words in [
            "list",
            "info",
            "export AAPL -t 1h -o out.csv",
            "verify market.db",
            "pack -o out.db",
            "diff out.db market.db",
        ] {
            home.cli(words.split(' ')).run().ok();
        }
        home.cli(["update"])
            .run()
            .exit(1)
            .says(&["AAPL 1h", unknown, "cannot be filled", "next:"]);
        assert_eq!(home.db().candles("AAPL", "1h"), held);
        let mut store = Store::open(&home.db_path()).unwrap();
        let key = store.held_series().unwrap()[0].key.clone();
        let handed_in = store.insert_candles(&key, &[], 0);
        assert!(
            matches!(handed_in, Err(StoreError::Unknown { .. })),
            "{handed_in:?}"
        );
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
            let read = View::of(series.clone()).each_candle(&store, |candle| {
                assert!(candle.ts > last && held.contains(candle.ts));
                assert_eq!(candle.storable(&series.market()), Ok(()));
                (candles, last) = (candles + 1, candle.ts);
                Ok::<(), StoreError>(())
            });
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
        // After the file was made: what was asked in the future counts as never asked.
        clock: Arc::new(ManualClock::at(1_830_297_600)),
        cancel: Cancel::new(),
        workers: 2,
        rate: None,
        policy: Policy::default(),
        force: false,
        refetch_empty: false,
        refetch_gaps: false,
        wait: false,
    };
    let request = Request {
        command: "backfill",
        series: vec![(key.clone(), held)],
        start_words: None,
        end_words: None,
    };
    let report = run(store, &request, &runner, &()).unwrap();
    assert_eq!(
        (report.status, report.requests),
        (JobStatus::Completed, 0),
        "{key:?}"
    );
}

/// A file of the format that took candles of several hours for cut by the market's wall clock, with such series.
fn with_several_hours(home: &Home, file: &str) {
    std::fs::copy(released(2), home.path(file)).unwrap();
    let db = rusqlite::Connection::open(home.path(file)).unwrap();
    db.execute_batch(
        "UPDATE series SET timeframe = '4h' WHERE timeframe = '1h';
         DELETE FROM candle_data WHERE ts % 14400 <> 0 AND series_id IN (SELECT id FROM series WHERE timeframe = '4h');
         UPDATE series SET (candles, first_ts, last_ts) =
             (SELECT count(*), min(ts), max(ts) FROM candle_data WHERE series_id = id);
         UPDATE series SET tail_asked_at = 1709300000, tail_asked_from = 1709269200, tail_asked_to = 1709280000;
         INSERT INTO rejected (series_id, ts, reason, raw, seen_at) SELECT id, 1704211200, reason, '{}', 1709300000
             FROM series, (SELECT 'the stamp is off the timeframe''s grid' AS reason UNION SELECT 'close is missing');
         PRAGMA journal_mode = delete;",
    )
    .unwrap();
}

/// Symbol and timeframe of the series that a statement finds.
fn series_with(db: &Db, condition: &str) -> String {
    db.text(&format!(
        "SELECT coalesce(group_concat(symbol || ' ' || timeframe, ', ' ORDER BY symbol, timeframe), '') FROM series WHERE {condition}"
    ))
}

const ALL_BUT_STOCKS_OF_4H: &str = "AAPL 1d, AAPL 1w, X:BTCUSD 1d, X:BTCUSD 1w, X:BTCUSD 4h";

#[test]
fn what_an_older_format_took_for_final_hours_is_taken_back_and_asked_again() {
    // Stocks' 4h candles are cut on UTC lines. Taken for cut by New York's clock, they were stored before they ended, and
    // stayed so for good.
    let home = Home::new();
    with_several_hours(&home, "market.db");
    let covered = "EXISTS (SELECT 1 FROM coverage WHERE series_id = id)";
    let list = home.cli(["list", "--json"]).run().ok().json();
    let is_covered = |one: &&serde_json::Value| one["coverage"] != serde_json::json!([]);
    let listed: Vec<_> = list["series"]
        .as_array()
        .unwrap()
        .iter()
        .filter(is_covered)
        .collect();
    assert_eq!(listed.len(), 5, "{list}");
    let info = home.cli(["info"]).run().ok().stdout;
    assert!(info.contains("1 series without a final answer"), "{info}");
    home.cli(["verify", "market.db"]).run().ok();
    drop(Store::open(&home.db_path()).unwrap());
    let db = home.db();
    assert_eq!(series_with(&db, covered), ALL_BUT_STOCKS_OF_4H);
    assert_eq!(
        series_with(&db, "tail_asked_at IS NOT NULL"),
        ALL_BUT_STOCKS_OF_4H
    );
    let rejected = "EXISTS (SELECT 1 FROM rejected WHERE series_id = id AND reason LIKE '%grid')";
    assert_eq!(series_with(&db, rejected), ALL_BUT_STOCKS_OF_4H);
    assert_eq!(
        db.count("SELECT count(*) FROM rejected WHERE reason = 'close is missing'"),
        6
    );
    check_books(&db);
}

#[test]
fn a_file_that_was_not_brought_up_is_believed_nothing_of_its_hours() {
    is_believed_nothing_of_its_hours("");
}

#[test]
fn nor_is_a_copy_without_history_whose_candles_look_like_handed_in() {
    is_believed_nothing_of_its_hours("UPDATE candle_data SET slice_id = NULL");
}

fn is_believed_nothing_of_its_hours(history: &str) {
    let home = Home::new();
    with_several_hours(&home, "old.db");
    let old = rusqlite::Connection::open(home.path("old.db")).unwrap();
    old.execute_batch(history).unwrap();
    drop(old);
    std::fs::copy(home.path("old.db"), home.path("new.db")).unwrap();
    drop(Store::open(&home.path("new.db")).unwrap());
    let run = |words: &str| home.cli(words.split(' ')).run();
    run("diff old.db new.db").ok();
    run("merge old.db new.db -o first.db").ok();
    run("merge new.db old.db -o second.db").ok();
    for file in ["first.db", "second.db"] {
        run(&format!("diff {file} new.db")).ok();
        let db = Db::open(&home.path(file));
        let rejected =
            "EXISTS (SELECT 1 FROM rejected WHERE series_id = id AND reason LIKE '%grid')";
        assert_eq!(series_with(&db, rejected), ALL_BUT_STOCKS_OF_4H, "{file}");
    }
    for file in ["old.db", "new.db"] {
        let none = run(&format!("pack AAPL -t 4h --db {file} -o none.db")).exit(1);
        assert!(none.stderr.contains("provisional"), "{}", none.stderr);
    }
    run("pack --db old.db -o old-packed.db").ok();
    run("pack --db new.db -o new-packed.db").ok();
    assert!(
        std::fs::read(home.path("old-packed.db")).unwrap()
            == std::fs::read(home.path("new-packed.db")).unwrap(),
        "what is packed of the two differs"
    );
    let packed = Db::open(&home.path("new-packed.db"));
    assert_eq!(series_with(&packed, "candles > 0"), ALL_BUT_STOCKS_OF_4H);
    for file in ["old.db", "new.db"] {
        run(&format!("export --db {file} -o {file}.csv")).ok();
    }
    let exported = |file: &str| std::fs::read(home.path(file)).unwrap();
    assert!(exported("old.db.csv") == exported("new.db.csv"));
}

// What a copy without history had of such hours had no coverage and no job after it was brought up: no update asked for it.
#[test]
fn a_copy_without_history_says_from_where_its_hours_are_asked_again() {
    let home = Home::new();
    with_several_hours(&home, "market.db");
    home.sql("UPDATE candle_data SET slice_id = NULL; DELETE FROM backfill_jobs");
    let asked = |store: &Store| -> Vec<(String, i64)> {
        let series = store.series().unwrap().into_iter();
        let hours = series.filter(|series| series.key.timeframe.to_string() == "4h");
        hours
            .map(|series| {
                (
                    series.key.symbol.to_string(),
                    series.requested_from.unwrap(),
                )
            })
            .collect()
    };
    let before = asked(&Store::read(&home.db_path()).unwrap());
    let first = home.db().candles("AAPL", "4h")[0].ts;
    let after = asked(&Store::open(&home.db_path()).unwrap());
    assert_eq!(before.len(), 2);
    assert_eq!(after, [("AAPL".to_owned(), first), before[1].clone()]);
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
        std::thread::sleep(Duration::from_micros(random.u64(..40_000)));
        running.kill();
        home.take_back();
        let db = home.db();
        match db.count("PRAGMA user_version") {
            1 => old += 1,
            now if now == i64::from(FORMAT) => new += 1,
            other => panic!("format {other} after kill {kill} of seed {seed}"),
        }
        assert_eq!(db.candles("AAPL", "1h"), before);
        check_books(&db);
        drop(db);
        home.cli(words.split(' ')).run().ok();
        assert_eq!(home.db().count("PRAGMA user_version"), i64::from(FORMAT));
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

#[test]
fn hours_that_an_older_program_cut_otherwise_are_no_fault_of_the_file() {
    let original = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/formats/v2.db");
    for (symbol, exit) in [("AAPL", 0), ("X:BTCUSD", 1)] {
        let home = Home::new();
        std::fs::copy(&original, home.db_path()).unwrap();
        home.sql(&format!(
            "UPDATE series SET timeframe = '4h' WHERE timeframe = '1h' AND symbol = '{symbol}'"
        ));
        let run = home.cli(["verify", "market.db"]).run().exit(exit);
        assert_eq!(run.stdout.contains("off the grid"), exit == 1, "{run:?}");
    }
}

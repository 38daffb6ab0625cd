//! Again: what was imported is known by size and time, or by its digest; what was broken off goes on where it was; what was dropped
//! comes back.

use super::{counts, held, import, write};
use crate::support::checker::check_books;
use crate::support::harness::Home;
use crate::support::server::Server;

fn days(first: i64, count: i64) -> String {
    let mut text = "date,open,high,low,close,volume\n".to_owned();
    for day in first..first + count {
        let date = chrono::DateTime::from_timestamp(day * 86_400, 0)
            .unwrap()
            .date_naive();
        text += &format!("{date},{day},{day},{day},{day},1\n");
    }
    text
}

const WORDS: &str = "--as csv --market 24/7 --symbol BTC";

fn statuses(report: &serde_json::Value) -> Vec<String> {
    report["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["status"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_file_is_imported_once_whatever_it_is_called() {
    let home = Home::new();
    write(&home, "a.csv", &days(19_000, 10));
    assert_eq!(
        statuses(&import(&home, &format!("a.csv {WORDS}")).ok().json()),
        ["imported"]
    );
    let again = import(&home, &format!("a.csv {WORDS}")).ok().json();
    assert_eq!(
        (statuses(&again), counts(&again["records"])),
        (vec!["known".to_owned()], [0; 5])
    );
    std::fs::copy(home.path("a.csv"), home.path("b.csv")).unwrap();
    for _ in 0..2 {
        let other = import(&home, &format!("b.csv {WORDS}")).ok().json();
        assert_eq!(
            (statuses(&other), counts(&other["records"])),
            (vec!["known".to_owned()], [0; 5])
        );
    }
    // Said to be something else it is something else.
    let other = import(&home, &format!("a.csv {WORDS}2")).ok().json();
    assert_eq!(
        (statuses(&other), counts(&other["records"])[1]),
        (vec!["imported".to_owned()], 10)
    );
    // Changed, it is read again.
    write(&home, "a.csv", &days(19_000, 12));
    let grown = import(&home, &format!("a.csv {WORDS}")).ok().json();
    assert_eq!(counts(&grown["records"]), [12, 2, 10, 0, 0]);
    check_books(&home.db());
}

#[test]
fn what_was_dropped_can_be_imported_again() {
    let home = Home::new();
    write(&home, "a.csv", &days(19_000, 10));
    import(&home, &format!("a.csv {WORDS}")).ok();
    std::fs::copy(home.path("a.csv"), home.path("b.csv")).unwrap();
    import(&home, &format!("b.csv {WORDS}")).ok();
    home.cli(["drop", "BTC", "-t", "1d", "--yes"]).run().ok();
    let again = import(&home, &format!("b.csv {WORDS}")).ok().json();
    assert_eq!(
        (statuses(&again), counts(&again["records"])[1]),
        (vec!["imported".to_owned()], 10)
    );
    assert_eq!(held(&home, "BTC", "1d").len(), 10);
}

#[test]
fn a_file_that_was_broken_off_goes_on_where_its_last_batch_ended() {
    let home = Home::new();
    write(&home, "a.csv", &days(1_000, 18_000));
    import(&home, &format!("a.csv {WORDS}")).ok();
    // As a kill leaves it between two batches: half of the rows are stored, and the job never ended.
    let half = days(1_000, 9_000).len();
    home.sql(&format!(
        "UPDATE imports SET status = 'pending', digest = NULL, position = {half}, records_fetched = 9000, records_inserted = 9000;
         UPDATE backfill_jobs SET status = 'running', completed_at = NULL;
         DELETE FROM candle_data WHERE ts >= {after};
         UPDATE series SET candles = 9000, last_ts = {after} - 86400",
        after = 10_000 * 86_400
    ));
    let report = import(&home, &format!("a.csv {WORDS}")).ok().json();
    assert_eq!(
        (statuses(&report), counts(&report["records"])),
        (vec!["imported".to_owned()], [9_000, 9_000, 0, 0, 0])
    );
    assert_eq!(home.db().count("SELECT count(*) FROM candle_data"), 18_000);
    check_books(&home.db());
    let known = import(&home, &format!("a.csv {WORDS}")).ok().json();
    assert_eq!(statuses(&known), ["known"]);
}

#[test]
fn an_import_is_not_resumed_but_run_again() {
    let home = Home::new();
    write(&home, "a.csv", &days(19_000, 10));
    let job = import(&home, &format!("a.csv {WORDS}")).ok().json();
    let job = job["job_id"].as_str().unwrap().to_owned();
    home.sql("UPDATE backfill_jobs SET status = 'interrupted'");
    home.cli(["resume"]).run().ok();
    home.cli(["resume", &job])
        .run()
        .exit(1)
        .says(&["is an import", "again"]);
}

#[test]
fn files_of_a_folder_are_imported_in_the_order_of_their_names() {
    let home = Home::new();
    std::fs::create_dir_all(home.path("data/b")).unwrap();
    write(
        &home,
        "data/b/1.csv",
        &days(19_010, 10).replace("19010,", "7,"),
    );
    write(&home, "data/a.csv", &days(19_005, 10));
    write(&home, "data/notes.md", "nothing of use");
    let report = import(&home, &format!("data {WORDS}")).ok().json();
    assert_eq!(statuses(&report), ["imported", "imported"]);
    // The first file's candle of the day that both have stays.
    assert_eq!(counts(&report["records"]), [20, 15, 4, 1, 0]);
}

/// Somebody goes on writing a file whenever somebody looks at the clock.
struct Written(std::path::PathBuf);

impl candlefile::Clock for Written {
    fn now_ms(&self) -> i64 {
        let file = std::fs::File::options().append(true).open(&self.0);
        std::io::Write::write_all(&mut file.unwrap(), b"2030-01-01,1,1,1,1,1\n").unwrap();
        candlefile::SystemClock::default().now_ms()
    }

    fn monotonic(&self) -> std::time::Duration {
        candlefile::SystemClock::default().monotonic()
    }

    fn sleep(&self, _: std::time::Duration, _: &candlefile::Cancel) {}
}

#[test]
fn a_file_that_is_changed_while_it_is_read_is_told_and_read_again() {
    use candlefile::import::{Format, Import, Importer, Said, SymbolFrom};

    let home = Home::new();
    write(&home, "a.csv", &days(19_000, 10));
    let said = Said {
        symbol: Some(SymbolFrom::Is("BTC".parse().unwrap())),
        market: Some(candlefile::model::MarketCode::ALWAYS),
        ..Said::only(Format::Csv)
    };
    let mut store = candlefile::Store::create(&home.db_path()).unwrap();
    let written = Importer {
        clock: std::sync::Arc::new(Written(home.path("a.csv"))),
        cancel: candlefile::Cancel::new(),
        meter: candlefile::monitor::Meter::default(),
    };
    let looked = Import::of(&[home.path("a.csv")], said, Some(&store)).unwrap();
    let report = looked.run(&mut store, &written).unwrap();
    drop(store);
    let problem = report.files[0].problem.as_ref().unwrap();
    assert_eq!(problem.message, "it was changed while it was read");
    let again = import(&home, &format!("a.csv {WORDS}")).ok().json();
    assert_eq!(
        (statuses(&again), counts(&again["records"])),
        (vec!["imported".to_owned()], [10, 0, 10, 0, 0])
    );
    check_books(&home.db());
}

#[test]
fn an_import_that_is_told_to_stop_keeps_what_it_has_and_is_run_again() {
    use candlefile::import::{Format, Import, Importer, Said, SymbolFrom};
    use candlefile::model::MarketCode;
    use candlefile::store::FileStatus;
    use candlefile::{Cancel, Store, SystemClock};

    let home = Home::new();
    write(&home, "a.csv", &days(19_000, 10));
    let said = Said {
        symbol: Some(SymbolFrom::Is("BTC".parse().unwrap())),
        market: Some(MarketCode::ALWAYS),
        ..Said::only(Format::Csv)
    };
    let mut store = Store::create(&home.db_path()).unwrap();
    let import = Import::of(&[home.path("a.csv")], said, Some(&store)).unwrap();
    let importer = |cancel: Cancel| Importer {
        clock: std::sync::Arc::new(SystemClock::default()),
        cancel,
        meter: candlefile::monitor::Meter::default(),
    };
    let stopped = Cancel::new();
    stopped.cancel();
    let report = import.run(&mut store, &importer(stopped)).unwrap();
    assert_eq!(report.status, candlefile::model::JobStatus::Interrupted);
    assert_eq!(report.files[0].status, FileStatus::Interrupted);
    let report = import.run(&mut store, &importer(Cancel::new())).unwrap();
    assert_eq!(
        (report.files[0].status, report.records.inserted),
        (FileStatus::Imported, 10)
    );
}

// Adjusted candles that had been imported stood amid those of another scale, each a conflict, and the run ended well.
#[test]
fn imported_candles_of_an_adjusted_series_are_asked_for_again_before_others_join_them() {
    for range in [
        "--start 2024-01-02 --end 2024-04-30",
        "--start 2024-01-02 --end 2024-02-09",
        "--start 2024-03-25 --end 2024-04-30",
    ] {
        for is_split in [false, true] {
            let (home, server) = (Home::new(), Server::start());
            let fill = |range: &str, file: &str| {
                let words = format!("--db {file} backfill AAPL --adjusted {range}");
                home.to(&server, words.split(' ')).without_db().run()
            };
            fill("--start 2024-02-01 --end 2024-03-28", "whole.db").ok();
            let cli = |words: &str| home.cli(words.split(' ')).without_db().run();
            cli("--db whole.db export -o a.csv").ok();
            let import = "--db m.db import a.csv --as csv --symbol AAPL -t 1d";
            cli(&format!("{import} --source polygon --adjusted split")).ok();
            if !is_split {
                fill(range, "m.db").ok();
                continue;
            }
            server.split(0.25);
            let said = fill(range, "m.db").exit(3).stdout;
            assert!(said.contains("by a factor of 0.25"), "{range}\n{said}");
        }
    }
}

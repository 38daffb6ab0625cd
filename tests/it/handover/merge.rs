//! `merge`: the union of files is what one file would hold that all of it was fetched into, and it can be filled further.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use candlefile::handover::{MergeError, Merged, Target, TargetError, diff, merge};
use candlefile::model::Candle;
use candlefile::{Cancel, Store};
use serde_json::json;

use crate::support::checker::check_books;
use crate::support::db::Db;
use crate::support::disk::Disk;
use crate::support::documents::{fields, refused};
use crate::support::exchange::Reply;
use crate::support::harness::{Home, Run};
use crate::support::scripted::{Bench, DAY, candles, key, label, ny, span, utc, version};
use crate::support::server::Server;

fn fill(home: &Home, server: &Server, file: &str, words: &str) {
    let words = format!("backfill {words} --db {file}");
    home.to(server, words.split(' ')).run().ok();
}

fn run(home: &Home, words: &str) -> Run {
    home.cli(words.split(' ')).run()
}

/// Merges by command, and sees to it that the inputs are as they were and that nothing else was left.
fn merged(home: &Home, inputs: &str, output: &str) -> serde_json::Value {
    let mut before = home.files();
    // What a test that only reads has left beside a file.
    before.retain(|(path, _)| path.extension().is_some_and(|name| name == "db"));
    let report = run(home, &format!("merge {inputs} -o {output} --json"));
    let report = report.ok().json();
    let mut after = home.files();
    after.retain(|(path, _)| *path != home.path(output));
    assert!(before == after, "an input has changed, or more was left");
    let header = fs::read(home.path(output)).unwrap();
    assert_eq!(
        header[18..20],
        [1, 1],
        "a file at rest has a rollback journal"
    );
    report
}

fn same(home: &Home, one: &str, other: &str) {
    run(home, &format!("diff {one} {other}")).ok();
}

#[test]
fn a_union_is_what_one_file_holds_that_all_was_fetched_into_in_either_order() {
    for (a, b) in [
        // Other symbols; other ranges with a hole between, over one another, side by side; one in the other.
        (
            "AAPL -t 1d --start 2024-01-02 --end 2024-02-29",
            "MSFT -t 1d --start 2024-01-02 --end 2024-02-29",
        ),
        (
            "AAPL -t 1d,1w --start 2024-01-02 --end 2024-01-31",
            "AAPL -t 1d,1w --start 2024-03-04 --end 2024-03-28",
        ),
        (
            "AAPL X:BTCUSD -t 1h --start 2024-01-02 --end 2024-02-15",
            "AAPL -t 1h --start 2024-02-01 --end 2024-03-28",
        ),
        (
            "I:NDX -t 1d --start 2024-01-02 --end 2024-01-31",
            "I:NDX -t 1d --start 2024-02-01 --end 2024-02-29",
        ),
        (
            "AAPL -t 15m --start 2024-01-02 --end 2024-03-28",
            "AAPL -t 15m --start 2024-02-01 --end 2024-02-05",
        ),
    ] {
        let (home, server) = (Home::new(), Server::start());
        fill(&home, &server, "a.db", a);
        fill(&home, &server, "b.db", b);
        for words in [a, b] {
            fill(&home, &server, "one.db", words);
        }
        merged(&home, "a.db b.db", "ab.db");
        merged(&home, "b.db a.db", "ba.db");
        server.forget();
        for name in ["ab.db", "ba.db"] {
            same(&home, "one.db", name);
            check_books(&Db::open(&home.path(name)));
            // All of it is known to be there.
            for words in [a, b] {
                fill(&home, &server, name, words);
            }
            run(&home, &format!("status --db {name}")).ok();
        }
        assert_eq!(server.hits(), 0, "{a}, {b}");
    }
}

#[test]
fn a_merged_file_goes_on_and_asks_only_for_what_is_missing() {
    let (home, server) = (Home::new(), Server::start());
    fill(
        &home,
        &server,
        "a.db",
        "AAPL --start 2024-01-02 --end 2024-01-31",
    );
    fill(
        &home,
        &server,
        "b.db",
        "AAPL --start 2024-03-01 --end 2024-03-28",
    );
    merged(&home, "a.db b.db", "market.db");
    server.forget();
    let words = "AAPL --start 2024-01-02 --end 2024-03-28";
    home.backfill(&server, words).ok();
    let asked: Vec<_> = server.asked().iter().map(|ask| ask.span).collect();
    assert_eq!(asked, [(label("2024-02-01"), label("2024-03-01"))]);
    fill(&home, &server, "one.db", words);
    same(&home, "one.db", "market.db");
    check_books(&home.db());
    let status = run(&home, "status --json").ok().json();
    assert_eq!(status["jobs"].as_array().map(Vec::len), Some(3));
}

#[test]
fn three_files_are_merged_as_two_are_and_each_candle_says_when_it_was_fetched() {
    let (home, server) = (Home::new(), Server::start());
    for (file, month) in [("a.db", "01"), ("b.db", "02"), ("c.db", "03")] {
        let words = format!("AAPL MSFT --start 2024-{month}-01 --end 2024-{month}-28");
        fill(&home, &server, file, &words);
        fill(&home, &server, "one.db", &words);
    }
    let report = merged(&home, "c.db a.db b.db", "market.db");
    same(&home, "one.db", "market.db");
    check_books(&home.db());
    fields(&report, "path series candles inputs");
    fields(&report["inputs"][2], "file brought");
    let brought = &report["inputs"][2]["brought"];
    fields(
        brought,
        "series candles added same conflicting superseded restated",
    );
    assert_eq!(brought["added"], brought["candles"]);
    let dated = "SELECT count(*) FROM market_data WHERE fetched_at <> ''";
    assert_eq!(report["candles"], home.db().count(dated));
    // Each slice still has its own rows.
    let counted = "SELECT count(*) FROM backfill_progress AS p WHERE records_inserted <>
        (SELECT count(*) FROM candle_data AS c WHERE c.slice_id = p.slice_id)";
    assert_eq!(home.db().count(counted), 0);
    let table = run(&home, "merge a.db b.db -o table.db").ok();
    assert!(
        table.stdout.contains("table.db holds 2 series"),
        "{table:?}"
    );
}

#[test]
fn a_final_candle_that_differs_is_a_conflict_kept_once_and_the_first_file_wins() {
    let (home, server) = (Home::new(), Server::start());
    for file in ["a.db", "b.db"] {
        let words = "AAPL MSFT --start 2024-01-02 --end 2024-01-31";
        fill(&home, &server, file, words);
    }
    let change =
        "UPDATE candle_data SET close = close + 0.5 WHERE series_id = 1 AND ts = 1704240000;
         UPDATE candle_data SET vwap = NULL WHERE series_id = 2 AND ts = 1704153600;
         UPDATE candle_data SET low = -0.0 WHERE series_id = 2 AND ts = 1704240000;";
    for (file, sql) in [
        (
            "a.db",
            "UPDATE candle_data SET low = 0.0 WHERE series_id = 2 AND ts = 1704240000",
        ),
        ("b.db", change),
    ] {
        let file = rusqlite::Connection::open(home.path(file)).unwrap();
        file.execute_batch(sql).unwrap();
    }
    let report = merged(&home, "a.db b.db", "market.db");
    let brought = &report["inputs"][1]["brought"];
    assert_eq!(
        (
            &brought["conflicting"],
            &brought["same"],
            &brought["candles"]
        ),
        (&json!(2), &json!(39), &json!(41))
    );
    same(&home, "a.db", "market.db");
    let kept = "SELECT count(*) FROM conflicts AS x JOIN series AS s ON s.id = x.series_id
        WHERE s.symbol = 'AAPL' AND ts = 1704240000 OR s.symbol = 'MSFT' AND vwap IS NULL";
    assert_eq!(home.db().count(kept), 2);
    merged(&home, "market.db b.db", "again.db");
    merged(&home, "b.db market.db", "other.db");
    same(&home, "b.db", "other.db");
    // Once, and not with the value that is stored.
    for name in ["again.db", "other.db"] {
        let db = Db::open(&home.path(name));
        assert_eq!(db.count("SELECT count(*) FROM conflicts"), 2, "{name}");
    }
}

#[test]
fn a_series_of_another_source_or_adjustment_is_refused_by_name_and_nothing_is_written() {
    let (home, server) = (Home::new(), Server::start());
    let words = "AAPL --start 2024-01-02 --end 2024-01-31";
    fill(&home, &server, "a.db", words);
    fill(&home, &server, "b.db", &words.replace("AAPL", "MSFT"));
    fill(
        &home,
        &server,
        "sample.db",
        &format!("{words} --provider sample"),
    );
    fill(&home, &server, "split.db", &format!("{words} --adjusted"));
    server.forget();
    for (other, what) in [("sample.db", "sample"), ("split.db", "adjusted")] {
        let words = format!("merge a.db b.db {other} -o out.db");
        let names = ["AAPL 1d", "a.db", other, what, "polygon", "drop AAPL -t 1d"];
        refused(&home, &server, &words, 1, &names);
    }
}

// Copies of an adjusted series from before and after a split were put side by side, in two scales.
#[test]
fn two_scales_of_an_adjusted_series_are_not_put_together() {
    let (home, server) = (Home::new(), Server::start());
    let words = "AAPL --adjusted --start 2024-01-02 --end 2024-03-28";
    fill(&home, &server, "old.db", words);
    fill(
        &home,
        &server,
        "same.db",
        "AAPL --adjusted --start 2024-02-01 --end 2024-04-30",
    );
    fill(
        &home,
        &server,
        "raw.db",
        "MSFT --start 2024-01-02 --end 2024-03-28",
    );
    server.split(0.25);
    fill(
        &home,
        &server,
        "new.db",
        "AAPL --adjusted --start 2024-03-01 --end 2024-04-30",
    );
    fill(
        &home,
        &server,
        "apart.db",
        "AAPL --adjusted --start 2024-05-01 --end 2024-05-31",
    );
    fill(
        &home,
        &server,
        "more.db",
        "MSFT --start 2024-03-01 --end 2024-04-30",
    );
    server.forget();
    for inputs in [
        "old.db new.db",
        "new.db raw.db old.db",
        "raw.db same.db more.db new.db",
    ] {
        let said = run(&home, &format!("merge {inputs} -o out.db")).exit(1);
        said.says(&["AAPL 1d", "in two scales", "new.db", "drop AAPL -t 1d"]);
        assert!(!home.path("out.db").exists(), "{inputs}");
    }
    // The same scale, raw prices, and series that have no candle in common.
    merged(&home, "old.db same.db", "one.db");
    merged(&home, "raw.db more.db", "two.db");
    for (inputs, out) in [
        ("old.db apart.db", "three.db"),
        ("apart.db old.db same.db", "linked.db"),
    ] {
        let said = run(&home, &format!("merge {inputs} -o {out}")).ok();
        said.says(&["note: AAPL 1d", "no candle in common", "two scales"]);
    }
    let said = run(&home, "merge old.db same.db -o five.db").ok();
    assert!(!said.stderr.contains("note:"), "{said:?}");
    let said = run(&home, "--json merge old.db apart.db raw.db -o unlinked.db").ok();
    let unchecked = serde_json::json!([{ "symbol": "AAPL", "timeframe": "1d" }]);
    assert_eq!(said.json()["unchecked"], unchecked);
    // One candle that was corrected is no split.
    rusqlite::Connection::open(home.path("same.db"))
        .unwrap()
        .execute("UPDATE candle_data SET close = close * 1.02 WHERE ts = (SELECT min(ts) FROM candle_data)", [])
        .unwrap();
    merged(&home, "old.db same.db", "four.db");
}

// What a run had brought amid a split, and never checked, was the oldest that both files had, and the same in both.
#[test]
fn what_was_not_checked_for_a_split_hides_no_two_scales() {
    let (home, server) = (Home::new(), Server::start());
    for range in [
        "--start 2024-02-01 --end 2024-04-30",
        "--start 2024-01-02 --end 2024-01-31",
    ] {
        fill(
            &home,
            &server,
            "cut.db",
            &format!("AAPL --adjusted {range}"),
        );
    }
    let february = label("2024-02-01");
    let cut_off = format!(
        "UPDATE candle_data SET open = open / 4, high = high / 4, low = low / 4, close = close / 4 WHERE ts < {february};
         UPDATE backfill_progress SET error = 'not checked for a split yet' WHERE start_ts < {february}"
    );
    let file = rusqlite::Connection::open(home.path("cut.db")).unwrap();
    file.execute_batch(&cut_off).unwrap();
    drop(file);
    // Nor does it leave the file by another way.
    let said = run(&home, "export AAPL --db cut.db -o cut.csv").exit(1);
    said.says(&["AAPL 1d is adjusted", "nobody has checked", "backfill AAPL"]);
    assert!(!home.path("cut.csv").exists());
    run(
        &home,
        "export AAPL --db cut.db --start 2024-02-01 -o rest.csv",
    )
    .ok();
    server.split(0.25);
    let words = "AAPL --adjusted --start 2024-01-02 --end 2024-02-29";
    fill(&home, &server, "new.db", words);
    for inputs in ["cut.db new.db", "new.db cut.db"] {
        let said = run(&home, &format!("merge {inputs} -o out.db")).exit(1);
        said.says(&["AAPL 1d", "in two scales", "2024-02-01"]);
    }
}

// Merged side by side, the file in the middle stood in the old scale, and no run asked where they join.
#[test]
fn what_joins_adjusted_files_is_asked_for_again_and_a_split_between_them_is_seen() {
    let parts = [
        (
            "left.db",
            "AAPL --adjusted --start 2024-01-02 --end 2024-01-31",
        ),
        (
            "right.db",
            "AAPL --adjusted --start 2024-03-01 --end 2024-03-28",
        ),
    ];
    let middle = "AAPL --adjusted --start 2024-02-01 --end 2024-02-29";
    let all = "backfill AAPL --adjusted --start 2024-01-02 --end 2024-03-28 --db out.db";
    for is_split in [false, true] {
        let (home, server) = (Home::new(), Server::start());
        fill(&home, &server, "middle.db", middle);
        if is_split {
            server.split(0.25);
        }
        for (file, words) in parts {
            fill(&home, &server, file, words);
        }
        let said = run(&home, "merge left.db middle.db right.db -o out.db").ok();
        said.says(&["note: AAPL 1d", "asks again where they join"]);
        is_not_sealed(&home, "out.db", "2024-02-01");
        run(&home, "merge left.db right.db -o gap.db").ok();
        is_not_sealed(&home, "gap.db", "2024-03-01");
        let seam = "drop AAPL -t 1d --start 2024-03-01 --end 2024-03-01 --yes --db gap.db";
        run(&home, seam).ok();
        is_not_sealed(&home, "gap.db", "2024-03-04");
        for file in ["left", "right"] {
            run(&home, &format!("pack --db {file}.db -o {file}.packed.db")).ok();
        }
        for (number, inputs) in [
            "left.packed.db right.packed.db",
            "left.db right.packed.db",
            "right.packed.db left.db",
        ]
        .into_iter()
        .enumerate()
        {
            run(&home, &format!("merge {inputs} -o packed_{number}.db")).ok();
            is_not_sealed(&home, &format!("packed_{number}.db"), "2024-03-01");
        }
        let then = home.to(&server, all.split(' ')).run();
        if is_split {
            let said = then.exit(3).stdout;
            assert!(said.contains("by a factor of 0.25"), "{said}");
            continue;
        }
        then.ok();
        let whole = all.replace("out.db", "whole.db");
        home.to(&server, whole.split(' ')).run().ok();
        same(&home, "out.db", "whole.db");
        run(&home, "pack --db out.db -o sealed.db").ok();
    }
}

/// Packed before anybody has asked, it would be in two scales for good.
fn is_not_sealed(home: &Home, file: &str, day: &str) {
    let said = run(home, &format!("pack --db {file} -o sealed.db")).exit(1);
    let ask =
        format!("backfill AAPL -t 1d --provider polygon --adjusted --start {day} --end {day}");
    said.says(&["AAPL 1d is adjusted", "in one scale", day, &ask]);
    assert!(!home.path("sealed.db").exists());
    run(
        home,
        &format!("pack --db {file} --with-history -o sealed.db"),
    )
    .exit(1);
}

// One answer without rows, of a file that had no candle, became final beside the candles of the other.
#[test]
fn nothing_that_a_file_without_a_candle_was_told_is_not_final_beside_the_candles_of_another() {
    let (home, server) = (Home::new(), Server::start());
    let quiet = Server::always(Reply::json(200, r#"{"status":"OK","resultsCount":0}"#));
    let words = |days: &str| format!("backfill AAPL -t 1d {days} --db");
    let quarter = words("--start 2024-01-02 --end 2024-03-31");
    let command = format!("{quarter} lost.db");
    home.to(&quiet, command.split(' '))
        .without_db()
        .run()
        .exit(3);
    fill(
        &home,
        &server,
        "rest.db",
        "AAPL -t 1d --start 2024-04-01 --end 2024-06-28",
    );
    fill(
        &home,
        &server,
        "whole.db",
        "AAPL -t 1d --start 2024-01-02 --end 2024-06-28",
    );
    for inputs in ["lost.db rest.db", "rest.db lost.db"] {
        let out = inputs.replace(' ', "_");
        merged(&home, inputs, &out);
        let command = format!("{quarter} {out}");
        home.to(&server, command.split(' ')).without_db().run().ok();
        same(&home, &out, "whole.db");
    }
}

#[test]
fn a_series_without_candle_or_coverage_binds_nothing() {
    let (home, server) = (
        Home::new(),
        Server::always(Reply::json(404, r#"{"message":"no such thing"}"#)),
    );
    let words = "backfill AAPL --start 2024-01-02 --end 2024-01-31";
    home.to(&server, words.split(' ')).run().exit(3);
    run(&home, &format!("{words} --provider sample --db full.db")).ok();
    for inputs in ["market.db full.db", "full.db market.db"] {
        let output = inputs.replace(' ', "_");
        merged(&home, inputs, &output);
        same(&home, "full.db", &output);
    }
}

#[test]
fn bad_inputs_and_targets_are_refused_with_the_next_step_and_leave_nothing() {
    let (home, server) = (Home::new(), Server::start());
    for file in ["market.db", "b.db", "newer.db"] {
        run(
            &home,
            &format!(
                "backfill AAPL --start 2024-01-02 --provider sample --end 2024-01-31 --db {file}"
            ),
        )
        .ok();
    }
    let newer = rusqlite::Connection::open(home.path("newer.db")).unwrap();
    newer.execute_batch("PRAGMA user_version = 999").unwrap();
    drop(newer);
    let foreign = rusqlite::Connection::open(home.path("foreign.db")).unwrap();
    foreign.execute_batch("CREATE TABLE x (y)").unwrap();
    drop(foreign);
    fs::write(home.path("text.db"), "symbol,price\n".repeat(100)).unwrap();
    fs::write(home.path("empty.db"), "").unwrap();
    fs::create_dir(home.path("folder")).unwrap();
    std::os::unix::fs::symlink(home.path("b.db"), home.path("link.db")).unwrap();
    fs::write(home.path("open.db-wal"), "of another program").unwrap();
    for (words, names) in [
        ("merge market.db gone.db -o out.db", &["gone.db"][..]),
        ("merge market.db foreign.db -o out.db", &["foreign.db"]),
        ("merge market.db text.db -o out.db", &["text.db"]),
        ("merge market.db empty.db -o out.db", &["empty.db"]),
        ("merge newer.db b.db -o out.db", &["newer.db", "999"]),
        ("merge market.db b.db -o gone/out.db", &["gone", "mkdir"]),
        (
            "merge market.db b.db -o foreign.db",
            &["foreign.db", "--overwrite"],
        ),
        ("merge market.db b.db -o folder", &["folder", "-o"]),
        (
            "merge market.db b.db -o link.db --overwrite",
            &["link.db", "-o"],
        ),
        (
            "merge market.db b.db -o open.db --overwrite",
            &["open.db-wal", "-o"],
        ),
        (
            "merge market.db b.db -o b.db-wal --overwrite",
            &["b.db-wal", "-o"],
        ),
        ("diff market.db gone.db", &["gone.db", "another file"]),
        ("diff foreign.db market.db", &["foreign.db"]),
        ("diff market.db newer.db", &["newer.db", "999"]),
        ("diff text.db folder", &["text.db"]),
    ] {
        refused(&home, &server, words, 1, names);
    }
    refused(&home, &server, "merge market.db -o out.db", 2, &["merge"]);
    run(&home, "merge market.db b.db -o foreign.db --overwrite").ok();
    same(&home, "b.db", "foreign.db");
}

#[test]
fn read_only_files_and_files_of_every_format_are_merged() {
    let formats = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/formats");
    for format in 1..=candlefile::store::FORMAT {
        let home = Home::new();
        fs::copy(formats.join(format!("v{format}.db")), home.path("old.db")).unwrap();
        run(
            &home,
            "backfill SPY --start 2024-01-02 --provider sample --end 2024-01-31",
        )
        .ok();
        home.sql("PRAGMA journal_mode = delete");
        for name in ["market.db", "old.db"] {
            fs::set_permissions(home.path(name), fs::Permissions::from_mode(0o444)).unwrap();
        }
        let jobs =
            |name: &str| Db::open(&home.path(name)).count("SELECT count(*) FROM backfill_jobs");
        merged(&home, "old.db market.db", "out.db");
        check_books(&Db::open(&home.path("out.db")));
        assert_eq!(jobs("out.db"), jobs("old.db") + 1);
        let found = run(&home, "diff old.db out.db --json").exit(3).json();
        let only: Vec<_> = found["only_in_b"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["symbol"])
            .collect();
        assert_eq!(only, ["SPY"]);
        assert_eq!(
            (&found["only_in_a"], &found["series"]),
            (&json!([]), &json!([]))
        );
    }
}

#[test]
fn copies_of_one_file_that_went_on_apart_keep_one_history() {
    let (home, server) = (Home::new(), Server::start());
    let words = |month: &str| format!("AAPL --start 2024-{month}-01 --end 2024-{month}-28");
    fill(&home, &server, "a.db", &words("01"));
    fs::copy(home.path("a.db"), home.path("b.db")).unwrap();
    fill(&home, &server, "a.db", &words("02"));
    fill(&home, &server, "b.db", &words("03"));
    let report = merged(&home, "a.db b.db", "market.db");
    assert_eq!(report["inputs"][1]["brought"]["conflicting"], 0);
    check_books(&home.db());
    let db = home.db();
    assert_eq!(db.count("SELECT count(*) FROM backfill_jobs"), 3);
    assert_eq!(db.count("SELECT count(*) FROM backfill_progress"), 3);
    let held = "SELECT count(*) - sum(slice_id IS NOT NULL) FROM candle_data";
    assert_eq!(db.count(held), 0);
}

#[test]
fn a_job_that_still_runs_in_a_file_is_interrupted_in_the_union_and_can_be_resumed() {
    let (server, gate) = Server::holding(1);
    let home = Home::new();
    let words = "backfill AAPL MSFT --workers 1 --start 2024-01-02 --end 2024-01-31";
    let running = home.to(&server, words.split(' ')).spawn();
    server.wait_for(2);
    run(
        &home,
        "backfill SPY --start 2024-01-02 --end 2024-01-31 --provider sample --db b.db",
    )
    .ok();
    run(&home, "merge b.db market.db -o out.db").ok();
    // While its process lives.
    let db = Db::open(&home.path("out.db"));
    check_books(&db);
    for (table, status) in [
        ("backfill_jobs", "interrupted"),
        ("backfill_series", "interrupted"),
        ("backfill_progress", "pending"),
    ] {
        let open = format!(
            "SELECT group_concat(DISTINCT status) FROM {table} WHERE status <> 'completed'"
        );
        assert_eq!(db.text(&open), status, "{table}");
    }
    drop(db);
    // Of one that only waits for its turn, too.
    fs::copy(home.path("out.db"), home.path("queued.db")).unwrap();
    let file = rusqlite::Connection::open(home.path("queued.db")).unwrap();
    let sql = "UPDATE backfill_jobs SET status = 'queued' WHERE status = 'interrupted'";
    assert_eq!(file.execute(sql, []).unwrap(), 1);
    drop(file);
    run(&home, "merge b.db queued.db -o second.db").ok();
    let db = Db::open(&home.path("second.db"));
    let open = "SELECT count(*) FROM backfill_jobs WHERE status = 'queued'";
    assert_eq!(db.count(open), 0, "jobs that nobody has queued here");
    drop(db);
    gate.open();
    running.wait().ok();
    home.to(&server, "resume --db out.db".split(' ')).run().ok();
    let found = run(&home, "diff market.db out.db --json").exit(3).json();
    assert_eq!(found["series"], json!([]), "{found}");
}

/// Merges files by the library.
fn union(inputs: &[&Path], output: &Path) -> Result<Merged, MergeError> {
    let stores: Vec<Store> = inputs
        .iter()
        .map(|path| Store::read(path).unwrap())
        .collect();
    merge(
        &stores,
        &Target::new(output, true, inputs)?,
        label("2024-06-01"),
        &Cancel::new(),
    )
}

fn differ(one: &Path, other: &Path) -> bool {
    let (one, other) = (Store::read(one).unwrap(), Store::read(other).unwrap());
    !diff(&one, &other, 0).unwrap().is_none()
}

/// Friday was fetched in the evening and is provisional; the week after was fetched when everything was final.
#[test]
fn a_final_answer_replaces_and_removes_what_was_provisional_in_the_other_file() {
    let (evening, later) = (ny("2024-03-08 20:30"), ny("2024-03-20 13:00"));
    let days = |from: &str, to: &str| (label(from)..label(to)).step_by(DAY as usize);
    let week = span(label("2024-03-04"), label("2024-03-16"));
    let gone = label("2024-03-08") - 2 * DAY;
    let [mut early, mut late, mut one] = [Bench::new(), Bench::new(), Bench::new()];
    for bench in [&mut early, &mut one] {
        bench.policy.final_after = Some(5 * DAY);
        bench
            .provider
            .offer("AAPL 1d", candles(days("2024-03-04", "2024-03-09")));
        let odd = Candle {
            low: 5_000.0,
            ..version(label("2024-03-07"), 0)
        };
        bench.provider.offer("AAPL 1d", [odd]);
        bench.backfill(evening, "AAPL 1d", week);
        let judge = "INSERT INTO candle_quality SELECT series_id, ts, 0.5, 0, 0 FROM candle_data";
        bench.sql().execute(judge, []).unwrap();
    }
    one.policy = late.policy;
    for bench in [&mut late, &mut one] {
        let revised = days("2024-03-04", "2024-03-16").map(|ts| version(ts, u32::from(ts >= gone)));
        bench.provider.offer("AAPL 1d", revised);
        bench.provider.withdraw("AAPL 1d", gone);
        bench.backfill(later, "AAPL 1d", week);
    }
    assert!(differ(&early.path(), &late.path()));
    for inputs in [[&early, &late], [&late, &early]] {
        let paths = inputs.map(Bench::path);
        let home = Home::new();
        let out = home.path("out.db");
        let merged = union(&[&paths[0], &paths[1]], &out).unwrap();
        assert!(!differ(&out, &one.path()), "as if fetched into one file");
        let db = Db::open(&out);
        let logged = |action: &str| {
            db.count(&format!(
                "SELECT count(*) FROM restatements WHERE action = '{action}'"
            ))
        };
        let number = |action: &str| {
            one.number(&format!(
                "SELECT count(*) FROM restatements WHERE action = '{action}'"
            ))
        };
        assert!(number("replaced") > 0 && number("removed") == 1);
        assert_eq!(
            (logged("replaced"), logged("removed")),
            (number("replaced"), 1)
        );
        let brought = merged.inputs[1];
        assert_eq!(
            brought.superseded + brought.restated,
            (number("replaced") + 1) as u64
        );
        assert_eq!(
            brought.candles,
            brought.added + brought.same + brought.conflicting + brought.superseded
        );
        // Of the days that are offered here some are of a weekend.
        let odd = "quality_issues WHERE check_name <> 'off_session'";
        for empty in ["conflicts", odd] {
            assert_eq!(
                db.count(&format!("SELECT count(*) FROM {empty}")),
                0,
                "{empty}"
            );
        }
        let judged = "SELECT count(*) FROM candle_quality";
        assert_eq!(db.count(judged), one.number(judged), "judged and unchanged");
        let tail = "SELECT count(*) FROM series WHERE tail_asked_at IS NOT NULL";
        assert_eq!(db.count(tail), 0, "both have asked");
    }
    // What both files know is logged once.
    let home = Home::new();
    let (copy, out) = (home.path("copy.db"), home.path("out.db"));
    union(&[&one.path()], &copy).unwrap();
    union(&[&one.path(), &copy], &out).unwrap();
    let logged = "SELECT count(*) FROM restatements";
    assert_eq!(Db::open(&out).count(logged), one.number(logged));
}

#[test]
fn the_live_edge_that_only_one_file_has_asked_is_not_asked_again() {
    let evening = ny("2024-03-08 20:30");
    let [mut one, mut other] = [Bench::new(), Bench::new()];
    let start = label("2024-03-04");
    for (bench, series) in [(&mut one, "AAPL 1d"), (&mut other, "MSFT 1d")] {
        let days = (start..label("2024-03-09")).step_by(DAY as usize);
        bench.provider.offer(series, candles(days));
        bench.update(series, start, evening);
    }
    let home = Home::new();
    let out = home.path("out.db");
    union(&[&one.path(), &other.path()], &out).unwrap();
    one.store = Store::open(&out).unwrap();
    one.provider.take_asked();
    for series in ["AAPL 1d", "MSFT 1d"] {
        one.update(series, start, evening + 60);
    }
    assert_eq!(one.provider.take_asked(), []);
}

#[test]
fn of_two_provisional_candles_the_later_fetched_wins_and_one_handed_in_stays_where_it_is() {
    let (ts, at) = (label("2024-03-08"), ny("2024-03-08 20:30"));
    let friday = span(ts, ts + DAY);
    let fetched = |value: u32, now: i64| {
        let mut bench = Bench::new();
        bench.provider.offer("AAPL 1d", [version(ts, value)]);
        bench.backfill(now, "AAPL 1d", friday);
        assert!(bench.coverage("AAPL 1d").is_empty(), "provisional");
        bench
    };
    let handed_in = |value: u32| {
        let mut bench = Bench::new();
        bench.hand_in(&key("AAPL 1d"), &[version(ts, value)], at);
        bench
    };
    let (early, late) = (fetched(1, at), fetched(2, at + 60));
    let same_time = fetched(5, at);
    let (mine, other) = (handed_in(3), handed_in(4));
    for (first, second, winner, conflicts, restated) in [
        (&early, &late, 2, 0, 1),
        (&early, &same_time, 1, 0, 1),
        (&same_time, &early, 5, 0, 1),
        (&late, &early, 2, 0, 1),
        (&mine, &early, 3, 1, 0),
        (&early, &mine, 1, 1, 0),
        (&mine, &other, 3, 1, 0),
    ] {
        let home = Home::new();
        let out = home.path("out.db");
        union(&[&first.path(), &second.path()], &out).unwrap();
        let db = Db::open(&out);
        let open: f64 =
            db.0.query_row("SELECT open FROM candle_data", [], |row| row.get(0))
                .unwrap();
        assert_eq!(open, version(ts, winner).open);
        assert_eq!(db.count("SELECT count(*) FROM conflicts"), conflicts);
        assert_eq!(db.count("SELECT count(*) FROM restatements"), restated);
    }
}

#[test]
fn no_final_answer_of_another_file_replaces_or_removes_what_was_handed_in() {
    let now = utc("2024-06-01 12:00");
    let day = |n: i64| label("2024-01-02") + n * DAY;
    let (mut mine, mut fetched) = (Bench::new(), Bench::new());
    mine.hand_in(
        &key("AAPL 1d"),
        &[version(day(0), 0), version(day(1), 1), version(day(2), 0)],
        now,
    );
    let offered = [version(day(0), 0), version(day(1), 0)];
    fetched.provider.offer("AAPL 1d", offered);
    fetched.backfill(now, "AAPL 1d", span(day(0), day(4)));
    for (first, second, kept) in [(&mine, &fetched, 1), (&fetched, &mine, 0)] {
        let home = Home::new();
        let out = home.path("out.db");
        union(&[&first.path(), &second.path()], &out).unwrap();
        let db = Db::open(&out);
        let held = "SELECT group_concat(ts || ' ' || open, ', ') FROM candle_data";
        let expected = [(0, 0), (1, kept), (2, 0)]
            .map(|(n, value)| format!("{} {:?}", day(n), version(day(n), value).open));
        assert_eq!(db.text(held), expected.join(", "));
        assert_eq!(db.count("SELECT count(*) FROM conflicts"), 1);
        assert_eq!(db.count("SELECT count(*) FROM restatements"), 0);
        check_books(&db);
    }
}

#[test]
fn what_is_odd_about_a_candle_follows_the_one_that_stays() {
    let ts = label("2024-03-08");
    let odd = |ts| Candle {
        low: 5_000.0,
        ..version(ts, 0)
    };
    let [mut first, mut second] = [Bench::new(), Bench::new()];
    first.hand_in(&key("AAPL 1d"), &[odd(ts), version(ts + 3 * DAY, 0)], ts);
    second.hand_in(&key("AAPL 1d"), &[odd(ts + 3 * DAY), odd(ts + 4 * DAY)], ts);
    // All were judged.
    for (bench, score) in [(&first, 0.25), (&second, 0.5)] {
        let judge = format!(
            "INSERT INTO candle_quality SELECT series_id, ts, {score}, NULL, 1 FROM candle_data"
        );
        bench.sql().execute(&judge, []).unwrap();
    }
    let home = Home::new();
    let out = home.path("out.db");
    union(&[&first.path(), &second.path()], &out).unwrap();
    let db = Db::open(&out);
    let stamps = "SELECT group_concat(DISTINCT ts) FROM quality_issues";
    assert_eq!(db.text(stamps), format!("{},{}", ts, ts + 4 * DAY));
    let scores = "SELECT group_concat(quality_score || ' ' || volume_anomaly, ', ' ORDER BY ts) FROM candle_quality";
    assert_eq!(db.text(scores), "0.25 1, 0.25 1, 0.5 1");
}

#[test]
fn where_one_provider_answer_was_nothing_the_union_remembers_what_both_say() {
    let (now, from) = (ny("2024-06-03 13:00"), label("2024-01-01"));
    let days = |from: i64, to: i64| span(from, to);
    let [mut none, mut some, mut one] = [Bench::new(), Bench::new(), Bench::new()];
    // Nothing before March for all; the first file has asked for January and February only.
    let march = label("2024-03-04");
    for bench in [&mut none, &mut one] {
        bench.backfill(now, "AAPL 1d", days(from, label("2024-03-01")));
    }
    for bench in [&mut some, &mut one] {
        bench
            .provider
            .offer("AAPL 1d", candles([march, march + DAY]));
        bench.backfill(
            now,
            "AAPL 1d",
            days(label("2024-02-01"), label("2024-04-01")),
        );
    }
    let spans = |path: &Path| Db::open(path).spans("empty_spans", "AAPL", "1d");
    for inputs in [[&none, &some], [&some, &none]] {
        let home = Home::new();
        let out = home.path("out.db");
        union(&[&inputs[0].path(), &inputs[1].path()], &out).unwrap();
        assert!(!differ(&out, &one.path()));
        let merged: Vec<_> = spans(&out);
        let whole: i64 = merged.iter().map(|span| span.1 - span.0).sum();
        assert_eq!(whole, march - from, "{merged:?}");
    }
}

#[test]
fn what_one_file_found_empty_is_not_where_the_other_has_candles() {
    let (now, march) = (ny("2024-06-03 13:00"), label("2024-03-04"));
    let quarter = span(label("2024-01-01"), label("2024-04-01"));
    let [mut none, mut some] = [Bench::new(), Bench::new()];
    none.backfill(now, "AAPL 1d", quarter);
    some.provider.offer("AAPL 1d", candles([march]));
    some.backfill(now, "AAPL 1d", quarter);
    for inputs in [[&none, &some], [&some, &none]] {
        let home = Home::new();
        let out = home.path("out.db");
        union(&[&inputs[0].path(), &inputs[1].path()], &out).unwrap();
        assert!(!differ(&out, &some.path()));
        let empty = Db::open(&out).spans("empty_spans", "AAPL", "1d");
        assert_eq!(empty, [(quarter.start(), march)]);
    }
}

#[test]
fn a_full_disk_leaves_no_file_and_the_old_one_as_it_was() {
    let home = Home::new();
    for file in ["a.db", "b.db"] {
        run(&home, &format!("backfill AAPL MSFT -t 1h --start 2024-01-02 --end 2024-06-28 --provider sample --db {file}")).ok();
    }
    fs::create_dir(home.path("out")).unwrap();
    let out = home.path("out").join("out.db");
    fs::write(&out, "the old one").unwrap();
    let inputs = [home.path("a.db"), home.path("b.db")];
    let inputs = inputs.each_ref().map(PathBuf::as_path);
    let mut room = 0;
    loop {
        let disk = Disk::of(&home.path("out"));
        disk.limit(Some(room));
        let made = union(&inputs, &out);
        let left: Vec<_> = fs::read_dir(home.path("out"))
            .unwrap()
            .map(|file| file.unwrap().file_name())
            .collect();
        assert_eq!(left, ["out.db"], "{room}");
        if made.is_ok() {
            break;
        }
        assert!(
            matches!(&made, Err(MergeError::Target(TargetError::Full(path))) if *path == out),
            "{room}: {made:?}"
        );
        assert_eq!(fs::read_to_string(&out).unwrap(), "the old one");
        room += 20_000;
    }
    assert!(room > 200_000);
    assert!(!differ(&out, inputs[0]));
}

#[test]
fn what_is_stopped_leaves_no_file() {
    let home = Home::new();
    run(
        &home,
        "backfill AAPL -t 1h --start 2024-01-02 --end 2024-06-28 --provider sample",
    )
    .ok();
    let before = home.files();
    let inputs = [Store::read(&home.db_path()).unwrap()];
    let target = Target::new(&home.path("out.db"), false, &[]).unwrap();
    let cancel = Cancel::new();
    cancel.cancel();
    let stopped = merge(&inputs, &target, 0, &cancel);
    assert!(matches!(stopped, Err(MergeError::Cancelled)), "{stopped:?}");
    drop(inputs);
    assert!(home.files() == before);
}

#[test]
fn what_a_kill_has_left_is_no_candlefile_and_the_next_run_uses_it_up() {
    let home = Home::new();
    let words = "backfill AAPL -t 1m --start 2024-01-02 --end 2024-06-28 --provider sample";
    run(&home, words).ok();
    fs::copy(home.db_path(), home.path("other.db")).unwrap();
    let words = ["merge", "market.db", "other.db", "-o", "out.db"];
    let part = home.path(".out.db.part");
    let begun = || {
        let running = home.cli(words).spawn();
        // More than its tables alone.
        crate::support::running::eventually("a part", || {
            fs::metadata(&part).is_ok_and(|part| part.len() > 500_000)
        });
        running
    };
    let stopped = begun();
    stopped.interrupt();
    let stopped = stopped.wait().exit(130);
    stopped.says(&["merging was stopped", "nothing was left behind"]);
    assert!(!part.exists());
    begun().kill();
    let left = run(&home, "list --db .out.db.part");
    left.exit(1).says(&["never finished", "next:"]);
    home.cli(words).run().ok();
    assert!(!part.exists() && !home.path(".out.db.part-journal").exists());
    assert!(!differ(&home.path("out.db"), &home.db_path()));
}

//! `diff`: what two files do not have in common, told by exit code, table and JSON, with counts that are exact.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::documents::fields;
use crate::support::harness::{Home, Run};

const WORDS: &str =
    "backfill AAPL MSFT -t 1d,1w --start 2024-01-02 --end 2024-06-28 --provider sample";

/// Rows that come and go behind the program's back are to be in the books, too.
const BOOKS: &str = "UPDATE series SET (candles, first_ts, last_ts) =
    (SELECT count(*), min(ts), max(ts) FROM candle_data WHERE series_id = series.id)";

fn run(home: &Home, words: &str) -> Run {
    home.cli(words.split(' ')).run()
}

/// `market.db` and a copy of it, `copy.db`, that was then changed by this.
fn two(sql: &str) -> Home {
    let home = Home::new();
    run(&home, WORDS).ok();
    fs::copy(home.db_path(), home.path("copy.db")).unwrap();
    let copy = rusqlite::Connection::open(home.path("copy.db")).unwrap();
    copy.execute_batch(sql).unwrap();
    copy.execute_batch(BOOKS).unwrap();
    home
}

fn difference(home: &Home) -> Value {
    run(home, "diff market.db copy.db --json").exit(3).json()
}

const AAPL: &str = "series_id = (SELECT id FROM series WHERE symbol = 'AAPL' AND timeframe = '1d')";

#[test]
fn files_that_hold_the_same_are_the_same_however_they_came_by_it() {
    let home = two("");
    for words in [
        "backfill MSFT -t 1w,1d --start 2024-03-01 --end 2024-06-28 --provider sample --db other.db",
        "backfill AAPL -t 1w,1d --start 2024-01-02 --end 2024-06-28 --provider sample --db other.db",
        "backfill MSFT -t 1w,1d --start 2024-01-02 --end 2024-06-28 --provider sample --db other.db",
    ] {
        run(&home, words).ok();
    }
    std::os::unix::fs::symlink(home.db_path(), home.path("link.db")).unwrap();
    for other in ["copy.db", "other.db", "market.db", "link.db"] {
        let before = home.files();
        let said = run(&home, &format!("diff market.db {other}")).ok();
        assert!(said.stdout.contains("hold the same"), "{said:?}");
        let said = run(&home, &format!("diff {other} market.db --json"))
            .ok()
            .json();
        assert_eq!(said["same"], true);
        assert!(home.files() == before, "a file has changed");
    }
}

#[test]
fn every_kind_of_difference_is_told_with_exact_counts_and_both_values() {
    let home = two(&format!(
        "UPDATE candle_data SET close = 1.5, trades = NULL WHERE {AAPL} AND ts = 1704153600;
         DELETE FROM candle_data WHERE {AAPL} AND ts BETWEEN 1706745600 AND 1709251200;
         INSERT INTO candle_data (series_id, ts, open, high, low, close) SELECT id, 1, 1, 1, 1, 1 FROM series WHERE symbol = 'MSFT' AND timeframe = '1d';
         UPDATE coverage SET end_ts = end_ts - 86400 WHERE {AAPL};
         UPDATE series SET week_start = 1 WHERE symbol = 'AAPL' AND timeframe = '1w';
         UPDATE series SET symbol = 'SPY' WHERE symbol = 'MSFT' AND timeframe = '1w';"
    ));
    let found = difference(&home);
    fields(&found, "a b same only_in_a only_in_b series rows");
    let one = |name: &str| {
        (
            found[name][0]["symbol"].clone(),
            found[name].as_array().map(Vec::len),
        )
    };
    assert_eq!(one("only_in_a"), (json!("MSFT"), Some(1)));
    assert_eq!(one("only_in_b"), (json!("SPY"), Some(1)));
    assert_eq!(
        found["rows"],
        json!({"only_in_a": 21, "only_in_b": 1, "different": 1})
    );
    let [days, weeks, other] = found["series"].as_array().unwrap().as_slice() else {
        panic!("{found}")
    };
    for series in [days, weeks, other] {
        fields(series, "symbol timeframe a b rows coverage shown");
        fields(
            &series["a"],
            "source adjusted adjustment market grid currency week_start",
        );
        fields(&series["coverage"], "only_in_a only_in_b");
    }
    assert_eq!(
        days["coverage"],
        json!({"only_in_a": [{"start": "2024-06-28T00:00:00Z", "end": "2024-06-29T00:00:00Z"}], "only_in_b": []})
    );
    let changed = &days["shown"][0];
    fields(
        &changed["a"],
        "ts datetime open high low close volume vwap trades",
    );
    assert_eq!(
        (&changed["b"]["close"], &changed["b"]["trades"]),
        (&json!(1.5), &Value::Null)
    );
    assert_eq!(changed["a"]["open"], changed["b"]["open"]);
    assert_ne!(changed["a"]["close"], changed["b"]["close"]);
    assert_eq!(days["shown"][1]["b"], Value::Null);
    assert_eq!(
        (&weeks["a"]["week_start"], &weeks["b"]["week_start"]),
        (&json!(7), &json!(1))
    );
    assert_eq!(
        (&other["shown"][0]["a"], &other["shown"][0]["b"]["ts"]),
        (&Value::Null, &json!(1))
    );
    let table = run(&home, "diff market.db copy.db").exit(3);
    for words in [
        "series only in A: 1\n",
        "series of another kind: 1\n",
        "spans covered only in A: 1\n",
        "rows only in A: 21 (20 shown)\n",
        "rows only in B: 1\n",
        "rows that differ: 1\n",
        "1970-01-01",
    ] {
        assert!(table.stdout.contains(words), "{words}\n{table:?}");
    }
    assert!(!table.stdout.contains("only in B: 0"), "{table:?}");
}

#[test]
fn what_a_series_is_counts_and_a_currency_that_nobody_has_said_does_not() {
    let home = two("UPDATE series SET currency = NULL");
    run(&home, "diff market.db copy.db").ok();
    for (change, field, words) in [
        ("market = 'XCBO'", "market", "market XCBO"),
        ("grid = '+00:30'", "grid", "grid +00:30"),
        ("currency = 'GBp'", "currency", "in GBp"),
        ("adjusted = 2", "adjustment", "adjusted for dividends, too"),
    ] {
        let home = two(&format!(
            "UPDATE series SET {change} WHERE symbol = 'AAPL' AND timeframe = '1d'"
        ));
        let found = difference(&home);
        assert_eq!(
            found["series"].as_array().map(Vec::len),
            Some(1),
            "{change}"
        );
        let (a, b) = (&found["series"][0]["a"], &found["series"][0]["b"]);
        assert_ne!(a[field], b[field]);
        let table = run(&home, "diff market.db copy.db").exit(3).stdout;
        assert!(
            table.contains(words) && table.contains("series of another kind: 1"),
            "{table}"
        );
        let merged = run(&home, "merge market.db copy.db -o both.db").exit(1);
        assert!(
            merged.stderr.contains(words) && merged.stderr.contains("AAPL 1d"),
            "{merged:?}"
        );
        let [data, other] = ["market.db", "copy.db"].map(|file| {
            let words = format!("pack AAPL -t 1d --db {file} -o {field}-{file} --json");
            run(&home, &words).ok().json()["digest"].clone()
        });
        assert!(data.is_string() && data != other, "{change}");
    }
}

#[test]
fn the_limit_is_of_what_is_shown_and_never_of_what_is_counted() {
    let home = two("UPDATE candle_data SET volume = volume + 0.5");
    let all = home.db().count("SELECT count(*) FROM candle_data");
    for limit in [0, 1, 7, 100_000] {
        let words = format!("diff market.db copy.db --limit {limit}");
        let found = run(&home, &format!("{words} --json")).exit(3).json();
        assert_eq!(found["rows"]["different"], all);
        let series = found["series"].as_array().unwrap();
        assert_eq!(series.len(), 4);
        let shown: usize = series
            .iter()
            .map(|one| one["shown"].as_array().unwrap().len())
            .sum();
        assert_eq!(shown as i64, all.min(limit));
        let counted: i64 = series
            .iter()
            .map(|one| one["rows"]["different"].as_i64().unwrap())
            .sum();
        assert_eq!(counted, all);
        let table = run(&home, &words).exit(3);
        let lines = table
            .stdout
            .lines()
            .filter(|line| line.starts_with("AAPL") || line.starts_with("MSFT"));
        assert_eq!(lines.count() as i64, 2 * all.min(limit));
    }
}

#[test]
fn one_row_in_a_long_series_is_found_wherever_it_stands_and_zeros_have_no_sign() {
    // More candles than are read at once.
    let long = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
        INSERT INTO candle_data (series_id, ts, open, high, low, close, volume)
        SELECT (SELECT id FROM series WHERE symbol = 'AAPL' AND timeframe = '1d'), 60 * i, 0.0, 1, 1, 1, NULL FROM n";
    let home = two("");
    for file in ["market.db", "copy.db"] {
        let file = rusqlite::Connection::open(home.path(file)).unwrap();
        file.execute_batch(long).unwrap();
        file.execute_batch(BOOKS).unwrap();
    }
    let change = |sql: &str| {
        let copy = rusqlite::Connection::open(home.path("copy.db")).unwrap();
        copy.execute_batch(sql).unwrap();
        copy.execute_batch(BOOKS).unwrap();
    };
    change(&format!(
        "UPDATE candle_data SET open = -0.0 WHERE {AAPL} AND ts < 600000"
    ));
    run(&home, "diff market.db copy.db").ok();
    for i in [0, 4095, 4096, 4097, 8191, 9999] {
        let row = format!("{AAPL} AND ts = {}", 60 * i);
        change(&format!("UPDATE candle_data SET volume = 0 WHERE {row}"));
        let found = difference(&home);
        assert_eq!(
            found["rows"],
            json!({"only_in_a": 0, "only_in_b": 0, "different": 1})
        );
        assert_eq!(found["series"][0]["shown"][0]["b"]["ts"], 60 * i);
        change(&format!("DELETE FROM candle_data WHERE {row}"));
        assert_eq!(difference(&home)["rows"]["only_in_a"], 1);
        change(&format!(
            "INSERT INTO candle_data (series_id, ts, open, high, low, close)
            SELECT id, {}, 0, 1, 1, 1 FROM series WHERE symbol = 'AAPL' AND timeframe = '1d'",
            60 * i
        ));
    }
    run(&home, "diff market.db copy.db").ok();
}

/// Gives a packed file that was changed the digest of what it holds now.
fn seal_anew(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let end = bytes.len() - 32;
    bytes[end..].fill(0);
    let digest = Sha256::digest(&bytes);
    bytes[end..].copy_from_slice(&digest);
    fs::write(path, bytes).unwrap();
}

#[test]
fn of_two_packed_files_only_series_with_other_digests_are_read() {
    let home = two(&format!(
        "UPDATE candle_data SET close = close + 1 WHERE {AAPL} AND ts = 1704153600"
    ));
    for (file, pack) in [
        ("market.db", "a.db"),
        ("market.db", "same.db"),
        ("copy.db", "b.db"),
    ] {
        run(&home, &format!("pack --db {file} -o {pack}")).ok();
    }
    // What is not read is not missed.
    for pack in ["same.db", "b.db"] {
        fs::set_permissions(home.path(pack), fs::Permissions::from_mode(0o644)).unwrap();
        let change = |sql: &str| {
            let pack = rusqlite::Connection::open(home.path(pack)).unwrap();
            pack.execute_batch(sql).unwrap();
        };
        change("UPDATE candle_data SET open = 9 WHERE series_id > 1");
        seal_anew(&home.path(pack));
    }
    run(&home, "diff a.db same.db").ok();
    let found = run(&home, "diff a.db b.db --json").exit(3).json();
    assert_eq!(
        found["rows"],
        json!({"only_in_a": 0, "only_in_b": 0, "different": 1})
    );
    // A working file says nothing of its candles that could be believed.
    run(&home, "diff a.db market.db").ok();
    run(&home, "diff market.db same.db").exit(3);
}

#[test]
fn coverage_of_one_file_alone_is_a_difference_whichever_it_is() {
    let home = two("DELETE FROM coverage WHERE series_id = 1");
    for (words, only_in) in [
        ("diff market.db copy.db --json", "a"),
        ("diff copy.db market.db --json", "b"),
    ] {
        let said = run(&home, words).exit(3).json();
        let series = said["series"].as_array().unwrap();
        assert_eq!(series.len(), 1, "covered in {only_in} alone: {said}");
    }
}

#[test]
fn packed_series_whose_candles_were_exchanged_are_not_the_same() {
    let home = two("PRAGMA foreign_keys = OFF; UPDATE candle_data SET series_id = -series_id;
        UPDATE candle_data SET series_id = (SELECT other.id FROM series AS mine JOIN series AS other
            ON other.timeframe = mine.timeframe AND other.symbol <> mine.symbol WHERE mine.id = -candle_data.series_id)");
    for (file, out) in [("market.db", "a.db"), ("copy.db", "b.db")] {
        let words = ["--db", file, "pack", "-o", out];
        home.cli(words).without_db().run().ok();
    }
    let said = run(&home, "diff a.db b.db --json").exit(3).json();
    assert_eq!(said["series"].as_array().map(Vec::len), Some(4), "{said}");
}

#[test]
fn packed_files_that_were_changed_are_compared_by_what_is_in_them() {
    let home = Home::new();
    let words = "backfill AAPL MSFT --provider sample --start 2024-01-02 --end 2024-02-29";
    home.cli(words.split(' ')).run().ok();
    for file in ["a.db", "b.db"] {
        home.cli(["pack", "-o", file]).run().ok();
    }
    home.cli(["diff", "a.db", "b.db"]).run().ok();
    std::fs::copy(home.path("b.db"), home.path("c.db")).unwrap();
    let change = |file: &str, sql: &str| {
        std::process::Command::new("chmod")
            .args(["u+w", file])
            .current_dir(home.path(""))
            .status()
            .unwrap();
        rusqlite::Connection::open(home.path(file))
            .unwrap()
            .execute_batch(sql)
            .unwrap();
    };
    change(
        "b.db",
        "UPDATE candle_data SET close = close + 1 WHERE ts = 1704153600 AND series_id = 1",
    );
    home.cli(["diff", "a.db", "b.db"]).run().exit(3);
    change(
        "c.db",
        "DELETE FROM candle_data WHERE ts = 1704153600 AND series_id = 1",
    );
    let said = home.cli(["diff", "a.db", "c.db"]).run().exit(1);
    said.says(&["c.db", "verify"]);
}

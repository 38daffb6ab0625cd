//! Verifying: any changed bit is found, what is wrong is named, and nothing is run or written.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use candlefile::handover::{Check, verify};
use candlefile::monitor::Meter;
use rusqlite::Connection;

use crate::support::harness::Home;
use crate::support::seeded::{Seeded, first_seed, rounds, size};
use crate::support::server::Server;

const DATES: &str = "--start 2024-01-02 --end 2024-01-31";

/// A folder with a packed file of two series, and its path.
fn packed() -> (Home, PathBuf) {
    let home = Home::filled(&format!("AAPL MSFT -t 1d {DATES}"));
    home.cli(["pack", "-o", "out.db"]).run().ok();
    let path = home.path("out.db");
    (home, path)
}

/// Flips bits one at a time and says how many were found.
fn flip(seeds: std::ops::Range<u64>) -> u64 {
    let (_home, path) = packed();
    let good = fs::read(path).unwrap();
    rounds(seeds, |seed| {
        let mut random = Seeded::new(seed);
        let home = Home::new();
        let mut bytes = good.clone();
        let bit = random.below(bytes.len() as u64 * 8) as usize;
        bytes[bit / 8] ^= 1 << (bit % 8);
        let path = home.path("flipped.db");
        fs::write(&path, &bytes).unwrap();
        let found = match verify(&path, &Meter::default()) {
            Ok(verdict) => {
                assert!(
                    verdict
                        .problems
                        .iter()
                        .all(|problem| !problem.what.is_empty())
                );
                !verdict.problems.is_empty()
            }
            Err(error) => !error.to_string().is_empty(),
        };
        assert!(found, "bit {} of byte {} (seed {seed})", bit % 8, bit / 8);
        assert!(
            fs::read(&path).unwrap() == bytes,
            "verifying has changed the file"
        );
        assert_eq!(
            home.files().len(),
            1,
            "verifying has left something beside the file"
        );
        1
    })
}

#[test]
fn a_thousand_of_a_thousand_single_bits_are_found() {
    assert_eq!(flip(0..1_000), 1_000);
}

#[test]
#[ignore = "a campaign: CANDLEFILE_CAMPAIGN_FILES, 20,000 where it is not set"]
fn tens_of_thousands_of_single_bits_are_found() {
    let first = first_seed();
    let count = size("CANDLEFILE_CAMPAIGN_FILES", 20_000);
    assert_eq!(flip(first..first + count), count);
}

#[test]
fn every_bit_of_the_header_and_of_the_seal_is_found() {
    let (_home, path) = packed();
    let good = fs::read(path).unwrap();
    let end = good.len() as u64;
    let flip_each = |byte: u64| {
        let home = Home::new();
        let target = home.path("flipped.db");
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[byte as usize] ^= 1 << bit;
            fs::write(&target, &bytes).unwrap();
            let sound =
                verify(&target, &Meter::default()).is_ok_and(|verdict| verdict.problems.is_empty());
            assert!(!sound, "bit {bit} of byte {byte}");
        }
        8
    };
    let flipped = rounds(0..100, flip_each) + rounds(end - 120..end, flip_each);
    assert_eq!(flipped, 220 * 8);
}

#[test]
fn a_packed_file_is_verified_and_named_as_such() {
    let (home, _) = packed();
    let verdict = home.cli(["verify", "out.db", "--json"]).run().ok().json();
    assert_eq!(verdict["ok"], true);
    assert_eq!(verdict["packed"], true);
    assert_eq!(verdict["series"], 2);
    assert_eq!(
        verdict["candles"],
        home.db().count("SELECT count(*) FROM candles")
    );
    assert_eq!(verdict["problems"].as_array().unwrap().len(), 0);
    let run = home.cli(["verify", "out.db"]).run().ok();
    assert!(run.stdout.contains("packed by candlefile"), "{run:?}");
}

#[test]
fn a_changed_candle_is_found_by_the_file_and_by_its_series() {
    let (home, path) = packed();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let sql = "UPDATE candle_data SET close = close + 0.01 WHERE series_id = (SELECT id FROM series WHERE symbol = 'MSFT')
               AND ts = (SELECT last_ts FROM series WHERE symbol = 'MSFT')";
    assert_eq!(
        Connection::open(&path).unwrap().execute(sql, []).unwrap(),
        1
    );
    let run = home.cli(["verify", "out.db"]).run().exit(1);
    assert!(
        run.stdout.contains("MSFT 1d: its candles were changed"),
        "{run:?}"
    );
    run.says(&["out.db", "next:"]);
    let verdict = home
        .cli(["verify", "out.db", "--json"])
        .run()
        .exit(1)
        .json();
    let problems = verdict["problems"].as_array().unwrap();
    let of = |check: &str| {
        problems
            .iter()
            .filter(|problem| problem["check"] == check)
            .count()
    };
    assert_eq!(
        (of("file_digest"), of("manifest"), of("integrity")),
        (1, 1, 0)
    );
    assert!(
        problems
            .iter()
            .all(|problem| problem["series"] != "AAPL 1d")
    );
}

/// What is found in a packed file after a statement, by a forger who has made the digest that of its bytes again.
fn found_after(sql: &str) -> Vec<(Check, Option<String>)> {
    use sha2::{Digest, Sha256};
    let (_home, path) = packed();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(sql).unwrap();
    drop(connection);
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len() - 32;
    let digest = Sha256::new()
        .chain_update(&bytes[..end])
        .chain_update([0; 32])
        .finalize();
    bytes[end..].copy_from_slice(&digest);
    fs::write(&path, &bytes).unwrap();
    let verdict = verify(&path, &Meter::default()).unwrap();
    let problems = verdict.problems.into_iter();
    problems
        .map(|problem| (problem.check, problem.series))
        .collect()
}

fn not_of_the_manifest(series: &[&str]) -> Vec<(Check, Option<String>)> {
    let problem = |name: &&str| (Check::Manifest, Some((*name).to_owned()));
    series.iter().map(problem).collect()
}

#[test]
fn a_series_that_a_forger_has_added_is_not_in_the_manifest() {
    let sql = "INSERT INTO series (symbol, timeframe, source, adjusted, market, grid, candles, created_at)
        SELECT 'FORGED', timeframe, source, adjusted, market, grid, 0, created_at FROM series WHERE id = 1";
    assert_eq!(found_after(sql), not_of_the_manifest(&["FORGED 1d"]));
}

#[test]
fn a_forger_who_makes_the_bytes_right_again_is_found_by_the_manifest() {
    let sql = "UPDATE candle_data SET volume = 1 WHERE series_id = 1; DELETE FROM coverage WHERE series_id = 2";
    let found = not_of_the_manifest(&["AAPL 1d", "MSFT 1d"]);
    assert_eq!(found_after(sql), found);
}

#[test]
fn a_working_file_is_judged_by_its_books_and_the_answer_says_so() {
    let home = Home::filled(&format!("AAPL MSFT -t 1d {DATES}"));
    let run = home.cli(["verify", "market.db"]).run().ok();
    assert!(
        run.stdout.contains("working file without a digest"),
        "{run:?}"
    );
    let verdict = home
        .cli(["verify", "market.db", "--json"])
        .run()
        .ok()
        .json();
    assert_eq!(
        (&verdict["packed"], &verdict["digest"]),
        (&false.into(), &serde_json::Value::Null)
    );
    for (damage, says) in [
        (
            "UPDATE series SET candles = candles + 1 WHERE symbol = 'AAPL'",
            "AAPL 1d: its row says",
        ),
        (
            "DELETE FROM candle_data WHERE series_id = 2 AND ts = (SELECT last_ts FROM series WHERE id = 2)",
            "1d: its row says",
        ),
        (
            "INSERT INTO coverage SELECT series_id, start_ts + 86400, end_ts + 86400 FROM coverage WHERE series_id = 1",
            "overlaps",
        ),
        // What touches is one stretch.
        (
            "INSERT INTO coverage SELECT series_id, end_ts, end_ts + 86400 FROM coverage WHERE series_id = 1",
            "overlaps",
        ),
        (
            "PRAGMA ignore_check_constraints = ON; UPDATE backfill_progress SET records_fetched = records_fetched + 1",
            "do not add up",
        ),
        (
            "UPDATE candle_data SET ts = ts + 1 WHERE series_id = 2",
            "off the grid",
        ),
        (
            "PRAGMA foreign_keys = OFF; DELETE FROM series WHERE id = 2",
            "belongs to no row",
        ),
        (
            "DROP VIEW candles; CREATE VIEW candles AS SELECT 1",
            "view candles",
        ),
        ("DROP TABLE rejected", "rejected is missing"),
    ] {
        let good = fs::read(home.db_path()).unwrap();
        home.sql(damage);
        let run = home.cli(["verify", "market.db"]).run().exit(1);
        assert!(run.stdout.contains(says), "{says}: {run:?}");
        fs::write(home.db_path(), good).unwrap();
    }
}

#[test]
fn a_file_that_a_backfill_writes_is_verified_meanwhile() {
    let home = Home::new();
    let (server, gate) = Server::holding(2);
    let words = "backfill AAPL MSFT -t 1d --workers 1 --start 2024-01-02 --end 2024-01-31";
    let running = home.to(&server, words.split(' ')).spawn();
    server.wait_for(2);
    home.cli(["verify", "market.db"]).run().ok();
    gate.open();
    running.wait().ok();
}

#[test]
fn what_a_crash_left_beside_a_working_file_stays_there() {
    let (home, server) = (Home::new(), Server::setup().page(5).start());
    let words = "backfill AAPL MSFT -t 1d --start 2024-01-02 --end 2024-03-28";
    let running = home.to(&server, words.split(' ')).spawn();
    server.wait_for(6);
    running.kill();
    let main_files = |home: &Home| {
        let mut files = home.files();
        files.retain(|(path, _)| !path.to_string_lossy().ends_with("-shm"));
        files
    };
    let before = main_files(&home);
    assert_eq!(before.len(), 3, "a log and the lock of its run are there");
    home.cli(["verify", "market.db"]).run().ok();
    assert!(main_files(&home) == before);
}

#[test]
fn what_is_no_packed_file_is_told_apart() {
    let (home, path) = packed();
    let good = fs::read(path).unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(home.path(name), bytes).unwrap();
    write("text.db", b"a,b,c\n");
    write("empty.db", b"");
    write("half.db", &good[..good.len() / 2 / 8192 * 8192]);
    write("page.db", &good[..good.len() - 8192]);
    write("longer.db", &[&good[..], &[0; 8192]].concat());
    let other = Connection::open(home.path("other.db")).unwrap();
    other.execute_batch("CREATE TABLE t (a)").unwrap();
    drop(other);
    let mut newer = good.clone();
    newer[60..64].copy_from_slice(&99_i32.to_be_bytes());
    write("newer.db", &newer);
    let before = home.files();
    for (name, says) in [
        ("nothing.db", "there is no file"),
        ("text.db", "not an sqlite file"),
        ("empty.db", "empty"),
        ("half.db", ""),
        ("page.db", ""),
        ("longer.db", ""),
        ("other.db", "another program's"),
        ("newer.db", "format 99"),
    ] {
        let run = home.cli(["verify", name]).run().exit(1);
        let all = format!("{}{}", run.stdout, run.stderr).to_lowercase();
        assert!(
            all.contains(says) && run.stderr.contains("next:"),
            "{run:?}"
        );
        assert!(home.files() == before, "{name}");
    }
    // Nobody means to fill what was named to be read.
    write("good.db", &good);
    for name in ["nothing.db", "empty.db"] {
        for words in [
            format!("verify {name}"),
            format!("verify {name} --db {name}"),
            format!("diff {name} newer.db"),
            format!("diff good.db {name}"),
            format!("merge {name} newer.db -o union.db"),
        ] {
            let run = home.cli(words.split(' ')).run().exit(1);
            let next = run.stderr.ends_with("next: name another file\n");
            assert!(next, "{words}: {run:?}");
        }
    }
}

#[test]
fn nothing_in_a_hostile_file_is_run() {
    let (home, path) = packed();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let slow = "instr(zeroblob(9000 * abs(x)), zeroblob(4000) || x'01')";
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    for harm in [
        "CREATE TRIGGER t AFTER INSERT ON series BEGIN DELETE FROM candle_data; END".to_owned(),
        format!("CREATE TABLE t (x CHECK ({slow} = 0)); INSERT INTO t VALUES (1)"),
        format!("CREATE TABLE t (x, y AS ({slow})); INSERT INTO t VALUES (1)"),
        format!("CREATE TABLE t (x); INSERT INTO t VALUES (1); CREATE INDEX i ON t ({slow})"),
        format!("DROP TABLE manifest; CREATE VIEW manifest AS {endless}"),
        format!("DROP TABLE seal; CREATE VIEW seal AS {endless}"),
        format!("DROP VIEW candles; CREATE VIEW candles AS {endless}"),
        format!("ALTER TABLE series RENAME TO s2; CREATE VIEW series AS {endless}"),
    ] {
        let target = home.path("hostile.db");
        fs::copy(&path, &target).unwrap();
        let connection = Connection::open(&target).unwrap();
        connection
            .execute_batch(&format!("PRAGMA legacy_alter_table = ON; {harm}"))
            .unwrap();
        drop(connection);
        let bytes = fs::read(&target).unwrap();
        let running = home.cli(["verify", "hostile.db", "--json"]).spawn();
        let run = running
            .wait_within(std::time::Duration::from_secs(10))
            .exit(1);
        assert_eq!(run.json()["ok"], false, "{harm}");
        assert!(fs::read(&target).unwrap() == bytes, "{harm}");
    }
}

#[test]
fn conditions_and_indices_of_strangers_in_a_working_file_are_not_run() {
    let slow = "instr(zeroblob(4000000), zeroblob(1999999) || x'01')";
    let home = Home::filled(&format!("AAPL -t 1d {DATES}"));
    home.sql(&format!(
        "PRAGMA ignore_check_constraints = ON; CREATE TABLE notes (x CHECK ({slow} = 0)); INSERT INTO notes VALUES (1)"
    ));
    let running = home.cli(["verify", "market.db"]).spawn();
    running.wait_within(std::time::Duration::from_secs(10)).ok();
    home.sql("CREATE INDEX mine ON candle_data (abs(close))");
    let run = home.cli(["verify", "market.db"]).run().exit(1);
    assert!(run.stdout.contains("index mine"), "{run:?}");
}

#[test]
fn a_write_that_was_interrupted_is_told_and_not_looked_past() {
    let home = Home::filled(&format!("AAPL -t 1m {DATES}"));
    home.cli(["pack", "-o", "out.db"]).run().ok();
    let path = home.path("out.db");
    let copy = home.path("copy.db");
    fs::copy(&path, &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o644)).unwrap();
    let connection = Connection::open(&copy).unwrap();
    connection
        .execute_batch("PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN IMMEDIATE; UPDATE candle_data SET close = close + 1")
        .unwrap();
    let torn = home.path("torn.db");
    fs::copy(&copy, &torn).unwrap();
    fs::copy(home.path("copy.db-journal"), home.path("torn.db-journal")).unwrap();
    drop(connection);
    fs::set_permissions(&torn, fs::Permissions::from_mode(0o444)).unwrap();
    for words in [
        "verify torn.db",
        "--db torn.db show AAPL -t 1m",
        "--db torn.db pack -o p.db",
        "diff torn.db out.db",
    ] {
        home.cli(words.split(' '))
            .without_db()
            .run()
            .exit(1)
            .says(&["torn.db was interrupted", "next:"]);
    }
    fs::set_permissions(&torn, fs::Permissions::from_mode(0o644)).unwrap();
    home.cli(["--db", "torn.db", "list"])
        .without_db()
        .run()
        .ok();
    home.cli(["verify", "torn.db"]).run().ok();
}

// It was told to have been written a moment ago, and advised to run the same command again, for ever.
#[test]
fn a_packed_file_with_a_log_beside_it_is_not_as_it_was_packed_and_the_log_is_named() {
    let home = Home::filled(&format!("AAPL -t 1d {DATES}"));
    home.cli(["pack", "-o", "out.db"]).run().ok();
    let path = home.path("out.db");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch("PRAGMA journal_mode = wal; UPDATE series SET created_at = 5")
        .unwrap();
    let left = home.path("left.db");
    fs::copy(&path, &left).unwrap();
    fs::copy(home.path("out.db-wal"), home.path("left.db-wal")).unwrap();
    drop(connection);
    for mode in [0o444, 0o644] {
        fs::set_permissions(&left, fs::Permissions::from_mode(mode)).unwrap();
        for _ in 0..2 {
            let run = home.cli(["verify", "left.db"]).run().exit(1);
            assert!(!run.stderr.contains("same command again"), "{run:?}");
            for words in ["opened it to write since it was packed", "left.db-wal"] {
                assert!(run.stdout.contains(words), "{run:?}");
            }
        }
    }
}

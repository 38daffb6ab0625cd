//! Packed files: the same bytes for the same data, everything a reader needs and nothing of where it came from, and no half
//! file under any name.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use sha2::{Digest, Sha256};

use crate::support::db::Db;
use crate::support::exchange::Reply;
use crate::support::harness::Home;
use crate::support::oracle;
use crate::support::server::Server;

const DATES: &str = "--start 2024-01-02 --end 2024-01-31";

/// Packs the whole file; its bytes.
fn packed(home: &Home) -> Vec<u8> {
    home.cli(["pack", "-o", "out.db", "--overwrite"]).run().ok();
    fs::read(home.path("out.db")).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn hex(bytes: &[u8]) -> String {
    let bytes = <[u8; 32]>::try_from(bytes).unwrap();
    candlefile::model::Digest::from(bytes).to_string()
}

/// A file that is opened without a lock, a log or anything beside it.
fn immutable(path: &Path) -> Db {
    let uri = format!("file:{}?immutable=1", path.display());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Db(Connection::open_with_flags(uri, flags).unwrap())
}

#[test]
fn four_orders_of_filling_with_kills_in_between_give_the_same_bytes() {
    let whole = format!("AAPL MSFT X:BTCUSD I:NDX -t 1h,1d,1w {DATES}");
    let at_once = Home::new();
    at_once.backfill(&Server::start(), &whole).ok();
    let bytes = packed(&at_once);

    let piecemeal = Home::new();
    let server = Server::setup().page(40).start();
    for words in [
        "I:NDX -t 1w,1d,1h --start 2024-01-20 --end 2024-01-31 --workers 1",
        "X:BTCUSD AAPL -t 1h --start 2024-01-10 --end 2024-01-12",
        "MSFT -t 1d --start 2024-01-02 --end 2024-01-09",
    ] {
        piecemeal.backfill(&server, words).ok();
    }
    piecemeal
        .backfill(&server, &format!("{whole} --workers 1"))
        .ok();
    assert!(packed(&piecemeal) == bytes, "in pieces, from the end");

    let killed = Home::new();
    let server = Server::setup().page(25).start();
    for requests in [3, 9, 20, 35] {
        let words = format!("backfill {whole} --workers 3");
        let running = killed.to(&server, words.split(' ')).spawn();
        server.wait_for(requests);
        running.kill();
    }
    killed.backfill(&server, &whole).ok();
    assert!(packed(&killed) == bytes, "killed four times");

    let failing = Home::new();
    let server = Server::scripted(|request| {
        (request.n % 3 == 1).then(|| Reply::json(400, r#"{"status":"ERROR","error":"no"}"#))
    });
    failing.backfill(&server, &whole).exit(3);
    let server = Server::start();
    failing.to(&server, ["resume"]).run().ok();
    // A series that came and went leaves its row behind, and another number.
    failing
        .backfill(&server, &format!("ZZZ -t 1d {DATES}"))
        .ok();
    failing.cli(["drop", "ZZZ", "-t", "1d", "--yes"]).run().ok();
    failing
        .cli(["drop", "AAPL", "-t", "1h", "--yes"])
        .run()
        .ok();
    failing.backfill(&server, &whole).ok();
    assert!(
        packed(&failing) == bytes,
        "failed, resumed, dropped and fetched again"
    );
}

#[test]
fn another_candle_gives_other_bytes() {
    let home = Home::filled(&format!("AAPL -t 1d {DATES}"));
    let bytes = packed(&home);
    home.sql(
        "UPDATE candle_data SET close = close + 0.01 WHERE ts = (SELECT max(ts) FROM candle_data)",
    );
    assert!(packed(&home) != bytes);
}

#[test]
fn a_packed_file_says_nothing_of_where_and_when_it_came_from() {
    let home = Home::filled(&format!("AAPL MSFT -t 1h,1d {DATES}"));
    let owner = home.db().text("SELECT owner FROM backfill_jobs");
    let host = owner.split('/').next().unwrap();
    let bytes = packed(&home);
    for secret in [host, home.path("").to_str().unwrap(), "127.0.0.1"] {
        let found = bytes
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!found, "{secret} is in the file");
    }
    let path = home.path("out.db");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o444,
        "a packed file is read-only"
    );
    assert_eq!(bytes[18..20], [1, 1], "a rollback-journal file");
    assert_eq!(
        names(&home.path("")),
        ["market.db", "out.db", "out.db.sha256"],
        "the files that a pack leaves"
    );
    let db = immutable(&path);
    assert_eq!(
        db.text("PRAGMA integrity_check"),
        "ok",
        "SQLite's own word on it"
    );
    assert_eq!(db.count("PRAGMA freelist_count"), 0, "pages without a use");
    for table in [
        "backfill_jobs",
        "backfill_series",
        "backfill_progress",
        "empty_spans",
        "rejected",
        "conflicts",
        "restatements",
    ] {
        assert_eq!(
            db.count(&format!("SELECT count(*) FROM {table}")),
            0,
            "{table}"
        );
    }
    let times = "coalesce(created_at, tail_asked_at, tail_asked_from, tail_asked_to)";
    assert_eq!(
        db.count(&format!("SELECT count({times}) FROM series")),
        0,
        "times that say how the data came"
    );
    assert_eq!(
        db.count("SELECT count(*) FROM market_data WHERE fetched_at <> ''"),
        0,
        "candles that say when they came"
    );
    // Numbered by symbol and timeframe as text.
    let order =
        "SELECT group_concat(symbol || timeframe || id) FROM (SELECT * FROM series ORDER BY id)";
    assert_eq!(
        db.text(order),
        "AAPL1d1,AAPL1h2,MSFT1d3,MSFT1h4",
        "the series in their order"
    );
    assert_eq!(
        db.candles("AAPL", "1h"),
        home.db().candles("AAPL", "1h"),
        "the candles of the packed file"
    );
    assert_eq!(
        db.coverage("AAPL", "1h"),
        home.db().coverage("AAPL", "1h"),
        "the coverage of the packed file"
    );
}

#[test]
fn a_packed_file_is_judged_by_its_digests_without_this_program() {
    let home = Home::filled(&format!("AAPL I:NDX -t 1d,1w {DATES}"));
    let report = home
        .cli(["pack", "-o", "out.db", "--json"])
        .run()
        .ok()
        .json();
    let bytes = fs::read(home.path("out.db")).unwrap();
    let sum = hex(&Sha256::digest(&bytes));
    assert_eq!(report["sha256"], sum.as_str(), "the sum that is reported");
    assert_eq!(
        fs::read_to_string(home.path("out.db.sha256")).unwrap(),
        format!("{sum}  out.db\n"),
        "the file that sha256sum reads"
    );
    let (rest, last) = bytes.split_at(bytes.len() - 32);
    let digest = Sha256::new()
        .chain_update(rest)
        .chain_update([0; 32])
        .finalize();
    assert_eq!(digest[..], *last, "the digest at the end of the file");
    assert_eq!(
        report["file_digest"],
        hex(last).as_str(),
        "the file's digest as it is reported"
    );

    let db = immutable(&home.path("out.db"));
    assert_eq!(
        db.text("SELECT lower(hex(file_digest)) FROM seal"),
        hex(last),
        "the file's digest as its seal says it"
    );
    let mut lines = String::new();
    let sql = "SELECT symbol, timeframe, json_array(symbol, timeframe, source, adjusted, market, grid, currency, last_day, week_start,
               candles, first_ts, last_ts, coverage, digest), digest, candles FROM manifest ORDER BY symbol, timeframe";
    let mut select = db.0.prepare(sql).unwrap();
    let mut rows = select.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let (symbol, timeframe): (String, String) = (row.get(0).unwrap(), row.get(1).unwrap());
        let mut hash = Sha256::new();
        let candles = db.candles(&symbol, &timeframe);
        for c in &candles {
            let there = u8::from(c.volume.is_some())
                + 2 * u8::from(c.vwap.is_some())
                + 4 * u8::from(c.trades.is_some());
            hash.update([there]);
            hash.update(c.ts.to_le_bytes());
            for value in [c.open, c.high, c.low, c.close] {
                hash.update(value.to_le_bytes());
            }
            hash.update(c.volume.unwrap_or(0.0).to_le_bytes());
            hash.update(c.vwap.unwrap_or(0.0).to_le_bytes());
            hash.update(c.trades.unwrap_or(0).to_le_bytes());
        }
        assert_eq!(
            row.get::<_, String>(3).unwrap(),
            hex(&hash.finalize()),
            "{symbol} {timeframe}"
        );
        assert_eq!(row.get::<_, i64>(4).unwrap(), candles.len() as i64);
        lines += &format!("{}\n", row.get::<_, String>(2).unwrap());
    }
    assert_eq!(lines.lines().count(), 4, "lines of the manifest");
    let digest = hex(&Sha256::digest(lines.as_bytes()));
    assert_eq!(
        db.text("SELECT digest FROM seal"),
        digest,
        "the digest in the seal"
    );
    assert_eq!(
        report["digest"],
        digest.as_str(),
        "the digest as it is reported"
    );
    assert_eq!(
        report["candles"],
        db.count("SELECT sum(candles) FROM manifest"),
        "candles by the manifest"
    );
}

#[test]
fn what_could_still_change_is_left_out_unless_the_history_is_wanted() {
    let home = Home::filled(&format!("AAPL MSFT -t 1d {DATES}"));
    // The last two days of one series are not final yet, one of them odd.
    let cut = oracle::label(oracle::date("2024-01-30"));
    home.sql(&format!(
        "UPDATE coverage SET end_ts = {cut} WHERE series_id = (SELECT id FROM series WHERE symbol = 'AAPL');
         INSERT INTO quality_issues SELECT id, {cut}, 'zero_price', 'open is 0' FROM series WHERE symbol = 'AAPL';
         INSERT INTO quality_issues SELECT id, {cut}, 'zero_price', 'open is 0' FROM series WHERE symbol = 'MSFT';
         INSERT INTO candle_quality SELECT id, {cut}, 0.5, 1, NULL FROM series;
         INSERT INTO rejected SELECT id, {cut}, 'no', 'raw', 1, 5 FROM series"
    ));
    let report = home
        .cli(["pack", "-o", "out.db", "--json"])
        .run()
        .ok()
        .json();
    assert_eq!(
        report["left_out"], 2,
        "provisional candles that were left out"
    );
    let db = immutable(&home.path("out.db"));
    let last = "SELECT max(ts) FROM candles WHERE symbol = 'AAPL'";
    assert!(db.count(last) < cut);
    assert_eq!(
        db.count("SELECT last_ts FROM series WHERE symbol = 'AAPL'"),
        db.count(last),
        "the last candle that is final"
    );
    assert_eq!(
        db.count("SELECT count(*) FROM quality_issues WHERE check_name = 'zero_price'"),
        1,
        "flags of the candles that were packed"
    );
    assert_eq!(
        db.text("SELECT group_concat(symbol || quality_score || gap_detected || (volume_anomaly IS NULL)) FROM candle_quality JOIN series ON id = series_id"),
        "MSFT0.511",
        "what the candles that were packed came to"
    );

    home.cli(["pack", "-o", "all.db", "--with-history"])
        .run()
        .ok();
    let all = immutable(&home.path("all.db"));
    let of = |table: &str| format!("SELECT count(*) FROM {table}");
    for table in [
        "candle_data",
        "quality_issues",
        "candle_quality",
        "rejected",
        "backfill_progress",
        "backfill_series",
    ] {
        assert_eq!(
            all.count(&of(table)),
            home.db().count(&of(table)),
            "{table}"
        );
    }
    let fetched = "SELECT count(*) FROM market_data WHERE fetched_at = ''";
    assert_eq!(all.count(fetched), 0, "slices of what was left out");
    assert_eq!(
        all.count("SELECT count(owner) FROM backfill_jobs"),
        0,
        "owners of jobs in a packed file"
    );
    assert_eq!(
        all.count("SELECT count(*) FROM pragma_foreign_key_check"),
        0,
        "rows that belong to nothing"
    );
    home.cli(["verify", "all.db"]).run().ok();
}

#[test]
fn a_part_with_history_does_not_know_the_end_of_the_whole() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, &format!("AAPL -t 1d {DATES}")).ok();
    let times = "tail_asked_at = 1, tail_asked_from = 1705000000, tail_asked_to = 1706000000";
    home.sql(&format!("UPDATE series SET {times}"));
    for (words, kept) in [("--end 2024-01-15", 0), ("", 1)] {
        let words = format!("pack -o out.db --overwrite --with-history {words}");
        home.cli(words.trim_end().split(' ')).run().ok();
        let db = immutable(&home.path("out.db"));
        assert_eq!(
            db.count("SELECT count(tail_asked_to) FROM series"),
            kept,
            "whether the tail is kept"
        );
        assert_eq!(
            db.count("SELECT count(created_at) FROM series"),
            1,
            "when the series was made"
        );
    }
}

#[test]
fn candles_that_were_handed_in_are_packed_without_coverage() {
    let home = Home::filled(&format!("AAPL -t 1d {DATES}"));
    home.sql("UPDATE candle_data SET slice_id = NULL; DELETE FROM coverage");
    let report = home
        .cli(["pack", "-o", "out.db", "--json"])
        .run()
        .ok()
        .json();
    assert_eq!(
        report["left_out"], 0,
        "candles that were left out of a history"
    );
    assert_eq!(
        report["candles"],
        home.db().count("SELECT count(*) FROM candles"),
        "candles of a history"
    );
}

#[test]
fn a_part_is_packed_with_the_coverage_of_that_part() {
    let home = Home::filled(&format!("AAPL MSFT X:BTCUSD -t 1h,1d {DATES}"));
    let words = "pack AAPL X:BTCUSD -t 1h --start 2024-01-10 --end 2024-01-12 -o out.db";
    home.cli(words.split(' ')).run().ok();
    let db = immutable(&home.path("out.db"));
    assert_eq!(
        db.text("SELECT group_concat(symbol) FROM series"),
        "AAPL,X:BTCUSD",
        "the series that were chosen"
    );
    for symbol in ["AAPL", "X:BTCUSD"] {
        let span = oracle::span(symbol, "1h", "2024-01-10", "2024-01-12");
        assert_eq!(
            db.coverage(symbol, "1h"),
            [span],
            "the coverage of the part"
        );
        let expected: Vec<_> = oracle::candles(symbol, "1h", span).collect();
        assert_eq!(
            db.candles(symbol, "1h"),
            expected,
            "the candles of the part"
        );
    }
    home.cli(["verify", "out.db"]).run().ok();
}

#[test]
fn a_compatible_file_has_no_strict_table_and_goes_on_as_well() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, &format!("AAPL -t 1d {DATES}")).ok();
    home.cli(["pack", "-o", "old.db", "--compat"]).run().ok();
    let db = immutable(&home.path("old.db"));
    assert_eq!(
        db.count("SELECT count(*) FROM pragma_table_list WHERE strict"),
        0,
        "strict tables for old readers"
    );
    assert_eq!(
        db.candles("AAPL", "1d"),
        home.db().candles("AAPL", "1d"),
        "candles for old readers"
    );
    home.cli(["verify", "old.db"]).run().ok();
    home.cli(["pack", "-o", "new.db"]).run().ok();
    let strict = "SELECT count(*) FROM pragma_table_list WHERE NOT strict AND type = 'table' AND name NOT LIKE 'sqlite%'";
    assert_eq!(
        immutable(&home.path("new.db")).count(strict),
        0,
        "tables that are not strict for new readers"
    );
    fs::set_permissions(home.path("old.db"), fs::Permissions::from_mode(0o644)).unwrap();
    let words = format!("--db old.db backfill AAPL -t 1d {DATES}");
    home.to(&server, words.split(' ')).without_db().run().ok();
}

#[test]
fn a_file_is_packed_while_a_backfill_writes_it() {
    let home = Home::new();
    let (server, gate) = Server::holding(2);
    let words = "backfill AAPL MSFT SPY -t 1d --workers 1 --start 2024-01-02 --end 2024-01-31";
    let running = home.to(&server, words.split(' ')).spawn();
    server.wait_for(3);
    crate::support::running::eventually("two series", || {
        home.db()
            .count("SELECT count(*) FROM series WHERE candles > 0")
            == 2
    });
    home.cli(["pack", "-o", "out.db"]).run().ok();
    home.cli(["verify", "out.db"]).run().ok();
    let db = immutable(&home.path("out.db"));
    assert_eq!(
        db.text("SELECT group_concat(symbol) FROM series"),
        "AAPL,MSFT",
        "the series that were chosen"
    );
    gate.open();
    running.wait().ok();
}

#[test]
fn a_full_disk_and_a_kill_leave_no_half_file() {
    let home = Home::filled(&format!("AAPL MSFT SPY X:BTCUSD -t 1m {DATES}"));
    let before = ["market.db"];
    let full = home
        .cli(["pack", "-o", "out.db"])
        .full_disk(1_000)
        .run()
        .exit(1);
    full.says(&["out.db", "next:"]);
    assert_eq!(names(&home.path("")), before, "nothing is left behind");

    fs::write(home.path("out.db"), "mine").unwrap();
    let words = ["pack", "-o", "out.db", "--overwrite"];
    home.cli(words).full_disk(1_000).run().exit(1);
    assert_eq!(
        fs::read(home.path("out.db")).unwrap(),
        b"mine",
        "the old file is as it was"
    );

    let begun = || {
        let running = home.cli(words).spawn();
        crate::support::running::eventually("a part", || {
            fs::metadata(home.path(".out.db.part")).is_ok_and(|part| part.len() > 100_000)
        });
        running
    };
    let interrupted = begun();
    interrupted.interrupt();
    let interrupted = interrupted.wait().exit(130);
    interrupted.says(&["packing was stopped", "nothing was left behind"]);
    assert_eq!(
        names(&home.path("")),
        ["market.db", "out.db"],
        "nothing is left behind"
    );
    begun().kill();
    assert_eq!(
        fs::read(home.path("out.db")).unwrap(),
        b"mine",
        "the old file is as it was"
    );
    // What the kill has left is used up by the next run.
    home.cli(words).run().ok();
    assert_eq!(
        names(&home.path("")),
        ["market.db", "out.db", "out.db.sha256"],
        "the files that a pack leaves"
    );
    home.cli(["verify", "out.db"]).run().ok();
}

#[test]
fn what_cannot_be_packed_is_said_and_leaves_nothing() {
    let home = Home::filled(&format!("AAPL MSFT -t 1d {DATES}"));
    home.backfill(&Server::start(), &format!("AAPL -t 1h {DATES}"))
        .ok();
    home.sql("INSERT INTO series (symbol, timeframe, source, adjusted, market, grid) VALUES ('GONE', '1d', 'polygon', 0, 'XNYS', 'utc')");
    std::os::unix::fs::symlink(home.db_path(), home.path("link.db")).unwrap();
    fs::hard_link(home.db_path(), home.path("hard.db")).unwrap();
    fs::write(home.path("taken.db"), "mine").unwrap();
    fs::write(home.path("sum.db.sha256"), "mine").unwrap();
    fs::create_dir(home.path("folder")).unwrap();
    let before = home.files();
    for (words, says) in [
        ("pack -o nowhere/out.db", "mkdir -p nowhere"),
        ("pack -o taken.db", "--overwrite"),
        ("pack -o sum.db", "sum.db.sha256 exists"),
        ("pack -o folder", "is a folder"),
        ("pack -o market.db --overwrite", "is the file that is read"),
        ("pack -o link.db --overwrite", "is the file that is read"),
        ("pack -o hard.db --overwrite", "is the file that is read"),
        (
            "pack --db link.db -o market.db-wal --overwrite",
            "is the file that is read",
        ),
        ("pack APPL -o out.db", "AAPL"),
        ("pack AAPL -t 1m -o out.db", "it holds "),
        ("pack AAPL MSFT -t 1d,1h -o out.db", "no 1h of MSFT"),
        ("pack AAPL GONE -o out.db", "no GONE"),
        (
            "pack AAPL --start 2030-01-01 -o out.db",
            "no candles in this range",
        ),
    ] {
        home.cli(words.split(' '))
            .run()
            .exit(1)
            .says(&[says, "next:"]);
        assert!(home.files() == before, "{words}");
    }
    for words in [
        "pack AAPL --start 2024-02-01 --end 2024-01-01 -o out.db",
        "pack",
    ] {
        home.cli(words.split(' ')).run().exit(2);
        assert!(home.files() == before, "{words}");
    }
    let json = home
        .cli("pack APPL -o out.db --json".split(' '))
        .run()
        .exit(1)
        .json();
    assert_eq!(json["error"]["kind"], "series", "the kind of the error");
}

#[test]
fn a_copy_with_its_history_goes_on_with_all_that_a_job_is_still_to_ask() {
    let home = Home::new();
    let server =
        Server::scripted(|request| (request.n > 3).then(|| Reply::json(404, "{}".to_owned())));
    let words = "AAPL MSFT SPY QQQ NVDA -t 1d --start 2024-01-02 --end 2024-01-31 --workers 1";
    let first = home.backfill(&server, &format!("{words} --json")).exit(3);
    assert_eq!(first.json()["status"], "partial");
    home.cli(["pack", "--with-history", "-o", "copy.db"])
        .run()
        .ok();
    home.cli(["verify", "copy.db"]).run().ok();
    let slices = |db: &str| {
        let status = home.cli(["--db", db, "status", "--json"]).without_db();
        status.run().ok().json()["jobs"][0]["slices"].clone()
    };
    assert_eq!(slices("copy.db"), slices("market.db"));
    std::process::Command::new("chmod")
        .args(["u+w", "copy.db"])
        .current_dir(home.path(""))
        .status()
        .unwrap();
    let server = Server::start();
    home.to(&server, ["--db", "copy.db", "resume"])
        .without_db()
        .run()
        .ok();
    let held = Db::open(&home.path("copy.db"));
    for symbol in ["AAPL", "MSFT", "SPY", "QQQ", "NVDA"] {
        assert!(!held.candles(symbol, "1d").is_empty(), "{symbol}");
    }
    // Without its history there is nothing to go on with.
    home.cli(["pack", "-o", "data.db"]).run().ok();
    assert!(Db::open(&home.path("data.db")).count("SELECT count(*) FROM series") < 5);
}

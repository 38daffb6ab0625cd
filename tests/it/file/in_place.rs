//! The file is moved, deleted or replaced while it is in use. What was committed is in the file that was held, a newcomer
//! sees its own rows alone, and nobody says that all is well.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::checker::Saved;
use crate::support::db::Db;
use crate::support::exchange::Gate;
use crate::support::harness::{Home, KEY};
use crate::support::running::{Running, eventually};
use crate::support::server::Server;
#[cfg(feature = "serve")]
use crate::support::serving::Serving;

const OTHER: &str = "backfill MSFT -t 1d --start 2024-01-02 --end 2024-01-31";
const WORDS: &str = "backfill AAPL -t 1m --start 2024-01-02 --end 2024-06-28 --workers 1";

/// A backfill of a file in a folder of its own, which has stored a part and waits for more; and another file.
fn begun(words: &str) -> (Home, Running, Gate) {
    let (server, gate) = Server::holding(2);
    let home = Home::new();
    fs::create_dir(home.path("data")).unwrap();
    let fill = |db: &str, words: &str| {
        home.to(&server, words.split(' '))
            .without_db()
            .arg("--db")
            .arg(db)
    };
    fill("other.db", OTHER).run().ok();
    let running = fill("data/m.db", words).spawn();
    server.wait_for(3);
    eventually("a part is stored", || {
        Db::open(&home.path("data/m.db")).count("SELECT coalesce(sum(candles), 0) FROM series") > 0
    });
    std::mem::forget(server);
    (home, running, gate)
}

fn bytes_of_log(path: &Path) -> u64 {
    let log = PathBuf::from(format!("{}-wal", path.display()));
    fs::metadata(log).map_or(0, |found| found.len())
}

/// What is done to the file, how, and what is said of it.
type Move = (&'static str, fn(&Home), &'static str);

#[test]
fn a_file_that_is_not_in_its_place_any_more_is_given_up_with_what_was_saved_in_it() {
    let moves: [Move; 5] = [
        (
            "moved",
            |home| fs::rename(home.path("data/m.db"), home.path("data/n.db")).unwrap(),
            "data/n.db",
        ),
        (
            "deleted",
            |home| {
                fs::hard_link(home.path("data/m.db"), home.path("kept.db")).unwrap();
                fs::remove_file(home.path("data/m.db")).unwrap();
            },
            "kept.db",
        ),
        (
            "replaced",
            |home| {
                fs::hard_link(home.path("data/m.db"), home.path("kept.db")).unwrap();
                fs::rename(home.path("other.db"), home.path("data/m.db")).unwrap();
            },
            "kept.db",
        ),
        (
            "its folder moved",
            |home| fs::rename(home.path("data"), home.path("moved")).unwrap(),
            "moved/m.db",
        ),
        (
            "its folder replaced",
            |home| {
                fs::rename(home.path("data"), home.path("moved")).unwrap();
                fs::create_dir(home.path("data")).unwrap();
                fs::rename(home.path("other.db"), home.path("data/m.db")).unwrap();
            },
            "moved/m.db",
        ),
    ];
    for (how, go, kept) in moves {
        let (home, running, gate) = begun(WORDS);
        let before = Saved::check_file(&home.path("data/m.db"));
        let other = Db::open(&home.path("other.db")).count("SELECT count(*) FROM candles");
        go(&home);
        // Noticed while nothing comes, too.
        let run = running.wait().exit(1);
        gate.open();
        run.says(&["data/m.db", "was moved, deleted or replaced", "next:"]);
        assert_eq!(bytes_of_log(&home.path("data/m.db")), 0, "{how}");
        assert_eq!(bytes_of_log(&home.path(kept)), 0, "{how}");
        let after = Saved::check_file(&home.path(kept));
        after.assert_holds(&before);
        let list = |db: &str| {
            home.cli(["--db", db, "list", "--json"])
                .without_db()
                .run()
                .ok()
                .json()
        };
        assert!(
            list(kept)["series"][0]["candles"].as_u64().unwrap() > 0,
            "{how}"
        );
        if how.contains("replaced") {
            let series = &list("data/m.db")["series"];
            assert_eq!(
                (&series[0]["symbol"], &series[0]["candles"]),
                (&json!("MSFT"), &json!(other)),
                "{how}"
            );
            assert_eq!(series.as_array().unwrap().len(), 1);
            home.cli(["verify", "data/m.db"]).run().ok();
        }
    }
}

#[test]
fn a_file_that_another_is_written_into_is_given_up_and_keeps_the_new_rows_alone() {
    let (home, running, gate) = begun(WORDS);
    fs::copy(home.path("other.db"), home.path("data/m.db")).unwrap();
    running
        .wait()
        .exit(1)
        .says(&["was moved, deleted or replaced"]);
    gate.open();
    assert_eq!(bytes_of_log(&home.path("data/m.db")), 0);
    let listed = home
        .cli(["--db", "data/m.db", "list", "--json"])
        .without_db()
        .run()
        .ok()
        .json();
    assert_eq!(listed["series"][0]["symbol"], "MSFT");
    home.cli(["verify", "data/m.db"]).run().ok();
}

// Another file's content came in by way of SQLite (`.restore`), and somebody was said to have taken the job over.
#[test]
fn content_that_is_put_in_place_of_a_files_own_by_way_of_sqlite_is_noticed() {
    let (home, running, gate) = begun(WORDS);
    let other = rusqlite::Connection::open(home.path("data/m.db")).unwrap();
    let jobs =
        "DELETE FROM backfill_progress; DELETE FROM backfill_series; DELETE FROM backfill_jobs";
    other.execute_batch(jobs).unwrap();
    gate.open();
    running
        .wait()
        .exit(1)
        .says(&["was moved, deleted or replaced"]);
}

// It was written on into a log without a name: what was told to be saved went with the process.
#[test]
fn a_log_that_is_removed_under_a_run_is_worked_off_and_the_run_says_so() {
    for replace in [false, true] {
        let (home, running, gate) = begun(WORDS);
        let path = home.path("data/m.db");
        let log = PathBuf::from(format!("{}-wal", path.display()));
        let held =
            |path: &Path| Db::open(path).count("SELECT coalesce(sum(candles), 0) FROM series");
        let before = held(&path);
        if replace {
            fs::write(home.path("data/other"), "a log of something else").unwrap();
            fs::rename(home.path("data/other"), &log).unwrap();
        } else {
            fs::remove_file(&log).unwrap();
        }
        let run = running.wait().exit(1);
        run.says(&[
            "the log of",
            "was removed or replaced",
            "run the same command again",
        ]);
        gate.open();
        let verify = ["verify", "data/m.db"];
        if replace {
            let _ = fs::remove_file(&log);
        }
        home.cli(verify).run().ok();
        assert_eq!(held(&path), before, "what was saved is in the file");
    }
}

/// Another file that is at rest, and whose header still names a log: as a copy made by SQLite's backup is.
fn newcomer_with_a_log_in_its_header(home: &Home) -> i64 {
    let other = rusqlite::Connection::open(home.path("other.db")).unwrap();
    other.pragma_update(None, "journal_mode", "wal").unwrap();
    Db(other).count("SELECT count(*) FROM candles")
}

fn listed(home: &Home) -> (String, i64) {
    let list = home.cli(["--db", "data/m.db", "list", "--json"]);
    let list = list.without_db().run().ok().json();
    let series = list["series"].as_array().unwrap();
    assert_eq!(series.len(), 1, "{list}");
    let symbol = series[0]["symbol"].as_str().unwrap().to_owned();
    (symbol, series[0]["candles"].as_i64().unwrap())
}

// A `list` in the second before the run noticed saw the old file's rows, and wrote its log into the newcomer.
#[test]
fn a_newcomer_is_read_as_it_is_before_the_run_on_the_old_file_has_noticed() {
    let (home, running, gate) = begun(WORDS);
    let candles = newcomer_with_a_log_in_its_header(&home);
    running.signal("-STOP");
    fs::hard_link(home.path("data/m.db"), home.path("kept.db")).unwrap();
    fs::rename(home.path("other.db"), home.path("data/m.db")).unwrap();
    assert_eq!(listed(&home), ("MSFT".to_owned(), candles));
    running.signal("-CONT");
    running
        .wait()
        .exit(1)
        .says(&["was moved, deleted or replaced"]);
    gate.open();
    assert_eq!(listed(&home), ("MSFT".to_owned(), candles));
    home.cli(["verify", "data/m.db"]).run().ok();
    Saved::check_file(&home.path("kept.db"));
}

// After a kill, a backup was put in place of the file. All that opened it took the log that was left for the backup's own.
#[test]
fn a_backup_in_place_of_a_file_whose_run_was_killed_does_not_take_its_log() {
    let (home, running, gate) = begun(WORDS);
    let candles = newcomer_with_a_log_in_its_header(&home);
    running.kill();
    gate.open();
    assert!(bytes_of_log(&home.path("data/m.db")) > 0, "a log is left");
    fs::rename(home.path("other.db"), home.path("data/m.db")).unwrap();
    let of_newcomer = ("MSFT".to_owned(), candles);
    assert_eq!(listed(&home), of_newcomer);
    let words = "backfill KO -t 1d --start 2024-01-02 --end 2024-02-29 --provider sample";
    let backfill = || home.cli(["--db", "data/m.db"]).args(words).without_db();
    backfill()
        .run()
        .exit(1)
        .says(&["is the log of a file that was here before", "rm "]);
    assert_eq!(listed(&home), of_newcomer);
    fs::remove_file(home.path("data/m.db-wal")).unwrap();
    home.cli(["verify", "data/m.db"]).run().ok();
}

#[test]
fn a_link_is_followed_and_one_that_leads_elsewhere_meanwhile_is_noticed() {
    let link = |home: &Home, to: &str| {
        let new = home.path("new-link");
        std::os::unix::fs::symlink(home.path(to), &new).unwrap();
        fs::rename(new, home.path("data/m.db")).unwrap();
    };
    let (server, gate) = Server::holding(1);
    let home = Home::new();
    for folder in ["data", "real"] {
        fs::create_dir(home.path(folder)).unwrap();
    }
    link(&home, "real/a.db");
    let fill = |words: &str| {
        home.to(&server, words.split(' '))
            .without_db()
            .arg("--db")
            .arg("data/m.db")
    };
    fill(OTHER).run().ok();
    let names = |folder: &str| -> Vec<_> {
        let entries = fs::read_dir(home.path(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    };
    assert_eq!(
        (names("data"), names("real")),
        (vec!["m.db".into()], vec!["a.db".into()])
    );
    fs::copy(home.path("real/a.db"), home.path("real/b.db")).unwrap();
    let running = fill(WORDS).spawn();
    server.wait_for(2);
    link(&home, "real/b.db");
    running
        .wait()
        .exit(1)
        .says(&["data/m.db", "was moved, deleted or replaced"]);
    gate.open();
    let other = fs::read(home.path("real/b.db")).unwrap();
    fill("list").run().ok();
    assert!(fs::read(home.path("real/b.db")).unwrap() == other);
}

#[test]
#[cfg(feature = "serve")]
fn a_server_whose_file_is_gone_answers_503_and_touches_nothing_that_came_in_its_place() {
    let provider = Server::start();
    let home = Home::new();
    home.to(&provider, OTHER.split(' ')).run().ok();
    fs::copy(home.db_path(), home.path("new.db")).unwrap();
    let serving = Serving::start(home.serve(&provider));
    assert_eq!(serving.get("/api/v1/symbols").status, 200);
    assert_eq!(serving.get("/ready").status, 200);
    fs::rename(home.db_path(), home.path("old.db")).unwrap();
    let new = fs::read(home.path("new.db")).unwrap();
    for newcomer in [false, true] {
        if newcomer {
            fs::rename(home.path("new.db"), home.db_path()).unwrap();
        }
        for target in ["/api/v1/symbols", "/ready", "/api/v1/backfill/recent"] {
            let answer = serving.get(target);
            assert_eq!(answer.status, 503, "{target}");
            let again = answer.header("retry-after");
            assert_eq!(again, Some("1"), "when {target} may be tried again");
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(text.contains("moved, deleted or replaced"), "{text}");
        }
        let asked = "/api/v1/backfill?symbols=AAPL&start_date=2024-01-02&end_date=2024-01-31";
        assert_eq!(serving.post(asked).status, 503);
    }
    // Every handle is closed.
    let handles = format!("/proc/{}/fd", serving.id());
    eventually("the file is let go of", || {
        let open = fs::read_dir(&handles)
            .unwrap()
            .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
        open.into_iter()
            .all(|path| !path.display().to_string().ends_with("old.db"))
    });
    // Where it is now is told once, and nothing else beside it.
    let run = serving.stop().ok();
    let told = run.stderr.matches("what was saved").count();
    assert_eq!(told, 1, "{run:?}");
    assert!(
        run.stderr.contains("old.db: go on with it there"),
        "{run:?}"
    );
    assert!(fs::read(home.db_path()).unwrap() == new);
    assert_eq!(bytes_of_log(&home.db_path()), 0);
}

// What was planned from the old file was written into the newcomer, and the run ended with 0.
#[cfg(target_os = "linux")]
#[test]
fn a_newcomer_is_not_filled_by_a_plan_for_the_file_before_it() {
    use std::io::Read;

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    let home = Home::of_sample("AAPL -t 1d --start 2024-01-02 --end 2024-01-31");
    let other = Home::of_sample("MSFT -t 1d --start 2024-01-02 --end 2024-01-31");
    fs::copy(other.db_path(), home.path("other.db")).unwrap();
    // More than a disk for tests has room for.
    let symbols: Vec<String> = (0..4_000).map(|number| format!("S{number}")).collect();
    fs::write(home.path("symbols.txt"), symbols.join("\n")).unwrap();
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&screen).unwrap();
    unlockpt(&screen).unwrap();
    let name = ptsname(&screen, Vec::new()).unwrap();
    let terminal = fs::File::open(name.to_str().unwrap()).unwrap();
    let words = "backfill --symbols-file symbols.txt -t 1m --start 1990-01-01";
    let mut asking = Command::new(env!("CARGO_BIN_EXE_candlefile"))
        .args(words.split(' '))
        .args(["--db", "market.db", "--base-url", "http://127.0.0.1:9"])
        .env("MASSIVE_API_KEY", KEY)
        .current_dir(home.path(""))
        .stdin(terminal)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut stderr = asking.stderr.take().unwrap();
    while !said.contains("[y/N]") {
        let mut letter = [0];
        assert_eq!(stderr.read(&mut letter).unwrap(), 1, "no question: {said}");
        said.push(letter[0].into());
    }
    fs::rename(home.path("other.db"), home.db_path()).unwrap();
    rustix::io::write(&screen, b"y\n").unwrap();
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(asking.wait().unwrap().code(), Some(1), "{said}");
    assert!(said.contains("was moved, deleted or replaced"), "{said}");
    assert!(
        fs::read(home.db_path()).unwrap() == fs::read(other.db_path()).unwrap(),
        "the newcomer was written"
    );
}

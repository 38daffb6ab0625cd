//! A file at rest has a rollback journal: whoever may read it can read it, leaves nothing beside it, and is in nobody's way
//! for longer than he reads. Nothing here may depend on who runs the tests.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use candlefile::{Store, StoreError};
use rusqlite::Connection;
use serde_json::json;

use crate::support::harness::{Home, Run};
use crate::support::running::eventually;
use crate::support::seeded::say;
use crate::support::server::Server;

const WORDS: &str = "backfill AAPL -t 1d --start 2024-01-02 --end 2024-01-31";

/// What only reads.
const READING: [&str; 9] = [
    "list",
    "show AAPL",
    "info",
    "status",
    "export -o - --format csv",
    "verify market.db",
    "diff market.db market.db",
    "update --dry-run",
    "pack -o out/packed.db",
];

/// A folder with January of AAPL in a file, and one that everybody may write.
fn filled(server: &Server) -> Home {
    let home = Home::new();
    home.to(server, WORDS.split(' ')).run().ok();
    fs::create_dir(home.path("out")).unwrap();
    fs::set_permissions(home.path("out"), Permissions::from_mode(0o777)).unwrap();
    home
}

/// The rights that the others have; without root it is the owner who loses his.
fn set_rights(home: &Home, folder: u32, file: u32) {
    let folder_path = home.db_path().parent().unwrap().to_path_buf();
    fs::set_permissions(home.db_path(), Permissions::from_mode(file)).unwrap();
    fs::set_permissions(folder_path, Permissions::from_mode(folder)).unwrap();
}

fn header(path: &Path) -> [u8; 2] {
    fs::read(path).unwrap()[18..20].try_into().unwrap()
}

fn beside(home: &Home) -> Vec<PathBuf> {
    let mut names: Vec<_> = home.files().into_iter().map(|(path, _)| path).collect();
    names.retain(|path| path.parent() == home.db_path().parent() && *path != home.db_path());
    names
}

/// Reads in every way, and sees to it that the file is as it was and nothing beside it.
fn reads(home: &Home) {
    let before = fs::read(home.db_path()).unwrap();
    for words in READING {
        let run = home.cli(words.split(' ')).by_nobody().run();
        run.ok();
        assert_eq!(beside(home), Vec::<PathBuf>::new(), "{words}");
    }
    let sql = ["sql", "SELECT count(*) FROM candles"];
    home.cli(sql).by_nobody().run().ok();
    assert_eq!(beside(home), Vec::<PathBuf>::new());
    assert!(fs::read(home.db_path()).unwrap() == before);
    for name in ["packed.db", "packed.db.sha256"] {
        fs::remove_file(home.path("out").join(name)).unwrap();
    }
}

#[test]
fn a_file_is_read_without_a_right_to_write_and_nothing_is_left_beside_it() {
    let server = Server::start();
    let home = filled(&server);
    assert_eq!(header(&home.db_path()), [1, 1]);
    // The folder may be written and the file not; neither; and one that an older version has left.
    set_rights(&home, 0o777, 0o444);
    reads(&home);
    set_rights(&home, 0o555, 0o444);
    reads(&home);
    set_rights(&home, 0o755, 0o644);
    home.sql("PRAGMA journal_mode = wal");
    assert_eq!(header(&home.db_path()), [2, 2]);
    set_rights(&home, 0o777, 0o444);
    reads(&home);
    set_rights(&home, 0o555, 0o444);
    reads(&home);
    set_rights(&home, 0o755, 0o644);
    home.to(&server, WORDS.split(' ')).run().ok();
    assert_eq!(header(&home.db_path()), [1, 1], "the next writer");
}

fn refused(home: &Home, words: &str) -> Run {
    let run = home.cli(words.split(' ')).by_nobody().run().exit(1);
    for raw in ["error code", "unable to open", "readonly database"] {
        assert!(!run.stderr.to_lowercase().contains(raw), "{run:?}");
    }
    run
}

#[test]
fn an_error_names_the_right_that_is_missing_and_what_it_is_to() {
    let server = Server::start();
    let home = filled(&server);
    let folder = home.db_path().parent().unwrap().to_path_buf();
    let is_root =
        fs::metadata(&folder).is_ok_and(|found| std::os::unix::fs::MetadataExt::uid(&found) == 0);
    let other = "backfill MSFT -t 1d --start 2024-01-02 --end 2024-01-31";
    let update = "drop AAPL -t 1d --yes";
    // Whoever has taken a right away himself has a read-only file.
    let lacks = |right: &'static str| if is_root { right } else { "read-only" };
    set_rights(&home, 0o777, 0o444);
    for words in [other, update] {
        refused(&home, words).says(&["market.db", "read-only"]);
    }
    set_rights(&home, 0o777, if is_root { 0o644 } else { 0o444 });
    refused(&home, update).says(&[lacks("may not write the file"), "market.db"]);
    set_rights(&home, if is_root { 0o755 } else { 0o555 }, 0o666);
    for words in [other, update] {
        let folder = folder.canonicalize().unwrap();
        refused(&home, words).says(&[lacks("may not write the folder"), folder.to_str().unwrap()]);
    }
    set_rights(&home, 0o777, 0o600 - if is_root { 0 } else { 0o600 });
    for words in ["list", "verify market.db", "pack -o out/packed.db", update] {
        refused(&home, words).says(&["may not read the file", "market.db"]);
    }
    set_rights(&home, 0o700 - if is_root { 0 } else { 0o700 }, 0o666);
    let elsewhere = Home::new();
    let folder_mode = Permissions::from_mode(0o755);
    fs::set_permissions(elsewhere.db_path().parent().unwrap(), folder_mode).unwrap();
    let link = elsewhere.path("link.db");
    std::os::unix::fs::symlink(home.db_path(), &link).unwrap();
    let outs = [home.db_path(), link].map(|path| {
        let list = ["--db", path.to_str().unwrap(), "list"].map(str::to_owned);
        elsewhere.cli(list).without_db().by_nobody().run().exit(1)
    });
    set_rights(&home, 0o755, 0o644);
    for out in outs {
        out.says(&["may not enter the folder", folder.to_str().unwrap()]);
    }

    // A log of somebody else's.
    home.sql("PRAGMA journal_mode = wal");
    let owner = Connection::open(home.db_path()).unwrap();
    owner
        .query_row("SELECT count(*) FROM series", [], |_| Ok(()))
        .unwrap();
    let log = home.path("market.db-wal");
    fs::set_permissions(
        &log,
        Permissions::from_mode(if is_root { 0o644 } else { 0o444 }),
    )
    .unwrap();
    set_rights(&home, 0o777, 0o666);
    refused(&home, update).says(&["may not write the log", "market.db-wal"]);
    fs::set_permissions(
        &log,
        Permissions::from_mode(0o600 - if is_root { 0 } else { 0o600 }),
    )
    .unwrap();
    refused(&home, "list").says(&["may not read the log", "market.db-wal"]);

    // A log that was left without the memory that goes with it.
    owner
        .execute("UPDATE series SET created_at = created_at + 1", [])
        .unwrap();
    let left = Home::new();
    for suffix in ["", "-wal"] {
        let name = format!("market.db{suffix}");
        fs::copy(home.path(&name), left.path(&name)).unwrap();
        let mode = Permissions::from_mode(0o644);
        fs::set_permissions(left.path(&name), mode).unwrap();
    }
    set_rights(&home, 0o755, 0o644);
    let (open, closed) = (0o777, if is_root { 0o755 } else { 0o555 });
    let file = if is_root { 0o644 } else { 0o444 };
    let folder = left.db_path().parent().unwrap().canonicalize().unwrap();
    for (folder_mode, file_mode, lacks) in [
        (open, file, left.db_path().canonicalize().unwrap()),
        (closed, 0o666, folder),
    ] {
        set_rights(&left, folder_mode, file_mode);
        let lacks = lacks.to_str().unwrap();
        refused(&left, "list").says(&["a log that was left beside it", lacks, "who may write"]);
    }
    set_rights(&left, 0o755, 0o644);
}

#[test]
fn a_write_that_was_interrupted_is_taken_back_by_whoever_may_and_told_to_whoever_may_not() {
    let server = Server::start();
    let (home, copy) = (filled(&server), Home::new());
    let writer = Connection::open(home.db_path()).unwrap();
    let sql = "PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN;
        DELETE FROM candle_data; CREATE TABLE big (x); INSERT INTO big SELECT zeroblob(100000) FROM series, backfill_jobs";
    writer.execute_batch(sql).unwrap();
    for suffix in ["", "-journal"] {
        let name = format!("market.db{suffix}");
        fs::copy(home.path(&name), copy.path(&name)).unwrap();
    }
    drop(writer);
    let journal = fs::read(copy.path("market.db-journal")).unwrap();
    assert!(journal.first().is_some_and(|first| *first != 0));
    set_rights(&copy, 0o755, 0o444);
    fs::create_dir(copy.path("out")).unwrap();
    fs::set_permissions(copy.path("out"), Permissions::from_mode(0o777)).unwrap();
    for words in ["list", "show AAPL", "export -o out/candles.csv", "status"] {
        // It is tried again for a while: somebody may be taking it back.
        let began = Instant::now();
        let run = copy.cli(words.split(' ')).by_nobody().run().exit(1);
        run.says(&["interrupted", "who may write", "list"]);
        assert!(began.elapsed() >= Duration::from_millis(200), "{words}");
    }
    set_rights(&copy, 0o755, 0o644);
    let listed = copy.cli(["list", "--json"]).run().ok().json();
    assert_eq!(listed["series"][0]["candles"], 22);
    assert_eq!(beside(&copy), Vec::<PathBuf>::new());
}

#[test]
fn a_reader_of_the_file_at_rest_is_waited_for_and_others_may_read_meanwhile() {
    let server = Server::start();
    let home = filled(&server);
    server.forget();
    let reader = home.db();
    reader.0.execute_batch("BEGIN").unwrap();
    reader.count("SELECT count(*) FROM candles");
    let words = "backfill MSFT -t 1d --start 2024-01-02 --end 2024-01-31";
    let mut running = home.to(&server, words.split(' ')).spawn();
    let mut reads = 0;
    eventually("others have read", || {
        home.cli(["list"]).run().ok();
        reads += 1;
        reads > 5
    });
    // Who has nothing to store waits for nobody.
    let idle = home.to(&server, WORDS.split(' ')).arg("--json").run().ok();
    let report = idle.json();
    let said = ["job_id", "status", "requests"].map(|name| &report[name]);
    assert_eq!(said, [&json!(null), &json!("completed"), &json!(0)]);
    assert!(!running.has_ended() && server.hits() == 0);
    // Last: to close another handle of the file takes this process' locks away.
    assert_eq!(header(&home.db_path()), [1, 1]);
    reader.0.execute_batch("COMMIT").unwrap();
    running.wait().ok();
    assert_eq!(server.hits(), 1);
    drop(reader);

    // Asked to stop while it waits.
    let reader = home.db();
    reader.0.execute_batch("BEGIN").unwrap();
    reader.count("SELECT count(*) FROM candles");
    let cancel = candlefile::Cancel::new();
    cancel.cancel();
    let store = Store::open(&home.db_path()).unwrap();
    let error = store.ready_to_write(&cancel, || ()).unwrap_err();
    assert!(matches!(error, StoreError::Stopped(_)), "{error}");
}

// In a folder where everybody may only remove what is his own, another one's log stayed, and nobody could write any more.
#[test]
fn a_log_that_may_not_be_removed_is_emptied() {
    use std::os::unix::fs::chown;
    let server = Server::start();
    let home = filled(&server);
    let gate = Server::holding(0);
    let words = "backfill MSFT -t 1d --start 2024-01-02 --end 2024-01-31";
    let running = home.to(&gate.0, words.split(' ')).spawn();
    gate.0.wait_for(1);
    running.kill();
    // Another user's, and the folder is root's.
    if chown(home.db_path().with_extension("db-wal"), Some(1), None).is_err() {
        say("skipped: only root can give files to others".to_owned());
        return;
    }
    for path in beside(&home) {
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        chown(&path, Some(1), None).unwrap();
    }
    set_rights(&home, 0o1777, 0o666);
    let words = "drop AAPL -t 1d --yes";
    home.cli(words.split(' ')).by_nobody().run().ok();
    home.to(&server, WORDS.split(' ')).by_nobody().run().ok();
    assert_eq!(header(&home.db_path()), [1, 1]);
}

#[test]
fn whoever_is_out_last_lays_the_file_to_rest() {
    let server = Server::start();
    let home = filled(&server);
    let writer = Store::open(&home.db_path()).unwrap();
    writer
        .ready_to_write(&candlefile::Cancel::new(), || ())
        .unwrap();
    let reader = Store::read(&home.db_path()).unwrap();
    let other = home.db();
    other.count("SELECT count(*) FROM series");
    drop(writer);
    assert_eq!(header(&home.db_path()), [2, 2], "others have it");
    drop(other);
    drop(reader);
    assert_eq!(header(&home.db_path()), [1, 1]);
    assert_eq!(beside(&home), Vec::<PathBuf>::new());
}

#[test]
fn what_was_read_without_a_lock_counts_only_if_the_file_stood_still() {
    let server = Server::start();
    let home = filled(&server);
    home.sql("PRAGMA journal_mode = wal");
    let store = Store::read(&home.db_path()).unwrap();
    store.series().unwrap();
    store.check_still().unwrap();
    home.to(
        &server,
        "backfill MSFT -t 1d --start 2024-01-02 --end 2024-01-31".split(' '),
    )
    .run()
    .ok();
    let error = store.check_still().unwrap_err();
    assert!(matches!(error, StoreError::Changed(_)), "{error}");
    let error = store.at_one_instant(|| store.series()).unwrap_err();
    assert!(matches!(error, StoreError::Changed(_)), "{error}");
    drop(store);
    // Once more where it was written meanwhile, and not for ever.
    home.sql("PRAGMA journal_mode = wal");
    let times = std::cell::Cell::new(0);
    let read = |writes: u32| {
        times.set(0);
        Store::reading(&home.db_path(), |store| {
            times.set(times.get() + 1);
            if times.get() <= writes {
                home.sql("PRAGMA user_version = 2; PRAGMA journal_mode = delete; PRAGMA journal_mode = wal");
            }
            store.series()
        })
    };
    assert_eq!((read(1).unwrap().len(), times.get()), (2, 2));
    assert!(matches!(read(2), Err(StoreError::Changed(_))));
    assert_eq!(times.get(), 2);
}

#[test]
fn the_log_of_a_file_that_was_here_before_is_not_taken_for_ones_own() {
    let server = Server::start();
    let home = filled(&server);
    fs::copy(home.db_path(), home.path("out/backup.db")).unwrap();
    let writer = Connection::open(home.db_path()).unwrap();
    writer
        .execute_batch(
            "PRAGMA journal_mode = wal; DELETE FROM candle_data; UPDATE series SET candles = 0",
        )
        .unwrap();
    // As after a kill: the log is not worked off.
    fs::copy(home.path("market.db-wal"), home.path("out/log")).unwrap();
    drop(writer);
    fs::copy(home.path("out/backup.db"), home.db_path()).unwrap();
    fs::copy(home.path("out/log"), home.path("market.db-wal")).unwrap();
    let listed = home.cli(["list", "--json"]).run().ok().json();
    assert_eq!(listed["series"][0]["candles"], 22, "its own rows");
    let other = "backfill MSFT -t 1d --start 2024-01-02 --end 2024-01-31";
    let run = home.to(&server, other.split(' ')).run().exit(1);
    run.says(&["market.db-wal", "before", "rm "]);
    fs::remove_file(home.path("market.db-wal")).unwrap();
    home.to(&server, other.split(' ')).run().ok();
    assert!(
        home.cli("verify market.db".split(' '))
            .run()
            .ok()
            .stderr
            .is_empty()
    );
}

#[test]
fn only_one_place_opens_the_files_bytes() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut opened = Vec::new();
    let mut folders = vec![source.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|name| name != "rs") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for line in code.lines().filter(|line| {
                ["File::open(", "fs::read(", "fs::copy(", ".open("]
                    .iter()
                    .any(|how| line.contains(how) && !line.contains("place.open("))
            }) {
                let name = path.strip_prefix(&source).unwrap().display().to_string();
                if [
                    "store/",
                    "handover/verify",
                    "handover/pack/",
                    "handover/merge",
                    "handover/diff",
                    "serve/",
                ]
                .iter()
                .any(|of| name.starts_with(of))
                {
                    opened.push(format!("{name}: {}", line.trim()));
                }
            }
        }
    }
    opened.sort();
    let known = [
        "store/file/held.rs: let file = File::open(path)?;",
        // A folder, to be synced, and a journal.
        "store/file/open.rs: if let Ok(folder) = fs::File::open(folder_of(&self.real)) {",
        "store/file/path.rs: let _ = log.write(true).truncate(true).open(beside(real, \"-wal\"));",
        "store/file/path.rs: let read = fs::File::open(beside(path, \"-journal\")).and_then(|mut log| log.read(&mut first));",
    ];
    assert_eq!(
        opened, known,
        "to close a handle of the file takes SQLite's locks away"
    );
}

//! What is advised must be right for the file as it is. Who may not write a file was told to `cp` it, also beside a log: the
//! copy lacked every candle that the log held.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rusqlite::Connection;

use crate::support::harness::{Home, Run};
use crate::support::server::Server;

fn run(home: &Home, words: &str) -> Run {
    home.cli(words.split(' ')).run()
}

/// On another file than `market.db`.
fn run_on(home: &Home, words: &str) -> Run {
    home.cli(words.split(' ')).without_db().run()
}

fn close(home: &Home, name: &str) {
    fs::set_permissions(home.path(name), fs::Permissions::from_mode(0o444)).unwrap();
}

/// Runs the commands after "with a copy: " as they stand.
fn follow(home: &Home, run: &Run) {
    let (_, advice) = run.stderr.split_once("with a copy: ").unwrap();
    let (commands, _) = advice.split_once(", then --db copy.db").unwrap();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_candlefile"));
    let path = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let mut shell = Command::new("sh");
    let status = shell
        .args(["-c", commands])
        .current_dir(home.path(""))
        .env("PATH", path)
        .stdout(std::process::Stdio::null())
        .status();
    assert!(status.unwrap().success(), "{commands}");
}

#[test]
fn who_may_not_write_a_file_that_is_written_is_told_to_pack_it() {
    let home = Home::new();
    let server = Server::start();
    home.backfill(&server, "AAPL -t 1d --start 2024-01-02 --end 2024-02-29")
        .ok();
    for has_log in [false, true] {
        let writer = Connection::open(home.db_path()).unwrap();
        if has_log {
            writer.pragma_update(None, "journal_mode", "wal").unwrap();
            writer
                .execute("UPDATE series SET created_at = created_at + 1", [])
                .unwrap();
            assert!(home.path("market.db-wal").exists());
        }
        close(&home, "market.db");
        let refused = home.to(&server, ["update"]).run().exit(1);
        assert!(!refused.stderr.contains("cp "), "{refused:?}");
        assert!(refused.stderr.contains(" pack "), "{refused:?}");
        follow(&home, &refused);
        let copy = crate::support::db::Db::open(&home.path("copy.db"));
        assert_eq!(copy.candles("AAPL", "1d"), home.db().candles("AAPL", "1d"));
        run_on(&home, "--db copy.db drop AAPL -t 1d --yes").ok();
        fs::remove_file(home.path("copy.db")).unwrap();
        fs::remove_file(home.path("copy.db.sha256")).unwrap();
        fs::set_permissions(home.db_path(), fs::Permissions::from_mode(0o644)).unwrap();
    }
}

#[test]
fn a_packed_file_is_copied_and_one_with_a_log_beside_it_is_not() {
    let home = Home::filled("AAPL -t 1d --start 2024-01-02 --end 2024-02-29");
    run(&home, "pack -o out.db").ok();
    let refused = run_on(&home, "--db out.db drop AAPL -t 1d --yes").exit(1);
    assert!(refused.stderr.contains("cp out.db copy.db"), "{refused:?}");
    follow(&home, &refused);
    assert!(fs::read(home.path("copy.db")).unwrap() == fs::read(home.path("out.db")).unwrap());
    fs::write(home.path("out.db-wal"), "").unwrap();
    let refused = run_on(&home, "--db out.db drop AAPL -t 1d --yes").exit(1);
    assert!(!refused.stderr.contains("cp "), "{refused:?}");
}

#[test]
fn a_damaged_file_is_restored_without_its_log() {
    let home = Home::filled("AAPL -t 1d --start 2024-01-02 --end 2024-02-29");
    home.sql("DELETE FROM candle_data WHERE ts = (SELECT min(ts) FROM candle_data)");
    let said = run(&home, "verify market.db").exit(1).stderr;
    assert!(said.contains("restore the file from a copy"), "{said}");
    let writer = Connection::open(home.db_path()).unwrap();
    writer.pragma_update(None, "journal_mode", "wal").unwrap();
    writer
        .execute("UPDATE series SET created_at = created_at + 1", [])
        .unwrap();
    for words in ["verify market.db", "pack -o out.db"] {
        let said = run(&home, words).exit(1).stderr;
        assert!(said.contains("market.db-wal"), "{words}: {said}");
        assert!(said.contains("only then restore it"), "{words}: {said}");
    }
}

#[test]
fn a_path_in_advice_can_be_copied_to_a_shell() {
    let home = Home::new();
    fs::create_dir(home.path("my data")).unwrap();
    let file = home.path("my data/m.db").display().to_string();
    let words = "backfill AAPL --provider sample --start 2024-01-02 --end 2024-01-31 --db";
    let words = words.split(' ').chain([file.as_str()]);
    home.cli(words).without_db().run().ok();
    close(&home, "my data/m.db");
    let words = ["drop", "AAPL", "-t", "1d", "--yes", "--db", &file];
    let run = home.cli(words).without_db().run().exit(1);
    follow(&home, &run);
    assert!(home.path("copy.db").exists());
}

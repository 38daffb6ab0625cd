//! Readers that hang up: a pipe that is closed neither stops a job nor changes how it says that it ended.

use std::process::{Command, Stdio};

use crate::support::exchange::Reply;
use crate::support::harness::{Home, KEY};
use crate::support::server::Server;

/// The exit code of a run whose stdout and stderr nobody reads.
fn unread(home: &Home, server: &Server, words: &str) -> Option<i32> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_candlefile"))
        .arg("--db")
        .arg(home.db_path())
        .args(["--base-url", &server.url()])
        .args(words.split(' '))
        .env("MASSIVE_API_KEY", KEY)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    child.wait().unwrap().code()
}

#[test]
fn a_job_in_part_ends_as_one_although_nobody_reads_its_report() {
    // A failure is told on stderr while the job runs, the report on stdout when it has ended.
    let server = Server::scripted(|request| {
        (request.ask().symbol == "AAPL").then(|| Reply::json(404, "{}"))
    });
    for json in ["", " --json"] {
        let home = Home::new();
        let words = format!("backfill AAPL MSFT --start 2024-01-02 --end 2024-01-31{json}");
        assert_eq!(unread(&home, &server, &words), Some(3));
        let stored = "SELECT count(*) > 0 FROM candle_data";
        assert_eq!(home.db().count(stored), 1);
        let ended = "SELECT count(*) FROM backfill_jobs WHERE status = 'partial'";
        assert_eq!(home.db().count(ended), 1);
    }
}

#[test]
fn an_error_keeps_its_exit_code_although_nobody_reads_it() {
    let (home, server) = (Home::new(), Server::start());
    assert_eq!(unread(&home, &server, "list"), Some(1));
    assert_eq!(unread(&home, &server, "list --json"), Some(1));
    assert_eq!(unread(&home, &server, "bogus --json"), Some(2));
}

#[test]
fn every_next_step_names_the_file_in_use() {
    // Without it the advice to drop a series would drop that of another file.
    let home = Home::new();
    home.cli([
        "backfill",
        "AAPL",
        "--provider",
        "sample",
        "--start",
        "2024-01-02",
        "--end",
        "2024-01-31",
    ])
    .run()
    .ok();
    let run = home
        .cli(["backfill", "AAPL", "--start", "2024-01-02", "--json"])
        .run();
    let next = run.exit(1).json()["error"]["next"]
        .as_str()
        .unwrap()
        .to_owned();
    let db = home.db_path();
    assert!(
        next.contains(&format!("candlefile --db {} drop AAPL -t 1d", db.display())),
        "{next}"
    );
}

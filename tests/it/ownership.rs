//! A job has one owner: others see that it lives, leave it alone, and an owner that lost its job writes nothing more.

use crate::checker::{check, check_books};
use crate::harness::Home;
use crate::oracle::span;
use crate::running::eventually;
use crate::server::Server;

#[test]
fn a_living_job_is_running_for_others_and_not_theirs_to_resume() {
    let home = Home::new();
    let (server, gate) = Server::holding(0);
    let running = home
        .to(
            &server,
            [
                "backfill",
                "AAPL",
                "--start",
                "2024-01-02",
                "--end",
                "2024-01-05",
            ],
        )
        .spawn();
    server.wait_for(1);
    let status = home.cli(["status", "--json"]).run().ok().json();
    assert_eq!(status["jobs"][0]["status"], "running");
    let nothing = home.to(&server, ["resume", "--json"]).run().ok().json();
    assert!(nothing["job_id"].is_null(), "{nothing}");
    home.to(
        &server,
        ["resume", status["jobs"][0]["job_id"].as_str().unwrap()],
    )
    .run()
    .exit(1);
    assert_eq!(server.hits(), 1);
    gate.open();
    running.wait().ok();
}

// Two programs that both believed that a job was theirs would count every page twice.
#[test]
fn an_owner_that_lost_its_job_stops_without_writing_anything_more() {
    let home = Home::new();
    let (server, gate) = Server::holding(2);
    let words = "backfill AAPL -t 1m --start 2024-01-08 --end 2024-01-11";
    let running = home.to(&server, words.split(' ')).spawn();
    server.wait_for(3);
    eventually("two pages are stored", || {
        home.db()
            .count("SELECT coalesce(sum(candles), 0) FROM series")
            == 2_000
    });
    home.sql("UPDATE backfill_jobs SET owner = 'elsewhere/1/1/1'");
    gate.open();
    running.wait().exit(1);
    assert_eq!(home.db().candles("AAPL", "1m").len(), 2_000);
    assert_eq!(
        home.db().text("SELECT owner FROM backfill_jobs"),
        "elsewhere/1/1/1"
    );
    check_books(&home.db());
    home.to(&server, words.split(' ')).run().ok();
    check(
        &home.db(),
        "AAPL",
        "1m",
        span("AAPL", "1m", "2024-01-08", "2024-01-11"),
    );
}

// Turning a new file into one with a write-ahead log needs the file alone, and is refused at once where it is not: of
// several programs that began together, some said that the file stayed locked. Others read half of the header before
// another one's commit and half after it, and took the file for a stranger's.
#[test]
fn programs_that_make_the_same_file_at_once_wait_for_each_other() {
    for round in 0..12 {
        let home = Home::new();
        let all = ["AAPL", "MSFT", "NVDA", "SPY", "QQQ", "IWM"].map(|symbol| {
            let words =
                format!("backfill {symbol} --provider sample --start 2024-01-08 --end 2024-01-12");
            home.cli(words.split(' ')).spawn()
        });
        for running in all {
            running.wait().ok();
        }
        let db = home.db();
        assert_eq!(
            db.count("SELECT count(*) FROM candles"),
            6 * 5,
            "round {round}"
        );
        check_books(&db);
    }
}

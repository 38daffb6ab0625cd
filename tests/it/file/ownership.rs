//! A job has one owner: others see that it lives, leave it alone, and an owner that lost its job writes nothing more.

use crate::support::checker::{check, check_books};
use crate::support::exchange::{Gate, Reply};
use crate::support::harness::Home;
use crate::support::oracle::{self, span};
use crate::support::server::Server;

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
    let id = status["jobs"][0]["job_id"].as_str().unwrap();
    let why = nothing["message"].as_str().unwrap();
    let begins = format!("job {id} is still run by process ");
    assert!(why.starts_with(&begins), "{why}");
    home.to(&server, ["resume", id]).run().exit(1);
    assert_eq!(server.hits(), 1);
    gate.open();
    running.wait().ok();
}

#[test]
fn resuming_all_leaves_a_job_alone_that_another_program_took_up_meanwhile() {
    let home = Home::new();
    let failing = Server::always(Reply::json(404, "{}"));
    for symbol in ["AAPL", "MSFT"] {
        home.backfill(
            &failing,
            &format!("{symbol} --start 2024-01-02 --end 2024-01-05"),
        )
        .exit(3);
    }
    let gates = [Gate::default(), Gate::default()];
    let [aapl, msft] = gates.clone();
    let server = Server::scripted(move |request| {
        let of_aapl = request.ask().symbol == "AAPL";
        if of_aapl { &aapl } else { &msft }.wait();
        None
    });
    let all = home.to(&server, ["resume", "--json"]).spawn();
    server.wait_for(1);
    let second = "SELECT job_id FROM backfill_jobs WHERE symbols LIKE '%MSFT%'";
    let second = home.db().text(second);
    let one = home.to(&server, ["resume", &second]).spawn();
    server.wait_for(2);
    gates[0].open();
    let all = all.wait().ok();
    assert!(all.stderr.contains(&second), "{all:?}");
    assert!(all.stderr.contains("left alone"), "{all:?}");
    assert_eq!(all.json()["series"][0]["symbol"], "AAPL");
    gates[1].open();
    one.wait().ok();
    assert_eq!(server.hits(), 2);
    for symbol in ["AAPL", "MSFT"] {
        let whole = span(symbol, "1d", "2024-01-02", "2024-01-05");
        check(&home.db(), symbol, "1d", whole);
    }
}

// Two programs that both believed that a job was theirs would count every page twice.
#[test]
fn an_owner_that_lost_its_job_stops_without_writing_anything_more() {
    let home = Home::new();
    let (server, gate) = Server::holding(2);
    let words = "backfill AAPL -t 1m --start 2024-01-08 --end 2024-01-11";
    let running = home.to(&server, words.split(' ')).spawn();
    server.wait_for(3);
    home.wait_for_candles(2_000);
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

/// The one job as it looks from another host on a file system without locks: its owner gave its last sign of life so many
/// seconds ago.
fn seen_from_elsewhere(home: &Home, silent_for: i64) {
    home.sql(&format!(
        "UPDATE backfill_jobs SET owner = 'elsewhere/' || substr(owner, instr(owner, '/') + 1) || '/another-boot.1.1',
         heartbeat_at = {}",
        oracle::now() - silent_for
    ));
}

#[test]
fn a_job_of_another_host_is_left_alone_while_it_gives_signs_of_life() {
    let home = Home::new();
    let (server, gate) = Server::holding(2);
    let words = "backfill AAPL -t 1m --start 2024-01-08 --end 2024-01-11";
    let running = home.to(&server, words.split(' ')).spawn();
    server.wait_for(3);
    seen_from_elsewhere(&home, 50);
    let status = home.cli(["status", "--json"]).run().ok().json();
    assert_eq!(status["jobs"][0]["status"], "running");
    let nothing = home.to(&server, ["resume", "--json"]).run().ok().json();
    assert!(nothing["job_id"].is_null(), "{nothing}");
    let id = status["jobs"][0]["job_id"].as_str().unwrap();
    home.to(&server, ["resume", id])
        .run()
        .exit(1)
        .says(&["elsewhere", "wait for it"]);
    gate.open();
    running.wait().exit(1);
}

// A laptop that sleeps in the middle of a job gives no sign of life; another host takes the job over. When the laptop wakes up
// it must not write what the other one has counted already.
#[test]
fn an_owner_that_slept_finds_that_it_lost_its_job_and_stops() {
    let home = Home::new();
    let (server, gate) = Server::holding(2);
    let words = "backfill AAPL -t 1m --start 2024-01-08 --end 2024-01-11";
    let asleep = home.to(&server, words.split(' ')).spawn();
    server.wait_for(3);
    home.wait_for_candles(2_000);
    seen_from_elsewhere(&home, 61);
    let status = home.cli(["status", "--json"]).run().ok().json();
    assert_eq!(status["jobs"][0]["status"], "interrupted");
    let report = home.to(&server, ["resume", "--json"]).run().ok().json();
    assert_eq!(report["job_id"], status["jobs"][0]["job_id"]);
    gate.open();
    asleep
        .wait()
        .exit(1)
        .says(&["was taken over by another process", "candlefile"]);
    let span = span("AAPL", "1m", "2024-01-08", "2024-01-11");
    check(&home.db(), "AAPL", "1m", span);
    let counted = "SELECT sum(records_fetched) FROM backfill_progress";
    let rows = oracle::candles("AAPL", "1m", span).count() as i64;
    assert_eq!(home.db().count(counted), rows, "each row was counted once");
}

//! Crashes and interruptions: whatever happens to the process, what was reported is there, and the same command or
//! `resume` ends in the data of a run that nothing happened to.

use crate::support::checker::{check, check_books};
use crate::support::exchange::Gate;
use crate::support::harness::Home;
use crate::support::oracle::{self, Span, span};
use crate::support::running::eventually;
use crate::support::server::Server;

const WORDS: &str = "backfill AAPL MSFT -t 1m --start 2024-01-02 --end 2024-01-31";
const SYMBOLS: [&str; 2] = ["AAPL", "MSFT"];

fn whole() -> Span {
    span("AAPL", "1m", "2024-01-02", "2024-01-31")
}

#[test]
fn a_resumed_job_keeps_its_id_and_does_not_ask_again_for_what_is_stored() {
    let (home, server) = (Home::on_disk(), Server::setup().page(150).start());
    let running = home.to(&server, WORDS.split(' ')).spawn();
    server.wait_for(20);
    running.kill();
    let id = home.db().text("SELECT job_id FROM backfill_jobs");
    let kept: i64 = home.db().count("SELECT sum(candles) FROM series");
    let report = home.to(&server, ["resume", "--json"]).run().ok().json();
    assert_eq!(report["job_id"], id.as_str());
    assert_eq!(report["status"], "completed");
    assert_eq!(home.db().count("SELECT count(*) FROM backfill_jobs"), 1);
    let all: usize = SYMBOLS
        .iter()
        .map(|symbol| oracle::candles(symbol, "1m", whole()).count())
        .sum();
    assert_eq!(
        report["records"]["inserted"].as_i64().unwrap()
            + if report["records"]["inserted"] == all {
                0
            } else {
                kept
            },
        all as i64
    );
    assert_eq!(
        home.db()
            .count("SELECT sum(records_duplicate) FROM backfill_progress"),
        0
    );
    let nothing = home.to(&server, ["resume", "--json"]).run().ok().json();
    assert!(nothing["job_id"].is_null(), "{nothing}");
}

#[test]
fn one_interrupt_keeps_what_was_fetched_and_resume_goes_on() {
    let gate = Gate::default();
    let held = gate.clone();
    let (home, server) = (
        Home::on_disk(),
        Server::setup()
            .page(20)
            .script(move |request| {
                if request.n == 3 {
                    held.wait();
                }
                None
            })
            .start(),
    );
    let words = "--json backfill AAPL -t 1m --start 2024-01-08 --end 2024-01-11";
    let running = home.to(&server, words.split(' ')).spawn();
    server.wait_for(4);
    home.wait_for_candles(60);
    running.interrupt();
    gate.open();
    let run = running.wait().exit(130);
    assert_eq!(run.json()["status"], "interrupted");
    let status = home.cli(["status", "--json"]).run().ok().json();
    assert_eq!(status["jobs"][0]["status"], "interrupted");
    let kept = home.db().candles("AAPL", "1m");
    assert!(kept.len() >= 60);
    let span = span("AAPL", "1m", "2024-01-08", "2024-01-11");
    assert_eq!(
        home.db().coverage("AAPL", "1m"),
        [(span.0, kept.last().unwrap().ts + 60)]
    );
    server.forget();
    let report = home.to(&server, ["resume", "--json"]).run().ok().json();
    assert_eq!(report["job_id"], status["jobs"][0]["job_id"]);
    assert_eq!(server.asked()[0].span.0, kept.last().unwrap().ts + 60);
    check(&home.db(), "AAPL", "1m", span);
}

#[test]
fn a_second_interrupt_ends_it_at_once_and_that_is_safe_too() {
    let home = Home::on_disk();
    let (server, gate) = Server::holding(3);
    let words = "backfill AAPL -t 1m --start 2024-01-08 --end 2024-01-11";
    let mut running = home.to(&server, words.split(' ')).spawn();
    server.wait_for(4);
    home.wait_for_candles(3_000);
    running.interrupt();
    // Two signals that are both pending are one to the kernel, so the second is sent until it is seen.
    eventually("it ends although the server holds its answer", || {
        let ended = running.has_ended();
        if !ended {
            running.interrupt();
        }
        ended
    });
    running.wait().exit(130);
    gate.open();
    assert_eq!(home.db().candles("AAPL", "1m").len(), 3_000);
    check_books(&home.db());
    assert_eq!(
        home.cli(["status", "--json"]).run().ok().json()["jobs"][0]["status"],
        "interrupted"
    );
    home.to(&server, ["resume"]).run().ok();
    check(
        &home.db(),
        "AAPL",
        "1m",
        span("AAPL", "1m", "2024-01-08", "2024-01-11"),
    );
}

#[test]
fn two_programs_at_once_on_one_file_end_in_the_same_data() {
    let (home, server) = (Home::on_disk(), Server::setup().page(300).start());
    let dates = "-t 1m,1d --start 2024-01-02 --end 2024-01-12";
    let both = ["AAPL MSFT", "MSFT NVDA", "MSFT AAPL"].map(|symbols| {
        let words = format!("--json backfill {symbols} {dates} --wait");
        home.to(&server, words.split(' ')).spawn()
    });
    for running in both {
        let report = running.wait().ok().json();
        assert_eq!(report["status"], "completed");
        assert_eq!(
            (
                &report["records"]["restated"],
                &report["records"]["conflicting"]
            ),
            (&0.into(), &0.into())
        );
    }
    let mut rows = 0;
    for symbol in ["AAPL", "MSFT", "NVDA"] {
        for timeframe in ["1m", "1d"] {
            let span = span(symbol, timeframe, "2024-01-02", "2024-01-12");
            check(&home.db(), symbol, timeframe, span);
            rows += oracle::candles(symbol, timeframe, span).count() as i64;
        }
    }
    assert_eq!(
        home.db()
            .count("SELECT sum(records_inserted) FROM backfill_progress"),
        rows
    );
}

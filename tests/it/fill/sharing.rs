//! Several programs on one file share what is to be fetched: nothing is asked for twice, and nothing that one of them gives up
//! is forgotten by another that waits.

use serde_json::Value;

use crate::support::checker::check;
use crate::support::exchange::{Gate, Reply};
use crate::support::harness::{Home, Run};
use crate::support::oracle::span;
use crate::support::running::Running;
use crate::support::server::Server;

const QUARTER: &str = "--start 2024-01-02 --end 2024-03-28";

fn start(home: &Home, server: &Server, words: &str) -> Running {
    let words = format!("--json {words} {QUARTER}");
    home.to(server, words.split(' ')).spawn()
}

fn run(home: &Home, server: &Server, words: &str) -> Run {
    start(home, server, words).wait()
}

/// A server that holds back what is asked of one symbol until the gate opens.
fn holding(symbol: &'static str) -> (Server, Gate) {
    Server::holding_if(move |request| request.ask().symbol == symbol)
}

fn check_quarter(home: &Home, symbol: &str, timeframe: &str) {
    let whole = span(symbol, timeframe, "2024-01-02", "2024-03-28");
    check(&home.db(), symbol, timeframe, whole);
}

/// What is left to others, as symbols.
fn left(report: &Value) -> Vec<&str> {
    let left = report["left_to_others"].as_array().unwrap().iter();
    left.map(|left| left["symbol"].as_str().unwrap()).collect()
}

// Fifty slices that two programs were asked for at once cost 98 requests.
#[test]
fn equal_backfills_that_begin_together_ask_for_everything_once() {
    let words = "backfill AAPL MSFT X:BTCUSD -t 1h --start 2021-01-01 --end 2024-03-28";
    let alone = Server::setup().page(50_000).start();
    let once = Home::new();
    once.to(&alone, words.split(' ')).run().ok();
    let (home, server) = (Home::new(), Server::setup().page(50_000).start());
    // Made before, so that they come to plan at about the same time.
    home.sample("QQQ --start 2024-01-02 --end 2024-01-02").ok();
    let all = [(); 4].map(|()| home.to(&server, words.split(' ')).spawn());
    let all = all.map(Running::wait);
    for run in &all {
        assert!(matches!(run.code(), Some(0 | 3)), "{run:?}");
    }
    assert!(all.iter().any(|run| run.code() == Some(0)), "{all:?}");
    assert!(alone.hits() > 50, "{}", alone.hits());
    let once_each: Vec<String> = alone.asked().iter().map(|ask| format!("{ask:?}")).collect();
    let asked = server.asked();
    let twice = asked.iter().map(|ask| format!("{ask:?}"));
    let twice: Vec<String> = twice.filter(|ask| !once_each.contains(ask)).collect();
    assert_eq!(
        asked.len(),
        once_each.len(),
        "asked beyond what one asks: {twice:?}"
    );
    home.to(&server, words.split(' ')).run().ok();
    assert_eq!(server.hits(), alone.hits());
    for symbol in ["AAPL", "MSFT", "X:BTCUSD"] {
        check(
            &home.db(),
            symbol,
            "1h",
            span(symbol, "1h", "2021-01-01", "2024-03-28"),
        );
    }
}

#[test]
fn what_a_living_job_fetches_is_left_to_it_and_said() {
    let home = Home::new();
    let (server, gate) = holding("AAPL");
    let first = start(&home, &server, "backfill AAPL");
    server.wait_for(1);
    let job = home.db().text("SELECT job_id FROM backfill_jobs");
    let dry = run(&home, &server, "backfill AAPL MSFT --dry-run").ok();
    assert_eq!(dry.json()["plan"]["slices"], 1);
    assert_eq!(left(&dry.json()), ["AAPL"]);
    let second = run(&home, &server, "backfill AAPL MSFT").exit(3);
    let report = second.json();
    assert_eq!(left(&report), ["AAPL"]);
    assert_eq!(report["left_to_others"][0]["job_id"], job.as_str());
    assert_eq!(report["status"], "partial");
    assert_eq!(report["requests"], 1);
    assert_eq!(report["series"][0]["status"], "interrupted");
    assert_eq!(report["series"][1]["status"], "completed");
    second.says(&[&format!("left to job {job}"), "AAPL 1d"]);
    let said = home.to(&server, format!("backfill AAPL {QUARTER}").split(' '));
    let said = said.run().exit(3);
    for words in ["partial", &format!("status {job}"), "--wait"] {
        assert!(said.stdout.contains(words), "{words}: {said:?}");
    }
    gate.open();
    first.wait().ok();
    let told = home.cli(["status", "--json"]).run().ok().json();
    let errors = told["jobs"].as_array().unwrap().iter();
    let errors = errors.filter(|told| told["error"].as_str().is_some_and(|e| e.contains(&job)));
    assert_eq!(errors.count(), 2, "{told}");
    home.to(&server, ["resume"]).run().ok();
    run(&home, &server, "backfill AAPL MSFT").ok();
    assert_eq!(server.hits(), 2);
    check_quarter(&home, "AAPL", "1d");
    check_quarter(&home, "MSFT", "1d");
}

#[test]
fn an_update_beside_another_one_is_not_up_to_date() {
    let home = Home::new();
    run(&home, &Server::start(), "backfill AAPL").ok();
    let (server, gate) = Server::holding(0);
    let update = || home.to(&server, ["--json", "update"]);
    let first = update().spawn();
    server.wait_for(1);
    let report = update().run().exit(3).json();
    assert_eq!(
        (left(&report), &report["requests"]),
        (vec!["AAPL"], &0.into())
    );
    gate.open();
    first.wait().ok();
    update().run().ok();
    assert_eq!(server.hits(), 1);
}

#[test]
fn one_that_waits_ends_when_the_other_has_fetched_all() {
    let home = Home::new();
    let (server, gate) = holding("AAPL");
    let first = start(&home, &server, "backfill AAPL");
    server.wait_for(1);
    let second = start(&home, &server, "backfill AAPL --wait");
    second.wait_for_stderr("waiting for it");
    gate.open();
    first.wait().ok();
    let report = second.wait().ok().json();
    assert_eq!(report["status"], "completed");
    assert_eq!((&report["requests"], server.hits()), (&0.into(), 1));
    assert_eq!(report["series"][0]["status"], "completed");
    assert!(left(&report).is_empty());
}

#[test]
fn one_that_waits_takes_what_a_dead_owner_left() {
    let home = Home::new();
    let (server, gate) = holding("MSFT");
    let first = start(&home, &server, "backfill AAPL MSFT --workers 1");
    server.wait_for(2);
    let second = start(&home, &server, "backfill AAPL MSFT --wait");
    second.wait_for_stderr("waiting for it");
    first.kill();
    server.wait_for(3);
    gate.open();
    let report = second.wait().ok().json();
    assert_eq!(report["status"], "completed");
    assert_eq!(report["requests"], 1);
    check_quarter(&home, "AAPL", "1d");
    check_quarter(&home, "MSFT", "1d");
}

#[test]
fn at_its_end_a_run_takes_what_another_gave_up_meanwhile_and_nothing_twice() {
    let home = Home::new();
    let (first_gate, second_gate) = (Gate::default(), Gate::default());
    let (first_held, second_held) = (first_gate.clone(), second_gate.clone());
    // AAPL is refused whoever asks, MSFT holds the second program while the first gives up.
    let server = Server::scripted(move |request| match request.ask().symbol.as_str() {
        "AAPL" => {
            first_held.wait();
            Some(Reply::json(404, "{}"))
        }
        "MSFT" => {
            second_held.wait();
            None
        }
        _ => None,
    });
    let first = start(&home, &server, "backfill AAPL");
    server.wait_for(1);
    let second = start(&home, &server, "backfill AAPL MSFT");
    server.wait_for(2);
    first_gate.open();
    first.wait().exit(3);
    second_gate.open();
    let report = second.wait().exit(3).json();
    assert_eq!(report["failed"].as_array().unwrap().len(), 1, "{report}");
    assert!(left(&report).is_empty());
    let statuses = [&report["series"][0], &report["series"][1]].map(|series| &series["status"]);
    assert_eq!(statuses, ["failed", "completed"]);
    assert_eq!(server.hits(), 3, "what failed was asked again");
}

#[test]
fn one_that_waits_stops_on_request_and_goes_on_when_it_is_resumed() {
    let home = Home::new();
    let (server, gate) = holding("AAPL");
    let first = start(&home, &server, "backfill AAPL");
    server.wait_for(1);
    let second = start(&home, &server, "backfill AAPL --wait");
    second.wait_for_stderr("waiting for it");
    second.interrupt();
    let report = second.wait().exit(130).json();
    assert_eq!(report["status"], "interrupted");
    gate.open();
    first.wait().ok();
    home.to(&server, ["resume"]).run().ok();
    assert_eq!(server.hits(), 1);
}

// What is left to another counts as asked by nobody, until it is.
#[test]
fn what_was_left_to_one_that_died_is_asked_for_by_the_next_run() {
    let home = Home::new();
    let (server, gate) = Server::holding(0);
    let words = "--json backfill X:BTCUSD --start 2023-12-30 --end 2024-03-28";
    let asked = || home.to(&server, words.split(' '));
    let dying = asked().spawn();
    server.wait_for(1);
    let report = asked().run().exit(3).json();
    assert!(!left(&report).is_empty());
    dying.kill();
    gate.open();
    asked().run().ok();
    let whole = span("X:BTCUSD", "1d", "2023-12-30", "2024-03-28");
    check(&home.db(), "X:BTCUSD", "1d", whole);
}

#[test]
#[cfg(feature = "serve")]
fn a_servers_job_leaves_to_others_what_they_fetch_and_says_so() {
    use crate::support::serving::Serving;
    use crate::support::week::{check_week, of_week};

    let home = Home::new();
    let (server, gate) = holding("AAPL");
    let first = start(&home, &server, "backfill AAPL");
    server.wait_for(1);
    let job = home.db().text("SELECT job_id FROM backfill_jobs");
    let serving = Serving::start(home.serve(&server));
    let shared = serving.backfill(&of_week("AAPL,MSFT"));
    let told = serving.wait_for(&shared, "partial");
    assert!(told["error"].as_str().unwrap().contains(&job), "{told}");
    assert!(told["next"].as_str().unwrap().contains("/resume"), "{told}");
    gate.open();
    first.wait().ok();
    let resume = format!("/api/v1/backfill/{shared}/resume");
    serving.post(&resume).is(202);
    serving.wait_for(&shared, "completed");
    serving.stop().ok();
    assert_eq!(server.hits(), 2);
    check_quarter(&home, "AAPL", "1d");
    check_week(&home, "MSFT");
}

//! The request rate: never more than was allowed in any window, and a refusal for asking too often pauses everybody.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::checker::check;
use crate::support::exchange::{PATIENCE, Reply, Request};
use crate::support::harness::Home;
use crate::support::oracle::span;
use crate::support::server::Server;

/// Between the sending of a request and its arrival here lie two schedulers.
const JITTER: Duration = Duration::from_millis(50);

const TOO_MANY: &str = r#"{"status":"ERROR","error":"You've exceeded the maximum requests per minute, please wait or upgrade your subscription to continue. https://massive.com/pricing"}"#;

const SYMBOLS: &str = "A B C D E F G H J K L M N";
const DATES: &str = "-t 1d --start 2024-01-02 --end 2024-01-31";

fn arrivals(server: &Server) -> Vec<Instant> {
    server.requests().iter().map(|request| request.at).collect()
}

fn all_there(home: &Home) {
    for symbol in SYMBOLS.split(' ') {
        check(
            &home.db(),
            symbol,
            "1d",
            span(symbol, "1d", "2024-01-02", "2024-01-31"),
        );
    }
}

/// Never more than five requests in any window, the one that is tried again included.
fn five_in_every(window: Duration, rate: &str) {
    let (home, server) = (
        Home::new(),
        Server::scripted(|request| (request.n == 2).then(|| Reply::json(500, "{}"))),
    );
    let words = format!("{SYMBOLS} {DATES} --rate {rate} --workers 8");
    let running = home.to(&server, format!("backfill {words}").split(' '));
    running.spawn().wait_within(4 * window + PATIENCE).ok();
    let at = arrivals(&server);
    assert_eq!(at.len(), 14);
    for (first, sixth) in at.iter().zip(&at[5..]) {
        assert!(
            *sixth - *first + JITTER >= window,
            "six requests within {:?}",
            *sixth - *first
        );
    }
    all_there(&home);
}

#[test]
fn a_rate_of_five_a_second_is_kept_in_every_window_retries_included() {
    five_in_every(Duration::from_secs(1), "5/s");
}

#[test]
#[ignore = "takes two minutes: the rate of the smallest plan for real"]
fn a_rate_of_five_a_minute_is_kept_in_every_window_retries_included() {
    five_in_every(Duration::from_mins(1), "5/min");
}

// A limiter of its own for each job would let a second volley go the moment the first job had ended.
#[test]
fn the_rate_holds_across_the_jobs_that_one_resume_goes_on_with() {
    let broken = Arc::new(AtomicBool::new(true));
    let now = broken.clone();
    let (home, server) = (
        Home::new(),
        Server::scripted(move |_| {
            now.load(Ordering::SeqCst)
                .then(|| Reply::json(404, r#"{"message":"no such thing"}"#))
        }),
    );
    for symbols in ["A B C D", "E F G H"] {
        home.backfill(&server, &format!("{symbols} {DATES}"))
            .exit(3);
    }
    broken.store(false, Ordering::SeqCst);
    server.forget();
    home.to(&server, ["resume", "--rate", "4/s"]).run().ok();
    let at = arrivals(&server);
    assert_eq!(at.len(), 8);
    for (first, fifth) in at.iter().zip(&at[4..]) {
        assert!(
            *fifth - *first + JITTER >= Duration::from_secs(1),
            "five requests within {:?}",
            *fifth - *first
        );
    }
}

#[test]
fn too_many_requests_pauses_every_worker_and_is_not_an_attempt() {
    let refused = Arc::new(Mutex::new(None));
    let first = refused.clone();
    let (home, server) = (
        Home::new(),
        Server::scripted(move |request| {
            (request.n == 4).then(|| {
                *first.lock().unwrap() = Some(Instant::now());
                Reply::json(429, TOO_MANY).with("Retry-After", "2")
            })
        }),
    );
    home.backfill(
        &server,
        &format!("{SYMBOLS} {DATES} --rate 5/s --workers 4"),
    )
    .ok();
    let refused = refused.lock().unwrap().unwrap();
    // Without the pause the next five would go a second after the first five. What was on its way when the answer came may still arrive.
    let silence = refused + Duration::from_millis(200)..refused + Duration::from_millis(1_990);
    let early: Vec<_> = arrivals(&server)
        .into_iter()
        .filter(|at| silence.contains(at))
        .map(|at| at - refused)
        .collect();
    assert!(
        early.is_empty(),
        "requests while the provider had asked for a pause: {early:?}"
    );
    // Were the provider's time not heeded, it would be fifteen seconds.
    let asked_again = refused + Duration::from_millis(1_990)..refused + Duration::from_secs(10);
    assert!(arrivals(&server).iter().any(|at| asked_again.contains(at)));
    all_there(&home);
}

#[test]
fn a_refusal_without_a_time_waits_fifteen_seconds() {
    let (home, server) = (
        Home::new(),
        Server::scripted(|request| (request.n == 0).then(|| Reply::json(429, TOO_MANY))),
    );
    home.backfill(&server, &format!("A {DATES}")).ok();
    let at = arrivals(&server);
    assert_eq!(at.len(), 2);
    assert!(
        at[1] - at[0] + JITTER >= Duration::from_secs(15),
        "asked again after {:?}",
        at[1] - at[0]
    );
}

#[test]
fn seven_refusals_in_a_row_are_no_failed_attempts() {
    let (home, server) = (
        Home::new(),
        Server::scripted(|request| {
            (request.n < 7).then(|| Reply::json(429, TOO_MANY).with("Retry-After", "0"))
        }),
    );
    let report = home.backfill(&server, &format!("A {DATES}")).ok().json();
    assert_eq!(report["failed"], serde_json::json!([]));
    check(
        &home.db(),
        "A",
        "1d",
        span("A", "1d", "2024-01-02", "2024-01-31"),
    );
}

#[test]
fn of_a_limit_that_meets_the_first_request_nothing_is_told_but_how_long_it_lasts() {
    for rate in ["", " --rate 5/min"] {
        let long = |_: &Request| Some(Reply::json(429, TOO_MANY).with("Retry-After", "310000"));
        let (home, server) = (Home::new(), Server::scripted(long));
        let words = format!("backfill AAPL {DATES}{rate}");
        let said = home.to(&server, words.split(' ')).run().exit(3).stdout;
        let told = "the provider's limit (429): it asks to wait until 20";
        assert!(said.contains(told) && !said.contains("would fit"), "{said}");
    }
}

#[test]
fn a_limit_that_lasts_longer_than_a_job_waits_interrupts_it_with_the_time_to_resume() {
    let (home, server) = (
        Home::new(),
        Server::scripted(|request| {
            (request.n >= 2).then(|| Reply::json(429, TOO_MANY).with("Retry-After", "3600"))
        }),
    );
    let began = Instant::now();
    let words = format!("backfill {SYMBOLS} {DATES} --workers 1");
    let run = home.to(&server, words.split(' ')).run().exit(3);
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "it waited {:?}",
        began.elapsed()
    );
    assert_eq!(server.hits(), 3);
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(
        said.contains("resume")
            && said.contains("it asks to wait until 20")
            && said.contains("; a rate of 2/min would fit"),
        "{run:?}"
    );
    assert_eq!(
        home.db().count("SELECT count(*) FROM coverage"),
        2,
        "what came before is kept"
    );
    assert_eq!(
        home.db().text("SELECT status FROM backfill_jobs"),
        "interrupted"
    );
    let report = home.to(&server, ["resume", "--json"]).run().exit(3).json();
    assert_eq!(report["status"], "interrupted");
}

//! Jobs that are stopped and gone on with: cancelled, resumed, left behind, and whose they are.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::exchange::Reply;
use crate::support::harness::Home;
use crate::support::running::eventually;
use crate::support::server::Server;
use crate::support::serving::Serving;
use crate::support::week::{asked, check_week, of_week};

#[test]
fn a_cancelled_job_keeps_what_it_saved_and_goes_on_with_the_rest_when_it_is_resumed() {
    let (home, provider, gate, serving) = Serving::holding_one_worker(1);
    let job = serving.backfill(&of_week("AAPL,MSFT"));
    provider.wait_for(2);
    eventually("AAPL is saved", || {
        serving.status(&job)["completed_slices"] == 1
    });
    let cancel = format!("/api/v1/backfill/{job}/cancel");
    serving.post(&cancel).is(202);
    let cancelled = serving.wait_for(&job, "interrupted");
    assert_eq!(cancelled["error"], "stopped on request");
    assert!(cancelled["next"].as_str().unwrap().contains("/resume"));
    assert_eq!(
        serving.post(&cancel).is(202).json()["status"],
        "interrupted"
    );
    // It is not taken up by itself, by this server or the next.
    gate.open();
    serving.stop().ok();
    provider.forget();
    let serving = Serving::start(home.serve(&provider));
    assert_eq!(serving.status(&job)["status"], "interrupted");
    serving
        .post(&format!("/api/v1/backfill/{job}/resume"))
        .is(202);
    let done = serving.wait_for(&job, "completed");
    assert_eq!(done["completed_slices"], 2);
    assert_eq!(asked(&provider), ["MSFT"]);
    serving.post(&cancel).refuses(409, "job", "completed");
    serving
        .post(&format!("/api/v1/backfill/{job}/resume"))
        .refuses(409, "job", "completed");
    serving.stop().ok();
    check_week(&home, "AAPL");
    check_week(&home, "MSFT");
}

#[test]
fn a_job_that_is_cancelled_while_it_waits_never_begins() {
    let (_home, provider, gate, serving) = Serving::holding(0);
    let first = serving.backfill(&of_week("AAPL"));
    provider.wait_for(1);
    let waiting = serving.backfill(&of_week("MSFT"));
    let cancelled = serving
        .post(&format!("/api/v1/backfill/{waiting}/cancel"))
        .is(202);
    assert_eq!(cancelled.json()["status"], "interrupted");
    let last = serving.backfill(&of_week("SPY"));
    gate.open();
    serving.wait_for(&first, "completed");
    serving.wait_for(&last, "completed");
    assert_eq!(serving.status(&waiting)["status"], "interrupted");
    serving.stop().ok();
    assert_eq!(asked(&provider), ["AAPL", "SPY"]);
}

#[test]
fn resume_asks_again_for_what_failed_and_nothing_else() {
    let home = Home::new();
    let mended = Arc::new(AtomicBool::new(false));
    let is_mended = Arc::clone(&mended);
    let provider = Server::scripted(move |request| {
        let refused = request.ask().symbol == "MSFT" && !is_mended.load(Ordering::SeqCst);
        refused.then(|| Reply::json(404, "{}"))
    });
    let serving = Serving::start(home.serve(&provider));
    let alone = serving.backfill(&of_week("MSFT"));
    let failed = serving.wait_for(&alone, "partial");
    assert_eq!(failed["error"], "the slice failed");
    let job = serving.backfill(&of_week("AAPL,MSFT"));
    let failed = serving.wait_for(&job, "partial");
    assert_eq!(failed["failed_slices"], 1);
    assert_eq!(failed["error"], "1 of 2 slices failed");
    assert_eq!(failed["details"][1]["status"], "failed");
    assert!(
        failed["details"][1]["error"]
            .as_str()
            .unwrap()
            .contains("404")
    );
    mended.store(true, Ordering::SeqCst);
    provider.forget();
    serving
        .post(&format!("/api/v1/backfill/{job}/resume"))
        .is(202);
    serving.wait_for(&job, "completed");
    assert_eq!(asked(&provider), ["MSFT"]);
    serving.stop().ok();
    check_week(&home, "MSFT");
}

#[test]
fn a_living_servers_jobs_are_left_alone_by_everybody_else() {
    let (home, provider, gate, serving) = Serving::holding(0);
    let running = serving.backfill(&of_week("AAPL"));
    let waiting = serving.backfill(&of_week("MSFT"));
    provider.wait_for(1);
    let second = Serving::start(home.serve(&provider));
    let nothing = home.to(&provider, ["resume", "--json"]).run().ok().json();
    assert_eq!(nothing["job_id"], Value::Null);
    for job in [&running, &waiting] {
        home.to(&provider, ["resume", job]).run().exit(1);
        for change in ["cancel", "resume"] {
            second
                .post(&format!("/api/v1/backfill/{job}/{change}"))
                .refuses(409, "owned", job);
        }
    }
    // The other server's work is its own, at the same time.
    let own = second.backfill(&of_week("SPY"));
    second.wait_for(&own, "completed");
    // And so is a command line's.
    home.backfill(&provider, "QQQ --start 2024-01-02 --end 2024-01-05")
        .ok();
    assert_eq!(second.status(&waiting)["status"], "queued");
    gate.open();
    serving.wait_for(&running, "completed");
    serving.wait_for(&waiting, "completed");
    second.stop().ok();
    serving.stop().ok();
    for symbol in ["AAPL", "MSFT", "SPY", "QQQ"] {
        check_week(&home, symbol);
    }
}

#[test]
fn what_a_server_that_has_stopped_had_queued_waits_and_goes_on_with_whoever_comes_next() {
    let (home, provider, gate, serving) = Serving::holding(0);
    let running = serving.backfill(&of_week("AAPL"));
    let waiting = serving.backfill(&of_week("MSFT"));
    let third = serving.backfill(&of_week("SPY"));
    provider.wait_for(1);
    serving.stop().ok();
    gate.open();
    let told = home.cli(["status", "--json"]).run().ok().json();
    for job in told["jobs"].as_array().unwrap() {
        assert_eq!(job["status"], "queued", "{job}");
        assert_eq!(job.get("duration_s"), Some(&Value::Null), "{job}");
        assert!(
            job["error"]
                .as_str()
                .unwrap()
                .contains("its server has stopped"),
            "{job}"
        );
    }
    // Nobody is going to end them: there is nothing to watch.
    home.cli(["status", "--watch"]).run().ok();
    home.to(&provider, ["resume", &waiting]).run().ok();
    check_week(&home, "MSFT");
    // A server that cannot ask lets them be cancelled.
    let other = Serving::start(home.serve_sample());
    other
        .post(&format!("/api/v1/backfill/{third}/cancel"))
        .is(202);
    assert_eq!(other.status(&third)["status"], "interrupted");
    other.stop().ok();
    let serving = Serving::start(home.serve(&provider));
    let ended = serving.wait_for(&running, "completed");
    assert_eq!(ended.get("error"), Some(&Value::Null), "{ended}");
    check_week(&home, "AAPL");
    serving.stop().ok();
}

#[test]
fn a_job_that_was_cancelled_stays_so_when_the_server_stops_before_it_has_ended() {
    let (home, provider, _gate, serving) = Serving::holding(0);
    let job = serving.backfill(&of_week("AAPL"));
    provider.wait_for(1);
    serving
        .post(&format!("/api/v1/backfill/{job}/cancel"))
        .is(202);
    serving.stop().ok();
    let status = "SELECT status FROM backfill_jobs";
    assert_eq!(home.db().text(status), "interrupted");
}

#[test]
fn a_job_that_is_resumed_while_it_stops_goes_on() {
    let (home, provider, gate, serving) = Serving::holding(0);
    let job = serving.backfill(&of_week("AAPL"));
    provider.wait_for(1);
    // It stops at once, or not yet: both ways it goes on.
    for change in ["cancel", "resume"] {
        serving
            .post(&format!("/api/v1/backfill/{job}/{change}"))
            .is(202);
    }
    gate.open();
    serving.wait_for(&job, "completed");
    serving.stop().ok();
    check_week(&home, "AAPL");
}

#[test]
fn a_job_that_waits_is_resumed_by_doing_nothing() {
    let (_home, provider, gate, serving) = Serving::holding(0);
    serving.backfill(&of_week("AAPL"));
    provider.wait_for(1);
    let waiting = serving.backfill(&of_week("MSFT"));
    let told = serving
        .post(&format!("/api/v1/backfill/{waiting}/resume"))
        .is(202);
    assert_eq!(told.json()["status"], "queued");
    gate.open();
    serving.wait_for(&waiting, "completed");
    serving.stop().ok();
    assert_eq!(asked(&provider), ["AAPL", "MSFT"]);
}

#[test]
fn a_job_that_a_dead_server_left_stays_cancelled() {
    let (home, provider, _gate, dead) = Serving::holding(0);
    dead.backfill(&of_week("AAPL"));
    provider.wait_for(1);
    let left = dead.backfill(&of_week("MSFT"));
    // It takes over what is left when it starts, and again some seconds later: not at once.
    let serving = Serving::start(home.serve(&provider));
    dead.kill();
    let told = serving
        .post(&format!("/api/v1/backfill/{left}/cancel"))
        .is(202);
    assert_eq!(told.json()["status"], "interrupted");
    serving.stop().ok();
    let serving = Serving::start(home.serve(&provider));
    let told = serving.status(&left);
    assert_eq!(told["error"], "stopped on request", "{told}");
    serving.kill();
}

#[test]
fn a_job_from_a_provider_that_the_server_lacks_is_not_taken_into_its_queue() {
    let home = Home::new();
    let provider = Server::scripted(|_| Some(Reply::json(404, "{}")));
    home.backfill(&provider, "AAPL --start 2024-01-02 --end 2024-01-05")
        .exit(3);
    let job = home.db().text("SELECT job_id FROM backfill_jobs");
    let serving = Serving::start(home.serve_sample().keyless());
    let refused = serving
        .post(&format!("/api/v1/backfill/{job}/resume"))
        .refuses(409, "provider", "polygon");
    // Only the command line can do it, and where the file lies is nobody's business.
    let next = format!(
        "start it with that provider's key, or go on with `candlefile --db FILE resume {job}`"
    );
    assert_eq!(refused.json()["error"]["next"], next);
    serving.stop().ok();
}

#[test]
fn a_stop_does_not_wait_for_a_file_that_another_program_locks() {
    let (home, provider, _gate, serving) = Serving::holding(0);
    serving.backfill(&of_week("AAPL"));
    let waiting = serving.backfill(&of_week("MSFT"));
    provider.wait_for(1);
    let other = rusqlite::Connection::open(home.db_path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // A change of the queue that waits for the file: it was sent before what is answered meanwhile.
    let mut change = serving.connect();
    let head = format!(
        "POST /api/v1/backfill/{waiting}/cancel HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n",
        serving.port
    );
    change.write_all(head.as_bytes()).unwrap();
    for _ in 0..50 {
        serving.get("/api/v1/symbols").is(200);
    }
    let began = Instant::now();
    serving.stop().ok();
    assert!(
        began.elapsed() < Duration::from_secs(6),
        "{:?}",
        began.elapsed()
    );
    other.execute_batch("ROLLBACK").unwrap();
    // What it could not write is found by the next one.
    let provider = Server::start();
    let serving = Serving::start(home.serve(&provider));
    eventually("both jobs are complete", || {
        home.db()
            .count("SELECT count(*) FROM backfill_jobs WHERE status = 'completed'")
            == 2
    });
    serving.stop().ok();
    check_week(&home, "AAPL");
    check_week(&home, "MSFT");
}

//! Jobs followed by events: what is told is committed, nobody misses or hears anything twice, and nobody who reads slowly
//! holds anything.

use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::support::exchange::{Gate, PATIENCE, Reply};
use crate::support::following::{Event, Following};
use crate::support::harness::Home;
use crate::support::server::Server;
use crate::support::serving::Serving;

const WEEK: &str = "start_date=2024-01-02&end_date=2024-01-05";

fn of_week(symbols: &str) -> String {
    format!("symbols={symbols}&{WEEK}")
}

/// What is told of a job by its end and by its status alike.
fn job(document: &Value) -> Value {
    let mut job = document.clone();
    for beside in [
        "details",
        "nothing_from_provider",
        "requests",
        "candles_per_s",
        "waiting",
        "slow",
    ] {
        job.as_object_mut().unwrap().remove(beside);
    }
    job
}

fn is_done(event: &Event, slices: u64) -> bool {
    event.data["completed_slices"] == slices
}

/// Answers as the oracle does, but for one symbol: it holds that back, and then knows nothing of it.
fn refusing(symbol: &'static str) -> (Server, Gate) {
    let gate = Gate::default();
    let held = gate.clone();
    let provider = Server::scripted(move |request| {
        (request.ask().symbol == symbol).then(|| {
            held.wait();
            Reply::json(404, "{}")
        })
    });
    (provider, gate)
}

#[test]
fn a_follower_is_told_of_each_commit_while_the_job_goes_on_and_of_its_end() {
    let (home, _provider, gate, serving) = Serving::holding_one_worker(1);
    let job_id = serving.backfill(&of_week("AAPL,MSFT"));
    let mut following = serving.follow(&job_id);
    let told = following.until(|event| is_done(event, 1));
    assert_eq!(told.name, "progress");
    assert_eq!(told.data["status"], "running");
    assert_eq!(told.data["progress_pct"], 50.0);
    assert_eq!(told.data["total_records_inserted"], 4);
    assert_eq!(told.data["waiting"], Value::Null);
    // It was committed before it was told.
    let stored = "SELECT count(*) FROM candle_data";
    assert_eq!(home.db().count(stored), 4);
    gate.open();
    let rest = following.rest();
    let end = rest.last().unwrap();
    assert_eq!(end.name, "end");
    assert_eq!(end.data["requests"], 2);
    assert_eq!(job(&end.data), job(&serving.status(&job_id)));
    assert_eq!(end.data["status"], "completed");
    assert_eq!(rest.iter().filter(|event| event.is("end")).count(), 1);
    // Whoever comes later is told the same.
    assert_eq!(serving.follow(&job_id).rest(), std::slice::from_ref(end));
    serving.stop().ok();
}

#[test]
fn whoever_comes_back_hears_what_came_after_and_nothing_twice() {
    let home = Home::new();
    let (provider, gate) = refusing("MSFT");
    let serving = Serving::start(home.serve(&provider).args("--workers 1"));
    let job_id = serving.backfill(&of_week("AAPL,MSFT,SPY"));
    let mut first = serving.follow(&job_id);
    let seen = first.until(|event| is_done(event, 1));
    // Somebody who was cut off in the middle.
    drop(first);
    gate.open();
    serving.wait_for(&job_id, "partial");
    let all = serving.follow_after(&job_id, &seen.id).rest();
    assert!(all.iter().all(|event| event.run() == seen.run()));
    let numbers: Vec<u64> = all.iter().map(Event::number).collect();
    assert!(seen.number() < numbers[0] && numbers.is_sorted(), "{all:?}");
    assert!(all.iter().any(|event| event.is("slice_failed")), "{all:?}");
    for (at, event) in all.iter().enumerate() {
        if event.is("end") {
            let again = Following::on(serving.connect(), serving.port, &job_id, &event.id);
            let head = again.err().expect("it has ended");
            assert!(head.starts_with("HTTP/1.1 204"), "{head}");
        } else {
            let after = serving.follow_after(&job_id, &event.id).rest();
            assert_eq!(after, all[at + 1..]);
        }
    }
    assert!(all.last().unwrap().is("end"));
    serving.stop().ok();
}

#[test]
fn whoever_comes_back_with_what_is_not_known_is_told_the_state_now() {
    let home = Home::new();
    let provider = Server::start();
    let serving = Serving::start(home.serve(&provider));
    let jobs = ["AAPL", "MSFT"].map(|symbol| serving.backfill(&of_week(symbol)));
    let [one, other] = jobs.each_ref().map(|job_id| {
        // The file knows a moment before those who follow: once they have been told the end, nothing else is told.
        let end = serving.follow(job_id).rest().pop();
        let again = serving.follow(job_id).rest();
        assert_eq!(again.len(), 1, "{again:?}");
        assert_eq!(end, again.first().cloned());
        again[0].clone()
    });
    assert_eq!(one.name, "end");
    // The number is known, the run is not.
    let stranger = format!("0000000000000000-{}", one.number());
    for unknown in [&*other.id, &*stranger, "1", "-", "x-y"] {
        assert_eq!(
            serving.follow_after(&jobs[0], unknown).rest(),
            std::slice::from_ref(&one)
        );
    }
    serving.stop().ok();
    let serving = Serving::start(home.serve(&provider));
    let [now] = serving
        .follow_after(&jobs[0], &one.id)
        .rest()
        .try_into()
        .unwrap();
    assert_ne!(now.run(), one.run());
    assert_eq!((&*now.name, job(&now.data)), ("end", job(&one.data)));
    serving.stop().ok();
}

#[test]
fn a_slice_that_is_given_up_is_told_with_why() {
    let home = Home::new();
    let (provider, gate) = refusing("MSFT");
    let serving = Serving::start(home.serve(&provider).args("--workers 1"));
    let job_id = serving.backfill(&of_week("AAPL,MSFT"));
    let mut following = serving.follow(&job_id);
    gate.open();
    let failed = following.until(|event| event.is("slice_failed")).data;
    assert!(
        failed["error"].as_str().unwrap().contains("404"),
        "{failed}"
    );
    let known = json!({
        "symbol": "MSFT", "timeframe": "1d", "start": "2024-01-02T00:00:00Z", "end": "2024-01-06T00:00:00Z",
        "attempts": 1, "error": failed["error"],
    });
    assert_eq!(failed, known);
    let end = following.rest().pop().unwrap();
    assert_eq!(end.data["status"], "partial");
    assert_eq!(end.data["failed_slices"], 1);
    assert!(end.data["next"].as_str().unwrap().contains("/resume"));
    serving.stop().ok();
}

#[test]
fn a_job_is_followed_from_the_queue_on() {
    let (_home, provider, gate, serving) = Serving::holding(0);
    serving.backfill(&of_week("AAPL"));
    provider.wait_for(1);
    let waiting = serving.backfill(&of_week("MSFT"));
    let mut following = serving.follow(&waiting);
    assert_eq!(following.next().unwrap().data["status"], "queued");
    gate.open();
    let end = following.rest().pop().unwrap();
    assert_eq!(end.data["status"], "completed");
    serving.stop().ok();
}

#[test]
fn a_job_that_is_resumed_is_told_with_what_it_did_before() {
    let (home, _provider, gate, serving) = Serving::holding_one_worker(1);
    let job_id = serving.backfill(&of_week("AAPL,MSFT,SPY"));
    let mut following = serving.follow(&job_id);
    following.until(|event| is_done(event, 1));
    let change = |how: &str| {
        serving
            .post(&format!("/api/v1/backfill/{job_id}/{how}"))
            .is(202);
    };
    change("cancel");
    let stopped = following.rest().pop().unwrap();
    assert_eq!(stopped.data["status"], "interrupted");
    assert_eq!(stopped.data["error"], "stopped on request");
    gate.open();
    change("resume");
    // Its end is not its end any more.
    let after = serving.follow_after(&job_id, &stopped.id).rest();
    for event in &after {
        assert!(
            event.data["completed_slices"].as_u64() >= Some(1),
            "{event:?}"
        );
        assert_eq!(event.data["total_slices"], 3, "{event:?}");
        // Four days were stored before.
        let candles = event.data["total_records_inserted"].as_u64();
        assert!(candles >= Some(4), "rows of this run alone: {event:?}");
    }
    assert!(after.iter().any(|event| event.is("progress")), "{after:?}");
    let end = &after.last().unwrap().data;
    assert_eq!(end["status"], "completed");
    let stored = home.db().count("SELECT count(*) FROM candle_data");
    assert_eq!(end["total_records_inserted"], stored);
    assert_eq!(job(end), job(&serving.status(&job_id)));
    serving.stop().ok();
}

#[test]
fn a_page_that_does_not_come_is_told_while_it_does_not() {
    let home = Home::new();
    let gate = Gate::default();
    let (held, asked) = (gate.clone(), AtomicU32::new(0));
    let provider = Server::scripted(move |request| {
        if request.ask().symbol != "MSFT" || asked.fetch_add(1, Ordering::SeqCst) > 1 {
            return None;
        }
        if asked.load(Ordering::SeqCst) == 1 {
            return Some(Reply::json(503, "{}"));
        }
        held.wait();
        None
    });
    let serving = Serving::start(home.serve(&provider));
    let began = serving.backfill(&of_week("AAPL,MSFT"));
    let mut following = serving.follow(&began);
    let told = following.until(|event| event.data["slow"]["attempt"] == 2);
    let slow = &told.data["slow"];
    assert_eq!(
        (&slow["symbol"], &slow["timeframe"], &slow["attempts"]),
        (&json!("MSFT"), &json!("1d"), &json!(6))
    );
    let since = chrono::DateTime::parse_from_rfc3339(slow["since"].as_str().unwrap()).unwrap();
    // One of two slices is done, and still nobody knows how long the other one takes.
    assert_eq!(
        (&told.data["completed_slices"], &told.data["eta_s"]),
        (&json!(1), &Value::Null)
    );
    let job = serving.status(&began);
    let started =
        chrono::DateTime::parse_from_rfc3339(job["started_at"].as_str().unwrap()).unwrap();
    assert!(since >= started, "{slow} {job}");
    gate.open();
    let end = following.rest().pop().unwrap();
    assert_eq!(
        (&end.data["status"], &end.data["slow"]),
        (&json!("completed"), &Value::Null)
    );
    serving.stop().ok();
}

#[test]
fn the_end_of_a_job_that_was_refused_does_not_say_to_ask_again() {
    let home = Home::new();
    let provider = Server::scripted(|request| {
        let refusal = r#"{"status":"NOT_AUTHORIZED","message":"no such plan"}"#;
        (request.ask().symbol == "MSFT").then(|| Reply::json(403, refusal))
    });
    let serving = Serving::start(home.serve(&provider));
    let job_id = serving.backfill(&of_week("AAPL,MSFT"));
    let end = serving.follow(&job_id).rest().pop().unwrap();
    assert_eq!(end.data["status"], "partial");
    let next = end.data["next"].as_str().unwrap();
    assert!(next.starts_with("the provider refuses it"), "{next}");
    assert_eq!(job(&end.data), job(&serving.status(&job_id)));
    serving.stop().ok();
    // What was given up is no part of what is done.
    let told = home.cli(["status", "--json"]).run().ok().json();
    assert_eq!(told["jobs"][0]["progress_pct"], 50.0);
}

#[test]
fn a_job_of_the_command_line_is_followed_like_the_servers_own() {
    let home = Home::new();
    let (provider, gate) = refusing("MSFT");
    let serving = Serving::start(home.serve(&provider));
    let words = "AAPL MSFT SPY --start 2024-01-02 --end 2024-01-05 --workers 1";
    let running = home.to(&provider, ["backfill"]).args(words).spawn();
    provider.wait_for(2);
    let recent = serving.get("/api/v1/backfill/recent").is(200).json();
    let job_id = recent["jobs"][0]["job_id"].as_str().unwrap();
    let mut following = serving.follow(job_id);
    let mut told = following.until(|event| is_done(event, 1));
    assert_eq!(told.data["status"], "running");
    assert_eq!(told.data["requests"], Value::Null);
    gate.open();
    let mut events = following.rest();
    running.wait().exit(3);
    told = events.pop().unwrap();
    assert_eq!(told.name, "end");
    assert_eq!(job(&told.data), job(&serving.status(job_id)));
    assert_eq!(told.data["status"], "partial");
    let failed: Vec<&Event> = events
        .iter()
        .filter(|event| event.is("slice_failed"))
        .collect();
    assert_eq!(failed.len(), 1, "{events:?}");
    assert_eq!(failed[0].data["symbol"], "MSFT");
    serving.stop().ok();
}

#[test]
fn when_the_server_stops_the_stream_ends() {
    let (_home, _provider, _gate, serving) = Serving::holding(0);
    let job_id = serving.backfill(&of_week("AAPL"));
    let mut following = serving.follow(&job_id);
    following.next().unwrap();
    let stopping = std::thread::spawn(|| serving.stop());
    let rest = following.rest();
    assert!(rest.iter().all(|event| event.is("progress")), "{rest:?}");
    stopping.join().unwrap().ok();
}

#[test]
fn whoever_reads_slowly_goes_on_with_the_state_now() {
    let home = Home::new();
    let gate = Gate::default();
    let held = gate.clone();
    let provider = Server::scripted(move |_| {
        held.wait();
        let refused = "You are not entitled to this data.";
        Some(Reply::json(
            403,
            format!(r#"{{"status":"NOT_AUTHORIZED","message":"{refused}"}}"#),
        ))
    });
    let serving = Serving::start(home.serve(&provider));
    // More than the system holds of what was sent and not read.
    let symbols: Vec<String> = (0..300).map(|n| format!("A{n:039}")).collect();
    let body = json!({ "symbols": symbols, "timeframes": ["1m"], "start_date": "2004-01-02", "end_date": "2024-01-05", "yes": true });
    let asked = serving.post_json("/api/v1/backfill", &body).is(202).json();
    let slices = asked["slices"].as_u64().unwrap();
    let job_id = asked["job_id"].as_str().unwrap();
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], serving.port));
    socket.connect(&address.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut following = Following::on(stream, serving.port, job_id, "").unwrap();
    following.next().unwrap();
    gate.open();
    serving.wait_for(job_id, "partial");
    let events = following.rest();
    let failed = events.iter().filter(|event| event.is("slice_failed"));
    assert!((failed.count() as u64) < slices, "nothing was passed over");
    let end = events.last().unwrap();
    assert_eq!(end.name, "end");
    assert_eq!(end.data["failed_slices"], slices);
    serving.stop().ok();
}

#[test]
fn sixty_four_follow_at_once_and_the_next_one_is_told_to_come_back() {
    let (_home, _provider, gate, serving) = Serving::holding(0);
    let job_id = serving.backfill(&of_week("AAPL"));
    let mut followers: Vec<Following> = (0..64).map(|_| serving.follow(&job_id)).collect();
    let target = format!("/api/v1/backfill/{job_id}/events");
    let refused = serving.get(&target).refuses(503, "busy", "followers");
    assert!(refused.header("retry-after").is_some());
    gate.open();
    for following in &mut followers {
        assert!(following.rest().last().unwrap().is("end"));
    }
    assert!(serving.follow(&job_id).next().unwrap().is("end"));
    serving
        .get("/api/v1/backfill/ffffffff/events")
        .refuses(404, "job", "ffffffff");
    serving.stop().ok();
}

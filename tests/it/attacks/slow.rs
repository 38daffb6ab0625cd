//! Callers that take their time, or take everybody else's: heads, bodies and readers that do not move, more connections than
//! there are places, and more than there are files. Whoever else asks is answered meanwhile.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use socket2::SockRef;

use super::attack::open_sockets;
use crate::support::harness::Home;
use crate::support::running::eventually;
use crate::support::seeded::say;
use crate::support::serving::{Serving, host, read_answer};

const BODY: &str = "POST /api/v1/backfill HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{";
/// As long as one who does not attack may wait for an answer.
pub(crate) const SOON: Duration = Duration::from_secs(3);

/// Others are answered soon.
pub(crate) fn is_well(serving: &Serving) {
    for target in ["/health", "/api/v1/symbols"] {
        let asked = Instant::now();
        serving.get(target).is(200);
        assert!(asked.elapsed() < SOON, "{target}: {:?}", asked.elapsed());
    }
}

/// Sends this, then `drip` again and again, one each half second, and says what was answered and how long it took.
fn dawdles(mut stream: TcpStream, bytes: &[u8], drip: &[u8]) -> (String, Duration) {
    let pace = Some(Duration::from_millis(500));
    stream.set_read_timeout(pace).unwrap();
    let began = Instant::now();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        assert!(began.elapsed() < Duration::from_secs(30), "it has no end");
        match stream.read(&mut piece) {
            Ok(read) if read > 0 => answer.extend_from_slice(&piece[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => drop(stream.write_all(drip)),
            _ => break,
        }
    }
    let line = String::from_utf8_lossy(&answer)
        .lines()
        .next()
        .unwrap_or("")
        .to_owned();
    (line, began.elapsed())
}

#[test]
fn a_caller_that_dawdles_is_sent_away_in_time() {
    const AWAY: &str = "";
    const LATE: &str = "HTTP/1.1 408 Request Timeout";
    const ASKED: &str = "GET /health HTTP/1.1\r\nHost: {host}\r\n\r\n";
    let (_home, serving) = Serving::of_sample();
    let twice = format!("{ASKED}{ASKED}");
    let half = format!("{ASKED}GET /he");
    let sockets = open_sockets(serving.id());
    let cases = [
        ("", "", AWAY, 5),
        ("", "\r\n", AWAY, 5),
        ("G", "", AWAY, 5),
        ("GET /health HTTP/1.1\r\nHost: {host}\r\n", "", AWAY, 5),
        ("GET /health HTTP/1.1\r\nHost: {host}\r\nX: ", "a", AWAY, 5),
        (
            "GET /health HTTP/1.1\r\nHost: {host}\r\n",
            "X: a\r\n",
            AWAY,
            5,
        ),
        (ASKED, "", "HTTP/1.1 200 OK", 5),
        (&twice, "", "HTTP/1.1 200 OK", 5),
        (&half, "a", "HTTP/1.1 200 OK", 5),
        (BODY, "", LATE, 10),
        (BODY, " ", LATE, 10),
    ];
    thread::scope(|scope| {
        for (text, drip, line, seconds) in cases {
            let (stream, bytes) = (serving.connect(), host(&serving, text));
            scope.spawn(move || {
                let (answered, took) = dawdles(stream, &bytes, drip.as_bytes());
                assert_eq!(answered, line, "{text:?} {drip:?}");
                // A machine with much to do may be late, but not early.
                let (least, most) = (seconds * 1_000 - 200, seconds * 1_000 + 4_500);
                assert!(
                    (least..most).contains(&took.as_millis()),
                    "{text:?} {drip:?} {took:?}"
                );
            });
        }
        is_well(&serving);
    });
    eventually("connections end", || open_sockets(serving.id()) <= sockets);
    serving.stop().ok();
}

/// A job with so much to tell that no buffer of the system holds its status many times over.
fn large_job(serving: &Serving) -> String {
    let symbols: Vec<String> = (0..5_000).map(|n| format!("S{n:039}")).collect();
    let asked = json!({ "symbols": symbols, "start_date": "2024-01-02", "end_date": "2024-01-05" });
    let asked = serving.post_json("/api/v1/backfill", &asked).is(202).json();
    let job_id = asked["job_id"].as_str().unwrap().to_owned();
    serving
        .post(&format!("/api/v1/backfill/{job_id}/cancel"))
        .is(202);
    job_id
}

/// Reads an answer at 20 kB a second until it is told to stop.
fn read_slowly(mut stream: TcpStream, stop: &AtomicBool) {
    let began = Instant::now();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut piece = [0; 2_000];
    while !stop.load(Ordering::Relaxed) {
        let read = stream.read_exact(&mut piece);
        assert!(read.is_ok(), "{read:?} after {:?}", began.elapsed());
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_caller_that_never_reads_its_answers_is_sent_away_in_time_and_one_that_reads_slowly_stays() {
    let home = Home::of_sample("AAPL -t 1m --start 2022-01-03 --end 2023-12-29");
    let slow_server = Serving::start(home.serve_sample());
    let mut slow = slow_server.connect();
    let asked = "GET /api/v1/historical/AAPL?timeframe=1m&start=2022-01-03&end=2023-12-29&format=csv HTTP/1.1\r\nHost: {host}\r\n\r\n";
    slow.write_all(&host(&slow_server, asked)).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let reading = {
        let stop = Arc::clone(&stop);
        thread::spawn(move || read_slowly(slow, &stop))
    };

    let (_home, serving) = Serving::of_sample();
    let sockets = open_sockets(serving.id());
    let job = large_job(&serving);
    let asked = format!("GET /api/v1/backfill/status/{job} HTTP/1.1\r\nHost: {{host}}\r\n\r\n");
    let mut stream = serving.connect();
    SockRef::from(&stream).set_recv_buffer_size(4096).unwrap();
    stream
        .write_all(&host(&serving, &asked.repeat(40)))
        .unwrap();
    let began = Instant::now();
    is_well(&serving);
    eventually("its connection ends", || {
        open_sockets(serving.id()) <= sockets
    });
    let took = began.elapsed().as_secs();
    assert!((15..40).contains(&took), "after {took} s");
    serving.stop().ok();
    // As long as the system's buffers hide of it, and the time that one who reads nothing has.
    while !reading.is_finished() && began.elapsed() < Duration::from_secs(24) {
        thread::sleep(Duration::from_millis(100));
    }
    stop.store(true, Ordering::Relaxed);
    reading.join().expect("who reads slowly is answered");
    slow_server.stop().ok();
}

/// So many connections of one caller may be open, or nothing where the system does not allow it.
fn allow_files(most: u64) -> bool {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|now| now >= most) {
        return true;
    }
    let wanted = Rlimit {
        current: Some(most),
        maximum: limit.maximum,
    };
    let allowed = setrlimit(Resource::Nofile, wanted).is_ok();
    if !allowed {
        say(format!(
            "skipped: only {:?} files may be open",
            limit.maximum
        ));
    }
    allowed
}

#[test]
fn ten_thousand_idle_connections_keep_nobody_out() {
    if !allow_files(14_000) {
        return;
    }
    let (_home, serving) = Serving::of_sample();
    let sockets = open_sockets(serving.id());
    let mut idle = Vec::new();
    for n in 0..10_000 {
        let mut stream = serving.connect();
        if n % 2 == 0 {
            drop(stream.write_all(b"GET /health HTTP/1.1\r\nHo"));
        }
        idle.push(stream);
        if n % 1_000 == 999 {
            is_well(&serving);
        }
    }
    assert!(open_sockets(serving.id()) < sockets + 520);
    let job = serving.backfill("symbols=AAPL&start_date=2024-01-02&end_date=2024-01-05");
    serving.wait_for(&job, "completed");
    drop(idle);
    eventually("connections end", || open_sockets(serving.id()) <= sockets);
    serving.stop().ok();
}

#[test]
fn callers_that_ask_and_do_not_go_on_keep_nobody_out() {
    let (_home, serving) = Serving::of_sample();
    let job = large_job(&serving);
    let asked = format!("GET /api/v1/backfill/status/{job} HTTP/1.1\r\nHost: {{host}}\r\n\r\n");
    let (body, asked) = (host(&serving, BODY), host(&serving, &asked.repeat(40)));
    let began = Instant::now();
    let mut others = Vec::new();
    for n in 0..700 {
        let mut stream = serving.connect();
        SockRef::from(&stream).set_recv_buffer_size(4096).unwrap();
        // Few that do not read, for what they ask for is work; the others do not send what they have announced.
        stream
            .write_all(if n % 300 == 0 { &asked } else { &body })
            .unwrap();
        others.push(stream);
        if n % 50 == 49 {
            is_well(&serving);
        }
    }
    // The first of them have not been sent away for being late.
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    serving.stop().ok();
}

#[test]
fn with_few_files_to_open_there_are_some_left_for_the_work() {
    let home = Home::new();
    let serving = Serving::start(home.serve_sample().open_files(64));
    let idle: Vec<TcpStream> = (0..200).map(|_| serving.connect()).collect();
    is_well(&serving);
    let job = serving
        .backfill("symbols=AAPL,MSFT&start_date=2024-01-02&end_date=2024-01-05&timeframes=1d,1m");
    serving.wait_for(&job, "completed");
    serving.get("/ready").is(200);
    drop(idle);
    let run = serving.stop().ok();
    assert!(!run.stderr.contains("could not be taken"), "{run:?}");
}

#[test]
fn a_refusal_is_read_although_its_caller_still_sends() {
    let (_home, serving) = Serving::of_sample();
    let sockets = open_sockets(serving.id());
    for _ in 0..50 {
        let mut stream = serving.connect();
        let head = host(&serving, &BODY.replace("100000", "9000000"));
        stream.write_all(&head).unwrap();
        drop(stream.write_all(&vec![b' '; 300_000]));
        assert_eq!(read_answer(&mut stream).unwrap().status, 413);
    }
    eventually("connections end", || open_sockets(serving.id()) <= sockets);
    serving.stop().ok();
}

//! Many at once who each ask for as much as is allowed: followers who do not read, the largest bodies, the longest lists.
//! Whoever else asks is answered meanwhile.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Instant;

use serde_json::json;
use socket2::{Domain, Socket, Type};

use super::slow::{SOON, is_well};
use crate::support::exchange::{Gate, PATIENCE, Reply};
use crate::support::harness::Home;
use crate::support::running::eventually;
use crate::support::server::Server;
use crate::support::serving::{Serving, read_answer};

/// Asks, and reads nothing yet.
fn asks(serving: &Serving, target: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], serving.port));
    socket.connect(&address.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    let head = format!(
        "GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n",
        serving.port
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Asks, sees that an answer comes, and never reads it.
fn asks_and_never_reads(serving: &Serving, target: &str) -> TcpStream {
    let mut stream = asks(serving, target);
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    stream
}

#[test]
fn followers_who_never_read_hold_up_neither_the_job_nor_anybody_else() {
    let gate = Gate::default();
    let held = gate.clone();
    let provider = Server::scripted(move |_| {
        held.wait();
        let refusal =
            r#"{"status":"NOT_AUTHORIZED","message":"You are not entitled to this data."}"#;
        Some(Reply::json(403, refusal))
    });
    let home = Home::new();
    let serving = Serving::start(home.serve(&provider));
    // Each of its thousands of slices fails, and each follower is told of each.
    let symbols: Vec<String> = (0..30).map(|n| format!("A{n:039}")).collect();
    let asked = json!({ "symbols": symbols, "timeframes": ["1m"], "start_date": "2004-01-02", "end_date": "2024-01-05", "yes": true });
    let asked = serving.post_json("/api/v1/backfill", &asked).is(202).json();
    let job = asked["job_id"].as_str().unwrap();
    let target = format!("/api/v1/backfill/{job}/events");
    let followers: Vec<_> = (0..64)
        .map(|_| asks_and_never_reads(&serving, &target))
        .collect();
    serving.get(&target).refuses(503, "busy", "followers");
    is_well(&serving);
    gate.open();
    let asked = Instant::now();
    eventually("the job ends", || {
        is_well(&serving);
        serving.status(job)["status"] == "partial"
    });
    assert!(asked.elapsed() < PATIENCE / 2, "{:?}", asked.elapsed());
    drop(followers);
    eventually("places are free again", || {
        serving.get(&target).status == 200
    });
    serving.stop().ok();
}

#[test]
fn twenty_of_the_largest_bodies_at_once_keep_nobody_out() {
    const LARGEST: usize = 1 << 20;
    let (_home, serving) = Serving::of_sample();
    // Read to its end it is refused, for its last symbol is none.
    let symbols = |count| vec!["A".repeat(40); count].join(r#"",""#);
    let start = format!(
        r#"{{"start_date":"2024-01-02","symbols":["{}","#,
        symbols(6_000)
    );
    let body = format!("{start}{}\"'\"]}}", " ".repeat(LARGEST - start.len() - 5));
    assert_eq!(body.len(), LARGEST);
    let (most, last) = body.split_at(LARGEST - 1);
    let head = format!(
        "POST /api/v1/backfill HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: {LARGEST}\r\n\r\n",
        serving.port
    );
    let mut callers: Vec<TcpStream> = (0..20).map(|_| serving.connect()).collect();
    for stream in &mut callers {
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(most.as_bytes()).unwrap();
    }
    // Twenty bodies are there but for a byte.
    is_well(&serving);
    for stream in &mut callers {
        stream.write_all(last.as_bytes()).unwrap();
    }
    is_well(&serving);
    for stream in &mut callers {
        let answer = read_answer(stream).unwrap();
        answer.refuses(400, "usage", "symbol");
    }
    serving.stop().ok();
}

#[test]
fn the_longest_list_of_jobs_keeps_nobody_out() {
    let home = Home::of_sample("AAPL --start 2024-01-02 --end 2024-01-05");
    // A thousand like it.
    home.sql(
        "INSERT INTO backfill_jobs (job_id, status, command, symbols, timeframes, start_ts, end_ts, source, delay_s, created_at)
             WITH RECURSIVE copy (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copy WHERE n < 1000)
             SELECT printf('00000000-0000-7000-8000-%012d', n), status, command, symbols, timeframes, start_ts, end_ts, source,
                    delay_s, created_at
             FROM copy, backfill_jobs;
         INSERT INTO backfill_series
             SELECT copy.job_id, series_id, of.start_ts, of.end_ts, of.status, NULL
             FROM backfill_jobs AS copy JOIN backfill_series AS of ON copy.job_id <> of.job_id;
         INSERT INTO backfill_progress (job_id, series_id, start_ts, end_ts, status)
             SELECT copy.job_id, series_id, of.start_ts, of.end_ts, of.status
             FROM backfill_jobs AS copy JOIN backfill_progress AS of ON copy.job_id <> of.job_id",
    );
    let serving = Serving::start(home.serve_sample());
    thread::scope(|scope| {
        let ask = || {
            let jobs = serving.get("/api/v1/backfill/recent?limit=200").is(200);
            assert_eq!(jobs.json()["jobs"].as_array().unwrap().len(), 200);
        };
        let callers: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
        while callers.iter().any(|caller| !caller.is_finished()) {
            is_well(&serving);
        }
    });
    serving.stop().ok();
}

#[test]
fn callers_of_candles_who_never_read_keep_nobody_out() {
    let home = Home::of_sample("AAPL -t 1m --start 2024-01-02 --end 2024-01-02");
    // More than all buffers on the way to a caller take.
    home.sql(
        "INSERT INTO candle_data (series_id, ts, open, high, low, close, volume)
             WITH RECURSIVE minute (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM minute WHERE n < 99999)
             SELECT 1, 1717200000 + 60 * n, 100.25, 101.5, 99.75, 100.5, n FROM minute;
         UPDATE series SET candles = candles + 100000, last_ts = 1717200000 + 60 * 99999",
    );
    let job = home.db().text("SELECT job_id FROM backfill_jobs");
    let status = format!("/api/v1/backfill/status/{job}");
    let serving = Serving::start(home.serve_sample());
    let all = "/api/v1/historical/AAPL?timeframe=1m&limit=1000000";
    // Two are being answered, and the others wait for their turn.
    let answered: Vec<_> = (0..2)
        .map(|_| asks_and_never_reads(&serving, all))
        .collect();
    let others: Vec<_> = (0..6).map(|_| asks(&serving, all)).collect();
    for target in ["/ready", "/api/v1/symbols", &status] {
        let asked = Instant::now();
        serving.get(target).is(200);
        assert!(asked.elapsed() < SOON, "{target}: {:?}", asked.elapsed());
    }
    drop((answered, others));
    serving.stop().ok();
}

#[test]
fn where_all_places_are_taken_who_waits_for_an_answer_stays_and_who_asks_nothing_goes() {
    let home = Home::new();
    let (provider, gate) = Server::holding(0);
    // A quarter of them are places.
    let serving = Serving::start(home.serve(&provider).open_files(96));
    let job = serving.backfill("symbols=AAPL&start_date=2024-01-02&end_date=2024-01-05");
    provider.wait_for(1);
    // The oldest of all, and it was asked before the others came.
    let mut follower = asks_and_never_reads(&serving, &format!("/api/v1/backfill/{job}/events"));
    let idle: Vec<TcpStream> = (0..40).map(|_| serving.connect()).collect();
    serving.get("/health").is(200);
    gate.open();
    serving.wait_for(&job, "completed");
    let mut told = String::new();
    let read = follower.read_to_string(&mut told);
    assert!(
        read.is_ok() && told.contains("event: end"),
        "{read:?}: {told}"
    );
    drop(idle);
    serving.stop().ok();
}

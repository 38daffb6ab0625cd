//! A million candles end to end: the real binary against a loopback server of its own process, with answers made and
//! compressed beforehand; beside it, in the same run, a bare prepared-statement loop into the same schema.
//!
//! `cargo bench --bench backfill`

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    missing_docs
)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use candlefile::{Store, Timeframe};
use flate2::{Compression, write::GzEncoder};

const SERVER: &str = "CANDLEFILE_BENCH_SERVER";
/// One cell of a stock's minutes: 53 weekdays.
const START: &str = "2024-01-03";
const END: &str = "2024-03-17";
const SYMBOLS: usize = 21;
/// Of the 960 minutes of a trading day.
const MINUTES_A_DAY: i64 = 900;
const TRANSACTION: usize = 50_000;

fn main() {
    if std::env::var_os(SERVER).is_some() {
        serve();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut server = Command::new(std::env::current_exe().unwrap())
        .env(SERVER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut address = String::new();
    BufReader::new(server.stdout.take().unwrap())
        .read_line(&mut address)
        .unwrap();
    let address = address.trim();

    // The first run makes the server's answers.
    backfill(address, &folder.path().join("warm.db"));
    let path = folder.path().join("market.db");
    let run = backfill(address, &path);
    server.kill().unwrap();
    server.wait().unwrap();

    let candles: u64 = Store::read(&path)
        .unwrap()
        .series()
        .unwrap()
        .iter()
        .map(|series| series.candles)
        .sum();
    let bytes = std::fs::metadata(&path).unwrap().len();
    let bare = bare_loop(&path, &folder.path().join("bare.db"));
    let per_second = |elapsed: Duration| candles as f64 / elapsed.as_secs_f64();
    println!("candles                          {candles}");
    println!(
        "end to end over loopback         {:.0} candles/s ({:.2} s)",
        per_second(run.elapsed),
        run.elapsed.as_secs_f64()
    );
    println!(
        "bare loop into the same schema   {:.0} candles/s",
        per_second(bare)
    );
    println!(
        "end to end / bare loop           {:.0} %",
        100.0 * bare.as_secs_f64() / run.elapsed.as_secs_f64()
    );
    println!(
        "peak memory, 8 workers           {:.0} MiB",
        run.peak_kib as f64 / 1024.0
    );
    println!(
        "file                             {:.1} bytes per candle",
        bytes as f64 / candles as f64
    );
}

struct Run {
    elapsed: Duration,
    peak_kib: u64,
}

fn backfill(address: &str, db: &Path) -> Run {
    let symbols: Vec<String> = (0..SYMBOLS).map(|n| format!("S{n}")).collect();
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_candlefile"))
        .args([
            "backfill", "-q", "--json", "-t", "1m", "--start", START, "--end", END, "--rate",
            "10000/s",
        ])
        .arg("--db")
        .arg(db)
        .args(["--base-url", &format!("http://{address}")])
        .args(&symbols)
        .env("MASSIVE_API_KEY", "bench")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let peak_kib = peak_while_running(&mut child);
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}");
    Run {
        elapsed: began.elapsed(),
        peak_kib,
    }
}

/// The high-water mark of the resident set, as Linux tells it of a living process; 0 elsewhere.
fn peak_while_running(child: &mut Child) -> u64 {
    let mut peak = 0;
    let path = format!("/proc/{}/status", child.id());
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(&path).unwrap_or_default();
        let mark = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = mark.and_then(|mark| mark.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(5));
    }
    peak
}

/// The candles of a file into an empty one with the same schema and pragmas, by nothing but a prepared statement.
fn bare_loop(from: &Path, to: &Path) -> Duration {
    let mut all = Vec::new();
    let source = Store::read(from).unwrap();
    for series in source.series().unwrap() {
        let mut candles = Vec::new();
        source
            .each_candle(
                &series.key.symbol,
                Timeframe::Minutes(1),
                candlefile::Selection::All,
                |candle| {
                    candles.push(candle);
                    Ok::<(), candlefile::StoreError>(())
                },
            )
            .unwrap();
        all.push((series.id, series.key.symbol.to_string(), candles));
    }
    drop(Store::create(to).unwrap());
    let mut connection = rusqlite::Connection::open(to).unwrap();
    for (pragma, value) in [
        ("synchronous", "full"),
        ("cache_size", "-32768"),
        ("wal_autocheckpoint", "2000"),
    ] {
        connection.pragma_update(None, pragma, value).unwrap();
    }
    for (id, symbol, _) in &all {
        let sql = "INSERT INTO series (id, symbol, timeframe, source, adjusted) VALUES (?, ?, '1m', 'bench', 0)";
        connection
            .execute(sql, rusqlite::params![id, symbol])
            .unwrap();
    }
    let began = Instant::now();
    for (id, _, candles) in &all {
        for chunk in candles.chunks(TRANSACTION) {
            let tx = connection.transaction().unwrap();
            let sql = "INSERT INTO candle_data VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
            let mut insert = tx.prepare_cached(sql).unwrap();
            for c in chunk {
                let values = rusqlite::params![
                    id, c.ts, c.open, c.high, c.low, c.close, c.volume, c.vwap, c.trades, 1
                ];
                insert.execute(values).unwrap();
            }
            drop(insert);
            tx.commit().unwrap();
        }
    }
    drop(connection);
    began.elapsed()
}

fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap());
    let answers: Arc<Mutex<HashMap<String, Arc<Vec<u8>>>>> = Arc::default();
    for stream in listener.incoming() {
        let answers = Arc::clone(&answers);
        std::thread::spawn(move || answer_all(stream.unwrap(), &answers));
    }
}

fn answer_all(mut stream: TcpStream, answers: &Mutex<HashMap<String, Arc<Vec<u8>>>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut request = String::new();
        let mut line = String::new();
        while lines.read_line(&mut line).unwrap_or(0) > 2 {
            request.push_str(&line);
            line.clear();
        }
        let Some(path) = request.split_whitespace().nth(1) else {
            return;
        };
        let made = answers.lock().unwrap().get(path).cloned();
        let answer = made.unwrap_or_else(|| {
            let answer = Arc::new(response(path));
            answers
                .lock()
                .unwrap()
                .insert(path.to_owned(), Arc::clone(&answer));
            answer
        });
        if stream.write_all(&answer).is_err() {
            return;
        }
    }
}

fn response(path: &str) -> Vec<u8> {
    let parts: Vec<&str> = path.split(['/', '?']).collect();
    let (ticker, from, to): (&str, i64, i64) = (
        parts[4],
        parts[8].parse().unwrap(),
        parts[9].parse().unwrap(),
    );
    let mut rows = Vec::new();
    let mut ts = from;
    while ts < to {
        // The cell lies in winter time: days are 86,400 s, and New York's 04:00 is 09:00Z.
        let (day, second) = (
            (ts / 1000).div_euclid(86_400),
            (ts / 1000).rem_euclid(86_400),
        );
        let (weekday, minute) = ((day + 4) % 7, second / 60 - 9 * 60);
        if (1..=5).contains(&weekday) && (0..MINUTES_A_DAY).contains(&minute) {
            let price = 150.0 + (ts / 60_000 % 5000) as f64 / 100.0;
            rows.push(format!(
                r#"{{"v":{}.5,"vw":{price:.4},"o":{price:.2},"c":{:.2},"h":{:.2},"l":{:.2},"t":{ts},"n":{}}}"#,
                ts / 60_000 % 90_000, price + 0.05, price + 0.11, price - 0.07, minute % 700
            ));
        }
        ts += 60_000;
    }
    let body = format!(
        r#"{{"ticker":"{ticker}","queryCount":{0},"resultsCount":{0},"adjusted":false,"results":[{1}],"status":"OK","request_id":"0","count":{0}}}"#,
        rows.len(),
        rows.join(",")
    );
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(body.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        gzip.len()
    );
    let mut response = head.into_bytes();
    gzip.as_slice().read_to_end(&mut response).unwrap();
    response
}

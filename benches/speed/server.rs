//! A provider on the loopback, in a process of its own, so that what it costs is not the program's: every answer is made
//! and compressed before the first request.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flate2::{Compression, write::GzEncoder};

use super::candles::{self, SERIES};

/// Set in the server's process: how many millions of candles it serves.
pub const MILLIONS: &str = "CANDLEFILE_BENCH_SERVER";

type Answers = HashMap<String, Vec<u8>>;

pub struct Server {
    child: Child,
    pub url: String,
}

impl Server {
    pub fn start(millions: f64) -> Server {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(MILLIONS, millions.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        Server {
            child,
            url: format!("http://{}", address.trim()),
        }
    }

    /// Processor time so far, as Linux tells it in hundredths of a second; 0 elsewhere.
    pub fn cost(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.unwrap_or_default();
        let after_name = stat.rsplit(')').next().unwrap_or("");
        let ticks = after_name.split_whitespace().skip(11).take(2);
        Duration::from_millis(
            ticks
                .filter_map(|ticks| ticks.parse::<u64>().ok())
                .sum::<u64>()
                * 10,
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn serve(millions: f64) {
    let answers = Arc::new(answers(millions));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap());
    for stream in listener.incoming() {
        let answers = Arc::clone(&answers);
        std::thread::spawn(move || answer_all(stream.unwrap(), &answers));
    }
}

fn answer_all(mut stream: TcpStream, answers: &Answers) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut request = String::new();
        let mut line = String::new();
        while lines.read_line(&mut line).unwrap_or(0) > 2 {
            request.push_str(&line);
            line.clear();
        }
        let Some(target) = request.split_whitespace().nth(1) else {
            return;
        };
        let path = target.split('?').next().unwrap();
        let answer = answers
            .get(path)
            .unwrap_or_else(|| panic!("nothing was made for {path}"));
        if stream.write_all(answer).is_err() {
            return;
        }
    }
}

fn answers(millions: f64) -> Answers {
    let cells = candles::market().cut_at_cells(candles::span(millions));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut made = Vec::new();
        loop {
            let series = next.fetch_add(1, Ordering::Relaxed);
            if series >= SERIES {
                return made;
            }
            for cell in &cells {
                let (from, to) = (cell.start() * 1000, cell.end() * 1000 - 1);
                let symbol = candles::symbol(series);
                let path = format!("/v2/aggs/ticker/{symbol}/range/1/minute/{from}/{to}");
                made.push((path, response(&symbol, &candles::minutes(series, *cell))));
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    })
}

fn response(symbol: &str, candles: &[candlefile::model::Candle]) -> Vec<u8> {
    let row = |c: &candlefile::model::Candle| {
        let (volume, vwap, trades) = (c.volume.unwrap(), c.vwap.unwrap(), c.trades.unwrap());
        format!(
            r#"{{"v":{volume},"vw":{vwap},"o":{},"c":{},"h":{},"l":{},"t":{},"n":{trades}}}"#,
            c.open,
            c.close,
            c.high,
            c.low,
            c.ts * 1000,
        )
    };
    let rows: Vec<String> = candles.iter().map(row).collect();
    let body = format!(
        r#"{{"ticker":"{symbol}","queryCount":{0},"resultsCount":{0},"adjusted":false,"results":[{1}],"status":"OK","request_id":"0","count":{0}}}"#,
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
    [head.as_bytes(), &gzip].concat()
}

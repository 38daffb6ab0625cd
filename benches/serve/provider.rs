//! A provider on the loopback that has the same minutes for every symbol, made before the first request, so that it costs
//! next to nothing and never runs out.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use candlefile::model::{Candle, Span};

use super::candles;

/// Rows of an answer as JSON, by its first instant in milliseconds.
type Rows = HashMap<String, (usize, String)>;

/// Answers for a span until the process ends. Gives its URL.
pub fn start(span: Span) -> String {
    let cells = candles::market().cut_at_cells(span);
    let rows = cells.iter().map(|cell| {
        let minutes = candles::minutes(0, *cell);
        let text: Vec<String> = minutes.iter().map(row).collect();
        let first = (cell.start() * 1000).to_string();
        (first, (minutes.len(), text.join(",")))
    });
    let rows: Arc<Rows> = Arc::new(rows.collect());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let rows = Arc::clone(&rows);
            std::thread::spawn(move || answer_all(stream, &rows));
        }
    });
    url
}

fn row(c: &Candle) -> String {
    let (volume, vwap, trades) = (c.volume.unwrap(), c.vwap.unwrap(), c.trades.unwrap());
    format!(
        r#"{{"v":{volume},"vw":{vwap},"o":{},"c":{},"h":{},"l":{},"t":{},"n":{trades}}}"#,
        c.open,
        c.close,
        c.high,
        c.low,
        c.ts * 1000,
    )
}

fn answer_all(mut stream: TcpStream, rows: &Rows) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    loop {
        let (mut request, mut line) = (String::new(), String::new());
        while lines.read_line(&mut line).unwrap_or(0) > 2 {
            request.push_str(&line);
            line.clear();
        }
        // /v2/aggs/ticker/{symbol}/range/1/minute/{from}/{to}
        let parts: Vec<&str> = request.split(['/', ' ', '?']).collect();
        let (Some(symbol), Some(first)) = (parts.get(5), parts.get(9)) else {
            return;
        };
        let (count, rows) = &rows[*first];
        let before = format!(
            r#"{{"ticker":"{symbol}","queryCount":{count},"resultsCount":{count},"adjusted":false,"results":["#
        );
        let after = format!(r#"],"status":"OK","request_id":"0","count":{count}}}"#);
        let length = before.len() + rows.len() + after.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{before}"
        );
        let sent = [head.as_str(), rows.as_str(), after.as_str()];
        if sent
            .iter()
            .any(|part| stream.write_all(part.as_bytes()).is_err())
        {
            return;
        }
    }
}

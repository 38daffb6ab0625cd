//! The fake provider's answers: Polygon aggregates in the real one's shapes, from the oracle. It must stay as awkward
//! as the real one: `next_url` names another host, carries no key, and its cursor is the same on every page.

use std::fmt::Write;

use chrono::{DateTime, Days, NaiveDate};

use super::oracle::{self, Candle, Span, Step};

/// What a request to the aggregates endpoint asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ask {
    pub(crate) symbol: String,
    pub(crate) timeframe: String,
    /// The starts of the bars asked for, as the file keeps them.
    pub(crate) span: Span,
    /// Both edges were sent as dates, not as instants.
    pub(crate) dated: bool,
    path: String,
}

enum Edge {
    Instant(i64),
    Date(NaiveDate),
}

fn edge(text: &str) -> Option<Edge> {
    match text.parse::<i64>() {
        Ok(ms) => Some(Edge::Instant(ms)),
        Err(_) => text.parse().ok().map(Edge::Date),
    }
}

pub(crate) fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = (bytes[i] == b'%').then(|| text.get(i + 1..i + 3)).flatten();
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(byte.unwrap_or(bytes[i]));
        i += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).unwrap()
}

impl Ask {
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/v2/aggs/ticker/")?;
        let parts: Vec<&str> = rest.split('/').collect();
        let [ticker, "range", multiplier, timespan, from, to] = parts[..] else {
            return None;
        };
        let symbol = unescape(ticker);
        let unit = match timespan {
            "minute" => "m",
            "hour" => "h",
            "day" => "d",
            "week" => "w",
            "month" => "mo",
            _ => return None,
        };
        let timeframe = format!("{multiplier}{unit}");
        let (from, to) = (edge(from)?, edge(to)?);
        let dated = matches!((&from, &to), (Edge::Date(_), Edge::Date(_)));
        let span = bars(&symbol, &timeframe, &from, &to);
        Some(Self {
            symbol,
            timeframe,
            span,
            dated,
            path: path.to_owned(),
        })
    }
}

/// `from` snaps down to the start of its bar and `to` is inclusive: the bar that starts there or before is in.
fn bars(symbol: &str, timeframe: &str, from: &Edge, to: &Edge) -> Span {
    let zone = oracle::zone(symbol);
    match oracle::step(timeframe) {
        Step::Seconds(n) => {
            let start = match from {
                Edge::Instant(ms) => oracle::bar_of(n, ms.div_euclid(1_000)),
                Edge::Date(day) => oracle::midnight(zone, *day),
            };
            let end = match to {
                Edge::Instant(ms) => ms.div_euclid(1_000) + 1,
                Edge::Date(day) => oracle::midnight(zone, *day + Days::new(1)),
            };
            (start, end)
        }
        step => {
            let day = |edge: &Edge| match edge {
                Edge::Instant(ms) => DateTime::from_timestamp_millis(*ms)
                    .unwrap()
                    .with_timezone(&zone)
                    .date_naive(),
                Edge::Date(day) => *day,
            };
            (
                oracle::label(oracle::floor(step, day(from))),
                oracle::label(day(to)) + oracle::DAY,
            )
        }
    }
}

/// One page of the answer, with a `next_url` where more follows.
pub(crate) fn page(ask: &Ask, size: usize, adjusted: bool, factor: f64) -> String {
    let mut rows: Vec<Candle> = oracle::candles(&ask.symbol, &ask.timeframe, ask.span)
        .take(size + 1)
        .collect();
    let next = (rows.len() > size)
        .then(|| rows.pop().unwrap())
        .map(|first| {
            let from = oracle::stamp_ms(&ask.symbol, &ask.timeframe, first.ts);
            let parts: Vec<&str> = ask.path.rsplitn(3, '/').collect();
            // The real cursor is base64 of the request's own parameters, and so the same on every page.
            let cursor = if adjusted {
                "YWRqdXN0ZWQ9dHJ1ZSZzb3J0PWFzYw"
            } else {
                "YWRqdXN0ZWQ9ZmFsc2Umc29ydD1hc2M"
            };
            format!(
                "https://api.polygon.io{}/{from}/{}?cursor={cursor}",
                parts[2], parts[0]
            )
        });
    let factor = if adjusted { factor } else { 1.0 };
    let rows: Vec<String> = rows
        .iter()
        .map(|c| row(&ask.symbol, &ask.timeframe, c, factor))
        .collect();
    body(&ask.symbol, adjusted, &rows, next.as_deref())
}

/// The envelope around rows that are JSON already. An index has neither counts nor `adjusted`.
pub(crate) fn body(
    symbol: &str,
    adjusted: bool,
    rows: &[String],
    next_url: Option<&str>,
) -> String {
    let count = rows.len();
    let mut text = format!(r#"{{"ticker":"{symbol}","#);
    if !symbol.starts_with("I:") {
        write!(
            text,
            r#""queryCount":{count},"resultsCount":{count},"adjusted":{adjusted},"#
        )
        .unwrap();
    }
    if count > 0 {
        write!(text, r#""results":[{}],"#, rows.join(",")).unwrap();
    }
    text.push_str(r#""status":"OK","request_id":"6a7e466379af0a71039d60cc78e72282""#);
    if let Some(url) = next_url {
        write!(text, r#","next_url":"{url}""#).unwrap();
    }
    text.push('}');
    text
}

/// One row as the provider writes it: whole prices as integers, large volumes in scientific notation.
pub(crate) fn row(symbol: &str, timeframe: &str, candle: &Candle, factor: f64) -> String {
    let mut text = String::from("{");
    if let Some(v) = candle.volume {
        let v = if v >= 1e6 {
            format!("{v:e}").replace('e', "e+0")
        } else {
            v.to_string()
        };
        write!(text, r#""v":{v},"#).unwrap();
    }
    if let Some(vw) = candle.vwap {
        write!(text, r#""vw":{},"#, vw * factor).unwrap();
    }
    let [open, high, low, close] =
        [candle.open, candle.high, candle.low, candle.close].map(|p| p * factor);
    let t = oracle::stamp_ms(symbol, timeframe, candle.ts);
    write!(
        text,
        r#""o":{open},"c":{close},"h":{high},"l":{low},"t":{t}"#
    )
    .unwrap();
    if let Some(n) = candle.trades {
        write!(text, r#","n":{n}"#).unwrap();
    }
    text.push('}');
    text
}

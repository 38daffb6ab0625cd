//! `candlefile list`: what the file holds. Reads no candle.

use anyhow::Result;
use candlefile::store::SeriesRow;
use candlefile::{Span, Store};
use serde_json::{Value, json};

use super::args::Global;
use super::error::Exit;
use super::output::{self, count, days, short, time};
use super::table;

/// Titles of the table of series.
pub const TITLES: [&str; 7] = [
    "symbol",
    "!timeframe",
    "source",
    "first",
    "last",
    "!>candles",
    "!~covered",
];

pub fn run(global: &Global) -> Result<Exit> {
    let series = Store::read(&global.db)?.series()?;
    if global.json {
        let series: Vec<Value> = series.iter().map(document).collect();
        output::json(&json!({ "series": series }))?;
    } else if series.is_empty() {
        output::print("the file is empty")?;
    } else {
        table::print(TITLES, series.iter().map(row))?;
    }
    Ok(Exit::Complete)
}

/// A series as JSON.
pub fn document(series: &SeriesRow) -> Value {
    let coverage: Vec<Value> = series.coverage.iter().map(output::span).collect();
    json!({
        "symbol": series.key.symbol, "timeframe": series.key.timeframe, "source": series.key.source,
        "adjusted": series.key.adjusted, "first": series.first_ts.map(time), "last": series.last_ts.map(time),
        "candles": series.candles, "coverage": coverage,
    })
}

/// A series in the table.
pub fn row(series: &SeriesRow) -> Vec<String> {
    let timeframe = series.key.timeframe;
    let adjusted = if series.key.adjusted { " adjusted" } else { "" };
    let day = |ts: Option<i64>| ts.map(|ts| short(ts, timeframe)).unwrap_or_default();
    vec![
        series.key.symbol.to_string(),
        timeframe.to_string(),
        format!("{}{adjusted}", series.key.source),
        day(series.first_ts),
        day(series.last_ts),
        count(series.candles),
        covered(series),
    ]
}

fn covered(series: &SeriesRow) -> String {
    let spans: Vec<Span> = series.coverage.iter().collect();
    let (Some(first), Some(last)) = (spans.first(), spans.last()) else {
        return "nothing yet".into();
    };
    let whole = Span::new(first.start(), last.end())
        .map(|span| days(&series.key, span))
        .unwrap_or_default();
    match series.holes() {
        0 => whole,
        1 => format!("{whole}, 1 hole"),
        holes => format!("{whole}, {holes} holes"),
    }
}

//! What Datasette wants to know of the file, as its `--metadata` takes it.

use std::collections::BTreeSet;
use std::path::Path;

use crate::store::{SeriesRow, TableDoc, tables};
use serde_json::{Map, Value, json};

/// Tables that the views are made of, and the books of jobs.
const HIDDEN: [&str; 3] = ["candle_data", "backfill_series", "backfill_progress"];

/// What the views' columns and the values of a candle are; the other columns are told by the format.
const COLUMNS: [(&str, &str); 18] = [
    ("symbol", "as the provider spells it"),
    ("timeframe", "1m .. 30m, 1h .. 12h, 1d, 1w, 1mo"),
    (
        "ts",
        "the candle's start, Unix seconds, UTC; for 1d and longer the market date at 00:00Z",
    ),
    ("open", "first price, in the currency of the symbol"),
    ("high", "highest price"),
    ("low", "lowest price"),
    ("close", "last price"),
    (
        "volume",
        "units traded: shares of a stock, coins; empty for indices",
    ),
    ("vwap", "price averaged by volume"),
    ("trades", "number of trades"),
    (
        "datetime",
        "ts as RFC 3339 text, UTC; filter on ts, which has an index",
    ),
    ("validated", "0: the candle was not judged yet"),
    ("quality_score", "empty: the candle was not judged yet"),
    ("validation_notes", "what is odd about it"),
    (
        "gap_detected",
        "1: candles are missing before it; empty: not judged yet",
    ),
    (
        "volume_anomaly",
        "1: its volume is out of the ordinary; empty: not judged yet",
    ),
    ("source", "the provider"),
    ("fetched_at", "when its slice began, RFC 3339 text, UTC"),
];

pub fn metadata(db: &Path, series: &[SeriesRow]) -> Value {
    let name = db.file_stem().unwrap_or_default().to_string_lossy();
    let sources: BTreeSet<&str> = series
        .iter()
        .map(|series| series.key.source.as_str())
        .collect();
    let sources: Vec<&str> = sources.into_iter().collect();
    let tables: Map<String, Value> = tables()
        .iter()
        .map(|table| (table.name.to_owned(), of_table(table)))
        .collect();
    let database = json!({
        "title": format!("OHLCV candles: {name}"),
        "description": "Read the views candles and market_data, and filter on symbol, timeframe and ts. \
            ts is the start of a candle in Unix seconds, UTC.",
        "source": sources.join(", "),
        "license": "Market data belongs to its provider, whose terms say who may be given it.",
        "tables": tables,
    });
    json!({
        "title": "OHLCV candles",
        "about": "a file of candlefile",
        "databases": { name: database },
    })
}

fn of_table(table: &TableDoc) -> Value {
    let values = match table.name {
        "candles" => &COLUMNS[..10],
        "candle_data" => &COLUMNS[2..10],
        "market_data" => &COLUMNS[..],
        _ => &[],
    };
    let columns: Map<String, Value> = values
        .iter()
        .map(|&(name, about)| (name, about))
        .chain(
            table
                .columns
                .iter()
                .map(|(name, about)| (*name, about.as_str())),
        )
        .map(|(name, about)| (name.to_owned(), json!(about)))
        .collect();
    let mut document = json!({ "description": table.about, "columns": columns });
    if table.is_view {
        // A view is sorted as a whole: by its key alone in time.
        document["sortable_columns"] = json!(["symbol", "timeframe", "ts"]);
    }
    if HIDDEN.contains(&table.name) {
        document["hidden"] = json!(true);
    }
    document
}

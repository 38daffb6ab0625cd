//! Hands in candles from elsewhere: `cargo run --example hand_in_csv -- market.db AAPL 1d < aapl.csv`, with the columns
//! `ts,open,high,low,close,volume`; `ts` is the candle's start in Unix seconds, for `1d` and longer 00:00Z of its first day.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::io::{BufRead, stdin};
use std::path::Path;

use candlefile::model::{Adjustment, Candle, Counts, Listing, MarketCode, SeriesKey};
use candlefile::{Clock, Store, SystemClock};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [file, symbol, timeframe] = words.as_slice() else {
        return Err("usage: hand_in_csv FILE SYMBOL TIMEFRAME < CANDLES".into());
    };
    let counts = hand_in(Path::new(file), symbol, timeframe, stdin().lock())?;
    println!(
        "{} new, {} known, {} differ from what is stored, {} cannot be stored",
        counts.inserted, counts.duplicate, counts.conflicting, counts.rejected
    );
    Ok(())
}

/// Stores the candles of a table with a header. What is stored already stays; what differs is kept in `conflicts`.
pub(crate) fn hand_in(
    file: &Path,
    symbol: &str,
    timeframe: &str,
    table: impl BufRead,
) -> Result<Counts, Box<dyn Error>> {
    let key = SeriesKey {
        symbol: symbol.parse()?,
        timeframe: timeframe.parse()?,
        // A series has one source: a provider's and one's own never mix.
        source: "my-csv".to_owned(),
        adjusted: Adjustment::Raw,
        // What is not read off the symbol: where it trades, and so when its candles are there.
        listing: Listing::on(MarketCode::XNYS),
    };
    let lines = table.lines().skip(1);
    let candles = lines
        .map(|line| candle(&line?))
        .collect::<Result<Vec<_>, _>>()?;
    let now = SystemClock::default().now();
    Ok(Store::create(file)?.insert_candles(&key, &candles, now)?)
}

fn candle(line: &str) -> Result<Candle, Box<dyn Error>> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    let [ts, open, high, low, close, volume] = fields.as_slice() else {
        return Err(format!("{line:?} has {} columns and not six", fields.len()).into());
    };
    Ok(Candle {
        ts: ts.parse()?,
        open: open.parse()?,
        high: high.parse()?,
        low: low.parse()?,
        close: close.parse()?,
        volume: Some(volume.parse()?),
        vwap: None,
        trades: None,
    })
}

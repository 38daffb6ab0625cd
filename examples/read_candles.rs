//! Prints the last candles of a series: `cargo run --example read_candles -- market.db AAPL 1d`.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::Path;

use candlefile::view::{Selection, View};
use candlefile::{Store, StoreError};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [file, symbol, timeframe] = words.as_slice() else {
        return Err("usage: read_candles FILE SYMBOL TIMEFRAME".into());
    };
    for line in last_five(Path::new(file), symbol, timeframe)? {
        println!("{line}");
    }
    Ok(())
}

/// The last five candles, oldest first: start in Unix seconds, close and volume.
pub(crate) fn last_five(
    file: &Path,
    symbol: &str,
    timeframe: &str,
) -> Result<Vec<String>, Box<dyn Error>> {
    // Reading needs no right to write, and a backfill may write the file meanwhile.
    let store = Store::read(file)?;
    let mut lines = Vec::new();
    let series = View::open(&store, &symbol.parse()?, timeframe.parse()?)?;
    series
        .select(Selection::Tail(5))
        .each_candle(&store, |candle| {
            // An index has no volume.
            let volume = candle
                .volume
                .map_or("-".to_owned(), |volume| volume.to_string());
            lines.push(format!("{} {} {volume}", candle.ts, candle.close));
            Ok::<(), StoreError>(())
        })?;
    Ok(lines)
}

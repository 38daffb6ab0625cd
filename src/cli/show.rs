//! `candlefile show`: the candles of a series, newest last.

use std::io::Write;

use anyhow::Result;
use candlefile::range::Moment;
use candlefile::{Candle, Market, Selection, Span, Store, StoreError};
use chrono::Weekday;
use serde_json::{Value, json};

use super::args::{Global, Show};
use super::error::{Exit, Said, usage};
use super::output::{self, short, time};

/// Candles of a table without a range or a number; data for other programs is whole.
const TAIL: u32 = 20;

pub fn run(global: &Global, args: &Show) -> Result<Exit> {
    let store = Store::read(&global.db)?;
    let selection = selection(args, global.json)?;
    if args.csv {
        csv(&store, args, selection)?;
    } else if global.json {
        return json_document(&store, global, args, selection);
    } else {
        let mut candles = Vec::new();
        store.each_candle(&args.symbol, args.timeframe, selection, |candle| {
            candles.push(candle);
            anyhow::Ok(())
        })?;
        if candles.is_empty() {
            output::print("no candles in this range")?;
        } else {
            let titles = [
                "time (UTC)",
                ">open",
                ">high",
                ">low",
                ">close",
                ">volume",
                ">vwap",
                ">trades",
            ];
            output::print(output::table(&titles, rows(&candles, args)))?;
        }
    }
    Ok(Exit::Complete)
}

fn selection(args: &Show, json: bool) -> Result<Selection> {
    if args.start.is_none() && args.end.is_none() {
        let all = json || args.csv;
        return Ok(args
            .tail
            .or((!all).then_some(TAIL))
            .map_or(Selection::All, Selection::Tail));
    }
    // The weekday that begins a week only matters for where a date lies between two weeks.
    let market = Market::new(args.symbol.asset_class(), args.timeframe, Weekday::Sun);
    let start = args
        .start
        .as_ref()
        .map_or(i64::MIN, |start| start.first_candle(&market));
    let end = args
        .end
        .as_ref()
        .map_or(i64::MAX, |end| end.last_candle_end(&market));
    let words = |moment: &Option<Moment>| {
        moment
            .as_ref()
            .map_or("now".to_owned(), |moment| moment.words().to_owned())
    };
    Span::new(start, end).map(Selection::Within).ok_or_else(|| {
        let message = format!(
            "the end {} is before the start {}",
            words(&args.end),
            words(&args.start)
        );
        usage(message, "exchange --start and --end")
    })
}

/// The candles as text, each column with as many decimals as its longest number needs.
fn rows(candles: &[Candle], args: &Show) -> Vec<Vec<String>> {
    let prices = |candle: &Candle| [candle.open, candle.high, candle.low, candle.close];
    let most = |values: &mut dyn Iterator<Item = f64>| values.map(decimals).max().unwrap_or(0);
    let of_prices = most(&mut candles.iter().flat_map(prices));
    let of_volume = most(&mut candles.iter().filter_map(|candle| candle.volume));
    let of_vwap = most(&mut candles.iter().filter_map(|candle| candle.vwap));
    let fixed = |value: Option<f64>, decimals| {
        value
            .map(|value| format!("{value:.decimals$}"))
            .unwrap_or_default()
    };
    let row = |candle: &Candle| {
        let mut row = vec![short(candle.ts, args.timeframe)];
        row.extend(prices(candle).map(|price| fixed(Some(price), of_prices)));
        row.extend([fixed(candle.volume, of_volume), fixed(candle.vwap, of_vwap)]);
        row.push(
            candle
                .trades
                .map(|trades| trades.to_string())
                .unwrap_or_default(),
        );
        row
    };
    candles.iter().map(row).collect()
}

/// Decimals that a number needs to be read back exactly.
fn decimals(value: f64) -> usize {
    value
        .to_string()
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len())
}

fn csv(store: &Store, args: &Show, selection: Selection) -> Result<()> {
    let mut writer = csv::Writer::from_writer(std::io::stdout().lock());
    writer.write_record([
        "ts", "datetime", "open", "high", "low", "close", "volume", "vwap", "trades",
    ])?;
    store.each_candle(&args.symbol, args.timeframe, selection, |c| {
        writer.serialize((
            c.ts,
            time(c.ts),
            c.open,
            c.high,
            c.low,
            c.close,
            c.volume,
            c.vwap,
            c.trades,
        ))?;
        anyhow::Ok(())
    })?;
    writer.flush()?;
    Ok(())
}

/// Written candle by candle: a year of minutes is not held in memory.
fn json_document(
    store: &Store,
    global: &Global,
    args: &Show,
    selection: Selection,
) -> Result<Exit> {
    let series = store.find_series(&args.symbol, args.timeframe)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let head = json!({
        "symbol": args.symbol, "timeframe": args.timeframe, "source": series.key.source, "adjusted": series.key.adjusted,
    });
    let head = head.to_string();
    write!(out, "{},\"candles\":[", head.trim_end_matches('}'))?;
    let mut separator = "";
    let read = store.each_candle(&args.symbol, args.timeframe, selection, |c| {
        write!(out, "{separator}{}", document(&c))?;
        separator = ",";
        anyhow::Ok(())
    });
    // What began as one document ends as one: a file that cannot be read to its end says so in the same one.
    let exit = match read {
        Ok(()) => {
            writeln!(out, "]}}")?;
            Exit::Complete
        }
        Err(error) if error.is::<StoreError>() => {
            let said = Said::of(&error).on(&global.db);
            writeln!(out, "],\"error\":{}}}", said.document()["error"])?;
            said.exit
        }
        Err(error) => return Err(error),
    };
    out.flush()?;
    Ok(exit)
}

/// A candle as JSON.
pub fn document(c: &Candle) -> Value {
    json!({
        "ts": c.ts, "datetime": time(c.ts), "open": c.open, "high": c.high, "low": c.low, "close": c.close,
        "volume": c.volume, "vwap": c.vwap, "trades": c.trades,
    })
}

//! `candlefile drop`: forget a series, whole or in part.

use anyhow::Result;
use candlefile::{Cancel, Choice, Clock, Store, SystemClock};
use serde_json::{Value, json};

use super::args::{Drop, Global};
use super::error::{Exit, usage};
use super::output;
use super::progress::held_up;

pub fn run(global: &Global, args: &Drop) -> Result<Exit> {
    let mut store = Store::open(&global.db)?;
    let series = store.find_series(&args.symbol, args.timeframe)?;
    let choice = Choice {
        start: args.start.clone(),
        end: args.end.clone(),
        ..Choice::default()
    };
    let span = choice.span(&series)?;
    let whole = args.start.is_none() && args.end.is_none();
    let mut name = format!("{} {}", args.symbol, args.timeframe);
    let mut dropped = json!({ "symbol": args.symbol, "timeframe": args.timeframe, "candles": 0 });
    let mut candles = series.candles;
    if !whole {
        let Some((held, known)) = store.part(&series, span)? else {
            return said(global, &dropped, &format!("{name} holds nothing there"));
        };
        name += &format!(", {},", output::days(&series.key, known));
        dropped["start"] = json!(output::time(known.start()));
        dropped["end"] = json!(output::time(known.end()));
        candles = held;
    }
    let what = |candles| format!("{name} with {} candles", output::count(candles));
    if !args.yes && !confirmed(&what(candles))? {
        return said(global, &json!(null), "nothing was dropped");
    }
    store.ready_to_write(&Cancel::new(), || output::say(held_up(&global.db)))?;
    let now = SystemClock::default().now();
    let candles = if whole {
        store
            .drop_series(&args.symbol, args.timeframe, now)?
            .candles
    } else {
        store.drop_part(&args.symbol, args.timeframe, span, now)?
    };
    dropped["candles"] = json!(candles);
    said(global, &dropped, &format!("dropped {}", what(candles)))
}

fn said(global: &Global, dropped: &Value, text: &str) -> Result<Exit> {
    if global.json {
        output::json(&json!({ "dropped": dropped }))?;
    } else {
        output::print(text)?;
    }
    Ok(Exit::Complete)
}

fn confirmed(what: &str) -> Result<bool> {
    let answer = output::confirmed(&format!("drop {what}?"))?;
    answer.ok_or_else(|| usage(format!("dropping {what} needs a yes"), "add --yes"))
}

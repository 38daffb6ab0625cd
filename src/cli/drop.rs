//! `candlefile drop`: forget a series whole.

use std::io::{IsTerminal, Write};

use anyhow::Result;
use candlefile::{Clock, Store, SystemClock};
use serde_json::json;

use super::args::{Drop, Global};
use super::error::{Exit, usage};
use super::output;

pub fn run(global: &Global, args: &Drop) -> Result<Exit> {
    let mut store = Store::open(&global.db)?;
    let series = store.find_series(&args.symbol, args.timeframe)?;
    let what = format!(
        "{} {} with {} candles",
        args.symbol,
        args.timeframe,
        output::count(series.candles)
    );
    if !args.yes && !confirmed(&what)? {
        if global.json {
            output::json(&json!({ "dropped": null }))?;
        } else {
            output::print("nothing was dropped")?;
        }
        return Ok(Exit::Complete);
    }
    store.drop_series(&args.symbol, args.timeframe, SystemClock::default().now())?;
    if global.json {
        let dropped = json!({ "symbol": args.symbol, "timeframe": args.timeframe, "candles": series.candles });
        output::json(&json!({ "dropped": dropped }))?;
    } else {
        output::print(format!("dropped {what}"))?;
    }
    Ok(Exit::Complete)
}

fn confirmed(what: &str) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Err(usage(format!("dropping {what} needs a yes"), "add --yes"));
    }
    write!(std::io::stderr(), "drop {what}? [y/N] ")?;
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

//! `candlefile drop`: forget series, whole or in part, all that are named together.

use crate::handover::choice::Choice;
use crate::run::clock::{Cancel, Clock, SystemClock};
use crate::store::{Part, Store};
use anyhow::Result;
use serde_json::{Value, json};

use super::args::{Drop, Global, series};
use super::error::{Exit, usage};
use super::output;
use super::progress::held_up;
use super::show::wanted;

pub fn run(global: &Global, args: &Drop) -> Result<Exit> {
    let (symbols, timeframes) = series(&args.symbols, &args.timeframes)?;
    let mut store = Store::open(&global.db)?;
    let choice = Choice {
        start: args.start.clone(),
        end: args.end.clone(),
        ..Choice::default()
    };
    let whole = args.start.is_none() && args.end.is_none();
    let (mut parts, mut told) = (Vec::new(), Vec::new());
    for series in wanted(&store, &symbols, &timeframes)? {
        let span = choice.span(&series)?;
        let (symbol, timeframe) = (&series.key.symbol, series.key.timeframe);
        let mut one = Told {
            name: format!("{symbol} {timeframe}"),
            candles: series.candles,
            document: json!({ "symbol": symbol, "timeframe": timeframe, "candles": 0 }),
        };
        if whole {
            told.push(one);
            parts.push(Part { series, span: None });
            continue;
        }
        match store.part(&series, span)? {
            Some((held, known)) => {
                one.name += &format!(", {},", output::days(&series.key, known));
                one.document["start"] = json!(output::time(known.start()));
                one.document["end"] = json!(output::time(known.end()));
                one.candles = held;
                let span = Some(span);
                parts.push(Part { series, span });
                told.push(one);
            }
            None if symbols.len() * timeframes.len() == 1 => {
                return said(
                    global,
                    &one.document,
                    &format!("{} holds nothing there", one.name),
                );
            }
            None => output::say(format!("{} holds nothing there", one.name)),
        }
    }
    if told.is_empty() {
        return said(global, &json!(null), "nothing was dropped");
    }
    let what = |told: &[Told]| {
        let each = told.iter().map(Told::words);
        each.collect::<Vec<String>>().join("; ")
    };
    if !args.yes && !confirmed(&what(&told))? {
        return said(global, &json!(null), "nothing was dropped");
    }
    store.ready_to_write(&Cancel::new(), || output::say(held_up(&global.db)))?;
    let gone = store.drop_parts(&parts, SystemClock::default().now())?;
    for (one, candles) in told.iter_mut().zip(gone) {
        one.candles = candles;
        one.document["candles"] = json!(candles);
    }
    let mut documents: Vec<Value> = told.iter().map(|one| one.document.clone()).collect();
    let dropped = if documents.len() == 1 {
        documents.remove(0)
    } else {
        json!(documents)
    };
    said(global, &dropped, &format!("dropped {}", what(&told)))
}

/// A series, or a part of one, as it is named.
struct Told {
    name: String,
    candles: u64,
    document: Value,
}

impl Told {
    fn words(&self) -> String {
        format!(
            "{} with {}",
            self.name,
            output::counted(self.candles, "candle")
        )
    }
}

fn said(global: &Global, dropped: &Value, text: &str) -> Result<Exit> {
    if global.json {
        output::json(&json!({ "dropped": dropped }))?;
    } else if !global.quiet {
        output::print(text)?;
    }
    Ok(Exit::Complete)
}

fn confirmed(what: &str) -> Result<bool> {
    let answer = output::confirmed(&format!("drop {what}?"))?;
    answer.ok_or_else(|| usage(format!("dropping {what} needs a yes"), "add --yes"))
}

//! Days that look like closures which no calendar knows: told once for all series, with what has the file know them.

use anyhow::Result;
use chrono::NaiveDate;
use serde_json::{Value, json};

use super::args::Global;
use super::{next, output};
use crate::store::Closed;

/// So many days of a market are told on a terminal.
const DAYS: usize = 10;

pub fn documents(global: &Global, closed: &[Closed]) -> Vec<Value> {
    let document = |one: &Closed| {
        json!({
            "market": one.market, "day": one.day, "symbols": one.symbols,
            "next": next::text(global, &Closed::next(std::slice::from_ref(one))),
        })
    };
    closed.iter().map(document).collect()
}

pub fn print(global: &Global, closed: &[Closed]) -> Result<()> {
    for closed in closed.chunk_by(|one, next| one.market == next.market) {
        let market = closed[0].market;
        let (told, more) = closed.split_at(closed.len().min(DAYS));
        let days: Vec<String> = told
            .iter()
            .map(|one| NaiveDate::to_string(&one.day))
            .collect();
        let fewest = told.iter().map(|one| one.symbols).min().unwrap_or(0);
        output::print(format!(
            "closed? {market} on {}: none of {fewest} symbols that were asked for has a candle",
            days.join(", ")
        ))?;
        let next = Closed::next(told).after("if it was:");
        output::print(format!("  {}", next::text(global, &next)))?;
        if !more.is_empty() {
            let more = output::counted(more.len() as u64, "day");
            output::print(format!("  and {more}: --json has all"))?;
        }
    }
    Ok(())
}

//! `candlefile list`: what the file holds. Of the candles it looks up no more than where there are none.

use crate::handover::choice::BadChoice;
use crate::model::listing::Adjustment;
use crate::model::span::{Span, SpanSet};
use crate::model::symbol::Symbol;
use crate::run::clock::{Clock, SystemClock};
use crate::store::{OddRows, SeriesRow, Store, StoreError};
use anyhow::Result;
use serde_json::{Value, json};

use super::args::{Global, List, flat, no_timeframe};
use super::error::Exit;
use super::output::{self, count, counted, days, short, time};
use super::report::where_odd;
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

pub fn run(global: &Global, args: &List) -> Result<Exit> {
    let symbols = flat(&args.symbols)?;
    no_timeframe(&symbols, |_| {
        "name symbols alone: each is listed with all its timeframes".into()
    })?;
    let series = Store::reading(&global.db, |store| {
        store.at_one_instant(|| -> Result<Vec<Listed>> {
            let chosen = chosen(store.series()?, &symbols)?;
            Ok(all_of(store, chosen)?)
        })
    })?;
    if global.json {
        let series: Vec<Value> = series.iter().map(series_document).collect();
        output::json(&json!({ "series": series }))?;
    } else if series.is_empty() {
        output::print("the file is empty")?;
    } else {
        table::print(TITLES, series.iter().map(row))?;
        let mut all = OddRows::default();
        for (_, _, odd) in &series {
            all += *odd;
        }
        if let Some(odd) = where_odd(global, all) {
            output::print(odd)?;
        }
    }
    Ok(Exit::Complete)
}

/// A series, the covered stretches for which the provider had nothing, and the rows that are not among its candles.
pub type Listed = (SeriesRow, SpanSet, OddRows);

/// The series of these symbols; all where none is named.
fn chosen(mut series: Vec<SeriesRow>, symbols: &[Symbol]) -> Result<Vec<SeriesRow>, BadChoice> {
    if let Some(unknown) = BadChoice::unknown(symbols, &series) {
        return Err(unknown);
    }
    series.retain(|held| symbols.is_empty() || symbols.contains(&held.key.symbol));
    Ok(series)
}

/// Some of the series of a file.
pub fn all_of(
    store: &Store,
    series: impl IntoIterator<Item = SeriesRow>,
) -> Result<Vec<Listed>, StoreError> {
    let odd = store.odd_rows()?;
    let mut measurer = store.measurer(SystemClock::default().now());
    let listed = |series: SeriesRow| {
        let nothing = measurer.nothing(&series)?;
        let odd = odd.get(&series.id).copied().unwrap_or_default();
        Ok((series, nothing, odd))
    };
    series.into_iter().map(listed).collect()
}

/// A series as JSON.
pub fn series_document((series, nothing, odd): &Listed) -> Value {
    let spans = |spans: &SpanSet| spans.iter().map(output::span).collect::<Vec<Value>>();
    json!({
        "symbol": series.key.symbol, "timeframe": series.key.timeframe, "source": series.key.source,
        "adjusted": series.key.adjusted.is_adjusted(), "adjustment": series.key.adjusted.word(),
        "market": series.key.listing.market, "grid": series.key.listing.grid, "currency": series.key.listing.currency,
        "first": series.first_ts.map(time), "last": series.last_ts.map(time),
        "candles": series.candles, "coverage": spans(&series.coverage), "nothing_from_provider": spans(nothing),
        "rejected": odd.rejected, "conflicting": odd.conflicting, "suspicious": odd.suspicious,
    })
}

/// What follows a source's name.
pub fn adjusted(adjustment: Adjustment) -> String {
    match adjustment {
        Adjustment::Raw => String::new(),
        adjusted => format!(" {adjusted}"),
    }
}

/// A series in the table.
pub fn row((series, nothing, odd): &Listed) -> Vec<String> {
    let timeframe = series.key.timeframe;
    let adjusted = adjusted(series.key.adjusted);
    let day = |ts: Option<i64>| ts.map(|ts| short(ts, timeframe)).unwrap_or_default();
    vec![
        series.key.symbol.to_string(),
        timeframe.to_string(),
        format!("{}{adjusted}", series.key.source),
        day(series.first_ts),
        day(series.last_ts),
        count(series.candles),
        covered(series, nothing, *odd),
    ]
}

fn covered(series: &SeriesRow, nothing: &SpanSet, odd: OddRows) -> String {
    let spans: Vec<Span> = series.coverage.iter().collect();
    let mut text = match (spans.first(), spans.last()) {
        (Some(first), Some(last)) => Span::new(first.start(), last.end())
            .map(|span| days(&series.key, span))
            .unwrap_or_default(),
        _ => "nothing yet".into(),
    };
    match series.holes() {
        0 => {}
        holes => text += &format!(", {}", counted(holes as u64, "hole")),
    }
    match nothing.iter().collect::<Vec<Span>>().as_slice() {
        [] => {}
        [one] => text += &format!(", nothing from {}", days(&series.key, *one)),
        several => text += &format!(", nothing in {}", counted(several.len() as u64, "stretch")),
    }
    if odd.rejected > 0 {
        text += &format!(", {} rejected", count(odd.rejected));
    }
    if odd.conflicting > 0 {
        text += &format!(", {} conflicting", count(odd.conflicting));
    }
    if odd.suspicious > 0 {
        text += &format!(", {} suspicious", count(odd.suspicious));
    }
    text
}

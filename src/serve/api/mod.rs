//! What the routes answer, one file a group of calls.

pub(super) mod backfill;
mod candle_body;
pub(super) mod events;
pub(super) mod health;
pub(super) mod historical;
pub(super) mod job;
mod rows;
pub(super) mod series;

use serde_json::{Value, json};

use super::answer::Fault;
use super::params::{Params, shown};
pub(in crate::serve) use crate::model::instant::time;
use crate::model::span::{Span, SpanSet};
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;

/// Spans as half-open pairs.
fn spans(spans: &SpanSet) -> Value {
    let span = |span: Span| json!({ "start": time(span.start()), "end": time(span.end()) });
    spans.iter().map(span).collect()
}

/// The symbol that a path names.
fn symbol(named: &str) -> Result<Symbol, Fault> {
    named.parse().map_err(|_| {
        Fault::usage(
            format!("{} is no symbol", shown(named)),
            "write it as the provider spells it, like AAPL, BRK.B or X:BTCUSD",
        )
    })
}

fn timeframe(params: &Params) -> Result<Timeframe, Fault> {
    Ok(params.parsed("timeframe")?.unwrap_or(Timeframe::Day))
}

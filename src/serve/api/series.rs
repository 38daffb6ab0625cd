//! What the file holds: the series, and what of each is there, missing and empty.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use super::{spans, symbol, time, timeframe};
use crate::model::listing::Currency;
use crate::model::market::{Grid, MarketCode, Policy};
use crate::model::range::up_to_now;
use crate::model::span::{Span, SpanSet};
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;
use crate::plan::{Wanted, plan};
use crate::serve::answer::Fault;
use crate::serve::routes::Call;
use crate::store::{HeldSeries, SeriesRow, Store, StoreError};

/// A series in the list of all, written without a tree of values: there may be thousands.
#[derive(Serialize)]
struct Listed<'a> {
    symbol: &'a Symbol,
    timeframe: Timeframe,
    source: &'a str,
    adjusted: bool,
    adjustment: &'a str,
    market: MarketCode,
    grid: Grid,
    currency: Option<Currency>,
    first: Option<String>,
    last: Option<String>,
    candles: u64,
}

#[derive(Serialize)]
struct List<'a> {
    symbols: Vec<Listed<'a>>,
}

pub(in crate::serve) async fn list(call: Call) -> Result<Response<Body>, Fault> {
    let read = |store: &Store| {
        let held = store.held_series()?;
        let listed = held.iter().map(
            |HeldSeries {
                 key,
                 candles,
                 first_ts,
                 last_ts,
             }| Listed {
                symbol: &key.symbol,
                timeframe: key.timeframe,
                source: &key.source,
                adjusted: key.adjusted.is_adjusted(),
                adjustment: key.adjusted.word(),
                market: key.listing.market,
                grid: key.listing.grid,
                currency: key.listing.currency,
                first: first_ts.map(time),
                last: last_ts.map(time),
                candles: *candles,
            },
        );
        let list = List {
            symbols: listed.collect(),
        };
        Ok(serde_json::to_string(&list).expect("text and numbers are always JSON"))
    };
    let readers = &call.service.readers;
    readers.answer_text(call.coding, StatusCode::OK, read).await
}

pub(in crate::serve) async fn coverage(call: Call) -> Result<Response<Body>, Fault> {
    let (symbol, timeframe) = (symbol(&call.named)?, timeframe(&call.params)?);
    let (policy, now) = (call.service.settings.policy, call.service.now());
    let read = move |store: &Store| {
        store.at_one_instant(|| {
            let series = store.find_series(&symbol, timeframe)?;
            let missing = missing(store, &series, policy, now)?;
            let nothing = store.nothing_from_provider(&series, now)?;
            let in_vain = store.asked_in_vain(series.id)?;
            let failed = missing.subtract(&missing.subtract(&in_vain));
            Ok(document(&series, &missing, &failed, &nothing))
        })
    };
    let readers = &call.service.readers;
    readers.answer(call.coding, StatusCode::OK, read).await
}

/// What an update would ask for now.
fn missing(
    store: &Store,
    series: &SeriesRow,
    policy: Policy,
    now: i64,
) -> Result<SpanSet, StoreError> {
    let market = series.market();
    let Some(span) = series
        .requested_from
        .and_then(|start| up_to_now(&market, start, now))
    else {
        return Ok(SpanSet::new());
    };
    let wanted = Wanted {
        span,
        force: false,
        refetch_empty: false,
    };
    let known = store.known(&series.key)?;
    let plan = plan(&market, &known, wanted, policy, now);
    Ok(plan.slices.into_iter().collect())
}

fn document(series: &SeriesRow, missing: &SpanSet, failed: &SpanSet, nothing: &SpanSet) -> Value {
    let covered_to = series.coverage.iter().next_back().map(Span::end);
    // A candle that was stored and is not covered may still change.
    let provisional_from = series
        .last_ts
        .filter(|&last| covered_to.is_none_or(|end| last >= end))
        .and(covered_to.or(series.first_ts));
    json!({
        "symbol": series.key.symbol, "timeframe": series.key.timeframe, "source": series.key.source,
        "adjusted": series.key.adjusted.is_adjusted(), "adjustment": series.key.adjusted.word(),
        "market": series.key.listing.market, "grid": series.key.listing.grid, "currency": series.key.listing.currency,
        "first": series.first_ts.map(time), "last": series.last_ts.map(time), "candles": series.candles,
        "covered": spans(&series.coverage), "missing": spans(missing), "failed": spans(failed),
        "empty": spans(&series.empty), "nothing_from_provider": spans(nothing), "provisional_from": provisional_from.map(time),
    })
}

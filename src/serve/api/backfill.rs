//! Jobs: asked for, watched, cancelled and resumed.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde_json::json;

use super::job;
use crate::backfill::Request;
use crate::model::listing::Adjustment;
use crate::model::range::Range;
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;
use crate::provider::Provider;
use crate::serve::answer::{self, Fault};
use crate::serve::params::Params;
use crate::serve::routes::Call;
use crate::store::{JobFilter, JobRow, Store};

/// Symbols of a job at most.
const SYMBOLS: usize = 10_000;
/// Series of a job at most.
const SERIES: usize = 50_000;
/// Slices of a job at most.
const SLICES: i64 = 200_000;

pub(in crate::serve) async fn start(call: Call) -> Result<Response<Body>, Fault> {
    let Call {
        service,
        params,
        coding,
        ..
    } = call;
    let provider = &service.settings.providers[0];
    let request = || request(&params, provider.as_ref(), service.now());
    let request = service.think(request).await?;
    let yes = params.parsed("yes")?.unwrap_or(false);
    drop(params);
    let job = service.enqueue(request, yes).await?;
    let made = move || Ok(job::accepted(&job));
    answer::made(coding, StatusCode::ACCEPTED, made).await
}

pub(in crate::serve) async fn status(call: Call) -> Result<Response<Body>, Fault> {
    let now = call.service.now();
    let (service, named) = (Arc::clone(&call.service), call.named);
    let read = move |store: &Store| {
        store.at_one_instant(|| {
            let job = store.jobs(&JobFilter::Prefix(&named), now)?.remove(0);
            Ok(job::detail(&service, store, &job, now)?)
        })
    };
    let readers = &call.service.readers;
    readers.answer(call.coding, StatusCode::OK, read).await
}

pub(in crate::serve) async fn recent(call: Call) -> Result<Response<Body>, Fault> {
    let now = call.service.now();
    let limit = call.params.number("limit", 20, 1..=200)?;
    let service = Arc::clone(&call.service);
    let read = move |store: &Store| {
        let jobs = store.jobs(&JobFilter::Newest(limit), now)?;
        let jobs = jobs
            .iter()
            .map(|job| job::document(&service, store, job, now));
        Ok(json!({ "jobs": jobs.collect::<Result<Vec<_>, _>>()? }))
    };
    let readers = &call.service.readers;
    readers.answer(call.coding, StatusCode::OK, read).await
}

pub(in crate::serve) async fn cancel(call: Call) -> Result<Response<Body>, Fault> {
    let job = call.service.cancel(call.named.clone()).await?;
    changed(call, job).await
}

pub(in crate::serve) async fn resume(call: Call) -> Result<Response<Body>, Fault> {
    let job = call.service.resume(call.named.clone()).await?;
    changed(call, job).await
}

async fn changed(call: Call, job: JobRow) -> Result<Response<Body>, Fault> {
    let now = call.service.now();
    let service = Arc::clone(&call.service);
    let read = move |store: &Store| Ok(job::document(&service, store, &job, now)?);
    let readers = &call.service.readers;
    readers
        .answer(call.coding, StatusCode::ACCEPTED, read)
        .await
}

pub(in crate::serve) fn request(
    params: &Params,
    provider: &dyn Provider,
    now: i64,
) -> Result<Request, Fault> {
    let symbols: Vec<Symbol> = list(params, "symbols", |word| provider.symbol(word))?;
    if symbols.is_empty() {
        return Err(Fault::usage("no symbols", "name some: symbols=AAPL,MSFT"));
    }
    if symbols.len() > SYMBOLS {
        return Err(Fault::usage(
            format!("{} symbols are too many", symbols.len()),
            format!("ask for {SYMBOLS} at most in one job"),
        ));
    }
    let mut timeframes: Vec<Timeframe> = list(params, "timeframes", str::parse)?;
    if timeframes.is_empty() {
        timeframes.push(Timeframe::Day);
    }
    for &timeframe in &timeframes {
        let has_it = provider.check_timeframe(timeframe);
        has_it.map_err(|none| Fault::usage(none.to_string(), format!("it has {}", none.has)))?;
    }
    if symbols.len() * timeframes.len() > SERIES {
        return Err(Fault::usage(
            format!("{} series are too many", symbols.len() * timeframes.len()),
            format!("ask for {SERIES} at most in one job"),
        ));
    }
    let start = params
        .moment("start_date", now)?
        .ok_or_else(|| Fault::usage("no start_date", "give one: start_date=2024-11-01"))?;
    let range = Range {
        start,
        end: params.moment("end_date", now)?,
    };
    let adjusted = Adjustment::for_splits(params.parsed("adjusted")?.unwrap_or(false));
    let mut series = Vec::new();
    let mut slices = 0;
    for symbol in &symbols {
        for &timeframe in &timeframes {
            let (key, span) = provider.asked(symbol, timeframe, adjusted, &range, now)?;
            slices += provider.market(&key).cells(span);
            if slices > SLICES {
                return Err(Fault::usage(
                    "the range of all these series has too many slices for one job",
                    format!(
                        "ask for {SLICES} slices at most: fewer symbols or timeframes, or less time"
                    ),
                ));
            }
            series.push((key, span));
        }
    }
    Ok(Request {
        command: "backfill",
        series,
        start_words: Some(range.start.words().to_owned()),
        end_words: range.end.as_ref().map(|end| end.words().to_owned()),
    })
}

/// A list whose items are repeated or set apart by commas, each once.
fn list<T, E>(
    params: &Params,
    name: &'static str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, Fault>
where
    T: Clone + Eq + Hash,
    E: std::fmt::Display,
{
    let words = |text| {
        str::split(text, ',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
    };
    if params.all(name).any(|text| words(text).next().is_none()) {
        let what = format!("no {name} where some were to be named");
        return Err(Fault::usage(what, "name some, or leave it out"));
    }
    let mut seen = HashSet::new();
    let mut items = Vec::new();
    for word in params.all(name).flat_map(words) {
        let item =
            parse(word).map_err(|error| Fault::usage(format!("{name}: {error}"), "correct it"))?;
        if seen.insert(item.clone()) {
            items.push(item);
        }
    }
    Ok(items)
}

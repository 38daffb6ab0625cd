//! A job as it is told.

use std::time::Duration;

use serde_json::{Value, json};

use super::time;
use crate::backfill::{NoData, NothingFrom, Outcome, WITHOUT_DATA};
use crate::model::series::SeriesKey;
use crate::model::span::Span;
use crate::model::status::{JobStatus, SeriesStatus};
use crate::provider::Provider;
use crate::serve::{Service, next};
use crate::store::{JobRow, SeriesProgress, Store, StoreError};

/// Symbols that are named of a job in a list or an event, which is told often.
const SYMBOLS: usize = 100;
/// Series without data that are named.
const NAMED: usize = 3;

/// A job without its series.
pub(in crate::serve) fn document(
    service: &Service,
    store: &Store,
    job: &JobRow,
    now: i64,
) -> Result<Value, StoreError> {
    let (eta, outcome) = (store.eta(job, now)?, service.outcome_in(store, job)?);
    Ok(document_with(job, eta, &outcome, now))
}

/// A job without its series, where it is known how long the rest takes, and what else there is to know.
pub(in crate::serve) fn document_with(
    job: &JobRow,
    eta: Option<f64>,
    outcome: &Outcome,
    now: i64,
) -> Value {
    let slices = job.slices;
    let mut records = json!(job.records);
    records["removed"] = json!(job.records.removed);
    json!({
        "job_id": job.job_id, "command": job.command, "status": job.status, "source": job.source, "adjusted": job.adjusted.is_adjusted(),
        "symbols": job.symbols.get(..SYMBOLS).unwrap_or(&job.symbols), "symbols_total": job.symbols.len(),
        "timeframes": job.timeframes, "start_date": job.start_words, "end_date": job.end_words, "start": time(job.start_ts), "end": time(job.end_ts),
        "progress_pct": job.progress_pct(), "total_slices": slices.total, "completed_slices": slices.completed,
        "failed_slices": slices.failed, "unasked_slices": outcome.unasked, "total_records_fetched": job.records.fetched,
        "total_records_inserted": job.records.inserted, "records": records, "eta_s": eta,
        "created_at": time(job.created_at), "started_at": job.started_at.map(time),
        "completed_at": job.completed_at.map(time), "resume_at": job.resume_at.map(time), "duration_s": job.lasted(now).map(Duration::from_secs).map(|took| took.as_secs_f64()),
        "error": error(job, outcome), "next": outcome.next.as_ref().map(next::text),
    })
}

/// A slice that was given up.
pub(in crate::serve) fn failure(key: &SeriesKey, span: Span, error: &str, attempts: u32) -> Value {
    json!({
        "symbol": key.symbol, "timeframe": key.timeframe, "start": time(span.start()), "end": time(span.end()),
        "error": error, "attempts": attempts,
    })
}

/// A job with its series.
pub(super) fn detail(
    service: &Service,
    store: &Store,
    job: &JobRow,
    now: i64,
) -> Result<Value, StoreError> {
    let provider = service.provider(&job.source);
    let mut document = document(service, store, job, now)?;
    let series = store.series_progress(job)?;
    document["symbols"] = json!(job.symbols);
    document["details"] = series
        .iter()
        .map(|series| one(job, series, provider, now))
        .collect();
    document["nothing_from_provider"] = nothing(store, job, &series, now)?;
    Ok(document)
}

/// Where the provider had nothing of what a job has asked for. What still runs is asked about often, and is not done.
fn nothing(
    store: &Store,
    job: &JobRow,
    series: &[SeriesProgress],
    now: i64,
) -> Result<Value, StoreError> {
    let mut measurer = store.measurer(now);
    let mut all = Vec::new();
    if let Some(asked) = Span::new(job.start_ts, job.end_ts)
        && !job.status.is_active()
    {
        for SeriesProgress { key, .. } in series {
            let held = store.find_series(&key.symbol, key.timeframe)?;
            all.extend(NothingFrom::asked_of(&mut measurer, &held, asked)?);
        }
    }
    let told = |nothing: &NothingFrom| {
        json!({
            "symbol": nothing.key.symbol, "timeframe": nothing.key.timeframe,
            "start": time(nothing.span.start()), "end": time(nothing.span.end()),
        })
    };
    Ok(all.iter().map(told).collect())
}

/// A job that was just asked for.
pub(super) fn accepted(job: &JobRow) -> Value {
    json!({
        "job_id": job.job_id, "status": job.status, "symbols": job.symbols, "timeframes": job.timeframes,
        "start_date": job.start_words, "end_date": job.end_words, "slices": job.slices.total,
    })
}

fn one(job: &JobRow, series: &SeriesProgress, provider: Option<&dyn Provider>, now: i64) -> Value {
    let status = match series.status {
        SeriesStatus::Pending if series.has_begun && job.status == JobStatus::Running => "running",
        status => status.as_str(),
    };
    let ended = if series.status == SeriesStatus::Pending {
        Some(now)
    } else {
        series.completed_at
    };
    let is_without = series.status == SeriesStatus::NoData;
    let asked = Span::new(job.start_ts, job.end_ts).filter(|_| is_without);
    let no_data = asked.map(|asked| NoData::of(&series.key, asked, provider).to_string());
    json!({
        "symbol": series.key.symbol, "timeframe": series.key.timeframe, "status": status,
        "records_inserted": series.inserted, "error": series.error.clone().or(no_data),
        "duration_s": seconds_between(series.started_at, ended),
    })
}

#[allow(clippy::cast_precision_loss)] // Seconds of a job.
fn seconds_between(start: Option<i64>, end: Option<i64>) -> Option<f64> {
    Some(end?.saturating_sub(start?).max(0) as f64)
}

/// What stopped a job, or what it lacks.
fn error(job: &JobRow, outcome: &Outcome) -> Option<String> {
    if job.error.is_some() || job.status != JobStatus::Partial {
        return job.error.clone();
    }
    let told = [failed(job, outcome.unasked), without(&outcome.without_data)];
    let told: Vec<String> = told.into_iter().flatten().collect();
    Some(told.join("; "))
}

/// How many of its slices failed, where some did.
fn failed(job: &JobRow, unasked: u64) -> Option<String> {
    Some(match job.slices.failed {
        0 => return None,
        1 if job.slices.total == 1 => "the slice failed".to_owned(),
        all => {
            let (failed, total) = (all - unasked, job.slices.total);
            let others = match unasked {
                0 => String::new(),
                1 => ", and 1 was not asked for".into(),
                unasked => format!(", and {unasked} were not asked for"),
            };
            format!("{failed} of {total} slices failed{others}")
        }
    })
}

/// The first series that the provider has no data for, each with what may be the reason.
fn without(all: &[NoData]) -> Option<String> {
    let (first, more) = all.split_at(all.len().min(NAMED));
    let name = |one: &NoData| {
        let hint = one.hint().map(|hint| format!(" ({hint})"));
        let hint = hint.unwrap_or_default();
        format!("{} {}{hint}", one.key.symbol, one.key.timeframe)
    };
    let names: Vec<String> = first.iter().map(name).collect();
    let more = match more.len() {
        0 => String::new(),
        _ if all.len() >= WITHOUT_DATA as usize => " and many more".to_owned(),
        more => format!(" and {more} more"),
    };
    let names = names.join(", ");
    (!names.is_empty()).then(|| format!("the provider has no data for {names}{more}"))
}

//! How jobs ended, for people and for scripts.

use anyhow::Result;
use candlefile::backfill::{Report, SeriesReport, Stop};
use candlefile::{Counts, JobStatus, SeriesStatus};
use serde_json::{Value, json};

use super::args::Global;
use super::error::{Exit, Said};
use super::output::{self, count, days, time};

/// Failed slices that are listed for people; `status` lists all.
const LISTED: usize = 20;

/// Prints how the jobs of one call ended.
pub fn print(global: &Global, reports: &[Report]) -> Result<Exit> {
    let exit = reports.iter().map(exit_of).max().unwrap_or(Exit::Complete);
    if global.json {
        let mut documents: Vec<Value> = reports.iter().map(document).collect();
        let document = if let [_] = documents.as_slice() {
            documents.remove(0)
        } else {
            combined(reports, &documents)
        };
        output::json(&document)?;
        return Ok(exit);
    }
    for report in reports {
        print_one(global, report)?;
    }
    Ok(exit)
}

/// Says that there was nothing to do.
pub fn print_nothing_to_do(global: &Global, why: &str) -> Result<Exit> {
    if global.json {
        let nothing: Vec<Value> = Vec::new();
        output::json(&json!({
            "job_id": null, "status": JobStatus::Completed, "provider": null, "requests": 0, "elapsed_s": 0.0,
            "records": Counts::default(), "series": nothing, "nothing_from_provider": nothing, "failed": nothing,
        }))?;
    } else {
        output::print(format!("nothing to do: {why}"))?;
    }
    Ok(Exit::Complete)
}

fn exit_of(report: &Report) -> Exit {
    match (report.status, &report.stop) {
        (_, Some(Stop::Cancelled)) => Exit::Interrupted,
        (JobStatus::Completed, _) => Exit::Complete,
        (JobStatus::Failed, _) => Exit::Failed,
        _ => Exit::Incomplete,
    }
}

fn document(report: &Report) -> Value {
    let series = |series: &SeriesReport| {
        json!({
            "symbol": series.key.symbol, "timeframe": series.key.timeframe, "status": series.status,
            "start": time(series.span.start()), "end": time(series.span.end()),
            "first": series.first_ts.map(time), "last": series.last_ts.map(time),
            "records": series.records, "error": why(series),
        })
    };
    let nothing = report.nothing_from_provider.iter().map(|nothing| {
        json!({
            "symbol": nothing.key.symbol, "timeframe": nothing.key.timeframe,
            "start": time(nothing.span.start()), "end": time(nothing.span.end()),
        })
    });
    let failed = report.failed.iter().map(|failed| {
        json!({
            "symbol": failed.key.symbol, "timeframe": failed.key.timeframe, "start": time(failed.span.start()),
            "end": time(failed.span.end()), "error": failed.error, "attempts": failed.attempts,
        })
    });
    let mut document = json!({
        "job_id": report.job_id, "status": report.status, "provider": report.provider, "requests": report.requests,
        "elapsed_s": report.elapsed.as_secs_f64(), "records": report.records,
        "series": report.series.iter().map(series).collect::<Vec<_>>(),
        "nothing_from_provider": nothing.collect::<Vec<_>>(), "failed": failed.collect::<Vec<_>>(),
    });
    if let Some(resume_at) = report.resume_at() {
        document["resume_at"] = json!(time(resume_at));
    }
    if let Some(message) = report
        .error()
        .filter(|_| report.stop != Some(Stop::Cancelled))
    {
        let (kind, next) = (kind(report), next_step(report));
        let said = Said {
            message: message.to_owned(),
            kind,
            next,
            exit: exit_of(report),
        };
        document["error"] = said.document()["error"].clone();
    }
    document
}

/// Several jobs in one document: the sums on top, each job whole below.
fn combined(reports: &[Report], jobs: &[Value]) -> Value {
    let mut records = Counts::default();
    for report in reports {
        records += report.records;
    }
    let all = |field: &str| -> Vec<Value> {
        jobs.iter()
            .flat_map(|job| job[field].as_array().cloned().unwrap_or_default())
            .collect()
    };
    let worst = reports.iter().max_by_key(|report| exit_of(report));
    json!({
        "job_id": null, "status": worst.map(|report| report.status), "provider": null,
        "requests": reports.iter().map(|report| report.requests).sum::<u64>(),
        "elapsed_s": reports.iter().map(|report| report.elapsed.as_secs_f64()).sum::<f64>(),
        "records": records, "series": all("series"), "nothing_from_provider": all("nothing_from_provider"),
        "failed": all("failed"), "jobs": jobs,
    })
}

/// Why a series is not complete, with what may have been meant by its symbol.
fn why(series: &SeriesReport) -> Option<String> {
    if series.status != SeriesStatus::NoData {
        return series.error.clone();
    }
    let symbol = &series.key.symbol;
    let hint = symbol
        .likely_spelling()
        .map(|likely| format!(": did you mean {likely}?"))
        .unwrap_or_default();
    Some(format!(
        "the provider has no data for {symbol} {} in this range{hint}",
        series.key.timeframe
    ))
}

fn print_one(global: &Global, report: &Report) -> Result<()> {
    let Report { records, .. } = report;
    let series = report.series.len();
    output::print(format!(
        "{}: {series} series from {} in {}, {} requests",
        report.status.as_str(),
        report.provider,
        output::seconds(report.elapsed.as_secs_f64()),
        count(report.requests),
    ))?;
    if report.is_idle() {
        output::print("  nothing was missing")?;
    }
    let mut sum = format!(
        "  {} fetched = {} inserted + {} duplicate + {} restated + {} conflicting + {} rejected",
        count(records.fetched),
        count(records.inserted),
        count(records.duplicate),
        count(records.restated),
        count(records.conflicting),
        count(records.rejected),
    );
    if records.removed > 0 {
        sum += &format!("; {} removed", count(records.removed));
    }
    output::print(sum)?;
    for nothing in &report.nothing_from_provider {
        output::print(format!(
            "  nothing from the provider: {} {} {}",
            nothing.key.symbol,
            nothing.key.timeframe,
            days(&nothing.key, nothing.span)
        ))?;
    }
    for series in report
        .series
        .iter()
        .filter(|series| series.status == SeriesStatus::NoData)
    {
        output::print(format!("  no data: {}", why(series).unwrap_or_default()))?;
    }
    for failed in report.failed.iter().take(LISTED) {
        output::print(format!(
            "  failed: {} {} {}: {}",
            failed.key.symbol,
            failed.key.timeframe,
            days(&failed.key, failed.span),
            failed.error
        ))?;
    }
    if report.failed.len() > LISTED {
        output::print(format!(
            "  and {} more failed slices",
            report.failed.len() - LISTED
        ))?;
    }
    if let Some(error) = report.error() {
        output::print(format!("  {error}"))?;
    }
    let db = if global.db.as_os_str() == "market.db" {
        String::new()
    } else {
        format!(" --db {}", global.db.display())
    };
    output::print(format!("next: {}{db}", next_step(report)))
}

fn kind(report: &Report) -> &'static str {
    match report.stop {
        Some(Stop::Unauthorized(_)) => "key",
        Some(Stop::Unreachable(_)) => "provider",
        Some(Stop::Throttled { .. }) => "rate",
        _ => "job",
    }
}

/// What to type next, or to do before.
fn next_step(report: &Report) -> String {
    let first = report.series.first();
    let stale = report
        .series
        .iter()
        .find(|series| series.status == SeriesStatus::Stale);
    let only_no_data = report
        .series
        .iter()
        .all(|s| matches!(s.status, SeriesStatus::Completed | SeriesStatus::NoData));
    match (&report.stop, report.status) {
        (Some(Stop::Unauthorized(_)), _) => {
            "check MASSIVE_API_KEY or POLYGON_API_KEY, then candlefile resume".into()
        }
        (Some(Stop::Unreachable(_)), _) => {
            "check the network and --base-url, then candlefile resume".into()
        }
        (Some(Stop::Throttled { resume_at, .. }), _) => {
            format!("from {} on: candlefile resume", time(*resume_at))
        }
        (None, JobStatus::Partial) if stale.is_some() => {
            let stale = stale
                .map(|s| format!("{} -t {}", s.key.symbol, s.key.timeframe))
                .unwrap_or_default();
            format!("candlefile drop {stale}, then backfill it anew")
        }
        (None, JobStatus::Partial) if only_no_data => {
            "check the spelling of the symbols without data; candlefile list".into()
        }
        (None, JobStatus::Completed) => first.map_or("candlefile list".into(), |s| {
            format!("candlefile show {} -t {}", s.key.symbol, s.key.timeframe)
        }),
        _ => "candlefile resume".into(),
    }
}

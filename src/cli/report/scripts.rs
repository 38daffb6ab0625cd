//! How a job ended, in JSON.

use crate::backfill::{NothingFrom, Report, SeriesReport, Stop};
use crate::cli::args::Global;
use crate::cli::error::Said;
use crate::cli::next;
use crate::cli::output::time;
use crate::model::counts::Counts;
use crate::monitor::Left;
use serde_json::{Value, json};

use super::exit_of;

pub(super) fn document(global: &Global, report: &Report) -> Value {
    let series = |series: &SeriesReport| {
        json!({
            "symbol": series.key.symbol, "timeframe": series.key.timeframe, "status": series.status,
            "start": time(series.span.start()), "end": time(series.span.end()),
            "first": series.first_ts.map(time), "last": series.last_ts.map(time),
            "records": series.records, "error": series.why(), "not_yet": series.is_ahead,
        })
    };
    let nothing = report.nothing_from_provider.iter().map(nothing_document);
    let failed = report.failed.iter().map(|failed| {
        json!({
            "symbol": failed.key.symbol, "timeframe": failed.key.timeframe, "start": time(failed.span.start()),
            "end": time(failed.span.end()), "error": failed.error, "attempts": failed.attempts,
        })
    });
    let mut document = json!({
        "job_id": report.job_id, "status": report.status, "provider": report.provider, "requests": report.requests,
        "elapsed_s": report.elapsed.as_secs_f64(), "records": report.records, "habit": report.habit,
        "series": report.series.iter().map(series).collect::<Vec<_>>(),
        "nothing_from_provider": nothing.collect::<Vec<_>>(), "left_to_others": left_document(&report.left),
        "failed": failed.collect::<Vec<_>>(),
    });
    if let Some(offset) = report.clock_offset {
        document["clock_offset_s"] = json!(offset);
    }
    if let Some(resume_at) = report.resume_at() {
        document["resume_at"] = json!(time(resume_at));
    }
    if let Some(message) = report
        .error()
        .filter(|_| report.stop != Some(Stop::Cancelled))
    {
        let (kind, next) = (kind(report), next::text(global, &report.next()));
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

/// A stretch for which the provider had nothing, as JSON.
pub fn nothing_document(nothing: &NothingFrom) -> Value {
    json!({
        "symbol": nothing.key.symbol, "timeframe": nothing.key.timeframe,
        "start": time(nothing.span.start()), "end": time(nothing.span.end()),
    })
}

/// What is left to other jobs, and to which.
pub fn left_document(left: &[Left]) -> Vec<Value> {
    let one = |left: &Left| {
        json!({
            "symbol": left.key.symbol, "timeframe": left.key.timeframe, "start": time(left.span.start()),
            "end": time(left.span.end()), "job_id": left.job_id,
        })
    };
    left.iter().map(one).collect()
}

/// Several jobs in one document: the sums on top, each job whole below.
pub(super) fn combined(reports: &[Report], jobs: &[Value]) -> Value {
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
    let mut document = json!({
        "job_id": null, "status": worst.map(|report| report.status), "provider": null,
        "requests": reports.iter().map(|report| report.requests).sum::<u64>(),
        "elapsed_s": reports.iter().map(|report| report.elapsed.as_secs_f64()).sum::<f64>(),
        "records": records, "series": all("series"), "nothing_from_provider": all("nothing_from_provider"),
        "left_to_others": all("left_to_others"), "failed": all("failed"), "jobs": jobs,
    });
    if let Some(error) = jobs.iter().find_map(|job| job.get("error")) {
        document["error"] = error.clone();
    }
    document
}

fn kind(report: &Report) -> &'static str {
    match report.stop {
        Some(Stop::Unauthorized(_)) => "key",
        Some(Stop::Unreachable { .. }) => "provider",
        Some(Stop::Throttled { .. }) => "rate",
        Some(Stop::Full { .. }) => "disk_full",
        _ => "job",
    }
}

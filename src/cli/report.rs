//! How jobs ended, for people and for scripts.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::backfill::{NothingFrom, Report, SeriesReport, Stop};
use crate::model::counts::Counts;
use crate::model::next::Next;
use crate::model::series::SeriesKey;
use crate::model::status::{JobStatus, SeriesStatus};
use crate::monitor::{FailedSlice, Left};
use crate::store::OddRows;
use anyhow::Result;
use serde_json::{Value, json};

use super::args::Global;
use super::aside::Aside;
use super::error::{Exit, Said};
use super::next;
use super::output::{self, days, days_without, of, time};

/// Lines of one kind for people: of failed slices `status` lists all.
const LISTED: usize = 20;

/// Prints how the jobs of one call ended.
pub fn print(global: &Global, reports: &[Report], aside: &Aside) -> Result<Exit> {
    aside.say(global);
    let exits = reports.iter().map(exit_of).chain([aside.exit()]);
    let exit = exits.max().unwrap_or(Exit::Complete);
    if exit == Exit::Complete && global.quiet && !global.json {
        return Ok(exit);
    }
    match write(global, reports, aside) {
        // How the jobs ended does not depend on whether anybody reads it.
        Err(error) if output::is_broken_pipe(&error) => Ok(exit),
        written => written.map(|()| exit),
    }
}

fn write(global: &Global, reports: &[Report], aside: &Aside) -> Result<()> {
    if global.json {
        let mut documents: Vec<Value> = reports
            .iter()
            .map(|report| document(global, report))
            .collect();
        let mut document = if let [_] = documents.as_slice() {
            documents.remove(0)
        } else {
            combined(reports, &documents)
        };
        aside.add_to(&mut document);
        return output::json(&document);
    }
    reports
        .iter()
        .try_for_each(|report| print_one(global, report))
}

/// Prints how the jobs ended that came before one that could not be run. With `--json` the error is the one document.
pub fn print_before(
    global: &Global,
    reports: &[Report],
    aside: &Aside,
    error: anyhow::Error,
) -> Result<Exit> {
    if !global.json {
        print(global, reports, aside)?;
    }
    Err(error)
}

/// Says that there was nothing to do.
pub fn print_nothing_to_do(global: &Global, why: &str, aside: &Aside) -> Result<Exit> {
    aside.say(global);
    if global.json {
        let nothing: Vec<Value> = Vec::new();
        let status = match aside.exit() {
            Exit::Complete => JobStatus::Completed,
            _ => JobStatus::Partial,
        };
        let mut document = json!({
            "job_id": null, "status": status, "message": why, "provider": null, "requests": 0, "elapsed_s": 0.0,
            "records": Counts::default(), "series": nothing, "nothing_from_provider": nothing, "left_to_others": nothing,
            "failed": nothing,
        });
        aside.add_to(&mut document);
        output::json(&document)?;
    } else if !(global.quiet && aside.exit() == Exit::Complete) {
        output::print(format!("nothing to do: {why}"))?;
    }
    Ok(aside.exit())
}

fn exit_of(report: &Report) -> Exit {
    match (report.status, &report.stop) {
        (_, Some(Stop::Cancelled)) => Exit::Interrupted,
        (JobStatus::Completed, _) => Exit::Complete,
        (JobStatus::Failed, _) => Exit::Failed,
        _ => Exit::Incomplete,
    }
}

fn document(global: &Global, report: &Report) -> Value {
    let series = |series: &SeriesReport| {
        json!({
            "symbol": series.key.symbol, "timeframe": series.key.timeframe, "status": series.status,
            "start": time(series.span.start()), "end": time(series.span.end()),
            "first": series.first_ts.map(time), "last": series.last_ts.map(time),
            "records": series.records, "error": series.why(),
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

/// The series for which the provider has no data, a line each.
pub fn print_without_data(all: &[String]) -> Result<()> {
    for words in all.iter().take(LISTED) {
        output::print(format!("  no data: {words}"))?;
    }
    if all.len() > LISTED {
        let more = (all.len() - LISTED) as u64;
        output::print(format!("  and {} without data", of(more, "more series")))?;
    }
    Ok(())
}

/// The stretches for which the provider had nothing, a line each.
pub fn print_nothing(global: &Global, all: &[NothingFrom]) -> Result<()> {
    for nothing in all.iter().take(LISTED) {
        output::print(format!(
            "  nothing from the provider: {} {} {}",
            nothing.key.symbol,
            nothing.key.timeframe,
            days_without(&nothing.key, nothing.span)
        ))?;
    }
    if all.len() > LISTED {
        let more = all.len() - LISTED;
        let list = Next::List { json: true }.shows("tells");
        output::print(format!(
            "  and {}, of which {}",
            of(more as u64, "more such stretch"),
            next::text(global, &list)
        ))?;
    }
    Ok(())
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
        "left_to_others": all("left_to_others"), "failed": all("failed"), "jobs": jobs,
    })
}

/// Where to look for what was rejected or differed.
pub fn odd(global: &Global, records: Counts) -> Option<String> {
    let odd = OddRows {
        rejected: records.rejected,
        conflicting: records.conflicting,
        suspicious: 0,
    };
    where_odd(global, odd)
}

/// Where to look for rows that are not among the candles, or are odd there; `None` where there are none.
pub fn where_odd(global: &Global, odd: OddRows) -> Option<String> {
    let look = |number: u64, what: &str, table: &str| {
        (number > 0).then(|| {
            let look = Next::Sql(format!("select * from {table}").into());
            next::text(global, &look.after(format!("{}:", of(number, what))))
        })
    };
    let rejected = look(odd.rejected, "rejected row", "rejected");
    let conflicting = look(odd.conflicting, "conflicting row", "conflicts");
    let suspicious = look(odd.suspicious, "suspicious candle", "quality_issues");
    let all = [rejected, conflicting, suspicious];
    let all: Vec<String> = all.into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn print_one(global: &Global, report: &Report) -> Result<()> {
    let Report { records, .. } = report;
    let series = report.series.len();
    output::print(format!(
        "{}: {} from {} in {}, {}",
        report.status.as_str(),
        of(series as u64, "series"),
        report.provider,
        output::took(report.stamped_s),
        of(report.requests, "request"),
    ))?;
    if let Some(job) = &report.job_id {
        output::print(format!("  job {job}"))?;
    }
    let without: BTreeSet<String> = report
        .series
        .iter()
        .filter_map(SeriesReport::without_session)
        .collect();
    for words in &without {
        output::print(format!("  no session: {words}"))?;
    }
    if report.is_idle() && without.is_empty() {
        output::print(if report.is_whole {
            "  nothing was missing"
        } else {
            "  all of it was asked for before"
        })?;
    }
    if let Some(offset) = report.clock_offset {
        output::print(format!("  {}", clocks(offset)))?;
    }
    for line in output::sum(*records)
        .into_iter()
        .chain(odd(global, *records))
    {
        output::print(format!("  {line}"))?;
    }
    let without = report.series.iter();
    let without = without.filter(|series| series.status == SeriesStatus::NoData);
    let keys: HashSet<&SeriesKey> = without.clone().map(|series| &series.key).collect();
    let mut nothing = report.nothing_from_provider.clone();
    nothing.retain(|nothing| !keys.contains(&nothing.key));
    print_nothing(global, &nothing)?;
    let without: Vec<String> = without.filter_map(SeriesReport::why).collect();
    print_without_data(&without)?;
    for left in report.left.iter().take(LISTED) {
        let words = super::progress::left_words(left);
        output::print(format!("  left to job {}: {words}", left.job_id))?;
    }
    if report.left.len() > LISTED {
        output::print(format!(
            "  and {} left to others",
            of((report.left.len() - LISTED) as u64, "more stretch")
        ))?;
    }
    print_failed(&report.failed)?;
    if let Some(error) = report.error() {
        output::print(format!("  {error}"))?;
    }
    output::print(format!("next: {}", next::text(global, &report.next())))
}

/// What failed, a line for all that failed alike.
fn print_failed(failed: &[FailedSlice]) -> Result<()> {
    let mut alike: Vec<Vec<&FailedSlice>> = Vec::new();
    let mut known = HashMap::new();
    for slice in failed {
        let at = *known.entry(slice.error.as_str()).or_insert(alike.len());
        if at == alike.len() {
            alike.push(Vec::new());
        }
        alike[at].push(slice);
    }
    for slices in alike.iter().take(LISTED) {
        let place = |slice: &&&FailedSlice| {
            let SeriesKey {
                symbol, timeframe, ..
            } = &slice.key;
            (symbol.clone(), *timeframe, slice.span.start())
        };
        let Some(first) = slices.iter().min_by_key(place) else {
            continue;
        };
        let others = slices.len() - 1;
        let series: HashSet<_> = slices.iter().map(|slice| &slice.key).collect();
        let more = match (others, series.len()) {
            (0, _) => String::new(),
            (_, 1) => format!(" and {}", of(others as u64, "more slice")),
            (_, series) => format!(
                " and {} of {} in all",
                of(others as u64, "more slice"),
                of(series as u64, "series")
            ),
        };
        output::print(format!(
            "  failed: {} {} {}{more}: {}",
            first.key.symbol,
            first.key.timeframe,
            days(&first.key, first.span),
            first.error
        ))?;
    }
    let rest = alike.iter().skip(LISTED).map(Vec::len).sum::<usize>();
    if rest > 0 {
        output::print(format!("  and {}", of(rest as u64, "more failed slice")))?;
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss)] // Seconds.
fn clocks(offset: i64) -> String {
    let (way, goes_by) = if offset > 0 {
        ("ahead of", "the provider's")
    } else {
        ("behind", "this machine's")
    };
    let apart = output::seconds(offset.unsigned_abs() as f64);
    format!(
        "this machine's clock is {apart} {way} the provider's: what is closed and final went by {goes_by}"
    )
}

fn kind(report: &Report) -> &'static str {
    match report.stop {
        Some(Stop::Unauthorized(_)) => "key",
        Some(Stop::Unreachable { .. }) => "provider",
        Some(Stop::Throttled { .. }) => "rate",
        _ => "job",
    }
}

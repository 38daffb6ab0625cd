//! `candlefile status`: jobs, and with an id a job's slices; watched, until what runs has ended.

use std::collections::HashSet;
use std::time::Duration;

use crate::backfill::{NoData, NothingFrom, Outcome};
use crate::model::counts::Counts;
use crate::model::status::{JobStatus, SeriesStatus, SliceStatus};
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;
use crate::run::clock::{Cancel, Clock, SystemClock};
use crate::store::{JobDetail, JobFilter, JobRow, JobSeries, SliceFilter, SliceRow, Store};
use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};

use super::args::{Global, Status};
use super::error::Exit;
use super::jobs::provider_of;
use super::output::{self, count, counted, time};
use super::progress::{Following, slices};
use super::report::{nothing_document, odd, print_nothing, print_without_data};
use super::signals::end_on_signals;
use super::{next, table};

/// Hex digits of a job id that name the millisecond it was made in.
const SHORT_ID: usize = 13;

/// Slices that are listed for people. Of a job with more, those that failed or are being fetched.
const LISTED: u32 = 100;
/// The same in JSON.
const LISTED_IN_JSON: u32 = 10_000;

/// A column's title, and what stands in it.
type Kind = (&'static str, fn(&Counts) -> u64);

/// What became of a slice's rows: all kinds but the first add up to it.
const KINDS: [Kind; 6] = [
    (">fetched", |records| records.fetched),
    (">inserted", |records| records.inserted),
    (">duplicate", |records| records.duplicate),
    (">restated", |records| records.restated),
    (">conflicting", |records| records.conflicting),
    (">rejected", |records| records.rejected),
];
/// So many of the kinds are always shown.
const ALWAYS: usize = 2;

/// How often a watched file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub fn run(global: &Global, args: &Status) -> Result<Exit> {
    let clock = SystemClock::default();
    if args.watch {
        watch(global, args, &clock)?;
    }
    let store = Store::read(&global.db)?;
    let now = clock.now();
    let show = || match &args.job {
        Some(prefix) => show_one(global, &store, &store.job(prefix, now)?, now),
        None => show_all(global, &store, &store.jobs(&JobFilter::All, now)?, now),
    };
    match show() {
        // It was looked at before the one document was written.
        Ok(()) if global.json => {}
        shown => store.if_still(shown)?,
    }
    Ok(Exit::Complete)
}

/// Follows what runs until nothing does: a line a job on stderr, as the job itself would write it.
fn watch(global: &Global, args: &Status, clock: &SystemClock) -> Result<()> {
    let filter = args
        .job
        .as_deref()
        .map_or(JobFilter::All, JobFilter::Prefix);
    end_on_signals();
    let mut lines = Following::new(global.quiet);
    loop {
        let now = clock.now();
        // Opened each time: whoever waits is in nobody's way meanwhile.
        let store = Store::read(&global.db)?;
        let mut jobs = store.if_still(store.jobs(&filter, now))?;
        jobs.retain(JobRow::is_owned);
        if jobs.is_empty() {
            return Ok(());
        }
        let each = jobs.iter().map(|job| line(&store, job, now));
        lines.show(store.if_still(each.collect::<Result<_>>())?);
        drop(store);
        clock.sleep(LOOK_EVERY, &Cancel::new());
    }
}

fn line(store: &Store, job: &JobRow, now: i64) -> Result<String> {
    let mut line = format!(
        "{} {} {}: {}, {}",
        job.job_id.chars().take(SHORT_ID).collect::<String>(),
        some_of(&job.symbols),
        job.timeframes.join(","),
        slices(job.slices.completed, job.slices.total),
        counted(job.records.inserted + job.records.restated, "candle")
    );
    if job.slices.failed > 0 {
        let over = job.slices.completed + job.slices.failed;
        let left = job.slices.total.saturating_sub(over);
        line += &format!(
            ", {} failed, {} left",
            count(job.slices.failed),
            count(left)
        );
    }
    if let Some(eta) = store.eta(job, now)? {
        line += &format!(", {} to go", output::seconds(eta));
    }
    Ok(line)
}

fn show_all(global: &Global, store: &Store, jobs: &[JobRow], now: i64) -> Result<()> {
    if global.json {
        let jobs = jobs.iter().map(|job| document(store, job, now));
        let jobs = jobs.collect::<Result<Vec<Value>>>()?;
        store.check_still()?;
        return output::json(&json!({ "jobs": jobs }));
    }
    if jobs.is_empty() {
        return output::print("no jobs yet");
    }
    let rows = jobs.iter().map(|job| {
        vec![
            job.job_id.chars().take(SHORT_ID).collect(),
            job.status.as_str().to_owned(),
            format!("{} {}", some_of(&job.symbols), job.timeframes.join(",")),
            format!("{}/{}", job.slices.completed, job.slices.total),
            count(job.records.inserted + job.records.restated),
            time(job.created_at),
            job.lasted(now).map(output::took).unwrap_or_default(),
            job.error.clone().unwrap_or_default(),
        ]
    });
    let titles = [
        "job", "!status", "~what", ">slices", ">candles", "asked", ">took", "!~error",
    ];
    table::print(titles, rows)
}

fn show_one(global: &Global, store: &Store, detail: &JobDetail, now: i64) -> Result<()> {
    let JobDetail { job, .. } = detail;
    if global.json {
        return print_document(store, detail, now);
    }
    output::print(format!(
        "{} {}: {} from {}",
        job.job_id,
        job.status.as_str(),
        job.command,
        job.source
    ))?;
    output::print(format!(
        "  {} {}, asked {}{}",
        some_of(&job.symbols),
        job.timeframes.join(","),
        time(job.created_at),
        job.lasted(now)
            .map(|took| format!(", took {}", output::took(took)))
            .unwrap_or_default()
    ))?;
    let provider = provider_of(global, &job.source);
    let provider = provider.as_deref();
    let outcome = Outcome::of(store, job, provider)?;
    let unasked = match outcome.unasked {
        0 => String::new(),
        unasked => format!(", {} not asked", count(unasked)),
    };
    let is_idle = job.status == JobStatus::Completed && job.slices.total == 0;
    output::print(if is_idle {
        "  nothing had to be asked for".to_owned()
    } else {
        format!(
            "  {} of {}, {} failed{unasked}",
            count(job.slices.completed),
            counted(job.slices.total, "slice"),
            count(job.slices.failed - outcome.unasked)
        )
    })?;
    let sum = output::sum(job.records);
    for line in sum.into_iter().chain(odd(global, job.records)) {
        output::print(format!("  {line}"))?;
    }
    if let Some(error) = &job.error {
        output::print(format!("  {error}"))?;
    }
    let without = detail.series.iter();
    let without = without.filter(|series| series.status == SeriesStatus::NoData);
    let keys: HashSet<_> = without.clone().map(|series| &series.key).collect();
    let mut nothing = nothing_of(store, detail, now)?;
    nothing.retain(|nothing| !keys.contains(&nothing.key));
    print_nothing(global, &nothing)?;
    let no_data = |series: &JobSeries| NoData::of(&series.key, series.span, provider).to_string();
    let without: Vec<String> = without.map(no_data).collect();
    print_without_data(&without)?;
    if let Some(next) = outcome.next {
        output::print(format!("  next: {}", next::text(global, &next)))?;
    }
    let slices = listed(store, job, LISTED)?;
    let left_out = left_out(job, &slices);
    if slices.is_empty() && left_out == 0 {
        return Ok(());
    }
    if slices.is_empty() {
        return output::print(format!(
            "  not listed: {}, none of which failed or is being fetched",
            counted(left_out, "slice")
        ));
    }
    // A kind of rows that no slice has needs no column.
    let kinds = KINDS
        .iter()
        .enumerate()
        .filter(|(at, (_, of))| *at < ALWAYS || slices.iter().any(|slice| of(&slice.records) > 0));
    let kinds: Vec<_> = kinds.map(|(_, kind)| kind).collect();
    let rows = slices.iter().map(|slice| {
        let mut row = vec![
            slice.key.symbol.to_string(),
            slice.key.timeframe.to_string(),
            output::days(&slice.key, slice.span),
            slice.status.as_str().to_owned(),
        ];
        row.extend(kinds.iter().map(|(_, of)| count(of(&slice.records))));
        row.push(slice.error.clone().unwrap_or_default());
        row
    });
    let mut titles = vec!["symbol", "timeframe", "!~range", "!status"];
    titles.extend(kinds.iter().map(|(title, _)| *title));
    titles.push("!~error");
    table::print(titles, rows)?;
    if left_out > 0 {
        output::print(format!(
            "{}; listed are those that failed or are being fetched, {LISTED} at most",
            counted(left_out, "more slice")
        ))?;
    }
    Ok(())
}

/// The slices that are worth a line: all of a small job.
fn listed(store: &Store, job: &JobRow, most: u32) -> Result<Vec<SliceRow>> {
    let slices = job.slices;
    let which = if slices.total <= u64::from(most) {
        SliceFilter::All
    } else if job.status == JobStatus::Running || slices.failed > 0 {
        SliceFilter::Notable
    } else {
        return Ok(Vec::new());
    };
    Ok(store.slices(job, which, most)?)
}

fn left_out(job: &JobRow, listed: &[SliceRow]) -> u64 {
    job.slices.total.saturating_sub(listed.len() as u64)
}

/// A job with its series and slices, as one JSON document.
fn print_document(store: &Store, detail: &JobDetail, now: i64) -> Result<()> {
    let mut job = document(store, &detail.job, now)?;
    let slices = listed(store, &detail.job, LISTED_IN_JSON)?;
    job["progress_left_out"] = json!(left_out(&detail.job, &slices));
    let nothing = nothing_of(store, detail, now)?;
    store.check_still()?;
    job["nothing_from_provider"] = nothing.iter().map(nothing_document).collect();
    job["series"] = detail
        .series
        .iter()
        .map(|series| {
            json!({
                "symbol": series.key.symbol, "timeframe": series.key.timeframe, "status": series.status,
                "start": time(series.span.start()), "end": time(series.span.end()), "error": series.error,
            })
        })
        .collect();
    let progress: Vec<SliceDocument> = slices.iter().map(SliceDocument::of).collect();
    let progress = &progress[..];
    let jobs = [WholeJob { job, progress }];
    output::json(&WholeDocument { jobs, progress })
}

#[derive(Serialize)]
struct WholeDocument<'a> {
    jobs: [WholeJob<'a>; 1],
    progress: &'a [SliceDocument<'a>],
}

#[derive(Serialize)]
struct WholeJob<'a> {
    #[serde(flatten)]
    job: Value,
    progress: &'a [SliceDocument<'a>],
}

/// A typed one: there may be many.
#[derive(Serialize)]
struct SliceDocument<'a> {
    slice_id: i64,
    symbol: &'a Symbol,
    timeframe: Timeframe,
    start: String,
    end: String,
    status: SliceStatus,
    attempts: u32,
    records: Counts,
    error: Option<&'a str>,
    started_at: Option<String>,
    completed_at: Option<String>,
}

impl SliceDocument<'_> {
    fn of(slice: &SliceRow) -> SliceDocument<'_> {
        SliceDocument {
            slice_id: slice.slice_id,
            symbol: &slice.key.symbol,
            timeframe: slice.key.timeframe,
            start: time(slice.span.start()),
            end: time(slice.span.end()),
            status: slice.status,
            attempts: slice.attempts,
            records: slice.records,
            error: slice.error.as_deref(),
            started_at: slice.started_at.map(time),
            completed_at: slice.completed_at.map(time),
        }
    }
}

/// Where the provider had nothing of what a job has asked for, by what the file holds now.
fn nothing_of(store: &Store, detail: &JobDetail, now: i64) -> Result<Vec<NothingFrom>> {
    let mut measurer = store.measurer(now);
    let mut all = Vec::new();
    for asked in &detail.series {
        let series = store.find_series(&asked.key.symbol, asked.key.timeframe)?;
        all.extend(NothingFrom::asked_of(&mut measurer, &series, asked.span)?);
    }
    Ok(all)
}

fn document(store: &Store, job: &JobRow, now: i64) -> Result<Value> {
    let eta = store.eta(job, now)?;
    Ok(json!({
        "job_id": job.job_id, "status": job.status, "command": job.command, "symbols": job.symbols,
        "timeframes": job.timeframes, "start": time(job.start_ts), "end": time(job.end_ts), "source": job.source,
        "created_at": time(job.created_at), "started_at": job.started_at.map(time),
        "completed_at": job.completed_at.map(time), "duration_s": job.lasted(now).map(Duration::from_secs).map(|took| took.as_secs_f64()), "slices": job.slices,
        "progress_pct": job.progress_pct(), "records": job.records, "error": job.error,
        "resume_at": job.resume_at.map(time), "owner": job.owner, "program": job.program, "eta_s": eta,
        "rate": job.rate, "workers": job.workers, "delay_s": job.policy.delay, "final_after_s": job.policy.final_after,
    }))
}

fn some_of(symbols: &[String]) -> String {
    match symbols {
        [a, b, c, rest @ ..] if !rest.is_empty() => format!("{a} {b} {c} +{}", rest.len()),
        few => few.join(" "),
    }
}

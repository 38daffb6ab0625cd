//! How a job ended, in lines.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::backfill::{NothingFrom, Report, SeriesReport};
use crate::cli::args::Global;
use crate::cli::next;
use crate::cli::output::{self, counted, days};
use crate::cli::progress::left_words;
use crate::model::next::Next;
use crate::model::series::SeriesKey;
use crate::model::status::SeriesStatus;
use crate::monitor::FailedSlice;
use anyhow::Result;

use super::odd;

/// Lines of one kind for people: of failed slices `status` lists all.
const LISTED: usize = 20;

pub(super) fn print_one(global: &Global, report: &Report) -> Result<()> {
    let Report { records, .. } = report;
    let series = report.series.len();
    output::print(format!(
        "{}: {} from {} in {}, {}",
        report.status.as_str(),
        counted(series as u64, "series"),
        report.provider,
        output::took(report.stamped_s),
        counted(report.requests, "request"),
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
    let not_yet: BTreeSet<String> = report
        .series
        .iter()
        .filter_map(SeriesReport::not_yet)
        .collect();
    for words in not_yet.iter().take(LISTED) {
        output::print(format!("  not yet: {words}"))?;
    }
    if not_yet.len() > LISTED {
        let more = counted((not_yet.len() - LISTED) as u64, "more series");
        output::print(format!("  not yet: nor of {more}"))?;
    }
    if report.is_idle() && without.is_empty() && not_yet.is_empty() {
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
        let words = left_words(left);
        output::print(format!("  left to job {}: {words}", left.job_id))?;
    }
    if report.left.len() > LISTED {
        output::print(format!(
            "  and {} left to others",
            counted((report.left.len() - LISTED) as u64, "more stretch")
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
            (_, 1) => format!(" and {}", counted(others as u64, "more slice")),
            (_, series) => format!(
                " and {} of {} in all",
                counted(others as u64, "more slice"),
                counted(series as u64, "series")
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
        output::print(format!(
            "  and {}",
            counted(rest as u64, "more failed slice")
        ))?;
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

/// The series for which the provider has no data, a line each.
pub fn print_without_data(all: &[String]) -> Result<()> {
    for words in all.iter().take(LISTED) {
        output::print(format!("  no data: {words}"))?;
    }
    if all.len() > LISTED {
        let more = (all.len() - LISTED) as u64;
        output::print(format!(
            "  and {} without data",
            counted(more, "more series")
        ))?;
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
            days(&nothing.key, nothing.span)
        ))?;
    }
    if all.len() > LISTED {
        let more = all.len() - LISTED;
        let list = Next::List { json: true }.shows("tells");
        output::print(format!(
            "  and {}, of which {}",
            counted(more as u64, "more such stretch"),
            next::text(global, &list)
        ))?;
    }
    Ok(())
}

//! How jobs ended, for people and for scripts.

mod people;
mod scripts;

pub use people::{print_nothing, print_without_data};
pub use scripts::{left_document, nothing_document};

use crate::backfill::{Report, Stop};
use crate::model::counts::Counts;
use crate::model::next::Next;
use crate::model::status::JobStatus;
use crate::store::OddRows;
use anyhow::Result;
use serde_json::{Value, json};

use super::args::Global;
use super::aside::Aside;
use super::error::Exit;
use super::next;
use super::output::{self, counted};
use people::print_one;
use scripts::{combined, document};

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
            next::text(global, &look.after(format!("{}:", counted(number, what))))
        })
    };
    let rejected = look(odd.rejected, "rejected row", "rejected");
    let conflicting = look(odd.conflicting, "conflicting row", "conflicts");
    let suspicious = look(odd.suspicious, "suspicious candle", "quality_issues");
    let all = [rejected, conflicting, suspicious];
    let all: Vec<String> = all.into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join("; "))
}

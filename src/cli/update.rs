//! `candlefile update`: everything the file holds, from its first requested start up to now, holes included. What cannot be
//! asked of one source does not keep the others from being asked.

use crate::backfill::{sources, update_of};
use crate::store::{SeriesPlan, Store};
use anyhow::Result;

use super::args::{Global, Update};
use super::aside::Aside;
use super::error::{CliError, Exit};
use super::jobs::{Fetching, check_key};
use super::output::counted;
use super::planned::{self, Planned};
use super::report;

pub fn run(global: &Global, args: &Update) -> Result<Exit> {
    let fetching = Fetching::new(global, &args.fetch);
    let (place, (runs, aside)) = Store::reading(&global.db, |held| {
        Ok::<_, anyhow::Error>((held.place(), plan(held, args, &fetching)?))
    })?;
    if args.dry_run {
        return planned::show(global, &runs, &aside);
    }
    let cost = runs.iter().map(|run| (&run.runner, run.targets.as_slice()));
    planned::check_room(global, planned::cost(cost), args.fetch.yes)?;
    let mut store = place.open(Store::open)?;
    fetching.stop_on_signals();
    let mut reports = Vec::new();
    for Planned {
        runner,
        request,
        targets,
    } in runs
    {
        if targets.iter().all(SeriesPlan::is_idle) || fetching.cancel.is_cancelled() {
            continue;
        }
        drop(targets);
        let monitor = fetching.monitor();
        let report = crate::backfill::run(&mut store, &request, &runner, monitor.as_ref());
        drop(monitor);
        match report {
            Ok(report) => {
                let is_full = report.is_full();
                reports.push(report);
                // Nothing more fits for any source.
                if is_full {
                    break;
                }
            }
            Err(error) => return report::print_before(global, &reports, &aside, error.into()),
        }
    }
    if reports.is_empty() {
        let why = match aside.exit() {
            Exit::Complete if aside.all_were_due() => "everything the file holds is up to date",
            _ => "what could be asked for is up to date",
        };
        return report::print_nothing_to_do(global, why, &aside);
    }
    drop(store);
    report::print(global, &reports, &aside)
}

/// A run for each source, and what none can be made for. Where that is everything, it is an error.
fn plan(held: &Store, args: &Update, fetching: &Fetching) -> Result<(Vec<Planned>, Aside)> {
    let (mut runs, mut aside) = (Vec::new(), Aside::default());
    let mut refused = Vec::new();
    for (source, series) in sources(held)? {
        let planned = fetching
            .runner(&source, None)
            .and_then(|runner| {
                let request = update_of(held, &runner)?;
                Planned::of(held, runner, request)
            })
            .and_then(|planned| {
                if !args.dry_run && !planned.is_empty() {
                    check_key(fetching.global(), &source)?;
                }
                Ok(planned)
            });
        match planned {
            Ok(planned) => {
                aside.count(&planned.targets);
                runs.push(planned);
            }
            // Nobody is there to be asked for more of what was imported.
            Err(error) if is_no_provider(&error) && held.is_imported_only(&source)? => {}
            Err(error) => refused.push((source, series, error)),
        }
    }
    if runs.is_empty() && !refused.is_empty() {
        return Err(refused.remove(0).2);
    }
    for (source, series, error) in refused {
        aside.leave_out(
            fetching.global(),
            &source,
            counted(series as u64, "series"),
            error,
        )?;
    }
    Ok((runs, aside))
}

fn is_no_provider(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(CliError::NoProvider(_)))
}

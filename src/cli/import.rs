//! `candlefile import`: the files that people already have.

mod preview;

use std::sync::Arc;

use crate::import::{Format, Import, ImportError, ImportReport, Importer, Said};
use crate::model::status::{JobStatus, SeriesStatus};
use crate::monitor::Meter;
use crate::run::clock::{Cancel, Clock, SystemClock};
use crate::store::{FileStatus, Store, StoreError};
use anyhow::Result;
use serde_json::{Value, json};

use super::args::{self, Global};
use super::error::{CliError, Exit, usage};
use super::output::{self, counted, time};
use super::progress::Passing;
use super::{next, report, signals};

/// Rows of each file that are shown of what would be stored,
const SHOWN: usize = 5;
/// and files that are named of those that failed.
const LISTED: usize = 20;

pub fn run(global: &Global, args: &args::Import) -> Result<Exit> {
    let said = said(global, args)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let held = global
        .db
        .exists()
        .then(|| Store::read(&global.db))
        .transpose();
    // An empty file is filled like one that is not there.
    let held = match held {
        Err(StoreError::Empty(_)) => None,
        held => held?,
    };
    let import = Import::of(&args.files, said, held.as_ref()).map_err(told)?;
    drop(held);
    if args.dry_run {
        return preview::show(global, &import.preview(SHOWN, clock.now()));
    }
    let mut store = Store::create(&global.db)?;
    let (cancel, meter) = (Cancel::new(), Meter::default());
    signals::stop_on_signals(
        &cancel,
        Some("stopping; what was read is being saved (again to stop at once)"),
    );
    let importer = Importer {
        clock,
        cancel,
        meter,
    };
    let passing = Passing::new(global.quiet, &importer.meter);
    let report = import.run(&mut store, &importer);
    drop(passing);
    drop(store);
    print(global, &report?)
}

fn said(global: &Global, args: &args::Import) -> Result<Said> {
    let format = format(global, &args.format)?;
    let of_rows = args.tz.is_some()
        || args.stamp.is_some()
        || args.unit.is_some()
        || args.dates.is_some()
        || args.columns.is_some()
        || args.delimiter.is_some()
        || args.adjusted.is_some()
        || args.symbol_from.is_some();
    let of_series = args.symbol.is_some()
        || args.currency.is_some()
        || args.source.is_some()
        || args.market.is_some();
    let is_wrong = match format {
        Format::Csv | Format::Parquet | Format::Arrow => false,
        Format::Lean | Format::Binance => of_rows,
        Format::OfProvider(..) => of_rows || of_series,
    };
    if is_wrong {
        let of_series = match format {
            Format::OfProvider(..) => "",
            _ => "--symbol, --currency, --source, --market, ",
        };
        return Err(usage(
            format!("the format {} says itself what its rows are", format.name()),
            format!("leave out all options but {of_series}-t, --covers and --dry-run"),
        ));
    }
    Ok(Said {
        format,
        timeframe: args.timeframe,
        symbol: args.symbols(),
        zone: args.tz,
        stamp: args.stamp.map(Into::into),
        unit: args.unit.map(Into::into),
        dates: args.dates.map(Into::into),
        columns: args
            .columns
            .as_ref()
            .map_or_else(Vec::new, |columns| columns.0.clone()),
        delimiter: args.delimiter,
        adjusted: args.adjusted.map(Into::into),
        currency: args.currency,
        source: args.source.clone(),
        market: args.market,
        covers: args.covers,
    })
}

fn format(global: &Global, name: &str) -> Result<Format> {
    if let Some(general) = Format::general().find(|format| format.name() == name) {
        return Ok(general);
    }
    let of_provider = global.registry.iter().find_map(|spec| {
        let files = spec.files.clone().filter(|files| files.name == name)?;
        Some((files, spec.unasked()))
    });
    match of_provider {
        Some((files, provider)) => Ok(Format::OfProvider(files, provider?)),
        None => Err(usage(
            format!("{name:?} is no format"),
            "name one that the help lists",
        )),
    }
}

/// What keeps all files from being imported.
fn told(error: ImportError) -> anyhow::Error {
    match error {
        ImportError::Store(error) => error.into(),
        ImportError::Nothing => usage(error.to_string(), "name files, or a folder that has some"),
        ImportError::File { path, problem } => CliError::NotImported { path, problem }.into(),
    }
}

fn print(global: &Global, report: &ImportReport) -> Result<Exit> {
    let exit = match report.status {
        JobStatus::Completed => Exit::Complete,
        JobStatus::Interrupted => Exit::Interrupted,
        _ => Exit::Incomplete,
    };
    let written = if global.json {
        output::json(&document(global, report))
    } else if exit == Exit::Complete && global.quiet {
        Ok(())
    } else {
        lines(global, report)
    };
    match written {
        // How it ended does not depend on whether anybody reads it.
        Err(error) if output::is_broken_pipe(&error) => Ok(exit),
        written => written.map(|()| exit),
    }
}

fn lines(global: &Global, report: &ImportReport) -> Result<()> {
    let of = |status| report.count(status);
    output::print(format!(
        "{}: {} of {} from {} in {}",
        report.status.as_str(),
        counted(of(FileStatus::Imported), "file"),
        counted(report.series.len() as u64, "series"),
        report.source,
        output::took(report.stamped_s),
    ))?;
    output::print(format!("  job {}", report.job_id))?;
    for (status, what) in [
        (FileStatus::Known, "imported before"),
        (FileStatus::Interrupted, "not read to their end"),
    ] {
        if of(status) > 0 {
            output::print(format!("  {}: {what}", counted(of(status), "file")))?;
        }
    }
    for note in report.notes().iter().take(LISTED) {
        output::print(format!("  {note}"))?;
    }
    for line in output::sum(report.records)
        .into_iter()
        .chain(report::odd(global, report.records))
    {
        output::print(format!("  {line}"))?;
    }
    if report.unclosed > 0 {
        output::print(format!(
            "  left out: {} of candles that have not closed",
            counted(report.unclosed, "row")
        ))?;
    }
    let rejected = report
        .files
        .iter()
        .filter_map(|file| file.first_rejected.as_ref());
    for first in rejected.take(LISTED) {
        output::print(format!("  rejected first: {first}"))?;
    }
    let failed = || {
        report
            .files
            .iter()
            .filter_map(|file| Some((&file.path, file.problem.as_ref()?)))
    };
    for (path, problem) in failed().take(LISTED) {
        output::print(format!("  failed: {}: {problem}", path.display()))?;
    }
    let more = failed().count().saturating_sub(LISTED);
    if more > 0 {
        output::print(format!(
            "  and {} that failed",
            counted(more as u64, "more file")
        ))?;
    }
    output::print(format!("next: {}", next::text(global, &advice(report))))
}

/// What to do next.
fn advice(report: &ImportReport) -> crate::model::next::Next {
    use crate::model::next::Next;
    let problem = report.files.iter().find_map(|file| file.problem.as_ref());
    match (report.status, problem) {
        (JobStatus::Interrupted, _) => {
            Next::words("run the same command again: what was stored is not read twice")
        }
        (_, Some(problem)) => problem.next.clone(),
        _ => Next::List { json: false }.shows("lists what the file holds"),
    }
}

fn document(global: &Global, report: &ImportReport) -> Value {
    let nothing: Vec<Value> = Vec::new();
    let files = report.files.iter().map(|file| {
        let problem = file.problem.as_ref();
        json!({
            "path": file.path.display().to_string(), "status": file.status, "records": file.records,
            "unclosed": file.unclosed, "first_rejected": file.first_rejected, "notes": file.notes,
            "error": problem.map(|problem| &problem.message),
            "next": problem.map(|problem| next::text(global, &problem.next)),
        })
    });
    let series = report.series.iter().map(|part| {
        json!({
            "symbol": part.key.symbol, "timeframe": part.key.timeframe, "status": SeriesStatus::Completed,
            "start": part.span.map(|span| time(span.start())), "end": part.span.map(|span| time(span.end())),
            "first": part.first_ts.map(time), "last": part.last_ts.map(time), "records": part.records,
            "market": part.key.listing.market, "grid": part.key.listing.grid, "adjustment": part.key.adjusted.word(),
            "currency": part.key.listing.currency, "error": null,
        })
    });
    json!({
        "job_id": report.job_id, "status": report.status, "provider": report.source, "requests": 0,
        "elapsed_s": report.elapsed.as_secs_f64(), "records": report.records, "habit": 0, "unclosed": report.unclosed,
        "series": series.collect::<Vec<_>>(), "nothing_from_provider": nothing, "left_to_others": nothing, "failed": nothing,
        "files": files.collect::<Vec<_>>(), "notes": report.notes(),
    })
}

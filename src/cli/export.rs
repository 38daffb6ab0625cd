//! `candlefile export`: candles for other programs.

use std::io::IsTerminal;
use std::path::Path;

use crate::handover::export::{
    Beside, Column, Compression, Encoding, Export, ExportError, Folder, Format, Report,
};
use crate::handover::outfile::Target;
use crate::monitor::{Meter, Monitor};
use crate::run::clock::{Cancel, SystemClock};
use crate::store::Store;
use anyhow::Result;
use serde_json::json;

use super::args::{self, FormatName, Global, Layout};
use super::error::{Exit, usage};
use super::output::{self, counted, time};
use super::progress::Passing;
use super::signals::stop_on_signals;

pub fn run(global: &Global, args: &args::Export) -> Result<Exit> {
    let to_stdout = args.output == Path::new("-");
    if to_stdout && global.json {
        let next = "write the candles to a file, or leave --json out";
        return Err(usage("with -o - stdout is for the candles alone", next));
    }
    let encoding = encoding(args, to_stdout)?;
    let (choice, columns) = args.chosen()?;
    let columns = columns_of(args, columns, encoding.format)?;
    let steps = args.steps.steps();
    let (path, layout, overwrite) = (&args.output, args.layout, args.overwrite);
    let export = Export {
        choice,
        steps,
        columns,
        encoding,
    };
    let meter = Meter::default();
    let store = Store::read(&global.db)?.metered(&meter);
    let cancel = Cancel::new();
    stop_on_signals(&cancel, None);
    let beside = Beside {
        clock: &SystemClock::default(),
        cancel: &cancel,
        monitor: &Words,
    };
    // Candles and a bar on one terminal would be in each other's way.
    let is_shown = !(global.quiet || to_stdout && std::io::stdout().is_terminal());
    let passing = Passing::new(!is_shown, &meter);
    let written = if to_stdout {
        output::begins();
        export.to_stream(&store, std::io::stdout(), &beside)
    } else if layout.is_some() {
        export.to_folder(&store, &Folder::new(path, overwrite)?, &beside)
    } else {
        let target = Target::new(path, overwrite, &[&global.db])?;
        export.to_file(&store, &target, &beside)
    };
    drop(passing);
    let report = written.map_err(plain)?;
    if global.json {
        output::json(&document(&export, &report, path, layout))?;
    } else if to_stdout {
        if !global.quiet {
            output::say(line(&report));
        }
    } else if !global.quiet {
        let (path, bytes) = (path.display(), output::bytes(report.bytes));
        output::print(format!("{} to {path}, {bytes}", line(&report)))?;
    }
    Ok(Exit::Complete)
}

fn encoding(args: &args::Export, to_stdout: bool) -> Result<Encoding> {
    let given = args.format.map(|name| match name {
        FormatName::Parquet => Format::Parquet,
        FormatName::Arrow => Format::Arrow,
        FormatName::Csv => Format::Csv,
        FormatName::Jsonl => Format::Jsonl,
    });
    let alone = |format| Encoding {
        format,
        compression: Compression::None,
    };
    match (args.layout, given) {
        (Some(Layout::Hive), _) if to_stdout => Err(usage(
            "a folder cannot be written to stdout",
            "name a folder with -o",
        )),
        (Some(Layout::Hive), None | Some(Format::Parquet)) => Ok(alone(Format::Parquet)),
        (Some(Layout::Hive), Some(other)) => Err(usage(
            format!("the hive layout is Parquet, not {other}"),
            "leave --format or --layout out",
        )),
        (None, Some(format)) if to_stdout && format.is_text() => Ok(alone(format)),
        (None, _) if to_stdout => Err(usage(
            "stdout takes text",
            "say --format csv or --format jsonl, or name a file with -o",
        )),
        (None, given) => Encoding::of(&args.output, given)
            .map_err(|error| usage(format!("{}: {error}", args.output.display()), error.next())),
    }
}

fn columns_of(
    args: &args::Export,
    mut columns: Vec<Column>,
    format: Format,
) -> Result<Vec<Column>> {
    if columns.is_empty() {
        columns = Column::unasked(format.is_text());
    }
    if args.known_at && !columns.contains(&Column::KNOWN_AT) {
        columns.push(Column::KNOWN_AT);
    }
    let twice = (1..columns.len()).find(|&at| columns[..at].contains(&columns[at]));
    if let Some(at) = twice {
        let message = format!("the column {} is named twice", columns[at].name());
        return Err(usage(message, "name each column once"));
    }
    if args.layout.is_some() && columns.iter().all(|column| column.is_in_path()) {
        let message = "symbols stand in the folders' names, and nothing is left for the files";
        return Err(usage(message, "name more --columns"));
    }
    Ok(columns)
}

/// The layers' own errors say themselves what they are.
fn plain(error: ExportError) -> anyhow::Error {
    match error {
        ExportError::Store(error) => error.into(),
        ExportError::Choice(error) => error.into(),
        ExportError::Target(error) => error.into(),
        error => error.into(),
    }
}

fn document(
    export: &Export,
    report: &Report,
    path: &Path,
    layout: Option<Layout>,
) -> serde_json::Value {
    let columns: Vec<&str> = export.columns.iter().map(|column| column.name()).collect();
    json!({
        "path": path.display().to_string(),
        "format": export.encoding.format.name(),
        "compression": export.encoding.compression.name(),
        "layout": layout.map(|Layout::Hive| "hive"),
        "columns": columns,
        "series": report.series,
        "candles": report.candles,
        "first": report.first_ts.map(time),
        "last": report.last_ts.map(time),
        "bytes": report.bytes,
    })
}

fn line(report: &Report) -> String {
    format!(
        "{} of {}",
        counted(report.candles, "candle"),
        counted(report.series, "series")
    )
}

struct Words;

impl Monitor for Words {
    fn log_held(&self) {
        output::say(
            "the export sees one state of the file; the -wal beside it may grow until it is done",
        );
    }
}

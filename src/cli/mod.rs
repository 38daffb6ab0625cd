//! The command line: a file for each command, beside what they share. The only place that prints.

// The library never prints; this is where printing is allowed.
#![allow(clippy::print_stdout, clippy::print_stderr, unreachable_pub)]

mod args;
mod aside;
mod backfill;
mod calendar;
mod check;
mod closed;
mod completions;
mod coverage;
mod datasette;
mod diff;
mod document;
mod drop;
mod error;
mod export;
mod import;
mod info;
mod jobs;
mod list;
mod man;
mod merge;
mod next;
mod output;
mod pack;
mod planned;
mod progress;
mod providers;
mod report;
mod resume;
#[cfg(feature = "serve")]
mod serve;
mod show;
mod signals;
mod sql;
mod status;
mod stderr;
mod table;
mod update;
mod verify;
mod zone;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use crate::handover::outfile::TargetError;
use crate::provider::Registry;
use crate::store::StoreError;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

use args::{Cli, Command};
use error::{CliError, Exit, Said};

/// Parses the words of a command, the program's name first, runs it and says what went wrong. Returns the exit code.
pub fn main(words: impl IntoIterator<Item = OsString>) -> i32 {
    main_with(Registry::default(), words)
}

/// The same with providers of your own.
pub fn main_with(registry: Registry, words: impl IntoIterator<Item = OsString>) -> i32 {
    stderr::say_panics();
    signals::outlive_the_size_limit();
    let exit = run(registry, &words.into_iter().collect::<Vec<_>>());
    stderr::end();
    exit
}

fn run(registry: Registry, words: &[OsString]) -> i32 {
    let parsed = args::command(&registry).try_get_matches_from(words);
    let parsed = parsed.and_then(|matches| {
        let mut cli = Cli::from_arg_matches(&matches)?;
        cli.global.db_source = matches.value_source("db");
        cli.global.named = args::named(&matches);
        Ok(cli)
    });
    let mut cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return not_parsed(error, words).code(),
    };
    cli.global.registry = registry;
    if cli.global.verbose {
        trace(LevelFilter::DEBUG);
    }
    let (json, db) = (cli.global.json, cli.global.db.clone());
    let outcome = match cli.command {
        Command::Backfill(args) => backfill::run(&cli.global, args),
        Command::Update(args) => update::run(&cli.global, &args),
        Command::Import(args) => import::run(&cli.global, &args),
        Command::Resume(args) => resume::run(&cli.global, &args),
        Command::Status(args) => anew(|| status::run(&cli.global, &args)),
        Command::List(args) => anew(|| list::run(&cli.global, &args)),
        Command::Check(args) => anew(|| check::run(&cli.global, &args)),
        Command::Coverage(args) => anew(|| coverage::run(&cli.global, &args)),
        Command::Info(args) => anew(|| info::run(&cli.global, &args)),
        Command::Show(args) => anew(|| show::run(&cli.global, &args)),
        Command::Pack(args) => anew(|| pack::run(&cli.global, &args)),
        Command::Verify(args) => anew(|| verify::run(&cli.global, &args)),
        Command::Export(args) => anew(|| export::run(&cli.global, &args)),
        // What comes from stdin comes once.
        Command::Sql(args) if args.sql == "-" => sql::run(&cli.global, &args),
        Command::Sql(args) => anew(|| sql::run(&cli.global, &args)),
        Command::Drop(args) => drop::run(&cli.global, &args),
        Command::Diff(args) => anew(|| diff::run(&cli.global, &args)),
        Command::Merge(args) => anew(|| merge::run(&cli.global, &args)),
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve::run(&cli.global, args),
        Command::Calendar(args) if args.tells() => calendar::tell(&cli.global, &args),
        Command::Calendar(args) => anew(|| calendar::run(&cli.global, &args)),
        Command::Providers => providers::run(&cli.global),
        Command::Completions(args) => completions::run(&cli.global, &args),
        Command::Man(args) => man::run(&cli.global, &args),
    };
    match outcome {
        Ok(exit) => exit.code(),
        Err(error) if output::is_broken_pipe(&error) => Exit::Complete.code(),
        Err(error) => {
            let named = match error.downcast_ref() {
                Some(CliError::NoInput(error)) => error.path(),
                Some(CliError::NotImported { path, .. }) => Some(path.as_path()),
                _ => error.downcast_ref().and_then(StoreError::path),
            };
            #[cfg(feature = "serve")]
            let named = named.or_else(|| match error.downcast_ref()? {
                crate::serve::ServeError::Store(error) => error.path(),
                _ => None,
            });
            let mut said = Said::of(&cli.global, &error);
            if !std::io::stderr().is_terminal() {
                let of_target = error.downcast_ref().map(TargetError::path);
                said = said.with_whole_name(named.or(of_target).unwrap_or(&db));
                for path in paths_of(words) {
                    said = said.with_whole_name(path);
                }
            }
            said.print(json);
            said.exit.code()
        }
    }
}

/// The files that were named after options.
fn paths_of(words: &[OsString]) -> impl Iterator<Item = &Path> {
    const OPTIONS: [&str; 4] = ["--symbols-file", "--token-file", "--output", "-o"];
    let pairs = words.iter().zip(words.iter().skip(1));
    let named = pairs.filter(|(option, _)| OPTIONS.iter().any(|one| option == one));
    named.map(|(_, path)| Path::new(path))
}

/// For those who only read. Beside writers who come and go a file is at times between two states, and who may not write it
/// cannot bring it into either: it is read anew, as long as nothing was printed.
fn anew(run: impl Fn() -> anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    for pause in ANEW_AFTER {
        match run() {
            Err(error) if may_pass(&error) && !output::has_printed() => std::thread::sleep(pause),
            other => return other,
        }
    }
    run()
}

/// Pauses before a file is read anew.
const ANEW_AFTER: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(50),
    Duration::from_millis(150),
];

fn may_pass(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(
            StoreError::Changed(_)
                | StoreError::Interrupted(_)
                | StoreError::ReadOnly(_)
                | StoreError::NoRight { .. }
                | StoreError::CannotOpen(_)
                | StoreError::OnlyReads
        )
    )
}

/// Writes what this program traces to stderr, and nothing of what its libraries do.
fn trace(level: LevelFilter) {
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| stderr::Messages)
        // It would print them, and end the thread where that fails.
        .log_internal_errors(false)
        .with_ansi(output::is_coloured());
    let ours = Targets::new().with_target(env!("CARGO_CRATE_NAME"), level);
    // Refused where it is set up already: what was asked first stays.
    let _ = tracing_subscriber::registry()
        .with(lines)
        .with(ours)
        .try_init();
}

/// What a command does not take though others do, and what to do instead.
fn not_taken(command: &str, argument: &str) -> Option<&'static str> {
    let is_timeframe = ["-t", "--timeframe"].contains(&argument);
    match command {
        "update" if is_timeframe || !argument.starts_with('-') => Some(
            "update brings every series of the file up to now: leave it out, or name what is to be fetched after backfill",
        ),
        "list" if is_timeframe => {
            Some("list shows its symbols with all their timeframes: leave it out")
        }
        _ => None,
    }
}

fn not_parsed(mut error: clap::Error, words: &[OsString]) -> Exit {
    let commands: Vec<String> = Cli::command()
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    let named = words
        .iter()
        .filter_map(|word| word.to_str())
        .find(|word| commands.iter().any(|name| name == word));
    let instead = match (named, error.get(ContextKind::InvalidArg)) {
        (Some(command), Some(ContextValue::String(argument))) => not_taken(command, argument),
        _ => None,
    };
    if let Some(instead) = instead {
        let tip = ContextValue::StyledStrs(vec![instead.into()]);
        error.insert(ContextKind::Suggested, tip);
    }
    let wanted_help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    if wanted_help || !words.iter().any(|word| word == "--json") {
        if wanted_help {
            let _ = error.print();
        } else {
            let text = error.render();
            let text = if output::is_coloured() {
                text.ansi().to_string()
            } else {
                text.to_string()
            };
            stderr::say(text.into_bytes());
        }
        return if wanted_help {
            Exit::Complete
        } else {
            Exit::Usage
        };
    }
    let text = error.render().to_string();
    let first = text
        .split("\n\n")
        .next()
        .unwrap_or("")
        .trim_start_matches("error: ");
    let message = first.split_whitespace().collect::<Vec<_>>().join(" ");
    Said {
        message,
        kind: "usage",
        next: instead.map_or_else(|| next::help(named), str::to_owned),
        exit: Exit::Usage,
    }
    .print(true);
    Exit::Usage
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn what_was_between_two_states_is_read_anew_and_not_for_ever() {
        let read = |wrong: u32, error: fn() -> StoreError| {
            let times = Cell::new(0);
            let outcome = anew(|| {
                times.set(times.get() + 1);
                if times.get() <= wrong {
                    return Err(error().into());
                }
                Ok(Exit::Complete)
            });
            (times.get(), outcome.is_ok())
        };
        let changed = || StoreError::Changed("market.db".into());
        assert_eq!(read(0, changed), (1, true));
        assert_eq!(read(1, changed), (2, true));
        assert_eq!(read(3, changed), (4, true));
        assert_eq!(read(9, changed), (4, false));
        assert_eq!(read(1, || StoreError::OnlyReads), (2, true));
        assert_eq!(
            read(1, || StoreError::NotFound("market.db".into())),
            (1, false)
        );
    }
}

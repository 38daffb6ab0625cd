//! What can be typed: declarations, and how single words are read. Each command's behaviour is in the file of its name.

mod commands;
mod fetch;
mod hand_over;
mod import;
mod listed;
mod look;
mod provided;
#[cfg(feature = "serve")]
mod serve;
mod steps;
mod times;

use std::path::{Path, PathBuf};

use crate::provider::Registry;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Parser};

pub use commands::{Command, Completions, Man};
pub use fetch::{Backfill, Fetch, Pace, Resume, Update};
pub use hand_over::{Diff, Export, FormatName, Layout, Merge, Pack, Verify};
pub use import::Import;
pub use listed::{choice, flat, no_timeframe, series, timeframes};
pub use look::{Calendar, Check, Coverage, Drop, Info, List, Show, Sql, Status};
pub use provided::command;
#[cfg(feature = "serve")]
pub use serve::Serve;
pub use times::moment;

/// OHLCV candles from a market data provider in one SQLite file: backfilled in parallel, resumable, and exact about
/// what is missing.
#[derive(Parser, Debug)]
#[command(
    name = "candlefile",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
#[command(
    after_help = "Exit codes: 0 complete, 1 it could not run, 2 usage, 3 it ran and something is missing, 130 Ctrl-C."
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Args, Clone, Debug)]
pub struct Global {
    /// The file
    #[arg(
        long,
        global = true,
        env = "CANDLEFILE_DB",
        default_value = "market.db",
        value_name = "FILE"
    )]
    pub db: PathBuf,
    /// Who has named it.
    #[arg(skip)]
    pub db_source: Option<ValueSource>,
    /// Send the provider's requests here: a proxy, or a test server on this machine
    #[arg(long, global = true, env = "CANDLEFILE_BASE_URL", value_name = "URL")]
    pub base_url: Option<String>,
    /// Write one JSON document to stdout
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress, and nothing where all went well; what was asked to be shown is shown
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Tell each request, retry and 429 on stderr
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// The series that were named, as they were typed.
    #[arg(skip)]
    pub named: Vec<String>,
    /// The providers that there are.
    #[arg(skip)]
    pub registry: Registry,
}

impl Global {
    /// The file as a command has to name it: not at all where nobody did.
    pub fn named_db(&self) -> Option<&Path> {
        (self.db_source != Some(ValueSource::DefaultValue)).then_some(&self.db)
    }
}

/// The symbols and timeframes that were typed, if symbols were.
pub fn named(matches: &ArgMatches) -> Vec<String> {
    let of = |id: &str| {
        let command = matches.subcommand().map(|(_, command)| command);
        let command = command.filter(|command| {
            let source = command
                .try_contains_id(id)
                .is_ok()
                .then(|| command.value_source(id));
            source.flatten() == Some(ValueSource::CommandLine)
        });
        let raw = command.and_then(|command| command.get_raw(id));
        let words = raw.into_iter().flatten();
        words
            .map(|word| word.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
    };
    let symbols = of("symbols");
    if symbols.is_empty() {
        return symbols;
    }
    let timeframes = of("timeframes").into_iter();
    let timeframes = timeframes.flat_map(|timeframe| ["-t".to_owned(), timeframe]);
    symbols.into_iter().chain(timeframes).collect()
}

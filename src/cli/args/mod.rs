//! What can be typed: declarations, and how single words are read. Each command's behaviour is in the file of its name.

mod fetch;
mod hand_over;
mod listed;
mod look;
#[cfg(feature = "serve")]
mod serve;
mod steps;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::market::Policy;
use crate::model::range::{BadTyped, Moment};
use crate::provider::{Registry, Spec};
use crate::run::clock::{Clock, SystemClock};
use clap::builder::{PossibleValue, PossibleValuesParser, Resettable};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, Parser, Subcommand};

pub use fetch::{Backfill, Fetch, Pace, Resume, Update};
pub use hand_over::{Diff, Export, FormatName, Layout, Merge, Pack, Verify};
pub use listed::{flat, no_timeframe, series, timeframes};
pub use look::{Drop, Info, List, Show, Sql, Status};
#[cfg(feature = "serve")]
pub use serve::Serve;

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

/// The command line, with what it may say of providers.
pub fn command(registry: &Registry) -> clap::Command {
    let names: Vec<PossibleValue> = registry.iter().map(name_of).collect();
    let first = registry.iter().next();
    let default = first.map_or_else(String::new, |spec| spec.name.clone());
    let keys = registry.iter().filter(|spec| spec.needs_key());
    let keys = keys.map(|spec| {
        format!(
            "The key of {} comes from {}.",
            spec.name,
            spec.keys_in_words()
        )
    });
    let rates = registry.iter().filter_map(|spec| {
        let rate = spec.default_rate?;
        Some(format!(" [default for {}: {rate}]", spec.name))
    });
    let (keys, rates) = (
        keys.collect::<Vec<_>>().join("\n"),
        rates.collect::<String>(),
    );
    // A variable that is empty is none, as for every shell's `${NAME:-}`.
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    let cli = Cli::command().mut_args(|one| match one.get_env() {
        Some(name) if is_empty(name) => one.env(Resettable::Reset),
        _ => one,
    });
    let after = cli.get_after_help().map(|words| format!("{words}\n{keys}"));
    cli.after_help(after.unwrap_or_default())
        .mut_subcommands(|command| {
            let has = |id: &str| command.get_arguments().any(|one| one.get_id() == id);
            let (has_provider, has_rate) = (has("provider"), has("rate"));
            let command = if has_provider {
                command.mut_arg("provider", |one| {
                    one.required(false)
                        .default_value(default.clone())
                        .value_parser(PossibleValuesParser::new(names.clone()))
                })
            } else {
                command
            };
            if has_rate {
                command.mut_arg("rate", |one| {
                    let help = one.get_help().map(|help| format!("{help}{rates}"));
                    one.help(help.unwrap_or_default())
                })
            } else {
                command
            }
        })
}

fn name_of(spec: &Spec) -> PossibleValue {
    PossibleValue::new(spec.name.clone())
        .help(spec.about.clone())
        .aliases(spec.aliases.clone())
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Fetch what is missing of the given symbols and timeframes
    #[command(after_help = "Examples:
  candlefile backfill AAPL MSFT --provider sample -t 1d,1m --start 2024-01-02 --end 2024-03-28
  candlefile backfill SPY,QQQ --provider sample --start 30d
  candlefile backfill X:BTCUSD --provider sample -t 1h --start 2024-01-02T12:00:00Z --dry-run")]
    Backfill(Backfill),
    /// Bring everything the file holds up to now, holes included
    #[command(after_help = "Examples:
  candlefile update --dry-run")]
    Update(Update),
    /// Go on with jobs that were interrupted or failed in part
    ///
    /// A job goes on as fast, with as many workers and the same delays as it was asked for with. An option that is given here
    /// holds for this time and later ones.
    #[command(after_help = "Examples:
  candlefile resume")]
    Resume(Resume),
    /// Jobs, slices, counts and errors
    #[command(after_help = "Examples:
  candlefile status
  candlefile status --json")]
    Status(Status),
    /// What the file holds
    #[command(after_help = "Examples:
  candlefile list
  candlefile list AAPL,MSFT")]
    List(List),
    /// The file at a glance: format, size, range, sources, jobs, and what is missing
    #[command(after_help = "Examples:
  candlefile info
  candlefile info --datasette > metadata.json")]
    Info(Info),
    /// The candles of series, newest last
    #[command(after_help = "Examples:
  candlefile show AAPL --tail 5
  candlefile show AAPL,MSFT --head 3
  candlefile show AAPL -t 1m --start 2024-01-02 --end 2024-01-02 --tz market
  candlefile show MSFT -t 1d --csv > msft.csv")]
    Show(Show),
    /// Write candles for other programs: Parquet, Arrow, CSV or JSON Lines
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(Export),
    /// Make a read-only file to be handed over, with digests of everything in it
    #[command(after_help = "Examples:
  candlefile pack -o out.db
  candlefile pack AAPL -t 1d --start 2024-02-01 -o aapl.db")]
    Pack(Pack),
    /// Whether a file is what it was packed as, and sound
    #[command(after_help = "Examples:
  candlefile verify market.db")]
    Verify(Verify),
    /// Ask the file in SQL; it only reads
    #[command(after_help = "Examples:
  candlefile sql \"select symbol, max(close) from candles where timeframe = '1d' group by symbol\"
  candlefile sql \"select * from market_data where symbol = 'AAPL'\" --csv --limit 0 > aapl.csv")]
    Sql(Sql),
    /// Forget series, whole or in part
    ///
    /// Several are forgotten all together or, where that fails for one of them, not at all.
    #[command(after_help = "Examples:
  candlefile drop AAPL -t 1d --start 2024-02-01 --end 2024-02-29 --yes
  candlefile drop MSFT -t 1m --yes")]
    Drop(Drop),
    /// What two files do not have in common
    ///
    /// Series, candles and coverage are compared, each file at one instant. What was asked when and with what answer is
    /// not: jobs, spans without candles, rejected rows, conflicts, restatements. Of two packed files the manifests are
    /// believed; `candlefile verify` judges them. Exit codes: 0 they hold the same, 3 they differ, 1 it could not be told.
    #[command(after_help = DIFF_EXAMPLES)]
    Diff(Diff),
    /// The union of files as a new one, which can be filled further
    ///
    /// A final candle beats a provisional one. Among final candles that of the file named first stays, and one that
    /// differs is counted and kept in the table conflicts; among provisional ones the later fetched wins. Candles that
    /// were handed in through the library give way to nothing. What gives way is kept in restatements. Another source or adjustment for a series is an error. The files are not changed.
    #[command(after_help = MERGE_EXAMPLES)]
    Merge(Merge),
    /// The file over HTTP, with jobs to be started, and a live page
    ///
    /// Jobs wait in the file for their turn, and go on after a restart. SIGTERM and Ctrl-C stop the server cleanly; the exit
    /// code is then 0.
    #[cfg(feature = "serve")]
    #[command(after_help = "Examples:
  candlefile serve --provider sample

Then open http://127.0.0.1:8000 or, from another terminal:
  curl -X POST 'http://localhost:8000/api/v1/backfill?symbols=AAPL&start_date=2024-11-01&end_date=2024-11-15'
  curl http://localhost:8000/api/v1/backfill/recent")]
    Serve(Serve),
    /// The providers: what each needs, its timeframes and limits
    #[command(after_help = "Examples:
  candlefile providers")]
    Providers,
    /// What a shell needs to complete these commands
    #[command(after_help = "Examples:
  candlefile completions bash > candlefile.bash")]
    Completions(Completions),
    /// The manual: the main page, or all pages into a folder
    #[command(after_help = "Examples:
  candlefile man > candlefile.1
  candlefile man --dir .")]
    Man(Man),
}

#[derive(Args, Debug)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
pub struct Man {
    /// Write a page for each command into this folder
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

const EXPORT_EXAMPLES: &str = "Examples:
  candlefile export -o candles.parquet
  candlefile export AAPL -t 1d --start 2024-01-01 -o aapl.csv.gz
  candlefile export -t 1m --layout hive -o minutes
  candlefile export AAPL --columns datetime,close --format csv -o - | head

Columns: symbol, timeframe, ts, datetime, open, high, low, close, volume, vwap, trades, source, adjusted, known_at. Times
are timestamps in UTC in Parquet and Arrow, and Unix seconds in text; datetime is ts as text.";

const MERGE_EXAMPLES: &str = "Examples:
  candlefile --db other.db backfill SPY --start 2024-01-02 --end 2024-03-28 --provider sample
  candlefile merge market.db other.db -o both.db
  candlefile --db both.db list";

const DIFF_EXAMPLES: &str = "Examples:
  candlefile pack -o copy.db
  candlefile diff market.db copy.db
  candlefile diff market.db copy.db --json --limit 100";

/// One end of a range, as it is typed now.
fn moment(text: &str) -> Result<Moment, BadTyped> {
    Moment::typed(text, SystemClock::default().now())
}

/// A time like 15m, 1h or 90s; a plain 0 is one, too.
fn duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let duration = humantime::parse_duration(text)
        .map_err(|_| "write a time like 15m, 1h or 90s".to_owned())?;
    if duration > Duration::from_secs(Policy::LONGEST.unsigned_abs()) {
        Err("a year is the longest".into())
    } else {
        Ok(duration)
    }
}

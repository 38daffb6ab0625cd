//! What can be typed. Declarations only; each command's behaviour is in the file of its name.

use std::path::PathBuf;
use std::time::Duration;

use candlefile::export::Column;
use candlefile::provider::rate::Rate;
use candlefile::range::Moment;
use candlefile::{Choice, Policy, Symbol, Timeframe};
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::zone::Zone;

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
    after_help = "Exit codes: 0 complete, 1 it could not run, 2 usage, 3 it ran and something is missing, 130 Ctrl-C.
The key comes from MASSIVE_API_KEY or POLYGON_API_KEY."
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
    /// Send the provider's requests here: a proxy, or a test server on this machine
    #[arg(long, global = true, env = "CANDLEFILE_BASE_URL", value_name = "URL")]
    pub base_url: Option<String>,
    /// Write one JSON document to stdout
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more on stderr about requests and retries
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Fetch what is missing of the given symbols and timeframes
    #[command(after_help = "Examples:
  candlefile backfill AAPL MSFT --provider sample -t 1d,1m --start 2024-01-02 --end 2024-03-28
  candlefile backfill X:BTCUSD --provider sample -t 1h --start 2024-01-02T12:00:00Z --dry-run")]
    Backfill(Backfill),
    /// Bring everything the file holds up to now, holes included
    #[command(after_help = "Examples:
  candlefile update --dry-run")]
    Update(Update),
    /// Go on with jobs that were interrupted or failed in part
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
  candlefile list")]
    List,
    /// The file at a glance: format, size, range, sources, jobs, and what is missing
    #[command(after_help = "Examples:
  candlefile info
  candlefile info --datasette > metadata.json")]
    Info(Info),
    /// The candles of a series, newest last
    #[command(after_help = "Examples:
  candlefile show AAPL --tail 5
  candlefile show AAPL -t 1m --start 2024-01-02 --end 2024-01-02 --tz market
  candlefile show MSFT -t 1d --csv > msft.csv")]
    Show(Show),
    /// Write candles for other programs: Parquet, Arrow, CSV or JSON Lines
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
    /// Forget a series, whole or in part
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
    /// differs is counted and kept in the table conflicts; among provisional ones the later fetched wins. What gives way
    /// is kept in restatements. Another source or adjustment for a series is an error. The files are not changed.
    #[command(after_help = MERGE_EXAMPLES)]
    Merge(Merge),
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
pub struct Backfill {
    /// Symbols as the provider spells them: AAPL, BRK.B, X:BTCUSD, C:EURUSD, I:NDX
    pub symbols: Vec<Symbol>,
    /// More symbols from a file, one a line, # begins a comment; - is stdin
    #[arg(long, value_name = "FILE")]
    pub symbols_file: Option<PathBuf>,
    /// Timeframes: 1m, 5m, 15m, 30m, 1h, 4h, 1d, 1w, 1mo ...
    #[arg(
        short,
        long = "timeframe",
        value_delimiter = ',',
        default_value = "1d",
        value_name = "TIMEFRAME"
    )]
    pub timeframes: Vec<Timeframe>,
    /// First market day (YYYY-MM-DD), or an instant (RFC 3339)
    #[arg(long, value_name = "DATE")]
    pub start: Moment,
    /// Last market day, inclusive, or an instant, exclusive [default: now]
    #[arg(long, value_name = "DATE")]
    pub end: Option<Moment>,
    /// Where the candles come from
    #[arg(long, default_value = "polygon")]
    pub provider: ProviderName,
    /// Prices adjusted for splits by the provider, instead of raw ones
    #[arg(long)]
    pub adjusted: bool,
    #[command(flatten)]
    pub fetch: Fetch,
    /// Show the plan and send nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Args, Debug)]
pub struct Update {
    #[command(flatten)]
    pub fetch: Fetch,
    /// Show the plan and send nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Args, Debug)]
pub struct Resume {
    /// The job, by any unique prefix of its id [default: all that are not complete]
    pub job: Option<String>,
    #[command(flatten)]
    pub fetch: Fetch,
}

/// How to fetch.
#[derive(Args, Clone, Debug)]
pub struct Fetch {
    /// Requests under way at once
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256), value_name = "N")]
    pub workers: u16,
    /// Requests per time at most, like 5/min or 100/s [default for polygon: 100/s]
    #[arg(long, value_name = "RATE")]
    pub rate: Option<Rate>,
    /// How long after its last trading hour a candle counts as closed [default: 15m]
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub delay: Option<Duration>,
    /// How long after its last trading hour a candle counts as final [default: stocks and indices at noon of the next
    /// market day, crypto and forex after 1h]
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub final_after: Option<Duration>,
    /// Ask for the live edge again even if nothing there has newly closed or become final
    #[arg(long)]
    pub force: bool,
    /// Ask again where the provider had nothing
    #[arg(long)]
    pub refetch_empty: bool,
}

#[derive(Args, Debug)]
pub struct Status {
    /// One job with its slices, by any unique prefix of its id
    pub job: Option<String>,
    /// Follow what runs to its end, and only then say where it stands
    #[arg(long)]
    pub watch: bool,
}

#[derive(Args, Debug)]
pub struct Show {
    /// The symbol
    pub symbol: Symbol,
    /// The timeframe
    #[arg(short, long, default_value = "1d", value_name = "TIMEFRAME")]
    pub timeframe: Timeframe,
    /// The newest N candles [default: 20 for a table, all for --csv and --json]
    #[arg(long, value_name = "N", conflicts_with_all = ["start", "end"], value_parser = clap::value_parser!(u32).range(1..))]
    pub tail: Option<u32>,
    /// From this market day or instant on
    #[arg(long, value_name = "DATE")]
    pub start: Option<Moment>,
    /// Up to this market day, inclusive, or instant, exclusive
    #[arg(long, value_name = "DATE")]
    pub end: Option<Moment>,
    /// The zone of the times: market, utc, or a name like Europe/London; 1d and longer stay dates
    #[arg(long, default_value = "utc", value_name = "ZONE")]
    pub tz: Zone,
    /// Write CSV
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

#[derive(Args, Debug)]
pub struct Info {
    /// Write the metadata that Datasette takes with --metadata
    #[arg(long, conflicts_with = "json")]
    pub datasette: bool,
}

#[derive(Args, Debug)]
pub struct Sql {
    /// One statement; - is stdin
    #[arg(value_name = "STATEMENT")]
    pub sql: String,
    /// Rows at most; 0 for all
    #[arg(long, default_value_t = 1000, value_name = "N")]
    pub limit: u64,
    /// Time that SQLite may take
    #[arg(long, default_value = "30s", value_parser = duration, value_name = "TIME")]
    pub timeout: Duration,
    /// Write CSV
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
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

/// Which part of the file.
#[derive(Args, Clone, Debug)]
pub struct Part {
    /// Symbols [default: all]
    pub symbols: Vec<Symbol>,
    /// Timeframes [default: all]
    #[arg(
        short,
        long = "timeframe",
        value_delimiter = ',',
        value_name = "TIMEFRAME"
    )]
    pub timeframes: Vec<Timeframe>,
    /// From this market day or instant on
    #[arg(long, value_name = "DATE")]
    pub start: Option<Moment>,
    /// Up to this market day, inclusive, or instant, exclusive
    #[arg(long, value_name = "DATE")]
    pub end: Option<Moment>,
}

impl From<Part> for Choice {
    fn from(part: Part) -> Choice {
        Choice {
            symbols: part.symbols,
            timeframes: part.timeframes,
            start: part.start,
            end: part.end,
        }
    }
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  candlefile export -o candles.parquet
  candlefile export AAPL -t 1d --start 2024-01-01 -o aapl.csv.gz
  candlefile export -t 1m --layout hive -o minutes
  candlefile export AAPL --columns datetime,close --format csv -o - | head

Columns: symbol, timeframe, ts, datetime, open, high, low, close, volume, vwap, trades, source, adjusted, known_at. Times
are timestamps in UTC in Parquet and Arrow, and Unix seconds in text; datetime is ts as text.")]
pub struct Export {
    #[command(flatten)]
    pub part: Part,
    /// Where to: the name's end tells the format (.parquet, .arrow, .csv, .jsonl, and .gz or .zst after the last two); - is
    /// stdout
    #[arg(short, long, value_name = "PATH")]
    pub output: PathBuf,
    /// The format, whatever the name says
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<FormatName>,
    /// A folder of Parquet files instead of one, like timeframe=1d/symbol=AAPL/year=2024/part-0.parquet
    #[arg(long, value_name = "LAYOUT")]
    pub layout: Option<Layout>,
    /// The columns, in this order [default: all but source, adjusted and known_at; datetime in text only]
    #[arg(long, value_delimiter = ',', value_name = "COLUMN")]
    pub columns: Vec<Column>,
    /// Add known_at: when each candle's values were first stored
    #[arg(long)]
    pub known_at: bool,
    /// Replace what has that name
    #[arg(long)]
    pub overwrite: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatName {
    /// Apache Parquet
    Parquet,
    /// Apache Arrow IPC (Feather)
    Arrow,
    /// Comma-separated values
    Csv,
    /// JSON Lines
    Jsonl,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Folders named key=value
    Hive,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  candlefile pack -o all.db
  candlefile pack AAPL -t 1d --start 2024-01-01 -o aapl.db && candlefile verify aapl.db")]
pub struct Pack {
    #[command(flatten)]
    pub part: Part,
    /// The file to make; its checksum is written beside it as FILE.sha256
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Keep jobs, provisional candles, rejects and all times: the same data then no longer gives the same bytes
    #[arg(long)]
    pub with_history: bool,
    /// Tables that SQLite before 3.37 reads too
    #[arg(long)]
    pub compat: bool,
    /// Replace the file if there is one
    #[arg(long)]
    pub overwrite: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  candlefile verify market.db
  candlefile pack -o packed.db && candlefile verify packed.db --json")]
pub struct Verify {
    /// The file
    pub file: PathBuf,
}

#[derive(Args, Debug)]
pub struct Drop {
    /// The symbol
    pub symbol: Symbol,
    /// The timeframe
    #[arg(short, long, value_name = "TIMEFRAME")]
    pub timeframe: Timeframe,
    /// Only from this market day or instant on
    #[arg(long, value_name = "DATE")]
    pub start: Option<Moment>,
    /// Only up to this market day, inclusive, or instant, exclusive
    #[arg(long, value_name = "DATE")]
    pub end: Option<Moment>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

#[derive(Args, Debug)]
pub struct Diff {
    /// One file
    #[arg(value_name = "A")]
    pub a: PathBuf,
    /// The other
    #[arg(value_name = "B")]
    pub b: PathBuf,
    /// Rows of each kind to show; all are counted
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub limit: u64,
}

#[derive(Args, Debug)]
pub struct Merge {
    /// The files, two or more; of two final candles that of the file named first stays
    #[arg(value_name = "FILE", required = true, num_args = 2..)]
    pub files: Vec<PathBuf>,
    /// The new file
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Replace the new file if it exists
    #[arg(long)]
    pub overwrite: bool,
}

const MERGE_EXAMPLES: &str = "Examples:
  candlefile --db other.db backfill SPY --start 2024-01-02 --end 2024-03-28 --provider sample
  candlefile merge market.db other.db -o both.db
  candlefile --db both.db list";

const DIFF_EXAMPLES: &str = "Examples:
  cp market.db copy.db
  candlefile diff market.db copy.db
  candlefile diff market.db copy.db --json --limit 100";

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderName {
    /// Polygon.io, now Massive.com
    #[value(alias = "massive")]
    Polygon,
    /// Embedded synthetic data, for trying things out
    Sample,
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

//! The commands, each with its words and examples. Where these say `{keyless}` they name a provider that wants no key.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[cfg(feature = "serve")]
use super::Serve;
use super::{
    Backfill, Calendar, Check, Coverage, Diff, Drop, Export, Import, Info, List, Merge, Pack,
    Resume, Show, Sql, Status, Update, Verify,
};

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Fetch what is missing of the given symbols and timeframes
    #[command(after_help = "Examples:
  candlefile backfill AAPL MSFT --provider {keyless} -t 1d,1m --start 2024-01-02 --end 2024-03-28
  candlefile backfill SPY,QQQ --provider {keyless} --start 30d
  candlefile backfill X:BTCUSD --provider {keyless} -t 1h --start 2024-01-02T12:00:00Z --dry-run")]
    Backfill(Backfill),
    /// Bring everything the file holds up to now, holes included
    #[command(after_help = "Examples:
  candlefile update --dry-run
  candlefile update --refetch-gaps --dry-run")]
    Update(Update),
    /// Take the candles that files have: what is there already
    ///
    /// What a file does not say is found in its rows, or asked for. Imported candles are final: no answer of a provider replaces
    /// them, and one that differs is a conflict. A file that was imported is known by its size and time, and by its digest where it
    /// has another name.
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(Import),
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
    /// What should be there by the calendar, and what of it is
    ///
    /// Of each series all candles are counted that its market's trading hours expect between the first and the last instant
    /// ever asked: stored, answered with nothing, not asked, not final yet, rejected. A gap is 3 sessions in a row without a
    /// candle, or more; of 1w and 1mo one candle.
    #[command(after_help = "Examples:
  candlefile coverage
  candlefile coverage AAPL,MSFT -t 1d --json
  candlefile coverage --html coverage.html")]
    Coverage(Coverage),
    /// Whether series are complete up to a session: exit code 0 if they are, 3 if not
    ///
    /// Missing is a candle that the calendar expects, from the first one of its series on, without a final answer and not stored, one
    /// that was rejected, and every one of a session without any. What has ended is judged up to its end.
    #[command(after_help = "Examples:
  candlefile check AAPL -t 1d --complete-through 2024-03-28
  candlefile check --complete-through 2024-03-28 --max-missing 0.5%")]
    Check(Check),
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
  candlefile serve --provider {keyless}

Then open http://127.0.0.1:8000 or, from another terminal:
  curl -X POST 'http://localhost:8000/api/v1/backfill?symbols=AAPL&start_date=2024-11-01&end_date=2024-11-15'
  curl http://localhost:8000/api/v1/backfill/recent")]
    Serve(Serve),
    /// When exchanges hold sessions: dates, hours, breaks and early closes
    ///
    /// Without a code all calendars are listed. Behind the last day that a calendar knows its usual week goes on, without
    /// holidays: what is told of then is marked as assumed. A closure that was announced after this program was built is told to
    /// the file with --close, a session with --open; the one takes the other back. Everything that goes by the calendar of a series
    /// goes by that.
    #[command(after_help = "Examples:
  candlefile calendar
  candlefile calendar XNYS --start 2024-11-01 --end 2024-12-31
  candlefile calendar XNYS --close 2027-03-04
  candlefile calendar --set AAPL -t 1d XNYS")]
    Calendar(Calendar),
    /// The providers: what each needs, its timeframes and limits
    #[command(after_help = "Examples:
  candlefile providers")]
    Providers,
    /// What a shell needs to complete these commands
    #[command(after_help = "Examples:
  candlefile completions bash > ~/.local/share/bash-completion/completions/candlefile")]
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

const IMPORT_EXAMPLES: &str = "Examples:
  candlefile show MSFT -t 1d --csv > COPY_1d.csv
  candlefile import COPY_1d.csv --as csv --adjusted none --dry-run
  candlefile import COPY_1d.csv --as csv --adjusted none

Columns that are found by their names: ts (also date, time, timestamp, ..), open, high, low, close, volume, vwap, trades, symbol
and timeframe. Times without a zone need --tz; dates do not.";

const EXPORT_EXAMPLES: &str = "Examples:
  candlefile export -o candles.parquet
  candlefile export AAPL -t 1d --start 2024-01-01 -o aapl.csv.gz
  candlefile export -t 1m --layout hive -o minutes
  candlefile export AAPL --columns datetime,close --format csv -o - | head

Columns: symbol, timeframe, ts, datetime, open, high, low, close, volume, vwap, trades, source, adjusted, known_at. Times
are timestamps in UTC in Parquet and Arrow, and Unix seconds in text; datetime is ts as text.";

const MERGE_EXAMPLES: &str = "Examples:
  candlefile --db other.db backfill SPY --start 2024-01-02 --end 2024-03-28 --provider {keyless}
  candlefile merge market.db other.db -o both.db
  candlefile --db both.db list";

const DIFF_EXAMPLES: &str = "Examples:
  candlefile pack -o copy.db
  candlefile diff market.db copy.db
  candlefile diff market.db copy.db --json --limit 100";

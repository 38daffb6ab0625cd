//! What can be typed after the commands that fetch.

use std::path::PathBuf;
use std::time::Duration;

use crate::http::rate::Rate;
use crate::model::range::Moment;
use crate::model::timeframe::Timeframe;
use clap::Args;

use super::listed::Listed;
use super::times::{duration, moment};

#[derive(Args, Debug)]
pub struct Backfill {
    /// Symbols as the provider spells them: AAPL, BRK.B, X:BTCUSD, C:EURUSD, I:NDX
    pub symbols: Vec<Listed<String>>,
    /// More symbols from a file, one a line, # begins a comment; - is stdin
    #[arg(long, value_name = "FILE")]
    pub symbols_file: Option<PathBuf>,
    /// Timeframes: 1m, 5m, 15m, 30m, 1h, 4h, 1d, 1w, 1mo ...
    #[arg(
        short,
        long = "timeframe",
        default_value = "1d",
        value_name = "TIMEFRAME"
    )]
    pub timeframes: Vec<Listed<Timeframe>>,
    /// First market day (YYYY-MM-DD), an instant (RFC 3339), so long ago (30d, 2w, 6mo, 1y), ytd or max [default: 1y]
    #[arg(long, value_name = "DATE", value_parser = moment, allow_hyphen_values = true)]
    pub start: Option<Moment>,
    /// Last market day, inclusive (also today, or -7d for seven days ago), or an instant, exclusive [default: now]
    #[arg(long, value_name = "DATE", value_parser = moment, allow_hyphen_values = true)]
    pub end: Option<Moment>,
    /// Where the candles come from
    #[arg(long, value_name = "PROVIDER")]
    pub provider: String,
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
#[allow(clippy::struct_excessive_bools)] // Each is a switch that is typed.
pub struct Fetch {
    #[command(flatten)]
    pub pace: Pace,
    /// Ask for the live edge again even if nothing there has newly closed or become final, and for gaps that are not due
    #[arg(long)]
    pub force: bool,
    /// Ask again for every day with trading hours of which nothing is there, though the provider was asked
    #[arg(long)]
    pub refetch_empty: bool,
    /// Ask again for the gaps that `coverage` tells amid the candles, each after 1, 2, 4 .. days
    #[arg(long)]
    pub refetch_gaps: bool,
    /// Do not ask, even if the plan is larger than what is free on the disk
    #[arg(long)]
    pub yes: bool,
    /// Wait for other programs that fetch part of it already
    #[arg(long)]
    pub wait: bool,
}

/// How fast to fetch, and what counts as closed.
#[derive(Args, Clone, Debug)]
pub struct Pace {
    /// Requests under way at once [default: 8]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256), value_name = "N")]
    pub workers: Option<u16>,
    /// Requests per time at most, like 5/min or 100/s
    #[arg(long, value_name = "RATE")]
    pub rate: Option<Rate>,
    /// How long after its last trading hour a candle counts as closed [default: 15m]
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub delay: Option<Duration>,
    /// How long after its last trading hour a candle counts as final [default: stocks and indices at noon of the next
    /// calendar day, crypto and forex 1h after their end]
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub final_after: Option<Duration>,
}

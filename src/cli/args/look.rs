//! What can be typed after the commands that look at a file or tidy it.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::calendar::Calendar as Calendars;
use crate::model::range::Moment;
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;
use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Args, Command};

use super::listed::Listed;
use super::steps::ReadSteps;
use super::times::{duration, moment};
use crate::cli::check::{Share, Through};
use crate::cli::zone::Zone;

#[derive(Args, Debug)]
pub struct Status {
    /// One job with its slices, by any unique prefix of its id
    pub job: Option<String>,
    /// Follow what runs to its end, and only then say where it stands
    #[arg(long)]
    pub watch: bool,
}

#[derive(Args, Debug)]
pub struct List {
    /// Symbols [default: all]
    pub symbols: Vec<Listed<Symbol>>,
}

#[derive(Args, Debug)]
pub struct Show {
    /// The symbols
    #[arg(required = true)]
    pub symbols: Vec<Listed<Symbol>>,
    /// The timeframes
    #[arg(
        short,
        long = "timeframe",
        default_value = "1d",
        value_name = "TIMEFRAME"
    )]
    pub timeframes: Vec<Listed<Timeframe>>,
    /// The oldest N candles of each series
    #[arg(long, value_name = "N", conflicts_with_all = ["tail", "start", "end"], value_parser = clap::value_parser!(u32).range(1..))]
    pub head: Option<u32>,
    /// The newest N candles of each series [default: 20 for a table, all for --csv and --json]
    #[arg(long, value_name = "N", conflicts_with_all = ["start", "end"], value_parser = clap::value_parser!(u32).range(1..))]
    pub tail: Option<u32>,
    /// From this market day or instant on; also 30d, 1y (so long ago), ytd
    #[arg(long, value_name = "DATE", value_parser = moment, allow_hyphen_values = true)]
    pub start: Option<Moment>,
    /// Up to this market day, inclusive, or instant, exclusive; also today, -7d
    #[arg(long, value_name = "DATE", value_parser = moment, allow_hyphen_values = true)]
    pub end: Option<Moment>,
    #[command(flatten)]
    pub steps: ReadSteps,
    /// The zone of the times: market, utc, local, ET, a city like Berlin or a name like Europe/London; 1d and longer stay dates
    #[arg(long, default_value = "utc", value_name = "ZONE")]
    pub tz: Zone,
    /// Write CSV
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

#[derive(Args, Debug)]
pub struct Calendar {
    /// The calendars, such as XNYS [default: list all]
    #[arg(value_name = "CODE", value_parser = Codes, hide_possible_values = true)]
    pub codes: Vec<Listed<String>>,
    /// From this day of the exchange on; also 30d, 1y (so long ago), ytd
    #[arg(long, value_name = "DATE", default_value = "today", value_parser = moment, allow_hyphen_values = true, requires = "codes")]
    pub start: Moment,
    /// Up to this day, inclusive; also today, -7d [default: 30 days after the start]
    #[arg(long, value_name = "DATE", value_parser = moment, allow_hyphen_values = true, requires = "codes")]
    pub end: Option<Moment>,
    /// Have the file know that there is no session on these days
    #[arg(long, value_name = "DATE", num_args = 1.., value_delimiter = ',', value_parser = moment, requires = "codes", conflicts_with_all = ["start", "end", "open"])]
    pub close: Vec<Moment>,
    /// Have the file know that there is a session on these days, in the regular hours
    #[arg(long, value_name = "DATE", num_args = 1.., value_delimiter = ',', value_parser = moment, requires = "codes", conflicts_with_all = ["start", "end"])]
    pub open: Vec<Moment>,
    /// Have a series of the file go by the calendar
    #[arg(long, value_name = "SYMBOL", requires_all = ["codes", "timeframe"], conflicts_with_all = ["start", "end", "close", "open"])]
    pub set: Option<Symbol>,
    /// The timeframe of that series
    #[arg(short, long, value_name = "TIMEFRAME", requires = "set")]
    pub timeframe: Option<Timeframe>,
}

impl Calendar {
    /// Whether the file is told something, and not asked.
    pub fn tells(&self) -> bool {
        self.set.is_some() || !self.close.is_empty() || !self.open.is_empty()
    }
}

/// Any word is taken for a calendar's code: those that there are are offered to shells.
#[derive(Clone)]
struct Codes;

impl TypedValueParser for Codes {
    type Value = Listed<String>;

    fn parse_ref(
        &self,
        _: &Command,
        _: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Listed<String>, clap::Error> {
        let Ok(listed) = value.to_string_lossy().parse();
        Ok(listed)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let codes = Calendars::all().map(Calendars::code);
        Some(Box::new(codes.map(PossibleValue::new)))
    }
}

#[derive(Args, Debug)]
pub struct Coverage {
    /// Symbols [default: all]
    pub symbols: Vec<Listed<Symbol>>,
    /// Timeframes [default: all]
    #[arg(short, long = "timeframe", value_name = "TIMEFRAME")]
    pub timeframes: Vec<Listed<Timeframe>>,
    /// Write a page of its own, months that open to days, in place of the text
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub html: Option<PathBuf>,
    /// Replace what has that name; never a candlefile that is no packed one
    #[arg(long, requires = "html")]
    pub overwrite: bool,
}

#[derive(Args, Debug)]
pub struct Check {
    /// Symbols [default: all]
    pub symbols: Vec<Listed<Symbol>>,
    /// Timeframes [default: all]
    #[arg(short, long = "timeframe", value_name = "TIMEFRAME")]
    pub timeframes: Vec<Listed<Timeframe>>,
    /// Up to and with this session: last-session, the last that has closed in each market, or a market day
    #[arg(long, value_name = "SESSION", allow_hyphen_values = true)]
    pub complete_through: Through,
    /// So much of what is expected may be missing
    #[arg(long, value_name = "SHARE", default_value = "0%")]
    pub max_missing: Share,
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
pub struct Drop {
    /// The symbols
    #[arg(required = true)]
    pub symbols: Vec<Listed<Symbol>>,
    /// The timeframes
    #[arg(short, long = "timeframe", required = true, value_name = "TIMEFRAME")]
    pub timeframes: Vec<Listed<Timeframe>>,
    /// Only from this market day or instant on; also 30d, 1y (so long ago), ytd
    #[arg(long, value_name = "DATE", value_parser = moment, allow_hyphen_values = true)]
    pub start: Option<Moment>,
    /// Only up to this market day, inclusive, or instant, exclusive; also today, -7d
    #[arg(long, value_name = "DATE", value_parser = moment, allow_hyphen_values = true)]
    pub end: Option<Moment>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

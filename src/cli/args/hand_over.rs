//! What can be typed after the commands that hand a file over, judge it, compare it or join it with others.

use std::path::PathBuf;

use crate::handover::choice::Choice;
use crate::handover::export::Column;
use crate::model::range::Moment;
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;
use anyhow::Result;
use clap::{Args, ValueEnum};

use super::listed::{Listed, flat, rejoined, timeframes};
use super::steps::ReadSteps;
use super::times::moment;

/// Which part of the file.
#[derive(Args, Clone, Debug)]
pub struct Part {
    /// Symbols [default: all]
    pub symbols: Vec<Listed<Symbol>>,
    /// Timeframes [default: all]
    #[arg(short, long = "timeframe", value_name = "TIMEFRAME")]
    pub timeframes: Vec<Listed<Timeframe>>,
    /// From this market day or instant on; also 30d, 1y (so long ago), ytd
    #[arg(long, value_name = "DATE", value_parser = moment, allow_hyphen_values = true)]
    pub start: Option<Moment>,
    /// Up to this market day, inclusive, or instant, exclusive; also today, -7d
    #[arg(long, value_name = "DATE", value_parser = moment, allow_hyphen_values = true)]
    pub end: Option<Moment>,
}

impl Part {
    /// The same as the file is asked for it.
    pub fn choice(&self) -> Result<Choice> {
        self.of(flat(&self.symbols)?)
    }

    fn of(&self, mut symbols: Vec<Symbol>) -> Result<Choice> {
        Ok(Choice {
            timeframes: timeframes(&mut symbols, &self.timeframes)?,
            symbols,
            start: self.start.clone(),
            end: self.end.clone(),
        })
    }
}

#[derive(Args, Debug)]
pub struct Export {
    #[command(flatten)]
    pub part: Part,
    #[command(flatten)]
    pub steps: ReadSteps,
    /// Where to: the name's end tells the format (.parquet, .arrow, .csv, .jsonl, and .gz or .zst after the last two); - is
    /// stdout
    #[arg(short, long, value_name = "PATH")]
    pub output: PathBuf,
    /// The format, whatever the name says
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<FormatName>,
    /// A folder of Parquet files instead of one, like tf=1d/symbol=AAPL/year=2024/part-0.parquet
    #[arg(long, value_name = "LAYOUT")]
    pub layout: Option<Layout>,
    /// The columns, in this order [default: all but source, adjusted and known_at; datetime in text only]
    #[arg(long, value_name = "COLUMN")]
    pub columns: Vec<Listed<Column>>,
    /// Add known_at: when each candle's values were first stored
    #[arg(long)]
    pub known_at: bool,
    /// Replace what has that name; never a candlefile that is no packed one
    #[arg(long)]
    pub overwrite: bool,
}

impl Export {
    /// Which part, and which columns of it.
    pub fn chosen(&self) -> Result<(Choice, Vec<Column>)> {
        let mut symbols = flat(&self.part.symbols)?;
        let columns = rejoined(&mut symbols, &self.columns)?;
        Ok((self.part.of(symbols)?, columns))
    }
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
    /// Replace the file if there is one; never a candlefile that is no packed one
    #[arg(long)]
    pub overwrite: bool,
}

#[derive(Args, Debug)]
pub struct Verify {
    /// The file
    pub file: PathBuf,
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
    /// Replace what has that name; never a candlefile that is no packed one
    #[arg(long)]
    pub overwrite: bool,
}

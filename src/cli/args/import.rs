//! What can be typed after `import`.

use std::path::PathBuf;

use crate::import::{Field, LocalZone, Order, StampAt, SymbolFrom, Unit, columns_typed};
use crate::model::listing::{Adjustment, Currency};
use crate::model::market::MarketCode;
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;
use clap::{Args, ValueEnum};

#[derive(Args, Debug)]
pub struct Import {
    /// The files, and folders with such files
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// What they are
    #[arg(long = "as", value_name = "FORMAT")]
    pub format: String,
    /// How long the candles are [default: as the stamps tell]
    #[arg(short, long, value_name = "TIMEFRAME")]
    pub timeframe: Option<Timeframe>,
    /// Whose candles they are [default: as a column says, or the file's name]
    #[arg(long, value_name = "SYMBOL", conflicts_with = "symbol_from")]
    pub symbol: Option<Symbol>,
    /// The column with the symbols, or filename for the file's name
    #[arg(long, value_name = "NAME")]
    pub symbol_from: Option<String>,
    /// The zone of times without one; America/New_York+7h for MetaTrader's servers
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    pub tz: Option<LocalZone>,
    /// Which end of a candle its stamp is [default: start, unless sessions prove that it is the end]
    #[arg(long, value_name = "END")]
    pub stamp: Option<Stamp>,
    /// What stamps that are numbers count [default: as their size tells]
    #[arg(long, value_name = "UNIT")]
    pub unit: Option<UnitName>,
    /// What comes first in dates [default: as the file tells]
    #[arg(long, value_name = "ORDER")]
    pub dates: Option<Dates>,
    /// Which columns are what, by their names or, without a head line, their numbers: ts=Date,open=O,high=H,low=L,close=C
    #[arg(long, value_name = "COLUMNS", value_parser = columns)]
    pub columns: Option<Columns>,
    /// What parts the columns: a character, tab or space [default: as the file tells]
    #[arg(long, value_name = "C", value_parser = delimiter)]
    pub delimiter: Option<u8>,
    /// What was done to the prices: nothing, adjusted for splits, or for dividends, too
    #[arg(long, value_name = "WHAT")]
    pub adjusted: Option<AdjustedName>,
    /// What the prices are in, like USD
    #[arg(long, value_name = "CURRENCY")]
    pub currency: Option<Currency>,
    /// The source that the file records [default: the format's name, or its provider]
    #[arg(long, value_name = "NAME", value_parser = source)]
    pub source: Option<String>,
    /// Where the symbols trade, by a calendar's code, 24/7 or FX [default: as their prefixes X:, C:, I: say, or XNYS]
    #[arg(long, value_name = "CODE")]
    pub market: Option<MarketCode>,
    /// Each file has all there is of a symbol from its first candle to its last: a backfill does not ask for that
    #[arg(long)]
    pub covers: bool,
    /// Show the first rows as they would be stored, and store nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Stamp {
    Start,
    End,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum UnitName {
    S,
    Ms,
    Us,
    Ns,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Dates {
    Ymd,
    Dmy,
    Mdy,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum AdjustedName {
    None,
    Split,
    Total,
}

/// Which columns are what.
#[derive(Clone, Debug)]
pub struct Columns(pub Vec<(Field, String)>);

impl From<Stamp> for StampAt {
    fn from(stamp: Stamp) -> StampAt {
        match stamp {
            Stamp::Start => StampAt::Start,
            Stamp::End => StampAt::End,
        }
    }
}

impl From<UnitName> for Unit {
    fn from(unit: UnitName) -> Unit {
        match unit {
            UnitName::S => Unit::Seconds,
            UnitName::Ms => Unit::Millis,
            UnitName::Us => Unit::Micros,
            UnitName::Ns => Unit::Nanos,
        }
    }
}

impl From<Dates> for Order {
    fn from(dates: Dates) -> Order {
        match dates {
            Dates::Ymd => Order::Year,
            Dates::Dmy => Order::Day,
            Dates::Mdy => Order::Month,
        }
    }
}

impl From<AdjustedName> for Adjustment {
    fn from(adjusted: AdjustedName) -> Adjustment {
        match adjusted {
            AdjustedName::None => Adjustment::Raw,
            AdjustedName::Split => Adjustment::Split,
            AdjustedName::Total => Adjustment::Total,
        }
    }
}

impl Import {
    /// Where symbols come from, where that was typed.
    pub fn symbols(&self) -> Option<SymbolFrom> {
        let from = self.symbol_from.as_ref().map(|name| {
            if name.eq_ignore_ascii_case("filename") {
                SymbolFrom::FileName
            } else {
                SymbolFrom::Column(name.clone())
            }
        });
        self.symbol.clone().map(SymbolFrom::Is).or(from)
    }
}

fn zone(text: &str) -> Result<LocalZone, String> {
    LocalZone::typed(text)
}

fn columns(text: &str) -> Result<Columns, String> {
    columns_typed(text).map(Columns)
}

fn delimiter(text: &str) -> Result<u8, String> {
    match (text, text.as_bytes()) {
        ("tab" | "\\t", _) => Ok(b'\t'),
        ("space", _) => Ok(b' '),
        (_, &[one])
            if one.is_ascii() && !one.is_ascii_alphanumeric() && !b"\"\r\n".contains(&one) =>
        {
            Ok(one)
        }
        _ => Err("write one character, tab or space".to_owned()),
    }
}

fn source(text: &str) -> Result<String, String> {
    let is_name =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_' || c == '.';
    if !text.is_empty() && text.len() <= 40 && text.chars().all(is_name) {
        return Ok(text.to_owned());
    }
    Err("write a name of at most 40 small letters, digits and hyphens".to_owned())
}

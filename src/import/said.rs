//! What is said of files beside what they say themselves.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::columns::{self, Field};
use super::problem::Problem;
use super::stamp::{Order, Unit};
use super::wall::LocalZone;
use super::{binance, lean};
use crate::model::calendar::Calendar;
use crate::model::listing::{Adjustment, Currency, Listing};
use crate::model::market::{Grid, Market, MarketCode};
use crate::model::series::SeriesKey;
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;
use crate::provider::{DayFiles, Provider, listing_by_prefix};
use chrono_tz::Tz;

/// What files are.
#[derive(Clone)]
pub enum Format {
    /// Comma-separated values and their kind.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// Apache Arrow IPC, the file form, also known as Feather.
    Arrow,
    /// LEAN's archives of equities and crypto currencies.
    Lean,
    /// The archives of spot markets that Binance hands out.
    Binance,
    /// A provider's own, with the provider, which says what its symbols are.
    OfProvider(DayFiles, Arc<dyn Provider>),
}

impl Format {
    /// Those that belong to no provider, as far as this build reads them.
    pub fn general() -> impl Iterator<Item = Format> {
        let columnar = [Format::Parquet, Format::Arrow];
        let columnar = columnar.into_iter().filter(|_| cfg!(feature = "parquet"));
        let archives = [Format::Lean, Format::Binance];
        std::iter::once(Format::Csv).chain(columnar).chain(archives)
    }

    /// As it is typed; the source of its series, unless another one is said.
    pub fn name(&self) -> &str {
        match self {
            Format::Csv => "csv",
            Format::Parquet => "parquet",
            Format::Arrow => "arrow",
            Format::Lean => "lean",
            Format::Binance => "binance",
            Format::OfProvider(files, _) => &files.name,
        }
    }
}

/// Where symbols come from, where that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SymbolFrom {
    /// All rows are of this one.
    Is(Symbol),
    /// The column of this name.
    Column(String),
    /// The file's name.
    FileName,
}

/// Which end of a candle its stamp is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StampAt {
    /// Its start.
    Start,
    /// Its end.
    End,
}

/// All that was said. What was not is found in the files, or asked for.
#[derive(Clone)]
pub struct Said {
    /// What the files are.
    pub format: Format,
    /// How long their candles are.
    pub timeframe: Option<Timeframe>,
    /// Whose they are.
    pub symbol: Option<SymbolFrom>,
    /// The zone of times without one.
    pub zone: Option<LocalZone>,
    /// Which end of a candle a stamp is.
    pub stamp: Option<StampAt>,
    /// What stamps that are numbers count since 1970.
    pub unit: Option<Unit>,
    /// What comes first in dates.
    pub dates: Option<Order>,
    /// Which columns are what.
    pub columns: Vec<(Field, String)>,
    /// What parts the columns.
    pub delimiter: Option<u8>,
    /// What was done to the prices.
    pub adjusted: Option<Adjustment>,
    /// What the prices are in.
    pub currency: Option<Currency>,
    /// What the file records as the source.
    pub source: Option<String>,
    /// Where the symbols trade.
    pub market: Option<MarketCode>,
    /// Whether each file has all there is of a symbol, from its first candle to its last.
    pub covers: bool,
}

impl Said {
    /// A format, and nothing else.
    pub fn only(format: Format) -> Said {
        Said {
            format,
            timeframe: None,
            symbol: None,
            zone: None,
            stamp: None,
            unit: None,
            dates: None,
            columns: Vec::new(),
            delimiter: None,
            adjusted: None,
            currency: None,
            source: None,
            market: None,
            covers: false,
        }
    }

    /// The source of the series.
    pub fn source(&self) -> &str {
        match (&self.source, &self.format) {
            (Some(source), _) => source,
            (None, Format::OfProvider(_, provider)) => provider.name(),
            (None, format) => format.name(),
        }
    }

    /// All of it as text: a file that is taken as something else is another file.
    pub(super) fn in_words(&self) -> String {
        let columns = self
            .columns
            .iter()
            .map(|(field, name)| format!("{field}={name}"));
        let all = json!({
            "as": self.format.name(),
            "timeframe": self.timeframe.map(|timeframe| timeframe.to_string()),
            "symbol": self.symbol.as_ref().map(|symbol| format!("{symbol:?}")),
            "tz": self.zone.map(|zone| zone.word()),
            "stamp": self.stamp.map(|stamp| format!("{stamp:?}")),
            "unit": self.unit.map(|unit| format!("{unit:?}")),
            "dates": self.dates.map(|order| format!("{order:?}")),
            "columns": columns.collect::<Vec<_>>(),
            "delimiter": self.delimiter,
            "adjusted": self.adjusted.map(Adjustment::word),
            "currency": self.currency,
            "source": self.source(),
            "market": self.market.map(|market| market.to_string()),
            "covers": self.covers,
        });
        all.to_string()
    }

    /// The same for one file, with what its provider's format and its path say.
    pub(super) fn of_file(&self, path: &Path, member: Option<&str>) -> Result<Said, Problem> {
        let files = match &self.format {
            Format::Csv | Format::Parquet | Format::Arrow => return Ok(self.clone()),
            Format::Lean => return lean::said(path, member, self),
            Format::Binance => return binance::said(path, self),
            Format::OfProvider(files, _) => files,
        };
        let wrong = |why: String| Problem::of_file(why, "correct the provider's format");
        Ok(Said {
            timeframe: (files.says)(path).timeframe.or(self.timeframe),
            columns: columns::typed(&files.columns).map_err(wrong)?,
            unit: Unit::of(&files.unit),
            delimiter: Some(b','),
            ..self.clone()
        })
    }

    /// Where a symbol trades and what its prices are in: the provider's word, or what was said, or its prefix.
    pub(super) fn listing(&self, symbol: &Symbol) -> Listing {
        if let Format::OfProvider(_, provider) = &self.format {
            return provider.listing(symbol);
        }
        let by_prefix = listing_by_prefix(symbol);
        let has_prefix = by_prefix.market != MarketCode::XNYS;
        let market = self.market.unwrap_or(by_prefix.market);
        let by_prefix = by_prefix
            .currency
            .filter(|_| has_prefix && market == by_prefix.market);
        Listing {
            currency: self.currency.or(by_prefix),
            ..Listing::on(market)
        }
    }

    /// The key of a series. Prices of a market that is no exchange are adjusted for nothing.
    pub(super) fn key(&self, symbol: Symbol, timeframe: Timeframe, grid: Grid) -> SeriesKey {
        let listing = self.listing(&symbol);
        let listing = match self.format {
            Format::OfProvider(..) => listing,
            _ => Listing { grid, ..listing },
        };
        SeriesKey {
            symbol,
            timeframe,
            source: self.source().to_owned(),
            adjusted: self.adjusted.unwrap_or_default(),
            listing,
        }
    }
}

/// Whether prices of a market may be adjusted for something.
pub(super) fn is_exchange(market: MarketCode) -> bool {
    ![MarketCode::ALWAYS, MarketCode::FX].contains(&market)
}

/// The zone whose dates a market has; `None` where this build does not know the market.
pub(super) fn zone_of(code: MarketCode) -> Option<Tz> {
    let market = Market::new(code, Timeframe::Day, chrono::Weekday::Mon);
    match market.unknown() {
        None => Some(market.zone()),
        Some(_) => Calendar::of(code.as_str()).map(Calendar::zone),
    }
}

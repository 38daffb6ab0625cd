//! What the rows of a table mean: whose they are, what their stamps say, how long their candles are and where they start. Found
//! from what the table begins with and from what was said; what neither tells is asked for.

mod cutting;
mod kind;
mod symbols;

use std::collections::HashMap;
use std::path::Path;

use chrono::{NaiveDate, Offset as _, TimeZone, Weekday};
use chrono_tz::Tz;

pub(super) use kind::Kind;
use kind::newest_first;
use symbols::{check_one_symbol, column_of, whose};

use super::columns::{Columns, Field};
use super::dialect::Dialect;
use super::interval::date_in;
use super::problem::Problem;
use super::said::{Format, Said, SymbolFrom, is_exchange, zone_of};
use super::stamp::Written;
use super::wall::{LocalZone, Meant, WallClock};
use super::{binance, lean};
use crate::model::market::{Grid, MarketCode, label_of};
use crate::model::next::{Next, Setting};
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;

const HOUR: i64 = 3_600;

/// How the candles of some rows are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) timeframe: Timeframe,
    pub(super) grid: Grid,
    /// The weekday that begins weeks.
    pub(super) week_start: Weekday,
    /// Whether stamps are the candles' ends.
    pub(super) ends: bool,
}

/// What the rows of a table mean.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) dialect: Dialect,
    pub(super) kind: Kind,
    pub(super) newest_first: bool,
    /// The zone of times without one.
    pub(super) zone: Option<LocalZone>,
    /// Whose all rows are.
    pub(super) symbol: Option<Symbol>,
    /// By the text in the column of timeframes, empty without one, and by market.
    pub(super) cuts: HashMap<(String, MarketCode), Cut>,
    /// What prices are divided by.
    pub(super) divisor: Option<f64>,
    /// The days of which the file has all there is.
    pub(super) days: Option<(NaiveDate, NaiveDate)>,
    /// What a user may want to know was taken for true.
    pub(super) notes: Vec<String>,
}

/// One of the rows at the beginning.
pub(super) struct HeadRow {
    pub(super) symbol: String,
    pub(super) timeframe: String,
    pub(super) stamp: Option<Written>,
}

/// The rows at the beginning that one [`Cut`] is found from.
#[derive(Default)]
struct Group {
    by_symbol: HashMap<String, Vec<i64>>,
    written: Vec<Written>,
    instants: Vec<i64>,
}

impl Layout {
    /// What the rows of a file mean whose text begins so.
    pub(super) fn of(
        (path, member): (&Path, Option<&str>),
        head: &[u8],
        is_all: bool,
        said: &Said,
    ) -> Result<Layout, Problem> {
        match said.format {
            Format::Lean => return lean::layout(path, member, said),
            Format::Binance => return binance::layout(path, head, said),
            _ => {}
        }
        let found = Dialect::of(head, is_all, said);
        let (mut dialect, rows) = match &said.format {
            // Nothing can be said of what a provider's own files are.
            Format::OfProvider(..) => found.map_err(|problem| {
                Problem::of_file(problem.message, "see whether it is a file of this format")
            })?,
            _ => found?,
        };
        if let Some(SymbolFrom::Column(name)) = &said.symbol {
            let at = column_of(head, &dialect, name)?;
            dialect.columns = std::mem::take(&mut dialect.columns).with(Field::Symbol, at);
        }
        let mut notes = Vec::new();
        let symbol = whose(path, &dialect, said, &mut notes)?;
        if let (Some(SymbolFrom::Is(symbol)), Some(at)) =
            (&said.symbol, dialect.columns.at(Field::Symbol))
        {
            check_one_symbol(&rows, at, symbol)?;
        }
        let texts: Vec<Vec<u8>> = rows
            .iter()
            .filter_map(|row| stamp_text(row, &dialect))
            .collect();
        let kind = kind::kind(&texts, dialect.columns.at(Field::Time).is_some(), said)?;
        let mut layout = Layout {
            newest_first: newest_first(&texts, kind),
            dialect,
            kind,
            zone: said.zone,
            symbol,
            cuts: HashMap::new(),
            divisor: None,
            days: None,
            notes,
        };
        let first: Vec<HeadRow> = rows.iter().flat_map(|row| layout.head_rows(row)).collect();
        if first.iter().filter(|row| row.stamp.is_none()).count() * 2 > first.len() {
            let first = texts
                .first()
                .map_or_else(Default::default, |text| String::from_utf8_lossy(text));
            return Err(Problem::of_file(
                format!("its stamps cannot be read, as {first:?}"),
                Setting::Columns
                    .with("ts=..")
                    .after("write them like 2024-01-02 09:30:00, or name the column, as in"),
            ));
        }
        layout.find(first, said)?;
        Ok(layout)
    }

    /// A row, once for each symbol that has columns of its own and a price in them.
    fn head_rows(&self, row: &[String]) -> Vec<HeadRow> {
        let column = |field| self.dialect.columns.at(field).and_then(|at| row.get(at));
        let text = stamp_text(row, &self.dialect).unwrap_or_default();
        let of_symbol = |symbol: String| HeadRow {
            symbol,
            timeframe: column(Field::Timeframe).cloned().unwrap_or_default(),
            stamp: self.kind.read(&text),
        };
        if self.dialect.tickers.len() < 2 {
            return vec![of_symbol(
                column(Field::Symbol).cloned().unwrap_or_default(),
            )];
        }
        let has_price = |columns: &Columns| {
            let close = columns.at(Field::Close).and_then(|at| row.get(at));
            close.is_some_and(|text| !text.is_empty())
        };
        let tickers = self.dialect.tickers.iter();
        let with_price = tickers.filter(|(_, columns)| has_price(columns));
        with_price
            .map(|(symbol, _)| of_symbol(symbol.clone()))
            .collect()
    }

    /// Finds how candles are cut, from the first rows.
    pub(super) fn find(&mut self, rows: Vec<HeadRow>, said: &Said) -> Result<(), Problem> {
        let groups = self.groups(rows, said)?;
        for (key, group) in groups {
            let cut = self.cut(&key, &group, said)?;
            self.cuts.insert(key, cut);
        }
        Ok(())
    }

    /// The rows by what is found of them alone: each timeframe in each market.
    fn groups(
        &mut self,
        rows: Vec<HeadRow>,
        said: &Said,
    ) -> Result<HashMap<(String, MarketCode), Group>, Problem> {
        let mut groups: HashMap<(String, MarketCode), Group> = HashMap::new();
        let mut clock = self.zone.map(WallClock::of);
        let mut markets = HashMap::new();
        for row in rows {
            let name = match &self.symbol {
                Some(symbol) => symbol.to_string(),
                None => row.symbol,
            };
            let (Ok(symbol), Some(written)) = (name.parse::<Symbol>(), row.stamp) else {
                continue;
            };
            let market = *markets
                .entry(name.clone())
                .or_insert_with(|| said.listing(&symbol).market);
            let instant = match (written.ahead, &mut clock) {
                (Some(ahead), _) => Some(written.local - ahead),
                (None, Some(clock)) => match clock.meant(written.local) {
                    Meant::One(instant) | Meant::Two(instant, _) => Some(instant),
                    Meant::Never => None,
                },
                (None, None) => None,
            };
            let group = groups.entry((row.timeframe, market)).or_default();
            // A clock that shows UTC shows where a session's days end to nobody.
            let shown = match instant.filter(|_| written.ahead == Some(0) && !written.is_midnight())
            {
                Some(instant) => shown_in(zone_of(market), instant),
                None => written.local,
            };
            group.by_symbol.entry(name).or_default().push(shown);
            group.written.push(written);
            group.instants.extend(instant);
        }
        for market in markets.values() {
            check_market(*market)?;
            check_adjusted(*market, said)?;
        }
        if said.market.is_none()
            && !matches!(said.format, Format::OfProvider(..))
            && markets.values().any(|code| *code == MarketCode::XNYS)
        {
            self.notes
                .push("market XNYS, since no other one was named".to_owned());
        }
        Ok(groups)
    }
}

/// What a zone's clock shows at an instant, in seconds as if it were of UTC.
fn shown_in(zone: Option<Tz>, instant: i64) -> i64 {
    let ahead = zone.and_then(|zone| zone.timestamp_opt(instant, 0).earliest());
    instant + ahead.map_or(0, |at| i64::from(at.offset().fix().local_minus_utc()))
}

/// The label that a stamp of a day or longer means: the date that it shows where it is a midnight, or else its market's. Mistakes with
/// daylight saving put stamps up to two hours before a midnight.
pub(super) fn label(written: Written, instant: i64, zone: Tz) -> i64 {
    if !written.has_time || written.is_midnight() {
        return written.local;
    }
    label_of(date_in(zone, instant + 2 * HOUR))
}

/// The text of a row's stamp, put together where date and time have a column each.
fn stamp_text(row: &[String], dialect: &Dialect) -> Option<Vec<u8>> {
    let at = |field| dialect.columns.at(field).and_then(|at| row.get(at));
    let date = at(Field::Ts)?;
    Some(match at(Field::Time) {
        Some(time) => format!("{date} {time}").into_bytes(),
        None => date.clone().into_bytes(),
    })
}

pub(super) fn check_market(market: MarketCode) -> Result<(), Problem> {
    zone_of(market).map(drop).ok_or_else(|| {
        Problem::asked(
            format!("there is no market {market}"),
            "name one by its code: XNYS, XCBO, XLON, 24/7, FX",
        )
    })
}

/// Prices of an exchange are adjusted for something or not, and the format does not tell.
pub(super) fn check_adjusted(market: MarketCode, said: &Said) -> Result<(), Problem> {
    if said.adjusted.is_some()
        || !is_exchange(market)
        || matches!(said.format, Format::OfProvider(..))
    {
        return Ok(());
    }
    Err(Problem::asked(
        format!(
            "are its prices adjusted? Those of {market} are as they were traded, adjusted for splits, or for dividends, too"
        ),
        Next::Or(vec![
            Setting::Adjusted.with("none").after("as they were traded"),
            Setting::Adjusted
                .with("split")
                .after("for splits, as yfinance's beside a column Adj Close"),
            Setting::Adjusted
                .with("total")
                .after("for dividends, too, as yfinance's without that column"),
        ]),
    ))
}

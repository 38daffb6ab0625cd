//! The series that rows are of: each has a number, in the order in which they come.

use chrono::Weekday;
use chrono_tz::Tz;

use super::fold::Fold;
use super::{Raw, Taker};
use crate::import::layout::{Cut, check_adjusted, check_market};
use crate::import::problem::Problem;
use crate::import::said::zone_of;
use crate::model::candle::{Candle, Rejected};
use crate::model::declared::Declared;
use crate::model::market::{Grid, Market, MarketCode, Policy};
use crate::model::series::SeriesKey;
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;

/// A series, and what was taken of it since it was handed on last.
pub(super) struct Series {
    pub(super) market: Market,
    pub(super) zone: Tz,
    pub(super) cut: Cut,
    /// Candles that start here or later have not closed.
    pub(super) closed: i64,
    pub(super) candles: Vec<Candle>,
    pub(super) rejected: Vec<Rejected>,
    /// The starts of the first candle and of the last one.
    pub(super) reaches: Option<(i64, i64)>,
    pub(super) fold: Fold,
}

impl Taker<'_> {
    /// Takes a file's word for what its series are.
    pub(in crate::import) fn declare(&mut self, all: &[Declared]) {
        for Declared {
            key, week_start, ..
        } in all
        {
            let day = week_start.and_then(|day| Weekday::try_from(day.wrapping_sub(1)).ok());
            let market = key.market(day.unwrap_or(Weekday::Mon));
            let name = (key.symbol.to_string(), key.timeframe.to_string());
            self.declared.insert(name, (key.clone(), market));
        }
    }

    /// The number of a row's series; none where it names no symbol.
    pub(super) fn number_of(&mut self, raw: &Raw<'_>) -> Result<Option<usize>, Problem> {
        let last = &self.last.0;
        let is_last = last.len() == raw.symbol.len() + 1 + raw.timeframe.len()
            && last.starts_with(raw.symbol)
            && last.ends_with(raw.timeframe)
            && self.last.1 != usize::MAX;
        if is_last {
            return Ok(Some(self.last.1));
        }
        let key = [raw.symbol, b"\0", raw.timeframe].concat();
        let number = match self.numbers.get(&key) {
            Some(number) => *number,
            None => match self.add_series(raw)? {
                Some(number) => number,
                None => return Ok(None),
            },
        };
        self.numbers.insert(key.clone(), number);
        self.last = (key, number);
        Ok(Some(number))
    }

    fn add_series(&mut self, raw: &Raw<'_>) -> Result<Option<usize>, Problem> {
        let symbol = std::str::from_utf8(raw.symbol)
            .ok()
            .and_then(|text| text.trim().parse::<Symbol>().ok());
        let Some(symbol) = symbol else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(raw.timeframe).into_owned();
        if let Some((key, market)) = self
            .declared
            .get(&(symbol.to_string(), text.clone()))
            .cloned()
        {
            let cut = Cut {
                timeframe: key.timeframe,
                grid: key.listing.grid,
                week_start: market.week_start(),
                ends: false,
            };
            return Ok(Some(self.begin(key, market, cut)));
        }
        let code = self.said.listing(&symbol).market;
        let cut = match self.cuts.get(&(text.clone(), code)) {
            Some(cut) => *cut,
            None => self.unseen(&text, code)?,
        };
        let key = self.said.key(symbol, cut.timeframe, cut.grid);
        let market = key.market(cut.week_start);
        Ok(Some(self.begin(key, market, cut)))
    }

    /// Begins a series; its number.
    fn begin(&mut self, key: SeriesKey, market: Market, cut: Cut) -> usize {
        let closed = market.frontier(self.now, Policy::default()).closed;
        self.series.push(Series {
            market,
            zone: zone_of(key.listing.market).unwrap_or(Tz::UTC),
            cut,
            closed,
            candles: Vec::new(),
            rejected: Vec::new(),
            reaches: None,
            fold: Fold::default(),
        });
        self.new.push((key, market));
        self.series.len() - 1
    }

    /// How candles are cut that the beginning of the file had none of.
    fn unseen(&self, text: &str, market: MarketCode) -> Result<Cut, Problem> {
        check_market(market)?;
        check_adjusted(market, self.said)?;
        let like = self
            .cuts
            .iter()
            .find(|((held, _), _)| held == text)
            .map(|(_, cut)| *cut);
        let timeframe = text
            .parse::<Timeframe>()
            .ok()
            .or(like.map(|cut| cut.timeframe));
        let timeframe = timeframe.ok_or_else(|| {
            Problem::of_file(
                format!("{text:?} is no timeframe"),
                "correct it in the file",
            )
        })?;
        Ok(Cut {
            timeframe,
            grid: Grid::Utc,
            week_start: chrono::Weekday::Mon,
            ends: like.is_some_and(|cut| cut.ends),
        })
    }
}

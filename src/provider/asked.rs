//! What is asked of a provider, whichever it is: what was typed becomes its symbols, its timeframes and its series.

use super::Provider;
use crate::model::listing::Adjustment;
use crate::model::market::Market;
use crate::model::range::{BadRange, Range};
use crate::model::series::SeriesKey;
use crate::model::span::Span;
use crate::model::symbol::{BadSymbol, Symbol};
use crate::model::timeframe::Timeframe;

/// A timeframe that a provider does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{provider} has no candles of {timeframe}")]
pub struct NoTimeframe {
    /// The provider's name.
    pub provider: String,
    /// The timeframe.
    pub timeframe: Timeframe,
    /// Those that it has, in words.
    pub has: String,
}

impl dyn Provider + '_ {
    /// A series of this provider and what is asked of it, for a range as it was typed.
    ///
    /// # Errors
    /// The range has no candle of the series.
    pub(crate) fn asked(
        &self,
        symbol: &Symbol,
        timeframe: Timeframe,
        adjusted: Adjustment,
        range: &Range,
        now: i64,
    ) -> Result<(SeriesKey, Span), BadRange> {
        let key = SeriesKey {
            symbol: symbol.clone(),
            timeframe,
            source: self.name().to_owned(),
            adjusted,
            listing: self.listing(symbol),
        };
        let range = range.clone().not_before(self.first_date(symbol));
        let span = range.span(&self.market(&key), now)?;
        Ok((key, span))
    }

    /// The market of a series as this provider is asked for it.
    pub(crate) fn market(&self, key: &SeriesKey) -> Market {
        let market = key.market(self.week_start());
        market.in_cells(self.cells(&market))
    }

    /// That it has a timeframe.
    ///
    /// # Errors
    /// It has others.
    pub fn check_timeframe(&self, timeframe: Timeframe) -> Result<(), NoTimeframe> {
        let has = self.timeframes();
        if has.has(timeframe) {
            return Ok(());
        }
        Err(NoTimeframe {
            provider: self.name().to_owned(),
            timeframe,
            has: has.in_words().join(", "),
        })
    }

    /// A symbol as it is typed; of what is none it is told what may have been meant.
    ///
    /// # Errors
    /// The text is no symbol.
    pub fn symbol(&self, typed: &str) -> Result<Symbol, BadSymbol> {
        typed
            .parse()
            .map_err(|error: BadSymbol| error.meaning(&self.likely(typed)))
    }
}

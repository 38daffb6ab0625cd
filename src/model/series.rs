//! What identifies a series, and what it is bound to.

use chrono::Weekday;

use crate::model::listing::{Adjustment, Currency, Listing};
use crate::model::market::Market;
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;

/// What identifies a series, and what it is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SeriesKey {
    /// The symbol.
    pub symbol: Symbol,
    /// The timeframe.
    pub timeframe: Timeframe,
    /// The provider, or a name of your own for candles from elsewhere.
    pub source: String,
    /// What the source has done to the prices.
    pub adjusted: Adjustment,
    /// What the source says of the symbol.
    pub listing: Listing,
}

impl SeriesKey {
    /// The market of the series; `week_start` is the source's.
    pub fn market(&self, week_start: Weekday) -> Market {
        Market::new(self.listing, self.timeframe, week_start)
    }

    /// Whether the candles of both can stand in one series: of one symbol and timeframe, from one source, adjusted alike, of one
    /// market and on one grid. A currency that is unknown contradicts none.
    pub fn is_bound_like(&self, other: &SeriesKey) -> bool {
        let bound = |key: &SeriesKey| {
            (
                key.timeframe,
                key.adjusted,
                key.listing.market,
                key.listing.grid,
            )
        };
        (&self.symbol, &self.source) == (&other.symbol, &other.source)
            && bound(self) == bound(other)
            && self.other_currencies(other).is_none()
    }

    /// What it is bound to, in words: all that always counts, and what else it has otherwise than another.
    pub fn binding(&self, other: &SeriesKey) -> String {
        let (ours, theirs) = (&self.listing, &other.listing);
        let mut words = vec![self.adjusted.to_string()];
        words.extend((ours.market != theirs.market).then(|| format!("market {}", ours.market)));
        words.extend((ours.grid != theirs.grid).then(|| format!("grid {}", ours.grid)));
        let currencies = self.other_currencies(other);
        words.extend(currencies.map(|(ours, _)| format!("in {ours}")));
        words.join(", ")
    }

    fn other_currencies(&self, other: &SeriesKey) -> Option<(Currency, Currency)> {
        let known = self.listing.currency.zip(other.listing.currency);
        known.filter(|(ours, theirs)| ours != theirs)
    }
}

//! What the provider has nothing for: whole series, and stretches of them.

use std::fmt;

use chrono::Weekday;

use super::Runner;
use crate::model::series::SeriesKey;
use crate::model::span::Span;
use crate::model::status::SeriesStatus;
use crate::model::symbol::Meant;
use crate::provider::Provider;
use crate::store::{Measurer, SeriesRow, StoreError};

/// A series for which the provider has no data in what was asked.
#[derive(Clone, Debug)]
pub struct NoData {
    /// The series.
    pub key: SeriesKey,
    /// What was asked, as [`SeriesReport::span`](super::SeriesReport::span) is.
    pub asked: Span,
    /// What may have been meant by its symbol.
    pub meant: Meant,
    /// Whether that trades at other times.
    is_of_another_market: bool,
}

impl NoData {
    /// Of a series. `provider` is the one of its source, where there is one.
    pub fn of(key: &SeriesKey, asked: Span, provider: Option<&dyn Provider>) -> NoData {
        let meant = provider.map(|provider| provider.likely(key.symbol.as_str()));
        let meant = meant.unwrap_or_default();
        let listed = provider.zip(meant.first());
        let listed = listed.map(|(provider, likely)| provider.listing(likely));
        NoData {
            key: key.clone(),
            asked,
            is_of_another_market: listed.is_some_and(|listed| listed.market != key.listing.market),
            meant,
        }
    }

    /// Of a series of which this has become in a run.
    pub(super) fn if_it_is(
        status: SeriesStatus,
        key: &SeriesKey,
        asked: Span,
        runner: &Runner,
    ) -> Option<NoData> {
        let is_it = status == SeriesStatus::NoData;
        is_it.then(|| NoData::of(key, asked, Some(runner.provider.as_ref())))
    }

    /// What may be the reason.
    pub fn hint(&self) -> Option<String> {
        let market = self.key.market(Weekday::Sun);
        if market.trades_within(self.asked) || self.is_of_another_market {
            self.meant.in_words()
        } else {
            Some(market.no_session(self.asked))
        }
    }

    /// Whether the provider has nothing of the kind.
    pub(super) fn is_elsewhere(&self) -> bool {
        matches!(self.meant, Meant::Elsewhere { unless: None, .. })
    }

    /// Whether what may have been meant trades at other times.
    pub(super) fn is_of_another_market(&self) -> bool {
        self.is_of_another_market
    }
}

/// What may be the reason is told, too.
impl fmt::Display for NoData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SeriesKey {
            symbol, timeframe, ..
        } = &self.key;
        write!(
            f,
            "the provider has no data for {symbol} {timeframe} in this range"
        )?;
        self.hint().map_or(Ok(()), |hint| write!(f, ": {hint}"))
    }
}

/// A stretch that the provider has nothing for: a gap of three sessions and more, of `1w` and `1mo` of one candle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NothingFrom {
    /// The series.
    pub key: SeriesKey,
    /// From the start of its first session to the end of the last: Unix seconds, of days and longer labels.
    pub span: Span,
}

impl NothingFrom {
    /// The stretches of a series that what was asked of it touches.
    pub(crate) fn asked_of(
        measurer: &mut Measurer<'_>,
        series: &SeriesRow,
        asked: Span,
    ) -> Result<Vec<NothingFrom>, StoreError> {
        let nothing = measurer.nothing(series)?;
        let touched = nothing
            .iter()
            .filter(|span| span.intersect(asked).is_some());
        let told = |span| NothingFrom {
            key: series.key.clone(),
            span,
        };
        Ok(touched.map(told).collect())
    }
}

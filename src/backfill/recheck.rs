//! The check of an adjusted series before it grows: a split changes all of its past at once.

use std::collections::BTreeMap;

use super::fetch::{Fetcher, Series, odd};
use super::judge::Chain;
use crate::candle::Candle;
use crate::market::{Frontier, date_of};
use crate::provider::ProviderError;
use crate::span::Span;

impl Fetcher {
    /// Asks again for stored candles of an adjusted series. Says what differs.
    pub(super) fn recheck(&self, series: usize) -> Result<Option<String>, ProviderError> {
        let Series {
            key,
            market,
            recheck: stored,
            ..
        } = &self.series[series];
        let (Some(first), Some(last)) = (stored.first(), stored.last()) else {
            return Ok(None);
        };
        let Some(span) = Span::new(first.ts, market.next(last.ts)) else {
            return Ok(None);
        };
        // What is covered was final when it was stored, whatever this job counts as closed.
        let all_final = Frontier {
            closed: i64::MAX,
            settled: i64::MAX,
            tail_proven: span.end(),
        };
        let mut chain = Chain::new(*market, span, all_final);
        let mut pages = self.pages(series, span);
        let mut answer: BTreeMap<i64, Candle> = BTreeMap::new();
        loop {
            let judged = chain.judge(pages.next()?.0).map_err(|why| odd(&why))?;
            for new in judged.candles {
                if stored.iter().any(|old| old.ts == new.ts) {
                    answer.entry(new.ts).or_insert(new);
                }
            }
            if judged.is_last {
                break;
            }
        }
        for old in stored {
            let new = answer.get(&old.ts);
            if !new.is_some_and(|new| same_prices(old, new)) {
                let now_is = new.map_or("is gone".to_owned(), |new| format!("is {}", new.close));
                return Ok(Some(format!(
                    "the adjusted prices of {} {} have changed since they were stored (close of {} was {}, now {now_is}): a split has made the series stale",
                    key.symbol,
                    key.timeframe,
                    date_of(old.ts),
                    old.close
                )));
            }
        }
        Ok(None)
    }
}

/// Prices that differ by less were printed with another number of digits; a split moves them by a tenth at least.
fn same_prices(old: &Candle, new: &Candle) -> bool {
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-6 * a.abs().max(b.abs());
    close(old.open, new.open)
        && close(old.high, new.high)
        && close(old.low, new.low)
        && close(old.close, new.close)
}

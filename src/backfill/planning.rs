//! What a job takes of what is missing: all that no living job of the file fetches already.

use std::collections::HashMap;

use super::Runner;
use super::fetch::Series;
use crate::model::expected::Due;
use crate::model::series::SeriesKey;
use crate::model::span::{Span, SpanSet};
use crate::model::status::SeriesStatus;
use crate::monitor::Left;
use crate::plan::{Known, Plan, Wanted, plan};
use crate::store::{Measurer, Others, SeriesPlan, Store, StoreError, fillable};

/// Plans what is missing of each series: what [`super::run`] would fetch, and what it would leave to others. `store` is `None`
/// where there is no file yet.
///
/// # Errors
/// A series is held from another source, with another adjustment or of another market, this build does not know its market or its
/// grid, or the file cannot be read.
pub(crate) fn targets(
    store: Option<&Store>,
    runner: &Runner,
    series: &[(SeriesKey, Span)],
) -> Result<Vec<SeriesPlan>, StoreError> {
    let Some(store) = store else {
        let now = runner.clock.now();
        let nothing = |(key, span): &_| runner.target(key, *span, &Known::default(), &[], now);
        return distinct(series).iter().map(nothing).collect();
    };
    store.at_one_instant(|| runner.beside_others(store, "", series))
}

/// Plans what is missing of a job's unfinished series: what [`super::resume`] would fetch.
///
/// # Errors
/// There is no such job, or the file cannot be read.
pub(crate) fn left_of(
    store: &Store,
    job_id: &str,
    runner: &Runner,
) -> Result<Vec<SeriesPlan>, StoreError> {
    let now = runner.clock.now();
    let unfinished = store.job(job_id, now)?.series.into_iter();
    let unfinished = unfinished.filter(|series| series.status != SeriesStatus::Completed);
    let unfinished: Vec<(SeriesKey, Span)> = unfinished
        .map(|series| (runner.key_of(series.key), series.span))
        .collect();
    store.at_one_instant(|| runner.beside_others(store, job_id, &unfinished))
}

/// A series that is named twice is asked once, for a span that holds both.
fn distinct(series: &[(SeriesKey, Span)]) -> Vec<(SeriesKey, Span)> {
    let mut at = HashMap::new();
    let mut distinct: Vec<(SeriesKey, Span)> = Vec::with_capacity(series.len());
    for (key, span) in series {
        let place = *at
            .entry((&key.symbol, key.timeframe))
            .or_insert(distinct.len());
        match distinct.get_mut(place) {
            Some((_, held)) => *held = held.hull(*span),
            None => distinct.push((key.clone(), *span)),
        }
    }
    distinct
}

impl Runner {
    /// The series as this runner asks for it. What its prices are in the provider says where nobody has.
    pub(super) fn key_of(&self, mut key: SeriesKey) -> SeriesKey {
        self.provider.name().clone_into(&mut key.source);
        let said = self.provider.listing(&key.symbol).currency;
        key.listing.currency = key.listing.currency.or(said);
        key
    }

    /// What the file knows of a series, as far as this run asks, and when the next of its gaps is due that is not yet.
    fn known(
        &self,
        store: &Store,
        measurer: &mut Measurer<'_>,
        key: &SeriesKey,
        span: Span,
    ) -> Result<(Known, Option<i64>), StoreError> {
        if !self.refetch_empty && !self.refetch_gaps {
            return Ok((store.known(key)?, None));
        }
        let held = match store.find_series(&key.symbol, key.timeframe) {
            Err(StoreError::NoSeries { .. }) => return Ok((store.known(key)?, None)),
            found => found?,
        };
        let mut due = Due::default();
        if self.refetch_gaps {
            due = measurer.due(&held, span, !self.force)?;
        }
        if self.refetch_empty {
            due.now = due.now.union(&measurer.vacant(&held, span)?);
        }
        Ok((store.known_with(key, &due.now)?, due.next))
    }

    /// What is missing and not fetched by others than the job, all of one instant where the caller sees to that. The clock is
    /// read once the file stands still: what others have asked meanwhile would else seem to be of the future.
    pub(super) fn beside_others(
        &self,
        store: &Store,
        job_id: &str,
        series: &[(SeriesKey, Span)],
    ) -> Result<Vec<SeriesPlan>, StoreError> {
        let others = store.others(job_id, self.clock.now())?;
        self.targets(store, series, &others, self.clock.now())
    }

    /// All of one instant, where the caller sees to that.
    pub(super) fn targets(
        &self,
        store: &Store,
        series: &[(SeriesKey, Span)],
        others: &Others,
        now: i64,
    ) -> Result<Vec<SeriesPlan>, StoreError> {
        let mut measurer = store.measurer(now);
        let target = |(key, span): (SeriesKey, Span)| {
            let key = store.of_file(&key)?;
            let (known, gaps_due_at) = self.known(store, &mut measurer, &key, span)?;
            let known = Known {
                unchecked: store.unchecked(others, &key)?,
                ..known
            };
            let held = store.left_to(others, &key)?;
            Ok(SeriesPlan {
                gaps_due_at,
                ..self.target(&key, span, &known, &held, now)?
            })
        };
        distinct(series).into_iter().map(target).collect()
    }

    /// Whether something of a series is in doubt.
    pub(super) fn doubts(&self, store: &Store, key: &SeriesKey) -> Result<bool, StoreError> {
        let known = store.known(key)?;
        Ok(!known.doubtful(&self.provider.market(key)).is_empty())
    }

    /// What is to be taken now of stretches that were left to others before. Nothing else is: whatever this run has asked, it
    /// has asked, and what the others have asked again was asked again.
    pub(super) fn rest(
        &self,
        store: &Store,
        series: &Series,
        left: &[Left],
        others: &Others,
        now: i64,
    ) -> Result<SeriesPlan, StoreError> {
        let modest = Runner {
            provider: self.provider.clone(),
            clock: self.clock.clone(),
            cancel: self.cancel.clone(),
            force: false,
            refetch_empty: false,
            refetch_gaps: false,
            ..*self
        };
        let held = store.left_to(others, &series.key)?;
        let known = store.known(&series.key)?;
        let mut target = modest.target(&series.key, series.span, &known, &held, now)?;
        let left: SpanSet = left.iter().map(|left| left.span).collect();
        let within = |span: &Span| left.within(*span).iter().collect::<Vec<_>>();
        target.slices = target.slices.iter().flat_map(within).collect();
        target.left = (target.left.into_iter())
            .flat_map(|held| {
                let parts = left.within(held.span);
                let part = |span| Left {
                    span,
                    ..held.clone()
                };
                parts.iter().map(part).collect::<Vec<_>>()
            })
            .collect();
        Ok(target)
    }

    fn target(
        &self,
        key: &SeriesKey,
        span: Span,
        known: &Known,
        held: &[Left],
        now: i64,
    ) -> Result<SeriesPlan, StoreError> {
        let market = fillable(key, self.provider.market(key))?;
        // What was not checked, and what is doubtful, is asked again with it, wherever it is.
        let also = known.unchecked.union(&known.doubtful(&market));
        let wanted = Wanted {
            span: also.iter().fold(span, Span::hull),
            force: self.force,
            refetch_empty: self.refetch_empty || self.refetch_gaps && known.has_candles,
        };
        let Plan { slices, not_due } = plan(&market, known, wanted, self.policy, now);
        let disbelieved = known.disbelieved(&market, self.policy, now);
        let meant = also.union(&span.into());
        let meant = |slice: Span| meant.within(slice).iter().collect::<Vec<_>>();
        let missing = slices.into_iter().flat_map(meant).collect();
        let (mut slices, left) = leave(missing, held);
        if !left.is_empty() {
            let closed = market.frontier(now, self.policy).closed;
            slices.retain(|slice| slice.start() < closed);
        }
        Ok(SeriesPlan {
            disbelieved,
            key: key.clone(),
            market,
            span,
            slices,
            not_due,
            gaps_due_at: None,
            left,
            // Where nothing trades there is nothing, and nobody has to be asked for it.
            was_asked: Series::was_asked(known) || !market.trades_within(span),
        })
    }
}

/// Takes out of ascending slices what others hold, by start.
fn leave(missing: Vec<Span>, held: &[Left]) -> (Vec<Span>, Vec<Left>) {
    let mut left = Vec::new();
    for held in held {
        let from = missing.partition_point(|slice| slice.end() <= held.span.start());
        let shared = missing[from..]
            .iter()
            .map_while(|slice| slice.intersect(held.span));
        left.extend(shared.map(|span| Left {
            span,
            ..held.clone()
        }));
    }
    if left.is_empty() {
        return (missing, left);
    }
    let theirs: SpanSet = held.iter().map(|held| held.span).collect();
    let own = |slice: Span| SpanSet::from(slice).subtract(&theirs.within(slice));
    let slices = missing.into_iter().map(own);
    let slices = slices.flat_map(|own| own.iter().collect::<Vec<_>>());
    (slices.collect(), left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::listing::{Adjustment, Listing};
    use crate::model::market::MarketCode;

    fn span(start: i64, end: i64) -> Span {
        Span::new(start, end).expect("not empty")
    }

    #[test]
    fn what_others_hold_is_cut_out_and_what_is_cut_stays_cut() {
        let key = SeriesKey {
            symbol: "AAPL".parse().expect("a symbol"),
            timeframe: "1m".parse().expect("a timeframe"),
            source: "a provider".into(),
            adjusted: Adjustment::Raw,
            listing: Listing::on(MarketCode::XNYS),
        };
        let held = [span(5, 12), span(30, 40)].map(|span| Left {
            key: key.clone(),
            span,
            job_id: "job".into(),
        });
        let missing = vec![span(0, 10), span(10, 20), span(20, 30)];
        let (slices, left) = leave(missing.clone(), &held);
        assert_eq!(slices, [span(0, 5), span(12, 20), span(20, 30)]);
        let left: Vec<Span> = left.iter().map(|left| left.span).collect();
        assert_eq!(left, [span(5, 10), span(10, 12)]);
        assert_eq!(
            leave(missing.clone(), &held[1..]),
            (missing.clone(), Vec::new())
        );
        let begins_where_one_ends = Left {
            span: span(10, 15),
            ..held[0].clone()
        };
        let (slices, left) = leave(missing, &[begins_where_one_ends]);
        assert_eq!(slices, [span(0, 10), span(15, 20), span(20, 30)]);
        assert_eq!(left.len(), 1, "what begins where a slice ends");
    }
}

//! What an imported file has all there is of: by what was said of it, by its provider's word, or by its own. What is not final yet is
//! left open.

use std::collections::HashSet;

use chrono::NaiveDate;

use super::{Ledger, State};
use crate::model::declared::Declared;
use crate::model::market::{Market, Policy, label_of};
use crate::model::span::Span;
use crate::provider::{DayFiles, Provider};
use crate::store::{Batch, StoreError};

impl Ledger<'_> {
    /// The file has all there is of its symbols, from the first candle to the end of the last one; what is not final yet is left
    /// open.
    pub(super) fn cover(
        &self,
        batch: &Batch<'_>,
        at: usize,
        spans: &[Option<Span>],
    ) -> Result<(), StoreError> {
        for (&(series_id, market), span) in self.files[at].bound.iter().zip(spans) {
            let settled = market.frontier(self.now, Policy::default()).settled;
            let span = span.and_then(|span| Span::new(span.start(), span.end().min(settled)));
            if let Some(span) = span {
                batch.cover_imported(series_id, span)?;
            }
        }
        Ok(())
    }

    /// The file has all there is of its data set on its days: of every series of that which the store holds, those among them of
    /// which it has no row.
    pub(super) fn cover_days(
        &self,
        batch: &Batch<'_>,
        at: usize,
        files: &DayFiles,
        provider: &dyn Provider,
    ) -> Result<(), StoreError> {
        let State { looked, bound, .. } = &self.files[at];
        let Some((first, last)) = (files.says)(&looked.file.path).days else {
            return Ok(());
        };
        let sets: HashSet<String> = bound
            .iter()
            .filter_map(|(id, _)| self.by_id.get(id))
            .map(|series| (files.data_set)(&self.series[*series].key.symbol))
            .collect();
        let Some((_, of_file)) = bound.first() else {
            return Ok(());
        };
        for (id, key) in batch.raw_series_of(provider.name(), of_file.timeframe())? {
            if !sets.contains(&(files.data_set)(&key.symbol)) {
                continue;
            }
            let market = key.market(provider.week_start());
            self.cover_span(batch, id, &market, (first, last))?;
        }
        Ok(())
    }

    /// The file says itself where it has all there is of a series.
    pub(super) fn cover_declared(
        &self,
        batch: &Batch<'_>,
        at: usize,
        declared: &Declared,
    ) -> Result<(), StoreError> {
        let is_it = |(id, _): &&(i64, Market)| {
            let series = self.by_id.get(id).map(|series| &self.series[*series].key);
            series == Some(&declared.key)
        };
        let Some((id, market)) = self.files[at].bound.iter().find(is_it) else {
            return Ok(());
        };
        let settled = market.frontier(self.now, Policy::default()).settled;
        for span in declared.coverage.iter() {
            if let Some(span) = Span::new(span.start(), span.end().min(settled)) {
                batch.cover_imported(*id, span)?;
            }
        }
        for span in declared.said_once.iter() {
            batch.say_once(*id, span)?;
        }
        Ok(())
    }

    /// All there is of a series on some days of its market is stored; what is not final yet is left open.
    pub(super) fn cover_span(
        &self,
        batch: &Batch<'_>,
        series_id: i64,
        market: &Market,
        (first, last): (NaiveDate, NaiveDate),
    ) -> Result<(), StoreError> {
        let settled = market.frontier(self.now, Policy::default()).settled;
        let (from, to) = if market.timeframe().is_label() {
            (label_of(first), market.next(label_of(last)))
        } else {
            let after = last.succ_opt().unwrap_or(last);
            (market.floor(market.midnight(first)), market.midnight(after))
        };
        match Span::new(from, to.min(settled)) {
            Some(span) => batch.cover_imported(series_id, span),
            None => Ok(()),
        }
    }
}

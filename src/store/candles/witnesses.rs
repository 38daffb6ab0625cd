//! Covered candles of which is looked at whether they are still what the provider says: a split would have moved them.

use crate::model::candle::Candle;
use crate::model::span::{Span, SpanSet};
use crate::store::candles::columns::{candle_of, selected};
use crate::store::candles::coverage::coverage;
use crate::store::{Store, StoreError, told};

impl Store {
    /// The covered candles that a split would have changed, and new ones could contradict, in groups of `count` at most: the
    /// oldest, the newest, and those on both sides of each stretch that is missing. None where nothing is missing.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn covered_to_check(
        &self,
        series_id: i64,
        missing: impl Iterator<Item = Span>,
        count: usize,
    ) -> Result<Vec<Vec<Candle>>, StoreError> {
        let missing: SpanSet = missing.collect();
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let ends = [(i64::MIN, i64::MIN), (i64::MAX, i64::MAX)];
        let seams = missing.iter().map(|span| (span.start(), span.end()));
        let read = || {
            let covered = coverage(&self.connection, series_id)?;
            let mut groups = Vec::new();
            for (before, from) in ends.into_iter().chain(seams) {
                let before = Span::new(i64::MIN, before).map(|span| covered.within(span));
                let from = Span::new(from, i64::MAX).map(|span| covered.within(span));
                let before = before.iter().flat_map(|covered| covered.iter().rev());
                groups.push(self.some_of(series_id, before, "DESC", count)?);
                let from = from.iter().flat_map(SpanSet::iter);
                groups.push(self.some_of(series_id, from, "ASC", count)?);
            }
            groups.retain(|group| !group.is_empty());
            Ok(groups)
        };
        read().map_err(told(&self.path))
    }

    /// Covered candles between two others, evenly spread in time, at most `count`, ascending.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn covered_between(
        &self,
        series_id: i64,
        first: i64,
        last: i64,
        count: i64,
    ) -> Result<Vec<Candle>, StoreError> {
        let read = || {
            let covered = coverage(&self.connection, series_id)?;
            let mut found = Vec::new();
            let step = (last - first) / (count + 1);
            for from in (1..=count).map(|number| first + number * step) {
                let after = Span::new(from, last).map(|rest| covered.within(rest));
                let after = after.iter().flat_map(SpanSet::iter);
                found.extend(self.some_of(series_id, after, "ASC", 1)?);
            }
            found.dedup_by_key(|candle| candle.ts);
            Ok(found)
        };
        read().map_err(told(&self.path))
    }

    /// The first candles in these spans, which lie in that order; ascending.
    fn some_of(
        &self,
        series_id: i64,
        spans: impl Iterator<Item = Span>,
        order: &str,
        count: usize,
    ) -> rusqlite::Result<Vec<Candle>> {
        let mut select = self.connection.prepare_cached(&format!(
            "SELECT {} FROM candle_data WHERE series_id = ? AND ts >= ? AND ts < ? ORDER BY ts {order} LIMIT ?",
            selected()
        ))?;
        let mut found = Vec::new();
        for span in spans {
            let wanted = i64::try_from(count - found.len()).unwrap_or(i64::MAX);
            for row in select.query_map([series_id, span.start(), span.end(), wanted], candle_of)? {
                found.push(row?);
            }
            if found.len() >= count {
                break;
            }
        }
        found.sort_unstable_by_key(|candle| candle.ts);
        Ok(found)
    }
}

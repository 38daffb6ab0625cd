//! Candles that stay, of which is looked at whether they are still what the provider says: a split would have moved them. They are
//! covered, or were handed in.

use crate::model::candle::Candle;
use crate::model::span::{Span, SpanSet};
use crate::store::candles::columns::{candle_of, selected};
use crate::store::{Store, StoreError, told};

impl Store {
    /// The candles that stay and that a split would have changed, and new ones could contradict, in groups of `count` at most: the
    /// oldest, the newest, and those on both sides of each stretch that is missing. None where nothing is missing.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn to_check(
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
            let mut groups = Vec::new();
            for (before, from) in ends.into_iter().chain(seams) {
                let before = Span::new(i64::MIN, before);
                groups.push(self.some_of(series_id, before, "DESC", count)?);
                let from = Span::new(from, i64::MAX);
                groups.push(self.some_of(series_id, from, "ASC", count)?);
            }
            groups.retain(|group| !group.is_empty());
            Ok(groups)
        };
        read().map_err(told(&self.path))
    }

    /// Candles that stay between two others, evenly spread in time, at most `count`, ascending.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn between(
        &self,
        series_id: i64,
        first: i64,
        last: i64,
        count: i64,
    ) -> Result<Vec<Candle>, StoreError> {
        let read = || {
            let mut found = Vec::new();
            let step = (last - first) / (count + 1);
            for from in (1..=count).map(|number| first + number * step) {
                found.extend(self.some_of(series_id, Span::new(from, last), "ASC", 1)?);
            }
            found.dedup_by_key(|candle| candle.ts);
            Ok(found)
        };
        read().map_err(told(&self.path))
    }

    /// The first candles that stay in a span, in an order; ascending.
    fn some_of(
        &self,
        series_id: i64,
        span: Option<Span>,
        order: &str,
        count: usize,
    ) -> rusqlite::Result<Vec<Candle>> {
        let Some(span) = span else {
            return Ok(Vec::new());
        };
        let mut select = self.connection.prepare_cached(&format!(
            "SELECT {} FROM candle_data AS d WHERE series_id = ?1 AND ts >= ?2 AND ts < ?3 AND (slice_id IS NULL OR EXISTS
             (SELECT 1 FROM coverage AS c WHERE c.series_id = ?1 AND c.start_ts <= d.ts AND d.ts < c.end_ts))
             ORDER BY ts {order} LIMIT ?4",
            selected()
        ))?;
        let most = i64::try_from(count).unwrap_or(i64::MAX);
        let values = [series_id, span.start(), span.end(), most];
        let mut found: Vec<Candle> = select
            .query_map(values, candle_of)?
            .collect::<Result<_, _>>()?;
        found.sort_unstable_by_key(|candle| candle.ts);
        Ok(found)
    }
}

//! The check of an adjusted series before it grows: a split changes all of its past at once, and may be entered late. What
//! is stored and what is still to come must never stand side by side in two scales.

use std::collections::BTreeMap;

use super::fetch::{Fetcher, Series, odd};
use super::judge::Chain;
use crate::model::candle::Candle;
use crate::model::market::{Frontier, date_of};
use crate::model::scale::{Checked, Moved, Side, moved};
use crate::model::span::Span;
use crate::provider::{ErrorKind, ProviderError};

fn sort(candles: &mut Vec<Candle>) {
    candles.sort_unstable_by_key(|candle| candle.ts);
    candles.dedup_by_key(|candle| candle.ts);
}

/// Those of ascending candles that start in a span.
fn within(candles: &[Candle], span: Span) -> &[Candle] {
    let before = |position| candles.partition_point(|candle| candle.ts < position);
    &candles[before(span.start())..before(span.end())]
}

impl Fetcher {
    /// Asks again for stored candles of an adjusted series: its oldest and newest covered ones, and those that new ones
    /// will join; at the end those that came first, for a split may be entered while the others come. Says so where a split
    /// has moved them.
    pub(super) fn recheck(
        &self,
        series: usize,
        at_end: bool,
    ) -> Result<Option<String>, ProviderError> {
        let Series {
            key,
            market,
            recheck,
            between,
            ..
        } = &self.series[series];
        let firsts = at_end.then(|| {
            let firsts = self.firsts.lock().expect("no panic under this lock");
            firsts.get(&series).cloned().unwrap_or_default()
        });
        let (stored, between) = match &firsts {
            Some(firsts) => (firsts, &[][..]),
            None => (recheck, between.as_slice()),
        };
        let (Some(first), Some(last)) = (stored.first(), stored.last()) else {
            return Ok(None);
        };
        let hull = Span::new(first.ts, market.next(last.ts));
        let cells = hull.map_or_else(Vec::new, |hull| market.cut_at_cells(hull));
        let mut checked = Vec::with_capacity(stored.len());
        let mut gone = None;
        for (at, &cell) in cells.iter().enumerate() {
            let mut asked = within(stored, cell).to_vec();
            let (Some(first), Some(last)) = (asked.first(), asked.last()) else {
                continue;
            };
            // What lies between comes along, in one request for the cell.
            let (first, last) = (first.ts, last.ts);
            let more = within(between, cell);
            let are_gone = gone.is_some() && checked.len() < 2;
            let come_along = |one: &&Candle| are_gone || (first..last).contains(&one.ts);
            asked.extend(more.iter().filter(come_along));
            sort(&mut asked);
            let missed = match self.check_in_cell(series, &asked, more) {
                Ok(found) if found.is_empty() => odd("the provider did not give them again"),
                Ok(found) => {
                    checked.extend(found);
                    continue;
                }
                Err(error) if error.kind == ErrorKind::OutsideHistory => error,
                Err(error) => return Err(error),
            };
            // A plan's history moves on, by refusing or in silence, and leaves behind what can be checked no longer.
            if !checked.is_empty() {
                return Err(missed);
            }
            if gone.replace(missed).is_none() {
                checked.extend(self.oldest_between(series, between, &cells[at + 1..])?);
            }
        }
        if let Some(error) = gone.filter(|_| checked.is_empty()) {
            return Err(error);
        }
        checked.sort_unstable_by_key(|checked| checked.old.ts);
        checked.dedup_by_key(|checked| checked.old.ts);
        Ok(moved(&checked).map(|Moved { factor, one, side }| {
            let (up_to, day) = match side {
                Side::UpTo(ts) => ("up to", date_of(ts)),
                Side::From(ts) => ("from", date_of(ts)),
            };
            format!(
                "the adjusted prices of {} {} {up_to} {day} have changed by a factor of {factor:.6} since they were stored (close of {} was {}, now is {}): a split has made the series stale",
                key.symbol,
                key.timeframe,
                date_of(one.old.ts),
                one.old.close,
                one.new.close
            )
        }))
    }

    /// Asks for stored candles of one cell, and once more where none of them comes, with the others of the cell.
    fn check_in_cell(
        &self,
        series: usize,
        stored: &[Candle],
        more: &[Candle],
    ) -> Result<Vec<Checked>, ProviderError> {
        let answer = self.ask_for(series, stored)?;
        if answer.is_empty() {
            let mut all = [stored, more].concat();
            sort(&mut all);
            return self.ask_for(series, &all);
        }
        Ok(answer)
    }

    /// Where the oldest candles do not come any more, the oldest that do: what a plan has left behind ends somewhere.
    fn oldest_between(
        &self,
        series: usize,
        between: &[Candle],
        cells: &[Span],
    ) -> Result<Vec<Checked>, ProviderError> {
        let held = cells.iter().map(|&cell| within(between, cell));
        let held: Vec<&[Candle]> = held.filter(|held| !held.is_empty()).collect();
        let (mut from, mut to) = (0, held.len());
        let mut found = Vec::new();
        while from < to {
            let middle = from.midpoint(to);
            match self.ask_for(series, held[middle]) {
                Ok(checked) if !checked.is_empty() => {
                    found.extend(checked);
                    to = middle;
                }
                Err(error) if error.kind != ErrorKind::OutsideHistory => return Err(error),
                _ => from = middle + 1,
            }
        }
        Ok(found)
    }

    /// Asks for stored candles of one cell.
    fn ask_for(&self, series: usize, stored: &[Candle]) -> Result<Vec<Checked>, ProviderError> {
        let (Some(first), Some(last)) = (stored.first(), stored.last()) else {
            return Ok(Vec::new());
        };
        let end = self.series[series].market.next(last.ts);
        let Some(span) = Span::new(first.ts, end) else {
            return Ok(Vec::new());
        };
        // What is covered was final when it was stored, whatever this job counts as closed.
        let all_final = Frontier {
            closed: i64::MAX,
            settled: i64::MAX,
            tail_proven: span.end(),
        };
        let mut chain = Chain::new(self.series[series].market, span, all_final);
        let mut pages = self.pages(series, span, i64::MAX);
        let mut answer: BTreeMap<i64, Checked> = BTreeMap::new();
        loop {
            let judged = chain.judge(pages.next()?.0).map_err(|why| odd(&why))?;
            for new in judged.candles {
                if let Ok(at) = stored.binary_search_by_key(&new.ts, |old| old.ts) {
                    let old = stored[at];
                    answer.entry(new.ts).or_insert(Checked { old, new });
                }
            }
            if judged.is_last {
                return Ok(answer.into_values().collect());
            }
        }
    }
}

//! The check of an adjusted series that grows: a split changes all of its past at once, and may be entered late, or while the
//! series is filled. What is stored and what is still to come must never stand side by side in two scales.
//!
//! Stored candles are asked again before anything is written, and what the provider said during the run before its end is.

use std::collections::BTreeMap;

use super::fetch::{Fetcher, Series, Trouble, odd};
use super::judge::Chain;
use crate::model::candle::Candle;
use crate::model::market::{Frontier, date_of};
use crate::model::scale::{Checked, Moved, Side, moved};
use crate::model::span::Span;
use crate::provider::{ErrorKind, ProviderError};

/// What is told of a stale series whose oldest stored candles did not come again.
pub(super) const LEFT_BEHIND: &str =
    "and the provider does not give its oldest stored candles any more";
/// Candles of an answer that are kept as witnesses.
const WITNESSES: usize = 5;

/// What the provider said of an adjusted series during a run.
///
/// A split that is entered meanwhile changes what lies before its day. Of the answers that came before it, those that it
/// changes include the one that reaches back furthest. So the beginning of an answer is asked for again in the end, unless
/// one that reaches back further had come before the question was sent. Where the oldest candles come first, that is one.
#[derive(Debug, Default)]
pub(crate) struct Witnesses {
    /// How far the answers reached back, each with all before it.
    reach: Vec<i64>,
    beginnings: Vec<Vec<Candle>>,
    /// Whether the stored candles were asked again.
    has_checked: bool,
    /// Whether the oldest of them did not come, but later ones did.
    has_left_behind: bool,
}

impl Witnesses {
    /// How many answers had candles so far: what is known when a question is sent.
    pub(super) fn heard(&self) -> usize {
        self.reach.len()
    }

    /// Takes the candles of an answer, ascending, and how many had come when it was asked for.
    pub(super) fn hear(&mut self, candles: &[Candle], heard: usize) {
        let Some(first) = candles.first() else { return };
        if self.reach[..heard]
            .last()
            .is_none_or(|&reach| first.ts < reach)
        {
            let beginning = &candles[..candles.len().min(WITNESSES)];
            self.beginnings.push(beginning.to_vec());
        }
        let reach = self
            .reach
            .last()
            .map_or(first.ts, |&reach| reach.min(first.ts));
        self.reach.push(reach);
    }
}

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
    /// Asks again for stored candles of an adjusted series, once: its oldest and newest covered ones, and those that new ones
    /// will join.
    pub(super) fn check_stored(&self, series: usize) -> Result<(), Trouble> {
        if std::mem::replace(&mut self.witnesses(series).has_checked, true) {
            return Ok(());
        }
        let heard = self.witnesses(series).heard();
        let checked = self.ask_stored(series).map_err(Trouble::Unchecked)?;
        let stored = self.series[series].stored.groups.iter().flatten();
        let oldest = stored.map(|stored| stored.ts).min();
        let came = checked.first().map(|checked| checked.old.ts);
        self.witnesses(series).has_left_behind = oldest < came;
        self.must_not_have_moved(series, &checked)?;
        // What lies in the middle may stand in another scale than both ends.
        for group in &self.series[series].stored.groups {
            let of_group = |one: &&Checked| group.iter().any(|stored| stored.ts == one.old.ts);
            let of_group: Vec<Checked> = checked.iter().filter(of_group).copied().collect();
            // A single one may have been corrected.
            if of_group.len() > 1 {
                self.must_not_have_moved(series, &of_group)?;
            }
        }
        let said: Vec<Candle> = checked.iter().map(|checked| checked.new).collect();
        self.witnesses(series).hear(&said, heard);
        Ok(())
    }

    /// Before a run's last word on an adjusted series is stored: the stored candles, and what the provider said meanwhile,
    /// where it said more than one thing.
    pub(super) fn check_at_end(&self, series: usize) -> Result<(), Trouble> {
        let is_one_answer = {
            let witnesses = self.witnesses(series);
            witnesses.heard() == 1 && !witnesses.has_checked
        };
        self.check_stored(series)?;
        let beginnings = {
            let witnesses = self.witnesses(series);
            if is_one_answer || witnesses.heard() < 2 {
                return Ok(());
            }
            witnesses.beginnings.clone()
        };
        for beginning in beginnings {
            let checked = self.check_in_cell(series, &beginning, &[]);
            let checked = checked.map_err(Trouble::Unchecked)?;
            if checked.is_empty() {
                return Err(Trouble::Unchecked(not_again()));
            }
            self.must_not_have_moved(series, &checked)?;
        }
        Ok(())
    }

    fn must_not_have_moved(&self, series: usize, checked: &[Checked]) -> Result<(), Trouble> {
        let Some(Moved { factor, one, side }) = moved(checked) else {
            return Ok(());
        };
        let key = &self.series[series].key;
        // Where the split lies between the candles that were asked again is not known.
        let seen = match side {
            Side::UpTo(ts) => format!("up to {}", date_of(ts)),
            Side::From(ts) => format!("from {} on", date_of(ts)),
        };
        let mut told = format!(
            "the adjusted prices of {} {} have changed by a factor of {factor:.6} since they were stored, seen in candles {seen} (close of {} was {}, now is {}): a split has made the series stale",
            key.symbol,
            key.timeframe,
            date_of(one.old.ts),
            one.old.close,
            one.new.close
        );
        if self.witnesses(series).has_left_behind {
            told += ", ";
            told += LEFT_BEHIND;
        }
        Err(Trouble::Stale(told))
    }

    /// What the provider says now of the stored candles that are checked, ascending.
    fn ask_stored(&self, series: usize) -> Result<Vec<Checked>, ProviderError> {
        let Series { market, stored, .. } = &self.series[series];
        let between = &stored.between;
        let stored = &mut stored.groups.concat();
        sort(stored);
        let (Some(first), Some(last)) = (stored.first(), stored.last()) else {
            return Ok(Vec::new());
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
                Ok(found) if found.is_empty() => not_again(),
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
        Ok(checked)
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

fn not_again() -> ProviderError {
    odd("the provider did not give them again")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candles(first: i64) -> Vec<Candle> {
        let candle = |ts| Candle {
            ts,
            open: 1.0,
            high: 1.0,
            low: 1.0,
            close: 1.0,
            volume: None,
            vwap: None,
            trades: None,
        };
        (first..first + 10).map(candle).collect()
    }

    #[test]
    fn what_reaches_back_further_than_all_that_had_come_when_it_was_asked_for_is_a_witness() {
        let mut witnesses = Witnesses::default();
        for (first, heard) in [(100, 0), (200, 1), (50, 2), (70, 3), (60, 2), (80, 0)] {
            witnesses.hear(&candles(first), heard);
        }
        witnesses.hear(&[], 0);
        assert_eq!(witnesses.heard(), 6);
        let beginnings = witnesses.beginnings.iter();
        let beginnings: Vec<(i64, usize)> = beginnings.map(|one| (one[0].ts, one.len())).collect();
        // The last two were asked for before anything that reaches further had come.
        let expected = [100, 50, 60, 80].map(|first| (first, WITNESSES));
        assert_eq!(beginnings, expected);
    }
}

//! The slices of one series: which of them is next, and whether nothing may be believed of one.

use std::collections::VecDeque;

use super::Work;
use crate::backfill::message::Nothing;
use crate::model::span::Span;
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;
use crate::plan::{is_beside, is_doubtful};
use crate::provider::AssetClass;
use crate::store::Slice;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Stored candles are to be asked for again first.
    Recheck,
    /// The oldest slice goes out alone.
    OldestAlone,
    Ascending,
    NewestFirst,
}

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) symbol: Symbol,
    pub(super) class: AssetClass,
    pub(super) timeframe: Timeframe,
    pub(super) pending: VecDeque<Slice>,
    pub(super) in_flight: Vec<Work>,
    pub(super) order: Order,
    /// Whether the file held candles of it before the run.
    pub(super) is_held: bool,
    /// From the first candle that is known to the end of the last.
    pub(super) life: Option<Span>,
    /// Slices without an answer but nothing, held back.
    pub(super) silent: Vec<Nothing>,
    /// Those of them that lie between candles, or right beside some.
    pub(super) doubtful: VecDeque<Slice>,
    /// Whether candles that came first are to be asked for again once all others are there.
    pub(super) check_at_end: bool,
}

impl Lane {
    pub(super) fn next(&mut self, series: usize) -> Option<Work> {
        if let Some(slice) = self.doubtful.pop_front() {
            return Some(Work::Slice {
                series,
                slice,
                again: true,
            });
        }
        let slice = match self.order {
            Order::Recheck => {
                return Some(Work::Recheck {
                    series,
                    at_end: false,
                });
            }
            Order::OldestAlone | Order::Ascending => self.pending.pop_front()?,
            Order::NewestFirst => self.pending.pop_back()?,
        };
        Some(Work::Slice {
            series,
            slice,
            again: false,
        })
    }

    /// Whether it is doubtful that there is nothing in a span, since candles are known on both sides of it, or right beside it;
    /// and whether it may become so yet.
    pub(super) fn doubts(&self, span: Span, held_back: &[Nothing]) -> Doubt {
        let asked = self.in_flight.iter().filter_map(|work| match work {
            Work::Slice { slice, .. } => Some(slice.span),
            Work::Recheck { .. } => None,
        });
        let at = self.pending.partition_point(|other| other.span < span);
        let neighbours = [at.checked_sub(1), Some(at)].into_iter().flatten();
        let neighbours = neighbours.filter_map(|at| self.pending.get(at));
        let ends = [self.pending.front(), self.pending.back()];
        // One that is asked about a second time may have candles yet, and so may those that are held back for its sake.
        let pending = ends.into_iter().flatten().chain(neighbours);
        let held_back = held_back.iter().map(|nothing| &nothing.slice);
        let pending = pending.chain(&self.doubtful).chain(held_back);
        let open: Vec<Span> = asked.chain(pending.map(|slice| slice.span)).collect();
        if is_doubtful(span, self.life) {
            return Doubt::Is;
        }
        let before = self.life.is_some_and(|life| life.start() < span.start());
        let after = self.life.is_some_and(|life| life.end() > span.end());
        let maybe_before = open.iter().any(|open| open.start() < span.start());
        let maybe_after = open.iter().any(|open| open.start() > span.start());
        let may_surround = (before || maybe_before) && (after || maybe_after);
        if may_surround || open.iter().any(|&open| is_beside(span, open)) {
            Doubt::May
        } else {
            Doubt::None
        }
    }
}

/// What is thought of a slice for which the provider had nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    Is,
    May,
    None,
}

//! Which slice is fetched next. A state machine without threads or a clock; [`super`] puts a lock around it.
//!
//! Slices go out in plan order, series by series, so that the writer appends. Two exceptions: the first slice of a series
//! is asked alone, since a plan's history that begins later would refuse it and its neighbours alike; and a series whose
//! slice was refused so goes on newest first, one at a time, until the next such refusal. So a plan's limit costs a
//! series two requests.
//!
//! A symbol that the plan does not include is asked for once. It takes two of a class, and none that was answered, to take the
//! class for one that the plan does not include: a single symbol may be refused for reasons of its own. Where the file holds
//! candles of the class, it takes two of those that have some: the plan has included it before. For a series that has candles
//! itself only refusals in its own timeframe speak. What is in flight of such a class is waited for, since a refusal is quick and
//! an answer is not.
//!
//! A slice that the provider had nothing for may be one that it only lost, if the series has candles before and after it.
//! Whether it has is known once its neighbours were asked; until then such a slice is held back. One between candles is
//! asked for a second time, and the others are done.

mod lane;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use lane::{Doubt, Lane, Order};

use super::message::{End, Nothing};
use crate::model::span::Span;
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;
use crate::provider::{AssetClass, ErrorKind};
use crate::store::Slice;

/// Something to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Ask again for candles of an adjusted series that are stored: before anything is fetched, and at the end.
    Recheck {
        /// Index of the series in the job.
        series: usize,
        /// Whether it is for what came first in this run.
        at_end: bool,
    },
    /// Fetch a slice.
    Slice {
        /// Index of the series in the job.
        series: usize,
        /// The slice.
        slice: Slice,
        /// Whether nothing was an answer of the first question, and of the second is one.
        again: bool,
    },
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// This.
    Do(Work),
    /// Something in flight decides what comes next.
    Wait,
    /// Nothing is left.
    Done,
}

/// How a piece of work went, as far as it matters for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was done.
    Settled,
    /// It failed alone.
    Failed,
    /// The slice lies before the plan's history.
    OutsideHistory,
    /// The plan does not include the symbol, or its whole asset class.
    NotEntitled,
    /// Nothing more of this series may be fetched.
    SeriesOver,
    /// The provider has nothing for the slice, as it said at an instant for the first time.
    Nothing(End, i64),
}

/// A slice that is not asked, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unasked {
    /// Index of the series in the job.
    pub(crate) series: usize,
    /// The slice.
    pub(crate) slice: Slice,
    /// Why.
    pub(crate) why: &'static str,
}

impl Unasked {
    /// What it means that it is not asked.
    pub(crate) fn kind(&self) -> ErrorKind {
        match self.why {
            BEFORE_HISTORY => ErrorKind::OutsideHistory,
            _ => ErrorKind::NotEntitled,
        }
    }
}

pub(super) const BEFORE_HISTORY: &str = "not asked: the plan's history begins later";
pub(super) const CLASS_REFUSED: &str = "not asked: the plan does not include this asset class";
pub(super) const SYMBOL_REFUSED: &str = "not asked: the plan does not include this symbol";

/// All slices of a job.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    lanes: Vec<Lane>,
    /// Lanes with something pending.
    live: BTreeSet<usize>,
    refused: HashMap<AssetClass, HashSet<(Symbol, Timeframe)>>,
    /// Symbols of which the file holds candles.
    held: HashMap<AssetClass, HashSet<Symbol>>,
    /// Classes of which something was answered.
    answered: HashSet<AssetClass>,
    in_flight: HashMap<AssetClass, usize>,
    history_from: HashMap<(AssetClass, Timeframe), i64>,
    unasked: Vec<Unasked>,
    nothing: Vec<Nothing>,
}

impl Queue {
    /// The file holds candles of a symbol from the provider.
    pub(crate) fn hold(&mut self, symbol: Symbol, class: AssetClass) {
        self.held.entry(class).or_default().insert(symbol);
    }

    /// Adds a series with its slices in ascending order, and the stretch that it is known to live in.
    pub(crate) fn push(
        &mut self,
        symbol: &Symbol,
        class: AssetClass,
        timeframe: Timeframe,
        slices: &[Slice],
        recheck: bool,
        life: Option<Span>,
    ) {
        if !slices.is_empty() {
            self.live.insert(self.lanes.len());
        }
        let order = if recheck {
            Order::Recheck
        } else {
            Order::OldestAlone
        };
        self.lanes.push(Lane {
            symbol: symbol.clone(),
            class,
            timeframe,
            pending: slices.iter().copied().collect(),
            in_flight: Vec::new(),
            order,
            is_held: life.is_some(),
            life,
            silent: Vec::new(),
            doubtful: VecDeque::new(),
            check_at_end: false,
        });
    }

    /// Of the series that was added last, what came first is asked for again in the end.
    pub(crate) fn check_at_end(&mut self) {
        if let Some(lane) = self.lanes.last_mut() {
            lane.check_at_end = true;
        }
    }

    /// The next piece of work.
    pub(crate) fn next(&mut self) -> Next {
        let mut from = 0;
        while let Some(&series) = self.live.range(from..).next() {
            from = series + 1;
            let class = self.lanes[series].class;
            if self.looks_refused(series) && self.in_flight.get(&class).is_some_and(|&n| n > 0) {
                continue;
            }
            self.drop_unasked(series);
            self.judge_silent(series);
            let lane = &mut self.lanes[series];
            if lane.pending.is_empty() && lane.doubtful.is_empty() {
                if !lane.silent.is_empty() || lane.check_at_end && !lane.in_flight.is_empty() {
                    continue;
                }
                self.live.remove(&series);
                if std::mem::take(&mut lane.check_at_end) {
                    let work = Work::Recheck {
                        series,
                        at_end: true,
                    };
                    lane.in_flight.push(work);
                    *self.in_flight.entry(class).or_default() += 1;
                    return Next::Do(work);
                }
                continue;
            }
            if !lane.in_flight.is_empty() && lane.order != Order::Ascending {
                continue;
            }
            if let Some(work) = lane.next(series) {
                lane.in_flight.push(work);
                *self.in_flight.entry(class).or_default() += 1;
                return Next::Do(work);
            }
        }
        if self.live.is_empty() {
            Next::Done
        } else {
            Next::Wait
        }
    }

    /// Says how a piece of work went, and in what stretch the series is known to live since.
    pub(crate) fn done(&mut self, work: Work, verdict: Verdict, life: Option<Span>) {
        let (Work::Recheck { series, .. } | Work::Slice { series, .. }) = work;
        let lane = &mut self.lanes[series];
        lane.in_flight.retain(|other| *other != work);
        if let Some(in_flight) = self.in_flight.get_mut(&lane.class) {
            *in_flight -= 1;
        }
        lane.life = life;
        lane.order = match (lane.order, verdict) {
            (_, Verdict::OutsideHistory) | (Order::NewestFirst, _) => Order::NewestFirst,
            (Order::Recheck, _) => Order::OldestAlone,
            (Order::OldestAlone | Order::Ascending, _) => Order::Ascending,
        };
        if matches!(verdict, Verdict::Settled | Verdict::Nothing(..)) {
            self.answered.insert(lane.class);
        }
        match (verdict, work) {
            (Verdict::OutsideHistory, Work::Slice { slice, .. }) => {
                let from = self
                    .history_from
                    .entry((lane.class, lane.timeframe))
                    .or_insert(i64::MIN);
                *from = slice.span.start().max(*from);
            }
            (Verdict::NotEntitled, work) => {
                let refused = self.refused.entry(lane.class).or_default();
                refused.insert((lane.symbol.clone(), lane.timeframe));
                lane.check_at_end = false;
                if matches!(work, Work::Recheck { .. }) {
                    // The whole series was given up with it.
                    lane.pending.clear();
                }
            }
            (Verdict::SeriesOver, _) => {
                lane.pending.clear();
                lane.check_at_end = false;
            }
            (Verdict::Nothing(end, seen_at), Work::Slice { slice, .. }) => {
                lane.silent.push(Nothing {
                    series,
                    slice,
                    end,
                    seen_at,
                });
                self.live.insert(series);
            }
            _ => {}
        }
    }

    /// The slices for which nothing is the answer, since the last call.
    pub(crate) fn take_nothing(&mut self) -> Vec<Nothing> {
        std::mem::take(&mut self.nothing)
    }

    /// Lets go of the silent slices of a series whose neighbours have said enough.
    fn judge_silent(&mut self, series: usize) {
        let lane = &mut self.lanes[series];
        // What is not proven is asked again soon.
        let silent = std::mem::take(&mut lane.silent).into_iter();
        let (mut silent, unproven): (Vec<Nothing>, Vec<Nothing>) =
            silent.partition(|nothing| nothing.end.proven.is_some());
        self.nothing.extend(unproven);
        // The doubtful ones first, then whoever is held back for their sake, and so on: each may be the neighbour of another.
        silent.retain(|nothing| {
            let is_doubtful = lane.doubts(nothing.slice.span, &[]) == Doubt::Is;
            lane.doubtful.extend(is_doubtful.then_some(nothing.slice));
            !is_doubtful
        });
        loop {
            let (more, rest): (Vec<Nothing>, Vec<Nothing>) = silent
                .into_iter()
                .partition(|nothing| lane.doubts(nothing.slice.span, &lane.silent) == Doubt::May);
            silent = rest;
            if more.is_empty() {
                break;
            }
            lane.silent.extend(more);
        }
        self.nothing.extend(silent);
    }

    /// The slices that were found not worth asking since the last call.
    pub(crate) fn take_unasked(&mut self) -> Vec<Unasked> {
        std::mem::take(&mut self.unasked)
    }

    /// The symbols that were refused, as far as that speaks for a series; one may come for each of its timeframes.
    fn refused(&self, series: usize) -> impl Iterator<Item = &Symbol> {
        let lane = &self.lanes[series];
        let refused = self.refused.get(&lane.class).into_iter().flatten();
        let speaks =
            |(_, timeframe): &&(Symbol, Timeframe)| !lane.is_held || *timeframe == lane.timeframe;
        refused.filter(speaks).map(|(symbol, _)| symbol)
    }

    /// Whether two symbols speak for the class, and nothing was answered.
    fn looks_refused(&self, series: usize) -> bool {
        let class = self.lanes[series].class;
        let held = self.held.get(&class);
        let speaks = |symbol: &&Symbol| held.is_none_or(|held| held.contains(*symbol));
        let mut speaking = self.refused(series).filter(speaks);
        let first = speaking.next();
        !self.answered.contains(&class) && speaking.any(|other| Some(other) != first)
    }

    fn drop_unasked(&mut self, series: usize) {
        let of_class = self.looks_refused(series);
        let symbol = &self.lanes[series].symbol;
        let of_symbol = self.refused(series).any(|refused| refused == symbol);
        let lane = &mut self.lanes[series];
        if lane.order == Order::Recheck && !lane.in_flight.is_empty() {
            // Whoever does it says what becomes of the series.
            return;
        }
        let history_from = self
            .history_from
            .get(&(lane.class, lane.timeframe))
            .copied()
            .unwrap_or(i64::MIN);
        if !of_class && !of_symbol && history_from == i64::MIN {
            return;
        }
        let unasked = &mut self.unasked;
        lane.pending.retain(|&slice| {
            let why = match slice.span.end() <= history_from {
                _ if of_class => CLASS_REFUSED,
                _ if of_symbol => SYMBOL_REFUSED,
                true => BEFORE_HISTORY,
                false => return true,
            };
            unasked.push(Unasked { series, slice, why });
            false
        });
        let is_untouched = matches!(lane.order, Order::Recheck | Order::OldestAlone);
        if is_untouched && lane.pending.is_empty() && lane.in_flight.is_empty() {
            // Nothing came of it that could be checked.
            lane.check_at_end = false;
        }
    }
}

//! Which slice is fetched next. A state machine without threads or a clock; [`super`] puts a lock around it.
//!
//! Slices go out in plan order, series by series, so that the writer appends. Two exceptions: the first slice of a series
//! is asked alone, since a plan's history that begins later would refuse it and its neighbours alike; and a series whose
//! slice was refused so goes on newest first, one at a time, until the next such refusal. So a plan's limit costs a
//! series two requests.
//!
//! A symbol that the plan does not include is asked for once. It takes two of a class, and none that was answered, to take the
//! class for one that the plan does not include: a single symbol may be refused for reasons of its own. What is in flight of
//! such a class is waited for, since a refusal is quick and an answer is not.
//!
//! A slice that the provider had nothing for may be one that it only lost, if the series has candles before and after it.
//! Whether it has is known once its neighbours were asked; until then such a slice is held back. One between candles is
//! asked for a second time, and the others are done.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use super::message::{End, Nothing};
use crate::model::span::Span;
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;
use crate::provider::{AssetClass, ErrorKind};
use crate::store::Progress;

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
        progress: Progress,
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
    pub(crate) progress: Progress,
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

/// A candle is beside a span that begins or ends no more than so many seconds from it: two weeks, with all their holidays.
const BESIDE: i64 = 14 * 86_400;

/// So many symbols that are refused speak for their class.
const REFUSED_OF_CLASS: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Stored candles are to be asked for again first.
    Recheck,
    /// The oldest slice goes out alone.
    OldestAlone,
    Ascending,
    NewestFirst,
}

#[derive(Debug)]
struct Lane {
    symbol: Symbol,
    class: AssetClass,
    timeframe: Timeframe,
    pending: VecDeque<Progress>,
    in_flight: Vec<Work>,
    order: Order,
    /// From the first candle that is known to the end of the last.
    life: Option<Span>,
    /// Slices without an answer but nothing, held back.
    silent: Vec<Nothing>,
    /// Those of them that lie between candles, or right beside some.
    doubtful: VecDeque<Progress>,
    /// Whether candles that came first are to be asked for again once all others are there.
    check_at_end: bool,
}

impl Lane {
    fn next(&mut self, series: usize) -> Option<Work> {
        if let Some(progress) = self.doubtful.pop_front() {
            return Some(Work::Slice {
                series,
                progress,
                again: true,
            });
        }
        let progress = match self.order {
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
            progress,
            again: false,
        })
    }

    /// Whether that there is nothing in a span is doubtful: candles are known on both sides of it, or right beside it. Whether
    /// it may yet become so.
    fn doubts(&self, span: Span, held_back: &[Nothing]) -> Doubt {
        let asked = self.in_flight.iter().filter_map(|work| match work {
            Work::Slice { progress, .. } => Some(progress.span),
            Work::Recheck { .. } => None,
        });
        let at = self.pending.partition_point(|other| other.span < span);
        let neighbours = [at.checked_sub(1), Some(at)].into_iter().flatten();
        let neighbours = neighbours.filter_map(|at| self.pending.get(at));
        let ends = [self.pending.front(), self.pending.back()];
        // One that is asked about a second time may have candles yet, and so may those that are held back for its sake.
        let pending = ends.into_iter().flatten().chain(neighbours);
        let held_back = held_back.iter().map(|nothing| &nothing.progress);
        let pending = pending.chain(&self.doubtful).chain(held_back);
        let open: Vec<Span> = asked.chain(pending.map(|progress| progress.span)).collect();
        let is_beside = |other: &Span| {
            other.start() < span.end() + BESIDE && span.start() < other.end() + BESIDE
        };
        let before = self.life.is_some_and(|life| life.start() < span.start());
        let after = self.life.is_some_and(|life| life.end() > span.end());
        if before && after || self.life.as_ref().is_some_and(is_beside) {
            return Doubt::Is;
        }
        let maybe_before = open.iter().any(|open| open.start() < span.start());
        let maybe_after = open.iter().any(|open| open.start() > span.start());
        let may_surround = (before || maybe_before) && (after || maybe_after);
        if may_surround || open.iter().any(is_beside) {
            Doubt::May
        } else {
            Doubt::None
        }
    }
}

/// What is thought of a slice for which the provider had nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    Is,
    May,
    None,
}

/// All slices of a job.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    lanes: Vec<Lane>,
    /// Lanes with something pending.
    live: BTreeSet<usize>,
    refused: HashMap<AssetClass, HashSet<Symbol>>,
    /// Classes of which something was answered.
    answered: HashSet<AssetClass>,
    in_flight: HashMap<AssetClass, usize>,
    history_from: HashMap<(AssetClass, Timeframe), i64>,
    unasked: Vec<Unasked>,
    nothing: Vec<Nothing>,
}

impl Queue {
    /// Adds a series with its slices in ascending order, and the stretch that it is known to live in.
    pub(crate) fn push(
        &mut self,
        symbol: &Symbol,
        class: AssetClass,
        timeframe: Timeframe,
        slices: &[Progress],
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
            if self.looks_refused(class) && self.in_flight.get(&class).is_some_and(|&n| n > 0) {
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
            (Verdict::OutsideHistory, Work::Slice { progress, .. }) => {
                let from = self
                    .history_from
                    .entry((lane.class, lane.timeframe))
                    .or_insert(i64::MIN);
                *from = progress.span.start().max(*from);
            }
            (Verdict::NotEntitled, work) => {
                let refused = self.refused.entry(lane.class).or_default();
                refused.insert(lane.symbol.clone());
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
            (Verdict::Nothing(end, seen_at), Work::Slice { progress, .. }) => {
                lane.silent.push(Nothing {
                    series,
                    progress,
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
            let is_doubtful = lane.doubts(nothing.progress.span, &[]) == Doubt::Is;
            lane.doubtful
                .extend(is_doubtful.then_some(nothing.progress));
            !is_doubtful
        });
        loop {
            let (more, rest): (Vec<Nothing>, Vec<Nothing>) =
                silent.into_iter().partition(|nothing| {
                    lane.doubts(nothing.progress.span, &lane.silent) == Doubt::May
                });
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

    fn looks_refused(&self, class: AssetClass) -> bool {
        let refused = self.refused.get(&class).map_or(0, HashSet::len);
        refused >= REFUSED_OF_CLASS && !self.answered.contains(&class)
    }

    fn drop_unasked(&mut self, series: usize) {
        let class = self.lanes[series].class;
        let of_class = self.looks_refused(class);
        let refused = self.refused.get(&class);
        let lane = &mut self.lanes[series];
        if lane.order == Order::Recheck && !lane.in_flight.is_empty() {
            // Whoever does it says what becomes of the series.
            return;
        }
        let of_symbol = refused.is_some_and(|refused| refused.contains(&lane.symbol));
        let history_from = self
            .history_from
            .get(&(lane.class, lane.timeframe))
            .copied()
            .unwrap_or(i64::MIN);
        if !of_class && !of_symbol && history_from == i64::MIN {
            return;
        }
        let unasked = &mut self.unasked;
        lane.pending.retain(|&progress| {
            let why = match progress.span.end() <= history_from {
                _ if of_class => CLASS_REFUSED,
                _ if of_symbol => SYMBOL_REFUSED,
                true => BEFORE_HISTORY,
                false => return true,
            };
            unasked.push(Unasked {
                series,
                progress,
                why,
            });
            false
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::span::Span;

    fn days(from: i64, to: i64) -> Span {
        Span::new(from * 86_400, to * 86_400).expect("not empty")
    }

    fn slices(n: i64) -> Vec<Progress> {
        (0..n)
            .map(|k| Progress {
                slice_id: k,
                series_id: 0,
                span: days(k * 30, k * 30 + 30),
            })
            .collect()
    }

    fn symbol(text: &str) -> Symbol {
        text.parse().expect("a symbol")
    }

    fn queue(lanes: &[(AssetClass, i64)]) -> Queue {
        let mut queue = Queue::default();
        for (at, &(class, n)) in lanes.iter().enumerate() {
            let (symbol, minutes) = (symbol(&format!("S{at}")), Timeframe::Minutes(1));
            queue.push(&symbol, class, minutes, &slices(n), false, None);
        }
        queue
    }

    fn take(queue: &mut Queue) -> (usize, i64, Work) {
        match queue.next() {
            Next::Do(
                work @ Work::Slice {
                    series, progress, ..
                },
            ) => (series, progress.slice_id, work),
            other => panic!("a slice was expected, not {other:?}"),
        }
    }

    #[test]
    fn the_first_slice_of_a_series_goes_alone_and_the_rest_in_order() {
        let mut queue = queue(&[(AssetClass::Stock, 3), (AssetClass::Stock, 1)]);
        let (series, slice, first) = take(&mut queue);
        assert_eq!((series, slice), (0, 0));
        let (series, slice, _) = take(&mut queue);
        assert_eq!((series, slice), (1, 0), "another series does not wait");
        assert_eq!(queue.next(), Next::Wait);
        queue.done(first, Verdict::Settled, None);
        assert_eq!((take(&mut queue).1, take(&mut queue).1), (1, 2));
        assert_eq!(queue.next(), Next::Done);
    }

    #[test]
    fn after_a_recheck_the_first_slice_of_a_series_goes_alone_all_the_same() {
        let mut queue = Queue::default();
        let timeframe = Timeframe::Minutes(1);
        let stock = AssetClass::Stock;
        queue.push(&symbol("S"), stock, timeframe, &slices(3), true, None);
        let Next::Do(recheck) = queue.next() else {
            panic!("a recheck was expected")
        };
        assert_eq!(queue.next(), Next::Wait, "nothing goes beside a recheck");
        queue.done(recheck, Verdict::Settled, None);
        assert_eq!(take(&mut queue).1, 0, "the oldest slice is next");
        assert_eq!(queue.next(), Next::Wait, "nothing goes beside it");
    }

    #[test]
    fn a_plans_limit_costs_two_requests() {
        let mut queue = queue(&[(AssetClass::Stock, 20)]);
        let mut asked = Vec::new();
        while let Next::Do(work) = queue.next() {
            let Work::Slice { progress, .. } = work else {
                panic!("no recheck was asked for")
            };
            asked.push(progress.slice_id);
            queue.done(
                work,
                if progress.slice_id < 8 {
                    Verdict::OutsideHistory
                } else {
                    Verdict::Settled
                },
                None,
            );
        }
        assert_eq!(asked, [0, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7]);
        let unasked: Vec<i64> = queue
            .take_unasked()
            .iter()
            .map(|unasked| unasked.progress.slice_id)
            .collect();
        assert_eq!(unasked, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_limit_found_by_one_series_is_not_asked_of_another_of_its_class() {
        let mut queue = queue(&[
            (AssetClass::Stock, 5),
            (AssetClass::Stock, 5),
            (AssetClass::Crypto, 5),
        ]);
        let (_, _, oldest) = take(&mut queue);
        queue.done(oldest, Verdict::OutsideHistory, None);
        for expected in [4, 3] {
            let (series, slice, newest) = take(&mut queue);
            assert_eq!((series, slice), (0, expected));
            queue.done(
                newest,
                if expected == 3 {
                    Verdict::OutsideHistory
                } else {
                    Verdict::Settled
                },
                None,
            );
        }
        let (series, slice, _) = take(&mut queue);
        assert_eq!((series, slice), (1, 3));
        let (series, slice, _) = take(&mut queue);
        assert_eq!((series, slice), (2, 0));
        assert_eq!(queue.take_unasked().len(), 2 + 3);
    }

    #[test]
    fn two_symbols_that_are_refused_speak_for_their_class() {
        let index = (AssetClass::Index, 3);
        let mut queue = queue(&[index, index, index, (AssetClass::Stock, 1)]);
        for expected in [0, 1] {
            let (series, _, work) = take(&mut queue);
            assert_eq!(series, expected);
            queue.done(work, Verdict::NotEntitled, None);
        }
        assert_eq!(take(&mut queue).0, 3);
        assert_eq!(queue.next(), Next::Done);
        let unasked = queue.take_unasked();
        let of = |why| unasked.iter().filter(|one| one.why == why).count();
        assert_eq!((of(SYMBOL_REFUSED), of(CLASS_REFUSED)), (2, 5));
    }

    #[test]
    fn a_class_is_not_given_up_before_what_is_in_flight_of_it_has_come() {
        let stock = (AssetClass::Stock, 1);
        for (verdict, asked) in [(Verdict::Settled, 1), (Verdict::Failed, 0)] {
            let mut queue = queue(&[stock, stock, stock, stock, (AssetClass::Crypto, 1)]);
            let [first, second, third] = [(); 3].map(|()| take(&mut queue).2);
            queue.done(first, Verdict::NotEntitled, None);
            queue.done(second, Verdict::NotEntitled, None);
            assert_eq!(take(&mut queue).0, 4, "another class does not wait");
            assert_eq!((queue.next(), queue.take_unasked()), (Next::Wait, vec![]));
            queue.done(third, verdict, None);
            let goes_on = matches!(queue.next(), Next::Do(_));
            assert_eq!(usize::from(goes_on), asked);
            assert_eq!(queue.take_unasked().len(), 1 - asked);
        }
    }

    #[test]
    fn beside_one_that_was_answered_a_refusal_is_of_its_symbol_alone_in_all_timeframes() {
        let mut queue = Queue::default();
        let (minutes, day) = (Timeframe::Minutes(1), Timeframe::Day);
        for (name, timeframe) in [
            ("A", day),
            ("B", minutes),
            ("B", day),
            ("C", day),
            ("D", day),
        ] {
            let stock = AssetClass::Stock;
            queue.push(&symbol(name), stock, timeframe, &slices(2), false, None);
        }
        let mut asked = Vec::new();
        while let Next::Do(work) = queue.next() {
            let Work::Slice { series, .. } = work else {
                panic!("no recheck was asked for")
            };
            asked.push(series);
            let refused = [1, 3].contains(&series);
            let verdict = if refused {
                Verdict::NotEntitled
            } else {
                Verdict::Settled
            };
            queue.done(work, verdict, None);
        }
        assert_eq!(asked, [0, 0, 1, 3, 4, 4]);
        let unasked = queue.take_unasked();
        let is_refused = |one: &Unasked| one.why == SYMBOL_REFUSED;
        assert!(unasked.iter().all(is_refused));
        let is_for_the_plan = |one: &Unasked| one.kind() == ErrorKind::NotEntitled;
        assert!(unasked.iter().all(is_for_the_plan));
        assert_eq!(unasked.len(), 1 + 2 + 1);
    }

    #[test]
    fn a_recheck_comes_before_the_slices_and_can_end_the_series() {
        let mut queue = Queue::default();
        let (stock, day) = (AssetClass::Stock, Timeframe::Day);
        queue.push(&symbol("S"), stock, day, &slices(2), true, None);
        let Next::Do(work @ Work::Recheck { series: 0, .. }) = queue.next() else {
            panic!("the recheck comes first")
        };
        assert_eq!(queue.next(), Next::Wait);
        queue.done(work, Verdict::SeriesOver, None);
        assert_eq!(queue.next(), Next::Done);
    }

    /// A queue of one series whose first slice is done, and its next ones in flight.
    fn in_flight(n: i64, life: Option<Span>) -> (Queue, Vec<Work>) {
        let mut queue = queue(&[(AssetClass::Stock, n)]);
        let first = take(&mut queue).2;
        queue.done(first, Verdict::Settled, life);
        let works = (1..n).map(|_| take(&mut queue).2).collect();
        (queue, works)
    }

    fn nothing(work: Work) -> Verdict {
        let Work::Slice { progress, .. } = work else {
            panic!("a slice")
        };
        let end = End {
            proven: Some(progress.span),
            empty: true,
            asked_to: progress.span.end(),
        };
        Verdict::Nothing(end, 0)
    }

    fn silent(queue: &mut Queue) -> Vec<i64> {
        let nothing = queue.take_nothing();
        nothing.iter().map(|n| n.progress.slice_id).collect()
    }

    #[test]
    fn nothing_between_candles_is_asked_for_again_once_there_are_candles_after_it() {
        let life = Some(days(0, 15));
        let (mut queue, works) = in_flight(3, life);
        queue.done(works[0], nothing(works[0]), life);
        assert_eq!((queue.next(), queue.take_nothing()), (Next::Wait, vec![]));
        let life = Some(days(0, 90));
        queue.done(works[1], Verdict::Settled, life);
        let Next::Do(work @ Work::Slice { again: true, .. }) = queue.next() else {
            panic!("it is asked for again")
        };
        queue.done(work, Verdict::Settled, life);
        assert_eq!((queue.next(), queue.take_nothing()), (Next::Done, vec![]));
    }

    #[test]
    fn nothing_beside_what_is_asked_about_again_is_held_back_until_that_has_its_answer() {
        for brings_candles in [false, true] {
            let life = Some(days(95, 110));
            let (mut queue, works) = in_flight(5, life);
            for work in [works[2], works[3], works[0], works[1]] {
                let is_settled = work == works[2];
                let verdict = if is_settled {
                    Verdict::Settled
                } else {
                    nothing(work)
                };
                queue.done(work, verdict, life);
            }
            // The slices right beside the candles are doubtful; the one of days 30 to 60 is beside one of them.
            let again = |queue: &mut Queue| {
                let next = queue.next();
                let Next::Do(work @ Work::Slice { progress, .. }) = next else {
                    panic!("a second question, not {next:?}")
                };
                (work, progress.slice_id)
            };
            let ((after, _), (before, _)) = (again(&mut queue), again(&mut queue));
            assert_eq!((queue.next(), silent(&mut queue)), (Next::Wait, vec![]));
            queue.done(after, Verdict::Settled, life);
            let life = if brings_candles {
                Some(days(62, 110))
            } else {
                life
            };
            queue.done(before, Verdict::Settled, life);
            if brings_candles {
                assert_eq!(again(&mut queue).1, 1, "it is beside candles now");
            } else {
                assert_eq!((queue.next(), silent(&mut queue)), (Next::Done, vec![1]));
            }
        }
    }

    #[test]
    fn what_is_empty_at_first_is_asked_again_slice_by_slice_as_far_as_the_candles_reach() {
        let life = Some(days(150, 155));
        let (mut queue, works) = in_flight(5, life);
        for &work in &works {
            queue.done(work, nothing(work), life);
        }
        // Each second question has candles, and so the one before it is asked again, too.
        for expected in [4, 3, 2, 1] {
            let Next::Do(
                work @ Work::Slice {
                    progress, again, ..
                },
            ) = queue.next()
            else {
                panic!("slice {expected} is asked again")
            };
            assert_eq!((progress.slice_id, again), (expected, true));
            assert_eq!(
                silent(&mut queue),
                [0; 0],
                "while slice {expected} is asked"
            );
            let life = Some(days(expected * 30, 155));
            queue.done(work, Verdict::Settled, life);
        }
        assert_eq!((queue.next(), silent(&mut queue)), (Next::Done, vec![]));
    }

    #[test]
    fn nothing_right_beside_candles_is_asked_for_again_unless_it_proves_nothing() {
        for (life, is_doubtful) in [
            (Some(days(0, 16)), false),
            (Some(days(0, 17)), true),
            (Some(days(0, 30)), true),
            (None, false),
        ] {
            let (mut queue, works) = in_flight(2, life);
            queue.done(works[0], nothing(works[0]), life);
            let next = queue.next();
            let is_asked_again = matches!(next, Next::Do(Work::Slice { again: true, .. }));
            assert_eq!(is_asked_again, is_doubtful, "{life:?} {next:?}");
        }
        let life = Some(days(0, 30));
        let (mut queue, works) = in_flight(2, life);
        let Verdict::Nothing(end, at) = nothing(works[0]) else {
            panic!("nothing")
        };
        let end = End {
            proven: None,
            ..end
        };
        queue.done(works[0], Verdict::Nothing(end, at), life);
        assert_eq!((queue.next(), silent(&mut queue)), (Next::Done, vec![1]));
    }

    #[test]
    fn nothing_at_either_end_of_a_life_is_believed_once_its_neighbours_have_been_heard() {
        let life = Some(days(0, 15));
        let (mut queue, works) = in_flight(4, life);
        queue.done(works[0], nothing(works[0]), life);
        queue.done(works[2], nothing(works[2]), life);
        assert_eq!((queue.next(), silent(&mut queue)), (Next::Wait, vec![]));
        queue.done(works[1], nothing(works[1]), life);
        assert_eq!(
            (queue.next(), silent(&mut queue)),
            (Next::Done, vec![1, 3, 2])
        );

        let (mut queue, works) = in_flight(3, None);
        queue.done(works[1], nothing(works[1]), None);
        assert_eq!((queue.next(), silent(&mut queue)), (Next::Wait, vec![]));
        queue.done(works[0], nothing(works[0]), None);
        assert_eq!((queue.next(), silent(&mut queue)), (Next::Done, vec![2, 1]));
    }

    #[test]
    fn a_silent_slice_whose_neighbours_are_given_up_is_not_waited_for() {
        let life = Some(days(0, 15));
        let mut queue = queue(&[(AssetClass::Index, 4)]);
        let first = take(&mut queue).2;
        queue.done(first, Verdict::Settled, life);
        let second = take(&mut queue).2;
        let third = take(&mut queue).2;
        queue.done(second, nothing(second), life);
        queue.done(third, Verdict::NotEntitled, life);
        assert_eq!((queue.next(), silent(&mut queue)), (Next::Done, vec![1]));
    }
}

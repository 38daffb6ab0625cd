//! Which slice is fetched next. A state machine without threads or a clock; [`super`] puts a lock around it.
//!
//! Slices go out in plan order, series by series, so that the writer appends. Two exceptions: the first slice of a series
//! is asked alone, since a plan's history that begins later would refuse it and its neighbours alike; and a series whose
//! slice was refused so goes on newest first, one at a time, until the next such refusal. So a plan's limit costs a
//! series two requests.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use crate::store::Progress;
use crate::symbol::AssetClass;
use crate::timeframe::Timeframe;

/// Something to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Ask again for candles that are stored, before anything of an adjusted series is fetched.
    Recheck {
        /// Index of the series in the job.
        series: usize,
    },
    /// Fetch a slice.
    Slice {
        /// Index of the series in the job.
        series: usize,
        /// The slice.
        progress: Progress,
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
    /// It was done, or failed alone.
    Settled,
    /// The slice lies before the plan's history.
    OutsideHistory,
    /// The plan does not include the asset class.
    NotEntitled,
    /// Nothing more of this series may be fetched.
    SeriesOver,
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

const BEFORE_HISTORY: &str = "not asked: the plan's history begins later";
const CLASS_REFUSED: &str = "not asked: the plan does not include this asset class";

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
    class: AssetClass,
    timeframe: Timeframe,
    pending: VecDeque<Progress>,
    in_flight: usize,
    order: Order,
}

/// All slices of a job.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    lanes: Vec<Lane>,
    /// Lanes with something pending.
    live: BTreeSet<usize>,
    refused_classes: HashSet<AssetClass>,
    history_from: HashMap<(AssetClass, Timeframe), i64>,
    unasked: Vec<Unasked>,
}

impl Queue {
    /// Adds a series with its slices in ascending order.
    pub(crate) fn push(
        &mut self,
        class: AssetClass,
        timeframe: Timeframe,
        slices: &[Progress],
        recheck: bool,
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
            class,
            timeframe,
            pending: slices.iter().copied().collect(),
            in_flight: 0,
            order,
        });
    }

    /// The next piece of work.
    pub(crate) fn next(&mut self) -> Next {
        let mut from = 0;
        while let Some(&series) = self.live.range(from..).next() {
            from = series + 1;
            self.drop_unasked(series);
            let lane = &mut self.lanes[series];
            if lane.pending.is_empty() {
                self.live.remove(&series);
                continue;
            }
            if lane.in_flight > 0 && lane.order != Order::Ascending {
                continue;
            }
            let next = match lane.order {
                Order::Recheck => {
                    lane.in_flight = 1;
                    return Next::Do(Work::Recheck { series });
                }
                Order::OldestAlone | Order::Ascending => lane.pending.pop_front(),
                Order::NewestFirst => lane.pending.pop_back(),
            };
            if let Some(progress) = next {
                lane.in_flight += 1;
                return Next::Do(Work::Slice { series, progress });
            }
        }
        if self.live.is_empty() {
            Next::Done
        } else {
            Next::Wait
        }
    }

    /// Says how a piece of work went.
    pub(crate) fn done(&mut self, work: Work, verdict: Verdict) {
        let (Work::Recheck { series } | Work::Slice { series, .. }) = work;
        let lane = &mut self.lanes[series];
        lane.in_flight -= 1;
        lane.order = match (lane.order, verdict) {
            (_, Verdict::OutsideHistory) | (Order::NewestFirst, _) => Order::NewestFirst,
            (Order::Recheck, _) => Order::OldestAlone,
            (Order::OldestAlone | Order::Ascending, _) => Order::Ascending,
        };
        match (verdict, work) {
            (Verdict::OutsideHistory, Work::Slice { progress, .. }) => {
                let from = self
                    .history_from
                    .entry((lane.class, lane.timeframe))
                    .or_insert(i64::MIN);
                *from = progress.span.start().max(*from);
            }
            (Verdict::NotEntitled, work) => {
                self.refused_classes.insert(lane.class);
                if matches!(work, Work::Recheck { .. }) {
                    // The whole series was given up with it.
                    lane.pending.clear();
                }
            }
            (Verdict::SeriesOver, _) => lane.pending.clear(),
            _ => {}
        }
    }

    /// The slices that were found not worth asking since the last call.
    pub(crate) fn take_unasked(&mut self) -> Vec<Unasked> {
        std::mem::take(&mut self.unasked)
    }

    fn drop_unasked(&mut self, series: usize) {
        let lane = &mut self.lanes[series];
        if lane.order == Order::Recheck && lane.in_flight > 0 {
            // Whoever does it says what becomes of the series.
            return;
        }
        let refused = self.refused_classes.contains(&lane.class);
        let history_from = self
            .history_from
            .get(&(lane.class, lane.timeframe))
            .copied()
            .unwrap_or(i64::MIN);
        if !refused && history_from == i64::MIN {
            return;
        }
        let unasked = &mut self.unasked;
        lane.pending.retain(|&progress| {
            let why = match progress.span.end() <= history_from {
                _ if refused => CLASS_REFUSED,
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
    use crate::span::Span;

    fn slices(n: i64) -> Vec<Progress> {
        (0..n)
            .map(|k| Progress {
                slice_id: k,
                series_id: 0,
                span: Span::new(k * 10, k * 10 + 10).expect("not empty"),
            })
            .collect()
    }

    fn queue(lanes: &[(AssetClass, i64)]) -> Queue {
        let mut queue = Queue::default();
        for &(class, n) in lanes {
            queue.push(class, Timeframe::Minutes(1), &slices(n), false);
        }
        queue
    }

    fn take(queue: &mut Queue) -> (usize, i64, Work) {
        match queue.next() {
            Next::Do(work @ Work::Slice { series, progress }) => (series, progress.slice_id, work),
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
        queue.done(first, Verdict::Settled);
        assert_eq!((take(&mut queue).1, take(&mut queue).1), (1, 2));
        assert_eq!(queue.next(), Next::Done);
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
        queue.done(oldest, Verdict::OutsideHistory);
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
            );
        }
        let (series, slice, _) = take(&mut queue);
        assert_eq!((series, slice), (1, 3));
        let (series, slice, _) = take(&mut queue);
        assert_eq!((series, slice), (2, 0));
        assert_eq!(queue.take_unasked().len(), 2 + 3);
    }

    #[test]
    fn a_class_that_is_not_entitled_is_asked_once() {
        let mut queue = queue(&[
            (AssetClass::Index, 3),
            (AssetClass::Index, 3),
            (AssetClass::Stock, 1),
        ]);
        let (_, _, first) = take(&mut queue);
        queue.done(first, Verdict::NotEntitled);
        assert_eq!(take(&mut queue).0, 2);
        assert_eq!(queue.next(), Next::Done);
        assert_eq!(queue.take_unasked().len(), 5);
    }

    #[test]
    fn a_recheck_comes_before_the_slices_and_can_end_the_series() {
        let mut queue = Queue::default();
        queue.push(AssetClass::Stock, Timeframe::Day, &slices(2), true);
        let Next::Do(work @ Work::Recheck { series: 0 }) = queue.next() else {
            panic!("the recheck comes first")
        };
        assert_eq!(queue.next(), Next::Wait);
        queue.done(work, Verdict::SeriesOver);
        assert_eq!(queue.next(), Next::Done);
    }
}

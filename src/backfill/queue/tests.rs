//! What is fetched when, by a plan's limits and by what is doubtful.

use super::*;
use crate::model::span::Span;

fn days(from: i64, to: i64) -> Span {
    Span::new(from * 86_400, to * 86_400).expect("not empty")
}

fn slices(n: i64) -> Vec<Slice> {
    (0..n)
        .map(|k| Slice {
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
        Next::Do(work @ Work::Slice { series, slice, .. }) => (series, slice.slice_id, work),
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
        let Work::Slice { slice, .. } = work else {
            panic!("no recheck was asked for")
        };
        asked.push(slice.slice_id);
        queue.done(
            work,
            if slice.slice_id < 8 {
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
        .map(|unasked| unasked.slice.slice_id)
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
fn where_the_file_has_candles_of_a_class_only_symbols_with_some_speak_for_it() {
    let (stock, day) = (AssetClass::Stock, Timeframe::Day);
    let asked = |held: &[&str], refused: usize| {
        let mut queue = Queue::default();
        for name in held {
            queue.hold(symbol(name), stock);
        }
        for name in ["A", "B", "C", "D", "E"] {
            queue.push(&symbol(name), stock, day, &slices(1), false, None);
        }
        let mut asked = 0;
        while let Next::Do(work) = queue.next() {
            asked += 1;
            let is_refused = asked <= refused;
            let verdict = if is_refused {
                Verdict::NotEntitled
            } else {
                Verdict::Settled
            };
            queue.done(work, verdict, None);
        }
        asked
    };
    assert_eq!(asked(&["D", "E"], 3), 5, "the new ones were refused");
    assert_eq!(
        asked(&["A", "B"], 3),
        2,
        "those that it had are refused now"
    );
    assert_eq!(asked(&["Z"], 4), 5, "another one has candles");
}

#[test]
fn of_what_was_not_asked_at_all_nothing_is_asked_for_again_in_the_end() {
    let (index, day) = (AssetClass::Index, Timeframe::Day);
    let mut queue = Queue::default();
    for name in ["A", "B", "C"] {
        queue.push(&symbol(name), index, day, &slices(2), false, None);
        queue.check_at_end();
    }
    for expected in [0, 1] {
        let (series, _, work) = take(&mut queue);
        assert_eq!(series, expected);
        queue.done(work, Verdict::NotEntitled, None);
    }
    assert_eq!(queue.next(), Next::Done);
    assert_eq!(queue.take_unasked().len(), 1 + 1 + 2);
}

// The minutes that a plan does not include took the days with them that the file held.
#[test]
fn a_refusal_of_one_timeframe_does_not_speak_for_another_that_the_file_holds() {
    let (stock, minutes, day) = (AssetClass::Stock, Timeframe::Minutes(1), Timeframe::Day);
    let life = Span::new(0, 1);
    let mut queue = Queue::default();
    for name in ["A", "B", "C"] {
        queue.hold(symbol(name), stock);
        queue.push(&symbol(name), stock, minutes, &slices(1), false, None);
        queue.push(&symbol(name), stock, day, &slices(1), false, life);
    }
    let mut asked = Vec::new();
    while let Next::Do(work @ Work::Slice { series, .. }) = queue.next() {
        asked.push(series);
        let is_minutes = series % 2 == 0;
        let verdict = if is_minutes {
            Verdict::NotEntitled
        } else {
            Verdict::Settled
        };
        queue.done(work, verdict, life);
    }
    assert_eq!(asked, [0, 1, 2, 3, 4, 5]);
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
    let Work::Slice { slice, .. } = work else {
        panic!("a slice")
    };
    let end = End {
        proven: Some(slice.span),
        empty: true,
        is_confirmed: false,
        asked_to: slice.span.end(),
    };
    Verdict::Nothing(end, 0)
}

fn silent(queue: &mut Queue) -> Vec<i64> {
    let nothing = queue.take_nothing();
    nothing.iter().map(|n| n.slice.slice_id).collect()
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
            let Next::Do(work @ Work::Slice { slice, .. }) = next else {
                panic!("a second question, not {next:?}")
            };
            (work, slice.slice_id)
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
        let Next::Do(work @ Work::Slice { slice, again, .. }) = queue.next() else {
            panic!("slice {expected} is asked again")
        };
        assert_eq!((slice.slice_id, again), (expected, true));
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

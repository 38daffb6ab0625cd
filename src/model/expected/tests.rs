//! The measure against counting slot by slot, and shapes of history against what they are.

#![allow(clippy::single_range_in_vec_init)] // Ranges of sessions, of which there may be one.

use std::collections::BTreeMap;

use chrono::{NaiveDate, Weekday};
use proptest::prelude::*;

use super::*;
use crate::model::listing::Listing;
use crate::model::market::{MarketCode, date_of, label_of};

const DAY: i64 = 86_400;

fn market(code: &str, grid: &str, timeframe: &str) -> Market {
    let listing = Listing {
        grid: grid.parse().expect("a grid"),
        ..Listing::on(code.parse().expect("a code"))
    };
    let timeframe = timeframe.parse().expect("a timeframe");
    Market::new(listing, timeframe, Weekday::Sun)
}

fn label(year: i32, month: u32, day: u32) -> i64 {
    label_of(NaiveDate::from_ymd_opt(year, month, day).expect("a date"))
}

/// The market day whose trading hours an expected candle is of, the earliest; of `1w` and `1mo` the candle.
fn session_of(market: &Market, ts: i64) -> Option<i64> {
    market.trading_close(ts)?;
    if market.timeframe().is_label() {
        return Some(ts);
    }
    let end = market.end_instant(ts);
    let days = -1..=1;
    let mut dates = days.map(|day| market.date(ts + day * DAY));
    let date = dates.find(|&date| {
        let hours = market.trading_hours(date);
        hours.is_some_and(|(open, close)| open < end && ts < close)
    })?;
    let breaks = market.breaks(date);
    let is_break = breaks.iter().any(|&(from, to)| from <= ts && end <= to);
    (!is_break).then(|| label_of(date))
}

/// All expected candles that start in a span, with their sessions.
fn expected(market: &Market, span: Span) -> Vec<(i64, i64)> {
    let known = market.known_years();
    let first = market.floor(span.start());
    let starts = std::iter::successors(Some(first), |&ts| Some(market.next(ts)));
    starts
        .take_while(|&ts| ts < span.end())
        .filter(|&ts| span.contains(ts) && known.contains(ts))
        .filter_map(|ts| Some((ts, session_of(market, ts)?)))
        .collect()
}

fn end_of(market: &Market, ts: i64) -> i64 {
    let is_cut = market.timeframe().is_label();
    if is_cut {
        market.next(ts)
    } else {
        ts + (market.floor(ts) - market.floor(ts - 1)).min(12 * 3600)
    }
}

/// Kind, first slot, sessions.
type Told = (GapKind, i64, usize);

/// Slot by slot, without runs, spans of a class or a count of anything.
fn naive(facts: &Facts<'_>, starts: &[i64]) -> (Tally, Option<f64>, Vec<Told>) {
    let market = facts.market;
    let slots = expected(market, facts.span);
    let around = Span::new(facts.span.start() - 70 * DAY, facts.span.end() + 70 * DAY);
    let mut whole: BTreeMap<i64, usize> = BTreeMap::new();
    for (_, session) in expected(market, around.expect("a span")) {
        *whole.entry(session).or_default() += 1;
    }
    let mut tally = Tally::default();
    let mut regular = (0, 0);
    let mut sessions: BTreeMap<i64, (usize, Tally, i64)> = BTreeMap::new();
    for &(ts, session) in &slots {
        let of = sessions.entry(session).or_insert((0, Tally::default(), ts));
        of.0 += 1;
        for tally in [&mut tally, &mut of.1] {
            *if starts.contains(&ts) {
                &mut tally.stored
            } else if facts.rejected.contains(&ts) {
                &mut tally.rejected
            } else if facts.answered.contains(ts) {
                &mut tally.nothing
            } else if facts.pending.contains(ts) {
                &mut tally.not_final
            } else {
                &mut tally.not_asked
            } += 1;
        }
        let hours = market
            .regular_session(date_of(session))
            .filter(|_| !market.timeframe().is_label());
        let is_regular = hours.is_none_or(|(open, close)| open < end_of(market, ts) && ts < close);
        let is_alive = starts.first().is_some_and(|&first| first <= ts)
            && starts.last().is_some_and(|&last| ts <= last);
        if is_regular && is_alive {
            regular.0 += i64::from(starts.contains(&ts));
            regular.1 += 1;
        }
    }
    let mut found = Vec::new();
    let mut row: Vec<Told> = Vec::new();
    let mut close = |row: &mut Vec<Told>| {
        let sessions: usize = row.iter().map(|gap| gap.2).sum();
        if sessions >= market.telling_slots() {
            found.append(row);
        }
        row.clear();
    };
    for (session, (count, tally, first)) in sessions {
        if tally.stored > 0 || tally.not_final > 0 {
            close(&mut row);
        } else if count == whole[&session] {
            let kind = if tally.not_asked > 0 {
                GapKind::NotAsked
            } else if starts.first().is_none_or(|&start| first < start) {
                GapKind::Before
            } else if starts.last().is_some_and(|&last| first > last) {
                GapKind::Ended
            } else {
                GapKind::Hole
            };
            match row.last_mut() {
                Some(last) if last.0 == kind => last.2 += 1,
                _ => row.push((kind, first, 1)),
            }
        }
    }
    close(&mut row);
    found.sort_by_key(|&(_, first, sessions)| (std::cmp::Reverse(sessions), first));
    (tally, percent(regular.0, regular.1), found)
}

fn told(measure: &Measure) -> Vec<Told> {
    let gaps = measure.gaps.iter();
    let gaps = gaps.filter(|gap| gap.kind != GapKind::Thin);
    gaps.map(|gap| (gap.kind, gap.span.start(), gap.sessions))
        .collect()
}

const MARKETS: [(&str, &str); 9] = [
    ("XNYS", "utc"),
    ("XNYS", "session"),
    ("XCBO", "utc"),
    ("24/7", "utc"),
    ("24/7", "+00:30"),
    ("FX", "utc"),
    ("XLON", "utc"),
    ("XTKS", "utc"),
    ("XTKS", "session"),
];

proptest! {
    #[test]
    fn it_is_what_counting_slot_by_slot_finds(
        market in prop::sample::select(MARKETS.to_vec()),
        (timeframe, hours) in prop::sample::select(vec![("5m", 1), ("15m", 3), ("1h", 12), ("4h", 24), ("12h", 48), ("1d", 48), ("1w", 160), ("1mo", 400)]),
        begin in prop::sample::select(vec![label(2024, 1, 1), label(2024, 3, 8), label(2024, 11, 20), label(1989, 12, 1)]),
        length in 1i64..120,
        spans in prop::collection::vec((0i64..140, 1i64..60), 0..4),
        settled in 0i64..200,
        rejected in prop::collection::vec(0i64..100, 0..6),
        held in prop::collection::vec((0i64..100, 1i64..30), 0..5),
    ) {
        let market = self::market(market.0, market.1, timeframe);
        let at = |steps: i64| market.floor(begin + steps * hours * 3600);
        let span = Span::new(begin, begin + length * hours * 3600).expect("a span");
        let answered: SpanSet = spans.iter().filter_map(|&(from, steps)| Span::new(at(from), at(from + steps))).collect();
        let pending: SpanSet = Span::new(at(settled), i64::MAX).into_iter().collect();
        let mut rejected: Vec<i64> = rejected.into_iter().map(at).collect();
        rejected.sort_unstable();
        let mut starts: Vec<i64> = held.iter().flat_map(|&(from, count)| {
            std::iter::successors(Some(at(from)), |&ts| Some(market.next(ts))).take(usize::try_from(count).expect("few"))
        }).filter(|&ts| span.contains(ts)).collect();
        starts.sort_unstable();
        starts.dedup();
        let facts = Facts { market: &market, span, answered: &answered, pending: &pending, rejected: &rejected, held: Held::Starts(&starts) };
        let slots = Slots::around(&market, span);
        let mut sessions = Tally::default();
        let measured = measure(&facts, &slots, |day| sessions += day.tally);
        let (tally, density, gaps) = naive(&facts, &starts);
        prop_assert_eq!(measured.tally, tally);
        prop_assert_eq!(sessions, tally);
        prop_assert_eq!(measured.density, density);
        prop_assert_eq!(told(&measured), gaps);
        // Where all that are expected are there, none is looked at.
        if let (Some(&first), Some(&last)) = (starts.first(), starts.last()) {
            let life = Span::new(first, last + 1).expect("a span");
            let inside = expected(&market, life);
            prop_assert_eq!(slots.count(life), i64::try_from(inside.len()).expect("few"));
            let full: Vec<i64> = inside.into_iter().map(|(ts, _)| ts).collect();
            if let (Some(&first), Some(&last)) = (full.first(), full.last()) {
                let read = measure(&Facts { held: Held::Starts(&full), ..facts }, &slots, |_| {});
                let counted = measure(&Facts { held: Held::Every { first, last }, ..facts }, &slots, |_| {});
                prop_assert_eq!(read, counted);
            }
        }
    }
}

// A month that reached over the end of the years that are looked at together was not expected.
#[test]
fn candles_that_reach_over_the_shared_years_count() {
    let line = super::slots::SHARED * 14;
    for timeframe in ["1w", "1mo"] {
        let market = self::market("XNYS", "utc", timeframe);
        for span in [
            (line - 700 * DAY, line - 5 * DAY),
            (line + 5 * DAY, line + 600 * DAY),
            (line - 300 * DAY, line),
        ] {
            let span = Span::new(span.0, span.1).expect("a span");
            let slots = Slots::around(&market, span);
            let counted = i64::try_from(expected(&market, span).len()).expect("few");
            assert_eq!(slots.count(span), counted, "{timeframe} {span:?}");
        }
    }
}

/// A history over 160 sessions of XNYS from 2023-10-02 on, all of them asked for and answered unless it says otherwise.
#[derive(Default)]
struct Shape {
    /// Sessions without a candle, as ranges.
    without: Vec<std::ops::Range<usize>>,
    /// Sessions that were not asked for.
    unasked: Vec<std::ops::Range<usize>>,
    /// Sessions from which on nothing is final or covered.
    unsettled_from: Option<usize>,
    /// Sessions in which every row was rejected.
    rejected: Vec<std::ops::Range<usize>>,
    /// Of so many minutes one is there; in other timeframes all of them.
    one_in: usize,
    /// Sessions in which that is one in 40.
    thin: Vec<std::ops::Range<usize>>,
}

const SESSIONS: usize = 160;

/// What it is, and the gaps that are told of it.
type Row = (&'static str, Shape, Vec<(GapKind, usize)>);

impl Shape {
    fn gaps(&self, timeframe: &str) -> Vec<(GapKind, usize)> {
        let market = market("XNYS", "utc", timeframe);
        let reach = Span::new(label(2023, 10, 2), label(2024, 12, 31)).expect("a span");
        let slots = Slots::around(&market, reach);
        let sessions = &slots.sessions(reach)[..SESSIONS];
        let at = |index: usize| sessions[index].runs[0].first;
        let end = sessions[SESSIONS - 1].runs[0].end();
        let part = |range: &std::ops::Range<usize>| {
            let end = if range.end == SESSIONS {
                end
            } else {
                at(range.end)
            };
            Span::new(at(range.start), end)
        };
        let is_in =
            |ranges: &[std::ops::Range<usize>], at| ranges.iter().any(|range| range.contains(&at));
        let (mut starts, mut rejected) = (Vec::new(), Vec::new());
        for (index, session) in sessions.iter().enumerate() {
            let step = match timeframe {
                "1m" if is_in(&self.thin, index) => 40,
                "1m" => self.one_in.max(1),
                _ => 1,
            };
            let usual = session.runs[0].within(session.regular).expect("hours");
            let rows = usual.starts().step_by(step);
            if is_in(&self.rejected, index) {
                rejected.extend(rows);
            } else if !is_in(&self.without, index) && !is_in(&self.unasked, index) {
                starts.extend(rows);
            }
        }
        let span = Span::new(at(0), end).expect("a span");
        let unsettled = self
            .unsettled_from
            .and_then(|from| Span::new(at(from), i64::MAX));
        let pending: SpanSet = unsettled.into_iter().collect();
        let unasked: SpanSet = self.unasked.iter().filter_map(part).collect();
        let facts = Facts {
            market: &market,
            span,
            answered: &SpanSet::from(span).subtract(&unasked).subtract(&pending),
            pending: &pending,
            rejected: &rejected,
            held: Held::Starts(&starts),
        };
        let gaps = measure(&facts, &slots, |_| {}).gaps;
        gaps.iter().map(|gap| (gap.kind, gap.sessions)).collect()
    }
}

fn without(ranges: &[(usize, usize)]) -> Shape {
    Shape {
        without: ranges.iter().map(|&(from, to)| from..to).collect(),
        ..Shape::default()
    }
}

#[test]
#[allow(clippy::too_many_lines)] // A table.
fn shapes_of_history_are_told_as_what_they_are_in_every_timeframe() {
    use GapKind::{Before, Ended, Hole, NotAsked, Thin};
    let unasked = |from, to| Shape {
        unasked: vec![from..to],
        ..Shape::default()
    };
    let one_in = |one_in| Shape {
        one_in,
        ..Shape::default()
    };
    let thin = |from, to| Shape {
        thin: vec![from..to],
        ..Shape::default()
    };
    let shapes: Vec<Row> = vec![
        (
            "whole, across holidays and an early close",
            without(&[]),
            vec![],
        ),
        ("a hole of a session", without(&[(50, 51)]), vec![]),
        ("a hole of 2", without(&[(50, 52)]), vec![]),
        ("a hole of 3", without(&[(50, 53)]), vec![(Hole, 3)]),
        ("a hole of 4", without(&[(50, 54)]), vec![(Hole, 4)]),
        (
            "a hole of 5, over Thanksgiving",
            without(&[(36, 41)]),
            vec![(Hole, 5)],
        ),
        (
            "a hole of 10, over Christmas",
            without(&[(55, 65)]),
            vec![(Hole, 10)],
        ),
        (
            "halted for 16 sessions",
            without(&[(70, 86)]),
            vec![(Hole, 16)],
        ),
        ("a hole of 20", without(&[(50, 70)]), vec![(Hole, 20)]),
        ("a hole of 45", without(&[(50, 95)]), vec![(Hole, 45)]),
        ("a hole of 60", without(&[(50, 110)]), vec![(Hole, 60)]),
        (
            "a hole of 90, over a change of the clock",
            without(&[(50, 140)]),
            vec![(Hole, 90)],
        ),
        (
            "two holes",
            without(&[(20, 25), (90, 99)]),
            vec![(Hole, 9), (Hole, 5)],
        ),
        (
            "holes of 2 with a session between",
            without(&[(20, 22), (23, 25)]),
            vec![],
        ),
        (
            "every other session",
            without(&(0..80).map(|at| (2 * at, 2 * at + 1)).collect::<Vec<_>>()),
            vec![],
        ),
        ("listed 2 sessions late", without(&[(0, 2)]), vec![]),
        (
            "listed 3 sessions late",
            without(&[(0, 3)]),
            vec![(Before, 3)],
        ),
        (
            "listed 100 sessions late; renamed, the new name",
            without(&[(0, 100)]),
            vec![(Before, 100)],
        ),
        ("quiet for the last 2", without(&[(158, 160)]), vec![]),
        (
            "delisted 3 sessions ago",
            without(&[(157, 160)]),
            vec![(Ended, 3)],
        ),
        (
            "delisted 60 sessions ago; renamed, the old name",
            without(&[(100, 160)]),
            vec![(Ended, 60)],
        ),
        (
            "listed late, halted, delisted",
            without(&[(0, 40), (80, 96), (150, 160)]),
            vec![(Before, 40), (Hole, 16), (Ended, 10)],
        ),
        ("never listed", without(&[(0, 160)]), vec![(Before, 160)]),
        (
            "a single session",
            without(&[(0, 80), (81, 160)]),
            vec![(Before, 80), (Ended, 79)],
        ),
        (
            "the first and the last session",
            without(&[(1, 159)]),
            vec![(Hole, 158)],
        ),
        (
            "10 sessions not asked for",
            unasked(50, 60),
            vec![(NotAsked, 10)],
        ),
        ("2 sessions not asked for", unasked(50, 52), vec![]),
        (
            "a hole of 8 whose half was not asked for",
            Shape {
                without: vec![50..58],
                ..unasked(54, 58)
            },
            vec![(Hole, 4), (NotAsked, 4)],
        ),
        (
            "a hole of 3 of which one was not asked for",
            Shape {
                without: vec![50..53],
                ..unasked(52, 53)
            },
            vec![(Hole, 2), (NotAsked, 1)],
        ),
        (
            "not asked for at the beginning",
            unasked(0, 30),
            vec![(NotAsked, 30)],
        ),
        (
            "every row of 4 sessions rejected",
            Shape {
                rejected: vec![50..54],
                ..Shape::default()
            },
            vec![(Hole, 4)],
        ),
        (
            "delisted, the last 5 sessions not final",
            Shape {
                unsettled_from: Some(155),
                ..without(&[(140, 160)])
            },
            vec![(Ended, 15)],
        ),
        (
            "the last 5 sessions not final and not there",
            Shape {
                unsettled_from: Some(155),
                ..without(&[(155, 160)])
            },
            vec![],
        ),
        ("minutes at 33 percent", one_in(3), vec![]),
        ("a minute in 40", one_in(40), vec![]),
        (
            "a minute in 40, with a hole of 5",
            Shape {
                one_in: 40,
                ..without(&[(50, 55)])
            },
            vec![(Hole, 5)],
        ),
        (
            "10 sessions with a minute in 40",
            thin(50, 60),
            vec![(Thin, 10)],
        ),
        (
            "a session with a minute in 40",
            thin(50, 51),
            vec![(Thin, 1)],
        ),
        (
            "a thin stretch beside a hole",
            Shape {
                thin: vec![45..50],
                ..without(&[(50, 56)])
            },
            vec![(Hole, 6), (Thin, 5)],
        ),
    ];
    assert!(shapes.len() >= 30);
    for (name, shape, gaps) in &shapes {
        for timeframe in ["1m", "1h", "1d"] {
            let told = shape.gaps(timeframe);
            let is_told = |gap: &&(GapKind, usize)| gap.0 != Thin || timeframe == "1m";
            let gaps: Vec<_> = gaps.iter().filter(is_told).copied().collect();
            assert_eq!(told, gaps, "{name}, {timeframe}");
        }
    }
}

#[test]
fn a_week_and_a_month_without_a_candle_are_gaps_of_one() {
    for timeframe in ["1w", "1mo"] {
        let market = market("XNYS", "utc", timeframe);
        let first = market.next(label(2024, 1, 10));
        let all: Vec<i64> = std::iter::successors(Some(first), |&ts| Some(market.next(ts)))
            .take(10)
            .collect();
        let span = Span::new(first, market.next(all[9])).expect("a span");
        let mut starts = all.clone();
        starts.remove(4);
        let facts = Facts {
            market: &market,
            span,
            answered: &span.into(),
            pending: &SpanSet::new(),
            rejected: &[],
            held: Held::Starts(&starts),
        };
        let measured = measure(&facts, &Slots::around(&market, span), |_| {});
        assert_eq!(told(&measured), [(GapKind::Hole, all[4], 1)], "{timeframe}");
        assert_eq!(measured.gaps[0].span.end(), all[5], "{timeframe}");
        assert_eq!(measured.density, Some(90.0), "{timeframe}");
        assert_eq!(measured.tally.percent(), Some(100.0), "{timeframe}");
    }
}

#[test]
fn of_years_that_no_calendar_knows_nothing_is_expected() {
    let market = market("XNYS", "utc", "1d");
    let span = Span::new(label(2027, 12, 1), label(2028, 2, 1)).expect("a span");
    let facts = Facts {
        market: &market,
        span,
        answered: &span.into(),
        pending: &SpanSet::new(),
        rejected: &[],
        held: Held::Starts(&[]),
    };
    let measured = measure(&facts, &Slots::around(&market, span), |_| {});
    assert_eq!(measured.tally.expected(), 22);
    assert_eq!(measured.gaps[0].days.1.to_string(), "2027-12-31");
    assert!(
        Slots::around(&self::market("XXXX", "utc", "1h"), span)
            .sessions(span)
            .is_empty()
    );
    assert!(MarketCode::XNYS == market.code());
}

#[test]
fn what_is_cut_from_a_session_is_not_expected_in_its_break() {
    // Tokyo from 09:00 to 15:00 with lunch from 11:30 to 12:30, nine hours ahead.
    let day = label(2024, 1, 10);
    let span = Span::new(day, day + DAY).expect("a span");
    let starts = |timeframe| {
        let market = market("XTKS", "session", timeframe);
        let slots = Slots::around(&market, span);
        let runs = slots
            .sessions(span)
            .iter()
            .flat_map(|session| &session.runs);
        let starts = runs.flat_map(|run| run.starts());
        let minutes = starts.map(|ts| (ts - day) / 60 + 9 * 60);
        minutes.map(|at| (at / 60, at % 60)).collect::<Vec<_>>()
    };
    let halves = [
        (9, 0),
        (9, 30),
        (10, 0),
        (10, 30),
        (11, 0),
        (12, 30),
        (13, 0),
        (13, 30),
        (14, 0),
        (14, 30),
    ];
    assert_eq!(starts("30m"), halves);
    // One that lies in it in part has the rest.
    assert_eq!(
        starts("1h"),
        [(9, 0), (10, 0), (11, 0), (12, 0), (13, 0), (14, 0)]
    );
}

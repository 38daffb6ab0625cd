//! The plan against a naive model: sets of candle starts, one by one, instead of spans.

use std::collections::BTreeSet;

use candlefile::model::{Listing, Market, MarketCode, Policy, Span, SpanSet, Timeframe, label_of};
use candlefile::plan::{EmptySpan, Known, Tail, Wanted, plan};
use chrono::{Datelike, Weekday};
use proptest::prelude::*;

use crate::support::scripted::{DAY, HOUR, MINUTE};

type Set = BTreeSet<i64>;

/// Everything that a plan is made of, on a line of candles that are counted from the first.
#[derive(Clone, Debug)]
struct Case {
    market: Market,
    line: Vec<i64>,
    known: Known,
    wanted: Wanted,
    now: i64,
}

/// Candles of a market around an instant: lines that cross a cut, a weekend or a change of the clock.
fn lines() -> impl Strategy<Value = (Market, Vec<i64>)> {
    use Timeframe::{Day, Hours, Minutes, Month, Week};
    let markets = prop::sample::select(vec![
        (MarketCode::XNYS, Day),
        (MarketCode::XNYS, Minutes(30)),
        (MarketCode::XNYS, Hours(4)),
        (MarketCode::XNYS, Week),
        (MarketCode::XCBO, Hours(1)),
        (MarketCode::XCBO, Day),
        (MarketCode::ALWAYS, Hours(1)),
        (MarketCode::ALWAYS, Minutes(15)),
        (MarketCode::ALWAYS, Month),
    ]);
    // Around midnights at which minutes of stocks (day 19,725 since 1970) and of coins (day 19,720) are cut.
    let days = prop::sample::select(vec![19_725i64, 19_720, 19_792, 20_030]);
    (markets, days, -60 * HOUR..10 * HOUR, 20usize..180).prop_map(
        |((code, timeframe), day, offset, count)| {
            let market = Market::new(code, timeframe, Weekday::Sun);
            let mut line = vec![market.label(day * DAY + offset)];
            while line.len() <= count {
                line.push(market.next(line[line.len() - 1]));
            }
            (market, line)
        },
    )
}

/// Which cell a candle lies in, by the calendar: one that holds a midnight lies in the cell that it begins.
fn cell(market: &Market, ts: i64) -> i64 {
    let days = if market.code() == MarketCode::XNYS {
        75
    } else {
        34
    };
    let day = i64::from(market.date(market.next(ts) - 1).num_days_from_ce() - 719_163);
    if market.timeframe().is_label() {
        0
    } else {
        day.div_euclid(days)
    }
}

/// What is final by now by the usual rule: more is not believed.
fn settled(market: &Market, now: i64) -> Span {
    let usual = Policy {
        delay: 0,
        final_after: None,
    };
    Span::new(i64::MIN, market.frontier(now, usual).settled).unwrap()
}

fn cases() -> impl Strategy<Value = Case> {
    let part = || (any::<prop::sample::Index>(), any::<prop::sample::Index>());
    let parts = (
        part(),
        prop::collection::vec(part(), 0..4),
        prop::collection::vec((part(), 0..50 * HOUR), 0..3),
        prop::option::of((part(), 0..20 * DAY)),
        any::<(bool, bool, bool, bool)>(),
        any::<prop::sample::Index>(),
        prop_oneof![Just(0), 0..HOUR, 0..30 * HOUR],
    );
    (lines(), parts).prop_map(
        |((market, line), (wanted, covered, empty, tail, flags, now, after))| {
            let (has_candles, force, refetch_empty, at_the_cut) = flags;
            // Often just after a cut.
            let cut = (1..line.len())
                .find(|&n| at_the_cut && cell(&market, line[n - 1]) != cell(&market, line[n]));
            let now = cut.map_or(now.index(line.len()), |n| n - 1);
            let now = market.end_instant(line[now]) + after;
            let cut = |(a, b): (prop::sample::Index, prop::sample::Index)| {
                let (a, b) = (a.index(line.len() - 1), b.index(line.len() - 1));
                Span::new(line[a.min(b)], line[a.max(b) + 1]).unwrap()
            };

            let empty: Vec<EmptySpan> = empty
                .into_iter()
                .map(|(at, age)| EmptySpan {
                    span: cut(at),
                    asked_at: now - age,
                    is_confirmed: true,
                })
                .collect();
            // With a candle in the series its empty spans are covered.
            let remembered = empty.iter().map(|empty| empty.span).filter(|_| has_candles);
            let coverage: SpanSet = covered.into_iter().map(cut).chain(remembered).collect();
            let coverage = coverage.within(settled(&market, now));
            let tail = tail.map(|(at, age)| Tail {
                from: cut(at).start(),
                to: cut(at).end(),
                asked_at: now - age,
            });
            let known = Known {
                has_candles,
                first_ts: None,
                last_ts: None,
                coverage,
                empty,
                tail,
                provisional: None,
                unchecked: SpanSet::default(),
            };
            // What is asked never goes beyond the candle that holds now.
            let begun = Span::new(line[0], market.next(market.label(now - 1))).unwrap();
            let wanted = Wanted {
                span: cut(wanted).intersect(begun).unwrap_or(begun),
                force,
                refetch_empty,
            };
            Case {
                market,
                line,
                known,
                wanted,
                now,
            }
        },
    )
}

impl Case {
    fn planned(&self) -> Vec<Span> {
        plan(
            &self.market,
            &self.known,
            self.wanted,
            Policy::default(),
            self.now,
        )
        .slices
    }

    fn starts_in(&self, holds: impl Fn(i64) -> bool) -> Set {
        self.line.iter().copied().filter(|&ts| holds(ts)).collect()
    }

    /// Candles that need no further question.
    fn answered(&self) -> Set {
        let Wanted { refetch_empty, .. } = self.wanted;
        let is_empty = |ts| self.known.empty.iter().any(|empty| empty.span.contains(ts));
        let still_empty = |ts| {
            let fresh = |empty: &&EmptySpan| self.now - empty.asked_at < 24 * HOUR;
            self.known
                .empty
                .iter()
                .filter(fresh)
                .any(|empty| empty.span.contains(ts))
        };
        self.starts_in(|ts| match (refetch_empty, self.known.has_candles) {
            (true, _) => self.known.coverage.contains(ts) && !is_empty(ts),
            (false, true) => self.known.coverage.contains(ts),
            (false, false) => self.known.coverage.contains(ts) || still_empty(ts),
        })
    }

    /// Closed candles that were asked for and are not answered.
    fn missing(&self) -> Set {
        let answered = self.answered();
        let is_closed = |ts| self.market.closed_at(ts, Policy::default()) <= self.now;
        self.starts_in(|ts| {
            self.wanted.span.contains(ts) && is_closed(ts) && !answered.contains(&ts)
        })
    }

    /// Missing candles at the live edge that have come about since it was asked.
    fn news(&self, tail: Tail) -> Set {
        let policy = Policy::default();
        let is_news = |ts: i64| {
            let (closed, settled) = (
                self.market.closed_at(ts, policy),
                self.market.final_at(ts, policy),
            );
            ts >= tail.to
                || closed > tail.asked_at
                || settled <= self.now && settled > tail.asked_at
        };
        let trades = |ts: i64| self.market.trading_close(ts).is_some();
        let found = self.missing().into_iter();
        found
            .filter(|&ts| ts >= tail.from && trades(ts) && is_news(ts))
            .collect()
    }

    fn starts_of(&self, planned: &[Span]) -> Set {
        self.starts_in(|ts| planned.iter().any(|slice| slice.contains(ts)))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn slices_are_whole_candles_of_what_was_asked_ascending_and_each_within_a_cell(case in cases()) {
        let planned = case.planned();
        prop_assert!(planned.windows(2).all(|pair| pair[0].end() <= pair[1].start()));
        for slice in planned {
            prop_assert_eq!(slice.intersect(case.wanted.span), Some(slice));
            prop_assert_eq!(case.market.floor(slice.start()), slice.start());
            prop_assert_eq!(case.market.floor(slice.end()), slice.end());
            prop_assert_eq!(cell(&case.market, slice.start()), cell(&case.market, slice.end() - 1));
        }
    }

    #[test]
    fn no_candle_is_asked_for_that_was_answered(case in cases()) {
        let planned = case.starts_of(&case.planned());
        prop_assert!(planned.is_disjoint(&case.answered()));
    }

    #[test]
    fn every_closed_candle_before_the_tail_is_answered_or_asked_for(mut case in cases()) {
        let tail = case.known.tail.map_or(i64::MAX, |tail| tail.from);
        let planned = case.starts_of(&case.planned());
        prop_assert!(case.missing().iter().all(|ts| *ts >= tail || planned.contains(ts)));
        case.wanted.force = true;
        let forced = case.starts_of(&case.planned());
        prop_assert!(case.missing().is_subset(&forced));
    }

    #[test]
    fn the_tail_is_asked_for_when_there_is_news_in_it_and_only_then(
        mut case in cases(), age in 0..20 * DAY, end in any::<prop::sample::Index>(),
    ) {
        case.wanted.force = false;
        case.known.has_candles = true;
        let missing = case.missing();
        prop_assume!(!missing.is_empty());
        let tail: Vec<i64> = missing.iter().copied().skip(missing.len() / 2).collect();
        let (from, to) = (tail[0], case.market.next(tail[end.index(tail.len())]));
        let tail = Tail { from, to, asked_at: case.now - age };
        case.known.tail = Some(tail);
        let planned = case.starts_of(&case.planned());
        let news = case.news(tail);
        prop_assert!(news.is_subset(&planned));
        // Without news a piece is asked for only once its absent candles prove something, when it is a week old; or when it is final
        // and left behind by others.
        let week_old = case.market.label(case.now - 7 * DAY);
        let settled = case.market.frontier(case.now, Policy::default()).settled;
        let is_left = |slice: &Span| slice.end() <= settled && !news.is_empty();
        for slice in case.planned().into_iter().filter(|slice| slice.start() >= from) {
            let has_news = news.iter().any(|ts| slice.contains(*ts));
            prop_assert!(has_news || slice.end() <= week_old || is_left(&slice), "{slice:?}");
        }
    }

    #[test]
    fn an_edge_that_brought_nothing_yet_is_asked_again_after_a_day(mut case in cases(), age in 0..50 * HOUR) {
        case.known = Known { tail: None, empty: Vec::new(), has_candles: false, ..case.known };
        case.wanted = Wanted { force: false, refetch_empty: false, ..case.wanted };
        let missing = case.missing();
        prop_assume!(!missing.is_empty());
        let (from, to) = (*missing.first().unwrap(), case.wanted.span.end());
        case.known.tail = Some(Tail { from, to, asked_at: case.now - age });
        prop_assert_eq!(case.planned().is_empty(), age < 24 * HOUR);
        case.wanted.refetch_empty = true;
        prop_assert!(!case.planned().is_empty());
    }

    #[test]
    fn nothing_is_planned_when_all_is_covered(mut case in cases(), force in any::<bool>()) {
        let span = case.wanted.span.intersect(settled(&case.market, case.now));
        prop_assume!(span.is_some());
        case.wanted = Wanted { span: span.unwrap(), refetch_empty: false, force };
        case.known.coverage = case.wanted.span.into();
        prop_assert!(case.planned().is_empty());
    }

    #[test]
    fn every_slice_holds_a_candle_that_has_closed(case in cases()) {
        let is_closed = |ts| case.market.closed_at(ts, Policy::default()) <= case.now;
        for slice in case.planned() {
            prop_assert!(is_closed(slice.start()), "{slice:?}");
        }
    }
}

#[test]
fn the_cut_is_where_the_calendar_says() {
    let market = Market::new(MarketCode::XNYS, Timeframe::Minutes(1), Weekday::Sun);
    let cut = market.midnight(chrono::NaiveDate::from_ymd_opt(2024, 1, 3).unwrap());
    let asked = Span::new(cut - MINUTE, cut + MINUTE).unwrap();
    let wanted = Wanted {
        span: asked,
        force: false,
        refetch_empty: false,
    };
    let planned = plan(
        &market,
        &Known::default(),
        wanted,
        Policy::default(),
        cut + 40 * DAY,
    );
    assert_eq!(
        planned.slices,
        [Span::new(cut - MINUTE, cut), Span::new(cut, cut + MINUTE)].map(Option::unwrap)
    );
}

/// Hours of what always trades around a line between two cells, asked for up to a time; what is planned then.
fn hours_around_a_line(
    covered: &[(i64, i64)],
    last: i64,
    tail: (i64, i64, i64),
    now: i64,
    policy: Policy,
) -> Vec<(i64, i64)> {
    const LINE: i64 = 600 * 34 * DAY;
    let at = |hours: i64| LINE + hours * HOUR;
    let span = |&(from, to): &(i64, i64)| Span::new(at(from), at(to)).unwrap();
    let market = Market::new(MarketCode::ALWAYS, Timeframe::Hours(1), Weekday::Sun);
    let known = Known {
        has_candles: true,
        last_ts: Some(at(last)),
        coverage: covered.iter().map(span).collect(),
        tail: Some(Tail {
            from: at(tail.0),
            to: at(tail.1),
            asked_at: at(tail.2) + MINUTE * 30,
        }),
        ..Known::default()
    };
    let now = at(now) + MINUTE * 30;
    let wanted = Wanted {
        span: Span::new(at(-2000), market.next(market.label(now))).unwrap(),
        force: false,
        refetch_empty: false,
    };
    let slices = plan(&market, &known, wanted, policy, now).slices;
    let hours = |ts: i64| (ts - LINE) / HOUR;
    let of = |slice: &Span| (hours(slice.start()), hours(slice.end()));
    slices.iter().map(of).collect()
}

// A provider was a day late, and a line between two cells lay in that day: it was not asked for again for a week.
#[test]
fn what_is_final_and_was_not_answered_is_asked_for_with_what_comes_behind_it() {
    let usual = Policy::default();
    let planned =
        |covered: &[_], last, tail, now| hours_around_a_line(covered, last, tail, now, usual);
    let late = (-2000, -24);
    assert_eq!(
        planned(&[late], -25, (-24, 12, 12), 36),
        [(-24, 0), (0, 37)]
    );
    // At the edge itself it waits for news, and once it was asked with candles behind it for its age.
    assert_eq!(planned(&[late], -25, (-24, 12, 12), 12), []);
    let behind = |end| [late, (0, end)];
    assert_eq!(planned(&behind(35), 35, (-24, 36, 36), 37), [(35, 38)]);
    let week = 7 * 24 + 1;
    assert_eq!(
        planned(&behind(week - 1), week - 1, (-24, week, week), week),
        [(-24, 0)]
    );
}

#[test]
fn what_another_rule_left_open_is_asked_for_by_the_one_that_calls_it_final() {
    let later = Policy {
        final_after: Some(60 * DAY),
        ..Policy::default()
    };
    let covered = [(-2000, -1400)];
    let tail = (-1400, 36, 36);
    let planned = |policy, now| hours_around_a_line(&covered, 35, tail, now, policy);
    assert_eq!(planned(later, 36), [], "all of it may still change");
    let cells = planned(Policy::default(), 37);
    assert_eq!(
        cells.first().zip(cells.last()),
        Some((&(-1400, -816), &(0, 38)))
    );
    let behind = [(-2000, -1400), (0, 35)];
    let left = hours_around_a_line(&behind, 35, tail, 36, Policy::default());
    assert_eq!(left, [(-1400, -816)], "what is older than a week");
}

// It was told to have had no candle for twenty days, of which nobody had asked.
#[test]
fn a_series_that_was_not_asked_for_up_to_the_time_of_the_question_does_not_rest() {
    let long = Policy {
        final_after: Some(60 * DAY),
        ..Policy::default()
    };
    let asked = |to| hours_around_a_line(&[(-2000, -1900)], -1400, (-1900, to, 36), 37, long);
    assert_eq!(asked(36), [], "quiet for two months");
    assert_eq!(
        asked(24),
        [],
        "by a plan that gives nothing of the day itself"
    );
    assert_eq!(asked(-1399).last(), Some(&(0, 38)));
}

// There are no days with trading hours any more that would end its rest.
#[test]
fn what_has_ended_does_not_rest_and_its_last_days_are_asked_for() {
    let date = |month, day| chrono::NaiveDate::from_ymd_opt(2024, month, day).unwrap();
    let listing = Listing {
        last_day: Some(date(1, 19)),
        ..Listing::on(MarketCode::XNYS)
    };
    let market = Market::new(listing, Timeframe::Day, Weekday::Sun);
    let (first, from) = (label_of(date(1, 1)) - 60 * DAY, label_of(date(1, 10)));
    let known = Known {
        has_candles: true,
        last_ts: Some(label_of(date(1, 1)) - 18 * DAY),
        coverage: Span::new(first, from).unwrap().into(),
        tail: Some(Tail {
            from,
            to: label_of(date(1, 16)),
            asked_at: label_of(date(1, 16)) + 21 * HOUR,
        }),
        ..Known::default()
    };
    let now = label_of(date(2, 5));
    let wanted = Wanted {
        span: Span::new(first, now).unwrap(),
        force: false,
        refetch_empty: false,
    };
    let slices = plan(&market, &known, wanted, Policy::default(), now).slices;
    assert_eq!(slices, [Span::new(from, label_of(date(1, 20))).unwrap()]);
}

#[test]
fn a_series_without_any_candle_is_asked_again_after_24_hours_to_the_second() {
    let market = Market::new(MarketCode::ALWAYS, Timeframe::Day, Weekday::Sun);
    let span = Span::new(0, 10 * DAY).unwrap();
    let asked_at = 20 * DAY;
    let known = Known {
        empty: vec![EmptySpan {
            span,
            asked_at,
            is_confirmed: true,
        }],
        ..Known::default()
    };
    let wanted = Wanted {
        span,
        force: false,
        refetch_empty: false,
    };
    let planned = |now| plan(&market, &known, wanted, Policy::default(), now).slices;
    assert_eq!(planned(asked_at + 24 * HOUR - 1), []);
    assert_eq!(planned(asked_at + 24 * HOUR), [span]);
}

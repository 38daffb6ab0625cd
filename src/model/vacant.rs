//! Where the provider had nothing: covered stretches without a candle, derived from what is there, so that they are the same
//! however the requests were cut. Pure: whoever has the candles says which there are. It must not look at each of them.

use crate::model::market::Market;
use crate::model::span::{Span, SpanSet};

/// Which candle of a span is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The first.
    First,
    /// The last.
    Last,
}

/// The stretches of what was answered in which no candle starts and at least so many slots of the market lie. `find` gives
/// the start of a candle in a span; it is asked about twice for so many slots, however many candles they hold.
///
/// # Errors
/// What `find` returns.
pub(crate) fn vacancies<E>(
    market: &Market,
    answered: &SpanSet,
    slots: usize,
    mut find: impl FnMut(Span, End) -> Result<Option<i64>, E>,
) -> Result<Vec<Span>, E> {
    let mut found = Vec::new();
    for span in answered.iter() {
        let mut from = span.start();
        loop {
            let reach = market.slots_end(from, slots);
            let near = reach.and_then(|reach| Span::new(from, reach));
            let Some(near) = near.filter(|near| near.end() <= span.end()) else {
                break;
            };
            // With a candle in it no stretch from here on is long enough, and the next one begins after the last of them.
            if let Some(last) = find(near, End::Last)?.filter(|&ts| near.contains(ts)) {
                from = market.next(last);
                continue;
            }
            let next = match Span::new(near.end(), span.end()) {
                Some(rest) => find(rest, End::First)?.filter(|&ts| rest.contains(ts)),
                None => None,
            };
            found.extend(Span::new(from, next.unwrap_or(span.end())));
            let Some(next) = next else { break };
            from = market.next(next);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use chrono::Weekday;
    use proptest::prelude::*;

    use super::*;
    use crate::model::market::MarketCode;

    const DAY: i64 = 86_400;
    /// A Monday.
    const BEGIN: i64 = 1_704_067_200;

    fn found(
        market: &Market,
        answered: &SpanSet,
        slots: usize,
        held: &[i64],
    ) -> (Vec<Span>, usize) {
        let mut asked = 0;
        let find = |span: Span, end| {
            asked += 1;
            let mut within = held.iter().copied().filter(|&ts| span.contains(ts));
            Ok::<_, Infallible>(match end {
                End::First => within.next(),
                End::Last => within.next_back(),
            })
        };
        let Ok(found) = vacancies(market, answered, slots, find);
        (found, asked)
    }

    /// The naive way: every stretch between two candles, measured slot by slot.
    fn expected(market: &Market, answered: &SpanSet, slots: usize, held: &[i64]) -> Vec<Span> {
        let between = |span: Span| {
            let inside: Vec<i64> = held
                .iter()
                .copied()
                .filter(|&ts| span.contains(ts))
                .collect();
            let starts =
                std::iter::once(span.start()).chain(inside.iter().map(|&ts| market.next(ts)));
            let ends = inside.iter().copied().chain([span.end()]);
            let stretches: Vec<Span> = starts
                .zip(ends)
                .filter_map(|(a, b)| Span::new(a, b))
                .collect();
            stretches
        };
        let count = |span: &Span| {
            let slot = |from| {
                market
                    .slot_from(from)
                    .filter(|slot| slot.end() <= span.end())
            };
            std::iter::successors(slot(span.start()), |last| slot(last.end())).count()
        };
        let all = answered.iter().flat_map(between);
        all.filter(|span| count(span) >= slots).collect()
    }

    proptest! {
        #[test]
        fn they_are_what_counting_finds(
            code in prop::sample::select(vec![MarketCode::XNYS, MarketCode::ALWAYS, MarketCode::XCBO]),
            timeframe in prop::sample::select(vec!["1m", "15m", "1h", "4h", "1d", "1w", "1mo"]),
            slots in 1usize..7,
            spans in prop::collection::vec((0i64..200, 1i64..120), 1..4),
            held in prop::collection::vec(0i64..(300 * 24), 0..60),
        ) {
            let market = Market::new(code, timeframe.parse().expect("a timeframe"), Weekday::Sun);
            let at = |hours: i64| market.floor(BEGIN + hours * 3600);
            let answered: SpanSet = spans.iter().filter_map(|&(from, days)| Span::new(at(from * 24), at((from + days) * 24))).collect();
            let mut held: Vec<i64> = held.into_iter().map(at).collect();
            held.sort_unstable();
            held.dedup();
            prop_assert_eq!(found(&market, &answered, slots, &held).0, expected(&market, &answered, slots, &held));
        }
    }

    #[test]
    fn a_dense_series_is_asked_about_once_for_so_many_slots() {
        let market = Market::new(
            MarketCode::ALWAYS,
            "1m".parse().expect("a timeframe"),
            Weekday::Sun,
        );
        let whole = Span::new(BEGIN, BEGIN + 100 * DAY).expect("a span");
        let held: Vec<i64> = (whole.start()..whole.end()).step_by(60).collect();
        let (found, asked) = found(&market, &whole.into(), 5, &held);
        assert_eq!(found, []);
        assert!(asked <= 20, "{asked}");
    }
}

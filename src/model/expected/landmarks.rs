//! As few candles of a series as tell which sessions in a row have none: a dense one is not read for that. Pure: whoever has the
//! candles says which there are.

use super::Slots;
use super::slots::Session;
use crate::model::span::Span;

/// Which candle of a span is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The first.
    First,
    /// The last.
    Last,
}

/// Starts of candles, ascending. Rows of so many sessions and more are without one of these if and only if they are without any
/// candle. `find` gives the start of a candle in a span; it is asked about once for so many sessions, however many candles they hold.
///
/// # Errors
/// What `find` returns.
pub(crate) fn landmarks<E>(
    slots: &Slots,
    span: Span,
    sessions: usize,
    find: impl FnMut(Span, End) -> Result<Option<i64>, E>,
) -> Result<Vec<i64>, E> {
    let mut search = Search {
        sessions: slots.sessions(span),
        span,
        find,
    };
    let mut found = Vec::new();
    let mut at = 0;
    while at < search.sessions.len() {
        let next = (at + sessions).min(search.sessions.len());
        let near = search.last(at, next)?;
        let Some((index, ts)) = (match near {
            None => search.first(next)?,
            near => near,
        }) else {
            break;
        };
        found.push(ts);
        at = index + 1;
    }
    Ok(found)
}

struct Search<'a, F> {
    sessions: &'a [Session],
    span: Span,
    find: F,
}

/// A session by its place, and the start of a candle that is expected in it.
type Found = Option<(usize, i64)>;

impl<E, F: FnMut(Span, End) -> Result<Option<i64>, E>> Search<'_, F> {
    /// The last candle of some sessions. What lies between sessions and in breaks is passed over as a whole.
    fn last(&mut self, from: usize, to: usize) -> Result<Found, E> {
        for index in (from..to).rev() {
            for run in self.sessions[index].runs.iter().rev() {
                // One question reaches back over all of them.
                let start = self.sessions[from].runs[0].first;
                let Some(span) = self.within(start, run.end()) else {
                    continue;
                };
                match (self.find)(span, End::Last)? {
                    Some(ts) if span.contains(ts) => {
                        if let Some(index) = self.session_of(ts) {
                            return Ok(Some((index, ts)));
                        }
                    }
                    _ => return Ok(None),
                }
            }
        }
        Ok(None)
    }

    /// The first candle of the sessions from one on.
    fn first(&mut self, from: usize) -> Result<Found, E> {
        let end = self.span.end();
        for index in from..self.sessions.len() {
            for run in &self.sessions[index].runs {
                let Some(span) = self.within(run.first, end) else {
                    continue;
                };
                match (self.find)(span, End::First)? {
                    Some(ts) if span.contains(ts) => {
                        if let Some(index) = self.session_of(ts) {
                            return Ok(Some((index, ts)));
                        }
                    }
                    _ => return Ok(None),
                }
            }
        }
        Ok(None)
    }

    fn within(&self, start: i64, end: i64) -> Option<Span> {
        Span::new(start, end)?.intersect(self.span)
    }

    /// The session in which a candle is expected to start there.
    fn session_of(&self, ts: i64) -> Option<usize> {
        let begun = self
            .sessions
            .partition_point(|session| session.runs[0].first <= ts);
        let index = begun.checked_sub(1)?;
        let runs = &self.sessions[index].runs;
        runs.iter().any(|run| run.has(ts)).then_some(index)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use chrono::Weekday;
    use proptest::prelude::*;

    use super::*;
    use crate::model::expected::{Facts, Gap, GapKind, Held, gaps, measure};
    use crate::model::market::Market;
    use crate::model::span::SpanSet;

    const DAY: i64 = 86_400;
    /// A Monday.
    const BEGIN: i64 = 1_704_067_200;

    fn found(slots: &Slots, span: Span, sessions: usize, held: &[i64]) -> (Vec<i64>, usize) {
        let mut asked = 0;
        let find = |span: Span, end| {
            asked += 1;
            let mut within = held.iter().copied().filter(|&ts| span.contains(ts));
            Ok::<_, Infallible>(match end {
                End::First => within.next(),
                End::Last => within.next_back(),
            })
        };
        let Ok(found) = landmarks(slots, span, sessions, find);
        (found, asked)
    }

    fn market(code: &str, timeframe: &str) -> Market {
        let code: crate::model::market::MarketCode = code.parse().expect("a code");
        Market::new(code, timeframe.parse().expect("a timeframe"), Weekday::Sun)
    }

    proptest! {
        // Candles beside the sessions and in breaks included.
        #[test]
        fn they_tell_the_gaps_that_all_candles_tell(
            code in prop::sample::select(vec!["XNYS", "24/7", "FX", "XCBO", "XHKG"]),
            timeframe in prop::sample::select(vec!["15m", "1h", "4h", "1d"]),
            unasked in prop::collection::vec((0i64..90, 1i64..9), 0..3),
            held in prop::collection::vec(0i64..(90 * 24), 1..60),
        ) {
            let market = market(code, timeframe);
            let at = |hours: i64| market.floor(BEGIN + hours * 3600);
            let span = Span::new(at(0), at(90 * 24)).expect("a span");
            let unasked: SpanSet = unasked.iter().filter_map(|&(from, days)| Span::new(at(from * 24), at((from + days) * 24))).collect();
            let mut held: Vec<i64> = held.into_iter().map(at).collect();
            held.sort_unstable();
            held.dedup();
            let slots = Slots::around(&market, span);
            let facts = Facts {
                market: &market, span, answered: &SpanSet::from(span).subtract(&unasked), pending: &SpanSet::new(), rejected: &[],
                held: Held::Starts(&held),
            };
            let mut few = found(&slots, span, market.telling_slots(), &held).0;
            few.extend([held[0], held[held.len() - 1]]);
            few.sort_unstable();
            few.dedup();
            let told = |gaps: Vec<Gap>| gaps.into_iter().filter(|gap| gap.kind != GapKind::Thin).collect::<Vec<_>>();
            let few = gaps(&Facts { held: Held::Starts(&few), ..facts }, &slots, |_| {});
            prop_assert_eq!(few, told(measure(&facts, &slots, |_| {}).gaps));
        }
    }

    #[test]
    fn a_dense_series_is_asked_about_once_for_so_many_sessions() {
        let market = market("24/7", "1m");
        let span = Span::new(BEGIN, BEGIN + 99 * DAY).expect("a span");
        let held: Vec<i64> = (span.start()..span.end()).step_by(60).collect();
        let (found, asked) = found(&Slots::around(&market, span), span, 3, &held);
        assert_eq!((found.len(), asked), (33, 33));
    }
}

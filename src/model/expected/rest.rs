//! When a gap is asked about once more: after 1, 2, 4 .. days, so that what stays empty costs ever less. Pure.

use crate::model::span::{Span, SpanSet};

const DAY: i64 = 86_400;
/// Ask so often and more, it is asked about every 64 days.
const MOST: usize = 7;

/// A span that was asked, and when that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    /// What was asked.
    pub span: Span,
    /// When, Unix seconds.
    pub at: i64,
}

/// What is due of gaps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Due {
    /// What is due now.
    pub now: SpanSet,
    /// When the next of the rest is due, Unix seconds.
    pub next: Option<i64>,
}

/// What of gaps is due, by what was asked before. What nobody remembers to have asked is due.
pub(crate) fn due(gaps: impl Iterator<Item = Span>, asked: &[Ask], now: i64) -> Due {
    let mut due = Due::default();
    let mut found = Vec::new();
    for gap in gaps {
        let asked: Vec<&Ask> = asked
            .iter()
            .filter(|asked| asked.at <= now && asked.span.intersect(gap).is_some())
            .collect();
        for piece in pieces(gap, &asked) {
            let at = asked
                .iter()
                .filter(|asked| asked.span.contains(piece.start()))
                .map(|asked| asked.at);
            match due_at(at.collect()).filter(|&at| at > now) {
                None => found.push(piece),
                Some(at) => due.next = Some(due.next.map_or(at, |next| next.min(at))),
            }
        }
    }
    due.now = found.into_iter().collect();
    due
}

/// A span, cut where what was asked begins and ends.
fn pieces(span: Span, asked: &[&Ask]) -> Vec<Span> {
    let ends = asked
        .iter()
        .flat_map(|asked| [asked.span.start(), asked.span.end()]);
    let mut cuts: Vec<i64> = ends.filter(|&at| span.contains(at)).collect();
    cuts.extend([span.start(), span.end()]);
    cuts.sort_unstable();
    cuts.dedup();
    let pairs = cuts.windows(2);
    pairs
        .filter_map(|pair| Span::new(pair[0], pair[1]))
        .collect()
}

/// When something is due that was asked at these instants. Several within a day count as one.
fn due_at(mut asked: Vec<i64>) -> Option<i64> {
    asked.sort_unstable();
    let last = *asked.last()?;
    let mut times = 0;
    let mut counted = None;
    for at in asked {
        if counted.is_none_or(|before| at >= before + DAY) {
            (times, counted) = (times + 1, Some(at));
        }
    }
    Some(last + (DAY << (times.min(MOST) - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: i64, end: i64) -> Span {
        Span::new(start * DAY, end * DAY).expect("a span")
    }

    #[test]
    fn what_was_asked_is_due_after_1_2_and_4_days() {
        let gap = span(10, 20);
        let mut asked = Vec::new();
        let mut now = 100 * DAY;
        for days in [1, 2, 4, 8, 16, 32, 64, 64] {
            let ask = Ask {
                span: span(0, 50),
                at: now,
            };
            // Who asks twice in a row has not waited for it.
            asked.extend([ask, ask]);
            let not_yet = due(std::iter::once(gap), &asked, now + days * DAY - 1);
            assert_eq!(not_yet.now, SpanSet::new(), "after {days}");
            assert_eq!(not_yet.next, Some(now + days * DAY));
            now += days * DAY;
            let is_due = due(std::iter::once(gap), &asked, now);
            assert_eq!((is_due.now, is_due.next), (gap.into(), None));
        }
    }

    #[test]
    fn each_part_of_a_gap_is_due_by_when_it_was_asked() {
        let now = 100 * DAY;
        let asked = [
            Ask {
                span: span(5, 14),
                at: now - 2 * DAY,
            },
            Ask {
                span: span(12, 18),
                at: now - DAY / 2,
            },
            // A clock that ran ahead.
            Ask {
                span: span(0, 50),
                at: now + DAY,
            },
        ];
        let due = due([span(10, 20), span(30, 31)].into_iter(), &asked, now);
        let expected: SpanSet = [span(10, 12), span(18, 20), span(30, 31)]
            .into_iter()
            .collect();
        assert_eq!(due.now, expected);
        assert_eq!(due.next, Some(now + DAY / 2));
    }
}

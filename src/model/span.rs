//! Half-open time ranges and sets of them. Every module that speaks of a range speaks of a [`Span`]; inclusivity is
//! argued here and nowhere else.

use std::fmt;

/// A half-open range `[start, end)` of UTC seconds. Never empty, never reversed.
///
/// For timeframes of `1d` and longer the seconds are labels (market dates at 00:00Z), for shorter ones instants.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    start: i64,
    end: i64,
}

impl Span {
    /// All time.
    pub const EVERYTHING: Span = Span {
        start: i64::MIN,
        end: i64::MAX,
    };

    /// The span from `start` (inclusive) to `end` (exclusive), or `None` where that would hold nothing.
    pub fn new(start: i64, end: i64) -> Option<Span> {
        (start < end).then_some(Span { start, end })
    }

    /// First second inside.
    pub fn start(self) -> i64 {
        self.start
    }

    /// First second after.
    pub fn end(self) -> i64 {
        self.end
    }

    /// Length in seconds.
    pub fn seconds(self) -> i64 {
        self.end - self.start
    }

    /// Whether `ts` is inside.
    pub fn contains(self, ts: i64) -> bool {
        self.start <= ts && ts < self.end
    }

    /// The shortest span that holds both.
    #[must_use]
    pub fn hull(self, other: Span) -> Span {
        Span {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// What both hold.
    pub fn intersect(self, other: Span) -> Option<Span> {
        Span::new(self.start.max(other.start), self.end.min(other.end))
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.start, self.end)
    }
}

/// A set of seconds as spans: ascending, disjoint, and never touching (touching spans are one).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpanSet(Vec<Span>);

impl SpanSet {
    /// The empty set.
    pub fn new() -> SpanSet {
        SpanSet::default()
    }

    /// The spans, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Span> + '_ {
        self.0.iter().copied()
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `ts` is in one of the spans.
    pub fn contains(&self, ts: i64) -> bool {
        let after = self.0.partition_point(|span| span.start <= ts);
        after > 0 && ts < self.0[after - 1].end
    }

    /// How much of a span is in the set.
    pub(crate) fn share_of(&self, span: Span) -> Share {
        let ended = self.0.partition_point(|one| one.end <= span.start);
        match self.0.get(ended) {
            Some(one) if one.start <= span.start && span.end <= one.end => Share::All,
            Some(one) if one.start < span.end => Share::Part,
            _ => Share::None,
        }
    }

    /// Everything in this set or in the other.
    #[must_use]
    pub fn union(&self, other: &SpanSet) -> SpanSet {
        self.iter().chain(other.iter()).collect()
    }

    /// Everything in this set that is not in the other.
    #[must_use]
    pub fn subtract(&self, other: &SpanSet) -> SpanSet {
        let mut rest = Vec::new();
        let mut cuts = other.0.as_slice();
        for span in self.iter() {
            let mut from = span.start;
            while let [cut, later @ ..] = cuts {
                if cut.end <= from {
                    cuts = later;
                    continue;
                }
                if cut.start >= span.end {
                    break;
                }
                rest.extend(Span::new(from, cut.start));
                from = cut.end;
                if from >= span.end {
                    break;
                }
            }
            rest.extend(Span::new(from, span.end));
        }
        SpanSet(rest)
    }

    /// The part of this set inside `bounds`.
    #[must_use]
    pub fn within(&self, bounds: Span) -> SpanSet {
        SpanSet(
            self.iter()
                .filter_map(|span| span.intersect(bounds))
                .collect(),
        )
    }
}

/// How much of something is in a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// All of it.
    All,
    /// Some of it.
    Part,
    /// None of it.
    None,
}

impl From<Span> for SpanSet {
    fn from(span: Span) -> SpanSet {
        SpanSet(vec![span])
    }
}

impl FromIterator<Span> for SpanSet {
    fn from_iter<I: IntoIterator<Item = Span>>(spans: I) -> SpanSet {
        let mut all: Vec<Span> = spans.into_iter().collect();
        all.sort_unstable();
        let mut merged: Vec<Span> = Vec::with_capacity(all.len());
        for span in all {
            match merged.last_mut() {
                Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
                _ => merged.push(span),
            }
        }
        SpanSet(merged)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// The naive model: a set of seconds.
    fn seconds(set: &SpanSet) -> BTreeSet<i64> {
        set.iter()
            .flat_map(|span| span.start()..span.end())
            .collect()
    }

    fn is_normal(set: &SpanSet) -> bool {
        set.0.windows(2).all(|pair| pair[0].end < pair[1].start)
            && set.iter().all(|span| span.seconds() > 0)
    }

    fn any_set() -> impl Strategy<Value = SpanSet> {
        prop::collection::vec((0i64..60, 0i64..12), 0..8).prop_map(|pairs| {
            pairs
                .into_iter()
                .filter_map(|(start, len)| Span::new(start, start + len))
                .collect()
        })
    }

    proptest! {
        #[test]
        fn a_set_collects_its_seconds_once(pairs in prop::collection::vec((0i64..60, 0i64..12), 0..8)) {
            let spans: Vec<Span> = pairs.iter().filter_map(|&(start, len)| Span::new(start, start + len)).collect();
            let naive: BTreeSet<i64> = spans.iter().flat_map(|span| span.start()..span.end()).collect();
            let set: SpanSet = spans.into_iter().collect();
            prop_assert!(is_normal(&set));
            prop_assert_eq!(seconds(&set), naive);
        }

        #[test]
        fn union_subtraction_and_bounds_agree_with_sets_of_seconds(a in any_set(), b in any_set(), from in 0i64..70, len in 1i64..40) {
            let (x, y) = (seconds(&a), seconds(&b));
            let bounds = Span::new(from, from + len).expect("not empty");
            for (set, naive) in [
                (a.union(&b), x.union(&y).copied().collect::<BTreeSet<_>>()),
                (a.subtract(&b), x.difference(&y).copied().collect()),
                (a.within(bounds), x.iter().copied().filter(|&s| bounds.contains(s)).collect()),
            ] {
                prop_assert!(is_normal(&set));
                prop_assert_eq!(seconds(&set), naive);
            }
        }

        #[test]
        fn membership_agrees_with_sets_of_seconds(a in any_set(), ts in -2i64..80) {
            prop_assert_eq!(a.contains(ts), seconds(&a).contains(&ts));
        }

        #[test]
        fn the_share_of_a_span_agrees_with_sets_of_seconds(a in any_set(), from in -2i64..70, len in 1i64..20) {
            let there = seconds(&a);
            let inside = (from..from + len).filter(|second| there.contains(second)).count();
            let share = match inside {
                0 => Share::None,
                all if all == (from..from + len).count() => Share::All,
                _ => Share::Part,
            };
            prop_assert_eq!(a.share_of(Span::new(from, from + len).expect("not empty")), share);
        }
    }

    #[test]
    fn a_span_is_half_open_and_never_empty() {
        let span = Span::new(10, 20).expect("not empty");
        assert!(span.contains(10) && span.contains(19) && !span.contains(20) && !span.contains(9));
        assert_eq!(Span::new(5, 5), None);
        assert_eq!(Span::new(6, 5), None);
        assert_eq!(span.intersect(Span::new(20, 30).expect("not empty")), None);
    }
}

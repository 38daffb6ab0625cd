//! Whether a series is complete up to a session. What lies before its first candle or after its end is no part of it.

use chrono::NaiveDate;

use super::{Day, GapKind, Measure};

/// What is missing of a series up to a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Complete {
    /// Candles that are expected.
    pub expected: i64,
    /// Those without a final answer that are not stored, those that were rejected, and those of sessions without any candle.
    pub missing: i64,
    /// The first session with one.
    pub first_missing: Option<NaiveDate>,
    /// Those of sessions that look like closures, beside the missing ones.
    pub closed: i64,
}

/// Judges what was measured; `days` are its sessions. Of a series without any candle everything is missing; one that has ended
/// is judged up to its end.
pub(crate) fn complete(measured: &Measure, days: &[Day]) -> Complete {
    let first = days.iter().position(|day| day.tally.stored > 0);
    let ended = measured
        .gaps
        .iter()
        .find(|gap| gap.kind == GapKind::Ended)
        .map_or(i64::MAX, |gap| gap.span.start());
    let mut found = Complete::default();
    for (index, day) in days.iter().enumerate() {
        let tally = day.tally;
        let is_before = first.is_some_and(|first| index < first);
        // What was answered there is known to be no candle's place.
        let open = tally.not_asked + tally.not_final + tally.rejected;
        if day.span.start() >= ended || is_before && open == 0 {
            continue;
        }
        let missing = if tally.stored == 0 && !is_before {
            tally.expected()
        } else {
            open
        };
        found.expected += tally.expected();
        if day.is_closed {
            found.closed += missing;
            continue;
        }
        found.missing += missing;
        if missing > 0 && found.first_missing.is_none() {
            found.first_missing = Some(day.date);
        }
    }
    found
}

//! What should be there, and what of it is: every candle that a market's calendar expects of a series is stored, was answered
//! with nothing, was not asked for, is not final yet, or was rejected. The one measure of that, for all who tell it. Pure:
//! `now` is an argument, and the candles are those that it is told of.

mod complete;
mod gaps;
mod landmarks;
mod rest;
mod slots;
#[cfg(test)]
mod tests;

pub(crate) use complete::{Complete, complete};
pub(crate) use gaps::{Gap, GapKind};
pub(crate) use landmarks::{End, landmarks};
pub(crate) use rest::{Ask, Due, due};
pub(crate) use slots::Slots;

use chrono::NaiveDate;

use crate::model::market::Market;
use crate::model::span::{Share, Span, SpanSet};
use gaps::Gaps;
use slots::{Run, Session};

/// Which candles of a series there are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Held<'a> {
    /// All that are expected from the start of the first to that of the last.
    Every {
        /// Start of the first.
        first: i64,
        /// Start of the last.
        last: i64,
    },
    /// Their starts, ascending.
    Starts(&'a [i64]),
}

/// What is known of a series.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    /// Its market.
    pub market: &'a Market,
    /// What is measured: from the first position that was asked for to the end of the last.
    pub span: Span,
    /// Where the provider's final answer is known.
    pub answered: &'a SpanSet,
    /// Where no answer can be final yet, and what was asked and is not settled.
    pub pending: &'a SpanSet,
    /// Starts of rows that could not be stored, ascending.
    pub rejected: &'a [i64],
    /// Its candles.
    pub held: Held<'a>,
}

/// Candles that are expected, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Tally {
    /// They are there.
    pub stored: i64,
    /// The provider's final answer has none.
    pub nothing: i64,
    /// There is no answer.
    pub not_asked: i64,
    /// There is no final answer yet.
    pub not_final: i64,
    /// A row came that could not be stored.
    pub rejected: i64,
}

impl Day {
    /// Whether there is an answer for all of it, and no candle.
    pub(crate) fn is_vacant(&self) -> bool {
        let tally = self.tally;
        tally.stored + tally.not_asked + tally.not_final == 0
    }
}

impl Tally {
    /// All of them.
    pub(crate) fn expected(self) -> i64 {
        self.stored + self.nothing + self.not_asked + self.not_final + self.rejected
    }

    /// Those that there is an answer for, in percent of all; `None` where none is expected.
    pub(crate) fn percent(self) -> Option<f64> {
        percent(self.stored + self.nothing + self.rejected, self.expected())
    }

    fn of(&mut self, class: Class) -> &mut i64 {
        match class {
            Class::Answered => &mut self.nothing,
            Class::Pending => &mut self.not_final,
            Class::NotAsked => &mut self.not_asked,
        }
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.stored += other.stored;
        self.nothing += other.nothing;
        self.not_asked += other.not_asked;
        self.not_final += other.not_final;
        self.rejected += other.rejected;
    }
}

/// A part in percent, rounded down to two digits: 100 is all of it.
#[allow(clippy::cast_precision_loss)] // Hundredths of a percent.
fn percent(part: i64, of: i64) -> Option<f64> {
    (of > 0).then(|| (part * 10_000 / of) as f64 / 100.0)
}

/// A session of a series.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Day {
    /// Its market date; of `1w` and `1mo` the candle's label.
    pub date: NaiveDate,
    /// From the start of its first candle that is measured to the end of the last.
    pub span: Span,
    /// What became of its candles.
    pub tally: Tally,
    /// Whether nothing of its market has a candle on it, so that it looks like a closure that the calendar does not know.
    pub is_closed: bool,
    /// Whether all of its candles are measured.
    is_whole: bool,
    /// Stored and expected candles of its regular hours, from the first candle of the series to the last.
    regular: (i64, i64),
}

impl Day {
    /// Whether it is a market day of which the final answer has nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_whole && self.tally.nothing == self.tally.expected()
    }
}

/// What the measure comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Measure {
    /// What became of all candles that are expected.
    pub tally: Tally,
    /// Stored of expected candles in regular hours, from the first candle to the last, in percent; `None` where there is none.
    pub density: Option<f64>,
    /// Where sessions in a row are missing, longest first.
    pub gaps: Vec<Gap>,
}

/// Measures a series; each session is handed on as well.
pub(crate) fn measure(facts: &Facts<'_>, slots: &Slots, mut each: impl FnMut(&Day)) -> Measure {
    let (mut tally, mut regular) = (Tally::default(), (0, 0));
    let mut gaps = facts.each_day(slots, |day| {
        tally += day.tally;
        regular = (regular.0 + day.regular.0, regular.1 + day.regular.1);
        each(day);
    });
    gaps.thin();
    Measure {
        tally,
        density: percent(regular.0, regular.1),
        gaps: gaps.end(),
    }
}

/// The gaps that measured sessions come to, longest first. One that looks like a closure is passed over like a holiday.
pub(crate) fn gaps_of(market: &Market, life: Option<Span>, days: &[Day]) -> Vec<Gap> {
    let mut gaps = Gaps::new(market, life);
    for day in days {
        gaps.take(day);
    }
    gaps.end()
}

/// The gaps of a series that are sessions without any candle, longest first: [`landmarks`] of its candles are enough. Each session
/// is handed on as well.
pub(crate) fn gaps(facts: &Facts<'_>, slots: &Slots, each: impl FnMut(&Day)) -> Vec<Gap> {
    facts.each_day(slots, each).end()
}

/// What a slot without a row is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Answered,
    Pending,
    NotAsked,
}

impl<'a> Facts<'a> {
    fn each_day(&self, slots: &Slots, mut each: impl FnMut(&Day)) -> Gaps<'a> {
        let life = self.life();
        let mut gaps = Gaps::new(self.market, life);
        for session in slots.sessions(self.span) {
            if let Some(day) = self.day(session, life) {
                gaps.take(&day);
                each(&day);
            }
        }
        gaps
    }

    /// From the start of the first candle to just behind that of the last.
    fn life(&self) -> Option<Span> {
        match self.held {
            Held::Every { first, last } => Span::new(first, last + 1),
            Held::Starts(starts) => Span::new(*starts.first()?, *starts.last()? + 1),
        }
    }

    /// A session of which every candle is there, measured and held: most are, and thousands of series have thousands of them.
    fn full_day(&self, session: &Session) -> Option<Day> {
        let Held::Every { first, last } = self.held else {
            return None;
        };
        let &[run] = session.runs.as_slice() else {
            return None;
        };
        let span = Span::new(run.first, run.end())?;
        let is_full = first <= span.start()
            && span.end() - run.step <= last
            && self.span.start() <= span.start()
            && span.end() <= self.span.end();
        let regular = if session.regular == Span::EVERYTHING {
            run.slots
        } else {
            run.within(session.regular).map_or(0, |run| run.slots)
        };
        is_full.then(|| Day {
            date: session.date,
            span,
            tally: Tally {
                stored: run.slots,
                ..Tally::default()
            },
            is_closed: false,
            is_whole: true,
            regular: (regular, regular),
        })
    }

    fn day(&self, session: &Session, life: Option<Span>) -> Option<Day> {
        if let Some(day) = self.full_day(session) {
            return Some(day);
        }
        let measured = || session.runs.iter().filter_map(|run| run.within(self.span));
        let (first, end) = (measured().next()?.first, measured().next_back()?.end());
        let whole: i64 = session.runs.iter().map(|run| run.slots).sum();
        let mut tally = Tally::default();
        let mut regular = (0, 0);
        for run in measured() {
            tally += self.tally(run);
            let usual = life.and_then(|life| life.intersect(session.regular));
            if let Some(usual) = usual.and_then(|usual| run.within(usual)) {
                regular = (regular.0 + self.stored(usual), regular.1 + usual.slots);
            }
        }
        Some(Day {
            date: session.date,
            span: Span::new(first, end)?,
            tally,
            is_closed: false,
            is_whole: tally.expected() == whole,
            regular,
        })
    }

    fn tally(&self, run: Run) -> Tally {
        let stored = self.stored(run);
        let mut tally = Tally {
            stored,
            ..Tally::default()
        };
        if stored == run.slots {
            return tally;
        }
        let rejected = self.rejected_in(run);
        if let Some(class) = self.class_of_all(run) {
            tally.rejected = i64::try_from(rejected.len()).unwrap_or(i64::MAX);
            *tally.of(class) = run.slots - stored - tally.rejected;
            return tally;
        }
        for ts in run.starts().filter(|&ts| !self.is_held(ts)) {
            if rejected.contains(&ts) {
                tally.rejected += 1;
            } else {
                *tally.of(self.class(ts)) += 1;
            }
        }
        tally
    }

    fn stored(&self, run: Run) -> i64 {
        match self.held {
            Held::Every { first, last } => Span::new(first, last + 1)
                .and_then(|life| run.within(life))
                .map_or(0, |run| run.slots),
            Held::Starts(starts) => {
                let there = among(starts, run);
                let there = there.iter().filter(|&&ts| run.has(ts)).count();
                i64::try_from(there).unwrap_or(i64::MAX)
            }
        }
    }

    /// Of an expected candle.
    fn is_held(&self, ts: i64) -> bool {
        match self.held {
            Held::Every { first, last } => (first..=last).contains(&ts),
            Held::Starts(starts) => starts.binary_search(&ts).is_ok(),
        }
    }

    /// The starts that were rejected, each once, and no candle came later.
    fn rejected_in(&self, run: Run) -> Vec<i64> {
        let rows = among(self.rejected, run).iter().copied();
        let mut rows: Vec<i64> = rows
            .filter(|&ts| run.has(ts) && !self.is_held(ts))
            .collect();
        rows.dedup();
        rows
    }

    fn class(&self, ts: i64) -> Class {
        if self.answered.contains(ts) {
            Class::Answered
        } else if self.pending.contains(ts) {
            Class::Pending
        } else {
            Class::NotAsked
        }
    }

    /// The class of all slots of a run, where they are of one.
    fn class_of_all(&self, run: Run) -> Option<Class> {
        let span = Span::new(run.first, run.end())?;
        match self.answered.share_of(span) {
            Share::All => Some(Class::Answered),
            Share::Part => None,
            Share::None => match self.pending.share_of(span) {
                Share::All => Some(Class::Pending),
                Share::Part => None,
                Share::None => Some(Class::NotAsked),
            },
        }
    }
}

fn among(starts: &[i64], run: Run) -> &[i64] {
    let before = |position| starts.partition_point(|&ts| ts < position);
    &starts[before(run.first)..before(run.end())]
}

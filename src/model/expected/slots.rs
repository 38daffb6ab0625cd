//! The candles that a market's calendar expects, session by session: as runs of equal steps, so that years of minutes are
//! counted and not walked. Pure.

use std::ops::Range;

use chrono::NaiveDate;

use crate::model::market::Market;
use crate::model::span::Span;
use crate::model::timeframe::Timeframe;

/// Candle starts at equal steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: i64,
    pub(super) slots: i64,
    pub(super) step: i64,
}

impl Run {
    /// The end of the last step.
    pub(super) fn end(self) -> i64 {
        self.first + self.slots * self.step
    }

    /// What of it starts in a span.
    pub(super) fn within(self, span: Span) -> Option<Run> {
        let steps = |position: i64| {
            let ahead = position.saturating_sub(self.first);
            ahead.clamp(0, self.slots * self.step)
        };
        let before = |position: i64| (steps(position) + self.step - 1) / self.step;
        let (from, to) = (before(span.start()), before(span.end()));
        (from < to).then(|| Run {
            first: self.first + from * self.step,
            slots: to - from,
            step: self.step,
        })
    }

    /// Whether a candle that is expected starts there.
    pub(super) fn has(self, ts: i64) -> bool {
        (self.first..self.end()).contains(&ts) && (ts - self.first) % self.step == 0
    }

    pub(super) fn starts(self) -> impl Iterator<Item = i64> {
        (0..self.slots).map(move |at| self.first + at * self.step)
    }
}

/// A session: a market day with trading hours; for `1w` and `1mo` a candle.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) date: NaiveDate,
    /// Where its candles start in the regular hours.
    pub(super) regular: Span,
    /// More than one where there is a break.
    pub(super) runs: Vec<Run>,
}

/// The sessions of a market that lie in a span, or reach into it. Of years that no calendar knows there are none.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    within: Span,
    sessions: Vec<Session>,
    /// How many candles are expected before each session, and at last in all.
    before: Vec<i64>,
}

/// Spans are rounded to so many seconds, so that series whose spans differ a little share their slots.
pub(super) const SHARED: i64 = 4 * 366 * 86_400;

impl Slots {
    /// Those of a span of positions, and of some time around it.
    pub(crate) fn around(market: &Market, span: Span) -> Slots {
        let wide = widened(span);
        let start = wide.start().div_euclid(SHARED) * SHARED;
        let end = (wide.end().div_euclid(SHARED) + 1) * SHARED;
        Slots::of(market, Span::new(start, end).unwrap_or(span))
    }

    fn of(market: &Market, within: Span) -> Slots {
        let known = within.intersect(market.known_years());
        let sessions = match known.filter(|_| market.unknown().is_none()) {
            None => Vec::new(),
            Some(span) => match market.timeframe() {
                Timeframe::Week | Timeframe::Month => longer(market, span),
                Timeframe::Day => days(market, span),
                Timeframe::Minutes(n) => intraday(market, span, i64::from(n) * 60),
                Timeframe::Hours(n) => intraday(market, span, i64::from(n) * 3600),
            },
        };
        let mut before = vec![0; sessions.len() + 1];
        for (index, session) in sessions.iter().enumerate() {
            let slots: i64 = session.runs.iter().map(|run| run.slots).sum();
            before[index + 1] = before[index] + slots;
        }
        Slots {
            within,
            sessions,
            before,
        }
    }

    /// These, or more where a span reaches further.
    pub(crate) fn reaching(self, market: &Market, span: Span) -> Slots {
        let reach = self.within.hull(widened(span));
        if reach == self.within {
            return self;
        }
        Slots::around(market, reach)
    }

    /// The sessions that reach into a span.
    pub(super) fn sessions(&self, span: Span) -> &[Session] {
        self.sessions.get(self.places(span)).unwrap_or_default()
    }

    fn places(&self, span: Span) -> Range<usize> {
        let end = |session: &Session| session.runs.last().map_or(i64::MIN, |run| run.end());
        let start = |session: &Session| session.runs.first().map_or(i64::MAX, |run| run.first);
        let from = self
            .sessions
            .partition_point(|session| end(session) <= span.start());
        let to = self
            .sessions
            .partition_point(|session| start(session) < span.end());
        from..to
    }

    /// How many candles are expected to start in a span.
    pub(crate) fn count(&self, span: Span) -> i64 {
        let Range { start, end } = self.places(span);
        let counted = |session: &Session| -> i64 {
            let runs = session.runs.iter().filter_map(|run| run.within(span));
            runs.map(|run| run.slots).sum()
        };
        // Those amid the first and the last are in it as a whole.
        match self.sessions.get(start..end).unwrap_or_default() {
            [] => 0,
            [one] => counted(one),
            [first, .., last] => {
                counted(first) + self.before[end - 1] - self.before[start + 1] + counted(last)
            }
        }
    }
}

/// With room for the whole candles at its ends, the longest of which is a month.
fn widened(span: Span) -> Span {
    const ROOM: i64 = 62 * 86_400;
    Span::new(span.start() - ROOM, span.end() + ROOM).unwrap_or(span)
}

fn longer(market: &Market, span: Span) -> Vec<Session> {
    let mut sessions = Vec::new();
    let mut first = market.floor(span.start());
    while first < span.end() {
        let next = market.next(first);
        if first >= span.start() && next <= span.end() && market.trading_close(first).is_some() {
            sessions.push(one(market, first, next - first));
        }
        first = next;
    }
    sessions
}

fn days(market: &Market, span: Span) -> Vec<Session> {
    let step = 86_400;
    let labels = (market.floor(span.start())..span.end()).step_by(86_400);
    let trades = |&label: &i64| market.trades_on(market.day_of(label));
    labels
        .filter(trades)
        .map(|label| one(market, label, step))
        .collect()
}

/// A session that is a candle.
fn one(market: &Market, first: i64, step: i64) -> Session {
    Session {
        date: market.day_of(first),
        regular: Span::EVERYTHING,
        runs: vec![Run {
            first,
            slots: 1,
            step,
        }],
    }
}

fn intraday(market: &Market, span: Span, step: i64) -> Vec<Session> {
    let mut sessions: Vec<Session> = Vec::new();
    let last = market.day_of(span.end() - 1);
    let dates = market.day_of(span.start()).iter_days();
    for date in dates.take_while(|&date| date <= last) {
        let Some((open, close)) = market.trading_hours(date) else {
            continue;
        };
        let mut first = market.floor(open);
        // A candle that two sessions share is the earlier one's.
        let before = sessions.last().and_then(|session| session.runs.last());
        if let Some(before) = before.filter(|before| before.end() > first) {
            first = before.end();
        }
        let slots = (close - first + step - 1).div_euclid(step);
        if slots < 1 {
            continue;
        }
        let whole = Run { first, slots, step };
        let regular = market
            .regular_session(date)
            .and_then(|(open, close)| Span::new(open - step + 1, close));
        let session = Session {
            date,
            regular: regular.unwrap_or(Span::EVERYTHING),
            runs: without(whole, &market.breaks(date)),
        };
        sessions.push(session);
    }
    sessions
}

/// A run without the candles that lie in breaks as a whole.
fn without(run: Run, breaks: &[(i64, i64)]) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut rest = run;
    for &(from, to) in breaks {
        let before = (from - rest.first + rest.step - 1).div_euclid(rest.step);
        let after = (to - rest.first).div_euclid(rest.step);
        if 0 <= before && before < after && after <= rest.slots {
            if before > 0 {
                runs.push(Run {
                    slots: before,
                    ..rest
                });
            }
            rest = Run {
                first: rest.first + after * rest.step,
                slots: rest.slots - after,
                step: rest.step,
            };
        }
    }
    if rest.slots > 0 {
        runs.push(rest);
    }
    runs
}

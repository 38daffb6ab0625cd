//! Step one: requested minus coverage gives the slices to fetch. That one subtraction is resume, extend, prepend,
//! repair and "already done". Pure: `now` is an argument, nothing is read or written.

use crate::model::market::{Frontier, Market, Policy};
use crate::model::span::{Span, SpanSet};

/// A series without any candle is asked again after this long: a typing error and a late listing answer alike.
const NO_DATA_ASKED_AGAIN_AFTER: i64 = 24 * 3600;

/// What ended so long ago is final, however long its candle is.
const LONG_FINAL: i64 = 60 * 86_400;

/// A series that had no candle for so many days with trading hours may have ended, and is asked ever more seldom ..
const QUIET_DAYS: usize = 20;
/// .. but after so many such days at the latest.
const LONGEST_REST: usize = 20;

/// What the file knows of a series before a plan is made.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Whether any candle is stored.
    pub has_candles: bool,
    /// Start of the first candle.
    pub first_ts: Option<i64>,
    /// Start of the last candle.
    pub last_ts: Option<i64>,
    /// Spans with the provider's final answer.
    pub coverage: SpanSet,
    /// Spans for which the provider had nothing, and when it said so.
    pub empty: Vec<EmptySpan>,
    /// The stretch at the live edge that was asked last.
    pub tail: Option<Tail>,
    /// The oldest candle in it that was fetched and not for good.
    pub provisional: Option<Provisional>,
    /// Of an adjusted series, what came in a run that ended before it was checked for a split: it may stand in another scale than
    /// the rest.
    pub unchecked: SpanSet,
}

/// Where the provider's final answer is known, be it that it has nothing: the one rule. Before its first candle a series' empty
/// answers stand apart; the candle turns them into coverage.
pub fn answered(has_candles: bool, coverage: &SpanSet, empty: impl FnOnce() -> SpanSet) -> SpanSet {
    if has_candles {
        coverage.clone()
    } else {
        coverage.union(&empty())
    }
}

impl Known {
    /// Where the provider's final answer is known.
    pub fn answered(&self) -> SpanSet {
        answered(self.has_candles, &self.coverage, || {
            self.empty_since(i64::MIN)
        })
    }

    /// Where it had nothing, as it said after an instant.
    pub fn empty_since(&self, since: i64) -> SpanSet {
        let empty = self.empty.iter().filter(|empty| empty.asked_at > since);
        empty.map(|empty| empty.span).collect()
    }

    /// From the first candle to the end of the last.
    pub(crate) fn life(&self, market: &Market) -> Option<Span> {
        let (first, last) = self.first_ts.zip(self.last_ts)?;
        Span::new(first, market.next(last))
    }

    /// Where it had nothing, as it said once, and where candles have come to lie on both sides or right beside.
    pub(crate) fn doubtful(&self, market: &Market) -> SpanSet {
        let life = self.life(market);
        let once = self.empty.iter().filter(|empty| !empty.is_confirmed);
        let doubtful = once.filter(|empty| is_doubtful(empty.span, life));
        doubtful.map(|empty| empty.span).collect()
    }

    /// What was not checked, what is doubtful, and what a clock that ran ahead has left and cannot be so: answers of the future, and final ones for
    /// candles that are not final yet, by the rule of who asks. Those beside them were told by the same clock: nothing counts from the last candle on, itself included.
    pub fn disbelieved(&self, market: &Market, policy: Policy, now: i64) -> SpanSet {
        let of_the_future = self.empty.iter().filter(|empty| empty.asked_at > now);
        let unasked: SpanSet = of_the_future.map(|empty| empty.span).collect();
        let unasked = unasked.union(&self.unchecked).union(&self.doubtful(market));
        let end = self.coverage.iter().next_back().map(Span::end);
        if end.is_none_or(|end| end < now - LONG_FINAL) {
            return unasked;
        }
        // Who waits longer than usual does not doubt what was final by the usual rule.
        let by = |final_after| {
            let policy = Policy {
                delay: 0,
                final_after,
            };
            market.frontier(now, policy).settled
        };
        let settled = by(None).max(by(policy.final_after));
        let beyond = Span::new(settled, i64::MAX).map(|beyond| self.coverage.within(beyond));
        if beyond.is_none_or(|beyond| beyond.is_empty()) {
            return unasked;
        }
        let from = self.last_ts.map_or(i64::MIN, |last| last.min(settled));
        unasked.union(&Span::new(from, i64::MAX).map_or_else(SpanSet::default, SpanSet::from))
    }

    /// What is known without that.
    fn believed(&self, market: &Market, policy: Policy, now: i64) -> Known {
        let empty = self.empty.iter().filter(|empty| empty.asked_at <= now);
        Known {
            coverage: self
                .coverage
                .subtract(&self.disbelieved(market, policy, now)),
            empty: empty.copied().collect(),
            tail: self.tail.filter(|tail| tail.asked_at <= now),
            unchecked: SpanSet::default(),
            ..*self
        }
    }
}

/// A candle is beside a span that begins or ends no more than so many seconds from it: two weeks, with all their holidays.
const BESIDE: i64 = 14 * 86_400;

/// Whether one is right beside the other.
pub(crate) fn is_beside(span: Span, other: Span) -> bool {
    other.start() < span.end() + BESIDE && span.start() < other.end() + BESIDE
}

/// Whether candles are known on both sides of a span, or right beside it, by where the first and the last of them are: there nothing
/// is believed on one word.
pub(crate) fn is_doubtful(span: Span, life: Option<Span>) -> bool {
    life.is_some_and(|life| {
        life.start() < span.start() && life.end() > span.end() || is_beside(span, life)
    })
}

/// A span for which the provider had nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmptySpan {
    /// What was asked.
    pub span: Span,
    /// When, in Unix seconds.
    pub asked_at: i64,
    /// Whether it was said twice, or by an answer that had candles behind it.
    pub is_confirmed: bool,
}

/// The uncovered stretch at the end of what a finished job asked for: everything in it was asked at `asked_at`, or had
/// no news then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// First uncovered position.
    pub from: i64,
    /// End of what was asked and had closed.
    pub to: i64,
    /// The `now` of the plan that asked, in Unix seconds.
    pub asked_at: i64,
}

/// A stored candle without a final answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provisional {
    /// Its start.
    pub ts: i64,
    /// When its slice was begun, in Unix seconds.
    pub fetched_at: i64,
}

impl Provisional {
    /// Whether it would be final if the one who fetched it had not waited longer for that.
    fn is_overdue(&self, market: &Market, policy: Policy) -> bool {
        market.final_at(self.ts, policy) <= self.fetched_at
    }
}

/// What the user wants of a series.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The span, whole candles, not beyond now.
    pub span: Span,
    /// Ask for the live edge again even if nothing in it has newly closed or become final.
    pub force: bool,
    /// Ask again where the provider had nothing.
    pub refetch_empty: bool,
}

/// What is to be asked of a series now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The slices to fetch, in ascending order: each holds a closed candle, and at the live edge one that has news.
    pub slices: Vec<Span>,
    /// Whether something at the live edge is not asked for because the series was quiet for long, and is not due again.
    pub not_due: bool,
}

/// Plans what is to be asked of a series.
pub fn plan(market: &Market, known: &Known, wanted: Wanted, policy: Policy, now: i64) -> Plan {
    let known = &known.believed(market, policy, now);
    // A job of an older file may have been cut at lines that are none: whole candles are asked for.
    let Some(span) = market.lifetime_of(market.whole_candles(wanted.span)) else {
        return Plan::default();
    };
    let mut missing = SpanSet::from(span).subtract(&settled(known, wanted, now));
    if missing.is_empty() {
        return Plan::default();
    }
    let frontier = market.frontier(now, policy);
    let mut not_due = false;
    if let Some(tail) = known.tail
        && let Some(edge) = Span::new(tail.from, i64::MAX)
        && !wanted.force
    {
        let at_edge = missing.within(edge);
        let rests = rests(market, known, wanted, tail, frontier, (now, policy));
        not_due = rests && at_edge.iter().any(|span| span.start() < frontier.closed);
        let has_news = |span: &Span| {
            if rests {
                false
            } else if known.has_candles {
                let overdue = known.provisional.filter(|it| it.is_overdue(market, policy));
                overdue.is_some_and(|candle| span.contains(candle.ts))
                    || brings_news(market, *span, tail, frontier, policy)
            } else {
                wanted.refetch_empty || now - tail.asked_at >= NO_DATA_ASKED_AGAIN_AFTER
            }
        };
        let cut = |span| market.cut_at_cells(span);
        let slices: Vec<Span> = at_edge.iter().flat_map(cut).collect();
        let any_has = slices.iter().any(has_news);
        // What is final and was not answered. Where its age makes any answer count it needs no news; and where candles may come
        // behind it now, these may be late, too.
        let last_covered = known.coverage.iter().next_back().map(Span::start);
        let is_left_behind = |span: &Span| {
            let is_hole = last_covered.is_some_and(|start| span.end() <= start);
            let is_final = span.end() <= frontier.settled && market.trades_within(*span);
            let is_due = span.end() <= frontier.tail_proven || any_has && !is_hole;
            !rests && known.has_candles && is_final && is_due
        };
        let slices = slices.into_iter();
        let news = slices
            .filter(|slice| has_news(slice) || is_left_behind(slice))
            .collect();
        missing = missing.subtract(&edge.into()).union(&news);
    }
    let slices = missing.iter().flat_map(|span| market.cut_at_cells(span));
    let slices: Vec<Span> = slices
        .filter(|slice| slice.start() < frontier.closed)
        .collect();
    Plan { slices, not_due }
}

/// Whether the live edge is left alone. The longer it had been quiet when it was asked last, the longer: after 20 days with
/// trading hours for 1, then 2, 4, 8, 16 and 20 of them. Who wants a part of what was never asked, and not all up to now, is
/// not put off; nor is anybody where it was not asked up to the time of the question.
fn rests(
    market: &Market,
    known: &Known,
    wanted: Wanted,
    tail: Tail,
    frontier: Frontier,
    (now, policy): (i64, Policy),
) -> bool {
    let newest = market.last_trading_candle_before(frontier.closed);
    let is_part =
        wanted.span.start() > tail.from || newest.is_some_and(|ts| ts >= wanted.span.end());
    // A plan may give nothing of the day of the question.
    let was_part = || {
        let midnight = market.midnight(market.date(tail.asked_at));
        let closed = market.frontier(tail.asked_at, policy).closed;
        tail.to < closed.min(market.label(midnight))
    };
    if wanted.span.end() > tail.to && (is_part || was_part()) {
        return false;
    }
    let Some(last_ts) = known.last_ts.filter(|_| tail.asked_at <= now) else {
        return false;
    };
    // Days without trading hours would never come to an end.
    if market.has_ended(now) {
        return false;
    }
    let asked_on = market.date(tail.asked_at);
    // One that had been quiet for longer rests no longer.
    let most = QUIET_DAYS + 2 * LONGEST_REST;
    let quiet = market.trading_days(market.last_date(last_ts), asked_on, most);
    let Some(longer) = (quiet + 1).checked_sub(QUIET_DAYS).filter(|&n| n > 0) else {
        return false;
    };
    let rest = (1 << longer.ilog2()).min(LONGEST_REST);
    market.trading_days(asked_on, market.date(now), rest) < rest
}

/// The spans that need no further question.
fn settled(known: &Known, wanted: Wanted, now: i64) -> SpanSet {
    if wanted.refetch_empty {
        return known.coverage.subtract(&known.empty_since(i64::MIN));
    }
    let lately = || known.empty_since(now - NO_DATA_ASKED_AGAIN_AFTER);
    answered(known.has_candles, &known.coverage, lately)
}

/// Whether asking for a span at the live edge again could bring anything: by the trading hours a candle in it has closed
/// or become final since, or it has grown so old that its absent candles now prove something.
fn brings_news(
    market: &Market,
    span: Span,
    tail: Tail,
    frontier: Frontier,
    policy: Policy,
) -> bool {
    let newest = |limit: i64| {
        market
            .last_trading_candle_before(span.end().min(limit))
            .filter(|&ts| ts >= span.start())
    };
    let closed = newest(frontier.closed)
        .is_some_and(|ts| ts >= tail.to || market.closed_at(ts, policy) > tail.asked_at);
    let provable = span.end() <= frontier.tail_proven
        && span.end() > market.frontier(tail.asked_at, policy).tail_proven;
    closed
        || provable
        || newest(frontier.settled).is_some_and(|ts| market.final_at(ts, policy) > tail.asked_at)
}

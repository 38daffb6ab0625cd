//! What of an answer may be stored, and what it proves. Pure.
//!
//! Coverage is advanced page by page: answers are in ascending order, so that everything up to the end of a page's last
//! final candle is complete. Only the last page says anything about what comes after.

use crate::model::candle::{Candle, Rejected};
use crate::model::market::{Frontier, Market};
use crate::model::span::Span;
use crate::model::timeframe::Timeframe;
use crate::provider::Page;
use crate::store::Beginning;

/// A chain of pages longer than this has no end.
const MAX_PAGES: u32 = 1000;

/// One slice's chain of pages, so far.
pub(crate) struct Chain {
    market: Market,
    span: Span,
    frontier: Frontier,
    newest: Option<i64>,
    seen: Seen,
    /// Where the answer begins, for weeks and months.
    beginning: Option<Beginning>,
    /// Whether a row that cannot be stored came before any candle.
    began_with_a_reject: bool,
    proven_to: i64,
    pages: u32,
    any_candle: bool,
    /// Whether every row so far is one that cannot be stored.
    all_rejected: bool,
}

/// What of a chain's candles is kept in mind: the oldest, and those of the last page.
#[derive(Debug, Default)]
struct Seen {
    oldest: Option<i64>,
    last_page: Vec<i64>,
    /// Whether a later page brought what an earlier one had passed over.
    is_belied: bool,
}

impl Seen {
    fn doubt(&mut self, candles: &[Candle]) {
        self.is_belied |= candles.iter().any(|candle| self.has_passed_over(candle.ts));
    }

    fn has_passed_over(&self, ts: i64) -> bool {
        let page = &self.last_page;
        let ends = page.first().zip(page.last());
        let is_within = ends.is_some_and(|(first, last)| (*first..=*last).contains(&ts));
        self.oldest.is_some_and(|oldest| ts < oldest)
            || is_within && page.binary_search(&ts).is_err()
    }

    fn add(&mut self, candles: &[Candle]) {
        let Some(first) = candles.first() else { return };
        self.oldest.get_or_insert(first.ts);
        self.last_page = candles.iter().map(|candle| candle.ts).collect();
    }
}

/// What a page comes to.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// Closed candles, ascending.
    pub(crate) candles: Vec<Candle>,
    /// Rows that cannot be stored.
    pub(crate) rejected: Vec<Rejected>,
    /// The stretch newly proven to be complete.
    pub(crate) proven: Option<Span>,
    /// Whether nothing of use can follow.
    pub(crate) is_last: bool,
}

impl Chain {
    pub(crate) fn new(market: Market, span: Span, frontier: Frontier) -> Chain {
        Chain {
            market,
            span,
            frontier,
            newest: None,
            seen: Seen::default(),
            beginning: None,
            began_with_a_reject: false,
            proven_to: span.start(),
            pages: 0,
            any_candle: false,
            all_rejected: true,
        }
    }

    /// Nothing more of the chain is closed or final than at this frontier, too.
    pub(crate) fn hold_back(&mut self, frontier: Frontier) {
        let held = &mut self.frontier;
        held.closed = held.closed.min(frontier.closed);
        held.settled = held.settled.min(frontier.settled);
        held.tail_proven = held.tail_proven.min(frontier.tail_proven);
    }

    /// All that is proven so far, from the start of the slice.
    pub(crate) fn proven(&self) -> Option<Span> {
        Span::new(self.span.start(), self.proven_to)
    }

    /// Whether what the pages seemed to prove is not so: a later one brought what they had passed over.
    pub(crate) fn is_belied(&self) -> bool {
        self.seen.is_belied
    }

    /// Whether no page had a storable row.
    pub(crate) fn is_empty(&self) -> bool {
        !self.any_candle
    }

    /// Judges the next page.
    ///
    /// # Errors
    /// The chain does not advance in time, is out of order or has no end. Nothing of the page may be stored then.
    pub(crate) fn judge(&mut self, page: Page) -> Result<Judged, String> {
        self.pages += 1;
        let Page {
            mut candles,
            mut rejected,
            has_rows,
            next,
            ..
        } = page;
        let follows = next.is_some();
        self.seen.doubt(&candles);
        if follows && self.pages >= MAX_PAGES {
            return Err(format!("the answer goes on after {MAX_PAGES} pages"));
        }
        if !candles.is_sorted_by_key(|candle| candle.ts) {
            // In a whole answer order is a nuisance. On a page that others follow it unproves what the page would prove.
            if follows || self.pages > 1 {
                return Err("the rows of a page are not in ascending order".to_owned());
            }
            candles.sort_by_key(|candle| candle.ts);
        }
        let stuck = match (candles.last(), self.newest) {
            (Some(last), Some(newest)) => last.ts <= newest,
            // A first page may hold nothing but what the provider snapped outward.
            (None, _) => follows && has_rows && (self.pages > 1 || !rejected.is_empty()),
            (Some(_), None) => false,
        };
        if stuck {
            return Err(match rejected.first().filter(|_| candles.is_empty()) {
                Some(row) => format!("every row of a page cannot be stored: {}", row.reason),
                None => "a page has rows and does not advance in time".to_owned(),
            });
        }
        self.newest = candles.last().map(|candle| candle.ts).or(self.newest);
        self.seen.add(&candles);
        self.all_rejected &= candles.is_empty();

        let closed = candles.partition_point(|candle| candle.ts < self.frontier.closed);
        let is_last = !follows || closed < candles.len();
        candles.truncate(closed);
        rejected.retain(|row| {
            row.ts
                .is_none_or(|ts| !self.span.contains(ts) || ts < self.frontier.closed)
        });
        self.any_candle |= !candles.is_empty();
        if is_last
            && self.all_rejected
            && let Some(row) = rejected.first()
        {
            let reason = &row.reason;
            return Err(format!("every row is one that cannot be stored: {reason}"));
        }
        self.begin(&candles, &rejected);
        let proven = self.advance(&candles, is_last);
        Ok(Judged {
            candles,
            rejected,
            proven,
            is_last,
        })
    }

    /// Where the answer begins. What a plan's history clips begins later than asked, and its first week or month may be
    /// made of a part of its days.
    fn begin(&mut self, candles: &[Candle], rejected: &[Rejected]) {
        if !matches!(self.market.timeframe(), Timeframe::Week | Timeframe::Month) {
            return;
        }
        let first = candles.first().map(|candle| candle.ts);
        if self.beginning.is_none() {
            self.began_with_a_reject |= rejected
                .iter()
                .filter_map(|row| row.ts)
                .any(|ts| self.span.contains(ts) && first.is_none_or(|first| ts < first));
            self.beginning = first.map(|first| Beginning {
                first,
                is_late: first > self.span.start() && !self.began_with_a_reject,
            });
        }
    }

    /// Where the answer begins, once it has; for weeks and months.
    pub(crate) fn beginning(&self) -> Option<Beginning> {
        self.beginning
    }

    fn advance(&mut self, candles: &[Candle], is_last: bool) -> Option<Span> {
        let settled = candles.partition_point(|candle| candle.ts < self.frontier.settled);
        let mut to = self.proven_to;
        if let Some(last_final) = settled.checked_sub(1).map(|index| candles[index]) {
            to = to.max(self.market.next(last_final.ts).min(self.span.end()));
        }
        if is_last {
            to = to.max(self.span.end().min(self.frontier.tail_proven));
        }
        let proven = Span::new(self.proven_to, to);
        self.proven_to = to;
        proven
    }
}

#[cfg(test)]
mod tests {
    use chrono::Weekday;

    use super::*;
    use crate::model::candle::Unstorable;
    use crate::model::market::{MarketCode, Policy};
    use crate::model::timeframe::Timeframe;
    use crate::provider::Cursor;

    const DAY: i64 = 86_400;

    fn candle(ts: i64) -> Candle {
        Candle {
            ts,
            open: 1.0,
            high: 1.0,
            low: 1.0,
            close: 1.0,
            volume: Some(1.0),
            vwap: None,
            trades: None,
        }
    }

    fn page(stamps: &[i64], follows: bool) -> Page {
        Page {
            candles: stamps.iter().map(|&ts| candle(ts)).collect(),
            has_rows: !stamps.is_empty(),
            next: follows.then(|| Cursor::new("next")),
            ..Page::default()
        }
    }

    /// Crypto minutes over ten days, seen a hundred days later or at a given instant.
    fn chain(now: i64) -> Chain {
        let market = Market::new(MarketCode::ALWAYS, Timeframe::Minutes(1), Weekday::Sun);
        let span = Span::new(0, 10 * DAY).expect("not empty");
        Chain::new(market, span, market.frontier(now, Policy::default()))
    }

    #[test]
    fn a_page_proves_up_to_its_last_candle_and_the_last_page_up_to_the_end() {
        let mut chain = chain(100 * DAY);
        let first = chain.judge(page(&[60, 120], true)).expect("a page");
        assert_eq!((first.proven, first.is_last), (Span::new(0, 180), false));
        let empty = chain
            .judge(page(&[], true))
            .expect("an empty page with a cursor is followed");
        assert_eq!((empty.proven, empty.is_last), (None, false));
        let last = chain.judge(page(&[600], false)).expect("a page");
        assert_eq!(
            (last.proven, last.is_last),
            (Span::new(180, 10 * DAY), true)
        );
    }

    #[test]
    fn an_absent_tail_within_seven_days_proves_nothing() {
        let now = 12 * DAY;
        let last = chain(now).judge(page(&[6 * DAY], false)).expect("a page");
        assert_eq!(last.proven, Span::new(0, 6 * DAY + 60));
        let last = chain(now).judge(page(&[2 * DAY], false)).expect("a page");
        assert_eq!(last.proven, Span::new(0, 5 * DAY));
    }

    #[test]
    fn a_candle_that_is_not_closed_is_neither_kept_nor_counted_and_ends_the_chain() {
        let now = 9 * DAY;
        let open = now - 10 * 60;
        let provisional = now - 30 * 60;
        let mut answer = page(&[now - 2 * 3600, provisional, open], true);
        answer.rejected.push(Rejected {
            ts: Some(open + 60),
            reason: Unstorable::Missing("open").to_string(),
            raw: String::new(),
        });
        let judged = chain(now).judge(answer).expect("a page");
        assert_eq!(
            judged
                .candles
                .iter()
                .map(|candle| candle.ts)
                .collect::<Vec<_>>(),
            [now - 2 * 3600, provisional]
        );
        assert!(judged.rejected.is_empty());
        assert_eq!(
            (judged.proven, judged.is_last),
            (Span::new(0, now - 2 * 3600 + 60), true)
        );
    }

    #[test]
    fn pages_that_repeat_or_run_backwards_end_the_chain() {
        let mut repeated = chain(100 * DAY);
        repeated.judge(page(&[60, 120], true)).expect("a page");
        assert!(repeated.judge(page(&[60, 120], false)).is_err());
        assert!(chain(100 * DAY).judge(page(&[120, 60], true)).is_err());
        let whole = chain(100 * DAY)
            .judge(page(&[120, 60], false))
            .expect("a whole answer may be in any order");
        assert_eq!(
            whole
                .candles
                .iter()
                .map(|candle| candle.ts)
                .collect::<Vec<_>>(),
            [60, 120]
        );
    }

    #[test]
    fn a_page_in_the_middle_of_nothing_but_a_bad_row_is_told_as_that() {
        let mut chain = chain(100 * DAY);
        chain.judge(page(&[60, 120], true)).expect("a page");
        let mut bad = page(&[], true);
        bad.has_rows = true;
        bad.rejected.push(Rejected {
            ts: Some(180),
            reason: Unstorable::Missing("open").to_string(),
            raw: String::new(),
        });
        let why = chain.judge(bad).expect_err("it brings nothing");
        assert!(why.ends_with("cannot be stored: open is missing"), "{why}");
    }

    #[test]
    fn a_chain_without_end_is_ended() {
        let mut chain = chain(100 * DAY);
        for n in 1..i64::from(MAX_PAGES) {
            chain.judge(page(&[n * 60], true)).expect("a page");
        }
        assert!(
            chain
                .judge(page(&[i64::from(MAX_PAGES) * 60], true))
                .is_err()
        );
    }
}

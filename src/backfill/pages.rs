//! The pages of one chain: when each was given, and when their end is one. Never believes a clock that runs ahead.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use super::fetch::{Fetcher, Series, odd};
use crate::http::CLOCKS_AGREE;
use crate::model::number::counted;
use crate::model::span::Span;
use crate::provider::{Ask, Cursor, Page, ProviderError, Stamps, Tries};

/// An answer whose date is so many seconds behind is not believed.
const TOO_OLD: i64 = 24 * 3600;

impl Fetcher {
    /// The pages of an answer, of which candles from `closed` on are not judged.
    pub(super) fn pages(&self, series: usize, span: Span, closed: i64) -> Pages<'_> {
        let Series { key, market, .. } = &self.series[series];
        let ask = Ask {
            symbol: key.symbol.clone(),
            market: *market,
            adjusted: key.adjusted,
            span,
            stamps: Stamps::default(),
            has_candles: false,
            closed,
            now: self.clock.now(),
            tries: Tries::default(),
        };
        Pages {
            fetcher: self,
            series,
            rest: Some(span),
            ask,
            cursor: None,
            seen: HashSet::new(),
            is_confirmed: false,
        }
    }

    /// The instant of a page by the clock that is behind: a clock that runs ahead must not freeze what is still being made,
    /// nor a cache what was being made when it was asked.
    fn instant_of(&self, page: &Page) -> Result<i64, ProviderError> {
        let now = self.clock.now();
        let Some(dated) = page.dated else {
            return Ok(now);
        };
        let offset = now.saturating_sub(dated.now());
        if offset.abs() > CLOCKS_AGREE {
            self.clock_offset.store(offset, Ordering::Relaxed);
        }
        if offset >= TOO_OLD {
            let days = counted((offset / TOO_OLD).unsigned_abs(), "day");
            return Err(odd(&format!(
                "the answer is dated {days} behind this machine's clock: set the clock right, or ask later"
            )));
        }
        // Some caches date what they keep anew.
        Ok(dated.at.min(now.saturating_sub(dated.age)))
    }
}

/// The pages of one chain. One that ends in a page that brings nothing, though a next page was named, is asked once more for what
/// comes after the last row: only if there is nothing either is that the end.
pub(super) struct Pages<'a> {
    fetcher: &'a Fetcher,
    series: usize,
    ask: Ask,
    /// What comes after the last row.
    rest: Option<Span>,
    cursor: Option<Cursor>,
    seen: HashSet<Cursor>,
    /// Whether the rest was asked for.
    is_confirmed: bool,
}

impl Pages<'_> {
    /// The next page, and the instant of it: the earlier of this machine's clock and the provider's.
    pub(super) fn next(&mut self) -> Result<(Page, i64), ProviderError> {
        let (page, at) = self.fetch()?;
        let is_odd_end = page.next.is_none() && self.cursor.is_some() && !self.brings(&page);
        let (mut page, at) = match self.rest {
            Some(rest) if is_odd_end && !self.is_confirmed => {
                self.is_confirmed = true;
                self.ask.span = rest;
                self.cursor = None;
                self.seen.clear();
                self.fetch()?
            }
            _ => (page, at),
        };
        self.ask.stamps = std::mem::take(&mut page.stamps);
        self.ask.has_candles |= !page.candles.is_empty();
        if page.has_rows {
            self.is_confirmed = false;
            self.rest = self.after(&page);
        }
        self.cursor.clone_from(&page.next);
        match &page.next {
            Some(next) if !self.seen.insert(next.clone()) => {
                Err(odd("a page's cursor came up before"))
            }
            _ => Ok((page, at)),
        }
    }

    fn fetch(&mut self) -> Result<(Page, i64), ProviderError> {
        let Fetcher {
            provider,
            cancel,
            under_way,
            ..
        } = self.fetcher;
        self.ask.tries = Tries::default();
        under_way.begin(self.series, &self.ask);
        let page = provider.fetch(&self.ask, self.cursor.as_ref(), cancel);
        under_way.end();
        let mut page = page?;
        if let Some(why) = &page.contradiction {
            return Err(odd(why));
        }
        // Evidence is kept in the file, and a row may hold whatever the server was sent.
        if let Some(key) = provider.key() {
            for row in &mut page.rejected {
                row.reason = key.taken_out_of(&row.reason);
                row.raw = key.taken_out_of(&row.raw);
            }
        }
        self.fetcher.habit.fetch_add(page.habit, Ordering::Relaxed);
        let at = self.fetcher.instant_of(&page)?;
        Ok((page, at))
    }

    /// Whether a page has a row of what was still to come. One that lies beside that is the provider's habit, and no answer.
    fn brings(&self, page: &Page) -> bool {
        let mut rejected = page.rejected.iter();
        !page.candles.is_empty()
            || rejected.any(|row| {
                let is_beside = |ts| self.rest.is_none_or(|rest| !rest.contains(ts));
                !row.ts.is_some_and(is_beside)
            })
    }

    /// What of the rest comes after the rows of a page.
    fn after(&self, page: &Page) -> Option<Span> {
        let rest = self.rest?;
        let candles = page.candles.iter().map(|candle| candle.ts);
        let rejected = page.rejected.iter().filter_map(|row| row.ts);
        let stamps = candles.chain(rejected).filter(|&ts| rest.contains(ts));
        let from = stamps.max().map(|last| self.ask.market.next(last));
        Span::new(from.unwrap_or(rest.start()), rest.end())
    }
}

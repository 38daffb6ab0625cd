//! The pages of one chain, and when their end is one.

use std::collections::HashSet;

use super::fetch::{Fetcher, Series, odd};
use crate::provider::{Ask, Cursor, Page, ProviderError};
use crate::span::Span;

impl Fetcher {
    pub(super) fn pages(&self, series: usize, span: Span) -> Pages<'_> {
        let Series { key, market, .. } = &self.series[series];
        let ask = Ask {
            symbol: key.symbol.clone(),
            market: *market,
            adjusted: key.adjusted,
            span,
        };
        Pages {
            fetcher: self,
            rest: Some(span),
            ask,
            cursor: None,
            seen: HashSet::new(),
            is_confirmed: false,
        }
    }
}

/// The pages of one chain. One that ends in a page without rows, though a next page was named, is asked once more for what
/// comes after the last row: only if there is nothing either is that the end.
pub(super) struct Pages<'a> {
    fetcher: &'a Fetcher,
    ask: Ask,
    /// What comes after the last row.
    rest: Option<Span>,
    cursor: Option<Cursor>,
    seen: HashSet<Cursor>,
    /// Whether the rest was asked for.
    is_confirmed: bool,
}

impl Pages<'_> {
    pub(super) fn next(&mut self) -> Result<Page, ProviderError> {
        let page = self.fetch()?;
        let is_odd_end = !page.has_rows && page.next.is_none() && self.cursor.is_some();
        let page = match self.rest {
            Some(rest) if is_odd_end && !self.is_confirmed => {
                self.is_confirmed = true;
                self.ask.span = rest;
                self.cursor = None;
                self.fetch()?
            }
            _ => page,
        };
        if page.has_rows {
            self.is_confirmed = false;
            self.rest = self.after(&page);
        }
        self.cursor.clone_from(&page.next);
        match &page.next {
            Some(next) if !self.seen.insert(next.clone()) => {
                Err(odd("a page's cursor came up before"))
            }
            _ => Ok(page),
        }
    }

    fn fetch(&self) -> Result<Page, ProviderError> {
        let Fetcher {
            provider, cancel, ..
        } = self.fetcher;
        provider.fetch(&self.ask, self.cursor.as_ref(), cancel)
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

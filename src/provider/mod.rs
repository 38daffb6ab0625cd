//! Step two: one slice becomes pages of candles. A provider never sees the store.
//!
//! Each provider builds requests and reads answers; `http` alone sends. What of an answer's rows is a candle of what was asked
//! is decided in `admit`, once for all providers.

mod admit;
mod asked;
mod class;
pub(crate) mod files;
pub(crate) mod polygon;
mod prefixes;
mod registry;
pub(crate) mod sample;
pub(crate) mod spelling;

pub use crate::http::rate::{BadRate, Pace, Rate, Turn, Turns};
pub use crate::http::{
    BadBaseUrl, BadKey, BaseUrl, Dated, Key, Limits, NoClient, Tries, Unreachable, Waiting,
};
pub(crate) use admit::candle;
pub use admit::{Number, Page, Row, Values};
pub use asked::NoTimeframe;
pub use class::AssetClass;
pub use files::{DayFiles, Says};
pub use polygon::Polygon;
pub(crate) use prefixes::listing as listing_by_prefix;
pub use registry::{Make, Registry, Setup, Spec};
pub use sample::Sample;

use std::collections::HashMap;

use chrono::{NaiveDate, Weekday};

use crate::http::{Failed, Kind};
use crate::model::listing::{Adjustment, Listing};
use crate::model::market::{Cells, Market};
use crate::model::next::Next;
use crate::model::span::Span;
use crate::model::symbol::{Meant, Symbol};
use crate::model::timeframe::Timeframes;
use crate::run::clock::Cancel;

/// One question: the candles of a series in a span. All its pages are one chain.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Whose candles.
    pub symbol: Symbol,
    /// In what steps, in which zone.
    pub market: Market,
    /// What the provider is to have done to the prices.
    pub adjusted: Adjustment,
    /// From the first candle's start to the last candle's end, exclusive, in the same measure as their starts.
    pub span: Span,
    /// What the pages of the chain so far have stamped.
    pub stamps: Stamps,
    /// Whether those pages have any candle.
    pub has_candles: bool,
    /// Candles that start here or later have not closed, and what stands in their rows says nothing yet: Unix seconds, of days and
    /// longer a label.
    pub closed: i64,
    /// When it is asked, by the clock of who asks: Unix seconds.
    pub now: i64,
    /// Where the provider says how it gets on.
    pub tries: Tries,
}

/// Where the next page of a chain is; its text is the provider's own and is never stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor(String);

impl Cursor {
    /// A cursor of a provider's own making.
    pub fn new(text: impl Into<String>) -> Cursor {
        Cursor(text.into())
    }

    /// What it was made of.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Milliseconds by start: two for one candle are a contradiction, on two pages as on one.
pub type Stamps = HashMap<i64, i64>;

/// Why a page could not be had, after everything that may be tried again was tried.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ProviderError {
    /// What it means for the rest of the job.
    pub kind: ErrorKind,
    /// What happened; never holds a key or a URL.
    pub message: String,
    /// How many requests were made for the page.
    pub attempts: u32,
}

impl ProviderError {
    /// What to do about one that keeps a provider from being asked at all.
    pub fn next(&self) -> Next {
        match self.kind {
            ErrorKind::Unreachable(why) => why.next(),
            _ => Unreachable::Network.next(),
        }
    }
}

impl From<Failed<ErrorKind>> for ProviderError {
    fn from(failed: Failed<ErrorKind>) -> ProviderError {
        ProviderError {
            kind: match failed.kind {
                Kind::Answer => ErrorKind::Slice,
                Kind::Read(kind) => kind,
                Kind::Unreachable(why) => ErrorKind::Unreachable(why),
                Kind::Throttled { resume_at } => ErrorKind::Throttled { resume_at },
                Kind::Cancelled => ErrorKind::Cancelled,
            },
            message: failed.message,
            attempts: failed.attempts,
        }
    }
}

impl From<NoClient> for ProviderError {
    fn from(NoClient { why, message }: NoClient) -> ProviderError {
        ProviderError {
            kind: ErrorKind::Unreachable(why),
            message,
            attempts: 0,
        }
    }
}

/// What a failed page means for the rest of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// This slice fails.
    Slice,
    /// The provider refuses this slice for good: asking again brings the same.
    Refused {
        /// Whether it says that for what the plan includes.
        by_plan: bool,
    },
    /// The slice lies before the plan's history, and so does everything older.
    OutsideHistory,
    /// The plan gives today's candles only after the end of the day.
    TodayBeforeEnd {
        /// What the provider's clock shows, Unix seconds, where that is told.
        now: Option<i64>,
    },
    /// The plan does not include the symbol, or its whole asset class.
    NotEntitled,
    /// The key is not accepted: the job fails.
    Unauthorized,
    /// Nothing answers at the provider's address: the job fails.
    Unreachable(Unreachable),
    /// The provider's limit lasts longer than a job waits: it is interrupted.
    Throttled {
        /// When to go on, Unix seconds.
        resume_at: i64,
    },
    /// The job was told to stop.
    Cancelled,
}

/// An estimate of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Candles, rather too many than too few.
    pub rows: i64,
    /// Requests.
    pub requests: u64,
}

/// A source of candles.
pub trait Provider: Send + Sync {
    /// The name that the file records as the series' source.
    fn name(&self) -> &str;

    /// The weekday that begins the provider's weeks.
    fn week_start(&self) -> Weekday;

    /// Where a symbol trades, how its candles are cut and what its prices are in: the file records it with each new series, and
    /// holds a provider to it.
    fn listing(&self, symbol: &Symbol) -> Listing;

    /// What its plans include a symbol with, or refuse it with.
    fn asset_class(&self, symbol: &Symbol) -> AssetClass {
        let _ = symbol;
        AssetClass::Stock
    }

    /// In what cells a series is asked for: one should be about one page. The more there are, the more is fetched at once, and
    /// the less is asked again after a failure.
    fn cells(&self, market: &Market) -> Cells {
        Cells::of_50_000_minutes(market)
    }

    /// The timeframes that it has. The command line and the server refuse others before anything is recorded or asked; whoever
    /// calls [`run`](crate::backfill::run) sees to that.
    fn timeframes(&self) -> Timeframes {
        Timeframes::All
    }

    /// The first day on which the provider can have anything of a symbol, rather too early than too late.
    fn first_date(&self, symbol: &Symbol) -> NaiveDate {
        let _ = symbol;
        NaiveDate::default()
    }

    /// What a symbol may have been meant to be that was written as others do. A guess, which is only ever offered.
    fn likely(&self, typed: &str) -> Meant {
        let _ = typed;
        Meant::default()
    }

    /// Fetches one page of a chain: the first without a cursor, then as the page before said.
    ///
    /// # Errors
    /// After all retries that the rules allow.
    fn fetch(
        &self,
        ask: &Ask,
        cursor: Option<&Cursor>,
        cancel: &Cancel,
    ) -> Result<Page, ProviderError>;

    /// Requests sent so far, retries included.
    fn requests(&self) -> u64;

    /// The key that it sends: what a server repeats is kept without it.
    fn key(&self) -> Option<&Key> {
        None
    }

    /// What an answer is expected to hold, for a plan that is only shown.
    fn expected(&self, ask: &Ask) -> Expected {
        Expected {
            rows: ask.market.expected_candles(ask.span),
            requests: 1,
        }
    }

    /// From now on requests are paced so, too, until [`Provider::leave`] is told the number that is returned. A provider that
    /// sends nothing paces nothing.
    fn join(&self, pace: Pace) -> u64 {
        let _ = pace;
        0
    }

    /// A job that joined has ended.
    fn leave(&self, job: u64) {
        let _ = job;
    }

    /// What all workers wait for now, if it is the rate or the provider's limit.
    fn waiting(&self) -> Option<Waiting> {
        None
    }
}

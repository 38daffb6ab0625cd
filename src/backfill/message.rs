//! What fetchers tell the writer. Everything that ends up in the file goes through one of these.

use super::Stop;
use crate::model::candle::{Candle, Rejected};
use crate::model::span::Span;
use crate::provider::{ErrorKind, ProviderError};
use crate::store::{Beginning, Slice};

/// What a fetcher tells the writer.
#[derive(Debug)]
pub(crate) enum Message {
    /// A slice is being asked for.
    Started { slice: Slice, at: i64 },
    /// A page to store.
    Page(Box<PageMessage>),
    /// A later page of a slice has belied what the pages before it seemed to prove: it has to be asked for again.
    Belied { slice: Slice, proven: Span },
    /// A slice was given up; what was stored of it stays.
    Failed {
        series: usize,
        slice: Slice,
        why: GivenUp,
    },
    /// The candles of a series that came first are still what the provider says: what came last joins them.
    Checked { series: usize },
    /// Nothing of a series may be fetched: its stored candles are stale, or could not be checked.
    SeriesOver {
        series: usize,
        stale: bool,
        why: GivenUp,
    },
    /// The job has to stop.
    Stop(Stop),
}

impl Message {
    /// The series that it is about, where anything is told of that.
    pub(super) fn series(&self) -> Option<usize> {
        match self {
            Message::Page(page) => Some(page.series),
            Message::Failed { series, .. }
            | Message::Checked { series }
            | Message::SeriesOver { series, .. } => Some(*series),
            Message::Started { .. } | Message::Belied { .. } | Message::Stop(_) => None,
        }
    }
}

/// Why slices were given up.
#[derive(Debug)]
pub(crate) struct GivenUp {
    pub(crate) kind: ErrorKind,
    pub(crate) error: String,
    pub(crate) attempts: u32,
    pub(crate) at: i64,
}

impl GivenUp {
    /// For what a provider says.
    pub(crate) fn for_error(error: ProviderError, at: i64) -> GivenUp {
        GivenUp {
            kind: error.kind,
            error: error.message,
            attempts: error.attempts,
            at,
        }
    }
}

/// A page on its way into the file.
#[derive(Debug)]
pub(crate) struct PageMessage {
    pub(crate) series: usize,
    pub(crate) slice: Slice,
    pub(crate) candles: Vec<Candle>,
    pub(crate) rejected: Vec<Rejected>,
    pub(crate) proven: Option<Span>,
    /// Where the answer begins, for weeks and months.
    pub(crate) beginning: Option<Beginning>,
    pub(crate) seen_at: i64,
    /// Set on a slice's last page.
    pub(crate) end: Option<End>,
}

/// How a slice ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// All that is proven of it, from its start.
    pub(crate) proven: Option<Span>,
    /// Whether no page had a storable row.
    pub(crate) empty: bool,
    /// Whether that was asked for a second time.
    pub(crate) is_confirmed: bool,
    /// Up to where it was asked for: its end, or today's beginning where the plan does not give today before its end.
    pub(crate) asked_to: i64,
}

/// A slice for which the provider has nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nothing {
    pub(crate) series: usize,
    pub(crate) slice: Slice,
    pub(crate) end: End,
    pub(crate) seen_at: i64,
}

impl From<Nothing> for Message {
    fn from(nothing: Nothing) -> Message {
        let Nothing {
            series,
            slice,
            end,
            seen_at,
        } = nothing;
        Message::Page(Box::new(PageMessage {
            series,
            slice,
            candles: Vec::new(),
            rejected: Vec::new(),
            proven: end.proven,
            beginning: None,
            seen_at,
            end: Some(end),
        }))
    }
}

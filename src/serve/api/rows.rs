//! A series as CSV, read piece by piece as fast as the caller takes it. It must never hold a transaction, a thread or a
//! connection to the file while the caller reads, nor go on where the series is another one than it was.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use futures_util::stream::try_unfold;

use crate::handover::export::{Format, Lines};
use crate::model::candle::Candle;
use crate::model::span::Span;
use crate::serve::answer::Fault;
use crate::serve::reading::coding::Coder;
use crate::serve::reading::readers::Readers;
use crate::store::{SeriesKey, SeriesRow, Store, StoreError};

/// Bytes that are read at one instant.
const BATCH: usize = 512 << 10;
/// Bytes that are sent at once.
const PIECE: usize = 64 << 10;

/// The rows of a series that are still to be read.
pub(super) struct Rows {
    id: i64,
    key: SeriesKey,
    lines: Lines,
    /// What is left; it begins with the last candle that was read.
    span: Span,
    last: Option<Candle>,
    /// Candles that may follow.
    left: u64,
    /// Whether everything was read.
    is_over: bool,
    coder: Coder,
}

enum Stop {
    Full,
    Changed,
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Stop {
        Stop::Store(error)
    }
}

fn changed() -> Fault {
    Fault::new(
        StatusCode::CONFLICT,
        "series",
        "the series was dropped or changed while it was read",
        "ask again",
    )
}

impl Rows {
    /// The rows in a span, at most `limit`, and the line of names before them.
    pub(super) fn new(series: &SeriesRow, span: Span, limit: u64) -> (Rows, Vec<u8>) {
        let lines = Lines::of_candles(Format::Csv, series.key.clone());
        let names = lines.names().into();
        let rows = Rows {
            id: series.id,
            key: series.key.clone(),
            lines,
            span,
            last: None,
            left: limit,
            is_over: false,
            coder: Coder::default(),
        };
        (rows, names)
    }

    /// Reads what follows and puts it behind `text`, at one instant. Between two of them candles may have been added, and
    /// are read where they come later; where the last one was left there must be the same.
    pub(super) fn read(&mut self, store: &Store, text: &mut Vec<u8>) -> Result<(), Fault> {
        let mut before = self.last;
        let span = self.span;
        let read = store.each_row(self.id, span, |candle, _| {
            if let Some(before) = before.take() {
                return if before == candle {
                    Ok(())
                } else {
                    Err(Stop::Changed)
                };
            }
            if text.len() >= BATCH {
                return Err(Stop::Full);
            }
            // Where there were no more than are wanted, more can only have come since.
            self.left = self.left.checked_sub(1).ok_or(Stop::Changed)?;
            self.lines.candle(candle, text);
            self.last = Some(candle);
            Ok(())
        });
        match read {
            Ok(()) if before.is_none() => self.is_over = true,
            Ok(()) | Err(Stop::Changed) => return Err(changed()),
            Err(Stop::Store(error)) => return Err(error.into()),
            Err(Stop::Full) => {}
        }
        let from = self.last.map_or(span.start(), |last| last.ts);
        self.span = Span::new(from, span.end()).unwrap_or(span);
        Ok(())
    }

    /// The same on another occasion: the series must still be the one that it was.
    fn read_on(&mut self, store: &Store) -> Result<Vec<u8>, Fault> {
        store.at_one_instant(|| {
            let series = store.find_series(&self.key.symbol, self.key.timeframe)?;
            if (series.id, &series.key) != (self.id, &self.key) {
                return Err(changed());
            }
            let mut text = Vec::with_capacity(BATCH + PIECE);
            self.read(store, &mut text)?;
            Ok(self.coded(text))
        })
    }

    /// How all that was and will be read goes on its way.
    pub(super) fn begin(&mut self, coder: Coder) {
        self.coder = coder;
    }

    /// What was read, as it is sent.
    pub(super) fn coded(&mut self, mut text: Vec<u8>) -> Vec<u8> {
        self.coder.take(&mut text);
        if self.is_over {
            std::mem::take(&mut self.coder).end()
        } else {
            std::mem::take(self.coder.made())
        }
    }

    /// The body that begins with `text`, as it is sent. It is broken off where it cannot go on: a caller must never take a part for the
    /// whole.
    pub(super) fn body(self, text: Vec<u8>, readers: Arc<Readers>) -> Body {
        let sending = Sending {
            rows: self,
            text: text.into(),
            readers,
        };
        Body::from_stream(try_unfold(sending, Sending::next))
    }
}

/// A body under way.
struct Sending {
    rows: Rows,
    /// What was read and is not sent yet.
    text: Bytes,
    readers: Arc<Readers>,
}

impl Sending {
    async fn next(mut self) -> Result<Option<(Bytes, Sending)>, &'static str> {
        while self.text.is_empty() && !self.rows.is_over {
            self = self.read_on().await.map_err(|fault| {
                let why = fault.message;
                tracing::warn!(why, "an answer is broken off");
                "broken off"
            })?;
        }
        let piece = PIECE.min(self.text.len());
        // Copied: a piece that waits to be sent must not keep all the rest.
        let piece = Bytes::copy_from_slice(&self.text.split_to(piece));
        Ok((!piece.is_empty()).then_some((piece, self)))
    }

    /// Waits for its turn for as long as it takes: the caller who does not wait so long leaves.
    async fn read_on(mut self) -> Result<Sending, Fault> {
        let room = loop {
            if let Ok(room) = self.readers.room_for_stream().await {
                break room;
            }
        };
        let readers = Arc::clone(&self.readers);
        let read = move |store: &Store| {
            self.text = self.rows.read_on(store)?.into();
            Ok(self)
        };
        readers.read_in(room, read).await
    }
}

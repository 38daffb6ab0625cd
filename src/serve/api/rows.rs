//! A series as CSV, read piece by piece as fast as the caller takes it. It must never hold a transaction, a thread or a
//! connection to the file while the caller reads, nor go on where the series is another one than it was.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use futures_util::stream::try_unfold;

use crate::handover::export::{Format, Lines};
use crate::model::span::Span;
use crate::serve::answer::Fault;
use crate::serve::reading::coding::Coder;
use crate::serve::reading::readers::Readers;
use crate::store::Store;
use crate::view::{Pieces, PiecesError, View};

/// Bytes that are sent at once.
const PIECE: usize = 64 << 10;

/// The rows of a series that are still to be read.
pub(super) struct Rows {
    pieces: Pieces,
    lines: Lines,
    coder: Coder,
}

impl From<PiecesError> for Fault {
    fn from(error: PiecesError) -> Fault {
        match error {
            PiecesError::Changed => Fault::new(
                StatusCode::CONFLICT,
                "series",
                "the series was dropped or changed while it was read",
                "ask again",
            ),
            PiecesError::Store(error) => error.into(),
        }
    }
}

impl Rows {
    /// The rows of a view in a span, at most `limit`, and the line of names before them.
    pub(super) fn new(view: View, span: Span, limit: u64) -> (Rows, Vec<u8>) {
        let lines = Lines::of_candles(Format::Csv, view.series().key.clone());
        let names = lines.names().into();
        let rows = Rows {
            pieces: Pieces::new(view, span, limit),
            lines,
            coder: Coder::default(),
        };
        (rows, names)
    }

    /// Reads what follows and puts it behind `text`.
    pub(super) fn read(&mut self, store: &Store, text: &mut Vec<u8>) -> Result<(), Fault> {
        let batch = self.pieces.next(store)?;
        for at in 0..batch.len() {
            self.lines.row(&batch, at, text);
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn is_over(&self) -> bool {
        self.pieces.is_over()
    }

    /// How all that was and will be read goes on its way.
    pub(super) fn begin(&mut self, coder: Coder) {
        self.coder = coder;
    }

    /// What was read, as it is sent.
    pub(super) fn coded(&mut self, mut text: Vec<u8>) -> Vec<u8> {
        self.coder.take(&mut text);
        if self.pieces.is_over() {
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
        while self.text.is_empty() && !self.rows.pieces.is_over() {
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
            let mut text = Vec::new();
            self.rows.read(store, &mut text)?;
            self.text = self.rows.coded(text).into();
            Ok(self)
        };
        readers.read_in(room, read).await
    }
}

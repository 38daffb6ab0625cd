//! A series read piece by piece, for somebody who takes his time: each piece at an instant of its own, continued by key. It
//! must never go on where the series is another one than it was.

use super::{Batch, Stop, View};
use crate::model::candle::Candle;
use crate::model::span::Span;
use crate::store::{Counted, Store, StoreError};

/// What is still to be read of a series.
#[derive(Clone, Debug)]
pub struct Pieces {
    view: View,
    /// What is left; it begins after the last stored candle that was read.
    span: Option<Span>,
    last: Option<Candle>,
    /// Candles that may still come out.
    left: u64,
    /// All that was asked for, and what was read of it as it is stored.
    whole: Span,
    read: Counted,
    is_over: bool,
}

/// Why reading cannot go on.
#[derive(Debug)]
pub enum PiecesError {
    /// The series was dropped or changed since the last piece.
    Changed,
    /// The file cannot be read.
    Store(StoreError),
}

impl From<StoreError> for PiecesError {
    fn from(error: StoreError) -> PiecesError {
        PiecesError::Store(error)
    }
}

impl Pieces {
    /// A series in a span, of which at most so many candles may come out: where there were no more, more can only have come
    /// since.
    pub fn new(view: View, span: Span, limit: u64) -> Pieces {
        Pieces {
            view,
            span: Some(span),
            whole: span,
            last: None,
            left: limit,
            read: Counted::default(),
            is_over: false,
        }
    }

    /// Whether everything was read.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Reads what follows, at most [`ROWS`](super::ROWS), at one instant. Since the last piece candles may have been added, and are read
    /// where they come later; where that piece was left there must be the same candle.
    ///
    /// # Errors
    /// The series was dropped or changed, or the file cannot be read; and once all were read, where they are not those that
    /// the series' row says.
    pub fn next(&mut self, store: &Store) -> Result<Batch, PiecesError> {
        store.at_one_instant(|| {
            let was = self.view.series();
            let series = store.refreshed(was)?.ok_or(PiecesError::Changed)?;
            if let Some(last) = self.last {
                let mut there = None;
                let at = Span::new(last.ts, last.ts + 1).ok_or(PiecesError::Changed)?;
                store.each_row(series.id, at, |candle, _| {
                    there = Some(candle);
                    Ok::<(), StoreError>(())
                })?;
                if there != self.last {
                    return Err(PiecesError::Changed);
                }
            }
            let mut full = None;
            let stop_at_the_first = |batch| {
                full = Some(batch);
                Err(Stop::Enough)
            };
            let (read, last) = (&mut self.read, &mut self.last);
            let of_stored = |stored: &Candle| {
                read.add(stored.ts);
                *last = Some(*stored);
            };
            let view = &self.view;
            let batches = |span| view.batches(store, &series, span, of_stored, stop_at_the_first);
            let batch = match self.span.map(batches).transpose() {
                Ok(last) => {
                    self.is_over = true;
                    last.unwrap_or_default()
                }
                Err(Stop::Enough) => full.unwrap_or_default(),
                Err(Stop::Store(error)) => return Err(error.into()),
            };
            self.left = self
                .left
                .checked_sub(batch.len() as u64)
                .ok_or(PiecesError::Changed)?;
            // Where somebody has written meanwhile, what was read is of several instants.
            if self.is_over && series.books() == was.books() {
                store.check_books(&series, self.whole, self.read)?;
            }
            let from = self.last.map_or(self.whole.start(), |last| last.ts + 1);
            self.span = Span::new(from, self.whole.end());
            Ok(batch)
        })
    }
}

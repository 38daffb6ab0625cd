//! A series read piece by piece, for somebody who takes his time: each piece at an instant of its own, continued by key. It
//! must never go on where the series is another one than it was.

use super::{Batch, ROWS, View};
use crate::model::candle::Candle;
use crate::model::span::Span;
use crate::store::{Counted, Store, StoreError};

/// What is still to be read of a series.
#[derive(Clone, Debug)]
pub struct Pieces {
    view: View,
    /// What is left; it begins with the last candle that was read.
    span: Span,
    last: Option<Candle>,
    /// Candles that may follow.
    left: u64,
    /// All that was asked for, and what was read of it.
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
    /// A series in a span, of which at most so many candles may follow: where there were no more, more can only have come
    /// since.
    pub fn new(view: View, span: Span, limit: u64) -> Pieces {
        Pieces {
            view,
            span,
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

    /// Reads what follows, at most [`ROWS`], at one instant. Since the last piece candles may have been added, and are read
    /// where they come later; where that piece was left there must be the same candle.
    ///
    /// # Errors
    /// The series was dropped or changed, or the file cannot be read; and once all were read, where they are not those that
    /// the series' row says.
    pub fn next(&mut self, store: &Store) -> Result<Batch, PiecesError> {
        store.at_one_instant(|| {
            let was = self.view.series();
            let series = store.refreshed(was)?.ok_or(PiecesError::Changed)?;
            let market = series.market();
            let mut before = self.last;
            let mut batch = Batch::with_capacity(ROWS);
            let read = store.each_row(series.id, self.span, |candle, _| {
                if let Some(before) = before.take() {
                    return if before == candle {
                        Ok(())
                    } else {
                        Err(Stop::Changed)
                    };
                }
                if batch.len() == ROWS {
                    return Err(Stop::Full);
                }
                self.left = self.left.checked_sub(1).ok_or(Stop::Changed)?;
                self.read.add(candle.ts);
                batch.push(&candle, &market, None);
                self.last = Some(candle);
                Ok(())
            });
            match read {
                Ok(()) if before.is_none() => self.is_over = true,
                Ok(()) | Err(Stop::Changed) => return Err(PiecesError::Changed),
                Err(Stop::Store(error)) => return Err(error.into()),
                Err(Stop::Full) => {}
            }
            // Where somebody has written meanwhile, what was read is of several instants.
            if self.is_over && series.books() == was.books() {
                store.check_books(&series, self.whole, self.read)?;
            }
            let from = self.last.map_or(self.span.start(), |last| last.ts);
            self.span = Span::new(from, self.span.end()).unwrap_or(self.span);
            Ok(batch)
        })
    }
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

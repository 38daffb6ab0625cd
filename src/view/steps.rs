//! What changes candles on their way from the file to whoever reads them. No I/O. A step is a file in this room.

use std::fmt::Debug;
use std::sync::Arc;

use crate::model::candle::Candle;
use crate::model::market::Market;

/// When a step has its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// It says which candles there are, by what is stored.
    Which,
    /// It says what is in them.
    Values,
}

/// A step between the file and whoever reads. It sees one candle and not its neighbours, so that the same comes out wherever
/// a page or a piece begins.
pub trait Step: Debug + Send + Sync {
    /// When it has its turn.
    fn turn(&self) -> Turn;

    /// What becomes of a candle of a market; `None` leaves it out. The start stays what it is, whatever this says.
    fn apply(&self, candle: Candle, market: &Market) -> Option<Candle>;
}

/// Steps, in the order of their turns, and within a turn in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub struct Steps(Vec<Arc<dyn Step>>);

impl Steps {
    /// With one more.
    #[must_use]
    pub fn with(mut self, step: impl Step + 'static) -> Steps {
        self.0.push(Arc::new(step));
        self.0.sort_by_key(|step| step.turn());
        self
    }

    /// Whether candles are read as they are stored.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What becomes of a stored candle.
    pub(super) fn apply(&self, stored: Candle, market: &Market) -> Option<Candle> {
        let mut candle = stored;
        for step in &self.0 {
            candle = step.apply(candle, market)?;
        }
        Some(Candle {
            ts: stored.ts,
            ..candle
        })
    }
}

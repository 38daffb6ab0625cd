//! Candles as columns: the shape in which whatever shows, exports or serves candles gets them. No I/O.

use crate::model::candle::Candle;
use crate::model::market::Market;

/// Rows of a batch at most.
pub const ROWS: usize = 8192;

/// Values of which some are absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sparse<T> {
    values: Vec<T>,
    is_there: Vec<bool>,
}

impl<T: Copy + Default> Sparse<T> {
    fn with_capacity(rows: usize) -> Sparse<T> {
        Sparse {
            values: Vec::with_capacity(rows),
            is_there: Vec::with_capacity(rows),
        }
    }

    fn push(&mut self, value: Option<T>) {
        self.values.push(value.unwrap_or_default());
        self.is_there.push(value.is_some());
    }

    /// The value of a row, if it has one. Panics where there is no such row.
    pub fn get(&self, row: usize) -> Option<T> {
        self.is_there[row].then_some(self.values[row])
    }

    /// The values, zero where there is none.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// Of each row, whether it has a value.
    pub fn validity(&self) -> &[bool] {
        &self.is_there
    }
}

/// Candles of one series in ascending order, column by column. All columns are equally long.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Starts, Unix seconds; of days and longer the label.
    pub ts: Vec<i64>,
    /// Ends, exclusive, in the same measure: where the next candle of the series' grid starts.
    pub end_ts: Vec<i64>,
    /// Opens.
    pub open: Vec<f64>,
    /// Highs.
    pub high: Vec<f64>,
    /// Lows.
    pub low: Vec<f64>,
    /// Closes.
    pub close: Vec<f64>,
    /// Volumes.
    pub volume: Sparse<f64>,
    /// Volume-weighted average prices.
    pub vwap: Sparse<f64>,
    /// Numbers of trades.
    pub trades: Sparse<i64>,
    /// When the values were first stored, where that was [asked for](super::View::with_known_at) and is known.
    pub known_at: Sparse<i64>,
}

impl Batch {
    /// One that takes so many rows without growing.
    pub(super) fn with_capacity(rows: usize) -> Batch {
        Batch {
            ts: Vec::with_capacity(rows),
            end_ts: Vec::with_capacity(rows),
            open: Vec::with_capacity(rows),
            high: Vec::with_capacity(rows),
            low: Vec::with_capacity(rows),
            close: Vec::with_capacity(rows),
            volume: Sparse::with_capacity(rows),
            vwap: Sparse::with_capacity(rows),
            trades: Sparse::with_capacity(rows),
            known_at: Sparse::with_capacity(rows),
        }
    }

    pub(super) fn push(&mut self, candle: &Candle, market: &Market, known_at: Option<i64>) {
        self.ts.push(candle.ts);
        self.end_ts.push(market.next(candle.ts));
        self.open.push(candle.open);
        self.high.push(candle.high);
        self.low.push(candle.low);
        self.close.push(candle.close);
        self.volume.push(candle.volume);
        self.vwap.push(candle.vwap);
        self.trades.push(candle.trades);
        self.known_at.push(known_at);
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ts.len()
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.ts.is_empty()
    }

    /// One row. Panics where there is no such row.
    pub fn candle(&self, row: usize) -> Candle {
        Candle {
            ts: self.ts[row],
            open: self.open[row],
            high: self.high[row],
            low: self.low[row],
            close: self.close[row],
            volume: self.volume.get(row),
            vwap: self.vwap.get(row),
            trades: self.trades.get(row),
        }
    }

    /// All rows, in order.
    pub fn candles(&self) -> impl Iterator<Item = Candle> + '_ {
        (0..self.len()).map(|row| self.candle(row))
    }
}

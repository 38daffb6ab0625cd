//! The way to read candles for all who show or hand them on: a part of a series in batches of columns, ascending. What
//! changes candles between the file and whoever reads them is a step here, in a fixed order: which rows, then what is said of
//! them. Selections, pages and reports count the rows that come out; the series' books are compared with those that are
//! stored. It must never write, nor end well where these are not what the books say.

mod batch;
mod pieces;
mod steps;

pub use batch::{Batch, ROWS, Sparse};
pub use pieces::{Pieces, PiecesError};
pub use steps::{Step, Steps, Turn};

use std::collections::HashMap;

use crate::model::candle::Candle;
use crate::model::span::Span;
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;
use crate::store::{Counted, SeriesRow, Store, StoreError};

/// Which candles of a series to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    All,
    /// Those in a span.
    Within(Span),
    /// The oldest so many.
    Head(u32),
    /// The newest so many, in ascending order.
    Tail(u32),
}

/// Candles of a series as they are read.
///
/// # Examples
/// ```
/// # use candlefile::model::{Adjustment, Candle, Listing, MarketCode, SeriesKey};
/// # use candlefile::Store;
/// use candlefile::view::{Selection, View};
/// use candlefile::model::Span;
/// # let folder = std::env::temp_dir().join(format!("candlefile-view-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("read.db");
/// # let mut store = Store::create(&path)?;
/// # let (adjusted, listing) = (Adjustment::Raw, Listing::on(MarketCode::XNYS));
/// # let key = SeriesKey { symbol: "AAPL".parse()?, timeframe: "1d".parse()?, source: "my-csv".into(), adjusted, listing };
/// # let candle = Candle { ts: 1_704_153_600, open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume: Some(1.0), vwap: None, trades: None };
/// # store.insert_candles(&key, &[candle], 0)?;
/// # drop(store);
///
/// let store = Store::read(&path)?;
/// let january = Span::new(1_704_067_200, 1_706_745_600).expect("not empty");
/// let view = View::open(&store, &"AAPL".parse()?, "1d".parse()?)?.select(Selection::Within(january));
/// let mut closes: Vec<f64> = Vec::new();
/// view.each_batch(&store, |batch| {
///     closes.extend(&batch.close);
///     Ok::<(), candlefile::StoreError>(())
/// })?;
/// assert_eq!(closes, [1.0]);
/// # drop(store); std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct View {
    series: SeriesRow,
    selection: Selection,
    steps: Steps,
    has_known_at: bool,
}

/// A row among those that come out.
struct Nth {
    ts: i64,
    is_followed: bool,
}

/// Why a pass over stored rows ends before the last of them.
enum Stop {
    /// There is enough.
    Enough,
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Stop {
        Stop::Store(error)
    }
}

impl View {
    /// All candles of a series that a file has.
    ///
    /// # Errors
    /// The file holds no such series, or cannot be read.
    pub fn open(store: &Store, symbol: &Symbol, timeframe: Timeframe) -> Result<View, StoreError> {
        Ok(View::of(store.find_series(symbol, timeframe)?))
    }

    /// All candles of a series.
    pub fn of(series: SeriesRow) -> View {
        View {
            series,
            selection: Selection::All,
            steps: Steps::default(),
            has_known_at: false,
        }
    }

    /// Only some of its candles.
    #[must_use]
    pub fn select(self, selection: Selection) -> View {
        View { selection, ..self }
    }

    /// As they come out of steps. A selection of so many candles counts these.
    #[must_use]
    pub fn through(self, steps: Steps) -> View {
        View { steps, ..self }
    }

    /// With a column that says when the values were first stored: the end of the slice that brought them, its start while it
    /// still runs. Absent for candles that were handed in, and where the file was given away without its history.
    #[must_use]
    pub fn with_known_at(self) -> View {
        View {
            has_known_at: true,
            ..self
        }
    }

    /// The series.
    pub fn series(&self) -> &SeriesRow {
        &self.series
    }

    /// Which candles.
    pub fn selection(&self) -> Selection {
        self.selection
    }

    /// Reads in batches of [`ROWS`], the last one shorter, all at one instant: memory stays flat. Returns what was handed
    /// over.
    ///
    /// # Errors
    /// The file cannot be read, or what `each` returns; and once all were read, where they are not those that the series' row
    /// says.
    pub fn each_batch<E: From<StoreError>>(
        &self,
        store: &Store,
        mut each: impl FnMut(Batch) -> Result<(), E>,
    ) -> Result<Counted, E> {
        store.at_one_instant(|| {
            let series = store.refreshed(&self.series)?;
            let series = series.ok_or_else(|| {
                store.no_series(&self.series.key.symbol, self.series.key.timeframe)
            })?;
            let Some(span) = self.span(store)? else {
                return Ok(Counted::default());
            };
            let (mut read, mut out) = (Counted::default(), Counted::default());
            let mut each = |batch: Batch| {
                batch.ts.iter().for_each(|ts| out.add(*ts));
                each(batch)
            };
            let of_stored = |stored: &Candle| read.add(stored.ts);
            let last = self.batches(store, &series, span, of_stored, &mut each)?;
            if !last.is_empty() {
                each(last)?;
            }
            store.check_books(&series, span, read)?;
            Ok(out)
        })
    }

    /// The loop of everything that is read: rows of the series as it is now, in batches. Full ones are handed over as soon as
    /// another row follows; the last, which may be empty, is returned. `read` is told of every stored row once what comes of
    /// it is in a batch or left out.
    fn batches<E: From<StoreError>>(
        &self,
        store: &Store,
        series: &SeriesRow,
        span: Span,
        mut read: impl FnMut(&Candle),
        mut each: impl FnMut(Batch) -> Result<(), E>,
    ) -> Result<Batch, E> {
        let market = series.market();
        let times = if self.has_known_at {
            store.slice_times(series.id)?
        } else {
            HashMap::new()
        };
        let mut batch = Batch::with_capacity(ROWS);
        store.each_row(series.id, span, |stored, slice_id| {
            if let Some(candle) = self.steps.apply(stored, &market) {
                if batch.len() == ROWS {
                    each(std::mem::replace(&mut batch, Batch::with_capacity(ROWS)))?;
                }
                let known_at = slice_id.and_then(|slice_id| times.get(&slice_id).copied());
                batch.push(&candle, &market, known_at);
            }
            read(&stored);
            Ok::<(), E>(())
        })?;
        Ok(batch)
    }

    /// The same, candle by candle.
    ///
    /// # Errors
    /// As [`View::each_batch`].
    pub fn each_candle<E: From<StoreError>>(
        &self,
        store: &Store,
        mut each: impl FnMut(Candle) -> Result<(), E>,
    ) -> Result<Counted, E> {
        self.each_batch(store, |batch| batch.candles().try_for_each(&mut each))
    }

    /// Where a page of so many rows ends, if more rows follow: one second after the start of its last row, which is both the
    /// page's exclusive end and where the next one begins, in Unix seconds (of days and longer in the measure of labels).
    /// `None` where the page holds all there is.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn page_end(&self, store: &Store, rows: u32) -> Result<Option<i64>, StoreError> {
        // No step makes more of them.
        if self.series.candles <= rows.into() {
            return Ok(None);
        }
        let Some(span) = self.span(store)? else {
            return Ok(None);
        };
        let last = if self.steps.is_empty() {
            store.full_page(self.series.id, span, rows)?
        } else {
            let last = self.nth(store, span, rows)?;
            last.filter(|last| last.is_followed).map(|last| last.ts)
        };
        Ok(last.map(|last| last.saturating_add(1)))
    }

    /// The last of so many rows that come out of a span, if there are so many.
    fn nth(&self, store: &Store, span: Span, rows: u32) -> Result<Option<Nth>, StoreError> {
        let market = self.series.market();
        let (mut ts, mut left) = (None, rows);
        let read = store.each_row(self.series.id, span, |stored, _| {
            if self.steps.apply(stored, &market).is_none() {
                return Ok(());
            }
            left = left.checked_sub(1).ok_or(Stop::Enough)?;
            ts = Some(stored.ts);
            Ok(())
        });
        let is_followed = match read {
            Ok(()) => false,
            Err(Stop::Enough) => true,
            Err(Stop::Store(error)) => return Err(error),
        };
        Ok(ts.filter(|_| left == 0).map(|ts| Nth { ts, is_followed }))
    }

    /// Where the oldest so many rows end, if there are so many.
    fn head_end(&self, store: &Store, rows: u32) -> Result<Option<i64>, StoreError> {
        if self.steps.is_empty() {
            return store.head_end(self.series.id, rows);
        }
        let last = self.nth(store, Span::EVERYTHING, rows)?;
        Ok(last.map(|last| last.ts.saturating_add(1)))
    }

    /// Where the newest so many rows begin, if there are any: of twice as many stored rows each time, until enough come out.
    fn tail_start(&self, store: &Store, rows: u32) -> Result<Option<i64>, StoreError> {
        let id = self.series.id;
        if self.steps.is_empty() {
            return store.tail_start(id, rows);
        }
        let (market, wanted) = (self.series.market(), rows as usize);
        let mut stored_rows = rows;
        loop {
            let Some(start) = store.tail_start(id, stored_rows)? else {
                return Ok(None);
            };
            let mut starts = Vec::new();
            if let Some(span) = Span::new(start, i64::MAX) {
                store.each_row(id, span, |stored, _| {
                    let row = self.steps.apply(stored, &market);
                    starts.extend(row.map(|row| row.ts));
                    Ok::<(), StoreError>(())
                })?;
            }
            if let Some(first) = starts.len().checked_sub(wanted) {
                return Ok(starts.get(first).copied());
            }
            if u64::from(stored_rows) >= self.series.candles {
                return Ok(Some(start));
            }
            stored_rows = stored_rows.saturating_mul(2);
        }
    }

    /// The span that is selected, if it can have a row. What holds none of those that the books know is looked at whole.
    fn span(&self, store: &Store) -> Result<Option<Span>, StoreError> {
        let (start, end) = match self.selection {
            Selection::Head(0) | Selection::Tail(0) => return Ok(None),
            Selection::All => (None, None),
            Selection::Within(span) => (Some(span.start()), Some(span.end())),
            Selection::Head(count) => (None, self.head_end(store, count)?),
            Selection::Tail(count) => (self.tail_start(store, count)?, None),
        };
        Ok(Span::new(
            start.unwrap_or(i64::MIN),
            end.unwrap_or(i64::MAX),
        ))
    }
}

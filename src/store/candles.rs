//! The candles of a series, pulled one by one, so that two files can be read side by side. Memory stays flat.

use super::rows::candle_of;
use super::{SeriesRow, Store, StoreError, told};
use crate::candle::Candle;

/// Candles that are read at once.
const BATCH: usize = 4096;

/// Candles in ascending order. After an error there are no more.
#[derive(Debug)]
pub struct Candles<'a> {
    store: &'a Store,
    series_id: i64,
    batch: std::vec::IntoIter<Candle>,
    /// The newest that was read, `None` once there are no more.
    after: Option<i64>,
}

impl Store {
    /// The candles of a series that this file holds. What others write meanwhile may be seen, unless it is read
    /// [at one instant](Store::at_one_instant).
    pub fn candles(&self, series: &SeriesRow) -> Candles<'_> {
        Candles {
            store: self,
            series_id: series.id,
            batch: Vec::new().into_iter(),
            after: Some(i64::MIN),
        }
    }
}

impl Candles<'_> {
    fn read(&mut self, after: i64) -> Result<(), StoreError> {
        let sql = "SELECT ts, open, high, low, close, volume, vwap, trades FROM candle_data
                   WHERE series_id = ?1 AND ts > ?2 ORDER BY ts LIMIT ?3";
        let rows = || -> rusqlite::Result<Vec<Candle>> {
            let mut rows = Vec::with_capacity(BATCH);
            let mut select = self.store.connection.prepare_cached(sql)?;
            let limit = BATCH.try_into().unwrap_or(i64::MAX);
            for row in select.query_map([self.series_id, after, limit], candle_of)? {
                rows.push(row?);
            }
            Ok(rows)
        };
        let rows = rows().map_err(told(&self.store.path))?;
        // A damaged index could lead in circles.
        let mut before = after;
        for candle in &rows {
            if candle.ts <= before {
                return Err(StoreError::Damaged {
                    path: self.store.path.clone(),
                    why: format!("candles are out of order at {}", candle.ts),
                });
            }
            before = candle.ts;
        }
        self.after = (rows.len() == BATCH).then_some(before);
        self.batch = rows.into_iter();
        Ok(())
    }
}

impl Iterator for Candles<'_> {
    type Item = Result<Candle, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.batch.len() == 0
            && let Some(after) = self.after.take()
            && let Err(error) = self.read(after)
        {
            return Some(Err(error));
        }
        self.batch.next().map(Ok)
    }
}

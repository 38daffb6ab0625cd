//! Where the candles of a series are, without their values: of minutes and hours single ones are looked up, of longer candles
//! all starts are read. Listing thousands of series must stay a matter of a moment.

use crate::model::expected::{End, Slots, landmarks};
use crate::model::span::Span;
use crate::store::file::stamp::stamp;
use crate::store::{Store, StoreError, told};

impl Store {
    /// The starts of so many candles of a series that rows of so many sessions without any are known, ascending.
    pub(super) fn landmarks(
        &self,
        series_id: i64,
        slots: &Slots,
        span: Span,
        sessions: usize,
    ) -> Result<Vec<i64>, StoreError> {
        let told = told(&self.path);
        let prepare = |order: &str| {
            let sql = format!(
                "SELECT ts FROM candle_data WHERE series_id = ? AND ts >= ? AND ts < ? ORDER BY ts {order} LIMIT 1"
            );
            self.connection.prepare_cached(&sql).map_err(told)
        };
        let (mut first, mut last) = (prepare("ASC")?, prepare("DESC")?);
        landmarks(slots, span, sessions, |span, end| {
            let select = match end {
                End::First => &mut first,
                End::Last => &mut last,
            };
            let mut rows = select
                .query([series_id, span.start(), span.end()])
                .map_err(told)?;
            let row = rows.next().map_err(told)?;
            row.map(|row| stamp(row, 0)).transpose().map_err(told)
        })
    }

    /// The starts of all candles of a series, ascending.
    pub(super) fn starts(&self, series_id: i64) -> Result<Vec<i64>, StoreError> {
        let sql = "SELECT ts FROM candle_data WHERE series_id = ? ORDER BY ts";
        let mut starts: Vec<i64> = Vec::new();
        let told = told(&self.path);
        let mut select = self.connection.prepare_cached(sql).map_err(told)?;
        let mut rows = select.query([series_id]).map_err(told)?;
        while let Some(row) = rows.next().map_err(told)? {
            let ts = stamp(row, 0).map_err(told)?;
            // A damaged file could lead in circles.
            if starts.last().is_some_and(|&before| before >= ts) {
                return Err(self.out_of_order(ts));
            }
            starts.push(ts);
        }
        Ok(starts)
    }
}

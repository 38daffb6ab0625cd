//! What the living jobs of a file are fetching at this instant, so that whoever plans beside them leaves it to them. Reads no
//! candle.

use rusqlite::{Connection, params};

use crate::model::listing::Adjustment;
use crate::model::series::SeriesKey;
use crate::model::span::{Span, SpanSet};
use crate::monitor::Left;
use crate::store::candles::read::span_of;
use crate::store::file::stamp::stamp;
use crate::store::jobs::claims::claims;
use crate::store::{FORMAT, Store, StoreError, told};

/// The running jobs whose owners live, but for one: what they fetch is theirs.
#[derive(Clone, Debug, Default)]
pub struct Others {
    job_ids: Vec<String>,
}

impl Store {
    /// The living jobs that run beside this one.
    ///
    /// # Errors
    /// The file cannot be read.
    #[doc(hidden)]
    pub fn others(&self, job_id: &str, now: i64) -> Result<Others, StoreError> {
        let claims = claims(&self.connection).map_err(told(&self.path))?;
        // What waits in a queue is planned anew when its turn comes.
        let running = claims.into_iter().filter(|claim| {
            claim.is_running && claim.job_id != job_id && claim.is_living(&self.path, now)
        });
        Ok(Others {
            job_ids: running.map(|claim| claim.job_id).collect(),
        })
    }

    /// What other jobs have taken of a series and not ended yet, by start.
    ///
    /// # Errors
    /// The file cannot be read.
    #[doc(hidden)]
    pub fn left_to(&self, others: &Others, key: &SeriesKey) -> Result<Vec<Left>, StoreError> {
        let mut left = Vec::new();
        for job_id in &others.job_ids {
            let open = open_slices(&self.connection, job_id, key).map_err(told(&self.path))?;
            left.extend(open.into_iter().map(|span| Left {
                key: key.clone(),
                span,
                job_id: job_id.clone(),
            }));
        }
        left.sort_by_key(|left| left.span);
        Ok(left)
    }

    /// What came of an adjusted series in runs that are over and was not checked for a split: of each slice that was not, whether it
    /// was completed, failed or was cut off after a page, what no later one has brought again and checked.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn unchecked(
        &self,
        others: &Others,
        key: &SeriesKey,
    ) -> Result<SpanSet, StoreError> {
        if key.adjusted == Adjustment::Raw || self.format < FORMAT {
            return Ok(SpanSet::default());
        }
        let sql = "SELECT start_ts, end_ts, status = 'completed' AND error IS NULL FROM backfill_progress
                   WHERE series_id = (SELECT id FROM series WHERE symbol = ?1 AND timeframe = ?2)
                   AND (status = 'completed' OR records_fetched > 0) AND job_id NOT IN (SELECT value FROM json_each(?3))
                   ORDER BY slice_id";
        let living = serde_json::json!(others.job_ids).to_string();
        let values = params![key.symbol.as_str(), key.timeframe.to_string(), living];
        let read = || {
            let mut select = self.connection.prepare_cached(sql)?;
            let mut unchecked = SpanSet::default();
            let mut slices = select.query(values)?;
            while let Some(slice) = slices.next()? {
                let span = SpanSet::from(span_of(slice, 0)?);
                unchecked = if slice.get(2)? {
                    unchecked.subtract(&span)
                } else {
                    unchecked.union(&span)
                };
            }
            Ok(unchecked)
        };
        read().map_err(told(&self.path))
    }
}

fn open_slices(
    connection: &Connection,
    job_id: &str,
    key: &SeriesKey,
) -> rusqlite::Result<Vec<Span>> {
    let sql = "SELECT p.start_ts, p.end_ts FROM backfill_progress AS p
               WHERE p.job_id = ?1 AND p.series_id = (SELECT id FROM series WHERE symbol = ?2 AND timeframe = ?3)
               AND p.status IN ('pending', 'running')";
    let values = params![job_id, key.symbol.as_str(), key.timeframe.to_string()];
    connection
        .prepare_cached(sql)?
        .query_map(values, |row| Ok(Span::new(stamp(row, 0)?, stamp(row, 1)?)))?
        .filter_map(Result::transpose)
        .collect()
}

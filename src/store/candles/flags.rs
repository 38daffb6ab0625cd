//! What is odd about a stored candle, kept beside it. A flag never keeps a candle out, nor changes it.
//!
//! Its values speak for themselves ([`Candle::suspicions`]). Two flags need more than the candle: `off_session`, where no
//! trading hours of its market lie in it, and `first_partial`, for the first week or month of an answer that begins later
//! than asked. So does an answer that the plan's history clips in silence, and what it has of that week or month may be a
//! part of it; a first week after a listing looks just the same. Another answer that has earlier candles, too, and the same
//! or a newer value for this one lifts the doubt.

use rusqlite::{Connection, params};

use crate::model::candle::Candle;
use crate::model::counts::Counts;
use crate::model::market::Market;
use crate::model::span::Span;
use crate::store::Beginning;
use crate::store::candles::rows::{RowError, Rows};
use crate::store::file::stamp::stamp;
use crate::store::file::tables::judgements;

pub(in crate::store) const OFF_SESSION: &str = "off_session";
const FIRST_PARTIAL: &str = "first_partial";

/// The flags that say nothing against a candle's values.
pub(in crate::store) const NOT_OF_VALUES: [&str; 2] = [OFF_SESSION, FIRST_PARTIAL];

/// What is gone of a candle, and its flags with it.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum Gone {
    /// Its values, for others.
    Values,
    /// The doubt whether it is whole.
    Doubt,
    /// All of it.
    Candle,
}

impl Rows<'_> {
    pub(in crate::store) fn judge_quality(&mut self, candle: &Candle) -> Result<(), RowError> {
        for (check_name, detail) in candle.suspicions() {
            self.flag(candle.ts, check_name, &detail)?;
        }
        if self.is_off_session(candle.ts) {
            self.flag_off_session(candle.ts)?;
        }
        match self.beginning {
            Some(Beginning { first, is_late }) if is_late && first == candle.ts => {
                let detail = "the answer begins with it, later than asked: it may be made of a part of its days";
                self.flag(first, FIRST_PARTIAL, detail)
            }
            _ => Ok(()),
        }
    }

    fn is_off_session(&mut self, ts: i64) -> bool {
        if self.hours.is_some_and(|hours| hours.contains(ts)) {
            return false;
        }
        if !self.market.timeframe().is_label() {
            let hours = self.market.trading_hours(self.market.date(ts));
            self.hours = hours.and_then(|(open, close)| Span::new(open, close));
        }
        self.market.is_off_session(ts)
    }

    fn flag_off_session(&self, ts: i64) -> Result<(), RowError> {
        self.flag(ts, OFF_SESSION, "outside of the market's trading hours")
    }

    fn flag(&self, ts: i64, check_name: &str, detail: &str) -> Result<(), RowError> {
        let sql = "INSERT OR REPLACE INTO quality_issues (series_id, ts, check_name, detail) VALUES (?, ?, ?, ?)";
        self.tx
            .prepare_cached(sql)?
            .execute(params![self.series_id, ts, check_name, detail])?;
        Ok(())
    }

    /// An answer that has earlier candles, too, was not cut short at this one.
    pub(in crate::store) fn confirm(&self, ts: i64) -> Result<(), RowError> {
        if self.beginning.is_some_and(|begins| begins.first < ts) {
            self.forget_flags(ts, Gone::Doubt)?;
        }
        Ok(())
    }

    /// Takes out what was said of a candle, in every table that judges candles.
    pub(in crate::store) fn forget_flags(&self, ts: i64, gone: Gone) -> Result<(), RowError> {
        for (table, at) in judgements() {
            let which = match (gone, table.name.as_str()) {
                (Gone::Values, "quality_issues") => format!("check_name <> '{FIRST_PARTIAL}'"),
                (Gone::Doubt, "quality_issues") => format!("check_name = '{FIRST_PARTIAL}'"),
                // What its values came to does not depend on whether it is whole.
                (Gone::Doubt, _) => continue,
                (Gone::Values | Gone::Candle, _) => "true".to_owned(),
            };
            let sql = format!(
                "DELETE FROM {} WHERE series_id = ? AND {at} = ? AND {which}",
                table.name
            );
            let mut delete = self.tx.prepare_cached(&sql)?;
            delete.execute([self.series_id, ts])?;
        }
        Ok(())
    }
}

/// Judges the stored candles of a series in a span by the hours of its market, which have changed: how many are outside of them
/// now that were not, and how many are not any more.
pub(in crate::store) fn judge_hours_anew(
    tx: &Connection,
    series_id: i64,
    market: Market,
    span: Span,
) -> Result<(u64, u64), RowError> {
    let mut rows = Rows {
        tx,
        series_id,
        slice_id: None,
        market,
        hours: None,
        beginning: None,
        seen_at: 0,
        counts: Counts::default(),
    };
    let sql = "SELECT c.ts, q.ts IS NOT NULL FROM candle_data AS c LEFT JOIN quality_issues AS q
               ON q.series_id = c.series_id AND q.ts = c.ts AND q.check_name = ?4
               WHERE c.series_id = ?1 AND c.ts >= ?2 AND c.ts < ?3 ORDER BY c.ts";
    let mut select = tx.prepare_cached(sql)?;
    let within = params![series_id, span.start(), span.end(), OFF_SESSION];
    let all = select.query_map(within, |row| Ok((stamp(row, 0)?, row.get::<_, bool>(1)?)))?;
    let mut changed = Vec::new();
    for row in all {
        let (ts, was_outside) = row?;
        let is_outside = rows.is_off_session(ts);
        if is_outside != was_outside {
            changed.push((ts, is_outside));
        }
    }
    let sql = "DELETE FROM quality_issues WHERE series_id = ? AND ts = ? AND check_name = ?";
    let (mut flagged, mut cleared) = (0, 0);
    for (ts, is_outside) in changed {
        if is_outside {
            rows.flag_off_session(ts)?;
            flagged += 1;
        } else {
            tx.prepare_cached(sql)?
                .execute(params![series_id, ts, OFF_SESSION])?;
            cleared += 1;
        }
    }
    Ok((flagged, cleared))
}

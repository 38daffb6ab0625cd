//! What is odd about a stored candle, kept beside it. A flag never keeps a candle out, nor changes it.
//!
//! Its values speak for themselves ([`Candle::suspicions`]). Two flags need more than the candle: `off_session`, where no
//! trading hours of its market lie in it, and `first_partial`, for the first week or month of an answer that begins later
//! than asked. So does an answer that the plan's history clips in silence, and what it has of that week or month may be a
//! part of it; a first week after a listing looks just the same. Another answer that has earlier candles, too, and the same
//! or a newer value for this one lifts the doubt.

use rusqlite::params;

use crate::model::candle::Candle;
use crate::model::span::Span;
use crate::store::Beginning;
use crate::store::candles::rows::{RowError, Rows};
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
            self.flag(
                candle.ts,
                OFF_SESSION,
                "outside of the market's trading hours",
            )?;
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

//! What is known of a series whose rows were merged: its row, coverage, empty spans, the tail, and what is odd.

use rusqlite::params;

use super::Pair;
use super::rows::DIFFERENT;
use crate::model::span::SpanSet;
use crate::plan::Known;
use crate::store::candles::coverage::cover;
use crate::store::file::stamp::stamp_if_any;
use crate::store::file::tables::judgements;

impl Pair<'_> {
    /// Brings what is known of the series up to date with its candles.
    pub(super) fn settle(&self, ours: &Known, theirs: &Known) -> rusqlite::Result<()> {
        self.settle_judgements()?;
        let sql = "UPDATE main.series SET (candles, first_ts, last_ts) =
                (SELECT count(*), min(ts), max(ts) FROM main.candle_data WHERE series_id = ?1)
            WHERE id = ?1 RETURNING candles, first_ts, last_ts";
        let has_candles = self.tx.prepare_cached(sql)?.query_row([self.ours], |row| {
            let candles: i64 = row.get(0)?;
            // A time that no calendar can write is damage.
            stamp_if_any(row, 1)?;
            stamp_if_any(row, 2)?;
            Ok(candles > 0)
        })?;
        // A candle of one makes coverage of what the other one, without any, had no answer for but nothing.
        if has_candles {
            for span in ours.answered().union(&theirs.answered()).iter() {
                cover(self.tx, self.ours, span)?;
            }
        }
        self.settle_empty(ours, theirs)?;
        let tail = match (is_nothing(ours), is_nothing(theirs)) {
            (true, _) => theirs.tail,
            (_, true) => ours.tail,
            // What was asked of one end says nothing of the other.
            _ => None,
        };
        let sql = "UPDATE main.series SET tail_asked_from = ?2, tail_asked_to = ?3, tail_asked_at = ?4 WHERE id = ?1";
        let tail = tail.map_or([None; 3], |tail| {
            [tail.from, tail.to, tail.asked_at].map(Some)
        });
        self.tx
            .prepare_cached(sql)?
            .execute(params![self.ours, tail[0], tail[1], tail[2]])?;
        Ok(())
    }

    /// What is said of their candles holds of ours where these have the same values.
    fn settle_judgements(&self) -> rusqlite::Result<()> {
        for (table, at) in judgements() {
            let Some(copy) = table.copy(self.tx, &[("series_id", "?1")])? else {
                continue;
            };
            let sql = format!(
                "{copy} JOIN input.candle_data AS theirs ON theirs.series_id = ?2 AND theirs.ts = row.{at}
                 JOIN main.candle_data AS ours ON ours.series_id = ?1 AND ours.ts = row.{at}
                 WHERE row.series_id = ?2 AND NOT ({}) ON CONFLICT DO NOTHING",
                *DIFFERENT
            );
            let mut insert = self.tx.prepare_cached(&sql)?;
            insert.execute([self.ours, self.theirs])?;
        }
        Ok(())
    }

    /// A span stays empty where both say so, or one does and the other was not asked.
    fn settle_empty(&self, ours: &Known, theirs: &Known) -> rusqlite::Result<()> {
        let not_empty = theirs.answered().subtract(&theirs.empty_since(i64::MIN));
        let of_ours = ours.empty.iter().map(|empty| (empty, not_empty.clone()));
        let of_theirs = theirs.empty.iter().map(|empty| (empty, ours.answered()));
        self.tx
            .prepare_cached("DELETE FROM main.empty_spans WHERE series_id = ?")?
            .execute([self.ours])?;
        let sql = "INSERT INTO main.empty_spans (series_id, start_ts, end_ts, asked_at, is_confirmed) VALUES (?, ?, ?, ?, ?)";
        let mut insert = self.tx.prepare_cached(sql)?;
        for (empty, other) in of_ours.chain(of_theirs) {
            for span in SpanSet::from(empty.span).subtract(&other).iter() {
                insert.execute(params![
                    self.ours,
                    span.start(),
                    span.end(),
                    empty.asked_at,
                    empty.is_confirmed
                ])?;
            }
        }
        Ok(())
    }
}

fn is_nothing(known: &Known) -> bool {
    !known.has_candles
        && known.coverage.is_empty()
        && known.empty.is_empty()
        && known.tail.is_none()
}

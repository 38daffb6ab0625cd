//! The rows of a series: those of the added file, ours, and what becomes of each. Whatever gives way is kept.

use std::sync::LazyLock;

use rusqlite::params_from_iter;

use super::Pair;
use crate::model::span::{Span, SpanSet};
use crate::store::candles::columns::{named, selected};
use crate::store::candles::coverage::slice_of;
use crate::store::file::tables::judgements;

/// In all statements: ?1 and ?2 are our series and theirs, ?3 and ?4 a span, ?5 is now.
const OURS: &str = "main.candle_data AS ours LEFT JOIN input.candle_data AS theirs ON theirs.series_id = ?2 AND theirs.ts = ours.ts
    WHERE ours.series_id = ?1 AND ours.ts >= ?3 AND ours.ts < ?4";
const THEIRS: &str = "input.candle_data AS theirs LEFT JOIN main.candle_data AS ours ON ours.series_id = ?1 AND ours.ts = theirs.ts
    WHERE theirs.series_id = ?2 AND theirs.ts >= ?3 AND theirs.ts < ?4";
pub(super) static DIFFERENT: LazyLock<String> =
    LazyLock::new(|| format!("({}) IS NOT ({})", named("ours."), named("theirs.")));
const IN_BOTH: &str = "ours.ts IS NOT NULL AND theirs.ts IS NOT NULL";
/// Outside of what is covered: what was handed in gives way to no answer.
const OURS_FETCHED: &str = "ours.slice_id IS NOT NULL";
const FETCHED_LATER: &str = "coalesce((SELECT started_at FROM input.backfill_progress WHERE slice_id = theirs.slice_id), -9e18) >
    coalesce((SELECT started_at FROM main.backfill_progress WHERE slice_id = ours.slice_id), -9e18)";

impl Pair<'_> {
    /// Span by span, by which side has the final answer.
    pub(super) fn add_candles(&mut self, ours: &SpanSet, theirs: &SpanSet) -> rusqlite::Result<()> {
        let only_ours = ours.subtract(theirs);
        for span in ours.subtract(&only_ours).iter() {
            self.keep_conflicts(span, IN_BOTH)?;
            self.insert(span, "true")?;
        }
        let (fetched, handed_in) = self.by_origin();
        for span in only_ours.iter() {
            self.supersede(span, &fetched)?;
            self.keep_conflicts(span, &format!("{IN_BOTH} AND {handed_in}"))?;
            self.insert(span, &handed_in)?;
        }
        for span in theirs.subtract(ours).iter() {
            self.restate(span, OURS_FETCHED)?;
            self.keep_conflicts(span, IN_BOTH)?;
            self.insert(span, "true")?;
        }
        let everywhere = Span::new(i64::MIN, i64::MAX)
            .map(SpanSet::from)
            .unwrap_or_default();
        for span in everywhere.subtract(&ours.union(theirs)).iter() {
            self.restate(
                span,
                &format!("{IN_BOTH} AND {OURS_FETCHED} AND {FETCHED_LATER}"),
            )?;
            self.supersede(span, &format!("{IN_BOTH} AND {OURS_FETCHED} AND {fetched}"))?;
            self.keep_conflicts(
                span,
                &format!("{IN_BOTH} AND (ours.slice_id IS NULL OR {handed_in})"),
            )?;
            self.insert(span, "true")?;
        }
        Ok(())
    }

    /// Which of their rows an answer brought, and which were handed in.
    fn by_origin(&self) -> (String, String) {
        let slice = slice_of("theirs", "input", self.format);
        (format!("{slice} IS NOT NULL"), format!("{slice} IS NULL"))
    }

    /// Their rows, where we have none.
    fn insert(&mut self, span: Span, which: &str) -> rusqlite::Result<()> {
        let slice = slice_of("theirs", "input", self.format);
        // Not `OR IGNORE`, which would pass over rows that cannot be stored.
        let sql = format!(
            "INSERT INTO main.candle_data (series_id, {candle}, slice_id) SELECT ?1, {candle},
                iif({slice} IS NULL, NULL, coalesce(
                    (SELECT ours FROM temp.added_slices AS slice WHERE slice.theirs = theirs.slice_id), 0))
             FROM input.candle_data AS theirs WHERE series_id = ?2 AND ts >= ?3 AND ts < ?4 AND {which} ORDER BY ts
             ON CONFLICT DO NOTHING",
            candle = selected()
        );
        self.added.added += self.run(span, &sql)?;
        Ok(())
    }

    /// Logs and deletes those of our rows that theirs are to replace, or that they do not have.
    fn restate(&mut self, span: Span, which: &str) -> rusqlite::Result<()> {
        self.added.restated +=
            self.log_restated(span, "ours", "theirs", &format!("{OURS} AND {which}"))?;
        let judged = judgements().map(|(table, at)| (table.name.as_str(), at));
        // The candles last: by them it is seen which these are.
        for (table, at) in judged.chain([("candle_data", "ts")]) {
            let sql = format!(
                "DELETE FROM main.{table} WHERE series_id = ?1 AND {at} IN
                 (SELECT ours.ts FROM {OURS} AND {different} AND {which})",
                different = *DIFFERENT
            );
            self.run(span, &sql)?;
        }
        Ok(())
    }

    /// Logs those of their rows that differ from ours or that we do not have.
    fn supersede(&mut self, span: Span, which: &str) -> rusqlite::Result<()> {
        self.added.superseded +=
            self.log_restated(span, "theirs", "ours", &format!("{THEIRS} AND {which}"))?;
        Ok(())
    }

    fn log_restated(&self, span: Span, old: &str, new: &str, rows: &str) -> rusqlite::Result<u64> {
        let sql = format!(
            "INSERT INTO main.restatements (series_id, ts, action, {}, seen_at)
             SELECT ?1, {old}.ts, iif({new}.ts IS NULL, 'removed', 'replaced'), {}, ?5 FROM {rows} AND {}",
            named("old_"),
            named(&format!("{old}.")),
            *DIFFERENT
        );
        self.run(span, &sql)
    }

    /// Counts every one; those that are known are taken out again in the end.
    fn keep_conflicts(&mut self, span: Span, which: &str) -> rusqlite::Result<()> {
        let sql = format!(
            "INSERT INTO main.conflicts (series_id, {}, seen_at) SELECT ?1, theirs.ts, {}, ?5
             FROM {THEIRS} AND {} AND {which}",
            selected(),
            named("theirs."),
            *DIFFERENT
        );
        self.added.conflicting += self.run(span, &sql)?;
        Ok(())
    }

    fn run(&self, span: Span, sql: &str) -> rusqlite::Result<u64> {
        let values = [self.ours, self.theirs, span.start(), span.end(), self.now];
        let mut statement = self.tx.prepare_cached(sql)?;
        let used = statement.parameter_count();
        Ok(statement.execute(params_from_iter(&values[..used]))? as u64)
    }
}

//! The one checker: what must hold of a file at any moment, whatever happened to the program, the disk or the provider.
//! It reads with nothing but `SQLite`, and must never trust a count that it has not counted itself.

use std::collections::BTreeMap;
use std::path::Path;

use super::db::Db;
use super::oracle::{self, Candle, Span, candles};

/// The file's sources of truth, one against the other: each query counts what contradicts.
const CONTRADICTIONS: [(&str, &str); 10] = [
    (
        "a row points at nothing",
        "SELECT count(*) FROM pragma_foreign_key_check",
    ),
    (
        "a series' row does not say what its candles are",
        "SELECT count(*) FROM series AS s LEFT JOIN (SELECT series_id, count(*) AS n, min(ts) AS lo, max(ts) AS hi
         FROM candle_data GROUP BY series_id) AS c ON c.series_id = s.id
         WHERE s.candles IS NOT coalesce(c.n, 0) OR s.first_ts IS NOT c.lo OR s.last_ts IS NOT c.hi",
    ),
    (
        "a slice's counts do not add up",
        "SELECT count(*) FROM backfill_progress WHERE records_fetched <> records_inserted + records_duplicate +
         records_restated + records_conflicting + records_rejected",
    ),
    (
        "a slice counts other rows than it brought",
        "SELECT count(*) FROM backfill_progress AS p WHERE records_inserted <
         (SELECT count(*) FROM candle_data AS c WHERE c.slice_id = p.slice_id) - records_restated",
    ),
    (
        "a restatement is not logged, or not counted",
        "SELECT (SELECT coalesce(sum(records_restated), 0) FROM backfill_progress) <>
         (SELECT count(*) FROM restatements WHERE action = 'replaced')",
    ),
    (
        "a removal is not logged, or not counted",
        "SELECT (SELECT coalesce(sum(records_removed), 0) FROM backfill_progress) <>
         (SELECT count(*) FROM restatements WHERE action = 'removed')",
    ),
    (
        "rejected rows and their count differ",
        "SELECT count(*) FROM backfill_progress AS p WHERE records_rejected <>
         (SELECT count(*) FROM rejected WHERE slice_id = p.slice_id)",
    ),
    (
        "spans of coverage touch or overlap",
        "SELECT count(*) FROM coverage AS a JOIN coverage AS b USING (series_id)
         WHERE a.start_ts < b.start_ts AND a.end_ts >= b.start_ts",
    ),
    (
        "a span of coverage is empty",
        "SELECT count(*) FROM coverage WHERE start_ts >= end_ts",
    ),
    (
        "a job that is over has a slice that runs",
        "SELECT count(*) FROM backfill_progress AS p JOIN backfill_jobs AS j USING (job_id)
         WHERE p.status = 'running' AND j.status <> 'running'",
    ),
];

/// What must be true of any file at any time, whatever it holds.
pub(crate) fn check_books(db: &Db) {
    assert_eq!(db.text("PRAGMA integrity_check"), "ok");
    for (what, sql) in CONTRADICTIONS {
        assert_eq!(db.count(sql), 0, "{what}");
    }
}

/// The series holds exactly the oracle's candles of `span`, is covered by exactly `span`, and every number the file
/// keeps about it is true.
pub(crate) fn check(db: &Db, symbol: &str, timeframe: &str, span: Span) {
    check_rows(db, symbol, timeframe, span);
    assert_eq!(
        db.coverage(symbol, timeframe),
        vec![span],
        "coverage of {symbol} {timeframe}"
    );
}

/// The same without a word about what coverage should be beyond being well formed.
pub(crate) fn check_rows(db: &Db, symbol: &str, timeframe: &str, span: Span) {
    let stored = db.candles(symbol, timeframe);
    let expected: Vec<Candle> = candles(symbol, timeframe, span).collect();
    for (have, want) in stored.iter().zip(&expected) {
        assert_eq!(
            have, want,
            "{symbol} {timeframe}: the stored candle is not the provider's"
        );
    }
    assert_eq!(
        stored.len(),
        expected.len(),
        "{symbol} {timeframe}: rows stored and rows that exist"
    );
    check_books(db);
}

/// What a file was found to hold: enough to say later whether it still does.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Saved {
    /// By symbol and timeframe: the stamps held, and the coverage.
    series: BTreeMap<(String, String), (Vec<i64>, Vec<Span>)>,
}

impl Saved {
    /// Checks the whole file at one instant: its books, that every stored value is the oracle's, and that every covered
    /// span holds exactly the oracle's candles. For files that are filled from the oracle far from the live edge.
    pub(crate) fn check(db: &Db) -> Saved {
        db.0.execute_batch("BEGIN").unwrap();
        check_books(db);
        let came =
            "SELECT coalesce(sum(records_inserted - records_removed), 0) FROM backfill_progress";
        assert_eq!(
            db.count("SELECT count(*) FROM candle_data"),
            db.count(came),
            "rows that came and rows held"
        );
        let mut saved = Saved::default();
        let sql = "SELECT symbol, timeframe FROM series";
        let mut select = db.0.prepare(sql).unwrap();
        let names = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        for name in names.unwrap() {
            let (symbol, timeframe): (String, String) = name.unwrap();
            let stored = db.candles(&symbol, &timeframe);
            for candle in &stored {
                assert_eq!(
                    Some(*candle),
                    oracle::candle(&symbol, &timeframe, candle.ts),
                    "{symbol} {timeframe}: a stored candle is not the provider's"
                );
            }
            let stamps: Vec<i64> = stored.iter().map(|candle| candle.ts).collect();
            let coverage = db.coverage(&symbol, &timeframe);
            let mut covered = 0;
            for &(start, end) in &coverage {
                let promised: Vec<i64> = candles(&symbol, &timeframe, (start, end))
                    .map(|candle| candle.ts)
                    .collect();
                assert_eq!(
                    within(&stamps, start, end),
                    promised,
                    "{symbol} {timeframe}: what is held in the covered [{start}, {end})"
                );
                covered += promised.len();
            }
            assert_eq!(
                stamps.len(),
                covered,
                "{symbol} {timeframe}: rows that no coverage speaks of"
            );
            saved.series.insert((symbol, timeframe), (stamps, coverage));
        }
        drop(select);
        db.0.execute_batch("COMMIT").unwrap();
        saved
    }

    /// [`Saved::check`] of a file by its path.
    pub(crate) fn check_file(path: &Path) -> Saved {
        Saved::check(&Db::open(path))
    }

    /// Candles held, of all series.
    pub(crate) fn candles(&self) -> usize {
        self.series.values().map(|(stamps, _)| stamps.len()).sum()
    }

    /// Everything that an earlier look found is still there.
    pub(crate) fn assert_holds(&self, earlier: &Saved) {
        for (name, (stamps, coverage)) in &earlier.series {
            let (now_stamps, now_coverage) = self
                .series
                .get(name)
                .unwrap_or_else(|| panic!("{name:?} was saved and is gone"));
            for ts in stamps {
                assert!(
                    now_stamps.binary_search(ts).is_ok(),
                    "{name:?}: the candle at {ts} was saved and is gone"
                );
            }
            for (start, end) in coverage {
                assert!(
                    now_coverage.iter().any(|(s, e)| s <= start && end <= e),
                    "{name:?}: [{start}, {end}) was covered and is not any more"
                );
            }
        }
    }
}

fn within(stamps: &[i64], start: i64, end: i64) -> &[i64] {
    let from = stamps.partition_point(|ts| *ts < start);
    let to = stamps.partition_point(|ts| *ts < end);
    &stamps[from..to]
}

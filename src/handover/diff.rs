//! What two files do not have in common: series, candles, coverage. Neither is written, and what was asked when, and with
//! what answer, is not compared.

use std::cmp::Ordering;
use std::collections::HashSet;

use itertools::{EitherOrBoth, Itertools};

use crate::handover::outfile::is_same;
use crate::handover::verify::is_as_packed;
use crate::model::candle::Candle;
use crate::model::manifest::{Manifest, ManifestEntry};
use crate::model::series::SeriesKey;
use crate::model::span::{Span, SpanSet};
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;
use crate::store::{Counted, SeriesRow, Store, StoreError};

/// What two files, A and B, do not have in common. Series are in ascending order of symbol and timeframe.
#[derive(Clone, Debug, Default)]
pub struct Difference {
    /// Series of A that B does not hold.
    pub only_in_a: Vec<SeriesRow>,
    /// Series of B that A does not hold.
    pub only_in_b: Vec<SeriesRow>,
    /// Series of both that differ.
    pub series: Vec<SeriesDifference>,
    /// Rows of the series of both that differ.
    pub rows: RowCounts,
}

/// How a series of both files differs.
#[derive(Clone, Debug)]
pub struct SeriesDifference {
    /// The series in A.
    pub a: SeriesRow,
    /// The series in B.
    pub b: SeriesRow,
    /// How many rows differ.
    pub rows: RowCounts,
    /// The first of the rows that differ, ascending.
    pub shown: Vec<RowDifference>,
    /// Covered in A only.
    pub covered_in_a: SpanSet,
    /// Covered in B only.
    pub covered_in_b: SpanSet,
}

/// A candle that the files do not have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RowDifference {
    /// B has none of its `ts`.
    OnlyInA(Candle),
    /// A has none of its `ts`.
    OnlyInB(Candle),
    /// A's and B's, with the same `ts`.
    Both(Candle, Candle),
}

/// Numbers of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct RowCounts {
    /// In A only.
    pub only_in_a: u64,
    /// In B only.
    pub only_in_b: u64,
    /// In both, with other values.
    pub different: u64,
}

impl RowCounts {
    /// Counts one more; says how many of its kind there are now.
    fn count(&mut self, row: &RowDifference) -> u64 {
        let count = match row {
            RowDifference::OnlyInA(_) => &mut self.only_in_a,
            RowDifference::OnlyInB(_) => &mut self.only_in_b,
            RowDifference::Both(..) => &mut self.different,
        };
        *count += 1;
        *count
    }
}

impl Difference {
    /// Whether the files hold the same.
    pub fn is_none(&self) -> bool {
        self.only_in_a.is_empty() && self.only_in_b.is_empty() && self.series.is_empty()
    }
}

impl SeriesDifference {
    /// Whether the source, the adjustment, the market, the grid, the currency or the beginning of weeks differs.
    pub fn is_bound_otherwise(&self) -> bool {
        !self.a.key.is_bound_like(&self.b.key) || self.a.week_start != self.b.week_start
    }

    fn is_none(&self) -> bool {
        self.rows == RowCounts::default()
            && self.covered_in_a.is_empty()
            && self.covered_in_b.is_empty()
            && !self.is_bound_otherwise()
    }
}

/// Compares two files, each read at one instant. All rows are counted; of each kind the first `limit` are kept. Of two
/// packed files that nobody changed since, by their digests, the manifests are believed, so that only series whose digests
/// differ are read. The meter of A tells how far
/// it is, where B has the same.
///
/// # Errors
/// One of the files cannot be read, or holds other candles of a series than its row says; the error names it.
pub fn diff(a: &Store, b: &Store, limit: u64) -> Result<Difference, StoreError> {
    // Two instants of one file could differ.
    if is_same(a.path(), b.path()) {
        return Ok(Difference::default());
    }
    a.at_one_instant(|| b.at_one_instant(|| compare(a, b, limit)))
}

fn compare(a: &Store, b: &Store, limit: u64) -> Result<Difference, StoreError> {
    let manifests = match a.seal()?.zip(b.seal()?) {
        Some((of_a, of_b)) if is_as_packed(a.path())? && is_as_packed(b.path())? => {
            Some((of_a.manifest, of_b.manifest))
        }
        _ => None,
    };
    if manifests
        .as_ref()
        .is_some_and(|(a, b)| (a.format, a.digest) == (b.format, b.digest))
    {
        return Ok(Difference::default());
    }
    let is_believed = manifests.is_some();
    let same = manifests.map_or_else(HashSet::new, |(a, b)| same_candles(&a, &b));
    let name = |series: &SeriesRow| name(&series.key);
    let sorted = |mut series: Vec<SeriesRow>| {
        series.sort_by_cached_key(name);
        series
    };
    let (of_a, of_b) = (sorted(a.whole_series()?), sorted(b.whole_series()?));
    let candles = |all: &[SeriesRow]| all.iter().map(|series| series.candles).sum::<u64>();
    a.meter()
        .begin("comparing", candles(&of_a) + candles(&of_b));
    let check = |store: &Store, series: &SeriesRow| {
        if is_believed {
            Ok(())
        } else {
            check_alone(store, series)
        }
    };
    let mut found = Difference::default();
    for pair in of_a
        .into_iter()
        .merge_join_by(of_b, |a, b| name(a).cmp(&name(b)))
    {
        match pair {
            EitherOrBoth::Left(series) => {
                check(a, &series)?;
                found.only_in_a.push(series);
            }
            EitherOrBoth::Right(series) => {
                check(b, &series)?;
                found.only_in_b.push(series);
            }
            EitherOrBoth::Both(of_a, of_b) => {
                let mut series = SeriesDifference {
                    covered_in_a: of_a.coverage.subtract(&of_b.coverage),
                    covered_in_b: of_b.coverage.subtract(&of_a.coverage),
                    rows: RowCounts::default(),
                    shown: Vec::new(),
                    a: of_a,
                    b: of_b,
                };
                if !same.contains(&name(&series.a)) {
                    compare_candles(a, b, &mut series, &mut found.rows, limit)?;
                }
                if !series.is_none() {
                    found.series.push(series);
                }
            }
        }
    }
    Ok(found)
}

/// What is told of a series that only one file has is its row: that must be true.
fn check_alone(store: &Store, series: &SeriesRow) -> Result<(), StoreError> {
    let mut read = Counted::default();
    for candle in store.candles(series) {
        read.add(candle?.ts);
    }
    store.check_books(series, Span::EVERYTHING, read)
}

fn name(key: &SeriesKey) -> (Symbol, Timeframe) {
    (key.symbol.clone(), key.timeframe)
}

/// The series of which two packed files say that their candles are the same.
fn same_candles(a: &Manifest, b: &Manifest) -> HashSet<(Symbol, Timeframe)> {
    let digest = |of: &ManifestEntry| (name(&of.key), of.digest);
    let of_a: HashSet<_> = a.series.iter().map(digest).collect();
    let of_b = b.series.iter().map(digest);
    of_b.filter(|of| of_a.contains(of)).map(|of| of.0).collect()
}

fn compare_candles(
    a: &Store,
    b: &Store,
    series: &mut SeriesDifference,
    all: &mut RowCounts,
    limit: u64,
) -> Result<(), StoreError> {
    let (mut of_a, mut of_b) = (Counted::default(), Counted::default());
    let pairs = a
        .candles(&series.a)
        .merge_join_by(b.candles(&series.b), |a, b| match (a, b) {
            (Ok(a), Ok(b)) => a.ts.cmp(&b.ts),
            (Err(_), _) => Ordering::Less,
            (_, Err(_)) => Ordering::Greater,
        });
    for pair in pairs {
        let (left, right) = pair.left_and_right();
        let (left, right) = (left.transpose()?, right.transpose()?);
        if let Some(candle) = &left {
            of_a.add(candle.ts);
        }
        if let Some(candle) = &right {
            of_b.add(candle.ts);
        }
        let row = match (left, right) {
            (None, None) => continue,
            (Some(a), None) => RowDifference::OnlyInA(a),
            (None, Some(b)) => RowDifference::OnlyInB(b),
            (Some(a), Some(b)) => {
                if a == b {
                    continue;
                }
                RowDifference::Both(a, b)
            }
        };
        series.rows.count(&row);
        if all.count(&row) <= limit {
            series.shown.push(row);
        }
    }
    a.check_books(&series.a, Span::EVERYTHING, of_a)?;
    b.check_books(&series.b, Span::EVERYTHING, of_b)
}

//! The union of files as a new one. The inputs are never written, and the new file has its name only once it is whole.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use itertools::{EitherOrBoth, Itertools};

use crate::handover::outfile::{Target, TargetError};
use crate::model::market::date_of;
use crate::model::next::{Named, Next};
use crate::model::scale::{Checked, Moved, moved};
use crate::model::series::SeriesKey;
use crate::model::span::Span;
use crate::run::clock::Cancel;
use crate::store::merge::Added;
use crate::store::{Others, SeriesRow, Store, StoreError, free_name};

/// Candles that two files have in common, of an adjusted series, which are compared.
const COMPARED: usize = 50;
/// Candles that are looked at for them.
const LOOKED_AT: usize = 100_000;

/// What became of each file, in their order.
#[derive(Clone, Debug)]
pub struct Merged {
    /// What each file has brought.
    pub inputs: Vec<Added>,
    /// The series of the new file.
    pub series: Vec<SeriesRow>,
    /// Adjusted ones of them that come from files without a candle in common: nobody can know whether they stand in one
    /// scale.
    pub unchecked: Vec<SeriesKey>,
}

/// Why files could not be merged. Nothing was written then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// A file cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It was asked to stop.
    #[error("merging was stopped")]
    Cancelled,
    /// The new one cannot be written.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Two files hold a series from another source, with another adjustment, of another market or with other weeks.
    #[error("{} holds {} from {}, and {} from {}", first.display(), name(held), binding(held, found), second.display(), binding(found, held))]
    Bound {
        /// The file that comes first.
        first: PathBuf,
        /// The series in it.
        held: Box<SeriesRow>,
        /// The other file.
        second: PathBuf,
        /// The series in the other.
        found: Box<SeriesRow>,
    },
    /// Two files contradict each other about a day of a market.
    #[error("{} says that {market} has a session on {day}, and {} that it has none", open.display(), closed.display())]
    Days {
        /// The market.
        market: String,
        /// The day.
        day: NaiveDate,
        /// The file with a session.
        open: PathBuf,
        /// The one without.
        closed: PathBuf,
    },
    /// Two files hold an adjusted series in two scales: a split lies between the times at which they were filled.
    #[error("{} and {} hold the adjusted prices of {} in two scales, {factor:.6} apart on {day}: a split lies between the times at which they were filled", first.display(), second.display(), name(series))]
    Scales {
        /// The file that comes first.
        first: PathBuf,
        /// The other file.
        second: PathBuf,
        /// The series.
        series: Box<SeriesRow>,
        /// What the prices of the first are to be multiplied by.
        factor: f64,
        /// A day that is in two scales.
        day: NaiveDate,
    },
}

impl MergeError {
    /// What to do about it.
    pub fn next(&self) -> Next {
        let drop = |series: &SeriesRow| Next::Drop {
            series: Some(Named::new(&series.key.symbol, series.key.timeframe)),
            yes: true,
        };
        match self {
            MergeError::Store(error) => error.next(),
            MergeError::Target(error) => error.next(),
            MergeError::Cancelled => {
                Next::words("nothing was left behind; run the same command again")
            }
            MergeError::Scales {
                first,
                second,
                series,
                ..
            } => Next::Then(vec![
                Next::Or(vec![drop(series).on(first), drop(series).on(second)]).after(
                    "see which of them is of before the split, and drop the series from it:",
                ),
                Next::words("backfill it anew and merge again"),
            ]),
            MergeError::Days {
                market,
                day,
                open,
                closed,
            } => {
                let tell = |is_open| Next::TellDays {
                    market: market.clone(),
                    days: vec![*day],
                    is_open,
                };
                Next::Or(vec![tell(false).on(open), tell(true).on(closed)])
                    .after("see which of them is right, and tell the other:")
            }
            MergeError::Bound { second, found, .. } => {
                let copy = free_name();
                let pack = Next::Pack {
                    with_history: true,
                    output: copy.clone(),
                };
                let commands = vec![
                    pack.on(second),
                    Next::words(format!("chmod u+w {}", copy.display())),
                    drop(found).on(&copy),
                ];
                Next::Then(vec![
                    Next::Chain(commands).after("make one of them without the series:"),
                    Next::words("merge that"),
                ])
            }
        }
    }
}

fn name(series: &SeriesRow) -> String {
    format!("{} {}", series.key.symbol, series.key.timeframe)
}

fn binding(series: &SeriesRow, other: &SeriesRow) -> String {
    let bound = series.key.binding(&other.key);
    let weeks = series
        .week_start
        .map_or_else(String::new, |day| format!(", week_start {day}"));
    format!("{} ({bound}{weeks})", series.key.source)
}

/// Writes the union of the files to the target: a final candle beats a provisional one, among final ones that of the
/// first file stays and the other is kept in `conflicts`, and among provisional ones the later fetched wins. The result
/// can be filled further like any other file. Each file is read at one instant.
///
/// # Errors
/// A cancellation, a file that cannot be read, two that hold a series from different sources, with different adjustments or, an
/// adjusted one, in two scales, or contradict each other about a day of a market, a target that cannot be written; nothing is left behind then.
pub fn merge(
    inputs: &[Store],
    target: &Target,
    now: i64,
    cancel: &Cancel,
) -> Result<Merged, MergeError> {
    let checked = check_bindings(inputs)
        .and_then(|()| check_days(inputs))
        .and_then(|()| check_scales(inputs));
    for input in inputs {
        input.check_still()?;
    }
    let unlinked = checked?;
    let mut part = target.begin_named()?;
    let path = part.path().unwrap_or(target.path()).to_path_buf();
    let told = |error| match error {
        _ if cancel.is_cancelled() => MergeError::Cancelled,
        StoreError::Full(full) if full == path => {
            TargetError::Full(target.path().to_path_buf()).into()
        }
        other => MergeError::Store(other),
    };
    let (out, inputs, series) = make(inputs, &unlinked, &path, now, cancel).map_err(told)?;
    // Statements that are short end before they look.
    if cancel.is_cancelled() {
        return Err(MergeError::Cancelled);
    }
    // What is left to do once it is a candlefile is short: one that a kill leaves is in the way of the next run.
    let synced = part.file().sync_all();
    synced.map_err(|error| TargetError::io(target.path(), error))?;
    out.give_its_id().map_err(told)?;
    drop(out);
    part.finish()?;
    Ok(Merged {
        inputs,
        series,
        unchecked: unlinked.into_iter().map(|series| series.key).collect(),
    })
}

/// An adjusted series whose files have no candle that links them all.
struct Unlinked {
    key: SeriesKey,
    /// Where the stretches end that its files have covered, each.
    ends: Vec<i64>,
}

fn make(
    inputs: &[Store],
    unlinked: &[Unlinked],
    path: &Path,
    now: i64,
    cancel: &Cancel,
) -> Result<(Store, Vec<Added>, Vec<SeriesRow>), StoreError> {
    let out = Store::create_unseen(path, cancel)?;
    let mut candles = 0;
    for input in inputs {
        let series = input.if_still(input.held_series())?;
        candles += series.iter().map(|series| series.candles).sum::<u64>();
    }
    if let Some(first) = inputs.first() {
        first.meter().begin("merging", candles);
    }
    let inputs = inputs
        .iter()
        .map(|input| out.add(input, now))
        .collect::<Result<_, _>>()?;
    for Unlinked { key, ends } in unlinked {
        out.doubt_seams(key, ends)?;
    }
    out.judge_own_days()?;
    let series = out.series()?;
    Ok((out, inputs, series))
}

/// An adjusted series stands in one scale in all files that hold it, as far as they have candles in common: a split changes
/// all of its past at once, and a file that was filled before it would bring the old scale back. Gives those of which that
/// cannot be seen: no candle links all their files.
fn check_scales(inputs: &[Store]) -> Result<Vec<Unlinked>, MergeError> {
    let mut held: HashMap<_, Vec<(&Store, SeriesRow)>> = HashMap::new();
    for input in inputs {
        for series in input.whole_series()? {
            if series.key.adjusted.is_adjusted() && series.candles > 0 {
                let key = (series.key.symbol.clone(), series.key.timeframe);
                held.entry(key).or_default().push((input, series));
            }
        }
    }
    let mut unlinked = Vec::new();
    for files in held.values() {
        // Files with the same number are linked.
        let mut groups: Vec<usize> = (0..files.len()).collect();
        for (at, (second, found)) in files.iter().enumerate() {
            for (before, (first, series)) in files[..at].iter().enumerate() {
                let common = common(first, series, second, found)?;
                if let Some(Moved { factor, one, .. }) = moved(&common) {
                    return Err(MergeError::Scales {
                        first: first.path().to_path_buf(),
                        second: second.path().to_path_buf(),
                        series: Box::new(series.clone()),
                        factor,
                        day: date_of(one.old.ts),
                    });
                }
                if !common.is_empty() {
                    let (from, to) = (groups[at], groups[before]);
                    for group in groups.iter_mut().filter(|group| **group == from) {
                        *group = to;
                    }
                }
            }
        }
        if !groups.iter().all_equal() {
            let covered = files.iter().flat_map(|(_, series)| series.coverage.iter());
            unlinked.push(Unlinked {
                key: files[0].1.key.clone(),
                ends: covered.map(Span::end).collect(),
            });
        }
    }
    unlinked.sort_by_key(|Unlinked { key, .. }| (key.symbol.clone(), key.timeframe));
    Ok(unlinked)
}

/// The oldest candles that two files have in common of a series, but for those that were not checked for a split.
fn common(
    first: &Store,
    held: &SeriesRow,
    second: &Store,
    found: &SeriesRow,
) -> Result<Vec<Checked>, StoreError> {
    let Some(from) = held.first_ts.max(found.first_ts) else {
        return Ok(Vec::new());
    };
    let others = Others::default();
    let unchecked = first.unchecked(&others, &held.key)?;
    let unchecked = unchecked.union(&second.unchecked(&others, &found.key)?);
    let pairs = first.candles_from(held, from - 1).merge_join_by(
        second.candles_from(found, from - 1),
        |a, b| match (a, b) {
            (Ok(a), Ok(b)) => a.ts.cmp(&b.ts),
            (Err(_), _) => Ordering::Less,
            (_, Err(_)) => Ordering::Greater,
        },
    );
    let mut common = Vec::new();
    // Whoever has nothing in common is not read to its end.
    for pair in pairs.take(LOOKED_AT) {
        match pair {
            EitherOrBoth::Both(old, new) => {
                let (old, new) = (old?, new?);
                if !unchecked.contains(old.ts) {
                    common.push(Checked { old, new });
                }
            }
            EitherOrBoth::Left(one) | EitherOrBoth::Right(one) => {
                one?;
            }
        }
        if common.len() == COMPARED {
            break;
        }
    }
    Ok(common)
}

/// A day on which one file has a session of its own and another one none.
fn check_days(inputs: &[Store]) -> Result<(), MergeError> {
    let mut told: HashMap<_, (&Path, bool)> = HashMap::new();
    for input in inputs {
        for (market, day, is_open) in input.own_days()? {
            let path = input.path();
            let key = (market, day);
            let &mut (first, said) = told.entry(key.clone()).or_insert((path, is_open));
            if said != is_open {
                let (open, closed) = if is_open {
                    (path, first)
                } else {
                    (first, path)
                };
                return Err(MergeError::Days {
                    market: key.0,
                    day,
                    open: open.to_path_buf(),
                    closed: closed.to_path_buf(),
                });
            }
        }
    }
    Ok(())
}

/// Before anything is written.
fn check_bindings(inputs: &[Store]) -> Result<(), MergeError> {
    let mut bound: HashMap<_, (&Path, SeriesRow)> = HashMap::new();
    for input in inputs {
        for found in input.whole_series()? {
            // A series with neither candle nor coverage binds nothing.
            if found.candles == 0 && found.coverage.is_empty() {
                continue;
            }
            let key = (found.key.symbol.clone(), found.key.timeframe);
            let (first, held) = bound
                .entry(key)
                .or_insert_with(|| (input.path(), found.clone()));
            let other_weeks = held
                .week_start
                .zip(found.week_start)
                .is_some_and(|(held, found)| held != found);
            if !held.key.is_bound_like(&found.key) || other_weeks {
                return Err(MergeError::Bound {
                    first: first.to_path_buf(),
                    held: Box::new(held.clone()),
                    second: input.path().to_path_buf(),
                    found: Box::new(found),
                });
            }
        }
    }
    Ok(())
}

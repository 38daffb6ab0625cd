//! What to do after a job, by what its run has met or by what the file has recorded of it.

use chrono::Weekday;

use super::queue::{BEFORE_HISTORY, CLASS_REFUSED, SYMBOL_REFUSED};
use super::report::is_of_another_class;
use super::{Report, Stop};
use crate::model::next::{Named, Next};
use crate::model::span::Span;
use crate::provider::ErrorKind;
use crate::store::{JobRow, JobStatus, SeriesKey, SeriesStatus, SliceFilter, Store, StoreError};

/// Failed slices, and series without data, that are looked at for a recorded job's next step.
const LOOKED_AT: u32 = 100;

/// What is in the way of a job that is not complete, so that going on with it alone does not mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// The provider refuses all that failed.
    Refused {
        /// Whether all of it is for what the plan includes.
        by_plan: bool,
    },
    /// A split has made this series stale.
    Stale(SeriesKey),
    /// The provider has no data for these series, each with what was asked.
    NoData(Vec<(SeriesKey, Span)>),
}

impl Obstacle {
    /// What is in the way of a job by what the file has recorded of its slices.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn recorded(store: &Store, job: &JobRow) -> Result<Option<Obstacle>, StoreError> {
        if job.status != JobStatus::Partial {
            return Ok(None);
        }
        if job.slices.failed == 0 {
            let without = store.without_data(job, LOOKED_AT)?;
            let is_all = job.error.is_none() && !without.is_empty();
            return Ok(is_all.then_some(Obstacle::NoData(without)));
        }
        let failed = store.slices(job, SliceFilter::Failed, LOOKED_AT)?;
        let errors = failed.iter().map(|slice| slice.error.as_deref());
        Ok(refused(
            errors.map(|error| recorded(error.unwrap_or_default())),
        ))
    }

    fn next(&self, resume: Next) -> Next {
        match self {
            Obstacle::Refused { by_plan } => {
                let look = if *by_plan {
                    "the provider refuses it, and asking again mends that only once it does not: look at what the plan includes"
                } else {
                    "the provider refuses it, and asking again mends that only once it does not: look at its reasons and at the symbols"
                };
                Next::Then(vec![Next::words(look), resume])
            }
            Obstacle::NoData(asked) => without_data(asked),
            Obstacle::Stale(key) => {
                let drop = Next::Drop {
                    series: Some(named(key)),
                    yes: false,
                };
                Next::Then(vec![drop, Next::words("backfill it anew")])
            }
        }
    }
}

/// Why the provider refused a slice, so that asking again alone brings nothing; `None` for what may pass by itself.
#[derive(Clone, Copy)]
enum Refusal {
    Plan,
    Other,
}

impl Refusal {
    fn of(kind: ErrorKind) -> Option<Refusal> {
        match kind {
            ErrorKind::OutsideHistory
            | ErrorKind::NotEntitled
            | ErrorKind::TodayBeforeEnd { .. }
            | ErrorKind::Refused { by_plan: true } => Some(Refusal::Plan),
            ErrorKind::Refused { by_plan: false } => Some(Refusal::Other),
            _ => None,
        }
    }
}

/// The same by the words that were recorded. A guess, and the only one: the file's format has a failure's words and not its
/// kind, and what was recorded by an older version is to be understood, too.
fn recorded(error: &str) -> Option<Refusal> {
    // What may be answered at another time.
    const PASSING: [&str; 2] = ["408", "425"];
    if [CLASS_REFUSED, SYMBOL_REFUSED, BEFORE_HISTORY].contains(&error) {
        return Some(Refusal::Plan);
    }
    let (_, words) = error.split_once("HTTP ")?;
    match words.get(..3)? {
        "403" => Some(Refusal::Plan),
        status if status.starts_with('4') && !PASSING.contains(&status) => Some(Refusal::Other),
        _ => None,
    }
}

/// Whether all of some failures are refusals.
fn refused(all: impl Iterator<Item = Option<Refusal>>) -> Option<Obstacle> {
    let all: Vec<Refusal> = all.collect::<Option<_>>()?;
    let by_plan = all.iter().all(|one| matches!(one, Refusal::Plan));
    (!all.is_empty()).then_some(Obstacle::Refused { by_plan })
}

impl Report {
    /// What to do next, or to do before.
    pub fn next(&self) -> Next {
        let resume = Next::Resume {
            job: None,
            wait: false,
        };
        if let (Some(job), None, [other], []) = (
            &self.job_id,
            &self.stop,
            self.left_to().as_slice(),
            self.failed.as_slice(),
        ) {
            return wait_for(job, other);
        }
        match (&self.stop, self.status) {
            (Some(Stop::Unauthorized(_)), _) => {
                let provider = self.provider.clone();
                Next::Then(vec![Next::CheckKey { provider }, resume])
            }
            (Some(Stop::Unreachable { why, .. }), _) => Next::Then(vec![why.next(), resume]),
            (Some(Stop::Throttled { resume_at, .. }), _) => Next::Wait {
                until: *resume_at,
                then: Box::new(resume),
            },
            (None, JobStatus::Partial) => match self.obstacle() {
                Some(obstacle) => obstacle.next(resume),
                None if self.lacks_only_data() => {
                    let without = self.series.iter();
                    let without = without.filter(|series| series.status == SeriesStatus::NoData);
                    let asked = without.map(|series| (series.key.clone(), series.span));
                    without_data(&asked.collect::<Vec<_>>())
                }
                None => resume,
            },
            (None, JobStatus::Completed) => match self.series.first() {
                Some(first) => Next::Show(named(&first.key)),
                None => Next::List { json: false },
            },
            _ => resume,
        }
    }

    fn obstacle(&self) -> Option<Obstacle> {
        let kinds = self.failed.iter().map(|failed| Refusal::of(failed.kind));
        refused(kinds).or_else(|| {
            let mut series = self.series.iter();
            let stale = series.find(|series| series.status == SeriesStatus::Stale)?;
            Some(Obstacle::Stale(stale.key.clone()))
        })
    }

    fn lacks_only_data(&self) -> bool {
        self.series.iter().all(|series| {
            matches!(
                series.status,
                SeriesStatus::Completed | SeriesStatus::NoData
            )
        })
    }
}

/// What to do about a job that another one has left something of.
fn wait_for(job: &str, other: &str) -> Next {
    let wait = Next::Resume {
        job: Some(job.to_owned()),
        wait: true,
    };
    let look = Next::Status {
        job: Some(other.to_owned()),
    };
    Next::And(vec![
        wait.shows(format!("waits for job {other} and takes what it leaves")),
        look.shows("shows how far that is"),
    ])
}

/// What to do about a recorded job that is not complete.
pub fn next_of(job: &JobRow, obstacle: Option<&Obstacle>) -> Option<Next> {
    let resume = Next::resume(&job.job_id);
    if let Some(obstacle) = obstacle {
        return Some(obstacle.next(resume));
    }
    match (job.status, job.resume_at) {
        (JobStatus::Interrupted, Some(until)) => Some(Next::Wait {
            until,
            then: Box::new(resume),
        }),
        (JobStatus::Interrupted | JobStatus::Partial, _) => Some(resume.after("go on with")),
        (JobStatus::Failed, _) => Some(Next::Then(vec![
            Next::words("mend what the error says"),
            resume,
        ])),
        _ => None,
    }
}

fn named(key: &SeriesKey) -> Named {
    Named::new(&key.symbol, key.timeframe)
}

/// What to do about series without data, of which each was asked for in a span.
fn without_data(asked: &[(SeriesKey, Span)]) -> Next {
    // Holidays come one, or two, at a time.
    const FEW: usize = 3;
    let days = |(key, span): &(SeriesKey, Span)| {
        let market = key.market(Weekday::Sun);
        let first = market.date(span.start());
        let symbol = &key.symbol;
        if market.always_trades() || is_of_another_class(symbol, &symbol.likely_spellings()) {
            FEW
        } else if market.trades_within(*span) {
            market.trading_days(
                first.pred_opt().unwrap_or(first),
                market.date(span.end() - 1),
                FEW,
            )
        } else {
            0
        }
    };
    Next::words(match asked.iter().map(days).max() {
        Some(0) => "ask for a range with days on which it trades",
        Some(days) if days < FEW => {
            "check the spelling of the symbols without data, or ask for more days: these may be holidays"
        }
        _ => "check the spelling of the symbols without data",
    })
}

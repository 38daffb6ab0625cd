//! What to do after a job, by what its run has met or by what the file has recorded of it.

use chrono::Weekday;

use super::no_data::NoData;
use super::queue::{BEFORE_HISTORY, CLASS_REFUSED, SYMBOL_REFUSED};
use super::recheck::LEFT_BEHIND;
use super::report::SeriesReport;
use super::{Report, Stop};
use crate::model::listing::Adjustment;
use crate::model::next::{Again, Fill, Named, Next};
use crate::model::number::counted;
use crate::model::series::SeriesKey;
use crate::model::span::Span;
use crate::model::status::{JobStatus, SeriesStatus};
use crate::monitor::FailedSlice;
use crate::provider::{ErrorKind, Provider};
use crate::store::{JobRow, SliceFilter, Store, StoreError, free_name};

/// Failed slices, and stale series, that are looked at for a recorded job's next step.
const LOOKED_AT: u32 = 100;
/// Stale series that advice names.
const STALE_NAMED: usize = 3;
/// Series without data that are looked at for it.
pub(crate) const WITHOUT_DATA: u32 = 100;
/// Why slices are not asked for.
const NOT_ASKED: [&str; 3] = [CLASS_REFUSED, SYMBOL_REFUSED, BEFORE_HISTORY];

/// How a job has ended, beyond its counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// Slices that count as failed and were not asked for: what the plan does not include.
    pub unasked: u64,
    /// Series that the provider has no data for, of a job that has ended so; of many the first [`WITHOUT_DATA`].
    pub without_data: Vec<NoData>,
    /// What to do next, if anything.
    pub next: Option<Next>,
}

/// Failed slices of all jobs whose answer has not come since, and how many of them were not asked for.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn failed_since(store: &Store) -> Result<(u64, u64), StoreError> {
    store.failed_since(&NOT_ASKED)
}

impl Outcome {
    /// Of a recorded job. `provider` is the one of its source, where there is one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn of(
        store: &Store,
        job: &JobRow,
        provider: Option<&dyn Provider>,
    ) -> Result<Outcome, StoreError> {
        let without_data = if job.status == JobStatus::Partial {
            let all = store.job_series_that_are(job, SeriesStatus::NoData, WITHOUT_DATA)?;
            let all = all.iter();
            all.map(|series| NoData::of(&series.key, series.span, provider))
                .collect()
        } else {
            Vec::new()
        };
        Ok(Outcome {
            unasked: store.failed_for(job, &NOT_ASKED)?,
            next: next_of(store, job, &without_data)?,
            without_data,
        })
    }

    /// Of a job that runs, by what has failed in it. It goes on by itself: nothing is to be done but where that brings nothing.
    pub(crate) fn under_way(failures: &Failures) -> Outcome {
        Outcome {
            unasked: failures.unasked,
            without_data: Vec::new(),
            next: failures
                .obstacle()
                .filter(|obstacle| !matches!(obstacle, Obstacle::PartlyRefused { .. }))
                .map(|obstacle| obstacle.look()),
        }
    }
}

/// What the failures of a job have in common.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failures {
    all: u64,
    refused: u64,
    by_plan: u64,
    unasked: u64,
}

impl Failures {
    /// One more.
    pub(crate) fn add(&mut self, failed: &FailedSlice) {
        self.count(Refusal::of(failed.kind));
        self.unasked += u64::from(NOT_ASKED.contains(&failed.error.as_str()));
    }

    fn count(&mut self, refusal: Option<Refusal>) {
        self.all += 1;
        self.refused += u64::from(refusal.is_some());
        self.by_plan += u64::from(matches!(refusal, Some(Refusal::Plan)));
    }

    /// Refusals are in the job's way, be they all that failed or a part of it.
    fn obstacle(&self) -> Option<Obstacle> {
        let by_plan = self.by_plan == self.refused;
        match self.refused {
            0 => None,
            refused if refused == self.all => Some(Obstacle::Refused { by_plan }),
            refused => Some(Obstacle::PartlyRefused { refused, by_plan }),
        }
    }
}

/// What is in the way of a job that is not complete, so that going on with it alone does not mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Obstacle {
    /// The provider refuses all that failed: all of it for what the plan includes, or not.
    Refused { by_plan: bool },
    /// It refuses some of what failed; the rest may pass by itself.
    PartlyRefused { refused: u64, by_plan: bool },
    /// A split has made these series stale, and maybe more.
    Stale(Vec<Stale>),
}

/// A stale series, which was filled from an instant on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stale {
    key: SeriesKey,
    from: i64,
    /// Whether the provider does not give its oldest candles any more.
    is_left_behind: bool,
}

impl Stale {
    fn new(key: &SeriesKey, asked: Span, first: Option<i64>, why: Option<&str>) -> Stale {
        Stale {
            key: key.clone(),
            from: first.map_or(asked.start(), |first| first.min(asked.start())),
            // The file has the words alone.
            is_left_behind: why.is_some_and(|why| why.ends_with(LEFT_BEHIND)),
        }
    }

    /// To forget it and to fill it anew.
    fn next(&self) -> Next {
        let Stale { key, from, .. } = self;
        let drop = Next::Drop {
            series: Some(named(key)),
            yes: false,
        };
        let fill = Fill {
            series: named(key),
            provider: key.source.clone(),
            adjusted: key.adjusted != Adjustment::Raw,
            start: key.market(Weekday::Sun).day_of(*from),
            end: None,
            again: Again::No,
        };
        Next::Then(vec![drop, Next::Backfill(Some(fill))])
    }
}

impl Obstacle {
    /// What is in the way of a job by what the file has recorded of its slices and series.
    fn recorded(store: &Store, job: &JobRow) -> Result<Option<Obstacle>, StoreError> {
        if !matches!(job.status, JobStatus::Partial | JobStatus::Running) {
            return Ok(None);
        }
        let mut failures = Failures::default();
        for slice in store.slices(job, SliceFilter::Failed, LOOKED_AT)? {
            failures.count(recorded(slice.error.as_deref().unwrap_or_default()));
        }
        let refused = failures.obstacle();
        if let Some(Obstacle::Refused { .. }) = refused {
            return Ok(refused);
        }
        let stale = store.job_series_that_are(job, SeriesStatus::Stale, LOOKED_AT)?;
        let stale = stale.iter().map(|stale| {
            let held = store.find_series(&stale.key.symbol, stale.key.timeframe)?;
            let why = stale.error.as_deref();
            Ok(Stale::new(&stale.key, stale.span, held.first_ts, why))
        });
        let stale: Vec<Stale> = stale.collect::<Result<_, StoreError>>()?;
        Ok(Obstacle::stale(stale).or(refused))
    }

    fn stale(series: Vec<Stale>) -> Option<Obstacle> {
        (!series.is_empty()).then_some(Obstacle::Stale(series))
    }

    fn next(&self, resume: Next) -> Next {
        match self {
            Obstacle::Refused { .. } => Next::Then(vec![self.look(), resume]),
            Obstacle::PartlyRefused { .. } => Next::And(vec![resume, self.look()]),
            Obstacle::Stale(_) => self.look(),
        }
    }

    /// What is to be done before anything goes on.
    fn look(&self) -> Next {
        match self {
            Obstacle::Refused { by_plan } => refused("it", *by_plan),
            Obstacle::PartlyRefused {
                refused: some,
                by_plan,
            } => refused(&format!("{some} of these slices"), *by_plan),
            Obstacle::Stale(series) => {
                let (named, more) = series.split_at(series.len().min(STALE_NAMED));
                let more = (!more.is_empty()).then(|| {
                    let more = counted(more.len() as u64, "more stale series");
                    Next::words(format!("and the same for {more}"))
                });
                let anew = match (named, more) {
                    ([one], None) => one.next(),
                    (several, more) => {
                        let each = several.iter().map(Stale::next);
                        Next::And(each.chain(more).collect())
                    }
                };
                if series.iter().any(|stale| stale.is_left_behind) {
                    Next::Then(vec![keep_a_copy(), anew])
                } else {
                    anew
                }
            }
        }
    }
}

/// What to look at where the provider refuses something.
fn refused(what: &str, by_plan: bool) -> Next {
    let look = if by_plan {
        "what the plan includes"
    } else {
        "its reasons and at the symbols"
    };
    Next::words(format!(
        "the provider refuses {what}, and asking again mends that only once it does not: look at {look}"
    ))
}

/// Before candles are dropped that nobody gives again.
fn keep_a_copy() -> Next {
    let pack = Next::Pack {
        with_history: true,
        output: free_name(),
    };
    pack.after("keep a copy first, since the provider does not give the oldest candles any more:")
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
    if NOT_ASKED.contains(&error) {
        return Some(Refusal::Plan);
    }
    let (_, words) = error.split_once("HTTP ")?;
    match words.get(..3)? {
        "403" => Some(Refusal::Plan),
        status if status.starts_with('4') && !PASSING.contains(&status) => Some(Refusal::Other),
        _ => None,
    }
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
            (Some(Stop::Full { .. }), _) => {
                Next::Then(vec![Next::words("make room or lift the limit"), resume])
            }
            (Some(Stop::Throttled { resume_at, .. }), _) => Next::Wait {
                until: *resume_at,
                then: Box::new(resume),
            },
            (None, JobStatus::Partial) => match self.obstacle() {
                Some(obstacle) => obstacle.next(resume),
                None if self.lacks_only_data() => look_for_data(
                    self.series
                        .iter()
                        .filter_map(|series| series.no_data.as_ref()),
                ),
                None => resume,
            },
            (None, JobStatus::Completed) => match self.shown() {
                Some(first) if first.is_ahead && first.first_ts.is_none() => {
                    Next::words("run the same command again once one has closed")
                }
                Some(first) => Next::Show(named(&first.key)),
                None => Next::List { json: false },
            },
            _ => resume,
        }
    }

    /// The series to look at: the first that has candles, if any.
    fn shown(&self) -> Option<&SeriesReport> {
        let mut series = self.series.iter();
        let with_candles = series.find(|series| series.first_ts.is_some());
        with_candles.or(self.series.first())
    }

    fn obstacle(&self) -> Option<Obstacle> {
        let mut failures = Failures::default();
        self.failed.iter().for_each(|failed| failures.add(failed));
        let refused = failures.obstacle();
        if let Some(Obstacle::Refused { .. }) = refused {
            return refused;
        }
        let is_stale = |series: &&SeriesReport| series.status == SeriesStatus::Stale;
        let stale = self.series.iter().filter(is_stale);
        let stale = stale.map(|series| {
            let why = series.error.as_deref();
            Stale::new(&series.key, series.span, series.first_ts, why)
        });
        Obstacle::stale(stale.collect()).or(refused)
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
fn next_of(
    store: &Store,
    job: &JobRow,
    without_data: &[NoData],
) -> Result<Option<Next>, StoreError> {
    let resume = Next::resume(&job.job_id);
    let obstacle = Obstacle::recorded(store, job)?;
    Ok(match (obstacle, job.status, job.resume_at) {
        (Some(obstacle), JobStatus::Running, _) => Some(obstacle.look()),
        (Some(obstacle), ..) => Some(obstacle.next(resume)),
        (None, JobStatus::Interrupted, Some(until)) => Some(Next::Wait {
            until,
            then: Box::new(resume),
        }),
        (None, JobStatus::Partial, _) if job.slices.failed == 0 && job.error.is_none() => {
            Some(look_for_data(without_data.iter()))
        }
        (None, JobStatus::Interrupted | JobStatus::Partial, _) => Some(resume.after("go on with")),
        (None, JobStatus::Failed, _) => Some(Next::Then(vec![
            Next::words("mend what the error says"),
            resume,
        ])),
        _ => None,
    })
}

fn named(key: &SeriesKey) -> Named {
    Named::new(&key.symbol, key.timeframe)
}

/// What to do about series without data.
fn look_for_data<'a>(without: impl Iterator<Item = &'a NoData> + Clone) -> Next {
    // Holidays come one, or two, at a time.
    const FEW: usize = 3;
    if without.clone().map(NoData::is_elsewhere).min() == Some(true) {
        return Next::words("leave out what the provider does not have");
    }
    let days = |no_data: &NoData| {
        let market = no_data.key.market(Weekday::Sun);
        let asked = no_data.asked;
        let first = market.date(asked.start());
        if market.always_trades() || no_data.is_of_another_market() {
            FEW
        } else if market.trades_within(asked) {
            market.trading_days(
                first.pred_opt().unwrap_or(first),
                market.date(asked.end() - 1),
                FEW,
            )
        } else {
            0
        }
    };
    Next::words(match without.into_iter().map(days).max() {
        Some(0) => "ask for a range with days on which it trades",
        Some(days) if days < FEW => {
            "check the spelling of the symbols without data, or ask for more days: these may be holidays"
        }
        _ => "check the spelling of the symbols without data",
    })
}

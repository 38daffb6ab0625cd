//! Runs a recorded job to its end, and records that end, whatever it was.

use std::time::{Duration, Instant};

use super::fetch::{Series, Stored};
use super::outlook::Outlook;
use super::pool::fetch_all;
use super::turns::Paced;
use super::writer::Ledger;
use super::{Job, Report, Runner, Stop, report};
use crate::model::series::SeriesKey;
use crate::model::span::{Span, SpanSet};
use crate::model::status::JobStatus;
use crate::monitor::{Left, Monitor};
use crate::run::spare::Spare;
use crate::store::{Made, SeriesPlan, Slice, Store, StoreError};

/// Stored candles at each end of an adjusted series, and at each place where it grows, that are asked for again before it
/// does.
const RECHECKED: usize = 5;
/// Stored candles between the ends that are asked for where those at an end do not come any more.
const BETWEEN: i64 = 24;

/// How often those who fetch part of what is asked are looked at while they are waited for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a job does for one series.
pub(super) struct Part {
    pub(super) series: Series,
    /// The series' row.
    pub(super) id: i64,
    /// What is fetched.
    pub(super) slices: Vec<Slice>,
    /// What is missing, too, and left to others.
    pub(super) left: Vec<Left>,
}

impl Part {
    /// The parts of a job, in the order of its targets.
    pub(super) fn all(
        store: &Store,
        targets: &[SeriesPlan],
        made: Vec<Made>,
    ) -> Result<Vec<Part>, StoreError> {
        let mut parts = Vec::with_capacity(targets.len());
        for (target, (id, slices)) in targets.iter().zip(made) {
            let market = target.market;
            // Of what needs no request nothing is looked up: thousands of series are told to be complete in a moment.
            let ends = if target.is_complete() {
                None
            } else {
                store.stamps(id)?
            };
            let life = ends.and_then(|(first, last)| Span::new(first, market.next(last)));
            let series = Series {
                key: target.key.clone(),
                market,
                span: target.span,
                stored: Stored::of(store, &target.key, id, &slices)?,
                was_asked: target.was_asked,
                life,
            };
            parts.push(Part {
                series,
                id,
                slices,
                left: target.left.clone(),
            });
        }
        Ok(parts)
    }
}

impl Stored {
    fn of(store: &Store, key: &SeriesKey, id: i64, slices: &[Slice]) -> Result<Stored, StoreError> {
        if !key.adjusted.is_adjusted() || slices.is_empty() {
            return Ok(Stored::default());
        }
        store.at_one_instant(|| {
            let spans = slices.iter().map(|slice| slice.span);
            let groups = store.to_check(id, spans, RECHECKED)?;
            let stamps = || groups.iter().flatten().map(|candle| candle.ts);
            let between = match (stamps().min(), stamps().max()) {
                (Some(first), Some(last)) => store.between(id, first, last, BETWEEN)?,
                _ => Vec::new(),
            };
            Ok(Stored {
                covered: store.coverage_of(id)?,
                groups,
                between,
            })
        })
    }
}

/// Runs a recorded job to its end, and records that end.
pub(super) fn execute(
    store: &mut Store,
    job: &Job,
    parts: &[Part],
    runner: &Runner,
    monitor: &dyn Monitor,
) -> Result<Report, StoreError> {
    let began = runner.clock.monotonic();
    let spare = Spare::beside(store.path());
    tell(job, parts, runner, monitor);
    let outlook = Outlook::new(runner.rate, Instant::now());
    let mut ledger = Ledger::new(job, parts, outlook);
    let paced = Paced::new(runner.provider.as_ref(), &job.turns);
    let written = end_idle_series(store, job, &mut ledger, runner)
        .and_then(|()| job.turns.look(store, runner.clock.now()))
        .and_then(|()| fetch_all(store, &mut ledger, parts, runner, monitor))
        .and_then(|()| fetch_rest(store, job, &mut ledger, parts, runner, monitor));
    // Without turns the fetchers stop: that is what went wrong, and not what they say.
    let written = paced.end().map_or(written, Err);
    let cancelled = runner.cancel.is_cancelled();
    if let Err(StoreError::Full(file)) = &written {
        ledger.stop = Some(Stop::full(file.clone()));
    } else if ledger.stop.is_none() && (ledger.is_open() || cancelled && ledger.leaves_some()) {
        ledger.stop = Some(if cancelled {
            Stop::Cancelled
        } else {
            Stop::Defect
        });
    }
    let elapsed = runner.clock.monotonic().saturating_sub(began);
    let now = runner.clock.now();
    spare.give_back();
    if let Err(error) = written
        && !matches!(error, StoreError::Full(_))
    {
        // Best effort: the error that stopped the job may stop this, too, and the next run then finds its owner gone.
        let _ = store.end_job(
            &job.job_id,
            &job.owner,
            JobStatus::Failed,
            Some(&error.without_path()),
            None,
            now,
        );
        return Err(error);
    }
    let mut report =
        store.at_one_instant(|| report::make(store, job, ledger, runner, (elapsed, now)))?;
    let recorded = store.end_job(
        &job.job_id,
        &job.owner,
        report.status,
        report.record().as_deref(),
        report.resume_at(),
        now,
    );
    match recorded {
        // What was done is told even so: the next run finds a job whose owner is gone.
        Err(StoreError::Full(file)) => {
            report.status = JobStatus::Failed;
            report.stop = Some(Stop::full(file));
        }
        recorded => recorded?,
    }
    // What it says is of the file under its path.
    store.check_in_place()?;
    Ok(report)
}

fn tell(job: &Job, parts: &[Part], runner: &Runner, monitor: &dyn Monitor) {
    if job.owner.tells_that_locks_are_refused() {
        monitor.locks_refused();
    }
    let left = parts.iter().flat_map(|part| &part.left);
    let left: Vec<Left> = left.cloned().collect();
    if !left.is_empty() {
        monitor.left_to_others(&left, runner.wait);
    }
}

/// Plans again at the end, and takes what others did not end: they may have died or given up. What they still fetch stays
/// theirs, or is waited for. What the provider said once to have nothing for, and lies by candles now, is asked about again.
/// Each time there is less: what was said twice is not in doubt.
fn fetch_rest(
    store: &mut Store,
    job: &Job,
    ledger: &mut Ledger<'_>,
    parts: &[Part],
    runner: &Runner,
    monitor: &dyn Monitor,
) -> Result<(), StoreError> {
    while !ledger.is_open() && ledger.stop.is_none() && !runner.cancel.is_cancelled() {
        let mut doubted = Vec::with_capacity(parts.len());
        for (part, state) in parts.iter().zip(&ledger.states) {
            let has_news = state.records.inserted > 0 || !part.left.is_empty();
            doubted.push(if has_news {
                store.known(&part.series.key)?.doubtful(&part.series.market)
            } else {
                SpanSet::default()
            });
        }
        if !ledger.leaves_some() && doubted.iter().all(SpanSet::is_empty) {
            break;
        }
        let rest = take_rest(store, job, ledger, parts, &doubted, runner)?;
        if rest.iter().any(|part| !part.slices.is_empty()) {
            job.turns.look(store, runner.clock.now())?;
            fetch_all(store, ledger, &rest, runner, monitor)?;
        } else if !ledger.leaves_some() || !runner.wait || runner.cancel.is_cancelled() {
            break;
        } else {
            runner.clock.sleep(LOOK_EVERY, &runner.cancel);
        }
    }
    Ok(())
}

/// Records what can be taken now of what was left to others, what has become doubtful, and the end of series of which nothing is.
fn take_rest(
    store: &mut Store,
    job: &Job,
    ledger: &mut Ledger<'_>,
    parts: &[Part],
    doubted: &[SpanSet],
    runner: &Runner,
) -> Result<Vec<Part>, StoreError> {
    let now = runner.clock.now();
    let leaving: Vec<usize> = (0..parts.len())
        .filter(|&index| !ledger.states[index].left.is_empty() || !doubted[index].is_empty())
        .collect();
    let (targets, made) = store.extend_job(&job.job_id, &job.owner, now, |store| {
        let others = store.others(&job.job_id, now)?;
        // Others have asked until now, and what is of the future is not believed.
        let now = runner.clock.now();
        let rest = |&index: &usize| {
            let left = &ledger.states[index].left;
            let mut rest = runner.rest(store, &parts[index].series, left, &others, now)?;
            rest.doubt(&doubted[index]);
            Ok(rest)
        };
        leaving.iter().map(rest).collect()
    })?;
    let without = |part: &Part| Part {
        series: part.series.clone(),
        id: part.id,
        slices: Vec::new(),
        left: Vec::new(),
    };
    let mut rest: Vec<Part> = parts.iter().map(without).collect();
    for ((&index, target), (id, taken)) in leaving.iter().zip(targets).zip(made) {
        let part = &mut rest[index];
        part.series.stored = Stored::of(store, &target.key, id, &taken)?;
        // Else nothing beside the candles that have come would be believed at once, and doubted without end.
        part.series.life = store.known(&target.key)?.life(&part.series.market);
        ledger.take_up(index, &taken, &target.left, &part.series.stored.covered);
        (part.slices, part.left) = (taken, target.left);
    }
    let over = leaving
        .iter()
        .filter(|&&index| ledger.states[index].is_over());
    let over: Vec<usize> = over.copied().collect();
    if !over.is_empty() {
        let batch = store.batch(&job.job_id, job.owner.as_str(), now)?;
        for index in over {
            ledger.end_series(&batch, index)?;
        }
        batch.commit()?;
    }
    Ok(rest)
}

/// Series of which nothing is missing have their end before anything is fetched.
fn end_idle_series(
    store: &mut Store,
    job: &Job,
    ledger: &mut Ledger<'_>,
    runner: &Runner,
) -> Result<(), StoreError> {
    let idle: Vec<usize> = (0..ledger.states.len())
        .filter(|&index| ledger.states[index].is_over())
        .collect();
    if idle.is_empty() {
        return Ok(());
    }
    let batch = store.batch(&job.job_id, job.owner.as_str(), runner.clock.now())?;
    for index in idle {
        ledger.end_idle_series(&batch, index)?;
    }
    batch.commit()
}

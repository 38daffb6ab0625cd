//! Runs a recorded job to its end, and records that end, whatever it was.

use super::fetch::Series;
use super::pool::fetch_all;
use super::turns::Paced;
use super::writer::Ledger;
use super::{Job, Report, Runner, Stop, report};
use crate::monitor::Monitor;
use crate::span::Span;
use crate::store::{JobStatus, Progress, Store, StoreError, Target};

/// Stored candles at each end of an adjusted series, and at each place where it grows, that are asked for again before it
/// does.
const RECHECKED: usize = 5;

/// A job's series with their rows and slices, index by index.
#[derive(Default)]
pub(super) struct Parts {
    series: Vec<Series>,
    ids: Vec<i64>,
    slices: Vec<Vec<Progress>>,
}

impl Parts {
    pub(super) fn of(
        store: &Store,
        targets: &[Target],
        made: Vec<(i64, Vec<Progress>)>,
        asked_before: Vec<bool>,
    ) -> Result<Parts, StoreError> {
        let mut parts = Parts::default();
        for ((target, (id, slices)), was_asked) in targets.iter().zip(made).zip(asked_before) {
            let Target {
                key,
                span,
                week_start,
                ..
            } = target;
            let recheck = if key.adjusted {
                store.covered_around(id, slices.iter().map(|slice| slice.span), RECHECKED)?
            } else {
                Vec::new()
            };
            let market = key.market(*week_start);
            let life = store.stamps(id)?;
            let life = life.and_then(|(first, last)| Span::new(first, market.next(last)));
            parts.series.push(Series {
                key: key.clone(),
                market,
                span: *span,
                recheck,
                was_asked,
                life,
            });
            parts.ids.push(id);
            parts.slices.push(slices);
        }
        Ok(parts)
    }
}

/// Runs a recorded job to its end, and records that end.
pub(super) fn execute(
    store: &mut Store,
    job: &Job,
    parts: Parts,
    runner: &Runner,
    monitor: &dyn Monitor,
) -> Result<Report, StoreError> {
    let began = runner.clock.monotonic();
    let Parts {
        series,
        ids,
        slices,
    } = parts;
    let mut ledger = Ledger::new(job, &series, &ids, &slices);
    let paced = Paced::new(runner.provider.as_ref(), &job.turns);
    let written = end_idle_series(store, job, &mut ledger, &series, runner)
        .and_then(|()| job.turns.look(store, runner.clock.now()))
        .and_then(|()| fetch_all(store, &mut ledger, &series, &slices, runner, monitor));
    // Without turns the fetchers stop: that is what went wrong, and not what they say.
    let written = paced.end().map_or(written, Err);
    let unfinished = ledger.states.iter().any(|state| !state.open.is_empty());
    if unfinished && ledger.stop.is_none() {
        ledger.stop = Some(if runner.cancel.is_cancelled() {
            Stop::Cancelled
        } else {
            Stop::Defect
        });
    }
    let elapsed = runner.clock.monotonic().saturating_sub(began);
    let now = runner.clock.now();
    if let Err(error) = written {
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
    let report = store.at_one_instant(|| report::make(store, job, ledger, runner, elapsed))?;
    store.end_job(
        &job.job_id,
        &job.owner,
        report.status,
        report.error(),
        report.resume_at(),
        now,
    )?;
    // What it says is of the file under its path.
    store.check_in_place()?;
    Ok(report)
}

/// Series of which nothing is missing have their end before anything is fetched.
fn end_idle_series(
    store: &mut Store,
    job: &Job,
    ledger: &mut Ledger<'_>,
    series: &[Series],
    runner: &Runner,
) -> Result<(), StoreError> {
    let idle: Vec<usize> = (0..series.len())
        .filter(|&index| ledger.states[index].open.is_empty())
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

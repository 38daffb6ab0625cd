//! The report on a request of which everything is there, without a job of its own: for a file that others read, and that
//! would have to be waited for.

use std::time::Duration;

use super::no_data::{NoData, NothingFrom};
use super::report::{self, Report, SeriesReport};
use super::{Request, Runner};
use crate::model::counts::Counts;
use crate::model::status::{JobStatus, SeriesStatus};
use crate::store::{SeriesPlan, Store, StoreError};

/// `None` where anything is missing, left to others, or to be taken back.
pub(super) fn report(
    store: &Store,
    request: &Request,
    runner: &Runner,
) -> Result<Option<Report>, StoreError> {
    store.at_one_instant(|| {
        let targets = runner.beside_others(store, "", &request.series)?;
        if !targets.iter().all(SeriesPlan::is_idle) {
            return Ok(None);
        }
        let mut measurer = store.measurer(runner.clock.now());
        let mut nothing_from_provider = Vec::new();
        let mut series = Vec::with_capacity(targets.len());
        for target in targets {
            let held = match store.find_series(&target.key.symbol, target.key.timeframe) {
                Err(StoreError::NoSeries { .. }) => return Ok(None),
                found => found?,
            };
            nothing_from_provider.extend(NothingFrom::asked_of(&mut measurer, &held, target.span)?);
            let status = SeriesStatus::without_slices(target.was_asked, held.candles > 0);
            series.push(SeriesReport {
                is_ahead: report::is_ahead(&target.key, target.span, runner),
                off_session: report::off_session(store, &held, target.span)?,
                no_data: NoData::if_it_is(status, &target.key, target.span, runner),
                status,
                key: target.key,
                span: target.span,
                first_ts: held.first_ts,
                last_ts: held.last_ts,
                records: Counts::default(),
                error: None,
            });
        }
        let is_complete = |series: &SeriesReport| series.status == SeriesStatus::Completed;
        let status = if series.iter().all(is_complete) {
            JobStatus::Completed
        } else {
            JobStatus::Partial
        };
        Ok(Some(Report {
            job_id: None,
            status,
            provider: runner.provider.name().to_owned(),
            requests: 0,
            elapsed: Duration::ZERO,
            stamped_s: 0,
            records: Counts::default(),
            is_whole: report::is_whole(store, &mut measurer, &series)?,
            series,
            nothing_from_provider,
            left: Vec::new(),
            failed: Vec::new(),
            stop: None,
            clock_offset: None,
            habit: 0,
        }))
    })
}

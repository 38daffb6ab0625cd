//! Tells followers of a job that this process runs, and counts what it does. The file is read once, when the job has
//! begun: what it had counted before is added to what the run says of itself.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::backfill::{Failures, Outcome};
use crate::model::counts::Counts;
use crate::monitor::{FailedSlice, LOCKS_REFUSED, Monitor, Snapshot};
use crate::serve::Service;
use crate::serve::api::job;
use crate::serve::jobs::feed::{Feed, Told};
use crate::store::{JobFilter, JobRow, SliceCounts, Store, StoreError};

/// How often followers are told of progress at most.
const EVERY: Duration = Duration::from_millis(100);

/// The monitor of a job. Its end is to be told, too.
pub(in crate::serve) struct Telling<'a> {
    service: &'a Service,
    feed: Arc<Feed>,
    run: RefCell<Run>,
}

/// A run so far.
struct Run {
    before: Option<Before>,
    records: Counts,
    requests: u64,
    told: Option<Instant>,
    failures: Failures,
}

/// A job before this run of it.
struct Before {
    job: JobRow,
    slices: SliceCounts,
    /// Slices that this run had to fetch then: what others leave comes on top.
    planned: u64,
    records: Counts,
}

impl<'a> Telling<'a> {
    /// The job is about to begin.
    pub(in crate::serve) fn new(service: &'a Service, job_id: &str) -> Telling<'a> {
        let feed = service.hub.feed(job_id);
        feed.begin();
        Telling {
            service,
            feed,
            run: RefCell::new(Run {
                before: None,
                records: Counts::default(),
                requests: 0,
                told: None,
                failures: Failures::default(),
            }),
        }
    }

    /// The job has ended, or went back into the queue.
    pub(in crate::serve) fn end(&self, ended: Option<&JobRow>) {
        let told = ended.map(|job| Told {
            job,
            eta: None,
            requests: Some(self.run.borrow().requests),
            waiting: None,
            slow: None,
            outcome: self.service.outcome(job),
            now: self.service.now(),
        });
        self.feed.leave(told.as_ref());
    }

    /// The job in the file, less what this run has committed to it.
    fn before(&self, snapshot: &Snapshot<'_>) -> Result<Before, StoreError> {
        let store = self.service.place.open(Store::read)?;
        let filter = JobFilter::Prefix(snapshot.job_id);
        let job = store.jobs(&filter, self.service.now())?.remove(0);
        let slices = SliceCounts {
            completed: job.slices.completed.saturating_sub(snapshot.completed),
            failed: job.slices.failed.saturating_sub(snapshot.failed),
            ..job.slices
        };
        let records = job.records - snapshot.records;
        Ok(Before {
            job,
            slices,
            planned: snapshot.slices,
            records,
        })
    }
}

impl Before {
    /// The job now.
    fn at(&mut self, snapshot: &Snapshot<'_>) -> &JobRow {
        let slices = &mut self.job.slices;
        slices.total = self.slices.total + snapshot.slices.saturating_sub(self.planned);
        slices.completed = self.slices.completed + snapshot.completed;
        slices.failed = self.slices.failed + snapshot.failed;
        slices.pending = slices
            .total
            .saturating_sub(slices.completed + slices.failed);
        self.job.records = self.records;
        self.job.records += snapshot.records;
        &self.job
    }
}

impl Monitor for Telling<'_> {
    fn locks_refused(&self) {
        tracing::warn!("{LOCKS_REFUSED}");
    }

    fn progress(&self, snapshot: &Snapshot<'_>) {
        let mut run = self.run.borrow_mut();
        self.service
            .metrics
            .stored(&(snapshot.records - run.records));
        (run.records, run.requests) = (snapshot.records, snapshot.requests);
        if run.told.is_some_and(|told| told.elapsed() < EVERY) {
            return;
        }
        let before = match run.before.take() {
            Some(before) => Ok(before),
            None => self.before(snapshot),
        };
        let mut before = match before {
            Ok(before) => before,
            Err(error) => return tracing::warn!(%error, "followers are not told"),
        };
        self.feed.tell(&Told {
            job: before.at(snapshot),
            eta: snapshot.time_left.map(|left| left.as_secs_f64()),
            requests: Some(snapshot.requests),
            waiting: snapshot.waiting.clone(),
            slow: snapshot.slow.clone(),
            outcome: Outcome::under_way(&run.failures),
            now: self.service.now(),
        });
        (run.told, run.before) = (Some(Instant::now()), Some(before));
    }

    fn slice_failed(&self, failure: &FailedSlice) {
        self.run.borrow_mut().failures.add(failure);
        let FailedSlice {
            key,
            span,
            error,
            attempts,
            ..
        } = failure;
        self.feed
            .tell_failure(&job::failure(key, *span, error, *attempts));
    }
}

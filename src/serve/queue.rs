//! The queue's end in this process: one writing connection of its own, and which jobs run. The queue itself is in the file.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::Service;
use super::answer::Fault;
use crate::backfill::{self, Request, Runner};
use crate::clock::Cancel;
use crate::store::{JobFilter, JobRow, JobStatus, Store, StoreError};

/// How long a change waits for another program's transaction.
const PATIENCE: Duration = Duration::from_secs(5);
/// Why a job stopped that a caller has cancelled before it began.
const CANCELLED: &str = "stopped on request";

pub(super) struct Queue {
    store: Mutex<Store>,
    running: Mutex<Running>,
    /// Something may be there to be run, or the server stops.
    news: Condvar,
    /// One change at a time waits for the connection.
    changes: Semaphore,
}

#[derive(Default)]
struct Running {
    jobs: HashMap<String, Flags>,
    stopping: bool,
}

#[derive(Clone, Default)]
struct Flags {
    stop: Cancel,
    /// Whether it was a caller who raised it.
    on_request: bool,
}

impl Queue {
    pub(super) fn new(store: Store) -> Result<Queue, StoreError> {
        store.wait_at_most(PATIENCE)?;
        Ok(Queue {
            store: Mutex::new(store),
            running: Mutex::default(),
            news: Condvar::new(),
            changes: Semaphore::new(1),
        })
    }

    /// The oldest job that waits, taken: whoever has it runs it, or [`Queue::done`] is told. Waits a while for one; `None`
    /// when there was none, or the server stops.
    pub(super) fn take(
        &self,
        sources: &[&str],
        now: i64,
        wait: Duration,
    ) -> Option<(JobRow, Cancel)> {
        let mut running = self.running();
        if running.stopping {
            return None;
        }
        let taken: Vec<&str> = running.jobs.keys().map(String::as_str).collect();
        match self.store().next_job(sources, &taken, now) {
            Ok(Some(job)) => {
                let flags = Flags::default();
                let stop = flags.stop.clone();
                running.jobs.insert(job.job_id.clone(), flags);
                return Some((job, stop));
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "the queue"),
        }
        let _ = self.news.wait_timeout(running, wait);
        None
    }

    /// A job that was taken has ended. One that ended only because the server stops goes back into the queue; of any other it
    /// returns how it ended. `tell` hears of it before the job can be taken again.
    pub(super) fn done(
        &self,
        job_id: &str,
        was_stopped: bool,
        now: i64,
        tell: impl FnOnce(Option<&JobRow>),
    ) -> Option<JobRow> {
        let mut running = self.running();
        let on_request = running
            .jobs
            .get(job_id)
            .is_some_and(|flags| flags.on_request);
        let mut store = self.store();
        let ended = if was_stopped && running.stopping && !on_request {
            store.requeue_job(job_id, now).map(|()| None)
        } else {
            find(&store, job_id, now).map(Some)
        };
        let ended = ended.unwrap_or_else(|error| {
            tracing::error!(%error, job_id, "how a job ended cannot be told");
            None
        });
        tell(ended.as_ref());
        running.jobs.remove(job_id);
        self.news.notify_all();
        ended
    }

    /// A job that could not begin, or not say how it ended, has failed.
    pub(super) fn failed(&self, job_id: &str, why: &str, now: i64) -> Result<bool, StoreError> {
        self.store()
            .end_left_job(job_id, JobStatus::Failed, why, now)
    }

    /// Takes over what nobody has any more, and gives a sign of life for what waits.
    pub(super) fn look_after(&self, sources: &[&str], now: i64) -> Result<(), StoreError> {
        let running = self.running();
        let running: Vec<&str> = running.jobs.keys().map(String::as_str).collect();
        let mut store = self.store();
        if store.take_over_queue(sources, &running, now)? > 0 {
            self.news.notify_all();
        }
        store.beat_queue(now)
    }

    /// No job begins any more, and those that run stop.
    pub(super) fn stop(&self) {
        let mut running = self.running();
        running.stopping = true;
        for flags in running.jobs.values() {
            flags.stop.cancel();
        }
        self.news.notify_all();
    }

    pub(super) fn enqueue(&self, request: &Request, runner: &Runner) -> Result<JobRow, StoreError> {
        let mut store = self.store();
        let job_id = backfill::enqueue(&mut store, request, runner)?;
        self.news.notify_all();
        find(&store, &job_id, runner.clock.now())
    }

    fn cancel(&self, job_id: &str, now: i64) -> Result<JobRow, StoreError> {
        let mut running = self.running();
        let mut store = self.store();
        let job = find(&store, job_id, now)?;
        if let Some(flags) = running.jobs.get_mut(&job.job_id) {
            flags.on_request = true;
            flags.stop.cancel();
            return Ok(job);
        }
        if store.end_left_job(&job.job_id, JobStatus::Interrupted, CANCELLED, now)? {
            return find(&store, &job.job_id, now);
        }
        match job.status {
            JobStatus::Interrupted => Ok(job),
            JobStatus::Queued | JobStatus::Running => Err(StoreError::Owned {
                owner: job.owner.unwrap_or_default(),
                job_id: job.job_id,
            }),
            JobStatus::Completed | JobStatus::Partial | JobStatus::Failed => {
                Err(StoreError::Ended {
                    job_id: job.job_id,
                    status: job.status,
                })
            }
        }
    }

    fn resume(&self, job_id: &str, now: i64) -> Result<JobRow, StoreError> {
        // A job that ends at this moment is either still taken, or in the file as it ended.
        let running = self.running();
        let mut store = self.store();
        let job = find(&store, job_id, now)?;
        if running.jobs.contains_key(&job.job_id) {
            return Ok(job);
        }
        store.requeue_job(&job.job_id, now)?;
        self.news.notify_all();
        find(&store, &job.job_id, now)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn find(store: &Store, job_id: &str, now: i64) -> Result<JobRow, StoreError> {
    Ok(store.jobs(&JobFilter::Prefix(job_id), now)?.remove(0))
}

impl Service {
    /// Puts a request into the queue.
    pub(super) async fn enqueue(
        self: &std::sync::Arc<Self>,
        request: Request,
    ) -> Result<JobRow, Fault> {
        self.change(move |service| {
            let runner = service.runner(&service.settings.providers[0], Cancel::new());
            service.queue.enqueue(&request, &runner)
        })
        .await
    }

    /// Stops a job of this process.
    pub(super) async fn cancel(
        self: &std::sync::Arc<Self>,
        job_id: String,
    ) -> Result<JobRow, Fault> {
        self.change(move |service| service.queue.cancel(&job_id, service.now()))
            .await
    }

    /// Puts a job that is not complete back into the queue.
    pub(super) async fn resume(
        self: &std::sync::Arc<Self>,
        job_id: String,
    ) -> Result<JobRow, Fault> {
        self.change(move |service| service.queue.resume(&job_id, service.now()))
            .await
    }

    /// Changes the queue, on a thread that may block.
    async fn change(
        self: &std::sync::Arc<Self>,
        change: impl FnOnce(&Service) -> Result<JobRow, StoreError> + Send + 'static,
    ) -> Result<JobRow, Fault> {
        let turn = tokio::time::timeout(PATIENCE, self.queue.changes.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(Fault::busy("too many changes at once"));
        };
        let service = std::sync::Arc::clone(self);
        tokio::task::spawn_blocking(move || change(&service))
            .await
            .map_err(|_| Fault::defect("a change stopped unexpectedly"))?
            .map_err(Fault::from)
    }
}

//! The queue's end in this process: one writing connection of its own, and which jobs run. The queue itself is in the file.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::Semaphore;

use crate::backfill::{self, Request, Runner};
use crate::model::next::Next;
use crate::model::status::JobStatus;
use crate::run::clock::Cancel;
use crate::run::owner;
use crate::serve::answer::Fault;
use crate::serve::next;
use crate::store::{JobFilter, JobRow, Store, StoreError};

/// How long a change waits for another program's transaction.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Why a job stopped that a caller has cancelled before it began.
const CANCELLED: &str = "stopped on request";

pub(in crate::serve) struct Queue {
    /// Raised when the server stops. Nobody waits for a lock to see it: the file may keep one for seconds.
    stopping: Cancel,
    store: Mutex<Store>,
    running: Mutex<Running>,
    /// Something may be there to be run, or the server stops.
    news: Condvar,
    /// One change at a time waits for the connection.
    pub(super) changes: Arc<Semaphore>,
    /// Whether the file was given up: where it was then is not known any more.
    is_gone: AtomicBool,
}

/// The jobs that run, and how each is stopped.
type Running = HashMap<String, Flags>;

struct Flags {
    stop: Cancel,
    /// What a caller wanted last.
    wish: Wish,
}

/// What is wanted of a job that runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// That it ends.
    Run,
    /// That it stops.
    Stop,
    /// That it stops, and goes on: it was resumed while it stopped.
    GoOn,
}

impl Queue {
    pub(in crate::serve) fn new(store: Store, stopping: Cancel) -> Result<Queue, StoreError> {
        store.wait_at_most(PATIENCE)?;
        // The server's run: over with this store, which stays as long as the server does.
        store.owner()?;
        Ok(Queue {
            stopping,
            store: Mutex::new(store),
            running: Mutex::default(),
            news: Condvar::new(),
            changes: Arc::new(Semaphore::new(1)),
            is_gone: AtomicBool::new(false),
        })
    }

    /// The oldest job that waits, taken: whoever has it runs it until its flag is raised, and tells [`Queue::done`]. Waits a
    /// while for one; `None` when there was none, or the server stops.
    pub(in crate::serve) fn take(
        &self,
        sources: &[&str],
        now: i64,
        wait: Duration,
    ) -> Option<(JobRow, Cancel)> {
        let mut running = self.running();
        let taken: Vec<&str> = running.keys().map(String::as_str).collect();
        let next = {
            let store = self.store();
            if self.stopping.is_cancelled() {
                return None;
            }
            store.next_job(sources, &taken, now)
        };
        match next {
            Ok(Some(job)) => {
                let stop = self.stopping.child();
                let flags = Flags {
                    stop: stop.clone(),
                    wish: Wish::Run,
                };
                running.insert(job.job_id.clone(), flags);
                return Some((job, stop));
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "the queue"),
        }
        let _ = self.news.wait_timeout(running, wait);
        None
    }

    /// A job that was taken has ended. One that was stopped to go on goes back into the queue; of any other it returns how it
    /// ended. `tell` hears of it before the job can be taken again.
    pub(in crate::serve) fn done(
        &self,
        job_id: &str,
        was_stopped: bool,
        now: i64,
        tell: impl FnOnce(Option<&JobRow>),
    ) -> Option<JobRow> {
        let mut running = self.running();
        let goes_on = match running.get(job_id).map(|flags| flags.wish) {
            Some(Wish::Run) => self.stopping.is_cancelled(),
            Some(Wish::Stop) | None => false,
            Some(Wish::GoOn) => true,
        };
        let mut store = self.store();
        let ended = if was_stopped && goes_on {
            store.requeue_job(job_id, now).map(|()| None)
        } else {
            find(&store, job_id, now).map(Some)
        };
        let ended = ended.unwrap_or_else(|error| {
            tracing::error!(%error, job_id, "how a job ended cannot be told");
            None
        });
        tell(ended.as_ref());
        running.remove(job_id);
        self.news.notify_all();
        ended
    }

    /// A job that was taken is not run any more, and nobody has said how it ended.
    pub(in crate::serve) fn give_back(&self, job_id: &str) {
        self.running().remove(job_id);
        self.news.notify_all();
    }

    /// A job that could not begin, or not say how it ended, has failed.
    pub(in crate::serve) fn failed(
        &self,
        job_id: &str,
        why: &str,
        now: i64,
    ) -> Result<bool, StoreError> {
        self.store()
            .end_left_job(job_id, JobStatus::Failed, why, now)
    }

    /// Takes over what nobody has any more, and gives a sign of life for what waits.
    pub(in crate::serve) fn look_after(
        &self,
        sources: &[&str],
        now: i64,
    ) -> Result<(), StoreError> {
        let running = self.running();
        let running: Vec<&str> = running.keys().map(String::as_str).collect();
        let mut store = self.store();
        if store.take_over_queue(sources, &running, now)? > 0 {
            self.news.notify_all();
        }
        store.beat_queue(now)
    }

    /// The server stops: what waits is said to wait for the next one.
    pub(in crate::serve) fn leave(&self) {
        // Whoever still has it waits for another program, and is not waited for.
        let Ok(mut store) = self.store.try_lock() else {
            return;
        };
        if let Err(error) = store.leave_queue() {
            tracing::warn!(%error, "jobs that wait are told as interrupted");
        }
    }

    /// Closes the file, which was given up.
    pub(in crate::serve) fn let_go(&self) {
        let mut store = self.store();
        if self.is_gone.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = store.check_in_place() {
            self.is_gone.store(true, Ordering::Relaxed);
            let next = next::for_owner(&error.next(), store.path());
            tracing::error!(%error, next, "nothing is read or written any more");
            store.let_go();
        }
    }

    /// Whoever waits for a job sees that the server stops.
    pub(in crate::serve) fn wake(&self) {
        self.news.notify_all();
    }

    pub(in crate::serve) fn enqueue(
        &self,
        request: &Request,
        runner: &Runner,
    ) -> Result<JobRow, StoreError> {
        let mut store = self.store();
        let job_id = backfill::enqueue(&mut store, request, runner)?;
        self.news.notify_all();
        find(&store, &job_id, runner.clock.now())
    }

    /// Stops a job; whether it has ended with that.
    pub(super) fn cancel(&self, job_id: &str, now: i64) -> Result<(JobRow, bool), StoreError> {
        let mut running = self.running();
        let mut store = self.store();
        let job = find(&store, job_id, now)?;
        if let Some(flags) = running.get_mut(&job.job_id) {
            flags.wish = Wish::Stop;
            flags.stop.cancel();
            return Ok((job, false));
        }
        if store.end_left_job(&job.job_id, JobStatus::Interrupted, CANCELLED, now)? {
            return Ok((find(&store, &job.job_id, now)?, true));
        }
        match job.status {
            JobStatus::Interrupted => Ok((job, false)),
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

    pub(super) fn resume(&self, job_id: &str, sources: &[&str], now: i64) -> Result<JobRow, Fault> {
        // A job that ends at this moment is either still taken, or in the file as it ended.
        let mut running = self.running();
        let mut store = self.store();
        let job = find(&store, job_id, now)?;
        if let Some(flags) = running.get_mut(&job.job_id) {
            if flags.wish == Wish::Stop {
                flags.wish = Wish::GoOn;
            }
            return Ok(job);
        }
        let owner = job.owner.as_deref();
        if job.status == JobStatus::Queued && owner.is_some_and(owner::is_this_process) {
            return Ok(job);
        }
        if !sources.contains(&job.source.as_str()) {
            let provider = job.source.clone();
            let resume = Next::resume(&job.job_id).on(store.path());
            let next = Next::Or(vec![
                Next::CheckKey { provider },
                resume.after("go on with"),
            ]);
            return Err(Fault::new(
                StatusCode::CONFLICT,
                "provider",
                format!("this server has no provider {:?} to ask", job.source),
                next::text(&next),
            ));
        }
        store.requeue_job(&job.job_id, now)?;
        self.news.notify_all();
        Ok(find(&store, &job.job_id, now)?)
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

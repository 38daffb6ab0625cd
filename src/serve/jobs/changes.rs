//! What callers change about jobs: one change at a time, on a thread that may block.

use std::sync::Arc;

use axum::http::StatusCode;

use super::queue::PATIENCE;
use crate::backfill::{self, Estimate, Request, Runner};
use crate::model::number;
use crate::run::clock::Cancel;
use crate::serve::Service;
use crate::serve::answer::Fault;
use crate::serve::api::job;
use crate::store::{JobRow, Store, StoreError, free_room};

impl Service {
    /// Why a job is too large for the disk, if it is.
    pub(in crate::serve) fn lacks_room(
        &self,
        request: &Request,
        runner: &Runner,
    ) -> Result<Option<String>, StoreError> {
        let store = self.place.open(Store::read)?;
        let mut cost = Estimate::default();
        for target in backfill::targets(Some(&store), runner, &request.series)? {
            cost += Estimate::of(&target, runner.provider.as_ref());
        }
        let (needed, free) = (cost.bytes(), free_room(store.path()));
        Ok(free.filter(|&free| needed > free).map(|free| {
            let (needed, free) = (number::bytes(needed), number::bytes(free));
            format!("the job takes some {needed}, and {free} are free on the server's disk")
        }))
    }

    /// Puts a request into the queue.
    ///
    /// One that is larger than what is free on the disk needs a `yes`.
    pub(in crate::serve) async fn enqueue(
        self: &Arc<Self>,
        request: Request,
        yes: bool,
    ) -> Result<JobRow, Fault> {
        self.change(move |service| {
            let runner = service.runner(&service.settings.providers[0], Cancel::new());
            let why = if yes {
                None
            } else {
                service.lacks_room(&request, &runner)?
            };
            if let Some(why) = why {
                let next = "ask for less, or add yes=true";
                return Err(Fault::new(
                    StatusCode::INSUFFICIENT_STORAGE,
                    "disk_full",
                    why,
                    next,
                ));
            }
            Ok(service.queue.enqueue(&request, &runner)?)
        })
        .await
    }

    /// Stops a job that no other living process has.
    pub(in crate::serve) async fn cancel(
        self: &Arc<Self>,
        job_id: String,
    ) -> Result<JobRow, Fault> {
        self.change(move |service| {
            let now = service.now();
            let (job, has_ended) = service.queue.cancel(&job_id, now)?;
            if has_ended {
                let outcome = service.outcome(&job);
                service
                    .webhook
                    .job_ended(&job::document_with(&job, None, &outcome, now));
            }
            Ok(job)
        })
        .await
    }

    /// Puts a job that is not complete back into the queue.
    pub(in crate::serve) async fn resume(
        self: &Arc<Self>,
        job_id: String,
    ) -> Result<JobRow, Fault> {
        self.change(move |service| {
            service
                .queue
                .resume(&job_id, &service.sources(), service.now())
        })
        .await
    }

    /// Changes the queue, on a thread that may block. The turn lasts until that is done, whether or not the caller stays.
    async fn change(
        self: &Arc<Self>,
        change: impl FnOnce(&Service) -> Result<JobRow, Fault> + Send + 'static,
    ) -> Result<JobRow, Fault> {
        self.place.check()?;
        let turn = Arc::clone(&self.queue.changes).acquire_owned();
        let Ok(Ok(turn)) = tokio::time::timeout(PATIENCE, turn).await else {
            return Err(Fault::busy("too many changes at once"));
        };
        let service = Arc::clone(self);
        let change = move || {
            let _turn = turn;
            change(&service)
        };
        tokio::task::spawn_blocking(change)
            .await
            .unwrap_or_else(|_| Err(Fault::defect("a change stopped unexpectedly")))
    }
}

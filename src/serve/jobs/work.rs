//! The threads that run jobs, and the one that looks after the queue. Beside the webhook's they are the server's only
//! threads of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::backfill::{self, Outcome, Runner, Stop};
use crate::provider::Provider;
use crate::run::clock::Cancel;
use crate::serve::api::job;
use crate::serve::jobs::schedule::Schedule;
use crate::serve::jobs::telling::Telling;
use crate::serve::{ServeError, Service};
use crate::store::{JobRow, Store, StoreError};

/// How long a thread without a job waits until it looks again.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often the queue is looked after. An owner elsewhere counts as gone after a minute of silence.
const LOOK_AFTER_EVERY: Duration = Duration::from_secs(10);

/// Takes over what a server before has left, and starts the threads.
pub(in crate::serve) fn start(service: &Arc<Service>) -> Result<(), ServeError> {
    service
        .queue
        .look_after(&service.sources(), service.now())?;
    // Not before: what lies beside the file says whether a job was left right here.
    crate::run::owner::sweep(&service.settings.db);
    let start = |name: String, run: fn(&Arc<Service>)| {
        let of = Arc::clone(service);
        let started = service.crew.start(name, move || run(&of));
        started.map_err(ServeError::Runtime)
    };
    for index in 0..service.settings.jobs {
        start(format!("job-{index}"), work)?;
    }
    start("queue".into(), look_after)
}

fn work(service: &Arc<Service>) {
    while !service.settings.cancel.is_cancelled() {
        if service.has_lost_the_file() {
            let cancel = &service.settings.cancel;
            service.settings.clock.sleep(LOOK_EVERY, cancel);
            continue;
        }
        let taken = service
            .queue
            .take(&service.sources(), service.now(), LOOK_EVERY);
        if let Some((job, stop)) = taken {
            let _taken = Taken(service, &job.job_id);
            run(service, &job, stop);
        }
    }
}

/// A job that this thread has taken. If the thread ends before the job is told as done, another one may take it.
struct Taken<'a>(&'a Service, &'a str);

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.queue.give_back(self.1);
        }
    }
}

fn run(service: &Arc<Service>, job: &JobRow, stop: Cancel) {
    let provider = service.settings.providers.iter();
    let provider = provider
        .clone()
        .find(|provider| provider.name() == job.source);
    let provider = provider.expect("only jobs of these sources are taken");
    let rate = job.rate.as_deref().and_then(|rate| rate.parse().ok());
    let runner = Runner {
        policy: job.policy,
        rate: rate.or(service.settings.rate),
        workers: job
            .workers
            .map_or(service.settings.workers, |workers| workers as usize),
        ..service.runner(provider, stop)
    };
    let telling = Telling::new(service, &job.job_id);
    let resume = || -> Result<bool, StoreError> {
        let mut store = service.place.open(Store::open)?;
        let report = backfill::resume(&mut store, &job.job_id, &runner, &telling)?;
        if let Some(ahead_s) = report.clock_offset {
            tracing::warn!(
                ahead_s,
                "this machine's clock and the provider's are far apart"
            );
        }
        match report.stop {
            Some(Stop::Full { file, .. }) => Err(StoreError::Full(file)),
            stop => Ok(stop == Some(Stop::Cancelled)),
        }
    };
    let ended = catch_unwind(AssertUnwindSafe(resume));
    if let Ok(Err(error @ (StoreError::Moved { .. } | StoreError::LogGone(_)))) = &ended {
        // There is no file left to say it in.
        tracing::error!(%error, job_id = job.job_id, "a job");
        telling.end(None);
        return service.queue.give_back(&job.job_id);
    }
    let was_stopped = matches!(ended, Ok(Ok(true)));
    let why = match ended {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => {
            tracing::error!(%error, job_id = job.job_id, "a job");
            Some(error.without_path())
        }
        Err(_) => Some("it stopped unexpectedly".to_owned()),
    };
    if let Some(why) = why
        && let Err(error) = service.queue.failed(&job.job_id, &why, service.now())
    {
        // The file takes nothing: trying again at once would only be another failure.
        tracing::error!(%error, job_id = job.job_id, "how a job ended could not be saved");
        service
            .settings
            .clock
            .sleep(LOOK_AFTER_EVERY, &service.settings.cancel);
    }
    let now = service.now();
    let tell = |ended: Option<&JobRow>| telling.end(ended);
    let ended = service.queue.done(&job.job_id, was_stopped, now, tell);
    if let Some(ended) = ended.filter(|job| !job.status.is_active()) {
        let outcome = service.outcome(&ended);
        service
            .webhook
            .job_ended(&job::document_with(&ended, None, &outcome, now));
    }
}

fn look_after(service: &Arc<Service>) {
    let cancel = &service.settings.cancel;
    let mut schedule = Schedule::default();
    for seconds in 0_u64.. {
        if cancel.is_cancelled() {
            return;
        }
        service.settings.clock.sleep(LOOK_EVERY, cancel);
        let is_time = seconds.is_multiple_of(LOOK_AFTER_EVERY.as_secs());
        if service.has_lost_the_file() || !is_time {
            continue;
        }
        let looked = service.queue.look_after(&service.sources(), service.now());
        if let Err(error) = looked.and_then(|()| schedule.look(service)) {
            tracing::error!(%error, "the queue");
        }
    }
}

impl Service {
    /// A job's outcome, by what the file says; an empty one where that cannot be read.
    pub(in crate::serve) fn outcome(&self, job: &JobRow) -> Outcome {
        let store = self.place.open(Store::read);
        let outcome = store.and_then(|store| self.outcome_in(&store, job));
        outcome.unwrap_or_default()
    }

    /// The same where the file is open.
    pub(in crate::serve) fn outcome_in(
        &self,
        store: &Store,
        job: &JobRow,
    ) -> Result<Outcome, StoreError> {
        Outcome::of(store, job, self.provider(&job.source))
    }

    /// How a job is run with a provider.
    pub(in crate::serve) fn runner(&self, provider: &Arc<dyn Provider>, cancel: Cancel) -> Runner {
        Runner {
            provider: Arc::clone(provider),
            clock: Arc::clone(&self.settings.clock),
            cancel,
            workers: self.settings.workers,
            rate: self.settings.rate,
            policy: self.settings.policy,
            force: false,
            refetch_empty: false,
            refetch_gaps: false,
            wait: false,
        }
    }
}

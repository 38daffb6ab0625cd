//! A job followed: server-sent events, for as long as it has not ended. A job that runs elsewhere, or waits, is looked at in
//! the file meanwhile.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode};
use futures_util::stream::unfold;
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::serve::Service;
use crate::serve::answer::Fault;
use crate::serve::jobs::feed::{Feed, Told};
use crate::serve::routes::Call;
use crate::store::JobFilter;

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// After so long without an event a comment is sent: somebody on the way may close what seems to be dead.
const SILENCE: Duration = Duration::from_secs(15);

pub(in crate::serve) async fn follow(call: Call) -> Result<Response<Body>, Fault> {
    let service = call.service;
    let room = service
        .hub
        .room()
        .ok_or_else(|| Fault::busy("too many followers"))?;
    let feed = look(&service, &call.named, None).await?;
    let id = call.headers.get("last-event-id");
    let seen = id
        .and_then(|id| id.to_str().ok())
        .and_then(|id| service.hub.number(id))
        .filter(|&seen| feed.knows(seen));
    if seen.is_some_and(|seen| feed.is_end(seen)) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        return Ok(response);
    }
    let follower = Follower {
        news: feed.news(),
        stop: service.stop.subscribe(),
        told: Instant::now(),
        over: false,
        seen,
        feed,
        service,
        _room: room,
    };
    let mut response = Response::new(Body::from_stream(unfold(follower, Follower::next)));
    let kind = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

/// Finds a job in the file, and tells its feed how far it is there. `failures` is what the feed knows of.
async fn look(
    service: &Arc<Service>,
    job_id: &str,
    failures: Option<usize>,
) -> Result<Arc<Feed>, Fault> {
    let (newest, now, job_id) = (service.hub.newest(), service.now(), job_id.to_owned());
    let asked = Arc::clone(service);
    let read = service.readers.read(move |store| {
        store.at_one_instant(|| {
            let job = store.jobs(&JobFilter::Prefix(&job_id), now)?.remove(0);
            let eta = store.eta(&job, now)?;
            let is_known = failures.is_some_and(|known| known as u64 == job.slices.failed);
            let failed = (!is_known).then(|| store.failed_slices(&job)).transpose()?;
            let outcome = asked.outcome_in(store, &job)?;
            Ok((job, eta, outcome, failed))
        })
    });
    let (job, eta, outcome, failed) = read.await?;
    let feed = service.hub.feed(&job.job_id);
    let told = Told {
        job: &job,
        eta,
        requests: None,
        waiting: None,
        slow: None,
        outcome,
        now,
    };
    feed.found(&told, failed.as_deref(), newest);
    Ok(feed)
}

/// Somebody who follows a job.
struct Follower {
    service: Arc<Service>,
    feed: Arc<Feed>,
    /// The event that was sent last.
    seen: Option<u64>,
    news: watch::Receiver<()>,
    stop: watch::Receiver<bool>,
    /// When something was sent last.
    told: Instant,
    over: bool,
    _room: OwnedSemaphorePermit,
}

impl Follower {
    /// What is sent next; `None` at the end.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Follower)> {
        while !self.over && !*self.stop.borrow() {
            if let Some(event) = self.feed.after(&mut self.seen) {
                self.over = event.ends;
                return self.send(event.text);
            }
            tokio::select! {
                _ = self.stop.changed() => {}
                _ = self.news.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {
                    if self.told.elapsed() >= SILENCE {
                        return self.send(Bytes::from_static(b":\n\n"));
                    }
                    if self.feed.is_to_be_looked_at(LOOK_EVERY / 2) {
                        // What cannot be read now is looked for again.
                        let _ = look(&self.service, &self.feed.job_id, self.feed.failures()).await;
                    }
                }
            }
        }
        None
    }

    #[allow(clippy::unnecessary_wraps)] // As a stream wants it.
    fn send(mut self, text: Bytes) -> Option<(Result<Bytes, Infallible>, Follower)> {
        self.told = Instant::now();
        Some((Ok(text), self))
    }
}

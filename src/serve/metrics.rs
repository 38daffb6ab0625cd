//! Figures for Prometheus, in its text format 0.0.4. Counted as things happen, or read from the file without a candle; a
//! label never holds what a caller has sent.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode};

use super::Service;
use super::answer::Fault;
use super::jobs::growth;
use super::routes::{Call, ROUTES, Route};
use crate::model::counts::Counts;
use crate::model::status::JobStatus;
use crate::store::{FileInfo, JobTally};

/// Upper bounds of the histogram, in microseconds, with how they are written in seconds.
const BOUNDS: [(u64, &str); 7] = [
    (1_000, "0.001"),
    (5_000, "0.005"),
    (25_000, "0.025"),
    (100_000, "0.1"),
    (500_000, "0.5"),
    (2_500_000, "2.5"),
    (10_000_000, "10"),
];
/// Where what has no route is counted: the page's files, and what was refused before its route.
const OTHER: &str = "other";
/// HTTP's statuses are below this.
const CODES: usize = 600;
/// Where a job can stand: one that no job has is told, too.
const STATUSES: [JobStatus; 6] = [
    JobStatus::Queued,
    JobStatus::Running,
    JobStatus::Completed,
    JobStatus::Partial,
    JobStatus::Failed,
    JobStatus::Interrupted,
];

/// What this server has counted.
pub(super) struct Metrics {
    /// One for each route, and the last one for the others.
    routes: Vec<Answers>,
    /// In the order of [`KINDS`].
    records: [AtomicU64; KINDS.len()],
}

type Kind = fn(&Counts) -> u64;

/// Kinds of records, and what is counted of each.
const KINDS: [(&str, Kind); 7] = [
    ("fetched", |counts| counts.fetched),
    ("inserted", |counts| counts.inserted),
    ("duplicate", |counts| counts.duplicate),
    ("restated", |counts| counts.restated),
    ("conflicting", |counts| counts.conflicting),
    ("rejected", |counts| counts.rejected),
    ("removed", |counts| counts.removed),
];

/// A route's answers.
struct Answers {
    by_status: [AtomicU64; CODES],
    within: [AtomicU64; BOUNDS.len()],
    micros: AtomicU64,
}

impl Metrics {
    pub(super) fn new() -> Metrics {
        let answers = || Answers {
            by_status: [const { AtomicU64::new(0) }; CODES],
            within: Default::default(),
            micros: AtomicU64::new(0),
        };
        Metrics {
            routes: (0..=ROUTES.len()).map(|_| answers()).collect(),
            records: Default::default(),
        }
    }

    /// A request has its answer's head.
    pub(super) fn answered(&self, route: Option<&Route>, status: StatusCode, took: Duration) {
        let at = route.and_then(|route| ROUTES.iter().position(|one| std::ptr::eq(one, route)));
        let answers = &self.routes[at.unwrap_or(ROUTES.len())];
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(count) = answers.by_status.get(usize::from(status.as_u16())) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let within = BOUNDS.iter().position(|(bound, _)| micros <= *bound);
        if let Some(within) = within {
            answers.within[within].fetch_add(1, Ordering::Relaxed);
        }
        answers.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// A job of this server has committed these.
    pub(super) fn stored(&self, counts: &Counts) {
        for ((_, of), count) in KINDS.iter().zip(&self.records) {
            count.fetch_add(of(counts), Ordering::Relaxed);
        }
    }

    fn write_answers(&self, text: &mut Text) {
        let paths = ROUTES.iter().map(|route| route.path).chain([OTHER]);
        let routes: Vec<_> = paths.zip(&self.routes).collect();
        text.family("http_requests_total", "counter", "Answers, by route.");
        for (path, answers) in &routes {
            for (status, count) in answers.by_status.iter().enumerate() {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    text.sample("", &format!(r#"route="{path}",status="{status}""#), count);
                }
            }
        }
        let name = "http_request_duration_seconds";
        text.family(name, "histogram", "Time to the head of an answer.");
        for (path, answers) in &routes {
            let by_status = answers.by_status.iter();
            let all: u64 = by_status.map(|count| count.load(Ordering::Relaxed)).sum();
            let mut within = 0;
            for ((_, bound), count) in BOUNDS.iter().zip(&answers.within) {
                within += count.load(Ordering::Relaxed);
                let labels = format!(r#"route="{path}",le="{bound}""#);
                text.sample("_bucket", &labels, within);
            }
            // An answer that is just being counted must not be in a bucket and missing in the sum of all.
            let all = all.max(within);
            text.sample("_bucket", &format!(r#"route="{path}",le="+Inf""#), all);
            let micros = answers.micros.load(Ordering::Relaxed);
            let seconds = Duration::from_micros(micros).as_secs_f64();
            text.sample("_sum", &format!(r#"route="{path}""#), seconds);
            text.sample("_count", &format!(r#"route="{path}""#), all);
        }
    }

    fn write_records(&self, text: &mut Text) {
        let about = "Rows in the provider's answers, by what became of them; removed ones stand beside the sum.";
        text.family("records_total", "counter", about);
        for ((kind, _), count) in KINDS.iter().zip(&self.records) {
            let count = count.load(Ordering::Relaxed);
            text.sample("", &format!(r#"kind="{kind}""#), count);
        }
    }
}

pub(super) async fn answer(call: Call) -> Result<Response<Body>, Fault> {
    let read = |store: &crate::store::Store| Ok((store.info()?, store.job_tally()?));
    let (info, tally) = call.service.readers.read(read).await?;
    let mut response = Response::new(Body::from(write(&call.service, &info, &tally)));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

fn write(service: &Arc<Service>, info: &FileInfo, tally: &JobTally) -> String {
    let mut text = Text::default();
    let version = format!(r#"version="{}""#, env!("CARGO_PKG_VERSION"));
    text.family("build_info", "gauge", "The program.");
    text.sample("", &version, 1);
    text.family("jobs", "gauge", "Jobs in the file, by status.");
    for status in STATUSES {
        let counted = tally.by_status.iter().find(|(known, _)| *known == status);
        let count = counted.map_or(0, |(_, count)| *count);
        text.sample("", &format!(r#"status="{}""#, status.as_str()), count);
    }
    text.one(
        "queue_length",
        "gauge",
        "Jobs that wait here.",
        tally.queued_here,
    );
    if let Some(at) = tally.last_completed_at {
        let about = "When a job was completed last.";
        text.one("last_completed_timestamp_seconds", "gauge", about, at);
    }
    service.metrics.write_records(&mut text);
    text.family(
        "provider_requests_total",
        "counter",
        "Requests sent, retries included.",
    );
    for provider in &service.settings.providers {
        let label = format!(r#"provider="{}""#, provider.name());
        text.sample("", &label, provider.requests());
    }
    service.metrics.write_answers(&mut text);
    let about = "Questions sent away because too many were asked at once.";
    let refused = service.readers.refused.load(Ordering::Relaxed);
    text.one("questions_refused_total", "counter", about, refused);
    let open = service.connections.count();
    text.one("connections", "gauge", "Connections that stand.", open);
    let about = "Connections that were sent away, silent or slow.";
    let evicted = service.connections.evicted.load(Ordering::Relaxed);
    text.one("connections_evicted_total", "counter", about, evicted);
    let followers = service.hub.followers();
    text.one(
        "followers",
        "gauge",
        "Those who follow a job's events.",
        followers,
    );
    text.one("file_bytes", "gauge", "Size of the file.", info.bytes);
    let about = "Size of the write-ahead log beside the file.";
    text.one("wal_bytes", "gauge", about, info.wal_bytes);
    if let Some(left) = growth::left(&service.settings.db) {
        let about = "Bytes that the file may still take.";
        text.one("room_bytes", "gauge", about, left);
    }
    service.write_health(&mut text);
    text.0
}

impl Service {
    /// What goes wrong with the server itself.
    fn write_health(&self, text: &mut Text) {
        let about = "Threads that have ended and are not started again yet.";
        text.one("threads_missing", "gauge", about, self.crew.missing());
        let about = "Threads that were started again.";
        let restarts = self.crew.restarts.load(Ordering::Relaxed);
        text.one("thread_restarts_total", "counter", about, restarts);
        let about = "Messages of the log that could not be written, or not in time.";
        let lost = self.settings.log_lost.load(Ordering::Relaxed);
        text.one("log_lost_total", "counter", about, lost);
    }
}

/// The text, family by family.
#[derive(Default)]
struct Text(String, &'static str);

impl Text {
    /// Begins a family of samples.
    fn family(&mut self, name: &'static str, kind: &str, about: &str) {
        self.1 = name;
        let text = format!("# HELP candlefile_{name} {about}\n# TYPE candlefile_{name} {kind}\n");
        self.0.push_str(&text);
    }

    fn sample(&mut self, suffix: &str, labels: &str, value: impl std::fmt::Display) {
        let name = self.1;
        let labels = if labels.is_empty() {
            String::new()
        } else {
            format!("{{{labels}}}")
        };
        // Writing to a text cannot fail.
        let _ = writeln!(self.0, "candlefile_{name}{suffix}{labels} {value}");
    }

    /// A family of one sample.
    fn one(&mut self, name: &'static str, kind: &str, about: &str, value: impl std::fmt::Display) {
        self.family(name, kind, about);
        self.sample("", "", value);
    }
}

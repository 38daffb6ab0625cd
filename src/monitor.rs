//! What a running backfill or export tells whoever watches it. The library never prints.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::model::counts::Counts;
use crate::model::series::SeriesKey;
use crate::model::span::Span;
use crate::provider::{ErrorKind, Waiting};

/// What is told where a file system refuses locks.
pub(crate) const LOCKS_REFUSED: &str = "the file system refuses locks: who runs a job is told by its process and its signs of life, \
     which two hosts or containers may take a minute to agree on";

/// Watches what runs. A backfill calls it from the writer, after the commit that it speaks of: what is reported is saved.
pub trait Monitor {
    /// One state of the file has been read for so long that the write-ahead log beside it, which cannot begin anew
    /// meanwhile, may have grown. Told once.
    fn log_held(&self) {}

    /// The file system refuses locks: processes and signs of life say who runs a job, which is less sure. Told once.
    fn locks_refused(&self) {}

    /// For a minute somebody has been reading the file with one statement, and as long as that lasts nothing can be written.
    /// Told once, before the job begins.
    fn held_up(&self, file: &Path) {
        let _ = file;
    }

    /// Part of what is asked is fetched by other jobs of the file and left to them; `waits` says that they are waited for.
    fn left_to_others(&self, left: &[Left], waits: bool) {
        let _ = (left, waits);
    }

    /// How far the job is: after every commit, and about twice a second while nothing is committed.
    fn progress(&self, progress: &Snapshot<'_>) {
        let _ = progress;
    }

    /// A slice was given up; the job goes on.
    fn slice_failed(&self, failure: &FailedSlice) {
        let _ = failure;
    }
}

/// Watches nothing.
impl Monitor for () {}

/// How far a long pass over a file is: whoever passes over it counts, and others look. Its copies are one meter.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Metered>);

#[derive(Debug, Default)]
struct Metered {
    what: Mutex<&'static str>,
    done: AtomicU64,
    all: AtomicU64,
    is_bytes: AtomicBool,
}

/// What a [`Meter`] shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// What is being done; empty before anything is.
    pub what: &'static str,
    /// How much of it was done.
    pub done: u64,
    /// How much there is to do, about; zero where nobody knows.
    pub all: u64,
    /// Whether both are bytes, and not candles.
    pub is_bytes: bool,
}

impl Meter {
    /// Something begins of which there are so many bytes to read, about.
    pub(crate) fn begin_bytes(&self, what: &'static str, all: u64) {
        self.begin(what, all);
        self.0.is_bytes.store(true, Ordering::Relaxed);
    }

    /// Something begins of which there are so many candles to do, about.
    pub(crate) fn begin(&self, what: &'static str, all: u64) {
        let mut of = self.0.what.lock().unwrap_or_else(PoisonError::into_inner);
        *of = what;
        self.0.done.store(0, Ordering::Relaxed);
        self.0.all.store(all, Ordering::Relaxed);
        self.0.is_bytes.store(false, Ordering::Relaxed);
    }

    /// So much more was done.
    pub(crate) fn add(&self, done: u64) {
        self.0.done.fetch_add(done, Ordering::Relaxed);
    }

    /// What it shows now.
    pub fn read(&self) -> Reading {
        let what = self.0.what.lock().unwrap_or_else(PoisonError::into_inner);
        Reading {
            what: *what,
            done: self.0.done.load(Ordering::Relaxed),
            all: self.0.all.load(Ordering::Relaxed),
            is_bytes: self.0.is_bytes.load(Ordering::Relaxed),
        }
    }
}

/// How far a job is, in this run.
#[derive(Clone, Debug)]
pub struct Snapshot<'a> {
    /// The job.
    pub job_id: &'a str,
    /// Slices to fetch.
    pub slices: u64,
    /// Slices done.
    pub completed: u64,
    /// Slices given up.
    pub failed: u64,
    /// What was counted.
    pub records: Counts,
    /// Requests sent.
    pub requests: u64,
    /// What all workers wait for, if it is the rate or the provider's limit.
    pub waiting: Option<Waiting>,
    /// The request that is under way for longest, where that is more than some seconds.
    pub slow: Option<Slow>,
    /// How long the rest is expected to take. `None` before a slice is done, while a request hangs, and once it has taken
    /// longer than was expected: nobody knows then.
    pub time_left: Option<Duration>,
    /// When it was so, Unix seconds.
    pub now: i64,
}

/// A page that is being asked for, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slow {
    /// The series.
    pub key: SeriesKey,
    /// What is asked.
    pub span: Span,
    /// Since when, Unix seconds.
    pub since: i64,
    /// Which attempt it is.
    pub attempt: u32,
    /// Other series of which a page takes long, too, since longest first.
    pub beside: Vec<SeriesKey>,
}

/// A slice that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedSlice {
    /// The series.
    pub key: SeriesKey,
    /// What was asked.
    pub span: Span,
    /// Why.
    pub error: String,
    /// What that means for asking again.
    pub kind: ErrorKind,
    /// Requests made for the page that failed; none where the slice was not asked at all.
    pub attempts: u32,
}

/// A stretch that is missing and left to the living job that fetches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The series.
    pub key: SeriesKey,
    /// The stretch.
    pub span: Span,
    /// Who fetches it.
    pub job_id: String,
}

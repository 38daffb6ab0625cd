//! What a running backfill or export tells whoever watches it. The library never prints.

use std::path::Path;

use crate::provider::Waiting;
use crate::span::Span;
use crate::store::{Counts, Left, SeriesKey};

/// What is told where a file system refuses locks.
pub const LOCKS_REFUSED: &str = "the file system refuses locks: who runs a job is told by its process and its signs of life, \
     which two hosts or containers may take a minute to agree on";

/// Watches what runs. A backfill calls it from the writer, after the commit that it speaks of: what is reported is saved.
pub trait Monitor {
    /// One state of the file has been read for so long that the write-ahead log beside it, which cannot begin anew
    /// meanwhile, may have grown. Told once.
    fn log_held(&self) {}

    /// The file system refuses locks: processes and signs of life say who runs a job, which is less sure. Told once.
    fn locks_refused(&self) {}

    /// For a minute somebody has read the file with one statement, and as long as that lasts nothing can be written. Told
    /// once, before the job begins.
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
    /// Requests made for the page that failed; none where the slice was not asked at all.
    pub attempts: u32,
}

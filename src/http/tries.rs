//! What is told of requests while they are made, and of answers once they are there.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

/// Clocks that are not further apart than so many seconds are taken to agree.
pub(crate) const CLOCKS_AGREE: i64 = 5 * 60;

/// How a page is being asked for, told while it is. Its copies are one.
#[derive(Clone, Debug, Default)]
pub struct Tries(Arc<(AtomicI64, AtomicU32)>);

impl Tries {
    /// A request is sent now, Unix seconds: the attempt of this number, from one on.
    pub fn sent(&self, attempt: u32, now: i64) {
        let _ = self
            .0
            .0
            .compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        self.0.1.store(attempt, Ordering::Relaxed);
    }

    /// It is not under way: what it waits for is the provider's limit.
    pub fn waits(&self) {
        self.0.0.store(0, Ordering::Relaxed);
    }

    /// Since when it is under way, Unix seconds, and which attempt it is.
    pub(crate) fn under_way(&self) -> Option<(i64, u32)> {
        let since = self.0.0.load(Ordering::Relaxed);
        (since > 0).then(|| (since, self.0.1.load(Ordering::Relaxed)))
    }
}

/// When an answer was given, by the provider's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dated {
    /// When the provider gave it, Unix seconds: nothing in it is newer.
    pub at: i64,
    /// Seconds that a cache has kept it since.
    pub age: i64,
}

impl Dated {
    /// By what an answer's head says while this machine's clock shows `here`, all in seconds. Some caches give
    /// what they keep a new date each time. A date that this clock agrees with, and that would be far ahead of it once the age is
    /// added, is such a one: it is the date of now.
    pub(super) fn new(date: i64, age: i64, here: i64) -> Dated {
        let apart = date.saturating_sub(here);
        let is_anew = apart.abs() <= CLOCKS_AGREE && apart.saturating_add(age) > CLOCKS_AGREE;
        Dated {
            at: date.saturating_sub(if is_anew { age } else { 0 }),
            age,
        }
    }

    /// What the provider's clock shows, Unix seconds.
    pub fn now(self) -> i64 {
        self.at.saturating_add(self.age)
    }
}

/// What a provider is waiting for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The rate that was set.
    Rate(Duration),
    /// The pause that a 429 asked for.
    Limit(Duration),
}

//! Events of jobs: a feed for each of the jobs that were told of last, room for those who follow, and the ids of events.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::serve::jobs::feed::Feed;

/// Followers at once.
const FOLLOWERS: usize = 64;
/// Jobs whose events are kept.
const FEEDS: usize = 100;

/// All feeds.
pub(in crate::serve) struct Hub {
    ids: Arc<Ids>,
    feeds: Mutex<VecDeque<Arc<Feed>>>,
    room: Arc<Semaphore>,
}

/// Ids of events: numbers that no two feeds share, after the name of this run of the server.
pub(in crate::serve) struct Ids {
    pub(in crate::serve) run: String,
    newest: AtomicU64,
}

impl Ids {
    /// The number of the next event.
    pub(in crate::serve) fn next(&self) -> u64 {
        self.newest.fetch_add(1, Ordering::SeqCst) + 1
    }
}

impl Hub {
    pub(in crate::serve) fn new() -> Hub {
        let ids = Ids {
            run: format!("{:016x}", fastrand::u64(..)),
            newest: AtomicU64::new(0),
        };
        Hub {
            ids: Arc::new(ids),
            feeds: Mutex::default(),
            room: Arc::new(Semaphore::new(FOLLOWERS)),
        }
    }

    /// A place for a follower; `None` where all are taken.
    pub(in crate::serve) fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).try_acquire_owned().ok()
    }

    pub(in crate::serve) fn followers(&self) -> usize {
        FOLLOWERS - self.room.available_permits()
    }

    /// The number of the newest event of all feeds.
    pub(in crate::serve) fn newest(&self) -> u64 {
        self.ids.newest.load(Ordering::SeqCst)
    }

    /// A job's feed. The oldest that nobody holds makes way for a new one.
    pub(in crate::serve) fn feed(&self, job_id: &str) -> Arc<Feed> {
        let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(feed) = feeds.iter().find(|feed| feed.job_id == job_id) {
            return Arc::clone(feed);
        }
        let idle = feeds.iter().position(|feed| Arc::strong_count(feed) == 1);
        if let Some(idle) = idle.filter(|_| feeds.len() >= FEEDS) {
            feeds.remove(idle);
        }
        let feed = Arc::new(Feed::new(job_id, Arc::clone(&self.ids)));
        feeds.push_back(Arc::clone(&feed));
        feed
    }

    /// The number in the id of an event of this run.
    pub(in crate::serve) fn number(&self, id: &str) -> Option<u64> {
        let (run, number) = id.rsplit_once('-')?;
        (run == self.ids.run).then(|| number.parse().ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feeds_that_nobody_holds_make_way() {
        let hub = Hub::new();
        let held = hub.feed("held");
        for number in 0..2 * FEEDS {
            hub.feed(&number.to_string());
        }
        let feeds = hub.feeds.lock().expect("nobody has it");
        assert_eq!(feeds.len(), FEEDS);
        assert!(feeds.iter().any(|feed| Arc::ptr_eq(feed, &held)));
    }
}

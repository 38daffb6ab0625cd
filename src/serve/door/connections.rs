//! How many connections there are. Where all places are taken, the connection that has asked nothing for longest gives way to a
//! new one; where all have asked something, the one that has taken nothing of its answer for longest.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Connections at once at most.
const CONNECTIONS: usize = 512;
/// How long an answer's next piece, of some 64 KiB, may wait until it is taken.
const SLOW: Duration = Duration::from_secs(60);

/// The connections that stand.
#[derive(Debug)]
pub(in crate::serve) struct Connections {
    places: Arc<Semaphore>,
    next: AtomicU64,
    open: Mutex<HashMap<u64, Open>>,
    /// How many were sent away.
    pub(in crate::serve) evicted: AtomicU64,
}

#[derive(Debug)]
struct Open {
    /// Whether it has asked something that is not answered whole yet.
    asks: bool,
    /// When it last began or ended to ask, or took a piece of its answer.
    moved: Instant,
    pub(super) leave: Arc<Notify>,
}

impl Default for Connections {
    fn default() -> Self {
        Connections {
            places: Arc::new(Semaphore::new(places())),
            next: AtomicU64::default(),
            open: Mutex::default(),
            evicted: AtomicU64::default(),
        }
    }
}

/// A quarter of the files that may be open at most, so that there are some left for the jobs.
fn places() -> usize {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Resource, getrlimit};
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        usize::try_from(files / 4).map_or(CONNECTIONS, |most| most.clamp(1, CONNECTIONS))
    }
    #[cfg(not(target_os = "linux"))]
    CONNECTIONS
}

impl Connections {
    pub(in crate::serve) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Makes a place, if need be by sending the one away that has been silent for longest.
    pub(super) async fn enter(self: &Arc<Self>) -> Place {
        let places = || Arc::clone(&self.places);
        let room = if let Ok(room) = places().try_acquire_owned() {
            Some(room)
        } else {
            self.send_idlest_away();
            places().acquire_owned().await.ok()
        };
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let leave = Arc::new(Notify::new());
        let entry = Open {
            asks: false,
            moved: Instant::now(),
            leave: Arc::clone(&leave),
        };
        self.lock().insert(id, entry);
        Place {
            connections: Arc::clone(self),
            id,
            leave,
            _room: room,
        }
    }

    fn send_idlest_away(&self) {
        let mut open = self.lock();
        let idlest = open.iter().min_by_key(|(_, one)| (one.asks, one.moved));
        let idlest = idlest.map(|(id, _)| *id);
        if let Some(gone) = idlest.and_then(|id| open.remove(&id)) {
            self.send_away(&gone);
        }
    }

    /// Sends those away who take a piece of their answer for so long.
    pub(super) fn send_slow_away(&self) {
        let gone = self
            .lock()
            .extract_if(|_, one| one.asks && one.moved.elapsed() > SLOW)
            .collect::<Vec<_>>();
        for (_, gone) in gone {
            self.send_away(&gone);
        }
    }

    fn send_away(&self, gone: &Open) {
        gone.leave.notify_one();
        self.evicted.fetch_add(1, Ordering::Relaxed);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place.
pub(super) struct Place {
    connections: Arc<Connections>,
    id: u64,
    pub(super) leave: Arc<Notify>,
    /// Given back when the connection is closed, not when it is told to leave.
    _room: Option<OwnedSemaphorePermit>,
}

impl Place {
    pub(super) fn moves(&self, asks: bool) {
        if let Some(open) = self.connections.lock().get_mut(&self.id) {
            (open.asks, open.moved) = (asks, Instant::now());
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.id);
    }
}

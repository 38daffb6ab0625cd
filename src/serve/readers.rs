//! Reading the file for calls: a few read-only connections, used on threads that may block. Whoever finds no room waits in
//! a short line, and is sent away when it does not move.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::answer::Fault;
use crate::store::{Store, StoreError};

/// Questions answered at once.
const AT_ONCE: usize = 4;
/// Questions that wait for their turn at most.
const LINE: usize = 256;
/// How long one waits.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Store>>,
    witness: Mutex<Option<Witness>>,
    room: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// How many questions were sent away.
    pub(super) refused: AtomicU64,
}

/// A connection that only sees that others have changed the file. How often is told by the same connection alone.
struct Witness {
    store: Store,
    /// Of this connection and no other, in no run of the server.
    name: Uuid,
}

/// Room for one question, with the connection to ask it. Dropping it makes the room free.
pub(super) struct Reader {
    readers: Arc<Readers>,
    store: Option<Store>,
    _room: OwnedSemaphorePermit,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Arc<Readers> {
        Arc::new(Readers {
            path,
            idle: Mutex::default(),
            witness: Mutex::default(),
            room: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// Reads on a thread that may block.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Store) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let room = self.room().await?;
        let readers = Arc::clone(self);
        let read = move || readers.reader(room).and_then(|reader| read(reader.store()));
        tokio::task::spawn_blocking(read)
            .await
            .unwrap_or_else(|_| Err(Fault::defect("a question stopped unexpectedly")))
    }

    /// Waits for room.
    pub(super) async fn room(&self) -> Result<OwnedSemaphorePermit, Fault> {
        let crowded = || {
            self.refused.fetch_add(1, Ordering::Relaxed);
            Fault::busy("too many questions at once")
        };
        if let Ok(room) = Arc::clone(&self.room).try_acquire_owned() {
            return Ok(room);
        }
        let _in_line = InLine::of(&self.waiting).ok_or_else(crowded)?;
        match tokio::time::timeout(PATIENCE, Arc::clone(&self.room).acquire_owned()).await {
            Ok(Ok(room)) => Ok(room),
            _ => Err(crowded()),
        }
    }

    /// A connection for the room; opens the file where none is idle, so on a thread that may block.
    pub(super) fn reader(self: &Arc<Self>, room: OwnedSemaphorePermit) -> Result<Reader, Fault> {
        let idle = self.lock().pop();
        let store = idle.map_or_else(|| Store::read(&self.path), Ok)?;
        Ok(Reader {
            readers: Arc::clone(self),
            store: Some(store),
            _room: room,
        })
    }

    /// What differs once the file has changed. It takes a moment, but on a thread that may block.
    pub(super) fn version(&self) -> Result<String, StoreError> {
        let mut witness = self.witness.lock().unwrap_or_else(PoisonError::into_inner);
        let witness = match &mut *witness {
            Some(witness) => witness,
            none => none.insert(Witness {
                store: Store::read(&self.path)?,
                name: Uuid::now_v7(),
            }),
        };
        let version = witness.store.data_version()?;
        Ok(format!("{}-{version:x}", witness.name.simple()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Store>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    pub(super) fn store(&self) -> &Store {
        self.store.as_ref().expect("it is taken when it is dropped")
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // A panic may have left a transaction open.
        if let Some(store) = self.store.take().filter(|_| !std::thread::panicking()) {
            self.readers.lock().push(store);
        }
    }
}

/// A place in the line.
struct InLine<'a>(&'a AtomicUsize);

impl InLine<'_> {
    fn of(waiting: &AtomicUsize) -> Option<InLine<'_>> {
        let place = InLine(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < LINE).then_some(place)
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

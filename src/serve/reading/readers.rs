//! Reading the file for calls: a few read-only connections, used on threads that may block. Whoever finds no room waits in
//! a short line, and is sent away when it does not move.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::serve::answer::{self, Fault};
use crate::serve::reading::coding::Coding;
use crate::serve::reading::large::Large;
use crate::store::{Place, Store, StoreError};

/// Questions answered at once.
const AT_ONCE: usize = 4;
/// Those of them at most whose answer is sent while the file is read: callers who read slowly leave room for the others.
const STREAMS: usize = 2;
/// Questions that wait for their turn at most.
const LINE: usize = 256;
/// How long one waits.
const PATIENCE: Duration = Duration::from_secs(2);

pub(in crate::serve) struct Readers {
    place: Arc<Place>,
    idle: Mutex<Vec<Store>>,
    witness: Mutex<Option<Witness>>,
    room: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    waiting: AtomicUsize,
    large: Large,
    /// How many questions were sent away.
    pub(in crate::serve) refused: AtomicU64,
}

/// A connection that only sees that others have changed the file. How often is told by the same connection alone.
struct Witness {
    store: Store,
    /// Of this connection and no other, in no run of the server.
    name: Uuid,
}

/// Room for one question, with the connection to ask it. Dropping it makes the room free.
pub(in crate::serve) struct Reader {
    readers: Arc<Readers>,
    store: Option<Store>,
    _room: Room,
}

/// Room for one question. Dropping it makes it free.
pub(in crate::serve) struct Room {
    _place: OwnedSemaphorePermit,
    _stream: Option<OwnedSemaphorePermit>,
}

impl Readers {
    pub(in crate::serve) fn new(place: Arc<Place>) -> Arc<Readers> {
        Arc::new(Readers {
            place,
            idle: Mutex::default(),
            witness: Mutex::default(),
            room: Arc::new(Semaphore::new(AT_ONCE)),
            streams: Arc::new(Semaphore::new(STREAMS)),
            waiting: AtomicUsize::new(0),
            large: Large::default(),
            refused: AtomicU64::new(0),
        })
    }

    /// Reads a document on a thread that may block, and answers with it.
    pub(in crate::serve) async fn answer(
        self: &Arc<Self>,
        coding: Coding,
        status: StatusCode,
        read: impl FnOnce(&Store) -> Result<Value, Fault> + Send + 'static,
    ) -> Result<Response<Body>, Fault> {
        self.answer_text(coding, status, move |store| Ok(read(store)?.to_string()))
            .await
    }

    /// The same where the document is made as text.
    pub(in crate::serve) async fn answer_text(
        self: &Arc<Self>,
        coding: Coding,
        status: StatusCode,
        read: impl FnOnce(&Store) -> Result<String, Fault> + Send + 'static,
    ) -> Result<Response<Body>, Fault> {
        let read = move |store: &Store| Ok(coding.whole(read(store)?));
        let made = self.read(read).await?;
        let body = self.large.body(made.bytes).inspect_err(|_| {
            self.refused.fetch_add(1, Ordering::Relaxed);
        })?;
        Ok(answer::coded(status, body, made.is_zipped))
    }

    /// Reads on a thread that may block.
    pub(in crate::serve) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Store) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.read_in(self.room().await?, read).await
    }

    /// The same with room that is there.
    pub(in crate::serve) async fn read_in<T: Send + 'static>(
        self: &Arc<Self>,
        room: Room,
        read: impl FnOnce(&Store) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let readers = Arc::clone(self);
        let read = move || {
            let reader = readers.reader(room)?;
            let store = reader.store();
            store.if_still(read(store))
        };
        tokio::task::spawn_blocking(read)
            .await
            .unwrap_or_else(|_| Err(Fault::defect("a question stopped unexpectedly")))
    }

    /// Waits for room.
    async fn room(&self) -> Result<Room, Fault> {
        Ok(Room {
            _place: self.turn(&self.room).await?,
            _stream: None,
        })
    }

    /// Waits for room for an answer that is sent while the file is read.
    pub(in crate::serve) async fn room_for_stream(&self) -> Result<Room, Fault> {
        let stream = self.turn(&self.streams).await?;
        Ok(Room {
            _place: self.turn(&self.room).await?,
            _stream: Some(stream),
        })
    }

    async fn turn(&self, places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Fault> {
        let crowded = || {
            self.refused.fetch_add(1, Ordering::Relaxed);
            Fault::busy("too many questions at once")
        };
        if let Ok(place) = Arc::clone(places).try_acquire_owned() {
            return Ok(place);
        }
        let _in_line = InLine::of(&self.waiting).ok_or_else(crowded)?;
        match tokio::time::timeout(PATIENCE, Arc::clone(places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(crowded()),
        }
    }

    /// A connection for the room; opens the file where none is idle, so on a thread that may block.
    pub(in crate::serve) fn reader(self: &Arc<Self>, room: Room) -> Result<Reader, Fault> {
        self.place.check()?;
        let idle = self.lock().pop();
        let store = idle.map_or_else(|| self.place.open(Store::read), Ok)?;
        Ok(Reader {
            readers: Arc::clone(self),
            store: Some(store),
            _room: room,
        })
    }

    /// What differs once the file has changed. It takes a moment, but on a thread that may block.
    pub(in crate::serve) fn version(&self) -> Result<String, StoreError> {
        self.place.check()?;
        let mut witness = self.witness.lock().unwrap_or_else(PoisonError::into_inner);
        let witness = match &mut *witness {
            Some(witness) => witness,
            none => none.insert(Witness {
                store: self.place.open(Store::read)?,
                name: Uuid::now_v7(),
            }),
        };
        let version = witness.store.data_version()?;
        Ok(format!("{}-{version:x}", witness.name.simple()))
    }

    /// Closes what nobody uses: the file was given up.
    pub(in crate::serve) fn let_go(&self) {
        self.lock().clear();
        *self.witness.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Store>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    pub(in crate::serve) fn store(&self) -> &Store {
        self.store.as_ref().expect("it is taken when it is dropped")
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // A panic may have left a transaction open.
        let is_of_use = |store: &Store| {
            !std::thread::panicking()
                && self.readers.place.check().is_ok()
                && store.check_still().is_ok()
        };
        if let Some(store) = self.store.take().filter(is_of_use) {
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

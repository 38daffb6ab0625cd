//! What a test commands of a disk: which operation fails and how, what is written down, how much room there is. The VFS
//! of `vfs` asks it about each operation on the files of its folder. It must never touch a file itself.

use std::collections::{BTreeMap, HashMap};
use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rusqlite::ffi;

use super::vfs;

/// What is done to files.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Write,
    Truncate,
    Sync,
    Open,
    Delete,
}

pub(crate) const KINDS: [Kind; 5] = [
    Kind::Write,
    Kind::Truncate,
    Kind::Sync,
    Kind::Open,
    Kind::Delete,
];

/// How it fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Failure {
    NoSpace,
    Io,
}

/// Which operations fail: the `nth` (from 1) of a kind on files whose names end so, or all from it on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) suffix: &'static str,
    pub(crate) nth: u64,
    pub(crate) for_ever: bool,
    pub(crate) failure: Failure,
}

/// One thing that happened, by the file's name in its folder.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Create(String),
    Write(String, u64, Vec<u8>),
    Truncate(String, u64),
    Sync(String),
    Delete(String),
    /// What became of the names so far is durable.
    SyncFolder,
}

#[derive(Default)]
pub(crate) struct State {
    fault: Option<Fault>,
    /// Operations that the fault could have been about.
    seen: u64,
    log: Option<Vec<Event>>,
    /// Bytes that the files may have together.
    room: Option<u64>,
    pub(crate) sizes: BTreeMap<String, u64>,
    peak: u64,
}

impl State {
    pub(crate) fn log(&mut self, event: impl FnOnce() -> Event) {
        if let Some(log) = &mut self.log {
            log.push(event());
        }
    }

    /// The error that an operation is to fail with, if it is.
    pub(crate) fn verdict(&mut self, kind: Kind, name: &str) -> Option<c_int> {
        let fault = self.fault?;
        if fault.kind != kind || !name.ends_with(fault.suffix) {
            return None;
        }
        self.seen += 1;
        let hit = self.seen == fault.nth || (fault.for_ever && self.seen > fault.nth);
        hit.then_some(match (fault.failure, kind) {
            (Failure::NoSpace, _) => ffi::SQLITE_FULL,
            (Failure::Io, Kind::Write) => ffi::SQLITE_IOERR_WRITE,
            (Failure::Io, Kind::Truncate) => ffi::SQLITE_IOERR_TRUNCATE,
            (Failure::Io, Kind::Sync) => ffi::SQLITE_IOERR_FSYNC,
            (Failure::Io, Kind::Open) => ffi::SQLITE_CANTOPEN,
            (Failure::Io, Kind::Delete) => ffi::SQLITE_IOERR_DELETE,
        })
    }

    pub(crate) fn grow(&mut self, name: &str, end: u64) -> bool {
        let held = self.sizes.get(name).copied().unwrap_or(0);
        let used: u64 = self.sizes.values().sum::<u64>() - held + held.max(end);
        if end > held && self.room.is_some_and(|room| used > room) {
            return false;
        }
        self.sizes.insert(name.to_owned(), held.max(end));
        self.peak = self.peak.max(used);
        true
    }
}

pub(crate) type Shared = Arc<Mutex<State>>;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn folders() -> &'static Mutex<HashMap<PathBuf, Shared>> {
    static FOLDERS: OnceLock<Mutex<HashMap<PathBuf, Shared>>> = OnceLock::new();
    FOLDERS.get_or_init(Mutex::default)
}

/// The command over a folder, if it is under one.
pub(crate) fn commanding(folder: &Path) -> Option<Shared> {
    lock(folders()).get(folder).cloned()
}

/// A folder under command, until it is dropped.
pub(crate) struct Disk {
    folder: PathBuf,
    state: Shared,
}

impl Disk {
    pub(crate) fn of(folder: &Path) -> Disk {
        vfs::register();
        let (folder, state) = (folder.canonicalize().unwrap(), Shared::default());
        lock(folders()).insert(folder.clone(), state.clone());
        Disk { folder, state }
    }

    /// From now on this fails, counted anew; `None` mends the disk.
    pub(crate) fn fail(&self, fault: Option<Fault>) {
        let mut state = lock(&self.state);
        (state.fault, state.seen) = (fault, 0);
    }

    /// How many operations there were that the fault could have been about.
    pub(crate) fn seen(&self) -> u64 {
        lock(&self.state).seen
    }

    pub(crate) fn record(&self) {
        lock(&self.state).log = Some(Vec::new());
    }

    pub(crate) fn recorded(&self) -> usize {
        lock(&self.state).log.as_ref().map_or(0, Vec::len)
    }

    pub(crate) fn take_log(&self) -> Vec<Event> {
        lock(&self.state).log.take().unwrap_or_default()
    }

    /// The files may have so many bytes together.
    pub(crate) fn limit(&self, room: Option<u64>) {
        lock(&self.state).room = room;
    }

    /// The most bytes that the files had together.
    pub(crate) fn peak(&self) -> u64 {
        lock(&self.state).peak
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        lock(folders()).remove(&self.folder);
    }
}

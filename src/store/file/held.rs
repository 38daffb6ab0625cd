//! What this process holds open under a path: which file it is, and what SQLite's own header says of its journal.
//!
//! A file's bytes are read here beside SQLite, and only here. To close any handle of a file takes away every lock that the
//! process has on it, those of SQLite included: so there is one handle a file, shared by all who hold the file, and closed
//! after the last of their connections.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::run::owner;
use crate::run::path::beside;
use crate::store::file::id::Id;

/// How many hold each file, and what they share.
static HELD: Mutex<Option<Files>> = Mutex::new(None);

type Files = HashMap<Id, (usize, Arc<Shared>)>;

/// What all who hold a file in this process share.
#[derive(Debug)]
struct Shared {
    file: File,
    /// Connections to it.
    links: AtomicUsize,
    /// Transactions that they have committed.
    commits: AtomicU64,
    /// It is not in its place any more, and is not written again.
    given_up: AtomicBool,
    log: Mutex<Log>,
}

/// The write-ahead log of a file.
#[derive(Debug, Default)]
struct Log {
    /// Which it is, where the file was given one here.
    id: Option<Id>,
    /// Connections that write to it.
    writers: usize,
}

/// The journal that a file's header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Journal {
    /// A rollback journal: whoever may read the file can read it.
    Rollback,
    /// A write-ahead log.
    Wal,
}

/// A file while it is held. It must outlive every connection to it.
#[derive(Debug)]
pub(in crate::store) struct Held {
    id: Id,
    shared: Option<Arc<Shared>>,
}

impl Held {
    /// Holds the file of a name, which must be there.
    pub(in crate::store) fn of(path: &Path) -> io::Result<Held> {
        let mut held = lock();
        let held = held.get_or_insert_default();
        let known = Id::at(path)?;
        if let Some((count, shared)) = held.get_mut(&known) {
            *count += 1;
            let shared = Some(Arc::clone(shared));
            return Ok(Held { id: known, shared });
        }
        let file = File::open(path)?;
        let id = Id::of(&file, path)?;
        if let Some((count, shared)) = held.get_mut(&id) {
            // It came to this name just now, and is held by another: this handle may not be closed before theirs.
            std::mem::forget(file);
            *count += 1;
            let shared = Some(Arc::clone(shared));
            return Ok(Held { id, shared });
        }
        let shared = Arc::new(Shared {
            file,
            links: AtomicUsize::new(0),
            commits: AtomicU64::new(0),
            given_up: AtomicBool::new(false),
            log: Mutex::default(),
        });
        held.insert(id.clone(), (1, Arc::clone(&shared)));
        Ok(Held {
            id,
            shared: Some(shared),
        })
    }

    /// The same file, held once more.
    pub(in crate::store) fn again(&self) -> Held {
        if let Some((count, _)) = lock().get_or_insert_default().get_mut(&self.id) {
            *count += 1;
        }
        Held {
            id: self.id.clone(),
            shared: self.shared.clone(),
        }
    }

    pub(in crate::store) fn is_same(&self, other: &Held) -> bool {
        self.id == other.id
    }

    /// Where the file is now, if the system says so and it has a name.
    pub(in crate::store) fn whereabouts(&self) -> Option<PathBuf> {
        #[cfg(target_os = "linux")]
        {
            use std::os::fd::AsRawFd;
            let link = format!("/proc/self/fd/{}", self.shared().file.as_raw_fd());
            std::fs::read_link(link)
                .ok()
                .filter(|path| self.is_at(path))
        }
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// Counts a connection in.
    pub(in crate::store) fn link(&self) {
        self.shared().links.fetch_add(1, Ordering::SeqCst);
    }

    /// Counts a connection out; whether it was the last one of this process.
    pub(in crate::store) fn unlink(&self) -> bool {
        self.shared().links.fetch_sub(1, Ordering::SeqCst) == 1
    }

    /// How many transactions this process has committed to it.
    pub(in crate::store) fn commits(&self) -> u64 {
        self.shared().commits.load(Ordering::SeqCst)
    }

    pub(in crate::store) fn committed(&self) {
        self.shared().commits.fetch_add(1, Ordering::SeqCst);
    }

    pub(in crate::store) fn give_up(&self) {
        self.shared().given_up.store(true, Ordering::SeqCst);
    }

    pub(in crate::store) fn is_given_up(&self) -> bool {
        self.shared().given_up.load(Ordering::SeqCst)
    }

    /// Whether the file is the one of this name.
    pub(in crate::store) fn is_at(&self, path: &Path) -> bool {
        Id::at(path).is_ok_and(|found| found == self.id)
    }

    /// Counts in a connection that writes to the log beside the file. The first of them says which that is.
    pub(in crate::store) fn keep_log(&self, path: &Path) {
        let mut log = self.log();
        log.writers += 1;
        if log.id.is_none() {
            log.id = Id::at(&beside(path, "-wal")).ok();
        }
    }

    /// Counts it out. The log may go with the last of them.
    pub(in crate::store) fn leave_log(&self) {
        let mut log = self.log();
        log.writers -= 1;
        if log.writers == 0 {
            log.id = None;
        }
    }

    /// Whether the log that it was given is still beside it.
    pub(in crate::store) fn has_its_log(&self, path: &Path) -> bool {
        let log = self.log();
        let is_it = |log: &Id| Id::at(&beside(path, "-wal")).is_ok_and(|found| found == *log);
        log.id.as_ref().is_none_or(is_it)
    }

    /// Names of the file and of the log that it was given, which no other file has.
    pub(in crate::store) fn names(&self) -> Option<(String, String)> {
        let log = self.log();
        Some((self.id.to_string(), log.id.as_ref()?.to_string()))
    }

    /// Whether a run has noted that the log beside it is not its own.
    pub(in crate::store) fn log_is_noted_of_another(&self, path: &Path) -> bool {
        let log = Id::at(&beside(path, "-wal"));
        log.is_ok_and(|log| owner::is_log_of_another(path, &self.id.to_string(), &log.to_string()))
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        let log = self.shared().log.lock();
        log.unwrap_or_else(PoisonError::into_inner)
    }

    /// What the header says now.
    pub(in crate::store) fn journal(&self) -> Journal {
        let mut header = [0; 20];
        match self.read_at(&mut header, 0) {
            Ok(20) if header.starts_with(b"SQLite format 3\0") && header[19] == 2 => Journal::Wal,
            _ => Journal::Rollback,
        }
    }

    /// The `application_id` that the header says, as far as it is there.
    pub(in crate::store) fn marked(&self) -> Option<i32> {
        let mut id = [0; 4];
        (self.read_at(&mut id, 68).ok()? == 4).then(|| i32::from_be_bytes(id))
    }

    pub(in crate::store) fn metadata(&self) -> io::Result<Metadata> {
        self.shared().file.metadata()
    }

    /// Reads at a position, as far as there is something.
    pub(in crate::store) fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let mut read = 0;
        while read < into.len() {
            match read_at(&self.shared().file, &mut into[read..], at + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn shared(&self) -> &Shared {
        self.shared
            .as_ref()
            .expect("it is taken when it is dropped")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = lock();
        let held = held.get_or_insert_default();
        if let Some((count, _)) = held.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.id);
            }
        }
        // Within the lock: whoever opens the file next has no lock on it yet.
        drop(self.shared.take());
    }
}

fn lock() -> MutexGuard<'static, Option<Files>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(unix)]
fn read_at(file: &File, into: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, into, at)
}

#[cfg(windows)]
fn read_at(file: &File, into: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, into, at)
}

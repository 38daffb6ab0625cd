//! Whether a file that is held is still the one under its path. Somebody may move it, delete it, or put another one in its
//! place while it is in use, and SQLite goes on with the names that it once had: what is written then goes into a log that
//! the file does not have any more, and that a newcomer would take for its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::run::path::beside;
use crate::store::file::held::{Held, Journal};
#[cfg(feature = "serve")]
use crate::store::file::link::Link;
use crate::store::file::path::{discard_log, is_there};
use crate::store::{Store, StoreError};

/// How long readers are waited for whose snapshots keep the log from being worked off.
const PATIENCE: Duration = Duration::from_secs(5);

impl Store {
    /// That the file is in its place. One that is not is given up: what was committed is brought into it, wherever it is
    /// now, and nobody in this process writes it again.
    ///
    /// # Errors
    /// It was moved, deleted or replaced.
    pub(crate) fn check_in_place(&self) -> Result<(), StoreError> {
        if !self.is_in_place() {
            return Err(self.give_up());
        }
        self.connection.is_seen();
        Ok(())
    }

    pub(in crate::store) fn is_in_place(&self) -> bool {
        self.connection.held().is_some_and(|held| {
            // A log that this connection does not use may be gone with the last one that did.
            let has_its_log = !self.connection.writes_log() || held.has_its_log(&self.real);
            has_its_log && is_at_home(held, &self.real, &self.path) && !self.is_overwritten(held)
        })
    }

    /// From now on the log is to stay beside the file, too: what is committed to one that was removed is lost with the
    /// process.
    pub(in crate::store) fn keep_log(&self) {
        self.connection.keep_log(&self.real);
        self.note();
    }

    /// Notes beside the file which log is its own, where a run of this process is to be found there: whoever finds another file
    /// under its name leaves that log alone.
    pub(in crate::store) fn note(&self) {
        let names = self.connection.held().and_then(Held::names);
        if let (Some(owner), Some((file, log))) = (self.owner.get(), names) {
            owner.note(&file, &log);
        }
    }

    /// Whether another file was written into this one: the header of one that has a log says so.
    fn is_overwritten(&self, held: &Held) -> bool {
        self.connection.writes_log() && held.journal() == Journal::Rollback
    }

    pub(in crate::store) fn give_up(&self) -> StoreError {
        let Some(held) = self.connection.held() else {
            return moved(&self.path, None);
        };
        held.give_up();
        let _ = self.connection.leave();
        let is_overwritten = self.is_overwritten(held);
        if is_overwritten {
            // What is in the log is of a file that is no more, and the new one must not take it for its own.
            discard_log(&self.real);
        } else if self.connection.writes_log() && !self.connection.is_written_by_strangers() {
            let _ = self.connection.busy_timeout(PATIENCE);
            let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
            let _ = self.connection.query_row(sql, [], |_| Ok(()));
            // Where nothing has come in its place, nobody can use what it has left there.
            if !self.real.exists() && !is_there(&self.real, "-wal") {
                for suffix in ["-wal", "-shm"] {
                    let _ = fs::remove_file(beside(&self.real, suffix));
                }
            }
        }
        if !is_overwritten && held.is_at(&self.real) && held.is_at(&self.path) {
            return StoreError::LogGone(self.path.clone());
        }
        moved(&self.path, held.whereabouts().filter(|_| !is_overwritten))
    }

    /// Closes a file that was given up. Nothing can be read or written here any more.
    #[cfg(feature = "serve")]
    pub(crate) fn let_go(&mut self) {
        if let Ok(nothing) = Link::to_nothing() {
            self.connection = nothing;
        }
    }

    /// The place of the file.
    pub(crate) fn place(&self) -> Place {
        Place {
            path: self.path.clone(),
            real: self.real.clone(),
            held: Mutex::new(self.connection.held().map(Held::again)),
        }
    }
}

/// The place of a file, and which file it was.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    real: PathBuf,
    held: Mutex<Option<Held>>,
}

impl Place {
    /// That the file is there.
    ///
    /// # Errors
    /// It was moved, deleted or replaced.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match &*self.held() {
            Some(held) if is_in_place(held, &self.real, &self.path) => Ok(()),
            Some(held) => {
                held.give_up();
                if held.is_at(&self.real) && held.is_at(&self.path) {
                    return Err(StoreError::LogGone(self.path.clone()));
                }
                Err(moved(&self.path, held.whereabouts()))
            }
            None => Err(moved(&self.path, None)),
        }
    }

    /// Opens the file, which must be the one that was there.
    ///
    /// # Errors
    /// As [`Place::check`], and what `open` says.
    pub(crate) fn open(
        &self,
        open: impl FnOnce(&Path) -> Result<Store, StoreError>,
    ) -> Result<Store, StoreError> {
        self.check()?;
        let store = open(&self.path)?;
        let is_same = |held: &Held| store.connection.held().is_some_and(|new| new.is_same(held));
        if self.held().as_ref().is_some_and(is_same) {
            return Ok(store);
        }
        // Of the newcomer, which is left as it is.
        self.check().and(Err(moved(&self.path, None)))
    }

    /// Does not ask any more: it was given up.
    #[cfg(feature = "serve")]
    pub(crate) fn let_go(&self) {
        *self.held() = None;
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_in_place(held: &Held, real: &Path, path: &Path) -> bool {
    is_at_home(held, real, path) && held.has_its_log(real)
}

fn is_at_home(held: &Held, real: &Path, path: &Path) -> bool {
    !held.is_given_up() && held.is_at(real) && held.is_at(path)
}

fn moved(path: &Path, now: Option<PathBuf>) -> StoreError {
    StoreError::Moved {
        path: path.to_path_buf(),
        now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::clock::Cancel;

    // Of two runs of one process the one that had not begun was told that its log was gone.
    #[test]
    fn a_log_that_went_with_the_last_who_used_it_is_missed_by_nobody_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("market.db");
        let first = Store::create(&path).expect("a file");
        let second = Store::create(&path).expect("the file");
        let begin = |store: &Store| store.ready_to_write(&Cancel::new(), || ());
        begin(&first).expect("a log");
        drop(first);
        second.check_in_place().expect("a file in its place");
        second.place().check().expect("a file in its place");
        begin(&second).expect("a log");
        fs::remove_file(beside(&path, "-wal")).expect("a log");
        let gone = second.check_in_place();
        assert!(matches!(gone, Err(StoreError::LogGone(_))), "{gone:?}");
    }
}

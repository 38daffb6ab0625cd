//! A file that is read without a lock, since it may not be written and has no log: whether it stood still meanwhile.

use std::path::Path;
use std::time::SystemTime;

use crate::store::file::held::Held;
use crate::store::file::path::is_there;
use crate::store::{Store, StoreError};

/// What differs once a file was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Still {
    is_in_place: bool,
    has_log: bool,
    size: u64,
    modified: Option<SystemTime>,
}

impl Still {
    pub(in crate::store) fn of(held: &Held, path: &Path) -> Still {
        let found = held.metadata();
        Still {
            is_in_place: held.is_at(path),
            has_log: is_there(path, "-wal"),
            size: found.as_ref().map_or(0, std::fs::Metadata::len),
            modified: found.and_then(|found| found.modified()).ok(),
        }
    }

    pub(in crate::store) fn has_log(&self) -> bool {
        self.has_log
    }
}

impl Store {
    /// Whether what was read is one state of the file. It always is where the file is read with locks; one that an older
    /// version left behind with a write-ahead log is read without, and somebody may have written it.
    ///
    /// # Errors
    /// It was written meanwhile: what was read is of no use.
    pub fn check_still(&self) -> Result<(), StoreError> {
        match &self.still {
            Some(before)
                if self
                    .connection
                    .held()
                    .is_none_or(|held| Still::of(held, &self.real) != *before) =>
            {
                Err(StoreError::Changed(self.path.clone()))
            }
            _ => Ok(()),
        }
    }

    /// What was read, be it an error, where [the file stood still](Store::check_still): what is wrong may be so because it was
    /// written.
    ///
    /// # Errors
    /// What `read` is, and where the file was written meanwhile.
    pub fn if_still<T, E: From<StoreError>>(&self, read: Result<T, E>) -> Result<T, E> {
        self.check_still()?;
        read
    }

    /// Reads a file with [`Store::read`], and once more where it was [written](Store::check_still) meanwhile.
    ///
    /// # Errors
    /// As [`Store::read`], what `read` says, and where the file was written again.
    pub fn reading<T, E: From<StoreError>>(
        path: &Path,
        read: impl Fn(&Store) -> Result<T, E>,
    ) -> Result<T, E> {
        let once = || {
            let store = Store::read(path)?;
            let read = read(&store);
            store.check_still().map(|()| read)
        };
        match once() {
            Err(StoreError::Changed(_)) => once()?,
            other => other?,
        }
    }
}

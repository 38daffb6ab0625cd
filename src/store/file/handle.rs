//! An open file, and what holds for all that is done with it.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::monitor::Meter;
use crate::run::owner::Owner;
use crate::store::candles::measure::KnownGaps;
use crate::store::file::how::How;
use crate::store::file::link::Link;
use crate::store::file::still::Still;
use crate::store::{StoreError, told};

/// One open file. A store that was opened for writing owns the only writing connection of its process.
#[derive(Debug)]
pub struct Store {
    pub(in crate::store) connection: Link,
    /// As it was named.
    pub(in crate::store) path: PathBuf,
    /// Where that leads: what lies beside the file lies there.
    pub(in crate::store) real: PathBuf,
    pub(in crate::store) how: How,
    /// What the file was when it was opened, where it is read without a lock.
    pub(in crate::store) still: Option<Still>,
    /// What the file was found to be: an older format is read as it is.
    pub(in crate::store) format: i32,
    /// Whether the file is a packed one, with its seal still on.
    pub(in crate::store) sealed: Cell<bool>,
    /// Counts the candles that are read.
    pub(in crate::store) meter: Meter,
    pub(in crate::store) known_gaps: RefCell<HashMap<i64, KnownGaps>>,
    /// Size of the write-ahead log at which it is to be emptied next, bytes.
    pub(in crate::store) log_bound: u64,
    /// The run of this process on the file, once it has a job. Over with the store: after the connection is.
    pub(in crate::store) owner: OnceCell<Owner>,
}

impl Store {
    /// Waits for other programs' transactions no longer than this from now on, instead of a minute.
    ///
    /// # Errors
    /// SQLite refuses it.
    pub fn wait_at_most(&self, patience: Duration) -> Result<(), StoreError> {
        self.connection
            .busy_timeout(patience)
            .map_err(told(&self.path))
    }

    /// Whether the file can be written now: nothing is.
    ///
    /// # Errors
    /// It cannot, or another program is at it for too long.
    pub(crate) fn check_writable(&self) -> Result<(), StoreError> {
        rusqlite::Transaction::new_unchecked(
            &self.connection,
            rusqlite::TransactionBehavior::Immediate,
        )
        .map(|_| ())
        .map_err(told(&self.path))
    }

    /// The run of this process on the file, for its jobs: begun if there is none, and over with the last store that has it.
    ///
    /// # Errors
    /// What proves it cannot be made beside the file.
    #[doc(hidden)]
    pub fn owner(&self) -> Result<Owner, StoreError> {
        if let Some(owner) = self.owner.get() {
            return Ok(owner.clone());
        }
        let owner = Owner::of_this_process(&self.path).map_err(|why| match why.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                StoreError::Full(self.path.clone())
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                StoreError::ReadOnlyFolder(self.path.clone())
            }
            _ => StoreError::NoOwner {
                path: self.path.clone(),
                why: why.to_string(),
            },
        })?;
        let owner = self.owner.get_or_init(|| owner).clone();
        self.note();
        Ok(owner)
    }

    /// A number that differs once another connection has changed the file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn data_version(&self) -> Result<i64, StoreError> {
        self.connection
            .pragma_query_value(None, "data_version", |row| row.get(0))
            .map_err(told(&self.path))
    }

    /// Has the candles that are read counted by a meter that others share.
    #[must_use]
    pub fn metered(mut self, meter: &Meter) -> Store {
        self.meter = meter.clone();
        self
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The path that was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

//! The SQLite file: opening it safely, its format, and the one error of this layer. The only module that knows SQL, and
//! one that never sees a provider.

mod candles;
mod error;
mod file;
mod jobs;
mod merge;
mod packed;

pub use candles::batch::{Asked, Batch, Beginning, PageWrite, SliceEnd};
pub use candles::books::Counted;
pub use candles::drop::Part;
pub use candles::odd::OddRows;
pub use candles::read::{HeldSeries, SeriesRow};
pub use candles::selection::Candles;
pub use candles::series::SeriesKey;
pub(crate) use candles::series::fillable;
pub(crate) use error::told;
pub use error::{SqliteError, StoreError};
pub use file::info::FileInfo;
pub(crate) use file::place::Place;
pub use file::room::free_room;
pub use file::schema::{TableDoc, tables};
pub use file::sql::{SqlClock, SqlValue, TakeRows};
pub use file::standing::how_to_restore;
pub(crate) use file::standing::{free_name, is_unfinished, is_working};
pub use jobs::counts::Counts;
pub use jobs::create::{JobSettings, Made, NewJob, Progress, Target};
pub use jobs::progress::{JobTally, SeriesProgress};
pub use jobs::queue::Queued;
pub use jobs::sends::Window;
pub use jobs::sharing::{Left, Others};
pub use jobs::states::{
    JobDetail, JobFilter, JobRow, JobSeries, JobStatus, SeriesStatus, SliceCounts, SliceFilter,
    SliceRow, SliceStatus,
};
pub use merge::Added;
pub(crate) use packed::btree::Tree;
pub(crate) use packed::history::Times;
pub use packed::seal::{MARK, Seal};
pub(crate) use packed::write::{Packing, Row};

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use candles::holes::Holes;
use file::link::Link;
use file::open::How;
use file::still::Still;

use crate::monitor::Meter;
use crate::run::owner::Owner;

/// `application_id` of the file: "CDLF".
pub const APPLICATION_ID: i32 = 0x4344_4c46;
/// `CDLp`: marks a file that is being made, until it is whole. What a kill leaves of it is nobody's.
const UNFINISHED_ID: i32 = 0x4344_4c70;
/// `user_version` of the file: the format that this program writes.
pub const FORMAT: i32 = 5;
/// Other programs' transactions are waited for this long; a batch takes well below a second.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// One open file. A store that was opened for writing owns the only writing connection of its process.
#[derive(Debug)]
pub struct Store {
    connection: Link,
    /// As it was named.
    path: PathBuf,
    /// Where that leads: what lies beside the file lies there.
    real: PathBuf,
    how: How,
    /// What the file was when it was opened, where it is read without a lock.
    still: Option<Still>,
    /// What the file was found to be: an older format is read as it is.
    format: i32,
    /// Whether the file is a packed one, with its seal still on.
    sealed: Cell<bool>,
    /// Whether a writer's file has its log already.
    has_log: Cell<bool>,
    /// Counts the candles that are read.
    meter: Meter,
    known_holes: RefCell<HashMap<i64, Holes>>,
    /// Size of the write-ahead log at which it is to be emptied next, bytes.
    log_bound: u64,
    /// The run of this process on the file, once it has a job. Over with the store: after the connection is.
    owner: OnceCell<Owner>,
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
    pub fn check_writable(&self) -> Result<(), StoreError> {
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
    pub fn data_version(&self) -> Result<i64, StoreError> {
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

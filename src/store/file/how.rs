//! How a reader opens a file: by what it is at that instant, what lies beside it, and what he may do.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::run::path::beside;
use crate::store::StoreError;
use crate::store::file::held::{Held, Journal};
use crate::store::file::open::set_up;
use crate::store::file::path::{check_not_interrupted, is_there, percent_encoded};
use crate::store::file::rights::may_write;

/// The log of a file that was replaced is waited for no longer than this.
const NOTICED_WITHIN: Duration = Duration::from_secs(3);
/// A file whose header names a log that is not there is looked at so often before it is taken for one at rest.
const LOOKS: u32 = 3;
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How a file is opened to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum How {
    /// With the locks of a file at rest, and no right to write it.
    AtRest,
    /// As one of those who use its log, and clear up behind them.
    Beside,
    /// The same without the right to write: what a writer made is used, and nothing made.
    BesideReadOnly,
    /// As a file that nobody changes: without a lock, and without a look at what lies beside it.
    Immutable,
}

impl How {
    pub(super) fn to_read(path: &Path, held: &Held) -> How {
        if has_log_of_another(path, held) {
            return How::Immutable;
        }
        if held.journal() == Journal::Rollback {
            // A reader with the right to do so takes back what was interrupted.
            let is_interrupted = check_not_interrupted(path).is_err();
            return if is_interrupted && may_write(path) {
                How::Beside
            } else {
                How::AtRest
            };
        }
        // One that is empty, without the shared memory of those who use it, was left by nobody who uses it now.
        let in_use = || {
            is_there(path, "-wal")
                || (beside(path, "-wal").exists() && beside(path, "-shm").exists())
        };
        for _ in 0..LOOKS {
            if in_use() {
                return if may_write(path) {
                    How::Beside
                } else {
                    How::BesideReadOnly
                };
            }
            // A writer may be between the two halves of a switch.
            std::thread::sleep(LOOK_EVERY);
            if held.journal() == Journal::Rollback {
                return How::to_read(path, held);
            }
        }
        How::Immutable
    }

    pub(super) fn parameters(self) -> &'static str {
        match self {
            How::AtRest => "mode=ro",
            How::Beside => "mode=rw",
            How::BesideReadOnly => "mode=ro&readonly_shm=1",
            How::Immutable => "mode=ro&immutable=1",
        }
    }

    pub(super) fn connect(self, path: &Path) -> rusqlite::Result<Connection> {
        let name = format!("file:{}?{}", percent_encoded(path), self.parameters());
        let access = match self {
            How::Beside => OpenFlags::SQLITE_OPEN_READ_WRITE,
            _ => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
        let flags = access | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(name, flags)?;
        set_up(&connection)?;
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(connection)
    }
}

/// Whether what lies beside a file is the log of another one, that had its name before. A file gets its log when its header
/// says so, and loses it before its header does. What an interrupted switch has left says nothing before it is taken back.
pub(in crate::store) fn has_log_of_another(path: &Path, held: &Held) -> bool {
    let look = || {
        is_there(path, "-wal")
            && check_not_interrupted(path).is_ok()
            && (held.journal() == Journal::Rollback || held.log_is_noted_of_another(path))
    };
    // One that lays it to rest between the two questions of a look is gone at the next.
    look() && look() && held.metadata().is_ok_and(|found| found.len() > 0)
}

/// A program that had the file before notices within a second that it is gone, and takes its log away.
pub(super) fn check_own_log(path: &Path, held: &Held) -> Result<(), StoreError> {
    let began = Instant::now();
    while has_log_of_another(path, held) {
        if began.elapsed() > NOTICED_WITHIN {
            return Err(StoreError::StrangeLog(beside(path, "-wal")));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

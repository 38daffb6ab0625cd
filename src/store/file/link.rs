//! A connection together with the file that it holds, and the two switches of its journal. A file at rest has a rollback
//! journal, so that whoever may read it can read it, and leaves nothing beside it; while it is written it has a write-ahead
//! log. The last one out who may write switches back.
//!
//! Each switch is a small transaction with a rollback journal, and its end is made durable with the folder
//! (`synchronous=EXTRA`): a journal that came back after a power loss would take the file back with it.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};

use crate::run::path::beside;
use crate::store::file::held::Held;
use crate::store::file::how::has_log_of_another;
use crate::store::file::path::is_there;
use crate::store::{BUSY_TIMEOUT, StoreError, told};

/// One attempt to switch keeps new readers out for this long at first, and no longer than the second.
const ATTEMPTS: [Duration; 2] = [Duration::from_millis(20), Duration::from_secs(1)];
/// Switches that others may take back before the file is looked at: more of them are no coincidence.
const SWITCHES: u32 = 100;

/// What is done when the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Closing {
    /// Nothing that writes.
    Leave,
    /// The file is laid to rest, if nobody else has it.
    Rest,
}

/// A connection and what it holds.
#[derive(Debug)]
pub(in crate::store) struct Link {
    connection: Connection,
    pub(in crate::store) closing: Closing,
    /// Transactions that were committed here.
    commits: Cell<u64>,
    /// When the file was last seen in its place: its `data_version`, and what others in this process had committed to it.
    seen: Cell<Option<(i64, u64)>>,
    /// Whether it writes to the file's log.
    writes_log: Cell<bool>,
    /// `None` where it was given up. Dropped after the connection, which is what it is for.
    held: Option<Held>,
}

impl Link {
    pub(in crate::store) fn new(connection: Connection, held: Held, closing: Closing) -> Link {
        held.link();
        Link {
            connection,
            closing,
            commits: Cell::new(0),
            seen: Cell::new(None),
            writes_log: Cell::new(false),
            held: Some(held),
        }
    }

    /// One to nothing, in place of one that was given up.
    #[cfg(feature = "serve")]
    pub(in crate::store) fn to_nothing() -> rusqlite::Result<Link> {
        Ok(Link {
            connection: Connection::open_in_memory()?,
            closing: Closing::Leave,
            commits: Cell::new(0),
            seen: Cell::new(None),
            writes_log: Cell::new(false),
            held: None,
        })
    }

    pub(in crate::store) fn held(&self) -> Option<&Held> {
        self.held.as_ref()
    }

    /// Whether it writes to the log beside the file.
    pub(in crate::store) fn writes_log(&self) -> bool {
        self.writes_log.get()
    }

    /// From now on it writes to the log beside the file.
    pub(in crate::store) fn keep_log(&self, path: &Path) {
        if let Some(held) = &self.held
            && !self.writes_log.replace(true)
        {
            held.keep_log(path);
        }
    }

    pub(in crate::store) fn committed(&self) {
        self.commits.set(self.commits.get() + 1);
        self.held.iter().for_each(Held::committed);
    }

    /// The file is in its place.
    pub(in crate::store) fn is_seen(&self) {
        self.seen.set(self.now());
    }

    /// Whether somebody outside of this process has written since.
    pub(in crate::store) fn is_written_by_strangers(&self) -> bool {
        match (self.seen.get(), self.now()) {
            (Some(before), Some(now)) => before.0 != now.0 && before.1 == now.1,
            _ => false,
        }
    }

    fn now(&self) -> Option<(i64, u64)> {
        let others = self.held.as_ref()?.commits() - self.commits.get();
        let version = self
            .connection
            .pragma_query_value(None, "data_version", |row| row.get(0));
        Some((version.ok()?, others))
    }

    /// Leaves what lies beside the file as it is.
    pub(in crate::store) fn leave(&self) -> rusqlite::Result<()> {
        self.connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            .map(|_| ())
    }
}

impl Deref for Link {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Link {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let Some(held) = &self.held else { return };
        // Where others have the file it stays as it is, and the last of them tries.
        let is_last = held.unlink() && !held.is_given_up();
        if self.writes_log() {
            held.leave_log();
        }
        if is_last && self.closing == Closing::Rest && self.connection.is_autocommit() {
            let _ = to_rest(&self.connection);
            // SQLite does not say when a log could not be removed, as in a folder where only its maker may do that. It goes on
            // with it, and must leave nothing in it that a file at rest could not have.
            if let Some(path) = self.connection.path().map(Path::new)
                && is_there(path, "-wal")
            {
                let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
                let _ = self.connection.query_row(sql, [], |_| Ok(()));
                if has_log_of_another(path, held) {
                    let _ = std::fs::remove_file(beside(path, "-wal"));
                }
            }
        }
    }
}

/// Empties the log, removes it, and says in the header that there is none.
fn to_rest(connection: &Connection) -> rusqlite::Result<()> {
    connection.flush_prepared_statement_cache();
    connection.busy_timeout(Duration::ZERO)?;
    connection.pragma_update(None, "query_only", false)?;
    connection.pragma_update(None, "journal_mode", "delete")
}

/// Gives what lies beside the file to the group that the file is shared with. SQLite does so for root alone.
fn share_log(path: &Path) {
    #[cfg(unix)]
    if let Ok(file) = std::fs::metadata(path) {
        use std::os::unix::fs::{MetadataExt, chown};
        for suffix in ["-wal", "-shm"] {
            let _ = chown(beside(path, suffix), None, Some(file.gid()));
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// Gives the file its log. A reader of the file at rest is in the way of that as long as his statement lasts, and is waited
/// for, in attempts that let other readers through between them. Before and after each pause `go_on` is asked, with how long it
/// has taken so far: every second at least.
pub(in crate::store) fn to_wal(
    connection: &Connection,
    path: &Path,
    mut go_on: impl FnMut(Duration) -> bool,
) -> Result<(), StoreError> {
    let began = Instant::now();
    let ([mut attempt, longest], mut laid_to_rest) = (ATTEMPTS, 0);
    let mode = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
    let switch = || {
        let said = connection.pragma_update_and_check(None, "journal_mode", "wal", mode)?;
        // The log is there for others to see from the first look on, and not from the first write on.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        let is = connection.pragma_query_value(None, "journal_mode", mode)?;
        Ok::<_, rusqlite::Error>((said == "wal", is == "wal"))
    };
    let switched = loop {
        connection.busy_timeout(attempt).map_err(told(path))?;
        match switch() {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                let goes_on = go_on(began.elapsed()) && {
                    std::thread::sleep(attempt);
                    go_on(began.elapsed())
                };
                if !goes_on {
                    break Err(error);
                }
                attempt = longest.min(2 * attempt);
            }
            // Nobody held it for a moment, and whoever was out last then has laid it to rest.
            Ok((true, false)) if laid_to_rest < SWITCHES => laid_to_rest += 1,
            Ok((true, false)) => return Err(StoreError::Busy(path.to_path_buf())),
            other => break other,
        }
    };
    connection.busy_timeout(BUSY_TIMEOUT).map_err(told(path))?;
    if switched.map_err(told(path))? == (true, true) {
        share_log(path);
        return Ok(());
    }
    Err(StoreError::NotAFile {
        path: PathBuf::from(path),
        what: "on a file system without shared memory",
    })
}

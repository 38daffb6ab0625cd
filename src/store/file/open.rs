//! Opening the file: what it must be, how connections are set up, and how a new one is made. A file that is not ours is
//! never written.

use std::cell::{Cell, OnceCell, RefCell};
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::monitor::Meter;
use crate::run::path::{folder_of, real};
use crate::store::file::held::Held;
use crate::store::file::how::{How, check_own_log, has_log_of_another};
use crate::store::file::link::{Closing, Link};
use crate::store::file::log::LARGE;
use crate::store::file::migrate::migrate;
use crate::store::file::path::{check_exists, check_not_interrupted, check_path, percent_encoded};
use crate::store::file::rights::{check_one_name, check_readable, check_writable};
use crate::store::file::still::Still;
use crate::store::jobs::totals;
use crate::store::packed::seal::is_sealed;
use crate::store::{APPLICATION_ID, BUSY_TIMEOUT, FORMAT, Store, StoreError, UNFINISHED_ID, told};

pub(in crate::store) const SCHEMA: &str = include_str!("../../../schema.sql");

/// Pages of 8 KiB after which the writer checkpoints: 16 MiB, so that a bulk load rewrites inner pages seldom.
const CHECKPOINT_PAGES: i32 = 2000;
/// A `-wal` that a slow reader let grow is cut back to this at the next checkpoint.
const WAL_BYTES_KEPT: i64 = 16 << 20;
/// Page cache in KiB: the right edge of some thousand series.
const CACHE_KIB: i64 = 32 << 10;
const STATEMENTS: usize = 64;

/// What stands in a file's header.
enum Found {
    Empty,
    /// A file of ours, of this format or an older one.
    Ours(i32),
}

impl Store {
    /// Opens the file for writing, and makes it where there is none.
    ///
    /// # Errors
    /// A path that cannot be a file of ours, another program's file, a newer format, no right to write the file or its folder.
    pub fn create(path: &Path) -> Result<Store, StoreError> {
        check_path(path)?;
        Self::open_for_writing(path, OpenFlags::SQLITE_OPEN_CREATE, APPLICATION_ID)
    }

    /// Opens an existing file for writing.
    ///
    /// # Errors
    /// As [`Store::create`], and where there is no file.
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        check_path(path)?;
        check_exists(path)?;
        Self::open_for_writing(path, OpenFlags::empty(), APPLICATION_ID)
    }

    /// Opens an existing file for reading. A backfill may write it meanwhile. Who may only read it leaves nothing behind.
    ///
    /// # Errors
    /// A path that is no file of ours, a newer format, no right to read it, or a write that was interrupted where only
    /// reading is allowed.
    pub fn read(path: &Path) -> Result<Store, StoreError> {
        check_path(path)?;
        check_exists(path)?;
        let real = real(path);
        check_readable(path)?;
        let held = hold(&real, path)?;
        let how = How::to_read(&real, &held);
        reading(how, held, path, real)
    }

    /// The name by which another connection of this process attaches the file, to read it as this one does.
    pub(in crate::store) fn uri(&self) -> String {
        let how = self.how.parameters();
        format!("file:{}?{how}", percent_encoded(&self.real))
    }

    /// Makes a file of its own that nobody takes for a candlefile before [`Store::give_its_id`].
    ///
    /// # Errors
    /// As [`Store::create`].
    pub(in crate::store) fn create_unfinished(path: &Path) -> Result<Store, StoreError> {
        Self::open_for_writing(path, OpenFlags::SQLITE_OPEN_CREATE, UNFINISHED_ID)
    }

    /// Makes a candlefile of an unfinished one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn give_its_id(&self) -> Result<(), StoreError> {
        self.connection
            .pragma_update(None, "application_id", APPLICATION_ID)
            .map_err(told(&self.path))
    }

    /// `id` is what marks the file, if it is made.
    fn open_for_writing(path: &Path, create: OpenFlags, id: i32) -> Result<Store, StoreError> {
        let real = real(path);
        check_writable(path)?;
        check_one_name(path)?;
        let told = told(path);
        let held_before = if real.exists() {
            Some(hold(&real, path)?)
        } else {
            None
        };
        if let Some(held) = &held_before {
            check_own_log(&real, held)?;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | create;
        let connection = Connection::open_with_flags(&real, flags).map_err(told)?;
        set_up(&connection).map_err(told)?;
        let found = header(&connection, path)?;
        let held = match held_before {
            Some(held) => held,
            None => hold(&real, path)?,
        };
        let mut store = Store {
            connection: Link::new(connection, held, Closing::Rest),
            path: path.to_path_buf(),
            real,
            how: How::Beside,
            still: None,
            format: FORMAT,
            sealed: Cell::new(false),
            meter: Meter::default(),
            known_gaps: RefCell::default(),
            log_bound: LARGE,
            owner: OnceCell::new(),
        };
        if matches!(found, Found::Empty) {
            store
                .connection
                .pragma_update(None, "page_size", 8192)
                .map_err(told)?;
        }
        let sealed = is_sealed(&store.connection).map_err(told)?;
        store.sealed.set(sealed);
        let journal = store
            .connection
            .pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0))
            .map_err(told)?;
        if journal == "wal" {
            store.keep_log();
        }
        for (pragma, value) in [
            ("wal_autocheckpoint", i64::from(CHECKPOINT_PAGES)),
            ("journal_size_limit", WAL_BYTES_KEPT),
            ("cache_size", -CACHE_KIB),
        ] {
            store
                .connection
                .pragma_update(None, pragma, value)
                .map_err(told)?;
        }
        match found {
            Found::Empty => store.make(id)?,
            Found::Ours(FORMAT) => {}
            Found::Ours(_) => migrate(&store)?,
        }
        if id == APPLICATION_ID {
            // What a statement with a trigger writes aside, a few pages, would go to a file otherwise.
            let memory = store.connection.pragma_update(None, "temp_store", "memory");
            memory.map_err(told)?;
        }
        totals::keep(&store.connection).map_err(told)?;
        Ok(store)
    }

    /// Writes the schema into an empty file. Another process may have done so since it was found empty.
    fn make(&mut self, id: i32) -> Result<(), StoreError> {
        let told = told(&self.path);
        let tx = self.begin_as_it_is()?;
        if let Found::Empty = header(&tx, &self.path)? {
            tx.execute_batch(SCHEMA).map_err(told)?;
            tx.pragma_update(None, "application_id", id).map_err(told)?;
            tx.pragma_update(None, "user_version", FORMAT)
                .map_err(told)?;
        }
        tx.commit()?;
        // A new name is durable once its folder is.
        if let Ok(folder) = fs::File::open(folder_of(&self.real)) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

fn hold(real: &Path, path: &Path) -> Result<Held, StoreError> {
    Held::of(real).map_err(|error| StoreError::unreadable(path, &error))
}

/// What every connection needs before it reads a file that may be hostile.
pub(in crate::store) fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    // The views are for other tools. One that stands where a table should might never come to an end.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    // Otherwise a cached statement whose plan might depend on a value is parsed anew each time it is used.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // With a log that is FULL; without one, the end of a transaction is durable with its folder.
    connection.pragma_update(None, "synchronous", "extra")
}

/// As [`Store::packed`] says.
pub(in crate::store) fn read_immutable(path: &Path) -> Result<Store, StoreError> {
    check_path(path)?;
    check_exists(path)?;
    let real = real(path);
    check_readable(path)?;
    check_not_interrupted(&real)?;
    let held = hold(&real, path)?;
    reading(How::Immutable, held, path, real)
}

fn reading(how: How, held: Held, path: &Path, real: PathBuf) -> Result<Store, StoreError> {
    let still = (how == How::Immutable).then(|| Still::of(&held, &real));
    // A log that came since: what is written within one tick of the clock leaves the file with one time.
    if still.as_ref().is_some_and(Still::has_log) && !has_log_of_another(&real, &held) {
        return Err(StoreError::Changed(path.to_path_buf()));
    }
    let looked = look(how, path, &real);
    // What is wrong with it may be so because it was written.
    if still
        .as_ref()
        .is_some_and(|still| *still != Still::of(&held, &real))
    {
        return Err(StoreError::Changed(path.to_path_buf()));
    }
    let (connection, format, is_sealed) = looked?;
    let closing = match how {
        How::Beside => Closing::Rest,
        _ => Closing::Leave,
    };
    Ok(Store {
        sealed: Cell::new(is_sealed),
        connection: Link::new(connection, held, closing),
        path: path.to_path_buf(),
        real,
        how,
        still,
        format,
        meter: Meter::default(),
        known_gaps: RefCell::default(),
        log_bound: LARGE,
        owner: OnceCell::new(),
    })
}

/// A connection that only reads, the file's format, and whether it is a packed one.
fn look(how: How, path: &Path, real: &Path) -> Result<(Connection, i32, bool), StoreError> {
    let told = told(path);
    let connection = how.connect(real).map_err(told)?;
    // Some readers could write, to take part in the log's shared memory. The pragma sees to it that no statement does.
    connection
        .pragma_update(None, "query_only", true)
        .map_err(told)?;
    let Found::Ours(format) = header(&connection, path)? else {
        return Err(StoreError::Empty(path.to_path_buf()));
    };
    let is_sealed = is_sealed(&connection).map_err(told)?;
    Ok((connection, format, is_sealed))
}

fn header(connection: &Connection, path: &Path) -> Result<Found, StoreError> {
    let told = told(path);
    // One statement, one snapshot: another process may be making the file.
    let sql = "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),
               (SELECT count(*) FROM sqlite_schema)";
    let read = |row: &rusqlite::Row<'_>| {
        Ok((
            row.get::<_, i32>(0)?,
            row.get::<_, i32>(1)?,
            row.get::<_, i64>(2)?,
        ))
    };
    let (application, version, objects) = connection.query_row(sql, [], read).map_err(told)?;
    match (application, version) {
        (0, 0) if objects == 0 => Ok(Found::Empty),
        (APPLICATION_ID, 1..=FORMAT) => Ok(Found::Ours(version)),
        (APPLICATION_ID, found) if found > FORMAT => Err(StoreError::Newer {
            path: path.to_path_buf(),
            found,
        }),
        (APPLICATION_ID, _) => Err(StoreError::Damaged {
            path: path.to_path_buf(),
            why: format!("there is no format {version}"),
        }),
        (UNFINISHED_ID, _) => Err(StoreError::NotAFile {
            path: path.to_path_buf(),
            what: "what is left of a file that was never finished",
        }),
        _ => Err(StoreError::Foreign(path.to_path_buf())),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sqlite_is_without_the_wal_reset_defect() {
        // SQLite 3.7.0 to 3.51.2 could corrupt a WAL file written and checkpointed by two connections at once; 3.52.0
        // was withdrawn.
        let version = rusqlite::version_number();
        assert!(version >= 3_051_003 && version != 3_052_000, "{version}");
    }
}

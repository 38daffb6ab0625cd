//! Opening the file: what it must be, how connections are set up, and how a new one is made. A file that is not ours is
//! never written.

use std::cell::{Cell, OnceCell};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::log::LARGE;
use super::migrate::migrate;
use super::path::{
    beside, check_exists, check_not_interrupted, check_path, check_writable, folder_of,
    is_read_only, percent_encoded,
};
use super::seal::is_sealed;
use super::{APPLICATION_ID, BUSY_TIMEOUT, FORMAT, Store, StoreError, told};

pub(super) const SCHEMA: &str = include_str!("../../schema.sql");

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
    /// A path that cannot be a file of ours, another program's file, a newer format, a read-only file or folder.
    pub fn create(path: &Path) -> Result<Store, StoreError> {
        check_writable(path)?;
        Self::open_for_writing(path, OpenFlags::SQLITE_OPEN_CREATE)
    }

    /// Opens an existing file for writing.
    ///
    /// # Errors
    /// As [`Store::create`], and where there is no file.
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        check_writable(path)?;
        check_exists(path)?;
        Self::open_for_writing(path, OpenFlags::empty())
    }

    /// Opens an existing file for reading. A backfill may write it meanwhile.
    ///
    /// # Errors
    /// A path that is no file of ours, or a newer format.
    pub fn read(path: &Path) -> Result<Store, StoreError> {
        check_path(path)?;
        check_exists(path)?;
        let connection = connect_for_reading(path)?;
        reading(connection, path)
    }

    /// The name by which another connection of this process attaches the file, to read it as this one does.
    pub(super) fn uri(&self) -> String {
        let how = match self.connection.is_readonly("main") {
            Ok(false) => "mode=rw",
            _ if beside(&self.path, "-wal").exists() => "mode=ro",
            _ => "mode=ro&immutable=1",
        };
        format!("file:{}?{how}", percent_encoded(&self.path))
    }

    fn open_for_writing(path: &Path, create: OpenFlags) -> Result<Store, StoreError> {
        let told = told(path);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | create;
        let connection = Connection::open_with_flags(path, flags).map_err(told)?;
        set_up(&connection).map_err(told)?;
        let found = header(&connection, path)?;
        let mut store = Store {
            connection,
            path: path.to_path_buf(),
            format: FORMAT,
            sealed: Cell::new(false),
            log_bound: LARGE,
            owner: OnceCell::new(),
        };
        if matches!(found, Found::Empty) {
            store
                .connection
                .pragma_update(None, "page_size", 8192)
                .map_err(told)?;
        }
        if is_sealed(&store.connection).map_err(told)? {
            // The first transaction still has a rollback journal, and its end is durable with its folder.
            store.sealed.set(true);
            store
                .connection
                .pragma_update(None, "synchronous", "extra")
                .map_err(told)?;
        } else {
            switch_to_wal(&store.connection, path)?;
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
            Found::Empty => store.make()?,
            Found::Ours(FORMAT) => {}
            Found::Ours(_) => migrate(&store)?,
        }
        Ok(store)
    }

    /// Writes the schema into an empty file. Another process may have done so since it was found empty.
    fn make(&mut self) -> Result<(), StoreError> {
        let told = told(&self.path);
        let tx = self.begin()?;
        if let Found::Empty = header(&tx, &self.path)? {
            tx.execute_batch(SCHEMA).map_err(told)?;
            tx.pragma_update(None, "application_id", APPLICATION_ID)
                .map_err(told)?;
            tx.pragma_update(None, "user_version", FORMAT)
                .map_err(told)?;
        }
        tx.commit()?;
        // A new name is durable once its folder is.
        if let Ok(folder) = fs::File::open(folder_of(&self.path)) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

/// What every connection needs before it reads a file that may be hostile.
pub(super) fn set_up(connection: &Connection) -> rusqlite::Result<()> {
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
    connection.pragma_update(None, "synchronous", "full")
}

/// The switch of a new file fails at once where another process is at it: the busy timeout does not hold for it.
pub(super) fn switch_to_wal(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let began = Instant::now();
    let mode: String = loop {
        match connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0)) {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && began.elapsed() < BUSY_TIMEOUT =>
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            other => break other.map_err(told(path))?,
        }
    };
    if mode == "wal" {
        Ok(())
    } else {
        Err(StoreError::NotAFile {
            path: path.to_path_buf(),
            what: "on a file system without shared memory",
        })
    }
}

/// As [`Store::packed`] says.
pub(super) fn read_immutable(path: &Path) -> Result<Store, StoreError> {
    check_path(path)?;
    check_exists(path)?;
    check_not_interrupted(path)?;
    reading(connect_to_immutable(path).map_err(told(path))?, path)
}

fn reading(connection: Connection, path: &Path) -> Result<Store, StoreError> {
    let told = told(path);
    // A reader of a WAL file takes part in its shared memory, and the last one to leave removes it: that needs a
    // connection that could write. The pragma sees to it that no statement does.
    connection
        .pragma_update(None, "query_only", true)
        .map_err(told)?;
    match header(&connection, path)? {
        Found::Ours(format) => Ok(Store {
            sealed: Cell::new(is_sealed(&connection).map_err(told)?),
            connection,
            path: path.to_path_buf(),
            format,
            log_bound: LARGE,
            owner: OnceCell::new(),
        }),
        Found::Empty => Err(StoreError::Empty(path.to_path_buf())),
    }
}

fn connect_for_reading(path: &Path) -> Result<Connection, StoreError> {
    let told = told(path);
    if !is_read_only(path) && !is_read_only(folder_of(path)) {
        match connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE) {
            // A read-only medium says so only now.
            Err(rusqlite::Error::SqliteFailure(error, _))
                if error.code == ErrorCode::CannotOpen => {}
            other => return other.map_err(told),
        }
    }
    if beside(path, "-wal").exists() {
        return connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(told);
    }
    check_not_interrupted(path)?;
    connect_to_immutable(path).map_err(told)
}

/// Cleanly closed and not to be written: a reader needs no shared memory, and leaves nothing beside the file.
fn connect_to_immutable(path: &Path) -> rusqlite::Result<Connection> {
    let immutable = format!("file:{}?immutable=1", percent_encoded(path));
    connect(
        Path::new(&immutable),
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
    )
}

fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    set_up(&connection)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
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

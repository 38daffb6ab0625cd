//! What SQLite says, put in the words of this layer.

use std::path::Path;

use rusqlite::ffi;

use super::StoreError;
use crate::store::file::rights::{check_log_readable, check_readable, check_writable};

/// What SQLite says of a failure.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{text}")]
pub struct SqliteError {
    code: Option<i32>,
    text: String,
}

impl SqliteError {
    /// The extended result code, where SQLite gave one: <https://www.sqlite.org/rescode.html>.
    pub fn code(&self) -> Option<i32> {
        self.code
    }

    fn of(error: &rusqlite::Error) -> SqliteError {
        SqliteError {
            code: error.sqlite_error().map(|error| error.extended_code),
            text: error.to_string(),
        }
    }
}

/// Puts the file's name to what SQLite says.
pub(crate) fn told(path: &Path) -> impl Fn(rusqlite::Error) -> StoreError + Copy + '_ {
    use rusqlite::ErrorCode;
    move |source| {
        let path = path.to_path_buf();
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full(path),
            Some(ErrorCode::SystemIoFailure) if is_full() => StoreError::Full(path),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy(path),
            Some(ErrorCode::ReadOnly) => match source.sqlite_extended_error_code() {
                // A journal, or a log without its shared memory, is there to be worked off.
                Some(
                    ffi::SQLITE_READONLY_ROLLBACK
                    | ffi::SQLITE_READONLY_RECOVERY
                    | ffi::SQLITE_READONLY_CANTINIT,
                ) => StoreError::Interrupted(path),
                Some(ffi::SQLITE_READONLY_DBMOVED) => StoreError::Moved { path, now: None },
                _ => check_writable(&path)
                    .err()
                    .unwrap_or(StoreError::ReadOnly(path)),
            },
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => check_readable(&path)
                .and_then(|()| check_log_readable(&path))
                .err()
                .unwrap_or(StoreError::CannotOpen(path)),
            Some(ErrorCode::NotADatabase) => StoreError::NotAFile {
                path,
                what: "not an SQLite file",
            },
            Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged {
                path,
                why: source.to_string(),
            },
            // Our statements fit our schema, and what we store has its type: something else is in the file.
            None | Some(ErrorCode::Unknown | ErrorCode::TypeMismatch) => StoreError::Damaged {
                path,
                why: match source {
                    rusqlite::Error::SqlInputError { msg, .. } => msg,
                    other => other.to_string(),
                },
            },
            _ => StoreError::Sqlite {
                path,
                source: SqliteError::of(&source),
            },
        }
    }
}

/// Whether there was no room for what this thread could not write just now: SQLite tells a size limit or a quota like any
/// other failure, and only the system knows better.
fn is_full() -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let last = std::io::Error::last_os_error().kind();
    [FileTooLarge, QuotaExceeded, StorageFull].contains(&last)
}

//! What stands at a path where something else is to be put. Only `SQLite` may look into it: closing another handle of a file
//! that this process has open would take away its locks.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::APPLICATION_ID;
use super::open::set_up;
use super::path::percent_encoded;
use super::seal::is_sealed;

/// Whether a file of ours that is no packed one stands at a path; where it cannot be read, perhaps.
pub(crate) fn is_working(path: &Path) -> bool {
    // Opening anything else might wait for ever.
    path.is_file() && stands(path) == Some(Standing::Working)
}

/// Whether a packed file, which nobody writes, stands at a path.
pub(crate) fn is_packed(path: &Path) -> bool {
    path.is_file() && stands(path) == Some(Standing::Packed)
}

#[derive(PartialEq)]
enum Standing {
    Packed,
    Working,
}

fn stands(path: &Path) -> Option<Standing> {
    // Neither a log nor a journal is looked at, nor is a lock taken.
    let immutable = format!("file:{}?immutable=1", percent_encoded(path));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let look = || {
        let connection = Connection::open_with_flags(immutable, flags)?;
        set_up(&connection)?;
        let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let is_sealed = || is_sealed(&connection).unwrap_or(false);
        Ok::<_, rusqlite::Error>((id == APPLICATION_ID).then(|| is_sealed()))
    };
    match look() {
        Ok(is_sealed) => is_sealed.map(|sealed| match sealed {
            true => Standing::Packed,
            false => Standing::Working,
        }),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => None,
        Err(_) => Some(Standing::Working),
    }
}

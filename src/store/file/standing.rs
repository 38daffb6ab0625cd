//! What stands at a path, where something else is to be put or a copy is to be made. Only `SQLite` may look into it:
//! closing another handle of a file that this process has open would take away its locks.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::model::next::Next;
use crate::run::path::beside;
use crate::run::shell::quoted;
use crate::store::file::held::Held;
use crate::store::file::open::set_up;
use crate::store::file::path::percent_encoded;
use crate::store::packed::seal::is_sealed;
use crate::store::{APPLICATION_ID, UNFINISHED_ID};

/// Whether a file of ours that is no packed one stands at a path; where it cannot be read, perhaps.
pub(crate) fn is_working(path: &Path) -> bool {
    // Opening anything else might wait for ever.
    path.is_file() && !is_unfinished(path) && stands(path) == Some(Standing::Working)
}

/// Whether what stands at a path is what a kill has left of a file that was being made, in whatever state.
pub(crate) fn is_unfinished(path: &Path) -> bool {
    let held = || Held::of(path).ok();
    path.is_file() && held().and_then(|held| held.marked()) == Some(UNFINISHED_ID)
}

/// The name of a copy that is advised: one that nothing has, here where the command is typed.
pub(crate) fn free_name() -> PathBuf {
    let all = (1..).map(|number| match number {
        1 => "copy.db".to_owned(),
        more => format!("copy-{more}.db"),
    });
    let mut all = all.map(PathBuf::from);
    let is_free = |name: &PathBuf| name.symlink_metadata().is_err();
    all.find(is_free).unwrap_or_default()
}

/// The commands that make a copy of a file, to be gone on with. One that may be written is one file and a log as soon as
/// somebody does.
pub(in crate::store) fn how_to_copy(path: &Path, copy: &Path) -> Next {
    let is_alone = logs(path).is_empty() && path.is_file();
    let name = quoted(copy);
    let make = if is_alone && stands(path) == Some(Standing::Packed) {
        Next::words(format!("cp {} {name}", quoted(path)))
    } else {
        Next::Pack {
            with_history: true,
            output: copy.to_path_buf(),
        }
    };
    Next::Chain(vec![make, Next::words(format!("chmod u+w {name}"))])
}

/// How to put a sound copy in the place of a damaged file: `SQLite` takes what lies beside the name for the copy's own.
pub(crate) fn how_to_restore(path: &Path) -> String {
    match logs(path).as_slice() {
        [] => "restore the file from a copy".into(),
        logs => format!(
            "move the file away together with {}, and only then restore it from a copy",
            logs.join(" and ")
        ),
    }
}

/// The logs beside a file.
fn logs(path: &Path) -> Vec<String> {
    let resolved = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    ["-wal", "-shm", "-journal"]
        .iter()
        .map(|suffix| beside(&resolved, suffix))
        .filter(|log| log.exists())
        .map(|log| quoted(&log))
        .collect()
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
        if id != APPLICATION_ID {
            return Ok(None);
        }
        let is_packed = is_sealed(&connection).unwrap_or(false);
        Ok(Some(if is_packed {
            Standing::Packed
        } else {
            Standing::Working
        }))
    };
    look().unwrap_or_else(|error: rusqlite::Error| {
        let is_other = error.sqlite_error_code() == Some(ErrorCode::NotADatabase);
        (!is_other).then_some(Standing::Working)
    })
}

//! What a path must be before anything opens it, and what lies beside the file. It must never open the file itself:
//! closing it again would take away the locks of the connection that this process may have.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::run::path::{beside, folder_of, real};
use crate::store::StoreError;
use crate::store::file::rights::check_reachable;

/// A journal that stays longer than this is no living writer's.
const SETTLES_WITHIN: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub(in crate::store) fn check_path(path: &Path) -> Result<(), StoreError> {
    check_reachable(path)?;
    let text = path.to_string_lossy();
    // SQLite is built with URI file names on, whatever the flags of the connection say.
    if text.is_empty() || text == ":memory:" || text.starts_with("file:") {
        return Err(StoreError::NotAPath(text.into_owned()));
    }
    if path.is_dir() {
        return Err(StoreError::NotAFile {
            path: path.to_path_buf(),
            what: "a folder",
        });
    }
    if path.exists() && !path.is_file() {
        return Err(StoreError::NotAFile {
            path: path.to_path_buf(),
            what: "no regular file",
        });
    }
    check_folder(path)
}

/// That there is a folder for a file, also where links lead to it.
fn check_folder(path: &Path) -> Result<(), StoreError> {
    let is_dangling = |path: &&Path| path.is_symlink() && !path.exists();
    let Some(link) = path.ancestors().filter(is_dangling).last() else {
        let folder = folder_of(path);
        return if folder.is_dir() {
            Ok(())
        } else {
            Err(StoreError::no_folder(folder))
        };
    };
    let to = real(link);
    if to.is_symlink() {
        return Err(StoreError::NotAFile {
            path: link.to_path_buf(),
            what: "a link that leads in a circle",
        });
    }
    // The file itself may be yet to come.
    let folder = if link == path { folder_of(&to) } else { &to };
    if folder.is_dir() {
        return Ok(());
    }
    Err(match StoreError::no_folder(folder) {
        StoreError::NoFolder(folder) => StoreError::NoFolderBehind {
            link: link.to_path_buf(),
            folder,
        },
        other => other,
    })
}

pub(in crate::store) fn check_exists(path: &Path) -> Result<(), StoreError> {
    if path.exists() {
        Ok(())
    } else {
        Err(StoreError::NotFound(path.to_path_buf()))
    }
}

/// Takes everything out of the log beside a file, where nobody can use it any more.
pub(in crate::store) fn discard_log(real: &Path) {
    let mut log = fs::OpenOptions::new();
    let _ = log.write(true).truncate(true).open(beside(real, "-wal"));
}

/// A rollback journal has what an interrupted write has to be taken back with. Only a writer can do so.
pub(in crate::store) fn check_not_interrupted(path: &Path) -> Result<(), StoreError> {
    let mut first = [0];
    // One that begins with a zero has nothing in it that counts yet. It is no file of which SQLite locks a part.
    let read = fs::File::open(beside(path, "-journal")).and_then(|mut log| log.read(&mut first));
    if read.is_ok() && first != [0] {
        return Err(StoreError::Interrupted(path.to_path_buf()));
    }
    Ok(())
}

/// The same, but a write that goes on is waited for: a writer has a journal for a moment when it begins and when it leaves.
pub(in crate::store) fn check_settled(path: &Path) -> Result<(), StoreError> {
    let began = Instant::now();
    loop {
        match check_not_interrupted(path) {
            Err(_) if began.elapsed() < SETTLES_WITHIN => std::thread::sleep(LOOK_EVERY),
            other => return other,
        }
    }
}

/// Whether something that is not empty lies beside a file.
pub(in crate::store) fn is_there(path: &Path, suffix: &str) -> bool {
    fs::metadata(beside(path, suffix)).is_ok_and(|found| found.len() > 0)
}

pub(in crate::store) fn is_read_only(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().readonly())
}

/// A path as a URI spells it.
pub(in crate::store) fn percent_encoded(path: &Path) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    absolute
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .map(|&byte| {
            if keep(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

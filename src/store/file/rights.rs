//! What this process may do with a file, its folder and its log, asked before anything is opened: SQLite only says that it
//! could not.

use std::io::ErrorKind;
use std::path::Path;

use crate::run::path::{beside, folder_of, real};
use crate::store::StoreError;
use crate::store::file::path::{check_not_interrupted, is_read_only, is_there};

/// A right to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Right {
    Read,
    Write,
    /// Of a folder: to reach what is in it.
    Enter,
}

impl Right {
    fn as_str(self) -> &'static str {
        match self {
            Right::Read => "read",
            Right::Write => "write",
            Right::Enter => "enter",
        }
    }
}

/// That the file may be read, and its log where there is one.
pub(in crate::store) fn check_readable(path: &Path) -> Result<(), StoreError> {
    need(path, "file", Right::Read)?;
    let real = real(path);
    for suffix in ["-wal", "-shm"] {
        need_of_log(&real, suffix, Right::Read)?;
    }
    Ok(())
}

/// That the log can be read: one without the memory that goes with it was left by a program that was stopped, and whoever
/// may write has to bring it into the file first.
pub(in crate::store) fn check_log_readable(path: &Path) -> Result<(), StoreError> {
    let real = real(path);
    if !beside(&real, "-wal").exists() || beside(&real, "-shm").exists() {
        return Ok(());
    }
    need(&real, "file", Right::Write)
        .and_then(|()| need(folder_of(&real), "folder", Right::Write))
        .map_err(|error| match error {
            StoreError::NoRight {
                path: lacks, what, ..
            } => StoreError::LogLeft {
                path: path.to_path_buf(),
                lacks,
                what,
            },
            other => other,
        })
}

/// Whether something beside the file has to be brought into it by whoever may write, before it can be read at all.
pub(in crate::store) fn is_left(path: &Path) -> bool {
    let real = real(path);
    let has_log = is_there(&real, "-wal") && !beside(&real, "-shm").exists();
    has_log || check_not_interrupted(&real).is_err()
}

/// That the file may be written or made, and others beside it. The mode bits count for root too, who could write all the
/// same: a shipped copy is read-only on purpose.
pub(in crate::store) fn check_writable(path: &Path) -> Result<(), StoreError> {
    let real = real(path);
    let folder = folder_of(&real);
    if is_read_only(path) {
        return Err(StoreError::ReadOnly(path.to_path_buf()));
    }
    if is_read_only(folder) {
        return Err(StoreError::ReadOnlyFolder(path.to_path_buf()));
    }
    if path.exists() {
        need(path, "file", Right::Read)?;
        need(path, "file", Right::Write)?;
    }
    need(folder, "folder", Right::Write)?;
    need(folder, "folder", Right::Enter)?;
    for suffix in ["-wal", "-shm", "-journal"] {
        need_of_log(&real, suffix, Right::Read)?;
        need_of_log(&real, suffix, Right::Write)?;
    }
    Ok(())
}

/// That the file has one name. Its log and what shows who runs a job lie beside the name, so that somebody who writes it by another
/// one would see neither: what either has saved, the other writes over.
pub(in crate::store) fn check_one_name(path: &Path) -> Result<(), StoreError> {
    let real = real(path);
    if is_mounted_alone(&real) {
        return Err(StoreError::MountedAlone(path.to_path_buf()));
    }
    match names(&real) {
        0 | 1 => Ok(()),
        names => Err(StoreError::SeveralNames {
            path: path.to_path_buf(),
            names,
        }),
    }
}

#[cfg(unix)]
fn names(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).map_or(0, |found| found.nlink())
}

#[cfg(not(unix))]
fn names(_: &Path) -> u64 {
    1
}

/// Whether a file was mounted without the folder that it lies in.
#[cfg(target_os = "linux")]
fn is_mounted_alone(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    statx(CWD, path, AtFlags::empty(), StatxFlags::empty()).is_ok_and(|found| {
        let told = found.stx_attributes_mask & found.stx_attributes;
        told.contains(StatxAttributes::MOUNT_ROOT)
    })
}

#[cfg(not(target_os = "linux"))]
fn is_mounted_alone(_: &Path) -> bool {
    false
}

pub(in crate::store) fn may_write(path: &Path) -> bool {
    check_writable(path).is_ok()
}

/// The folder on the way to a path, or to where a link leads, that may not be entered.
pub(in crate::store) fn check_reachable(path: &Path) -> Result<(), StoreError> {
    let lacks = |folder: &&Path| has(folder, Right::Enter) == Err(ErrorKind::PermissionDenied);
    match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let real = real(path);
            let closed = [path, &real].into_iter().find_map(|path| {
                let folders: Vec<&Path> = path.ancestors().skip(1).collect();
                folders.into_iter().rev().find(lacks)
            });
            Err(StoreError::NoRight {
                path: closed.unwrap_or(folder_of(&real)).to_path_buf(),
                what: "folder",
                right: Right::Enter.as_str(),
            })
        }
        _ => Ok(()),
    }
}

fn need_of_log(path: &Path, suffix: &str, right: Right) -> Result<(), StoreError> {
    let log = beside(path, suffix);
    if log.exists() {
        need(&log, "log", right)
    } else {
        Ok(())
    }
}

fn need(path: &Path, what: &'static str, right: Right) -> Result<(), StoreError> {
    match has(path, right) {
        Ok(()) | Err(ErrorKind::NotFound) => Ok(()),
        Err(ErrorKind::ReadOnlyFilesystem) => Err(StoreError::ReadOnlyMedium(path.to_path_buf())),
        Err(_) => Err(StoreError::NoRight {
            path: path.to_path_buf(),
            what,
            right: right.as_str(),
        }),
    }
}

#[cfg(target_os = "linux")]
fn has(path: &Path, right: Right) -> Result<(), ErrorKind> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    let access = match right {
        Right::Read => Access::READ_OK,
        Right::Write => Access::WRITE_OK,
        Right::Enter => Access::EXEC_OK,
    };
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    accessat(CWD, path, access, AtFlags::EACCESS).map_err(rustix::io::Errno::kind)
}

#[cfg(not(target_os = "linux"))]
fn has(path: &Path, right: Right) -> Result<(), ErrorKind> {
    match right {
        Right::Write if is_read_only(path) => Err(ErrorKind::PermissionDenied),
        Right::Read if path.is_file() => match std::fs::metadata(path) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.kind()),
        },
        _ => Ok(()),
    }
}

//! Why a file cannot come to stand where it should, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::handover::export::is_full;
use crate::model::next::{Next, Setting};
use crate::run::shell::quoted;
use crate::store::StoreError;

/// Why a file could not be written under its name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The folder that should hold the file is missing.
    #[error("the folder {} does not exist", .0.display())]
    NoFolder(PathBuf),
    /// Something has that name.
    #[error("{} exists", .0.display())]
    Exists(PathBuf),
    /// It is the file that is read, perhaps by another name.
    #[error("{} is the file that is read", .0.display())]
    IsInput(PathBuf),
    /// It is a folder or a device.
    #[error("{} is {what}", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// Another process is writing it.
    #[error("another process is writing {}", .0.display())]
    Busy(PathBuf),
    /// It is a working file: there may be no other copy of what was fetched.
    #[error("{} is a candlefile, and no packed one", .0.display())]
    IsWorking(PathBuf),
    /// `SQLite` would take it for the log of another file, or a run for what proves that it lives.
    #[error("{} is a name that SQLite or a run uses beside {}", path.display(), file.display())]
    IsLog {
        /// The path.
        path: PathBuf,
        /// The other file.
        file: PathBuf,
    },
    /// It lies where the new file's own would: the file of that name is open, or was not closed.
    #[error("{} belongs to a file that is open, or was not closed", .0.display())]
    InUse(PathBuf),
    /// The disk is full, or nothing more may be written: a quota, or a limit of the process.
    #[error("the disk is full or a size limit (ulimit -f, a quota) is reached while writing {}", .0.display())]
    Full(PathBuf),
    /// Anything else that the system says.
    #[error("cannot write {}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
}

impl TargetError {
    /// The path that it is about.
    pub fn path(&self) -> &Path {
        match self {
            TargetError::NoFolder(path)
            | TargetError::Exists(path)
            | TargetError::IsInput(path)
            | TargetError::Busy(path)
            | TargetError::IsWorking(path)
            | TargetError::InUse(path)
            | TargetError::Full(path)
            | TargetError::NotAFile { path, .. }
            | TargetError::IsLog { path, .. }
            | TargetError::Io { path, .. } => path,
        }
    }

    /// A folder that is not there, or a file on the way to it.
    pub fn no_folder(folder: &Path) -> TargetError {
        match StoreError::no_folder(folder) {
            StoreError::NotAFolder(path) => TargetError::NotAFile {
                path,
                what: "a file, not a folder",
            },
            _ => TargetError::NoFolder(folder.to_path_buf()),
        }
    }

    /// What the system says of a path.
    pub fn io(path: &Path, source: io::Error) -> TargetError {
        let path = path.to_path_buf();
        match source.kind() {
            _ if is_full(&source) => TargetError::Full(path),
            io::ErrorKind::AlreadyExists => TargetError::Exists(path),
            _ => TargetError::Io { path, source },
        }
    }

    /// What to do about it.
    pub fn next(&self) -> Next {
        let name_another = || Setting::Output.after("name another file with");
        let first = |words| Next::Or(vec![Next::words(words), name_another()]);
        match self {
            TargetError::NoFolder(path) => {
                Next::words(format!("create it first: mkdir -p {}", quoted(path)))
            }
            TargetError::Exists(_) => Next::Or(vec![
                name_another(),
                Setting::Overwrite.after("replace this one with"),
            ]),
            TargetError::IsInput(_) | TargetError::NotAFile { .. } | TargetError::IsLog { .. } => {
                name_another()
            }
            TargetError::IsWorking(_) => Next::And(vec![
                name_another(),
                Next::words("nothing is ever written over one"),
            ]),
            TargetError::Busy(_) => first("wait for it"),
            TargetError::InUse(_) => first("close the file that it belongs to"),
            TargetError::Full(_) => Next::words(
                "make room or lift the limit, then run the same command again; nothing was left behind",
            ),
            TargetError::Io { .. } => {
                Next::words("check the file's folder, then run the same command again")
            }
        }
    }
}

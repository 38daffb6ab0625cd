//! What makes two names one file.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// A file among those of the machine, by its device and its inode; elsewhere than on Unix by its whole path.
#[cfg(unix)]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Id(u64, u64);
#[cfg(not(unix))]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Id(std::path::PathBuf);

#[cfg(unix)]
impl Id {
    /// The file that has this name.
    pub(super) fn at(path: &Path) -> io::Result<Id> {
        fs::metadata(path).map(|found| Id::in_it(&found))
    }

    /// The one that is open, by this name.
    pub(super) fn of(file: &File, _: &Path) -> io::Result<Id> {
        file.metadata().map(|found| Id::in_it(&found))
    }

    fn in_it(found: &fs::Metadata) -> Id {
        use std::os::unix::fs::MetadataExt;
        Id(found.dev(), found.ino())
    }
}

#[cfg(not(unix))]
impl Id {
    pub(super) fn at(path: &Path) -> io::Result<Id> {
        fs::canonicalize(path).map(Id)
    }

    pub(super) fn of(_: &File, path: &Path) -> io::Result<Id> {
        Id::at(path)
    }
}

impl fmt::Display for Id {
    #[cfg(unix)]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Id(device, inode) = self;
        write!(f, "{device}:{inode}")
    }

    #[cfg(not(unix))]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.display())
    }
}

//! Names of files, and how one is given without taking that of another. Nothing here may open a file that `SQLite` may
//! have open.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::run::nameless::nameless;
use crate::run::path::folder_of;

/// What stands for a path until it is whole. Always the same, so that what a kill leaves is found and used by the next run.
pub(crate) fn part_name(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".part");
    path.with_file_name(name)
}

/// Whether two paths are one file, or would be. Neither is opened: closing it again would take away the locks that
/// `SQLite` holds.
pub(crate) fn is_same(one: &Path, other: &Path) -> bool {
    let is_same_folder = || is_same_file(folder_of(one), folder_of(other));
    is_same_file(one, other) || one.file_name() == other.file_name() && is_same_folder()
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let id = |path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
        matches!((id(one), id(other)), (Ok(one), Ok(other)) if one == other)
    }
    #[cfg(not(unix))]
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Whether an open file is the one of this name.
pub(super) fn is_named(file: &File, name: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let id = |found: io::Result<fs::Metadata>| found.map(|found| (found.dev(), found.ino()));
        matches!((id(file.metadata()), id(fs::symlink_metadata(name))), (Ok(file), Ok(name)) if file == name)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        name.exists()
    }
}

/// A file that [`name_it`] can give a name.
pub(super) fn nameless_to_name(folder: &Path) -> Option<File> {
    nameless(folder, 0o666).filter(|_| Path::new("/proc/self/fd").is_dir())
}

#[cfg(target_os = "linux")]
pub(super) fn name_it(file: &File, path: &Path) -> io::Result<()> {
    use std::os::fd::AsRawFd;

    use rustix::fs::{AtFlags, CWD};
    let handle = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(rustix::fs::linkat(
        CWD,
        handle,
        CWD,
        path,
        AtFlags::SYMLINK_FOLLOW,
    )?)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn name_it(_: &File, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Fails where the name is taken.
pub(crate) fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags};
        match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {}
            other => return Ok(other?),
        }
    }
    if to.exists() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(from, to)
}

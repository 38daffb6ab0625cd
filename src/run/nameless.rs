//! Files without a name: gone with the last handle, however the process ends.

use std::fs::File;
use std::path::Path;

/// A file without a name on the disk of a folder, for reading and writing, with these rights once it is given a name; `None`
/// where there are none.
#[cfg(target_os = "linux")]
pub(crate) fn nameless(folder: &Path, mode: u32) -> Option<File> {
    use rustix::fs::{CWD, Mode, OFlags, openat};
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = openat(CWD, folder, flags, Mode::from_raw_mode(mode)).ok()?;
    Some(File::from(file))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn nameless(_: &Path, _: u32) -> Option<File> {
    None
}

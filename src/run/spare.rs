//! A little room on the disk, kept while something runs, so that its end can still be recorded where nothing else fits any more.

use std::fs::File;
use std::path::Path;

/// Room that is given back when the process ends at the latest, however it does.
#[derive(Debug)]
pub(crate) struct Spare(Option<File>);

impl Spare {
    /// The pages that the end of a job changes, many times over; none of it is written.
    #[cfg(any(target_os = "linux", test))]
    const SIZE: u64 = 1 << 20;

    /// Room on the disk of a file, where there is any, and where a file without a name may hold it.
    pub(crate) fn beside(path: &Path) -> Spare {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        Spare(nameless(folder.unwrap_or(Path::new("."))))
    }

    pub(crate) fn give_back(self) {
        drop(self.0);
    }
}

#[cfg(target_os = "linux")]
fn nameless(folder: &Path) -> Option<File> {
    use rustix::fs::{CWD, FallocateFlags, Mode, OFlags, fallocate, openat};
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = openat(CWD, folder, flags, Mode::from_raw_mode(0o600)).ok()?;
    fallocate(&file, FallocateFlags::empty(), 0, Spare::SIZE).ok()?;
    Some(File::from(file))
}

#[cfg(not(target_os = "linux"))]
fn nameless(_: &Path) -> Option<File> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn room_is_held_without_a_name() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().expect("a folder");
        let spare = Spare::beside(&folder.path().join("market.db"));
        let held = spare
            .0
            .as_ref()
            .map(|file| file.metadata().expect("a file").blocks() * 512);
        // Some file systems hold none.
        assert!(held.is_none_or(|held| held >= Spare::SIZE), "{held:?}");
        let names = std::fs::read_dir(folder.path()).expect("a folder");
        assert_eq!(names.count(), 0);
    }
}

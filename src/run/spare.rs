//! A little room on the disk, kept while something runs, so that its end can still be recorded where nothing else fits any more.

use std::fs::File;
use std::path::Path;

use super::nameless::nameless;
use super::path::folder_of;

/// Room that is given back when the process ends at the latest, however it does.
#[derive(Debug)]
pub(crate) struct Spare(Option<File>);

impl Spare {
    /// The pages that the end of a job changes, many times over; none of it is written.
    #[cfg(any(target_os = "linux", test))]
    const SIZE: u64 = 1 << 20;

    /// Room on the disk of a file, where there is any, and where a file without a name may hold it.
    pub(crate) fn beside(path: &Path) -> Spare {
        Spare(nameless(folder_of(path), 0o600).filter(holds_room))
    }

    pub(crate) fn give_back(self) {
        drop(self.0);
    }
}

#[cfg(target_os = "linux")]
fn holds_room(file: &File) -> bool {
    use rustix::fs::{FallocateFlags, fallocate};
    fallocate(file, FallocateFlags::empty(), 0, Spare::SIZE).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn holds_room(_: &File) -> bool {
    false
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

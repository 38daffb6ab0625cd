//! How much room the disk has that the file is on, or would be. Opens nothing.

use std::fs;
use std::path::Path;

use crate::run::path::folder_of;

/// Bytes that are free for this user where the file is, or would be made; `None` where the system does not say.
pub(crate) fn free_room(path: &Path) -> Option<u64> {
    // A file that is a link lies where that leads to.
    let place = fs::canonicalize(path);
    let place = place.as_deref().unwrap_or(path);
    fs4::available_space(folder_of(place)).ok()
}

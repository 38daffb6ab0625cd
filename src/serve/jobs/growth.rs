//! How much the file may still grow: the disk's free space for this user, less what a limit of the process leaves.

use std::path::Path;

use crate::store::free_room;

/// Bytes that one commit may need, with its log. With less left the server is not ready.
pub(in crate::serve) const LEAST: u64 = 16 << 20;

/// Bytes that the file may still take; `None` where the system does not tell.
pub(in crate::serve) fn left(file: &Path) -> Option<u64> {
    let free = free_room(file)?;
    Some(limit(file).map_or(free, |limit| free.min(limit)))
}

/// What the limit of a file's length leaves, where there is one.
#[cfg(target_os = "linux")]
fn limit(file: &Path) -> Option<u64> {
    use rustix::process::{Resource, getrlimit};

    let limit = getrlimit(Resource::Fsize).current?;
    let length = std::fs::metadata(file).ok()?.len();
    Some(limit.saturating_sub(length))
}

#[cfg(not(target_os = "linux"))]
fn limit(_: &Path) -> Option<u64> {
    None
}

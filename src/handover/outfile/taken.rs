//! What no output may replace, not even where overwriting is allowed: a working file of candles, a file that
//! another program has open, and what belongs to either. Nothing here opens a file itself.

use std::path::{Path, PathBuf};

use super::TargetError;
use super::place::part_name;
use crate::run::owner::database_of_side;
use crate::run::path::{beside, names};
use crate::store::{is_unfinished, is_working};

/// What `SQLite` puts beside a file that is written, and takes for its own when it opens it.
const LOGS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Checks that a file or a folder may come to stand at a path, and what stands there may go.
///
/// # Errors
/// A candlefile that is no packed one, a log beside the path, however small, or a file whose log, or whose run's side file, the
/// path would be; of a link, or of where it leads.
pub(crate) fn check(path: &Path) -> Result<(), TargetError> {
    for name in names(path) {
        if let Some(log) = log_of(&name) {
            return Err(TargetError::InUse(log));
        }
        if let Some(file) = owner(&name) {
            return Err(TargetError::IsLog {
                path: path.to_path_buf(),
                file,
            });
        }
        if is_working(&name) {
            return Err(TargetError::IsWorking(path.to_path_buf()));
        }
    }
    Ok(())
}

/// Checks that what stands where a path's part is made may go: what a kill has left of one.
///
/// # Errors
/// A candlefile that is no packed one, or a log beside another program's file.
pub(crate) fn check_part(path: &Path) -> Result<(), TargetError> {
    let part = part_name(path);
    if is_working(&part) {
        return Err(TargetError::IsWorking(part));
    }
    let is_left = || part.metadata().is_ok_and(|found| found.len() == 0) || is_unfinished(&part);
    match log_of(&part) {
        Some(log) if !is_left() => Err(TargetError::InUse(log)),
        _ => Ok(()),
    }
}

fn log_of(file: &Path) -> Option<PathBuf> {
    let mut logs = LOGS.iter().map(|suffix| beside(file, suffix));
    logs.find(|log| log.symlink_metadata().is_ok())
}

/// The file that has a log of this name, or a run on it a side file.
fn owner(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let of_log = LOGS
        .iter()
        .filter_map(|suffix| name.strip_suffix(suffix))
        .map(|name| path.with_file_name(name));
    let mut owners = of_log.chain(database_of_side(path));
    owners.find(|owner| owner.is_file())
}

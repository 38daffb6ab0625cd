//! A folder that others will read: filled beside its place, synced, and only then given its name. Until then whatever had
//! that name is as it was. It must never remove anything but what an export wrote.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::handover::outfile::{TargetError, check_free, part_name, rename_to_new};
use crate::run::path::folder_of;
use crate::store::is_working;

/// What every folder holds.
pub(super) const PART: &str = "part-0.parquet";
/// What the folders' names begin with, from the outermost on.
pub(super) const LEVELS: [&str; 3] = ["tf=", "symbol=", "year="];
/// The same with what earlier versions wrote.
const KNOWN: [&[&str]; 3] = [&[LEVELS[0], "timeframe="], &[LEVELS[1]], &[LEVELS[2]]];

/// Where a folder of files is to stand.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    overwrite: bool,
}

impl Folder {
    /// Checks that a folder can stand there.
    ///
    /// # Errors
    /// A missing folder around it, anything that has its name unless it may be overwritten, and then anything but an
    /// earlier export.
    pub fn new(path: &Path, overwrite: bool) -> Result<Folder, TargetError> {
        let around = folder_of(path);
        if !around.is_dir() {
            return Err(TargetError::no_folder(around));
        }
        if path.file_name().is_none() {
            return Err(not(path, "no name for a new folder"));
        }
        check_free(path)?;
        match fs::symlink_metadata(path) {
            Err(_) => {}
            Ok(_) if !overwrite => return Err(TargetError::Exists(path.to_path_buf())),
            Ok(found) if found.is_dir() => {
                check_exported(path)?;
            }
            Ok(_) => return Err(not(path, "no folder")),
        }
        Ok(Folder {
            path: path.to_path_buf(),
            overwrite,
        })
    }

    /// The path that the folder will have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins an empty one. Its name is always the same, so that what a kill leaves is found and removed by the next run.
    pub(super) fn begin(&self) -> Result<Part<'_>, TargetError> {
        let told = |error| TargetError::io(&self.path, error);
        let path = part_name(&self.path);
        if !path.is_dir() {
            fs::create_dir(&path).map_err(told)?;
        }
        let lock = File::open(&path).map_err(told)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(TargetError::Busy(self.path.clone())),
            Err(TryLockError::Error(error)) => return Err(told(error)),
        }
        check_exported(&path)?;
        for left in fs::read_dir(&path).map_err(told)? {
            fs::remove_dir_all(left.map_err(told)?.path()).map_err(told)?;
        }
        Ok(Part {
            folder: self,
            path,
            lock,
        })
    }
}

/// A folder on its way to its name. Dropped, it is gone.
pub(super) struct Part<'a> {
    folder: &'a Folder,
    path: PathBuf,
    lock: File,
}

impl Part<'_> {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it durable and gives it its name. Says how many bytes its files have.
    pub(super) fn finish(self) -> Result<u64, TargetError> {
        let to = &self.folder.path;
        let place = || -> io::Result<u64> {
            sync(&self.path)?;
            let bytes = size(&self.path)?;
            if self.folder.overwrite && to.exists() {
                replace(&self.path, to)?;
            } else {
                rename_to_new(&self.path, to)?;
            }
            File::open(folder_of(to))?.sync_all()?;
            Ok(bytes)
        };
        check_free(to)?;
        place().map_err(|error| TargetError::io(to, error))
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        // What was exchanged for it, or what did not become whole.
        let _ = fs::remove_dir_all(&self.path);
        let _ = self.lock.unlock();
    }
}

fn not(path: &Path, what: &'static str) -> TargetError {
    TargetError::NotAFile {
        path: path.to_path_buf(),
        what,
    }
}

/// Checks that a folder holds nothing but what an export wrote.
fn check_exported(folder: &Path) -> Result<(), TargetError> {
    foreign(folder, &KNOWN)
        .map_err(|error| TargetError::io(folder, error))?
        .map_or(Ok(()), |odd| {
            Err(not(&odd, "no part of an export, and would be lost"))
        })
}

/// The first thing in a folder that no export wrote.
fn foreign(folder: &Path, levels: &[&[&str]]) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        let begins = |level: &&str| name.to_string_lossy().starts_with(level);
        let is_ours = match levels.first() {
            Some(names) => kind.is_dir() && names.iter().any(begins),
            None => kind.is_file() && name == PART && !is_working(&entry.path()),
        };
        if !is_ours {
            return Ok(Some(entry.path()));
        }
        if let [_, below @ ..] = levels
            && let Some(odd) = foreign(&entry.path(), below)?
        {
            return Ok(Some(odd));
        }
    }
    Ok(None)
}

/// Brings everything below a folder to the disk: at once where the system can, since thousands of files one by one take
/// minutes.
fn sync(folder: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    return Ok(rustix::fs::syncfs(File::open(folder)?)?);
    #[cfg(not(target_os = "linux"))]
    {
        each_below(folder, &mut |path| File::open(path)?.sync_all())?;
        File::open(folder)?.sync_all()
    }
}

/// Bytes of all files below a folder.
fn size(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    each_below(folder, &mut |path| {
        let found = fs::metadata(path)?;
        bytes += if found.is_file() { found.len() } else { 0 };
        Ok(())
    })?;
    Ok(bytes)
}

/// Everything below a folder, what a folder holds before the folder.
fn each_below(folder: &Path, each: &mut dyn FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            each_below(&path, each)?;
        }
        each(&path)?;
    }
    Ok(())
}

/// Puts a folder in another's place, which is gone for a moment where the system cannot exchange the two.
fn replace(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags};
        match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::EXCHANGE) {
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {}
            other => return Ok(other?),
        }
    }
    fs::remove_dir_all(to)?;
    fs::rename(from, to)
}

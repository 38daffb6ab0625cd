//! The side file of a run, beside the database that it works on: whoever holds its lock lives. It must never open the
//! database itself: closing that again would take away SQLite's locks.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::run::path::{beside, real};

/// A name that somebody who cleans up takes away before it is locked is made anew so often.
const ATTEMPTS: u32 = 32;

/// A run's own side file, locked for as long as it lives.
#[derive(Debug)]
pub(super) struct Side {
    path: PathBuf,
    locked: File,
}

/// What a lock says of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// Its lock is held.
    Lives,
    /// Its lock is free.
    Left,
    /// There is no such file.
    Absent,
    /// The file system has no locks, or nobody here may look.
    Unknown,
}

impl Side {
    /// A new side file, locked before anybody can know of it; `None` as its second part where locking is refused.
    ///
    /// # Errors
    /// The file cannot be made.
    pub(super) fn make(db: &Path) -> io::Result<(Uuid, Option<Side>)> {
        for _ in 0..ATTEMPTS {
            let run = Uuid::now_v7();
            let path = path_of(db, run);
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .open(&path)?;
            share(db, &file);
            match file.try_lock() {
                Ok(()) if is_still(&path, &file) => {
                    let side = Side { path, locked: file };
                    return Ok((run, Some(side)));
                }
                // Somebody who cleans up looked at it before it was locked.
                Ok(()) | Err(TryLockError::WouldBlock) => remove(&path),
                Err(TryLockError::Error(_)) => {
                    remove(&path);
                    return Ok((run, None));
                }
            }
        }
        Err(io::Error::other("another program keeps taking it away"))
    }

    /// Notes what the run holds, in place of what was noted before. Where that is impossible nothing is known of it.
    pub(super) fn note(&self, text: &str) {
        let mut file = &self.locked;
        let mut note = || {
            file.rewind()?;
            file.set_len(0)?;
            file.write_all(text.as_bytes())
        };
        let _: io::Result<()> = note();
    }
}

impl Drop for Side {
    /// Removed while it is locked: nobody can take it for a dead run's in between.
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// What the lock says of a run. Needs no right to write, and takes nothing away: two who look at once share.
pub(super) fn holder(db: &Path, run: Uuid) -> Holder {
    look(&path_of(db, run)).0
}

/// Removes what dead runs left beside the database. `is_ours` names the runs of this process: to open a file of theirs could
/// take their lock away where locks belong to a process.
pub(super) fn sweep(db: &Path, is_ours: impl Fn(Uuid) -> bool) {
    for path in runs_beside(db, is_ours) {
        if let (Holder::Left, Some(file)) = look(&path)
            && is_still(&path, &file)
        {
            remove(&path);
        }
    }
}

/// What the runs beside a database have noted, be they alive or dead, those of this process left out.
pub(super) fn notes(db: &Path, is_ours: impl Fn(Uuid) -> bool) -> impl Iterator<Item = String> {
    runs_beside(db, is_ours).into_iter().filter_map(|path| {
        let mut note = String::new();
        let file = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
        let read = File::open(&path).ok().filter(|_| file)?;
        read.take(MOST_NOTED).read_to_string(&mut note).ok()?;
        Some(note)
    })
}

/// The side files of runs beside a database.
fn runs_beside(db: &Path, is_ours: impl Fn(Uuid) -> bool) -> Vec<PathBuf> {
    let db = real(db);
    let (Some(folder), Some(name)) = (db.parent(), db.file_name()) else {
        return Vec::new();
    };
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut prefix = name.to_owned();
    prefix.push(INFIX);
    let run = |entry: fs::DirEntry| {
        let name = entry.file_name();
        let rest = name
            .as_encoded_bytes()
            .strip_prefix(prefix.as_encoded_bytes());
        let run = rest.and_then(|rest| Uuid::try_parse_ascii(rest).ok());
        run.filter(|&run| !is_ours(run))
    };
    let runs = entries.flatten().filter_map(run);
    runs.map(|run| path_of(&db, run)).collect()
}

/// Bytes of a note at most.
const MOST_NOTED: u64 = 200;

const INFIX: &str = "-run-";

fn path_of(db: &Path, run: Uuid) -> PathBuf {
    beside(&real(db), &format!("{INFIX}{}", run.hyphenated()))
}

/// The other way round.
pub(super) fn database_of(path: &Path) -> Option<PathBuf> {
    let (db, run) = path.file_name()?.to_str()?.rsplit_once(INFIX)?;
    Uuid::try_parse(run).ok()?;
    Some(path.with_file_name(db))
}

/// The second part holds a shared lock as long as it is there.
fn look(path: &Path) -> (Holder, Option<File>) {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => {}
        Err(error) if error.kind() != io::ErrorKind::NotFound => return (Holder::Unknown, None),
        _ => return (Holder::Absent, None),
    }
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (Holder::Absent, None),
        Err(_) => return (Holder::Unknown, None),
    };
    match file.try_lock_shared() {
        Ok(()) => (Holder::Left, Some(file)),
        Err(TryLockError::WouldBlock) => (Holder::Lives, None),
        Err(TryLockError::Error(_)) => (Holder::Unknown, None),
    }
}

/// Whether a name still stands for an open file.
fn is_still(path: &Path, file: &File) -> bool {
    let (Ok(named), Ok(open)) = (fs::symlink_metadata(path), file.metadata()) else {
        return false;
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        (named.dev(), named.ino()) == (open.dev(), open.ino())
    }
    #[cfg(not(unix))]
    {
        named.is_file() && open.is_file()
    }
}

/// Whoever may reach the database may see who works on it, and on which file.
fn share(db: &Path, file: &File) {
    #[cfg(unix)]
    if let Ok(db) = fs::metadata(db) {
        use std::os::unix::fs::PermissionsExt;
        let mode = db.permissions().mode() & 0o666 | 0o444;
        let _ = file.set_permissions(fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = (db, file);
}

/// One that cannot be removed says of nobody that he lives, and is tried again by the next run.
fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}

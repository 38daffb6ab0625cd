//! A file that others will read: written beside its place, synced, and only then given its name. Until then whatever had
//! that name is as it was; a failure leaves nothing, and where the system has files without a name a kill leaves nothing
//! either.

mod place;
mod taken;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use place::{is_named, name_it, nameless};
pub(crate) use place::{is_same, part_name, rename_to_new};
pub(crate) use taken::check as check_free;
use taken::check_part;

use crate::handover::export::is_full;
use crate::model::next::Next;
use crate::run::path::{beside, folder_of};
use crate::run::shell::quoted;
use crate::store::StoreError;

/// Why a file could not be written under its name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The folder that should hold the file is missing.
    #[error("the folder {} does not exist", .0.display())]
    NoFolder(PathBuf),
    /// Something has that name.
    #[error("{} exists", .0.display())]
    Exists(PathBuf),
    /// It is the file that is read, perhaps by another name.
    #[error("{} is the file that is read", .0.display())]
    IsInput(PathBuf),
    /// It is a folder or a device.
    #[error("{} is {what}", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// Another process is writing it.
    #[error("another process is writing {}", .0.display())]
    Busy(PathBuf),
    /// It is a file of candles that is lived in: there may be no other copy of what was fetched.
    #[error("{} is a candlefile, and no packed one", .0.display())]
    IsWorking(PathBuf),
    /// `SQLite` would take it for the log of another file.
    #[error("{} is a name that SQLite uses beside {}", path.display(), file.display())]
    IsLog {
        /// The path.
        path: PathBuf,
        /// The other file.
        file: PathBuf,
    },
    /// It lies where the new file's own would: the file of that name is open, or was not closed.
    #[error("{} belongs to a file that is open, or was not closed", .0.display())]
    InUse(PathBuf),
    /// The disk is full, or nothing more may be written: a quota, or a limit of the process.
    #[error("the disk is full or a size limit (ulimit -f, a quota) is reached while writing {}", .0.display())]
    Full(PathBuf),
    /// Anything else that the system says.
    #[error("cannot write {}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
}

impl TargetError {
    /// The path that it is about.
    pub fn path(&self) -> &Path {
        match self {
            TargetError::NoFolder(path)
            | TargetError::Exists(path)
            | TargetError::IsInput(path)
            | TargetError::Busy(path)
            | TargetError::IsWorking(path)
            | TargetError::InUse(path)
            | TargetError::Full(path)
            | TargetError::NotAFile { path, .. }
            | TargetError::IsLog { path, .. }
            | TargetError::Io { path, .. } => path,
        }
    }

    /// A folder that is not there, or a file on the way to it.
    pub fn no_folder(folder: &Path) -> TargetError {
        match StoreError::no_folder(folder) {
            StoreError::NotAFolder(path) => TargetError::NotAFile {
                path,
                what: "a file, not a folder",
            },
            _ => TargetError::NoFolder(folder.to_path_buf()),
        }
    }

    /// What the system says of a path.
    pub fn io(path: &Path, source: io::Error) -> TargetError {
        let path = path.to_path_buf();
        match source.kind() {
            _ if is_full(&source) => TargetError::Full(path),
            io::ErrorKind::AlreadyExists => TargetError::Exists(path),
            _ => TargetError::Io { path, source },
        }
    }

    /// What to do about it.
    pub fn next(&self) -> Next {
        Next::words(match self {
            TargetError::NoFolder(path) => {
                return Next::words(format!("create it first: mkdir -p {}", quoted(path)));
            }
            TargetError::Exists(_) => {
                "name another file with -o, or replace this one with --overwrite"
            }
            TargetError::IsInput(_) | TargetError::NotAFile { .. } | TargetError::IsLog { .. } => {
                "name another file with -o"
            }
            TargetError::IsWorking(_) => {
                "name another file with -o; nothing is ever written over one"
            }
            TargetError::Busy(_) => "wait for it, or name another file with -o",
            TargetError::InUse(_) => {
                "close the file that it belongs to, or name another file with -o"
            }
            TargetError::Full(_) => {
                "make room or lift the limit, then run the same command again; nothing was left behind"
            }
            TargetError::Io { .. } => "check the file's folder, then run the same command again",
        })
    }
}

/// Where a file is to stand.
#[derive(Clone, Debug)]
pub struct Target {
    path: PathBuf,
    overwrite: bool,
}

impl Target {
    /// Checks that a file can stand there. `inputs` are what is read meanwhile: none of them, nor what lies beside it, may
    /// be written, by whatever name.
    ///
    /// # Errors
    /// A missing folder, a folder or device in its place, an existing file unless it may be overwritten, an input; and
    /// whatever is said of overwriting, a candlefile that is no packed one, or a file with a log beside it.
    pub fn new(path: &Path, overwrite: bool, inputs: &[&Path]) -> Result<Target, TargetError> {
        let folder = folder_of(path);
        if !folder.is_dir() {
            return Err(TargetError::no_folder(folder));
        }
        let not_a_file = |what| TargetError::NotAFile {
            path: path.to_path_buf(),
            what,
        };
        if path.file_name().is_none() || path.is_dir() {
            return Err(not_a_file("a folder"));
        }
        for input in inputs {
            // What lies beside a file lies beside the one that a link leads to.
            let resolved = input.canonicalize();
            let names = std::iter::once(*input).chain(resolved.as_deref());
            for name in names {
                let beside = ["", "-wal", "-shm", "-journal"].map(|suffix| beside(name, suffix));
                if beside.iter().any(|beside| is_same(path, beside))
                    || is_same(&part_name(path), name)
                {
                    return Err(TargetError::IsInput(path.to_path_buf()));
                }
            }
        }
        check_free(path)?;
        check_part(path)?;
        match fs::symlink_metadata(path) {
            Err(_) => {}
            Ok(_) if !overwrite => return Err(TargetError::Exists(path.to_path_buf())),
            Ok(found) if found.is_file() || found.is_symlink() => {}
            Ok(_) => return Err(not_a_file("no regular file")),
        }
        Ok(Target {
            path: path.to_path_buf(),
            overwrite,
        })
    }

    /// The path that the file will have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a file that is written through its handle. It has no name until it is done, where the system can do so.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn begin(&self) -> Result<Part<'_>, TargetError> {
        match nameless(folder_of(&self.path)) {
            Some(file) => Ok(Part {
                target: self,
                file,
                name: None,
            }),
            None => self.begin_named(),
        }
    }

    /// Begins a file that is written by its path, [`Part::path`].
    ///
    /// # Errors
    /// The folder cannot be written, another process is writing the same target, or the one that is there is in use.
    pub(crate) fn begin_named(&self) -> Result<Part<'_>, TargetError> {
        check_free(&self.path)?;
        check_part(&self.path)?;
        let name = part_name(&self.path);
        let told = |error| TargetError::io(&self.path, error);
        let file = loop {
            let file = open_part(&name).map_err(told)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(TargetError::Busy(self.path.clone())),
                Err(TryLockError::Error(error)) => return Err(told(error)),
            }
            // Between the two, another process may have given the same file its last name.
            if is_named(&file, &name) {
                break file;
            }
        };
        // What a killed process left of it.
        file.set_len(0).map_err(told)?;
        Ok(Part {
            target: self,
            file,
            name: Some(name),
        })
    }

    fn place(&self, from: &Path) -> io::Result<()> {
        if self.overwrite {
            fs::rename(from, &self.path)
        } else {
            rename_to_new(from, &self.path)
        }
    }
}

fn open_part(name: &Path) -> io::Result<File> {
    let open = || {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        options.open(name)
    };
    match open() {
        // One that was killed just before the end has left it read-only.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            fs::remove_file(name).map_err(|_| error)?;
            open()
        }
        opened => opened,
    }
}

/// A file on its way to its name. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    target: &'a Target,
    file: File,
    name: Option<PathBuf>,
}

impl Part<'_> {
    /// The handle that writes it.
    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Where it stands meanwhile, if it has a name.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.name.as_deref()
    }

    /// Makes it durable and gives it its name.
    ///
    /// # Errors
    /// The disk is full or fails, or the name was taken meanwhile. Nothing is left behind then.
    pub(crate) fn finish(mut self) -> Result<(), TargetError> {
        let target = self.target;
        let told = |error| TargetError::io(&target.path, error);
        self.file.sync_all().map_err(told)?;
        // Much may have happened since it was begun.
        check_free(&target.path)?;
        match self.name.take() {
            Some(name) => target.place(&name).inspect_err(|_| {
                let _ = fs::remove_file(&name);
            }),
            None if target.overwrite => {
                check_part(&target.path)?;
                let name = part_name(&target.path);
                let _ = fs::remove_file(&name);
                name_it(&self.file, &name).and_then(|()| target.place(&name))
            }
            None => name_it(&self.file, &target.path),
        }
        .map_err(told)?;
        // A name is durable once its folder is.
        File::open(folder_of(&target.path))
            .and_then(|folder| folder.sync_all())
            .map_err(told)
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            for suffix in ["", "-journal", "-wal", "-shm"] {
                let _ = fs::remove_file(beside(name, suffix));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let mut names: Vec<_> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("a name")
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out");
        for named in [false, true] {
            for overwrite in [false, true] {
                let target = Target::new(&path, overwrite, &[]).expect("a target");
                let begin = || {
                    if named {
                        target.begin_named()
                    } else {
                        target.begin()
                    }
                };
                let mut part = begin().expect("a part");
                part.file().write_all(b"half").expect("room");
                assert!(!names(folder.path()).contains(&"out".to_owned()) || overwrite);
                drop(part);
                assert_eq!(names(folder.path()).len(), usize::from(overwrite));
                let mut part = begin().expect("a part");
                let text = format!("{named}{overwrite}");
                part.file().write_all(text.as_bytes()).expect("room");
                part.finish().expect("a name");
                assert_eq!(names(folder.path()), ["out"]);
                assert_eq!(fs::read_to_string(&path).expect("a file"), text);
            }
            fs::remove_file(&path).expect("a file");
        }
    }

    #[test]
    fn a_name_that_was_taken_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out");
        for named in [false, true] {
            let target = Target::new(&path, false, &[]).expect("a target");
            let part = if named {
                target.begin_named()
            } else {
                target.begin()
            };
            fs::write(&path, "theirs").expect("a file");
            let error = part.expect("a part").finish().expect_err("taken");
            assert!(matches!(error, TargetError::Exists(_)), "{error}");
            assert_eq!(names(folder.path()), ["out"]);
            assert_eq!(fs::read_to_string(&path).expect("a file"), "theirs");
            fs::remove_file(&path).expect("a file");
        }
    }

    #[test]
    fn one_process_writes_a_named_part_and_the_next_takes_over_what_a_kill_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = Target::new(&folder.path().join("out"), false, &[]).expect("a target");
        let first = target.begin_named().expect("a part");
        assert!(matches!(target.begin_named(), Err(TargetError::Busy(_))));
        drop(first);
        fs::write(folder.path().join(".out.part"), "left").expect("a file");
        target
            .begin_named()
            .expect("a part")
            .finish()
            .expect("a name");
        assert_eq!(names(folder.path()), ["out"]);
        assert_eq!(fs::read(target.path()).expect("a file"), b"");
    }

    #[test]
    fn the_log_of_an_old_file_never_meets_a_new_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = Target::new(&folder.path().join("out"), true, &[]).expect("a target");
        let log = folder.path().join("out-wal");
        fs::write(&log, "rows").expect("a file");
        assert!(matches!(target.begin_named(), Err(TargetError::InUse(path)) if path == log));
        fs::remove_file(&log).expect("a file");
        let part = target.begin_named().expect("a part");
        fs::write(&log, "rows").expect("a file");
        assert!(matches!(part.finish(), Err(TargetError::InUse(_))));
        assert_eq!(names(folder.path()), ["out-wal"]);
    }

    #[cfg(unix)]
    #[test]
    fn an_input_is_not_a_target_by_whatever_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let input = folder.path().join("in");
        fs::write(&input, "").expect("a file");
        fs::write(folder.path().join("in-wal"), "").expect("a file");
        std::os::unix::fs::symlink(&input, folder.path().join("link")).expect("a link");
        fs::hard_link(&input, folder.path().join("hard")).expect("a link");
        for name in ["in", "in-wal", "in-journal", "link", "hard", "../x/../in"] {
            let path = folder.path().join(name);
            let found = Target::new(&path, true, &[&input]);
            assert!(
                matches!(
                    found,
                    Err(TargetError::IsInput(_) | TargetError::NoFolder(_))
                ),
                "{name}: {found:?}"
            );
        }
    }
}

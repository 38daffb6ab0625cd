//! A file that others will read: written beside its place, synced, and only then given its name. Until then whatever had
//! that name is as it was; a failure leaves nothing, and where the system has files without a name a kill leaves nothing
//! either.

mod error;
mod part;
mod place;
mod taken;

use std::fs;
use std::path::{Path, PathBuf};

pub use error::TargetError;
pub(crate) use part::Part;
pub(crate) use place::{is_same, part_name, rename_to_new};
pub(crate) use taken::check as check_free;
use taken::check_part;

use crate::run::path::{beside, folder_of};

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
        for name in ["in", "in-wal", "in-journal", "link", "hard", "x/../in"] {
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

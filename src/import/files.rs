//! The files of an import: those that were named and those in folders that were, each as it lies there.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::problem::Problem;
use super::said::{Format, Said};
use crate::store::Stamped;

/// A file, and what lies there under its name.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    /// As it was named.
    pub(super) path: PathBuf,
    pub(super) stamped: Stamped,
    /// Why it is not read.
    pub(super) missing: Option<Problem>,
}

/// The files, in the order in which they were named; those of a folder by their paths. One that is named twice counts once.
pub(super) fn listed(paths: &[PathBuf], said: &Said) -> Vec<Listed> {
    let mut all = Vec::new();
    for path in paths {
        if path.is_dir() {
            let mut within = Vec::new();
            match walk(path, &said.format, &mut within) {
                Ok(()) if within.is_empty() => all.push(Listed {
                    stamped: stamped(path, said, None),
                    path: path.clone(),
                    missing: Some(Problem::of_file(
                        "the folder has no such files",
                        "name the files, whatever they are called",
                    )),
                }),
                Ok(()) => {
                    within.sort();
                    all.extend(within.into_iter().map(|path| one(path, said)));
                }
                Err(error) => all.push(without(path.clone(), said, &error)),
            }
        } else {
            all.push(one(path.clone(), said));
        }
    }
    let mut seen = std::collections::HashSet::new();
    all.retain(|file| seen.insert(file.stamped.path.clone()));
    all
}

/// The files below a folder that look like what is imported. Hidden ones are left out.
fn walk(folder: &Path, format: &Format, all: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            walk(&path, format, all)?;
        } else if is_of(&name, format) {
            all.push(path);
        }
    }
    Ok(())
}

fn is_of(name: &str, format: &Format) -> bool {
    let is = |extension: &str| {
        Path::new(name)
            .extension()
            .is_some_and(|found| found == extension)
    };
    let is_archive = is("zip");
    match format {
        Format::Lean => is_archive && !name.ends_with("_quote.zip"),
        Format::Binance => is_archive || is_table(name),
        Format::Parquet => is("parquet"),
        Format::Arrow => is("arrow") || is("feather"),
        Format::Csv | Format::OfProvider(..) => is_table(name),
    }
}

fn is_table(name: &str) -> bool {
    let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
    [".csv", ".txt", ".tsv"]
        .iter()
        .any(|suffix| name.ends_with(suffix))
}

fn one(path: PathBuf, said: &Said) -> Listed {
    match fs::metadata(&path) {
        Ok(metadata) => Listed {
            stamped: stamped(&path, said, Some(&metadata)),
            path,
            // What a pipe has handed out is gone, and a file is looked at before it is read.
            missing: (!metadata.is_file()).then(|| {
                Problem::of_file(
                    "it is no file",
                    "write what comes from it to a file, and import that",
                )
            }),
        },
        Err(error) => without(path, said, &error),
    }
}

fn without(path: PathBuf, said: &Said, error: &io::Error) -> Listed {
    let missing = match error.kind() {
        io::ErrorKind::NotFound => {
            Problem::of_file("there is no such file", "name a file that there is")
        }
        _ => Problem::unread(error),
    };
    Listed {
        stamped: stamped(&path, said, None),
        path,
        missing: Some(missing),
    }
}

/// Whether what lies there is what lay there when it was looked at.
pub(super) fn is_unchanged(path: &Path, then: &Stamped) -> bool {
    let now = fs::metadata(path).ok();
    now.is_some_and(|now| (now.len().cast_signed(), changed(Some(&now))) == (then.size, then.mtime))
}

/// When a file was changed last, Unix nanoseconds.
fn changed(metadata: Option<&Metadata>) -> i64 {
    let at = metadata.and_then(|metadata| metadata.modified().ok());
    let since = at.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    i64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(i64::MAX)
}

fn stamped(path: &Path, said: &Said, metadata: Option<&Metadata>) -> Stamped {
    let whole = path.canonicalize().or_else(|_| std::path::absolute(path));
    let whole = whole.unwrap_or_else(|_| path.to_path_buf());
    Stamped {
        path: whole.to_string_lossy().into_owned(),
        size: metadata.map_or(0, |metadata| metadata.len().cast_signed()),
        mtime: changed(metadata),
        taken_as: said.in_words(),
    }
}

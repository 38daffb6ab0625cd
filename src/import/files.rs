//! The files of an import: those that were named and those in folders that were, each as it lies there.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::said::{Format, Said};
use crate::store::Stamped;

/// A file, and what lies there under its name.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    /// As it was named.
    pub(super) path: PathBuf,
    pub(super) stamped: Stamped,
    /// Why nothing can be said of it.
    pub(super) missing: Option<String>,
}

/// The files, in the order in which they were named; those of a folder by their paths. One that is named twice counts once.
pub(super) fn listed(paths: &[PathBuf], said: &Said) -> Vec<Listed> {
    let mut all = Vec::new();
    for path in paths {
        if path.is_dir() {
            let mut within = Vec::new();
            match walk(path, &said.format, &mut within) {
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
            missing: None,
        },
        Err(error) => without(path, said, &error),
    }
}

fn without(path: PathBuf, said: &Said, error: &io::Error) -> Listed {
    let missing = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => format!("it cannot be read: {error}"),
    };
    Listed {
        stamped: stamped(&path, said, None),
        path,
        missing: Some(missing),
    }
}

fn stamped(path: &Path, said: &Said, metadata: Option<&Metadata>) -> Stamped {
    let whole = path.canonicalize().or_else(|_| std::path::absolute(path));
    let whole = whole.unwrap_or_else(|_| path.to_path_buf());
    let changed = metadata.and_then(|metadata| metadata.modified().ok());
    let since = changed
        .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
        .unwrap_or_default();
    Stamped {
        path: whole.to_string_lossy().into_owned(),
        size: metadata.map_or(0, |metadata| metadata.len().cast_signed()),
        mtime: i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        taken_as: said.in_words(),
    }
}

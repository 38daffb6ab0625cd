//! Where a file is, and what lies beside it. Nothing here opens it.

use std::fs;
use std::path::{Path, PathBuf};

/// So many links may lead from one to the next: as many as the system allows.
const LINKS: usize = 40;

/// Where a path leads: what lies beside a file lies beside the one that a link leads to. The file need not be there.
pub(crate) fn real(path: &Path) -> PathBuf {
    if let Ok(found) = path.canonicalize() {
        return found;
    }
    let path = names(path).pop().unwrap_or_default();
    match (folder_of(&path).canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path,
    }
}

/// The path, and where it leads as a link, also where nothing is there.
pub(crate) fn names(path: &Path) -> Vec<PathBuf> {
    let mut names = vec![path.to_path_buf()];
    while names.len() <= LINKS
        && let Some(last) = names.last()
        && let Ok(to) = fs::read_link(last)
    {
        names.push(last.with_file_name(to));
    }
    names
}

/// What holds a file.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A file beside another: its name with a suffix.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

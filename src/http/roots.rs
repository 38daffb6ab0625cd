//! The files of TLS roots that this machine's environment names. Looked at to say what is wrong: the client itself reads them, and
//! goes on in silence with what is left.

use std::env::{split_paths, var_os};
use std::ffi::{OsStr, OsString};
use std::fs::{metadata, read_dir};
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};

const FILE: &str = "SSL_CERT_FILE";
const FOLDERS: &str = "SSL_CERT_DIR";

/// Why there is no root where one is named.
enum No {
    /// What is named is not there, or is another kind of thing.
    Such(&'static str),
    /// It is there, without a certificate.
    Root(String),
}

/// Which variable names TLS roots that cannot be used, and why not. A folder without any beside a file that has some is usual.
pub(super) fn wrong() -> Option<String> {
    let [file, folders] = [FILE, FOLDERS].map(var_os);
    let folders = folders.filter(|paths| !paths.is_empty());
    let of_folders = folders.map(|paths| (folders_hold_root(&paths), paths));
    let of_file = match file {
        // The client takes it for a name.
        Some(empty) if empty.is_empty() && of_folders.is_none() => {
            return Some(format!("{FILE} is set, and empty"));
        }
        file => file.filter(|path| !path.is_empty()),
    };
    let of_file = of_file.map(|path| (file_holds_root(Path::new(&path)), path));
    let has_roots = matches!(of_file, Some((Ok(()), _)));
    let of_file = of_file.and_then(|(held, path)| Some((FILE, path, held.err()?)));
    let of_folders = of_folders.and_then(|(held, paths)| match held.err()? {
        No::Root(_) if has_roots => None,
        no => Some((FOLDERS, paths, no)),
    });
    let each = [of_file, of_folders].into_iter().flatten();
    let each = each.map(|(variable, path, no)| {
        let why = match no {
            No::Such(why) => why.to_owned(),
            No::Root(why) => why,
        };
        format!("{variable} names {}, {why}", whole(&path))
    });
    Some(each.collect::<Vec<String>>().join(", and ")).filter(|wrong| !wrong.is_empty())
}

/// The variables that name TLS roots here.
pub(super) fn variables() -> impl Iterator<Item = &'static str> {
    let is_set = |name: &&str| var_os(name).is_some_and(|path| !path.is_empty());
    [FILE, FOLDERS].into_iter().filter(is_set)
}

/// A file with a certificate in PEM form that can be read.
fn file_holds_root(path: &Path) -> Result<(), No> {
    const UNREADABLE: &str = "which cannot be read";
    match metadata(path) {
        Err(_) => return Err(No::Such(UNREADABLE)),
        Ok(found) if found.is_dir() => return Err(No::Such("which is a folder and no file")),
        Ok(found) if !found.is_file() => return Err(No::Such("which is no file")),
        Ok(_) => {}
    }
    let blocks = CertificateDer::pem_file_iter(path).map_err(|_| No::Such(UNREADABLE))?;
    let mut first = None;
    for block in blocks {
        let broken = match block {
            Ok(certificate) if RootCertStore::empty().add(certificate.clone()).is_ok() => {
                return Ok(());
            }
            Ok(_) => "is no certificate",
            Err(pem::Error::Io(_)) => return Err(No::Such(UNREADABLE)),
            Err(pem::Error::MissingSectionEnd { .. }) => "has no line that ends it",
            Err(pem::Error::IllegalSectionStart { .. }) => "begins with half a line",
            Err(pem::Error::Base64Decode(_)) => "is not in base64",
            Err(_) => "cannot be read",
        };
        first.get_or_insert(broken);
    }
    let why = first.map_or_else(
        || "which holds no certificate".to_owned(),
        |broken| format!("where a block of PEM {broken}, and there is no certificate beside it"),
    );
    Err(No::Root(why))
}

/// Folders one of which has such a file. They are there as soon as one of them is.
fn folders_hold_root(paths: &OsStr) -> Result<(), No> {
    let mut no = None;
    for folder in split_paths(paths).filter(|path| !path.as_os_str().is_empty()) {
        let why = match read_dir(&folder) {
            Ok(entries) => {
                let mut files = entries.flatten().map(|one| file_holds_root(&one.path()));
                if files.any(|held| held.is_ok()) {
                    return Ok(());
                }
                No::Root("where no file holds a certificate".to_owned())
            }
            Err(_) if folder.is_file() => No::Such("which is a file and no folder"),
            Err(_) => No::Such("which cannot be read"),
        };
        no = match (no, why) {
            (Some(No::Root(why)), _) => Some(No::Root(why)),
            (_, why) => Some(why),
        };
    }
    Err(no.unwrap_or(No::Such("which names no folder")))
}

/// Paths from the root on.
fn whole(paths: &OsStr) -> String {
    let each = split_paths(paths).map(|path| std::path::absolute(&path).unwrap_or(path));
    let all = std::env::join_paths(each).unwrap_or_else(|_| OsString::from(paths));
    all.to_string_lossy().into_owned()
}

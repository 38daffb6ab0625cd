//! What can go wrong on the command line, and how it is said: the message, the next step, a kind for scripts, the exit
//! code.

use std::path::Path;

use crate::handover::choice::BadChoice;
use crate::handover::export::{ExportError, after_writing, is_full};
use crate::handover::merge::MergeError;
use crate::handover::outfile::TargetError;
use crate::handover::pack::PackError;
use crate::http::NoClient;
use crate::import::Problem;
use crate::model::next::Next;
use crate::model::range::BadRange;
use crate::provider::{BadKey, ProviderError};
#[cfg(feature = "serve")]
use crate::run::shell::quoted;
use crate::store::StoreError;
use serde_json::json;

use super::args::Global;
use super::{next, output};

/// Exit codes are a contract with scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything asked for is there.
    Complete,
    /// It ran, and something is missing or differs.
    Incomplete,
    /// It could not run, or an error of the whole job stopped it.
    Failed,
    /// It was called wrongly.
    Usage,
    /// Ctrl-C.
    Interrupted,
}

impl Exit {
    pub fn code(self) -> i32 {
        match self {
            Exit::Complete => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Incomplete => 3,
            Exit::Interrupted => 130,
        }
    }
}

/// An error of the command line itself.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    #[error("{message}")]
    Usage { message: String, next: Next },
    #[error("no key: {}", unset(keys))]
    NoKey {
        /// The variables that may hold it.
        keys: Vec<String>,
        /// A provider that needs none.
        without: Option<String>,
    },
    #[error("{name} holds no key")]
    BadKey { name: String, source: BadKey },
    #[cfg(feature = "serve")]
    #[error("the token file {} cannot be used: {why}", path.display())]
    BadToken {
        path: std::path::PathBuf,
        why: String,
    },
    /// A file of an import, and all others with it.
    #[error("{}: {problem}", path.display())]
    NotImported {
        path: std::path::PathBuf,
        problem: Box<Problem>,
    },
    #[error("candles from {0:?} have no provider to ask")]
    NoProvider(String),
    /// A file to be read that is not there, or holds nothing: nobody means to fill it.
    #[error(transparent)]
    NoInput(StoreError),
}

/// An error of a file that a command was given to read, beside the one of `--db`.
pub fn of_input(error: StoreError) -> anyhow::Error {
    match error {
        StoreError::NotFound(_) | StoreError::Empty(_) => CliError::NoInput(error).into(),
        error => error.into(),
    }
}

impl CliError {
    fn next(&self) -> Next {
        match self {
            CliError::Usage { next, .. } => next.clone(),
            CliError::NoKey { keys, without } => {
                let set = Next::words(format!("set {}", keys.join(" or ")));
                let sample = without.as_ref().map(|name| {
                    Next::words(format!("try it on made-up data with --provider {name}"))
                });
                Next::Or([set].into_iter().chain(sample).collect())
            }
            CliError::BadKey { name, .. } => {
                Next::words(format!("set {name} to the key alone, on one line"))
            }
            #[cfg(feature = "serve")]
            CliError::BadToken { path, why } => Next::words(how_to_make_a_token(path, why)),
            CliError::NotImported { problem, .. } => problem.next.clone(),
            CliError::NoProvider(_) => Next::Providers.shows("lists those there are"),
            CliError::NoInput(_) => Next::words("name another file"),
        }
    }
}

#[cfg(feature = "serve")]
fn how_to_make_a_token(path: &Path, why: &str) -> String {
    let make = |path: &Path| format!("(umask 077; openssl rand -hex 32 > {})", quoted(path));
    // What is there may be anything, and is not to be written over.
    if path.is_file() {
        let mut other = path.as_os_str().to_owned();
        other.push(".new");
        let close = format!(", or close it: chmod 600 {}", quoted(path));
        let close = if why == super::serve::OPEN {
            close
        } else {
            String::new()
        };
        format!("make another one: {}{close}", make(other.as_ref()))
    } else if let Some(StoreError::NotAFolder(file)) = path.parent().map(StoreError::no_folder) {
        format!(
            "{} is a file, not a folder: name a token file elsewhere",
            file.display()
        )
    } else if path.exists() {
        format!("make one: {}, and name that", make("token".as_ref()))
    } else {
        format!("make one: {}", make(path))
    }
}

fn unset(keys: &[String]) -> String {
    match keys {
        [one] => format!("{one} is not set"),
        several => format!("neither {} is set", several.join(" nor ")),
    }
}

/// An error as it is said.
pub struct Said {
    pub message: String,
    pub kind: &'static str,
    pub next: String,
    pub exit: Exit,
}

impl Said {
    pub fn of(global: &Global, error: &anyhow::Error) -> Said {
        let message = format!("{error:#}");
        let said = |kind, next: Next, exit| Said {
            message: message.clone(),
            kind,
            next: next::text(global, &next),
            exit,
        };
        if let Some(error) = error.downcast_ref::<StoreError>() {
            let exit = match error {
                StoreError::Stopped(_) => Exit::Interrupted,
                _ => Exit::Failed,
            };
            return said(kind_of(error), error.next(), exit);
        }
        if let Some(error) = error.downcast_ref::<TargetError>() {
            let kind = match error {
                TargetError::Full(_) => "disk_full",
                _ => "file",
            };
            return said(kind, error.next(), Exit::Failed);
        }
        if let Some(error) = error.downcast_ref::<MergeError>() {
            let (kind, exit) = match error {
                MergeError::Cancelled => ("interrupted", Exit::Interrupted),
                _ => ("series", Exit::Failed),
            };
            return said(kind, error.next(), exit);
        }
        if let Some(error) = error.downcast_ref::<PackError>() {
            let (kind, exit) = match error {
                PackError::Cancelled => ("interrupted", Exit::Interrupted),
                PackError::Unchecked { .. } => ("series", Exit::Failed),
                _ => ("io", Exit::Failed),
            };
            return said(kind, error.next(), exit);
        }
        if let Some(error) = error.downcast_ref::<BadChoice>() {
            return match error {
                BadChoice::Reversed { .. } => said("usage", error.next(), Exit::Usage),
                _ => said("series", error.next(), Exit::Failed),
            };
        }
        if let Some(error) = error.downcast_ref::<ExportError>() {
            let (kind, exit) = match error {
                ExportError::Write(error) if is_full(error) => ("disk_full", Exit::Failed),
                ExportError::NotBuilt { .. } => ("feature", Exit::Failed),
                ExportError::Cancelled => ("interrupted", Exit::Interrupted),
                _ => ("io", Exit::Failed),
            };
            return said(kind, error.next(), exit);
        }
        if let Some(error) = error.downcast_ref::<BadRange>() {
            let next = match error {
                BadRange::Reversed { start, end } if start == end => "name a later --end",
                BadRange::Reversed { .. } => "exchange --start and --end",
                _ => "choose a --start that has begun, or leave --end out for now",
            };
            return said("usage", Next::words(next), Exit::Usage);
        }
        if let Some(error) = error.downcast_ref::<CliError>() {
            let (kind, exit) = match error {
                CliError::Usage { .. } => ("usage", Exit::Usage),
                CliError::NoKey { .. } | CliError::BadKey { .. } => ("key", Exit::Failed),
                #[cfg(feature = "serve")]
                CliError::BadToken { .. } => ("token", Exit::Failed),
                CliError::NoProvider(_) => ("provider", Exit::Failed),
                CliError::NotImported { problem, .. } if problem.is_asked => ("usage", Exit::Usage),
                CliError::NotImported { .. } => ("input", Exit::Failed),
                CliError::NoInput(error) => (kind_of(error), Exit::Failed),
            };
            return said(kind, error.next(), exit);
        }
        #[cfg(feature = "serve")]
        if let Some(error) = error.downcast_ref::<crate::serve::ServeError>() {
            use crate::serve::ServeError;
            let kind = match error {
                ServeError::Store(error) => kind_of(error),
                ServeError::Bind { .. } => "address",
                _ => "io",
            };
            return said(kind, error.next(), Exit::Failed);
        }
        if let Some(error) = error.downcast_ref::<ProviderError>() {
            return said("provider", error.next(), Exit::Failed);
        }
        if let Some(error) = error.downcast_ref::<NoClient>() {
            return said("provider", error.why.next(), Exit::Failed);
        }
        if let Some(full) = output::of_system(error).filter(|error| is_full(error)) {
            return said("disk_full", after_writing(full), Exit::Failed);
        }
        said(
            "io",
            Next::words(
                "check the terminal, the pipe or the file, then run the same command again",
            ),
            Exit::Failed,
        )
    }

    /// With a file's whole name in the message: who reads it elsewhere, in a mail or a log, does not know where it was run. What is
    /// to be typed next stays as it is quoted.
    pub fn with_whole_name(mut self, path: &Path) -> Said {
        let Ok(whole) = std::path::absolute(path) else {
            return self;
        };
        if path == Path::new("-") {
            return self;
        }
        let (name, whole) = (path.display().to_string(), whole.display().to_string());
        self.message = whole_in(&self.message, &name, &whole);
        self
    }

    pub fn print(&self, json: bool) {
        // Where stdout is gone it is told on stderr after all.
        if !json || output::json(&self.document()).is_err() {
            output::say(format!(
                "candlefile: {}\n  next: {}",
                self.message, self.next
            ));
        }
    }

    pub fn document(&self) -> serde_json::Value {
        json!({ "error": { "message": self.message, "kind": self.kind, "next": self.next } })
    }
}

/// A text in which a name is replaced once, where it stands by itself: the first time it is named is enough.
fn whole_in(text: &str, name: &str, whole: &str) -> String {
    let is_edge = |c: Option<char>| c.is_none_or(|c| c.is_whitespace() || "'\"`,:;()=".contains(c));
    let stands = |&(at, _): &(usize, &str)| {
        is_edge(text[..at].chars().next_back()) && is_edge(text[at + name.len()..].chars().next())
    };
    match text.match_indices(name).find(stands) {
        Some((at, _)) if !name.is_empty() && !text.contains(whole) => {
            format!("{}{whole}{}", &text[..at], &text[at + name.len()..])
        }
        _ => text.to_owned(),
    }
}

fn kind_of(error: &StoreError) -> &'static str {
    match error {
        StoreError::Bound { .. } | StoreError::Unknown { .. } | StoreError::NoSeries { .. } => {
            "series"
        }
        StoreError::NoJob(_)
        | StoreError::AmbiguousJob { .. }
        | StoreError::Owned { .. }
        | StoreError::IsImport(_)
        | StoreError::LostJob(_) => "job",
        StoreError::BadSql(_) | StoreError::OnlyReads | StoreError::TooSlow(_) => "sql",
        StoreError::Full(_) => "disk_full",
        StoreError::Stopped(_) => "interrupted",
        _ => "file",
    }
}

/// A usage error in its own words.
pub fn usage(message: impl Into<String>, next: impl Into<Next>) -> anyhow::Error {
    CliError::Usage {
        message: message.into(),
        next: next.into(),
    }
    .into()
}

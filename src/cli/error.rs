//! What can go wrong on the command line, and how it is said: the message, the next step, a kind for scripts, the exit
//! code.

mod judged;

use std::path::Path;

use crate::import::Problem;
use crate::model::next::Next;
use crate::provider::BadKey;
#[cfg(feature = "serve")]
use crate::run::shell::quoted;
use crate::store::StoreError;
use serde_json::json;

use super::args::Global;
use super::{next, output};
use judged::Judged;

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
        let Judged { kind, next, exit } = Judged::of(error);
        Said {
            message: format!("{error:#}"),
            kind,
            next: next::text(global, &next),
            exit,
        }
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

/// A usage error in its own words.
pub fn usage(message: impl Into<String>, next: impl Into<Next>) -> anyhow::Error {
    CliError::Usage {
        message: message.into(),
        next: next.into(),
    }
    .into()
}

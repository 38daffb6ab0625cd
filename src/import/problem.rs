//! Why a file is not imported, and what would help.

use std::io;

use crate::model::next::Next;

/// Why a file is not imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, or what is not known.
    pub message: String,
    /// What to do.
    pub next: Next,
    /// Whether something has to be said before the file can be understood: nothing is wrong with it.
    pub is_asked: bool,
}

impl Problem {
    /// Something has to be said.
    pub(super) fn asked(message: impl Into<String>, next: impl Into<Next>) -> Problem {
        Problem {
            message: message.into(),
            next: next.into(),
            is_asked: true,
        }
    }

    /// The file is not what it should be.
    pub(super) fn of_file(message: impl Into<String>, next: impl Into<Next>) -> Problem {
        Problem {
            message: message.into(),
            next: next.into(),
            is_asked: false,
        }
    }

    /// It cannot be read.
    pub(super) fn unread(error: &io::Error) -> Problem {
        Problem::of_file(
            format!("it cannot be read: {error}"),
            "see whether it is there and whole, and may be read",
        )
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

/// Some names for people; of many the first.
pub(super) fn listed(names: &[String]) -> String {
    const MOST: usize = 30;
    let shown: Vec<&str> = names.iter().take(MOST).map(String::as_str).collect();
    let more = if names.len() > MOST { ", .." } else { "" };
    format!("{}{more}", shown.join(", "))
}

//! Why an answer is none, in words that are fit for one line. What a server says is never taken over whole.

use super::ErrorKind;
use crate::model::plain::turns;

/// Characters of each word, and of all but the last word, that are kept of what a server says of itself: to be cut further
/// once the key has been taken out.
const SAID_LIMIT: usize = 4096;

/// Why an answer is none.
pub(crate) enum Failure {
    /// Asking again may help.
    Again(String),
    /// Asking again cannot help.
    Final(ErrorKind, String),
}

/// The beginning of what a server says of itself, made fit for one line.
pub(crate) fn words(text: &str) -> String {
    let mut said = String::new();
    for word in text.split(|c: char| c.is_control() || c.is_whitespace()) {
        if said.len() >= SAID_LIMIT {
            break;
        }
        if !said.is_empty() && !word.is_empty() {
            said.push(' ');
        }
        said.extend(word.chars().filter(|&c| !turns(c)).take(SAID_LIMIT));
    }
    said
}

pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    let text = words(&error.to_string());
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

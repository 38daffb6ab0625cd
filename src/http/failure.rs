//! Why an answer is none, in words that are fit for one line. What a server says is never taken over whole.

use super::roots;
use crate::model::next::{Next, Setting};
use crate::model::plain::turns;

/// Characters of each word, and of all but the last word, that are kept of what a server says of itself: to be cut further
/// once the key has been taken out.
const SAID_LIMIT: usize = 4096;

/// Why an answer is none. `K` is what its reader knows of that.
pub(crate) enum Failure<K> {
    /// Asking again may help.
    Again(String),
    /// Asking again cannot help.
    Final(Kind<K>, String),
}

/// What a request that came to nothing means.
#[derive(Debug)]
pub(crate) enum Kind<K> {
    /// This answer is none.
    Answer,
    /// What the reader knows of it.
    Read(K),
    /// Nothing answers at the address, or not in a way that can be used.
    Unreachable(Unreachable),
    /// The server's limit lasts longer than is waited for.
    Throttled {
        /// When to go on, Unix seconds.
        resume_at: i64,
    },
    /// It was told to stop.
    Cancelled,
}

/// Why a request came to nothing, after everything that may be tried again was tried.
#[derive(Debug)]
pub(crate) struct Failed<K> {
    pub(crate) kind: Kind<K>,
    /// What happened; never holds a key or a URL.
    pub(crate) message: String,
    /// How many requests were made.
    pub(crate) attempts: u32,
}

/// Why nothing can be sent: the machine's TLS roots or its proxy.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct NoClient {
    /// What keeps the server from being reached.
    pub why: Unreachable,
    /// In words.
    pub message: String,
}

/// What keeps a provider from being reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unreachable {
    /// Nothing answers, or not in a way that says more.
    Network,
    /// What answers speaks no TLS.
    Plain,
    /// Its certificate is not accepted.
    Certificate,
    /// A variable names TLS roots that cannot be used.
    Roots,
    /// A variable that should name a proxy names none.
    BadProxy,
    /// A proxy that a variable names.
    Proxy,
    /// That proxy wants a user and a password.
    ProxyUser,
}

impl Unreachable {
    /// What to do about it.
    pub fn next(self) -> Next {
        Next::words(match self {
            Unreachable::Network => return Setting::BaseUrl.after("check the network and"),
            Unreachable::Plain => {
                return Next::And(vec![
                    Setting::BaseUrl.after("check the port of"),
                    Next::words("on this machine it may begin with http://"),
                ]);
            }
            Unreachable::Certificate => {
                return check_certificate(roots::variables());
            }
            Unreachable::Roots => {
                "let that variable name certificates in PEM form, or unset it for the machine's own"
            }
            Unreachable::BadProxy => {
                "write that variable like http://host:port, or unset it to go without a proxy"
            }
            Unreachable::Proxy => {
                "check that variable and the proxy, or except the provider's host with NO_PROXY"
            }
            Unreachable::ProxyUser => {
                "write the proxy's user and password into that variable, like http://user:password@host:port"
            }
        })
    }
}

/// What to check where a certificate is not accepted, with the variables that are set.
fn check_certificate<'a>(variables: impl Iterator<Item = &'a str>) -> Next {
    let roots: Vec<&str> = variables.chain(["the machine's TLS roots and"]).collect();
    Setting::BaseUrl.after(format!("check {}", roots.join(", ")))
}

/// The beginning of what a server says of itself, made fit for one line.
pub(crate) fn words(text: &str) -> String {
    let mut said = String::new();
    // Where a word ends that has megabytes does not matter.
    let text = &text[..text.floor_char_boundary(4 * SAID_LIMIT)];
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_named_only_where_it_is_set() {
        for (variables, words) in [
            (&[][..], "check the machine's TLS roots and"),
            (
                &["SSL_CERT_FILE"],
                "check SSL_CERT_FILE, the machine's TLS roots and",
            ),
        ] {
            let next = check_certificate(variables.iter().copied());
            assert_eq!(next, Setting::BaseUrl.after(words));
        }
    }
}

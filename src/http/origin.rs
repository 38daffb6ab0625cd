//! Where a provider's requests go, and the key that goes with them. Both come from outside and are checked here.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// A key of fewer bytes is none: taken out of what a server says, it would cut words that have nothing to do with it.
const SHORTEST: usize = 8;

/// Where a provider's requests go: an https origin, or http on this machine, with an optional path in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(Url);

/// Text that is no base URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no base URL: {why}")]
pub struct BadBaseUrl {
    text: String,
    why: &'static str,
}

impl FromStr for BaseUrl {
    type Err = BadBaseUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = |why| BadBaseUrl {
            text: text.to_owned(),
            why,
        };
        let url = Url::parse(text).map_err(|_| bad("write it like https://api.example.com"))?;
        if !url.username().is_empty() || url.password().is_some() {
            // The text is not repeated: it holds a password.
            return Err(BadBaseUrl {
                text: "(hidden)".into(),
                why: "it holds a user name or a password",
            });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(BadBaseUrl {
                text: "(hidden)".into(),
                why: "it has a query or a fragment",
            });
        }
        match url.scheme() {
            "https" if url.has_host() => Ok(BaseUrl(url)),
            "http" if BaseUrl(url.clone()).is_loopback() => Ok(BaseUrl(url)),
            "http" => Err(bad(
                "http is for this machine only (127.0.0.1, localhost), elsewhere it must be https",
            )),
            _ => Err(bad("write it like https://api.example.com")),
        }
    }
}

impl BaseUrl {
    /// The path in front of every request, without a slash at its end.
    pub(crate) fn prefix(&self) -> &str {
        self.0.path().trim_end_matches('/')
    }

    /// Host and port, for messages: nothing in them is secret.
    pub(super) fn address(&self) -> &str {
        self.0.authority()
    }

    /// The host alone.
    pub(super) fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The port, given or not.
    pub(super) fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(443)
    }

    /// Whether there is no TLS, which is for this machine only.
    pub(super) fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// Whether the origin is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// The URL as it is.
    #[cfg(feature = "serve")]
    pub(super) fn url(&self) -> Url {
        self.0.clone()
    }

    /// A request's URL, or `None` where it would leave the origin.
    pub(crate) fn join(&self, path_and_query: &str) -> Option<Url> {
        let origin = self.0.origin();
        let url = Url::parse(&format!(
            "{}{}{path_and_query}",
            origin.ascii_serialization(),
            self.prefix()
        ))
        .ok()?;
        (url.origin() == origin).then_some(url)
    }
}

/// A provider's key. Printing it prints stars.
#[derive(Clone)]
pub struct Key(String);

/// Text that cannot be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key has eight characters or more, no line breaks, spaces or characters outside ASCII")]
pub struct BadKey;

impl FromStr for Key {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = text.len() >= SHORTEST && text.bytes().all(|b| b.is_ascii_graphic());
        if fits {
            Ok(Key(text.to_owned()))
        } else {
            Err(BadKey)
        }
    }
}

impl Key {
    /// The text, for the header.
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// A text that a server may have repeated the key in, without it, and without its beginning where the text was cut within
    /// it.
    pub(crate) fn taken_out_of(&self, text: &str) -> String {
        let Key(key) = self;
        let mut text = text.replace(key, "***");
        let cut = (4..key.len()).rev().find(|&n| text.ends_with(&key[..n]));
        if let Some(cut) = cut {
            text.truncate(text.len() - cut);
            text.push_str("***");
        }
        text
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(***)")
    }
}

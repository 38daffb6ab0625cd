//! In front of every route: who may ask, from where, and in what shape. What is not allowed here never reaches a route.
//!
//! The allow-list of hosts is what stops a page that has rebound its own name to this machine; `Origin` and
//! `Sec-Fetch-Site` stop other sites' pages from changing anything; the token stops everyone else.

use axum::body::Body;
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, HOST,
    ORIGIN, REFERRER_POLICY, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::answer::Fault;
use super::routes;

/// Bytes of a request's target.
const TARGET_LIMIT: usize = 8 << 10;
/// Bytes of all headers together.
const HEADERS_LIMIT: usize = 8 << 10;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What a caller must know. Printing it prints stars.
#[derive(Clone)]
pub struct Token([u8; 32]);

/// Text that cannot be a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a token has at least {} characters, all of them visible ASCII",
    Token::SHORTEST
)]
pub struct BadToken;

impl Token {
    /// Characters of a token at least.
    pub const SHORTEST: usize = 32;

    /// Whether a text is the token. How long that takes says nothing about it.
    fn is(&self, text: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(text).into();
        self.0.ct_eq(&digest).into()
    }
}

impl std::str::FromStr for Token {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() < Self::SHORTEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(BadToken);
        }
        Ok(Token(Sha256::digest(text).into()))
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(***)")
    }
}

/// The names by which the server may be called.
#[derive(Clone, Debug)]
pub(super) struct Hosts {
    port: u16,
    others: Vec<String>,
}

impl Hosts {
    /// This machine's own names at `port`, and others: a name alone, or with another port.
    pub(super) fn new(port: u16, others: &[String]) -> Hosts {
        let others = others.iter().map(|name| name.to_ascii_lowercase());
        Hosts {
            port,
            others: others.collect(),
        }
    }

    /// Whether an authority, as `Host` has it, is one of them.
    fn allow(&self, authority: &str) -> bool {
        let authority = authority.to_ascii_lowercase();
        let (name, port) = match authority.rsplit_once(':') {
            // The colons of a bare address in brackets are not a port's.
            Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
            _ => (authority.as_str(), None),
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        let own_port = self.port.to_string();
        let is_own = |default: bool| match port {
            Some(port) => port == own_port,
            None => default,
        };
        if ["127.0.0.1", "localhost", "[::1]"].contains(&name) {
            return is_own(self.port == 80);
        }
        self.others.iter().any(|other| {
            // Behind a proxy the port is the proxy's, and a default one is not written.
            (other == name && is_own(true)) || *other == authority
        })
    }
}

/// The rules for all calls.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) hosts: Hosts,
    pub(super) token: Option<Token>,
}

impl Guard {
    /// Whether a request may go on to its route.
    pub(super) fn check(&self, request: &Request<Body>) -> Result<(), Fault> {
        let headers = request.headers();
        let host = self.check_host(request)?;
        check_size(request)?;
        if headers.contains_key(TRANSFER_ENCODING) {
            return Err(Fault::new(
                StatusCode::LENGTH_REQUIRED,
                "usage",
                "a body without a length is not read",
                "send Content-Length",
            ));
        }
        let reads = [Method::GET, Method::HEAD].contains(request.method());
        if !reads && request.method() != Method::POST {
            return Err(Fault::method("GET, HEAD, POST"));
        }
        check_site(request, host, reads)?;
        if !routes::is_open(request.method(), request.uri().path()) {
            self.check_token(headers)?;
        }
        let has_body = headers
            .get(CONTENT_LENGTH)
            .is_some_and(|length| length.as_bytes() != b"0");
        if reads && has_body {
            let next = "leave the body out";
            return Err(Fault::usage("a call that reads has no body", next));
        }
        Ok(())
    }

    fn check_host<'r>(&self, request: &'r Request<Body>) -> Result<&'r str, Fault> {
        let mut hosts = request.headers().get_all(HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.to_str().ok(),
            _ => None,
        };
        let host = host.ok_or_else(|| {
            Fault::usage("a request names exactly one host", "send one Host header")
        })?;
        let target = request.uri().authority();
        let allowed = self.hosts.allow(host)
            && target.is_none_or(|target| target.as_str().eq_ignore_ascii_case(host));
        if allowed {
            return Ok(host);
        }
        Err(Fault::new(
            StatusCode::MISDIRECTED_REQUEST,
            "host",
            "this server does not go by that name",
            "call it by the address that it printed, or start it with --allow-host",
        ))
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Fault> {
        let Some(token) = &self.token else {
            return Ok(());
        };
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let bearer = match (given.next(), given.next()) {
            (Some(given), None) => given.as_bytes().split_at_checked(7),
            _ => None,
        };
        match bearer {
            Some((scheme, text)) if scheme.eq_ignore_ascii_case(b"bearer ") && token.is(text) => {
                Ok(())
            }
            _ => Err(Fault::new(
                StatusCode::UNAUTHORIZED,
                "token",
                "the token is missing or wrong",
                "send Authorization: Bearer with the token of the server's --token-file",
            )),
        }
    }
}

fn check_size(request: &Request<Body>) -> Result<(), Fault> {
    let target = request
        .uri()
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    if target > TARGET_LIMIT {
        return Err(Fault::new(
            StatusCode::URI_TOO_LONG,
            "usage",
            format!("the target has more than {TARGET_LIMIT} bytes"),
            "send many symbols as a JSON body",
        ));
    }
    let headers = request.headers().iter();
    let bytes: usize = headers
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    if bytes > HEADERS_LIMIT {
        return Err(Fault::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "usage",
            format!("the headers have more than {HEADERS_LIMIT} bytes"),
            "send fewer",
        ));
    }
    Ok(())
}

/// Browsers say whose page it is that asks. Programs that are no browsers say nothing.
fn check_site(request: &Request<Body>, host: &str, reads: bool) -> Result<(), Fault> {
    let foreign = || {
        Fault::new(
            StatusCode::FORBIDDEN,
            "site",
            "another site's page asks",
            "call it from its own page, or from a program",
        )
    };
    let headers = request.headers();
    let only = |name: &HeaderName| -> Result<Option<&str>, Fault> {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => value.to_str().map(Some).map_err(|_| foreign()),
            _ => Err(foreign()),
        }
    };
    let is = |name: &'static str, wanted: &str| -> Result<bool, Fault> {
        Ok(only(&HeaderName::from_static(name))? == Some(wanted))
    };
    // A link from elsewhere opens a page, and hands nothing to the page that it stands on.
    let follows_link =
        reads && is("sec-fetch-mode", "navigate")? && is("sec-fetch-dest", "document")?;
    match only(&HeaderName::from_static("sec-fetch-site"))? {
        None | Some("same-origin" | "none") => {}
        Some(_) if follows_link => {}
        Some(_) => return Err(foreign()),
    }
    let Some(origin) = only(&ORIGIN)? else {
        return Ok(());
    };
    let of_origin = ["http://", "https://"]
        .iter()
        .find_map(|scheme| origin.strip_prefix(scheme));
    match of_origin {
        Some(of_origin) if of_origin.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(foreign()),
    }
}

/// What stands in every answer's head.
pub(super) fn dress(response: &mut Response<Body>) {
    let headers = response.headers_mut();
    let fixed = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    let refused = response.status().is_client_error() && response.status() != StatusCode::NOT_FOUND;
    if refused {
        // What was not read of it must not be taken for the next request.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_this_machine_at_this_port_in_every_spelling_and_nothing_else() {
        let hosts = Hosts::new(
            8000,
            &["Candles.example".into(), "proxy.example:8443".into()],
        );
        for name in [
            "127.0.0.1:8000",
            "localhost:8000",
            "LocalHost.:8000",
            "[::1]:8000",
            "candles.example",
            "candles.example:8000",
            "proxy.example:8443",
        ] {
            assert!(hosts.allow(name), "{name}");
        }
        for name in [
            "",
            "localhost",
            "localhost:80",
            "localhost:08000",
            "localhost:8000:8000",
            "127.1:8000",
            "127.0.0.2:8000",
            "[::ffff:127.0.0.1]:8000",
            "[::1]",
            "0.0.0.0:8000",
            "evil.example:8000",
            "localhost.evil.example:8000",
            "evil.example#localhost:8000",
            "user@localhost:8000",
            "candles.example:9000",
            "proxy.example",
            "candles.example.evil.example",
        ] {
            assert!(!hosts.allow(name), "{name}");
        }
    }

    #[test]
    fn a_token_is_long_and_visible_and_is_not_printed() {
        let text = "0123456789abcdef0123456789abcdef";
        let token: Token = text.parse().expect("a token");
        assert!(token.is(text.as_bytes()));
        assert!(!token.is(&text.as_bytes()[1..]));
        assert!("short".parse::<Token>().is_err());
        assert!(format!("{text}\n").parse::<Token>().is_err());
        assert_eq!(format!("{token:?}"), "Token(***)");
    }
}

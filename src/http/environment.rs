//! The proxy that this machine's environment names. Looked at to say what is wrong: the client itself honours it. Its user name
//! and password are never told.

use std::env::{var, var_os};
use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use url::Url;

use super::origin::BaseUrl;

/// A proxy that has refused is asked why for so long, at each step.
const PATIENCE: Duration = Duration::from_secs(5);

/// The proxy between this machine and an origin.
pub(super) struct Proxy {
    variable: &'static str,
    url: Url,
}

/// What a proxy says when it is asked for a way to the origin.
pub(super) enum Said {
    Status(u16),
    /// Something that is no HTTP.
    NoHttp,
    Nothing,
}

/// Variables that name a proxy, in the order in which they are looked at. The client takes the first of each two that is set,
/// and asks no proxy for what goes without TLS.
const VARIABLES: [[&str; 2]; 2] = [["HTTPS_PROXY", "https_proxy"], ["ALL_PROXY", "all_proxy"]];

/// A variable whose value is no proxy's address. The client would go on without it.
#[derive(Debug, thiserror::Error)]
#[error("{variable} is {value:?}, which is no address of a proxy: {why}")]
pub(super) struct BadProxy {
    variable: &'static str,
    value: String,
    why: String,
}

/// The proxy that is used for an origin, as the client finds it. For this machine there is none.
pub(super) fn proxy(base: &BaseUrl) -> Result<Option<Proxy>, BadProxy> {
    if base.is_loopback() || is_excepted(base.host()) {
        return Ok(None);
    }
    for names in VARIABLES {
        let found = names
            .into_iter()
            .find_map(|name| Some((name, var_os(name)?)));
        let Some((variable, value)) = found.filter(|(_, value)| !value.is_empty()) else {
            continue;
        };
        let url = value
            .to_str()
            .ok_or_else(|| "it is no text".to_owned())
            .and_then(address);
        let bad = |why| BadProxy {
            variable,
            value: without_user(&value.to_string_lossy()),
            why,
        };
        let url = url.map_err(bad)?;
        return Ok(Some(Proxy { variable, url }));
    }
    Ok(None)
}

/// A proxy's address, where the client takes it for one, too.
fn address(value: &str) -> Result<Url, String> {
    const SCHEMES: [&str; 6] = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];
    let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
    if !SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()) {
        return Err("it begins with neither http:// nor https://".into());
    }
    if value.matches('@').count() > 1 {
        return Err("an @ in its user or password is written %40".into());
    }
    let is_plain = |c: char| c.is_ascii_graphic() && !"\"<>\\^`{|}".contains(c);
    if let Some(other) = value.chars().find(|&c| !is_plain(c)) {
        return Err(format!("it has {other:?}, which is written with a %"));
    }
    if rest.starts_with('/') {
        return Err("it names no host".into());
    }
    Url::parse(&format!("{scheme}://{rest}")).map_err(|error| error.to_string())
}

/// A proxy's address without what stands before its host.
fn without_user(value: &str) -> String {
    let Some((before, after)) = value.rsplit_once('@') else {
        return value.to_owned();
    };
    let scheme = before.split_once("://").map(|(scheme, _)| scheme);
    scheme.map_or_else(|| after.to_owned(), |scheme| format!("{scheme}://{after}"))
}

impl Proxy {
    /// Whether it is one that this program cannot talk to.
    pub(super) fn is_socks(&self) -> bool {
        self.url.scheme().starts_with("socks")
    }

    pub(super) fn is_behind_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// What it answers: the client that it has refused does not tell.
    pub(super) fn ask(&self, base: &BaseUrl) -> Said {
        if self.is_behind_tls() {
            return Said::Nothing;
        }
        match self.first_line(base) {
            Ok(line) if line.is_empty() => Said::Nothing,
            Ok(line) => status(&line).map_or(Said::NoHttp, Said::Status),
            Err(_) => Said::Nothing,
        }
    }

    fn first_line(&self, base: &BaseUrl) -> std::io::Result<Vec<u8>> {
        let addresses = self.url.socket_addrs(|| None)?;
        let first = addresses.first().ok_or(std::io::ErrorKind::NotFound)?;
        let mut stream = TcpStream::connect_timeout(first, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let (host, port, user) = (base.host(), base.port(), self.authorization());
        let ask = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{user}\r\n");
        // In one piece: who answers the first one and hangs up takes the answer back with the rest.
        stream.write_all(ask.as_bytes())?;
        let (mut line, mut some) = (Vec::new(), [0; 64]);
        while line.len() < 1024 && !line.contains(&b'\n') {
            match stream.read(&mut some) {
                Ok(read) if read > 0 => line.extend_from_slice(&some[..read]),
                // What was said until then is all there is.
                _ => break,
            }
        }
        Ok(line)
    }

    fn authorization(&self) -> String {
        let (user, password) = (self.url.username(), self.url.password());
        if user.is_empty() && password.is_none() {
            return String::new();
        }
        let plain = |text| percent_decode_str(text).decode_utf8_lossy();
        let both = format!("{}:{}", plain(user), plain(password.unwrap_or_default()));
        let both = BASE64_STANDARD.encode(both);
        format!("Proxy-Authorization: Basic {both}\r\n")
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host) = (self.url.scheme(), self.url.host_str().unwrap_or_default());
        let port = self.url.port().map(|port| format!(":{port}"));
        let port = port.unwrap_or_default();
        let variable = self.variable;
        write!(f, "the proxy {scheme}://{host}{port} that {variable} names")
    }
}

/// The status of an answer by its first line.
fn status(line: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(line.split(|&byte| byte == b'\n').next()?).ok()?;
    let (version, rest) = line.split_once(' ')?;
    let status = rest.split_whitespace().next()?.parse().ok()?;
    version.starts_with("HTTP/1.").then_some(status)
}

/// Whether `NO_PROXY` has a host, or a domain that it lies in.
fn is_excepted(host: &str) -> bool {
    let all = var("NO_PROXY")
        .or_else(|_| var("no_proxy"))
        .unwrap_or_default();
    all.split(',').map(str::trim).any(|name| {
        let domain = name.trim_start_matches('.');
        name == "*"
            || (!domain.is_empty()
                && host
                    .strip_suffix(domain)
                    .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_that_the_client_takes() {
        for good in [
            "127.0.0.1:3128",
            "http://user:pass%40word@proxy.example:3128/",
            "HTTPS://[::1]:3128",
            "socks5h://localhost:1080",
        ] {
            assert!(address(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("::bad", "empty host"),
            ("http://127.0.0.1:99999", "invalid port number"),
            ("http:///proxy:3128", "it names no host"),
            ("ftp://proxy:3128", "it begins with neither http://"),
            ("http://user:pa@word@proxy:3128", "an @ in its user"),
            (" http://proxy:3128", "it begins with neither http://"),
            ("proxy:3128 ", "it has ' ', which"),
            ("http://user:{}@proxy:3128", "it has '{', which"),
        ] {
            let said = address(bad).expect_err(bad);
            assert!(said.starts_with(why), "{bad}: {said}");
        }
    }

    #[test]
    fn a_user_and_a_password_are_taken_out_of_whatever_it_is() {
        for (value, told) in [
            ("http://user:pa@ss/word@proxy:99999", "http://proxy:99999"),
            ("user:password@", ""),
            ("::bad", "::bad"),
        ] {
            assert_eq!(without_user(value), told);
        }
    }
}

//! What this machine's environment says of the way out: a proxy, and the files of TLS roots. Looked at to say what is wrong; the
//! client itself honours both. A proxy's user name and password are never told.

use std::env::{split_paths, var, var_os};
use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
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

/// The proxy that is used for an origin, as the client finds it. For this machine there is none.
pub(super) fn proxy(base: &BaseUrl) -> Option<Proxy> {
    if base.is_loopback() || is_excepted(base.host()) {
        return None;
    }
    let set = |names: [&'static str; 2]| {
        let found = names
            .into_iter()
            .find_map(|name| Some((name, var(name).ok()?)));
        let (variable, value) = found?;
        let url = Url::parse(&value).ok().filter(Url::has_host);
        let url = url.or_else(|| Url::parse(&format!("http://{value}")).ok())?;
        Some(Proxy { variable, url })
    };
    set(["HTTPS_PROXY", "https_proxy"]).or_else(|| set(["ALL_PROXY", "all_proxy"]))
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

/// Variables that name TLS roots.
const ROOTS: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Which variable names TLS roots that are not there.
pub(super) fn missing_roots() -> Option<String> {
    ROOTS.into_iter().find_map(|name| {
        let path = var_os(name).filter(|path| !path.is_empty())?;
        // A list of folders is one as soon as one of them is there.
        if split_paths(&path).any(|path| std::fs::metadata(path).is_ok()) {
            return None;
        }
        Some(format!("{}, which cannot be read", named(name)?))
    })
}

/// Which variable names TLS roots where there are none. The client would go on with what the other one names, or with the
/// machine's own, and say nothing. A folder without any beside a file that has some is usual.
pub(super) fn empty_roots() -> Option<String> {
    let [file, folder] = ROOTS.map(|name| {
        let path = var_os(name).filter(|path| !path.is_empty())?;
        Some(split_paths(&path).any(|path| holds_certificate(&path)))
    });
    let is_empty = [
        file == Some(false),
        folder == Some(false) && file != Some(true),
    ];
    let empty = ROOTS.into_iter().zip(is_empty).filter(|&(_, is)| is);
    let named: Vec<String> = empty.filter_map(|(name, _)| named(name)).collect();
    let holds = match named.len() {
        0 => return None,
        1 => "which holds no certificate",
        _ => "and neither holds a certificate",
    };
    Some(format!("{}, {holds}", named.join(" and ")))
}

/// The variables that name TLS roots here.
pub(super) fn roots() -> impl Iterator<Item = &'static str> {
    let is_set = |name: &&str| var_os(name).is_some_and(|path| !path.is_empty());
    ROOTS.into_iter().filter(is_set)
}

/// Whether a file, or one in a folder, has a certificate in PEM form.
fn holds_certificate(path: &Path) -> bool {
    const MARK: &[u8] = b"CERTIFICATE-----";
    const MOST: u64 = 16 << 20;
    let is_in = |path: &Path| {
        let mut bytes = Vec::new();
        let file = path.is_file().then(|| std::fs::File::open(path));
        let read = file
            .and_then(Result::ok)
            .map(|file| file.take(MOST).read_to_end(&mut bytes));
        read.is_some() && bytes.windows(MARK.len()).any(|window| window == MARK)
    };
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().any(|entry| is_in(&entry.path())),
        Err(_) => is_in(path),
    }
}

fn named(variable: &str) -> Option<String> {
    let path = var_os(variable).filter(|path| !path.is_empty())?;
    let whole = |path| std::path::absolute(&path).unwrap_or(path);
    let each = split_paths(&path).map(whole);
    let all = std::env::join_paths(each).unwrap_or(path);
    Some(format!("{variable} names {}", Path::new(&all).display()))
}

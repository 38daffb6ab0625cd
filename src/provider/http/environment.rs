//! What this machine's environment says of the way out: a proxy, and the file of TLS roots. Looked at to say what is wrong; the
//! client itself honours both. A proxy's user name and password are never told.

use std::env::var;

use url::Url;

use crate::provider::origin::BaseUrl;

/// The variable that names a proxy for an origin, with the proxy's host and port. For this machine there is none.
pub(super) fn proxy(base: &BaseUrl) -> Option<String> {
    if base.is_loopback() || is_excepted(base.host()) {
        return None;
    }
    let set = |name: &str| var(name).ok().filter(|value| !value.is_empty());
    let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let (name, value) = names
        .into_iter()
        .find_map(|name| Some((name, set(name)?)))?;
    let url = Url::parse(&value).ok().filter(Url::has_host);
    let url = url.or_else(|| Url::parse(&format!("http://{value}")).ok());
    let port = |url: &Url| {
        let port = url.port().map(|port| format!(":{port}"));
        port.unwrap_or_default()
    };
    let address = url.and_then(|url| Some(format!("{}{}", url.host_str()?, port(&url))));
    Some(format!(
        "the proxy {} that {name} names",
        address.unwrap_or_default()
    ))
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

/// Which variable names TLS roots that are not there.
pub(super) fn missing_roots() -> Option<String> {
    ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .into_iter()
        .find_map(|name| {
            let path = std::env::var_os(name).filter(|path| !path.is_empty())?;
            // A list of folders is one as soon as one of them is there.
            if std::env::split_paths(&path).any(|path| std::fs::metadata(path).is_ok()) {
                return None;
            }
            let whole = |path| std::path::absolute(&path).unwrap_or(path);
            let each = std::env::split_paths(&path).map(whole);
            let all = std::env::join_paths(each).unwrap_or(path);
            let all = std::path::Path::new(&all).display();
            Some(format!("{name} names {all}, which cannot be read"))
        })
}

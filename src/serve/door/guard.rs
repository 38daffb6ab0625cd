//! In front of every route: who may ask, from where, and in what shape. What is not allowed here never reaches a route. A
//! body is judged where the path is found to take the call.
//!
//! The allow-list of hosts is what stops a page that has rebound its own name to this machine; `Origin` and
//! `Sec-Fetch-Site` stop other sites' pages from changing anything; the token stops everyone else.

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, HOST, ORIGIN, REFERRER_POLICY, TRANSFER_ENCODING, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};

use crate::model::next::{Next, Setting};
use crate::serve::answer::Fault;
use crate::serve::door::host::Hosts;
use crate::serve::door::token::{self, Token};
use crate::serve::{next, routes};

/// Bytes of a request's target.
const TARGET_LIMIT: usize = 8 << 10;
/// Bytes of all headers together.
const HEADERS_LIMIT: usize = 8 << 10;
/// Bytes of a body: ten thousand of the longest symbols fit.
pub(in crate::serve) const BODY_LIMIT: usize = 1 << 20;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The rules for all calls.
#[derive(Debug)]
pub(in crate::serve) struct Guard {
    pub(in crate::serve) hosts: Hosts,
    pub(in crate::serve) token: Option<Token>,
}

impl Guard {
    /// Whether a request may go on to its route.
    pub(in crate::serve) fn check(&self, request: &Request<Body>) -> Result<(), Fault> {
        let host = self.check_host(request)?;
        check_size(request)?;
        check_site(request, host, reads(request.method()))?;
        if routes::is_open(request.method(), request.uri().path()) {
            return Ok(());
        }
        token::check(self.token.as_ref(), request.headers())
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
            next::text(&Next::Or(vec![
                Next::words("call it by the address that it printed"),
                Setting::AllowHost.after("start it with"),
            ])),
        ))
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

/// Whether what a path takes may have this body. What is refused here is refused before anything of the body was read.
pub(in crate::serve) fn check_body(request: &Request<Body>) -> Result<(), Fault> {
    let (headers, reads) = (request.headers(), reads(request.method()));
    if headers.contains_key(TRANSFER_ENCODING) {
        return Err(Fault::new(
            StatusCode::LENGTH_REQUIRED,
            "usage",
            "a body without a length is not read",
            "send Content-Length",
        ));
    }
    let length = headers.get(CONTENT_LENGTH).map_or("0", |length| {
        // One that is no number has not come through the parser.
        length.to_str().unwrap_or_default()
    });
    let length: u64 = length.parse().unwrap_or(u64::MAX);
    if reads && length > 0 {
        let next = "leave the body out";
        return Err(Fault::usage("a call that reads has no body", next));
    }
    if length > BODY_LIMIT as u64 {
        return Err(Fault::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "usage",
            format!("the body has more than {BODY_LIMIT} bytes"),
            "send less",
        ));
    }
    let mut kinds = headers.get_all(CONTENT_TYPE).iter();
    let is_json = match (kinds.next(), kinds.next()) {
        (None, _) => length == 0,
        (Some(kind), None) => {
            let kind = kind.as_bytes().split(|&byte| byte == b';').next();
            kind.is_some_and(|kind| kind.trim_ascii().eq_ignore_ascii_case(b"application/json"))
        }
        _ => false,
    };
    if reads || is_json {
        return Ok(());
    }
    Err(Fault::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "usage",
        "the body is not JSON",
        "send Content-Type: application/json, or parameters in the query alone",
    ))
}

/// Whether a method is one that only reads.
pub(in crate::serve) fn reads(method: &Method) -> bool {
    [Method::GET, Method::HEAD].contains(method)
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

/// What stands in every answer's head. `reads`: whether the call was one that only reads, and so had no body.
pub(in crate::serve) fn dress(response: &mut Response<Body>, version: Version, reads: bool) {
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
    // Of these another caller may be sent the same otherwise.
    let may_be_coded = |kind: &HeaderValue| {
        let kinds = [&b"application/json"[..], b"text/csv"];
        kinds.iter().any(|one| kind.as_bytes().starts_with(one))
    };
    if headers.get(CONTENT_TYPE).is_some_and(may_be_coded) {
        headers.insert(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    let refused = response.status().is_client_error();
    // What was not read of it must not be taken for the next request.
    let is_unread = refused && !(reads && response.status() == StatusCode::NOT_FOUND);
    // There the end of an answer of unknown length is the end of its connection, whatever the caller has asked for.
    let is_old = version < Version::HTTP_11;
    if is_old {
        // Or else the connection would be told to be kept, too.
        *response.version_mut() = version;
    }
    if is_unread || is_old {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
}

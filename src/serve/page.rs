//! The page's files, compiled in and found by name: no path of the disk has a part in it.

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::answer::Fault;
use super::door::guard;
use super::routes::READS;

/// A file of the page.
pub(super) struct File {
    path: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

const HTML: &str = "text/html; charset=utf-8";
const ICON: &str = "image/svg+xml";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// The page, and beside it its assets.
macro_rules! files {
    ($($kind:ident $name:literal)*) => {
        &[
            File { path: "/", kind: HTML, bytes: include_bytes!("page/index.html") },
            $(File {
                path: concat!("/assets/", $name),
                kind: $kind,
                bytes: include_bytes!(concat!("page/", $name)),
            },)*
        ]
    };
}

const FILES: &[File] = files![
    SCRIPT "api.js"
    SCRIPT "app.js"
    SCRIPT "candles.js"
    SCRIPT "chart.js"
    SCRIPT "dom.js"
    SCRIPT "events.js"
    SCRIPT "figures.js"
    SCRIPT "format.js"
    SCRIPT "gaps.js"
    ICON "icon.svg"
    SCRIPT "jobs.js"
    SCRIPT "now.js"
    SCRIPT "pager.js"
    SCRIPT "recent.js"
    SCRIPT "start.js"
    SCRIPT "strip.js"
    STYLE "style.css"
    SCRIPT "symbols.js"
    SCRIPT "theme.js"
    SCRIPT "turns.js"
    TEXT "vendor/LICENSE"
    TEXT "vendor/NOTICE"
    SCRIPT "vendor/lightweight-charts.js"
];

/// Another build's files are other files, whatever its version.
static TAG: LazyLock<HeaderValue> = LazyLock::new(|| {
    let mut digest = Sha256::new();
    for file in FILES {
        digest.update(file.bytes);
    }
    let tag = URL_SAFE_NO_PAD.encode(&digest.finalize()[..9]);
    HeaderValue::try_from(format!("\"{tag}\"")).expect("base64 fits into a header")
});

/// The file at a path.
pub(super) fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

/// The file that a request reads.
fn find_for(request: &Request<Body>) -> Result<&'static File, Fault> {
    let (path, reads) = (request.uri().path(), guard::reads(request.method()));
    let file = find(path);
    // `*`, or another machine's name: of no path, but of the server.
    let is_of_all = !path.starts_with('/') && request.method() != Method::POST;
    match file {
        Some(_) if !reads => return Err(Fault::method(READS)),
        None if !reads && is_of_all => return Err(Fault::method("GET, HEAD, POST")),
        // What takes nothing has no body to judge, and of a call that reads none may be left on the connection.
        _ if reads => guard::check_body(request)?,
        _ => {}
    }
    let file = file.ok_or_else(|| {
        let next = "GET /api/v1/openapi.json lists the calls";
        let what = "there is nothing at that path";
        Fault::new(StatusCode::NOT_FOUND, "path", what, next)
    })?;
    if request.uri().query().is_some() {
        return Err(Fault::usage("a file takes no parameters", "leave them out"));
    }
    Ok(file)
}

/// Answers with a file, or that there is nothing.
pub(super) async fn answer(request: Request<Body>) -> Response<Body> {
    let file = match find_for(&request) {
        Ok(file) => file,
        Err(fault) => return fault.response(),
    };
    let known = request.headers().get(IF_NONE_MATCH) == Some(&*TAG);
    let mut response = Response::new(if known {
        Body::empty()
    } else {
        Body::from(file.bytes)
    });
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    for (name, value) in [
        (CONTENT_TYPE, HeaderValue::from_static(file.kind)),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (ETAG, TAG.clone()),
    ] {
        response.headers_mut().insert(name, value);
    }
    response
}

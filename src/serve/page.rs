//! The page's files, compiled in and found by name: no path of the disk has a part in it.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};

use super::answer::Fault;

/// A file of the page.
pub(super) struct File {
    path: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

const FILES: &[File] = &[];

/// The file at a path.
pub(super) fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

/// Answers with a file, or that there is nothing.
pub(super) async fn answer(request: Request<Body>) -> Response<Body> {
    let Some(file) = find(request.uri().path()) else {
        let next = "GET /api/v1/openapi.json lists the calls";
        return Fault::new(
            StatusCode::NOT_FOUND,
            "path",
            "there is nothing at that path",
            next,
        )
        .response();
    };
    if request.method() == Method::POST {
        return Fault::method("GET, HEAD").response();
    }
    if request.uri().query().is_some() {
        return Fault::usage("a file takes no parameters", "leave them out").response();
    }
    let tag = concat!("\"", env!("CARGO_PKG_VERSION"), "\"");
    let known = request
        .headers()
        .get(IF_NONE_MATCH)
        .is_some_and(|known| known == tag);
    let mut response = Response::new(if known {
        Body::empty()
    } else {
        Body::from(file.bytes)
    });
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    for (name, value) in [
        (CONTENT_TYPE, file.kind),
        (CACHE_CONTROL, "no-cache"),
        (ETAG, tag),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

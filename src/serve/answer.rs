//! What is answered: documents, and errors as `{"error": {"message", "kind", "next"}}` with the right status. No answer
//! holds a place on this machine's disk, SQL or a key.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use super::next;
use super::reading::coding::{self, Coding};
use crate::model::next::Next;
use crate::model::range::BadRange;
use crate::store::StoreError;

/// Why a call is refused or failed.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    pub(super) message: String,
    pub(super) next: String,
    header: Option<(&'static str, &'static str)>,
}

/// Seconds after which a call that found no room may be tried again.
const TRY_AGAIN: &str = "1";

impl Fault {
    pub(super) fn new(
        status: StatusCode,
        kind: &'static str,
        message: impl Into<String>,
        next: impl Into<String>,
    ) -> Fault {
        let header = match status {
            StatusCode::SERVICE_UNAVAILABLE => Some(("retry-after", TRY_AGAIN)),
            StatusCode::UNAUTHORIZED => Some(("www-authenticate", "Bearer")),
            _ => None,
        };
        Fault {
            status,
            kind,
            message: message.into(),
            next: next.into(),
            header,
        }
    }

    /// The caller asked wrongly.
    pub(super) fn usage(message: impl Into<String>, next: impl Into<String>) -> Fault {
        Fault::new(StatusCode::BAD_REQUEST, "usage", message, next)
    }

    /// What the caller has asked for contradicts itself, or what there is, though each part of it could be asked for.
    pub(super) fn contradiction(message: impl Into<String>, next: impl Into<String>) -> Fault {
        Fault::new(StatusCode::CONFLICT, "usage", message, next)
    }

    /// There is no room at the moment.
    pub(super) fn busy(message: impl Into<String>) -> Fault {
        let next = "try again in a second";
        Fault::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message, next)
    }

    /// The method is not for this path.
    pub(super) fn method(allowed: &'static str) -> Fault {
        let mut fault = Fault::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method",
            "the path does not take this method",
            format!("use {allowed}"),
        );
        fault.header = Some(("allow", allowed));
        fault
    }

    /// A defect of this program.
    pub(super) fn defect(what: &str) -> Fault {
        Fault::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "defect",
            what,
            "please report this; nothing that was saved is lost",
        )
    }

    pub(super) fn document(&self) -> Value {
        json!({ "error": { "message": short(&self.message), "kind": self.kind, "next": short(&self.next) } })
    }

    pub(super) fn response(self) -> Response<Body> {
        let mut response = json(self.status, &self.document());
        if let Some((name, value)) = self.header {
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// A message may repeat what a caller has sent, and not all of it.
fn short(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 500;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]).into(),
        None => text.into(),
    }
}

/// A JSON document.
pub(super) fn json(status: StatusCode, document: &Value) -> Response<Body> {
    text(status, document.to_string().into())
}

/// A JSON document that may be long: its text is made on a thread that may block.
pub(super) async fn made(
    coding: Coding,
    status: StatusCode,
    make: impl FnOnce() -> Result<Value, Fault> + Send + 'static,
) -> Result<Response<Body>, Fault> {
    let text = move || Ok(coding.whole(make()?.to_string()));
    let text = tokio::task::spawn_blocking(text).await;
    let text = text.unwrap_or_else(|_| Err(Fault::defect("an answer stopped unexpectedly")))?;
    Ok(coded(status, text.bytes.into(), text.is_zipped))
}

/// The text of a JSON document, as it is or made smaller.
pub(super) fn coded(status: StatusCode, body: Body, is_zipped: bool) -> Response<Body> {
    let mut response = text(status, body);
    if is_zipped {
        coding::mark(response.headers_mut());
    }
    response
}

/// The text of a JSON document.
fn text(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    response
}

impl From<BadRange> for Fault {
    fn from(error: BadRange) -> Fault {
        let next = match error {
            BadRange::Reversed { ref start, ref end } if start == end => "name a later end",
            BadRange::Reversed { .. } => "exchange the start and the end",
            BadRange::Future { .. } => {
                "choose a start that has begun, or leave the end out for now"
            }
        };
        Fault::contradiction(error.to_string(), next)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Fault {
        let (status, kind, next) = match &error {
            StoreError::NoSeries { .. } => {
                (StatusCode::NOT_FOUND, "series", next::text(&error.next()))
            }
            StoreError::Bound { .. } | StoreError::Unknown { .. } => {
                (StatusCode::CONFLICT, "series", next::text(&error.next()))
            }
            StoreError::NoJob(_) => (StatusCode::NOT_FOUND, "job", next::text(&error.next())),
            StoreError::AmbiguousJob { .. } => {
                (StatusCode::CONFLICT, "job", next::text(&error.next()))
            }
            StoreError::Owned { .. } => {
                let next = "wait for it, or stop the process that runs it".into();
                (StatusCode::CONFLICT, "owned", next)
            }
            StoreError::IsImport(_) => (StatusCode::CONFLICT, "job", next::text(&error.next())),
            StoreError::Ended { .. } => {
                let next = Next::Backfill(None).after("ask for what is missing with");
                (StatusCode::CONFLICT, "job", next::text(&next))
            }
            StoreError::LostJob(_) => {
                let next = Next::Status { job: None }.shows("lists the jobs");
                (StatusCode::CONFLICT, "owned", next::text(&next))
            }
            StoreError::Full(_) => {
                let next = "make room on the server's disk; everything reported is saved".into();
                (StatusCode::INSUFFICIENT_STORAGE, "disk_full", next)
            }
            StoreError::LogGone(_) => {
                let next = "what was saved is in the file: start the server again".into();
                (StatusCode::SERVICE_UNAVAILABLE, "moved", next)
            }
            StoreError::Moved { .. } => {
                let next = "put the file back, and start the server again".into();
                (StatusCode::SERVICE_UNAVAILABLE, "moved", next)
            }
            StoreError::Busy(_) => {
                let next = "try again when the other program has ended its transaction".into();
                (StatusCode::SERVICE_UNAVAILABLE, "locked", next)
            }
            StoreError::Books { path, .. } => {
                tracing::error!(%error, "the file");
                let next = Next::Verify(path.clone()).shows("says all that is wrong");
                let message = error.without_path();
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                return Fault::new(status, "file", message, next::text(&next));
            }
            // What it says of the disk, or of SQL, is for whoever runs the server.
            _ => {
                tracing::error!(%error, "the file");
                let next =
                    Next::Info.after("look at the server's own messages, and at the file with");
                (StatusCode::INTERNAL_SERVER_ERROR, "file", next::text(&next))
            }
        };
        let message = match kind {
            "file" => "the file cannot be read or written".into(),
            _ => error.without_path(),
        };
        Fault::new(status, kind, message, next)
    }
}

//! Whether the server lives, whether the file can be used, and what the server is.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde_json::json;

use super::time;
use crate::serve::answer::{self, Fault};
use crate::serve::jobs::growth;
use crate::serve::routes::Call;
use crate::store::Store;

/// How long the file may be locked by another program.
const PATIENCE: Duration = Duration::from_secs(1);
const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

pub(in crate::serve) async fn live(_: Call) -> Result<Response<Body>, Fault> {
    Ok(answer::json(StatusCode::OK, &json!({ "status": "ok" })))
}

pub(in crate::serve) async fn ready(call: Call) -> Result<Response<Body>, Fault> {
    let service = Arc::clone(&call.service);
    if service.crew.missing() > 0 {
        let why = "a thread of the server has ended, and is started again";
        let next = "look at the server's own messages; jobs may wait until it is there";
        return Err(Fault::new(UNAVAILABLE, "thread", why, next));
    }
    let check = move |_: &Store| {
        let store = service.place.open(Store::open)?;
        store.wait_at_most(PATIENCE)?;
        store.check_writable()?;
        store.data_version()?;
        match growth::left(&service.settings.db) {
            Some(left) if left < growth::LEAST => Err(no_room()),
            _ => Ok(()),
        }
    };
    match call.service.readers.read(check).await {
        Ok(()) => Ok(answer::json(StatusCode::OK, &json!({ "status": "ready" }))),
        Err(fault) => Err(Fault::new(
            UNAVAILABLE,
            fault.kind,
            fault.message,
            fault.next,
        )),
    }
}

fn no_room() -> Fault {
    let least = growth::LEAST >> 20;
    Fault::new(
        UNAVAILABLE,
        "disk_full",
        format!("less than {least} MiB are left for the file"),
        "make room on the server's disk; everything reported is saved",
    )
}

pub(in crate::serve) async fn server(call: Call) -> Result<Response<Body>, Fault> {
    let settings = &call.service.settings;
    let name = settings.db.file_name().map(Path::new);
    let document = json!({
        "version": env!("CARGO_PKG_VERSION"), "file": name.map(|name| name.display().to_string()),
        "provider": settings.providers[0].name(), "now": time(call.service.now()), "jobs_at_once": settings.jobs,
        "update_at": settings.update_at.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "token_required": settings.token.is_some(),
    });
    answer::made(call.coding, StatusCode::OK, move || Ok(document)).await
}

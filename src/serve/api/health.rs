//! Whether the server lives, whether the file can be used, and what the server is.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde_json::json;

use super::time;
use crate::serve::answer::{self, Fault};
use crate::serve::routes::Call;
use crate::store::Store;

/// How long the file may be locked by another program.
const PATIENCE: Duration = Duration::from_secs(1);

pub(in crate::serve) async fn live(_: Call) -> Result<Response<Body>, Fault> {
    Ok(answer::json(StatusCode::OK, &json!({ "status": "ok" })))
}

pub(in crate::serve) async fn ready(call: Call) -> Result<Response<Body>, Fault> {
    let service = Arc::clone(&call.service);
    // Opened anew: the file that the connections hold may have been moved away.
    let check = move |_: &Store| {
        let store = Store::open(&service.settings.db)?;
        store.wait_at_most(PATIENCE)?;
        store.check_writable()?;
        store.data_version()?;
        Ok(())
    };
    match call.service.readers.read(check).await {
        Ok(()) => Ok(answer::json(StatusCode::OK, &json!({ "status": "ready" }))),
        Err(fault) => Err(Fault::new(
            StatusCode::SERVICE_UNAVAILABLE,
            fault.kind,
            fault.message,
            fault.next,
        )),
    }
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
    Ok(answer::json(StatusCode::OK, &document))
}

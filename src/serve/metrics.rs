//! To be written.

use axum::body::Body;
use axum::http::Response;

use super::answer::Fault;
use super::routes::Call;

pub(super) async fn answer(_: Call) -> Result<Response<Body>, Fault> {
    Err(Fault::busy("not yet"))
}

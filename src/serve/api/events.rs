//! To be written.

use axum::body::Body;
use axum::http::Response;

use crate::serve::answer::Fault;
use crate::serve::routes::Call;

pub(in crate::serve) async fn follow(_: Call) -> Result<Response<Body>, Fault> {
    Err(Fault::busy("not yet"))
}

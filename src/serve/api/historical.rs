//! To be written.

use axum::body::Body;
use axum::http::Response;

use crate::serve::answer::Fault;
use crate::serve::routes::Call;

/// Candles of one answer at most.
pub(in crate::serve) const LIMIT: u32 = 1_000_000;

pub(in crate::serve) async fn read(_: Call) -> Result<Response<Body>, Fault> {
    Err(Fault::busy("not yet"))
}

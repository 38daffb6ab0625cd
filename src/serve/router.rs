//! From a request to the route that answers it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::RawPathParams;
use axum::extract::rejection::RawPathParamsRejection;
use axum::http::{Request, Response, StatusCode};
use axum::routing::{MethodFilter, on};

use super::answer::Fault;
use super::door::guard::BODY_LIMIT;
use super::reading::coding::Coding;
use super::routes::{ROUTES, Route};
use super::{Service, door, page, routes};

/// How long a body may take to come.
const BODY: Duration = Duration::from_secs(10);

pub(super) fn router(service: &Arc<Service>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let service = Arc::clone(service);
        let filter = if route.changes {
            MethodFilter::POST
        } else {
            MethodFilter::GET
        };
        let run = async move |named: Result<RawPathParams, _>, request: Request<Body>| {
            let Ok::<_, RawPathParamsRejection>(named) = named else {
                return Fault::usage("the path is not UTF-8", "correct it").response();
            };
            let named = named.iter().next().map(|(_, value)| value.to_owned());
            if named.as_ref().is_some_and(String::is_empty) {
                // It would be the beginning of every job's id.
                return page::answer(request).await;
            }
            run(route, service, named.unwrap_or_default(), request).await
        };
        let other = async || Fault::method(route.methods()).response();
        router = router.route(route.path, on(filter, run).fallback(other));
    }
    router.fallback(page::answer)
}

/// A request that a route answers.
async fn run(
    route: &'static Route,
    service: Arc<Service>,
    named: String,
    request: Request<Body>,
) -> Response<Body> {
    let call = async {
        door::guard::check_body(&request)?;
        let (head, body) = request.into_parts();
        let body = tokio::time::timeout(BODY, axum::body::to_bytes(body, BODY_LIMIT)).await;
        let body = body
            .map_err(|_| {
                let what = "the body did not come";
                Fault::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "usage",
                    what,
                    "send it at once",
                )
            })?
            .map_err(|_| Fault::usage("the body is broken off", "send all of it"))?;
        let query = head.uri.query().unwrap_or("");
        let calls = Arc::clone(&service);
        let coding = Coding::of(&service.turns, head.version, &head.headers);
        let call = || routes::call(route, calls, named, query, head.headers, coding, &body);
        if body.is_empty() {
            return call();
        }
        service.think(call).await
    };
    let answered = match call.await {
        Ok(call) => (route.run)(call).await,
        Err(fault) => Err(fault),
    };
    let mut response = answered.unwrap_or_else(Fault::response);
    response.extensions_mut().insert(route);
    response
}

//! What a call is given.

use std::sync::{Arc, LazyLock};

use super::api::backfill;
use super::params::Params;
use super::routes::{Kind, ROUTES, Route};
use crate::fuzzing::{NOW, is_one_line, pick};
use crate::model::timeframe::Timeframe;
use crate::provider::{Provider, Registry};
use crate::serve::answer::Fault;

/// The provider that is asked unless told otherwise.
static PROVIDER: LazyLock<Arc<dyn Provider>> = LazyLock::new(|| {
    let registry = Registry::default();
    let first = registry.iter().next().expect("one that is built in");
    first.unasked().expect("a provider without a key")
});

/// A byte for the route, the query up to the end of its line, and the body. Says whether the call may go on.
pub fn parameters(bytes: &[u8]) -> bool {
    let [route, given @ ..] = bytes else {
        return false;
    };
    let route = pick(*route, ROUTES);
    let mut parts = given.splitn(2, |&byte| byte == b'\n');
    let (query, body) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let Ok(query) = std::str::from_utf8(query) else {
        return false;
    };
    match Params::read(route, query, body).and_then(|params| check(route, &params)) {
        Ok(()) => true,
        Err(fault) => {
            assert!(fault.status.is_client_error(), "{fault:?}");
            let document = &fault.document()["error"];
            for said in ["message", "next"] {
                let said = document[said].as_str().expect("a text");
                assert!(is_one_line(said) && said.chars().count() <= 503, "{said:?}");
            }
            false
        }
    }
}

/// What was read is what the route's table has, and is read on as its handlers do.
fn check(route: &Route, params: &Params) -> Result<(), Fault> {
    for (name, text) in params.iter() {
        let param = route.params.iter().find(|param| param.name == name);
        let param = param.expect("one of the route's");
        assert!(param.repeats || params.all(name).count() == 1);
        match param.kind {
            Kind::Number(least, most) => {
                assert!((least..=most).contains(&params.number(
                    param.name,
                    least,
                    least..=most
                )?));
            }
            Kind::Flag => assert!(params.parsed::<bool>(param.name)?.is_some()),
            Kind::OneOf(words) => assert!(words.contains(&text.as_str())),
            Kind::Read(_) => drop(params.parsed::<Timeframe>(param.name)?),
            Kind::Like(..) if name != "cursor" && !param.repeats => {
                params.moment(param.name, NOW)?;
            }
            Kind::Like(..) => {}
        }
    }
    if route.path == "/api/v1/backfill" {
        let request = backfill::request(params, PROVIDER.as_ref(), NOW)?;
        assert!(!request.series.is_empty());
    }
    Ok(())
}

//! The table of all routes. The router, the rules in front of it and the OpenAPI document are made from it, so that none
//! of them can forget one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Response};
use serde_json::{Value, json};

use super::answer::Fault;
use super::api::{backfill, events, health, historical, series};
use super::params::Params;
use super::reading::coding::Coding;
use super::{Service, metrics, openapi, page, patterns};

/// A route.
pub(super) struct Route {
    /// Whether it changes anything: then it is a `POST`, else a `GET`, which answers `HEAD` too.
    pub(super) changes: bool,
    /// The path, `{name}` for a part that varies.
    pub(super) path: &'static str,
    /// What it is for.
    pub(super) about: &'static str,
    /// Whether it answers without the token.
    pub(super) open: bool,
    /// Query parameters; those of a `POST` may be a JSON body instead.
    pub(super) params: &'static [Param],
    /// The status of an answer that went well, and its schema in the OpenAPI document or its media type.
    pub(super) answer: (u16, &'static str),
    /// The same of other answers that are no errors; a status alone has no body.
    pub(super) also: &'static [(u16, &'static str)],
    /// Statuses of refusals that are its own: others every call has.
    pub(super) refuses: &'static [u16],
    /// Headers of a request that it heeds.
    pub(super) heeds: &'static [(&'static str, &'static str)],
    /// What answers it.
    pub(super) run: fn(Call) -> Answer,
}

/// The methods that only read, as `Allow` has them.
pub(super) const READS: &str = "GET, HEAD";

/// A query parameter.
pub(super) struct Param {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) required: bool,
    /// Whether it may be given more than once.
    pub(super) repeats: bool,
    pub(super) kind: Kind,
}

/// What a parameter may be.
pub(super) enum Kind {
    /// A text of this pattern, as its reader takes it.
    Like(&'static str, Examples),
    /// One of these, as its reader takes it; it says more of what is wrong.
    Read(&'static [&'static str]),
    Flag,
    Number(u32, u32),
    OneOf(&'static [&'static str]),
}

type Examples = &'static [&'static str];

/// A date of the market, or an instant.
const MOMENT: Kind = Kind::Like(
    patterns::MOMENT,
    &["2024-11-01", "2024-11-01T14:30:00Z", "30d", "ytd"],
);

/// A call that may go on.
pub(super) struct Call {
    pub(super) service: Arc<Service>,
    /// The part of the path that varies, decoded.
    pub(super) named: String,
    pub(super) params: Params,
    pub(super) headers: HeaderMap,
    pub(super) coding: Coding,
}

/// What comes of a call.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Fault>> + Send>>;

/// Makes a function of a table's row from an `async fn`.
macro_rules! run {
    ($handler:path) => {
        |call| Box::pin($handler(call))
    };
}

const fn param(name: &'static str, kind: Kind, about: &'static str) -> Param {
    Param {
        name,
        about,
        required: false,
        repeats: false,
        kind,
    }
}

const TIMEFRAME: Param = param(
    "timeframe",
    Kind::Read(patterns::TIMEFRAME),
    "1m .. 30m, 1h .. 12h, 1d (when left out), 1w, 1mo",
);

const BACKFILL: &[Param] = &[
    Param {
        required: true,
        repeats: true,
        ..param(
            "symbols",
            Kind::Like(patterns::SYMBOLS, &["AAPL", "AAPL,MSFT"]),
            "symbols as the provider spells them, repeated or with commas",
        )
    },
    Param {
        required: true,
        ..param(
            "start_date",
            MOMENT,
            "first market day, an instant, so long ago (30d, 2w, 6mo, 1y), ytd or max",
        )
    },
    param(
        "end_date",
        MOMENT,
        "last market day, inclusive (also today, or -7d for seven days ago), or an instant, exclusive; up to now when left out",
    ),
    Param {
        repeats: true,
        ..param(
            "timeframes",
            Kind::Like(patterns::TIMEFRAMES, &["1d", "1d,1m"]),
            "timeframes, repeated or with commas; 1d when left out",
        )
    },
    param(
        "adjusted",
        Kind::Flag,
        "prices adjusted for splits by the provider",
    ),
    param(
        "yes",
        Kind::Flag,
        "take the job on even if it is larger than what is free on the disk",
    ),
];

const HISTORICAL: &[Param] = &[
    TIMEFRAME,
    param(
        "start",
        MOMENT,
        "first market day, an instant, so long ago (30d, 2w, 6mo, 1y), ytd or max",
    ),
    param(
        "end",
        MOMENT,
        "last market day, inclusive (also today, or -7d for seven days ago), or an instant, exclusive",
    ),
    param(
        "limit",
        Kind::Number(1, historical::LIMIT),
        "candles in the answer at most; 100,000 as JSON and all as CSV when left out",
    ),
    param(
        "cursor",
        Kind::Like(patterns::CURSOR, &["AAAAAGWTUgA"]),
        "where an answer before has ended: its next_cursor",
    ),
    param(
        "format",
        Kind::OneOf(&["json", "csv"]),
        "json when left out",
    ),
];

const fn get(
    path: &'static str,
    about: &'static str,
    answer: &'static str,
    params: &'static [Param],
    run: fn(Call) -> Answer,
) -> Route {
    Route {
        changes: false,
        path,
        about,
        open: false,
        params,
        answer: (200, answer),
        also: &[],
        refuses: &[],
        heeds: &[],
        run,
    }
}

const fn open(mut route: Route) -> Route {
    route.open = true;
    route
}

const fn also(also: &'static [(u16, &'static str)], mut route: Route) -> Route {
    route.also = also;
    route
}

const fn refusing(refuses: &'static [u16], mut route: Route) -> Route {
    route.refuses = refuses;
    route
}

const fn heeding(heeds: &'static [(&'static str, &'static str)], mut route: Route) -> Route {
    route.heeds = heeds;
    route
}

const fn post(
    path: &'static str,
    about: &'static str,
    answer: &'static str,
    params: &'static [Param],
    run: fn(Call) -> Answer,
) -> Route {
    Route {
        path,
        about,
        changes: true,
        open: false,
        params,
        answer: (202, answer),
        also: &[],
        refuses: &[],
        heeds: &[],
        run,
    }
}

/// All routes but the page's files.
pub(super) static ROUTES: &[Route] = &[
    refusing(
        &[409, 507],
        post(
            "/api/v1/backfill",
            "Ask for candles",
            "Accepted",
            BACKFILL,
            run!(backfill::start),
        ),
    ),
    refusing(
        &[404, 409],
        get(
            "/api/v1/backfill/status/{job_id}",
            "How far a job is",
            "JobDetail",
            &[],
            run!(backfill::status),
        ),
    ),
    get(
        "/api/v1/backfill/recent",
        "Jobs, newest first",
        "Jobs",
        &[param(
            "limit",
            Kind::Number(1, 200),
            "jobs at most; 20 when left out",
        )],
        run!(backfill::recent),
    ),
    refusing(
        &[404, 409, 507],
        post(
            "/api/v1/backfill/{job_id}/cancel",
            "Stop a job; what it has fetched is saved",
            "Job",
            &[],
            run!(backfill::cancel),
        ),
    ),
    refusing(
        &[404, 409, 507],
        post(
            "/api/v1/backfill/{job_id}/resume",
            "Go on with a job: what failed or is missing",
            "Job",
            &[],
            run!(backfill::resume),
        ),
    ),
    heeding(
        &[("Last-Event-ID", "the event that was heard last")],
        refusing(
            &[404, 409],
            also(
                &[(204, "")],
                get(
                    "/api/v1/backfill/{job_id}/events",
                    "A job's progress as it is committed",
                    "text/event-stream",
                    &[],
                    run!(events::follow),
                ),
            ),
        ),
    ),
    heeding(
        &[("If-None-Match", "tags of answers that are held")],
        refusing(
            &[404, 409],
            also(
                &[(200, "text/csv"), (304, "")],
                get(
                    "/api/v1/historical/{symbol}",
                    "Candles of a series, ascending",
                    "Candles",
                    HISTORICAL,
                    run!(historical::read),
                ),
            ),
        ),
    ),
    get(
        "/api/v1/symbols",
        "The series that the file holds",
        "Symbols",
        &[],
        run!(series::list),
    ),
    refusing(
        &[404],
        get(
            "/api/v1/coverage/{symbol}",
            "What of a series is there, missing and empty",
            "Coverage",
            &[TIMEFRAME],
            run!(series::coverage),
        ),
    ),
    get(
        "/api/v1/server",
        "What this server is",
        "Server",
        &[],
        run!(health::server),
    ),
    get(
        "/api/v1/openapi.json",
        "This interface",
        "application/json",
        &[],
        run!(openapi::answer),
    ),
    open(get(
        "/health",
        "Whether the server lives",
        "Health",
        &[],
        run!(health::live),
    )),
    get(
        "/ready",
        "Whether the file can be read and written",
        "Health",
        &[],
        run!(health::ready),
    ),
    get(
        "/metrics",
        "Figures for Prometheus",
        "text/plain",
        &[],
        run!(metrics::answer),
    ),
];

/// Whether a path answers without the token.
pub(super) fn is_open(method: &Method, path: &str) -> bool {
    let reads = method == Method::GET || method == Method::HEAD;
    let route = || ROUTES.iter().any(|route| route.open && route.path == path);
    reads && (page::find(path).is_some() || route())
}

impl Route {
    /// What its path takes, as `Allow` has it.
    pub(super) fn methods(&self) -> &'static str {
        if self.changes { "POST" } else { READS }
    }
}

impl Param {
    /// As JSON Schema, in a query.
    pub(super) fn schema(&self) -> Value {
        if self.repeats {
            json!({ "type": "array", "items": self.one(), "minItems": u8::from(self.required) })
        } else {
            self.one()
        }
    }

    /// As JSON Schema, in a body: there what is not required may be null.
    pub(super) fn in_body(&self) -> Value {
        let mut any = vec![self.schema()];
        match self.kind {
            Kind::Flag => any.push(json!({ "enum": ["true", "false"] })),
            _ if self.repeats => any.push(self.one()),
            _ => {}
        }
        if !self.required {
            any.push(json!({ "type": "null" }));
        }
        if any.len() == 1 {
            any.remove(0)
        } else {
            json!({ "anyOf": any })
        }
    }

    fn one(&self) -> Value {
        match self.kind {
            Kind::Like(pattern, examples) => {
                json!({ "type": "string", "pattern": pattern, "examples": examples })
            }
            Kind::Flag => json!({ "type": "boolean" }),
            Kind::Number(least, most) => {
                json!({ "type": "integer", "minimum": least, "maximum": most })
            }
            Kind::Read(words) | Kind::OneOf(words) => json!({ "type": "string", "enum": words }),
        }
    }
}

/// What is read of a call before its route answers.
pub(super) fn call(
    route: &'static Route,
    service: Arc<Service>,
    named: String,
    query: &str,
    headers: HeaderMap,
    coding: Coding,
    body: &Bytes,
) -> Result<Call, Fault> {
    Ok(Call {
        service,
        named,
        params: Params::read(route, query, body)?,
        headers,
        coding,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_pages_files_and_one_sign_of_life_answer_without_the_token() {
        let open: Vec<&str> = ROUTES
            .iter()
            .filter(|route| is_open(&Method::GET, route.path))
            .map(|route| route.path)
            .collect();
        assert_eq!(open, ["/health"]);
        for route in ROUTES {
            assert!(!is_open(&Method::POST, route.path), "{}", route.path);
            assert!(!(route.open && route.changes), "{}", route.path);
        }
        assert!(!is_open(&Method::GET, "/nothing"));
        assert!(!is_open(&Method::GET, "/health/"));
    }

    #[test]
    fn calls_that_change_something_are_few_and_known() {
        let changing: Vec<&str> = ROUTES
            .iter()
            .filter(|route| route.changes)
            .map(|route| route.path)
            .collect();
        assert_eq!(
            changing,
            [
                "/api/v1/backfill",
                "/api/v1/backfill/{job_id}/cancel",
                "/api/v1/backfill/{job_id}/resume"
            ]
        );
    }
}

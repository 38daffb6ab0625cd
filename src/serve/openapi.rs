//! This interface as an OpenAPI 3.1 document, made from the table of routes: what is not in the table is not in it, and
//! nothing of the table is left out.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::answer::{self, Fault};
use super::patterns::{CURSOR, JOB, SYMBOL};
use super::routes::{Call, Param, ROUTES, Route};

/// The schemas of all answers.
const SCHEMAS: &str = include_str!("schemas.json");

pub(super) async fn answer(call: Call) -> Result<Response<Body>, Fault> {
    let has_token = call.service.settings.token.is_some();
    answer::made(call.coding, StatusCode::OK, move || document(has_token)).await
}

fn document(has_token: bool) -> Result<Value, Fault> {
    let schemas: Value = serde_json::from_str(SCHEMAS)
        .map_err(|_| Fault::defect("the schemas of the answers are no JSON"))?;
    let mut paths = Map::new();
    for route in ROUTES {
        let method = if route.changes { "post" } else { "get" };
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[method] = operation(route, has_token);
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "candlefile",
            "description": "Jobs that fill one file with candles, and what it holds. Times are RFC 3339 in UTC, spans half-open; \
                            a date as a parameter is a day of the series' market, an end date inclusive.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": { "schemas": schemas },
    });
    if has_token {
        let scheme = json!({ "bearer": { "type": "http", "scheme": "bearer" } });
        document["components"]["securitySchemes"] = scheme;
        document["security"] = json!([{ "bearer": [] }]);
    }
    Ok(document)
}

fn operation(route: &Route, has_token: bool) -> Value {
    let named = named(route).map(|name| {
        let pattern = if name == "job_id" { JOB } else { SYMBOL };
        let schema = json!({ "type": "string", "pattern": pattern });
        json!({ "name": name, "in": "path", "required": true, "schema": schema })
    });
    let parameters = route.params.iter().map(parameter);
    let headers = route.heeds.iter().map(|(name, about)| {
        json!({ "name": name, "in": "header", "description": about, "schema": { "type": "string" } })
    });
    let parameters = named.into_iter().chain(parameters).chain(headers);
    let mut operation = json!({
        "operationId": name(route),
        "summary": route.about,
        "parameters": parameters.collect::<Vec<_>>(),
        "responses": responses(route, has_token),
    });
    if route.changes && !route.params.is_empty() {
        operation["requestBody"] = body(route);
    }
    if route.open && has_token {
        operation["security"] = json!([]);
    }
    operation
}

/// The part of the path that varies.
fn named(route: &Route) -> Option<&str> {
    let (_, rest) = route.path.split_once('{')?;
    rest.split_once('}').map(|(name, _)| name)
}

/// The path's words.
fn name(route: &Route) -> String {
    let path = route.path.trim_start_matches("/api/v1");
    let words = path.split(['/', '.']);
    let words: Vec<&str> = words
        .filter(|word| !word.is_empty() && !word.starts_with('{'))
        .collect();
    words.join("_")
}

fn parameter(param: &Param) -> Value {
    json!({
        "name": param.name, "in": "query", "description": param.about, "required": param.required,
        "schema": param.schema(),
    })
}

/// The parameters as an object.
fn body(route: &Route) -> Value {
    let properties = route.params.iter().map(|param| {
        let mut schema = param.in_body();
        schema["description"] = json!(param.about);
        (param.name.to_owned(), schema)
    });
    let required = route.params.iter().filter(|param| param.required);
    let schema = json!({
        "type": ["object", "null"],
        "properties": properties.collect::<Map<_, _>>(),
        "required": required.map(|param| param.name).collect::<Vec<_>>(),
        "additionalProperties": false,
    });
    json!({
        "description": "All parameters, for a call whose query has none, or null; where both have some it is refused (409)",
        "required": false,
        "content": { "application/json": { "schema": schema } },
    })
}

fn responses(route: &Route, has_token: bool) -> Value {
    let mut responses = json!({ "default": refusal("It is refused, or failed") });
    for &status in refusals(route, has_token).iter().chain(route.refuses) {
        let mut response = refusal(why(status));
        let header = match status {
            401 => Some(("WWW-Authenticate", "How to say who calls")),
            405 => Some(("Allow", "The methods that the path takes")),
            503 => Some(("Retry-After", "Seconds after which it may be tried again")),
            _ => None,
        };
        if let Some((name, about)) = header {
            let schema = match status {
                503 => json!({ "type": "integer", "minimum": 1 }),
                _ => json!({ "type": "string" }),
            };
            response["headers"][name] =
                json!({ "description": about, "required": true, "schema": schema });
        }
        responses[status.to_string()] = response;
    }
    for &(status, what) in std::iter::once(&route.answer).chain(route.also) {
        let response = &mut responses[status.to_string()];
        if response.is_null() {
            *response = json!({ "description": about(status) });
            // The one that is not told again while it is the same.
            if route.also.contains(&(304, "")) {
                response["headers"] = tagged(status);
            }
        }
        if what.is_empty() {
            continue;
        }
        let (media, schema) = if what.contains('/') {
            (what, json!({}))
        } else {
            let place = format!("#/components/schemas/{what}");
            ("application/json", json!({ "schema": { "$ref": place } }))
        };
        response["content"][media] = schema;
        if ["application/json", "text/csv"].contains(&media) {
            response["headers"]["Vary"] = vary(true);
        }
    }
    responses
}

fn refusal(why: &str) -> Value {
    json!({
        "description": why,
        "headers": { "Vary": vary(false) },
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
    })
}

/// What is sent with every answer that may be compressed. What is no HTTP is refused without it.
fn vary(is_required: bool) -> Value {
    json!({ "description": "Accept-Encoding", "required": is_required, "schema": { "type": "string" } })
}

/// Statuses of refusals that every call like this one has.
fn refusals(route: &Route, has_token: bool) -> Vec<u16> {
    let mut statuses = vec![400, 403, 405, 411, 414, 421, 431, 500, 503];
    if has_token && !route.open {
        statuses.push(401);
    }
    if route.changes {
        statuses.extend([408, 413, 415]);
    }
    statuses
}

/// The headers of an answer that has a tag.
fn tagged(status: u16) -> Value {
    let text = json!({ "type": "string" });
    let tag = json!({ "type": "string", "pattern": "^\"[^\"]+\"$" });
    let mut headers = json!({
        "ETag": { "description": "Changes with the file, and is another one for each encoding", "required": true, "schema": tag },
        "Vary": vary(true),
    });
    if status == 200 {
        let cursor = json!({ "type": "string", "pattern": CURSOR });
        headers["Link"] = json!({ "description": "Where a limit has cut it: the call that goes on, as rel=\"next\"", "schema": text });
        headers["Next-Cursor"] = json!({ "description": "Where a limit has cut it: the cursor of the call that goes on", "schema": cursor });
    }
    headers
}

fn about(status: u16) -> &'static str {
    match status {
        202 => "It is taken on",
        204 => "There is nothing more to come",
        304 => "What the caller has is current",
        _ => "The answer",
    }
}

fn why(status: u16) -> &'static str {
    match status {
        400 => "A parameter is wrong, unknown, missing or given twice",
        401 => "The token is missing or wrong",
        403 => "Another site's page asks",
        404 => "There is no such job or series",
        405 => "The path does not take this method",
        408 => "The body came too slowly",
        409 => "What is asked for contradicts itself, or what there is",
        411 => "A body without a length",
        413 => "The body is too long",
        414 => "The target is too long",
        415 => "The body is not JSON",
        421 => "The server does not go by that name",
        431 => "The headers are too long",
        503 => "Too much at once, or the file cannot be used now",
        507 => "The disk is full, or has less room than the job takes",
        _ => "The file is damaged, or this program is wrong",
    }
}

//! This interface as an OpenAPI 3.1 document, made from the table of routes: what is not in the table is not in it, and
//! nothing of the table is left out.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::answer::{self, Fault};
use super::routes::{Call, Param, ROUTES, Route};

/// The schemas of all answers.
const SCHEMAS: &str = include_str!("schemas.json");

pub(super) async fn answer(call: Call) -> Result<Response<Body>, Fault> {
    let document = document(call.service.settings.token.is_some())?;
    Ok(answer::json(StatusCode::OK, &document))
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
        json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
    });
    let parameters = route.params.iter().map(|param| parameter(route, param));
    let mut operation = json!({
        "operationId": name(route),
        "summary": route.about,
        "parameters": named.into_iter().chain(parameters).collect::<Vec<_>>(),
        "responses": responses(route),
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

fn parameter(route: &Route, param: &Param) -> Value {
    // What a body may say instead is not required in the query.
    json!({
        "name": param.name, "in": "query", "description": param.about, "required": param.required && !route.changes,
        "schema": param.schema(),
    })
}

/// The parameters as an object.
fn body(route: &Route) -> Value {
    let properties = route.params.iter().map(|param| {
        let mut schema = param.schema();
        if param.repeats {
            schema = json!({ "anyOf": [schema, { "type": "string" }] });
        }
        schema["description"] = json!(param.about);
        (param.name.to_owned(), schema)
    });
    let required = route.params.iter().filter(|param| param.required);
    let schema = json!({
        "type": "object",
        "properties": properties.collect::<Map<_, _>>(),
        "required": required.map(|param| param.name).collect::<Vec<_>>(),
        "additionalProperties": false,
    });
    json!({
        "description": "The parameters, where the query has none",
        "required": false,
        "content": { "application/json": { "schema": schema } },
    })
}

fn responses(route: &Route) -> Value {
    let mut responses = json!({
        "default": {
            "description": "It is refused, or failed",
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
        },
    });
    for &(status, what) in std::iter::once(&route.answer).chain(route.also) {
        let response = &mut responses[status.to_string()];
        if response.is_null() {
            *response = json!({ "description": about(status) });
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
    }
    responses
}

fn about(status: u16) -> &'static str {
    match status {
        202 => "It is taken on",
        204 => "There is nothing more to come",
        304 => "What the caller has is current",
        _ => "The answer",
    }
}

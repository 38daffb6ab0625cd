//! What may stand in a call, and what is hostile there: a row for each route, for each part of a path that varies and for
//! each parameter. What has none fails every test that attacks all routes, so nothing new comes in without its rule.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::attack::Expect::{self, Refused};
use super::words::{
    MEANT_ELSEWHERE, NO_CURSORS, NO_DATES, NO_JOBS, NO_NUMBERS, NO_TIMEFRAMES, NO_WORDS, UNHELD,
};

/// The calls of the interface, and of what type their answers are.
const ROUTES: &[(&str, &str)] = &[
    ("POST /api/v1/backfill", JSON),
    ("GET /api/v1/backfill/status/{job_id}", JSON),
    ("GET /api/v1/backfill/recent", JSON),
    ("POST /api/v1/backfill/{job_id}/cancel", JSON),
    ("POST /api/v1/backfill/{job_id}/resume", JSON),
    ("GET /api/v1/backfill/{job_id}/events", "text/event-stream"),
    ("GET /api/v1/historical/{symbol}", JSON),
    ("GET /api/v1/symbols", JSON),
    ("GET /api/v1/coverage/{symbol}", JSON),
    ("GET /api/v1/server", JSON),
    ("GET /api/v1/openapi.json", JSON),
    ("GET /health", JSON),
    ("GET /ready", JSON),
    ("GET /metrics", "text/plain; version=0.0.4; charset=utf-8"),
];
const JSON: &str = "application/json; charset=utf-8";

/// What is known of a value that varies.
pub(crate) struct Rule {
    /// With these a call goes well.
    pub(crate) good: Vec<String>,
    /// With these it is refused, as it says.
    pub(crate) hostile: Vec<(Expect, Vec<String>)>,
}

fn rule(good: &[&str], hostile: &[(Expect, &[&[&str]])]) -> Rule {
    let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    Rule {
        good: owned(good),
        hostile: hostile
            .iter()
            .map(|(expect, lists)| (*expect, owned(&lists.concat())))
            .collect(),
    }
}

/// What may stand where a path varies. `job` is one that the file holds.
fn named(part: &str, job: &str) -> Rule {
    let (long, huge) = ("A".repeat(41), "A".repeat(2_000));
    let zeros = "0".repeat(2_500);
    match part {
        "{symbol}" => rule(
            &["AAPL"],
            &[
                (Refused(400, "usage"), &[MEANT_ELSEWHERE, &[&long, &huge]]),
                (Refused(404, "series"), &[UNHELD]),
            ],
        ),
        "{job_id}" => rule(
            &[job],
            &[(Refused(404, "job"), &[MEANT_ELSEWHERE, NO_JOBS, &[&zeros]])],
        ),
        _ => panic!("{part} of a path has no row: say what of it is good and what is hostile"),
    }
}

/// What may be given by a parameter.
pub(crate) fn parameter(name: &str) -> Rule {
    let (long, digits) = ("A".repeat(41), "9".repeat(2_500));
    let refusing = |good: &[&str], hostile: &[&str]| {
        rule(
            good,
            &[(Refused(400, "usage"), &[MEANT_ELSEWHERE, hostile])],
        )
    };
    match name {
        "symbols" => refusing(&["AAPL"], &["", ",,,", &long]),
        "start_date" | "start" => refusing(&["2024-01-02", "2024-01-02T00:00:00Z"], NO_DATES),
        "end_date" | "end" => refusing(&["2024-01-05", "2024-01-05T23:59:59+01:00"], NO_DATES),
        "timeframe" | "timeframes" => refusing(&["1d"], NO_TIMEFRAMES),
        "adjusted" => refusing(&["false", "true"], NO_WORDS),
        "limit" => refusing(&["1", "200"], &[NO_NUMBERS, &[&digits]].concat()),
        // 2024-01-02.
        "cursor" => refusing(&["AAAAAGWTUgA"], NO_CURSORS),
        "format" => refusing(&["json", "csv"], NO_WORDS),
        "yes" => refusing(&["true", "false"], NO_WORDS),
        _ => panic!("the parameter {name} has no row: say what of it is good and what is hostile"),
    }
}

/// A call of the interface, or a file of the page.
pub(crate) struct Route {
    pub(crate) changes: bool,
    /// Where it is, with a good value for what varies.
    pub(crate) target: String,
    /// Of what type its answer is.
    pub(crate) kind: &'static str,
    pub(crate) params: Vec<Value>,
    pub(crate) is_file: bool,
    path: String,
    named: Option<(String, Rule)>,
}

impl Route {
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method(), self.target)
    }

    fn method(&self) -> &'static str {
        if self.changes { "POST" } else { "GET" }
    }

    /// Whether it answers without the token.
    pub(crate) fn is_open(&self) -> bool {
        self.is_file || self.target == "/health"
    }

    /// The lines that are hostile where its path varies.
    pub(crate) fn misnamed(&self) -> Vec<(Expect, String)> {
        let Some((part, rule)) = &self.named else {
            return Vec::new();
        };
        let (method, lists) = (self.method(), rule.hostile.iter());
        let line = |text: &String| format!("{method} {}", self.path.replace(part, &encoded(text)));
        lists
            .flat_map(|(expect, texts)| texts.iter().map(|text| (*expect, line(text))))
            .collect()
    }

    /// Good values of all its parameters but one, so that nothing else is wrong with a call.
    pub(crate) fn beside(&self, name: &str) -> Vec<(&str, String)> {
        let names = self
            .params
            .iter()
            .map(|param| param["name"].as_str().unwrap());
        names
            .filter(|other| *other != name)
            .map(|other| (other, parameter(other).good.swap_remove(0)))
            .collect()
    }

    /// Its target with good values of all its parameters.
    pub(crate) fn whole(&self) -> String {
        let all = self.beside("").into_iter();
        let all: Vec<_> = all.map(|(name, text)| format!("{name}={text}")).collect();
        format!("{}?{}", self.target, all.join("&"))
    }
}

/// Every call that the interface's document has. `job` is one that the file holds.
pub(crate) fn calls(document: &Value, job: &str) -> Vec<Route> {
    let mut calls = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let line = format!("{} {path}", method.to_uppercase());
            let row = ROUTES.iter().find(|(known, _)| *known == line);
            let (_, kind) = row.unwrap_or_else(|| panic!("{line} has no row among the routes"));
            let parts = path.split('/').filter(|part| part.contains('{'));
            let mut named = parts.map(|part| (part.to_owned(), named(part, job)));
            let params = operation["parameters"].as_array().into_iter().flatten();
            let mut call = Route {
                changes: method == "post",
                target: path.clone(),
                kind,
                params: params
                    .filter(|param| param["in"] == "query")
                    .cloned()
                    .collect(),
                is_file: false,
                path: path.clone(),
                named: named.next(),
            };
            assert!(named.next().is_none(), "{path} varies in two places");
            if let Some((part, rule)) = &call.named {
                call.target = path.replace(part, &rule.good[0]);
            }
            calls.push(call);
        }
    }
    assert_eq!(calls.len(), ROUTES.len(), "a row has no route: {document}");
    calls
}

/// Every file that the page is made of: each must be served, and under its name.
pub(crate) fn files() -> Vec<Route> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/serve/page");
    let mut files = Vec::new();
    let mut folders = vec![page.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&page).unwrap().to_str().unwrap();
            let target = match name {
                "index.html" => "/".to_owned(),
                name => format!("/assets/{name}"),
            };
            files.push(Route {
                changes: false,
                path: target.clone(),
                target,
                kind: file_kind(name),
                params: Vec::new(),
                is_file: true,
                named: None,
            });
        }
    }
    files
}

fn file_kind(name: &str) -> &'static str {
    match name.rsplit(['.', '/']).next().unwrap() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "LICENSE" | "NOTICE" => "text/plain; charset=utf-8",
        _ => panic!("{name} of the page has no row: say of what type it is"),
    }
}

/// Every byte of a text as it may stand in a target.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        write!(all, "%{byte:02X}").unwrap();
        all
    })
}

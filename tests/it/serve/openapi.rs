//! What the server says of itself: its OpenAPI document against what it answers, and its figures.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::exchange::{Gate, Reply};
use crate::support::following::Event;
use crate::support::harness::Home;
use crate::support::seeded::say;
use crate::support::server::Server;
use crate::support::serving::{Answer, Serving};

/// A server with a job that has ended, not all of it well, and one that runs.
struct Served {
    serving: Serving,
    ended: String,
    runs: String,
    /// What was told of the one that has ended.
    events: Vec<Event>,
    document: Value,
    _provider: Server,
    _home: Home,
}

const HELD: &str = "symbols=HELD&start_date=2024-01-02&end_date=2024-01-05";

fn served() -> Served {
    let home = Home::new();
    let gate = Gate::default();
    let (held, forever) = (gate.clone(), Gate::default());
    let provider = Server::scripted(move |request| match &*request.ask().symbol {
        "NONE" => {
            held.wait();
            Some(Reply::json(404, "{}"))
        }
        "HELD" => {
            forever.wait();
            None
        }
        _ => None,
    });
    let serving = Serving::start(home.serve(&provider).args("--workers 1"));
    let ended = serving.backfill("symbols=AAPL,NONE&start_date=2024-01-02&end_date=2024-01-12");
    let mut following = serving.follow(&ended);
    let first = following.next().unwrap();
    gate.open();
    let events = std::iter::once(first).chain(following.rest()).collect();
    let runs = serving.backfill(HELD);
    serving.wait_for(&runs, "running");
    Served {
        document: serving.get("/api/v1/openapi.json").is(200).json(),
        serving,
        ended,
        runs,
        events,
        _provider: provider,
        _home: home,
    }
}

/// An operation of the document.
struct Operation<'a> {
    method: String,
    path: &'a str,
    said: &'a Value,
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().unwrap();
    let mut operations = Vec::new();
    for (path, methods) in paths {
        for (method, said) in methods.as_object().unwrap() {
            operations.push(Operation {
                method: method.to_uppercase(),
                path,
                said,
            });
        }
    }
    operations
}

impl Operation<'_> {
    fn id(&self) -> &str {
        self.said["operationId"].as_str().unwrap()
    }

    /// Called as it says that it is: what changes something, on the job that runs.
    fn call(&self, served: &Served) -> Answer {
        let job = if self.method == "POST" {
            &served.runs
        } else {
            &served.ended
        };
        let path = self
            .path
            .replace("{job_id}", job)
            .replace("{symbol}", "AAPL");
        let required = if self.id() == "backfill" { HELD } else { "" };
        served
            .serving
            .send(&self.method, &format!("{path}?{required}"), "", "")
    }

    /// The status of an answer that went well, and what it says of it.
    fn goes_well(&self) -> (u16, &Value) {
        let responses = self.said["responses"].as_object().unwrap();
        let well = |status: &&String| ["200", "202"].contains(&status.as_str());
        let status = responses.keys().find(well).unwrap();
        (status.parse().unwrap(), &responses[status])
    }
}

/// The schema of an answer with one, else of nothing.
fn schema(response: &Value) -> &Value {
    &response["content"]["application/json"]["schema"]
}

/// A value has exactly the members that its schema requires, all the way down, and nothing is null that may not be.
fn check(document: &Value, schema: &Value, value: &Value, place: &str) {
    let (required, properties) = members(document, schema);
    match value {
        Value::Null => {
            let text = schema.to_string();
            assert!(text.contains(r#""null""#), "{place} is null: {text}");
        }
        Value::Object(object) => {
            let keys: BTreeSet<&str> = object.keys().map(String::as_str).collect();
            assert_eq!(keys, required, "{place}");
            for (name, schema) in properties {
                check(document, schema, &object[name], &format!("{place}.{name}"));
            }
        }
        Value::Array(items) => {
            let schema = &resolved(document, schema)["items"];
            assert!(schema.is_object(), "{place}: what is in it is not said");
            for item in items {
                check(document, schema, item, &format!("{place}[]"));
            }
        }
        _ => {}
    }
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(place) => document
            .pointer(&place[1..])
            .unwrap_or_else(|| panic!("{place}")),
        None => schema,
    }
}

fn members<'a>(
    document: &'a Value,
    schema: &'a Value,
) -> (BTreeSet<&'a str>, Vec<(&'a str, &'a Value)>) {
    let schema = resolved(document, schema);
    let list = |name: &str| schema[name].as_array().into_iter().flatten();
    let mut required: BTreeSet<&str> = list("required").filter_map(Value::as_str).collect();
    let own = schema["properties"].as_object().into_iter().flatten();
    let mut properties: Vec<_> = own.map(|(name, schema)| (name.as_str(), schema)).collect();
    for part in list("allOf") {
        let (more, others) = members(document, part);
        required.extend(more);
        properties.extend(others);
    }
    (required, properties)
}

#[test]
fn every_operation_of_the_document_answers_with_what_the_document_says() {
    let served = served();
    let document = &served.document;
    let operations = operations(document);
    let ids: BTreeSet<&str> = operations.iter().map(Operation::id).collect();
    assert_eq!(ids.len(), operations.len(), "two have one name");
    for operation in &operations {
        let (status, said) = operation.goes_well();
        let answer = operation.call(&served).is(status);
        let media = answer.header("content-type").unwrap();
        let media = media.split(';').next().unwrap();
        assert!(
            said["content"][media].is_object(),
            "{}: {media}",
            operation.path
        );
        let varies = said["headers"]["Vary"].is_object();
        assert_eq!(
            answer.header("vary").is_some(),
            varies,
            "{}",
            operation.path
        );
        let schema = schema(said);
        if schema.is_object() {
            check(document, schema, &answer.json(), operation.path);
        }
        // And with an error, where a parameter is not known.
        let wrong = served.serving.send(
            &operation.method,
            &format!("{}?no=1", operation.path),
            "",
            "",
        );
        let wrong = wrong.refuses(400, "usage", "no parameter").json();
        let error = &operation.said["responses"]["default"];
        assert!(error["headers"]["Vary"].is_object());
        check(document, self::schema(error), &wrong, operation.path);
    }
    let names: BTreeSet<&str> = served.events.iter().map(|event| &*event.name).collect();
    assert_eq!(names, BTreeSet::from(["end", "progress", "slice_failed"]));
    for event in &served.events {
        check(document, &schema_of(event), &event.data, &event.name);
    }
    served.serving.stop().ok();
}

fn schema_of(event: &Event) -> Value {
    let name = if event.is("slice_failed") {
        "SliceFailure"
    } else {
        "JobProgress"
    };
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

#[test]
fn the_document_says_who_needs_the_token() {
    let home = Home::new();
    let token = "0123456789abcdef0123456789abcdef";
    let file = home.path("token");
    std::fs::write(&file, token).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let serving = Serving::start(home.serve_sample().arg("--token-file").arg(&file));
    let known = format!("Authorization: Bearer {token}\r\n");
    let document = serving.send("GET", "/api/v1/openapi.json", &known, "");
    let document = document.is(200).json();
    assert_eq!(document["security"], json!([{ "bearer": [] }]));
    assert_eq!(
        document["components"]["securitySchemes"]["bearer"]["scheme"],
        "bearer"
    );
    for operation in operations(&document) {
        let answer = serving.send(&operation.method, operation.path, "", "");
        if operation.said["security"] == json!([]) {
            answer.is(200);
        } else {
            let scheme = answer.header("www-authenticate");
            assert_eq!(scheme, Some("Bearer"), "how to say the token");
            answer.refuses(401, "token", "token");
        }
    }
    serving.stop().ok();
}

#[test]
fn a_body_takes_what_the_query_takes() {
    let served = served();
    let operation = &served.document["paths"]["/api/v1/backfill"]["post"];
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    let named = |list: &Value| -> BTreeSet<String> {
        let names = list.as_array().unwrap().iter();
        names
            .map(|name| name["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let properties = body["properties"].as_object().unwrap().keys().cloned();
    assert_eq!(
        properties.collect::<BTreeSet<_>>(),
        named(&operation["parameters"])
    );
    assert_eq!(body["required"], json!(["symbols", "start_date"]));
    served.serving.stop().ok();
}

/// What is generated from the document, good and bad, is answered as the document says.
#[test]
fn calls_that_are_generated_from_the_document_are_answered_as_it_says() {
    let Some(python) = std::env::var_os("CANDLEFILE_PYTHON") else {
        let why = "CANDLEFILE_PYTHON names no interpreter (.ci/python makes one)";
        return say(format!("skipped: {why}"));
    };
    let (home, serving) = Serving::of_sample();
    let tool = std::path::Path::new(&python).with_file_name("schemathesis");
    let judged = Command::new(tool)
        .current_dir(home.path(""))
        .args([
            "run", "--checks", "all", "--phases", "coverage", "--seed", "1",
        ])
        .args(["--include-path", "/api/v1/backfill"])
        .args(["--include-path", "/api/v1/historical/{symbol}"])
        .args(["--include-path", "/health"])
        .arg(format!("{}/api/v1/openapi.json", serving.url()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&judged.stdout);
    assert!(judged.status.success(), "{said}");
    let jobs = serving.get("/api/v1/backfill/recent").is(200).json();
    assert_ne!(jobs["jobs"], json!([]), "nothing was ever taken on\n{said}");
    serving.stop().ok();
}

/// The value of a sample.
fn figure(text: &str, sample: &str) -> Option<f64> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '))?;
    Some(value.parse().unwrap())
}

#[test]
fn the_figures_say_what_the_server_did_and_hold_nothing_that_a_caller_sent() {
    let served = served();
    let mut following = served.serving.follow(&served.runs);
    following.next().unwrap();
    let waiting = served.serving.backfill("symbols=SPY&start_date=2024-01-02");
    let status = served.serving.status(&served.ended);
    served.serving.get("/api/v1/symbols?no=secret").is(400);
    served.serving.get("/secret").is(404);
    served
        .serving
        .send("GET", "/health", "Origin: http://secret.example\r\n", "")
        .is(403);
    let answer = served.serving.get("/metrics").is(200);
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let text = answer.text();
    for stranger in ["secret", &*waiting, &*served.ended, "AAPL"] {
        assert!(!text.contains(stranger), "{text}");
    }
    let version = format!(
        "candlefile_build_info{{version=\"{}\"}}",
        env!("CARGO_PKG_VERSION")
    );
    let inserted = status["total_records_inserted"].as_f64().unwrap();
    assert!(inserted > 0.0);
    let status_route = "/api/v1/backfill/status/{job_id}";
    let expected = [
        (&*version, 1.0),
        ("candlefile_jobs{status=\"partial\"}", 1.0),
        ("candlefile_jobs{status=\"running\"}", 1.0),
        ("candlefile_jobs{status=\"queued\"}", 1.0),
        ("candlefile_jobs{status=\"failed\"}", 0.0),
        ("candlefile_queue_length", 1.0),
        ("candlefile_records_total{kind=\"inserted\"}", inserted),
        ("candlefile_records_total{kind=\"rejected\"}", 0.0),
        (
            "candlefile_provider_requests_total{provider=\"polygon\"}",
            3.0,
        ),
        (
            "candlefile_http_requests_total{route=\"/api/v1/symbols\",status=\"400\"}",
            1.0,
        ),
        (
            "candlefile_http_requests_total{route=\"other\",status=\"404\"}",
            1.0,
        ),
        (
            "candlefile_http_requests_total{route=\"other\",status=\"403\"}",
            1.0,
        ),
        ("candlefile_questions_refused_total", 0.0),
        ("candlefile_followers", 1.0),
        ("candlefile_connections_evicted_total", 0.0),
    ];
    for (sample, value) in expected {
        assert_eq!(figure(text, sample), Some(value), "{sample}\n{text}");
    }
    let duration = "candlefile_http_request_duration_seconds";
    let of_status = |suffix: &str, more: &str| {
        let sample = format!("{duration}{suffix}{{route=\"{status_route}\"{more}}}");
        figure(text, &sample).unwrap_or_else(|| panic!("{sample}\n{text}"))
    };
    let all = of_status("_count", "");
    assert!(all >= 1.0 && of_status("_sum", "") > 0.0);
    assert_eq!(of_status("_bucket", ",le=\"+Inf\""), all);
    let buckets =
        ["0.001", "0.025", "0.5", "10"].map(|le| of_status("_bucket", &format!(",le=\"{le}\"")));
    assert!(buckets.is_sorted() && buckets[3] == all, "{buckets:?}");
    assert!(figure(text, "candlefile_connections").unwrap() >= 2.0);
    assert!(figure(text, "candlefile_file_bytes").unwrap() > 0.0);
    assert_eq!(
        figure(text, "candlefile_last_completed_timestamp_seconds"),
        None
    );
    served.serving.stop().ok();
}

#[test]
fn the_tools_of_others_accept_the_document_the_answers_and_the_figures() {
    let Some(python) = std::env::var_os("CANDLEFILE_PYTHON") else {
        let why = "CANDLEFILE_PYTHON names no interpreter (.ci/python makes one)";
        return say(format!("skipped: {why}"));
    };
    let served = served();
    let mut answers = Vec::new();
    for operation in operations(&served.document) {
        let answer = operation.call(&served);
        let media = answer.header("content-type").unwrap().split(';').next();
        let body = serde_json::from_slice(&answer.body).unwrap_or_else(|_| json!(answer.text()));
        answers.push(json!({
            "operation": operation.id(), "status": answer.status, "media": media, "schema": null, "body": body,
        }));
    }
    for event in &served.events {
        let schema = schema_of(event);
        answers.push(json!({ "operation": "backfill_events", "status": 200, "schema": schema, "body": event.data }));
    }
    let folder = Home::new();
    let write = |name: &str, text: &str| std::fs::write(folder.path(name), text).unwrap();
    write("document.json", &served.document.to_string());
    write("answers.json", &Value::from(answers).to_string());
    write("metrics.txt", served.serving.get("/metrics").is(200).text());
    served.serving.stop().ok();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/interface.py");
    let judged = Command::new(python)
        .arg(script)
        .arg(folder.path(""))
        .output()
        .unwrap();
    let [said, failed] =
        [judged.stdout, judged.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(judged.status.success(), "{said}\n{failed}");
    say(said);
}

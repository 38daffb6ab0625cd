//! Methods that a path does not take: each is told what the path takes, before anything else of the call is judged.

use crate::support::serving::Serving;

/// What is wrong with a call's body, or nothing.
const BODIES: &[(&str, &str)] = &[
    ("", ""),
    ("Content-Type: text/plain\r\n", "symbols=EVIL"),
    ("Content-Type: application/json\r\n", "{"),
    ("Transfer-Encoding: chunked\r\n", ""),
    ("Expect: 100-continue\r\nContent-Length: 9999999\r\n", ""),
];

#[test]
fn a_method_that_is_not_there_is_told_those_of_its_path_before_a_body_is_judged() {
    let (_home, serving) = Serving::of_sample();
    let document = serving.get("/api/v1/openapi.json").is(200).json();
    let mut paths = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let allowed = match operations.get("post") {
            Some(_) => "POST",
            None => "GET, HEAD",
        };
        paths.push((path.replace(['{', '}'], ""), allowed));
    }
    assert!(paths.iter().any(|(_, allowed)| *allowed == "POST"));
    for file in ["/", "/assets/app.js", "/assets/vendor/LICENSE"] {
        paths.push((file.to_owned(), "GET, HEAD"));
    }
    for (path, allowed) in &paths {
        for method in [
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY",
        ] {
            if allowed.contains(method) {
                continue;
            }
            for (headers, body) in BODIES {
                let answer = serving.send(method, path, headers, body);
                let told = (answer.status, answer.header("allow"));
                let line = format!("{method} {path} with {headers:?} {body:?}");
                assert_eq!(told, (405, Some(*allowed)), "{line}");
            }
        }
    }
    serving.stop().ok();
}

#[test]
fn where_there_is_nothing_there_are_no_methods() {
    let (_home, serving) = Serving::of_sample();
    for path in ["/nothing", "/api/v1/backfill/", "/assets/nothing.js"] {
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            for (headers, body) in BODIES {
                let answer = serving.send(method, path, headers, body);
                let answer = answer.refuses(404, "path", "nothing at that path");
                assert_eq!(answer.header("allow"), None, "{method} {path}");
            }
        }
    }
    let whole = serving.send("OPTIONS", "*", "", "").is(405);
    assert_eq!(whole.header("allow"), Some("GET, HEAD, POST"));
    serving.stop().ok();
}

//! What holds for every document that the program prints: errors, fields that scripts rely on, times. It must never demand more of one
//! than all of them promise.

use std::collections::BTreeSet;

use serde_json::Value;

use super::harness::Home;
use super::server::Server;

/// Runs `words` (split at spaces, `_` stands for one) for a person and for a script: both times the same exit code, a
/// message with these words and a next step, no request, and every file as it was.
pub(crate) fn refused(home: &Home, server: &Server, words: &str, code: i32, names: &[&str]) {
    let before = home.files();
    let args = || words.split(' ').map(|word| word.replace('_', " "));
    home.to(server, args()).run().exit(code).says(names);
    let run = home.to(server, args()).arg("--json").run().exit(code);
    let document = run.json();
    let error = document["error"]
        .as_object()
        .unwrap_or_else(|| panic!("no error document\n{run:?}"));
    let mut fields: Vec<&String> = error.keys().collect();
    fields.sort();
    assert_eq!(fields, ["kind", "message", "next"], "{run:?}");
    for field in fields {
        assert!(
            error[field]
                .as_str()
                .is_some_and(|text| !text.trim().is_empty()),
            "{field} says nothing\n{run:?}"
        );
    }
    let message = error["message"].as_str().unwrap().to_lowercase();
    let next = error["next"].as_str().unwrap().to_lowercase();
    for name in names {
        assert!(
            message.contains(&name.to_lowercase()) || next.contains(&name.to_lowercase()),
            "{name:?} is not named\n{run:?}"
        );
    }
    assert_eq!(server.hits(), 0, "{words}");
    assert!(
        home.files() == before,
        "{words}: a file was made or changed"
    );
}

/// A later version may add fields; it may not lose one of these.
#[track_caller]
pub(crate) fn fields(value: &Value, names: &str) {
    let have: BTreeSet<&str> = value
        .as_object()
        .unwrap_or_else(|| panic!("not an object: {value}"))
        .keys()
        .map(String::as_str)
        .collect();
    for name in names.split(' ') {
        assert!(have.contains(name), "{name} is not in {value}");
    }
}

pub(crate) fn is_utc(value: &Value) {
    let text = value.as_str().unwrap_or_else(|| panic!("no time: {value}"));
    assert!(
        text.ends_with('Z') && chrono::DateTime::parse_from_rfc3339(text).is_ok(),
        "{text}"
    );
}

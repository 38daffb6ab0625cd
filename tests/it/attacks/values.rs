//! What an attack asks for: names and parameters with a meaning elsewhere (SQL, spreadsheets, shells, paths, headers), out
//! of bounds, or in a spelling that another reader could take for another.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::attack::Expect::{self, Refused};
use super::attack::Siege;
use super::rules::{encoded, parameter};
use super::words::MEANT_ELSEWHERE;

const REFUSED: Expect = Refused(400, "usage");

#[test]
fn what_a_path_names_is_data_whatever_it_means_elsewhere() {
    Siege::lay().withstands(2 * 65 + 4 * 60, |siege, table| {
        for route in siege.routes() {
            for (expect, line) in route.misnamed() {
                table.call(expect, &line, "", "");
            }
        }
    });
}

#[test]
fn every_parameter_is_bound_by_what_the_table_says_of_it() {
    Siege::lay().withstands(13 * 70, |siege, table| {
        for route in siege.routes() {
            let line = route.line();
            for param in &route.params {
                let name = param["name"].as_str().unwrap();
                let beside = route.beside(name);
                let beside = beside.iter().map(|(name, text)| format!("&{name}={text}"));
                let beside = beside.collect::<Vec<_>>().concat();
                let mut given =
                    |query: &str| table.call(REFUSED, &format!("{line}?{query}{beside}"), "", "");
                let rule = parameter(name);
                for (_, texts) in &rule.hostile {
                    for text in texts {
                        given(&format!("{name}={}", encoded(text)));
                    }
                }
                let good = &rule.good[0];
                if param["schema"]["type"] == "array" {
                    // One that is good beside it helps nothing.
                    for text in MEANT_ELSEWHERE
                        .iter()
                        .filter(|text| !text.trim().is_empty())
                    {
                        given(&format!("{name}={good},{}", encoded(text)));
                        given(&format!("{name}={}&{name}={good}", encoded(text)));
                    }
                } else {
                    given(&format!("{name}={good}&{name}={good}"));
                }
                if let Some(most) = param["schema"]["maximum"].as_u64() {
                    given(&format!("{name}={}", most + 1));
                }
                for bytes in ["%ff", "%c0%af", "%ed%a0%80"] {
                    given(&format!("{name}={bytes}"));
                }
                for other in [
                    &*name.to_uppercase(),
                    &format!("{name}%00"),
                    &format!("{name}[]"),
                    &format!("%20{name}"),
                ] {
                    given(&format!("{other}={good}"));
                }
            }
        }
    });
}

/// Else what is refused beside it could be refused for another reason.
#[test]
fn what_is_called_good_is_taken() {
    let siege = Siege::lay();
    for route in siege.routes() {
        if route.changes && !route.params.is_empty() {
            siege.serving.post(&route.whole()).is(202);
        }
    }
}

#[test]
fn a_parameter_in_a_body_is_bound_like_one_in_a_query() {
    Siege::lay().withstands(5 * 60, |siege, table| {
        for route in siege.routes().iter().filter(|route| route.changes) {
            for param in &route.params {
                let name = param["name"].as_str().unwrap();
                let lists = parameter(name).hostile.into_iter().map(|(_, texts)| texts);
                for text in lists.flatten() {
                    let mut body: Map<String, Value> = route
                        .beside(name)
                        .into_iter()
                        .map(|(name, text)| (name.to_owned(), json!(text)))
                        .collect();
                    body.insert(name.to_owned(), json!(text));
                    let body = Value::Object(body).to_string();
                    // As the bytes of UTF-8.
                    let body: String = body.bytes().map(char::from).collect();
                    let typed = "Content-Type: application/json\r\n";
                    table.call(REFUSED, &route.line(), typed, &body);
                }
            }
        }
    });
}

#[test]
fn a_job_that_would_not_end_in_years_is_refused_at_once() {
    let siege = Siege::lay();
    let symbols: Vec<String> = (0..10_000).map(|n| format!("S{n}")).collect();
    let asked = json!({ "symbols": symbols, "timeframes": ["1m", "5m", "15m", "30m", "1h"], "start_date": "1900-01-01" });
    let began = Instant::now();
    let answer = siege.serving.post_json("/api/v1/backfill", &asked);
    answer.refuses(400, "usage", "slices");
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    siege.serving.stop().ok();
}

//! The table of the hostile provider: addresses of next pages.

use super::case::{
    At, BAD, Case, Outcome, case, followed, is_final, lasts, leads_astray, row, whole,
};
use crate::support::aggs;
use crate::support::exchange::Reply;

fn empty(next: Option<&str>) -> Reply {
    Reply::json(200, aggs::body(BAD, false, &[], next))
}

/// On the first page the address without a cursor comes up for the first time; on a later one it is known at once.
fn repeats(at: &At) -> Outcome {
    if at.page == 0 {
        leads_astray(at, 1)
    } else {
        is_final(at)
    }
}

pub(crate) fn addresses() -> Vec<Case> {
    vec![
        case("its own address", repeats, |at| {
            at.pointing_to(&at.address(at.page, ""))
        }),
        case(
            "a cycle of two",
            |at| leads_astray(at, if at.page == 0 { 2 } else { 1 }),
            |at| at.pointing_to(&at.address(at.page + 1, "odd")),
        )
        .detour(|at, _| empty(Some(&at.address(at.page, "")))),
        case(
            "backwards to the first page's rows",
            |at| leads_astray(at, 1),
            |at| at.pointing_to(&at.address(0, "").replace("adjusted", "cursor=odd&adjusted")),
        )
        .detour(|at, _| {
            let rows: Vec<String> = at.of(0).iter().map(row).collect();
            Reply::json(200, aggs::body(BAD, false, &rows, None))
        }),
        case(
            "the same rows under another cursor",
            |at| leads_astray(at, 1),
            |at| at.pointing_to(&at.address(at.page, "odd")),
        )
        .detour(|at, _| Reply::json(200, at.good())),
        case(
            "empty pages without end",
            |at| leads_astray(at, 1_000 - at.page - 1),
            |at| at.pointing_to(&at.address(at.page + 1, "odd-0")),
        )
        .detour(|at, cursor| {
            let n: u32 = cursor.rsplit_once('-').unwrap().1.parse().unwrap();
            empty(Some(&at.address(at.page + 1, &format!("odd-{}", n + 1))))
        }),
        case(
            "an empty page in between",
            |at| {
                let mut outcome = whole(at);
                let requests = at.pages + 1 + usize::from(at.is_last());
                outcome.requests = requests..=requests;
                outcome
            },
            |at| at.pointing_to(&at.address(at.page + 1, "odd")),
        )
        .detour(|at, _| empty(at.next().as_deref())),
        case("another host", followed, |at| {
            at.pointing_to(&format!("{}{}", at.stranger, at.following()))
        }),
        case("another scheme", followed, |at| {
            at.pointing_to(&format!("ftp://127.0.0.1{}", at.following()))
        }),
        case("another port", followed, |at| {
            let port = at.stranger.rsplit_once(':').unwrap().1;
            at.pointing_to(&format!("http://127.0.0.1:{port}{}", at.following()))
        }),
        case("a user and a password", followed, |at| {
            let host = at.stranger.strip_prefix("http://").unwrap();
            at.pointing_to(&format!("http://api.polygon.io@{host}{}", at.following()))
        }),
        case("no host", followed, |at| at.pointing_to(&at.following())),
        case("a host without a scheme", followed, |at| {
            let host = at.stranger.strip_prefix("http:").unwrap();
            at.pointing_to(&format!("{host}{}", at.following()))
        }),
        case("a key of its own", followed, |at| {
            at.pointing_to(&format!("{}&apiKey=of-its-own", at.following()))
        }),
        case("line ends", followed, |at| {
            at.pointing_to(&format!("{}\\r\\nX-Odd: 1\\r\\n", at.following()))
        }),
        case("a path outside the endpoint", is_final, |at| {
            at.pointing_to("https://api.polygon.io/v3/reference/tickers?cursor=odd")
        }),
        case("another symbol's path", is_final, |at| {
            at.pointing_to(&at.following().replace(BAD, "GOOD"))
        }),
        case("a path that climbs", is_final, |at| {
            at.pointing_to(&format!(
                "{}/../../../../../../../v1/odd?cursor=odd",
                at.endpoint
            ))
        }),
        case("a path that climbs in disguise", is_final, |at| {
            at.pointing_to(&format!("{}/%2e%2e/%2E%2E/odd?cursor=odd", at.endpoint))
        }),
        case("no address at all", is_final, |at| {
            at.pointing_to("https://[::1")
        }),
        case("a megabyte", is_final, |at| {
            at.pointing_to(&format!("{}{}", at.following(), "a".repeat(1 << 20)))
        }),
        case("a number for an address", lasts, |at| {
            let body = aggs::body(BAD, false, &at.rows(), Some("?"));
            Reply::json(200, body.replace(r#""next_url":"?""#, r#""next_url":7"#))
        }),
    ]
}

//! The table of the hostile provider, part two: addresses of next pages, and rows.

use crate::aggs;
use crate::exchange::Reply;
use crate::hostile_case::{
    At, BAD, Case, Kept, Outcome, PAGE, ROW, case, followed, is_final, lasts, leads_astray,
    rejects_one_more, rejects_the_row, row, whole,
};
use crate::oracle::Candle;

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
                outcome.requests = at.pages + 1..=at.pages + 1;
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

/// Changes one field of a row's JSON.
fn field(candle: &Candle, name: &str, value: &str) -> String {
    let text = row(candle);
    let start = text.find(&format!(r#""{name}":"#)).unwrap() + name.len() + 3;
    let length = text[start..].find([',', '}']).unwrap();
    format!("{}{value}{}", &text[..start], &text[start + length..])
}

fn with_field(name: &'static str, value: &'static str) -> impl Fn(&At) -> Reply + Send + Sync {
    move |at| Reply::json(200, at.with_row(|candle| field(candle, name, value)))
}

fn without(name: &'static str) -> impl Fn(&At) -> Reply + Send + Sync {
    move |at| {
        let change = |candle: &Candle| {
            let text = field(candle, name, "?");
            text.replacen(&format!(r#""{name}":?,"#), "", 1)
        };
        Reply::json(200, at.with_row(change))
    }
}

/// One row more behind the page's row, the same candle at another time or with another field.
fn one_more(
    change: impl Fn(&Candle) -> String + Send + Sync,
) -> impl Fn(&At) -> Reply + Send + Sync {
    move |at| {
        let mut rows = at.rows();
        rows.insert(ROW + 1, change(&at.of(at.page)[ROW]));
        Reply::json(200, at.with_rows(&rows))
    }
}

fn shifted(seconds: i64) -> impl Fn(&Candle) -> String + Send + Sync {
    move |candle| {
        row(&Candle {
            ts: candle.ts + seconds,
            ..*candle
        })
    }
}

fn stored(at: &At, change: fn(&mut Candle)) -> Outcome {
    Outcome {
        stored: Some(change),
        ..whole(at)
    }
}

/// A page none of whose rows is accepted does not advance: an error where others follow it. The last page's rows are
/// answers that cannot be stored, and the report counts them.
fn all_rejected(at: &At) -> Outcome {
    if !at.is_last() {
        return is_final(at);
    }
    Outcome {
        kept: Kept::AllButThePage,
        rejected: at.of(at.page).len(),
        ..whole(at)
    }
}

pub(crate) fn rows() -> Vec<Case> {
    vec![
        case("out of order", is_final, |at| {
            let mut rows = at.rows();
            rows.swap(ROW, ROW - 1);
            Reply::json(200, at.with_rows(&rows))
        }),
        case("newest first", is_final, |at| {
            let rows: Vec<String> = at.rows().into_iter().rev().collect();
            Reply::json(200, at.with_rows(&rows))
        }),
        case(
            "one row twice",
            |at| Outcome {
                duplicate: 1,
                ..whole(at)
            },
            one_more(row),
        ),
        case(
            "one row twice with other values",
            |at| Outcome {
                conflicting: 1,
                ..whole(at)
            },
            one_more(|candle| field(candle, "v", "7.25")),
        ),
        case(
            "the page before it once more",
            |at| {
                let again = if at.page == 0 { 0 } else { PAGE };
                Outcome {
                    duplicate: again,
                    ..whole(at)
                }
            },
            |at| {
                let before = at.page.checked_sub(1).map_or(&[][..], |page| at.of(page));
                let rows = before
                    .iter()
                    .chain(at.of(at.page))
                    .map(row)
                    .collect::<Vec<_>>();
                Reply::json(200, at.with_rows(&rows))
            },
        ),
        case("off the grid", rejects_one_more, one_more(shifted(1_800))),
        case(
            "a second off the grid",
            rejects_one_more,
            one_more(shifted(1)),
        ),
        case("a millisecond off the grid", rejects_the_row, |at| {
            let t = |candle: &Candle| (candle.ts * 1_000 + 1).to_string();
            Reply::json(200, at.with_row(|candle| field(candle, "t", &t(candle))))
        }),
        case(
            "a month after the range",
            rejects_one_more,
            one_more(shifted(30 * 86_400)),
        ),
        case(
            "a year before the range",
            rejects_one_more,
            one_more(shifted(-365 * 86_400)),
        ),
        case(
            "the year 9999",
            rejects_one_more,
            one_more(shifted(251_000_000_000)),
        ),
        case(
            "before there was time",
            rejects_one_more,
            one_more(shifted(-251_000_000_000)),
        ),
        case(
            "a stamp beyond all numbers",
            rejects_the_row,
            with_field("t", "1e300"),
        ),
        case(
            "a stamp as text",
            rejects_the_row,
            with_field("t", r#""2024-01-08""#),
        ),
        case("no stamp", rejects_the_row, |at| {
            Reply::json(
                200,
                at.with_row(|candle| row(candle).replace(r#""t":"#, r#""x":"#)),
            )
        }),
        case("all stamps in seconds", all_rejected, |at| {
            let rows = at
                .of(at.page)
                .iter()
                .map(|c| field(c, "t", &c.ts.to_string()));
            Reply::json(200, at.with_rows(&rows.collect::<Vec<_>>()))
        }),
        case("all stamps in nanoseconds", all_rejected, |at| {
            let rows = at
                .of(at.page)
                .iter()
                .map(|c| field(c, "t", &format!("{}000000000", c.ts)));
            Reply::json(200, at.with_rows(&rows.collect::<Vec<_>>()))
        }),
        case("NaN", lasts, with_field("o", "NaN")),
        case("NaN as text", rejects_the_row, with_field("o", r#""NaN""#)),
        case(
            "no price but null",
            rejects_the_row,
            with_field("c", "null"),
        ),
        case("no price", rejects_the_row, without("h")),
        case(
            "a price as text",
            rejects_the_row,
            with_field("l", r#""101.5""#),
        ),
        case("a price as a list", rejects_the_row, with_field("l", "[1]")),
        case(
            "a price of 1e308",
            |at| stored(at, |c| c.high = 1e308),
            with_field("h", "1e308"),
        ),
        case(
            "a price of 1e999",
            rejects_the_row,
            with_field("h", "1e999"),
        ),
        case(
            "a price of zero",
            |at| stored(at, |c| c.low = 0.0),
            with_field("l", "0"),
        ),
        case("a negative volume", rejects_the_row, with_field("v", "-1")),
        case(
            "a fractional volume",
            |at| stored(at, |c| c.volume = Some(12.75)),
            with_field("v", "12.75"),
        ),
        case(
            "a volume beyond 64 bits",
            |at| stored(at, |c| c.volume = Some(1e30)),
            with_field("v", "1e+30"),
        ),
        case("no volume", rejects_the_row, without("v")),
        case("a row that is no object", rejects_the_row, |at| {
            Reply::json(200, at.with_row(|_| "7".to_owned()))
        }),
        case("another ticker", is_final, |at| {
            let good = String::from_utf8(at.good()).unwrap();
            Reply::json(200, good.replacen(BAD, "BADLY", 1))
        }),
        case("another adjustment", is_final, |at| {
            Reply::json(200, aggs::body(BAD, true, &at.rows(), at.next().as_deref()))
        }),
        case("a count and no rows", lasts, |at| {
            let body = aggs::body(BAD, false, &[], at.next().as_deref());
            Reply::json(
                200,
                body.replace(r#""resultsCount":0"#, r#""resultsCount":8"#),
            )
        }),
        case("more rows than were asked for", is_final, |at| {
            Reply::json(200, at.with_rows(&vec![r#"{"t":1}"#.to_owned(); 50_001]))
        }),
        case("rows that are text", lasts, |_| {
            Reply::json(
                200,
                r#"{"status":"OK","ticker":"BAD","resultsCount":1,"results":"x"}"#,
            )
        }),
    ]
}

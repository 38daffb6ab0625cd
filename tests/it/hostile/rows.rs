//! The table of the hostile provider: rows.

use std::sync::LazyLock;

use super::case::{
    At, BAD, Case, Outcome, PAGE, ROW, case, is_final, lasts, passes, rejects_one_more,
    rejects_the_row, row, whole,
};
use crate::support::aggs;
use crate::support::exchange::Reply;
use crate::support::oracle::Candle;

/// Changes one field of a row's JSON.
fn field(candle: &Candle, name: &str, value: &str) -> String {
    let text = row(candle);
    let start = text.find(&format!(r#""{name}":"#)).unwrap() + name.len() + 3;
    let length = text[start..].find([',', '}']).unwrap();
    format!("{}{value}{}", &text[..start], &text[start + length..])
}

static DEEP: LazyLock<String> = LazyLock::new(|| ["[".repeat(10_000), "]".repeat(10_000)].concat());

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

/// Where another page follows, the count may be that of all pages.
fn counts_more(at: &At) -> Outcome {
    if at.is_last() { lasts(at) } else { whole(at) }
}

#[allow(clippy::too_many_lines)] // A table.
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
            lasts,
            one_more(shifted(30 * 86_400)),
        ),
        case(
            "a year before the range",
            lasts,
            one_more(shifted(-365 * 86_400)),
        ),
        case("a year before the range, once", passes, |at| {
            one_more(shifted(-365 * 86_400))(at)
        })
        .once(),
        case("the year 9999", lasts, one_more(shifted(251_000_000_000))),
        case(
            "before there was time",
            lasts,
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
        case("all stamps in seconds", lasts, |at| {
            let rows = at
                .of(at.page)
                .iter()
                .map(|c| field(c, "t", &c.ts.to_string()));
            Reply::json(200, at.with_rows(&rows.collect::<Vec<_>>()))
        }),
        case("all stamps in nanoseconds", lasts, |at| {
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
        case("a row that is a list", rejects_the_row, |at| {
            let list = |candle: &Candle| format!("[{},1,1,1,1,1]", candle.ts * 1_000);
            Reply::json(200, at.with_row(list))
        }),
        case(
            "a price of 10,000 levels",
            rejects_the_row,
            with_field("h", DEEP.as_str()),
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
        case("more counted than there are", counts_more, |at| {
            let good = String::from_utf8(at.good()).unwrap();
            let count = at.rows().len();
            let more = format!(r#""resultsCount":{}"#, count + 1);
            Reply::json(
                200,
                good.replace(&format!(r#""resultsCount":{count}"#), &more),
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

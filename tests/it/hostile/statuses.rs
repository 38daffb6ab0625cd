//! The table of the hostile provider: statuses.

use candlefile::model::JobStatus;

use super::answers::{OK, bomb, half, raw};
use super::case::{At, Case, Others, Outcome, PAGE, case, is_final, lasts, passes, whole};
use crate::support::exchange::Reply;

fn status(status: u16) -> impl Fn(&At) -> Reply + Send + Sync {
    move |_| Reply::json(status, r#"{"status":"ERROR","error":"so it is"}"#)
}

fn status_after(status: u16, retry_after: &'static str) -> impl Fn(&At) -> Reply + Send + Sync {
    move |_| Reply::json(status, "{}").with("Retry-After", retry_after)
}

fn moved(status: u16) -> impl Fn(&At) -> Reply + Send + Sync {
    move |at| {
        let to = format!("{}{}", at.stranger, at.address(at.page, ""));
        Reply::json(status, at.good()).with("Location", to)
    }
}

fn refusal(words: &'static str) -> impl Fn(&At) -> Reply + Send + Sync {
    move |_| {
        Reply::json(
            403,
            format!(r#"{{"status":"NOT_AUTHORIZED","message":"{words}"}}"#),
        )
    }
}

/// Words that end before they should.
fn cut_off(status: u16) -> impl Fn(&At) -> Reply + Send + Sync {
    move |_| {
        let head = OK.replace("200 OK", &format!("{status} No"));
        let head = format!("{head}\r\nConnection: close\r\nContent-Length: 100");
        Reply::Raw(raw(&head, br#"{"status":"#))
    }
}

fn with_bomb(status: &str) -> Reply {
    let (head, bomb) = (OK.replace("200 OK", status), bomb());
    let head = format!(
        "{head}\r\nConnection: close\r\nContent-Encoding: gzip\r\nContent-Length: {}",
        bomb.len()
    );
    Reply::Raw(raw(&head, bomb))
}

fn stops(job: JobStatus) -> impl Fn(&At) -> Outcome {
    move |at| Outcome {
        job,
        others: Others::MayBeMissing,
        ..is_final(at)
    }
}

#[allow(clippy::too_many_lines)] // A table.
pub(crate) fn statuses() -> Vec<Case> {
    vec![
        case("301", is_final, moved(301)),
        case("302", is_final, moved(302)),
        case("303", is_final, moved(303)),
        case("304", is_final, status(304)),
        case("305", is_final, moved(305)),
        case("306", is_final, status(306)),
        case("307", is_final, moved(307)),
        case("308", is_final, moved(308)),
        case("302 to itself", is_final, |at| {
            Reply::json(302, "").with("Location", at.address(at.page, ""))
        }),
        case("302 to a file", is_final, |_| {
            Reply::json(302, "").with("Location", "file:///etc/passwd")
        }),
        case("400", is_final, status(400)),
        case("401", |at| stops(JobStatus::Failed)(at), status(401)),
        case(
            "401 cut off",
            |at| stops(JobStatus::Failed)(at),
            cut_off(401),
        ),
        case(
            "401 in an encoding that was not asked for",
            |at| stops(JobStatus::Failed)(at),
            |_| Reply::json(401, "{}").with("Content-Encoding", "br"),
        ),
        case("404 cut off", is_final, cut_off(404)),
        case("404 with a bomb", is_final, |_| with_bomb("404 Not Here")),
        case(
            "403 outside the plan's history",
            is_final,
            refusal("Your plan doesn't include this data timeframe."),
        ),
        case(
            "403 today before its end",
            |at| Outcome {
                // Once more from the start, ending yesterday.
                requests: 2 * (at.page + 1)..=2 * (at.page + 1),
                duplicate: at.page * PAGE,
                ..is_final(at)
            },
            refusal("Attempted to request today's data before end of day."),
        ),
        case(
            "403 not entitled",
            |at| Outcome {
                others: Others::ClassMayBeMissing,
                ..is_final(at)
            },
            refusal("You are not entitled to this data."),
        ),
        case("403 in other words", is_final, refusal("Under review.")),
        case("404", is_final, status(404)),
        case("404 as HTML", is_final, |_| Reply::html(404)),
        case("408", lasts, status(408)),
        case("408, once", passes, status(408)).once(),
        case("413", is_final, status(413)),
        case("425", lasts, status(425)),
        case("425, once", passes, status(425)).once(),
        case("429 for 30 s", passes, status_after(429, "30")).once(),
        case(
            "429 up to a date",
            passes,
            status_after(429, "Mon, 03 Jun 2024 07:35:00 GMT"),
        )
        .once(),
        case(
            "429 up to a date in the past",
            passes,
            status_after(429, "Mon, 03 Jun 2019 07:35:00 GMT"),
        )
        .once(),
        case("429 in words", passes, status_after(429, "soon")).once(),
        case("429 for no time", passes, status_after(429, "0")).once(),
        case("429 for less than no time", passes, status_after(429, "-1")).once(),
        case("429 without a time", passes, status(429)).once(),
        case(
            "429 for an hour",
            |at| stops(JobStatus::Interrupted)(at),
            status_after(429, "3600"),
        ),
        case(
            "429 for ever",
            |at| stops(JobStatus::Interrupted)(at),
            status_after(429, "99999999999999999999"),
        ),
        case(
            "429 again and again",
            // 15, 30, 60 and 120 s and then 180 s a time come to 15 minutes at the eighth; two workers that wait on a clock
            // that waiting moves are there sooner, and an answer to another series in between starts anew.
            |at| Outcome {
                requests: at.page + 1..=at.page + 8 + 4 * 8,
                ..stops(JobStatus::Interrupted)(at)
            },
            status(429),
        ),
        case("500", lasts, status(500)),
        case("500, once", passes, status(500)).once(),
        case("500 with the page", lasts, |at| Reply::json(500, at.good())),
        case("500 with a bomb", lasts, |_| with_bomb("500 Oops")),
        case("501", lasts, status(501)),
        case("502", lasts, |_| Reply::html(502)),
        case("503 for 7 s", lasts, status_after(503, "7")),
        case("503 for 7 s, once", passes, status_after(503, "7")).once(),
        case("503 for an hour", is_final, status_after(503, "3600")),
        case("504", lasts, |_| Reply::html(504)),
        case("204", lasts, |_| Reply::json(204, "")),
        case("206 with all of it", whole, |at| {
            Reply::json(206, at.good())
        }),
        case("206 with half of it", lasts, |at| {
            Reply::json(206, half(at))
        }),
    ]
}

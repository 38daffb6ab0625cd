//! The table of the hostile provider, part one: connections, bodies and statuses.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use candlefile::JobStatus;
use flate2::{Compress, Compression, Crc, FlushCompress};

use crate::exchange::{PATIENCE, Reply};
use crate::hostile_case::{At, Case, Others, Outcome, PAGE, case, is_final, lasts, passes, whole};
use crate::server::gzip;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json";

fn raw(head: &str, body: &[u8]) -> Vec<u8> {
    [head.as_bytes(), b"\r\n\r\n", body].concat()
}

fn sized(length: usize, body: &[u8]) -> Vec<u8> {
    raw(
        &format!("{OK}\r\nConnection: close\r\nContent-Length: {length}"),
        body,
    )
}

fn zipped(body: &[u8]) -> Vec<u8> {
    // A client that kept a connection which then ends would lose a try before it reaches the server.
    let head = format!(
        "{OK}\r\nConnection: close\r\nContent-Encoding: gzip\r\nContent-Length: {}",
        body.len()
    );
    raw(&head, body)
}

fn live(write: impl Fn(&TcpStream) + Send + Sync + 'static) -> Reply {
    Reply::Live(Arc::new(write))
}

/// Sends this and then nothing, until the client has gone.
fn stalls(bytes: Vec<u8>) -> Reply {
    live(move |mut stream| {
        drop(stream.write_all(&bytes));
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        drop(stream.read(&mut [0]));
    })
}

/// Sends this, and then one more piece after another without end, until the client has gone.
fn endless(head: &str, piece: impl Into<Vec<u8>>, pause: Duration) -> Reply {
    let (head, piece) = (head.to_owned(), piece.into());
    live(move |mut stream| {
        let mut sent = stream.write_all(head.as_bytes());
        while sent.is_ok() {
            // A server that is slow on purpose; nothing waits for it.
            thread::sleep(pause);
            sent = stream.write_all(&piece);
        }
    })
}

const HASTE: Duration = Duration::ZERO;

/// 200 MB of blanks that travel as some 200 kB: one compressed piece again and again, and the checksum of it all.
pub(crate) fn bomb() -> &'static [u8] {
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    BOMB.get_or_init(|| {
        let piece = vec![b' '; 1 << 20];
        let mut squeezed = Vec::with_capacity(64 << 10);
        Compress::new(Compression::fast(), false)
            .compress_vec(&piece, &mut squeezed, FlushCompress::Full)
            .unwrap();
        let mut of_piece = Crc::new();
        of_piece.update(&piece);
        let mut crc = Crc::new();
        let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
        for _ in 0..200 {
            bytes.extend(&squeezed);
            crc.combine(&of_piece);
        }
        bytes.extend([3, 0]);
        bytes.extend(crc.sum().to_le_bytes());
        bytes.extend(crc.amount().to_le_bytes());
        bytes
    })
}

pub(crate) fn zipped_bomb() -> Reply {
    Reply::Raw(zipped(bomb()))
}

fn half(at: &At) -> Vec<u8> {
    let good = at.good();
    good[..good.len() / 2].to_vec()
}

pub(crate) fn connections() -> Vec<Case> {
    vec![
        case("closed before the headers", lasts, |_| {
            Reply::Raw(Vec::new())
        }),
        case("closed before the headers, once", passes, |_| {
            Reply::Raw(Vec::new())
        })
        .once(),
        case("closed within the headers", lasts, |_| {
            Reply::Raw(OK.into())
        }),
        case("closed within the body", lasts, |at| {
            Reply::Raw(sized(at.good().len(), &half(at)))
        }),
        case("closed within the body, once", passes, |at| {
            Reply::Raw(sized(at.good().len(), &half(at)))
        })
        .once(),
        case("early close of a body without a length", lasts, |at| {
            Reply::Raw(raw(&format!("{OK}\r\nConnection: close"), &half(at)))
        }),
        case("broken off within a chunk", lasts, |at| {
            let chunk = format!("{:x}\r\n", at.good().len()).into_bytes();
            let body = [chunk, half(at)].concat();
            Reply::Raw(raw(&format!("{OK}\r\nTransfer-Encoding: chunked"), &body))
        }),
        case("a length that promises more", lasts, |at| {
            Reply::Raw(sized(at.good().len() + 10, &at.good()))
        }),
        case("a length that cuts off", lasts, |at| {
            Reply::Raw(sized(at.good().len() - 10, &at.good()))
        }),
        case("headers without end", lasts, |_| {
            endless(OK, *b"\r\nX-More: and more", HASTE)
        }),
        case("a header line without end", lasts, |_| {
            endless(OK, vec![b'x'; 4096], HASTE)
        }),
        case("a body without end", is_final, |_| {
            endless(&format!("{OK}\r\n\r\n"), vec![b' '; 64 << 10], HASTE)
        }),
        case("another protocol", lasts_or_less, |_| {
            Reply::Raw(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec())
        }),
        case("silent before the headers", lasts, |_| stalls(Vec::new())).slow(),
        case("silent within the body", lasts, |at| {
            stalls(sized(at.good().len(), &half(at)))
        })
        .slow(),
        case("silent before the headers, once", passes, |_| {
            stalls(Vec::new())
        })
        .slow()
        .once(),
        case("headers byte by byte", lasts, |_| {
            endless(OK, *b"x", Duration::from_millis(20))
        })
        .slow(),
        case("a body byte by byte beyond the deadline", lasts, |_| {
            endless(&format!("{OK}\r\n\r\n"), *b" ", Duration::from_millis(20))
        })
        .slow(),
        case(
            "a body byte by byte beyond the deadline, once",
            passes,
            |_| endless(&format!("{OK}\r\n\r\n"), *b" ", Duration::from_millis(20)),
        )
        .slow()
        .once(),
    ]
}

/// A try on a connection that garbage has spoiled may end before it reaches the server.
fn lasts_or_less(at: &At) -> Outcome {
    Outcome {
        requests: at.page + 4..=at.page + 6,
        ..lasts(at)
    }
}

pub(crate) fn bodies() -> Vec<Case> {
    vec![
        case("a bomb of 200 MB", is_final, |_| zipped_bomb()),
        case("17 MiB", is_final, |_| {
            Reply::json(200, vec![b' '; 17 << 20])
        }),
        case("half of a gzip", lasts, |at| {
            let zip = gzip(&at.good());
            Reply::Raw(zipped(&zip[..zip.len() / 2]))
        }),
        case("a gzip without its trailer", lasts, |at| {
            let zip = gzip(&at.good());
            Reply::Raw(zipped(&zip[..zip.len() - 8]))
        }),
        case("called gzip and is not", lasts, |at| {
            Reply::Raw(zipped(&at.good()))
        }),
        case("gzip and not called so", lasts, |at| {
            Reply::json(200, gzip(&at.good()))
        }),
        case("bytes that are no UTF-8", lasts, |at| {
            let mut body = at.good();
            let place = body.windows(6).position(|w| w == b"status").unwrap();
            body[place] = 0xff;
            Reply::json(200, body)
        }),
        case("UTF-16", lasts, |at| {
            let text = String::from_utf8(at.good()).unwrap();
            let units = text.encode_utf16().flat_map(u16::to_le_bytes);
            Reply::json(200, units.collect::<Vec<u8>>())
        }),
        case("a wrong charset in the header alone", whole, |at| {
            Reply::Full {
                status: 200,
                headers: vec![("Content-Type", "text/plain; charset=utf-16".into())],
                body: at.good(),
            }
        }),
        case("HTML", lasts, |_| Reply::html(200)),
        case("HTML, once", passes, |_| Reply::html(200)).once(),
        case("half of the JSON", lasts, |at| Reply::json(200, half(at))),
        case("half of the JSON, once", passes, |at| {
            Reply::json(200, half(at))
        })
        .once(),
        case("garbage behind the JSON", lasts, |at| {
            Reply::json(200, [at.good(), b"}garbage".to_vec()].concat())
        }),
        case("two answers in one", lasts, |at| {
            Reply::json(200, [at.good(), at.good()].concat())
        }),
        case("10,000 levels", lasts, |_| {
            Reply::json(200, ["[".repeat(10_000), "]".repeat(10_000)].concat())
        }),
        // Passed over without a stack of its own: harmless.
        case("10,000 levels in a field nobody reads", whole, |at| {
            let deep = ["[".repeat(10_000), "]".repeat(10_000)].concat();
            let good = String::from_utf8(at.good()).unwrap();
            Reply::json(200, good.replacen('{', &format!(r#"{{"deep":{deep},"#), 1))
        }),
        case("a byte order mark", lasts, |at| {
            Reply::json(200, [b"\xef\xbb\xbf".to_vec(), at.good()].concat())
        }),
        case("nothing", lasts, |_| Reply::json(200, "")),
        case("null", lasts, |_| Reply::json(200, "null")),
        case("an empty list", lasts, |_| Reply::json(200, "[]")),
        case("an empty object", lasts, |_| Reply::json(200, "{}")),
        case("an error in a 200", lasts, |_| {
            Reply::json(200, r#"{"status":"ERROR","error":"internal error"}"#)
        }),
        case("an error in a 200 beside the rows", lasts, |at| {
            let good = String::from_utf8(at.good()).unwrap();
            Reply::json(200, good.replace(r#""status":"OK""#, r#""status":"ERROR""#))
        }),
        case("late data", whole, |at| {
            let good = String::from_utf8(at.good()).unwrap();
            Reply::json(
                200,
                good.replace(r#""status":"OK""#, r#""status":"DELAYED""#),
            )
        }),
    ]
}

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

fn stops(job: JobStatus) -> impl Fn(&At) -> Outcome {
    move |at| Outcome {
        job,
        others: Others::MayBeMissing,
        ..is_final(at)
    }
}

pub(crate) fn statuses() -> Vec<Case> {
    vec![
        case("301", is_final, moved(301)),
        case("302", is_final, moved(302)),
        case("303", is_final, moved(303)),
        case("304", is_final, status(304)),
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
                requests: at.page + 1..=at.page + 8 + 2 * 8,
                ..stops(JobStatus::Interrupted)(at)
            },
            status(429),
        ),
        case("500", lasts, status(500)),
        case("500, once", passes, status(500)).once(),
        case("500 with the page", lasts, |at| Reply::json(500, at.good())),
        case("500 with a bomb", lasts, |_| {
            let head = OK.replace("200 OK", "500 Oops");
            let bomb = bomb();
            let head = format!(
                "{head}\r\nConnection: close\r\nContent-Encoding: gzip\r\nContent-Length: {}",
                bomb.len()
            );
            Reply::Raw(raw(&head, bomb))
        }),
        case("502", lasts, |_| Reply::html(502)),
        case("503 for 7 s", lasts, status_after(503, "7")),
        case("503 for 7 s, once", passes, status_after(503, "7")).once(),
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

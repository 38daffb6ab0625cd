//! The table of the hostile provider, connections and bodies.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use flate2::{Compress, Compression, Crc, FlushCompress};

use super::case::{At, Case, Outcome, case, is_final, lasts, passes, whole};
use crate::support::exchange::{PATIENCE, Reply};
use crate::support::server::gzip;

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json";

pub(crate) fn raw(head: &str, body: &[u8]) -> Vec<u8> {
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

pub(crate) fn half(at: &At) -> Vec<u8> {
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
        case("reset before the headers", lasts, |_| {
            Reply::Reset(Vec::new())
        }),
        case("reset within the body", lasts, |at| {
            Reply::Reset(sized(at.good().len(), &half(at)))
        }),
        case("reset within the body, once", passes, |at| {
            Reply::Reset(sized(at.good().len(), &half(at)))
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

#[allow(clippy::too_many_lines)] // A table.
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
        case("a gzip with garbage behind it", lasts, |at| {
            let zip = gzip(&at.good());
            Reply::Raw(zipped(&[&zip, &b"garbage"[..]].concat()))
        }),
        case("a gzip in two members", whole, |at| {
            let (good, half) = (at.good(), half(at).len());
            let zips = [gzip(&good[..half]), gzip(&good[half..])];
            Reply::Raw(zipped(&zips.concat()))
        }),
        case("an encoding that was not asked for", lasts, |at| {
            Reply::json(200, at.good()).with("Content-Encoding", "br")
        }),
        case("an encoding that changes nothing", whole, |at| {
            Reply::json(200, at.good()).with("Content-Encoding", "identity")
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
        case("a list as long as the fields", lasts, |_| {
            Reply::json(200, r#"["OK",null,null,null,null,null,null,null,null]"#)
        }),
        case("a text where a truth value should be", lasts, |at| {
            let good = String::from_utf8(at.good()).unwrap();
            let text = format!(r#""adjusted":"{}""#, "\u{7f}".repeat(1 << 20));
            assert!(good.contains(r#""adjusted":false"#));
            Reply::json(200, good.replace(r#""adjusted":false"#, &text))
        }),
        case("a text where the rows should be", lasts, |_| {
            let text = "\u{7f}".repeat(1 << 20);
            Reply::json(200, format!(r#"{{"status":"OK","results":"{text}"}}"#))
        }),
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

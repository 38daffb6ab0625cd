//! Requests of which two readers could think differently where they end, and bytes that are no request of this protocol.

use super::attack::Expect::{Answered, Bare, Closed, Refused};
use super::attack::Siege;

const ASKED: &str = r#"{"symbols":["EVIL"],"start_date":"2024-01-02"}"#;
const POST: &str =
    "POST /api/v1/backfill HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n";
/// A call that is understood, and changes nothing.
const CANCEL: &str =
    "POST /api/v1/backfill/0190/cancel HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n";

#[test]
fn a_body_has_one_length_or_is_not_read() {
    Siege::lay().withstands(60, |_, table| {
        let n = ASKED.len();
        for (headers, body) in [
            (format!("Content-Length: {n}\r\nTransfer-Encoding: chunked\r\n"), "0\r\n\r\n"),
            (format!("Transfer-Encoding: chunked\r\nContent-Length: {n}\r\n"), "0\r\n\r\n"),
            ("Transfer-Encoding: chunked\r\n".into(), "2\r\n{}\r\n0\r\n\r\n"),
            ("Transfer-Encoding: chunked\r\n".into(), "ffffffffffffffff\r\n"),
            ("Transfer-Encoding: chunked\r\n".into(), "-1\r\n\r\n"),
            ("Transfer-Encoding: chunked\r\n".into(), "1;a=b\r\n{\r\n0\r\nHost: evil\r\n\r\n"),
            ("transfer-encoding:chunked\r\n".into(), "0\r\n\r\n"),
            ("Transfer-Encoding: CHUNKED\r\n".into(), "0\r\n\r\n"),
            ("Transfer-Encoding: \tchunked \r\n".into(), "0\r\n\r\n"),
            ("Transfer-Encoding: gzip, chunked\r\n".into(), "0\r\n\r\n"),
            ("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n".into(), "0\r\n\r\n"),
            ("TE: trailers\r\nTrailer: Host\r\nTransfer-Encoding: chunked\r\n".into(), "0\r\nHost: evil\r\n\r\n"),
        ] {
            table.raw(Refused(411, "usage"), &format!("{POST}{headers}\r\n{body}"));
        }
        for length in ["+46", "-46", "46, 46", "46,46", "4 6", "0x2e", "46.0", "4e1", "\"46\"", "", " ", "46\t46", "\u{b2}", "99999999999999999999", "18446744073709551616", "46;x", "NaN"] {
            table.raw(Bare(400), &format!("{POST}Content-Length: {length}\r\n\r\n{ASKED}"));
        }
        for headers in [
            "Content-Length: 46\r\nContent-Length: 45\r\n", "Content-Length: 0\r\nContent-Length: 46\r\n", "Content-Length: 46\r\ncontent-length: 46, 46\r\n",
            "Transfer-Encoding: identity\r\n", "Transfer-Encoding: chunked, identity\r\n", "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: chunkedx\r\n",
            "Transfer-Encoding: \u{b}chunked\r\n", "Transfer-Encoding: \"chunked\"\r\n", "Transfer-Encoding: chunked,\r\n", "Transfer-Encoding:\r\n chunked\r\n", "Transfer-Encoding : chunked\r\n",
            "Transfer-Encoding\t: chunked\r\n", " Transfer-Encoding: chunked\r\n", "Transfer-Encoding\r\n", "Transfer\u{c9}Encoding: chunked\r\n", "Transfer-Encoding: chunked\r: x\r\n",
            "X: a\r\n\tContent-Length: 46\r\n", "X: a\0b\r\n", "X: a\rContent-Length: 46\r\n", "X Y: a\r\n", "X\r\n", ": a\r\n", "X(: a\r\n", "Content-Length : 46\r\n", "Content-Length: 46\u{b}\r\n",
        ] {
            table.raw(Bare(400), &format!("{POST}{headers}\r\n{ASKED}"));
        }
        table.raw(Bare(431), &format!("{POST}Content-Length: 18446744073709551615\r\n\r\n"));
        for length in ["18446744073709551613", "9223372036854775807", "4294967297", "1048577"] {
            table.raw(Refused(413, "usage"), &format!("{POST}Content-Length: {length}\r\n\r\n{ASKED}"));
            table.raw(Refused(413, "usage"), &format!("{POST}Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n"));
        }
        table.raw(Refused(413, "usage"), &format!("{POST}Content-Length: 3000000\r\n\r\n{}", " ".repeat(3_000_000)));
        table.raw(Refused(400, "usage"), "GET /health HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\n\r\nhello");
        table.raw(Refused(400, "usage"), "HEAD /health HTTP/1.1\r\nHost: {host}\r\nContent-Length: 00005\r\n\r\nhello");
        // The same twice is the same, a zero in front adds nothing, and no body has no length or that of none.
        for headers in ["Content-Length: 0\r\n", "Content-Length: 0\r\nContent-Length: 0\r\n", "Content-Length: 000\r\n", "", "Content-Length: 0\r\nContent-Type: application/json\r\n"] {
            table.raw(Refused(404, "job"), &format!("{CANCEL}{headers}\r\n"));
        }
        table.raw(Refused(404, "path"), "POST /nothing HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
        table.raw(Refused(404, "path"), "POST /nothing HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n{}");
    });
}

#[test]
fn what_is_no_request_of_this_protocol_is_told_so_or_sent_away() {
    Siege::lay().withstands(40, |_, table| {
        for bytes in [
            "GET /health\r\n\r\n", "GET /health HTTP/1.2\r\n\r\n", "GET /health HTTP/2.0\r\n\r\n", "GET /health HTTP/3\r\n\r\n", "GET /health HTTP/0.9\r\n\r\n", "GET /health HTTP/1.1.1\r\n\r\n",
            "GET /health http/1.1\r\n\r\n", "GET /health HTCPCP/1.0\r\n\r\n", "GET /health HTTP/1.1 x\r\n\r\n", "GET  /health  HTTP/1.1\r\n\r\n", "GET\t/health\tHTTP/1.1\r\n\r\n", " GET /health HTTP/1.1\r\n\r\n",
            "GET\0 /health HTTP/1.1\r\n\r\n", "\0\0\0\0\0\0\0\0\r\n\r\n", "{\"jsonrpc\":\"2.0\"}\r\n\r\n", "SSH-2.0-OpenSSH_9.6\r\n\r\n", "EHLO evil.example\r\n\r\n", "*1\r\n$4\r\nPING\r\n\r\n",
            "\u{16}\u{3}\u{1}\0\u{c8}\u{1}\0\0\u{c4}\u{3}\u{3}\r\n\r\n", "\u{80}\u{2e}\u{1}\u{3}\u{1}\r\n\r\n", "\u{ef}\u{bb}\u{bf}GET /health HTTP/1.1\r\n\r\n", "\u{ff}\u{fe}G\0E\0T\0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n", "/health\r\n\r\n", "GET\r\n\r\n", "GET /health\r\nHost: {host}\r\n\r\n",
        ] {
            table.raw(Bare(400), bytes);
        }
        table.raw(Closed, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0");
        table.raw(Refused(400, "usage"), "GET /health HTTP/1.0\r\n\r\n");
        table.raw(Bare(400), "POST /api/v1/backfill HTTP/1.0\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        let close = "Connection: Upgrade, HTTP2-Settings, close\r\n";
        for upgrade in ["h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", "websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "TLS/1.3"] {
            table.raw(Answered(200), &format!("GET /health HTTP/1.1\r\nHost: {{host}}\r\n{close}Upgrade: {upgrade}\r\n\r\n"));
        }
        table.raw(
            Refused(403, "site"),
            "GET /api/v1/symbols HTTP/1.1\r\nHost: {host}\r\nOrigin: http://evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n",
        );
        // Lines may end without a return, and empty ones may come first.
        table.raw(Answered(200), "GET /health HTTP/1.1\nHost: {host}\nConnection: close\n\n");
        table.raw(Answered(200), "\r\n\r\nGET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        table.call(Answered(200), "HEAD /health", "", "");
        for (kind, value) in [("If-None-Match", "\u{ff}\u{fe}\""), ("Last-Event-ID", "\u{1}"), ("Range", "bytes=0-,0-,0-"), ("Accept-Encoding", "gzip;q=9"), ("Expect", "200-ok")] {
            let expect = if kind == "Last-Event-ID" { Bare(400) } else { Answered(200) };
            table.get(expect, "/health", &format!("{kind}: {value}\r\n"));
        }
    });
}

#[test]
fn a_head_has_an_end() {
    Siege::lay().withstands(12, |_, table| {
        let head = |lines: String| format!("GET /health HTTP/1.1\r\nHost: {{host}}\r\n{lines}\r\n");
        for bytes in [8_200, 16_000, 30_000] {
            let long = "a".repeat(bytes);
            table.raw(Refused(431, "usage"), &head(format!("X: {long}\r\n")));
            table.raw(Refused(431, "usage"), &head(format!("{long}: x\r\n")));
            table.get(Refused(414, "usage"), &format!("/{long}"), "");
            table.get(Refused(414, "usage"), &format!("/health?{long}"), "");
        }
        table.raw(Refused(431, "usage"), &head(lines(90, &"a".repeat(100))));
        table.raw(Bare(431), &head(lines(200, "a")));
        table.raw(Bare(431), &head("X: a\r\n".repeat(5_000)));
        table.raw(
            Bare(431),
            &head(format!("X: {}\r\n", "a".repeat(2_000_000))),
        );
        table.raw(
            Bare(431),
            &format!(
                "GET /{} HTTP/1.1\r\nHost: {{host}}\r\n\r\n",
                "a".repeat(200_000)
            ),
        );
        table.raw(Bare(431), &"A".repeat(200_000));
        table.call(
            Refused(405, "method"),
            &format!("{} /health", "A".repeat(5_000)),
            "",
            "",
        );
    });
}

/// So many header lines.
fn lines(count: usize, value: &str) -> String {
    let line = |n| format!("X-{n}: {value}\r\n");
    (0..count).map(line).collect::<Vec<_>>().concat()
}

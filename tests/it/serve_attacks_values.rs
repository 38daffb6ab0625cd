//! What an attack asks for: symbols and jobs with a meaning elsewhere (SQL, spreadsheets, shells, paths, headers), dates that
//! cannot be, and JSON that is meant to break its reader.

use std::fmt::Write as _;

use crate::serve_attacks::Expect::{Answered, Refused};
use crate::serve_attacks::Siege;

const TYPED: &str = "Content-Type: application/json\r\n";

/// Every byte of a text as it may stand in a target.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        write!(all, "%{byte:02X}").unwrap();
        all
    })
}

const NO_SYMBOLS: &[&str] = &[
    "'",
    "\"",
    "A'--",
    "' OR '1'='1",
    "A'; DROP TABLE candle_data; --",
    "A\" UNION ALL VALUES (1) --",
    "A`",
    "A%",
    "%",
    "_",
    "A)",
    "A;B",
    "A*",
    "A\\",
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "=HYPERLINK(\"http://evil.example\")",
    "$(id)",
    "`id`",
    "A|id",
    "A&&id",
    "A>b",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "{{7*7}}",
    "${7*7}",
    "%s%n",
    "A\r\nX-Evil: 1",
    "A\nB",
    "A\0B",
    "\u{202e}LPAA",
    "A\u{200b}",
    "\u{ff21}\u{ff21}PL",
    "\u{1f4a3}",
    "\u{e9}",
    "../AAPL",
    "..",
    "/etc/passwd",
    ".A",
    ":A",
    "#",
    "A B",
    "A?",
    "A[0]",
    "A~",
    "A!",
    "A\u{7f}",
    "file:///x y",
];

#[test]
fn a_symbol_is_data_whatever_it_means_elsewhere() {
    Siege::lay().withstands(3 * 50, |_, table| {
        let refused = Refused(400, "usage");
        let long = "A".repeat(41);
        let huge = "A".repeat(2_000);
        for symbol in NO_SYMBOLS
            .iter()
            .copied()
            .chain([long.as_str(), huge.as_str()])
        {
            let text = encoded(symbol);
            table.get(refused, &format!("/api/v1/coverage/{text}"), "");
            table.post(
                refused,
                &format!("/api/v1/backfill?symbols=AAPL,{text}&start_date=2024-01-02"),
                "",
                "",
            );
            let body =
                serde_json::json!({ "symbols": ["AAPL", symbol], "start_date": "2024-01-02" })
                    .to_string();
            // As the bytes of UTF-8.
            let body: String = body.bytes().map(char::from).collect();
            table.post(refused, "/api/v1/backfill", TYPED, &body);
        }
        // A symbol all the same, only that the file holds none of that name.
        for symbol in [
            "A=B", "A--", "^CMD", "A/../B", "A/etc", "NULL", "null", "0", "A:B:C", "DROP",
        ] {
            table.get(
                Refused(404, "series"),
                &format!("/api/v1/coverage/{}", encoded(symbol)),
                "",
            );
        }
    });
}

#[test]
fn a_jobs_id_is_data_whatever_it_means_elsewhere() {
    Siege::lay().withstands(100, |_, table| {
        for id in NO_SYMBOLS.iter().copied().chain([
            "AAPL",
            "00000000-0000-7000-8000-000000000000",
            "recent",
            "status",
            "0x01",
            "null",
            "undefined",
        ]) {
            let id = encoded(id);
            table.get(
                Refused(404, "job"),
                &format!("/api/v1/backfill/status/{id}"),
                "",
            );
            for change in ["cancel", "resume"] {
                table.post(
                    Refused(404, "job"),
                    &format!("/api/v1/backfill/{id}/{change}"),
                    "",
                    "",
                );
            }
        }
        table.get(
            Refused(404, "job"),
            &format!("/api/v1/backfill/status/{}", "0".repeat(7_000)),
            "",
        );
    });
}

#[test]
fn a_date_or_a_timeframe_that_cannot_be_is_refused() {
    Siege::lay().withstands(80, |_, table| {
        for date in [
            "",
            "0",
            "1",
            "-1",
            "2024",
            "2024-01",
            "2024-1-2",
            "2024-01-32",
            "2024-02-30",
            "2023-02-29",
            "2024-13-01",
            "2024-00-00",
            "0000-00-00",
            "0000-01-01",
            "-2024-01-02",
            "+2024-01-02",
            "%2B2024-01-02",
            "02024-01-02",
            "1899-12-31",
            "2200-01-01",
            "9999-12-31",
            "10000-01-01",
            "262143-01-01",
            "99999999999999999999-01-01",
            "1704153600",
            "1e9",
            "NaN",
            "Infinity",
            "null",
            "now",
            "today",
            "yesterday",
            "20240102",
            "2024/01/02",
            "02.01.2024",
            "2024-01-02T",
            "2024-01-02T25:00:00Z",
            "2024-01-02T23:59:61Z",
            "2024-01-02T10:00",
            "2024-01-02T10:00:00",
            "2024-01-02T10:00:00%2B99:99",
            "2024-01-02Z",
            "2024-01-02%00",
            "2024-01-02%0a",
            "%202024-01-02",
            "2024-01-02%20",
            "%D9%A2%D9%A0%D9%A2%D9%A4-01-02",
            "2024%E2%80%9301%E2%80%9302",
            "2024-01-02'",
            "2024-01-02;drop",
        ] {
            table.post(
                Refused(400, "usage"),
                &format!("/api/v1/backfill?symbols=EVIL&start_date={date}"),
                "",
                "",
            );
            if !date.is_empty() {
                table.post(
                    Refused(400, "usage"),
                    &format!("/api/v1/backfill?symbols=EVIL&start_date=2024-01-02&end_date={date}"),
                    "",
                    "",
                );
            }
        }
        for timeframe in [
            "",
            "0m",
            "-1m",
            "+1m",
            "7m",
            "1M",
            "1m%00",
            "1m'",
            "60s",
            "2d",
            "999999999999999999999m",
            "%EF%BC%91m",
            "m",
            "1",
            "1D%0a",
            "day",
        ] {
            table.get(
                Refused(400, "usage"),
                &format!("/api/v1/coverage/AAPL?timeframe={timeframe}"),
                "",
            );
        }
    });
}

#[test]
fn a_body_that_is_meant_to_break_its_reader_is_refused() {
    Siege::lay().withstands(60, |_, table| {
        let refused = Refused(400, "usage");
        let deep =
            |open: &str, close: &str| format!("{}{}", open.repeat(50_000), close.repeat(50_000));
        let with =
            |text: &str| format!(r#"{{"symbols":["EVIL"],"start_date":"2024-01-02",{text}}}"#);
        for body in [
            "{",
            "}",
            "[]",
            "[[]]",
            "null",
            "true",
            "1",
            "\"symbols=EVIL\"",
            "symbols=EVIL",
            "{}",
            " ",
            "\0",
            "{}{}",
            "{},",
            "{}x",
            "{\"a\"}",
            "{'symbols':'EVIL'}",
            "{symbols:\"EVIL\"}",
            "// x\n{}",
            "{\"symbols\":}",
            "\u{ef}\u{bb}\u{bf}{}",
            "\u{ff}\u{fe}{\0}\0",
            "{\"symbols\":[\"\u{ff}\"]}",
            "{\"symbols\":[\"\\ud800\"]}",
            "{\"symbols\":[\"\\u00\"]}",
            "{\"symbols\":[\"A\nB\"]}",
            "<symbols>EVIL</symbols>",
            "{\"symbols\":{\"$ne\":1}}",
            "{\"symbols\":[[\"EVIL\"]]}",
            "{\"symbols\":[{}]}",
            "{\"symbols\":[null]}",
            "{\"symbols\":[]}",
            "{\"symbols\":\"\"}",
            "{\"symbols\":\",,,\"}",
            "{\"symbols\":1e999}",
            "{\"symbols\":NaN}",
            "{\"symbols\":-0.5}",
        ] {
            table.post(refused, "/api/v1/backfill", TYPED, body);
        }
        for text in [
            r#""__proto__":{"admin":true}"#,
            r#""constructor":1"#,
            r#""debug":true"#,
            r#""debug":null"#,
            r#""debug":[]"#,
            r#""Symbols":["A"]"#,
            r#""symbols":["A"]"#,
            r#""symbols":null"#,
            r#""start_date":"2024-01-02""#,
            r#""start_date":null"#,
            r#""end_date":["2024-01-03","2024-01-04"]"#,
            r#""end_date":20240103"#,
            r#""end_date":{}"#,
            r#""adjusted":"yes""#,
            r#""adjusted":1"#,
            r#""adjusted":[true,false]"#,
            r#""timeframes":[1]"#,
            r#""timeframes":"1x""#,
            r#""timeframes":99999999999999999999999999999"#,
            r#""":1"#,
            r#""symbols\u0000":1"#,
            r#""s\u0079mbols":["A"]"#,
        ] {
            table.post(refused, "/api/v1/backfill", TYPED, &with(text));
        }
        for body in [
            deep("[", "]"),
            deep("{\"symbols\":", "}"),
            with(&format!("\"timeframes\":{}", deep("[", "]"))),
            with(&format!("\"adjusted\":{}", "9".repeat(500_000))),
            with(&format!("\"adjusted\":1e{}", "9".repeat(1_000))),
            with(&format!("\"{}\":1", "a".repeat(900_000))),
            format!("{{\"symbols\":[{}\"A\"]}}", "\"\",".repeat(200_000)),
            format!("{{{}\"a\":1}}", "\"a\":1,".repeat(100_000)),
            format!("\"{}", "\\".repeat(900_000)),
            " ".repeat(1 << 20),
        ] {
            table.post(refused, "/api/v1/backfill", TYPED, &body);
        }
        for kind in [
            "application/json-patch+json",
            "application/jsonx",
            "text/json",
            "application/x-json",
            "application",
            "*/*",
            "",
            "\u{ff}",
            "application/json, text/plain",
        ] {
            table.post(
                Refused(415, "usage"),
                "/api/v1/backfill",
                &format!("Content-Type: {kind}\r\n"),
                "{}",
            );
        }
        table.post(
            refused,
            "/api/v1/backfill?symbols=EVIL",
            TYPED,
            r#"{"start_date":"2024-01-02"}"#,
        );
        table.post(
            refused,
            "/api/v1/backfill",
            "Content-Type: APPLICATION/JSON ; charset=utf-16\r\n",
            "{}",
        );
        table.post(
            refused,
            "/api/v1/backfill",
            &format!("{TYPED}Content-Encoding: gzip\r\n"),
            "\u{1f}\u{8b}\u{8}\0",
        );
        table.post(
            refused,
            "/api/v1/backfill",
            &format!("{TYPED}Expect: 100-continue\r\nX: y\r\n"),
            "",
        );
        table.get(Answered(200), "/api/v1/backfill/recent?limit=1", TYPED);
    });
}

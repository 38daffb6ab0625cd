//! Bodies that are meant to break their reader: JSON that is none, or says one thing in two ways, or has no end.

use super::attack::Expect::{Answered, Refused};
use super::attack::Siege;

const TYPED: &str = "Content-Type: application/json\r\n";

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
            Refused(409, "usage"),
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

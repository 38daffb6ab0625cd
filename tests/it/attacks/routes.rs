//! What is refused at every route alike: other names, other sites, other methods, calls without the token, bodies that
//! cannot be, and parameters that the table does not know.

use super::attack::Expect::{Answered, Bare, Read, Refused};
use super::attack::{Siege, TOKEN};

const TYPED: &str = "Content-Type: application/json\r\n";

#[test]
fn every_route_refuses_what_the_rules_in_front_of_it_forbid() {
    every_route_refuses_it(Siege::lay());
}

#[test]
fn a_server_with_another_name_forbids_the_same() {
    every_route_refuses_it(Siege::lay_with_name());
}

fn every_route_refuses_it(siege: Siege) {
    siege.withstands(37 * 25, |siege, table| {
        for route in siege.routes() {
            let line = route.line();
            let raw = |headers: &str| format!("{line} HTTP/1.1\r\n{headers}\r\n");
            table.raw(Refused(421, "host"), &raw("Host: evil.example:{port}\r\n"));
            table.raw(Refused(421, "host"), &raw("Host: 127.0.0.1\r\n"));
            table.raw(Refused(400, "usage"), &raw(""));
            table.raw(Refused(400, "usage"), &raw("Host: {host}\r\nHost: evil.example\r\n"));
            for headers in [
                "Origin: http://evil.example\r\n",
                "Origin: null\r\n",
                "Origin: http://{host}.evil.example\r\n",
                "Origin: http://{host}\r\nOrigin: http://evil.example\r\n",
                "Sec-Fetch-Site: cross-site\r\n",
                "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors\r\n",
                "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n",
                "Origin: http://{host}\r\nSec-Fetch-Site: cross-site\r\n",
            ] {
                table.call(Refused(403, "site"), &line, headers, "");
            }
            for (kind, body) in [
                ("", "symbols=EVIL"),
                ("Content-Type: text/plain\r\n", r#"{"symbols":["EVIL"],"start_date":"2024-01-02"}"#),
                ("Content-Type: application/x-www-form-urlencoded\r\n", "symbols=EVIL"),
                ("Content-Type: multipart/form-data; boundary=x\r\n", "--x--"),
                ("Content-Type: text/plain; application/json\r\n", "{}"),
                ("Content-Type: application/json\r\nContent-Type: text/plain\r\n", "{}"),
            ] {
                let status = if route.changes { 415 } else { 400 };
                table.call(Refused(status, "usage"), &line, kind, body);
            }
            let status = if route.changes { 413 } else { 400 };
            let expecting = format!("{TYPED}Expect: 100-continue\r\nContent-Length: 1048577\r\n");
            table.call(Refused(status, "usage"), &line, &expecting, "");
            table.call(Refused(411, "usage"), &line, "Transfer-Encoding: chunked\r\n", "");
            let unknown = format!("{line}?debug=1");
            table.call(Refused(400, "usage"), &unknown, "", "");
            table.call(Refused(400, "usage"), &format!("{line}?%00"), "", "");
            table.call(Refused(400, "usage"), &format!("{line}?{}", "a=1&".repeat(2_000)), "", "");
            let long = format!("{line}?{}", "a".repeat(9_000));
            table.call(Refused(414, "usage"), &long, "", "");
            let large = format!("X-Large: {}\r\n", "a".repeat(9_000));
            table.call(Refused(431, "usage"), &line, &large, "");
        }
    });
}

#[test]
fn every_route_takes_its_own_method_alone() {
    Siege::lay().withstands(37 * 13, |siege, table| {
        for route in siege.routes() {
            let target = &route.target;
            let other = if route.changes { "GET" } else { "POST" };
            table.call(Refused(405, "method"), &format!("{other} {target}"), "", "");
            if route.changes {
                table.call(Refused(405, "method"), &format!("HEAD {target}"), "", "");
            }
            for method in ["PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "QUERY", "get", "Post", "GETS", "_"] {
                table.call(Refused(405, "method"), &format!("{method} {target}"), "", "");
            }
            table.call(
                Refused(405, "method"),
                &format!("OPTIONS {target}"),
                "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n",
                "",
            );
            table.call(
                Refused(405, "method"),
                &format!("{other} {target}"),
                "X-HTTP-Method-Override: PUT\r\nX-Method-Override: DELETE\r\nX-HTTP-Method: POST\r\n",
                "",
            );
            table.call(Bare(400), &format!("G\u{e9}T {target}"), "", "");
        }
    });
}

#[test]
fn every_route_but_the_page_and_a_sign_of_life_wants_the_token() {
    Siege::lay_with_token().withstands(13 * 20 + 23, |siege, table| {
        for route in siege.routes() {
            let line = route.line();
            if route.is_open() {
                table.call(Read(route.kind), &line, "", "");
                let post = format!("POST {}", route.target);
                table.call(Refused(401, "token"), &post, "", "");
                continue;
            }
            let mut guess =
                |headers: String| table.call(Refused(401, "token"), &line, &headers, "");
            guess(String::new());
            for text in [
                "",
                "Bearer",
                "Bearer ",
                "Bearer  {token}",
                "Bearer\t{token}",
                "Bearer: {token}",
                "Bearer {token}x",
                "Bearer x{token}",
                "Bearer {token} {token}",
                "Bearer {token},",
                "Bearer \"{token}\"",
                "Bearer token={token}",
                "Basic {token}",
                "Basic OmNhbmFyeS10b2tlbi01ZDFmMGI5ZTdjM2E0ODI2NGY4ZTFk",
                "Token {token}",
                "{token}",
                "bearer\u{ff}{token}",
            ] {
                guess(format!("Authorization: {text}\r\n"));
            }
            for wrong in [
                &TOKEN[1..],
                &TOKEN[..TOKEN.len() - 1],
                &TOKEN.to_uppercase(),
            ] {
                guess(format!("Authorization: Bearer {wrong}\r\n"));
            }
            guess("Authorization: Bearer {token}\r\nAuthorization: Bearer {token}\r\n".into());
            guess("Authorization: Basic eA==\r\nAuthorization: Bearer {token}\r\n".into());
            guess("Proxy-Authorization: Bearer {token}\r\n".into());
            guess("Cookie: token={token}; Authorization=Bearer {token}\r\n".into());
            guess("X-Api-Key: {token}\r\nX-Forwarded-For: 127.0.0.1\r\n".into());
            for query in ["token", "access_token", "authorization"] {
                let asked = format!("{line}?{query}={{token}}");
                table.call(Refused(401, "token"), &asked, "", "");
            }
        }
        for target in [
            "/nothing",
            "/health/",
            "/HEALTH",
            "/%68ealth",
            "//health",
            "/health%2f",
            "/x/../health",
            "/health;/api",
        ] {
            table.get(Refused(401, "token"), target, "");
        }
        // What else is wrong with a call is not told to those without the token.
        table.post(Refused(401, "token"), "/health", "", "");
        table.post(
            Refused(401, "token"),
            "/api/v1/backfill",
            "Content-Type: text/plain\r\n",
            "x",
        );
        table.get(Refused(401, "token"), "/api/v1/coverage/%ff", "");
        // The scheme's name has no case.
        table.get(
            Answered(200),
            "/api/v1/symbols",
            "Authorization: bEARER {token}\r\n",
        );
    });
}

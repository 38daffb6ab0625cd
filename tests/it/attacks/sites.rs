//! Pages of other sites, opened in the browser of somebody who may call the server: they change nothing and read nothing.

use super::attack::Expect::{Answered, Refused};
use super::attack::Siege;

#[test]
fn the_page_of_another_site_changes_nothing_and_reads_nothing() {
    opens_nothing_to_other_sites(Siege::lay());
    opens_nothing_to_other_sites(Siege::lay_with_name());
}

fn opens_nothing_to_other_sites(siege: Siege) {
    const BACKFILL: &str = "/api/v1/backfill?symbols=EVIL&start_date=2024-01-02";
    siege.withstands(60, |_, table| {
        for headers in [
            "Origin: null", "Origin: ", "Origin: http://evil.example", "Origin: http://127.0.0.1", "Origin: http://127.0.0.1:1", "Origin: //{host}",
            "Origin: {host}", "Origin: ftp://{host}", "Origin: file://", "Origin: file://{host}", "Origin: chrome-extension://abc", "Origin: http://{host}/",
            "Origin: http://{host}.evil.example", "Origin: http://evil.example/{host}", "Origin: http://user@{host}", "Origin: http://{host} ,http://evil.example",
            "Origin: http://localhost:{port}", "Origin: HTTP://{host}", "Origin: http:{host}", "Origin: http://http://{host}", "Origin: http://{host}#", "Origin: \u{ff}",
            "Origin: http://{host}\r\nOrigin: http://{host}", "Origin: http://evil.example\r\nOrigin: http://{host}",
            "Origin: http://{host}\r\nSec-Fetch-Site: same-site", "Origin: null\r\nSec-Fetch-Site: same-origin", "Origin: http://evil.example\r\nSec-Fetch-Site: same-origin",
            "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Sec-Fetch-Site: Same-Origin", "Sec-Fetch-Site: ", "Sec-Fetch-Site: unknown", "Sec-Fetch-Site: \u{ff}",
            "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-origin, cross-site",
        ] {
            let headers = format!("{headers}\r\n");
            table.post(Refused(403, "site"), BACKFILL, &headers, "");
            table.get(Refused(403, "site"), "/api/v1/symbols", &headers);
        }
        // A link that is followed opens a page, and sends no form.
        let follows = |dest: &str| format!("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: {dest}\r\n");
        table.post(Refused(403, "site"), BACKFILL, &follows("document"), "");
        for dest in ["iframe", "frame", "embed", "object", "script", "empty", ""] {
            table.get(Refused(403, "site"), "/api/v1/symbols", &follows(dest));
        }
        for mode in ["no-cors", "cors", "websocket", ""] {
            let headers = format!("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: {mode}\r\nSec-Fetch-Dest: document\r\n");
            table.get(Refused(403, "site"), "/api/v1/symbols", &headers);
        }
        table.get(Answered(200), "/api/v1/symbols", &follows("document"));
        table.get(Answered(200), "/api/v1/symbols", "Origin: http://{host}\r\nSec-Fetch-Site: same-origin\r\n");
        table.post(Refused(404, "job"), "/api/v1/backfill/0190/cancel", "Origin: http://{host}\r\nSec-Fetch-Site: same-origin\r\n", "");
        table.post(Refused(404, "job"), "/api/v1/backfill/0190/cancel", "Sec-Fetch-Site: none\r\n", "");
    });
}

/// What the page of another site can send without being asked first whether it may: forms, and `fetch` in `no-cors` mode.
/// Each would do something if it were read.
const FORMS: &[(&str, &str)] = &[
    (
        "text/plain",
        r#"{"symbols":["EVIL"],"start_date":"2024-01-02"}"#,
    ),
    (
        "text/plain;charset=UTF-8",
        r#"{"symbols":["EVIL"],"start_date":"2024-01-02","adjusted":"false"}"#,
    ),
    (
        "application/x-www-form-urlencoded",
        "symbols=EVIL&start_date=2024-01-02",
    ),
    ("application/x-www-form-urlencoded", ""),
    (
        "multipart/form-data; boundary=x",
        "--x\r\nContent-Disposition: form-data; name=\"symbols\"\r\n\r\nEVIL\r\n\
         --x\r\nContent-Disposition: form-data; name=\"start_date\"\r\n\r\n2024-01-02\r\n--x--\r\n",
    ),
];

#[test]
fn a_form_of_another_site_starts_stops_and_resumes_nothing() {
    for siege in [Siege::lay(), Siege::lay_with_name()] {
        siege.withstands(3 * (6 * 24 - 2), |siege, table| {
            for route in siege.routes().iter().filter(|route| route.changes) {
                // All that it takes may be in the address to which the form is sent.
                let line = format!("POST {}", route.whole());
                let nothing = ("", "");
                for &(kind, body) in FORMS.iter().chain([&nothing]) {
                    for origin in ["", "Origin: http://evil.example\r\n", "Origin: null\r\n"] {
                        for site in [
                            "",
                            "Sec-Fetch-Site: cross-site\r\n",
                            "Sec-Fetch-Site: same-site\r\n",
                            "Sec-Fetch-Site: null\r\n",
                        ] {
                            for mode in [
                                "Sec-Fetch-Mode: no-cors\r\n",
                                "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n",
                            ] {
                                let is_said = !origin.is_empty() || !site.is_empty();
                                if !is_said && kind.is_empty() {
                                    // So a program asks.
                                    continue;
                                }
                                let typed = if kind.is_empty() {
                                    String::new()
                                } else {
                                    format!("Content-Type: {kind}\r\n")
                                };
                                // Where a browser says nothing, the form alone tells it from a program.
                                let expect = if is_said {
                                    Refused(403, "site")
                                } else {
                                    Refused(415, "usage")
                                };
                                table.call(
                                    expect,
                                    &line,
                                    &format!("{typed}{origin}{site}{mode}"),
                                    body,
                                );
                            }
                        }
                    }
                }
            }
        });
    }
}

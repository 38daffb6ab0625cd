//! Where an attack says that it goes: names of hosts in all spellings, pages of other sites, and targets that try to lead
//! elsewhere.

use crate::serve_attacks::Expect::{Answered, Bare, Refused};
use crate::serve_attacks::Siege;

#[test]
fn a_name_that_was_rebound_to_this_machine_is_refused_in_every_spelling() {
    Siege::lay().withstands(60, |_, table| {
        for host in [
            // Other names, and names that only begin or end like ours.
            "evil.example", "evil.example:{port}", "localhost.evil.example:{port}", "127.0.0.1.evil.example:{port}",
            "127.0.0.1.nip.io:{port}", "localtest.me:{port}", "lvh.me:{port}", "xlocalhost:{port}", "localhostx:{port}",
            "host.docker.internal:{port}", "ip6-localhost:{port}", "localhost.localdomain:{port}", "LOCALHOST.EVIL:{port}",
            // This machine in other words.
            "127.1:{port}", "127.0.1:{port}", "127.0.0.2:{port}", "127.127.127.127:{port}", "0.0.0.0:{port}", "0:{port}",
            "2130706433:{port}", "0x7f000001:{port}", "0x7f.0.0.1:{port}", "0177.0.0.1:{port}", "017700000001:{port}",
            "127.0.0.01:{port}", "127.000.000.001:{port}", "[::]:{port}", "[::ffff:127.0.0.1]:{port}", "[::ffff:7f00:1]:{port}",
            "[0:0:0:0:0:0:0:1]:{port}", "[0000::1]:{port}", "[::1%25lo]:{port}", "[::1%lo]:{port}", "::1:{port}", "[::1:{port}", "::1]:{port}",
            "%31%32%37.0.0.1:{port}", "127%2e0.0.1:{port}", "localhost%00:{port}", "localhost..:{port}", ".localhost:{port}",
            // Ports.
            "127.0.0.1", "localhost", "[::1]", "127.0.0.1:", "127.0.0.1:80", "127.0.0.1:0{port}", "127.0.0.1:+{port}", "127.0.0.1:{port}0",
            "127.0.0.1:{port}:{port}", "127.0.0.1:{port}:80", ":{port}", "{port}", "",
            // More than a host.
            "user@127.0.0.1:{port}", "127.0.0.1:{port}@evil.example", "evil.example#127.0.0.1:{port}", "evil.example/127.0.0.1:{port}",
            "http://127.0.0.1:{port}", "127.0.0.1:{port}/", "127.0.0.1:{port}, evil.example", "evil.example, 127.0.0.1:{port}",
            "127.0.0.1 :{port}", "127.0.0.1\t:{port}", "evil.example 127.0.0.1:{port}", "*", "*:{port}", "null",
        ] {
            table.raw(Refused(421, "host"), &format!("GET /health HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        }
        table.raw(
            Refused(421, "host"),
            "GET /health HTTP/1.1\r\nHost: evil.example:{port}\r\nX-Forwarded-Host: {host}\r\nForwarded: host={host}\r\nX-Host: {host}\r\n\r\n",
        );
        // One host, not none, two, or bytes.
        for hosts in [
            "", "Host: {host}\r\nHost: {host}\r\n", "Host: {host}\r\nHost: evil.example\r\n", "Host: evil.example\r\nHost: {host}\r\n",
            "Host: {host}\r\nhost: {host}\r\n", "Host: \u{ff}\r\n", "X-Forwarded-Host: {host}\r\n",
        ] {
            table.raw(Refused(400, "usage"), &format!("GET /health HTTP/1.1\r\n{hosts}\r\n"));
        }
        for hosts in ["Host : {host}\r\n", " Host: {host}\r\n", "Host\r\n", "Host: {host}\r\n Host: {host}\r\n", "Ho\u{e9}st: {host}\r\n", "Host: {host}\0\r\n"] {
            table.raw(Bare(400), &format!("GET /health HTTP/1.1\r\n{hosts}\r\n"));
        }
        for host in ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "LocalHost.:{port}", "[::1]:{port}", " 127.0.0.1:{port} \t"] {
            table.raw(Answered(200), &format!("GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        }
    });
}

#[test]
fn the_page_of_another_site_changes_nothing_and_reads_nothing() {
    const BACKFILL: &str = "/api/v1/backfill?symbols=EVIL&start_date=2024-01-02";
    Siege::lay().withstands(60, |_, table| {
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

#[test]
#[allow(clippy::too_many_lines)] // A table.
fn a_target_leads_to_the_route_that_it_names_and_nowhere_else() {
    Siege::lay().withstands(80, |_, table| {
        // The whole URL is another way to say the host, and must say the same.
        for target in [
            "http://evil.example/health",
            "http://evil.example:{port}/health",
            "http://127.0.0.1/health",
            "http://localhost:{port}/health",
            "http://user@{host}/health",
            "http://{host}@evil.example/health",
            "http://{host}.evil.example/health",
            "https://evil.example/health",
            "health",
            "evil.example:443",
            "{host}.evil.example",
        ] {
            table.get(Refused(421, "host"), target, "");
        }
        table.get(Answered(200), "http://{host}/health", "");
        table.raw(
            Refused(421, "host"),
            "GET http://{host}/health HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        );
        table.raw(
            Refused(400, "usage"),
            "GET http://{host}/health HTTP/1.1\r\n\r\n",
        );
        table.call(Refused(405, "method"), "CONNECT {host}", "", "");
        table.call(Refused(421, "host"), "CONNECT evil.example:443", "", "");
        table.call(
            Refused(421, "host"),
            "CONNECT evil.example:443",
            "Proxy-Authorization: Basic eA==\r\n",
            "",
        );
        table.call(Refused(405, "method"), "OPTIONS *", "", "");
        for path in [
            "*",
            "//health",
            "///health",
            "/\\health",
            "/./health",
            "/health/",
            "/health/.",
            "/health/..",
            "/x/../health",
            "/HEALTH",
            "/%68ealth",
            "/health%00",
            "/health%20",
            "/health;x=1",
            "/health.json",
            "/index.php",
            "/.git/config",
            "/.env",
            "/market.db",
            "/%2e%2e/market.db",
            "/..",
            "/../../../../etc/passwd",
            "/..%2f..%2f..%2fetc%2fpasswd",
            "/%2e%2e%2f%2e%2e%2fetc/passwd",
            "/%252e%252e%252fetc%252fpasswd",
            "/..\\..\\etc\\passwd",
            "/..%5c..%5cetc%5cpasswd",
            "/....//....//etc/passwd",
            "/..;/..;/etc/passwd",
            "/%c0%ae%c0%ae/etc/passwd",
            "/%c0%af..%c0%afetc",
            "/%e0%80%ae/etc",
            "/%uff0e%uff0e/etc",
            "/%00",
            "/%",
            "/%zz",
            "/%ff",
            "/file:///etc/passwd",
            "/http://evil.example/",
            "//evil.example/%2e%2e",
            "/\\evil.example",
            "/api",
            "/api/v1",
            "/api/v1/",
            "/api/v2/symbols",
            "/api/v1/symbols/",
            "/api/v1//symbols",
            "/api/v1/coverage",
            "/api/v1/coverage/",
            "/api/v1/coverage//",
            "/api/v1/coverage/AAPL/..",
            "/api/v1/backfill/status",
            "/api/v1/backfill/status/",
            "/api/v1/backfill/a/b/events",
            "/api/v1/backfill//events",
            "/metrics/../health",
            "/debug/pprof",
            "/admin",
            "/health?/../metrics#/..//",
        ] {
            // A query that nobody takes is refused before the path is looked at by any rule of a route.
            let expect = if path.starts_with("/health?") {
                Refused(400, "usage")
            } else {
                Refused(404, "path")
            };
            table.get(expect, path, "");
        }
        for named in [
            "%2e%2e%2fmarket.db",
            "..%2f..%2fetc%2fpasswd",
            "%252e%252e",
            "%00",
            "AAPL%00",
            "%0d%0aX-Evil:%201",
            "%ff",
            "%c0%af",
            "%ed%a0%80",
            ".",
            "..",
            "-",
            "=1",
            "%20",
        ] {
            table.get(
                Refused(400, "usage"),
                &format!("/api/v1/coverage/{named}"),
                "",
            );
        }
        for target in [
            "/hea lth",
            "/hea\tlth",
            "/health\0",
            "/\u{c0}\u{ae}",
            "/\u{7f}",
            "?x",
            "",
            "/health\r\nX: 1\r\n\r\n GET /",
        ] {
            table.raw(
                Bare(400),
                &format!("GET {target} HTTP/1.1\r\nHost: {{host}}\r\n\r\n"),
            );
        }
        // No id is not the beginning of every id.
        for change in ["cancel", "resume"] {
            let target = format!("/api/v1/backfill//{change}");
            table.post(Refused(404, "path"), &target, "", "");
        }
        // What stands behind a hash never belongs to a target.
        table.get(Answered(200), "/health#/metrics", "");
    });
}

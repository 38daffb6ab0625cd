//! Where an attack says that it goes: names of hosts in all spellings, and targets that try to lead elsewhere.

use super::attack::Expect::{Answered, Bare, Read, Refused};
use super::attack::{NAME, Siege};

#[test]
fn a_name_that_was_rebound_to_this_machine_is_refused_in_every_spelling() {
    refuses_other_names(Siege::lay());
}

#[test]
fn a_name_that_is_allowed_opens_the_door_to_no_other() {
    refuses_other_names(Siege::lay_with_name());
    Siege::lay_with_name().withstands(37 * 10, |siege, table| {
        for route in siege.routes() {
            let line = route.line();
            let mut to = |expect, host: &str, headers: &str| {
                table.raw(
                    expect,
                    &format!("{line} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n"),
                );
            };
            for host in [
                "{name}:80",
                "{name}:443",
                "{name}:",
                "{name}:0{port}",
                "{name}:{port}0",
                "{name}..",
                ".{name}",
                "x{name}",
                "{name}x",
                "www.{name}",
                "{name}.evil.example",
                "evil.example",
                "evil.example#{name}",
                "user@{name}",
                "{name}@evil.example",
                "{name}, evil.example",
                "candles",
                "example",
                "*.example",
                "candles%2eexample",
                "\u{ff}{name}",
            ] {
                let expect = if host.is_ascii() {
                    Refused(421, "host")
                } else {
                    Refused(400, "usage")
                };
                to(expect, &host.replace("{name}", NAME), "");
            }
            // Each name's own page may call it by that name, and no other.
            for (host, origin) in [
                (NAME, "{host}"),
                ("{host}", NAME),
                (NAME, "evil.example"),
                (NAME, "{name}.evil.example"),
            ] {
                let origin = origin.replace("{name}", NAME);
                to(
                    Refused(403, "site"),
                    host,
                    &format!("Origin: http://{origin}\r\n"),
                );
            }
            if route.changes {
                continue;
            }
            for host in [NAME, "{name}:{port}", "CANDLES.Example", "{name}."] {
                to(
                    Read(route.kind),
                    &host.replace("{name}", NAME),
                    "Connection: close\r\n",
                );
            }
            to(
                Read(route.kind),
                NAME,
                &format!("Connection: close\r\nOrigin: https://{NAME}\r\n"),
            );
        }
    });
}

fn refuses_other_names(siege: Siege) {
    siege.withstands(60, |_, table| {
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
fn a_target_leads_to_the_route_that_it_names_and_nowhere_else() {
    leads_nowhere_else(Siege::lay());
    leads_nowhere_else(Siege::lay_with_name());
}

#[allow(clippy::too_many_lines)] // A table.
fn leads_nowhere_else(siege: Siege) {
    siege.withstands(80, |_, table| {
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

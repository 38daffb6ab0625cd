//! The edges of HTTP and of the server's start: callers that have said all, callers of old, names that no caller could
//! use, files that hold no token, and a file that has no room left.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::harness::Home;
use crate::support::running::eventually;
use crate::support::serving::{Serving, host, read_answer};

#[test]
fn who_has_said_all_that_he_wants_to_say_is_answered() {
    let (_home, serving) = Serving::of_sample();
    let week = "symbols=AAPL&start_date=2024-01-02&end_date=2024-01-05";
    for (line, status) in [
        ("GET /health", 200),
        ("GET /ready", 200),
        ("GET /metrics", 200),
        ("GET /api/v1/symbols", 200),
        ("GET /api/v1/historical/AAPL", 404),
        (&format!("POST /api/v1/backfill?{week}"), 202),
        ("DELETE /health", 405),
    ] {
        for version in ["1.0", "1.1"] {
            let mut stream = serving.connect();
            let text = format!("{line} HTTP/{version}\r\nHost: {{host}}\r\n\r\n");
            stream.write_all(&host(&serving, &text)).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let answer = read_answer(&mut stream);
            let answer = answer.unwrap_or_else(|| panic!("{line} {version} was not answered"));
            assert_eq!(answer.status, status, "{line} {version}");
        }
    }
    serving.stop().ok();
}

#[test]
fn a_caller_of_old_is_told_that_the_connection_ends() {
    let (_home, serving) = Serving::of_sample();
    for line in [
        "GET /health",
        "GET /assets/app.js",
        "GET /nothing",
        "HEAD /health",
    ] {
        let text = format!("{line} HTTP/1.0\r\nHost: {{host}}\r\nConnection: keep-alive\r\n\r\n");
        // It is read until its end, which does not come if the connection is kept.
        let answer = serving.raw(&host(&serving, &text)).unwrap();
        assert_eq!(answer.header("connection"), Some("close"), "{line}");
        assert_eq!(answer.header("keep-alive"), None, "{line}");
    }
    serving.stop().ok();
}

#[test]
fn a_name_that_no_caller_could_use_is_refused_at_the_start() {
    let home = Home::new();
    for (name, words) in [
        ("", "empty"),
        ("http://candles.example", "URL"),
        ("candles.example/api", "URL"),
        ("*", "for itself alone"),
        ("*.example", "for itself alone"),
        ("candles.example:", "port"),
        ("candles.example:0", "port"),
        ("candles.example:443x", "port"),
        ("https://candles.example:8443/", "URL"),
        ("candles.example:65536", "port"),
        ("a.example,b.example", "more than one"),
        ("::1", "brackets"),
        ("[::1", "brackets"),
        ("k\u{e4}se.example", "xn--"),
        ("a b", "no name"),
    ] {
        let cli = home.serve_sample().arg("--allow-host").arg(name);
        let run = cli.run().exit(2);
        let run = run.says(&["--allow-host", words, "candles.example.com"]);
        assert!(run.stdout.is_empty(), "{run:?}");
    }
    assert!(!home.db_path().exists());
}

#[test]
fn a_token_is_read_from_a_small_regular_file_alone() {
    let home = Home::new();
    let at = |name: &str| home.path(name).display().to_string();
    let made = Command::new("mkfifo").arg(at("pipe")).status().unwrap();
    assert!(made.success());
    let huge = fs::File::create(home.path("huge")).unwrap();
    huge.set_len(2 << 30).unwrap();
    fs::write(home.path("long"), "a".repeat(4097)).unwrap();
    fs::write(home.path("bytes"), [0xff; 64]).unwrap();
    fs::write(home.path("short"), "a").unwrap();
    fs::write(home.path("open"), "a".repeat(64)).unwrap();
    for name in ["pipe", "huge", "long", "bytes", "short"] {
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(home.path(name), private).unwrap();
    }
    std::os::unix::fs::symlink(home.path("pipe"), home.path("link")).unwrap();
    fs::set_permissions(home.path("open"), fs::Permissions::from_mode(0o644)).unwrap();
    for (name, words) in [
        (at("pipe"), "no regular file"),
        (at("link"), "no regular file"),
        ("/dev/zero".into(), "no regular file"),
        (at("."), "no regular file"),
        (at("huge"), "4 KiB"),
        (at("long"), "4 KiB"),
        (at("bytes"), "utf-8"),
        (at("short"), "at least 32 characters"),
        (at("open"), "others can read it"),
    ] {
        let cli = home.serve_sample().arg("--token-file").arg(&name);
        let refused = cli.run().exit(1).says(&[&name, words, "openssl rand"]);
        // What is there must not be written over, and closing it mends nothing else.
        let made = refused.stderr.contains(&format!("> {name})"));
        assert!(!made, "{}", refused.stderr);
        let closed = refused.stderr.contains("chmod 600");
        assert_eq!(closed, name == at("open"), "{}", refused.stderr);
    }
    let none = at("new token");
    let cli = home.serve_sample().arg("--token-file").arg(&none);
    let advice = format!("openssl rand -hex 32 > '{none}'");
    cli.run().exit(1).says(&[&none, &advice]);
    let beside = at("short/token");
    let cli = home.serve_sample().arg("--token-file").arg(&beside);
    cli.run().exit(1).says(&["short is a file, not a folder"]);
    assert!(!home.db_path().exists());
}

#[test]
fn a_file_that_may_not_grow_any_more_is_not_ready() {
    let home = Home::new();
    // A limit of 4 MiB for a file that is there.
    Serving::start(home.serve_sample()).stop().ok();
    let serving = Serving::start(home.serve_sample().file_blocks(8192));
    serving.get("/ready").refuses(503, "disk_full", "16 MiB");
    serving.get("/health").is(200);
    let metrics = serving.get("/metrics").is(200);
    let left = metrics
        .text()
        .lines()
        .find_map(|line| line.strip_prefix("candlefile_room_bytes "));
    let left: u64 = left.unwrap().parse().unwrap();
    assert!((1..4 << 20).contains(&left), "{left}");
    serving.stop().ok();
}

#[test]
fn a_whole_answer_ends_without_a_reset_and_the_port_can_be_taken_again_at_once() {
    let (home, serving) = Serving::of_sample();
    let port = serving.port;
    for target in ["/health", "/assets/app.js", "/api/v1/symbols"] {
        let mut stream = serving.connect();
        let text = format!("GET {target} HTTP/1.1\r\nHost: {{host}}\r\nConnection: close\r\n\r\n");
        stream.write_all(&host(&serving, &text)).unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        assert!(
            read.is_ok(),
            "{target} is answered whole, and then: {read:?}"
        );
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{target}");
    }
    serving.stop().ok();
    // Of the connections that it closed the system still knows.
    let port = port.to_string();
    let again = home.cli(["serve", "--provider", "sample", "--port", &port]);
    let serving = Serving::start(again);
    serving.get("/health").is(200);
    serving.stop().ok();
}

#[test]
fn a_port_that_somebody_else_has_on_the_other_of_this_machines_own_addresses_is_not_taken() {
    // Where there is no IPv6 there is no other address.
    let Ok(other) = TcpListener::bind("[::1]:0") else {
        return;
    };
    let port = other.local_addr().unwrap().port().to_string();
    let home = Home::new();
    home.cli(["serve", "--provider", "sample", "--port", &port])
        .run()
        .exit(1)
        .says(&["another program listens there", "--port"]);
}

// Callers were let in and waited without an answer for as long as somebody read the file, and a stop was a failure.
#[test]
fn a_server_that_waits_for_its_file_lets_nobody_in_and_stops_cleanly() {
    let home = Home::of_sample("AAPL --start 2024-01-02 --end 2024-03-28");
    let reader = home.db();
    reader.0.execute_batch("BEGIN").unwrap();
    assert!(reader.count("SELECT count(*) FROM candles") > 0);
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let serve = ["serve", "--provider", "sample", "--port", &port.to_string()];
    let waiting = home.cli(serve).spawn();
    let address: std::net::SocketAddr = ([127, 0, 0, 1], port).into();
    eventually("it has its port", || {
        let other = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        other.unwrap().bind(&address.into()).is_err()
    });
    let called = std::net::TcpStream::connect(("127.0.0.1", port));
    assert_eq!(
        called.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionRefused
    );
    waiting.terminate();
    waiting.wait().ok();
}

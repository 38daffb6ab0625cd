//! Bad input: the exit code, a message that names it, the next step, and no file made or harmed.

use std::fs;

use crate::support::documents::refused;
use crate::support::harness::{Home, KEY};
use crate::support::server::Server;

const DATES: &str = "--start 2024-01-02 --end 2024-01-05";

#[test]
fn values_that_are_wrong_by_themselves_are_usage_errors() {
    let (home, server) = (Home::new(), Server::start());
    fs::write(home.path("empty.txt"), "\n# nothing here\n").unwrap();
    let cases: [(String, &[&str]); 28] = [
        (format!("backfill AAPL -t 1M {DATES}"), &["1M", "1m", "1mo"]),
        (format!("backfill AAPL -t 7m {DATES}"), &["7m"]),
        (format!("backfill AAPL -t 5h {DATES}"), &["5h"]),
        (format!("backfill AAPL -t 24h {DATES}"), &["24h", "1d"]),
        (format!("backfill AAPL -t 2d {DATES}"), &["2d"]),
        (format!("backfill AAPL -t 0m {DATES}"), &["0m"]),
        (format!("backfill AAPL -t daily {DATES}"), &["daily"]),
        (format!("backfill AAPL -t 1d,bogus {DATES}"), &["bogus"]),
        (
            "backfill AAPL --start 2024-01-05 --end 2024-01-02".into(),
            &["2024-01-05", "2024-01-02"],
        ),
        (
            "backfill AAPL --start 2024-01-05T10:00:00Z --end 2024-01-05T10:00:00Z -t 1m".into(),
            &["2024-01-05T10:00:00Z"],
        ),
        (
            "backfill AAPL --start 2190-01-01".into(),
            &["2190-01-01", "future"],
        ),
        ("backfill AAPL --start 2024-13-45".into(), &["2024-13-45"]),
        ("backfill AAPL --start 2023-02-29".into(), &["2023-02-29"]),
        ("backfill AAPL --start yesterday".into(), &["yesterday"]),
        (
            "backfill AAPL --start 2024-01-02 --end 02/03/2024".into(),
            &["02/03/2024"],
        ),
        (format!("backfill {DATES}"), &["symbol"]),
        (format!("backfill AA_PL {DATES}"), &["AA PL"]),
        (format!("backfill AAPL;DROP {DATES}"), &["AAPL;DROP"]),
        (
            format!("backfill --symbols-file empty.txt {DATES}"),
            &["empty.txt"],
        ),
        (
            format!("backfill AAPL --provider yahoo {DATES}"),
            &["yahoo", "polygon", "sample"],
        ),
        (format!("backfill AAPL --rate fast {DATES}"), &["fast"]),
        (format!("backfill AAPL --rate 0/s {DATES}"), &["0/s"]),
        (
            format!("backfill AAPL --rate 5/fortnight {DATES}"),
            &["5/fortnight"],
        ),
        (format!("backfill AAPL --rate=-5/s {DATES}"), &["-5/s"]),
        (format!("backfill AAPL --workers 0 {DATES}"), &["workers"]),
        (format!("backfill AAPL --workers many {DATES}"), &["many"]),
        ("frobnicate".into(), &["frobnicate"]),
        (
            format!("backfill AAPL --frobnicate {DATES}"),
            &["--frobnicate"],
        ),
    ];
    for (words, names) in cases {
        refused(&home, &server, &words, 2, names);
    }
}

#[test]
fn a_symbols_file_that_is_not_there_or_holds_nonsense_is_named() {
    let (home, server) = (Home::new(), Server::start());
    fs::write(home.path("bad.txt"), "AAPL\nMS FT\n").unwrap();
    home.to(
        &server,
        format!("backfill --symbols-file gone.txt {DATES}").split(' '),
    )
    .run()
    .says(&["gone.txt"]);
    refused(
        &home,
        &server,
        &format!("backfill --symbols-file bad.txt {DATES}"),
        2,
        &["MS FT"],
    );
    assert_eq!(server.hits(), 0);
}

#[test]
fn a_key_goes_over_plain_http_to_this_machine_only() {
    let home = Home::new();
    for url in [
        "http://example.com",
        "http://192.0.2.1:8080",
        "http://localhost.example.com",
        "ftp://127.0.0.1",
        "nonsense",
    ] {
        let words = format!("backfill AAPL {DATES} --base-url {url}");
        home.cli(words.split(' ')).run().exit(2).says(&[url]);
        assert!(home.files().is_empty());
    }
    // What may be a password is not repeated.
    let words = format!("backfill AAPL {DATES} --base-url http://user:{KEY}@127.0.0.1:9");
    home.cli(words.split(' ')).run().exit(2).says(&["password"]);
    let words = format!("backfill AAPL {DATES} --base-url http://127.0.0.1@192.0.2.1");
    home.cli(words.split(' ')).run().exit(2);
}

#[test]
fn who_reads_an_error_elsewhere_is_told_whole_file_names() {
    let home = Home::new();
    let whole = |name: &str| home.path(name).display().to_string();
    home.sample("AAPL --start 2024-01-02 --end 2024-01-05").ok();
    fs::write(home.path("there.csv"), "").unwrap();
    fs::write(home.path("odd.db"), "x".repeat(4096)).unwrap();
    for (words, named, code) in [
        ("diff none.db market.db", "none.db", 1),
        ("verify odd.db", "odd.db", 1),
        ("export -o there.csv", "there.csv", 1),
        ("verify none.db", "none.db", 1),
        ("backfill --symbols-file none.txt", "none.txt", 2),
        ("export -o there.foo", "there.foo", 2),
    ] {
        let run = home.cli(words.split(' ')).run().exit(code);
        let said = format!("candlefile: {}", whole(named));
        let named_first = run.stderr.starts_with(&said);
        assert!(
            named_first || run.stderr.contains(&format!(" {}", whole(named))),
            "{run:?}"
        );
        let told = home
            .cli(words.split(' ').chain(["--json"]))
            .run()
            .exit(code)
            .json();
        let message = told["error"]["message"].as_str().unwrap();
        assert!(message.contains(&whole(named)), "{message}");
    }
}

#[test]
fn without_a_key_it_names_both_variables_and_the_sample() {
    let (home, server) = (Home::new(), Server::start());
    let words = format!("backfill AAPL {DATES}");
    for cli in [
        home.to(&server, words.split(' ')).keyless(),
        home.to(&server, words.split(' '))
            .env("MASSIVE_API_KEY", ""),
    ] {
        cli.run()
            .exit(1)
            .says(&["MASSIVE_API_KEY", "POLYGON_API_KEY", "--provider sample"]);
    }
    let run = home
        .to(&server, words.split(' '))
        .keyless()
        .arg("--json")
        .run()
        .exit(1);
    assert!(
        run.json()["error"].to_string().contains("POLYGON_API_KEY"),
        "{run:?}"
    );
    assert_eq!(server.hits(), 0);
    assert!(home.files().is_empty());
    home.to(&server, words.split(' '))
        .keyless()
        .env("POLYGON_API_KEY", KEY)
        .run()
        .ok();
}

#[test]
fn a_key_with_a_line_break_is_refused_and_not_shown() {
    let (home, server) = (Home::new(), Server::start());
    for key in [
        format!("{KEY}\nX-Evil: 1"),
        format!("{KEY}\u{7f}"),
        format!("{KEY}\u{e9}"),
    ] {
        home.to(&server, format!("backfill AAPL {DATES}").split(' '))
            .env("MASSIVE_API_KEY", key)
            .run()
            .exit(1)
            .says(&["MASSIVE_API_KEY"]);
    }
    assert_eq!(server.hits(), 0);
    assert!(home.files().is_empty());
}

#[test]
fn nothing_listening_is_said_with_the_address() {
    let home = Home::new();
    // A port that was free a moment ago, and that nothing is bound to now.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("http://127.0.0.1:{port}");
    let words = format!("backfill AAPL {DATES} --base-url {url}");
    let run = home.cli(words.split(' ')).run().exit(1);
    assert!(
        format!("{}{}", run.stdout, run.stderr).contains(&format!("127.0.0.1:{port}")),
        "{run:?}"
    );
}

#[test]
fn help_and_version_are_no_errors() {
    let home = Home::new();
    let version = home.cli(["--version"]).run().ok();
    assert_eq!(
        version.stdout,
        format!("candlefile {}\n", env!("CARGO_PKG_VERSION"))
    );
    for command in [
        "backfill",
        "update",
        "resume",
        "status",
        "list",
        "show",
        "drop",
        "providers",
    ] {
        let help = home.cli([command, "--help"]).run().ok();
        assert!(
            help.stdout.contains("Usage") && help.stdout.contains("--db"),
            "{help:?}"
        );
    }
    assert!(home.files().is_empty());
}

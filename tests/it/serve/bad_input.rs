//! What goes wrong without an attack: requests that cannot be done, a file that is locked, full, foreign or not to be
//! written, a port in use, a token that is none. Each is told with the right status and a next step, and never as a success.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use candlefile::SystemClock;
use candlefile::provider::Polygon;
use candlefile::serve::Settings;
use serde_json::{Value, json};

use crate::support::checker::check;
use crate::support::disk::{Disk, Failure, Fault, Kind};
use crate::support::harness::{Home, KEY};
use crate::support::inside::{settings, while_serving};
use crate::support::oracle::span;
use crate::support::server::Server;
use crate::support::serving::Serving;

const WEEK: &str = "start_date=2024-01-02&end_date=2024-01-05";

/// No answer tells where the file is.
fn hides(home: &Home, document: &Value) {
    let folder = home.path("").display().to_string();
    assert!(!document.to_string().contains(&folder), "{document}");
}

#[test]
fn a_request_that_cannot_be_done_is_refused_with_what_is_wrong_and_what_to_do() {
    let (_home, serving) = Serving::of_sample();
    let many: Vec<String> = (0..10_001).map(|n| format!("S{n}")).collect();
    for (query, words) in [
        (WEEK, "symbols"),
        (&format!("symbols=&{WEEK}"), "symbols"),
        (&format!("symbols=,&{WEEK}"), "symbol"),
        ("symbols=AAPL", "start_date"),
        ("symbols=AAPL&start_date=2024-02-30", "2024-02-30"),
        (&format!("symbols=AAPL&{WEEK}&timeframes=7m"), "7m"),
        (&format!("symbols=AAPL&{WEEK}&timeframes="), "timeframe"),
        (&format!("symbols=AAPL&{WEEK}&timeframe=1d"), "timeframe"),
        ("symbols=AAPL&start_date=2024-01-02&end_date=", "end_date"),
        (&format!("symbols=AAPL&{WEEK}&adjusted=perhaps"), "adjusted"),
    ] {
        serving
            .post(&format!("/api/v1/backfill?{query}"))
            .refuses(400, "usage", words);
    }
    // Each part could be asked for, only not together, or not yet.
    for (query, words) in [
        ("start_date=2024-01-05&end_date=2024-01-02", "2024-01-02"),
        ("start_date=2150-01-02", "2150-01-02"),
        ("start_date=2150-01-02&end_date=2150-01-05", "2150-01-02"),
    ] {
        serving
            .post(&format!("/api/v1/backfill?symbols=AAPL&{query}"))
            .refuses(409, "usage", words);
    }
    let body = json!({ "symbols": many, "start_date": "2024-01-02", "end_date": "2024-01-05" });
    serving
        .post_json("/api/v1/backfill", &body)
        .refuses(400, "usage", "10001 symbols");
    let body = json!({
        "symbols": many[..10_000], "start_date": "1900-01-01", "timeframes": ["1m", "5m", "15m", "30m", "1h"],
    });
    let too_long = serving.post_json("/api/v1/backfill", &body);
    let too_long = too_long.refuses(400, "usage", "too many slices for one job");
    assert!(too_long.text().contains("fewer symbols"), "{too_long:?}");
    let nobody = "00000000-0000-7000-8000-000000000000";
    serving
        .get(&format!("/api/v1/backfill/status/{nobody}"))
        .refuses(404, "job", nobody);
    serving
        .get(&format!("/api/v1/backfill/{nobody}/events"))
        .refuses(404, "job", nobody);
    for change in ["cancel", "resume"] {
        serving
            .post(&format!("/api/v1/backfill/{nobody}/{change}"))
            .refuses(404, "job", nobody);
    }
    for route in ["historical", "coverage"] {
        serving
            .get(&format!("/api/v1/{route}/AAPL"))
            .refuses(404, "series", "AAPL");
    }
    let recent = serving.get("/api/v1/backfill/recent").is(200).json();
    assert_eq!(recent["jobs"], json!([]), "nothing was begun");
    serving.stop().ok();
}

#[test]
fn ten_thousand_symbols_are_one_job() {
    let (home, many) = (Home::new(), 10_000);
    let (provider, _gate) = Server::holding(0);
    let serving = Serving::start(home.serve(&provider));
    let symbols: Vec<String> = (0..many).map(|n| format!("S{n}")).collect();
    let body = json!({ "symbols": symbols, "start_date": "2024-01-02", "end_date": "2024-01-05" });
    let job = serving.post_json("/api/v1/backfill", &body).is(202).json();
    assert_eq!(job["slices"], many);
    assert_eq!(job["symbols"].as_array().unwrap().len(), many);
    let again = serving.post_json("/api/v1/backfill", &body).is(202).json();
    assert_eq!(again["job_id"], job["job_id"]);
    let job = serving.status(job["job_id"].as_str().unwrap());
    assert_eq!(job["details"].as_array().unwrap().len(), many);
    serving.kill();
}

#[test]
fn a_file_that_another_program_locks_is_read_and_told_to_be_locked() {
    let (home, serving) = Serving::of_sample();
    let job = serving.backfill(&format!("symbols=AAPL&{WEEK}"));
    serving.wait_for(&job, "completed");
    let other = rusqlite::Connection::open(home.db_path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    serving.get("/health").is(200);
    serving.get("/api/v1/historical/AAPL").is(200);
    serving.get("/api/v1/backfill/recent").is(200);
    for answer in [
        serving.get("/ready"),
        serving.post(&format!("/api/v1/backfill?symbols=MSFT&{WEEK}")),
    ] {
        let answer = answer.refuses(503, "locked", "locked by another process");
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
        hides(&home, &answer.json());
    }
    other.execute_batch("ROLLBACK").unwrap();
    serving.get("/ready").is(200);
    let job = serving.backfill(&format!("symbols=MSFT&{WEEK}"));
    serving.wait_for(&job, "completed");
    serving.stop().ok();
}

#[test]
fn a_full_disk_is_told_as_such_and_the_same_server_goes_on_once_there_is_room() {
    let home = Home::new();
    let disk = Disk::of(&home.path(""));
    let provider = Server::start();
    let clock = Arc::new(SystemClock::default());
    let (url, key) = (provider.url().parse().unwrap(), KEY.parse().unwrap());
    let polygon = Polygon::new(url, key, None, clock.clone());
    let settings = Settings {
        workers: 2,
        ..settings(&home, Arc::new(polygon.unwrap()), clock)
    };
    while_serving(settings, |caller| {
        let minutes = "symbols=AAPL,MSFT&timeframes=1m&start_date=2024-01-02&end_date=2024-01-31";
        let before = caller.backfill(&format!("symbols=AAPL,MSFT&{WEEK}"));
        caller.wait_for(&before, "completed");
        // Room for the job's row, and not for its candles.
        disk.limit(Some(disk.peak() + 200_000));
        let job = caller.backfill(minutes);
        let failed = caller.wait_for(&job, "failed");
        assert!(
            failed["error"].as_str().unwrap().contains("disk is full"),
            "{failed}"
        );
        assert!(
            failed["next"].as_str().is_some_and(|next| !next.is_empty()),
            "{failed}"
        );
        hides(&home, &failed);
        disk.fail(Some(Fault {
            kind: Kind::Write,
            suffix: "",
            nth: 0,
            for_ever: true,
            failure: Failure::NoSpace,
        }));
        let refused = caller
            .post(&format!("/api/v1/backfill?symbols=SPY&{WEEK}"))
            .refuses(507, "disk_full", "disk is full");
        hides(&home, &refused.json());
        let unready = caller.get("/ready");
        assert!([200, 503].contains(&unready.status), "{unready:?}");
        hides(&home, &unready.json());
        caller.get("/api/v1/historical/AAPL").is(200);
        disk.fail(None);
        disk.limit(None);
        caller.get("/ready").is(200);
        caller
            .post(&format!("/api/v1/backfill/{job}/resume"))
            .is(202);
        caller.wait_for(&job, "completed");
    });
    for symbol in ["AAPL", "MSFT"] {
        check(
            &home.db(),
            symbol,
            "1m",
            span(symbol, "1m", "2024-01-02", "2024-01-31"),
        );
    }
}

#[test]
fn a_server_that_cannot_start_says_why_and_what_to_do() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let serve = |words: &str| {
        home.cli(["serve", "--provider", "sample"])
            .args(words)
            .run()
    };
    let run = serve(&format!("--port {port}")).exit(1).says(&[
        &format!("127.0.0.1:{port}"),
        "another program",
        "--port",
    ]);
    assert!(!run.stderr.contains("os error"), "{run:?}");
    serve("--listen 192.0.2.1 --port 0").exit(2).says(&[
        "192.0.2.1",
        "--token-file",
        "--allow-host",
    ]);

    let file = |name: &str, text: &str, mode: u32| {
        fs::write(home.path(name), text).unwrap();
        fs::set_permissions(home.path(name), fs::Permissions::from_mode(mode)).unwrap();
        name.to_owned()
    };
    let long = "0123456789abcdef".repeat(2);
    for (name, words) in [
        (file("open", &long, 0o644), "others can read it"),
        (file("short", &long[1..], 0o600), "32 characters"),
        (file("blank", &format!("{long} {long}"), 0o600), "visible"),
        (file("empty", "", 0o600), "32 characters"),
        ("gone".to_owned(), "no such file"),
        (".".to_owned(), "no regular file"),
    ] {
        let run = serve(&format!("--port 0 --token-file {name}")).exit(1);
        let run = run.says(&[&name, words, "openssl rand"]);
        assert!(!run.stderr.contains(&long[1..]), "{run:?}");
    }
    let good = file("good", &format!("{long}\n"), 0o600);
    for words in [
        "--listen 0.0.0.0",
        "--listen ::",
        &format!("--listen 0.0.0.0 --token-file {good}"),
        "--listen 0.0.0.0 --allow-host candles.example",
    ] {
        serve(&format!("--port 0 {words}"))
            .exit(2)
            .says(&["--token-file", "--allow-host"]);
    }
    for words in [
        "--port 65536",
        "--port eight",
        "--listen localhost",
        "--jobs 0",
        "--jobs 17",
        "--update-at 25:00@America/New_York",
        "--update-at 20:30@Nowhere/City",
        "--update-at 20:30",
    ] {
        serve(words)
            .exit(2)
            .says(&[words.rsplit(' ').next().unwrap()]);
    }
    assert!(
        !home.db_path().exists(),
        "no file is begun by what does not start"
    );
}

#[test]
fn an_address_of_this_machine_alone_needs_no_token() {
    let home = Home::new();
    for address in ["127.0.0.1", "127.0.0.2"] {
        let serving = Serving::start(home.serve_sample().args(&format!("--listen {address}")));
        let mut stream = std::net::TcpStream::connect((address, serving.port)).unwrap();
        let head = format!(
            "GET /ready HTTP/1.1\r\nHost: {address}:{}\r\nConnection: close\r\n\r\n",
            serving.port
        );
        std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
        crate::support::serving::read_answer(&mut stream)
            .unwrap()
            .is(200);
        serving.stop().ok();
    }
}

#[test]
fn a_file_that_is_not_the_servers_to_fill_is_refused_at_the_start() {
    let home = Home::new();
    fs::write(home.path("text.db"), "symbol,price\n".repeat(100)).unwrap();
    let foreign = rusqlite::Connection::open(home.path("foreign.db")).unwrap();
    foreign
        .execute_batch("CREATE TABLE bookmarks (url TEXT)")
        .unwrap();
    drop(foreign);
    let words = "backfill AAPL --provider sample --start 2024-01-02 --end 2024-01-05";
    home.cli(words.split(' ')).run().ok();
    fs::copy(home.db_path(), home.path("readonly.db")).unwrap();
    fs::set_permissions(home.path("readonly.db"), fs::Permissions::from_mode(0o444)).unwrap();
    for (name, words) in [
        ("text.db", "text.db"),
        ("foreign.db", "foreign.db"),
        ("readonly.db", "read-only"),
        ("gone/market.db", "gone"),
    ] {
        home.cli(["--db", name, "serve", "--provider", "sample", "--port", "0"])
            .without_db()
            .run()
            .exit(1)
            .says(&[words, "next: "]);
    }
}

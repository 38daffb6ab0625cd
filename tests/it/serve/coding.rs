//! Answers that are made smaller for who asks: the same text, with a tag of its own, and never where nobody could read it.

use std::fmt::Write as _;
use std::io::Read;

use flate2::read::MultiGzDecoder;
use serde_json::json;
use socket2::SockRef;

use super::historical::stuck_with;
use crate::support::harness::Home;
use crate::support::running::eventually;
use crate::support::server::Server;
use crate::support::serving::{Answer, Serving, read_answer};

const GZIP: &str = "Accept-Encoding: br, gzip;q=0.8\r\n";

/// A server with more minutes of AAPL than all buffers take, hard to make smaller.
fn filled() -> (Home, Serving) {
    let (home, provider) = (Home::new(), Server::start());
    home.backfill(&provider, "AAPL -t 1m --start 2024-01-02 --end 2024-01-02")
        .ok();
    home.sql(
        "INSERT INTO candle_data (series_id, ts, open, high, low, close, volume, vwap)
             WITH RECURSIVE minute (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM minute WHERE n < 79999)
             SELECT 1, 1717200000 + 60 * n, 50 + random() / 1e18, 60 + random() / 1e18, 40 + random() / 1e18,
                    50 + random() / 1e18, abs(random() / 1e9), 50 + random() / 1e18 FROM minute;
         UPDATE series SET candles = candles + 80000, last_ts = 1717200000 + 60 * 79999",
    );
    let serving = Serving::start(home.serve(&provider));
    (home, serving)
}

/// The text of an answer that was made smaller.
fn unzipped(answer: &Answer) -> String {
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    MultiGzDecoder::new(&*answer.body)
        .read_to_string(&mut text)
        .unwrap();
    text
}

#[test]
fn json_and_csv_are_made_smaller_for_who_asks_and_say_the_same() {
    let (_home, serving) = filled();
    let symbols = (0..80).fold(String::new(), |mut all, n| {
        write!(all, "LONGSYMBOL{n},").unwrap();
        all
    });
    let start =
        format!("/api/v1/backfill?symbols={symbols}&start_date=2024-01-02&end_date=2024-01-05");
    let job = serving.post(&start).is(202).json();
    let job = job["job_id"].as_str().unwrap();
    // Once it has ended, it is told the same twice.
    eventually("the job has ended", || {
        !["queued", "running"].contains(&serving.status(job)["status"].as_str().unwrap())
    });
    let minutes = "/api/v1/historical/AAPL?timeframe=1m";
    let (mut smaller, mut as_they_are) = (0, 0);
    for target in [
        &*format!("{minutes}&limit=80000"),
        &format!("{minutes}&format=csv"),
        &format!("{minutes}&limit=60"),
        &format!("{minutes}&limit=60&format=csv"),
        &format!("{minutes}&limit=2"),
        &format!("{minutes}&limit=2&format=csv"),
        &format!("/api/v1/backfill/status/{job}"),
        "/api/v1/backfill/recent",
        "/api/v1/openapi.json",
        "/api/v1/coverage/AAPL?timeframe=1m",
        "/api/v1/symbols",
        "/health",
    ] {
        let plain = serving.get(target).is(200);
        let asked = serving.send("GET", target, GZIP, "").is(200);
        for answer in [&plain, &asked] {
            assert_eq!(answer.header("vary"), Some("accept-encoding"), "{target}");
        }
        assert_eq!(plain.header("content-encoding"), None, "{target}");
        if plain.body.len() >= 1024 {
            smaller += 1;
            assert!(asked.body.len() < plain.body.len(), "{target}");
            assert!(unzipped(&asked) == plain.text(), "{target}");
        } else {
            as_they_are += 1;
            assert_eq!(asked.header("content-encoding"), None, "{target}");
            assert_eq!(asked.text(), plain.text(), "{target}");
        }
        let head = serving.send("HEAD", target, GZIP, "").is(200);
        for name in ["content-encoding", "etag", "vary", "content-length"] {
            assert_eq!(head.header(name), asked.header(name), "{target} {name}");
        }
    }
    assert_eq!((smaller, as_they_are), (8, 4));
    let again = serving.send("POST", &start, GZIP, "").is(202);
    let again: serde_json::Value = serde_json::from_str(&unzipped(&again)).unwrap();
    assert_eq!(again["symbols"].as_array().unwrap().len(), 80);
    serving.stop().ok();
}

#[test]
fn what_is_no_document_goes_as_it_is_and_so_does_everything_to_a_caller_of_old() {
    let (_home, serving) = filled();
    let job = serving.get("/api/v1/backfill/recent").json();
    let job = job["jobs"][0]["job_id"].as_str().unwrap();
    for target in [
        &*format!("/api/v1/backfill/{job}/events"),
        "/metrics",
        "/",
        "/assets/app.js",
    ] {
        let answer = serving.send("GET", target, GZIP, "").is(200);
        assert_eq!(answer.header("content-encoding"), None, "{target}");
    }
    for target in [
        "/api/v1/historical/AAPL?timeframe=1m&limit=60",
        "/api/v1/historical/AAPL?timeframe=1m&format=csv&limit=60",
        "/api/v1/openapi.json",
    ] {
        let plain = serving.get(target).is(200);
        let host = format!("Host: 127.0.0.1:{}\r\n", serving.port);
        let old = format!("GET {target} HTTP/1.0\r\n{host}{GZIP}\r\n");
        let old = serving.raw(old.as_bytes()).unwrap().is(200);
        assert_eq!(old.header("content-encoding"), None, "{target}");
        assert!(old.body == plain.body, "{target}");
        assert_eq!(old.header("etag"), plain.header("etag"), "{target}");
        for none in ["identity", "gzip;q=0", "br", "gzip;q=0.4, identity;q=0.5"] {
            let header = format!("Accept-Encoding: {none}\r\n");
            let answer = serving.send("GET", target, &header, "").is(200);
            assert_eq!(answer.header("content-encoding"), None, "{target} {none}");
        }
    }
    serving.stop().ok();
}

#[test]
fn each_encoding_has_a_tag_of_its_own() {
    let (_home, serving) = filled();
    for target in [
        "/api/v1/historical/AAPL?timeframe=1m&limit=60",
        "/api/v1/historical/AAPL?timeframe=1m&limit=60&format=csv",
    ] {
        let plain = serving.get(target).is(200);
        let zipped = serving.send("GET", target, GZIP, "").is(200);
        let tags = [&plain, &zipped].map(|answer| answer.header("etag").unwrap());
        assert_ne!(tags[0], tags[1]);
        for (asked, headers) in ["", GZIP].into_iter().enumerate() {
            for (held, tag) in tags.iter().enumerate() {
                let headers = format!("{headers}If-None-Match: {tag}\r\n");
                let answer = serving.send("GET", target, &headers, "");
                let answer = answer.is(if asked == held { 304 } else { 200 });
                assert_eq!(answer.header("etag"), Some(tags[asked]));
                assert_eq!(answer.header("vary"), Some("accept-encoding"));
            }
        }
    }
    // What is not worth it goes as it is, and has the tag of that.
    for format in ["json", "csv"] {
        let target = format!("/api/v1/historical/AAPL?timeframe=1m&limit=2&format={format}");
        let plain = serving.get(&target).is(200);
        let tag = plain.header("etag").unwrap();
        let asked = serving.send("GET", &target, GZIP, "").is(200);
        assert_eq!(asked.header("etag"), Some(tag));
        let held = format!("{GZIP}If-None-Match: {tag}\r\n");
        for method in ["GET", "HEAD"] {
            let unchanged = serving.send(method, &target, &held, "").is(304);
            assert_eq!(unchanged.header("etag"), Some(tag));
            assert_eq!(unchanged.body, b"");
        }
    }
    serving.stop().ok();
}

#[test]
fn two_are_made_smaller_at_once_and_the_next_one_goes_as_it_is() {
    let (_home, serving) = filled();
    let json = "/api/v1/historical/AAPL?timeframe=1m&limit=1000000";
    let csv = "/api/v1/historical/AAPL?timeframe=1m&format=csv";
    let mut slow = [json, csv].map(|target| stuck_with(&serving, target, "1.1", GZIP));
    let some = format!("{csv}&limit=60");
    let third = serving.send("GET", &some, GZIP, "").is(200);
    assert_eq!(third.header("content-encoding"), None);
    let document = serving.send("GET", "/api/v1/openapi.json", GZIP, "");
    assert_eq!(document.is(200).header("content-encoding"), None);
    let plain = serving.get(&some).is(200);
    assert_eq!(third.header("etag"), plain.header("etag"));
    assert_eq!(third.text(), plain.text());
    // The document's text is made as far as it goes, and then another may be made smaller.
    eventually("there is room again", || {
        let document = serving.send("GET", "/api/v1/openapi.json", GZIP, "");
        document.header("content-encoding") == Some("gzip")
    });
    let [cut, whole] = slow.each_mut().map(|stream| {
        let wide = SockRef::from(&*stream).set_recv_buffer_size(4 << 20);
        wide.unwrap();
        unzipped(&read_answer(stream).unwrap())
    });
    assert!(whole == serving.get(csv).is(200).text());
    let cut: serde_json::Value = serde_json::from_str(&cut).unwrap();
    assert_ne!(cut["next_cursor"], json!(null));
    assert_ne!(cut["candles"].as_array().unwrap().len(), 0);
    serving.stop().ok();
}

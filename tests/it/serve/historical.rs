//! Candles over HTTP: the same as in the file, in pages that join without a seam, told again only once they have changed,
//! and never at the cost of a transaction for a caller who does not read.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};
use socket2::{Domain, SockRef, Socket, Type};

use crate::support::exchange::PATIENCE;
use crate::support::harness::Home;
use crate::support::oracle::{self, Candle, candles, span};
use crate::support::running::eventually;
use crate::support::server::Server;
use crate::support::serving::{Answer, Serving, read_answer};

fn filled(words: &[&str]) -> (Home, Server, Serving) {
    let (home, provider) = (Home::new(), Server::start());
    for words in words {
        home.backfill(&provider, words).ok();
    }
    let serving = Serving::start(home.serve(&provider));
    (home, provider, serving)
}

fn told(candle: &Value) -> Candle {
    Candle {
        ts: candle["ts"].as_i64().unwrap(),
        open: candle["open"].as_f64().unwrap(),
        high: candle["high"].as_f64().unwrap(),
        low: candle["low"].as_f64().unwrap(),
        close: candle["close"].as_f64().unwrap(),
        volume: candle["volume"].as_f64(),
        vwap: candle["vwap"].as_f64(),
        trades: candle["trades"].as_i64(),
    }
}

fn of(document: &Value) -> Vec<Candle> {
    let candles = document["candles"].as_array().unwrap();
    candles.iter().map(told).collect()
}

/// The answers from a target on, each with the place of the next one from its `Link`.
fn pages(serving: &Serving, target: &str) -> Vec<Answer> {
    let mut pages = Vec::new();
    let mut next = Some(target.to_owned());
    while let Some(target) = next {
        let answer = serving.get(&target).is(200);
        next = answer.header("link").map(|link| {
            let (target, rel) = link.split_once('>').unwrap();
            assert_eq!(rel, "; rel=\"next\"");
            target.strip_prefix('<').unwrap().to_owned()
        });
        pages.push(answer);
    }
    pages
}

#[test]
fn candles_are_told_as_the_provider_had_them_and_as_show_tells_them() {
    const RANGE: [&str; 2] = ["2024-01-02", "2024-01-12"];
    let series = [
        ("AAPL", "AAPL", "1d"),
        ("AAPL", "AAPL", "30m"),
        ("I%3ASPX", "I:SPX", "1h"),
        ("X%3ABTCUSD", "X:BTCUSD", "1h"),
    ];
    let words = series.map(|(_, symbol, timeframe)| {
        format!(
            "{symbol} -t {timeframe} --start {} --end {}",
            RANGE[0], RANGE[1]
        )
    });
    let (home, _provider, serving) = filled(&words.each_ref().map(String::as_str));
    for (encoded, symbol, timeframe) in series {
        let target = format!("/api/v1/historical/{encoded}?timeframe={timeframe}");
        let answer = serving.get(&target).is(200);
        let document = answer.json();
        let whole = span(symbol, timeframe, RANGE[0], RANGE[1]);
        let expected: Vec<Candle> = candles(symbol, timeframe, whole).collect();
        assert!(!expected.is_empty());
        assert_eq!(of(&document), expected);
        assert_eq!(document["next_cursor"], Value::Null);
        assert_eq!(answer.header("link"), None);
        let shown = home.cli(["show", symbol, "-t", timeframe, "--json"]);
        let shown = shown.run().ok().json();
        for name in ["symbol", "timeframe", "source", "adjusted", "candles"] {
            assert_eq!(document[name], shown[name], "{name}");
        }
        let order = answer.text();
        let places = ["symbol", "timeframe", "source", "adjusted", "candles"];
        let places = places.map(|name| order.find(&format!("\"{name}\":")).unwrap());
        assert!(places.is_sorted(), "{order}");

        let csv = serving.get(&format!("{target}&format=csv")).is(200);
        let mut lines = csv.text().lines();
        let names = "ts,datetime,open,high,low,close,volume,vwap,trades";
        assert_eq!(lines.next(), Some(names));
        let cell = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        for candle in document["candles"].as_array().unwrap() {
            let cells = names.split(',').map(|name| cell(&candle[name]));
            assert_eq!(lines.next(), Some(&*cells.collect::<Vec<_>>().join(",")));
        }
        assert_eq!(lines.next(), None);
    }
}

#[test]
fn a_series_that_is_not_what_the_file_says_of_it_is_refused_and_verify_is_named() {
    let (home, provider) = (Home::new(), Server::start());
    home.backfill(
        &provider,
        "AAPL -t 1d,1m --start 2024-01-02 --end 2024-02-29",
    )
    .ok();
    home.sql("DELETE FROM candle_data WHERE ts IN (SELECT min(ts) + 86400 FROM candle_data GROUP BY series_id)");
    let serving = Serving::start(home.serve(&provider));
    let days = "/api/v1/historical/AAPL?timeframe=1d";
    for target in [format!("{days}&format=csv"), days.to_owned()] {
        let refused = serving.get(&target).is(500).json();
        let error = &refused["error"];
        assert!(
            error["message"]
                .as_str()
                .unwrap()
                .contains("the row of AAPL 1d says"),
            "{refused}"
        );
        assert!(
            error["next"]
                .as_str()
                .unwrap()
                .contains("candlefile verify FILE"),
            "{refused}"
        );
    }
    // Of a part that is whole nothing is known to be wrong.
    serving
        .get(&format!("{days}&format=csv&start=2024-02-01"))
        .is(200);
    // Of a long one the beginning is on its way before that is known.
    let target = "/api/v1/historical/AAPL?timeframe=1m&format=csv";
    let mut text = Vec::new();
    let error = stuck_at(&serving, target, "1.1").read_to_end(&mut text);
    assert_eq!(
        error.expect_err("a part").kind(),
        ErrorKind::ConnectionReset
    );
    assert!(text.len() > 500_000, "{} bytes", text.len());
}

#[test]
fn a_csv_answer_is_a_file_with_a_harmless_name() {
    let words = "X:BTCUSD --start 2024-01-02 --end 2024-01-05";
    let (_home, _provider, serving) = filled(&[words]);
    let answer = serving.get("/api/v1/historical/X%3ABTCUSD?format=csv");
    assert_eq!(
        answer.header("content-type"),
        Some("text/csv; charset=utf-8")
    );
    assert_eq!(
        answer.header("content-disposition"),
        Some("attachment; filename=\"X_BTCUSD-1d.csv\"")
    );
}

#[test]
fn pages_of_every_size_join_to_the_whole_answer() {
    let words = "AAPL -t 1h --start 2024-01-02 --end 2024-01-05";
    let (_home, _provider, serving) = filled(&[words]);
    let target = "/api/v1/historical/AAPL?timeframe=1h&start=2024-01-03&end=2024-01-04";
    let whole = serving.get(target).is(200).json();
    let whole = whole["candles"].as_array().unwrap();
    let whole_csv = serving.get(&format!("{target}&format=csv"));
    let count = whole.len();
    assert!(count > 20, "{count}");
    for limit in [1, 2, 3, 7, count - 1, count, count + 1] {
        let pages = |format: &str| pages(&serving, &format!("{target}&limit={limit}{format}"));
        let mut joined = Vec::new();
        let json = pages("");
        assert_eq!(json.len(), count.div_ceil(limit), "{limit}");
        for (number, page) in json.iter().enumerate() {
            let document = page.json();
            joined.extend(document["candles"].as_array().unwrap().clone());
            let cursor = document["next_cursor"].as_str();
            assert_eq!(cursor.is_none(), number + 1 == json.len());
            if let Some(cursor) = cursor {
                assert!(page.header("link").unwrap().contains(cursor));
            }
        }
        assert_eq!(&joined, whole, "{limit}");
        let mut text = String::new();
        for (number, page) in pages("&format=csv").iter().enumerate() {
            let skip = usize::from(number > 0);
            text.extend(page.text().split_inclusive('\n').skip(skip));
        }
        assert_eq!(text, whole_csv.text(), "{limit}");
    }
}

#[test]
fn pages_that_are_read_while_a_backfill_adds_candles_have_all_that_follow() {
    let (first, last) = ("2024-01-02", "2024-01-26");
    let (home, provider, serving) = filled(&[
        "AAPL --start 2024-01-02 --end 2024-01-04",
        "AAPL --start 2024-01-16 --end 2024-01-19",
    ]);
    let target = "/api/v1/historical/AAPL?limit=3";
    let page = serving.get(target).is(200).json();
    let mut joined = of(&page);
    let mut cursor = page["next_cursor"].as_str().unwrap().to_owned();
    // Behind the page and before the candle that came next when it was read, and behind all of them.
    home.backfill(&provider, &format!("AAPL --start {first} --end {last}"))
        .ok();
    loop {
        let page = serving.get(&format!("{target}&cursor={cursor}")).is(200);
        let page = page.json();
        joined.extend(of(&page));
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    let expected = candles("AAPL", "1d", span("AAPL", "1d", first, last));
    assert_eq!(joined, expected.collect::<Vec<_>>());
}

#[test]
fn dates_are_days_of_the_market_and_inclusive_and_instants_are_exclusive_ends() {
    let all = ["2024-03-04", "2024-03-15"];
    let words = ["AAPL -t 30m", "X:BTCUSD -t 1h", "AAPL -t 1w"];
    let words = words.map(|words| format!("{words} --start {} --end {}", all[0], all[1]));
    let (_home, _provider, serving) = filled(&words.each_ref().map(String::as_str));
    let ask = |symbol: &str, query: &str| {
        let target = format!("/api/v1/historical/{symbol}?{query}");
        of(&serving.get(&target).is(200).json())
    };
    let expect =
        |symbol: &str, timeframe: &str, span| candles(symbol, timeframe, span).collect::<Vec<_>>();
    // New York goes over to summer time on the 10th.
    for (first, last) in [("2024-03-08", "2024-03-11"), ("2024-03-07", "2024-03-07")] {
        let query = format!("timeframe=30m&start={first}&end={last}");
        let expected = expect("AAPL", "30m", span("AAPL", "30m", first, last));
        assert_eq!(ask("AAPL", &query), expected);
        let query = format!("timeframe=1h&start={first}&end={last}");
        let expected = expect("X:BTCUSD", "1h", span("X:BTCUSD", "1h", first, last));
        assert_eq!(ask("X%3ABTCUSD", &query), expected);
    }
    let whole = span("AAPL", "30m", all[0], all[1]);
    let eighth = span("AAPL", "30m", "2024-03-08", "2024-03-08");
    let from = ask("AAPL", "timeframe=30m&start=2024-03-08");
    assert_eq!(from, expect("AAPL", "30m", (eighth.0, whole.1)));
    let up_to = ask("AAPL", "timeframe=30m&end=2024-03-08");
    assert_eq!(up_to, expect("AAPL", "30m", (whole.0, eighth.1)));
    let start = oracle::label(oracle::date("2024-03-12")) + 15 * oracle::HOUR;
    let instants = "timeframe=30m&start=2024-03-12T15:00:00Z&end=2024-03-12T18:00:00%2B01:00";
    let expected = expect("AAPL", "30m", (start, start + 2 * oracle::HOUR));
    assert_eq!(ask("AAPL", instants), expected);
    let week = ask("AAPL", "timeframe=1w&start=2024-03-06&end=2024-03-06");
    let wednesday = span("AAPL", "1w", "2024-03-06", "2024-03-06");
    assert_eq!(week, expect("AAPL", "1w", wednesday));
}

#[test]
fn a_tag_is_the_same_until_the_file_changes() {
    let words = "AAPL --start 2024-01-02 --end 2024-01-05";
    let (home, provider, serving) = filled(&[words]);
    let target = "/api/v1/historical/AAPL";
    let tag = |target: &str| {
        let answer = serving.get(target).is(200);
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        let tag = answer.header("etag").unwrap().to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
        tag
    };
    let first = tag(target);
    home.cli(["show", "AAPL"]).run().ok();
    assert_eq!(tag(target), first);
    assert_ne!(tag(&format!("{target}?limit=2")), first);
    assert_ne!(tag(&format!("{target}?format=csv")), first);
    let asked = |held: &str| serving.send("GET", target, held, "");
    for held in [
        format!("If-None-Match: {first}\r\n"),
        format!("If-None-Match: W/{first}\r\n"),
        format!("If-None-Match: \"other\", {first}\r\n"),
        format!("If-None-Match: \"other\"\r\nIf-None-Match: W/\"another\",{first}\r\n"),
        "If-None-Match: *\r\n".to_owned(),
    ] {
        let answer = asked(&held).is(304);
        assert_eq!(answer.header("etag"), Some(&*first));
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        assert_eq!(answer.body, b"");
    }
    asked("If-None-Match: \"other\"\r\n").is(200);
    home.backfill(&provider, "AAPL --start 2024-01-02 --end 2024-01-12")
        .ok();
    let changed = asked(&format!("If-None-Match: {first}\r\n")).is(200);
    let second = changed.header("etag").unwrap().to_owned();
    assert_ne!(second, first);
    assert_eq!(tag(target), second);
    serving.stop().ok();
    let again = Serving::start(home.serve(&provider));
    let other = again.get(target).is(200);
    assert_ne!(other.header("etag"), Some(&*second));
}

#[test]
fn head_answers_the_head_alone() {
    let (_home, _provider, serving) = filled(&["AAPL --start 2024-01-02 --end 2024-01-12"]);
    for query in ["limit=2", "format=csv"] {
        let target = format!("/api/v1/historical/AAPL?{query}");
        let (whole, head) = (serving.get(&target), serving.send("HEAD", &target, "", ""));
        let head = head.is(200);
        assert_eq!(head.body, b"");
        for name in ["etag", "link", "content-type", "content-disposition"] {
            assert_eq!(head.header(name), whole.header(name), "{name}");
        }
    }
    let target = "/api/v1/historical/NONE";
    assert_eq!(serving.send("HEAD", target, "", "").is(404).body, b"");
}

#[test]
fn what_is_not_held_or_asked_for_wrongly_is_refused() {
    let (_home, _provider, serving) = filled(&["AAPL --start 2024-01-02 --end 2024-01-05"]);
    let unknown = serving.get("/api/v1/historical/AAPLE");
    let unknown = unknown.refuses(404, "series", "AAPLE").json();
    let next = unknown["error"]["next"].as_str().unwrap();
    assert!(next.contains("AAPL 1d"), "{next}");
    serving
        .get("/api/v1/historical/AAPL?timeframe=1h")
        .refuses(404, "series", "1h");
    for (query, words) in [
        ("limit=0", "limit"),
        ("limit=1000001", "limit"),
        ("limit=-1", "limit"),
        ("limit=1&limit=2", "limit"),
        ("format=xml", "format"),
        ("timeframe=1M", "timeframe"),
        ("start=2024-02-30", "2024-02-30"),
        ("end=tomorrow", "tomorrow"),
        ("cursor=", "cursor"),
        ("cursor=AAAAAA", "cursor"),
        ("cursor=f_________8", "cursor"),
        ("cursor=AAAAAAAAAAAAAAAAAAAAAA", "cursor"),
        ("cursor=2024-01-02", "cursor"),
        ("since=2024-01-02", "since"),
    ] {
        let answer = serving.get(&format!("/api/v1/historical/AAPL?{query}"));
        answer.refuses(400, "usage", words);
    }
    for (query, words) in [
        ("start=2024-01-05&end=2024-01-02", "before the start"),
        ("cursor=AAAAAAAAAAA&end=1960-01-01", "cursor"),
    ] {
        let answer = serving.get(&format!("/api/v1/historical/AAPL?{query}"));
        answer.refuses(409, "usage", words);
    }
    serving
        .get("/api/v1/historical/%27%20OR%201=1")
        .refuses(400, "usage", "symbol");
    let none = serving.get("/api/v1/historical/AAPL?start=2023-01-01&end=2023-01-31");
    assert_eq!(none.is(200).json()["candles"], json!([]));
}

const ALL: &str = "/api/v1/historical/AAPL?timeframe=1m&limit=1000000";

/// More than all buffers on the way to a caller take.
fn filled_beyond_all_buffers() -> (Home, Serving) {
    let (home, _, serving) = filled(&["AAPL -t 1m --start 2024-01-02 --end 2024-01-02"]);
    home.sql(
        "INSERT INTO candle_data (series_id, ts, open, high, low, close, volume)
             WITH RECURSIVE minute (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM minute WHERE n < 99999)
             SELECT 1, 1717200000 + 60 * n, 100.25, 101.5, 99.75, 100.5, n FROM minute;
         UPDATE series SET candles = candles + 100000, last_ts = 1717200000 + 60 * 99999",
    );
    (home, serving)
}

/// Asks, and takes nothing but the first byte.
fn stuck(serving: &Serving, target: &str) -> TcpStream {
    stuck_at(serving, target, "1.1")
}

/// The same in a version of HTTP.
fn stuck_at(serving: &Serving, target: &str, version: &str) -> TcpStream {
    stuck_with(serving, target, version, "")
}

/// The same with these header lines.
pub(crate) fn stuck_with(
    serving: &Serving,
    target: &str,
    version: &str,
    headers: &str,
) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], serving.port));
    socket.connect(&address.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let host = serving.port;
    write!(
        stream,
        "GET {target} HTTP/{version}\r\nHost: 127.0.0.1:{host}\r\nConnection: close\r\n{headers}\r\n"
    )
    .unwrap();
    let mut first = [0];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"H");
    stream
}

/// Whether the log was emptied: nobody reads from it.
fn emptied(connection: &Connection) -> bool {
    let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
    connection
        .query_row(sql, [], |row| row.get::<_, i64>(0))
        .unwrap()
        == 0
}

#[test]
fn a_caller_who_does_not_read_holds_no_transaction_and_is_told_truly_what_he_has_missed() {
    let (home, serving) = filled_beyond_all_buffers();
    let whole = of(&serving.get(ALL).is(200).json());
    let mut json = stuck(&serving, ALL);
    let began = Instant::now();
    let writer = Connection::open(home.db_path()).unwrap();
    writer.busy_timeout(Duration::ZERO).unwrap();
    let sql = "UPDATE series SET created_at = created_at";
    assert_eq!(writer.execute(sql, []).unwrap(), 1);
    assert!(
        !emptied(&writer),
        "nothing is held: the answer was too small"
    );
    eventually("the log can be emptied", || emptied(&writer));
    let held = began.elapsed();
    assert!(held < Duration::from_secs(5), "{held:?}");

    SockRef::from(&json).set_recv_buffer_size(4 << 20).unwrap();
    let answer = read_answer(&mut json).unwrap().json();
    let mut joined = of(&answer);
    let cursor = answer["next_cursor"].as_str().unwrap();
    assert!(joined.len() < whole.len());
    let rest = serving.get(&format!("{ALL}&cursor={cursor}")).is(200);
    joined.extend(of(&rest.json()));
    assert_eq!(joined, whole);
}

const CSV: &str = "/api/v1/historical/AAPL?timeframe=1m&format=csv";

// The oldest 100,000 candles of a series came as a file that looked whole.
#[test]
fn csv_is_whole_where_no_limit_is_asked_for_and_says_where_one_has_cut_it() {
    let (home, serving) = filled_beyond_all_buffers();
    let whole = serving.get(CSV).is(200);
    assert_eq!(whole.header("next-cursor"), None);
    let candles = home.db().count("SELECT candles FROM series");
    assert!(candles > 100_000);
    assert_eq!(whole.text().lines().count() as i64, candles + 1);
    let (mut text, mut target) = (String::new(), format!("{CSV}&limit=60000"));
    loop {
        let page = serving.get(&target).is(200);
        let skip = usize::from(!text.is_empty());
        text.extend(page.text().split_inclusive('\n').skip(skip));
        let Some(cursor) = page.header("next-cursor") else {
            break;
        };
        assert!(page.header("link").unwrap().contains(cursor));
        target = format!("{CSV}&limit=60000&cursor={cursor}");
    }
    assert_eq!(text, whole.text());
}

#[test]
fn csv_that_is_read_slowly_holds_nothing_and_is_whole_in_the_end() {
    let (home, serving) = filled_beyond_all_buffers();
    let whole = serving.get(CSV).is(200);
    let mut slow: Vec<TcpStream> = (0..8).map(|_| stuck(&serving, CSV)).collect();
    let writer = Connection::open(home.db_path()).unwrap();
    writer.busy_timeout(Duration::ZERO).unwrap();
    writer
        .execute("UPDATE series SET created_at = created_at", [])
        .unwrap();
    eventually("the log can be emptied", || emptied(&writer));
    // More of them than may read at once, and others are answered all the same.
    serving.get(&format!("{CSV}&limit=1")).is(200);
    serving.get(CSV).is(200);
    // What comes behind the end of what was asked for is not in it.
    home.sql("INSERT INTO candle_data (series_id, ts, open, high, low, close, volume) VALUES (1, 1735689600, 1, 1, 1, 1, 1)");
    for stream in &mut slow {
        SockRef::from(&*stream)
            .set_recv_buffer_size(4 << 20)
            .unwrap();
        let answer = read_answer(stream).unwrap();
        assert_eq!(answer.text(), whole.text());
    }
}

#[test]
fn csv_ends_as_an_error_where_its_series_is_dropped_or_changed_meanwhile() {
    let change = [
        "DELETE FROM candle_data WHERE series_id = 1",
        "UPDATE candle_data SET close = 100.75 WHERE series_id = 1",
        "UPDATE series SET adjusted = 1 - adjusted",
        "PRAGMA foreign_keys = OFF; DELETE FROM candle_data; DELETE FROM series",
    ];
    for (sql, version) in change.iter().zip(["1.0", "1.1"].iter().cycle()) {
        let (home, serving) = filled_beyond_all_buffers();
        let mut stream = stuck_at(&serving, CSV, version);
        home.sql(sql);
        SockRef::from(&stream)
            .set_recv_buffer_size(4 << 20)
            .unwrap();
        let mut text = Vec::new();
        let error = stream.read_to_end(&mut text).expect_err(sql);
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{sql} {version}");
        serving.get("/health").is(200);
    }
}

#[test]
fn a_clean_stop_does_not_wait_for_a_caller_who_does_not_read() {
    let (home, serving) = filled_beyond_all_buffers();
    let _held = stuck(&serving, ALL);
    let began = Instant::now();
    serving.stop().ok();
    let took = began.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert!(!home.path("market.db-wal").exists());
}

//! Only what is missing is asked for: longer ranges, holes, dry runs, and what "nothing" means.

use serde_json::Value;

use crate::support::checker::check;
use crate::support::harness::Home;
use crate::support::oracle::{self, DAY, HOUR, Span, span};
use crate::support::server::Server;

/// The spans asked for, merged where they touch: cells may cut a request in two without asking for more.
fn asked(server: &Server) -> Vec<Span> {
    let mut merged: Vec<Span> = Vec::new();
    for ask in server.asked() {
        match merged.last_mut() {
            Some(last) if last.1 == ask.span.0 => last.1 = ask.span.1,
            _ => merged.push(ask.span),
        }
    }
    merged
}

/// Takes a span out of a series as if it had never been fetched.
fn cut(home: &Home, symbol: &str, (start, end): Span) {
    home.sql(&format!(
        "BEGIN IMMEDIATE;
         CREATE TEMP TABLE s AS SELECT id FROM series WHERE symbol = '{symbol}';
         INSERT INTO coverage SELECT series_id, {end}, end_ts FROM coverage, s WHERE series_id = id AND start_ts < {start} AND end_ts > {end};
         UPDATE coverage SET end_ts = {start} WHERE series_id IN (SELECT id FROM s) AND start_ts < {start} AND end_ts > {start};
         DELETE FROM candle_data WHERE series_id IN (SELECT id FROM s) AND ts >= {start} AND ts < {end};
         UPDATE series SET candles = (SELECT count(*) FROM candle_data WHERE series_id = id) WHERE id IN (SELECT id FROM s);
         COMMIT"
    ));
}

#[test]
fn a_longer_range_asks_only_for_what_is_new_at_both_ends() {
    for timeframe in ["1m", "1d"] {
        let (home, server) = (Home::new(), Server::start());
        home.backfill(
            &server,
            &format!("AAPL -t {timeframe} --start 2024-02-05 --end 2024-02-09"),
        )
        .ok();
        server.forget();
        let report = home
            .backfill(
                &server,
                &format!("AAPL -t {timeframe} --start 2024-01-30 --end 2024-02-14"),
            )
            .ok()
            .json();
        let (old, new) = (
            span("AAPL", timeframe, "2024-02-05", "2024-02-09"),
            span("AAPL", timeframe, "2024-01-30", "2024-02-14"),
        );
        assert_eq!(
            asked(&server),
            [(new.0, old.0), (old.1, new.1)],
            "{timeframe}"
        );
        assert_eq!(report["records"]["duplicate"], 0);
        check(&home.db(), "AAPL", timeframe, new);
    }
}

#[test]
fn holes_inside_are_repaired_and_nothing_else_is_asked() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(
        &server,
        "X:BTCUSD -t 1m --start 2024-02-01 --end 2024-02-20",
    )
    .ok();
    let whole = span("X:BTCUSD", "1m", "2024-02-01", "2024-02-20");
    let holes = [
        (whole.0 + 3 * DAY, whole.0 + 3 * DAY + 60),
        (whole.0 + 5 * DAY + 7 * HOUR, whole.0 + 6 * DAY),
        (whole.1 - 2 * HOUR, whole.1 - HOUR),
    ];
    for hole in holes {
        cut(&home, "X:BTCUSD", hole);
    }
    server.forget();
    let report = home
        .backfill(
            &server,
            "X:BTCUSD -t 1m --start 2024-02-01 --end 2024-02-20",
        )
        .ok()
        .json();
    assert_eq!(asked(&server), holes);
    let missing: usize = holes
        .map(|hole| oracle::candles("X:BTCUSD", "1m", hole).count())
        .iter()
        .sum();
    assert_eq!(report["records"]["inserted"], missing);
    assert_eq!(report["records"]["fetched"], missing);
    check(&home.db(), "X:BTCUSD", "1m", whole);
}

#[test]
fn two_distant_ranges_leave_the_middle_out_until_it_is_asked_for() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, "AAPL -t 1h --start 2023-01-03 --end 2023-01-06")
        .ok();
    home.backfill(&server, "AAPL -t 1h --start 2023-06-05 --end 2023-06-09")
        .ok();
    let (first, second) = (
        span("AAPL", "1h", "2023-01-03", "2023-01-06"),
        span("AAPL", "1h", "2023-06-05", "2023-06-09"),
    );
    assert_eq!(home.db().coverage("AAPL", "1h"), [first, second]);
    server.forget();
    home.backfill(&server, "AAPL -t 1h --start 2023-01-03 --end 2023-06-09")
        .ok();
    assert_eq!(asked(&server), [(first.1, second.0)]);
    check(&home.db(), "AAPL", "1h", (first.0, second.1));
}

#[test]
fn minutes_of_a_stock_are_asked_in_one_request_for_each_75_days() {
    let (home, server) = (Home::new(), Server::setup().page(50_000).start());
    home.backfill(&server, "AAPL -t 1h --start 2023-01-02 --end 2023-12-29")
        .ok();
    let days = server.asked();
    assert!(
        (5..=6).contains(&days.len()),
        "a year is five cells, or six with two begun ones: {days:?}"
    );
    for pair in days.windows(2) {
        let day = (oracle::day_of(pair[1].span.0) - oracle::day_of(0)).num_days();
        assert_eq!(
            (pair[0].span.1, day % 75),
            (pair[1].span.0, 0),
            "cut at every 75th day since 1970"
        );
        assert_eq!(
            oracle::midnight(oracle::zone("AAPL"), oracle::day_of(pair[1].span.0)),
            pair[1].span.0
        );
    }
    check(
        &home.db(),
        "AAPL",
        "1h",
        span("AAPL", "1h", "2023-01-02", "2023-12-29"),
    );
}

#[test]
fn a_dry_run_sends_nothing_and_leaves_no_file() {
    let (home, server) = (Home::new(), Server::start());
    let words = "AAPL MSFT -t 1m,1d --start 2024-01-02 --end 2024-06-28";
    let report = home
        .backfill(&server, &format!("{words} --dry-run"))
        .ok()
        .json();
    assert_eq!(server.hits(), 0);
    assert!(home.files().is_empty(), "{:?}", home.files());
    let plan = &report["plan"];
    for field in ["slices", "requests", "rows", "bytes"] {
        assert!(
            plan[field].as_u64().is_some_and(|n| n > 0),
            "{field} of {plan}"
        );
    }
    assert!(plan["seconds"].is_number(), "{plan}");
    assert_eq!(report["series"].as_array().map(Vec::len), Some(4));
    let slow = home
        .backfill(&server, &format!("{words} --dry-run --rate 5/min"))
        .ok()
        .json();
    assert!(
        slow["plan"]["seconds"].as_f64() > plan["seconds"].as_f64(),
        "a lower rate takes longer"
    );
    home.to(
        &server,
        ["backfill", "AAPL", "--start", "2024-01-02", "--dry-run"],
    )
    .run()
    .ok();
    assert_eq!(server.hits(), 0);
}

#[test]
fn a_dry_run_on_a_file_changes_no_byte_and_plans_only_what_is_missing() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, "AAPL -t 1d --start 2024-01-02 --end 2024-03-28")
        .ok();
    let before = home.files();
    server.forget();
    let none = home
        .backfill(
            &server,
            "AAPL -t 1d --start 2024-01-02 --end 2024-03-28 --dry-run",
        )
        .ok()
        .json();
    assert_eq!(
        (&none["plan"]["slices"], &none["plan"]["requests"]),
        (&Value::from(0), &Value::from(0))
    );
    let more = home
        .backfill(
            &server,
            "AAPL MSFT -t 1d --start 2024-01-02 --end 2024-04-30 --dry-run",
        )
        .ok()
        .json();
    assert_eq!(more["plan"]["slices"], 2);
    assert_eq!(server.hits(), 0);
    assert!(home.files() == before, "the file changed");
}

#[test]
fn nothing_before_a_listing_is_an_answer_that_is_remembered_and_reported() {
    let (home, server) = (Home::new(), Server::start());
    let words = "IPO -t 1d --start 2024-01-02 --end 2024-02-29";
    let report = home.backfill(&server, words).ok().json();
    let whole = span("IPO", "1d", "2024-01-02", "2024-02-29");
    check(&home.db(), "IPO", "1d", whole);
    let first = home.db().candles("IPO", "1d")[0].ts;
    assert_eq!(
        home.db().spans("empty_spans", "IPO", "1d"),
        [(whole.0, first)]
    );
    let nothing = &report["nothing_from_provider"];
    assert_eq!(
        (
            nothing[0]["symbol"].as_str(),
            nothing[0]["timeframe"].as_str()
        ),
        (Some("IPO"), Some("1d"))
    );
    assert_eq!(nothing[0]["start"], "2024-01-02T00:00:00Z");
    assert_eq!(
        nothing[0]["end"],
        format!("{}T00:00:00Z", oracle::day_of(first))
    );
    server.forget();
    home.backfill(&server, words).ok();
    assert_eq!(server.hits(), 0);
    home.backfill(&server, &format!("{words} --refetch-empty"))
        .ok();
    // And the days since that have no candle.
    let held = home.db().candles("IPO", "1d");
    let pairs = held
        .windows(2)
        .map(|pair| (pair[0].ts + oracle::DAY, pair[1].ts));
    let has_weekday = |span: &oracle::Span| {
        (span.0..span.1).step_by(86_400).any(|day| {
            use chrono::Datelike;
            oracle::day_of(day).weekday().number_from_monday() < 6
        })
    };
    let mut expected = vec![(whole.0, first)];
    expected.extend(pairs.filter(|span| span.0 < span.1).filter(has_weekday));
    // That there is nothing between candles is confirmed by a second request.
    let mut again = asked(&server);
    again.dedup();
    assert_eq!(again, expected);
    check(&home.db(), "IPO", "1d", whole);
}

#[test]
fn a_symbol_nobody_knows_has_no_data_and_the_job_is_partial() {
    let (home, server) = (Home::new(), Server::start());
    let words = "AAPL BRK-B aapl -t 1d --start 2024-01-02 --end 2024-02-29";
    let run = home.backfill(&server, words).exit(3);
    let report = run.json();
    assert_eq!(report["status"], "partial");
    for series in report["series"].as_array().unwrap() {
        let known = series["symbol"] == "AAPL";
        assert_eq!(
            series["status"],
            if known { "completed" } else { "no_data" },
            "{series}"
        );
        assert_eq!(
            series["first"].is_null() && series["last"].is_null(),
            !known,
            "{series}"
        );
    }
    let hints = format!("{}{}", run.stdout, run.stderr);
    assert!(
        hints.contains("BRK.B") && hints.contains("AAPL"),
        "a hint names the likely symbol\n{run:?}"
    );
    let db = home.db();
    for symbol in ["BRK-B", "aapl"] {
        assert_eq!(db.coverage(symbol, "1d"), []);
        assert_eq!(
            db.spans("empty_spans", symbol, "1d"),
            [span(symbol, "1d", "2024-01-02", "2024-02-29")]
        );
    }
    // Within a day it is not asked again, and the answer is still not "complete".
    server.forget();
    assert_eq!(home.backfill(&server, words).exit(3).json()["requests"], 0);
    assert_eq!(server.hits(), 0);
    home.backfill(&server, &format!("{words} --refetch-empty"))
        .exit(3);
    assert_eq!(server.hits(), 2);
}

#[test]
fn empty_answers_become_coverage_with_the_first_candle() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, "IPO -t 1d --start 2023-11-01 --end 2023-12-29")
        .exit(3);
    assert_eq!(home.db().coverage("IPO", "1d"), []);
    server.forget();
    home.backfill(&server, "IPO -t 1d --start 2023-11-01 --end 2024-02-29")
        .ok();
    let (before, whole) = (
        span("IPO", "1d", "2023-11-01", "2023-12-29"),
        span("IPO", "1d", "2023-11-01", "2024-02-29"),
    );
    assert_eq!(asked(&server), [(before.1, whole.1)]);
    check(&home.db(), "IPO", "1d", whole);
}

#[test]
fn force_lifts_nothing_for_what_is_covered() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, "AAPL -t 1d --start 2024-01-02 --end 2024-03-28")
        .ok();
    server.forget();
    home.backfill(
        &server,
        "AAPL -t 1d --start 2024-01-02 --end 2024-03-28 --force",
    )
    .ok();
    assert_eq!(server.hits(), 0);
}

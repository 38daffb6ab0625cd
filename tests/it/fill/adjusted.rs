//! Adjusted series: kept apart from raw ones, and never made of two adjustments.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use candlefile::backfill::Report;
use candlefile::model::{Candle, JobStatus, Next, SeriesKey, SeriesStatus, Span};
use candlefile::provider::{Cursor, ErrorKind, ProviderError};
use serde_json::json;

use crate::support::aggs;
use crate::support::checker::check;
use crate::support::db::Db;
use crate::support::exchange::Reply;
use crate::support::harness::Home;
use crate::support::oracle::{self, span};
use crate::support::running::eventually;
use crate::support::scripted::{
    Bench, DAY, HOUR, candles, key, label, market, page, refuse_if, span as span_of, utc, version,
};
use crate::support::server::Server;

const WORDS: &str = "AAPL -t 1d --adjusted --start 2024-01-02 --end 2024-02-29";
const LONGER: &str = "AAPL -t 1d --adjusted --start 2024-01-02 --end 2024-04-30";

#[test]
fn prices_that_are_adjusted_for_dividends_are_not_asked_of_whoever_has_none() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, WORDS).ok();
    home.sql("UPDATE series SET adjusted = 2");
    let list = home.cli(["list", "--json"]).run().ok().json();
    let listed = &list["series"][0];
    assert_eq!(
        (&listed["adjusted"], &listed["adjustment"]),
        (&json!(true), &json!("total"))
    );
    server.forget();
    let update = home.to(&server, ["update"]).run().exit(3);
    assert!(
        update.stdout.contains("adjusted for dividends"),
        "{update:?}"
    );
    assert_eq!(server.hits(), 0);
}

#[test]
fn an_adjusted_series_that_did_not_change_grows_at_the_cost_of_one_request_more() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, WORDS).ok();
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.param("adjusted") == Some("true"))
    );
    check(
        &home.db(),
        "AAPL",
        "1d",
        span("AAPL", "1d", "2024-01-02", "2024-02-29"),
    );
    server.forget();
    home.backfill(&server, WORDS).ok();
    assert_eq!(server.hits(), 0);
    let listed = home.cli(["list"]).run().ok();
    assert!(listed.stdout.contains("polygon adjusted"), "{listed:?}");
    let report = home.backfill(&server, LONGER).ok().json();
    assert_eq!((server.hits(), &report["requests"]), (2, &json!(2)));
    assert_eq!(
        (
            &report["records"]["duplicate"],
            &report["records"]["conflicting"]
        ),
        (&json!(0), &json!(0))
    );
    check(
        &home.db(),
        "AAPL",
        "1d",
        span("AAPL", "1d", "2024-01-02", "2024-04-30"),
    );
}

#[test]
fn a_split_makes_an_adjusted_series_stale_before_anything_is_written() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, WORDS).ok();
    home.backfill(&server, "MSFT -t 1d --start 2024-01-02 --end 2024-02-29")
        .ok();
    let before = home.db().candles("AAPL", "1d");
    server.split(0.25);
    let run = home.backfill(&server, LONGER).exit(3);
    let report = run.json();
    assert_eq!(
        (&report["status"], &report["series"][0]["status"]),
        (&json!("partial"), &json!("stale"))
    );
    assert!(
        report["series"][0]["error"]
            .as_str()
            .unwrap()
            .contains("split"),
        "{run:?}"
    );
    assert_eq!(report["records"]["inserted"], 0);
    assert_eq!(home.db().candles("AAPL", "1d"), before);
    check(
        &home.db(),
        "AAPL",
        "1d",
        span("AAPL", "1d", "2024-01-02", "2024-02-29"),
    );
    // The way out that it names.
    home.cli("drop AAPL -t 1d --yes".split(' ')).run().ok();
    home.backfill(&server, LONGER).ok();
    let after = home.db().candles("AAPL", "1d");
    assert_eq!(after[0].close, before[0].close * 0.25);
    // A raw series does not care.
    home.backfill(&server, "MSFT -t 1d --start 2024-01-02 --end 2024-04-30")
        .ok();
    check(
        &home.db(),
        "MSFT",
        "1d",
        span("MSFT", "1d", "2024-01-02", "2024-04-30"),
    );
}

// A page that repeated a stored candle under ever new cursors was followed a thousand times, all of it kept.
#[test]
fn a_recheck_that_does_not_advance_fails_the_series_and_is_no_split() {
    let home = Home::filled(WORDS);
    let (_, end) = span("AAPL", "1d", "2024-01-02", "2024-02-29");
    let server = Server::scripted(move |request| {
        let is_check = request.path().contains("/2024-01-02/");
        if !is_check {
            return None;
        }
        let row = format!(
            r#"{{"t":{},"o":1,"h":1,"l":1,"c":1,"v":1}}"#,
            (end - 86_400) * 1_000
        );
        let body = format!(
            r#"{{"status":"OK","results":[{row},{row}],"next_url":"{}?cursor={}"}}"#,
            request.path(),
            request.n
        );
        Some(Reply::json(200, body))
    });
    let report = home.backfill(&server, LONGER).exit(3).json();
    let series = &report["series"][0];
    assert_eq!(series["status"], "failed", "{report}");
    let error = series["error"].as_str().unwrap();
    assert!(error.contains("could not be checked"), "{error}");
    assert!(error.contains("does not advance"), "{error}");
    assert_eq!(server.hits(), 1 + 2, "what is new, and the check");
    let stored = home.db().candles("AAPL", "1d");
    assert!(
        stored.iter().all(|candle| candle.ts < end),
        "what was not checked is stored"
    );
}

#[test]
fn a_recheck_that_the_plan_does_not_include_fails_each_slice_once() {
    let home = Home::filled(WORDS);
    let words = r#"{"status":"NOT_AUTHORIZED","message":"You are not entitled to this data."}"#;
    let server = Server::always(Reply::json(403, words));
    let report = home.backfill(&server, LONGER).exit(3).json();
    assert_eq!(report["failed"].as_array().unwrap().len(), 1, "{report}");
    let attempts = "SELECT attempts FROM backfill_progress WHERE status = 'failed'";
    assert_eq!(home.db().count(attempts), 1);
    assert_eq!(server.hits(), 1);
}

// Candles of which a longer delay says that they have not closed yet were missed in the answer, and called split.
#[test]
fn a_recheck_goes_by_what_is_stored_and_not_by_this_jobs_delay() {
    let (home, server) = (Home::new(), Server::start());
    let ago = |days| oracle::today("AAPL") - chrono::Days::new(days);
    let words = |from| {
        let (start, end) = (ago(from), ago(30));
        format!("AAPL -t 1d --adjusted --start {start} --end {end}")
    };
    home.backfill(&server, &words(60)).ok();
    let longer = format!("{} --delay 100d", words(200));
    let report = home.backfill(&server, &longer).ok().json();
    assert_eq!(report["series"][0]["status"], "completed", "{report}");
    assert!(
        report["records"]["inserted"].as_u64() > Some(50),
        "{report}"
    );
}

/// A provider that halves what lies before a day, once the split of that day is entered.
fn entering(day: &'static str) -> (Server, Arc<AtomicBool>) {
    let entered = Arc::new(AtomicBool::new(false));
    let is_entered = Arc::clone(&entered);
    let day = oracle::label(oracle::date(day));
    let server = Server::scripted(move |request| {
        let ask = request.ask();
        let factor = |ts| {
            if is_entered.load(Ordering::SeqCst) && ts < day {
                0.5
            } else {
                1.0
            }
        };
        let rows: Vec<String> = oracle::candles("AAPL", "1d", ask.span)
            .map(|candle| aggs::row("AAPL", "1d", &candle, factor(candle.ts)))
            .collect();
        Some(Reply::json(200, aggs::body("AAPL", true, &rows, None)))
    });
    (server, entered)
}

// A split was entered eleven days late. The newest candles stood where they had stood, all before its day was halved, and
// from the next longer range on the series was in two scales.
#[test]
fn a_split_that_is_entered_late_is_seen_at_the_oldest_candles() {
    for (first, then) in [
        ("--start 2024-01-02 --end 2024-03-28", LONGER),
        (
            "--start 2024-02-15 --end 2024-03-28",
            "AAPL -t 1d --adjusted --start 2024-01-02 --end 2024-03-28",
        ),
    ] {
        let home = Home::new();
        let (server, entered) = entering("2024-03-01");
        home.backfill(&server, &format!("AAPL -t 1d --adjusted {first}"))
            .ok();
        let before = home.db().candles("AAPL", "1d");
        entered.store(true, Ordering::SeqCst);
        let report = home.backfill(&server, then).exit(3).json();
        let series = &report["series"][0];
        assert_eq!(series["status"], "stale", "{report}");
        let error = series["error"].as_str().unwrap();
        assert!(error.contains("a factor of 0.5"), "{error}");
        assert_eq!(home.db().candles("AAPL", "1d"), before);
        let words = ["backfill"].into_iter().chain(then.split(' '));
        let run = home.to(&server, words).run().exit(3);
        assert!(run.stdout.contains("drop AAPL -t 1d"), "{run:?}");
    }
}

// A volume that came late to the newest candle, and a corrected close, were called a split, and `drop` advised.
#[test]
fn single_candles_that_differ_are_no_split() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, WORDS).ok();
    home.sql(
        "UPDATE candle_data SET close = close * 1.02 WHERE ts = (SELECT max(ts) FROM candle_data);
         UPDATE candle_data SET volume = 7, high = high * 1.01 WHERE ts = (SELECT min(ts) FROM candle_data)",
    );
    let report = home.backfill(&server, LONGER).ok().json();
    assert_eq!(report["series"][0]["status"], "completed", "{report}");
}

#[test]
fn candles_that_do_not_come_again_are_asked_for_twice_and_are_no_split() {
    let home = Home::filled(WORDS);
    let nothing = Server::always(Reply::json(200, aggs::body("AAPL", true, &[], None)));
    let words = ["backfill"].into_iter().chain(LONGER.split(' '));
    let run = home.to(&nothing, words).run().exit(3);
    assert!(run.stdout.contains("did not give them again"), "{run:?}");
    assert!(!run.stdout.contains("drop"), "{run:?}");
    assert_eq!(
        nothing.hits(),
        2 + 2,
        "nothing beside candles, and the check"
    );
    let n = AtomicUsize::new(0);
    let once = Server::scripted(move |request| {
        let nothing = aggs::body("AAPL", true, &[], None);
        let is_check = request.path().contains("/2024-01-02/");
        let is_first = is_check && n.fetch_add(1, Ordering::Relaxed) == 0;
        is_first.then(|| Reply::json(200, nothing))
    });
    home.backfill(&once, LONGER).ok();
    assert_eq!(once.hits(), 1 + 2);
}

// A plan's history ended later every day, in silence: once the oldest candles were not given any more, no update passed.
#[test]
fn candles_that_a_plan_left_behind_are_not_checked_and_those_after_them_are() {
    let start = label("2023-01-01");
    let whole = crate::support::scripted::span(start, start + 200 * DAY);
    let mut coin = key("X:BTCUSD 1h");
    coin.adjusted = candlefile::model::Adjustment::Split;
    let hours = |from: i64, to: i64| candles((from..to).step_by(HOUR as usize));
    let held = crate::support::scripted::span(whole.start(), whole.end() - 40 * DAY);
    for (gone, kept) in [
        (
            crate::support::scripted::span(whole.start(), whole.start() + 100 * DAY),
            true,
        ),
        (
            crate::support::scripted::span(held.end() - 30 * DAY, held.end()),
            false,
        ),
    ] {
        let mut bench = Bench::new();
        bench
            .provider
            .offer("X:BTCUSD 1h", hours(whole.start(), whole.end()));
        let now = utc("2024-01-01 00:00");
        bench.run(now, &[(coin.clone(), held)]);
        for hour in (gone.start()..gone.end()).step_by(HOUR as usize) {
            bench.provider.withdraw("X:BTCUSD 1h", hour);
        }
        let report = bench.run(now, &[(coin.clone(), whole)]);
        let expected = if kept {
            JobStatus::Completed
        } else {
            JobStatus::Partial
        };
        assert_eq!(report.status, expected, "{:?}", report.failed);
    }
}

// What a plan has left behind could say nothing of a split that was entered late, and the newest candles stood where they had.
#[test]
fn a_split_is_seen_between_the_ends_where_the_oldest_candles_do_not_come_any_more() {
    let start = label("2023-01-01");
    for (timeframe, step, most_asked) in [("1d", DAY, 2), ("1h", HOUR, 2 + 3 + 1)] {
        let name = format!("X:BTCUSD {timeframe}");
        let mut coin = key(&name);
        coin.adjusted = candlefile::model::Adjustment::Split;
        let whole = crate::support::scripted::span(start, start + 300 * DAY);
        let held = crate::support::scripted::span(start, start + 240 * DAY);
        for (gone_days, split_day) in [(30, 230), (150, 232), (3, 60), (100, 130)] {
            let mut bench = Bench::new();
            let stamps =
                |span: candlefile::model::Span| (span.start()..span.end()).step_by(step as usize);
            bench.provider.offer(&name, candles(stamps(whole)));
            let now = utc("2024-01-01 00:00");
            bench.run(now, &[(coin.clone(), held)]);
            let split = start + split_day * DAY;
            let halved = |candle: candlefile::model::Candle| candlefile::model::Candle {
                open: candle.open * 0.5,
                high: candle.high * 0.5,
                low: candle.low * 0.5,
                close: candle.close * 0.5,
                ..candle
            };
            let now_given = candles(stamps(whole));
            let now_given = now_given.map(|one| if one.ts < split { halved(one) } else { one });
            bench.provider.offer(&name, now_given.collect::<Vec<_>>());
            for ts in stamps(crate::support::scripted::span(
                start,
                start + gone_days * DAY,
            )) {
                bench.provider.withdraw(&name, ts);
            }
            bench.provider.take_asked();
            let report = bench.run(now, &[(coin.clone(), whole)]);
            let asked = bench.provider.take_spans().len();
            let case =
                format!("{timeframe}: {gone_days} days are gone, a split on day {split_day}");
            assert_eq!(
                report.series[0].status,
                candlefile::model::SeriesStatus::Stale,
                "{case}"
            );
            assert!(asked <= most_asked, "{case}: {asked} requests");
            // What is known is where it was seen, and not when the split was.
            let error = report.series[0].error.as_ref().unwrap();
            assert!(error.contains("seen in candles up to 2023-"), "{error}");
            assert!(error.contains("its oldest stored candles"), "{error}");
            // Dropped, the oldest candles would be gone for good.
            let next = report.next();
            let Next::Then(steps) = &next else {
                panic!("{next:?}")
            };
            let [Next::With(why, pack), drop] = &steps[..] else {
                panic!("{next:?}")
            };
            assert!(why.contains("the provider does not give the oldest"));
            assert!(matches!(**pack, Next::Pack { .. }), "{next:?}");
            assert!(matches!(drop, Next::Then(_)), "{next:?}");
            let file = bench.store.path().to_str().unwrap();
            let status = ["--db", file, "status", report.job_id.as_ref().unwrap()];
            let home = Home::new();
            let said = home.cli(status).without_db().run().ok();
            let words = "any more: candlefile --db";
            assert!(said.stdout.contains(words), "{said:?}");
        }
    }
}

#[test]
fn what_is_checked_lies_at_both_ends_and_at_each_seam_and_costs_one_request_a_cell() {
    const COIN: &str = "X:BTCUSD 1h";
    let start = utc("2023-01-01 00:00");
    let whole = crate::support::scripted::span(start, start + 300 * DAY);
    let cells = market(COIN).cut_at_cells(whole);
    let mut coin = key(COIN);
    coin.adjusted = candlefile::model::Adjustment::Split;
    let mut bench = Bench::new();
    let hours = (whole.start()..whole.end()).step_by(HOUR as usize);
    bench.provider.offer(COIN, candles(hours));
    let now = utc("2024-01-01 00:00");
    let held = [(0, 2), (4, 7)].map(|(from, to): (usize, usize)| {
        let span = crate::support::scripted::span(cells[from].start(), cells[to].end());
        (coin.clone(), span)
    });
    for part in held {
        bench.run(now, &[part]);
    }
    bench.provider.take_asked();
    bench.run(
        now,
        &[(
            coin.clone(),
            crate::support::scripted::span(whole.start(), cells[7].end()),
        )],
    );
    let asked = bench.provider.take_spans();
    let edge = |cell: usize, at_end: bool| {
        let (start, end) = (cells[cell].start(), cells[cell].end());
        if at_end {
            crate::support::scripted::span(end - 5 * HOUR, end)
        } else {
            crate::support::scripted::span(start, start + 5 * HOUR)
        }
    };
    let checked = [edge(0, false), edge(2, true), edge(4, false), edge(7, true)];
    assert_eq!(asked, [&[cells[3]], &checked[..]].concat());
}

/// An adjusted series of several slices, filled by a provider that gives one scale up to a question and another from it on.
/// `check` says how the last question, which is the check at the end, is answered instead.
fn filled_across_a_split(
    at_question: u64,
    check: Option<(u64, fn() -> ProviderError)>,
) -> ([Report; 2], usize) {
    let (from, to) = (utc("2024-01-01 00:00"), utc("2024-07-01 00:00"));
    let mut bench = Bench::new();
    let mut questions = 0;
    bench.provider.script(move |ask, _| {
        questions += 1;
        if let Some((_, error)) = check.filter(|&(at, _)| at == questions) {
            return Some(Err(error()));
        }
        let scale = if questions < at_question { 1.0 } else { 0.1 };
        let offered = candles((from..to).step_by(HOUR as usize));
        let asked = offered.filter(|candle| ask.span.contains(candle.ts));
        let scaled = asked.map(|candle| Candle {
            open: candle.open * scale,
            high: candle.high * scale,
            low: candle.low * scale,
            close: candle.close * scale,
            ..candle
        });
        Some(Ok(page(ask, scaled)))
    });
    let adjusted = SeriesKey {
        adjusted: candlefile::model::Adjustment::Split,
        ..key("X:BTCUSD 1h")
    };
    let asked = [(adjusted, span_of(from, to))];
    let reports = [(); 2].map(|()| bench.run(utc("2025-01-01 00:00"), &asked));
    let held = bench.held("X:BTCUSD 1h");
    let old = held
        .iter()
        .filter(|one| one.close == version(one.ts, 0).close);
    let old = old.count();
    let scales = usize::from(old > 0) + usize::from(old < held.len());
    (reports, scales)
}

// The run said that the split had made the series stale, and the same command then that nothing was missing.
#[test]
fn a_split_that_is_entered_while_a_series_is_filled_is_seen_at_its_end_and_mended_by_the_same_command()
 {
    let ([whole, then], scales) = filled_across_a_split(u64::MAX, None);
    assert_eq!((whole.status, scales), (JobStatus::Completed, 1));
    assert_eq!((then.status, then.requests), (JobStatus::Completed, 0));
    let slices = whole.requests - 1;
    assert!(slices > 2, "one request more than slices: {slices}");
    for at_question in 2..=slices {
        let ([first, then], scales) = filled_across_a_split(at_question, None);
        let of_series = &first.series[0];
        assert_eq!(
            of_series.status,
            SeriesStatus::Stale,
            "question {at_question}"
        );
        let why = of_series.error.as_deref().unwrap_or_default();
        assert!(why.contains("factor of 0.1"), "{why}");
        let mended = (then.status, scales);
        assert_eq!(mended, (JobStatus::Completed, 1), "question {at_question}");
    }
    // In one scale from the first question on, it is whole.
    let ([whole, _], _) = filled_across_a_split(1, None);
    assert_eq!(whole.status, JobStatus::Completed);
}

#[test]
fn what_could_not_be_checked_at_the_end_is_asked_for_again_by_the_next_run() {
    let ([whole, _], _) = filled_across_a_split(u64::MAX, None);
    let check = whole.requests;
    let refused = || ProviderError {
        kind: ErrorKind::Slice,
        message: "the provider answers 500".to_owned(),
        attempts: 6,
    };
    let ([first, then], _) = filled_across_a_split(u64::MAX, Some((check, refused)));
    let of_series = &first.series[0];
    assert_eq!(of_series.status, SeriesStatus::Failed);
    let why = of_series.error.as_deref().unwrap_or_default();
    assert!(why.contains("could not be checked"), "{why}");
    assert_eq!(
        then.status,
        JobStatus::Completed,
        "{:?}",
        then.series[0].error
    );
    let stored = first.records.inserted + then.records.inserted;
    assert_eq!(stored, whole.records.inserted);
    // A run that is cut off instead is no other.
    let cancelled = || ProviderError {
        kind: ErrorKind::Cancelled,
        message: "cut off".to_owned(),
        attempts: 1,
    };
    for error in [refused as fn() -> ProviderError, cancelled] {
        // A split is entered between the two.
        let ([_, then], scales) = filled_across_a_split(check + 1, Some((check, error)));
        assert_eq!((then.status, scales), (JobStatus::Completed, 1));
    }
}

/// How a series of 4h is filled, for a split of 1 April 2024.
struct Layout {
    name: &'static str,
    /// What was stored before.
    held: Option<(&'static str, &'static str)>,
    asked: (&'static str, &'static str),
    /// The provider's first candle.
    listed: &'static str,
    /// Where the plan's history begins.
    history: &'static str,
    rows_of_a_page: usize,
    workers: usize,
}

const PLAIN: Layout = Layout {
    name: "fresh",
    held: None,
    asked: ("2024-01-01", "2024-07-01"),
    listed: "2023-01-01",
    history: "2023-01-01",
    rows_of_a_page: usize::MAX,
    workers: 1,
};

const LAYOUTS: [Layout; 10] = [
    Layout {
        name: "around what is stored on both sides of the split",
        held: Some(("2024-03-28", "2024-04-03")),
        ..PLAIN
    },
    Layout {
        name: "left and right of what is stored",
        held: Some(("2024-03-01", "2024-04-15")),
        ..PLAIN
    },
    Layout {
        name: "left and right, eight workers",
        held: Some(("2024-03-01", "2024-04-15")),
        workers: 8,
        ..PLAIN
    },
    Layout {
        name: "one slice to the right",
        held: Some(("2024-03-01", "2024-04-15")),
        asked: ("2024-03-01", "2024-04-16"),
        ..PLAIN
    },
    Layout {
        name: "one slice to the left",
        held: Some(("2024-03-20", "2024-04-15")),
        asked: ("2024-03-19", "2024-04-15"),
        ..PLAIN
    },
    Layout {
        name: "pages of one slice",
        asked: ("2024-03-25", "2024-04-10"),
        rows_of_a_page: 25,
        ..PLAIN
    },
    Layout {
        name: "pages to the right of what is stored",
        held: Some(("2024-03-20", "2024-04-05")),
        asked: ("2024-03-20", "2024-04-15"),
        rows_of_a_page: 25,
        ..PLAIN
    },
    Layout {
        name: "pages to the left of what is stored",
        held: Some(("2024-03-25", "2024-04-15")),
        asked: ("2024-02-01", "2024-04-15"),
        rows_of_a_page: 25,
        ..PLAIN
    },
    Layout {
        name: "empty slices first, eight workers",
        listed: "2024-03-01",
        workers: 8,
        ..PLAIN
    },
    Layout {
        name: "newest first, since the plan's history begins later",
        history: "2024-02-10",
        ..PLAIN
    },
];

/// The provider of a layout, whose split is entered after so many questions, and who is cut off at one.
fn splits_after(bench: &Bench, layout: &Layout, questions: u64, cut_off_at: Option<u64>) {
    let [listed, history, split] = [layout.listed, layout.history, "2024-04-01"].map(label);
    let rows = layout.rows_of_a_page;
    let mut asked = 0;
    bench.provider.script(move |ask, cursor| {
        asked += 1;
        if Some(asked) == cut_off_at {
            return refuse_if(true, ErrorKind::Cancelled);
        }
        if ask.span.start() < history {
            return refuse_if(true, ErrorKind::OutsideHistory);
        }
        let from = cursor.map_or(ask.span.start(), |cursor| cursor.as_str().parse().unwrap());
        let mut stamps = (from.max(listed)..ask.span.end()).step_by(4 * HOUR as usize);
        let answer: Vec<Candle> = candles(stamps.by_ref().take(rows)).collect();
        let scaled = answer.into_iter().map(|candle| {
            if asked > questions && candle.ts < split {
                tenth(candle)
            } else {
                candle
            }
        });
        let next = stamps.next().map(|ts| Cursor::new(ts.to_string()));
        Some(Ok(page(ask, scaled).followed_by(next)))
    });
}

fn tenth(candle: Candle) -> Candle {
    Candle {
        open: candle.open / 10.0,
        high: candle.high / 10.0,
        low: candle.low / 10.0,
        close: candle.close / 10.0,
        ..candle
    }
}

/// What follows the run during which a split is entered.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    /// A part of what it asked for, then all of it.
    Part,
    /// Something else.
    Elsewhere,
    /// The same once more, cut off, and then something else.
    CutOffAndElsewhere,
}

impl Then {
    /// Runs it, and says how the last run ended.
    fn run(self, bench: &mut Bench, layout: &Layout) -> JobStatus {
        let (from, to) = layout.asked;
        // What the plan has given, where its history begins later.
        let whole = (from.max(layout.history), to);
        let elsewhere = ("2023-06-01", "2023-06-03");
        match self {
            Then::Part => {
                let part = bench.run(NOW + 60, &[asks(("2024-03-15", to))]);
                if part.status != JobStatus::Completed {
                    return bench.run(NOW + 120, &[asks(whole)]).status;
                }
                part.status
            }
            Then::Elsewhere => bench.run(NOW + 60, &[asks(elsewhere)]).status,
            Then::CutOffAndElsewhere => {
                splits_after(bench, layout, 0, Some(2));
                bench.run(NOW + 60, &[asks(whole)]);
                splits_after(bench, layout, 0, None);
                bench.run(NOW + 120, &[asks(elsewhere)]).status
            }
        }
    }
}

/// Whose candles they are.
const COIN_4H: &str = "X:BTCUSD 4h";
/// 1 January 2025.
const NOW: i64 = 1_735_689_600;

// Between the check of what was stored and the slices, between two pages, beside empty slices, newest first: each left two
// scales in the file, ended with 0, and so did the same command again. So did one for something else, after a run that had
// noticed and after one that was cut off before it could.
#[test]
fn a_series_in_two_scales_is_never_complete_whenever_the_split_is_entered() {
    let all = [Then::Part, Then::Elsewhere, Then::CutOffAndElsewhere];
    let mut in_two_scales = all.map(|_| 0);
    for layout in &LAYOUTS {
        let before = layout.held.map(|held| {
            let mut bench = Bench::new();
            splits_after(&bench, layout, u64::MAX, None);
            bench.run(NOW, &[asks(held)]);
            bench.into_file()
        });
        for questions in 0.. {
            let first = enters_a_split_after(questions, layout, before.as_deref());
            for (then, seen) in all.into_iter().zip(&mut in_two_scales) {
                let mut bench = Bench::on(&first.file);
                bench.workers = layout.workers;
                splits_after(&bench, layout, 0, None);
                let status = then.run(&mut bench, layout);
                let at = format!("{}, after {questions} questions, {then:?}", layout.name);
                *seen += first.in_two_scales + is_in_two_scales(&bench, status, &at);
            }
            if questions >= first.requests {
                break;
            }
        }
    }
    for (then, seen) in all.into_iter().zip(in_two_scales) {
        assert!(
            seen > 0,
            "no run was ever caught between two scales, {then:?}"
        );
    }
}

/// What is asked for of the series of these layouts.
fn asks((from, to): (&str, &str)) -> (SeriesKey, Span) {
    let mut coin = key(COIN_4H);
    coin.adjusted = candlefile::model::Adjustment::Split;
    (coin, span_of(label(from), label(to)))
}

/// A run during which a split was entered.
struct First {
    file: Vec<u8>,
    requests: u64,
    in_two_scales: u32,
}

/// Runs a layout on what was stored before, with a split after so many questions.
fn enters_a_split_after(questions: u64, layout: &Layout, before: Option<&[u8]>) -> First {
    let mut bench = before.map_or_else(Bench::new, Bench::on);
    bench.workers = layout.workers;
    splits_after(&bench, layout, questions, None);
    let stored = bench.number("SELECT count(*) FROM candle_data");
    let run = bench.run(NOW, &[asks(layout.asked)]);
    let name = layout.name;
    if before.is_some() && questions == 0 {
        let status = run.series[0].status;
        assert_eq!(
            status,
            SeriesStatus::Stale,
            "{name}, a split before the run"
        );
        let now_stored = bench.number("SELECT count(*) FROM candle_data");
        assert_eq!(
            now_stored, stored,
            "{name}, candles after a split before the run"
        );
    }
    let at = format!("{name}, after {questions} questions, the run");
    First {
        requests: run.requests,
        in_two_scales: is_in_two_scales(&bench, run.status, &at),
        file: bench.into_file(),
    }
}

/// Whether a file holds candles in two scales, 0 or 1; then the run must not have completed.
fn is_in_two_scales(bench: &Bench, status: JobStatus, at: &str) -> u32 {
    let held = bench.held(COIN_4H);
    let before = held.iter().filter(|one| one.ts < label("2024-04-01"));
    let (old, new): (Vec<&Candle>, Vec<&Candle>) =
        before.partition(|one| one.close == version(one.ts, 0).close);
    let has_two = !old.is_empty() && !new.is_empty();
    assert!(!has_two || status != JobStatus::Completed, "{at}");
    u32::from(has_two)
}

// The mark went with the history: the copy looked complete for good.
#[test]
fn what_was_not_checked_is_not_packed_as_final() {
    let (server, gate) = Server::holding(2);
    let home = Home::new();
    let words = "AAPL -t 1m --adjusted --start 2024-01-02 --end 2024-06-28 --workers 1";
    let begin = format!("backfill {words}");
    let running = home.to(&server, begin.split(' ')).spawn();
    server.wait_for(3);
    let covered = "SELECT count(*) FROM coverage";
    eventually("what came looks final", || home.db().count(covered) == 1);
    running.kill();
    gate.open();
    let nothing = home.cli(["pack", "-o", "copy.db"]).run();
    nothing.exit(1).says(&["provisional"]);
    home.backfill(&server, words).ok();
    home.cli(["pack", "-o", "copy.db"]).run().ok();
    let [copy, own] = [Db::open(&home.path("copy.db")), home.db()];
    for all in [covered, "SELECT count(*) FROM candles"] {
        assert_eq!(copy.count(all), own.count(all));
    }
}

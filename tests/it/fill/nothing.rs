//! Where the provider had nothing. A hole of fifteen days, a halt and a delisting in daily candles were told nowhere: only
//! whole answers without a row were, so that it hung on how the requests happened to be cut; and a day that the provider
//! had put in later could not be asked for again by any option.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{Datelike, Timelike, Weekday};
use serde_json::{Value, json};

use crate::support::aggs::{body, row};
use crate::support::db::Db;
use crate::support::exchange::Reply;
use crate::support::harness::Home;
use crate::support::oracle::{self, Candle, DAY, Span, date, label};
use crate::support::server::Server;

/// Whether the provider has mended what it lacked.
type Mended = Arc<AtomicBool>;

/// Every candle that AAPL can have in a span: none is absent by chance.
fn all(timeframe: &str, span: Span) -> impl Iterator<Item = Candle> {
    let is_label = timeframe.ends_with(['d', 'w', 'o']);
    let is_open = move |ts: &i64| {
        let time = chrono::DateTime::from_timestamp(*ts, 0).unwrap();
        let local = time.with_timezone(&oracle::zone("AAPL"));
        let day = if is_label {
            time.weekday()
        } else {
            local.weekday()
        };
        let is_weekday = !matches!(day, Weekday::Sat | Weekday::Sun);
        is_weekday && (is_label || (4..20).contains(&local.hour()))
    };
    let is_daily = timeframe == "1d" || !is_label;
    oracle::grid(timeframe, span)
        .filter(move |ts| !is_daily || is_open(ts))
        .map(|ts| Candle {
            ts,
            open: 1.0,
            high: 2.5,
            low: 0.5,
            close: 2.0,
            volume: Some(100.0),
            vwap: None,
            trades: None,
        })
}

/// A provider without candles from one market date to another, both without.
fn without(from: &str, to: &str) -> (Server, Mended) {
    lacking(&[(from, to)], None)
}

/// One without those of several stretches, and with one in eight of another.
fn lacking(stretches: &[(&str, &str)], thin: Option<(&str, &str)>) -> (Server, Mended) {
    let days = |&(from, to): &(&str, &str)| label(date(from))..label(date(to)) + DAY;
    let holes: Vec<_> = stretches.iter().map(days).collect();
    let thin = thin.as_ref().map(days);
    let mended = Mended::default();
    let is_mended = Arc::clone(&mended);
    let server = Server::scripted(move |request| {
        let ask = request.ask();
        // New York's night has no candle.
        let night = if ask.dated { 0 } else { 6 * 3600 };
        let is_there = |candle: &Candle| {
            let day = candle.ts - night;
            let is_thin = thin.as_ref().is_some_and(|thin| thin.contains(&day));
            let is_one_in_eight = ask.dated || candle.ts % (8 * 900) == 0;
            !holes.iter().any(|hole| hole.contains(&day)) && (!is_thin || is_one_in_eight)
        };
        let rows: Vec<String> = all(&ask.timeframe, ask.span)
            .filter(|candle| is_mended.load(Ordering::SeqCst) || is_there(candle))
            .map(|candle| row(&ask.symbol, &ask.timeframe, &candle, 1.0))
            .collect();
        Some(Reply::json(200, body(&ask.symbol, false, &rows, None)))
    });
    (server, mended)
}

/// The sessions from the 1st to the 12th of April 2024: of minutes and hours from 04:00 to 20:00 in New York's summer, of
/// weeks the one that begins in it.
const HOLES: [(&str, &str, &str); 4] = [
    ("15m", "2024-04-01T08:00:00Z", "2024-04-13T00:00:00Z"),
    ("4h", "2024-04-01T08:00:00Z", "2024-04-13T00:00:00Z"),
    ("1d", "2024-04-01T00:00:00Z", "2024-04-13T00:00:00Z"),
    ("1w", "2024-04-07T00:00:00Z", "2024-04-14T00:00:00Z"),
];

/// As they are told, without those of other series.
fn told(all: &Value, timeframe: &str) -> Vec<(Value, Value)> {
    let all = all
        .as_array()
        .unwrap_or_else(|| panic!("none: {all}"))
        .iter();
    let ours = all.filter(|one| one.get("timeframe").is_none_or(|is| is == timeframe));
    ours.map(|one| (one["start"].clone(), one["end"].clone()))
        .collect()
}

fn json_of(home: &Home, words: &str) -> Value {
    let words = ["--json"].into_iter().chain(words.split(' '));
    home.cli(words).run().ok().json()
}

fn listed(home: &Home, timeframe: &str) -> Vec<(Value, Value)> {
    let list = json_of(home, "list");
    let series = list["series"].as_array().unwrap();
    let one = series.iter().find(|one| one["timeframe"] == timeframe);
    told(&one.unwrap()["nothing_from_provider"], timeframe)
}

#[test]
fn a_hole_is_told_everywhere_whatever_the_timeframe_and_however_the_requests_were_cut() {
    let (server, _) = without("2024-04-01", "2024-04-12");
    let (whole, pieces) = (Home::new(), Home::new());
    let words = "AAPL -t 15m,4h,1d,1w --start 2024-03-04 --end 2024-05-24";
    let report = whole.backfill(&server, words).ok().json();
    for range in [
        "--start 2024-05-06 --end 2024-05-24",
        "--start 2024-03-04 --end 2024-04-08",
        "--start 2024-03-04 --end 2024-04-10",
        "--start 2024-03-04 --end 2024-05-24",
    ] {
        pieces.backfill(&server, &format!("AAPL -t 15m,4h,1d,1w {range}"));
    }
    // By working weeks: what lies between them has no trading hours.
    let weeks = Home::new();
    for (monday, friday) in [
        ("03-25", "03-29"),
        ("04-01", "04-05"),
        ("04-08", "04-12"),
        ("04-15", "04-19"),
    ] {
        weeks.backfill(
            &server,
            &format!("AAPL -t 15m,1d --start 2024-{monday} --end 2024-{friday}"),
        );
    }
    for timeframe in ["15m", "1d"] {
        assert_eq!(
            listed(&weeks, timeframe),
            listed(&whole, timeframe),
            "{timeframe}"
        );
    }
    let list = weeks.cli(["list"]).run().ok().stdout;
    assert!(!list.contains("hole"), "{list}");
    let id = report["job_id"].as_str().unwrap();
    let status = json_of(&whole, &format!("status {id}"));
    let info = json_of(&whole, "info");
    for (timeframe, start, end) in HOLES {
        let expected = [(json!(start), json!(end))];
        for all in [&report, &status["jobs"][0], &info] {
            assert_eq!(told(&all["nothing_from_provider"], timeframe), expected);
        }
        assert_eq!(listed(&whole, timeframe), expected);
        assert_eq!(listed(&pieces, timeframe), expected);
    }
    for (words, says) in [
        ("list", "nothing from 2024-04-01 to 2024-04-12"),
        ("info", "nothing from the provider: AAPL 1d 2024-0"),
        ("info", "4 stretches that the provider had nothing for"),
        (
            &format!("status {id}"),
            "nothing from the provider: AAPL 15m 2024-0",
        ),
    ] {
        let said = whole.cli(words.split(' ')).run().ok().stdout;
        assert!(said.contains(says), "{words}: {says}\n{said}");
    }
    let again = whole
        .to(&server, ["backfill"].into_iter().chain(words.split(' ')))
        .run()
        .ok()
        .stdout;
    assert!(
        again.contains("nothing from the provider: AAPL 1d"),
        "{again}"
    );
    assert!(!again.contains("nothing was missing"), "{again}");
}

#[test]
#[cfg(feature = "serve")]
fn a_server_tells_of_it_too() {
    use crate::support::serving::Serving;

    let (server, _) = without("2024-04-01", "2024-04-12");
    let home = Home::new();
    let report = home
        .backfill(&server, "AAPL -t 1d --start 2024-03-04 --end 2024-05-24")
        .ok()
        .json();
    let serving = Serving::start(home.serve(&server));
    let (_, start, end) = HOLES[2];
    let expected = [(json!(start), json!(end))];
    let coverage = serving.get("/api/v1/coverage/AAPL?timeframe=1d").is(200);
    assert_eq!(
        told(&coverage.json()["nothing_from_provider"], "1d"),
        expected
    );
    let status = serving.status(report["job_id"].as_str().unwrap());
    assert_eq!(told(&status["nothing_from_provider"], "1d"), expected);
    assert_eq!(status["nothing_from_provider"][0]["symbol"], "AAPL");
}

#[test]
fn three_days_with_trading_hours_are_told_and_two_are_not() {
    for (from, to, is_told) in [
        ("2024-04-08", "2024-04-09", false),
        ("2024-04-08", "2024-04-10", true),
        ("2024-04-11", "2024-04-12", false),
        ("2024-04-11", "2024-04-15", true),
        // Good Friday is nobody's.
        ("2024-03-27", "2024-03-29", false),
        ("2024-03-27", "2024-04-01", true),
        // The end of what is covered.
        ("2024-05-23", "2024-06-30", false),
        ("2024-05-22", "2024-06-30", true),
        // Its beginning.
        ("2024-01-01", "2024-03-05", false),
        ("2024-01-01", "2024-03-06", true),
    ] {
        let (server, _) = without(from, to);
        let home = Home::new();
        let words = "AAPL -t 1d,1h --start 2024-03-04 --end 2024-05-24";
        let report = home.backfill(&server, words).ok().json();
        for timeframe in ["1d", "1h"] {
            let count = told(&report["nothing_from_provider"], timeframe).len();
            assert_eq!(
                count,
                usize::from(is_told),
                "{timeframe} {from} {to}\n{report}"
            );
        }
    }
}

#[test]
fn of_weeks_and_months_one_is_enough() {
    let (server, _) = without("2024-04-01", "2024-04-07");
    let home = Home::new();
    let words = "AAPL -t 1w,1mo,1d --start 2024-01-01 --end 2024-06-29";
    let report = home.backfill(&server, words).ok().json();
    let nothing = |timeframe| told(&report["nothing_from_provider"], timeframe);
    assert_eq!(
        nothing("1mo"),
        [(json!("2024-04-01T00:00:00Z"), json!("2024-05-01T00:00:00Z"))]
    );
    assert_eq!(
        nothing("1w"),
        [(json!("2024-04-07T00:00:00Z"), json!("2024-04-14T00:00:00Z"))]
    );
    server.forget();
    home.backfill(
        &server,
        "AAPL -t 1w,1mo --start 2024-01-01 --end 2024-06-29 --refetch-empty",
    )
    .ok();
    let mut asked: Vec<Span> = server.asked().into_iter().map(|ask| ask.span).collect();
    asked.dedup();
    let at = |day| label(date(day));
    assert!(
        asked.contains(&(at("2024-04-07"), at("2024-04-14"))),
        "{asked:?}"
    );
    assert!(
        asked.contains(&(at("2024-04-01"), at("2024-05-01"))),
        "{asked:?}"
    );
    assert_eq!(asked.len(), 2);
}

#[test]
fn a_day_without_a_candle_is_asked_for_again_when_told_to_and_nothing_else_is() {
    // April has no holiday, and a day that is there in part is there.
    let (server, mended) = without("2024-04-16", "2024-04-16");
    let home = Home::new();
    let words = "AAPL -t 1d,15m,4h --start 2024-04-02 --end 2024-04-29";
    home.backfill(&server, words).ok();
    mended.store(true, Ordering::SeqCst);
    server.forget();
    assert_eq!(
        home.backfill(&server, &format!("{words} --force"))
            .ok()
            .json()["requests"],
        0
    );
    let plan = home.backfill(&server, &format!("{words} --refetch-empty --dry-run"));
    assert_eq!(
        (plan.ok().json()["plan"]["slices"].clone(), server.hits()),
        (json!(3), 0)
    );
    home.backfill(&server, &format!("{words} --refetch-empty"))
        .ok();
    let day = label(date("2024-04-16"));
    for ask in server.asked() {
        // Of minutes and hours the session.
        let session = match ask.timeframe.as_str() {
            "1d" => (day, day + DAY),
            _ => (day + 8 * 3600, day + DAY),
        };
        assert_eq!(ask.span, session, "{ask:?}");
    }
    for timeframe in ["1d", "15m", "4h"] {
        let span = home.db().coverage("AAPL", timeframe)[0];
        assert!(
            all(timeframe, span).eq(home.db().candles("AAPL", timeframe)),
            "{timeframe}"
        );
    }
    server.forget();
    let again = home
        .to(&server, ["backfill", "--refetch-empty"])
        .args(words)
        .run()
        .ok()
        .stdout;
    assert_eq!(server.hits(), 0, "{:?}", server.asked());
    assert!(again.contains("nothing was missing"), "{again}");
}

// One answer without rows, far from any candle, was final for good once the file was packed, merged, exported or imported from,
// or when what came to lie beside it came from elsewhere.
#[test]
fn what_was_said_once_is_asked_about_however_candles_come_to_lie_beside_it() {
    let fill = |home: &Home, server: &Server, file: &str, from: &str, to: &str| {
        let words = format!("--db {file} backfill AAPL -t 1d --start {from} --end {to}");
        home.to(server, words.split(' ')).without_db().run().ok();
    };
    let handed_in = |home: &Home, server: &Server, file: &str| {
        fill(home, server, "other.db", "2023-11-01", "2023-11-10");
        let cli = |words: &str| home.cli(words.split(' ')).without_db().run().ok();
        match file {
            "packed.db" => cli("--db m.db pack -o packed.db"),
            "merged.db" => cli("merge m.db other.db -o merged.db"),
            "again.db" => {
                cli("--db m.db export -o m.parquet");
                cli("--db again.db import m.parquet --as parquet")
            }
            _ => {
                cli("--db other.db export -o other.csv --format csv");
                let words = "--as csv --source polygon --adjusted none -t 1d --covers";
                cli(&format!("--db m.db import other.csv {words}"))
            }
        };
        if let Ok(packed) = std::fs::metadata(home.path(file)) {
            let mut rights = packed.permissions();
            std::os::unix::fs::PermissionsExt::set_mode(&mut rights, 0o644);
            std::fs::set_permissions(home.path(file), rights).unwrap();
        }
    };
    for file in ["m.db", "packed.db", "merged.db", "again.db"] {
        let home = Home::new();
        let (server, mended) = without("2023-09-04", "2023-10-13");
        fill(&home, &server, "m.db", "2023-01-03", "2023-06-30");
        fill(&home, &server, "m.db", "2023-09-11", "2023-10-06");
        mended.store(true, Ordering::SeqCst);
        handed_in(&home, &server, file);
        fill(&home, &server, file, "2023-01-03", "2023-12-29");
        let held = Db::open(&home.path(file)).candles("AAPL", "1d").len();
        assert_eq!(held, 259, "weekdays of 2023 in {file}");
    }
}

/// Says of all that was asked that it was asked so much earlier.
fn days_later(home: &Home, days: i64) {
    home.sql(&format!(
        "UPDATE backfill_progress SET completed_at = completed_at - {days} * 86400"
    ));
}

#[test]
fn gaps_amid_the_candles_are_asked_for_again_after_1_2_and_4_days() {
    // Nothing before a listing, either, and two days that are no gap.
    let missing = [
        ("2024-04-02", "2024-04-05"),
        ("2024-04-15", "2024-04-18"),
        ("2024-04-23", "2024-04-24"),
    ];
    let (server, mended) = lacking(&missing, None);
    let home = Home::new();
    let words = "AAPL -t 1d,1h --start 2024-04-02 --end 2024-04-29";
    let again = format!("{words} --refetch-gaps");
    home.backfill(&server, words).ok();
    server.forget();
    let said = home.backfill(&server, &again).ok();
    assert_eq!(
        (said.json()["requests"].clone(), server.hits()),
        (json!(0), 0)
    );
    assert!(
        said.stderr.contains("2 series have gaps that are not due"),
        "{said:?}"
    );
    let label = |day| label(date(day));
    let (monday, friday) = (label("2024-04-15"), label("2024-04-19"));
    let gaps = [(monday, friday), (monday + 8 * 3600, friday)];
    for days in [1, 2, 4] {
        days_later(&home, days - 1);
        let plan = home.backfill(&server, &format!("{again} --dry-run")).ok();
        assert_eq!(plan.json()["plan"]["slices"], 0, "{days}");
        assert!(plan.json()["gaps_due_at"].is_string(), "{plan:?}");
        days_later(&home, 1);
        let plan = home.backfill(&server, &format!("{again} --dry-run")).ok();
        assert_eq!(plan.json()["plan"]["slices"], 2, "{days}");
        assert_eq!(plan.json()["gaps_due_at"], Value::Null);
        assert_eq!(server.hits(), 0);
        home.backfill(&server, &again).ok();
        let mut asked: Vec<Span> = server.asked().into_iter().map(|ask| ask.span).collect();
        asked.dedup();
        assert_eq!(asked, gaps, "{days}");
        server.forget();
    }
    // An update has them in its plan, too, and --force does not wait.
    let update = ["update", "--json", "--dry-run", "--refetch-gaps"];
    let plan = home.to(&server, update).run().ok();
    assert!(plan.json()["gaps_due_at"].is_string(), "{plan:?}");
    mended.store(true, Ordering::SeqCst);
    home.backfill(&server, &format!("{again} --force")).ok();
    assert_eq!(server.hits(), 2, "{:?}", server.asked());
    let left = json_of(&home, "coverage");
    for series in left["series"].as_array().unwrap() {
        let kinds: Vec<&Value> = series["gaps"].as_array().unwrap().iter().collect();
        let kinds: Vec<&Value> = kinds.iter().map(|gap| &gap["kind"]).collect();
        assert_eq!(kinds, ["before"], "{series}");
    }
}

#[test]
fn the_next_step_of_every_gap_mends_it_as_it_stands() {
    let missing = [
        ("2024-04-02", "2024-04-05"),
        ("2024-04-15", "2024-04-18"),
        ("2024-05-20", "2024-05-24"),
    ];
    let (server, mended) = lacking(&missing, Some(("2024-05-06", "2024-05-07")));
    let home = Home::new();
    home.backfill(
        &server,
        "AAPL -t 15m,1d,1w --start 2024-04-02 --end 2024-05-24",
    )
    .ok();
    let unasked = "unixepoch('2024-04-24') AND unixepoch('2024-04-27')";
    let [from, to] = unasked.split(" AND ").collect::<Vec<_>>()[..] else {
        panic!("two ends");
    };
    home.sql(&format!(
        "CREATE TEMP TABLE s AS SELECT id FROM series WHERE timeframe != '1w';
         INSERT INTO coverage SELECT series_id, {to}, end_ts FROM coverage, s WHERE series_id = id;
         UPDATE coverage SET end_ts = {from} WHERE start_ts < {from} AND series_id IN (SELECT id FROM s);
         DELETE FROM candle_data WHERE ts >= {from} AND ts < {to} AND series_id IN (SELECT id FROM s);
         UPDATE series SET candles = (SELECT count(*) FROM candle_data WHERE series_id = id)"
    ));
    mended.store(true, Ordering::SeqCst);
    let gaps = || {
        let document = json_of(&home, "coverage");
        let series = document["series"].as_array().unwrap().clone();
        let gaps = series
            .iter()
            .flat_map(|series| series["gaps"].as_array().unwrap().clone());
        gaps.collect::<Vec<Value>>()
    };
    let told = gaps();
    let mut kinds: Vec<&str> = told
        .iter()
        .map(|gap| gap["kind"].as_str().unwrap())
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, ["before", "ended", "hole", "not_asked", "thin"]);
    for gap in &told {
        let next = gap["next"].as_str().unwrap();
        let (_, words) = next.split_once(" backfill ").expect(next);
        home.to(&server, ["backfill"]).args(words).run().ok();
        let is_left = gaps().iter().any(|left| {
            left["start"] == gap["start"]
                && left["kind"] == gap["kind"]
                && left["next"] == gap["next"]
        });
        assert!(!is_left, "{gap}");
    }
    assert_eq!(gaps(), [] as [Value; 0]);
}

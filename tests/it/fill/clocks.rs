//! A clock that is wrong: what is closed and final goes by the earlier of this machine's clock and the provider's, and what
//! a clock that ran ahead has left in the file is not believed.

use candlefile::model::{JobStatus, SeriesStatus, Span};
use chrono::DateTime;
use serde_json::json;

use crate::support::exchange::Reply;
use crate::support::harness::Home;
use crate::support::scripted::{Bench, DAY, HOUR, MINUTE, candles, label, ny, span, utc, version};
use crate::support::server::Server;
use crate::support::{aggs, oracle};

const COIN: &str = "X:BTCUSD 1m";
const STOCK: &str = "AAPL 1d";

fn minutes(span: Span) -> impl Iterator<Item = i64> {
    (span.start()..span.end()).step_by(MINUTE as usize)
}

/// A provider at noon, with all minutes up to then; the one that is being made has a value of its own.
fn at_noon(bench: &Bench) -> (i64, Span) {
    let noon = utc("2024-03-05 12:00");
    let whole = span(noon - 6 * HOUR, noon + MINUTE);
    bench.provider.offer(COIN, candles(minutes(whole)));
    bench.provider.offer(COIN, [version(noon, 7)]);
    (noon, whole)
}

// The clock of a machine ran two hours ahead: half-made minutes were stored and covered, for good.
#[test]
fn a_clock_that_runs_ahead_stores_and_proves_no_more_than_one_that_is_right() {
    let mut left = Vec::new();
    for ahead in [0, 301, 2 * HOUR, DAY - 1] {
        let mut bench = Bench::new();
        let (noon, whole) = at_noon(&bench);
        bench.provider.date(noon);
        let report = bench.update(COIN, whole.start(), noon + ahead);
        assert_eq!(report.status, JobStatus::Completed);
        assert_eq!(report.clock_offset, (ahead > 300).then_some(ahead));
        let stamps = "SELECT tail_asked_at + tail_asked_to FROM series";
        let asked = bench.number(stamps);
        left.push((bench.held(COIN), bench.coverage(COIN), asked));
        // Set right, it goes on from there.
        let later = noon + 2 * HOUR;
        let more = span(whole.start(), later);
        bench.provider.offer(COIN, candles(minutes(more)));
        bench.provider.date(later);
        let report = bench.update(COIN, whole.start(), later);
        assert_eq!((report.requests, report.clock_offset), (1, None));
        let closed = span(whole.start(), later - 15 * MINUTE);
        let held: Vec<_> = candles(minutes(closed)).collect();
        assert_eq!(bench.held(COIN), held, "{ahead}");
        assert_eq!(bench.number("SELECT count(*) FROM conflicts"), 0);
    }
    for ahead in &left[1..] {
        assert_eq!(*ahead, left[0]);
    }
}

#[test]
fn a_clock_that_is_behind_goes_by_itself_and_is_told() {
    let mut bench = Bench::new();
    let (noon, whole) = at_noon(&bench);
    for (behind, told) in [(300, None), (301, Some(-301)), (3 * DAY, Some(-3 * DAY))] {
        bench.provider.date(noon + behind);
        bench.force = true;
        let report = bench.update(COIN, whole.start(), noon);
        assert_eq!(report.clock_offset, told);
        let last = bench.stamps(COIN).last().copied();
        assert_eq!(last, Some(noon - 16 * MINUTE));
    }
}

#[test]
fn an_answer_of_the_day_before_fails_its_slice() {
    let mut bench = Bench::new();
    let days = [ny("2024-02-28 00:00"), ny("2024-03-04 00:00")];
    let labels = [label("2024-02-28"), label("2024-03-04")];
    bench.provider.offer(STOCK, candles(labels));
    let now = days[1] + 2 * DAY;
    bench.provider.date(now - DAY);
    let report = bench.update(STOCK, labels[0], now);
    assert_eq!(report.status, JobStatus::Partial);
    assert_eq!(report.series[0].status, SeriesStatus::Failed);
    let error = &report.failed[0].error;
    assert!(error.contains("dated 1 day behind"), "{error}");
    assert_eq!((bench.held(STOCK), report.records.fetched), (vec![], 0));
    bench.provider.date(now - DAY + 1);
    bench.update(STOCK, labels[0], now);
    assert_eq!(bench.stamps(STOCK), labels);
}

#[test]
fn nothing_was_asked_in_the_future() {
    let mut bench = Bench::new();
    let (noon, whole) = at_noon(&bench);
    let start = whole.start();
    assert_eq!(bench.update(COIN, start, noon).requests, 1);
    assert_eq!(bench.update(COIN, start, noon).requests, 0);
    let sql = bench.sql();
    sql.execute(
        "UPDATE series SET tail_asked_at = ?1, tail_asked_to = ?1",
        [noon + DAY],
    )
    .unwrap();
    assert_eq!(bench.update(COIN, start, noon).requests, 1);
    assert_eq!(bench.update(COIN, start, noon).requests, 0);
    let late = "X:LATEUSD 1h";
    let first = noon - 50 * DAY;
    let asked = span(first - 2 * DAY, first + HOUR);
    bench.provider.offer(late, candles([first]));
    assert_eq!(bench.backfill(noon, late, asked).requests, 1);
    assert_eq!(bench.backfill(noon, late, asked).requests, 0);
    sql.execute("UPDATE empty_spans SET asked_at = ?1", [noon + 1])
        .unwrap();
    bench.provider.take_asked();
    assert_eq!(bench.backfill(noon, late, asked).requests, 2);
    // Once, and once more: it lies right beside a candle.
    let before = span(asked.start(), first);
    assert_eq!(bench.provider.take_spans(), [before, before]);
    assert_eq!(bench.backfill(noon, late, asked).requests, 0);

    // A series without any candle is asked for again after a day, and not after as many as a clock was ahead.
    let none = "X:NONEUSD 1h";
    let long_ago = span(noon - 60 * DAY, noon - 59 * DAY);
    assert_eq!(bench.backfill(noon, none, long_ago).requests, 1);
    assert_eq!(bench.backfill(noon, none, long_ago).requests, 0);
    sql.execute("UPDATE empty_spans SET asked_at = ?1", [noon + DAY])
        .unwrap();
    assert_eq!(bench.backfill(noon, none, long_ago).requests, 1);
}

#[test]
fn a_pause_that_a_clock_ahead_has_set_is_not_waited_for() {
    let mut bench = Bench::new();
    let (noon, whole) = at_noon(&bench);
    let resume_at = noon + HOUR;
    bench.provider.script(move |_, _| {
        crate::support::scripted::refuse_if(
            true,
            candlefile::provider::ErrorKind::Throttled { resume_at },
        )
    });
    let report = bench.try_run(noon, &[(crate::support::scripted::key(COIN), whole)]);
    let id = report.unwrap().job_id.unwrap();
    let told = |bench: &Bench| bench.store.job(&id, noon).unwrap().job.resume_at;
    assert_eq!(told(&bench), Some(resume_at));
    let ahead = "UPDATE backfill_jobs SET heartbeat_at = heartbeat_at + 60";
    bench.sql().execute_batch(ahead).unwrap();
    assert_eq!(told(&bench), None);
}

/// The program against a server whose answers carry these headers.
fn dated(headers: Vec<(&'static str, String)>) -> (Home, crate::support::harness::Run, i64) {
    let server = Server::scripted(move |request| {
        let body = aggs::page(&request.ask(), 50_000, false, 1.0);
        let reply = Reply::json(200, body);
        let with = |reply: Reply, (name, value): &(&'static str, String)| reply.with(name, value);
        Some(headers.iter().fold(reply, with))
    });
    let home = Home::new();
    let start = DateTime::from_timestamp(oracle::now() - 8 * HOUR, 0).unwrap();
    let start = start.format("%Y-%m-%dT%H:00:00Z");
    let run = home.backfill(&server, &format!("X:BTCUSD -t 1m --start {start}"));
    let last = home.db().candles("X:BTCUSD", "1m");
    let last = last.last().map_or(0, |candle| candle.ts);
    (home, run, last)
}

fn http_date(ts: i64) -> String {
    let at = DateTime::from_timestamp(ts, 0).unwrap();
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[test]
fn the_program_reads_when_an_answer_was_given_and_how_long_a_cache_had_it() {
    let before = oracle::now();
    // What was cached is as new as it was then, and the clock is that much further on. Some caches date it anew: a date that is
    // this machine's own is one of now, and the clock no further on.
    for (behind, age, told) in [(2, 0, 2), (5, 3, 2), (3, 3, 0), (0, 3, 0), (1, 3, -2)] {
        let headers = vec![
            ("Date", http_date(before - behind * HOUR)),
            ("Age", (age * HOUR).to_string()),
        ];
        let (_, run, last) = dated(headers);
        let offset = run.ok().json()["clock_offset_s"].as_i64().unwrap_or(0);
        // A second may turn between two looks at a clock.
        let offset = (offset + 30).div_euclid(60);
        assert_eq!(offset, told * 60, "{behind} h behind, {age} h old");
        let made = behind.max(age) * HOUR;
        assert!(last + 16 * MINUTE <= oracle::now() - made);
        assert!(last > before - made - 40 * MINUTE, "{last} {before}");
    }
    for headers in [
        vec![],
        vec![("Date", "yesterday".to_owned()), ("Age", "-1".to_owned())],
        vec![("Date", http_date(before)), ("Age", "soon".to_owned())],
    ] {
        let (_, run, last) = dated(headers);
        assert_eq!(run.ok().json().get("clock_offset_s"), None);
        assert!(last > before - 40 * MINUTE);
    }
    let (home, run, _) = dated(vec![("Date", http_date(before - 3 * DAY))]);
    let report = run.exit(3).json();
    let error = report["failed"][0]["error"].as_str().unwrap();
    assert!(error.contains("dated 3 days behind"), "{error}");
    assert_eq!(report["records"]["fetched"], json!(0));
    assert!(home.db().candles("X:BTCUSD", "1m").is_empty());
}

#[test]
fn an_absent_tail_proves_by_the_clock_that_is_behind() {
    let mut proven = Vec::new();
    for ahead in [0, DAY - 1] {
        let mut bench = Bench::new();
        let noon = utc("2024-03-20 12:00");
        let start = noon - 10 * DAY;
        bench
            .provider
            .offer(COIN, candles(minutes(span(start, start + HOUR))));
        bench.provider.date(noon);
        bench.update(COIN, start, noon + ahead);
        assert_eq!(
            bench.coverage(COIN),
            [span(start, noon - 7 * DAY)],
            "{ahead} s ahead"
        );
        proven.push(bench.coverage(COIN));
    }
    assert_eq!(
        proven[0], proven[1],
        "with a clock that is right, and with one ahead"
    );
}

// One update by a clock a year ahead, of a provider that told no time: what it took for final was believed until that day, and
// three days that the provider had were never asked for.
#[test]
fn what_a_clock_that_ran_ahead_left_is_taken_back_by_the_first_run_without_it() {
    let days = |from: &str, to: &str| (label(from)..=label(to)).step_by(DAY as usize);
    let is_weekday = |ts: &i64| !matches!(ts.div_euclid(DAY).rem_euclid(7), 2 | 3);
    // With and without a row that is not final.
    for newest in ["2024-05-10", "2024-05-13"] {
        let mut bench = Bench::new();
        let start = label("2024-04-01");
        bench.provider.offer(
            STOCK,
            candles(days("2024-04-01", newest).filter(is_weekday)),
        );
        bench.update(STOCK, start, utc("2024-05-10 22:00"));
        bench.update(STOCK, start, utc("2025-05-13 22:00"));
        for day in [
            "2024-05-13",
            "2024-05-14",
            "2024-05-15",
            "2024-05-16",
            "2024-05-17",
        ] {
            // Before the candle of the day has closed, and after.
            bench.update(STOCK, start, utc(&format!("{day} 18:00")));
            bench.provider.offer(STOCK, candles([label(day)]));
            bench.update(STOCK, start, utc(&format!("{day} 23:30")));
        }
        bench.update(STOCK, start, utc("2024-05-18 22:00"));
        let expected: Vec<i64> = days("2024-04-01", "2024-05-17")
            .filter(is_weekday)
            .collect();
        assert_eq!(bench.stamps(STOCK), expected, "{newest}");
        let end = bench.coverage(STOCK).last().map(|span| span.end());
        assert_eq!(end, Some(label("2024-05-18")), "{newest}");
        let of_the_future =
            "SELECT count(*) FROM empty_spans WHERE asked_at > unixepoch('2024-05-18 22:00')";
        assert_eq!(bench.number(of_the_future), 0, "{newest}");
    }
}

// The first run of the right clock had nothing to ask for, so it took nothing back; an hour later a half-made candle looked as
// final as any other.
#[test]
fn what_such_a_clock_left_is_taken_back_also_where_there_is_nothing_to_ask_for_yet() {
    const HOURLY: &str = "X:BTCUSD 1h";
    let mut bench = Bench::new();
    let start = utc("2024-03-01 00:00");
    let hour = utc("2024-03-05 18:00");
    bench
        .provider
        .offer(HOURLY, candles((start..=hour).step_by(HOUR as usize)));
    bench.update(HOURLY, start, hour + 2 * HOUR + 20 * MINUTE);
    let covered = |bench: &Bench| bench.coverage(HOURLY).last().map(|span| span.end());
    assert!(
        covered(&bench) > Some(hour),
        "what is half made counts as final"
    );
    let right = hour + 10 * MINUTE;
    let report = bench.update(HOURLY, start, right);
    assert_eq!(report.requests, 0);
    assert!(covered(&bench) <= Some(hour), "{:?}", covered(&bench));
    bench.provider.take_asked();
    bench.update(HOURLY, start, hour + 3 * HOUR);
    let asked = bench.provider.take_spans();
    assert!(asked.iter().any(|span| span.contains(hour)), "{asked:?}");
}

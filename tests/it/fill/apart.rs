//! What differs in one thing only, and must be kept apart by it: asset class, timeframe, adjustment, span, time of asking.

use std::path::PathBuf;

use candlefile::handover::{Target, merge};
use candlefile::internals::Window;
use candlefile::model::{JobStatus, SeriesStatus};
use candlefile::provider::{ErrorKind, ProviderError};
use candlefile::{Cancel, Store};
use rusqlite::params;

use crate::support::checker::check_books;
use crate::support::db::Db;
use crate::support::harness::Home;
use crate::support::long_past::{COIN, DAYS, LONG_PAST, cells, coin_of, january, ten_days, whole};
use crate::support::scripted::{
    Bench, DAY, HOUR, candles, key, label, ny, refuse_if, span, utc, version,
};

#[test]
fn a_day_that_is_refused_for_stocks_is_not_left_out_for_crypto() {
    let (now, midnight) = (ny("2024-03-07 15:00"), ny("2024-03-07 00:00"));
    let start = ny("2024-03-06 09:30");
    let mut bench = Bench::new();
    let today = ny("2024-03-07 12:00");
    for series in ["AAPL 1m", COIN] {
        bench.provider.offer(series, candles([start, today]));
    }
    bench.provider.script(move |ask, _| {
        let is_stock = ask.symbol.as_str() == "AAPL";
        let kind = ErrorKind::TodayBeforeEnd { now: None };
        refuse_if(is_stock && ask.span.end() > midnight, kind)
    });
    bench.run(
        now,
        &["AAPL 1m", COIN].map(|series| (key(series), span(start, now))),
    );
    assert_eq!(
        bench.stamps("AAPL 1m"),
        [start],
        "of the stock, up to yesterday"
    );
    assert_eq!(bench.stamps(COIN), [start, today], "of the coin, today too");
}

#[test]
fn a_history_limit_that_was_seen_on_minutes_says_nothing_of_days() {
    let cells = cells(4);
    let (mut bench, begin) = (coin_of(&cells), cells[2].start());
    let days = "X:BTCUSD 1d";
    let early = span(label("2024-01-10"), label("2024-01-20"));
    bench.provider.offer(days, candles([label("2024-01-12")]));
    bench.provider.script(move |ask, _| {
        let is_minutes = !ask.market.timeframe().is_label();
        let is_before = is_minutes && ask.span.start() < begin;
        refuse_if(is_before, ErrorKind::OutsideHistory)
    });
    let report = bench.run(
        utc(LONG_PAST),
        &[(key(COIN), whole(&cells)), (key(days), early)],
    );
    let status = report.series.iter().map(|series| series.status);
    assert_eq!(
        status.collect::<Vec<_>>(),
        [SeriesStatus::Failed, SeriesStatus::Completed],
        "of the minutes the plan lacks the first ones, and of the days nothing"
    );
    assert_eq!(
        bench.stamps(days),
        [label("2024-01-12")],
        "the day is stored"
    );
}

#[test]
fn one_series_with_two_spans_in_one_request_has_both() {
    let mut bench = Bench::new();
    let march = span(label("2024-03-01"), label("2024-03-11"));
    bench.provider.offer(DAYS, ten_days());
    let days = (0..10).map(|n| march.start() + n * DAY);
    bench.provider.offer(DAYS, candles(days));
    for order in [[january(), march], [march, january()]] {
        let report = bench
            .try_run(utc(LONG_PAST), &order.map(|span| (key(DAYS), span)))
            .unwrap();
        assert_eq!(report.status, JobStatus::Completed);
        assert_eq!(bench.stamps(DAYS).len(), 20, "ten days of each span");
        bench.sql().execute_batch("DELETE FROM candle_data; DELETE FROM coverage; DELETE FROM empty_spans; UPDATE series SET candles = 0, first_ts = NULL, last_ts = NULL, tail_asked_at = NULL").unwrap();
    }
}

/// A file in which a job over three cells of a coin was interrupted before it had anything, and a copy of it.
fn interrupted_twice() -> (Home, [Bench; 2], String) {
    let (home, cells) = (Home::new(), cells(3));
    let mut first = coin_of(&cells);
    let now = utc(LONG_PAST);
    let resume_at = now + HOUR;
    first
        .provider
        .script(move |_, _| refuse_if(true, ErrorKind::Throttled { resume_at }));
    let report = first.backfill(now, COIN, whole(&cells));
    assert_eq!(report.status, JobStatus::Interrupted);
    let copy = home.path("copy.db");
    let sql = "VACUUM INTO ?";
    first.sql().execute(sql, [copy.to_str().unwrap()]).unwrap();
    let mut second = coin_of(&cells);
    second.store = Store::open(&copy).unwrap();
    (home, [first, second], report.job_id.unwrap())
}

/// Goes on with the job, and fails in one cell.
fn resume_but(bench: &mut Bench, job_id: &str, now: i64, cell: usize) {
    let broken = cells(3)[cell];
    bench.provider.script(move |ask, _| {
        let error = ProviderError {
            kind: ErrorKind::Slice,
            message: "broken".to_owned(),
            attempts: 1,
        };
        (ask.span == broken).then_some(Err(error))
    });
    let report = bench.try_resume(now, job_id).unwrap();
    assert_eq!(report.status, JobStatus::Partial);
}

// Copies of a file that had both gone on with one job were merged as if each slice had been asked once: what one of them had
// fetched was said to be fetched when the other had failed.
#[test]
fn what_two_copies_have_fetched_for_one_job_stays_two_slices_and_each_candle_says_when_it_came() {
    let now = utc(LONG_PAST) + 2 * HOUR;
    for later in [0, DAY] {
        let (home, [mut first, mut second], job_id) = interrupted_twice();
        resume_but(&mut first, &job_id, now, 1);
        resume_but(&mut second, &job_id, now + later, 2);
        let out = home.path("out.db");
        let paths = [first.path(), second.store.path().to_path_buf()];
        let stores = paths.each_ref().map(|path| Store::read(path).unwrap());
        let inputs = paths.each_ref().map(PathBuf::as_path);
        let target = Target::new(&out, true, &inputs).unwrap();
        merge(&stores, &target, now + 2 * DAY, &Cancel::new()).unwrap();
        let db = Db::open(&out);
        check_books(&db);
        let elsewhere =
            "SELECT count(*) FROM candle_data AS c JOIN backfill_progress AS p USING (slice_id)
            WHERE c.ts < p.start_ts OR c.ts >= p.end_ts";
        assert_eq!(
            db.count(elsewhere),
            0,
            "candles whose slice asked for others"
        );
        let cells = cells(3);
        for (cell, fetched) in [(cells[0], now), (cells[1], now + later), (cells[2], now)] {
            let sql = "SELECT unixepoch(fetched_at) FROM market_data WHERE ts >= ? AND ts < ?";
            let found: i64 =
                db.0.query_row(sql, params![cell.start(), cell.end()], |row| row.get(0))
                    .unwrap();
            assert_eq!(found, fetched, "when the candle of {cell:?} came");
        }
        if later > 0 {
            let slices = "SELECT count(*) FROM backfill_progress WHERE status = 'completed'";
            assert_eq!(db.count(slices), 4, "two of each copy");
        }
    }
}

/// The same candle twice, of a week that is long past.
#[test]
fn a_conflict_without_a_volume_is_kept_once() {
    let mut bench = Bench::new();
    let friday = label("2024-01-05");
    let without = |value| candlefile::model::Candle {
        volume: None,
        vwap: None,
        trades: None,
        ..version(friday, value)
    };
    let index = key("I:NDX 1d");
    bench.hand_in(&index, &[without(0)], 0);
    for _ in 0..2 {
        let counts = bench.hand_in(&index, &[without(1)], 0);
        assert_eq!(counts.conflicting, 1, "it differs");
    }
    let kept = "SELECT count(*) FROM conflicts";
    assert_eq!(bench.number(kept), 1, "one other value, one row");
}

/// A turn among two requests in an hour, taken at these seconds; how long it is to be waited for.
fn turn(store: &Store, source: &str, at: i64) -> Option<i64> {
    let windows = |_: &[String]| {
        vec![Window {
            count: 2,
            ms: 7_200_000,
        }]
    };
    store.take_turn(source, windows, || at * 1000).unwrap()
}

#[test]
fn turns_of_one_source_are_none_of_another_and_are_remembered_for_as_long_as_a_window_lasts() {
    let home = Home::new();
    let store = Store::create(&home.db_path()).unwrap();
    for at in [0, 5_000] {
        assert_eq!(turn(&store, "one", at), None, "a turn at {at} s");
    }
    assert_eq!(turn(&store, "other", 5_001), None, "the other's first turn");
    // Of the first two hours both are there still.
    assert_eq!(
        turn(&store, "one", 7_000),
        Some(200_000),
        "milliseconds to wait"
    );
    assert_eq!(
        turn(&store, "one", 7_200),
        None,
        "when the first has lapsed"
    );
}

#[test]
fn a_slow_job_of_one_source_slows_none_of_another() {
    let bench = Bench::new();
    let now = utc(LONG_PAST);
    let owner = bench.store.owner().unwrap();
    let sql = "INSERT INTO backfill_jobs (job_id, status, command, symbols, timeframes, start_ts, end_ts, source, delay_s,
        created_at, owner, heartbeat_at, rate) VALUES ('a', 'running', 'backfill', '[]', '[]', 0, 1, 'one', 0, 0, ?, 0, '5/min')";
    bench.sql().execute(sql, [owner.as_str()]).unwrap();
    assert_eq!(bench.store.living_rates("one", now).unwrap(), ["5/min"]);
    assert_eq!(
        bench.store.living_rates("other", now).unwrap(),
        [] as [&str; 0]
    );
}

#[test]
fn what_waits_in_a_queue_or_has_failed_holds_nothing_that_others_are_asked_for() {
    let mut bench = Bench::new();
    bench.provider.offer(DAYS, ten_days());
    let now = utc(LONG_PAST);
    let owner = bench.store.owner().unwrap();
    bench.hand_in(&key(DAYS), &[version(label("2023-01-03"), 0)], 0);
    for (job, slice) in [
        ("queued", "pending"),
        ("running", "failed"),
        ("running", "completed"),
    ] {
        let file = bench.sql();
        file.execute_batch(
            "DELETE FROM backfill_progress; DELETE FROM backfill_series; DELETE FROM backfill_jobs",
        )
        .unwrap();
        file.execute("INSERT INTO backfill_jobs (job_id, status, command, symbols, timeframes, start_ts, end_ts, source, delay_s,
            created_at, owner, heartbeat_at) VALUES ('a', ?, 'backfill', '[]', '[]', 0, 1, 'scripted', 0, 0, ?, 0)", [job, owner.as_str()]).unwrap();
        let january = january();
        file.execute(
            "INSERT INTO backfill_progress (job_id, series_id, start_ts, end_ts, status)
            SELECT 'a', id, ?, ?, ? FROM series",
            params![january.start(), january.end(), slice],
        )
        .unwrap();
        let others = bench.store.others("b", now).unwrap();
        let left = bench.store.left_to(&others, &key(DAYS)).unwrap();
        assert!(
            left.is_empty(),
            "a {slice} slice of a {job} job holds {left:?}"
        );
        file.execute("UPDATE backfill_progress SET status = 'running'", [])
            .unwrap();
        file.execute("UPDATE backfill_jobs SET status = 'running'", [])
            .unwrap();
        let others = bench.store.others("b", now).unwrap();
        let left = bench.store.left_to(&others, &key(DAYS)).unwrap();
        assert_eq!(
            left.len(),
            1,
            "what is being fetched is left to whoever does it"
        );
    }
}

#[test]
fn beside_another_job_nothing_is_asked_for_that_has_not_closed() {
    let mut bench = Bench::new();
    let noon = utc("2024-03-05 12:00");
    let start = noon - 6 * HOUR;
    bench.hand_in(&key(COIN), &[version(start - 60, 0)], 0);
    let owner = bench.store.owner().unwrap();
    let file = bench.sql();
    file.execute("INSERT INTO backfill_jobs (job_id, status, command, symbols, timeframes, start_ts, end_ts, source, delay_s,
        created_at, owner, heartbeat_at) VALUES ('a', 'running', 'backfill', '[]', '[]', 0, 1, 'scripted', 0, 0, ?, 0)", [owner.as_str()]).unwrap();
    // It has taken all that had closed when it began.
    file.execute(
        "INSERT INTO backfill_progress (job_id, series_id, start_ts, end_ts, status)
        SELECT 'a', id, ?, ?, 'running' FROM series",
        [start, noon - 15 * 60],
    )
    .unwrap();
    drop(file);
    let report = bench
        .try_run(noon, &[(key(COIN), span(start, noon))])
        .unwrap();
    assert_eq!(
        bench.provider.take_spans(),
        [],
        "what is left has not closed"
    );
    assert_eq!(report.status, JobStatus::Partial, "the rest is the other's");
}

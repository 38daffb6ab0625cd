//! The live edge at fixed instants: when a candle is stored, when it is final, what its later answers do to it, and
//! when the tail is asked for again.

use candlefile::model::{JobStatus, Policy};
use candlefile::provider::Cursor;
use chrono_tz::America::Chicago;

use crate::support::scripted::{
    Bench, DAY, HOUR, MINUTE, at, candles, label, market, ny, page, span, utc, version,
};

/// A candle and the instants from which it is closed and final.
struct Edge {
    series: &'static str,
    ts: i64,
    closed: i64,
    settled: i64,
}

/// Candles of several hours, whose lines are UTC's: in winter an hour earlier by New York's clock.
fn several_hours() -> [((&'static str, i64), &'static str, &'static str); 4] {
    [
        (
            ("AAPL 4h", ny("2024-11-01 16:00")),
            "2024-11-01 20:15",
            "2024-11-02 12:00",
        ),
        (
            ("AAPL 4h", ny("2024-12-05 15:00")),
            "2024-12-05 19:15",
            "2024-12-06 12:00",
        ),
        // One that holds a midnight and hours of both its days, and one that outlives the last hour of a week.
        (
            ("AAPL 12h", ny("2024-12-05 19:00")),
            "2024-12-06 07:15",
            "2024-12-07 12:00",
        ),
        (
            ("AAPL 12h", ny("2024-12-06 19:00")),
            "2024-12-06 20:15",
            "2024-12-07 12:00",
        ),
    ]
}

/// Each by the wall clock of its market, on the edges of daylight saving (2024-03-10 to 2024-11-03) and of the year.
fn edges() -> Vec<Edge> {
    let stock = |series, ts, closed: &str, settled: &str| Edge {
        series,
        ts,
        closed: ny(closed),
        settled: ny(settled),
    };
    let index = |date: &str, closed: &str, settled: &str| Edge {
        series: "I:NDX 1d",
        ts: label(date),
        closed: at(Chicago, closed),
        settled: at(Chicago, settled),
    };
    let always_open = |series, ts, closed: &str, settled: &str| Edge {
        series,
        ts,
        closed: utc(closed),
        settled: utc(settled),
    };
    let day = |date| ("AAPL 1d", label(date));
    let mut edges = Vec::new();
    for ((series, ts), closed, settled) in [
        (day("2024-03-08"), "2024-03-08 20:15", "2024-03-09 12:00"),
        (day("2024-03-11"), "2024-03-11 20:15", "2024-03-12 12:00"),
        (day("2024-11-01"), "2024-11-01 20:15", "2024-11-02 12:00"),
        (day("2024-11-04"), "2024-11-04 20:15", "2024-11-05 12:00"),
        (day("2024-12-31"), "2024-12-31 20:15", "2025-01-01 12:00"),
        // The last trading hour of a week is on its Friday, that of a month on its last session.
        (
            ("AAPL 1w", label("2024-03-03")),
            "2024-03-08 20:15",
            "2024-03-09 12:00",
        ),
        (
            ("AAPL 1w", label("2024-12-29")),
            "2025-01-03 20:15",
            "2025-01-04 12:00",
        ),
        (
            ("AAPL 1mo", label("2024-03-01")),
            "2024-03-28 20:15",
            "2024-03-29 12:00",
        ),
        // Good Friday ends a week and a month a day earlier; after Thanksgiving trading ends at five.
        (
            ("AAPL 1w", label("2024-03-24")),
            "2024-03-28 20:15",
            "2024-03-29 12:00",
        ),
        (day("2024-11-29"), "2024-11-29 17:15", "2024-11-30 12:00"),
        (
            ("AAPL 1w", label("2024-11-24")),
            "2024-11-29 17:15",
            "2024-11-30 12:00",
        ),
        (
            ("AAPL 1mo", label("2024-12-01")),
            "2024-12-31 20:15",
            "2025-01-01 12:00",
        ),
        (
            ("AAPL 1m", ny("2024-03-08 09:30")),
            "2024-03-08 09:46",
            "2024-03-09 12:00",
        ),
        (
            ("AAPL 1m", ny("2024-12-31 19:59")),
            "2024-12-31 20:15",
            "2025-01-01 12:00",
        ),
    ]
    .into_iter()
    .chain(several_hours())
    {
        edges.push(stock(series, ts, closed, settled));
    }
    edges.extend([
        index("2024-03-08", "2024-03-09 00:15", "2024-03-09 12:00"),
        index("2024-11-01", "2024-11-02 00:15", "2024-11-02 12:00"),
        index("2024-12-31", "2025-01-01 00:15", "2025-01-01 12:00"),
        always_open(
            "X:BTCUSD 1m",
            utc("2024-03-10 06:59"),
            "2024-03-10 07:15",
            "2024-03-10 08:00",
        ),
        always_open(
            "X:BTCUSD 1m",
            utc("2024-12-31 23:59"),
            "2025-01-01 00:15",
            "2025-01-01 01:00",
        ),
        always_open(
            "C:EURUSD 1d",
            label("2024-12-31"),
            "2025-01-01 00:15",
            "2025-01-01 01:00",
        ),
    ]);
    edges
}

/// A bench whose provider has the candle of an edge and the three before it; the first of them.
fn bench_of(series: &str, ts: i64) -> (Bench, i64) {
    let (bench, market) = (Bench::new(), market(series));
    let mut first = ts;
    for _ in 0..3 {
        first = market.floor(first - 1);
        bench.provider.offer(series, candles([first]));
    }
    bench.provider.offer(series, candles([ts]));
    (bench, first)
}

/// A bench whose provider has the five days of the week of 2024-03-04, and that Monday.
fn a_week_of_days() -> (Bench, i64) {
    let (bench, monday) = (Bench::new(), label("2024-03-04"));
    let days = (0..5).map(|n| monday + n * DAY);
    bench.provider.offer("AAPL 1d", candles(days));
    (bench, monday)
}

#[test]
fn a_candle_is_stored_when_it_has_closed_and_neither_stored_nor_counted_before() {
    for Edge {
        series, ts, closed, ..
    } in edges()
    {
        let (mut bench, first) = bench_of(series, ts);
        let before = bench.update(series, first, closed - 1);
        assert_eq!(
            before.records.fetched, 3,
            "{series} {ts}: rows a second before it closes"
        );
        assert!(!bench.stamps(series).contains(&ts));
        let at_close = bench.update(series, first, closed);
        assert_eq!(
            (at_close.requests, at_close.records.inserted),
            (1, 1),
            "{series} {ts}: requests and new candles when it closes"
        );
        assert_eq!(
            bench.stamps(series).last(),
            Some(&ts),
            "the candle is stored when it has closed"
        );
    }
}

#[test]
fn a_candle_is_covered_when_it_is_final_and_asked_again_until_then() {
    for Edge {
        series,
        ts,
        settled,
        ..
    } in edges()
    {
        let (mut bench, first) = bench_of(series, ts);
        bench.update(series, first, settled - 1);
        let is_covered = |bench: &Bench| bench.coverage(series).iter().any(|c| c.contains(ts));
        assert!(bench.stamps(series).contains(&ts));
        assert!(
            !is_covered(&bench),
            "{series} {ts} is covered before it is final"
        );
        let at_final = bench.update(series, first, settled);
        assert_eq!(
            (at_final.requests, at_final.records.inserted),
            (1, 0),
            "{series} {ts}: requests and new candles when it is final"
        );
        assert!(
            is_covered(&bench),
            "{series} {ts} is not covered when it is final"
        );
    }
}

#[test]
fn a_range_in_which_nothing_has_closed_sends_nothing_and_lacks_nothing() {
    let (mut bench, monday) = a_week_of_days();
    let report = bench.update("AAPL 1d", monday, ny("2024-03-04 15:59"));
    assert_eq!(
        (report.status, report.requests),
        (JobStatus::Completed, 0),
        "the end of a job without anything closed, and its requests"
    );
    assert_eq!(
        bench.number("SELECT count(*) FROM backfill_progress"),
        0,
        "slices of a job without anything closed"
    );
}

#[test]
fn the_delay_moves_the_close_and_final_after_the_final_word() {
    let (day, close) = (label("2024-03-08"), ny("2024-03-08 20:00"));
    for (delay, final_after, closed, settled) in [
        (0, None, close, ny("2024-03-09 12:00")),
        (2 * HOUR, Some(5 * HOUR), close + 2 * HOUR, close + 5 * HOUR),
        // What is not closed is not final either.
        (3 * HOUR, Some(HOUR), close + 3 * HOUR, close + 3 * HOUR),
    ] {
        let (mut bench, first) = bench_of("AAPL 1d", day);
        bench.policy = Policy { delay, final_after };
        bench.update("AAPL 1d", first, closed - 1);
        assert!(!bench.stamps("AAPL 1d").contains(&day));
        bench.update("AAPL 1d", first, closed);
        assert!(bench.stamps("AAPL 1d").contains(&day));
        bench.update("AAPL 1d", first, settled - 1);
        assert_eq!(bench.coverage("AAPL 1d")[0].end() > day, closed == settled);
        bench.update("AAPL 1d", first, settled);
        assert_eq!(
            bench.coverage("AAPL 1d"),
            [span(first, day + DAY)],
            "what a longer wait has left open"
        );
    }
}

// Days that a long wait had left open lay before what was covered, and a run of the usual wait said that nothing was missing.
#[test]
fn what_a_longer_wait_left_open_is_asked_for_by_a_shorter_one() {
    let (mut bench, monday) = a_week_of_days();
    let (wednesday, saturday) = (monday + 2 * DAY, ny("2024-03-09 12:00"));
    bench.backfill(saturday, "AAPL 1d", span(wednesday, monday + 5 * DAY));
    bench.policy.final_after = Some(20 * DAY);
    let before = span(monday, wednesday);
    bench.backfill(saturday + MINUTE, "AAPL 1d", before);
    assert_eq!(bench.stamps("AAPL 1d").len(), 5, "days of the week");
    bench.policy.final_after = None;
    for (minute, requests) in [(2, 1), (3, 0)] {
        let report = bench.backfill(saturday + minute * MINUTE, "AAPL 1d", before);
        assert_eq!(report.requests, requests, "requests by the usual wait");
        assert_eq!(
            bench.coverage("AAPL 1d"),
            [span(monday, monday + 5 * DAY)],
            "days that are final"
        );
    }
}

#[test]
fn a_smaller_delay_gets_what_a_larger_one_left_out() {
    let (mut bench, monday) = a_week_of_days();
    bench.update("AAPL 1d", monday, ny("2024-03-08 20:10"));
    assert_eq!(
        bench.stamps("AAPL 1d").len(),
        4,
        "days that a larger delay leaves out"
    );
    bench.policy.delay = 0;
    bench.update("AAPL 1d", monday, ny("2024-03-08 20:12"));
    assert_eq!(
        bench.stamps("AAPL 1d").len(),
        5,
        "days by the smaller delay"
    );
}

#[test]
fn a_provisional_candle_is_replaced_by_its_final_value_and_the_log_keeps_the_old_one() {
    let (mut bench, monday) = a_week_of_days();
    let friday = monday + 4 * DAY;
    bench.update("AAPL 1d", monday, ny("2024-03-08 21:00"));
    assert_eq!(
        bench.coverage("AAPL 1d"),
        [span(monday, friday)],
        "Friday is not final on Friday evening"
    );

    bench.provider.offer("AAPL 1d", [version(friday, 1)]);
    let noon = ny("2024-03-09 12:00");
    let report = bench.update("AAPL 1d", monday, noon);
    let asked = bench.provider.take_spans();
    assert_eq!(
        asked[1],
        span(friday, friday + 2 * DAY),
        "the tail is what is asked again"
    );
    assert_eq!(
        (report.records.fetched, report.records.restated),
        (1, 1),
        "rows of the final answer, and those that changed"
    );
    assert_eq!(
        bench.held("AAPL 1d").last(),
        Some(&version(friday, 1)),
        "the final value is stored"
    );
    let sql = "SELECT ts, action, old_close, seen_at FROM restatements";
    let logged: (i64, String, f64, i64) = bench
        .sql()
        .query_row(sql, [], |row| row.try_into())
        .unwrap();
    let old = version(friday, 0).close;
    assert_eq!(
        logged,
        (friday, "replaced".to_owned(), old, noon),
        "the log: the candle, what befell it, its old close, and when"
    );
}

#[test]
fn a_provisional_candle_that_kept_its_value_is_a_duplicate() {
    let (mut bench, monday) = a_week_of_days();
    bench.update("AAPL 1d", monday, ny("2024-03-08 21:00"));
    let report = bench.update("AAPL 1d", monday, ny("2024-03-09 12:00"));
    assert_eq!(
        (report.records.duplicate, report.records.restated),
        (1, 0),
        "rows that are the same, and those that changed"
    );
    assert_eq!(
        bench.number("SELECT count(*) FROM restatements"),
        0,
        "nothing is logged of a value that stayed"
    );
    assert_eq!(
        bench.coverage("AAPL 1d"),
        [span(monday, monday + 5 * DAY)],
        "the week is final"
    );
}

#[test]
fn a_provisional_candle_that_the_final_answer_no_longer_has_is_removed() {
    let minute = |n: i64| ny("2024-03-08 19:50") + n * MINUTE;
    for withdrawn in [0, 5, 9] {
        let mut bench = Bench::new();
        bench
            .provider
            .offer("AAPL 1m", candles((0..10).map(minute)));
        bench.update("AAPL 1m", minute(0), ny("2024-03-08 20:15"));
        assert_eq!(
            bench.stamps("AAPL 1m").len(),
            10,
            "ten minutes are stored when they have closed"
        );
        bench.provider.withdraw("AAPL 1m", minute(withdrawn));
        bench.provider.page_by(4);

        // What a later final candle follows is gone at once; an absent last candle proves nothing for seven days.
        bench.update("AAPL 1m", minute(0), ny("2024-03-09 12:00"));
        let is_held = bench.stamps("AAPL 1m").contains(&minute(withdrawn));
        assert_eq!(
            is_held,
            withdrawn == 9,
            "whether the minute that was withdrawn is still held"
        );
        bench.update("AAPL 1m", minute(0), ny("2024-03-18 12:00"));
        let rest = (0..10).filter(|&n| n != withdrawn).map(minute);
        assert_eq!(
            bench.stamps("AAPL 1m"),
            rest.collect::<Vec<_>>(),
            "what is left in the end"
        );
        // candles, first_ts and last_ts are held against the rows after every run.
        let removed = "SELECT count(*) FROM restatements WHERE action = 'removed'";
        assert_eq!(bench.number(removed), 1, "removals in the log");
    }
}

#[test]
fn an_absent_tail_is_covered_only_where_it_is_older_than_seven_days() {
    let (start, last) = (label("2024-01-02"), label("2024-02-15"));
    let friday = ny("2024-03-01 21:00");
    let mut bench = Bench::new();
    bench.provider.offer("AAPL 1d", candles([start, last]));
    bench.update("AAPL 1d", start, friday);
    assert_eq!(
        bench.coverage("AAPL 1d"),
        [span(start, label("2024-02-23"))],
        "up to seven days ago"
    );

    bench.update("AAPL 1d", start, friday + 3 * DAY);
    assert_eq!(
        bench.coverage("AAPL 1d"),
        [span(start, label("2024-02-26"))],
        "a day later"
    );
    // A candle that comes late within the seven days is still found.
    bench
        .provider
        .offer("AAPL 1d", candles([label("2024-02-28")]));
    let report = bench.update("AAPL 1d", start, friday + 4 * DAY);
    assert_eq!(
        report.records.inserted, 1,
        "the candle that came late is stored"
    );
    assert_eq!(
        bench.coverage("AAPL 1d"),
        [span(start, label("2024-02-29"))],
        "up to the end of the last candle"
    );
}

#[test]
fn a_last_day_that_stays_absent_is_asked_for_once_more_when_a_week_has_proven_it() {
    let (mut bench, monday) = a_week_of_days();
    let (friday, saturday) = (monday + 4 * DAY, ny("2024-03-09 12:00"));
    bench.provider.withdraw("AAPL 1d", friday);
    let week = span(monday, friday + DAY);
    for (days, requests, covered) in [
        (0, 1, friday),
        (3, 0, friday),
        (6, 0, friday),
        // And to make sure, since it lies right beside candles.
        (7, 2, friday + DAY),
        (8, 0, friday + DAY),
    ] {
        let report = bench.backfill(saturday + days * DAY, "AAPL 1d", week);
        assert_eq!(report.requests, requests, "{days} days later");
        assert_eq!(
            bench.coverage("AAPL 1d"),
            [span(monday, covered)],
            "what is covered in the end"
        );
    }
}

#[test]
fn a_weekend_of_updates_asks_only_when_something_closed_or_became_final() {
    let (mut bench, monday) = a_week_of_days();
    for (now, requests) in [
        ("2024-03-08 20:14", 1),
        ("2024-03-08 20:14", 0),
        ("2024-03-08 20:15", 1),
        ("2024-03-09 11:59", 0),
        ("2024-03-09 12:00", 1),
        ("2024-03-09 12:01", 0),
        ("2024-03-10 13:00", 0),
        ("2024-03-10 20:00", 0),
        ("2024-03-11 20:14", 0),
        ("2024-03-11 20:15", 1),
        ("2024-03-11 23:00", 0),
    ] {
        let report = bench.update("AAPL 1d", monday, ny(now));
        assert_eq!(report.requests, requests, "{now}");
    }
    assert_eq!(bench.stamps("AAPL 1d").len(), 5, "all five days are held");
}

#[test]
fn an_update_every_15_minutes_gets_the_new_minutes_and_the_night_asks_for_none() {
    let (open, close) = (ny("2024-03-07 17:30"), ny("2024-03-07 20:00"));
    let mut bench = Bench::new();
    let minutes = (open..close).step_by(60);
    bench.provider.offer("AAPL 1m", candles(minutes));
    let mut now = open + 16 * MINUTE;
    bench.update("AAPL 1m", open, now);
    while now < close + 15 * MINUTE {
        now = (now + 15 * MINUTE).min(close + 15 * MINUTE);
        let report = bench.update("AAPL 1m", open, now);
        assert_eq!(report.requests, 1, "requests of an update that has news");
        assert_eq!(
            bench.stamps("AAPL 1m").last(),
            Some(&(now - 16 * MINUTE)),
            "the newest minute that has closed"
        );
    }
    assert_eq!(
        bench.stamps("AAPL 1m").len() as i64,
        (close - open) / MINUTE,
        "all minutes of the day"
    );
    for (now, requests) in [
        ("2024-03-07 23:00", 0),
        ("2024-03-08 04:15", 0),
        ("2024-03-08 04:16", 1),
        ("2024-03-08 11:59", 1),
        ("2024-03-08 12:00", 1),
    ] {
        let report = bench.update("AAPL 1m", open, ny(now));
        assert_eq!(report.requests, requests, "{now}");
    }
    assert_eq!(
        bench.coverage("AAPL 1m"),
        [span(open, close)],
        "the day is covered once it is final"
    );
}

#[test]
fn force_asks_for_the_tail_again_and_not_for_what_is_covered() {
    let (mut bench, monday) = a_week_of_days();
    let (friday, evening) = (monday + 4 * DAY, ny("2024-03-08 21:00"));
    bench.update("AAPL 1d", monday, evening);
    bench.provider.take_asked();
    bench.force = true;
    bench.update("AAPL 1d", monday, evening + 60);
    assert_eq!(
        bench.provider.take_spans(),
        [span(friday, friday + DAY)],
        "what is asked again by force"
    );
    let covered = span(monday, friday);
    assert_eq!(
        bench.backfill(evening + 120, "AAPL 1d", covered).requests,
        0,
        "requests for what is covered, by force"
    );
}

/// 2024-01-03 is day 19,725 since 1970, a multiple of 75: minutes of stocks are cut at its New York midnight.
const CUT: &str = "2024-01-03 00:00";

fn near_the_cut() -> (Bench, i64) {
    let bench = Bench::new();
    for date in ["2024-01-02", "2024-01-03", "2024-01-04"] {
        let open = ny(&format!("{date} 09:30"));
        let session = (0..13).map(|n| open + n * 30 * MINUTE);
        bench.provider.offer("AAPL 1m", candles(session));
    }
    (bench, ny("2024-01-02 09:30"))
}

#[test]
fn a_cut_within_the_last_seven_days_leaves_nothing_that_is_asked_for_nothing() {
    let (mut bench, start) = near_the_cut();
    let evening = ny("2024-01-04 21:00");
    let first = bench.update("AAPL 1m", start, evening);
    let asked = bench.provider.take_spans();
    assert_eq!(
        asked,
        [span(start, ny(CUT)), span(ny(CUT), evening)],
        "what is asked on both sides of the cut"
    );
    assert_eq!(first.records.inserted, 39, "minutes that were stored");
    for (now, asks) in [
        ("2024-01-04 21:00", false),
        ("2024-01-04 22:30", false),
        ("2024-01-05 03:00", false),
        ("2024-01-05 12:00", true),
        ("2024-01-05 12:00", false),
        ("2024-01-06 12:00", true),
        ("2024-01-07 12:00", false),
    ] {
        let report = bench.update("AAPL 1m", start, ny(now));
        assert_eq!(report.requests > 0, asks, "{now}");
    }
    bench.update("AAPL 1m", start, ny("2024-01-20 12:00"));
    let proven = span(start, ny("2024-01-13 12:00"));
    assert_eq!(bench.coverage("AAPL 1m"), [proven], "what is proven");
}

#[test]
fn a_night_before_a_cut_is_not_asked_for_again_along_with_the_news_after_it() {
    let (mut bench, start) = near_the_cut();
    bench
        .provider
        .offer("AAPL 1m", candles([ny("2024-01-02 19:59")]));
    bench.update("AAPL 1m", start, ny("2024-01-04 12:00"));
    let covered = span(start, ny("2024-01-02 20:00"));
    assert_eq!(bench.coverage("AAPL 1m")[0], covered, "what stays covered");
    bench.provider.take_asked();
    bench.update("AAPL 1m", start, ny("2024-01-04 12:15"));
    let asked = bench.provider.take_spans();
    assert_eq!(asked.len(), 1, "{asked:?}");
}

#[test]
fn a_slice_in_which_nothing_has_closed_is_not_asked_for() {
    let (mut bench, start) = near_the_cut();
    bench.update("AAPL 1m", start, ny("2024-01-03 00:05"));
    assert_eq!(
        bench.provider.take_spans(),
        [span(start, ny(CUT))],
        "only the slice in which something has closed"
    );
}

#[test]
fn of_two_rows_of_one_answer_on_two_pages_the_first_stays_although_it_is_not_final() {
    let (mut bench, monday) = a_week_of_days();
    let friday = monday + 4 * DAY;
    bench.provider.script(move |ask, cursor| {
        let stamps = (0..5).map(|n| monday + n * DAY);
        let (candles, next) = if cursor.is_none() {
            (
                candles(stamps).collect::<Vec<_>>(),
                Some(Cursor::new("more")),
            )
        } else {
            (vec![version(friday, 9), version(friday + 3 * DAY, 0)], None)
        };
        Some(Ok(page(ask, candles).followed_by(next)))
    });
    let report = bench.update("AAPL 1d", monday, ny("2024-03-11 21:00"));
    let counts = report.records;
    assert_eq!(counts.conflicting, 1, "the second row differs: {counts:?}");
    assert_eq!(counts.restated, 0, "no answer restates itself: {counts:?}");
    assert_eq!(
        bench.held("AAPL 1d")[4],
        version(friday, 0),
        "the first row"
    );
}

#[test]
fn on_a_day_that_the_file_knows_as_closed_nothing_is_asked_and_on_one_that_it_knows_as_open_it_is()
{
    // Wednesday is a session like any other, Thursday is Thanksgiving.
    let (wednesday, thursday) = (label("2024-11-27"), label("2024-11-28"));
    let run = |told: Option<(i64, i64)>, instants: [&str; 2]| {
        let mut bench = Bench::new();
        let all = [0, 1, 2, 3].map(|day| label("2024-11-25") + day * DAY);
        bench.provider.offer("AAPL 1d", candles(all));
        if let Some((day, is_open)) = told {
            let sql = "INSERT INTO calendar_days VALUES ('XNYS', ?, ?)";
            bench.sql().execute(sql, [day, is_open]).unwrap();
        }
        let asked = instants.map(|now| {
            let report = bench.update("AAPL 1d", label("2024-11-25"), ny(now));
            report.requests
        });
        let flagged = "SELECT count(*) FROM quality_issues WHERE check_name = 'off_session'";
        (asked, bench.stamps("AAPL 1d").len(), bench.number(flagged))
    };
    // At noon the day before is final, in the evening the day has closed.
    let on_wednesday = ["2024-11-27 12:05", "2024-11-27 20:20"];
    assert_eq!(run(None, on_wednesday), ([1, 1], 3, 0));
    assert_eq!(run(Some((wednesday, 0)), on_wednesday), ([1, 0], 2, 0));
    let on_thursday = ["2024-11-28 12:05", "2024-11-28 20:20"];
    assert_eq!(run(None, on_thursday), ([1, 0], 3, 0));
    assert_eq!(run(Some((thursday, 1)), on_thursday), ([1, 1], 4, 0));
}

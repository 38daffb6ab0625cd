//! What is not believed at once: an end of pages that was announced otherwise, nothing between candles, rows of another
//! time. Each is asked for a second time, and no question is asked without end.

use std::collections::HashSet;

use candlefile::model::{JobStatus, SeriesStatus, Span};
use candlefile::provider::{Ask, Cursor, ErrorKind, Page};

use crate::support::checker::check;
use crate::support::exchange::{Reply, Request};
use crate::support::harness::Home;
use crate::support::scripted::{
    Answer, Bench, DAY, HOUR, candles, market, page, refuse_if, span, utc, version, without_open,
};
use crate::support::server::Server;
use crate::support::{aggs, oracle};

const SERIES: &str = "X:BTCUSD 1h";

fn now() -> i64 {
    utc("2024-01-01 00:00")
}

/// Four cells and the span that holds them.
fn cells() -> (Vec<Span>, Span) {
    let start = utc("2023-01-15 00:00");
    let cells = market(SERIES).cut_at_cells(span(start, start + 150 * DAY));
    let cells = cells[..4].to_vec();
    let whole = span(cells[0].start(), cells[3].end());
    (cells, whole)
}

fn hours(span: Span) -> impl Iterator<Item = i64> {
    (span.start()..span.end()).step_by(HOUR as usize)
}

#[allow(clippy::unnecessary_wraps)] // It stands where a script's answer does.
fn nothing() -> Answer {
    Some(Ok(Page::default()))
}

/// Says that there is nothing in a cell, the first time it is asked for.
fn loses(bench: &Bench, cell: Span) {
    let mut asked = HashSet::new();
    bench.provider.script(move |ask, _| {
        if ask.span == cell && asked.insert(ask.span) {
            return nothing();
        }
        None
    });
}

#[test]
fn nothing_between_candles_is_asked_for_again_and_what_comes_then_counts() {
    for workers in [1, 4] {
        for lost in [1, 2] {
            let (cells, whole) = cells();
            let mut bench = Bench::new();
            bench.workers = workers;
            bench.provider.offer(SERIES, candles(hours(whole)));
            loses(&bench, cells[lost]);
            let report = bench.backfill(now(), SERIES, whole);
            assert_eq!(report.status, JobStatus::Completed);
            assert_eq!(report.requests, 5);
            assert_eq!(bench.stamps(SERIES), hours(whole).collect::<Vec<_>>());
            assert_eq!(bench.number("SELECT count(*) FROM empty_spans"), 0);
        }
    }
}

#[test]
fn nothing_between_candles_counts_when_it_is_said_twice() {
    let (cells, whole) = cells();
    let mut bench = Bench::new();
    for cell in [cells[0], cells[3]] {
        bench.provider.offer(SERIES, candles(hours(cell)));
    }
    let report = bench.backfill(now(), SERIES, whole);
    assert_eq!((report.status, report.requests), (JobStatus::Completed, 6));
    assert_eq!(bench.coverage(SERIES), [whole]);
    assert_eq!(bench.number("SELECT count(*) FROM empty_spans"), 2);
    assert_eq!(bench.backfill(now(), SERIES, whole).requests, 0);
}

// The first candle of a series made an older answer final that had lost its rows, right beside it.
#[test]
fn nothing_that_an_earlier_run_was_told_is_asked_again_where_a_series_may_get_its_first_candle() {
    let (cells, whole) = cells();
    let earlier = span(cells[1].start() + DAY, cells[2].end() - DAY);
    for cut_off in [false, true] {
        let mut bench = Bench::new();
        bench.provider.script(|_, _| nothing());
        bench.backfill(now(), SERIES, earlier);
        bench.provider.offer(SERIES, candles(hours(whole)));
        let mut answers = if cut_off { 1 } else { usize::MAX };
        bench.provider.script(move |_, _| {
            let goes_on = answers > 0;
            answers = answers.saturating_sub(1);
            refuse_if(!goes_on, ErrorKind::Slice)
        });
        let report = bench.backfill(now() + HOUR, SERIES, whole);
        let is_whole = report.status == JobStatus::Completed;
        assert_eq!(is_whole, !cut_off);
        bench.provider.script(|_, _| None);
        bench.backfill(now() + 2 * HOUR, SERIES, whole);
        let held = bench.stamps(SERIES);
        let lost: Vec<i64> = hours(whole).filter(|ts| !held.contains(ts)).collect();
        let asked = bench.provider.take_spans();
        assert!(
            lost.is_empty(),
            "cut off: {cut_off}, {asked:?}, lost {} from {:?}",
            lost.len(),
            lost.first()
        );
        assert_eq!(bench.number("SELECT count(*) FROM empty_spans"), 0);
    }
}

#[test]
fn nothing_before_the_first_candle_or_after_the_last_is_asked_for_once_unless_it_lies_beside_one() {
    let (cells, whole) = cells();
    for (has, workers) in [(0, 1), (0, 4), (3, 1), (3, 4), (4, 1), (4, 4)] {
        let mut bench = Bench::new();
        bench.workers = workers;
        if let Some(cell) = cells.get(has) {
            bench.provider.offer(SERIES, candles(hours(*cell)));
        }
        let report = bench.backfill(now(), SERIES, whole);
        let beside = u64::from(has < cells.len());
        assert_eq!(report.requests, 4 + beside, "candles in cell {has}");
        let (held, again) = (bench.stamps(SERIES).len(), now() + HOUR);
        assert_eq!(held, cells.get(has).map_or(0, |cell| hours(*cell).count()));
        assert_eq!(bench.backfill(again, SERIES, whole).requests, 0);
    }
}

#[test]
fn a_hole_in_what_is_held_is_not_filled_with_nothing_on_one_word() {
    let (cells, whole) = cells();
    let mut bench = Bench::new();
    for cell in [cells[0], cells[2]] {
        bench.provider.offer(SERIES, candles(hours(cell)));
        bench.backfill(now(), SERIES, cell);
    }
    bench.provider.offer(SERIES, candles(hours(whole)));
    loses(&bench, cells[1]);
    let report = bench.backfill(now(), SERIES, cells[1]);
    assert_eq!((report.status, report.requests), (JobStatus::Completed, 2));
    assert_eq!(report.records.inserted, hours(cells[1]).count() as u64);
}

// Page 1 of 4 named a next page, and that once came without rows: three fourths of the slice counted as answered.
#[test]
fn a_page_without_rows_is_not_the_end_that_the_page_before_denied() {
    let whole = cells().0[1];
    for (lost, lasts, has_rows) in [
        (1, false, false),
        (2, false, false),
        (1, true, false),
        // What lies beside the rest and is dropped is no row of it.
        (1, false, true),
        (1, true, true),
    ] {
        let mut bench = Bench::new();
        bench.provider.offer(SERIES, candles(hours(whole)));
        bench.provider.page_by(300);
        let mut followed = 0;
        bench
            .provider
            .script(move |ask: &Ask, cursor: Option<&Cursor>| {
                followed += usize::from(cursor.is_some());
                let strikes = cursor.is_some() && (lasts || followed == lost);
                strikes.then(|| {
                    // A row beside what was asked is the provider's habit.
                    let beside = has_rows.then(|| version(ask.span.start() - HOUR, 0));
                    Ok(page(ask, beside))
                })
            });
        let report = bench.backfill(now(), SERIES, whole);
        assert_eq!(report.status, JobStatus::Completed);
        assert_eq!(bench.stamps(SERIES), hours(whole).collect::<Vec<_>>());
        let pages = hours(whole).count().div_ceil(300) as u64;
        let more = if lasts { pages - 1 } else { 1 };
        assert_eq!(report.requests, pages + more);
        assert_eq!(report.records.duplicate, 0);
    }
}

#[test]
fn a_page_without_rows_is_the_end_when_nothing_follows_the_last_row_either() {
    let whole = cells().0[1];
    let mut bench = Bench::new();
    let first: Vec<i64> = hours(whole).take(10).collect();
    bench.provider.offer(SERIES, candles(first.clone()));
    bench.provider.script(move |ask, cursor| {
        if cursor.is_some() {
            return nothing();
        }
        let rows = candles(first.clone()).filter(|candle| ask.span.contains(candle.ts));
        let page = page(ask, rows);
        let next = (!page.is_empty()).then(|| Cursor::new("more"));
        Some(Ok(page.followed_by(next)))
    });
    let report = bench.backfill(now(), SERIES, whole);
    assert_eq!((report.status, report.requests), (JobStatus::Completed, 3));
    assert_eq!(bench.coverage(SERIES), [whole]);
    let asked = bench.provider.take_spans();
    assert_eq!(asked[1].start(), whole.start() + 10 * HOUR);
}

#[test]
fn a_slice_whose_every_row_is_rejected_fails_with_the_reason_and_is_not_called_empty() {
    let whole = cells().0[1];
    let mut bench = Bench::new();
    bench.provider.script(|ask, _| {
        let row = without_open(ask, ask.span.start());
        Some(Ok(Page::of(ask, [row])))
    });
    let report = bench.backfill(now(), SERIES, whole);
    assert_eq!(report.status, JobStatus::Partial);
    assert_eq!(report.series[0].status, SeriesStatus::Failed);
    let error = &report.failed[0].error;
    assert!(error.contains("open is missing"), "{error}");
    assert_eq!(report.records.fetched, 0);
}

#[test]
fn pages_without_rows_that_name_others_end_where_nothing_comes_twice() {
    let whole = cells().0[1];
    let mut bench = Bench::new();
    bench.provider.script(|_, cursor| {
        let next = cursor.is_none().then(|| Cursor::new("more"));
        Some(Ok(Page::default().followed_by(next)))
    });
    let report = bench.backfill(now(), SERIES, whole);
    assert_eq!(report.series[0].status, SeriesStatus::NoData);
    assert_eq!((report.failed.len(), report.requests), (0, 4));
}

/// Strikes at the first request of each kind.
fn once(strikes: impl Fn(&Request) -> bool + Send + Sync + 'static, reply: Reply) -> Server {
    let done = std::sync::atomic::AtomicBool::new(false);
    let first = move || !done.swap(true, std::sync::atomic::Ordering::SeqCst);
    Server::setup()
        .page(40)
        .script(move |request| (strikes(request) && first()).then(|| reply.clone()))
        .start()
}

#[test]
fn the_program_gets_over_each_of_them_and_ends_with_all_that_there_is() {
    let asked = oracle::span("AAPL", "1h", "2024-01-08", "2024-01-19");
    let stray = oracle::span("AAPL", "1h", "2021-03-02", "2021-03-02");
    let rows = |span| oracle::candles("AAPL", "1h", span).map(|c| aggs::row("AAPL", "1h", &c, 1.0));
    let mut mixed: Vec<String> = rows(stray).collect();
    mixed.extend(rows(asked).skip(20));
    let fewer: Vec<String> = rows(asked).take(30).collect();
    let fewer = aggs::body("AAPL", false, &fewer, None);
    let fewer = fewer.replace(r#""resultsCount":30"#, r#""resultsCount":31"#);
    let null =
        r#"{"ticker":"AAPL","status":"OK","adjusted":false,"resultsCount":0,"results":null}"#;
    let mixed = aggs::body("AAPL", false, &mixed, None);
    let spoiled: Vec<String> = rows(asked)
        .take(40)
        .map(|row| row.replacen(r#""o":"#, r#""lost":"#, 1))
        .collect();
    let next = "https://api.polygon.io/v2/aggs/ticker/AAPL/range/1/hour/1/2?cursor=a";
    let spoiled = aggs::body("AAPL", false, &spoiled, Some(next));
    let servers = [
        once(|_| true, Reply::json(200, spoiled)),
        once(|_| true, Reply::json(200, mixed)),
        once(|_| true, Reply::json(200, fewer)),
        once(Request::continues, Reply::json(200, null)),
    ];
    for server in servers {
        let home = Home::new();
        let words = "AAPL -t 1h --start 2024-01-08 --end 2024-01-19";
        let report = home.backfill(&server, words).ok().json();
        check(&home.db(), "AAPL", "1h", asked);
        let pages = oracle::candles("AAPL", "1h", asked).count().div_ceil(40);
        assert_eq!(server.hits(), pages + 1, "{report}");
    }
}

#[test]
fn where_nothing_trades_nothing_is_asked_for_once() {
    let friday = crate::support::scripted::ny("2024-03-08 15:00");
    let (saturday, monday) = (friday + 9 * HOUR, friday + 57 * HOUR);
    let mut bench = Bench::new();
    let minutes = [friday, monday + 10 * HOUR];
    bench.provider.offer("AAPL 1m", candles(minutes));
    for minute in minutes {
        bench.backfill(
            utc("2024-12-01 00:00"),
            "AAPL 1m",
            span(minute, minute + 60),
        );
    }
    bench.provider.take_asked();
    let weekend = span(saturday, monday);
    let report = bench.backfill(utc("2024-12-01 00:00"), "AAPL 1m", weekend);
    assert_eq!(report.status, JobStatus::Completed);
    assert_eq!(bench.provider.take_spans(), [weekend], "asked for once");
}

#[test]
fn what_a_page_seemed_to_prove_is_taken_back_where_a_later_one_belies_it() {
    let whole = cells().0[1];
    // Rows that the first page passes over, and that come after it: the older half, or some between.
    for (from, to) in [(0, 300), (100, 200)] {
        let mut bench = Bench::new();
        bench.provider.offer(SERIES, candles(hours(whole)));
        let mut is_first = true;
        bench.provider.script(move |ask, cursor| {
            let rows = candles(hours(ask.span)).enumerate();
            let is_late = |at: &usize| (from..to).contains(at);
            let (late, early): (Vec<_>, Vec<_>) = rows.partition(|(at, _)| is_late(at));
            let of = |rows: Vec<(usize, _)>| page(ask, rows.into_iter().map(|row| row.1));
            match cursor {
                None if std::mem::take(&mut is_first) => {
                    Some(Ok(of(early).followed_by(Some(Cursor::new("more")))))
                }
                Some(_) => Some(Ok(of(late))),
                None => None,
            }
        });
        let report = bench.backfill(now(), SERIES, whole);
        assert_eq!(report.status, JobStatus::Partial);
        assert_eq!(bench.coverage(SERIES), []);
        let report = bench.backfill(now(), SERIES, whole);
        assert_eq!(report.status, JobStatus::Completed);
        assert_eq!(bench.stamps(SERIES), hours(whole).collect::<Vec<_>>());
    }
}

#[test]
fn nothing_right_beside_known_candles_is_believed_only_when_it_is_said_twice() {
    let whole = cells().0[1];
    let day = |n: i64| span(whole.start() + n * DAY, whole.start() + (n + 1) * DAY);
    // Before what is held, and after it.
    for (first, second, third) in [(5, 6, 7), (7, 6, 5)] {
        let mut bench = Bench::new();
        bench.provider.offer(SERIES, candles(hours(whole)));
        bench.backfill(now(), SERIES, day(first));
        loses(&bench, day(second));
        bench.backfill(now(), SERIES, day(second));
        bench.backfill(now(), SERIES, day(third));
        let stamps = bench.stamps(SERIES);
        assert_eq!(stamps.len(), 3 * 24, "a day is missing: {stamps:?}");
    }
}

// A series that was not listed yet was told so cell by cell. The next run asked again about the cell beside its first candles, and
// failed: what lay farther away was final on one word.
#[test]
fn nothing_that_was_said_once_is_asked_about_again_wherever_candles_come_beside_it_later() {
    let (cells, whole) = cells();
    let mut bench = Bench::new();
    bench.provider.script(|_, _| nothing());
    bench.backfill(now(), SERIES, span(cells[0].start(), cells[2].end()));
    bench.provider.offer(SERIES, candles(hours(whole)));
    let nearest = cells[2];
    bench
        .provider
        .script(move |ask, _| refuse_if(ask.span == nearest, ErrorKind::Slice));
    let report = bench.backfill(now() + HOUR, SERIES, whole);
    assert_eq!(report.status, JobStatus::Partial);
    bench.provider.script(|_, _| None);
    bench.backfill(now() + 2 * HOUR, SERIES, whole);
    assert_eq!(bench.stamps(SERIES), hours(whole).collect::<Vec<_>>());
    bench.provider.take_asked();
    bench.backfill(now() + 3 * HOUR, SERIES, whole);
    assert!(
        bench.provider.take_spans().is_empty(),
        "nothing is asked without end"
    );
}

// An empty answer far from all candles became a hole between them with the next run.
#[test]
fn nothing_far_from_candles_is_asked_about_again_once_it_lies_between_some() {
    let (cells, whole) = cells();
    let mut bench = Bench::new();
    bench.provider.offer(SERIES, candles(hours(whole)));
    bench.backfill(now(), SERIES, cells[3]);
    bench.provider.script(|_, _| nothing());
    let lost = span(cells[1].start(), cells[1].end());
    bench.backfill(now(), SERIES, lost);
    assert_eq!(bench.coverage(SERIES), [lost, cells[3]]);
    bench.provider.script(|_, _| None);
    bench.backfill(now() + HOUR, SERIES, whole);
    assert_eq!(bench.stamps(SERIES), hours(whole).collect::<Vec<_>>());
    assert_eq!(bench.coverage(SERIES), [whole]);
}

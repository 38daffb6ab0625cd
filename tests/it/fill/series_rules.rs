//! The rules of a series: what nothing means, what differs, what is handed in, what binds it, and when it is stale.

use std::sync::Arc;

use candlefile::backfill::NothingFrom;
use candlefile::model::{
    Candle, Counts, Grid, JobStatus, Listing, MarketCode, SeriesKey, SeriesStatus, Span,
};
use candlefile::provider::Cursor;
use candlefile::{Store, StoreError};

use crate::support::long_past::{COIN, DAYS, LONG_PAST, cells, coin_of, january, ten_days, whole};
use crate::support::scripted::{
    Bench, DAY, HOUR, Scripted, candles, job, key, label, ny, page, span, utc, version,
};

fn ends(bench: &mut Bench, span: Span, now: i64) -> (JobStatus, SeriesStatus, u64) {
    let report = bench.backfill(now, DAYS, span);
    (report.status, report.series[0].status, report.requests)
}

#[test]
fn a_series_without_any_candle_has_no_data_and_is_asked_again_after_a_day_or_when_told_to() {
    let (mut bench, now) = (Bench::new(), utc(LONG_PAST));
    let no_data = |requests| (JobStatus::Partial, SeriesStatus::NoData, requests);
    assert_eq!(
        ends(&mut bench, january(), now),
        no_data(1),
        "the first answer without a candle: job, series, requests"
    );
    assert!(bench.coverage(DAYS).is_empty());
    assert_eq!(
        ends(&mut bench, january(), now + DAY - 1),
        no_data(0),
        "less than a day later: job, series, requests"
    );
    assert_eq!(
        ends(&mut bench, january(), now + DAY),
        no_data(1),
        "a day later: job, series, requests"
    );
    bench.refetch_empty = true;
    assert_eq!(
        ends(&mut bench, january(), now + DAY + 60),
        no_data(1),
        "when told to ask again: job, series, requests"
    );
    bench.refetch_empty = false;
    assert_eq!(
        ends(&mut bench, january(), now + DAY + 120),
        no_data(0),
        "right after that: job, series, requests"
    );
}

#[test]
fn the_first_candle_turns_empty_answers_into_coverage() {
    let cells = cells(3);
    let (mut bench, now) = (coin_of(&cells[1..2]), utc(LONG_PAST));
    let report = bench.backfill(now, COIN, whole(&cells[..1]));
    assert_eq!(
        report.series[0].status,
        SeriesStatus::NoData,
        "a cell without a candle is no data"
    );
    bench.provider.take_asked();
    let report = bench.backfill(now, COIN, whole(&cells));
    assert_eq!(
        report.status,
        JobStatus::Completed,
        "with the candle of the second cell"
    );
    assert_eq!(
        bench.provider.take_spans(),
        [cells[1], cells[2], cells[0], cells[0]],
        "beside a candle the first cell is asked about a second time"
    );
    assert_eq!(
        bench.coverage(COIN),
        [whole(&cells)],
        "the empty answer counts by now"
    );
}

#[test]
fn what_lies_before_the_first_candle_and_slices_without_a_row_are_remembered_and_asked_for_when_told_to()
 {
    let cells = cells(4);
    let (mut bench, now) = (coin_of(&[cells[1], cells[2]]), utc(LONG_PAST));
    let report = bench.backfill(now, COIN, whole(&cells));
    let first = cells[1].start() + 12 * HOUR;
    // The days with a candle are no part of it.
    let nothing = [
        span(cells[0].start(), cells[1].start()),
        span(cells[1].start() + DAY, cells[2].start()),
        span(cells[2].start() + DAY, cells[3].end()),
    ]
    .map(|span| NothingFrom {
        key: key(COIN),
        span,
    });
    assert_eq!(
        (report.status, report.nothing_from_provider),
        (JobStatus::Completed, nothing.to_vec()),
        "the end of the job, and where the provider had nothing"
    );
    assert_eq!(
        bench.backfill(now, COIN, whole(&cells)).requests,
        0,
        "requests of a second run"
    );

    bench.provider.take_asked();
    bench.refetch_empty = true;
    bench
        .provider
        .offer(COIN, candles([cells[0].start(), cells[3].start()]));
    let report = bench.backfill(now, COIN, whole(&cells));
    // A day with a candle is not asked for, and what lies between candles is asked for twice.
    let rest = |cell: Span| span(cell.start() + DAY, cell.end());
    let (second, third) = (rest(cells[1]), rest(cells[2]));
    let asked = [cells[0], second, second, third, third, cells[3]];
    assert_eq!(
        bench.provider.take_spans(),
        asked,
        "what is asked again when told to"
    );
    assert_eq!(
        (report.records.fetched, report.records.inserted),
        (2, 2),
        "rows that came, and new ones"
    );
    assert_eq!(
        bench.coverage(COIN),
        [whole(&cells)],
        "all of it stays covered"
    );
    // What was empty and no longer is, is forgotten.
    let rest = "SELECT sum(end_ts - start_ts) FROM empty_spans";
    let half = first - cells[1].start();
    assert_eq!(
        bench.number(rest),
        half + 2 * 33 * DAY,
        "seconds that are remembered as empty"
    );
}

#[test]
fn a_value_that_differs_from_a_stored_one_is_a_conflict_once_for_each_distinct_value() {
    let (mut bench, now) = (Bench::new(), utc(LONG_PAST));
    bench.provider.offer(DAYS, ten_days());
    bench.backfill(now, DAYS, january());
    let ts = label("2024-01-02");
    for (value, conflicting, kept) in [(1, 1, 1), (1, 1, 1), (2, 1, 2), (0, 0, 2)] {
        let counts = bench.hand_in(&key(DAYS), &[version(ts, value)], now);
        assert_eq!(
            (counts.conflicting, counts.duplicate),
            (conflicting, 1 - conflicting),
            "conflicts, and rows that are the same"
        );
        assert_eq!(
            bench.number("SELECT count(*) FROM conflicts"),
            kept,
            "conflicts that are kept"
        );
    }
    assert_eq!(bench.held(DAYS)[0], version(ts, 0), "the first value stays");
}

#[test]
fn of_two_programs_that_fill_one_series_at_once_the_later_one_leaves_it_to_the_first() {
    let (mut bench, now) = (Bench::new(), utc(LONG_PAST));
    let other = Arc::new(Scripted::default());
    other.offer(DAYS, ten_days());
    let (path, day) = (bench.path(), label("2024-01-02"));
    bench.provider.offer(DAYS, ten_days());
    bench.provider.offer(DAYS, [version(day, 4)]);
    // While this program waits for its answer the other one runs from its beginning to its end.
    bench.provider.script(move |_, _| {
        let mut store = Store::open(&path).unwrap();
        let report = job(&mut store, other.clone(), now, &[(key(DAYS), january())]).unwrap();
        let partial = candlefile::model::JobStatus::Partial;
        assert_eq!(
            (report.status, report.records.fetched),
            (partial, 0),
            "the later job's end, and rows that it fetched"
        );
        None
    });
    let report = bench.try_run(now, &[(key(DAYS), january())]).unwrap();
    let counts = report.records;
    assert_eq!(
        (counts.fetched, counts.inserted),
        (10, 10),
        "rows that the first one fetched, and stored"
    );
    assert_eq!(
        bench.held(DAYS)[0],
        version(day, 4),
        "the value of the first one"
    );
    bench.check_books();
}

#[test]
fn of_two_rows_for_one_stamp_in_one_answer_the_first_is_stored() {
    let (day, now) = (label("2024-03-08"), ny("2024-03-08 21:00"));
    let mut bench = Bench::new();
    bench.provider.offer(DAYS, candles([day - DAY, day]));
    bench.provider.offer_also(DAYS, version(day - DAY, 0));
    bench.provider.offer_also(DAYS, version(day, 1));
    let counts = bench.update(DAYS, day - DAY, now).records;
    assert_eq!(
        (counts.inserted, counts.duplicate, counts.conflicting),
        (2, 1, 1),
        "rows of one answer: stored, the same, differing"
    );
    assert_eq!(
        bench.held(DAYS)[1],
        version(day, 0),
        "the first row of a stamp is stored"
    );

    // Nor does the second row of the final answer restate what its first row has just restated.
    bench.provider.offer(DAYS, [version(day, 2)]);
    bench.provider.offer_also(DAYS, version(day, 3));
    bench.force = true;
    let counts = bench.update(DAYS, day - DAY, now + 60).records;
    assert_eq!(
        (counts.restated, counts.conflicting),
        (1, 1),
        "the next answer's rows of that stamp: restated, differing"
    );
    assert_eq!(
        bench.held(DAYS)[1],
        version(day, 2),
        "the first row of the next answer is stored"
    );
    // Nor where the first row says what is stored.
    let counts = bench.update(DAYS, day - DAY, now + 120).records;
    assert_eq!(
        (counts.duplicate, counts.conflicting),
        (1, 1),
        "the final answer's rows of that stamp: the same, differing"
    );
    assert_eq!(
        bench.held(DAYS)[1],
        version(day, 2),
        "the final answer's first row is stored"
    );
    assert_eq!(
        bench.number("SELECT count(*) FROM conflicts"),
        2,
        "other values that are kept"
    );
}

#[test]
fn two_rows_for_one_stamp_on_two_pages_are_one_candle_and_a_conflict() {
    let day = |n: i64| label("2024-01-01") + n * DAY;
    let mut bench = Bench::new();
    bench.provider.script(move |ask, cursor| {
        let (candles, next) = match cursor {
            None => (
                vec![version(day(1), 0), version(day(2), 0)],
                Some(Cursor::new("2")),
            ),
            Some(_) => (vec![version(day(2), 1), version(day(3), 0)], None),
        };
        Some(Ok(page(ask, candles).followed_by(next)))
    });
    let counts = bench.backfill(utc(LONG_PAST), DAYS, january()).records;
    assert_eq!(
        (counts.fetched, counts.inserted, counts.conflicting),
        (4, 3, 1),
        "rows of two pages: fetched, stored, differing"
    );
    assert_eq!(
        bench.held(DAYS)[1],
        version(day(2), 0),
        "the row of the first page is stored"
    );
}

#[test]
fn candles_that_are_handed_in_are_counted_and_give_no_coverage() {
    let (mut bench, now) = (Bench::new(), utc(LONG_PAST));
    let day = |n: i64| label("2024-01-01") + n * DAY;
    let broken = Candle {
        open: f64::NAN,
        ..version(day(9), 0)
    };
    let rows = [
        version(day(2), 0),
        version(day(1), 0),
        version(day(1), 0),
        version(day(1), 1),
        version(day(3) + HOUR, 0),
        broken,
    ];
    let counts = bench.hand_in(&key(DAYS), &rows, now);
    let expected = Counts {
        fetched: 6,
        inserted: 2,
        duplicate: 1,
        conflicting: 1,
        rejected: 2,
        ..Counts::default()
    };
    assert_eq!(
        counts, expected,
        "what became of the candles that were handed in"
    );
    assert_eq!(
        bench.number("SELECT count(*) FROM rejected WHERE raw LIKE '%NaN%'"),
        1,
        "rejected rows whose text is kept"
    );
    assert!(bench.coverage(DAYS).is_empty());

    let counts = bench.hand_in(&key(DAYS), &[version(day(1), 7), version(day(4), 0)], now);
    assert_eq!(
        (counts.conflicting, counts.inserted),
        (1, 1),
        "handed in again: differing, new"
    );
    assert_eq!(
        bench.held(DAYS)[0],
        version(day(1), 0),
        "the candle that was handed in first stays"
    );

    // A backfill over them replaces none and removes none: the same, changed, and not there.
    bench.provider.offer(
        DAYS,
        [version(day(1), 0), version(day(2), 5), version(day(5), 0)],
    );
    let counts = bench.backfill(now, DAYS, january()).records;
    assert_eq!(
        (
            counts.duplicate,
            counts.conflicting,
            counts.inserted,
            counts.restated + counts.removed
        ),
        (1, 1, 1, 0),
        "a backfill over them: the same, differing, new, changed"
    );
    assert_eq!(
        bench.stamps(DAYS),
        [day(1), day(2), day(4), day(5)],
        "what is held after the backfill"
    );
    assert_eq!(
        bench.held(DAYS)[1],
        version(day(2), 0),
        "what was handed in stays"
    );
    assert_eq!(
        bench.coverage(DAYS),
        [january()],
        "what the backfill has covered"
    );
}

#[test]
fn a_week_records_its_first_day_even_if_candles_were_handed_in_before() {
    let (mut bench, now) = (Bench::new(), utc(LONG_PAST));
    let sunday = label("2024-01-07");
    bench.hand_in(&key("AAPL 1w"), &[version(sunday, 0)], now);
    bench.provider.offer("AAPL 1w", candles([sunday]));
    bench.backfill(now, "AAPL 1w", span(sunday, sunday + 7 * DAY));
    assert_eq!(
        bench.number("SELECT coalesce(week_start, 0) FROM series"),
        7,
        "the week begins as the provider says, on the seventh day"
    );
}

fn of_source(source: &str) -> SeriesKey {
    SeriesKey {
        source: source.to_owned(),
        ..key(DAYS)
    }
}

fn is_bound<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Bound { .. }))
}

#[test]
fn a_series_is_bound_to_its_source_and_adjustment_as_long_as_it_holds_anything() {
    let (mut bench, now) = (Bench::new(), utc(LONG_PAST));
    // An answer without a row binds nothing, and says nothing about another source.
    bench.backfill(now, DAYS, january());
    bench.hand_in(&of_source("csv"), &[version(january().start(), 0)], now);
    assert_eq!(
        bench.number("SELECT count(*) FROM empty_spans"),
        0,
        "what another source did not have says nothing of this one"
    );
    assert_eq!(
        bench.number("SELECT count(*) FROM series WHERE source = 'csv'"),
        1,
        "the series belongs to the other source"
    );

    assert!(is_bound(&bench.try_run(now, &[(key(DAYS), january())])));
    let adjusted = SeriesKey {
        adjusted: candlefile::model::Adjustment::Split,
        ..of_source("csv")
    };
    assert!(is_bound(&bench.store.insert_candles(
        &adjusted,
        &[version(0, 0)],
        now
    )));
    let listed = |listing| SeriesKey {
        listing,
        ..of_source("csv")
    };
    let listing = key(DAYS).listing;
    let market = MarketCode::XCBO;
    let grid = Grid::Session;
    let currency = Some("EUR".parse().unwrap());
    for (other, words) in [
        (Listing { market, ..listing }, "market XCBO"),
        (Listing { grid, ..listing }, "grid session"),
        (
            Listing {
                currency,
                ..listing
            },
            "in EUR",
        ),
    ] {
        let refused = bench
            .store
            .insert_candles(&listed(other), &[version(0, 0)], now);
        assert!(is_bound(&refused), "{words}");
        let said = refused.unwrap_err().to_string();
        assert!(said.contains(words) && said.contains("csv (raw"), "{said}");
    }
    let currency = None;
    let unsaid = listed(Listing {
        currency,
        ..listing
    });
    bench.hand_in(&unsaid, &[version(january().start(), 0)], now);
    assert_eq!(
        bench.number("SELECT count(*) FROM backfill_jobs"),
        1,
        "a refused job leaves no row"
    );
    assert_eq!(bench.stamps(DAYS).len(), 1, "what is held stays");
}

#[test]
fn hours_that_are_cut_from_the_session_are_filled_like_any_other() {
    let (mut bench, series) = (Bench::new(), "AAPL 1h");
    let grid = Grid::Session;
    let listing = Listing {
        grid,
        ..key(series).listing
    };
    let cut = SeriesKey {
        listing,
        ..key(series)
    };
    let day = |date: &str| {
        let open = ny(&format!("2024-03-{date} 09:30"));
        (0..7).map(move |hour| open + hour * HOUR)
    };
    // A row on a line of UTC beside those of a Friday and a Monday, between which the clock changes.
    let stray = ny("2024-03-08 15:00");
    bench
        .provider
        .offer(series, candles(day("08").chain(day("11")).chain([stray])));
    let market = cut.market(chrono::Weekday::Sun);
    let asked = market.whole_candles(span(ny("2024-03-08 00:00"), ny("2024-03-12 00:00")));
    let asked = [(cut, asked)];

    // The last one is over with the session, half an hour after it began.
    bench.run(ny("2024-03-08 16:14"), &asked);
    assert_eq!(bench.stamps(series), day("08").take(6).collect::<Vec<_>>());
    let report = bench.run(ny("2024-03-08 16:15"), &asked);
    assert_eq!((report.records.inserted, report.records.rejected), (1, 1));
    let report = bench.run(utc(LONG_PAST), &asked);
    assert_eq!(report.status, JobStatus::Completed);
    assert_eq!(
        bench.stamps(series),
        day("08").chain(day("11")).collect::<Vec<_>>()
    );
    assert_eq!(bench.run(utc(LONG_PAST), &asked).requests, 0);
}

#[test]
fn coverage_alone_binds_too() {
    let (mut bench, start) = (Bench::new(), label("2024-02-01"));
    let friday = label("2024-03-08");
    bench.provider.offer(DAYS, candles([friday]));
    bench.update(DAYS, start, ny("2024-03-08 21:00"));
    bench.provider.withdraw(DAYS, friday);
    bench.update(DAYS, start, ny("2024-03-20 21:00"));
    assert!(bench.stamps(DAYS).is_empty() && !bench.coverage(DAYS).is_empty());
    assert!(is_bound(&bench.store.insert_candles(
        &of_source("csv"),
        &[version(0, 0)],
        0
    )));
}

#[test]
fn a_series_that_was_bound_to_another_source_during_a_job_takes_nothing_from_it() {
    let (mut bench, now) = (Bench::new(), utc(LONG_PAST));
    let path = bench.path();
    bench.provider.offer(DAYS, ten_days());
    bench.provider.script(move |_, _| {
        let mut other = Store::open(&path).unwrap();
        let mine = [version(label("2024-01-02"), 9)];
        // The other program is refused, or its source is the series' source from now on.
        let _ = other.insert_candles(&of_source("csv"), &mine, now);
        None
    });
    let _ = bench.try_run(now, &[(key(DAYS), january())]);
    let mixed = "SELECT count(*) FROM candle_data JOIN series ON id = series_id WHERE source = 'csv' AND slice_id IS NOT NULL";
    assert_eq!(
        bench.number(mixed),
        0,
        "one source's candles under another's name"
    );
}

/// A job that found nothing, resumed over a series that holds a candle of another source by now.
fn resumed_over_another_source() -> (Bench, Result<candlefile::backfill::Report, StoreError>) {
    let (mut bench, now) = (Bench::new(), utc(LONG_PAST));
    let job_id = bench.backfill(now, DAYS, january()).job_id.unwrap();
    bench.hand_in(&of_source("csv"), &[version(label("2024-01-02"), 9)], now);
    bench.provider.offer(DAYS, ten_days());
    let resumed = bench.try_resume(now + 2 * DAY, &job_id);
    (bench, resumed)
}

#[test]
fn a_job_is_not_resumed_over_a_series_that_is_bound_to_another_source_by_now() {
    let (bench, resumed) = resumed_over_another_source();
    assert!(is_bound(&resumed));
    assert_eq!(
        bench.held(DAYS),
        [version(label("2024-01-02"), 9)],
        "what the other source stored stays"
    );
}

#[test]
fn a_job_that_cannot_be_resumed_is_not_left_running() {
    let (bench, _) = resumed_over_another_source();
    let running = "SELECT count(*) FROM backfill_jobs WHERE status = 'running'";
    assert_eq!(bench.number(running), 0, "jobs that seem to run");
}

#[test]
fn a_stale_adjusted_series_fails_before_anything_is_written() {
    let (mut bench, now) = (Bench::new(), utc(LONG_PAST));
    let adjusted = SeriesKey {
        adjusted: candlefile::model::Adjustment::Split,
        ..key(DAYS)
    };
    let two_weeks = span(january().start(), label("2024-01-12"));
    bench.provider.offer(DAYS, ten_days());
    assert_eq!(
        bench.run(now, &[(adjusted.clone(), two_weeks)]).requests,
        1,
        "requests for a new adjusted series"
    );
    assert_eq!(
        bench.run(now, &[(adjusted.clone(), two_weeks)]).requests,
        0,
        "requests where nothing is missing"
    );

    // What is asked again beside the new days is counted as a request and not as rows.
    let more = span(january().start(), label("2024-01-14"));
    bench.provider.offer(DAYS, candles([label("2024-01-12")]));
    bench.provider.take_asked();
    let report = bench.run(now, &[(adjusted.clone(), more)]);
    assert_eq!(
        (report.requests, report.records.fetched),
        (2, 1),
        "requests of one that grows, its check included, and rows that count"
    );
    // All time is one cell of these days: the oldest and the newest come in one answer.
    let held = span(label("2024-01-02"), label("2024-01-12"));
    assert_eq!(
        bench.provider.take_spans()[1],
        held,
        "what is checked before anything is written"
    );

    let before = bench.held(DAYS);
    bench.provider.offer(
        DAYS,
        candles((1..=20).map(|n| label("2024-01-01") + n * DAY)).map(|c| Candle {
            open: c.open / 2.0,
            high: c.high / 2.0,
            low: c.low / 2.0,
            close: c.close / 2.0,
            ..c
        }),
    );
    let report = bench.run(now, &[(adjusted, january())]);
    let series = &report.series[0];
    assert_eq!(
        (report.status, series.status),
        (JobStatus::Partial, SeriesStatus::Stale),
        "the end of the job and of the series"
    );
    assert!(series.error.as_deref().unwrap().contains("split"));
    assert_eq!(
        (report.requests, report.records),
        (2, Counts::default()),
        "requests for the new days and the check, and rows of a stale series"
    );
    assert_eq!(
        (bench.held(DAYS), bench.coverage(DAYS)),
        (before, vec![more]),
        "candles and coverage of a stale series"
    );
}

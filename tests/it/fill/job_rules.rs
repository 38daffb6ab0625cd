//! The rules of a job: what a refusal spares, what stops it, and what one that stopped leaves behind.

use candlefile::StoreError;
use candlefile::backfill::Stop;
use candlefile::model::{Counts, JobStatus, SeriesKey, SeriesStatus, Span};
use candlefile::monitor::{FailedSlice, Monitor, Snapshot};
use candlefile::provider::ErrorKind;

use crate::support::long_past::{COIN, DAYS, LONG_PAST, cells, coin_of, january, ten_days, whole};
use crate::support::scripted::{
    Bench, DAY, HOUR, MINUTE, candles, key, ny, refuse_if, span, utc, version,
};

#[test]
fn a_history_that_begins_later_costs_a_series_two_requests_and_what_is_older_is_not_asked() {
    let cells = cells(10);
    let (mut bench, begin) = (coin_of(&cells), cells[6].start() + DAY);
    bench
        .provider
        .script(move |ask, _| refuse_if(ask.span.start() < begin, ErrorKind::OutsideHistory));
    let report = bench.backfill(utc("2025-06-01 00:00"), COIN, whole(&cells));
    let asked = [0, 9, 8, 7, 6].map(|n| cells[n]);
    assert_eq!(
        bench.provider.take_spans(),
        asked,
        "the oldest cell, and then from the newest on"
    );
    assert_eq!(
        (report.status, report.failed.len()),
        (JobStatus::Partial, 7),
        "the end of the job, and slices that failed"
    );
    let unasked = report.failed.iter().filter(|failed| failed.attempts == 0);
    assert_eq!(
        unasked.map(|failed| failed.span).collect::<Vec<_>>(),
        &cells[1..6],
        "what was not asked"
    );
    assert_eq!(
        bench.coverage(COIN),
        [whole(&cells[7..])],
        "what the plan has"
    );
}

/// Two stocks on 2024-03-06 and 07, of a provider that gives nothing after a midnight.
fn two_stocks_up_to(midnight: &str) -> Bench {
    let (bench, midnight) = (Bench::new(), ny(midnight));
    let minutes = ["06 09:30", "06 19:59", "07 09:30", "07 19:59"];
    let minutes = minutes.map(|minute| ny(&format!("2024-03-{minute}")));
    for series in ["AAPL 1m", "MSFT 1m"] {
        bench.provider.offer(series, candles(minutes));
    }
    end_at(&bench, midnight, None);
    bench
}

/// `now` is by the provider's clock.
fn end_at(bench: &Bench, midnight: i64, now: Option<i64>) {
    bench.provider.script(move |ask, _| {
        refuse_if(ask.span.end() > midnight, ErrorKind::TodayBeforeEnd { now })
    });
}

fn both_until(end: i64) -> [(SeriesKey, Span); 2] {
    ["AAPL 1m", "MSFT 1m"].map(|series| (key(series), span(ny("2024-03-06 09:30"), end)))
}

#[test]
fn today_before_its_end_is_asked_once_more_ending_yesterday_and_the_job_remembers() {
    let (now, midnight) = (ny("2024-03-07 21:00"), ny("2024-03-07 00:00"));
    let mut bench = two_stocks_up_to("2024-03-07 00:00");
    let report = bench.run(now, &both_until(now));
    let asked = [
        ("AAPL 1m", now),
        ("AAPL 1m", midnight),
        ("MSFT 1m", midnight),
    ];
    let start = ny("2024-03-06 09:30");
    let asked = asked.map(|(series, end)| (series.to_owned(), span(start, end)));
    assert_eq!(
        bench.provider.take_asked(),
        asked,
        "who was asked up to when"
    );
    assert_eq!(report.status, JobStatus::Completed, "the end of the job");
    assert_eq!(report.records.inserted, 4, "the minutes of the day before");
}

#[test]
fn yesterday_is_that_of_the_clock_that_is_behind() {
    let (now, midnight) = (ny("2024-03-08 03:00"), ny("2024-03-07 00:00"));
    for (behind, end) in [(6 * HOUR, midnight), (-30 * HOUR, midnight + DAY)] {
        let mut bench = two_stocks_up_to("2024-03-08 00:00");
        end_at(&bench, end, Some(now - behind));
        let report = bench.run(now, &both_until(now));
        let ends = bench.provider.take_spans();
        let ends: Vec<i64> = ends.iter().map(|span| span.end()).collect();
        assert_eq!(ends, [now, end, end], "the ends of what was asked");
        assert_eq!(report.status, JobStatus::Completed, "the end of the job");
    }
}

#[test]
fn a_day_that_was_refused_before_its_end_is_asked_for_when_it_is_over() {
    let mut bench = two_stocks_up_to("2024-03-07 00:00");
    bench.run(ny("2024-03-07 21:00"), &both_until(ny("2024-03-07 21:00")));
    let midnight = ny("2024-03-08 00:00");
    end_at(&bench, midnight, None);
    let report = bench.run(ny("2024-03-08 00:30"), &both_until(midnight));
    assert_eq!(report.records.inserted, 4, "the minutes of both days");
}

#[test]
fn a_class_that_the_plan_does_not_include_fails_and_the_others_do_not() {
    let mut bench = Bench::new();
    bench.provider.offer(DAYS, ten_days());
    bench.provider.script(|ask, _| {
        refuse_if(
            ask.symbol.as_str().starts_with("I:"),
            ErrorKind::NotEntitled,
        )
    });
    let series = ["I:DJI 1d", "I:NDX 1d", "I:SPX 1d", DAYS].map(|series| (key(series), january()));
    let report = bench.run(utc(LONG_PAST), &series);
    let status = [
        SeriesStatus::Failed,
        SeriesStatus::Failed,
        SeriesStatus::Failed,
        SeriesStatus::Completed,
    ];
    assert_eq!(
        report.series.iter().map(|s| s.status).collect::<Vec<_>>(),
        status,
        "the ends of the series"
    );
    assert_eq!(
        (report.status, report.requests),
        (JobStatus::Partial, 3),
        "the end of the job, and requests"
    );
}

#[test]
fn a_slice_that_fails_leaves_the_others_unharmed_and_is_all_that_the_next_run_asks() {
    let cells = cells(4);
    let (mut bench, broken) = (coin_of(&cells), cells[2]);
    bench.workers = 3;
    bench
        .provider
        .script(move |ask, _| refuse_if(ask.span == broken, ErrorKind::Slice));
    let report = bench.backfill(utc(LONG_PAST), COIN, whole(&cells));
    assert_eq!(
        (report.status, report.series[0].status),
        (JobStatus::Partial, SeriesStatus::Failed),
        "the ends of the job and of the series"
    );
    assert_eq!(
        (report.failed.len(), report.failed[0].span),
        (1, broken),
        "how many slices failed, and the first of them"
    );
    assert_eq!(bench.stamps(COIN).len(), 3, "the candles of the others");
    bench.provider.take_asked();
    bench.provider.script(|_, _| None);
    assert_eq!(
        bench.backfill(utc(LONG_PAST), COIN, whole(&cells)).status,
        JobStatus::Completed,
        "the end of the next run"
    );
    assert_eq!(
        bench.provider.take_spans(),
        [broken],
        "what the next run asks"
    );
}

#[test]
fn a_key_that_is_not_accepted_fails_the_job() {
    let cells = cells(4);
    let mut bench = coin_of(&cells);
    bench
        .provider
        .script(|_, _| refuse_if(true, ErrorKind::Unauthorized));
    let series = [(key(COIN), whole(&cells)), (key(DAYS), january())];
    let report = bench.run(utc(LONG_PAST), &series);
    assert!(matches!(report.stop, Some(Stop::Unauthorized(_))));
    assert_eq!(
        (report.status, report.requests),
        (JobStatus::Failed, 1),
        "the end of the job, and requests"
    );
    assert!(
        report
            .series
            .iter()
            .all(|s| s.status == SeriesStatus::Interrupted)
    );
}

#[test]
fn a_limit_that_lasts_interrupts_the_job_and_resume_asks_only_for_the_rest_under_the_same_id() {
    let cells = cells(4);
    let (mut bench, now) = (coin_of(&cells), utc(LONG_PAST));
    let late = [cells[1].start() + DAY, cells[1].start() + 2 * DAY];
    bench.provider.offer(COIN, candles(late));
    bench.provider.page_by(2);
    let resume_at = now + HOUR;
    // The second page of the second cell is refused.
    bench
        .provider
        .script(move |_, cursor| refuse_if(cursor.is_some(), ErrorKind::Throttled { resume_at }));
    let report = bench.backfill(now, COIN, whole(&cells));
    assert_eq!(
        (report.status, report.resume_at()),
        (JobStatus::Interrupted, Some(resume_at)),
        "the end of the job, and when to go on"
    );
    assert_eq!(
        (report.records.inserted, report.series[0].status),
        (3, SeriesStatus::Interrupted),
        "candles that came before, and the end of the series"
    );
    assert_eq!(
        bench.number("SELECT resume_at FROM backfill_jobs"),
        resume_at,
        "when to go on, by the file"
    );
    let proven = span(cells[0].start(), late[0] + MINUTE);
    assert_eq!(bench.coverage(COIN), [proven], "what is proven until then");

    bench.provider.take_asked();
    bench.provider.script(|_, _| None);
    let resumed = bench.resume(resume_at, report.job_id.as_ref().unwrap());
    assert_eq!(
        (resumed.job_id.clone(), resumed.status),
        (report.job_id, JobStatus::Completed),
        "the job that goes on, and its end"
    );
    let rest = span(proven.end(), cells[1].end());
    assert_eq!(
        bench.provider.take_spans(),
        [rest, cells[2], cells[3]],
        "what is asked for when it goes on"
    );
    assert_eq!(resumed.records.inserted, 3, "candles of the second run");
    let job = bench
        .store
        .job(resumed.job_id.as_ref().unwrap(), resume_at)
        .unwrap();
    assert_eq!(
        (job.job.records.inserted, job.job.resume_at),
        (6, None),
        "candles of both runs, and whether it still waits"
    );
    assert_eq!(
        (job.job.slices.total, job.job.slices.completed),
        (5, 5),
        "all slices, and those that are done"
    );
    assert_eq!(
        bench.number("SELECT count(*) FROM backfill_jobs"),
        1,
        "jobs in the file"
    );
}

#[test]
fn a_job_that_was_lost_to_another_owner_writes_nothing_more() {
    let cells = cells(4);
    let mut bench = coin_of(&cells);
    let (path, third) = (bench.path(), cells[2]);
    bench.provider.script(move |ask, _| {
        if ask.span == third {
            let other = rusqlite::Connection::open(&path).unwrap();
            let stored = "SELECT count(*) FROM candle_data";
            // What was fetched before may still be on its way into the file.
            while other
                .query_row(stored, [], |row| row.get::<_, i64>(0))
                .unwrap()
                < 2
            {
                std::thread::yield_now();
            }
            let sql = "UPDATE backfill_jobs SET owner = 'elsewhere/1/1/0'";
            assert_eq!(
                other.execute(sql, []).unwrap(),
                1,
                "the other owner takes the job"
            );
        }
        None
    });
    let lost = bench.try_run(utc(LONG_PAST), &[(key(COIN), whole(&cells))]);
    assert!(matches!(lost, Err(StoreError::LostJob(_))));
    bench.check_books();
    assert_eq!(bench.stamps(COIN).len(), 2, "what was stored before");
    assert_eq!(
        bench.coverage(COIN),
        [whole(&cells[..2])],
        "what was covered before"
    );
    let job =
        "SELECT count(*) FROM backfill_jobs WHERE status = 'running' AND owner = 'elsewhere/1/1/0'";
    assert_eq!(bench.number(job), 1, "the job is the other owner's");
}

#[test]
fn a_job_of_every_outcome_adds_up() {
    let cells = cells(5);
    let (mut bench, broken) = (coin_of(&cells[1..]), cells[3]);
    bench.workers = 4;
    let odd = version(cells[1].start() + 12 * HOUR, 1);
    bench.provider.offer_also(COIN, odd);
    bench.provider.offer_also(COIN, odd);
    bench.hand_in(
        &key(COIN),
        &candles([cells[2].start() + DAY, cells[4].start() + 12 * HOUR]).collect::<Vec<_>>(),
        0,
    );
    let brought = "UPDATE candle_data SET slice_id = 0 WHERE ts = ?";
    let provisional = cells[2].start() + DAY;
    bench.sql().execute(brought, [provisional]).unwrap();
    bench
        .provider
        .script(move |ask, _| refuse_if(ask.span == broken, ErrorKind::Slice));
    let report = bench.run(
        utc(LONG_PAST),
        &[(key(COIN), whole(&cells)), (key(DAYS), january())],
    );
    let expected = Counts {
        fetched: 5,
        inserted: 2,
        duplicate: 1,
        conflicting: 2,
        removed: 1,
        ..Counts::default()
    };
    assert_eq!(
        (report.status, report.records),
        (JobStatus::Partial, expected),
        "the end of the job, and its counts"
    );
    let slices = "SELECT sum(records_fetched) FROM backfill_progress";
    assert_eq!(bench.number(slices), 5, "rows by the slices");
}

#[test]
fn a_series_that_is_asked_for_twice_in_one_request_is_asked_once() {
    let mut bench = Bench::new();
    bench.provider.offer(DAYS, ten_days());
    let twice = [(key(DAYS), january()), (key(DAYS), january())];
    let report = bench.try_run(utc(LONG_PAST), &twice).unwrap();
    assert_eq!(
        (report.requests, report.records.inserted),
        (1, 10),
        "requests, and candles"
    );
}

/// Looks into the file through a connection of its own, whenever it is told something.
struct Sceptic {
    file: rusqlite::Connection,
    looks: std::cell::Cell<u32>,
}

impl Sceptic {
    fn number(&self, sql: &str) -> u64 {
        let number: i64 = self.file.query_row(sql, [], |row| row.get(0)).unwrap();
        number as u64
    }
}

impl Monitor for Sceptic {
    fn progress(&self, told: &Snapshot<'_>) {
        self.looks.set(self.looks.get() + 1);
        let held = self.number("SELECT count(*) FROM candle_data");
        assert_eq!(told.records.inserted, held, "told and held");
        let ended =
            "SELECT count(*) FROM backfill_progress WHERE status IN ('completed', 'failed')";
        assert_eq!(
            told.completed + told.failed,
            self.number(ended),
            "slices that have ended, told and held"
        );
    }

    fn slice_failed(&self, _: &FailedSlice) {
        let failed = "SELECT count(*) FROM backfill_progress WHERE status = 'failed'";
        assert!(
            self.number(failed) > 0,
            "a failure that the file does not know"
        );
    }
}

#[test]
fn what_is_told_of_a_running_job_is_committed_already() {
    let mut bench = Bench::new();
    bench.provider.page_by(100);
    let span = span(0, 100 * DAY);
    bench
        .provider
        .offer("X:BTCUSD 1h", candles((0..2_400).map(|n| n * HOUR)));
    bench.provider.script(|ask, cursor| {
        let refused = cursor.is_some() && ask.span.start() > 60 * DAY;
        refuse_if(refused, ErrorKind::Slice)
    });
    let sceptic = Sceptic {
        file: bench.sql(),
        looks: std::cell::Cell::new(0),
    };
    let report = bench
        .run_watched(300 * DAY, &[(key("X:BTCUSD 1h"), span)], &sceptic)
        .unwrap();
    assert!(report.records.inserted > 1_000 && !report.failed.is_empty());
    assert!(sceptic.looks.get() > 0);
}

//! Waiting and idle paths: a job that waits gives signs of life, a reader who pauses gets his answer whole, and a fetcher that
//! stops unexpectedly leaves nobody waiting.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use candlefile::backfill::{Request, Runner, Stop, run};
use candlefile::model::{JobStatus, Policy, SeriesKey};
use candlefile::provider::ErrorKind;
use candlefile::{Cancel, Clock, ManualClock};

use crate::support::exchange::PATIENCE;
use crate::support::harness::Home;
use crate::support::long_past::{COIN, LONG_PAST, cells, coin_of, whole};
use crate::support::running::eventually;
use crate::support::scripted::{key, refuse_if, utc};

#[test]
fn a_job_that_waits_long_for_its_provider_gives_signs_of_life_meanwhile() {
    let mut bench = coin_of(&cells(1));
    let clock = Arc::new(ManualClock::at(utc(LONG_PAST)));
    let (path, time) = (bench.path(), Arc::clone(&clock));
    bench.provider.script(move |_, _| {
        let file = rusqlite::Connection::open(&path).unwrap();
        for _ in 0..2 {
            time.advance(Duration::from_secs(11));
            let sql = "SELECT heartbeat_at FROM backfill_jobs";
            eventually("a sign of life after eleven seconds without news", || {
                let heartbeat: i64 = file.query_row(sql, [], |row| row.get(0)).unwrap();
                heartbeat == time.now()
            });
        }
        None
    });
    let runner = Runner {
        provider: bench.provider.clone(),
        clock,
        cancel: Cancel::new(),
        workers: 1,
        rate: None,
        policy: Policy::default(),
        force: false,
        refetch_empty: false,
        refetch_gaps: false,
        wait: false,
    };
    let request = Request {
        command: "backfill",
        series: vec![(key(COIN), whole(&cells(1)))],
        start_words: None,
        end_words: None,
    };
    let report = run(&mut bench.store, &request, &runner, &()).unwrap();
    assert_eq!(report.status, JobStatus::Completed);
}

#[test]
fn a_provider_that_panics_on_the_first_slice_ends_the_job_as_failed_and_nobody_hangs() {
    let (tell, told) = channel();
    thread::spawn(move || {
        let cells = cells(4);
        let mut bench = coin_of(&cells);
        bench.workers = 3;
        // Without the message of a panic, which would stand among those of the tests.
        bench
            .provider
            .script(|_, _| std::panic::resume_unwind(Box::new("planted")));
        let report = bench.try_run(utc(LONG_PAST), &[(key(COIN), whole(&cells))]);
        let report = report.map(|report| (report.status, report.stop));
        let status = bench.sql();
        let status = status.query_row("SELECT status FROM backfill_jobs", [], |row| {
            row.get::<_, String>(0)
        });
        drop(tell.send((report, status)));
    });
    let (report, status) = told
        .recv_timeout(PATIENCE)
        .expect("the job hangs, or its writer has panicked, too");
    let (ended, stop) = report.unwrap();
    assert_eq!(ended, JobStatus::Failed, "as it is reported");
    assert_eq!(stop, Some(Stop::Defect), "why it stopped");
    assert_eq!(status.unwrap(), "failed", "as it stands in the file");
}

#[test]
fn an_adjusted_series_that_grows_beyond_a_plans_history_costs_two_refusals_with_eight_workers() {
    let cells = cells(24);
    let mut bench = coin_of(&cells);
    bench.workers = 8;
    let coin = SeriesKey {
        adjusted: candlefile::model::Adjustment::Split,
        ..key(COIN)
    };
    bench.run(
        utc("2026-11-01 00:00"),
        &[(coin.clone(), whole(&cells[20..]))],
    );
    bench.provider.take_asked();
    let begin = cells[18].start();
    bench
        .provider
        .script(move |ask, _| refuse_if(ask.span.start() < begin, ErrorKind::OutsideHistory));
    let report = bench.run(utc("2026-11-01 00:00"), &[(coin, whole(&cells))]);
    let asked = bench.provider.take_spans();
    let refused = asked.iter().filter(|asked| asked.start() < begin).count();
    assert_eq!(refused, 2, "of {asked:?}");
    assert_eq!(report.failed.len(), 18, "every cell before it is told");
}

/// A question, the option that says how it is answered, and lines of eight bytes.
const QUESTIONS: [(&str, u32); 6] = [
    ("", 9_000),
    ("--csv", 12_000),
    // Of which what is written last does not go into the pipe.
    ("--csv", 8_250),
    ("--json", 12_000),
    ("--json", 5_995),
    ("", 8_200),
];

// The watchdog outlived the question: a table that was read slower than `--timeout` was cut off, with exit code 1.
#[test]
fn an_answer_of_sql_comes_whole_however_slowly_it_is_read() {
    let home = Home::filled("AAPL -t 1d --start 2024-01-02 --end 2024-01-05");
    let ask = |(how, lines): (&str, u32)| {
        let sql = format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {lines})
             SELECT 'row' || printf('%04d', i % 10000) AS x FROM n"
        );
        let mut command = Command::new(env!("CARGO_BIN_EXE_candlefile"));
        command.arg("--db").arg(home.db_path());
        command.args(["sql", &sql, "--limit", "0", "--timeout", "1s"]);
        if !how.is_empty() {
            command.arg(how);
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let mut children = QUESTIONS.map(ask);
    // Longer than the time and the watchdog's patience together.
    let began = Instant::now();
    eventually("the reader comes back", || {
        began.elapsed() > Duration::from_millis(2_600)
    });
    for (child, (how, lines)) in children.iter_mut().zip(QUESTIONS) {
        let (mut answer, mut said) = (String::new(), String::new());
        let stdout = child.stdout.as_mut().unwrap();
        stdout.read_to_string(&mut answer).unwrap();
        let stderr = child.stderr.as_mut().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        let code = child.wait().unwrap().code();
        assert_eq!(code, Some(0), "{how} {lines}: {said}");
        let rows = answer.matches("row").count();
        assert_eq!(
            rows,
            lines as usize + answer.matches("\"rows\"").count(),
            "{how}"
        );
        let is_whole = match how {
            "--json" => answer.ends_with("\"truncated\":false}\n"),
            _ => answer.ends_with('\n') && answer.contains(&format!("row{:04}\n", lines % 10_000)),
        };
        assert!(is_whole, "the {how} answer of {lines} lines is cut off");
    }
}

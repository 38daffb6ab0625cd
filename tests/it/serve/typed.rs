//! Dates over HTTP as people type them on the command line: they mean the same, and what counts from today means another day
//! tomorrow.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use candlefile::provider::Sample;
use candlefile::{Cancel, Clock, SystemClock};

use crate::support::harness::Home;
use crate::support::inside::{settings, while_serving};
use crate::support::serving::Serving;

#[test]
fn dates_mean_over_http_what_they_mean_on_the_command_line() {
    let (home, untouched) = (Home::new(), Home::new());
    let serving = Serving::start(home.serve_sample());
    for (start, end) in [
        ("20240102", "20240110"),
        ("30d", "-7d"),
        ("-2w", "today"),
        ("6MO", "1w"),
        ("1y", "2024-12-31T00:00:00Z"),
        ("ytd", ""),
        ("max", "1990-01-31"),
    ] {
        let words = format!("backfill AAPL --provider sample --dry-run --json --start={start}");
        let mut cli = untouched.cli(words.split(' '));
        let mut query = format!("symbols=AAPL&start_date={start}");
        if !end.is_empty() {
            cli = cli.arg(format!("--end={end}"));
            query += &format!("&end_date={end}");
        }
        let plan = cli.run();
        let answer = serving.post(&format!("/api/v1/backfill?{query}"));
        if plan.failed() {
            assert_eq!(answer.status / 100, 4, "{query}\n{plan:?}");
            continue;
        }
        let plan = plan.json()["series"][0].clone();
        let job_id = answer.is(202).json()["job_id"].as_str().unwrap().to_owned();
        let job = serving.status(&job_id);
        assert_eq!(
            (&job["start"], &job["end"], &job["start_date"]),
            (&plan["start"], &plan["end"], &start.into()),
            "{query}"
        );
        serving.wait_for(&job_id, "completed");
    }
    let of = |range: &str| {
        let path = format!("/api/v1/historical/AAPL?{range}");
        serving.get(&path).is(200).json()["candles"].clone()
    };
    let whole = of("start=max&end=today");
    let (all, lately) = (whole.as_array().unwrap(), of("start=30d"));
    let lately = lately.as_array().unwrap();
    assert!(!lately.is_empty() && lately.len() < 30 && all.ends_with(lately));
    serving.stop().ok();
}

/// The machine's clock, so many seconds ahead.
#[derive(Debug, Default)]
struct Ahead(SystemClock, AtomicI64);

impl Clock for Ahead {
    fn now_ms(&self) -> i64 {
        self.0.now_ms() + self.1.load(Ordering::SeqCst) * 1000
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }

    fn sleep(&self, duration: Duration, cancel: &Cancel) {
        self.0.sleep(duration, cancel);
    }
}

#[test]
fn what_counts_from_today_is_not_taken_for_unchanged_on_another_day() {
    let home = Home::of_sample("AAPL --start 2024-01-02 --end 2024-01-31");
    let clock = Arc::new(Ahead::default());
    let settings = settings(&home, Arc::new(Sample::default()), clock.clone());
    while_serving(settings, |caller| {
        for format in ["json", "csv"] {
            let tag = |range: &str| {
                let path = format!("/api/v1/historical/AAPL?format={format}&{range}");
                let answer = caller.get(&path).is(200);
                answer.header("etag").unwrap().to_owned()
            };
            let tags = || ["start=10y", "start=2024-01-02"].map(tag);
            let before = tags();
            clock.1.fetch_add(86_400 * 3, Ordering::SeqCst);
            let after = tags();
            assert_ne!(before[0], after[0]);
            assert_eq!(before[1], after[1]);
        }
    });
}

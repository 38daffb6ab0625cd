//! A backfill so small that it can be repeated once for every operation it does on the disk: a few jobs, two series,
//! each page in a commit of its own, the file closed after each job. It must never ask for anything near the live edge,
//! where the checker could not tell what should be there.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use candlefile::backfill::{Request, Runner, Stop, run};
use candlefile::model::{Candle, JobStatus, Policy, Span};
use candlefile::monitor::{Monitor, Snapshot};
use candlefile::provider::{Ask, Cursor, Page, Provider, ProviderError};
use candlefile::{Cancel, ManualClock, Store, StoreError};
use chrono::Weekday;
use rusqlite::Connection;

use super::checker::{self, Saved};
use super::db::Db;
use super::oracle::{self, DAY};
use super::scripted::{key, label, span};

const SERIES: [&str; 2] = ["X:BTCUSD 1d", "AAPL 1d"];
const START: &str = "2020-01-01";
const NOW: &str = "2024-01-01";

/// How much is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) jobs: i64,
    pub(crate) days_a_job: i64,
    pub(crate) days_a_page: i64,
    /// After every so many reports another connection moves the log into the file, and in turn leaves it or empties it;
    /// 0: never.
    pub(crate) checkpointed: usize,
}

pub(crate) const TINY: Size = Size {
    jobs: 2,
    days_a_job: 10,
    days_a_page: 10,
    checkpointed: 0,
};

impl Size {
    fn span(self, job: i64) -> Span {
        let start = label(START);
        span(start, start + (job + 1) * self.days_a_job * DAY)
    }
}

/// Answers from the oracle, a page only once all rows before it are reported as saved.
struct Paced {
    days_a_page: i64,
    sent: Mutex<u64>,
    saved: Mutex<u64>,
    changed: Condvar,
}

impl Provider for Paced {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn week_start(&self) -> Weekday {
        Weekday::Sun
    }

    fn listing(&self, symbol: &candlefile::model::Symbol) -> candlefile::model::Listing {
        candlefile::provider::Polygon::without_key().listing(symbol)
    }

    fn fetch(
        &self,
        ask: &Ask,
        cursor: Option<&Cursor>,
        cancel: &Cancel,
    ) -> Result<Page, ProviderError> {
        let mut sent = self.sent.lock().unwrap();
        let mut saved = self.saved.lock().unwrap();
        while *saved < *sent && !cancel.is_cancelled() {
            let tick = Duration::from_millis(5);
            saved = self.changed.wait_timeout(saved, tick).unwrap().0;
        }
        let from = cursor.map_or(ask.span.start(), |cursor| cursor.as_str().parse().unwrap());
        let to = ask.span.end().min(from + self.days_a_page * DAY);
        let (symbol, timeframe) = (ask.symbol.to_string(), ask.market.timeframe().to_string());
        let candles = oracle::candles(&symbol, &timeframe, (from, to));
        let next = (to < ask.span.end()).then(|| Cursor::new(to.to_string()));
        let page = super::scripted::page(ask, candles.map(as_sent)).followed_by(next);
        *sent += page.len() as u64;
        Ok(page)
    }

    fn requests(&self) -> u64 {
        0
    }
}

fn as_sent(candle: oracle::Candle) -> Candle {
    let oracle::Candle {
        ts,
        open,
        high,
        low,
        close,
        volume,
        vwap,
        trades,
    } = candle;
    Candle {
        ts,
        open,
        high,
        low,
        close,
        volume,
        vwap,
        trades,
    }
}

struct Watch<'a> {
    provider: Arc<Paced>,
    before: u64,
    told: &'a dyn Fn(u64),
    checkpoints: Checkpoints<'a>,
}

impl Monitor for Watch<'_> {
    fn progress(&self, progress: &Snapshot<'_>) {
        *self.provider.saved.lock().unwrap() = progress.records.fetched;
        self.provider.changed.notify_all();
        (self.told)(self.before + progress.records.inserted);
        self.checkpoints.report();
    }
}

/// The checkpoints that another connection does.
struct Checkpoints<'a> {
    path: &'a Path,
    every: usize,
    reports: AtomicUsize,
}

impl Checkpoints<'_> {
    fn report(&self) {
        let reports = 1 + self.reports.fetch_add(1, Ordering::SeqCst);
        if self.every == 0 || !reports.is_multiple_of(self.every) {
            return;
        }
        let mode = if (reports / self.every).is_multiple_of(2) {
            "TRUNCATE"
        } else {
            "PASSIVE"
        };
        // On a disk that fails it may fail, and must do no harm then.
        let _ = Connection::open(self.path).and_then(|other| {
            other.pragma_update_and_check(None, "wal_checkpoint", mode, |_| Ok(()))
        });
    }
}

/// Runs all jobs, each with the file opened anew, up to the first error. `told` hears how many candles are reported as
/// saved, of all jobs together.
pub(crate) fn run_all(path: &Path, size: Size, told: &dyn Fn(u64)) -> Result<(), StoreError> {
    let mut before = 0;
    for job in 0..size.jobs {
        let mut store = Store::create(path)?;
        let provider = Arc::new(Paced {
            days_a_page: size.days_a_page,
            sent: Mutex::default(),
            saved: Mutex::default(),
            changed: Condvar::new(),
        });
        let runner = Runner {
            provider: provider.clone(),
            clock: Arc::new(ManualClock::at(label(NOW))),
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
            series: SERIES.map(|name| (key(name), size.span(job))).to_vec(),
            start_words: None,
            end_words: None,
        };
        let watch = Watch {
            provider: provider.clone(),
            before,
            told,
            checkpoints: Checkpoints {
                path,
                every: size.checkpointed,
                reports: AtomicUsize::new(0),
            },
        };
        let report = run(&mut store, &request, &runner, &watch)?;
        if let Some(Stop::Full { file, .. }) = report.stop {
            // What it counts is what was stored.
            let saved = *provider.saved.lock().unwrap();
            assert_eq!(report.records.fetched, saved, "{:?}", report.records);
            let of_series = report.series.iter().map(|series| series.records.fetched);
            assert_eq!(of_series.sum::<u64>(), saved);
            assert_eq!(report.status, JobStatus::Failed);
            return Err(StoreError::Full(file));
        }
        assert_eq!(report.status, JobStatus::Completed);
        before += report.records.inserted;
        told(before);
    }
    Ok(())
}

/// Runs all jobs on what a mishap left, and finds everything there.
pub(crate) fn complete(path: &Path, size: Size) {
    run_all(path, size, &|_| ()).unwrap();
    let db = Db::open(path);
    let whole = size.span(size.jobs - 1);
    for name in SERIES {
        let (symbol, timeframe) = name.split_once(' ').unwrap();
        checker::check(&db, symbol, timeframe, (whole.start(), whole.end()));
    }
}

/// What the file holds after a mishap, once the program has opened it again.
pub(crate) fn recovered(path: &Path) -> Saved {
    drop(Store::create(path).unwrap());
    Saved::check_file(path)
}

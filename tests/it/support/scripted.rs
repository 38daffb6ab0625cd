//! A provider that answers from memory, and a bench that runs backfills against it at fixed instants. No network, no
//! real clock: what is asked, what is answered and what time it is are all the test's.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use candlefile::backfill::{Report, Request, Runner, resume, run};
use candlefile::model::{
    Adjustment, Candle, Counts, Listing, Market, Policy, SeriesKey, Span, Symbol,
};
use candlefile::monitor::Monitor;
use candlefile::provider::{
    Ask, AssetClass, Cursor, Dated, ErrorKind, Number, Page, Polygon, Provider, ProviderError, Row,
    Values,
};
use candlefile::{Cancel, ManualClock, Store, StoreError};
use chrono::{NaiveDateTime, TimeZone, Weekday};
use chrono_tz::Tz;
use rusqlite::Connection;

use super::checker;
use super::db::Db;

pub(crate) const MINUTE: i64 = 60;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

pub(crate) type Answer = Option<Result<Page, ProviderError>>;
type Script = Box<dyn FnMut(&Ask, Option<&Cursor>) -> Answer + Send>;

/// What the provider has, what it was asked, and how it misbehaves.
pub(crate) struct Scripted {
    rows: Mutex<BTreeMap<(String, i64), Vec<Candle>>>,
    asked: Mutex<Vec<(String, Span)>>,
    script: Mutex<Script>,
    requests: AtomicU64,
    page_stamps: Mutex<usize>,
    dated: Mutex<Option<i64>>,
}

impl Default for Scripted {
    fn default() -> Scripted {
        Scripted {
            rows: Mutex::default(),
            asked: Mutex::default(),
            script: Mutex::new(Box::new(|_, _| None)),
            requests: AtomicU64::new(0),
            page_stamps: Mutex::new(usize::MAX),
            dated: Mutex::default(),
        }
    }
}

impl Scripted {
    /// Offers these candles, each in place of what it had for the stamp.
    pub(crate) fn offer(&self, series: &str, candles: impl IntoIterator<Item = Candle>) {
        let mut rows = self.rows.lock().unwrap();
        for candle in candles {
            rows.insert((series.to_owned(), candle.ts), vec![candle]);
        }
    }

    /// Sends one more row for a stamp.
    pub(crate) fn offer_also(&self, series: &str, candle: Candle) {
        let mut rows = self.rows.lock().unwrap();
        let at = (series.to_owned(), candle.ts);
        rows.entry(at).or_default().push(candle);
    }

    /// Has this candle no longer.
    pub(crate) fn withdraw(&self, series: &str, ts: i64) {
        self.rows.lock().unwrap().remove(&(series.to_owned(), ts));
    }

    /// Answers in pages of so many stamps.
    pub(crate) fn page_by(&self, stamps: usize) {
        *self.page_stamps.lock().unwrap() = stamps;
    }

    /// From now on its answers are dated so.
    pub(crate) fn date(&self, now: i64) {
        *self.dated.lock().unwrap() = Some(now);
    }

    /// Is asked first; what it does not answer comes from what was offered.
    pub(crate) fn script(
        &self,
        script: impl FnMut(&Ask, Option<&Cursor>) -> Answer + Send + 'static,
    ) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    /// The chains that were begun since the last call: series and span, in the order of the asking.
    pub(crate) fn take_asked(&self) -> Vec<(String, Span)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// The spans of those chains, where only one series is asked.
    pub(crate) fn take_spans(&self) -> Vec<Span> {
        self.take_asked().into_iter().map(|asked| asked.1).collect()
    }

    fn answer(&self, ask: &Ask, cursor: Option<&Cursor>) -> Page {
        let name = series_name(ask);
        let from = cursor.map_or(ask.span.start(), |cursor| cursor.as_str().parse().unwrap());
        let rows = self.rows.lock().unwrap();
        let limit = *self.page_stamps.lock().unwrap();
        let (mut candles, mut next) = (Vec::new(), None);
        let inside = rows.range((name.clone(), from)..(name, ask.span.end()));
        for (stamps, ((_, ts), found)) in inside.enumerate() {
            if stamps >= limit {
                next = Some(Cursor::new(ts.to_string()));
                break;
            }
            candles.extend(found);
        }
        let dated = self.dated.lock().unwrap().map(|at| Dated { at, age: 0 });
        page(ask, candles).followed_by(next).dated(dated)
    }
}

impl Provider for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn week_start(&self) -> Weekday {
        Weekday::Sun
    }

    fn listing(&self, symbol: &Symbol) -> Listing {
        Polygon::without_key().listing(symbol)
    }

    fn asset_class(&self, symbol: &Symbol) -> AssetClass {
        Polygon::without_key().asset_class(symbol)
    }

    fn fetch(&self, ask: &Ask, cursor: Option<&Cursor>, _: &Cancel) -> Result<Page, ProviderError> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        if cursor.is_none() {
            let asked = (series_name(ask), ask.span);
            self.asked.lock().unwrap().push(asked);
        }
        let scripted = (self.script.lock().unwrap())(ask, cursor);
        scripted.unwrap_or_else(|| Ok(self.answer(ask, cursor)))
    }

    fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }
}

/// The page of some candles.
pub(crate) fn page(ask: &Ask, candles: impl IntoIterator<Item = Candle>) -> Page {
    let row = |candle| Row::of(&candle, &ask.market);
    Page::of(ask, candles.into_iter().map(row))
}

/// The row of a candle whose open is missing.
pub(crate) fn without_open(ask: &Ask, ts: i64) -> Row<'static> {
    let mut row = Row::of(&version(ts, 0), &ask.market);
    row.raw = "{}".into();
    let values = row.values.map(|values| Values {
        open: Number::Absent,
        ..values
    });
    Row { values, ..row }
}

fn series_name(ask: &Ask) -> String {
    format!("{} {}", ask.symbol, ask.market.timeframe())
}

/// A script's answer: a refusal of one kind, or what was offered.
pub(crate) fn refuse_if(refused: bool, kind: ErrorKind) -> Answer {
    let message = format!("refused: {kind:?}");
    refused.then_some(Err(ProviderError {
        kind,
        message,
        attempts: 1,
    }))
}

/// A candle whose values follow from its start and a version: another version is another value.
pub(crate) fn version(ts: i64, version: u32) -> Candle {
    let base = 100.0 + (ts.rem_euclid(1_000_003) as f64) / 1000.0 + f64::from(version);
    Candle {
        ts,
        open: base,
        high: base + 2.0,
        low: base - 2.0,
        close: base + 1.0,
        volume: Some(1000.5),
        vwap: Some(base + 0.25),
        trades: Some(7),
    }
}

/// The first version of each candle.
pub(crate) fn candles(stamps: impl IntoIterator<Item = i64>) -> impl Iterator<Item = Candle> {
    stamps.into_iter().map(|ts| version(ts, 0))
}

pub(crate) fn span(start: i64, end: i64) -> Span {
    Span::new(start, end).unwrap()
}

/// An instant by a zone's wall clock.
pub(crate) fn at(zone: Tz, text: &str) -> i64 {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    zone.from_local_datetime(&local).unwrap().timestamp()
}

pub(crate) fn ny(text: &str) -> i64 {
    at(chrono_tz::America::New_York, text)
}

pub(crate) fn utc(text: &str) -> i64 {
    at(chrono_tz::UTC, text)
}

/// A label: the 00:00Z of a date.
pub(crate) fn label(date: &str) -> i64 {
    utc(&format!("{date} 00:00"))
}

/// `AAPL 1d` as a series of the scripted provider.
pub(crate) fn key(series: &str) -> SeriesKey {
    let (symbol, timeframe) = series.split_once(' ').unwrap();
    let symbol = symbol.parse().unwrap();
    SeriesKey {
        timeframe: timeframe.parse().unwrap(),
        source: "scripted".to_owned(),
        adjusted: Adjustment::Raw,
        listing: Polygon::without_key().listing(&symbol),
        symbol,
    }
}

pub(crate) fn market(series: &str) -> Market {
    key(series).market(Weekday::Sun)
}

fn request(series: &[(SeriesKey, Span)]) -> Request {
    Request {
        command: "backfill",
        series: series.to_vec(),
        start_words: None,
        end_words: None,
    }
}

/// A job of another program on the same file.
pub(crate) fn job(
    store: &mut Store,
    provider: Arc<Scripted>,
    now: i64,
    series: &[(SeriesKey, Span)],
) -> Result<Report, StoreError> {
    let runner = Runner {
        provider,
        clock: Arc::new(ManualClock::at(now)),
        cancel: Cancel::new(),
        workers: 1,
        rate: None,
        policy: Policy::default(),
        force: false,
        wait: false,
        refetch_empty: false,
        refetch_gaps: false,
    };
    run(store, &request(series), &runner, &())
}

/// A file, a provider and the ways to run.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) provider: Arc<Scripted>,
    pub(crate) policy: Policy,
    pub(crate) force: bool,
    pub(crate) refetch_empty: bool,
    pub(crate) workers: usize,
    handed_in: i64,
}

impl Bench {
    pub(crate) fn new() -> Bench {
        Bench::in_folder(super::harness::folder_in_memory())
    }

    /// On a copy of the file that another one has left.
    pub(crate) fn on(file: &[u8]) -> Bench {
        let folder = super::harness::folder_in_memory();
        std::fs::write(folder.path().join("market.db"), file).unwrap();
        Bench::in_folder(folder)
    }

    /// Its file, at rest.
    pub(crate) fn into_file(self) -> Vec<u8> {
        let path = self.path();
        drop(self.store);
        std::fs::read(path).unwrap()
    }

    fn in_folder(folder: tempfile::TempDir) -> Bench {
        let store = Store::create(&folder.path().join("market.db")).unwrap();
        Bench {
            folder,
            store,
            provider: Arc::default(),
            policy: Policy::default(),
            force: false,
            refetch_empty: false,
            workers: 1,
            handed_in: 0,
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("market.db")
    }

    pub(crate) fn sql(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    /// One number from the file.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        let number = self.sql().query_row(sql, [], |row| row.get(0));
        number.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    fn runner(&self, now: i64) -> Runner {
        let provider: Arc<dyn Provider> = self.provider.clone();
        Runner {
            provider,
            clock: Arc::new(ManualClock::at(now)),
            cancel: Cancel::new(),
            workers: self.workers,
            rate: None,
            policy: self.policy,
            force: self.force,
            wait: false,
            refetch_empty: self.refetch_empty,
            refetch_gaps: false,
        }
    }

    /// Runs a job that reaches its end. Whatever a test is about, the books are checked with it.
    pub(crate) fn run(&mut self, now: i64, series: &[(SeriesKey, Span)]) -> Report {
        let report = self.try_run(now, series).unwrap();
        let job = self
            .store
            .job(report.job_id.as_ref().unwrap(), now)
            .unwrap();
        assert_eq!(report.records, job.job.records, "the report and the file");
        assert_eq!(report.status, job.job.status);
        self.check(&report);
        report
    }

    pub(crate) fn try_run(
        &mut self,
        now: i64,
        series: &[(SeriesKey, Span)],
    ) -> Result<Report, StoreError> {
        self.run_watched(now, series, &())
    }

    pub(crate) fn run_watched(
        &mut self,
        now: i64,
        series: &[(SeriesKey, Span)],
        monitor: &dyn Monitor,
    ) -> Result<Report, StoreError> {
        let runner = self.runner(now);
        run(&mut self.store, &request(series), &runner, monitor)
    }

    /// Asks for one series in a span.
    pub(crate) fn backfill(&mut self, now: i64, series: &str, span: Span) -> Report {
        self.run(now, &[(key(series), span)])
    }

    /// Asks for one series from a start up to now.
    pub(crate) fn update(&mut self, series: &str, start: i64, now: i64) -> Report {
        let span = candlefile::model::up_to_now(&market(series), start, now);
        self.backfill(now, series, span.unwrap())
    }

    pub(crate) fn resume(&mut self, now: i64, job_id: &str) -> Report {
        let report = self.try_resume(now, job_id).unwrap();
        self.check(&report);
        report
    }

    pub(crate) fn try_resume(&mut self, now: i64, job_id: &str) -> Result<Report, StoreError> {
        let runner = self.runner(now);
        resume(&mut self.store, job_id, &runner, &())
    }

    fn check(&self, report: &Report) {
        let mut of_series = Counts::default();
        for series in &report.series {
            assert!(series.records.add_up());
            of_series += series.records;
        }
        assert_eq!(report.records, of_series, "the job and its series");
        self.check_books();
    }

    /// Stores candles that no provider sent.
    pub(crate) fn hand_in(&mut self, key: &SeriesKey, candles: &[Candle], now: i64) -> Counts {
        let counts = self.store.insert_candles(key, candles, now).unwrap();
        assert!(counts.add_up());
        self.handed_in += counts.inserted as i64;
        self.check_books();
        counts
    }

    pub(crate) fn held(&self, series: &str) -> Vec<Candle> {
        let key = key(series);
        let mut held = Vec::new();
        let each = |candle| {
            held.push(candle);
            Ok::<(), StoreError>(())
        };
        let view = candlefile::view::View::open(&self.store, &key.symbol, key.timeframe).unwrap();
        view.each_candle(&self.store, each).unwrap();
        held
    }

    pub(crate) fn stamps(&self, series: &str) -> Vec<i64> {
        self.held(series).iter().map(|candle| candle.ts).collect()
    }

    pub(crate) fn coverage(&self, series: &str) -> Vec<Span> {
        let key = key(series);
        let found = self.store.find_series(&key.symbol, key.timeframe).unwrap();
        found.coverage.iter().collect()
    }

    /// What must hold in every file at every moment.
    pub(crate) fn check_books(&self) {
        let came =
            "SELECT coalesce(sum(records_inserted - records_removed), 0) FROM backfill_progress";
        // One connection for all of it: each reads the whole schema anew.
        let db = Db(self.sql());
        let held = db.count("SELECT count(*) FROM candle_data");
        assert_eq!(held, db.count(came) + self.handed_in, "came and held");
        checker::check_books(&db);
    }
}

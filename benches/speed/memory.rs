//! The library's own backfill, fed from memory: what the writer alone can do, without HTTP, gzip and JSON.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use candlefile::backfill::{Report, Request, Runner, run};
use candlefile::model::{Candle, Policy, SeriesKey, Span};
use candlefile::monitor::{Monitor, Snapshot};
use candlefile::provider::{Ask, Cursor, ErrorKind, Page, Provider, ProviderError, Row};
use candlefile::{Cancel, Store, SystemClock};
use chrono::Weekday;

use super::candles;

/// Hands out pages that are ready, and makes the others.
#[derive(Default)]
pub struct Memory {
    ready: Mutex<HashMap<(String, i64), Vec<Candle>>>,
    /// Start of the slices that fail.
    failing: Option<(usize, i64)>,
}

impl Memory {
    /// Makes the pages of the first series beforehand.
    pub fn ready(series: usize, span: Span) -> Memory {
        let mut ready = HashMap::new();
        for index in 0..series {
            for cell in candles::market().cut_at_cells(span) {
                let place = (candles::symbol(index), cell.start());
                ready.insert(place, candles::minutes(index, cell));
            }
        }
        Memory {
            ready: Mutex::new(ready),
            failing: None,
        }
    }

    /// Fails the slice with this start of the first series, which leaves a hole in each.
    pub fn failing(series: usize, start: i64) -> Memory {
        Memory {
            failing: Some((series, start)),
            ..Memory::default()
        }
    }
}

impl Provider for Memory {
    fn name(&self) -> &'static str {
        "polygon"
    }

    fn week_start(&self) -> Weekday {
        Weekday::Sun
    }

    fn listing(&self, _: &candlefile::model::Symbol) -> candlefile::model::Listing {
        candlefile::model::MarketCode::XNYS.into()
    }

    fn fetch(&self, ask: &Ask, _: Option<&Cursor>, _: &Cancel) -> Result<Page, ProviderError> {
        let symbol = ask.symbol.as_str();
        let index: usize = symbol[1..].parse().unwrap();
        let start = ask.span.start();
        if self
            .failing
            .is_some_and(|(series, at)| index < series && start == at)
        {
            let (kind, message) = (ErrorKind::Slice, "left out".to_owned());
            return Err(ProviderError {
                kind,
                message,
                attempts: 1,
            });
        }
        let ready = self
            .ready
            .lock()
            .unwrap()
            .remove(&(symbol.to_owned(), start));
        let make = || {
            if ask.market.timeframe().is_label() {
                candles::days(ask.span)
            } else {
                candles::minutes(index, ask.span)
            }
        };
        let candles = ready.unwrap_or_else(make);
        let rows = candles.iter().map(|candle| Row::of(candle, &ask.market));
        Ok(Page::of(ask, rows))
    }

    fn requests(&self) -> u64 {
        0
    }
}

/// What was stored when.
#[derive(Default)]
pub struct Marks(RefCell<Vec<(u64, Instant)>>);

impl Monitor for Marks {
    fn progress(&self, progress: &Snapshot<'_>) {
        self.0
            .borrow_mut()
            .push((progress.records.inserted, Instant::now()));
    }
}

impl Marks {
    /// Candles a second between two counts of stored candles.
    #[allow(clippy::cast_precision_loss)]
    pub fn speed(&self, from: u64, to: u64) -> f64 {
        let marks = self.0.borrow();
        let at = |count| *marks.iter().find(|mark| mark.0 >= count).unwrap();
        let (first, last) = (at(from), at(to));
        (last.0 - first.0) as f64 / (last.1 - first.1).as_secs_f64()
    }
}

pub struct Filled {
    pub report: Report,
    pub elapsed: Duration,
    pub marks: Marks,
}

impl Filled {
    #[allow(clippy::cast_precision_loss)]
    pub fn speed(&self) -> f64 {
        self.report.records.inserted as f64 / self.elapsed.as_secs_f64()
    }
}

/// Backfills series into a file, closing of the file included.
pub fn fill(path: &Path, series: Vec<(SeriesKey, Span)>, memory: Memory) -> Filled {
    let runner = Runner {
        provider: Arc::new(memory),
        clock: Arc::new(SystemClock::default()),
        cancel: Cancel::new(),
        workers: 8,
        rate: None,
        policy: Policy::default(),
        force: false,
        refetch_empty: false,
        refetch_gaps: false,
        wait: false,
    };
    let request = Request {
        command: "backfill",
        series,
        start_words: None,
        end_words: None,
    };
    let marks = Marks::default();
    let mut store = Store::create(path).unwrap();
    let began = Instant::now();
    marks.0.borrow_mut().push((0, began));
    let report = run(&mut store, &request, &runner, &marks).unwrap();
    drop(store);
    Filled {
        report,
        elapsed: began.elapsed(),
        marks,
    }
}

/// Minutes of the first series.
pub fn wanted(series: usize, span: Span) -> Vec<(SeriesKey, Span)> {
    (0..series)
        .map(|index| (candles::key(&candles::symbol(index), "1m"), span))
        .collect()
}

/// The same candles into an empty file with the same schema and pragmas, by nothing but a prepared statement.
pub fn bare_loop(path: &Path, span: Span) -> Duration {
    let memory = Memory::ready(candles::SERIES, span);
    let mut pages: Vec<_> = memory.ready.into_inner().unwrap().into_iter().collect();
    let index = |symbol: &str| symbol[1..].parse::<i64>().unwrap();
    pages.sort_by_key(|((symbol, start), _)| (index(symbol), *start));
    drop(Store::create(path).unwrap());
    let mut connection = rusqlite::Connection::open(path).unwrap();
    for (pragma, value) in [
        ("synchronous", "full"),
        ("cache_size", "-32768"),
        ("wal_autocheckpoint", "2000"),
        ("journal_size_limit", "16777216"),
        ("foreign_keys", "on"),
        ("cell_size_check", "on"),
        ("trusted_schema", "off"),
    ] {
        connection.pragma_update(None, pragma, value).unwrap();
    }
    for (index, id) in (0..candles::SERIES).zip(0_i64..) {
        let sql = "INSERT INTO series (id, symbol, timeframe, source, adjusted, market, grid)
                   VALUES (?, ?, '1m', 'bench', 0, 'XNYS', 'utc')";
        connection
            .execute(sql, rusqlite::params![id, candles::symbol(index)])
            .unwrap();
    }
    let began = Instant::now();
    for ((symbol, _), candles) in &pages {
        let tx = connection.transaction().unwrap();
        let sql = "INSERT INTO candle_data VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let mut insert = tx.prepare_cached(sql).unwrap();
        let id = index(symbol);
        for c in candles {
            let values = rusqlite::params![
                id, c.ts, c.open, c.high, c.low, c.close, c.volume, c.vwap, c.trades, 1
            ];
            insert.execute(values).unwrap();
        }
        drop(insert);
        tx.commit().unwrap();
    }
    drop(connection);
    began.elapsed()
}

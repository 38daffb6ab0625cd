//! What the commands that fetch have in common: the provider with its key, Ctrl-C, and the plan that is only shown.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use candlefile::backfill::{Request, Runner};
use candlefile::monitor::Monitor;
use candlefile::provider::rate::Rate;
use candlefile::provider::{Ask, BadBaseUrl, BaseUrl, Expected, Key, Provider, polygon};
use candlefile::store::Target;
use candlefile::{Cancel, Clock, Policy, Polygon, Sample, Span, Store, StoreError, SystemClock};
use serde_json::json;

use super::args::{Fetch, Global};
use super::error::{CliError, Exit, usage};
use super::{output, progress, signals, table};

/// Bytes that one candle takes in the file; measured on minutes of US stocks.
const CANDLE_BYTES: u64 = 72;
/// Candles that a second brings when nothing but this machine limits it; measured.
const CANDLES_PER_SECOND: f64 = 300_000.0;

/// How this call fetches.
pub struct Fetching {
    pub clock: Arc<dyn Clock>,
    pub cancel: Cancel,
    global: Global,
    fetch: Fetch,
    /// One a source: the rate is the provider's, however many jobs ask it.
    providers: RefCell<HashMap<String, Arc<dyn Provider>>>,
}

impl Fetching {
    pub fn new(global: &Global, fetch: &Fetch) -> Fetching {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        Fetching {
            clock,
            cancel: Cancel::new(),
            global: global.clone(),
            fetch: fetch.clone(),
            providers: RefCell::default(),
        }
    }

    /// A runner for a provider by the name that the file records.
    ///
    /// `recorded` is the policy of a job that is taken up again; options given now come before it.
    pub fn runner(&self, source: &str, recorded: Policy) -> Result<Runner> {
        let seconds =
            |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        Ok(Runner {
            provider: self.provider(source)?,
            clock: Arc::clone(&self.clock),
            cancel: self.cancel.clone(),
            workers: usize::from(self.fetch.pace.workers),
            policy: Policy {
                delay: self.fetch.pace.delay.map_or(recorded.delay, seconds),
                final_after: self
                    .fetch
                    .pace
                    .final_after
                    .map(seconds)
                    .or(recorded.final_after),
            },
            force: self.fetch.force,
            refetch_empty: self.fetch.refetch_empty,
        })
    }

    /// The monitor for a run, with the rate that paces it.
    pub fn monitor(&self, source: &str) -> Box<dyn Monitor> {
        progress::monitor(self.global.quiet, self.rate(source))
    }

    fn provider(&self, source: &str) -> Result<Arc<dyn Provider>> {
        if let Some(provider) = self.providers.borrow().get(source) {
            return Ok(Arc::clone(provider));
        }
        let provider: Arc<dyn Provider> = match source {
            "sample" => Arc::new(Sample::default()),
            "polygon" => {
                let base = self.global.base_url.as_deref().unwrap_or(polygon::BASE_URL);
                let base: BaseUrl = base.parse().map_err(|error: BadBaseUrl| {
                    usage(
                        error.to_string(),
                        format!("leave --base-url out for {}", polygon::BASE_URL),
                    )
                })?;
                Arc::new(Polygon::new(
                    base,
                    key()?,
                    self.rate(source),
                    Arc::clone(&self.clock),
                )?)
            }
            other => return Err(CliError::NoProvider(other.to_owned()).into()),
        };
        self.providers
            .borrow_mut()
            .insert(source.to_owned(), Arc::clone(&provider));
        Ok(provider)
    }

    fn rate(&self, source: &str) -> Option<Rate> {
        let default =
            (source == "polygon").then(|| polygon::DEFAULT_RATE.parse().expect("a constant"));
        if source == "sample" {
            None
        } else {
            self.fetch.pace.rate.or(default)
        }
    }

    /// The first signal asks the job to stop, the second ends the program: both are safe.
    pub fn stop_on_signals(&self) {
        let words = "stopping; what was fetched is being saved (again to stop at once)";
        signals::stop_on_signals(&self.cancel, Some(words));
    }
}

fn key() -> Result<Key> {
    for name in ["MASSIVE_API_KEY", "POLYGON_API_KEY"] {
        match std::env::var_os(name) {
            None => {}
            Some(value) if value.is_empty() => {}
            Some(value) => {
                let text = value.to_str().unwrap_or("\u{fffd}");
                return Ok(text
                    .parse()
                    .map_err(|source| CliError::BadKey { name, source })?);
            }
        }
    }
    Err(CliError::NoKey.into())
}

/// Shows what a run would fetch: nothing is sent, and the file is only read where there is one.
pub fn dry_run(global: &Global, fetching: &Fetching, runs: &[(Runner, Request)]) -> Result<Exit> {
    let store = open_if_there(&global.db)?;
    let (mut total, mut series) = (Estimate::default(), Vec::new());
    for (runner, request) in runs {
        let rate = fetching.rate(runner.provider.name());
        for target in candlefile::backfill::targets(store.as_ref(), runner, &request.series)? {
            let estimate = Estimate::of(&target, runner, rate);
            total.add(&estimate, rate);
            series.push((target, estimate));
        }
    }
    if global.json {
        let each = |(target, estimate): &(Target, Estimate)| {
            let mut row = estimate.document();
            row["symbol"] = json!(target.key.symbol);
            row["timeframe"] = json!(target.key.timeframe);
            row["start"] = json!(output::time(target.span.start()));
            row["end"] = json!(output::time(target.span.end()));
            row
        };
        let series: Vec<_> = series.iter().map(each).collect();
        output::json(&json!({ "plan": total.document(), "series": series }))?;
        return Ok(Exit::Complete);
    }
    let rows = series.iter().map(|(target, estimate)| {
        estimate.row(
            target.key.symbol.to_string(),
            target.key.timeframe.to_string(),
            output::days(&target.key, target.span),
        )
    });
    let all = total.row("total".into(), String::new(), String::new());
    let titles = [
        "symbol",
        "!timeframe",
        "~range",
        ">slices",
        ">requests",
        ">rows",
        ">size",
        ">time",
    ];
    table::print(titles, rows.chain([all]))?;
    output::print("nothing was sent; rows, size and time are estimates")?;
    Ok(Exit::Complete)
}

fn open_if_there(path: &Path) -> Result<Option<Store>> {
    match Store::read(path) {
        Ok(store) => Ok(Some(store)),
        Err(StoreError::NotFound(_) | StoreError::Empty(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What a plan costs.
#[derive(Clone, Copy, Default)]
struct Estimate {
    slices: u64,
    requests: u64,
    rows: u64,
    seconds: f64,
}

impl Estimate {
    fn of(target: &Target, runner: &Runner, rate: Option<Rate>) -> Estimate {
        let mut estimate = Estimate {
            slices: target.slices.len() as u64,
            ..Estimate::default()
        };
        for &span in &target.slices {
            let Expected { rows, requests } = runner.provider.expected(&ask(target, span));
            estimate.rows += u64::try_from(rows).unwrap_or(0);
            estimate.requests += requests;
        }
        estimate.seconds = estimate.time(rate);
        estimate
    }

    fn add(&mut self, other: &Estimate, rate: Option<Rate>) {
        self.slices += other.slices;
        self.requests += other.requests;
        self.rows += other.rows;
        self.seconds = self.time(rate);
    }

    #[allow(clippy::cast_precision_loss)] // An estimate.
    fn time(&self, rate: Option<Rate>) -> f64 {
        rate.map_or(0.0, |rate| rate.seconds(self.requests))
            .max(self.rows as f64 / CANDLES_PER_SECOND)
    }

    fn document(&self) -> serde_json::Value {
        let Estimate {
            slices,
            requests,
            rows,
            seconds,
        } = self;
        json!({ "slices": slices, "requests": requests, "rows": rows, "bytes": rows * CANDLE_BYTES, "seconds": seconds })
    }

    fn row(&self, symbol: String, timeframe: String, range: String) -> Vec<String> {
        let Estimate {
            slices,
            requests,
            rows,
            seconds,
        } = *self;
        let size = output::bytes(rows * CANDLE_BYTES);
        let counts = [slices, requests, rows].map(output::count);
        [
            vec![symbol, timeframe, range],
            counts.to_vec(),
            vec![size, output::seconds(seconds)],
        ]
        .concat()
    }
}

fn ask(target: &Target, span: Span) -> Ask {
    let key = &target.key;
    Ask {
        symbol: key.symbol.clone(),
        market: key.market(target.week_start),
        adjusted: key.adjusted,
        span,
    }
}

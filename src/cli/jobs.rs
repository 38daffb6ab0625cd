//! What the commands that fetch have in common: how they fetch, the provider with its key, and Ctrl-C.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::backfill::Runner;
use crate::monitor::Monitor;
use crate::provider::rate::Rate;
use crate::provider::{BadBaseUrl, BaseUrl, Key, Provider, polygon};
use crate::store::JobRow;
use crate::{Cancel, Clock, Policy, Polygon, Sample, SystemClock};
use anyhow::Result;

use super::args::{Fetch, Global, Pace};
use super::error::{CliError, usage};
use super::{progress, signals};

/// Requests under way at once, unless told otherwise.
const WORKERS: usize = 8;
/// And at most.
const MOST_WORKERS: usize = 256;

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

    /// A runner for a provider by the name that the file records. `job` is one that is taken up again: it goes on as it was
    /// asked for, but for the options given now.
    pub fn runner(&self, source: &str, job: Option<&JobRow>) -> Result<Runner> {
        let Pace {
            workers,
            rate,
            delay,
            final_after,
        } = self.fetch.pace;
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let recorded = job.map_or(Policy::default(), |job| job.policy);
        let recorded_rate = || job?.rate.as_deref()?.parse().ok();
        let recorded_workers = || job?.workers.map(|workers| workers as usize);
        Ok(Runner {
            provider: self.provider(source)?,
            clock: Arc::clone(&self.clock),
            cancel: self.cancel.clone(),
            workers: workers
                .map(usize::from)
                .or_else(recorded_workers)
                .map_or(WORKERS, |workers| workers.clamp(1, MOST_WORKERS)),
            rate: rate
                .or_else(recorded_rate)
                .filter(|_| default_rate(source).is_some()),
            policy: Policy {
                delay: delay.map_or(recorded.delay, seconds),
                final_after: final_after.map(seconds).or(recorded.final_after),
            },
            force: self.fetch.force,
            refetch_empty: self.fetch.refetch_empty,
            wait: self.fetch.wait,
        })
    }

    /// The monitor for a run.
    pub fn monitor(&self) -> Box<dyn Monitor> {
        progress::monitor(self.global.quiet)
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
                // A plan needs no key, and where nothing is missing nothing else is made.
                match key() {
                    Ok(key) => Arc::new(Polygon::new(
                        base,
                        key,
                        default_rate(source),
                        Arc::clone(&self.clock),
                    )?),
                    Err(_) => Arc::new(polygon::Unkeyed),
                }
            }
            other => return Err(CliError::NoProvider(other.to_owned()).into()),
        };
        self.providers
            .borrow_mut()
            .insert(source.to_owned(), Arc::clone(&provider));
        Ok(provider)
    }

    /// The first signal asks the job to stop, the second ends the program: both are safe.
    pub fn stop_on_signals(&self) {
        let words = "stopping; what was fetched is being saved (again to stop at once)";
        signals::stop_on_signals(&self.cancel, Some(words));
    }
}

/// The rate that paces a run.
pub fn rate_of(runner: &Runner) -> Option<Rate> {
    runner.rate.or(default_rate(runner.provider.name()))
}

/// How fast a provider is asked unless told otherwise; `None` where nothing is sent.
fn default_rate(source: &str) -> Option<Rate> {
    (source == "polygon").then(|| polygon::DEFAULT_RATE.parse().expect("a constant"))
}

/// Whether a provider can be asked, and not only planned with.
pub fn check_key(source: &str) -> Result<()> {
    if source == "polygon" {
        key()?;
    }
    Ok(())
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

//! What the commands that fetch have in common: how they fetch, the provider with its key, and Ctrl-C.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;
use candlefile::backfill::Runner;
use candlefile::monitor::Monitor;
use candlefile::provider::rate::Rate;
use candlefile::provider::{BadBaseUrl, BaseUrl, Key, Provider, polygon};
use candlefile::{Cancel, Clock, Policy, Polygon, Sample, SystemClock};

use super::args::{Fetch, Global};
use super::error::{CliError, usage};
use super::{progress, signals};

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
                // A plan needs no key, and where nothing is missing nothing else is made.
                match key() {
                    Ok(key) => Arc::new(Polygon::new(
                        base,
                        key,
                        self.rate(source),
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

    /// The rate that paces a provider.
    pub fn rate(&self, source: &str) -> Option<Rate> {
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

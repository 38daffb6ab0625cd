//! What the commands that fetch have in common: how they fetch, the provider with its key, and Ctrl-C.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::backfill::Runner;
use crate::http::rate::Rate;
use crate::model::market::Policy;
use crate::monitor::Monitor;
use crate::provider::{BadBaseUrl, Key, Provider, Setup, Spec};
use crate::run::clock::{Cancel, Clock, SystemClock};
use crate::store::JobRow;
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

    /// The options that hold for every command.
    pub fn global(&self) -> &Global {
        &self.global
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
            rate: rate.or_else(recorded_rate).filter(|_| {
                spec(&self.global, source).is_ok_and(|spec| spec.default_rate.is_some())
            }),
            policy: Policy {
                delay: delay.map_or(recorded.delay, seconds),
                final_after: final_after.map(seconds).or(recorded.final_after),
            },
            force: self.fetch.force,
            refetch_empty: self.fetch.refetch_empty,
            refetch_gaps: self.fetch.refetch_gaps,
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
        let spec = spec(&self.global, source)?;
        let base_url = spec.base_url.as_deref().map(|usual| {
            let typed = self.global.base_url.as_deref().unwrap_or(usual);
            typed.parse().map_err(|error: BadBaseUrl| {
                usage(
                    error.to_string(),
                    format!("leave --base-url out for {usual}"),
                )
            })
        });
        let setup = Setup {
            base_url: base_url.transpose()?,
            key: key(&self.global, spec).ok().flatten(),
            rate: spec.default_rate,
            clock: Arc::clone(&self.clock),
        };
        let provider = (spec.make)(setup)?;
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

/// The provider of a source, as there is one.
fn spec<'a>(global: &'a Global, source: &str) -> Result<&'a Spec> {
    let none = || CliError::NoProvider(source.to_owned());
    Ok(global.registry.get(source).ok_or_else(none)?)
}

/// The provider of a source, which is asked nothing; `None` where there is none.
pub fn provider_of(global: &Global, source: &str) -> Option<Arc<dyn Provider>> {
    global.registry.get(source)?.unasked().ok()
}

/// The name that files record for a provider as it was typed.
pub fn source_of(global: &Global, typed: &str) -> String {
    let spec = global.registry.typed(typed);
    spec.map_or(typed, |spec| spec.name.as_str()).to_owned()
}

/// The rate that paces a run.
pub fn rate_of(global: &Global, runner: &Runner) -> Option<Rate> {
    let usual = || global.registry.get(runner.provider.name())?.default_rate;
    runner.rate.or_else(usual)
}

/// Whether a provider can be asked, and not only planned with.
pub fn check_key(global: &Global, source: &str) -> Result<()> {
    key(global, spec(global, source)?).map(drop)
}

/// The key of a provider that needs one.
fn key(global: &Global, spec: &Spec) -> Result<Option<Key>> {
    if !spec.needs_key() {
        return Ok(None);
    }
    for name in &spec.keys {
        match std::env::var_os(name) {
            None => {}
            Some(value) if value.is_empty() => {}
            Some(value) => {
                let text = value.to_str().unwrap_or("\u{fffd}");
                let bad = |source| CliError::BadKey {
                    name: name.clone(),
                    source,
                };
                return Ok(Some(text.parse().map_err(bad)?));
            }
        }
    }
    let without = global.registry.without_key();
    Err(CliError::NoKey {
        keys: spec.keys.clone(),
        without: without.map(|spec| spec.name.clone()),
    }
    .into())
}

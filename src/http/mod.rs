//! The one way out. A server's requests go to one origin, the key in a header, no redirects, bounded bodies and times, retries
//! after the schedule of [`retry`], and one [`Limiter`] for all workers. What a status or a body means is its reader's.
//!
//! No error text holds a URL or the key: URLs carry cursors, and errors end up in files and on terminals.

mod body;
mod client;
mod environment;
mod failure;
mod head;
mod once;
mod origin;
pub(crate) mod rate;
pub(crate) mod retry;
mod roots;
#[cfg(feature = "serve")]
mod tell;
mod tries;
mod unsent;

pub use body::Limits;
pub(crate) use failure::{Failed, Failure, Kind, words};
pub use failure::{NoClient, Unreachable};
pub(crate) use head::Authorization;
pub(crate) use once::{Heard, Read};
pub use origin::{BadBaseUrl, BadKey, BaseUrl, Key};
#[cfg(feature = "serve")]
pub(crate) use tell::Teller;
pub(crate) use tries::CLOCKS_AGREE;
pub use tries::{Dated, Tries, Waiting};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use reqwest::blocking::Client;

use body::Bodies;
use client::client;
use once::Once;
use rate::{Limiter, Rate, TooLong};

use crate::model::instant::time;
use crate::run::clock::{Cancel, Clock};

/// Longest text of an error: a server's own words may be in it.
const WORDS_LIMIT: usize = 400;

/// A client for one server.
pub(crate) struct Http {
    client: Client,
    base: BaseUrl,
    authorization: Authorization,
    limits: Limits,
    limiter: Limiter,
    clock: Arc<dyn Clock>,
    sent: AtomicU64,
    /// Whether anything ever answered: until then, a connection that fails means that the address is wrong.
    heard: AtomicBool,
    bodies: Bodies,
}

impl Http {
    /// A client that sends nothing yet.
    ///
    /// # Errors
    /// The TLS roots cannot be read, or a variable names a proxy that cannot be used.
    pub(crate) fn new(
        base: BaseUrl,
        authorization: Authorization,
        rate: Option<Rate>,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Result<Http, NoClient> {
        let client = client(&base, limits.connect, limits.stall)?;
        Ok(Http {
            client,
            base,
            authorization,
            limits,
            limiter: Limiter::new(rate),
            clock,
            sent: AtomicU64::new(0),
            heard: AtomicBool::new(false),
            bodies: Bodies::default(),
        })
    }

    /// Requests sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// What the next request would wait for.
    pub(crate) fn waiting(&self) -> Option<Waiting> {
        self.limiter.waiting(self.clock.as_ref())
    }

    /// The one limiter of all workers.
    pub(crate) fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// The base URL.
    pub(crate) fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// Gets a path under the base URL and reads the answer, trying again after the rules.
    pub(crate) fn get<T, K>(
        &self,
        path_and_query: &str,
        tries: &Tries,
        cancel: &Cancel,
        read: &Read<'_, T, K>,
    ) -> Result<T, Failed<K>> {
        let mut attempts = 0;
        let error = |attempts, kind, message: &str| Failed {
            kind,
            message: self.scrub(message),
            attempts,
        };
        let Some(url) = self.base.join(path_and_query) else {
            return Err(error(
                attempts,
                Kind::Answer,
                "the next page's address leaves the provider's origin",
            ));
        };
        loop {
            let Some(sent) = self.limiter.acquire(self.clock.as_ref(), cancel) else {
                return Err(error(attempts, Kind::Cancelled, "stopped"));
            };
            self.sent.fetch_add(1, Ordering::Relaxed);
            attempts += 1;
            tries.sent(attempts, self.clock.now());
            let (message, retry_after, unheard) = match self.once(url.clone(), cancel, read) {
                Ok(value) => return Ok(value),
                Err(Once::Limited(retry_after)) => {
                    attempts -= 1;
                    tries.waits();
                    if let Err(too_long) =
                        self.limiter.refused(self.clock.as_ref(), sent, retry_after)
                    {
                        return Err(self.throttled(attempts, too_long));
                    }
                    continue;
                }
                Err(Once::Final(kind, message)) => return Err(error(attempts, kind, &message)),
                Err(Once::NoConnection(message, whole, why)) => (message, None, Some((whole, why))),
                Err(Once::Again(message, retry_after)) => (message, retry_after, None),
            };
            let message = self.scrub(&message);
            tracing::debug!(attempts, message, "a request failed");
            if attempts >= retry::ATTEMPTS || retry_after.is_some_and(|wait| wait > retry::PATIENCE)
            {
                return Err(match unheard {
                    Some((whole, why)) if !self.heard.load(Ordering::Relaxed) => {
                        error(attempts, Kind::Unreachable(why), &whole)
                    }
                    _ => error(attempts, Kind::Answer, &message),
                });
            }
            self.clock.sleep(
                retry::backoff(attempts, retry_after, fastrand::f64()),
                cancel,
            );
        }
    }

    fn throttled<K>(&self, attempts: u32, too_long: TooLong) -> Failed<K> {
        let resume_at =
            self.clock.now() + i64::try_from(too_long.wait.as_secs()).unwrap_or(i64::MAX / 2);
        let mut message = if too_long.is_asked {
            let until = time(resume_at);
            format!("the provider's limit (429): it asks to wait until {until}")
        } else {
            "the provider's limit (429) lasts longer than 15 minutes".to_owned()
        };
        if let Some(fitting) = too_long.fitting_per_minute {
            message += &format!("; a rate of {fitting}/min would fit");
        }
        Failed {
            kind: Kind::Throttled { resume_at },
            message,
            attempts,
        }
    }

    /// The key, for taking it out of what a server repeats.
    pub(crate) fn key(&self) -> Option<&Key> {
        self.authorization.key()
    }

    /// An error's text without the key, cut to a length.
    fn scrub(&self, message: &str) -> String {
        let message = match self.key() {
            Some(key) => key.taken_out_of(message),
            None => message.to_owned(),
        };
        message.chars().take(WORDS_LIMIT).collect()
    }
}

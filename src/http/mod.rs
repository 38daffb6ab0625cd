//! The one way out. A server's requests go to one origin, the key in a header, no redirects, bounded bodies and times, retries
//! after the schedule of [`retry`], and one [`Limiter`] for all workers. What a status or a body means is its reader's.
//!
//! No error text holds a URL or the key: URLs carry cursors, and errors end up in files and on terminals.

mod body;
mod client;
mod environment;
mod failure;
mod origin;
pub(crate) mod rate;
pub(crate) mod retry;
#[cfg(feature = "serve")]
mod tell;
mod tries;
mod unsent;

pub use body::Limits;
pub(crate) use failure::{Failed, Failure, Kind, words};
pub use failure::{NoClient, Unreachable};
pub use origin::{BadBaseUrl, BadKey, BaseUrl, Key};
#[cfg(feature = "serve")]
pub(crate) use tell::Teller;
pub(crate) use tries::CLOCKS_AGREE;
pub use tries::{Dated, Tries, Waiting};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use reqwest::blocking::{Client, Response};
use reqwest::header::{
    ACCEPT_ENCODING, AGE, AUTHORIZATION, CONTENT_ENCODING, DATE, HeaderMap, HeaderName,
    HeaderValue, RETRY_AFTER,
};
use url::Url;

use body::{Bodies, is_gzip};
use client::client;
use rate::{Limiter, Rate, TooLong};
use unsent::send_failure;

use crate::model::instant::time;
use crate::run::clock::{Cancel, Clock};

/// Longest text of an error: a server's own words may be in it.
const WORDS_LIMIT: usize = 400;

/// Makes a value of an answer.
pub(crate) type Read<'a, T, K> = dyn Fn(Heard<'_>) -> Result<T, Failure<K>> + 'a;

/// The same of the body alone.
type ReadBody<'a, T, K> = dyn Fn(Option<&[u8]>) -> Result<T, Failure<K>> + 'a;

/// What a server answered.
#[derive(Clone, Copy)]
pub(crate) struct Heard<'a> {
    /// Never 429, 408, 425, a redirect or a 5xx.
    pub(crate) status: u16,
    pub(crate) dated: Option<Dated>,
    /// The whole body; `None` for a refusal whose body did not come whole, which another try may bring.
    pub(crate) body: Option<&'a [u8]>,
}

/// How a request says who sends it.
pub(crate) enum Authorization {
    /// `Authorization: Bearer` and the key.
    Bearer(Key),
    /// A header of its own that holds the key.
    #[allow(dead_code)] // The providers that want it are still to come.
    Header(HeaderName, Key),
    /// Not at all.
    #[allow(dead_code)]
    Nobody,
}

impl Authorization {
    fn key(&self) -> Option<&Key> {
        match self {
            Authorization::Bearer(key) | Authorization::Header(_, key) => Some(key),
            Authorization::Nobody => None,
        }
    }

    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let (name, value) = match self {
            Authorization::Bearer(key) => (AUTHORIZATION, format!("Bearer {}", key.text())),
            Authorization::Header(name, key) => (name.clone(), key.text().to_owned()),
            Authorization::Nobody => return None,
        };
        // A key is visible ASCII, as a header's value is.
        let mut value = HeaderValue::from_str(&value).expect("a key fits a header");
        value.set_sensitive(true);
        Some((name, value))
    }
}

/// What came of one request.
enum Once<K> {
    Limited(Option<Duration>),
    /// In short, and whole with what keeps it away for where nothing was ever heard.
    NoConnection(String, String, Unreachable),
    Again(String, Option<Duration>),
    Final(Kind<K>, String),
}

impl<K> From<Failure<K>> for Once<K> {
    fn from(failure: Failure<K>) -> Once<K> {
        match failure {
            Failure::Again(message) => Once::Again(message, None),
            Failure::Final(kind, message) => Once::Final(kind, message),
        }
    }
}

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
    /// The machine's TLS roots could not be read.
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

    fn once<T, K>(&self, url: Url, cancel: &Cancel, read: &Read<'_, T, K>) -> Result<T, Once<K>> {
        let began = Instant::now();
        let mut request = self.client.get(url).header(ACCEPT_ENCODING, "gzip");
        if let Some((name, value)) = self.authorization.header() {
            request = request.header(name, value);
        }
        let response = request
            .send()
            .map_err(|error| send_failure(&error.without_url(), &self.base))?;
        self.heard.store(true, Ordering::Relaxed);
        let status = response.status().as_u16();
        let dated = dated(response.headers(), self.clock.now());
        // A date to wait for is one of the server's clock.
        let now_ms = dated.map_or_else(|| self.clock.now_ms(), |dated| dated.now() * 1000);
        let retry_after = retry_after(response.headers(), now_ms);
        let took_ms = began.elapsed().as_millis();
        tracing::debug!(status, took_ms, "a request was answered");
        if status == 429 {
            tracing::debug!(?retry_after, "the provider's limit: HTTP 429");
            return Err(Once::Limited(retry_after));
        }
        self.limiter.answered(self.clock.as_ref());
        match status {
            300..400 => Err(Once::Final(
                Kind::Answer,
                format!("HTTP {status}: a redirect, and none is followed"),
            )),
            408 | 425 | 500..600 => Err(Once::Again(format!("HTTP {status}"), retry_after)),
            _ => self.answer(response, began, cancel, &|body| {
                let heard = Heard {
                    status,
                    dated,
                    body,
                };
                read(heard)
            }),
        }
    }

    fn answer<T, K>(
        &self,
        response: Response,
        began: Instant,
        cancel: &Cancel,
        read: &ReadBody<'_, T, K>,
    ) -> Result<T, Once<K>> {
        let status = response.status().as_u16();
        let encoding = response.headers().get(CONTENT_ENCODING);
        let length = response.content_length();
        let answer = is_gzip(encoding.map(HeaderValue::as_bytes))
            .and_then(|is_gzip| {
                self.bodies
                    .receive(response, length, is_gzip, began, self.limits, cancel)
            })
            .and_then(|body| self.bodies.open(&body, |body| read(Some(body))));
        match answer {
            Ok(answer) => Ok(answer?),
            Err(failure) if (200..300).contains(&status) || cancel.is_cancelled() => {
                Err(failure.into())
            }
            // A refusal is one, whatever is wrong with its words, unless they are what tells it apart.
            Err(Failure::Again(why)) => match read(None) {
                Err(Failure::Again(_)) => Err(Once::Again(why, None)),
                refused => Ok(refused?),
            },
            Err(Failure::Final(..)) => Ok(read(Some(b""))?),
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

fn retry_after(headers: &HeaderMap, now_ms: i64) -> Option<Duration> {
    let now: SystemTime = UNIX_EPOCH + Duration::from_millis(u64::try_from(now_ms).unwrap_or(0));
    retry::retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?, now)
}

fn dated(headers: &HeaderMap, here: i64) -> Option<Dated> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    let age = headers.get(AGE).and_then(|age| age.to_str().ok());
    let age: u32 = age.and_then(|age| age.trim().parse().ok()).unwrap_or(0);
    let date = date.duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(Dated::new(i64::try_from(date).ok()?, age.into(), here))
}

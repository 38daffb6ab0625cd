//! The only folder that sends. A provider's requests go to one origin, the key in a header, no redirects, bounded bodies and
//! times, retries after the schedule of [`super::retry`], and one [`Limiter`] for all workers.
//!
//! No error text holds a URL or the key: URLs carry cursors, and errors end up in files and on terminals.

mod client;
mod environment;
#[cfg(feature = "serve")]
mod tell;

#[cfg(feature = "serve")]
pub(crate) use tell::Teller;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use reqwest::blocking::{Client, Response};
use reqwest::header::{
    ACCEPT_ENCODING, AGE, AUTHORIZATION, CONTENT_ENCODING, DATE, HeaderMap, HeaderValue,
    RETRY_AFTER,
};
use url::Url;

use super::body::{Bodies, Limits, is_gzip};
use super::failure::{Failure, innermost};
use super::origin::{BaseUrl, Key};
use super::rate::{Limiter, Rate, TooLong};
use super::{Dated, ErrorKind, ProviderError, Tries, Unreachable, Waiting, retry};
use crate::run::clock::{Cancel, Clock};
use client::client;
use environment::{Proxy, Said};

/// Longest text of an error: a server's own words may be in it.
const WORDS_LIMIT: usize = 400;

/// Makes a value of a status and a body.
pub(crate) type Read<'a, T> = dyn Fn(Heard<'_>) -> Result<T, Failure> + 'a;

/// What a server answered.
#[derive(Clone, Copy)]
pub(crate) struct Heard<'a> {
    /// Never 429, 408, 425, a redirect or a 5xx.
    pub(crate) status: u16,
    pub(crate) dated: Option<Dated>,
    /// The whole body.
    pub(crate) body: &'a [u8],
}

/// What came of one request.
enum Once {
    Limited(Option<Duration>),
    /// In short, and whole with what keeps it away for where nothing was ever heard.
    NoConnection(String, String, Unreachable),
    Again(String, Option<Duration>),
    Final(ErrorKind, String),
}

impl From<Failure> for Once {
    fn from(failure: Failure) -> Once {
        match failure {
            Failure::Again(message) => Once::Again(message, None),
            Failure::Final(kind, message) => Once::Final(kind, message),
        }
    }
}

/// A client for one provider.
pub(crate) struct Http {
    client: Client,
    base: BaseUrl,
    key: Key,
    header: HeaderValue,
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
        key: Key,
        rate: Option<Rate>,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Result<Http, ProviderError> {
        let client = client(&base, limits.connect, limits.stall)?;
        // A key is visible ASCII, as a header's value is.
        let mut header =
            HeaderValue::from_str(&format!("Bearer {}", key.text())).expect("a key fits a header");
        header.set_sensitive(true);
        Ok(Http {
            client,
            base,
            key,
            header,
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
    pub(crate) fn get<T>(
        &self,
        path_and_query: &str,
        tries: &Tries,
        cancel: &Cancel,
        read: &Read<'_, T>,
    ) -> Result<T, ProviderError> {
        let mut attempts = 0;
        let error = |attempts, kind, message: &str| ProviderError {
            kind,
            message: self.scrub(message),
            attempts,
        };
        let Some(url) = self.base.join(path_and_query) else {
            return Err(error(
                attempts,
                ErrorKind::Slice,
                "the next page's address leaves the provider's origin",
            ));
        };
        loop {
            let Some(sent) = self.limiter.acquire(self.clock.as_ref(), cancel) else {
                return Err(error(attempts, ErrorKind::Cancelled, "stopped"));
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
                        error(attempts, ErrorKind::Unreachable(why), &whole)
                    }
                    _ => error(attempts, ErrorKind::Slice, &message),
                });
            }
            self.clock.sleep(
                retry::backoff(attempts, retry_after, fastrand::f64()),
                cancel,
            );
        }
    }

    fn once<T>(&self, url: Url, cancel: &Cancel, read: &Read<'_, T>) -> Result<T, Once> {
        let began = Instant::now();
        let response = self
            .client
            .get(url)
            .header(AUTHORIZATION, self.header.clone())
            .header(ACCEPT_ENCODING, "gzip")
            .send()
            .map_err(|error| send_failure(&error.without_url(), &self.base))?;
        self.heard.store(true, Ordering::Relaxed);
        let status = response.status().as_u16();
        let dated = dated(response.headers());
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
                ErrorKind::Slice,
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

    fn answer<T>(
        &self,
        response: Response,
        began: Instant,
        cancel: &Cancel,
        read: &dyn Fn(&[u8]) -> Result<T, Failure>,
    ) -> Result<T, Once> {
        let status = response.status().as_u16();
        let encoding = response.headers().get(CONTENT_ENCODING);
        let length = response.content_length();
        let answer = is_gzip(encoding.map(HeaderValue::as_bytes))
            .and_then(|is_gzip| {
                self.bodies
                    .receive(response, length, is_gzip, began, self.limits, cancel)
            })
            .and_then(|body| self.bodies.open(&body, read));
        match answer {
            Ok(answer) => Ok(answer?),
            // The three kinds of 403 are told apart by their words: another try may bring them.
            Err(failure @ Failure::Again(_)) if status == 403 => Err(failure.into()),
            // Any other refusal is one, whatever is wrong with its words.
            Err(_) if !(200..300).contains(&status) && !cancel.is_cancelled() => Ok(read(b"")?),
            Err(failure) => Err(failure.into()),
        }
    }

    fn throttled(&self, attempts: u32, too_long: TooLong) -> ProviderError {
        let resume_at =
            self.clock.now() + i64::try_from(too_long.wait.as_secs()).unwrap_or(i64::MAX / 2);
        // Without anything to go by, what the smallest plan of the field grants.
        let fitting = match too_long.fitting_per_minute {
            0 => 5,
            fitting => fitting,
        };
        ProviderError {
            kind: ErrorKind::Throttled { resume_at },
            message: format!(
                "the provider's limit (429) lasts longer than 15 minutes; --rate {fitting}/min would fit"
            ),
            attempts,
        }
    }

    /// The key, for taking it out of what a server repeats.
    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// An error's text without the key, cut to a length.
    fn scrub(&self, message: &str) -> String {
        let message = self.key.taken_out_of(message);
        message.chars().take(WORDS_LIMIT).collect()
    }
}

fn send_failure(error: &reqwest::Error, base: &BaseUrl) -> Once {
    let cause = innermost(error);
    if error.is_builder() {
        Once::Final(
            ErrorKind::Slice,
            format!("the request could not be made: {cause}"),
        )
    } else if error.is_connect() {
        // One that does not come about in time is both.
        no_connection(&cause, is_of_tunnel(error), base)
    } else if error.is_timeout() {
        Once::Again("no answer in time".to_owned(), None)
    } else {
        Once::Again(format!("the connection broke: {cause}"), None)
    }
}

/// Whether a proxy was reached, and what went wrong is the way through it.
fn is_of_tunnel(error: &dyn std::error::Error) -> bool {
    let chain = std::iter::successors(Some(error), |error| error.source());
    let mut texts = chain.map(ToString::to_string);
    texts.any(|text| text.starts_with("tunnel error") && !text.contains("underlying connection"))
}

fn no_connection(cause: &str, is_of_tunnel: bool, base: &BaseUrl) -> Once {
    let address = base.address();
    let unreachable = |why, message| Once::Final(ErrorKind::Unreachable(why), message);
    if cause.to_lowercase().contains("certificate") {
        let message = format!("the provider's TLS certificate is not accepted: {cause}");
        return unreachable(Unreachable::Certificate, message);
    }
    let proxy = environment::proxy(base);
    if cause.contains("InvalidContentType") {
        // Whichever was expected to speak it first.
        let proxy = proxy.filter(Proxy::is_behind_tls);
        let why = proxy
            .as_ref()
            .map_or(Unreachable::Plain, |_| Unreachable::Proxy);
        let at = proxy.map_or_else(|| address.to_owned(), |proxy| proxy.to_string());
        let message = format!("{at} answers without TLS, as a port for plain HTTP does");
        return unreachable(why, message);
    }
    match proxy {
        Some(proxy) if is_of_tunnel => refused_by(&proxy, cause, base),
        proxy => {
            let message = format!("no connection: {cause}");
            let why = proxy
                .as_ref()
                .map_or(Unreachable::Network, |_| Unreachable::Proxy);
            let at = proxy.map_or_else(|| address.to_owned(), |proxy| proxy.to_string());
            let whole = format!("nothing answers at {at}: {message}");
            Once::NoConnection(message, whole, why)
        }
    }
}

/// A proxy was reached, and gives no way to the provider.
fn refused_by(proxy: &Proxy, cause: &str, base: &BaseUrl) -> Once {
    let said = if cause.contains("authorization required") {
        Said::Status(407)
    } else {
        proxy.ask(base)
    };
    let final_at = |why, message| Once::Final(ErrorKind::Unreachable(why), message);
    let unreachable = |message| final_at(Unreachable::Proxy, message);
    match said {
        Said::Status(407) => final_at(
            Unreachable::ProxyUser,
            format!("{proxy} wants a user and a password, or others: HTTP 407"),
        ),
        Said::Status(status @ 400..500) => {
            unreachable(format!("{proxy} refuses the way out: HTTP {status}"))
        }
        Said::NoHttp => unreachable(format!("{proxy} does not speak HTTP")),
        Said::Status(status) => {
            let message = format!("{proxy} finds no way to the provider: HTTP {status}");
            Once::NoConnection(message.clone(), message, Unreachable::Proxy)
        }
        Said::Nothing => {
            let cause = cause.trim_start_matches("tunnel error: ");
            let message = format!("{proxy} gives no way to the provider: {cause}");
            Once::NoConnection(message.clone(), message, Unreachable::Proxy)
        }
    }
}

fn retry_after(headers: &HeaderMap, now_ms: i64) -> Option<Duration> {
    let now: SystemTime = UNIX_EPOCH + Duration::from_millis(u64::try_from(now_ms).unwrap_or(0));
    retry::retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?, now)
}

fn dated(headers: &HeaderMap) -> Option<Dated> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    let age = headers.get(AGE).and_then(|age| age.to_str().ok());
    let age: u32 = age.and_then(|age| age.trim().parse().ok()).unwrap_or(0);
    let date = date.duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(Dated {
        at: i64::try_from(date).ok()?,
        age: i64::from(age),
    })
}

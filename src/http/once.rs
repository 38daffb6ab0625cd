//! One request: it is sent, and what comes is received and read.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, UNIX_EPOCH};

use reqwest::blocking::Response;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue};
use url::Url;

use super::body::is_gzip;
use super::head::{dated, retry_after};
use super::unsent::send_failure;
use super::{Dated, Failure, Http, Kind, Unreachable};
use crate::run::clock::Cancel;

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

/// What came of one request.
pub(super) enum Once<K> {
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

impl Http {
    /// Sends a request once.
    pub(super) fn once<T, K>(
        &self,
        url: Url,
        cancel: &Cancel,
        read: &Read<'_, T, K>,
    ) -> Result<T, Once<K>> {
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
        let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(now_ms).unwrap_or(0));
        let retry_after = retry_after(response.headers(), now);
        let took_ms = began.elapsed().as_millis();
        tracing::debug!(status, took_ms, "a request was answered");
        if status == 429 {
            let retry_after_s = retry_after.map(|wait| wait.as_secs());
            tracing::debug!(retry_after_s, "the provider's limit: HTTP 429");
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
}

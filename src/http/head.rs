//! What stands in headers: who asks, when an answer was given, and how long it asks to be waited for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::{AGE, AUTHORIZATION, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};

use super::{Dated, Key, retry};

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
    pub(super) fn key(&self) -> Option<&Key> {
        match self {
            Authorization::Bearer(key) | Authorization::Header(_, key) => Some(key),
            Authorization::Nobody => None,
        }
    }

    pub(super) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
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

/// How long a server asks to be waited for, at this instant.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    retry::retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?, now)
}

/// When an answer was given, while this machine's clock shows `here`.
pub(super) fn dated(headers: &HeaderMap, here: i64) -> Option<Dated> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    let age = headers.get(AGE).and_then(|age| age.to_str().ok());
    let age: u32 = age.and_then(|age| age.trim().parse().ok()).unwrap_or(0);
    let date = date.duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(Dated::new(i64::try_from(date).ok()?, age.into(), here))
}

//! Telling another server something. The provider's key has no part in it.

use std::time::{Duration, SystemTime};

use reqwest::blocking::Client;
use url::Url;

use super::client::client;
use super::failure::{NoClient, innermost};
use super::head::retry_after;
use super::origin::BaseUrl;

/// Posts to one URL.
pub(crate) struct Teller {
    client: Client,
    url: Url,
}

impl Teller {
    /// A client that sends nothing yet.
    ///
    /// # Errors
    /// The machine's TLS roots could not be read.
    pub(crate) fn new(base: &BaseUrl) -> Result<Teller, NoClient> {
        const CONNECT: Duration = Duration::from_secs(5);
        const ANSWER: Duration = Duration::from_secs(10);
        Ok(Teller {
            client: client(base, CONNECT, ANSWER)?,
            url: base.url(),
        })
    }

    /// Posts JSON with these headers, once. Returns the status, with what it asks to be waited for; its body is not read.
    pub(crate) fn post(
        &self,
        headers: &[(&'static str, String)],
        body: &str,
    ) -> Result<(u16, Option<Duration>), String> {
        let request = self.client.post(self.url.clone());
        let request = request.header("content-type", "application/json");
        let with = |request: reqwest::blocking::RequestBuilder, (name, value): &(&str, String)| {
            request.header(*name, value)
        };
        let request = headers.iter().fold(request, with);
        let response = request.body(body.to_owned()).send();
        let response = response.map_err(|error| innermost(&error.without_url()))?;
        let wait = retry_after(response.headers(), SystemTime::now());
        Ok((response.status().as_u16(), wait))
    }
}

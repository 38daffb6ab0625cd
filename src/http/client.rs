//! The client behind whatever is sent: how it connects, and what it never does.

use std::time::Duration;

use reqwest::blocking::Client;

use super::environment::{self, Proxy};
use super::failure::{NoClient, Unreachable, innermost};
use super::origin::BaseUrl;
use super::roots;

/// A client for one origin: https unless it is this machine, no redirects, no referer, no header of ours.
pub(super) fn client(
    base: &BaseUrl,
    connect: Duration,
    stall: Duration,
) -> Result<Client, NoClient> {
    let loopback = base.is_loopback();
    // An error says that a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .https_only(!loopback)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(connect)
        // Blocking reqwest applies this to the headers as a whole, and to each read of the body.
        .timeout(stall)
        .user_agent(concat!("candlefile/", env!("CARGO_PKG_VERSION")));
    if loopback {
        // A proxy for plain http would see the key.
        builder = builder.no_proxy();
    }
    if base.is_plain() {
        // Nothing to verify: the machine's roots need not be read, or even be there.
        builder = builder.tls_certs_only([]);
    } else if let Some(wrong) = roots::wrong() {
        let message = format!("TLS roots cannot be used: {wrong}");
        return Err(unreachable(Unreachable::Roots, message));
    }
    let proxy = environment::proxy(base)
        .map_err(|bad| unreachable(Unreachable::BadProxy, bad.to_string()))?;
    if let Some(proxy) = proxy.filter(Proxy::is_socks) {
        let message = format!("{proxy} speaks SOCKS, and only HTTP proxies can be used");
        return Err(unreachable(Unreachable::Proxy, message));
    }
    builder.build().map_err(|error| {
        let why = if base.is_plain() {
            Unreachable::Network
        } else {
            Unreachable::Certificate
        };
        let cause = innermost(&error.without_url());
        unreachable(why, format!("the HTTP client could not be set up: {cause}"))
    })
}

fn unreachable(why: Unreachable, message: String) -> NoClient {
    NoClient { why, message }
}

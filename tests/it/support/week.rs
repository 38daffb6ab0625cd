//! Jobs of one week over HTTP: small, long past, and of one request a series.

use super::checker::check;
use super::harness::Home;
use super::oracle::span;
use super::server::Server;

pub(crate) const WEEK: [&str; 2] = ["2024-01-02", "2024-01-05"];

pub(crate) fn of_week(symbols: &str) -> String {
    format!(
        "symbols={symbols}&start_date={}&end_date={}",
        WEEK[0], WEEK[1]
    )
}

pub(crate) fn check_week(home: &Home, symbol: &str) {
    check(
        &home.db(),
        symbol,
        "1d",
        span(symbol, "1d", WEEK[0], WEEK[1]),
    );
}

/// The symbols the provider was asked for, in order.
pub(crate) fn asked(provider: &Server) -> Vec<String> {
    let requests = provider.requests();
    requests.iter().map(|r| r.ask().symbol).collect()
}

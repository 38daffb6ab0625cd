//! Polygon.io, now Massive.com: asks for custom bars, through `http` alone; their answers are read in `answer`.
//!
//! `GET /v2/aggs/ticker/{ticker}/range/{multiplier}/{timespan}/{from}/{to}`, dates inclusive at both ends. Facts about
//! the API are from the vendor's OpenAPI description and from recorded bodies, said where they matter.

mod answer;
mod flat;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod rows;

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{NaiveDate, Weekday};
use url::{Url, form_urlencoded};

use answer::wrong;

use super::{
    Ask, AssetClass, BaseUrl, Cursor, ErrorKind, Key, Limits, Page, Provider, ProviderError, Setup,
    Spec, Waiting, prefixes, spelling,
};
use crate::http::rate::{Pace, Rate};
use crate::http::{Authorization, Failure, Heard, Http};
use crate::model::instant::time;
use crate::model::listing::{Adjustment, Listing};
use crate::model::market::date_of;
use crate::model::symbol::{Meant, Symbol};
use crate::model::timeframe::Timeframe;
use crate::run::clock::{Cancel, Clock};

/// Where requests go unless told otherwise.
const BASE_URL: &str = "https://api.massive.com";
/// "Stay under 100 requests a second" is the vendor's word for paid plans; free plans have 5 a minute.
const DEFAULT_RATE: &str = "100/s";

/// The name that files record.
pub(crate) const NAME: &str = "polygon";
/// "Week bars start Sunday 00:00 ET": the vendor's migration guide.
const WEEK_START: Weekday = Weekday::Sun;

/// The largest `limit`; it counts base bars (minutes for minutes and hours, days for longer).
const LIMIT: u32 = 50_000;
/// A real `next_url` has some 150 characters.
const NEXT_LIMIT: usize = 8192;
const DAY: i64 = 86_400;

/// The vendor's history begins on 2003-09-10 for stocks, in 2009 for currencies, in 2010 for crypto, and later for indices.
fn first_date(symbol: &Symbol) -> NaiveDate {
    let year = match prefixes::asset_class(symbol) {
        AssetClass::Stock | AssetClass::Index => 2003,
        AssetClass::Forex => 2009,
        AssetClass::Crypto => 2010,
    };
    NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or_default()
}

/// What there is to know of it before it is made.
pub(crate) fn spec() -> Spec {
    use AssetClass::{Crypto, Forex, Index, Stock};
    Spec {
        name: NAME.into(),
        aliases: vec!["massive".into()],
        about: "Polygon.io, now Massive.com".into(),
        keys: vec!["MASSIVE_API_KEY".into(), "POLYGON_API_KEY".into()],
        base_url: Some(BASE_URL.into()),
        asset_classes: vec![Stock, Crypto, Forex, Index],
        covers: "stocks, X: crypto, C: forex, I: indices".into(),
        default_rate: DEFAULT_RATE.parse().ok(),
        limits: "free plan: 5/min, two years, end of day".into(),
        files: Some(flat::day_files()),
        make: Arc::new(|setup| {
            let Setup {
                base_url,
                key,
                rate,
                clock,
            } = setup;
            Ok(Arc::new(match (base_url, key) {
                (Some(base), Some(key)) => Polygon::new(base, key, rate, clock)?,
                _ => Polygon::without_key(),
            }))
        }),
    }
}

/// The provider.
pub struct Polygon {
    /// Only with a key: whatever needs none is the same without.
    http: Option<Http>,
}

impl Polygon {
    /// The provider for whoever has no key, which a plan needs none of: it refuses to fetch.
    pub fn without_key() -> Polygon {
        Polygon { http: None }
    }

    /// A provider that sends nothing yet, with the usual [`Limits`].
    ///
    /// # Errors
    /// The HTTP client could not be set up.
    pub fn new(
        base: BaseUrl,
        key: Key,
        rate: Option<Rate>,
        clock: Arc<dyn Clock>,
    ) -> Result<Polygon, ProviderError> {
        Polygon::with_limits(base, key, rate, Limits::default(), clock)
    }

    /// The same with limits of your own.
    ///
    /// # Errors
    /// The HTTP client could not be set up.
    pub fn with_limits(
        base: BaseUrl,
        key: Key,
        rate: Option<Rate>,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Result<Polygon, ProviderError> {
        let authorization = Authorization::Bearer(key);
        let http = Http::new(base, authorization, rate, limits, clock)?;
        Ok(Polygon { http: Some(http) })
    }
}

impl Provider for Polygon {
    fn name(&self) -> &str {
        NAME
    }

    fn week_start(&self) -> Weekday {
        WEEK_START
    }

    fn listing(&self, symbol: &Symbol) -> Listing {
        prefixes::listing(symbol)
    }

    fn asset_class(&self, symbol: &Symbol) -> AssetClass {
        prefixes::asset_class(symbol)
    }

    fn first_date(&self, symbol: &Symbol) -> NaiveDate {
        first_date(symbol)
    }

    fn likely(&self, typed: &str) -> Meant {
        spelling::likely(typed)
    }

    fn fetch(
        &self,
        ask: &Ask,
        cursor: Option<&Cursor>,
        cancel: &Cancel,
    ) -> Result<Page, ProviderError> {
        let asked = tracing::debug_span!(
            "ask",
            symbol = ask.symbol.as_str(),
            timeframe = %ask.market.timeframe(),
            start = time(ask.span.start()),
            end = time(ask.span.end()),
            page = if cursor.is_some() { "a later one" } else { "first" },
        );
        let _asked = asked.enter();
        let Some(http) = &self.http else {
            return Err(ProviderError {
                kind: ErrorKind::Unauthorized,
                message: "there is no key".to_owned(),
                attempts: 0,
            });
        };
        if ask.adjusted == Adjustment::Total {
            return Err(ProviderError {
                kind: ErrorKind::Refused { by_plan: false },
                message: "it has no prices that are adjusted for dividends".to_owned(),
                attempts: 0,
            });
        }
        let path = cursor.map_or_else(
            || Cow::Owned(first_request(ask)),
            |cursor| Cow::Borrowed(cursor.as_str()),
        );
        let prefix = http.base().prefix();
        let read = |heard: Heard<'_>| answer::read(heard, ask, prefix);
        Ok(http.get(&path, &ask.tries, cancel, &read)?)
    }

    fn key(&self) -> Option<&Key> {
        self.http.as_ref()?.key()
    }

    fn requests(&self) -> u64 {
        self.http.as_ref().map_or(0, Http::sent)
    }

    fn join(&self, pace: Pace) -> u64 {
        let http = self.http.as_ref();
        http.map_or(0, |http| http.limiter().join(pace))
    }

    fn leave(&self, job: u64) {
        if let Some(http) = &self.http {
            http.limiter().leave(job);
        }
    }

    fn waiting(&self) -> Option<Waiting> {
        self.http.as_ref()?.waiting()
    }
}

/// Multiplier and timespan as the API spells them.
fn step(timeframe: Timeframe) -> (u32, &'static str) {
    match timeframe {
        Timeframe::Minutes(n) => (n, "minute"),
        Timeframe::Hours(n) => (n, "hour"),
        Timeframe::Day => (1, "day"),
        Timeframe::Week => (1, "week"),
        Timeframe::Month => (1, "month"),
    }
}

/// Path segments of the series, without from and to: every page of a chain stays under them.
fn endpoint(ask: &Ask) -> [String; 7] {
    let (multiplier, timespan) = step(ask.market.timeframe());
    [
        "v2",
        "aggs",
        "ticker",
        ask.symbol.as_str(),
        "range",
        &multiplier.to_string(),
        timespan,
    ]
    .map(str::to_owned)
}

/// The first request of a chain. Labels are sent as dates, instants as milliseconds; both ends are inclusive.
fn first_request(ask: &Ask) -> String {
    let (start, end) = (ask.span.start(), ask.span.end());
    let (from, to) = if ask.market.timeframe().is_label() {
        (date_of(start).to_string(), date_of(end - DAY).to_string())
    } else {
        ((start * 1000).to_string(), (end * 1000 - 1).to_string())
    };
    let mut url = Url::parse("https://origin.invalid").expect("a constant");
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.extend(endpoint(ask)).extend([from, to]);
    }
    format!(
        "{}?adjusted={}&sort=asc&limit={LIMIT}",
        url.path(),
        ask.adjusted.is_adjusted()
    )
}

/// The next page's path and query: `next_url` names a host of its own and carries no key, so that only these are kept,
/// and the path must stay under the endpoint that was asked.
fn next_page(next_url: &str, ask: &Ask, prefix: &str) -> Result<Cursor, Failure<ErrorKind>> {
    let odd = || wrong("the next page's address leaves the endpoint that was asked".to_owned());
    if next_url.len() > NEXT_LIMIT {
        return Err(wrong(format!(
            "the next page's address is longer than {NEXT_LIMIT} characters"
        )));
    }
    let origin = Url::parse("https://origin.invalid").expect("a constant");
    // Of a scheme that has no origins the path is another one once it is sent: its backslashes become slashes.
    let url = origin
        .join(next_url)
        .ok()
        .filter(Url::is_special)
        .ok_or_else(odd)?;
    let endpoint = endpoint(ask);
    // It may be without the base's own path, which may begin as the endpoint does.
    let path = [url.path().strip_prefix(prefix), Some(url.path())]
        .into_iter()
        .flatten()
        .find(|path| is_under(path, &endpoint))
        .ok_or_else(odd)?;
    let is_key = |pair: &str| {
        let mut names = form_urlencoded::parse(pair.as_bytes());
        names.any(|(name, _)| name.eq_ignore_ascii_case("apikey"))
    };
    let query: Vec<&str> = url
        .query()
        .unwrap_or("")
        .split('&')
        .filter(|pair| !pair.is_empty() && !is_key(pair))
        .collect();
    Ok(Cursor::new(format!("{path}?{}", query.join("&"))))
}

/// Whether a path stays under an endpoint, also for a server that takes an escaped slash for one.
fn is_under(path: &str, endpoint: &[String]) -> bool {
    let mut segments = path
        .split('/')
        .map(|segment| percent_encoding::percent_decode_str(segment).decode_utf8_lossy());
    let climbs = |segment: Cow<'_, str>| {
        segment
            .split(['/', '\\'])
            .any(|part| part == "." || part == "..")
    };
    segments.next().is_some_and(|root| root.is_empty())
        && endpoint
            .iter()
            .all(|part| segments.next().is_some_and(|segment| segment == *part))
        && !segments.any(climbs)
}

#[cfg(test)]
pub(super) mod tests {
    pub(super) use super::fuzzing::ask;
    use super::*;

    /// Two days of AAPL around 2024-01-02.
    pub(super) fn days() -> Ask {
        ask("AAPL", "1d", 1_704_153_600, 1_704_326_400)
    }

    #[test]
    fn labels_are_asked_as_dates_and_instants_as_milliseconds_both_ends_inclusive() {
        assert_eq!(
            first_request(&days()),
            "/v2/aggs/ticker/AAPL/range/1/day/2024-01-02/2024-01-03?adjusted=false&sort=asc&limit=50000"
        );
        let minutes = ask("X:BTCUSD", "5m", 1_704_153_600, 1_704_153_900);
        assert_eq!(
            first_request(&minutes),
            "/v2/aggs/ticker/X:BTCUSD/range/5/minute/1704153600000/1704153899999?adjusted=false&sort=asc&limit=50000"
        );
        assert!(
            first_request(&ask("BTC/USD", "1d", 0, DAY))
                .starts_with("/v2/aggs/ticker/BTC%2FUSD/range/1/day/")
        );
    }

    #[test]
    fn the_next_page_stays_on_the_origin_and_under_the_endpoint() {
        let next = |url: &str| {
            next_page(url, &days(), "/proxy")
                .ok()
                .map(|cursor| cursor.as_str().to_owned())
        };
        let endpoint = "/v2/aggs/ticker/AAPL/range/1/day/1704171600000/2024-01-03";
        let expected = Some(format!("{endpoint}?cursor=abc"));
        for url in [
            format!("https://api.polygon.io{endpoint}?cursor=abc"),
            format!("http://user:secret@evil.example:81{endpoint}?apiKey=K&cursor=abc#x"),
            format!("{endpoint}?cursor=abc"),
            format!("https://api.polygon.io/proxy{endpoint}?cursor=abc"),
            format!("{endpoint}?%61pi%4Bey=K&cursor=abc"),
        ] {
            assert_eq!(next(&url), expected, "{url}");
        }
        for url in [
            "https://api.polygon.io/v2/aggs/ticker/MSFT/range/1/day/1/2?cursor=a",
            "https://api.polygon.io/v2/aggs/ticker/AAPL/range/1/minute/1/2?cursor=a",
            "https://api.polygon.io/v3/reference/tickers?cursor=a",
            "https://api.polygon.io/v2/aggs/ticker/AAPL/range/1/day/../../../../../../v1/secret?cursor=a",
            "https://api.polygon.io/v2/aggs/ticker/AAPL/range/1/day/%2e%2e/%2E%2E?cursor=a",
            "https://api.polygon.io/v2/aggs/ticker/AAPL/range/1/day/1%2F..%2F../2?cursor=a",
            "https://api.polygon.io/v2/aggs/ticker/AAPL/range/1/day/1%5C..%5C../2?cursor=a",
            "odd://x/v2/aggs/ticker/AAPL/range/1/day/1\\2?cursor=a",
            "https://api.polygon.io//v2/aggs/ticker/AAPL/range/1/day/1/2?cursor=a",
            "https://api.polygon.io/v2/aggs/ticker/AAPL/range/1/dayx/1/2",
            "https://[::1",
        ] {
            assert_eq!(next(url), None, "{url}");
        }
        assert_eq!(
            next(&format!("{endpoint}?cursor={}", "a".repeat(NEXT_LIMIT))),
            None
        );
        // A base whose path begins as the endpoint does.
        for url in [
            format!("{endpoint}?cursor=abc"),
            format!("/v2{endpoint}?cursor=abc"),
        ] {
            let cursor = next_page(&url, &days(), "/v2").ok();
            assert_eq!(
                cursor.map(|cursor| cursor.as_str().to_owned()),
                expected,
                "{url}"
            );
        }
    }
}

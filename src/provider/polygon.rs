//! Polygon.io, now Massive.com: builds requests for custom bars and reads their answers; never sends.
//!
//! `GET /v2/aggs/ticker/{ticker}/range/{multiplier}/{timespan}/{from}/{to}`, dates inclusive at both ends. Facts about
//! the API are from the vendor's OpenAPI description and from recorded bodies, said where they matter.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use chrono::Weekday;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use url::Url;

use super::http::{BaseUrl, Failure, Http, Key, words};
use super::rate::Rate;
use super::{Ask, Cursor, ErrorKind, Page, Place, Provider, ProviderError, Waiting, place};
use crate::candle::{Candle, Rejected, Unstorable};
use crate::clock::{Cancel, Clock};
use crate::market::date_of;
use crate::symbol::AssetClass;
use crate::timeframe::Timeframe;

/// Where requests go unless told otherwise.
pub const BASE_URL: &str = "https://api.massive.com";
/// "Stay under 100 requests a second" is the vendor's word for paid plans; free plans have 5 a minute.
pub const DEFAULT_RATE: &str = "100/s";

/// The largest `limit`; it counts base bars (minutes for minutes and hours, days for longer).
const LIMIT: u32 = 50_000;
/// A row is kept as evidence up to this length.
const RAW_LIMIT: usize = 4096;
/// A real `next_url` has some 150 characters.
const NEXT_LIMIT: usize = 8192;
const DAY: i64 = 86_400;

/// The provider.
pub struct Polygon {
    http: Http,
}

impl Polygon {
    /// A provider that sends nothing yet.
    ///
    /// # Errors
    /// The HTTP client could not be set up.
    pub fn new(
        base: BaseUrl,
        key: Key,
        rate: Option<Rate>,
        clock: Arc<dyn Clock>,
    ) -> Result<Polygon, ProviderError> {
        Ok(Polygon {
            http: Http::new(base, key, rate, clock)?,
        })
    }
}

impl Provider for Polygon {
    fn name(&self) -> &'static str {
        "polygon"
    }

    /// "Week bars start Sunday 00:00 ET": the vendor's migration guide.
    fn week_start(&self) -> Weekday {
        Weekday::Sun
    }

    fn fetch(
        &self,
        ask: &Ask,
        cursor: Option<&Cursor>,
        cancel: &Cancel,
    ) -> Result<Page, ProviderError> {
        let path = cursor.map_or_else(
            || Cow::Owned(first_request(ask)),
            |cursor| Cow::Borrowed(cursor.0.as_str()),
        );
        self.http.get(&path, cancel, &|status, body| {
            read(status, body, ask, self.http.base().prefix())
        })
    }

    fn requests(&self) -> u64 {
        self.http.sent()
    }

    fn waiting(&self) -> Option<Waiting> {
        self.http.waiting()
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
        ask.adjusted
    )
}

/// The fields of an answer that are read. Index bodies carry neither `adjusted` nor counts.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow)]
    ticker: Option<Cow<'a, str>>,
    adjusted: Option<bool>,
    #[serde(rename = "resultsCount")]
    results_count: Option<f64>,
    count: Option<f64>,
    results: Option<Vec<Row>>,
    #[serde(borrow)]
    next_url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
}

/// One row. Prices may be JSON integers, volume comes in scientific notation, `vw` and `n` may be absent.
#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    t: Field,
    #[serde(default)]
    o: Field,
    #[serde(default)]
    h: Field,
    #[serde(default)]
    l: Field,
    #[serde(default)]
    c: Field,
    #[serde(default)]
    v: Field,
    #[serde(default)]
    vw: Field,
    #[serde(default)]
    n: Field,
}

/// What stands where a number should: a bad one spoils its row, not the page.
#[derive(Clone, Copy, Default)]
enum Field {
    #[default]
    Absent,
    Number(f64),
    Other,
}

impl Field {
    fn optional(self, name: &'static str) -> Result<Option<f64>, String> {
        match self {
            Field::Absent => Ok(None),
            Field::Number(number) => Ok(Some(number)),
            Field::Other => Err(format!("{name} is not a number")),
        }
    }

    fn required(self, name: &'static str) -> Result<f64, String> {
        self.optional(name)?
            .ok_or_else(|| Unstorable::Missing(name).to_string())
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Field, D::Error> {
        struct Any;

        #[allow(clippy::cast_precision_loss)] // Prices and volumes are f64 in the file too.
        impl<'de> Visitor<'de> for Any {
            type Value = Field;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_f64<E>(self, number: f64) -> Result<Field, E> {
                Ok(Field::Number(number))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Field, E> {
                Ok(Field::Number(number as f64))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Field, E> {
                Ok(Field::Number(number as f64))
            }
            fn visit_unit<E>(self) -> Result<Field, E> {
                Ok(Field::Absent)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Field, E> {
                Ok(Field::Other)
            }
            fn visit_str<E>(self, _: &str) -> Result<Field, E> {
                Ok(Field::Other)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Field, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Field::Other)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Field::Other)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Turns a status and a body into a page, or says why it is none.
fn read(status: u16, body: &[u8], ask: &Ask, prefix: &str) -> Result<Page, Failure> {
    if !(200..300).contains(&status) {
        return Err(refusal(status, body));
    }
    let answer: Answer<'_> = serde_json::from_slice(body)
        .map_err(|error| Failure::Again(format!("the answer is not what it should be: {error}")))?;
    check(&answer, ask)?;
    let rows = answer.results.unwrap_or_default();
    let next = answer
        .next_url
        .filter(|url| !url.is_empty())
        .map(|url| next_page(&url, ask, prefix))
        .transpose()?;
    let mut page = Page {
        has_rows: !rows.is_empty(),
        next,
        candles: Vec::with_capacity(rows.len()),
        ..Page::default()
    };
    let mut bad = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        match candle(row, ask) {
            Ok(Some(candle)) => page.candles.push(candle),
            Ok(None) => {}
            Err((ts, reason)) => bad.push((index, ts, reason)),
        }
    }
    page.rejected = with_raw_rows(body, bad)?;
    Ok(page)
}

/// A 2xx is data only if its body says so and speaks of what was asked.
fn check(answer: &Answer<'_>, ask: &Ask) -> Result<(), Failure> {
    match answer.status.as_deref() {
        Some("OK" | "DELAYED") => {}
        Some(status) => {
            let said = answer
                .message
                .as_deref()
                .or(answer.error.as_deref())
                .unwrap_or("");
            return Err(Failure::Again(format!(
                "the answer's status is {}: {}",
                words(status),
                words(said)
            )));
        }
        None => return Err(Failure::Again("the answer has no status".to_owned())),
    }
    if let Some(ticker) = answer.ticker.as_deref()
        && ticker != ask.symbol.as_str()
    {
        return Err(wrong(format!(
            "the answer is for {}, and {} was asked",
            words(ticker),
            ask.symbol
        )));
    }
    if let Some(adjusted) = answer.adjusted
        && ask.market.class() == AssetClass::Stock
        && adjusted != ask.adjusted
    {
        return Err(wrong(format!(
            "the answer has adjusted={adjusted}, and adjusted={} was asked",
            ask.adjusted
        )));
    }
    let counted = answer.results_count.or(answer.count).unwrap_or(0.0);
    if answer.results.as_ref().is_none_or(Vec::is_empty) && counted != 0.0 {
        return Err(Failure::Again(format!(
            "the answer counts {counted} results and holds none"
        )));
    }
    Ok(())
}

fn wrong(message: String) -> Failure {
    Failure::Final(ErrorKind::Slice, message)
}

/// What a 4xx means. 403 has `message` and comes in three wordings, 401 has `error`: recorded.
fn refusal(status: u16, body: &[u8]) -> Failure {
    #[derive(Deserialize)]
    struct Said {
        message: Option<String>,
        error: Option<String>,
    }
    let said = serde_json::from_slice::<Said>(body)
        .ok()
        .and_then(|said| said.message.or(said.error))
        .unwrap_or_default();
    let kind = match status {
        401 => ErrorKind::Unauthorized,
        403 if said.contains("before end of day") => ErrorKind::TodayBeforeEnd,
        403 if said.contains("include this data timeframe") => ErrorKind::OutsideHistory,
        403 if said.contains("not entitled to this data") => ErrorKind::NotEntitled,
        _ => ErrorKind::Slice,
    };
    let said = words(&said);
    let message = if said.is_empty() {
        format!("HTTP {status}")
    } else {
        format!("HTTP {status}: {said}")
    };
    Failure::Final(kind, message)
}

/// The next page's path and query: `next_url` names a host of its own and carries no key, so that only these are kept,
/// and the path must stay under the endpoint that was asked.
fn next_page(next_url: &str, ask: &Ask, prefix: &str) -> Result<Cursor, Failure> {
    let odd = || wrong("the next page's address leaves the endpoint that was asked".to_owned());
    if next_url.len() > NEXT_LIMIT {
        return Err(wrong(format!(
            "the next page's address has {} characters",
            next_url.len()
        )));
    }
    let origin = Url::parse("https://origin.invalid").expect("a constant");
    let url = origin.join(next_url).map_err(|_| odd())?;
    let path = url.path().strip_prefix(prefix).unwrap_or(url.path());
    let decoded = |segment: &str| {
        percent_encoding::percent_decode_str(segment)
            .decode_utf8_lossy()
            .into_owned()
    };
    let segments: Vec<String> = path
        .trim_start_matches('/')
        .split('/')
        .map(decoded)
        .collect();
    let endpoint = endpoint(ask);
    let climbs = segments
        .iter()
        .any(|segment| segment == ".." || segment == ".");
    if segments.len() < endpoint.len() || segments[..endpoint.len()] != endpoint || climbs {
        return Err(odd());
    }
    let query: Vec<&str> = url
        .query()
        .unwrap_or("")
        .split('&')
        .filter(|pair| {
            !pair.is_empty()
                && !pair
                    .split('=')
                    .next()
                    .unwrap_or("")
                    .eq_ignore_ascii_case("apikey")
        })
        .collect();
    Ok(Cursor(format!("{path}?{}", query.join("&"))))
}

/// One row as a candle; `None` where the provider snapped the range outward.
fn candle(row: &Row, ask: &Ask) -> Result<Option<Candle>, (Option<i64>, String)> {
    let stamp = row
        .t
        .required("the stamp")
        .map_err(|reason| (None, reason))?;
    if stamp.fract() != 0.0 || stamp.abs() > 1e15 {
        return Err((None, Unstorable::AbsurdStamp.to_string()));
    }
    #[allow(clippy::cast_possible_truncation)] // Whole and below 1e15.
    let millis = stamp as i64;
    let instant = millis.div_euclid(1000);
    let ts = if ask.market.timeframe().is_label() {
        ask.market.label(instant)
    } else {
        instant
    };
    let reject = |reason: String| (Some(ts), reason);
    match place(ask, ts) {
        Place::Snapped => return Ok(None),
        Place::Not(why) => return Err(reject(why.to_string())),
        Place::Inside if !ask.market.timeframe().is_label() && millis.rem_euclid(1000) != 0 => {
            return Err(reject(Unstorable::OffGrid.to_string()));
        }
        Place::Inside => {}
    }
    let trades = match row.n.optional("trades").map_err(reject)? {
        #[allow(clippy::cast_possible_truncation)] // Whole and below 1e15.
        Some(n) if n.fract() == 0.0 && n.abs() < 1e15 => Some(n as i64),
        Some(_) => return Err(reject("trades is not a whole number".to_owned())),
        None => None,
    };
    let candle = Candle {
        ts,
        open: row.o.required("open").map_err(reject)?,
        high: row.h.required("high").map_err(reject)?,
        low: row.l.required("low").map_err(reject)?,
        close: row.c.required("close").map_err(reject)?,
        volume: row.v.optional("volume").map_err(reject)?,
        vwap: row.vw.optional("vwap").map_err(reject)?,
        trades,
    };
    candle
        .storable(ask.market.class())
        .map_err(|why| reject(why.to_string()))?;
    Ok(Some(candle))
}

/// Looks up the text of rows that were rejected: a second reading that a clean page does not pay for.
fn with_raw_rows(
    body: &[u8],
    bad: Vec<(usize, Option<i64>, String)>,
) -> Result<Vec<Rejected>, Failure> {
    #[derive(Deserialize)]
    struct Raw<'a> {
        #[serde(borrow)]
        results: Vec<&'a RawValue>,
    }
    if bad.is_empty() {
        return Ok(Vec::new());
    }
    let raw: Raw<'_> =
        serde_json::from_slice(body).map_err(|error| Failure::Again(error.to_string()))?;
    let text = |index: usize| raw.results.get(index).map_or("", |row| row.get());
    Ok(bad
        .into_iter()
        .map(|(index, ts, reason)| Rejected {
            ts,
            reason,
            raw: text(index).chars().take(RAW_LIMIT).collect(),
        })
        .collect())
}

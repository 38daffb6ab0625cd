//! An answer, and the address of the next page.

use super::{Ask, WEEK_START, answer::read, endpoint, first_request};
use crate::fuzzing::{is_one_line, pick};
use crate::http::{Failure, Heard};
use crate::model::listing::Adjustment;
use crate::model::market::Market;
use crate::model::span::Span;
use crate::model::symbol::Symbol;
use crate::provider::prefixes::listing;
use crate::provider::{BaseUrl, Page, Stamps, Tries};

/// Series and spans that can be asked for: of each kind of timeframe, of each asset class, and one whose symbol is no plain
/// path segment.
const ASKS: [(&str, &str, i64, i64); 7] = [
    ("AAPL", "1d", 1_704_153_600, 1_704_326_400),
    ("AAPL", "1m", 600, 1200),
    ("X:BTCUSD", "5m", 1_704_153_600, 1_704_157_200),
    ("I:NDX", "1d", 1_704_153_600, 1_704_326_400),
    ("AAPL", "1w", 1_703_980_800, 1_705_190_400),
    ("C:EURUSD", "1mo", 1_704_067_200, 1_709_251_200),
    ("BTC/USD", "4h", 1_704_153_600, 1_704_240_000),
];
const STATUSES: [u16; 5] = [200, 204, 401, 403, 404];
const BASES: [&str; 4] = [
    "https://api.massive.com",
    "http://127.0.0.1:8080/massive/",
    "https://example.com/v2",
    "http://[::1]/a%20b/%2e",
];
/// Bytes of a message at most: two of a server's own texts are in it.
const MESSAGE: usize = 64 << 10;

pub(super) fn ask(symbol: &str, timeframe: &str, start: i64, end: i64) -> Ask {
    let symbol: Symbol = symbol.parse().expect("a symbol");
    let timeframe = timeframe.parse().expect("a timeframe");
    let market = Market::new(listing(&symbol), timeframe, WEEK_START);
    Ask {
        symbol,
        market,
        adjusted: Adjustment::Raw,
        span: Span::new(start, end).expect("not empty"),
        stamps: Stamps::default(),
        has_candles: false,
        closed: i64::MAX,
        now: i64::MAX,
        tries: Tries::default(),
    }
}

fn picked(byte: u8) -> Ask {
    let &(symbol, timeframe, start, end) = pick(byte, &ASKS);
    ask(symbol, timeframe, start, end)
}

/// A byte for what was asked, one for the status, one for what is known, and the body. Says whether it is a page.
pub fn answer(bytes: &[u8]) -> bool {
    let [asked, status, known, body @ ..] = bytes else {
        return false;
    };
    let asked = picked(*asked);
    let ask = Ask {
        adjusted: Adjustment::for_splits(known & 1 != 0),
        has_candles: known & 2 != 0,
        closed: if known & 4 == 0 {
            i64::MAX
        } else {
            asked.span.start()
        },
        ..asked
    };
    let heard = Heard {
        status: *pick(*status, &STATUSES),
        dated: None,
        body: Some(body),
    };
    match read(heard, &ask, "") {
        Ok(page) => {
            assert!(heard.status < 300);
            check(&page, &ask);
            again(&page, heard, &ask);
            true
        }
        Err(failure) => {
            let (Failure::Again(why) | Failure::Final(_, why)) = failure;
            assert!(is_one_line(&why) && why.len() < MESSAGE, "{why:?}");
            false
        }
    }
}

/// What a page promises whoever stores it.
fn check(page: &Page, ask: &Ask) {
    for candle in &page.candles {
        assert!(ask.span.contains(candle.ts) && ask.market.on_grid(candle.ts));
        assert_eq!(candle.storable(&ask.market), Ok(()));
    }
    let mut evidence = 0;
    for row in &page.rejected {
        assert!(row.ts.is_none_or(|ts| ask.span.contains(ts)), "{row:?}");
        assert!(
            is_one_line(&row.reason) && row.reason.len() < MESSAGE,
            "{row:?}"
        );
        assert!(row.raw.len() <= 4096);
        evidence += row.raw.len();
    }
    assert!(evidence <= 1 << 20);
    let rows = page.candles.len() as u64 + page.rejected.len() as u64 + page.habit;
    assert_eq!(page.has_rows, rows > 0);
    assert!(rows <= u64::from(super::LIMIT));
    assert_eq!(page.contradiction, None);
    assert!(page.stamps.is_empty() || ask.market.timeframe().is_label());
}

/// The same page as the next of its chain holds the same, and contradicts nothing.
fn again(page: &Page, heard: Heard<'_>, ask: &Ask) {
    let later = Ask {
        stamps: page.stamps.clone(),
        has_candles: ask.has_candles || !page.candles.is_empty(),
        ..ask.clone()
    };
    let Ok(same) = read(heard, &later, "") else {
        panic!("it is none after itself");
    };
    assert_eq!(same.candles, page.candles);
    assert_eq!(same.rejected, page.rejected);
    assert_eq!(
        (same.stamps, same.next),
        (page.stamps.clone(), page.next.clone())
    );
}

/// A byte for what was asked, one for where, and the address of the next page. Says whether it is followed.
pub fn next_page(bytes: &[u8]) -> bool {
    let [asked, base, url @ ..] = bytes else {
        return false;
    };
    let Ok(url) = std::str::from_utf8(url) else {
        return false;
    };
    let ask = picked(*asked);
    let base: BaseUrl = pick(*base, &BASES).parse().expect("a base URL");
    let follow = |url: &str| super::next_page(url, &ask, base.prefix()).ok();
    let first = first_request(&ask);
    stays(&first, &ask, &base);
    assert!(follow(&first).is_some(), "{first}");
    let Some(cursor) = follow(url) else {
        return false;
    };
    stays(cursor.as_str(), &ask, &base);
    assert_eq!(follow(cursor.as_str()).as_ref(), Some(&cursor));
    true
}

/// A request goes to the origin and the endpoint, however a server may read its path, and tells no key.
fn stays(request: &str, ask: &Ask, base: &BaseUrl) {
    let url = base.join(request).expect("it stays on the origin");
    assert!(
        url.username().is_empty() && url.fragment().is_none(),
        "{url}"
    );
    let path = url
        .path()
        .strip_prefix(base.prefix())
        .expect("the base's path");
    let path = path.strip_prefix('/').expect("a whole segment");
    let decoded = |text| percent_encoding::percent_decode_str(text).decode_utf8_lossy();
    let segments: Vec<_> = path.split('/').map(decoded).collect();
    let endpoint = endpoint(ask);
    assert!(segments.starts_with(&endpoint.map(Into::into)), "{url}");
    let mut parts = segments[7..]
        .iter()
        .flat_map(|segment| segment.split(['/', '\\']));
    assert!(!parts.any(|part| part == "." || part == ".."), "{url}");
    let mut names = url.query_pairs();
    assert!(
        !names.any(|(name, _)| name.eq_ignore_ascii_case("apikey")),
        "{url}"
    );
}

//! What is typed: on the command line, in a setting, in a call's parameters.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use chrono::Weekday;

use super::{NOW, is_one_line};
use crate::http::rate::Rate;
use crate::model::candle::{MAX_TS, MIN_TS};
use crate::model::market::{Market, MarketCode};
use crate::model::range::{Moment, Range};
use crate::model::symbol::{Meant, Symbol};
use crate::model::timeframe::Timeframe;
use crate::model::zones::{like, named};
use crate::provider::spelling::likely;

/// The longest candle: so far the one that holds the first or the last day may reach beyond it.
const MONTH: i64 = 31 * 86_400;

/// A word, or two on lines of their own as the ends of a range. Says whether it is a word of any kind.
pub fn words(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let (word, end) = match text.split_once('\n') {
        Some((word, end)) => (word, Some(end)),
        None => (text, None),
    };
    let is_any = [
        is_moment(word, end),
        is_again_itself::<Timeframe>(word),
        is_symbol(word),
        is_again_itself::<Rate>(word),
        is_zone(word),
        #[cfg(feature = "serve")]
        is_again_itself::<crate::serve::Daily>(word),
    ];
    let is_any = is_any.contains(&true);
    // A search through all zones takes longer than everything else.
    assert!(is_any || is_one_line(&like(word)));
    is_any
}

/// What is written for a value means that value.
fn is_again_itself<T>(word: &str) -> bool
where
    T: FromStr<Err: Display> + Display + Debug + PartialEq,
{
    match word.parse::<T>() {
        Ok(value) => {
            let again = value.to_string().parse::<T>();
            assert_eq!(again.ok().as_ref(), Some(&value));
            true
        }
        Err(why) => {
            assert!(is_one_line(&why.to_string()), "{why}");
            false
        }
    }
}

fn is_symbol(word: &str) -> bool {
    // What is no symbol may be meant for one, too.
    if let Meant::OneOf(likely) = likely(word) {
        for other in likely {
            assert!(other.as_str() != word && is_again_itself::<Symbol>(other.as_str()));
        }
    }
    if let Ok(symbol) = word.parse::<Symbol>() {
        symbol.expiry();
    }
    is_again_itself::<Symbol>(word)
}

fn is_zone(word: &str) -> bool {
    match named(word) {
        Ok(zone) => {
            assert_eq!(named(zone.name()), Ok(zone));
            true
        }
        Err(_) => false,
    }
}

fn is_moment(word: &str, end: Option<&str>) -> bool {
    let moment = match Moment::typed(word, NOW) {
        Ok(moment) => moment,
        Err(why) => {
            assert!(is_one_line(&why.to_string()), "{why}");
            return false;
        }
    };
    assert_eq!(moment.words(), word);
    // What is a moment everywhere means the same where moments may count from today.
    assert!(word.parse().map_or(true, |plain: Moment| plain == moment));
    // What is typed for the end and is none is a usage error before there is a range.
    let Ok(end) = end.map(|end| Moment::typed(end, NOW)).transpose() else {
        return true;
    };
    let range = Range { start: moment, end };
    for market in markets() {
        is_on_market(&range.start, &market);
        if let Ok(span) = range.span(&market, NOW) {
            assert!(market.on_grid(span.start()) && market.on_grid(span.end()));
            assert!(span.start() <= NOW, "{span:?}");
        }
    }
    true
}

fn is_on_market(moment: &Moment, market: &Market) {
    let (start, end) = (moment.first_candle(market), moment.last_candle_end(market));
    assert!(market.on_grid(start) && market.on_grid(end));
    assert!(start <= end, "{moment:?} on {market:?}");
    assert!((MIN_TS - MONTH..MAX_TS + MONTH).contains(&start));
    assert!((MIN_TS - MONTH..MAX_TS + MONTH).contains(&end));
}

/// Each market with a timeframe of each kind.
fn markets() -> impl Iterator<Item = Market> {
    let codes = [
        MarketCode::XNYS,
        MarketCode::ALWAYS,
        MarketCode::FX,
        MarketCode::XCBO,
    ];
    let timeframes = [
        Timeframe::Minutes(1),
        Timeframe::Hours(4),
        Timeframe::Day,
        Timeframe::Week,
        Timeframe::Month,
    ];
    codes.into_iter().flat_map(move |code| {
        timeframes.map(|timeframe| Market::new(code, timeframe, Weekday::Sun))
    })
}

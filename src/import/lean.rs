//! LEAN's archives: `equity/usa/minute/spy/20131011_trade.zip` and `equity/usa/daily/aapl.zip`, and the same of crypto currencies. Days
//! and hours have dates, minutes count milliseconds since midnight: New York's for equities, whose prices are in ten-thousandths of
//! a dollar, and that of UTC for crypto currencies.

use std::collections::HashMap;
use std::path::Path;

use chrono::{NaiveDate, Weekday};
use chrono_tz::Tz;

use super::columns::{Columns, Field};
use super::dialect::Dialect;
use super::layout::{Cut, Kind, Layout};
use super::name::stem;
use super::problem::Problem;
use super::said::{Said, SymbolFrom};
use super::stamp::Order;
use super::wall::LocalZone;
use crate::model::listing::Adjustment;
use crate::model::market::{Grid, MarketCode, label_of};
use crate::model::next::Setting;
use crate::model::timeframe::Timeframe;

/// What an equity's prices are divided by.
const OF_A_DOLLAR: f64 = 10_000.0;

/// What crypto currencies are quoted in.
const QUOTED_IN: [&str; 7] = ["USDT", "USDC", "USD", "EUR", "GBP", "BTC", "ETH"];

/// What path and archive say.
struct Named {
    symbol: String,
    timeframe: Timeframe,
    /// Of a file of minutes.
    day: Option<NaiveDate>,
    is_crypto: bool,
}

fn named(path: &Path, member: Option<&str>, said: &Said) -> Result<Named, Problem> {
    let folders: Vec<String> = path
        .components()
        .rev()
        .skip(1)
        .map(|part| part.as_os_str().to_string_lossy().to_lowercase())
        .collect();
    let has = |name: &str| folders.iter().any(|folder| folder == name);
    let stem = stem(path).to_lowercase();
    let member = member.unwrap_or_default().to_lowercase();
    let words: Vec<&str> = member.trim_end_matches(".csv").split('_').collect();
    if stem.ends_with("_quote") || words.last() == Some(&"quote") {
        return Err(Problem::of_file(
            "it has quotes, and no trades",
            "take the archive of trades",
        ));
    }
    let is_crypto = match (has("crypto"), has("equity"), said.market) {
        (true, false, _) => true,
        (false, true, _) => false,
        (_, _, Some(market)) => market == MarketCode::ALWAYS,
        _ => {
            return Err(Problem::asked(
                "none of its folders is called equity or crypto, and nothing else says where its symbol trades",
                Setting::Market.with("XNYS").after("say it, as in"),
            ));
        }
    };
    let day = NaiveDate::parse_from_str(stem.trim_end_matches("_trade"), "%Y%m%d").ok();
    let resolution = |name: &str| words.contains(&name) || has(name);
    let timeframe = match day {
        Some(_) if resolution("minute") => Timeframe::Minutes(1),
        None if has("hour") => Timeframe::Hours(1),
        None if has("daily") => Timeframe::Day,
        _ => said.timeframe.filter(|timeframe| day.is_none() && matches!(timeframe, Timeframe::Day | Timeframe::Hours(1))).ok_or_else(|| {
            Problem::of_file(
                "neither its folders nor what is in it says that its candles are of a minute, an hour or a day",
                "keep it in the folder minute, hour or daily that it was in",
            )
        })?,
    };
    let symbol = match day {
        Some(_) => words
            .get(1)
            .map(|word| (*word).to_owned())
            .or_else(|| folders.first().cloned())
            .unwrap_or_default(),
        None => stem.trim_end_matches("_trade").to_owned(),
    };
    Ok(Named {
        symbol: symbol.to_uppercase(),
        timeframe,
        day,
        is_crypto,
    })
}

/// What is said of a file, with what its path says.
pub(super) fn said(path: &Path, member: Option<&str>, said: &Said) -> Result<Said, Problem> {
    let named = named(path, member, said)?;
    if let Some(other) = said.timeframe.filter(|other| *other != named.timeframe) {
        let timeframe = named.timeframe;
        return Err(Problem::of_file(
            format!("it is of {timeframe}, and was said to be of {other}"),
            "leave the timeframe out",
        ));
    }
    let (market, quote) = if named.is_crypto {
        (
            MarketCode::ALWAYS,
            QUOTED_IN
                .into_iter()
                .find(|quote| named.symbol.ends_with(quote)),
        )
    } else {
        (MarketCode::XNYS, Some("USD"))
    };
    let own = named
        .symbol
        .parse()
        .map_err(|error: crate::model::symbol::BadSymbol| {
            Problem::of_file(error.to_string(), "leave it out")
        })?;
    Ok(Said {
        symbol: Some(said.symbol.clone().unwrap_or(SymbolFrom::Is(own))),
        timeframe: Some(named.timeframe),
        market: Some(said.market.unwrap_or(market)),
        currency: said.currency.or_else(|| quote?.parse().ok()),
        adjusted: Some(Adjustment::Raw),
        ..said.clone()
    })
}

/// What the rows of a file mean.
pub(super) fn layout(path: &Path, member: Option<&str>, said: &Said) -> Result<Layout, Problem> {
    use Field::{Close, High, Low, Open, Ts, Volume};
    let Named {
        timeframe,
        day,
        is_crypto,
        ..
    } = named(path, member, said)?;
    let zone = if is_crypto {
        Tz::UTC
    } else {
        Tz::America__New_York
    };
    let cut = Cut {
        timeframe,
        grid: Grid::Utc,
        week_start: Weekday::Mon,
        ends: false,
    };
    let symbol = match &said.symbol {
        Some(SymbolFrom::Is(symbol)) => Some(symbol.clone()),
        _ => None,
    };
    let market = said.market.unwrap_or(MarketCode::XNYS);
    Ok(Layout {
        dialect: Dialect {
            delimiter: b',',
            before: 0,
            has_comma: false,
            columns: Columns::in_order(&[Ts, Open, High, Low, Close, Volume].map(Some)),
            tickers: Vec::new(),
        },
        kind: day.map_or(Kind::Text(Order::Year), |day| {
            Kind::SinceMidnight(label_of(day))
        }),
        newest_first: false,
        zone: Some(LocalZone { zone, hours: 0 }),
        symbol,
        cuts: HashMap::from([((String::new(), market), cut)]),
        divisor: (!is_crypto).then_some(OF_A_DOLLAR),
        days: None,
        notes: Vec::new(),
    })
}

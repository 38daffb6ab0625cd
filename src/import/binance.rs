//! Archives of Binance's spot markets: `BTCUSDT-1m-2020-01-01.zip`, a day or a month of a symbol without a head line or with one,
//! milliseconds before 2025 and microseconds from then on, and beside it `.CHECKSUM` with its digest.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use chrono::{Months, NaiveDate, Weekday};

use super::columns::{Columns, Field};
use super::dialect::{Dialect, rows_of};
use super::layout::{Cut, Kind, Layout};
use super::name::stem;
use super::problem::Problem;
use super::said::{Said, SymbolFrom};
use super::text::digest_of;
use crate::model::listing::Adjustment;
use crate::model::market::{Grid, MarketCode};
use crate::model::timeframe::Timeframe;

/// What its symbols are quoted in. Nothing stands between the two parts of a pair.
const QUOTED_IN: [&str; 12] = [
    "FDUSD", "USDT", "USDC", "BUSD", "TUSD", "EUR", "GBP", "TRY", "BTC", "ETH", "BNB", "USD",
];

/// What a file's name says.
struct Named {
    symbol: String,
    timeframe: Timeframe,
    days: (NaiveDate, NaiveDate),
}

fn named(path: &Path) -> Result<Named, Problem> {
    let stem = stem(path);
    let is_futures = path.components().any(|part| part.as_os_str() == "futures");
    if is_futures {
        return Err(Problem::of_file(
            "it is of a market of futures, whose symbols are those of other prices",
            "take those of spot markets",
        ));
    }
    let odd = || {
        Problem::of_file(
            format!("{stem:?} is no name like BTCUSDT-1m-2020-01-01 or BTCUSDT-1m-2020-01"),
            "give it the name again that it had",
        )
    };
    let mut parts = stem.splitn(3, '-');
    let (Some(symbol), Some(interval), Some(date)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(odd());
    };
    let timeframe = interval
        .parse::<Timeframe>()
        .map_err(|error| Problem::of_file(error.to_string(), "leave it out"))?;
    let day = date.parse::<NaiveDate>().ok();
    let month = || format!("{date}-01").parse::<NaiveDate>().ok();
    let days = if let Some(day) = day {
        (day, day)
    } else {
        let first = month().ok_or_else(odd)?;
        let next = first.checked_add_months(Months::new(1)).ok_or_else(odd)?;
        (first, next.pred_opt().ok_or_else(odd)?)
    };
    Ok(Named {
        symbol: symbol.to_owned(),
        timeframe,
        days,
    })
}

/// What is said of a file, with what its name says.
pub(super) fn said(path: &Path, said: &Said) -> Result<Said, Problem> {
    let Named {
        symbol, timeframe, ..
    } = named(path)?;
    if let Some(other) = said.timeframe.filter(|other| *other != timeframe) {
        return Err(Problem::of_file(
            format!("it is of {timeframe}, and was said to be of {other}"),
            "leave the timeframe out",
        ));
    }
    let quote = QUOTED_IN.into_iter().find(|quote| symbol.ends_with(quote));
    let own = symbol
        .parse()
        .map_err(|error: crate::model::symbol::BadSymbol| {
            Problem::of_file(error.to_string(), "leave it out")
        })?;
    Ok(Said {
        symbol: Some(said.symbol.clone().unwrap_or(SymbolFrom::Is(own))),
        timeframe: Some(timeframe),
        market: Some(said.market.unwrap_or(MarketCode::ALWAYS)),
        currency: said.currency.or_else(|| quote?.parse().ok()),
        adjusted: Some(Adjustment::Raw),
        ..said.clone()
    })
}

/// What the rows of a file mean, once it is what its checksum says.
pub(super) fn layout(path: &Path, head: &[u8], said: &Said) -> Result<Layout, Problem> {
    use Field::{Close, High, Low, Open, Trades, Ts, Volume};
    let Named {
        timeframe, days, ..
    } = named(path)?;
    let mut notes = Vec::new();
    if !is_checked(path)? {
        notes.push("no .CHECKSUM stands beside some of the files".to_owned());
    }
    let first = rows_of(head, b',', true)
        .into_iter()
        .next()
        .unwrap_or_default();
    let has_head_line = first
        .first()
        .is_some_and(|text| text.parse::<i64>().is_err());
    let order = [
        Some(Ts),
        Some(Open),
        Some(High),
        Some(Low),
        Some(Close),
        Some(Volume),
        None,
        None,
        Some(Trades),
    ];
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
    Ok(Layout {
        dialect: Dialect {
            delimiter: b',',
            before: usize::from(has_head_line),
            has_comma: false,
            columns: Columns::in_order(&order),
            tickers: Vec::new(),
        },
        kind: Kind::Number(None),
        newest_first: false,
        zone: None,
        symbol,
        cuts: HashMap::from([(
            (String::new(), said.market.unwrap_or(MarketCode::ALWAYS)),
            cut,
        )]),
        divisor: None,
        days: Some(days),
        notes,
    })
}

/// Whether a checksum stands beside the file, and is its own.
fn is_checked(path: &Path) -> Result<bool, Problem> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".CHECKSUM");
    let beside = PathBuf::from(beside);
    if !beside.exists() {
        return Ok(false);
    }
    let unread = |error: std::io::Error| Problem::unread(&error);
    let text = std::fs::read_to_string(&beside).map_err(unread)?;
    let said = text
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_lowercase();
    let digest = digest_of(path).map_err(unread)?;
    if said == digest {
        return Ok(true);
    }
    Err(Problem::of_file(
        format!("its digest is {digest}, and its .CHECKSUM says {said:?}"),
        "fetch both of them again",
    ))
}

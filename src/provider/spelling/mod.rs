//! What a symbol may have been meant to be that was written as brokers, exchanges and other sites do, for providers that spell
//! as is usual here. Pure, and a guess: it must only ever be offered.
//!
//! Share classes have a dot (`BRK.B`), preferred shares a small p (`BACpL`), warrants and units `.WS` and `.U`, and
//! everything that is no stock a prefix (`X:BTCUSD`, `C:EURUSD`, `I:NDX`, `O:SPY251219C00650000`).

mod abroad;
mod pairs;

use chrono::NaiveDate;

use crate::model::symbol::{Meant, Symbol};
use abroad::Beside;
use pairs::pair;

/// Indices by what others call them, and those that are known by their name alone.
const INDICES: [(&str, &str); 10] = [
    ("GSPC", "SPX"),
    ("INX", "SPX"),
    ("COMPX", "COMP"),
    ("IXIC", "COMP"),
    ("DJIA", "DJI"),
    ("DJI", "DJI"),
    ("NDX", "NDX"),
    ("RUT", "RUT"),
    ("SPX", "SPX"),
    ("VIX", "VIX"),
];
/// What others put behind an index.
const OF_INDICES: [&str; 4] = [".X", ".IDX", ".INDX", ".INDEX"];
/// Share classes that are often written without their dot.
const CLASSES: [(&str, &str); 8] = [
    ("BFA", "BF.A"),
    ("BFB", "BF.B"),
    ("BRKA", "BRK.A"),
    ("BRKB", "BRK.B"),
    ("GEFB", "GEF.B"),
    ("HEIA", "HEI.A"),
    ("LENB", "LEN.B"),
    ("MOGA", "MOG.A"),
];
/// What others put behind a stock of the United States.
const OF_STATES: [&str; 4] = [".US", ".OQ", ".O", ".N"];
/// Of which all there is is of one country.
const ELSEWHERE: &str =
    "it is written like a stock of another country, and there are those of the United States alone";

/// What stands before the colon of everything that is no stock.
const PREFIXES: [&str; 4] = ["X", "C", "I", "O"];

/// Spellings that are more likely to exist than what was typed, the likeliest first; none where it looks right as it is.
pub(crate) fn likely(text: &str) -> Meant {
    let Some(mut likely) = meant(text) else {
        return Meant::Elsewhere {
            why: ELSEWHERE,
            unless: preferred(text),
        };
    };
    likely.retain(|other| other != text);
    likely.dedup();
    let likely = likely.iter().filter_map(|other| other.parse().ok());
    Meant::OneOf(likely.collect())
}

/// A preferred share, where its letter behind a dot is that of another country's exchange, too.
fn preferred(text: &str) -> Option<Symbol> {
    let upper = text.trim().to_ascii_uppercase();
    let (stem, letter) = upper.split_once('.')?;
    let is_name = !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_share = is_name && letter.len() == 1;
    is_share.then(|| format!("{stem}p{letter}").parse().ok())?
}

/// `None` for what trades elsewhere.
fn meant(text: &str) -> Option<Vec<String>> {
    let upper = text.trim().to_ascii_uppercase();
    if let Some(option) = option(&upper) {
        return Some(vec![option]);
    }
    if let Some(meant) = with_class(&upper) {
        return Some(meant);
    }
    match abroad::exchange(&upper) {
        None => Some(bare(text.trim(), &upper)),
        Some(Beside::States(name)) => Some(or_itself(name)),
        // Coins, currencies and indices are what they are wherever they are quoted.
        Some(Beside::Other(before, behind)) => [behind, before, &upper]
            .into_iter()
            .map(|name| index(name).map_or_else(|| pair(name, false), |index| vec![index]))
            .find(|all| !all.is_empty()),
    }
}

/// What has the prefix of what is no stock.
fn with_class(upper: &str) -> Option<Vec<String>> {
    let (class, name) = upper.split_once(':')?;
    if !PREFIXES.contains(&class) {
        return None;
    }
    let name = name.strip_suffix("=X").unwrap_or(name);
    let pair = match class {
        "X" | "C" => pair(name, true),
        _ => Vec::new(),
    };
    if !pair.is_empty() {
        return Some(pair);
    }
    let name = OF_INDICES
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix).filter(|_| class == "I"))
        .unwrap_or(name);
    let name = name.replace(['-', '/', '^', '_', ' ', '$'], "");
    Some(vec![format!("{class}:{name}")])
}

/// What a name that stood beside something else means: itself, unless something is more likely.
fn or_itself(name: &str) -> Vec<String> {
    let meant = bare(name, name);
    if meant.is_empty() {
        vec![name.to_owned()]
    } else {
        meant
    }
}

/// An option by its root, expiry, right and strike: as its clearing house writes it, padded or not, or shortened.
fn option(upper: &str) -> Option<String> {
    let bare = upper.strip_prefix("O:").unwrap_or(upper);
    let bare = bare.strip_prefix(['.', '-', '$']).unwrap_or(bare);
    let whole = format!("O:{}", bare.replace([' ', '_', '-'], ""));
    let is_option = |text: &str| {
        text.parse()
            .is_ok_and(|symbol: Symbol| symbol.expiry().is_some())
    };
    [Some(whole), shortened(bare)]
        .into_iter()
        .flatten()
        .find(|text| is_option(text))
}

/// An option as brokers shorten it: `SPY251219C602.5`, or with the year behind, `SPY_121925C600`. Where a date may be both,
/// `_` says that the year is behind.
fn shortened(bare: &str) -> Option<String> {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (root, terms) = bare.split_at(bare.find(|c: char| !c.is_ascii_alphabetic())?);
    let mut orders = ["%y%m%d", "%m%d%y"];
    if terms.starts_with('_') {
        orders.reverse();
    }
    let terms = terms.trim_start_matches(['_', '-', ' ']);
    let (date, rest) = terms.split_at_checked(6)?;
    let dates = orders.map(|order| NaiveDate::parse_from_str(date, order).ok());
    let expiry = dates.into_iter().flatten().next()?;
    let strike = rest.strip_prefix(['C', 'P'])?;
    let (whole, part) = strike.split_once('.').unwrap_or((strike, ""));
    let fits = !whole.is_empty() && whole.len() <= 5 && part.len() <= 3;
    (fits && is_number(whole) && is_number(part)).then(|| {
        let (date, right) = (expiry.format("%y%m%d"), &rest[..1]);
        format!("O:{root}{date}{right}{whole:0>5}{part:0<3}")
    })
}

fn of<'a>(table: &[(&str, &'a str)], theirs: &str) -> Option<&'a str> {
    let known = table.iter().find(|(known, _)| *known == theirs);
    known.map(|&(_, ours)| ours)
}

/// An index where its name, its mark or its ending says that it is one.
fn index(upper: &str) -> Option<String> {
    let marked = upper.strip_prefix(['^', '.', '$']);
    let name = marked.unwrap_or(upper);
    let ended = OF_INDICES
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix));
    let name = ended.unwrap_or(name);
    let ours = of(&INDICES, name).or((marked.is_some() || ended.is_some()).then_some(name))?;
    Some(format!("I:{ours}"))
}

/// What has no prefix.
fn bare(text: &str, upper: &str) -> Vec<String> {
    if let Some(index) = index(upper) {
        // Where shares are talked of they are marked so, too.
        let share = upper
            .strip_prefix('$')
            .filter(|name| of(&INDICES, name).is_none());
        let share = share.filter(|name| name.bytes().all(|byte| byte.is_ascii_alphabetic()));
        return share
            .map(str::to_owned)
            .into_iter()
            .chain([index])
            .collect();
    }
    if let Some(class) = of(&CLASSES, upper) {
        return vec![class.to_owned()];
    }
    if let Some(stock) = OF_STATES
        .iter()
        .find_map(|suffix| upper.strip_suffix(suffix))
    {
        return or_itself(stock);
    }
    if let Some(pair) = upper.strip_suffix("=X") {
        let base = if pair.len() == 3 { "USD" } else { "" };
        return vec![format!("C:{base}{pair}")];
    }
    let pair = pair(upper, false);
    if !pair.is_empty() {
        return pair;
    }
    for (mark, ours) in [('+', ".WS"), ('=', ".U")] {
        if let Some(stock) = upper.strip_suffix(mark) {
            return vec![format!("{stock}{ours}")];
        }
    }
    match upper.split_once(['-', '/', '.', '^', '_', '$', ' ']) {
        Some((stem, tail)) => of_kind(text, upper, stem, tail),
        None => in_capitals(text, upper),
    }
}

/// A share that is no common one, by what stands behind the first mark in its name.
fn of_kind(text: &str, upper: &str, stem: &str, tail: &str) -> Vec<String> {
    let series = tail.strip_prefix("PR").or_else(|| tail.strip_prefix('P'));
    let series = series.map(|series| series.trim_start_matches(['-', '/', '.', ' ']));
    match series {
        Some(series) if series.len() == 1 => return vec![format!("{stem}p{series}")],
        _ => {}
    }
    let is_dotted = text.contains('.');
    match tail {
        "W" | "WT" | "WTS" | "WS" => vec![format!("{stem}.WS")],
        "UN" => vec![format!("{stem}.U")],
        series if series.len() == 1 && text.contains(['^', '$']) => {
            vec![format!("{stem}p{series}")]
        }
        class if class.len() == 1 && !is_dotted => {
            let mut both = vec![format!("{stem}.{class}"), format!("{stem}p{class}")];
            // Some letters behind a dot are another country's exchange, and seldom a class.
            if abroad::exchange(&both[0]).is_some() {
                both.reverse();
            }
            both
        }
        _ => in_capitals(text, upper),
    }
}

/// The same in capitals, and as a preferred share where it may be one. A single small letter is how some are written.
fn in_capitals(text: &str, upper: &str) -> Vec<String> {
    let small = text.bytes().filter(u8::is_ascii_lowercase).count();
    let is_class = upper.contains('.');
    if small == 0 || (small == 1 && text.len() > 1 && !is_class) {
        return Vec::new();
    }
    let mut all = vec![upper.to_owned()];
    let lower = text.bytes().all(|byte| byte.is_ascii_lowercase());
    if let Some((stem, last)) = upper.split_at_checked(upper.len() - 1)
        && let Some(stem) = stem.strip_suffix('P')
        && lower
        && !stem.is_empty()
    {
        all.push(format!("{stem}p{last}"));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likely_of(text: &str) -> String {
        match likely(text) {
            Meant::OneOf(likely) => likely
                .iter()
                .map(Symbol::as_str)
                .collect::<Vec<_>>()
                .join(" "),
            Meant::Elsewhere { unless: None, .. } => "elsewhere".to_owned(),
            Meant::Elsewhere { unless, .. } => {
                let unless = unless.expect("the other arm has none");
                format!("elsewhere {unless}")
            }
        }
    }

    #[test]
    fn what_others_write_has_the_providers_spelling() {
        for (text, expected) in [
            ("BAC-L", "BACpL BAC.L"),
            ("F-T", "FpT F.T"),
            ("BAC-B", "BAC.B BACpB"),
            ("BRK/B", "BRK.B BRKpB"),
            ("brk-b", "BRK.B BRKpB"),
            ("BRK_B", "BRK.B BRKpB"),
            ("BRK.b", "BRK.B"),
            ("kimpl", "KIMPL KIMpL"),
            ("nvda", "NVDA"),
            ("Nvda", "NVDA"),
            ("a", "A"),
            ("brk.b", "BRK.B"),
            ("BAC-PL", "BACpL"),
            ("BAC.PRL", "BACpL"),
            ("BAC-PRL", "BACpL"),
            ("BAC/PRL", "BACpL"),
            ("BAC^L", "BACpL"),
            ("AAM-WT", "AAM.WS"),
            ("AAM/WS", "AAM.WS"),
            ("AAM-UN", "AAM.U"),
            ("BTC-USD", "X:BTCUSD"),
            ("btc-usd", "X:BTCUSD"),
            ("BTC/USDT", "X:BTCUSDT X:BTCUSD"),
            ("BTCUSDT", "X:BTCUSDT X:BTCUSD"),
            ("XBTUSD", "X:BTCUSD"),
            ("XBT/EUR", "X:BTCEUR"),
            ("ETH-BTC", "X:ETHBTC"),
            ("BTCUSD", "X:BTCUSD"),
            ("EURUSD", "C:EURUSD"),
            ("EUR/USD", "C:EURUSD"),
            ("EUR_USD", "C:EURUSD"),
            ("XAUUSD", "C:XAUUSD"),
            ("XAUUSD=X", "C:XAUUSD"),
            ("XAG/EUR", "C:XAGEUR"),
            ("X:BTC-USD", "X:BTCUSD"),
            ("X:BTC_USD", "X:BTCUSD"),
            ("X:btcusd", "X:BTCUSD"),
            ("x:btcusd", "X:BTCUSD"),
            ("c:eurusd", "C:EURUSD"),
            ("i:ndx", "I:NDX"),
            ("o:spy251219c00650000", "O:SPY251219C00650000"),
            ("O:spy251219C00650000", "O:SPY251219C00650000"),
            ("EURUSD=X", "C:EURUSD"),
            ("JPY=X", "C:USDJPY"),
            ("C:EUR/USD", "C:EURUSD"),
            ("^NDX", "I:NDX"),
            ("^GSPC", "I:SPX"),
            ("I:^NDX", "I:NDX"),
            ("SPY251219C00650000", "O:SPY251219C00650000"),
            ("BRKB", "BRK.B"),
            ("brka", "BRK.A"),
            ("SPX", "I:SPX"),
            ("vix", "I:VIX"),
            ("DJI", "I:DJI"),
            ("^VIX", "I:VIX"),
            ("AAPL.US", "AAPL"),
            ("aapl.us", "AAPL"),
            ("BRK-B.US", "BRK.B BRKpB"),
            // As an option's clearing house pads it, and as brokers shorten it.
            ("SPY   240119C00450000", "O:SPY240119C00450000"),
            ("O:SPY   240119C00450000", "O:SPY240119C00450000"),
            ("SPY_251219C00600000", "O:SPY251219C00600000"),
            ("SPY_121925C600", "O:SPY251219C00600000"),
            (".SPY251219P602.5", "O:SPY251219P00602500"),
            ("-SPY251219C600", "O:SPY251219C00600000"),
            ("BAC.PR.L", "BACpL"),
            ("BAC-PR-L", "BACpL"),
            ("BAC PR L", "BACpL"),
            ("BAC PRL", "BACpL"),
            ("BAC$L", "BACpL"),
            ("BRK B", "BRK.B BRKpB"),
            ("AAM-W", "AAM.WS"),
            ("AAM+", "AAM.WS"),
            ("AAM=", "AAM.U"),
            ("AAM.WT", "AAM.WS"),
            // With an exchange before it, or behind.
            ("NASDAQ:AAPL", "AAPL"),
            ("NYSE:BRK.B", "BRK.B"),
            ("nyse:bac/pl", "BACpL"),
            ("FX:EURUSD", "C:EURUSD"),
            ("BINANCE:BTCUSDT", "X:BTCUSDT X:BTCUSD"),
            ("TVC:SPX", "I:SPX"),
            ("AAPL US Equity", "AAPL"),
            ("AAPL.OQ", "AAPL"),
            ("C:EURUSD=X", "C:EURUSD"),
            ("$SPX", "I:SPX"),
            ("$SPX.X", "I:SPX"),
            (".SPX", "I:SPX"),
            (".INX", "I:SPX"),
            ("SPX.IDX", "I:SPX"),
            ("I:SPX.IDX", "I:SPX"),
            ("$AAPL", "AAPL I:AAPL"),
            ("AAPL:US", "AAPL"),
            ("IBM UN Equity", "IBM"),
            ("BRK-B:US", "BRK.B BRKpB"),
        ] {
            assert_eq!(likely_of(text), expected, "{text}");
        }
    }

    #[test]
    fn pairs_and_options_of_brokers_and_exchanges_have_it_too() {
        for (text, expected) in [
            // With a class before them as well.
            ("EUR.USD", "C:EURUSD"),
            ("BTC.USD", "X:BTCUSD"),
            ("C:EUR.USD", "C:EURUSD"),
            ("XXBTZUSD", "X:BTCUSD"),
            ("XETHZUSD", "X:ETHUSD"),
            ("XETHXXBT", "X:ETHBTC"),
            ("ZEURZUSD", "C:EURUSD"),
            ("ETHXBT", "X:ETHBTC"),
            ("X:XBTUSD", "X:BTCUSD"),
            ("X:XXBTZEUR", "X:BTCEUR"),
            ("C:BTCUSD", "X:BTCUSD"),
            ("BITSTAMP:BTCEUR", "X:BTCEUR"),
            ("BTC/USDT:USDT", "X:BTCUSDT X:BTCUSD"),
            // The year before or behind, with a mark or without.
            ("SPY_251219C450", "O:SPY251219C00450000"),
            ("O:SPY_251219C450", "O:SPY251219C00450000"),
            ("SPY_121025C450", "O:SPY251210C00450000"),
            ("SPY 251219C450", "O:SPY251219C00450000"),
        ] {
            assert_eq!(likely_of(text), expected, "{text}");
        }
    }

    #[test]
    fn what_trades_in_another_country_is_no_ticker_of_this_one() {
        for text in [
            "LSE:VOD",
            "lse:vod",
            "TSX:RY",
            "TSE:7203",
            "NSE:HYUNDAI",
            "VOD:LN",
            "7203.T",
            "RY.TO",
            "MC.PA",
            "BMW.DE",
            "0700.HK",
            "VOD LN",
            "VOD LN Equity",
        ] {
            assert_eq!(likely_of(text), "elsewhere", "{text}");
        }
        // London, or a preferred share.
        for (text, expected) in [("BAC.L", "elsewhere BACpL"), ("vod.l", "elsewhere VODpL")] {
            assert_eq!(likely_of(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_right_as_it_is_has_no_other_spelling_and_nor_has_what_nothing_can_be_made_of() {
        for text in [
            "",
            "+",
            ":",
            "AAPL;MSFT",
            "X:",
            "O:A",
            "AAPL",
            "BRK.B",
            "BACpL",
            "AAM.WS",
            "X:BTCUSD",
            "O:SPY251219C00650000",
            "0700",
            "MKC.V",
        ] {
            assert_eq!(likely_of(text), "", "{text}");
        }
    }
}

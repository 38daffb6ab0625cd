//! What a symbol may have been meant to be that was written as brokers, exchanges and other sites do. Pure, and a guess:
//! it must only ever be offered.
//!
//! As Polygon/Massive spell: share classes with a dot (`BRK.B`), preferred shares with a small p (`BACpL`), warrants and
//! units with `.WS` and `.U`, prefixes for everything that is no stock (`X:BTCUSD`, `C:EURUSD`, `I:NDX`, `O:SPY251219C00650000`).

use crate::model::symbol::Symbol;

/// Currencies of states, and the metals that are traded like them.
const MONEY: [&str; 30] = [
    "USD", "EUR", "GBP", "JPY", "CHF", "AUD", "CAD", "NZD", "SEK", "NOK", "DKK", "PLN", "CZK",
    "HUF", "TRY", "ZAR", "MXN", "BRL", "CNY", "CNH", "HKD", "SGD", "INR", "KRW", "THB", "ILS",
    "XAU", "XAG", "XPT", "XPD",
];
/// What crypto is quoted in beside those.
const COINS: [&str; 6] = ["USDT", "USDC", "BUSD", "BTC", "ETH", "DAI"];
/// Indices by what others call them, and those that are known by their name alone.
const INDICES: [(&str, &str); 8] = [
    ("GSPC", "SPX"),
    ("IXIC", "COMP"),
    ("DJIA", "DJI"),
    ("DJI", "DJI"),
    ("NDX", "NDX"),
    ("RUT", "RUT"),
    ("SPX", "SPX"),
    ("VIX", "VIX"),
];
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
const OF_STATES: &str = ".US";

/// What stands before the colon of everything that is no stock.
const PREFIXES: [&str; 4] = ["X", "C", "I", "O"];

/// Other spellings that are more likely to exist, the likeliest first; none where it looks right as it is.
pub(crate) fn likely(symbol: &Symbol) -> Vec<Symbol> {
    let text = symbol.as_str();
    let mut likely = match text.split_once(':') {
        None => of_stock(text),
        Some((class, name)) if PREFIXES.contains(&class.to_ascii_uppercase().as_str()) => {
            let name = name.replace(['-', '/', '^', '_'], "");
            vec![format!("{class}:{name}").to_ascii_uppercase()]
        }
        _ => Vec::new(),
    };
    likely.retain(|other| other != text);
    likely.dedup();
    likely
        .iter()
        .filter_map(|other| other.parse().ok())
        .collect()
}

/// An option as its clearing house pads it, `SPY   240119C00450000`, which is no symbol; `None` for anything else.
pub(crate) fn of_padded_option(text: &str) -> Option<Symbol> {
    let bare = text.to_ascii_uppercase().replace(' ', "");
    let bare = bare.strip_prefix("O:").unwrap_or(&bare);
    // Nothing else is wrong with it: what is not padded asks here, too.
    if !text.contains(' ') || !bare.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let option: Symbol = format!("O:{bare}").parse().ok()?;
    option.expiry().map(|_| option)
}

fn of<'a>(table: &[(&str, &'a str)], theirs: &str) -> Option<&'a str> {
    let known = table.iter().find(|(known, _)| *known == theirs);
    known.map(|&(_, ours)| ours)
}

fn of_stock(text: &str) -> Vec<String> {
    let upper = text.to_ascii_uppercase();
    if let Ok(option) = format!("O:{upper}").parse::<Symbol>()
        && option.expiry().is_some()
    {
        return vec![option.to_string()];
    }
    let index = upper.strip_prefix('^');
    let ours = of(&INDICES, index.unwrap_or(&upper)).or(index);
    if let Some(ours) = ours {
        return vec![format!("I:{ours}")];
    }
    if let Some(class) = of(&CLASSES, &upper) {
        return vec![class.to_owned()];
    }
    if let Some(stock) = upper.strip_suffix(OF_STATES) {
        let likely = of_stock(stock);
        return if likely.is_empty() {
            vec![stock.to_owned()]
        } else {
            likely
        };
    }
    if let Some(pair) = upper.strip_suffix("=X") {
        let base = if pair.len() == 3 { "USD" } else { "" };
        return vec![format!("C:{base}{pair}")];
    }
    if let Some(pair) = pair(&upper) {
        return vec![pair];
    }
    let Some((stem, tail)) = upper.split_once(['-', '/', '.', '^', '_']) else {
        return in_capitals(text, &upper);
    };
    let dotted = text.contains('.');
    match tail.strip_prefix("PR").or_else(|| tail.strip_prefix('P')) {
        Some(series) if series.len() == 1 => return vec![format!("{stem}p{series}")],
        _ => {}
    }
    match tail {
        "WT" | "WS" => vec![format!("{stem}.WS")],
        "UN" => vec![format!("{stem}.U")],
        series if series.len() == 1 && text.contains('^') => vec![format!("{stem}p{series}")],
        class if class.len() == 1 && !dotted => {
            vec![format!("{stem}.{class}"), format!("{stem}p{class}")]
        }
        _ => in_capitals(text, &upper),
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

/// Two currencies or coins, set apart or not.
fn pair(upper: &str) -> Option<String> {
    let is_money = |text: &str| MONEY.contains(&text);
    let joined = || {
        let quotes = COINS.iter().chain(&MONEY);
        let parts = quotes.map(|&quote| Some((upper.strip_suffix(quote)?, quote)));
        parts.flatten().find(|(base, _)| base.len() >= 3)
    };
    let (base, quote) = upper.split_once(['-', '/', '_']).or_else(joined)?;
    let class = match (is_money(base), is_money(quote), COINS.contains(&quote)) {
        (true, true, _) => "C",
        (false, true, _) | (_, _, true) if base.len() >= 2 => "X",
        _ => return None,
    };
    // Tickers without anything between may end like a currency.
    let is_sure =
        upper.len() > base.len() + quote.len() || class == "C" || quote.starts_with("USD");
    is_sure.then(|| format!("{class}:{base}{quote}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_write_has_the_providers_spelling() {
        for (text, expected) in [
            ("BAC-L", "BAC.L BACpL"),
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
            ("BTC/USDT", "X:BTCUSDT"),
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
            // These are right as they are.
            ("AAPL", ""),
            ("BRK.B", ""),
            ("BACpL", ""),
            ("AAM.WS", ""),
            ("X:BTCUSD", ""),
            ("O:SPY251219C00650000", ""),
            ("0700", ""),
        ] {
            let symbol: Symbol = text.parse().expect("a symbol");
            let likely: Vec<String> = likely(&symbol).iter().map(Symbol::to_string).collect();
            assert_eq!(likely.join(" "), expected, "{text}");
        }
    }
}

//! What a symbol may have been meant to be that was written as brokers, exchanges and other sites do. Pure, and a guess:
//! it must only ever be offered.
//!
//! As Polygon/Massive spell: share classes with a dot (`BRK.B`), preferred shares with a small p (`BACpL`), warrants and
//! units with `.WS` and `.U`, prefixes for everything that is no stock (`X:BTCUSD`, `C:EURUSD`, `I:NDX`, `O:SPY251219C00650000`).

use crate::model::symbol::{AssetClass, Symbol};

/// Currencies of states, and the metals that are traded like them.
const MONEY: [&str; 30] = [
    "USD", "EUR", "GBP", "JPY", "CHF", "AUD", "CAD", "NZD", "SEK", "NOK", "DKK", "PLN", "CZK",
    "HUF", "TRY", "ZAR", "MXN", "BRL", "CNY", "CNH", "HKD", "SGD", "INR", "KRW", "THB", "ILS",
    "XAU", "XAG", "XPT", "XPD",
];
/// What crypto is quoted in beside those.
const COINS: [&str; 6] = ["USDT", "USDC", "BUSD", "BTC", "ETH", "DAI"];
/// Indices that others call otherwise.
const INDICES: [(&str, &str); 3] = [("GSPC", "SPX"), ("IXIC", "COMP"), ("DJIA", "DJI")];

/// What stands before the colon of everything that is no stock.
const PREFIXES: [&str; 4] = ["X", "C", "I", "O"];

/// Other spellings that are more likely to exist, the likeliest first; none where it looks right as it is.
pub(crate) fn likely(symbol: &Symbol) -> Vec<Symbol> {
    let text = symbol.as_str();
    let mut likely = match (symbol.asset_class(), text.split_once(':')) {
        (AssetClass::Stock, None) => of_stock(text),
        (_, Some((class, name))) if PREFIXES.contains(&class.to_ascii_uppercase().as_str()) => {
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

fn of_stock(text: &str) -> Vec<String> {
    let upper = text.to_ascii_uppercase();
    if let Ok(option) = format!("O:{upper}").parse::<Symbol>()
        && option.expiry().is_some()
    {
        return vec![option.to_string()];
    }
    if let Some(name) = upper.strip_prefix('^') {
        let known = INDICES.iter().find(|(theirs, _)| *theirs == name);
        return vec![format!("I:{}", known.map_or(name, |(_, ours)| ours))];
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

//! Pairs of currencies and coins by what brokers and exchanges call them. Pure.

use super::of;

/// Currencies of states, and the metals that are traded like them.
const MONEY: [&str; 30] = [
    "USD", "EUR", "GBP", "JPY", "CHF", "AUD", "CAD", "NZD", "SEK", "NOK", "DKK", "PLN", "CZK",
    "HUF", "TRY", "ZAR", "MXN", "BRL", "CNY", "CNH", "HKD", "SGD", "INR", "KRW", "THB", "ILS",
    "XAU", "XAG", "XPT", "XPD",
];
/// Coins that stand for dollars: what is quoted in one of them may be known in dollars alone.
const DOLLARS: [&str; 4] = ["USDT", "USDC", "BUSD", "DAI"];
/// What else crypto is quoted in.
const COINS: [&str; 2] = ["BTC", "ETH"];
/// Coins by what some exchanges call them.
const RENAMED: [(&str, &str); 2] = [("XBT", "BTC"), ("XDG", "DOGE")];

/// Two currencies or coins, set apart or not. Tickers may end like a currency: without anything between, it must be known that it
/// is no ticker, or look like none.
pub(super) fn pair(upper: &str, is_known: bool) -> Vec<String> {
    let is_money = |text: &str| MONEY.contains(&text);
    let quotes = || DOLLARS.iter().chain(&COINS).chain(&MONEY).copied();
    let quotes = || quotes().chain(RENAMED.iter().map(|&(theirs, _)| theirs));
    let joined = || {
        let mut parts = quotes().filter_map(|quote| Some((upper.strip_suffix(quote)?, quote)));
        parts.find(|(base, _)| base.len() >= 3)
    };
    let apart = upper.split_once(['-', '/', '_', ' ', '.']);
    let Some((base, quote)) = lettered(upper).or(apart).or_else(joined) else {
        return Vec::new();
    };
    let ours = |name| of(&RENAMED, name).unwrap_or(name);
    let (base_of, quote_of) = (ours(base), ours(quote));
    let is_dollar = DOLLARS.contains(&quote);
    let class = match (
        is_money(base),
        is_money(quote),
        is_dollar || COINS.contains(&quote_of),
    ) {
        (true, true, _) => "C",
        (false, true, _) | (_, _, true) if base.len() >= 2 => "X",
        _ => return Vec::new(),
    };
    let is_sure = is_known
        || upper.len() > base.len() + quote.len()
        || class == "C"
        || COINS.contains(&base_of)
        || (base_of, quote_of) != (base, quote)
        || quote.starts_with("USD");
    let in_dollars = is_dollar.then(|| format!("X:{base_of}USD"));
    let all = std::iter::once(format!("{class}:{base_of}{quote_of}")).chain(in_dollars);
    all.filter(|_| is_sure).collect()
}

/// A pair as Kraken writes it: a letter before each name, Z for money and X for the rest.
fn lettered(upper: &str) -> Option<(&str, &str)> {
    let (base, quote) = upper.split_at_checked(4).filter(|_| upper.len() == 8)?;
    let base = base.strip_prefix(['X', 'Z'])?;
    match quote.split_at_checked(1)? {
        ("Z", money) if MONEY.contains(&money) => Some((base, money)),
        ("X", coin) if COINS.contains(&of(&RENAMED, coin).unwrap_or(coin)) => Some((base, coin)),
        _ => None,
    }
}

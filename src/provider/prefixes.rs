//! Symbols whose prefix says what they are: `X:BTCUSD`, `C:EURUSD`, `I:NDX`, and anything else a stock of the United States or an
//! option on one. For providers that spell so.

use super::AssetClass;
use crate::model::listing::{Currency, Listing};
use crate::model::market::MarketCode;
use crate::model::symbol::Symbol;

/// What crypto currencies are quoted in. Their pairs are written without anything between.
const QUOTED_IN: [&str; 5] = ["USDT", "USDC", "USD", "EUR", "GBP"];

/// The class that the prefix sets.
pub(super) fn asset_class(symbol: &Symbol) -> AssetClass {
    match symbol.as_str().split_once(':') {
        Some(("X", _)) => AssetClass::Crypto,
        Some(("C", _)) => AssetClass::Forex,
        Some(("I", _)) => AssetClass::Index,
        _ => AssetClass::Stock,
    }
}

/// The market of the class, what its prices are in, and an option's end. All is cut on lines of UTC, summer and winter, hours as
/// well as minutes: page cursors of recorded 4-hour runs over three years lie on them, those of the winters on no line of New
/// York's wall clock.
pub(crate) fn listing(symbol: &Symbol) -> Listing {
    let (market, currency) = match asset_class(symbol) {
        AssetClass::Stock => (MarketCode::XNYS, Some("USD")),
        // Points.
        AssetClass::Index => (MarketCode::XCBO, None),
        AssetClass::Crypto => {
            let pair = symbol.as_str();
            let quoted_in = QUOTED_IN.into_iter().find(|quote| pair.ends_with(quote));
            (MarketCode::ALWAYS, quoted_in)
        }
        // Two ISO codes: `C:EURUSD` is in dollars.
        AssetClass::Forex => (MarketCode::FX, symbol.as_str().get("C:EUR".len()..)),
    };
    Listing {
        currency: currency.and_then(|text| text.parse::<Currency>().ok()),
        last_day: symbol.expiry(),
        ..Listing::on(market)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_says_what_a_symbol_is_and_what_its_prices_are_in() {
        for (text, class, market, currency, last_day) in [
            ("XOM", AssetClass::Stock, "XNYS", Some("USD"), None),
            (
                "O:SPY251219C00650000",
                AssetClass::Stock,
                "XNYS",
                Some("USD"),
                Some("2025-12-19"),
            ),
            ("X:BTCUSD", AssetClass::Crypto, "24/7", Some("USD"), None),
            ("X:BTCUSDT", AssetClass::Crypto, "24/7", Some("USDT"), None),
            ("X:BTCXYZ", AssetClass::Crypto, "24/7", None, None),
            ("C:EURJPY", AssetClass::Forex, "FX", Some("JPY"), None),
            ("C:E", AssetClass::Forex, "FX", None, None),
            ("I:NDX", AssetClass::Index, "XCBO", None, None),
        ] {
            let symbol: Symbol = text.parse().expect("a symbol");
            let found = listing(&symbol);
            assert_eq!(asset_class(&symbol), class, "{text}");
            assert_eq!(found.market.as_str(), market, "{text}");
            assert_eq!(
                found.currency.as_ref().map(Currency::as_str),
                currency,
                "{text}"
            );
            let ends = found.last_day.map(|day| day.to_string());
            assert_eq!(ends.as_deref(), last_day, "{text}");
        }
    }
}

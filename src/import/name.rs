//! What a file's name says of its symbol.

use std::path::Path;

use super::interval::timeframe_of;
use super::problem::Problem;
use crate::model::next::{Next, Setting};
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;

const SUFFIXES: [&str; 9] = [
    ".gz", ".zst", ".zip", ".csv", ".txt", ".tsv", ".parquet", ".arrow", ".feather",
];

/// A file's name without what says how it is written.
pub(super) fn stem(path: &Path) -> String {
    let mut name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    while let Some(suffix) = SUFFIXES
        .into_iter()
        .find(|suffix| name.to_ascii_lowercase().ends_with(suffix))
    {
        name.truncate(name.len() - suffix.len());
    }
    name
}

/// Whether a word of a name says how long candles are: `1min`, `daily`, `M15`, `60`.
fn is_timeframe(word: &str) -> bool {
    const WORDS: [&str; 7] = [
        "daily", "hourly", "weekly", "monthly", "minute", "hour", "day",
    ];
    let word = word.to_ascii_lowercase();
    let digits = word.trim_matches(|c: char| c.is_ascii_alphabetic());
    let letters = word.trim_matches(|c: char| c.is_ascii_digit());
    let is_unit = [
        "", "m", "min", "mins", "h", "hr", "d", "w", "wk", "mo", "mn",
    ]
    .contains(&letters);
    let minutes: Option<i64> = digits.parse().ok();
    let is_length =
        minutes.is_some_and(|minutes| timeframe_of(minutes * 60).is_some() || minutes == 1440);
    WORDS.contains(&word.as_str()) || word.parse::<Timeframe>().is_ok() || is_unit && is_length
}

/// The symbol of which a file's name says that it is: all of it, but for a timeframe behind it.
pub(super) fn symbol_of_name(path: &Path) -> Result<Symbol, Problem> {
    let stem = stem(path);
    let asked = || {
        Problem::asked(
            format!(
                "whose candles are these? {stem:?} is no symbol with a timeframe behind it, and no column says it"
            ),
            Next::Or(vec![
                Setting::Symbol.with("AAPL").after("say it, as in"),
                Setting::SymbolFrom.after("name the column with"),
            ]),
        )
    };
    let mut words: Vec<&str> = stem.split(['_', '-', ' ']).collect();
    while words.len() > 1 && words.last().is_some_and(|word| is_timeframe(word)) {
        words.pop();
    }
    match words.as_slice() {
        [symbol] => symbol.parse().map_err(|_| asked()),
        // A pair, as exchanges write it.
        [base, quote] if is_coin(base) && is_coin(quote) => {
            let parting = stem.as_bytes()[base.len()];
            let parting = if parting == b' ' {
                '_'
            } else {
                char::from(parting)
            };
            format!("{base}{parting}{quote}")
                .parse()
                .map_err(|_| asked())
        }
        _ => Err(asked()),
    }
}

fn is_coin(word: &str) -> bool {
    (2..=6).contains(&word.len())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_with_a_timeframe_behind_it_is_one_and_nothing_else_is() {
        for (name, symbol) in [
            ("AAPL.csv", Some("AAPL")),
            ("/data/AAPL_1min.csv.gz", Some("AAPL")),
            ("AAPL_daily.csv", Some("AAPL")),
            ("XBTUSD_60.csv", Some("XBTUSD")),
            ("BTC_USDT-1h.csv", Some("BTC_USDT")),
            ("EURUSD_M15.csv", Some("EURUSD")),
            ("aapl.us.txt", Some("aapl.us")),
            ("BRK.B.csv.zst", Some("BRK.B")),
            ("8TRA-DE-1d-missing-div-adjust.csv", None),
            ("my candles.csv", None),
            (".csv", None),
        ] {
            let found = symbol_of_name(Path::new(name))
                .ok()
                .map(|symbol| symbol.to_string());
            assert_eq!(found.as_deref(), symbol, "{name}");
        }
    }
}

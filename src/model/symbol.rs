//! Symbols: text that names what has candles. No I/O.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;

/// A symbol as the provider spells it: `[A-Za-z0-9^][A-Za-z0-9._:/^=-]{0,39}`, case kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct Symbol(String);

/// Text that is no symbol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a symbol: {why}")]
pub struct BadSymbol {
    /// The text as it was given.
    pub text: String,
    why: String,
}

impl BadSymbol {
    /// The same with what may have been meant.
    #[must_use]
    pub fn meaning(mut self, meant: &Meant) -> BadSymbol {
        if let Some(meant) = meant.in_words() {
            self.why = format!("{}: {meant}", self.why);
        }
        self
    }
}

/// What may have been meant by a symbol of which nothing is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meant {
    /// One of these, the likeliest first; none where it looks right.
    OneOf(Vec<Symbol>),
    /// What the provider has nothing of, however it is spelled.
    Elsewhere {
        /// Why.
        why: &'static str,
        /// What it would be if that is wrong.
        unless: Option<Symbol>,
    },
}

impl Default for Meant {
    fn default() -> Meant {
        Meant::OneOf(Vec::new())
    }
}

impl Meant {
    /// What is the likeliest.
    pub fn first(&self) -> Option<&Symbol> {
        match self {
            Meant::OneOf(likely) => likely.first(),
            Meant::Elsewhere { unless, .. } => unless.as_ref(),
        }
    }

    /// The question whether that was meant, or why there is nothing, where there is something to say.
    pub fn in_words(&self) -> Option<String> {
        match self {
            Meant::OneOf(likely) if likely.is_empty() => None,
            Meant::OneOf(likely) => {
                let likely: Vec<&str> = likely.iter().map(Symbol::as_str).collect();
                Some(format!("did you mean {}?", likely.join(" or ")))
            }
            Meant::Elsewhere { why, unless } => Some(match unless {
                Some(symbol) => format!("{why}; or did you mean {symbol}?"),
                None => (*why).to_owned(),
            }),
        }
    }
}

const MAX_LEN: usize = 40;

/// Characters of an option's expiry, right and strike.
const OPTION_TERMS: usize = 6 + 1 + 8;

impl FromStr for Symbol {
    type Err = BadSymbol;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = |why: String| BadSymbol {
            text: text.to_owned(),
            why,
        };
        let Some(first) = text.chars().next() else {
            return Err(bad("it is empty".into()));
        };
        if !(first.is_ascii_alphanumeric() || first == '^') {
            return Err(bad(format!(
                "it begins with {first:?}, and a symbol begins with a letter, a digit or ^"
            )));
        }
        if let Some(odd) = text
            .chars()
            .find(|c| !c.is_ascii_alphanumeric() && !"._:/^=-".contains(*c))
        {
            let allowed = match odd {
                ' ' | ';' | '|' => "several are set apart by commas",
                _ => "letters, digits and . _ : / ^ = - are allowed",
            };
            return Err(bad(format!("it contains {odd:?}, and {allowed}")));
        }
        if text.len() > MAX_LEN {
            return Err(bad(format!("it is longer than {MAX_LEN} characters")));
        }
        Ok(Symbol(text.to_owned()))
    }
}

impl Symbol {
    /// The symbol as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last day on which an option can trade, in its market's zone; `None` for anything else.
    ///
    /// An option is `O:`, its root, the expiry as YYMMDD, C or P, and the strike in eight digits. Asked by those who spell so: when a
    /// series ends stands in its [`Listing`](crate::model::listing::Listing).
    pub fn expiry(&self) -> Option<NaiveDate> {
        let (root, terms) = self.0.strip_prefix("O:").and_then(|contract| {
            contract.split_at_checked(contract.len().checked_sub(OPTION_TERMS)?)
        })?;
        let (date, right_and_strike) = terms.split_at(6);
        let strike = right_and_strike.strip_prefix(['C', 'P'])?;
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if root.is_empty() || !is_number(date) || !is_number(strike) {
            return None;
        }
        NaiveDate::parse_from_str(&format!("20{date}"), "%Y%m%d").ok()
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_symbols_are_accepted_with_their_case() {
        for text in [
            "AAPL", "KIMpL", "BRK.B", "X:BTCUSD", "C:EURUSD", "I:NDX", "^GSPC", "EURUSD=X",
            "BTC/USD", "0700",
        ] {
            assert_eq!(
                text.parse::<Symbol>().map(|s| s.to_string()),
                Ok(text.to_owned())
            );
        }
    }

    #[test]
    fn what_could_start_a_formula_an_option_or_a_statement_is_refused() {
        for text in [
            "",
            "A B",
            "A;B",
            "-A",
            "=A",
            "+A",
            "@A",
            ".A",
            "'A",
            "A\n",
            "Ä",
            &"A".repeat(41),
        ] {
            assert!(text.parse::<Symbol>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_option_says_when_it_expires_and_nothing_else_does() {
        let expiry = |text: &str| {
            let symbol: Symbol = text.parse().expect("a symbol");
            symbol.expiry().map(|date| date.to_string())
        };
        for (text, date) in [
            ("O:AAPL251219C00150000", "2025-12-19"),
            ("O:SPXW240229P05000000", "2024-02-29"),
            ("O:F1240119C00010000", "2024-01-19"),
        ] {
            assert_eq!(expiry(text).as_deref(), Some(date), "{text}");
        }
        for text in [
            "AAPL",
            "AAPL251219C00150000",
            "O:251219C00150000",
            "O:AAPL251219X00150000",
            "O:AAPL251319C00150000",
            "O:AAPL230229C00150000",
            "O:AAPL251219C0015000",
            "O:AAPL25121 C00150000".split(' ').next().expect("a word"),
            "O:A",
        ] {
            assert_eq!(expiry(text), None, "{text}");
        }
    }
}

//! What a text may be, as the interface's document has it. What these let through is read without fault, and what they do
//! not is refused; readers stay where they are, and tests hold the two to each other.

/// A symbol.
macro_rules! symbol {
    () => {
        "[A-Za-z0-9^][A-Za-z0-9._:/^=-]{0,39}"
    };
}

macro_rules! timeframe {
    () => {
        "(?:[1-6]m|1[025]m|[236]0m|[123468]h|12h|1d|1w|1mo)"
    };
}

/// A date from 1900 to 2199, with this between year, month and day.
macro_rules! date {
    ($dash:expr) => {
        concat!(
            "(?:(?:19|2[01])[0-9]{2}",
            $dash,
            "(?:(?:0[13578]|1[02])",
            $dash,
            "(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)",
            $dash,
            "(?:0[1-9]|[12][0-9]|30)|02",
            $dash,
            "(?:0[1-9]|1[0-9]|2[0-8]))|(?:(?:19|2[01])(?:0[48]|[2468][048]|[13579][26])|2000)",
            $dash,
            "02",
            $dash,
            "29)"
        )
    };
}

/// So long ago, as a number of 16 bits and a unit, or another word for a day.
macro_rules! ago {
    () => {
        concat!(
            "-?0*(?:[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])",
            "(?:[Dd]|[Ww]|[Mm][Oo]|[Yy])",
            "|[Tt][Oo][Dd][Aa][Yy]|[Yy][Tt][Dd]|[Mm][Aa][Xx]"
        )
    };
}

/// Items set apart by commas, one at least.
macro_rules! list {
    ($item:expr) => {
        concat!("^ *(?:, *)*", $item, " *(?:, *(?:", $item, " *)?)*$")
    };
}

pub(super) const SYMBOL: &str = concat!("^", symbol!(), "$");
pub(super) const SYMBOLS: &str = list!(symbol!());
pub(super) const TIMEFRAMES: &str = list!(timeframe!());
/// All that is read as one.
pub(super) const TIMEFRAME: &[&str] = &[
    "1m", "2m", "3m", "4m", "5m", "6m", "10m", "12m", "15m", "20m", "30m", "60m", "1h", "2h", "3h",
    "4h", "6h", "8h", "12h", "1d", "1w", "1mo",
];
/// A date, an instant, or what counts from today.
pub(super) const MOMENT: &str = concat!(
    "^(?:",
    ago!(),
    "|",
    date!(""),
    "|",
    date!("-"),
    "(?:[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\\.[0-9]+)?",
    "(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]))?)$"
);
/// Eleven digits of base64: a number of which the first 31 of 64 bits are alike, and the last two bits none.
pub(super) const CURSOR: &str =
    "^(?:AAAAA[A-Za-f]|_____[g-z0-9_-])[A-Za-z0-9_-]{4}[AEIMQUYcgkosw048]$";
/// An id, or how one begins.
pub(super) const JOB: &str = "^[0-9a-f-]{1,36}$";

#[cfg(test)]
mod tests {
    use proptest::strategy::{Strategy, ValueTree};
    use proptest::string::string_regex;
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::model::range::Moment;
    use crate::model::symbol::Symbol;
    use crate::model::timeframe::Timeframe;

    fn each(pattern: &str, judge: impl Fn(&str) -> bool) {
        let pattern = pattern.trim_start_matches('^').trim_end_matches('$');
        let texts = string_regex(pattern).expect(pattern);
        let mut runner = TestRunner::deterministic();
        for _ in 0..300 {
            let text = texts.new_tree(&mut runner).expect(pattern).current();
            assert!(judge(&text), "{text:?} of {pattern}");
        }
    }

    #[test]
    fn what_the_document_lets_through_is_read() {
        each(SYMBOL, |text| text.parse::<Symbol>().is_ok());
        each(MOMENT, |text| Moment::typed(text, 0).is_ok());
        each(TIMEFRAMES, |text| {
            let words = text.split(',').map(str::trim);
            let mut words = words.filter(|word| !word.is_empty()).peekable();
            words.peek().is_some() && words.all(|word| word.parse::<Timeframe>().is_ok())
        });
        for text in TIMEFRAME {
            assert!(text.parse::<Timeframe>().is_ok(), "{text}");
        }
    }
}

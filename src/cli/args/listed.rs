//! What is typed with commas between, and what a blank has parted from its list.

use std::fmt::Display;
use std::str::FromStr;

use anyhow::Result;

use crate::cli::error::usage;
use crate::handover::choice::Choice;
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;

/// The items of one argument. A comma may stand at either end of it: `AAPL, MSFT` comes as two arguments, the first with a
/// comma behind it. One that is a comma alone has no items.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    items: Vec<T>,
    /// More is to come: it ends with a comma.
    goes_on: bool,
}

impl<T: FromStr> FromStr for Listed<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let listed = text.trim_matches(|c: char| c == ',' || c.is_whitespace());
        let items = listed.split(',').map(|item| item.trim().parse());
        Ok(Listed {
            items: match text {
                "," => Vec::new(),
                _ => items.collect::<Result<_, _>>()?,
            },
            goes_on: text.ends_with(','),
        })
    }
}

/// The items of all arguments, in order: for symbols they may have words among them that belong to a list which ends with a
/// comma. Commas alone are as wrong as an empty word.
pub fn flat<T: FromStr + Clone>(arguments: &[Listed<T>]) -> Result<Vec<T>>
where
    T::Err: Display,
{
    let items = arguments.iter().flat_map(|listed| &listed.items);
    let mut items: Vec<T> = items.cloned().collect();
    if items.is_empty() && !arguments.is_empty() {
        let empty = "".parse::<T>();
        items.push(empty.map_err(|error| usage(error.to_string(), "correct it"))?);
    }
    Ok(items)
}

/// A list with what belongs to it of the symbols, where it ends with a comma: a blank behind that has parted them.
pub fn rejoined<S: ToString, T: FromStr + Clone>(
    symbols: &mut Vec<S>,
    arguments: &[Listed<T>],
) -> Result<Vec<T>>
where
    T::Err: Display,
{
    let mut items = flat(arguments)?;
    if arguments.iter().any(|listed| listed.goes_on) {
        symbols.retain(|word| match word.to_string().parse() {
            Ok(item) => {
                items.push(item);
                false
            }
            Err(_) => true,
        });
    }
    Ok(items)
}

/// The timeframes, rejoined. No symbol is left that is one.
pub fn timeframes<S: ToString>(
    symbols: &mut Vec<S>,
    arguments: &[Listed<Timeframe>],
) -> Result<Vec<Timeframe>> {
    let timeframes = rejoined(symbols, arguments)?;
    no_timeframe(symbols, |word| {
        let mut all: Vec<String> = timeframes.iter().map(Timeframe::to_string).collect();
        all.push(word.to_owned());
        let all = all.join(",");
        format!("write it behind -t, several with commas and no blanks: -t {all}")
    })?;
    Ok(timeframes)
}

/// The series of these symbols and timeframes, all of them where none is named.
pub fn choice(symbols: &[Listed<Symbol>], timeframes: &[Listed<Timeframe>]) -> Result<Choice> {
    let mut symbols = flat(symbols)?;
    Ok(Choice {
        timeframes: self::timeframes(&mut symbols, timeframes)?,
        symbols,
        ..Choice::default()
    })
}

/// Refuses a timeframe among the symbols, and says what to do.
pub fn no_timeframe<S: ToString>(symbols: &[S], next: impl Fn(&str) -> String) -> Result<()> {
    let words = symbols.iter().map(S::to_string);
    match { words }.find(|word| word.parse::<Timeframe>().is_ok()) {
        None => Ok(()),
        Some(word) => Err(usage(
            format!("{word} is a timeframe, and stands among the symbols"),
            next(&word),
        )),
    }
}

/// The symbols and timeframes of a command that works on nothing unless it is named.
pub fn series<S: FromStr + Clone + ToString>(
    symbols: &[Listed<S>],
    timeframes: &[Listed<Timeframe>],
) -> Result<(Vec<S>, Vec<Timeframe>)>
where
    S::Err: Display,
{
    let mut symbols = flat(symbols)?;
    let timeframes = self::timeframes(&mut symbols, timeframes)?;
    if symbols.is_empty() {
        return Err(usage("no symbols", "name some, like AAPL MSFT"));
    }
    Ok((symbols, timeframes))
}

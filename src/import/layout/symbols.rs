//! Whose rows are: as was said, as a column says, as stands above the columns, or as the file is called.

use std::path::Path;

use crate::import::columns::{Field, plain};
use crate::import::dialect::{Dialect, rows_of};
use crate::import::name::symbol_of_name;
use crate::import::problem::{Problem, listed};
use crate::import::said::{Said, SymbolFrom};
use crate::model::next::Setting;
use crate::model::symbol::{BadSymbol, Symbol};

/// The place of a column with symbols.
pub(super) fn column_of(head: &[u8], dialect: &Dialect, name: &str) -> Result<usize, Problem> {
    let names = rows_of(head, dialect.delimiter, true)
        .into_iter()
        .next()
        .unwrap_or_default();
    let said = [(Field::Symbol, name.to_owned())];
    let found = if dialect.before > 0 {
        names.iter().position(|held| plain(held) == plain(name))
    } else {
        name.parse::<usize>()
            .ok()
            .and_then(|number| number.checked_sub(1))
            .filter(|at| *at < names.len())
    };
    found.ok_or_else(|| {
        Problem::asked(
            format!(
                "there is no column {:?} with symbols; the columns are {}",
                said[0].1,
                listed(&names)
            ),
            Setting::SymbolFrom.after("correct"),
        )
    })
}

/// Rows of several symbols are not those of one, whatever was said.
pub(super) fn check_one_symbol(
    rows: &[Vec<String>],
    at: usize,
    symbol: &Symbol,
) -> Result<(), Problem> {
    let mut names = rows.iter().filter_map(|row| row.get(at));
    let Some(first) = names.next() else {
        return Ok(());
    };
    match names.find(|name| *name != first) {
        None => Ok(()),
        Some(other) => Err(several(first, other, symbol)),
    }
}

fn several(one: &str, other: &str, symbol: &Symbol) -> Problem {
    Problem::asked(
        format!("it is of several symbols, as {one} and {other}, and was said to be of {symbol}"),
        Setting::Symbol.after("leave out"),
    )
}

/// Whose all rows are; `None` where a column says it.
pub(super) fn whose(
    path: &Path,
    dialect: &Dialect,
    said: &Said,
    notes: &mut Vec<String>,
) -> Result<Option<Symbol>, Problem> {
    match (&said.symbol, dialect.tickers.as_slice()) {
        (Some(SymbolFrom::Is(symbol)), [(one, _), (other, _), ..]) => {
            return Err(several(one, other, symbol));
        }
        (_, [_, _, ..]) => return Ok(None),
        (Some(SymbolFrom::Is(symbol)), _) => return Ok(Some(symbol.clone())),
        (Some(SymbolFrom::FileName), _) => {}
        _ if dialect.columns.at(Field::Symbol).is_some() => return Ok(None),
        (_, [(symbol, _)]) => {
            let bad = |error: BadSymbol| {
                Problem::asked(
                    error.to_string(),
                    Setting::Symbol.with("AAPL").after("say it, as in"),
                )
            };
            return symbol.parse().map(Some).map_err(bad);
        }
        _ => {}
    }
    let symbol = symbol_of_name(path)?;
    notes.push("symbols are from the files' names".to_owned());
    Ok(Some(symbol))
}

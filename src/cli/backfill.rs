//! `candlefile backfill`: fetch what is missing of symbols x timeframes x range.

use std::io::Read;
use std::path::Path;

use crate::backfill::Request;
use crate::model::listing::Adjustment;
use crate::model::range::{BadRange, Moment, Range};
use crate::model::symbol::{BadSymbol, Symbol};
use crate::store::Store;
use anyhow::Result;

use super::args::{Backfill, Global, flat, timeframes};
use super::aside::Aside;
use super::error::{Exit, usage};
use super::jobs::{Fetching, check_key, provider_of, source_of};
use super::planned::{self, Planned};
use super::{output, report};

/// Where it begins unless that is said.
const START: &str = "1y";

pub fn run(global: &Global, args: Backfill) -> Result<Exit> {
    let mut named = flat(&args.symbols)?;
    let timeframes = timeframes(&mut named, &args.timeframes)?;
    let source = &source_of(global, &args.provider);
    let fetching = Fetching::new(global, &args.fetch);
    let provider = match provider_of(global, source) {
        Some(provider) => provider,
        // It says why it cannot be made.
        None => fetching.runner(source, None)?.provider,
    };
    let spelled = |word: &str| provider.symbol(word);
    let named = named.iter().map(|word| spelled(word));
    let named = named
        .collect::<Result<_, _>>()
        .map_err(|error| usage(error.to_string(), "correct it"))?;
    for &timeframe in &timeframes {
        let has_it = provider.check_timeframe(timeframe);
        has_it.map_err(|none| usage(none.to_string(), format!("it has {}", none.has)))?;
    }
    let symbols = symbols(named, args.symbols_file.as_deref(), spelled)?;
    let has_start = args.start.is_some();
    let now = fetching.clock.now();
    let range = Range {
        start: args.start.map_or_else(|| Moment::typed(START, now), Ok)?,
        end: args.end,
    };
    let asked = |symbol, timeframe| {
        let adjusted = Adjustment::for_splits(args.adjusted);
        let asked = provider.asked(symbol, timeframe, adjusted, &range, now);
        asked.map_err(|error| match error {
            BadRange::Reversed { end, .. } if !has_start => usage(
                format!(
                    "without --start the start is {START} ago, and the end {end} is before that"
                ),
                "give a --start that is before the end",
            ),
            error => error.into(),
        })
    };
    let mut series = Vec::new();
    for symbol in &symbols {
        for &timeframe in &timeframes {
            series.push(asked(symbol, timeframe)?);
        }
    }
    // What is wrong by itself was told before what keeps the provider from being asked.
    let runner = fetching.runner(source, None)?;
    let request = Request {
        command: "backfill",
        series,
        start_words: Some(range.start.words().to_owned()),
        end_words: range.end.as_ref().map(|end| end.words().to_owned()),
    };
    let (planned, place) = Planned::on(&global.db, runner, request)?;
    let mut aside = Aside::default();
    aside.count(&planned.targets);
    if args.dry_run {
        return planned::show(global, &[planned], &aside);
    }
    if !planned.is_empty() {
        check_key(global, source)?;
    }
    let Planned {
        runner,
        request,
        targets,
    } = planned;
    let cost = planned::cost([(&runner, targets.as_slice())]);
    drop(targets);
    planned::check_room(global, cost, args.fetch.yes)?;
    let mut store = match place {
        Some(place) => place.open(Store::create)?,
        None => Store::create(&global.db)?,
    };
    fetching.stop_on_signals();
    let monitor = fetching.monitor();
    let report = crate::backfill::run(&mut store, &request, &runner, monitor.as_ref());
    drop((monitor, store));
    report::print(global, &[report?], &aside)
}

/// Whether a line is the first of a CSV file rather than a symbol: one of its fields names the column of symbols.
fn is_header(line: &str) -> bool {
    const NAMES: [&str; 8] = [
        "symbol",
        "symbols",
        "ticker",
        "tickers",
        "act symbol",
        "ticker symbol",
        "stock symbol",
        "symbol name",
    ];
    // Alone and in capitals, these may be tickers.
    const ALSO_TICKERS: [&str; 6] = ["code", "instrument", "name", "security", "stock", "sym"];
    let quotes = |c: char| c.is_whitespace() || "\"':".contains(c);
    let fields: Vec<&str> = line
        .split([',', ';', '\t', '|'])
        .map(|field| field.trim_matches(quotes))
        .collect();
    fields.iter().any(|field| {
        let name = field.to_ascii_lowercase().replace('_', " ");
        let may_be_ticker = fields.len() == 1 && *field == field.to_ascii_uppercase();
        NAMES.contains(&name.as_str()) || (ALSO_TICKERS.contains(&name.as_str()) && !may_be_ticker)
    })
}

/// The symbols of the command line and of the file, each once, in the order given.
fn symbols(
    mut symbols: Vec<Symbol>,
    file: Option<&Path>,
    spelled: impl Fn(&str) -> Result<Symbol, BadSymbol>,
) -> Result<Vec<Symbol>> {
    if let Some(file) = file {
        let mut text = String::new();
        let read = if file == Path::new("-") {
            std::io::stdin().read_to_string(&mut text).map(|_| ())
        } else {
            std::fs::read_to_string(file).map(|read| text = read)
        };
        let name = file.display();
        read.map_err(|error| {
            usage(
                format!(
                    "cannot read the symbols file {name}: {}",
                    output::plain(&error)
                ),
                "name a text file, one symbol a line",
            )
        })?;
        let before = symbols.len();
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let word = line.split('#').next().unwrap_or("").trim();
            if !word.is_empty() {
                if symbols.len() == before && is_header(word) {
                    return Err(usage(
                        format!(
                            "{name}:{}: {word:?} is the header of a table, and no symbol",
                            index + 1
                        ),
                        "leave it out, and write one symbol a line",
                    ));
                }
                let symbol = spelled(word).map_err(|error| {
                    usage(
                        format!("{name}:{}: {error}", index + 1),
                        "write one symbol a line",
                    )
                })?;
                symbols.push(symbol);
            }
        }
        if symbols.len() == before {
            return Err(usage(
                format!("the symbols file {name} holds no symbol"),
                "write one symbol a line",
            ));
        }
    }
    if symbols.is_empty() {
        return Err(usage(
            "no symbols",
            "name some, like AAPL MSFT, or a --symbols-file",
        ));
    }
    let mut seen = std::collections::HashSet::new();
    symbols.retain(|symbol| seen.insert(symbol.clone()));
    Ok(symbols)
}

//! How a table of text is written: what parts its columns, whether its numbers have a comma for a point, and how many lines
//! stand before its rows. Found from what it begins with.

use super::columns::{Columns, Field, is_head_line, plain};
use super::number::number;
use super::problem::{Problem, listed};
use super::said::Said;
use super::stamp::{self, Order};
use crate::model::next::Setting;
use crate::provider::Number;

/// What may part columns, the likeliest first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Lines that are looked at to find it.
const LOOKED_AT: usize = 20;

/// How a table is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    /// Rows before the first one with values.
    pub(super) before: usize,
    /// Whether numbers have a comma for a point.
    pub(super) has_comma: bool,
    pub(super) columns: Columns,
    /// The symbols that stand above the columns, each with its own.
    pub(super) tickers: Vec<(String, Columns)>,
}

/// A reader of rows that may have more or fewer columns than others.
pub(super) fn reader<R: std::io::Read>(text: R, delimiter: u8) -> csv::Reader<R> {
    csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(1 << 16)
        .from_reader(text)
}

/// The rows that a text begins with. The last one is left out where the text goes on behind it.
pub(super) fn rows_of(head: &[u8], delimiter: u8, is_all: bool) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for record in reader(head, delimiter).into_byte_records() {
        let Ok(record) = record else { break };
        let fields = record
            .iter()
            .map(|field| String::from_utf8_lossy(field.trim_ascii()).into_owned());
        rows.push(fields.collect());
    }
    if !is_all {
        rows.pop();
    }
    rows
}

impl Dialect {
    /// How a text is written that begins so, and its rows without those before them.
    pub(super) fn of(
        head: &[u8],
        is_all: bool,
        said: &Said,
    ) -> Result<(Dialect, Vec<Vec<String>>), Problem> {
        if head.contains(&0) {
            return Err(Problem::of_file(
                "it is no text",
                "see what it is, and name its format",
            ));
        }
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        let no_rows = || Problem::of_file("it has no rows", "leave it out");
        if head.trim_ascii().is_empty() {
            return Err(no_rows());
        }
        let delimiter = said.delimiter.map_or_else(|| delimiter(head), Ok)?;
        let mut rows = rows_of(head, delimiter, is_all);
        let Some(first) = rows.first() else {
            return Err(no_rows());
        };
        let (before, columns, tickers) = if let Some(tickers) = with_tickers(&rows, said)? {
            let first = tickers.first().map(|(_, columns)| columns.clone());
            (3, first.unwrap_or_default(), tickers)
        } else if is_head_line(first) || !said.columns.is_empty() && !has_values(first) {
            (1, Columns::named(first, &said.columns)?, Vec::new())
        } else if has_values(first) {
            (0, without_head_line(&rows, said)?, Vec::new())
        } else {
            return Err(Problem::asked(
                format!("which column is what? They are called {}", listed(first)),
                Setting::Columns
                    .with("ts=..,open=..,high=..,low=..,close=..,volume=..")
                    .after("say it, as in"),
            ));
        };
        rows.drain(..before);
        let mut dialect = Dialect {
            delimiter,
            before,
            has_comma: false,
            columns,
            tickers,
        };
        dialect.has_comma = dialect.finds_commas(&rows);
        dialect.prefer_volume(&first_names(head, delimiter), &rows);
        Ok((dialect, rows))
    }

    /// Whether prices have a comma where others have a point.
    fn finds_commas(&self, rows: &[Vec<String>]) -> bool {
        let prices = [Field::Open, Field::High, Field::Low, Field::Close];
        let places: Vec<usize> = prices
            .iter()
            .filter_map(|field| self.columns.at(*field))
            .collect();
        let mut prices = rows
            .iter()
            .flat_map(|row| places.iter().filter_map(|at| row.get(*at)));
        let is_one = |price: &String| {
            price.contains(',') && matches!(number(price.as_bytes(), true), Number::Is(_))
        };
        self.delimiter != b',' && prices.any(is_one)
    }

    /// Brokers count changes of the price where they know of no volume, and that column is all zeros.
    fn prefer_volume(&mut self, names: &[String], rows: &[Vec<String>]) {
        let Some(at) = self.columns.at(Field::Volume).filter(|_| self.before == 1) else {
            return;
        };
        let is_zero = |row: &Vec<String>| {
            row.get(at)
                .is_some_and(|text| number(text.as_bytes(), false) == Number::Is(0.0))
        };
        let ticks = names.iter().position(|name| plain(name) == "tickvol");
        if let Some(ticks) = ticks.filter(|_| !rows.is_empty() && rows.iter().all(is_zero)) {
            let columns = std::mem::take(&mut self.columns);
            self.columns = columns.with(Field::Volume, ticks);
        }
    }
}

fn first_names(head: &[u8], delimiter: u8) -> Vec<String> {
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    rows_of(line, delimiter, true)
        .into_iter()
        .next()
        .unwrap_or_default()
}

/// What parts the columns: the one by which the first lines have the same number of at least five, the largest.
fn delimiter(head: &[u8]) -> Result<u8, Problem> {
    let lines: Vec<&[u8]> = head
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
        .take(LOOKED_AT)
        .collect();
    let head: Vec<u8> = lines.join(&b'\n');
    let width = |delimiter: u8| {
        let rows = rows_of(&head, delimiter, true);
        rows.iter().map(Vec::len).min().unwrap_or(0)
    };
    let widest = DELIMITERS
        .into_iter()
        .rev()
        .map(|delimiter| (width(delimiter), delimiter))
        .max_by_key(|(width, _)| *width);
    // Prices with a comma make more columns of it than what parts them.
    let is_other = |delimiter: &u8| *delimiter != b',' && width(*delimiter) >= 5;
    match (DELIMITERS.into_iter().find(is_other), widest) {
        (Some(other), _) => Ok(other),
        (None, Some((5.., delimiter))) => Ok(delimiter),
        _ => Err(Problem::asked(
            "it is no table of at least five columns that one of , ; tab and | parts",
            Setting::Delimiter
                .with("' '")
                .after("see whether the file is a table of candles, or say it, as in"),
        )),
    }
}

/// Whether a row has values rather than names: its first column that is not empty is a stamp or a number.
fn has_values(row: &[String]) -> bool {
    let is_value = |text: &String| {
        let bytes = text.as_bytes();
        matches!(number(bytes, true), Number::Is(_))
            || matches!(number(bytes, false), Number::Is(_))
            || [Order::Year, Order::Day]
                .into_iter()
                .any(|order| stamp::text(bytes, order).is_some())
    };
    row.iter().filter(|text| is_value(text)).count() * 2 >= row.len()
}

/// Tables whose columns have two names, that of a value and that of a symbol, in either order, over a line with the name of the
/// index: the columns of each symbol.
fn with_tickers(
    rows: &[Vec<String>],
    said: &Said,
) -> Result<Option<Vec<(String, Columns)>>, Problem> {
    let [first, second, index, ..] = rows else {
        return Ok(None);
    };
    let of_index = index.first().map(|name| plain(name)).unwrap_or_default();
    let is_index = ["date", "datetime", "timestamp", "index"].contains(&of_index.as_str())
        && index[1..].iter().all(String::is_empty);
    let (names, tickers) = match (is_head_line(first), is_head_line(second)) {
        (true, false) if is_index => (first, second),
        (false, true) if is_index => (second, first),
        _ => return Ok(None),
    };
    let mut symbols: Vec<&String> = Vec::new();
    for symbol in tickers.iter().skip(1) {
        if !symbol.is_empty() && !symbols.contains(&symbol) {
            symbols.push(symbol);
        }
    }
    let columns = symbols.into_iter().map(|symbol| {
        let own = names.iter().zip(tickers).skip(1).map(|(name, ticker)| {
            let is_own = ticker == symbol;
            if is_own { name.clone() } else { String::new() }
        });
        let own: Vec<String> = std::iter::once("ts".to_owned()).chain(own).collect();
        Ok((symbol.clone(), Columns::named(&own, &said.columns)?))
    });
    columns.collect::<Result<Vec<_>, Problem>>().map(Some)
}

/// What the columns are where nothing says so: by what was said, or in the one order in which they make sense.
fn without_head_line(rows: &[Vec<String>], said: &Said) -> Result<Columns, Problem> {
    use Field::{Close, High, Low, Open, Time, Trades, Ts, Volume};
    let first = &rows[0];
    if !said.columns.is_empty() {
        return Columns::numbered(&said.columns, first.len());
    }
    let is_number = |at: usize| {
        first
            .get(at)
            .is_some_and(|text| matches!(number(text.as_bytes(), false), Number::Is(_)))
    };
    let prices = [Open, High, Low, Close].map(Some);
    let [head, tail]: [&[Option<Field>]; 2] = match (first.len(), is_number(0), is_number(1)) {
        (7, true, true) => [&[Some(Ts)], &[Some(Volume), Some(Trades)]],
        (6, _, true) => [&[Some(Ts)], &[Some(Volume)]],
        (7, _, false) => [&[Some(Ts), Some(Time)], &[Some(Volume)]],
        (width, ..) => {
            return Err(Problem::asked(
                format!(
                    "it has no head line; what are its {width} columns? The first row is {}",
                    listed(first)
                ),
                Setting::Columns
                    .with("ts=1,open=2,high=3,low=4,close=5,volume=6")
                    .after("say it by their numbers, as in"),
            ));
        }
    };
    let order: Vec<Option<Field>> = head
        .iter()
        .copied()
        .chain(prices)
        .chain(tail.iter().copied())
        .collect();
    let columns = Columns::in_order(&order);
    // Any other order of the prices would have highs that are not the highest.
    let price = |row: &Vec<String>, field| {
        let text = row.get(columns.at(field)?)?;
        match number(text.as_bytes(), text.contains(',')) {
            Number::Is(value) => Some(value),
            _ => None,
        }
    };
    let fits = |row: &&Vec<String>| {
        let of = |field| price(row, field);
        let (Some(open), Some(high), Some(low), Some(close)) =
            (of(Open), of(High), of(Low), of(Close))
        else {
            return false;
        };
        high >= open.max(close) && low <= open.min(close)
    };
    let fitting = rows.iter().filter(fits).count();
    if fitting * 100 < rows.len() * 95 {
        return Err(Problem::asked(
            format!(
                "it has no head line, and its columns do not look like time, open, high, low, close: the first row is {}",
                listed(first)
            ),
            Setting::Columns
                .with("ts=1,open=2,high=3,low=4,close=5,volume=6")
                .after("say it by their numbers, as in"),
        ));
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::said::Format;

    fn found(head: &str) -> Result<(u8, usize, bool, usize), String> {
        let dialect = Dialect::of(head.as_bytes(), true, &Said::only(Format::Csv));
        let (dialect, rows) = dialect.map_err(|problem| problem.message)?;
        Ok((
            dialect.delimiter,
            dialect.before,
            dialect.has_comma,
            rows.len(),
        ))
    }

    #[test]
    fn delimiter_decimal_comma_and_head_lines_are_found() {
        for (head, expected) in [
            (
                "date,open,high,low,close,volume\n2024-01-02,1,2,0.5,1.5,10\n",
                (b',', 1, false, 1),
            ),
            (
                "\u{feff}Date;Open;High;Low;Close;Volume\n2024-01-02;1,5;2,5;0,5;1,5;10\n",
                (b';', 1, true, 1),
            ),
            (
                "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\n2024.01.02\t00:00\t1\t2\t0.5\t1.5\t7\n",
                (b'\t', 1, false, 1),
            ),
            (
                "1381093200,122.0,122.0,122.0,122.0,0.1,1\n1381176000,123.61,123.61,123.61,123.61,0.1,1\n",
                (b',', 0, false, 2),
            ),
            ("2024.01.02,09:30,1,2,0.5,1.5,10\n", (b',', 0, false, 1)),
            (
                "Price,Close,High,Low,Open,Volume\nTicker,AAPL,AAPL,AAPL,AAPL,AAPL\nDate,,,,,\n2024-01-02,1,2,0.5,1.5,10\n",
                (b',', 3, false, 1),
            ),
        ] {
            assert_eq!(found(head), Ok(expected), "{head}");
        }
    }

    #[test]
    fn what_is_not_known_of_columns_is_asked_for() {
        for (head, words) in [
            (
                "1381093200,122.0,121.0,123.0,122.0,0.1,1\n",
                "do not look like",
            ),
            ("1,2,3,4,5,6,7,8\n", "what are its 8 columns?"),
            (
                "Tag,Wert,Hoch,Tief,Ende\n2024-01-02,1,2,3,4\n",
                "which column is what?",
            ),
            (
                "Price,Close,Close\nTicker,AAPL,MSFT\nDate,,\n",
                "five columns",
            ),
            ("date,open,high,low,close\0", "no text"),
            (
                ",Close,Close,Open,High,Low\n,AAPL,MSFT,AAPL,AAPL,AAPL\n2024-01-02,1,2,3,4,5\n",
                "several columns are called Close",
            ),
            ("", "no rows"),
        ] {
            let why = found(head).expect_err(head);
            assert!(why.contains(words), "{why}");
        }
    }

    #[test]
    fn of_two_volumes_that_is_taken_which_is_not_all_zeros() {
        let head = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n2024.01.02\t00:00:00\t1\t2\t0.5\t1.5\t7\t0\t1\n";
        let at = |head: &str| {
            let dialect =
                Dialect::of(head.as_bytes(), true, &Said::only(Format::Csv)).expect("a table");
            dialect.0.columns.at(Field::Volume)
        };
        assert_eq!(at(head), Some(6));
        assert_eq!(at(&head.replace("\t7\t0\t", "\t7\t3\t")), Some(7));
    }
}

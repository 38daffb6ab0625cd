//! CSV and JSON Lines. Numbers are written in the shortest form that reads back as the same number, a real with a point or
//! an exponent, so that readers take it for one. Nothing is quoted: no text of ours needs it.

use std::io::{self, Write};

use crate::model::series::SeriesKey;
#[cfg(feature = "serve")]
use crate::view::Batch;

use super::columns::{Column, Part, Row, Value};
use super::compress::Compressor;
use super::days::Days;
use super::format::Format;
use super::sink::Sink;
use super::{ExportError, Series};

/// What differs between the two.
struct Style {
    /// What stands before each column's value.
    leads: Vec<String>,
    quote: &'static str,
    absent: &'static str,
    end: &'static str,
}

impl Style {
    fn of(format: Format, columns: &[Column]) -> Style {
        let lead = |(index, column): (usize, &Column)| match (format, index) {
            (Format::Jsonl, 0) => format!("{{\"{}\":", column.name()),
            (Format::Jsonl, _) => format!(",\"{}\":", column.name()),
            (_, 0) => String::new(),
            (_, _) => ",".to_owned(),
        };
        let leads = columns.iter().enumerate().map(lead).collect();
        let (quote, absent, end) = match format {
            Format::Jsonl => ("\"", "null", "}\n"),
            _ => ("", "", "\n"),
        };
        Style {
            leads,
            quote,
            absent,
            end,
        }
    }
}

/// Writes rows as lines.
pub(crate) struct Lines {
    columns: Vec<Column>,
    series: Series,
    style: Style,
    /// The series of the last row, and what its columns of text say.
    of_series: Option<(usize, Vec<String>)>,
    days: Days,
}

impl Lines {
    fn new(format: Format, columns: &[Column], series: Series) -> Lines {
        Lines {
            columns: columns.to_vec(),
            series,
            style: Style::of(format, columns),
            of_series: None,
            days: Days::default(),
        }
    }

    /// For the candles of one series: everything but what is the same for all of them.
    #[cfg(feature = "serve")]
    pub(crate) fn of_candles(format: Format, key: SeriesKey) -> Lines {
        let mut columns = Column::unasked(true);
        columns.retain(|column| ![Column::SYMBOL, Column::TIMEFRAME].contains(column));
        Lines::new(format, &columns, [key].into())
    }

    #[cfg(feature = "serve")]
    pub(crate) fn row(&mut self, batch: &Batch, at: usize, lines: &mut Vec<u8>) {
        let row = Row {
            series: 0,
            batch,
            at,
        };
        self.write(&row, lines);
    }

    /// The columns' names.
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name()).collect();
        names.join(",") + "\n"
    }

    fn write(&mut self, row: &Row<'_>, lines: &mut Vec<u8>) {
        let texts = match self.of_series.take() {
            Some((series, texts)) if series == row.series => texts,
            _ => self.texts(&self.series[row.series]),
        };
        let style = &self.style;
        for ((column, lead), text) in self.columns.iter().zip(&style.leads).zip(&texts) {
            lines.extend(lead.bytes());
            match column.value() {
                Value::Text(_) | Value::Flag(_) => lines.extend(text.bytes()),
                Value::Time(get) | Value::Whole(get) => match get(row) {
                    Some(whole) => lines.extend(itoa::Buffer::new().format(whole).bytes()),
                    None => lines.extend(style.absent.bytes()),
                },
                Value::Real(get) => match get(row).filter(|real| real.is_finite()) {
                    Some(real) => lines.extend(zmij::Buffer::new().format_finite(real).bytes()),
                    None => lines.extend(style.absent.bytes()),
                },
                Value::TimeText(get) => match get(row) {
                    Some(ts) => {
                        lines.extend(style.quote.bytes());
                        self.days.write(ts, lines);
                        lines.extend(style.quote.bytes());
                    }
                    None => lines.extend(style.absent.bytes()),
                },
            }
        }
        lines.extend(style.end.bytes());
        self.of_series = Some((row.series, texts));
    }

    /// One for each column; empty for those whose values change from row to row.
    fn texts(&self, key: &SeriesKey) -> Vec<String> {
        let quote = self.style.quote;
        let text = |column: &Column| match column.value() {
            Value::Text(get) => format!("{quote}{}{quote}", get(key)),
            Value::Flag(get) => get(key).to_string(),
            _ => String::new(),
        };
        self.columns.iter().map(text).collect()
    }
}

/// The sink.
pub(super) struct Text<W: Write> {
    out: Compressor<W>,
    lines: Lines,
    text: Vec<u8>,
}

impl<W: Write> Text<W> {
    pub(super) fn new(
        format: Format,
        columns: &[Column],
        series: Series,
        out: Compressor<W>,
    ) -> Text<W> {
        let lines = Lines::new(format, columns, series);
        let mut text = Vec::new();
        if format == Format::Csv {
            text.extend(lines.names().bytes());
        }
        Text { out, lines, text }
    }
}

impl<W: Write + Send> Sink for Text<W> {
    fn write(&mut self, parts: &[Part]) -> io::Result<()> {
        for row in parts.iter().flat_map(Part::rows) {
            self.lines.write(&row, &mut self.text);
        }
        self.out.write_all(&self.text)?;
        self.text.clear();
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.out.finish()
    }
}

/// Text is written as it is: it must hold nothing that would have to be quoted, nor begin like a formula. Symbols and
/// timeframes never do; a source is whatever was given with candles from elsewhere.
pub(super) fn check_plain(columns: &[Column], series: &[SeriesKey]) -> Result<(), ExportError> {
    for column in columns {
        let Value::Text(get) = column.value() else {
            continue;
        };
        if let Some(text) = series.iter().map(get).find(|text| !is_plain(text)) {
            let column = column.name();
            return Err(ExportError::NotPlain { column, text });
        }
    }
    Ok(())
}

fn is_plain(text: &str) -> bool {
    !text.starts_with(['=', '+', '-', '@'])
        && !text.contains(|c: char| c.is_control() || "\",\\".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_or_a_line_would_break_on_is_not_plain() {
        for text in ["AAPL", "^GSPC", "BTC/USD", "EURUSD=X", "my csv", "1m"] {
            assert!(is_plain(text), "{text}");
        }
        for text in [
            "=1", "+1", "-1", "@A", "\tA", "\rA", "a,b", "a\"", "a\\", "a\nb",
        ] {
            assert!(!is_plain(text), "{text:?}");
        }
    }
}

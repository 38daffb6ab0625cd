//! `candlefile sql`: a question in SQL about the file. That it only reads is enforced below, in the store.

use std::io::{Read, StdoutLock};
use std::time::Duration;

use crate::model::plain::turns;
use crate::store::{SqlClock, SqlValue, Store, TakeRows};
use anyhow::Result;
use serde_json::{Value, json};

use super::args::{Global, Sql};
use super::document::ListDocument;
use super::error::{Exit, Said, usage};
use super::table::{self, Column};
use super::{output, stderr};

/// How long after its time a question that does not stop is ended.
const GRACE: Duration = Duration::from_secs(1);

pub fn run(global: &Global, args: &Sql) -> Result<Exit> {
    if args.timeout.is_zero() {
        return Err(usage(
            "in no time there is no answer",
            "give --timeout a time like 30s",
        ));
    }
    let store = Store::read(&global.db)?;
    let sql = statement(&args.sql)?;
    let most = (args.limit > 0).then_some(args.limit);
    let clock = SqlClock::new(args.timeout);
    end_with(&clock, global);
    if global.json {
        let mut answer = Json(None);
        let asked = store.sql(&sql, most, &clock, &mut answer);
        return match answer.0 {
            Some(document) => document.end(asked.map(|more| json!({ "truncated": more })), global),
            None => asked.map(|_| Exit::Complete),
        };
    }
    let more = if args.csv {
        let mut answer = Csv(csv::Writer::from_writer(std::io::stdout().lock()));
        let more = store.sql(&sql, most, &clock, &mut answer);
        answer.0.flush()?;
        more?
    } else {
        let mut answer = Table::default();
        let more = store.sql(&sql, most, &clock, &mut answer)?;
        answer.print()?;
        more
    };
    if more {
        output::say(format!(
            "there are more than {} rows: --limit 0 for all",
            output::count(args.limit)
        ));
    }
    Ok(Exit::Complete)
}

/// Ends the process where a hostile file holds SQLite up within one step. It only reads: nothing is lost.
fn end_with(clock: &SqlClock, global: &Global) {
    let (clock, global) = (clock.clone(), global.clone());
    std::thread::spawn(move || {
        while !clock.is_over(GRACE) {
            std::thread::sleep(GRACE / 4);
        }
        // Stdout may be in the hands of the one that is held up.
        let said = Said::of(&global, &clock.error().into());
        said.print(false);
        stderr::settle();
        std::process::exit(said.exit.code());
    });
}

fn statement(words: &str) -> Result<String> {
    if words != "-" {
        return Ok(words.to_owned());
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

/// A value as text; nothing for NULL.
fn text(value: &SqlValue<'_>) -> String {
    match value {
        SqlValue::Null => String::new(),
        SqlValue::Integer(number) => number.to_string(),
        // With a point or an exponent: a reader shall see that it is no integer.
        SqlValue::Real(number) => format!("{number:?}"),
        SqlValue::Text(text) => text.to_string(),
        SqlValue::Blob(bytes) => {
            let mut hex = "x'".to_owned();
            for byte in *bytes {
                hex += &format!("{byte:02x}");
            }
            hex + "'"
        }
    }
}

/// All rows are held, to know how wide they are.
#[derive(Default)]
struct Table {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
    /// By column, whether there was anything else than numbers in it.
    texts: Vec<bool>,
}

impl Table {
    fn print(self) -> Result<()> {
        let columns = self.names.into_iter().zip(self.texts);
        table::print(
            columns.map(|(name, is_text)| Column::of_values(name, !is_text)),
            self.rows,
        )
    }
}

impl TakeRows for Table {
    type Error = anyhow::Error;

    fn columns(&mut self, names: Vec<String>) -> Result<()> {
        self.texts = vec![false; names.len()];
        self.names = names;
        Ok(())
    }

    fn row(&mut self, values: &[SqlValue<'_>]) -> Result<()> {
        for (is_text, value) in self.texts.iter_mut().zip(values) {
            *is_text |= matches!(value, SqlValue::Text(_) | SqlValue::Blob(_));
        }
        self.rows.push(values.iter().map(printable).collect());
        Ok(())
    }
}

/// A file may hold what a terminal takes for an order.
fn printable(value: &SqlValue<'_>) -> String {
    let is_order = |c: char| turns(c) || (c.is_control() && c != '\n' && c != '\t');
    let text = text(value);
    if !text.contains(is_order) {
        return text;
    }
    let plain = |c: char| {
        if is_order(c) {
            c.escape_default().collect()
        } else {
            c.to_string()
        }
    };
    text.chars().map(plain).collect()
}

struct Csv(csv::Writer<StdoutLock<'static>>);

impl TakeRows for Csv {
    type Error = anyhow::Error;

    fn columns(&mut self, names: Vec<String>) -> Result<()> {
        output::begins();
        Ok(self.0.write_record(names)?)
    }

    fn row(&mut self, values: &[SqlValue<'_>]) -> Result<()> {
        Ok(self.0.write_record(values.iter().map(text))?)
    }
}

struct Json(Option<ListDocument>);

impl TakeRows for Json {
    type Error = anyhow::Error;

    fn columns(&mut self, names: Vec<String>) -> Result<()> {
        self.0 = Some(ListDocument::begin(&json!({ "columns": names }), "rows")?);
        Ok(())
    }

    fn row(&mut self, values: &[SqlValue<'_>]) -> Result<()> {
        let row: Value = values
            .iter()
            .map(|value| match value {
                SqlValue::Null => Value::Null,
                SqlValue::Integer(number) => json!(number),
                SqlValue::Real(number) => json!(number),
                other => Value::String(text(other)),
            })
            .collect();
        self.0
            .as_mut()
            .map_or(Ok(()), |document| document.item(&row))
    }
}

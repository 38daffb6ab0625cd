//! Parquet and Arrow files: columns by their names, true timestamps, batch by batch. What this program has exported says of itself
//! what its series are.

mod arrays;
mod meaning;
mod packed;

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;

use arrays::{Names, Row};
use meaning::{check_types, understand};
use packed::{Batches, Packed, open};

use super::columns::{Columns, Field};
use super::dialect::Dialect;
use super::layout::{Kind, Layout};
use super::problem::Problem;
use super::said::Said;
use super::table::{Halt, Whole};
use super::taker::{Raw, Taken, Taker};
use super::text::digest_of;
use crate::model::declared::{Declared, read};
use crate::monitor::Meter;
use crate::provider::{Number, Values};
use crate::run::clock::Cancel;
use crate::run::pipe::Stopped;

/// Rows that a file is understood by,
const HEAD: usize = 1 << 16;
/// and rows that are read and handed on at once.
const AT_ONCE: usize = 8192;

/// A file whose beginning was read.
pub(super) struct Columnar {
    head: Vec<RecordBatch>,
    rest: Batches,
    /// What each batch takes of the file.
    bytes: u64,
    said: Said,
    pub(super) layout: Layout,
    declared: Vec<Declared>,
    path: PathBuf,
}

impl Columnar {
    /// Reads what a file begins with, and what its rows mean.
    pub(super) fn open(path: &Path, said: &Said) -> Result<Columnar, Problem> {
        let Packed {
            schema,
            of_itself,
            mut batches,
            bytes,
        } = open(path, &said.format)?;
        let declared = of_itself.as_deref().and_then(read).unwrap_or_default();
        let names: Vec<String> = schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        let columns = Columns::named(&names, &said.columns)?;
        check_types(&schema, &columns)?;
        let mut head = Vec::new();
        let mut rows = 0;
        while rows < HEAD {
            let Some(batch) = batches.next() else { break };
            let batch = batch.map_err(|error| Problem::unread(&error))?;
            rows += batch.num_rows();
            head.push(batch);
        }
        let mut layout = Layout {
            dialect: Dialect {
                delimiter: b',',
                before: 0,
                has_comma: false,
                columns,
                tickers: Vec::new(),
            },
            kind: Kind::Number(said.unit),
            newest_first: false,
            zone: said.zone,
            symbol: None,
            cuts: HashMap::new(),
            divisor: None,
            days: None,
            notes: Vec::new(),
        };
        let said = said.clone();
        if declared.is_empty() {
            understand(&mut layout, path, &said, &head)?;
        } else if let ([one], None) = (
            declared.as_slice(),
            layout.dialect.columns.at(Field::Symbol),
        ) {
            layout.symbol = Some(one.key.symbol.clone());
        }
        Ok(Columnar {
            head,
            rest: batches,
            bytes,
            said,
            layout,
            declared,
            path: path.to_path_buf(),
        })
    }

    /// See [`super::opened::Opened::covers`].
    pub(super) fn covers(&self) -> bool {
        self.said.covers || !self.declared.is_empty()
    }

    /// Reads the file from a row on, and hands on what its rows come to.
    pub(super) fn read(
        mut self,
        (file, now): (String, i64),
        from: u64,
        cancel: &Cancel,
        meter: &Meter,
        send: &mut dyn FnMut(Taken) -> Result<(), Stopped>,
    ) -> Result<Whole, Halt> {
        let Layout {
            cuts,
            newest_first,
            zone,
            ..
        } = &self.layout;
        let mut taker = Taker::new(&self.said, cuts, *newest_first, file, now).in_zone(*zone);
        taker.declare(&self.declared);
        let mut position = 0;
        let batches = std::mem::take(&mut self.head)
            .into_iter()
            .map(Ok)
            .chain(&mut self.rest);
        for batch in batches {
            let batch = batch?;
            meter.add(self.bytes);
            for first in (0..batch.num_rows()).step_by(AT_ONCE) {
                let part = batch.slice(first, AT_ONCE.min(batch.num_rows() - first));
                let rows = part.num_rows() as u64;
                if position + rows > from {
                    take_all(&part, &self.layout, position, &mut taker)?;
                }
                position += rows;
                if cancel.is_cancelled() {
                    return Err(Halt::Stopped);
                }
                if position > from && taker.is_settled() {
                    send(taker.hand_on(position))?;
                }
            }
        }
        let spans = taker.end()?;
        send(taker.hand_on(position))?;
        let seen = taker.seen;
        Ok(Whole {
            spans,
            seen,
            digest: digest_of(&self.path)?,
            days: None,
            declared: self.declared,
        })
    }

    /// What the first rows come to, one after the other.
    ///
    /// # Errors
    /// As [`Columnar::read`].
    pub(super) fn first(self, now: i64, rows: usize) -> Result<Vec<Taken>, Problem> {
        let Layout {
            cuts,
            newest_first,
            zone,
            ..
        } = &self.layout;
        let mut taker =
            Taker::new(&self.said, cuts, *newest_first, String::new(), now).in_zone(*zone);
        taker.declare(&self.declared);
        let mut all = Vec::with_capacity(rows);
        for batch in &self.head {
            for at in 0..batch.num_rows().min(rows - all.len()) {
                take_all(&batch.slice(at, 1), &self.layout, at as u64, &mut taker)?;
                all.push(taker.hand_on(0));
            }
        }
        Ok(all)
    }
}

/// Takes all rows of a batch, the first of which has so many before it.
fn take_all(
    batch: &RecordBatch,
    layout: &Layout,
    before: u64,
    taker: &mut Taker<'_>,
) -> Result<(), Problem> {
    let columns = Row::of(batch, layout);
    let own = layout
        .symbol
        .as_ref()
        .map(|symbol| symbol.as_str().to_owned());
    let names = |field| Names::of(&columns, field);
    let (symbols, timeframes) = (names(Field::Symbol), names(Field::Timeframe));
    for at in 0..batch.num_rows() {
        let number = |field| columns.number(field, at);
        let values = Values {
            stamp: Number::Absent,
            open: number(Field::Open),
            high: number(Field::High),
            low: number(Field::Low),
            close: number(Field::Close),
            volume: number(Field::Volume),
            vwap: number(Field::Vwap),
            trades: number(Field::Trades),
        };
        let text = || {
            let value = |field: &Field| match (field, columns.number(*field, at)) {
                (Field::Symbol | Field::Timeframe | Field::Ts | Field::Time, _) => String::new(),
                (_, Number::Is(value)) => format!("{field}={value}"),
                (_, Number::Absent | Number::IsNone) => format!("{field}="),
            };
            let values: Vec<String> = Field::ALL
                .iter()
                .map(value)
                .filter(|text| !text.is_empty())
                .collect();
            values.join(",")
        };
        let symbol = own.as_deref().map_or_else(|| symbols.at(at), Cow::Borrowed);
        taker.take(&Raw {
            symbol: symbol.as_bytes(),
            timeframe: timeframes.at(at).as_bytes(),
            stamp: columns
                .stamp(at)
                .ok_or_else(|| "the stamp cannot be read".to_owned()),
            values,
            line: before + at as u64 + 1,
            text: &text,
        })?;
    }
    Ok(())
}

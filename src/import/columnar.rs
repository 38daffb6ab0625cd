//! Parquet and Arrow files: columns by their names, true timestamps, batch by batch. What this program has exported says of itself
//! what its series are.

mod arrays;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_ipc::reader::FileReader;
use arrow_schema::{DataType, SchemaRef};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use arrays::{FIELDS, Names, Row};

use super::columns::{Columns, Field};
use super::dialect::Dialect;
use super::layout::{HeadRow, Kind, Layout};
use super::name::symbol_of_name;
use super::problem::Problem;
use super::said::{Format, Said, SymbolFrom};
use super::table::{Halt, Whole};
use super::taker::{Raw, Taken, Taker};
use super::text::digest_of;
use crate::model::declared::{DECLARED, Declared, read};
use crate::monitor::Meter;
use crate::provider::{Number, Values};
use crate::run::clock::Cancel;
use crate::run::pipe::Stopped;

/// Rows that a file is understood by,
const HEAD: usize = 1 << 16;
/// and rows that are read and handed on at once.
const AT_ONCE: usize = 8192;

type Batches = Box<dyn Iterator<Item = io::Result<RecordBatch>> + Send>;

/// A file whose beginning was read.
pub(super) struct Columnar {
    head: Vec<RecordBatch>,
    rest: Batches,
    said: Said,
    pub(super) layout: Layout,
    declared: Vec<Declared>,
    path: PathBuf,
}

fn unread(error: impl std::error::Error + Send + Sync + 'static) -> Problem {
    Problem::unread(&io::Error::new(io::ErrorKind::InvalidData, error))
}

/// The schema of a file, what it says of itself, and its batches.
fn open(path: &Path, format: &Format) -> Result<(SchemaRef, Option<String>, Batches), Problem> {
    let file = File::open(path).map_err(|error| Problem::unread(&error))?;
    let told = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    if matches!(format, Format::Arrow) {
        let reader = FileReader::try_new_buffered(file, None).map_err(unread)?;
        let said = reader.custom_metadata().get(DECLARED).cloned();
        let batches = reader.map_while_whole(told);
        return Ok((batches.0, said, batches.1));
    }
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(unread)?;
    let pairs = builder.metadata().file_metadata().key_value_metadata();
    let said = pairs
        .into_iter()
        .flatten()
        .find(|pair| pair.key == DECLARED);
    let said = said.and_then(|pair| pair.value.clone());
    let schema = builder.schema().clone();
    let reader = builder.with_batch_size(AT_ONCE).build().map_err(unread)?;
    Ok((
        schema,
        said,
        Box::new(reader.map(move |batch| batch.map_err(told))),
    ))
}

/// An Arrow file's schema and batches.
trait MapWhileWhole {
    fn map_while_whole(
        self,
        told: fn(arrow_schema::ArrowError) -> io::Error,
    ) -> (SchemaRef, Batches);
}

impl MapWhileWhole for FileReader<io::BufReader<File>> {
    fn map_while_whole(
        self,
        told: fn(arrow_schema::ArrowError) -> io::Error,
    ) -> (SchemaRef, Batches) {
        let schema = self.schema();
        (schema, Box::new(self.map(move |batch| batch.map_err(told))))
    }
}

impl Columnar {
    /// Reads what a file begins with, and what its rows mean.
    pub(super) fn open(path: &Path, said: &Said) -> Result<Columnar, Problem> {
        let (schema, of_itself, mut batches) = open(path, &said.format)?;
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
                symbol: None,
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
            said,
            layout,
            declared,
            path: path.to_path_buf(),
        })
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
            for first in (0..batch.num_rows()).step_by(AT_ONCE) {
                let part = batch.slice(first, AT_ONCE.min(batch.num_rows() - first));
                let rows = part.num_rows() as u64;
                if position + rows > from {
                    take_all(&part, &self.layout, position, &mut taker)?;
                    meter.add(rows);
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

/// What rows mean of which the file says nothing beside their columns.
fn understand(
    layout: &mut Layout,
    path: &Path,
    said: &Said,
    head: &[RecordBatch],
) -> Result<(), Problem> {
    let has_column = layout.dialect.columns.at(Field::Symbol).is_some();
    layout.symbol = match &said.symbol {
        Some(SymbolFrom::Is(symbol)) => Some(symbol.clone()),
        Some(SymbolFrom::Column(name)) => {
            let schema = head.first().map(RecordBatch::schema);
            let at = schema.and_then(|schema| schema.index_of(name).ok());
            let at = at.ok_or_else(|| {
                Problem::asked(format!("there is no column {name:?}"), "name another one")
            })?;
            let columns = std::mem::take(&mut layout.dialect.columns);
            layout.dialect.columns = columns.with(Field::Symbol, at);
            None
        }
        None if has_column => None,
        _ => match of_folder(path) {
            Some(symbol) => Some(symbol),
            None => Some(symbol_of_name(path)?),
        },
    };
    let mut rows = Vec::new();
    for batch in head {
        let columns = Row::of(batch, layout);
        rows.extend((0..batch.num_rows()).map(|at| HeadRow {
            symbol: columns.text(Field::Symbol, at).into_owned(),
            timeframe: columns.text(Field::Timeframe, at).into_owned(),
            stamp: columns.stamp(at),
        }));
    }
    let stamps: Vec<i64> = rows
        .iter()
        .filter_map(|row| Some(row.stamp?.local))
        .collect();
    let pairs = || stamps.windows(2);
    layout.newest_first = pairs().filter(|pair| pair[1] < pair[0]).count()
        > pairs().filter(|pair| pair[1] > pair[0]).count();
    layout.find(rows, said)
}

/// The symbol that a folder's name says, as Hive lays files out.
fn of_folder(path: &Path) -> Option<crate::model::symbol::Symbol> {
    let mut folders = path
        .components()
        .rev()
        .skip(1)
        .map(|part| part.as_os_str().to_string_lossy());
    let symbol = folders.find_map(|folder| folder.strip_prefix("symbol=").map(str::to_owned))?;
    percent_encoding::percent_decode_str(&symbol)
        .decode_utf8()
        .ok()?
        .parse()
        .ok()
}

/// That each column that is read is of a kind that can be.
fn check_types(schema: &SchemaRef, columns: &Columns) -> Result<(), Problem> {
    use DataType::{
        Date32, Date64, Dictionary, Float32, Float64, Int8, Int16, Int32, Int64, LargeUtf8, Null,
        Timestamp, UInt8, UInt16, UInt32, UInt64, Utf8, Utf8View,
    };
    for (at, field) in schema.fields().iter().enumerate() {
        let is_read = columns.places().any(|place| place == at);
        let is_known = match field.data_type() {
            Dictionary(_, values) => matches!(**values, Utf8 | LargeUtf8),
            Float32 | Float64 | Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64
            | Utf8 | LargeUtf8 | Utf8View | Timestamp(..) | Date32 | Date64 | Null => true,
            _ => false,
        };
        if is_read && !is_known {
            return Err(Problem::of_file(
                format!(
                    "the column {} is of {}, which is not read",
                    field.name(),
                    field.data_type()
                ),
                "write it as numbers, text or timestamps",
            ));
        }
    }
    Ok(())
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
                (Field::Symbol | Field::Timeframe | Field::Ts, _) => String::new(),
                (_, Number::Is(value)) => format!("{field}={value}"),
                (_, Number::Absent | Number::IsNone) => format!("{field}="),
            };
            let values: Vec<String> = FIELDS
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

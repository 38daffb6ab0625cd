//! Parquet and Arrow files: columns by their names, true timestamps, batch by batch. What this program has exported says of itself
//! what its series are.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_ipc::reader::FileReader;
use arrow_schema::{DataType, SchemaRef, TimeUnit};
use chrono::{Offset as _, TimeZone};
use chrono_tz::Tz;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::columns::{Columns, Field};
use super::dialect::Dialect;
use super::layout::{HeadRow, Kind, Layout};
use super::name::symbol_of_name;
use super::problem::Problem;
use super::said::{Format, Said, SymbolFrom};
use super::stamp::{self, Order, Unit, Written};
use super::table::{Halt, Whole};
use super::taker::{Raw, Taken, Taker};
use super::text::digest_of;
use crate::model::declared::{DECLARED, Declared, read};
use crate::monitor::Meter;
use crate::provider::{Number, Values};
use crate::run::clock::Cancel;
use crate::run::pipe::Stopped;

const DAY: i64 = 86_400;
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
    digest: String,
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
        let digest = digest_of(path).map_err(|error| Problem::unread(&error))?;
        Ok(Columnar {
            head,
            rest: batches,
            said,
            layout,
            declared,
            digest,
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
            digest: self.digest,
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

/// The columns of a batch that are read.
struct Row<'a> {
    columns: HashMap<Field, &'a ArrayRef>,
    unit: Option<Unit>,
    zone: Option<Tz>,
}

const FIELDS: [Field; 10] = [
    Field::Ts,
    Field::Open,
    Field::High,
    Field::Low,
    Field::Close,
    Field::Volume,
    Field::Vwap,
    Field::Trades,
    Field::Symbol,
    Field::Timeframe,
];

impl<'a> Row<'a> {
    fn of(batch: &'a RecordBatch, layout: &Layout) -> Row<'a> {
        let place = |field: &Field| layout.dialect.columns.at(*field);
        let columns = FIELDS
            .iter()
            .filter_map(|field| Some((*field, batch.column(place(field)?))));
        let columns: HashMap<Field, &ArrayRef> = columns.collect();
        let zone = columns
            .get(&Field::Ts)
            .and_then(|column| match column.data_type() {
                DataType::Timestamp(_, Some(name)) => name.parse::<Tz>().ok(),
                _ => None,
            });
        let unit = match layout.kind {
            Kind::Number(unit) => unit,
            _ => None,
        };
        Row {
            columns,
            unit,
            zone,
        }
    }

    fn text(&self, field: Field, at: usize) -> Cow<'a, str> {
        let Some(column) = self
            .columns
            .get(&field)
            .filter(|column| !column.is_null(at))
        else {
            return Cow::Borrowed("");
        };
        text_of(column, at)
    }

    fn number(&self, field: Field, at: usize) -> Number {
        match self.columns.get(&field) {
            None => Number::Absent,
            Some(column) if column.is_null(at) => Number::Absent,
            Some(column) => number_of(column, at),
        }
    }

    fn stamp(&self, at: usize) -> Option<Written> {
        let column = self
            .columns
            .get(&Field::Ts)
            .filter(|column| !column.is_null(at))?;
        let of_unit = |value: i64, in_a_second: i64, has_zone: bool| {
            let instant = value.div_euclid(in_a_second);
            let ahead = has_zone.then(|| self.zone.map_or(0, |zone| ahead_of(zone, instant)));
            Written {
                local: instant + ahead.unwrap_or(0),
                ahead,
                has_time: true,
                is_whole: value.rem_euclid(in_a_second) == 0,
            }
        };
        let of_date = |days: i64| Written {
            local: days * DAY,
            ahead: None,
            has_time: false,
            is_whole: true,
        };
        Some(match column.data_type() {
            DataType::Timestamp(unit, zone) => {
                let has_zone = zone.is_some();
                match unit {
                    TimeUnit::Second => of_unit(
                        column.as_primitive::<TimestampSecondType>().value(at),
                        1,
                        has_zone,
                    ),
                    TimeUnit::Millisecond => of_unit(
                        column.as_primitive::<TimestampMillisecondType>().value(at),
                        1_000,
                        has_zone,
                    ),
                    TimeUnit::Microsecond => of_unit(
                        column.as_primitive::<TimestampMicrosecondType>().value(at),
                        1_000_000,
                        has_zone,
                    ),
                    TimeUnit::Nanosecond => of_unit(
                        column.as_primitive::<TimestampNanosecondType>().value(at),
                        1_000_000_000,
                        has_zone,
                    ),
                }
            }
            DataType::Date32 => of_date(i64::from(column.as_primitive::<Date32Type>().value(at))),
            DataType::Date64 => of_date(
                column
                    .as_primitive::<Date64Type>()
                    .value(at)
                    .div_euclid(DAY * 1000),
            ),
            DataType::Int64 => stamp::number(
                column
                    .as_primitive::<Int64Type>()
                    .value(at)
                    .to_string()
                    .as_bytes(),
                self.unit,
            )?,
            DataType::Float64 => stamp::number(
                column
                    .as_primitive::<Float64Type>()
                    .value(at)
                    .to_string()
                    .as_bytes(),
                self.unit,
            )?,
            _ => {
                let text = text_of(column, at);
                stamp::text(text.as_bytes(), Order::Year)
                    .or_else(|| stamp::number(text.as_bytes(), self.unit))?
            }
        })
    }
}

/// How far a zone's clock is ahead of UTC.
fn ahead_of(zone: Tz, instant: i64) -> i64 {
    let at = zone.timestamp_opt(instant, 0).earliest();
    at.map_or(0, |at| i64::from(at.offset().fix().local_minus_utc()))
}

fn text_of(column: &ArrayRef, at: usize) -> Cow<'_, str> {
    match column.data_type() {
        DataType::Utf8 => Cow::Borrowed(column.as_string::<i32>().value(at)),
        DataType::LargeUtf8 => Cow::Borrowed(column.as_string::<i64>().value(at)),
        DataType::Utf8View => Cow::Borrowed(column.as_string_view().value(at)),
        DataType::Dictionary(..) => {
            let dictionary = column.as_any_dictionary();
            let key = dictionary.normalized_keys()[at];
            Cow::Owned(text_of(dictionary.values(), key).into_owned())
        }
        _ => match number_of(column, at) {
            Number::Is(value) => Cow::Owned(value.to_string()),
            _ => Cow::Borrowed(""),
        },
    }
}

#[allow(clippy::cast_precision_loss)] // Counts and prices.
fn number_of(column: &ArrayRef, at: usize) -> Number {
    Number::Is(match column.data_type() {
        DataType::Float64 => column.as_primitive::<Float64Type>().value(at),
        // The shortest text of it is the number that was meant.
        DataType::Float32 => column
            .as_primitive::<Float32Type>()
            .value(at)
            .to_string()
            .parse()
            .unwrap_or(f64::NAN),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(at) as f64,
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(at) as f64,
        DataType::Int32 => column.as_primitive::<Int32Type>().value(at).into(),
        DataType::UInt32 => column.as_primitive::<UInt32Type>().value(at).into(),
        DataType::Int16 => column.as_primitive::<Int16Type>().value(at).into(),
        DataType::UInt16 => column.as_primitive::<UInt16Type>().value(at).into(),
        DataType::Int8 => column.as_primitive::<Int8Type>().value(at).into(),
        DataType::UInt8 => column.as_primitive::<UInt8Type>().value(at).into(),
        DataType::Utf8 => {
            return super::number::number(column.as_string::<i32>().value(at).as_bytes(), false);
        }
        DataType::LargeUtf8 => {
            return super::number::number(column.as_string::<i64>().value(at).as_bytes(), false);
        }
        _ => return Number::IsNone,
    })
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

/// A column of names of a batch; those of a dictionary are looked up once.
enum Names<'a> {
    Column(Option<&'a ArrayRef>),
    Dictionary(Vec<usize>, Vec<String>, &'a ArrayRef),
}

impl<'a> Names<'a> {
    fn of(row: &Row<'a>, field: Field) -> Names<'a> {
        let column = row.columns.get(&field).copied();
        match column.filter(|column| matches!(column.data_type(), DataType::Dictionary(..))) {
            None => Names::Column(column),
            Some(column) => {
                let dictionary = column.as_any_dictionary();
                let values = dictionary.values();
                let texts = (0..values.len()).map(|at| text_of(values, at).into_owned());
                Names::Dictionary(dictionary.normalized_keys(), texts.collect(), column)
            }
        }
    }

    fn at(&self, at: usize) -> Cow<'_, str> {
        match self {
            Names::Column(Some(column)) if !column.is_null(at) => text_of(column, at),
            Names::Column(_) => Cow::Borrowed(""),
            Names::Dictionary(_, _, column) if column.is_null(at) => Cow::Borrowed(""),
            Names::Dictionary(keys, texts, _) => texts
                .get(keys[at])
                .map_or(Cow::Borrowed(""), |text| Cow::Borrowed(text)),
        }
    }
}

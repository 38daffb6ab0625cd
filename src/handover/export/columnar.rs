//! Parquet and Arrow: rows become record batches, and those become files. Symbols and the like are dictionaries, times
//! timestamps in UTC.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::columns::{Column, Part, Row, Value, rows_of};
use super::days::Days;
use super::sink::Sink;
use super::{Series, Told};
use crate::model::declared::{DECLARED, Declared, written};

const UTC: &str = "UTC";
const MICROS: i64 = 1_000_000;
/// Rows of a Parquet row group.
const ROW_GROUP: usize = 1 << 20;

/// Makes record batches of rows.
pub(super) struct Batches {
    schema: SchemaRef,
    columns: Vec<Column>,
    sorted_by: &'static [Column],
    series: Series,
    told: Told,
    /// One for each column of text: its distinct values, and which of them each series has.
    dictionaries: Vec<Option<(ArrayRef, Vec<i32>)>>,
}

impl Batches {
    /// `sorted_by` are the columns by which the rows of one file come in order, the first one first.
    pub(super) fn new(
        columns: &[Column],
        sorted_by: &'static [Column],
        series: Series,
        told: Told,
    ) -> Batches {
        let field =
            |column: &Column| Field::new(column.name(), data_type(*column), column.may_be_absent());
        let fields: Vec<Field> = columns.iter().map(field).collect();
        let dictionary = |column: &Column| match column.value() {
            Value::Text(get) => Some(dictionary(series.iter().map(get))),
            _ => None,
        };
        Batches {
            schema: Arc::new(Schema::new(fields)),
            dictionaries: columns.iter().map(dictionary).collect(),
            columns: columns.to_vec(),
            sorted_by,
            series,
            told,
        }
    }

    /// One record batch of rows, of as many series as there are.
    fn of(&self, rows: &[Row<'_>]) -> io::Result<RecordBatch> {
        let arrays = self
            .columns
            .iter()
            .zip(&self.dictionaries)
            .map(|(column, dictionary)| self.array(*column, dictionary.as_ref(), rows))
            .collect();
        RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(told)
    }

    fn array(
        &self,
        column: Column,
        dictionary: Option<&(ArrayRef, Vec<i32>)>,
        rows: &[Row<'_>],
    ) -> ArrayRef {
        let rows = rows.iter();
        match column.value() {
            Value::Text(_) => {
                let (values, of_series) = dictionary.expect("made for each column of text");
                let keys = Int32Array::from_iter_values(rows.map(|row| of_series[row.series]));
                Arc::new(DictionaryArray::new(keys, Arc::clone(values)))
            }
            Value::Flag(get) => {
                let flags: Vec<bool> = rows.map(|row| get(&self.series[row.series])).collect();
                Arc::new(BooleanArray::from(flags))
            }
            Value::Time(get) => {
                let micros = rows.map(|row| get(row).map(|ts| ts * MICROS));
                let array: TimestampMicrosecondArray = micros.collect();
                Arc::new(array.with_timezone(UTC))
            }
            Value::TimeText(get) => {
                let mut days = Days::default();
                let texts = rows.map(|row| get(row).map(|ts| days.text(ts)));
                Arc::new(texts.collect::<StringArray>())
            }
            Value::Real(get) => Arc::new(rows.map(get).collect::<Float64Array>()),
            Value::Whole(get) => Arc::new(rows.map(get).collect::<Int64Array>()),
        }
    }
}

fn data_type(column: Column) -> DataType {
    match column.value() {
        Value::Text(_) => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
        Value::Flag(_) => DataType::Boolean,
        Value::Time(_) => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
        Value::TimeText(_) => DataType::Utf8,
        Value::Real(_) => DataType::Float64,
        Value::Whole(_) => DataType::Int64,
    }
}

/// The distinct ones of texts of which equal ones may stand anywhere, and which of them each is.
fn dictionary(texts: impl Iterator<Item = String>) -> (ArrayRef, Vec<i32>) {
    let texts: Vec<String> = texts.collect();
    let mut distinct: Vec<&str> = texts.iter().map(String::as_str).collect();
    distinct.sort_unstable();
    distinct.dedup();
    let place = |text: &String| {
        let found = distinct.binary_search(&text.as_str()).unwrap_or_default();
        i32::try_from(found).unwrap_or(i32::MAX)
    };
    let of_series = texts.iter().map(place).collect();
    (Arc::new(StringArray::from(distinct)), of_series)
}

/// One Parquet file.
pub(super) struct Parquet<W: Write + Send> {
    batches: Arc<Batches>,
    writer: ArrowWriter<W>,
}

impl<W: Write + Send> Parquet<W> {
    pub(super) fn new(batches: Arc<Batches>, out: W) -> io::Result<Parquet<W>> {
        let properties = Some(properties(&batches));
        let schema = Arc::clone(&batches.schema);
        let writer = ArrowWriter::try_new(out, schema, properties).map_err(told)?;
        Ok(Parquet { batches, writer })
    }

    pub(super) fn rows(&mut self, rows: &[Row<'_>]) -> io::Result<()> {
        self.writer.write(&self.batches.of(rows)?).map_err(told)
    }

    /// Ends the file, which says so much of its series.
    pub(super) fn end(mut self, declared: &[Declared]) -> io::Result<()> {
        if !declared.is_empty() {
            let said = KeyValue::new(DECLARED.to_owned(), written(declared));
            self.writer.append_key_value_metadata(said);
        }
        self.writer.close().map_err(told)?;
        Ok(())
    }
}

impl<W: Write + Send> Sink for Parquet<W> {
    fn write(&mut self, parts: &[Part]) -> io::Result<()> {
        self.rows(&rows_of(parts))
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        let declared = Arc::clone(&self.batches.told);
        self.end(&declared)
    }
}

fn properties(batches: &Batches) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("candlefile ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_sorting_columns(sorting(batches));
    for column in &batches.columns {
        // Prices have few distinct values in a row group, and are smallest as a dictionary; times have many.
        if matches!(column.value(), Value::Time(_)) {
            let path = ColumnPath::from(column.name());
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
    }
    properties.build()
}

fn sorting(batches: &Batches) -> Option<Vec<SortingColumn>> {
    let place = |wanted: &Column| batches.columns.iter().position(|column| column == wanted);
    let sorted: Vec<_> = batches
        .sorted_by
        .iter()
        .map_while(place)
        .map(|at| SortingColumn {
            column_idx: i32::try_from(at).unwrap_or_default(),
            descending: false,
            nulls_first: false,
        })
        .collect();
    (!sorted.is_empty()).then_some(sorted)
}

/// One Arrow IPC file.
pub(super) struct Ipc<W: Write> {
    batches: Arc<Batches>,
    writer: FileWriter<BufWriter<W>>,
}

impl<W: Write> Ipc<W> {
    pub(super) fn new(batches: Arc<Batches>, out: W) -> io::Result<Ipc<W>> {
        let options = IpcWriteOptions::default()
            .try_with_compression(Some(CompressionType::ZSTD))
            .map_err(told)?;
        let out = BufWriter::new(out);
        let writer = FileWriter::try_new_with_options(out, &batches.schema, options);
        let mut writer = writer.map_err(told)?;
        if !batches.told.is_empty() {
            writer.write_metadata(DECLARED, written(&batches.told));
        }
        Ok(Ipc { batches, writer })
    }
}

impl<W: Write + Send> Sink for Ipc<W> {
    fn write(&mut self, parts: &[Part]) -> io::Result<()> {
        let batch = self.batches.of(&rows_of(parts))?;
        self.writer.write(&batch).map_err(told)
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.writer.into_inner().map_err(told)?.flush()
    }
}

/// What the libraries say, with the kind that the system gave it.
fn told(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    let kind = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>())
        .map_or(io::ErrorKind::Other, io::Error::kind);
    io::Error::new(kind, error)
}

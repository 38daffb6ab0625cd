//! `export` to Parquet and Arrow: types that other programs understand, the file's own words about itself, and the same
//! candles.
#![cfg(feature = "parquet")]

use std::fs::File;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema, TimeUnit};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;

use super::export::{export, filled, minutes, stored};
use crate::support::harness::Home;
use crate::support::oracle::Candle;

pub(crate) fn text(batch: &RecordBatch, column: &str, row: usize) -> String {
    let array = batch.column_by_name(column).unwrap();
    let dictionary = array.as_dictionary::<Int32Type>();
    let key = usize::try_from(dictionary.keys().value(row)).unwrap();
    dictionary.values().as_string::<i32>().value(key).to_owned()
}

pub(crate) fn candle(batch: &RecordBatch, row: usize) -> Candle {
    let array = |name: &str| batch.column_by_name(name).unwrap();
    let real = |name: &str| {
        let array = array(name).as_primitive::<Float64Type>();
        array.is_valid(row).then(|| array.value(row))
    };
    let micros = array("ts")
        .as_primitive::<TimestampMicrosecondType>()
        .value(row);
    assert_eq!(micros % 1_000_000, 0);
    let trades = array("trades").as_primitive::<Int64Type>();
    Candle {
        ts: micros / 1_000_000,
        open: real("open").unwrap(),
        high: real("high").unwrap(),
        low: real("low").unwrap(),
        close: real("close").unwrap(),
        volume: real("volume"),
        vwap: real("vwap"),
        trades: trades.is_valid(row).then(|| trades.value(row)),
    }
}

fn rows(batches: &[RecordBatch]) -> Vec<(String, String, Candle)> {
    let rows = batches
        .iter()
        .flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
    rows.map(|(batch, row)| {
        (
            text(batch, "symbol", row),
            text(batch, "timeframe", row),
            candle(batch, row),
        )
    })
    .collect()
}

pub(crate) fn parquet(home: &Home, name: &str) -> ParquetRecordBatchReaderBuilder<File> {
    ParquetRecordBatchReaderBuilder::try_new(File::open(home.path(name)).unwrap()).unwrap()
}

fn check_types(schema: &Schema) {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let text = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let real = DataType::Float64;
    let expected = [
        ("symbol", &text, false),
        ("timeframe", &text, false),
        ("ts", &time, false),
        ("open", &real, false),
        ("high", &real, false),
        ("low", &real, false),
        ("close", &real, false),
        ("volume", &real, true),
        ("vwap", &real, true),
        ("trades", &DataType::Int64, true),
        ("known_at", &time, true),
    ];
    let found: Vec<_> = schema
        .fields()
        .iter()
        .map(|f| (f.name().as_str(), f.data_type(), f.is_nullable()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn parquet_holds_every_candle_with_true_types() {
    let home = filled();
    export(&home, "-o out.parquet --known-at").ok();
    let reader = parquet(&home, "out.parquet");
    check_types(reader.schema());
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    assert_eq!(rows(&batches), stored(&home));
}

#[test]
fn parquet_says_of_itself_how_it_is_made() {
    let home = filled();
    export(&home, "-o out.parquet").ok();
    let reader = parquet(&home, "out.parquet");
    let file = reader.metadata().file_metadata();
    assert_eq!(
        file.created_by(),
        Some(concat!("candlefile ", env!("CARGO_PKG_VERSION")))
    );
    for group in reader.metadata().row_groups() {
        let sorted: Vec<_> = group
            .sorting_columns()
            .unwrap()
            .iter()
            .map(|by| (by.column_idx, by.descending))
            .collect();
        assert_eq!(sorted, [(0, false), (1, false), (2, false)]);
        for column in group.columns() {
            assert!(
                matches!(column.compression(), Compression::ZSTD(_)),
                "{column:?}"
            );
            let statistics = column.statistics().unwrap();
            assert!(statistics.min_bytes_opt().is_some() && statistics.null_count_opt().is_some());
        }
    }
    // What is not sorted is not said to be.
    export(&home, "-o ts.parquet --columns ts,close").ok();
    let reader = parquet(&home, "ts.parquet");
    assert!(
        reader
            .metadata()
            .row_groups()
            .iter()
            .all(|group| group.sorting_columns().is_none())
    );
}

#[test]
fn a_row_group_has_about_a_million_rows_of_whatever_series() {
    let home = filled();
    minutes(&home, 11, 100_000);
    export(&home, "-t 1m -o out.parquet").ok();
    let reader = parquet(&home, "out.parquet");
    let groups: Vec<i64> = reader
        .metadata()
        .row_groups()
        .iter()
        .map(parquet::file::metadata::RowGroupMetaData::num_rows)
        .collect();
    assert_eq!(groups, [1 << 20, 1_100_000 - (1 << 20)]);
}

#[test]
fn arrow_holds_the_same() {
    let home = filled();
    for name in ["out.arrow", "out.feather"] {
        export(&home, &format!("-o {name} --known-at")).ok();
        let reader =
            arrow_ipc::reader::FileReader::try_new(File::open(home.path(name)).unwrap(), None)
                .unwrap();
        check_types(&reader.schema());
        let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
        assert_eq!(rows(&batches), stored(&home));
    }
}

#[test]
fn columns_of_every_kind_have_a_type() {
    let home = filled();
    let words = "--columns adjusted,source,datetime,known_at AAPL -t 1d";
    export(&home, &format!("-o out.parquet {words}")).ok();
    let batch = parquet(&home, "out.parquet")
        .build()
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    assert!(!batch.column(0).as_boolean().value(0));
    assert_eq!(text(&batch, "source", 0), "sample");
    assert_eq!(
        batch.column(2).as_string::<i32>().value(0),
        "2023-12-28T00:00:00Z"
    );
    let completed = home.db().count("SELECT min(completed_at) FROM backfill_progress WHERE series_id = (SELECT id FROM series WHERE symbol = 'AAPL' AND timeframe = '1d')");
    assert_eq!(
        batch
            .column(3)
            .as_primitive::<TimestampMicrosecondType>()
            .value(0),
        completed * 1_000_000
    );
}

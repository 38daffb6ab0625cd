//! `--as parquet` and `--as arrow`: what this program exports comes back whole, and what others write by its columns.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::{counts, held, import};
use crate::support::checker::check_books;
use crate::support::db::Db;
use crate::support::harness::Home;

/// A file with series of several kinds, and with coverage that begins before and ends behind their candles.
fn filled() -> Home {
    let home = Home::new();
    home.sample("AAPL X:BTCUSD C:EURUSD I:NDX -t 1d,1h,1w,1mo --start 2022-03-02 --end 2024-02-24")
        .ok();
    home.sample("MSFT --adjusted -t 1d --start 2023-01-01 --end 2024-02-28")
        .ok();
    home
}

#[test]
fn what_was_exported_whole_comes_back_as_an_equal_file() {
    let home = filled();
    let spans = "SELECT count(*) FROM coverage";
    assert_eq!(home.db().count(spans), 17);
    for (words, file, format) in [
        ("export -o all.parquet", "all.parquet", "parquet"),
        ("export -o all.arrow", "all.arrow", "arrow"),
        ("export --layout hive -o hive", "hive", "parquet"),
    ] {
        home.cli(words.split(' ')).run().ok();
        let other = format!("{file}.db");
        let run = |words: &str| home.cli(words.split(' ')).without_db().run();
        let report = run(&format!("--db {other} --json import {file} --as {format}"))
            .ok()
            .json();
        assert_eq!(counts(&report["records"])[4], 0);
        run(&format!("diff market.db {other}")).ok();
        check_books(&Db::open(&home.path(&other)));
        let of = "SELECT group_concat(symbol || timeframe || source || adjusted || market || grid || coalesce(currency, '-') || coalesce(week_start, '-'), ';')
                  FROM (SELECT * FROM series ORDER BY symbol, timeframe)";
        assert_eq!(
            Db::open(&home.path(&other)).text(of),
            home.db().text(of),
            "{file}"
        );
    }
}

#[test]
fn a_part_covers_no_more_than_was_exported() {
    let home = Home::new();
    home.sample("AAPL -t 1d --start 2024-01-02 --end 2024-03-28")
        .ok();
    home.cli([
        "export",
        "--start",
        "2024-02-01",
        "--end",
        "2024-02-29",
        "-o",
        "part.parquet",
    ])
    .run()
    .ok();
    home.cli([
        "--db",
        "other.db",
        "import",
        "part.parquet",
        "--as",
        "parquet",
    ])
    .without_db()
    .run()
    .ok();
    let day = |date: &str| {
        date.parse::<chrono::NaiveDate>()
            .unwrap()
            .and_time(chrono::NaiveTime::MIN)
            .and_utc()
            .timestamp()
    };
    assert_eq!(
        Db::open(&home.path("other.db")).coverage("AAPL", "1d"),
        [(day("2024-02-01"), day("2024-03-01"))]
    );
}

/// A file as others write it, packed as they do.
fn foreign(home: &Home, name: &str, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let path = home.path(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .build();
    let mut writer = ArrowWriter::try_new(
        std::fs::File::create(path).unwrap(),
        batch.schema(),
        Some(properties),
    )
    .unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// A file as pandas writes it.
pub(super) fn feather(home: &Home, name: &str) {
    let stamps: ArrayRef =
        Arc::new(TimestampNanosecondArray::from(HOURS.to_vec()).with_timezone("UTC"));
    let volumes: ArrayRef = Arc::new(Float64Array::from(vec![7.0, 8.0]));
    let mut columns = prices();
    columns.pop();
    columns.extend([("date", stamps), ("volume", volumes)]);
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = std::fs::File::create(home.path(name)).unwrap();
    let mut writer = arrow_ipc::writer::FileWriter::try_new(file, &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
}

/// Two hours of 2024-01-02, in nanoseconds.
const HOURS: [i64; 2] = [1_704_207_600_000_000_000, 1_704_211_200_000_000_000];

fn prices() -> Vec<(&'static str, ArrayRef)> {
    let prices = || -> ArrayRef { Arc::new(Float64Array::from(vec![1.0, 2.0])) };
    let mut columns: Vec<(&str, ArrayRef)> = ["Open", "High", "Low", "Close"]
        .map(|name| (name, prices()))
        .to_vec();
    columns.push(("Volume", Arc::new(Int64Array::from(vec![Some(7), None]))));
    columns
}

#[test]
fn files_of_others_are_taken_by_their_columns() {
    let home = Home::new();
    let stamps: ArrayRef =
        Arc::new(TimestampNanosecondArray::from(HOURS.to_vec()).with_timezone("UTC"));
    let symbols: ArrayRef = Arc::new(StringArray::from(vec!["BTC", "BTC"]));
    let mut columns = prices();
    columns.extend([("timestamp", stamps), ("ticker", symbols)]);
    foreign(&home, "a.parquet", columns);
    let report = import(&home, "a.parquet --as parquet --market 24/7")
        .ok()
        .json();
    assert_eq!(counts(&report["records"]), [2, 1, 0, 0, 1]);
    assert_eq!(held(&home, "BTC", "1h"), ["2024-01-02 15:00 1 7"]);
    let rejected = home.db().text("SELECT reason || '|' || raw FROM rejected");
    assert!(
        rejected.starts_with("volume is missing|a.parquet:2: open=2,"),
        "{rejected}"
    );
    // Without a zone, in a folder that says the symbol.
    let stamps: ArrayRef = Arc::new(TimestampNanosecondArray::from(HOURS.to_vec()));
    let mut columns = prices();
    columns.push(("datetime", stamps));
    foreign(&home, "set/symbol=X%3AETHUSD/part.parquet", columns);
    home.cli(["import", "set", "--as", "parquet"])
        .run()
        .exit(2)
        .says(&["no zone", "--tz"]);
    import(&home, "set --as parquet --tz UTC").ok();
    assert_eq!(held(&home, "X:ETHUSD", "1h"), ["2024-01-02 15:00 1 7"]);
}

#[test]
fn a_file_that_is_none_of_the_format_is_told() {
    let home = Home::new();
    std::fs::write(home.path("a.parquet"), "no parquet").unwrap();
    for format in ["parquet", "arrow"] {
        home.cli(["import", "a.parquet", "--as", format])
            .run()
            .exit(1)
            .says(&["a.parquet", "cannot be read"]);
    }
}

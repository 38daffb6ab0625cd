//! A provider of one's own: a folder with a CSV file for each series, `AAPL-1d.csv`, with the columns
//! `stamp_ms,open,high,low,close,volume`. It is asked through the same path as those that are built in: plans, retries,
//! coverage, counts, and the whole command line.
//!
//! `CANDLES=folder cargo run --example custom_provider -- backfill AAPL --provider folder --start 2024-01-02`

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use candlefile::Cancel;
use candlefile::model::{Cells, Listing, Market, MarketCode, Symbol, Timeframe, Timeframes};
use candlefile::provider::{
    Ask, AssetClass, Cursor, ErrorKind, Number, Page, Provider, ProviderError, Registry, Row, Spec,
    Values,
};
use chrono::Weekday;

const NAME: &str = "folder";

fn main() {
    let folder = std::env::var_os("CANDLES").unwrap_or_else(|| OsString::from("candles"));
    let registry = Registry::default().with(spec(Path::new(&folder)));
    std::process::exit(candlefile::cli::main_with(registry, std::env::args_os()));
}

/// What the command line says of it, and how it is made.
pub(crate) fn spec(folder: &Path) -> Spec {
    let folder = folder.to_path_buf();
    Spec {
        name: NAME.into(),
        aliases: Vec::new(),
        about: "CSV files in a folder".into(),
        keys: Vec::new(),
        base_url: None,
        asset_classes: vec![AssetClass::Stock],
        covers: "what the folder holds".into(),
        default_rate: None,
        limits: "none".into(),
        files: None,
        make: Arc::new(move |_| {
            Ok(Arc::new(Folder {
                folder: folder.clone(),
                questions: AtomicU64::new(0),
            }))
        }),
    }
}

struct Folder {
    folder: PathBuf,
    questions: AtomicU64,
}

impl Provider for Folder {
    fn name(&self) -> &str {
        NAME
    }

    fn week_start(&self) -> Weekday {
        Weekday::Mon
    }

    fn listing(&self, _: &Symbol) -> Listing {
        Listing::on(MarketCode::XNYS)
    }

    fn timeframes(&self) -> Timeframes {
        Timeframes::Only(vec![Timeframe::Minutes(1), Timeframe::Day])
    }

    /// A file is read as a whole, however long: to cut what is asked of it would only read it more often.
    fn cells(&self, _: &Market) -> Cells {
        Cells::ENDLESS
    }

    fn fetch(&self, ask: &Ask, _: Option<&Cursor>, _: &Cancel) -> Result<Page, ProviderError> {
        self.questions.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{}.csv", ask.symbol, ask.market.timeframe());
        let table = match fs::read_to_string(self.folder.join(&name)) {
            Ok(table) => table,
            // A file that is not there is a series without data; one that cannot be read is none.
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(ProviderError {
                    kind: ErrorKind::Slice,
                    message: format!("{name} cannot be read: {error}"),
                    attempts: 1,
                });
            }
        };
        // The file holds more than was asked for. Of what is left nothing is believed: each row is admitted or refused.
        let rows = table.lines().skip(1).map(row);
        Ok(Page::of(ask, rows.filter(|row| is_asked(ask, row))))
    }

    fn requests(&self) -> u64 {
        self.questions.load(Ordering::Relaxed)
    }
}

/// What stands in a line. What is no number spoils its own row alone.
fn row(line: &str) -> Row<'_> {
    let fields: Vec<Number> = line.split(',').map(number).collect();
    let values = match *fields.as_slice() {
        [stamp, open, high, low, close, volume] => Ok(Values {
            stamp,
            open,
            high,
            low,
            close,
            volume,
            ..Values::default()
        }),
        _ => Err(format!("the row has {} columns and not six", fields.len())),
    };
    Row {
        values,
        raw: line.into(),
    }
}

fn number(text: &str) -> Number {
    match text.trim() {
        "" => Number::Absent,
        text => text.parse().map_or(Number::IsNone, Number::Is),
    }
}

/// Whether a row may belong to what was asked; one without a stamp may.
#[allow(clippy::cast_possible_truncation)] // A stamp of this age.
fn is_asked(ask: &Ask, row: &Row<'_>) -> bool {
    match row.values.as_ref().map(|values| values.stamp) {
        Ok(Number::Is(stamp)) => {
            let instant = (stamp / 1000.0).floor() as i64;
            ask.span.contains(ask.market.stamped(instant))
        }
        _ => true,
    }
}

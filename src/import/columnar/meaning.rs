//! What the columns of a file mean that says nothing of itself beside their names and types.

use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, SchemaRef};

use super::arrays::Row;
use crate::import::columns::{Columns, Field};
use crate::import::layout::{HeadRow, Layout};
use crate::import::name::symbol_of_name;
use crate::import::problem::Problem;
use crate::import::said::{Said, SymbolFrom};
use crate::model::symbol::Symbol;

/// What rows mean of which the file says nothing beside their columns.
pub(super) fn understand(
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
fn of_folder(path: &Path) -> Option<Symbol> {
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
pub(super) fn check_types(schema: &SchemaRef, columns: &Columns) -> Result<(), Problem> {
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

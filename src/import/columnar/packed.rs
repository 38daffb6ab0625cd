//! Parquet and Arrow files as they lie there: their columns, what they say of themselves, and their batches.

use std::fs::File;
use std::io;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_ipc::reader::FileReader;
use arrow_schema::SchemaRef;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::AT_ONCE;
use crate::import::problem::Problem;
use crate::import::said::Format;
use crate::model::declared::DECLARED;

pub(super) type Batches = Box<dyn Iterator<Item = io::Result<RecordBatch>> + Send>;

fn unread(error: impl std::error::Error + Send + Sync + 'static) -> Problem {
    Problem::unread(&io::Error::new(io::ErrorKind::InvalidData, error))
}

/// A file that was opened: its columns, what it says of itself, and its batches with the bytes of which each is, about.
pub(super) struct Packed {
    pub(super) schema: SchemaRef,
    pub(super) of_itself: Option<String>,
    pub(super) batches: Batches,
    pub(super) bytes: u64,
}

pub(super) fn open(path: &Path, format: &Format) -> Result<Packed, Problem> {
    let file = File::open(path).map_err(|error| Problem::unread(&error))?;
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    if matches!(format, Format::Arrow) {
        let reader = FileReader::try_new_buffered(file, None).map_err(unread)?;
        return Ok(Packed {
            schema: reader.schema(),
            of_itself: reader.custom_metadata().get(DECLARED).cloned(),
            bytes: size / reader.num_batches().max(1) as u64,
            batches: Box::new(reader.map(|batch| batch.map_err(damaged))),
        });
    }
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(unread)?;
    let metadata = builder.metadata().file_metadata();
    let pairs = metadata.key_value_metadata().into_iter().flatten();
    let said = { pairs }.find(|pair| pair.key == DECLARED);
    let of_itself = said.and_then(|pair| pair.value.clone());
    let batches = metadata.num_rows().unsigned_abs().div_ceil(AT_ONCE as u64);
    let schema = builder.schema().clone();
    let reader = builder.with_batch_size(AT_ONCE).build().map_err(unread)?;
    Ok(Packed {
        schema,
        of_itself,
        bytes: size / batches.max(1),
        batches: Box::new(reader.map(|batch| batch.map_err(damaged))),
    })
}

fn damaged(error: arrow_schema::ArrowError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

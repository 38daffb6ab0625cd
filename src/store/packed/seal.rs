//! The seal of a packed file: the tables `manifest` and `seal`, read and taken off. What they say is judged elsewhere.

use rusqlite::{Connection, OptionalExtension, Row};

use crate::model::digest::Digest;
use crate::model::manifest::{Manifest, ManifestEntry};
use crate::model::span::{Span, SpanSet};
use crate::store::candles::key::{KEY, key_columns, key_of};
use crate::store::file::stamp::stamp_if_any;
use crate::store::{Store, StoreError, told};

/// The tables that a packed file has beside the schema's.
pub(in crate::store) const SQL: &str = include_str!("../../../manifest.sql");

/// The text before the last 32 bytes of a packed file.
pub(crate) const MARK: &str = "candlefile seal";

/// What was freed is overwritten: no seal may be found in a page that is not used any more.
pub(in crate::store) const UNSEAL: &str =
    "PRAGMA secure_delete = ON; DROP TABLE IF EXISTS seal; DROP TABLE IF EXISTS manifest;
    PRAGMA secure_delete = OFF";

/// What a packed file says of itself.
#[derive(Clone, Debug)]
pub struct Seal {
    /// Its series, and the digest over them that it states.
    pub manifest: Manifest,
    /// The digest of the whole file that it states.
    pub file_digest: Digest,
}

pub(in crate::store) fn is_sealed(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name IN ('manifest', 'seal'))";
    connection.query_row(sql, [], |row| row.get(0))
}

impl Store {
    /// Whether the file is a packed one.
    pub fn is_packed(&self) -> bool {
        self.sealed.get()
    }

    /// What a packed file says of itself, unjudged; `None` for a working file.
    ///
    /// # Errors
    /// The file cannot be read, or has half a seal.
    pub(crate) fn seal(&self) -> Result<Option<Seal>, StoreError> {
        if !self.sealed.get() {
            return Ok(None);
        }
        let read = || {
            let columns = key_columns("manifest", self.format);
            let sql = format!(
                "SELECT {columns}, week_start, candles, first_ts, last_ts, coverage, digest FROM manifest
                 ORDER BY symbol, timeframe"
            );
            let series = self
                .connection
                .prepare(&sql)?
                .query_map([], entry_of)?
                .collect::<rusqlite::Result<Vec<ManifestEntry>>>()?;
            let sql = "SELECT format, program, digest, file_digest FROM seal";
            let seal = self.connection.query_row(sql, [], |row| {
                Ok(Seal {
                    manifest: Manifest {
                        format: row.get(0)?,
                        program: row.get(1)?,
                        series: Vec::new(),
                        digest: digest_of(row, 2)?,
                    },
                    file_digest: row.get::<_, [u8; 32]>(3)?.into(),
                })
            });
            Ok(seal.optional()?.map(|mut seal| {
                seal.manifest.series = series;
                seal
            }))
        };
        read().map_err(told(&self.path))?.map_or_else(
            || {
                Err(StoreError::Damaged {
                    path: self.path.clone(),
                    why: "its seal is empty".into(),
                })
            },
            |seal| Ok(Some(seal)),
        )
    }
}

fn entry_of(row: &Row<'_>) -> rusqlite::Result<ManifestEntry> {
    let coverage: String = row.get(KEY + 4)?;
    let spans: Vec<(i64, i64)> =
        serde_json::from_str(&coverage).map_err(|error| unreadable(KEY + 4, error))?;
    Ok(ManifestEntry {
        key: key_of(row, 0)?,
        week_start: row.get(KEY)?,
        candles: row.get::<_, i64>(KEY + 1)?.cast_unsigned(),
        first_ts: stamp_if_any(row, KEY + 2)?,
        last_ts: stamp_if_any(row, KEY + 3)?,
        coverage: spans
            .into_iter()
            .filter_map(|(start, end)| Span::new(start, end))
            .collect::<SpanSet>(),
        digest: digest_of(row, KEY + 5)?,
    })
}

fn digest_of(row: &Row<'_>, at: usize) -> rusqlite::Result<Digest> {
    row.get::<_, String>(at)?
        .parse()
        .map_err(|error| unreadable(at, error))
}

fn unreadable(at: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, Box::new(error))
}

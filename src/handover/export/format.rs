//! The formats of an export, and which one a file's name means. No I/O.

use std::fmt;
use std::path::Path;

use crate::model::next::{Next, Setting};

/// What candles are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Apache Parquet.
    Parquet,
    /// Apache Arrow IPC, the file form, also known as Feather.
    Arrow,
    /// Comma-separated values with a head line.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// What text is compressed with. The other formats compress by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Compression {
    /// Nothing.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

/// A format with what its text is compressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// The format.
    pub format: Format,
    /// The compression; only text has one.
    pub compression: Compression,
}

/// A name that tells no format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadFormat {
    /// The suffix is none of the known ones.
    #[error("the file's name does not tell the format")]
    Unknown,
    /// It compresses by itself.
    #[error("{0} compresses by itself")]
    Compressed(Format),
}

impl BadFormat {
    /// What to do about it.
    pub fn next(self) -> Next {
        match self {
            BadFormat::Unknown => Next::Or(vec![
                Next::words("end it in .parquet, .arrow, .csv, .jsonl, .csv.gz or the like"),
                Setting::Format.after("say"),
            ]),
            BadFormat::Compressed(_) => Next::words("leave .gz or .zst out of the name"),
        }
    }
}

impl Encoding {
    /// What a file's name says, unless the format is given.
    ///
    /// # Errors
    /// The name tells no format, or a compression for a format that has its own.
    pub fn of(path: &Path, given: Option<Format>) -> Result<Encoding, BadFormat> {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        let (stem, compression) = [(".gz", Compression::Gzip), (".zst", Compression::Zstd)]
            .into_iter()
            .find_map(|(suffix, compression)| Some((name.strip_suffix(suffix)?, compression)))
            .unwrap_or((&name, Compression::None));
        let format = given.or_else(|| named(stem)).ok_or(BadFormat::Unknown)?;
        if compression != Compression::None && !format.is_text() {
            return Err(BadFormat::Compressed(format));
        }
        Ok(Encoding {
            format,
            compression,
        })
    }
}

fn named(name: &str) -> Option<Format> {
    match name.rsplit_once('.')?.1 {
        "parquet" => Some(Format::Parquet),
        "arrow" | "feather" => Some(Format::Arrow),
        "csv" => Some(Format::Csv),
        "jsonl" | "ndjson" => Some(Format::Jsonl),
        _ => None,
    }
}

impl Format {
    /// Its name for scripts.
    pub fn name(self) -> &'static str {
        match self {
            Format::Parquet => "parquet",
            Format::Arrow => "arrow",
            Format::Csv => "csv",
            Format::Jsonl => "jsonl",
        }
    }

    /// Whether it is lines of text.
    pub fn is_text(self) -> bool {
        matches!(self, Format::Csv | Format::Jsonl)
    }
}

impl Compression {
    /// Its name for scripts, if it is one.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Compression::None => None,
            Compression::Gzip => Some("gzip"),
            Compression::Zstd => Some("zstd"),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Parquet => "Parquet",
            Format::Arrow => "Arrow",
            Format::Csv => "CSV",
            Format::Jsonl => "JSON Lines",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_format_and_the_compression() {
        let of = |name: &str| Encoding::of(name.as_ref(), None).map(|e| (e.format, e.compression));
        for (name, format, compression) in [
            ("a.parquet", Format::Parquet, Compression::None),
            ("a.b/A.ARROW", Format::Arrow, Compression::None),
            ("a.feather", Format::Arrow, Compression::None),
            ("a.csv", Format::Csv, Compression::None),
            ("a.csv.gz", Format::Csv, Compression::Gzip),
            ("a.jsonl.zst", Format::Jsonl, Compression::Zstd),
            ("a.ndjson", Format::Jsonl, Compression::None),
        ] {
            assert_eq!(of(name), Ok((format, compression)), "{name}");
        }
        for name in ["a", "csv", "a.txt", "a.gz", "a.csv.bz2", "a.csv/b", ""] {
            assert_eq!(of(name), Err(BadFormat::Unknown), "{name}");
        }
        assert_eq!(
            of("a.parquet.gz"),
            Err(BadFormat::Compressed(Format::Parquet))
        );
    }

    #[test]
    fn a_given_format_comes_before_the_name() {
        let of = |name: &str, format| Encoding::of(name.as_ref(), Some(format));
        let csv = of("a.parquet", Format::Csv).map(|e| (e.format, e.compression));
        assert_eq!(csv, Ok((Format::Csv, Compression::None)));
        let gzip = of("a.gz", Format::Jsonl).map(|e| (e.format, e.compression));
        assert_eq!(gzip, Ok((Format::Jsonl, Compression::Gzip)));
        assert!(of("a.gz", Format::Arrow).is_err());
    }
}

//! Text on its way into a file: as it is, through gzip or through Zstandard. It must never know what the text says.

use std::io::{self, Write};

use flate2::write::GzEncoder;

use super::error::ExportError;
use super::format::Compression;

pub(super) enum Compressor<W: Write> {
    None(W),
    Gzip(Box<GzEncoder<W>>),
    #[cfg(feature = "compress")]
    Zstd(Box<zstd::Encoder<'static, W>>),
}

impl<W: Write> Compressor<W> {
    pub(super) fn new(compression: Compression, out: W) -> Result<Compressor<W>, ExportError> {
        match compression {
            Compression::None => Ok(Compressor::None(out)),
            Compression::Gzip => {
                let level = flate2::Compression::default();
                Ok(Compressor::Gzip(Box::new(GzEncoder::new(out, level))))
            }
            #[cfg(feature = "compress")]
            Compression::Zstd => {
                let mut encoder = zstd::Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)?;
                encoder.include_checksum(true)?;
                Ok(Compressor::Zstd(Box::new(encoder)))
            }
            #[cfg(not(feature = "compress"))]
            Compression::Zstd => Err(ExportError::NotBuilt {
                what: "Zstandard",
                feature: "compress",
            }),
        }
    }

    /// Writes what is still held back.
    pub(super) fn finish(self) -> io::Result<()> {
        match self {
            Compressor::None(out) => Ok(out),
            Compressor::Gzip(encoder) => encoder.finish(),
            #[cfg(feature = "compress")]
            Compressor::Zstd(encoder) => encoder.finish(),
        }?
        .flush()
    }
}

impl<W: Write> Write for Compressor<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Compressor::None(out) => out.write(bytes),
            Compressor::Gzip(encoder) => encoder.write(bytes),
            #[cfg(feature = "compress")]
            Compressor::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Compressor::None(out) => out.flush(),
            Compressor::Gzip(encoder) => encoder.flush(),
            #[cfg(feature = "compress")]
            Compressor::Zstd(encoder) => encoder.flush(),
        }
    }
}

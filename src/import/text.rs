//! The bytes of a file on their way in: counted, digested, and unpacked. It must never know what the text says.

mod utf16;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::CrcReader;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder};
use sha2::{Digest as _, Sha256};
use utf16::Utf16;
use zip::{CompressionMethod, ZipArchive};

use crate::monitor::Meter;

/// Read at once.
const BUFFER: usize = 256 * 1024;

/// The digest of what was read so far.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Sha256>>);

impl Seen {
    fn add(&self, bytes: &[u8]) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .update(bytes);
    }

    fn digest(&self) -> String {
        let seen = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        hex(&seen.finalize())
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

struct Counted {
    file: File,
    seen: Seen,
    meter: Meter,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.seen.add(&buffer[..read]);
        self.meter.add(read as u64);
        Ok(read)
    }
}

/// A file that is read once, from its beginning to its end.
pub(super) struct Text {
    reader: Box<dyn BufRead + Send>,
    rest: File,
    seen: Seen,
    meter: Meter,
    /// The file in an archive whose text it is.
    pub(super) member: Option<String>,
}

impl Text {
    /// Opens a file: as it is, or out of gzip or Zstandard, by its first bytes.
    pub(super) fn open(path: &Path, meter: &Meter) -> io::Result<Text> {
        let file = File::open(path)?;
        let (seen, rest) = (Seen::default(), file.try_clone()?);
        let counted = Counted {
            file,
            seen: seen.clone(),
            meter: meter.clone(),
        };
        let mut reader = BufReader::with_capacity(BUFFER, counted);
        let begins: [u8; 4] = {
            let bytes = reader.fill_buf()?;
            let mut begins = [0; 4];
            let some = bytes.len().min(4);
            begins[..some].copy_from_slice(&bytes[..some]);
            begins
        };
        let reader: Box<dyn BufRead + Send> = match begins {
            [0x1f, 0x8b, ..] => Box::new(BufReader::with_capacity(
                BUFFER,
                MultiGzDecoder::new(reader),
            )),
            [0x28, 0xb5, 0x2f, 0xfd] => of_zstd(reader)?,
            [b'P', b'K', 3, 4] => return Text::of_archive(path, meter),
            _ => Box::new(reader),
        };
        Ok(Text {
            reader: in_utf8(reader)?,
            rest,
            seen,
            meter: meter.clone(),
            member: None,
        })
    }

    /// The one file that an archive holds.
    fn of_archive(path: &Path, meter: &Meter) -> io::Result<Text> {
        let damaged =
            |error: zip::result::ZipError| io::Error::new(io::ErrorKind::InvalidData, error);
        let mut archive = ZipArchive::new(BufReader::new(File::open(path)?)).map_err(damaged)?;
        let mut names = Vec::new();
        for name in archive.file_names() {
            let name = name.map_err(damaged)?.into_owned();
            if !name.ends_with('/') {
                names.push(name);
            }
        }
        let [name] = names.as_slice() else {
            let why = format!("it is an archive of {} files, and not of one", names.len());
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        };
        let member = archive.by_name(name).map_err(damaged)?;
        let start = member.data_start().unwrap_or_default();
        let (packed, crc, how) = (
            member.compressed_size(),
            member.crc32(),
            member.compression(),
        );
        drop(member);
        let seen = Seen::default();
        // An archive is read from its end: its digest is made first.
        let mut rest = File::open(path)?;
        let all = Counted {
            file: rest.try_clone()?,
            seen: seen.clone(),
            meter: meter.clone(),
        };
        io::copy(&mut BufReader::with_capacity(BUFFER, all), &mut io::sink())?;
        rest.seek(SeekFrom::End(0))?;
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(start))?;
        let packed = BufReader::with_capacity(BUFFER, file.take(packed));
        let reader: Box<dyn Read + Send> = match how {
            CompressionMethod::Stored => Box::new(packed),
            CompressionMethod::Deflated => Box::new(DeflateDecoder::new(packed)),
            other => {
                let why = format!("it is packed by {other}, and not by deflate");
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
        };
        let checked = Checked {
            reader: CrcReader::new(reader),
            crc,
        };
        Ok(Text {
            reader: in_utf8(Box::new(BufReader::with_capacity(BUFFER, checked)))?,
            rest,
            seen,
            meter: meter.clone(),
            member: Some(name.clone()),
        })
    }

    /// What the text begins with, at most so much of it, and whether that is all of it.
    pub(super) fn head(&mut self, most: usize) -> io::Result<(Vec<u8>, bool)> {
        let mut head = Vec::new();
        let mut reader = &mut self.reader;
        Read::take(&mut reader, most as u64).read_to_end(&mut head)?;
        let is_all = head.len() < most || self.reader.fill_buf()?.is_empty();
        Ok((head, is_all))
    }

    /// What comes behind what was read.
    pub(super) fn reader(&mut self) -> &mut (dyn BufRead + Send) {
        &mut *self.reader
    }

    /// The digest of all bytes of the file.
    pub(super) fn digest(mut self) -> io::Result<String> {
        io::copy(&mut self.reader, &mut io::sink())?;
        // What a packer has left behind its end.
        let mut buffer = vec![0; BUFFER];
        loop {
            match self.rest.read(&mut buffer)? {
                0 => break,
                read => {
                    self.seen.add(&buffer[..read]);
                    self.meter.add(read as u64);
                }
            }
        }
        Ok(self.seen.digest())
    }
}

/// The text of an archive, which has to be what the archive says that it is.
struct Checked {
    reader: CrcReader<Box<dyn Read + Send>>,
    crc: u32,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        if read == 0 && !buffer.is_empty() && self.reader.crc().sum() != self.crc {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "it is damaged: its checksum is another",
            ));
        }
        Ok(read)
    }
}

/// The same text, in UTF-8 where it begins like one in UTF-16.
fn in_utf8(mut text: Box<dyn BufRead + Send>) -> io::Result<Box<dyn BufRead + Send>> {
    let begins: Vec<u8> = text.fill_buf()?.iter().take(2).copied().collect();
    Ok(match Utf16::of(&begins, text) {
        Ok(text) => Box::new(BufReader::with_capacity(BUFFER, text)),
        Err(text) => text,
    })
}

#[cfg(feature = "compress")]
fn of_zstd(reader: BufReader<Counted>) -> io::Result<Box<dyn BufRead + Send>> {
    let decoder = zstd::Decoder::with_buffer(reader)?;
    Ok(Box::new(BufReader::with_capacity(BUFFER, decoder)))
}

#[cfg(not(feature = "compress"))]
fn of_zstd(_: BufReader<Counted>) -> io::Result<Box<dyn BufRead + Send>> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this build of candlefile does not open Zstandard",
    ))
}

/// The digest of a file that is not unpacked.
pub(super) fn digest_of(path: &Path) -> io::Result<String> {
    let mut reader = File::open(path)?;
    let seen = Seen::default();
    let mut buffer = vec![0; BUFFER];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(seen.digest()),
            read => seen.add(&buffer[..read]),
        }
    }
}

//! Packing: what was chosen of a file becomes one read-only file that can be handed over, verified, and gone on with. The
//! same data gives the same bytes: nothing in it may depend on when, where or in what order it was fetched.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

use sha2::{Digest as _, Sha256};

use crate::choice::{BadChoice, Choice, Chosen};
use crate::clock::Cancel;
use crate::digest::{CandleDigest, Digest};
use crate::manifest::{Entry, Manifest, digest_of};
use crate::pipe::{Sender, Stopped, both, pipe};
use crate::store::{FORMAT, HistoryRow, Oddity, Packing, Row, Store, StoreError, Times};
use crate::target::{Part, Target, TargetError};

/// Rows that are handed over at once, and how many such batches may wait.
const BATCH: usize = 1024;
const WAITING: usize = 16;
/// Bytes of the digest at the end of a packed file.
pub(crate) const DIGEST: usize = 32;

/// How to pack.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Keep jobs, provisional candles and everything else that says how the data came; the bytes are then not
    /// reproducible.
    pub history: bool,
    /// Tables without STRICT, for readers older than SQLite 3.37.
    pub compat: bool,
}

/// A file that was packed.
#[derive(Clone, Debug)]
pub struct Packed {
    /// What it holds.
    pub manifest: Manifest,
    /// Provisional candles that were left out.
    pub left_out: u64,
    /// Its size.
    pub bytes: u64,
    /// The digest that is embedded in it.
    pub file_digest: Digest,
    /// Its SHA-256, as `sha256sum` says it.
    pub sha256: Digest,
    /// The file that `sha256sum -c` reads.
    pub checksum: PathBuf,
}

/// Why a file could not be packed. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// Nothing can be chosen so.
    #[error(transparent)]
    Choice(#[from] BadChoice),
    /// The file that is read, or the one that is written, as `SQLite` sees it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file cannot be written.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// What was written cannot be read back as it should be: a defect of the disk or of this program.
    #[error("what was written is not what was read: {0}")]
    NotAsWritten(String),
    /// It was asked to stop.
    #[error("packing was stopped")]
    Cancelled,
    /// The writing side ended early; its error is told instead.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// What the reading side hands to the writing one.
enum Item {
    Rows(i64, Vec<Row>),
    Series(i64, Entry, Times, Vec<Oddity>),
    History(HistoryRow),
    /// Everything was read: without it nothing is finished.
    End(Manifest),
}

/// Where the checksum of a file stands: beside it, with `.sha256` added to its name.
pub fn checksum_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sha256");
    PathBuf::from(name)
}

/// Packs what was chosen of a file, at one instant, while others may write it. As long as it reads, their write-ahead log
/// cannot begin anew: one state takes one snapshot.
///
/// # Errors
/// Nothing to pack, a cancellation, a file that cannot be read or written, a target that was taken meanwhile.
pub fn pack(
    store: &Store,
    choice: &Choice,
    target: &Target,
    checksum: &Target,
    options: Options,
    cancel: &Cancel,
) -> Result<Packed, PackError> {
    let mut part = target.begin_named()?;
    let (manifest, left_out) = fill(store, choice, target, &part, options, cancel)?;
    let name = part.path().unwrap_or(target.path()).to_path_buf();
    let (digests, damage) = both(
        || seal(part.file()),
        || Store::packed(&name).and_then(|store| store.damage()),
    );
    let told = |error| TargetError::io(target.path(), error);
    let (file_digest, sha256, bytes) = digests.map_err(told)?;
    if let Some(damage) = damage?.first() {
        return Err(PackError::NotAsWritten(damage.clone()));
    }
    let mut permissions = part.file().metadata().map_err(told)?.permissions();
    permissions.set_readonly(true);
    part.file().set_permissions(permissions).map_err(told)?;
    part.finish()?;
    let mut line = checksum.begin()?;
    let file_name = target.path().file_name().unwrap_or_default();
    writeln!(line.file(), "{sha256}  {}", file_name.to_string_lossy())
        .map_err(|error| TargetError::io(checksum.path(), error))?;
    line.finish()?;
    Ok(Packed {
        manifest,
        left_out,
        bytes,
        file_digest,
        sha256,
        checksum: checksum.path().to_path_buf(),
    })
}

fn fill(
    store: &Store,
    choice: &Choice,
    target: &Target,
    part: &Part<'_>,
    options: Options,
    cancel: &Cancel,
) -> Result<(Manifest, u64), PackError> {
    let name = part.path().unwrap_or(target.path());
    let packing = Packing::create(name, target.path(), !options.compat)?;
    let read = |sender: Sender<Item>| {
        store.at_one_instant(|| {
            let mut reading = Reading {
                store,
                sender: &sender,
                cancel,
                history: options.history,
                left_out: 0,
            };
            let manifest = reading.all(choice.of(store.series()?)?)?;
            sender.send(Item::End(manifest.clone()))?;
            Ok((manifest, reading.left_out))
        })
    };
    pipe(WAITING, read, |items| write(packing, &items)).map(|(read, ())| read)
}

fn write(packing: Packing, items: &Receiver<Item>) -> Result<(), PackError> {
    for item in items {
        match item {
            Item::Rows(id, rows) => packing.candles(id, &rows)?,
            Item::Series(id, entry, times, oddities) => {
                packing.series(id, &entry, times, &oddities)?;
            }
            Item::History(row) => packing.history(&row)?,
            Item::End(manifest) => return Ok(packing.seal(&manifest)?),
        }
    }
    Ok(())
}

struct Reading<'a> {
    store: &'a Store,
    sender: &'a Sender<Item>,
    cancel: &'a Cancel,
    history: bool,
    left_out: u64,
}

impl Reading<'_> {
    fn all(&mut self, chosen: Vec<Chosen>) -> Result<Manifest, PackError> {
        let mut series = Vec::new();
        let mut ids = HashMap::new();
        for chosen in chosen {
            let id = i64::try_from(series.len() + 1).unwrap_or(i64::MAX);
            if let Some(entry) = self.series(id, &chosen)? {
                ids.insert(chosen.series.id, id);
                series.push(entry);
            }
        }
        if series.is_empty() {
            return Err(BadChoice::Empty.into());
        }
        if self.history {
            self.store.each_of_history(&ids, |row| {
                self.sender
                    .send(Item::History(row))
                    .map_err(PackError::from)
            })?;
        }
        Ok(Manifest {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            digest: digest_of(&series),
            series,
        })
    }

    /// Reads one series; `None` where there is nothing of it.
    fn series(&mut self, id: i64, chosen: &Chosen) -> Result<Option<Entry>, PackError> {
        let Chosen { series, span } = chosen;
        let coverage = series.coverage.within(*span);
        let mut digest = CandleDigest::new();
        let (mut candles, mut first_ts, mut last_ts) = (0, None, None);
        let mut provisional = Vec::new();
        let mut rows = Vec::with_capacity(BATCH);
        self.store.each_row(series.id, *span, |candle, slice_id| {
            // What was handed in has no answer that could still change.
            if !self.history && slice_id.is_some() && !coverage.contains(candle.ts) {
                provisional.push(candle.ts);
                return Ok(());
            }
            digest.add(&candle);
            candles += 1;
            first_ts = first_ts.or(Some(candle.ts));
            last_ts = Some(candle.ts);
            rows.push((candle, slice_id.filter(|_| self.history)));
            if rows.len() == BATCH {
                if self.cancel.is_cancelled() {
                    return Err(PackError::Cancelled);
                }
                let full = std::mem::replace(&mut rows, Vec::with_capacity(BATCH));
                self.sender.send(Item::Rows(id, full))?;
            }
            Ok::<(), PackError>(())
        })?;
        self.left_out += provisional.len() as u64;
        if candles == 0 && coverage.is_empty() {
            return Ok(None);
        }
        self.sender.send(Item::Rows(id, rows))?;
        let mut oddities = self.store.oddities(series.id, *span)?;
        oddities.retain(|(ts, ..)| provisional.binary_search(ts).is_err());
        let times = if self.history {
            self.store.times(series.id)?
        } else {
            Times::default()
        };
        let entry = Entry {
            key: series.key.clone(),
            week_start: series.week_start,
            candles,
            first_ts,
            last_ts,
            coverage,
            digest: digest.finish(),
        };
        self.sender
            .send(Item::Series(id, entry.clone(), times, oddities))?;
        Ok(Some(entry))
    }
}

/// Fills in the file's digest; returns it, the SHA-256 of the file with it, and the file's size.
fn seal(file: &mut File) -> std::io::Result<(Digest, Digest, u64)> {
    let (hash, size) = hash_all_but_the_end(file)?;
    let mut zeros = hash.clone();
    zeros.update([0; DIGEST]);
    let digest = Digest::from(<[u8; DIGEST]>::from(zeros.finalize()));
    file.seek(SeekFrom::Start(size - DIGEST as u64))?;
    file.write_all(digest.as_bytes())?;
    let whole = hash.chain_update(digest.as_bytes());
    Ok((
        digest,
        Digest::from(<[u8; DIGEST]>::from(whole.finalize())),
        size,
    ))
}

/// Of all bytes of a file but the last 32; and the file's size.
pub(crate) fn hash_all_but_the_end(file: &mut File) -> std::io::Result<(Sha256, u64)> {
    let size = file.seek(SeekFrom::End(0))?;
    let mut left = size.saturating_sub(DIGEST as u64);
    file.seek(SeekFrom::Start(0))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    while left > 0 {
        let wanted = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let read = file.read(&mut buffer[..wanted])?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        hash.update(&buffer[..read]);
        left -= read as u64;
    }
    Ok((hash, size))
}

//! Packing: what was chosen of a file becomes one read-only file that can be handed over, verified, and gone on with. The
//! same data gives the same bytes: nothing in it may depend on when, where or in what order it was fetched.

mod read;
mod seal;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

use chrono::NaiveDate;

pub(crate) use seal::{DIGEST, hash_all_but_the_end};

use crate::handover::choice::{BadChoice, Choice, Chosen};
use crate::handover::outfile::{Part, Target, TargetError};
use crate::model::digest::{CandleDigest, Digest};
use crate::model::manifest::Manifest;
use crate::model::next::{Fill, Next};
use crate::run::clock::Cancel;
use crate::run::path::beside;
use crate::run::pipe::{Stopped, both, pipe};
use crate::store::{Packing, Store, StoreError, Tree};
use read::{Batch, Reading};

/// Batches of rows that may wait to be written.
const WAITING: usize = 16;

/// How to pack.
#[derive(Clone, Copy, Debug, Default)]
pub struct PackOptions {
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
    /// An adjusted series may stand in two scales: a candle that is not final lies amid final ones, as where files were merged
    /// that had none in common.
    #[error("{} {} is adjusted, and its candle of {day} is not final while those before and behind it are: nobody has checked that they stand in one scale", fill.series.symbol, fill.series.timeframe)]
    Unchecked {
        /// The candle's market day.
        day: NaiveDate,
        /// What asks for it again.
        fill: Fill,
    },
    /// What was written cannot be read back as it should be: a defect of the disk or of this program.
    #[error("what was written is not what was read: {0}")]
    NotAsWritten(String),
    /// It was asked to stop.
    #[error("packing was stopped")]
    Cancelled,
    /// The writing side ended early; its error is told instead.
    #[error("the writing side has ended")]
    Stopped,
}

impl PackError {
    /// What to do about it.
    pub fn next(&self) -> Next {
        match self {
            PackError::Choice(error) => error.next(),
            PackError::Store(error) => error.next(),
            PackError::Target(error) => error.next(),
            PackError::Unchecked { fill, .. } => Next::Backfill(Some(fill.clone()))
                .after("ask for it again, with which both sides are checked:"),
            PackError::NotAsWritten(_) => {
                Next::words("check the disk, then run the same command again")
            }
            PackError::Cancelled | PackError::Stopped => {
                Next::words("nothing was left behind; run the same command again")
            }
        }
    }
}

impl From<Stopped> for PackError {
    fn from(_: Stopped) -> PackError {
        PackError::Stopped
    }
}

/// Where the checksum of a file stands: beside it, with `.sha256` added to its name.
pub fn checksum_path(path: &Path) -> PathBuf {
    beside(path, ".sha256")
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
    options: PackOptions,
    cancel: &Cancel,
) -> Result<Packed, PackError> {
    let mut part = target.begin_named()?;
    let filled = fill(store, choice, target, &mut part, options, cancel);
    let (manifest, left_out) = filled.map_err(|error| match error {
        PackError::Store(StoreError::Full(full)) if full == target.path() => {
            TargetError::Full(full).into()
        }
        other => other,
    })?;
    let name = part.path().unwrap_or(target.path()).to_path_buf();
    store.meter().begin("checking what was written", 0);
    // Opened before its last bytes are filled in: whoever opens a file without a lock refuses one that is written meanwhile.
    let written = Store::packed(&name)?;
    let (digests, damage) = both(|| seal::fill_in(part.file()), move || written.damage());
    let told = |error| TargetError::io(target.path(), error);
    let (file_digest, sha256, bytes) = digests.map_err(told)?;
    if let Some(damage) = damage?.first() {
        return Err(PackError::NotAsWritten(damage.clone()));
    }
    let mut permissions = part.file().metadata().map_err(told)?.permissions();
    permissions.set_readonly(true);
    part.file().set_permissions(permissions).map_err(told)?;
    // Both are whole before either has its name.
    let mut line = checksum.begin()?;
    let file_name = target.path().file_name().unwrap_or_default();
    writeln!(line.file(), "{sha256}  {}", file_name.to_string_lossy())
        .and_then(|()| line.file().sync_all())
        .map_err(|error| TargetError::io(checksum.path(), error))?;
    if cancel.is_cancelled() {
        return Err(PackError::Cancelled);
    }
    part.finish()?;
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
    part: &mut Part<'_>,
    options: PackOptions,
    cancel: &Cancel,
) -> Result<(Manifest, u64), PackError> {
    let path = target.path();
    let name = part.path().unwrap_or(path).to_path_buf();
    let told = |error| PackError::from(TargetError::io(path, error));
    let root = Packing::begin(&name, path, !options.compat)?;
    let file = part.file().try_clone().map_err(told)?;
    store.at_one_instant(|| {
        let series = store.whole_series()?;
        // Jobs go on in a copy with its history, with all that they are to ask.
        let chosen = if options.history {
            choice.of_all(series)?
        } else {
            choice.of(series)?
        };
        store.meter().begin("packing", Chosen::about(&chosen));
        let read = |sender| Reading::new(store, sender, cancel, options.history).candles(chosen);
        let write = |batches| write(file, root, batches).map_err(told);
        let (read, digests) = pipe(WAITING, read, write)?;
        let read = read.digested(digests);
        let packing = Packing::go_on(&name, path)?;
        let manifest = read.rest(store, &packing, options.history)?;
        packing.seal(&manifest)?;
        Ok((manifest, read.left_out))
    })
}

/// Writes the candles; returns the digest of each series. That is work which the reading side has no time for.
fn write(file: File, root: u32, batches: Receiver<Batch>) -> std::io::Result<Vec<Digest>> {
    let mut tree = Tree::new(file, root)?;
    let mut digests: Vec<CandleDigest> = Vec::new();
    for (series_id, rows) in batches {
        while digests.len() < usize::try_from(series_id).unwrap_or(0) {
            digests.push(CandleDigest::new());
        }
        if let Some(digest) = digests.last_mut() {
            for (candle, _) in &rows {
                digest.add(candle);
            }
        }
        tree.add(series_id, &rows)?;
    }
    tree.finish()?;
    Ok(digests.into_iter().map(CandleDigest::finish).collect())
}

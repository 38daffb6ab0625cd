//! Whether a file is what it was packed as, and sound. It reads every byte, changes none, and trusts nothing.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use sha2::Digest as _;

use crate::handover::pack::{DIGEST, hash_all_but_the_end};
use crate::model::digest::{CandleDigest, Digest};
use crate::model::manifest::{ManifestEntry, digest_of};
use crate::model::series::SeriesKey;
use crate::model::span::Span;
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;
use crate::monitor::Meter;
use crate::run::path::{beside, real};
use crate::store::{Counted, MARK, Seal, SeriesRow, Store, StoreError};

/// What is checked, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Every byte, against the digest that is embedded in a packed file.
    FileDigest,
    /// The tables and views, against the format.
    Schema,
    /// The file's pages and rows, as `SQLite` judges them.
    Integrity,
    /// The manifest of a packed file, against its contents.
    Manifest,
    /// The series' rows and coverage, against the candles.
    Books,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Problem {
    /// Which check found it.
    pub check: Check,
    /// The series that it is about, if it is about one: symbol and timeframe.
    pub series: Option<String>,
    /// What it is.
    pub what: String,
}

/// What was found of a file.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Whether it was packed; a working file has no digest to be judged by.
    pub packed: bool,
    /// Its format, where it can be read.
    pub format: Option<i32>,
    /// What its seal says.
    pub seal: Option<Seal>,
    /// Its series and candles, as counted.
    pub counted: (u64, u64),
    /// What was checked.
    pub checked: Vec<Check>,
    /// What is wrong. A file without any is sound.
    pub problems: Vec<Problem>,
}

/// Judges a file. A meter tells how far it is.
///
/// # Errors
/// It is no file of ours, of a newer format, or cannot be read at all; of a packed file that was changed since, a verdict
/// says so.
pub fn verify(path: &Path, meter: &Meter) -> Result<Verdict, StoreError> {
    Store::check_path(path)?;
    meter.begin("reading every byte", 0);
    let bytes = Store::bytes(path)?;
    let (digests, is_marked) = digests(bytes).map_err(|error| unreadable(path, &error))?;
    let mut judging = Judging(Verdict {
        packed: is_marked,
        format: None,
        seal: None,
        counted: (0, 0),
        checked: Vec::new(),
        problems: Vec::new(),
    });
    let log = beside(&real(path), "-wal");
    let logged = fs::metadata(&log).map(|log| log.len()).ok();
    if is_marked {
        judging.file_digest(digests);
        if logged.is_some_and(|bytes| bytes > 0) {
            let what = format!(
                "somebody has opened it to write since it was packed: {} lies beside it",
                log.display()
            );
            judging.finds(Check::FileDigest, None, what);
        }
    }
    let opened = if is_marked && logged.is_none() {
        Store::packed(path)
    } else {
        Store::untouched(path)
    };
    let opened = opened.map(|store| store.metered(meter));
    match opened.and_then(|store| judging.contents(&store, is_marked)) {
        // What was written meanwhile may be sound.
        Err(error) if is_marked && !matches!(error, StoreError::Changed(_)) => {
            judging.finds(Check::Integrity, None, error);
        }
        other => other?,
    }
    Ok(judging.0)
}

fn unreadable(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Damaged {
        path: path.to_path_buf(),
        why: error.to_string(),
    }
}

/// The digest that the file has and the one that it says, and whether it ends like a packed file.
fn digests(mut file: impl Read + Seek) -> std::io::Result<((Digest, Digest), bool)> {
    let size = file.seek(SeekFrom::End(0))?;
    let mut end = vec![0; MARK.len() + DIGEST];
    if size > end.len() as u64 {
        file.seek(SeekFrom::Start(size - end.len() as u64))?;
        file.read_exact(&mut end)?;
    }
    let (mark, said) = end.split_at(MARK.len());
    let said = Digest::from(<[u8; DIGEST]>::try_from(said).unwrap_or_default());
    if mark != MARK.as_bytes() {
        return Ok(((said, said), false));
    }
    let (hash, _) = hash_all_but_the_end(&mut file)?;
    let has: [u8; DIGEST] = hash.chain_update([0; DIGEST]).finalize().into();
    Ok(((has.into(), said), true))
}

/// Whether a packed file is as it was packed, by the digest of all its bytes.
///
/// # Errors
/// It cannot be read.
pub(super) fn is_as_packed(path: &Path) -> Result<bool, StoreError> {
    let found = digests(Store::bytes(path)?).map_err(|error| unreadable(path, &error))?;
    let ((has, said), is_marked) = found;
    Ok(is_marked && has == said)
}

struct Judging(Verdict);

impl Judging {
    fn finds(&mut self, check: Check, series: Option<&SeriesKey>, what: impl std::fmt::Display) {
        self.0.problems.push(Problem {
            check,
            series: series.map(|key| format!("{} {}", key.symbol, key.timeframe)),
            what: what.to_string(),
        });
    }

    fn file_digest(&mut self, (has, said): (Digest, Digest)) {
        self.0.checked.push(Check::FileDigest);
        if has != said {
            let what = format!("the file was changed: its digest is {has}, and it says {said}");
            self.finds(Check::FileDigest, None, what);
        }
    }

    fn contents(&mut self, store: &Store, is_marked: bool) -> Result<(), StoreError> {
        self.0.packed |= store.is_packed();
        self.0.format = Some(store.format());
        if store.is_packed() != is_marked {
            let what = if is_marked {
                "the file ends like a packed one, and has no manifest"
            } else {
                "the file has a manifest, and not the end of a packed one: it was cut or written to"
            };
            self.finds(Check::FileDigest, None, what);
        }
        store.at_one_instant(|| {
            self.0.checked.push(Check::Schema);
            let faults = store.schema_faults()?;
            if !faults.is_empty() {
                for fault in faults {
                    self.finds(Check::Schema, None, fault);
                }
                return Ok(());
            }
            self.0.checked.push(Check::Integrity);
            store.meter().begin("checking the pages", 0);
            for line in store.damage()? {
                self.finds(Check::Integrity, None, line);
            }
            let found = self.books(store)?;
            if let Some(seal) = store.seal()? {
                self.manifest(&seal, &found);
                self.0.seal = Some(seal);
            }
            Ok(())
        })
    }

    /// Reads every candle, and says what each series holds.
    fn books(&mut self, store: &Store) -> Result<Vec<ManifestEntry>, StoreError> {
        self.0.checked.push(Check::Books);
        for line in store.contradictions()? {
            self.finds(Check::Books, None, line);
        }
        let (mut found, all) = (Vec::new(), store.series()?);
        let candles = all.iter().map(|series| series.candles).sum();
        store.meter().begin("checking the candles", candles);
        for series in all {
            match self.series(store, &series) {
                Ok(entry) => {
                    self.0.counted.0 += 1;
                    self.0.counted.1 += entry.candles;
                    found.push(entry);
                }
                Err(error) => self.finds(Check::Books, Some(&series.key), error),
            }
        }
        found.sort_by_cached_key(|entry| {
            (entry.key.symbol.clone(), entry.key.timeframe.to_string())
        });
        Ok(found)
    }

    fn series(&mut self, store: &Store, series: &SeriesRow) -> Result<ManifestEntry, StoreError> {
        let key = &series.key;
        let mut digest = CandleDigest::new();
        let mut read = Counted::default();
        let mut unstorable = None;
        let market = series.market();
        // Where the weeks of handed-in candles begin nobody has said.
        let has_unknown_weeks = key.timeframe == Timeframe::Week && series.week_start.is_none();
        let is_cut_otherwise = store.is_cut_otherwise(key);
        let on_grid = |ts: i64| {
            is_cut_otherwise && ts % 3600 == 0
                || has_unknown_weeks && key.timeframe.on_grid(ts)
                || market.on_grid(ts)
        };
        store.each_row(series.id, Span::EVERYTHING, |candle, _| {
            digest.add(&candle);
            read.add(candle.ts);
            if let Err(why) = candle.storable(&market) {
                unstorable.get_or_insert_with(|| format!("the candle at {}: {why}", candle.ts));
            } else if !on_grid(candle.ts) {
                unstorable
                    .get_or_insert_with(|| format!("the candle at {} is off the grid", candle.ts));
            }
            Ok::<(), StoreError>(())
        })?;
        if let Some(what) = unstorable {
            self.finds(Check::Books, Some(key), what);
        }
        let says = series.books();
        if says != read {
            let what = format!("its row says {says}, and it has {read}");
            self.finds(Check::Books, Some(key), what);
        }
        Ok(ManifestEntry {
            key: key.clone(),
            week_start: series.week_start,
            candles: read.candles,
            first_ts: read.first_ts,
            last_ts: read.last_ts,
            coverage: store.stated_coverage(series.id)?,
            digest: digest.finish(),
        })
    }

    fn manifest(&mut self, seal: &Seal, found: &[ManifestEntry]) {
        self.0.checked.push(Check::Manifest);
        let stated = &seal.manifest;
        let held: HashMap<_, _> = found.iter().map(|entry| (name(entry), entry)).collect();
        for entry in &stated.series {
            match held.get(&name(entry)) {
                None => self.finds(Check::Manifest, Some(&entry.key), "it is missing"),
                Some(held) if held.digest != entry.digest => {
                    self.finds(
                        Check::Manifest,
                        Some(&entry.key),
                        "its candles were changed",
                    );
                }
                Some(held) if *held != entry => {
                    self.finds(
                        Check::Manifest,
                        Some(&entry.key),
                        "its row or its coverage was changed",
                    );
                }
                Some(_) => {}
            }
        }
        let stated_names: HashSet<_> = stated.series.iter().map(name).collect();
        for held in found {
            if !stated_names.contains(&name(held)) {
                self.finds(
                    Check::Manifest,
                    Some(&held.key),
                    "it is not in the manifest",
                );
            }
        }
        if digest_of(stated.format, &stated.series) != stated.digest {
            self.finds(
                Check::Manifest,
                None,
                "the manifest was changed: its digest is another",
            );
        }
    }
}

fn name(entry: &ManifestEntry) -> (&Symbol, Timeframe) {
    (&entry.key.symbol, entry.key.timeframe)
}

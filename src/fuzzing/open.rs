//! Bytes as a candlefile.

use std::fs;
use std::path::Path;

use crate::handover::verify::verify;
use crate::monitor::Meter;
use crate::store::{Store, StoreError};
use crate::view::{Selection, View};

/// 2026-01-01.
const NOW: i64 = 1_767_225_600;

/// Any bytes as a file, listed, read and verified. Says whether the file could be read.
pub fn open(bytes: &[u8]) -> bool {
    let folder = std::env::temp_dir().join(format!("candlefile-fuzzing-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("market.db");
    fs::write(&path, bytes).expect("a file");
    let is_read = read(&path).is_ok();
    let verdict = verify(&path, &Meter::default());
    let is_sound = verdict.is_ok_and(|verdict| verdict.problems.is_empty());
    assert!(is_read || !is_sound, "it is sound and cannot be read");
    assert!(
        fs::read(&path).expect("it is there") == bytes,
        "it was written"
    );
    let beside = fs::read_dir(&folder).expect("the folder").count();
    assert_eq!(beside, 1, "something was made beside it");
    fs::remove_dir_all(&folder).expect("the folder");
    is_read
}

fn read(path: &Path) -> Result<(), StoreError> {
    let store = Store::read(path)?;
    store.held_series()?;
    store.at_one_instant(|| {
        store.odd_rows()?;
        for series in store.series()? {
            store.nothing_from_provider(&series, NOW)?;
            for some in [Selection::Head(5), Selection::Tail(5)] {
                let view = View::of(series.clone()).select(some);
                view.each_batch(&store, |_| Ok::<_, StoreError>(()))?;
            }
        }
        Ok(())
    })
}

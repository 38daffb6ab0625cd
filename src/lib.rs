//! An embedded, single-file store of OHLCV candles.
//!
//! A backfill fills the file: what is missing is planned, fetched in parallel and written by one writer, with progress
//! and coverage in the same transactions as the candles they speak of. A crash, a rerun or a longer range costs only what
//! is missing, and the same file is what an analyst opens.
//!
//! What there is, in the order in which data passes it:
//!
//! - [`model`]: the nouns, without a file or a network: candles, symbols, timeframes, spans, when a market's candles close
//!   and become final, what a person types as a range, and what to do next;
//! - [`provider`]: where candles come from, those that are built in and your own;
//! - [`backfill`]: fetches what a file does not have;
//! - [`import`]: takes the files that people already have;
//! - [`Store`]: the SQLite file, and in [`store`] what it says of itself;
//! - [`view`]: how candles are read;
//! - [`handover`]: candles for other programs, packed files, what two files do not have in common, their union;
//! - `serve`: jobs and candles over HTTP, and the live page;
//! - `cli`: the command line;
//! - [`monitor`]: how what takes long is watched.
//!
//! Inside there are three rooms more: `run` (the clock, what stops a run and what proves that a job is its own), `plan` (requested
//! minus coverage gives slices) and `http` (the one way out).
//!
//! The file's format is documented in `schema.sql`.

#![forbid(unsafe_code)]
// What the program alone uses is there without it, too. The whole build tells what nobody uses.
#![cfg_attr(
    not(all(feature = "cli", feature = "serve")),
    allow(dead_code, unused_imports)
)]

pub mod backfill;
#[cfg(feature = "cli")]
pub mod cli;
#[doc(hidden)]
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod handover;
mod http;
pub mod import;
pub mod model;
pub mod monitor;
#[doc(hidden)]
pub mod plan;
pub mod provider;
mod run;
#[cfg(feature = "serve")]
pub mod serve;
pub mod store;
pub mod view;

pub use run::clock::{Cancel, Clock, ManualClock, SystemClock};
pub use store::error::StoreError;
pub use store::file::handle::Store;

/// What the tests look at beside what is there for users. Nothing in here is promised.
#[doc(hidden)]
pub mod internals {
    pub use crate::http::rate::Limiter;
    pub use crate::store::jobs::sends::Window;
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::Path;

    /// Adds what the files of a folder import from the crate to what their room imports.
    fn add_imports(src: &Path, folder: &Path, all: &mut BTreeMap<String, BTreeSet<String>>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                add_imports(src, &path, all);
                continue;
            }
            let name = path.strip_prefix(src).expect("inside");
            let room = name.iter().next().expect("a name").to_string_lossy();
            let room = room.trim_end_matches(".rs").to_owned();
            if path.extension().is_none_or(|extension| extension != "rs") || room == "lib" {
                continue;
            }
            let text = fs::read_to_string(&path).expect("a text");
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                for after in line.split("crate::").skip(1) {
                    let other = after.split(|c: char| !c.is_ascii_lowercase()).next();
                    let other = other.unwrap_or_default().to_owned();
                    assert!(!other.is_empty(), "{}: {line}", path.display());
                    all.entry(room.clone()).or_default().insert(other);
                }
            }
        }
    }

    #[test]
    fn no_two_rooms_import_each_other_by_whatever_way_round() {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut imports = BTreeMap::new();
        add_imports(&src, &src, &mut imports);
        // It hands bytes to every room that reads a stranger's, and each of these has a file of its own for it.
        imports.remove("fuzzing");
        assert!(imports.len() > 8, "{imports:?}");
        // A room that imports none of those that are left goes next: what stays imports in circles.
        while let Some(next) = imports
            .iter()
            .find(|(room, of)| of.iter().all(|of| of == *room || !imports.contains_key(of)))
            .map(|(room, _)| room.clone())
        {
            imports.remove(&next);
        }
        assert!(imports.is_empty(), "{imports:?}");
    }
}

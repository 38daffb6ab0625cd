//! What fuzzers are let at: everything that reads what a stranger has written. A promise that does not hold panics. The
//! targets in `fuzz/` call these functions and nothing else, and each seed goes through them with the other tests.

mod open;
mod words;

pub use crate::provider::polygon::fuzzing::{answer, next_page};
#[cfg(feature = "serve")]
pub use crate::serve::fuzzing::parameters;
pub use open::open;
pub use words::words;

/// The instant at which everything is read, 2024-11-15T14:30:00Z: a finding must stay one.
pub(crate) const NOW: i64 = 1_731_681_000;

/// What a byte chooses of a table; the first is `0`.
pub(crate) fn pick<T>(byte: u8, table: &[T]) -> &T {
    &table[usize::from(byte.wrapping_sub(b'0')) % table.len()]
}

/// Whether a text is fit for one line.
pub(crate) fn is_one_line(text: &str) -> bool {
    !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    type Target = fn(&[u8]) -> bool;

    const TARGETS: &[(&str, Target)] = &[
        ("answer", answer),
        ("next_page", next_page),
        ("open", open),
        #[cfg(feature = "serve")]
        ("parameters", parameters),
        ("words", words),
    ];

    /// `None` in a package, which is without it.
    fn folder() -> Option<PathBuf> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        folder.exists().then_some(folder)
    }

    #[test]
    fn every_seed_is_taken_or_refused_as_its_name_says() {
        let Some(folder) = folder() else { return };
        for (name, target) in TARGETS {
            let seeds = fs::read_dir(folder.join("seeds").join(name)).expect("its seeds");
            let mut ends = [0, 0];
            for seed in seeds {
                let path = seed.expect("a seed").path();
                let is_taken = target(&fs::read(&path).expect("a seed"));
                let is_bad = path.to_string_lossy().contains("refused-");
                assert_eq!(is_taken, !is_bad, "{}", path.display());
                ends[usize::from(is_taken)] += 1;
            }
            assert!(!ends.contains(&0), "{name}: {ends:?}");
        }
    }

    #[test]
    fn every_target_hands_its_bytes_to_the_function_of_its_name() {
        let Some(folder) = folder() else { return };
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
        for (name, _) in TARGETS {
            let path = format!("fuzz_targets/{name}.rs");
            assert!(manifest.contains(&format!("\nname = \"{name}\"\npath = \"{path}\"\n")));
            let target = fs::read_to_string(folder.join(path)).expect("a target");
            let expected = format!(
                "#![no_main]\n\nlibfuzzer_sys::fuzz_target!(|bytes: &[u8]| {{\n    candlefile::fuzzing::{name}(bytes);\n}});\n"
            );
            assert_eq!(target, expected);
        }
    }
}

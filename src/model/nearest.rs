//! The most similar names, for one that was mistyped. No I/O.

/// Names that are offered at most.
const OFFERED: usize = 5;

/// A few of the things whose name is the most similar to a word, the most similar first; case does not count.
pub(crate) fn nearest<T: Ord>(
    word: &str,
    things: impl IntoIterator<Item = T>,
    name: impl Fn(&T) -> &str,
) -> Vec<T> {
    let word = word.to_uppercase();
    let mut things: Vec<T> = things.into_iter().collect();
    things.sort();
    things.dedup();
    things.sort_by_cached_key(|thing| {
        strsim::damerau_levenshtein(&name(thing).to_uppercase(), &word)
    });
    things.truncate(OFFERED);
    things
}

//! What brings a file up to date: everything that it holds, from where it was first asked for, holes included.

use std::collections::BTreeMap;

use super::{Request, Runner};
use crate::model::range::up_to_now;
use crate::store::{SeriesRow, Store, StoreError};

/// The sources of what the file holds and was asked for, each with how many series it has. Candles that were only handed in
/// have none.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn sources(store: &Store) -> Result<BTreeMap<String, usize>, StoreError> {
    let asked = |series: SeriesRow| series.requested_from.map(|_| series.key.source);
    let mut sources = BTreeMap::new();
    for source in store.series()?.into_iter().filter_map(asked) {
        *sources.entry(source).or_default() += 1;
    }
    Ok(sources)
}

/// Everything that the file holds from the runner's provider, up to now.
///
/// # Errors
/// The file cannot be read.
pub fn update_of(store: &Store, runner: &Runner) -> Result<Request, StoreError> {
    let (provider, now) = (&runner.provider, runner.clock.now());
    let spans = store.series()?.into_iter().filter_map(|series| {
        let market = provider.market(&series.key);
        let span = up_to_now(&market, series.requested_from?, now)?;
        (series.key.source == provider.name()).then(|| (runner.key_of(series.key), span))
    });
    Ok(Request {
        command: "update",
        series: spans.collect(),
        start_words: None,
        end_words: None,
    })
}

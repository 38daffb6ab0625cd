//! The pages that are being asked for at this instant, and the one that takes longest.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

use super::fetch::Fetcher;
use crate::model::span::Span;
use crate::monitor::Slow;
use crate::provider::{Ask, Tries};

/// The pages that are being asked for, one a thread.
#[derive(Default)]
pub(crate) struct UnderWay(Mutex<HashMap<ThreadId, (usize, Span, Tries)>>);

impl UnderWay {
    pub(super) fn begin(&self, series: usize, ask: &Ask) {
        let this = std::thread::current().id();
        self.lock()
            .insert(this, (series, ask.span, ask.tries.clone()));
    }

    pub(super) fn end(&self) {
        self.lock().remove(&std::thread::current().id());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ThreadId, (usize, Span, Tries)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A page that takes more seconds is worth a word.
const SLOW: i64 = 5;

impl Fetcher {
    /// The page that is under way for longest, where that is long.
    pub(crate) fn slowest(&self, now: i64) -> Option<Slow> {
        let under_way = self.under_way.lock();
        let pages = under_way.values().filter_map(|(series, span, tries)| {
            let (since, attempt) = tries.under_way()?;
            (now - since >= SLOW).then_some((since, *series, *span, attempt))
        });
        let mut pages: Vec<_> = pages.collect();
        pages.sort_unstable_by_key(|&(since, series, span, _)| (since, series, span.start()));
        let &(since, series, span, attempt) = pages.first()?;
        let mut named = HashSet::from([series]);
        let others = pages.iter().map(|&(_, series, ..)| series);
        let others = others.filter(|&other| named.insert(other));
        Some(Slow {
            key: self.series[series].key.clone(),
            span,
            since,
            attempt,
            beside: others.map(|other| self.series[other].key.clone()).collect(),
        })
    }
}

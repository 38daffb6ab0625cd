//! How fast a count grows, and how long what is left of it takes. Pure: it is told the time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The stretch of time whose slices say how long the rest of a job takes.
pub(crate) const PACE_OF: Duration = Duration::from_secs(600);

/// The one rule of the time left, in seconds, where each of what is left takes so long, and so many have passed since the last
/// one ended: it falls from one to the next. None where the next one is overdue.
#[allow(clippy::cast_precision_loss)] // An estimate.
pub(crate) fn time_left(each: f64, left: u64, since_last: f64) -> Option<f64> {
    Some(each * left as f64 - since_last).filter(|&left| left > 0.0)
}

/// Samples that are kept at most.
const SAMPLES: u32 = 100;

/// The growth of a count over the last stretch of time.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    over: Duration,
    seen: VecDeque<(Instant, u64)>,
}

impl Pace {
    pub(crate) fn over(over: Duration) -> Pace {
        Pace {
            over,
            seen: VecDeque::new(),
        }
    }

    /// Takes the count as it is now. `None` for the first one.
    #[allow(clippy::cast_precision_loss)] // An estimate.
    pub(crate) fn per_second(&mut self, now: Instant, count: u64) -> Option<f64> {
        let since = |at: Instant| now.saturating_duration_since(at);
        // The newest sample that is as old as the stretch is where it begins.
        while self
            .seen
            .get(1)
            .is_some_and(|&(at, _)| since(at) >= self.over)
        {
            self.seen.pop_front();
        }
        let last = self.seen.back();
        if last.is_none_or(|&(at, _)| since(at) >= self.over / SAMPLES) {
            self.seen.push_back((now, count));
        }
        let &(began, had) = self.seen.front()?;
        let took = since(began).as_secs_f64();
        (took > 0.0).then(|| count.saturating_sub(had) as f64 / took)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_that_of_the_last_stretch_alone() {
        let mut pace = Pace::over(Duration::from_secs(10));
        let began = Instant::now();
        let mut at = |second, count| pace.per_second(began + Duration::from_secs(second), count);
        assert_eq!(at(0, 500), None);
        assert_eq!(at(1, 600), Some(100.0));
        assert_eq!(at(5, 1000), Some(100.0));
        // From second 1 on.
        assert_eq!(at(11, 1000), Some(40.0));
        assert_eq!(at(60, 1000), Some(0.0));
        assert_eq!(at(61, 900), Some(0.0));
    }

    #[test]
    fn however_often_it_is_asked_it_keeps_few_samples() {
        let mut pace = Pace::over(Duration::from_secs(10));
        let began = Instant::now();
        for millisecond in 0..60_000 {
            pace.per_second(began + Duration::from_millis(millisecond), millisecond);
        }
        assert!(pace.seen.len() <= SAMPLES as usize + 2);
    }
}

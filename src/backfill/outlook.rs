//! How long the rest of a run takes, as the run itself knows it: by the one rule of [`time_left`], with what is waited for.
//! Whoever has the file alone goes by that rule in [`Store::eta`](crate::store::Store). Pure: it is told the time.
//!
//! Between two slices it falls as time passes, or is not known. It never rises beside what is waited for.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::http::rate::Rate;
use crate::provider::Waiting;
use crate::run::pace::{PACE_OF, Pace, time_left};

/// What is known of a run's pace.
#[derive(Debug)]
pub(super) struct Outlook {
    rate: Option<Rate>,
    pace: Pace,
    looked: Instant,
    /// Of the time since the beginning, what the provider's limit took: it says nothing of the slices.
    paused: Duration,
    done: u64,
    /// Seconds a slice, as the last one had it, and when it ended.
    each: Option<(f64, Instant)>,
    /// How many requests had been sent, and since when: as far back as the rate's window has room.
    sent: VecDeque<(Instant, u64)>,
}

/// A run at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look<'a> {
    pub(super) done: u64,
    pub(super) left: u64,
    pub(super) requests: u64,
    pub(super) waiting: Option<&'a Waiting>,
    pub(super) hangs: bool,
}

impl Outlook {
    pub(super) fn new(rate: Option<Rate>, now: Instant) -> Outlook {
        let mut pace = Pace::over(PACE_OF);
        pace.per_second(now, 0);
        Outlook {
            rate,
            pace,
            looked: now,
            paused: Duration::ZERO,
            done: 0,
            each: None,
            sent: VecDeque::new(),
        }
    }

    /// Time to the end: as the slices went lately, not less than the rate allows, and the provider's pause on top.
    pub(super) fn time_left(&mut self, now: Instant, look: Look<'_>) -> Option<Duration> {
        self.count_sent(now, look.requests);
        let passed = now.saturating_duration_since(self.looked);
        self.looked = now;
        let (pause, wait) = match look.waiting {
            Some(Waiting::Limit(pause)) => (*pause, Duration::ZERO),
            Some(Waiting::Rate(wait)) => (Duration::ZERO, *wait),
            None => (Duration::ZERO, Duration::ZERO),
        };
        if !pause.is_zero() {
            self.paused += passed;
        }
        let worked = now - self.paused;
        let pace = self.pace.per_second(worked, look.done);
        if look.done > self.done {
            self.done = look.done;
            self.each = pace
                .filter(|&pace| pace > 0.0)
                .map(|pace| (1.0 / pace, worked));
        }
        if look.left == 0 || look.hangs {
            return None;
        }
        let as_lately = self.each.and_then(|(each, ended)| {
            let since_last = worked.saturating_duration_since(ended).as_secs_f64();
            time_left(each, look.left, since_last)
        });
        let seconds = match (self.paced(now, look), as_lately) {
            (Some(paced), as_lately) => paced.max(as_lately.unwrap_or(0.0)),
            (None, as_lately) => as_lately?,
        };
        let left = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        // Nothing goes before what is waited for.
        Some(left.saturating_add(pause).max(wait))
    }

    fn count_sent(&mut self, now: Instant, requests: u64) {
        let Some(rate) = self.rate else {
            return;
        };
        if self.sent.back().is_none_or(|&(_, sent)| sent < requests) {
            self.sent.push_back((now, requests));
        }
        let of_no_use = requests.saturating_sub(u64::from(rate.per_window()));
        while (self.sent.front()).is_some_and(|&(_, sent)| sent <= of_no_use && sent < requests) {
            self.sent.pop_front();
        }
    }

    /// While the rate is waited for each request goes one window after the one that has its place in it, with as many requests
    /// a slice as so far.
    fn paced(&self, now: Instant, look: Look<'_>) -> Option<f64> {
        let (Some(Waiting::Rate(_)), Some(rate)) = (look.waiting, self.rate) else {
            return None;
        };
        let requests = match look.done {
            0 => look.left,
            done => (look.requests * look.left).div_ceil(done).max(look.left),
        };
        let windows = requests.div_ceil(u64::from(rate.per_window()));
        let before =
            (look.requests + requests).saturating_sub(windows * u64::from(rate.per_window()));
        let (sent_at, _) = self.sent.iter().find(|&&(_, sent)| sent >= before)?;
        #[allow(clippy::cast_precision_loss)] // An estimate.
        let windows = windows as f64 * rate.window().as_secs_f64();
        // One that left the window long ago says nothing: others have taken its place.
        let since = now.saturating_duration_since(*sent_at).min(rate.window());
        Some(windows - since.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of thirty slices, and what it says at a second.
    struct Run {
        began: Instant,
        outlook: Outlook,
    }

    impl Run {
        fn new(rate: &str) -> Run {
            let began = Instant::now();
            Run {
                began,
                outlook: Outlook::new(rate.parse().ok(), began),
            }
        }

        fn at(
            &mut self,
            second: u64,
            done: u64,
            requests: u64,
            waiting: Option<&Waiting>,
            hangs: bool,
        ) -> Option<u64> {
            let now = self.began + Duration::from_secs(second);
            let look = Look {
                done,
                left: 30 - done,
                requests,
                waiting,
                hangs,
            };
            let left = self.outlook.time_left(now, look);
            left.map(|left| (left + Duration::from_millis(500)).as_secs())
        }
    }

    #[test]
    fn the_rest_is_expected_to_go_as_the_slices_before_and_falls_until_nobody_knows() {
        let mut run = Run::new("100/s");
        assert_eq!(run.at(5, 0, 3, None, false), None);
        assert_eq!(run.at(20, 10, 10, None, false), Some(40));
        assert_eq!(run.at(30, 10, 10, None, false), Some(30));
        assert_eq!(run.at(60, 10, 10, None, false), None);
        assert_eq!(run.at(80, 20, 20, None, false), Some(40));
        assert_eq!(run.at(90, 30, 30, None, false), None);
    }

    #[test]
    fn beside_a_request_that_hangs_there_is_no_time_left_and_behind_it_the_slices_tell() {
        let mut run = Run::new("100/s");
        assert_eq!(run.at(20, 10, 10, None, false), Some(40));
        assert_eq!(run.at(21, 10, 11, None, true), None);
        assert_eq!(run.at(30, 15, 16, None, true), None);
        assert_eq!(run.at(31, 15, 16, None, false), Some(29));
    }

    #[test]
    fn while_the_rate_is_waited_for_it_says_how_long_the_rest_takes() {
        let waiting = Waiting::Rate(Duration::from_secs(50));
        let waiting = Some(&waiting);
        // The first window went out at once, which says nothing of the 25 that follow at five a minute, and a little less.
        assert_eq!(Run::new("5/min").at(1, 5, 5, waiting, false), Some(303));
        assert_eq!(Run::new("5/min").at(1, 0, 5, waiting, false), Some(364));
        // Two pages a slice.
        assert_eq!(Run::new("5/min").at(1, 5, 10, waiting, false), Some(606));
        // It falls to nothing, be the requests of the window sent together or one by one.
        let mut run = Run::new("5/min");
        let each = [0, 10, 20, 30, 40]
            .map(|second| run.at(second, 20 + second / 10, 21 + second / 10, None, false));
        assert_eq!(each.iter().flatten().count(), 4);
        assert_eq!(run.at(41, 25, 25, waiting, false), Some(60));
        let soon = Waiting::Rate(Duration::from_secs(5));
        assert_eq!(run.at(96, 29, 29, Some(&soon), false), Some(5));
        // What was sent long ago has no place in the window any more: others fill it.
        let mut run = Run::new("5/min");
        run.at(1, 0, 1, None, false);
        assert_eq!(run.at(400, 0, 1, waiting, false), Some(303));
    }

    #[test]
    fn the_providers_pause_comes_on_top_and_falls_with_the_rest() {
        let paused = |seconds| Waiting::Limit(Duration::from_secs(seconds));
        let mut run = Run::new("100/s");
        assert_eq!(run.at(20, 10, 10, None, false), Some(40));
        assert_eq!(run.at(20, 10, 10, Some(&paused(15)), false), Some(55));
        assert_eq!(run.at(30, 10, 10, Some(&paused(5)), false), Some(45));
        // Half a minute of a limit makes the slices no slower.
        assert_eq!(run.at(35, 10, 10, Some(&paused(1)), false), Some(41));
        assert_eq!(run.at(37, 11, 11, None, false), Some(38));
    }
}

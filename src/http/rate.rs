//! One sliding window of send instants for all workers of a provider, the turns that jobs share with other programs, and the
//! pause that a 429 imposes on all of them. Knows neither files nor jobs: who takes turns where is behind [`Turns`].

use std::collections::VecDeque;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::{Waiting, retry};
use crate::run::clock::{Cancel, Clock};

/// At most `count` requests in any window of `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    per: Duration,
}

/// Text that is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a rate: write requests per time, like 5/min or 100/s")]
pub struct BadRate {
    /// The text as it was given.
    pub text: String,
}

/// Requests in one window; more than any provider grants, and a bound for what the window remembers.
const MOST: u32 = 10_000;

impl Rate {
    /// At most `count` (1 to 10,000) requests in any `per`.
    pub fn new(count: u32, per: Duration) -> Option<Rate> {
        (1..=MOST).contains(&count).then_some(Rate { count, per })
    }

    /// Requests in one window.
    pub fn per_window(&self) -> u32 {
        self.count
    }

    /// Seconds until the last of `requests` can be sent at this rate: each window's worth goes out at once.
    pub fn seconds(&self, requests: u64) -> f64 {
        let windows = requests.saturating_sub(1) / u64::from(self.count);
        #[allow(clippy::cast_precision_loss)] // An estimate.
        let windows = windows as f64;
        windows * self.window().as_secs_f64()
    }

    /// Whether so few requests are allowed that programs which follow each other, or run at once, must share them: one a
    /// second, or fewer.
    pub fn is_slow(&self) -> bool {
        u64::from(self.count) <= self.per.as_secs()
    }

    /// The stretch in which no more than [`Rate::per_window`] requests may lie. The server measures it at its own end of a
    /// line that squeezes and stretches: ours is one percent longer.
    pub fn window(&self) -> Duration {
        self.per + self.per / 100
    }
}

impl FromStr for Rate {
    type Err = BadRate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadRate {
            text: text.to_owned(),
        };
        let (count, unit) = text.split_once('/').ok_or_else(bad)?;
        let per = match unit.trim() {
            "s" | "sec" | "second" => 1,
            "m" | "min" | "minute" => 60,
            "h" | "hour" => 3600,
            _ => return Err(bad()),
        };
        let count = count.trim().parse().map_err(|_| bad())?;
        Rate::new(count, Duration::from_secs(per)).ok_or_else(bad)
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = match self.per.as_secs() {
            60 => "min",
            3600 => "h",
            _ => "s",
        };
        write!(f, "{}/{unit}", self.count)
    }
}

/// What came of asking for a turn among all who share them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is taken: the request goes now.
    Taken,
    /// Nobody shares anything.
    Free,
    /// None is free for so long.
    Wait(Duration),
    /// None can be had any more: the job stops.
    Stopped,
}

/// Turns that are shared with other programs.
pub trait Turns: Send + Sync {
    /// Takes a turn for a request that goes out at once.
    fn take(&self, clock: &dyn Clock) -> Turn;
}

/// How the requests of a job are paced.
#[derive(Clone, Default)]
pub struct Pace {
    /// At most so many; the provider's own rate where there is none.
    pub rate: Option<Rate>,
    /// And as the turns allow that are shared with others.
    pub turns: Option<Arc<dyn Turns>>,
}

/// Another wait for a shared turn ends by then: who made it necessary may have gone.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// Send instants are of no use after this: the longest window, and more.
const LONGEST_WINDOW: Duration = Duration::from_secs(2 * 3600);

/// Lets requests go, never more than the rates allow and none during a pause.
pub struct Limiter {
    rate: Option<Rate>,
    /// One asks for a turn at a time.
    turn: Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The jobs whose requests these are, by the number that each has.
    jobs: Vec<(u64, Pace)>,
    last_job: u64,
    /// When a shared turn is free, as far as known.
    shared_until: Duration,
    /// Send instants within the window, ascending.
    sent: VecDeque<Duration>,
    /// Instants of answers that were no 429, within the last minute.
    answered: VecDeque<Duration>,
    /// The pause in force, if it is still to come to its end.
    paused_until: Duration,
    /// When the pause in force was set: a 429 to a request sent before it tells nothing new.
    paused_at: Duration,
    /// Pauses in a row.
    pauses: u32,
    /// Since when there was nothing but 429.
    refused_since: Option<Duration>,
    /// Answers in the minute before that.
    fitting: usize,
}

/// The provider's limit lasts longer than a job waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// How long it lasts, as far as known.
    pub wait: Duration,
    /// Whether the provider asks to wait so long.
    pub is_asked: bool,
    /// How many requests a minute went through before, where that says what rate would fit.
    pub fitting_per_minute: Option<usize>,
}

impl Limiter {
    /// A limiter for one provider; without a rate only the pauses hold.
    pub fn new(rate: Option<Rate>) -> Limiter {
        Limiter {
            rate,
            turn: Mutex::default(),
            state: Mutex::default(),
        }
    }

    /// From now on requests are paced so, too, until [`Limiter::leave`] is told the number that is returned. Where several
    /// jobs run, the rates of all hold for each.
    pub fn join(&self, pace: Pace) -> u64 {
        let mut state = self.lock();
        state.last_job += 1;
        let job = state.last_job;
        state.jobs.push((job, pace));
        job
    }

    /// The job has ended.
    pub fn leave(&self, job: u64) {
        let mut state = self.lock();
        state.jobs.retain(|(number, _)| *number != job);
        state.shared_until = Duration::ZERO;
    }

    /// Waits until a request may go, and counts it as sent. Returns the send instant, or `None` when cancelled.
    pub fn acquire(&self, clock: &dyn Clock, cancel: &Cancel) -> Option<Duration> {
        loop {
            if cancel.is_cancelled() {
                return None;
            }
            let wait = match self.try_acquire(clock) {
                Ok(sent) => return sent,
                Err(wait) => wait,
            };
            clock.sleep(wait, cancel);
        }
    }

    /// A send instant, or how long to wait; no instant at all where no turn can be had any more.
    fn try_acquire(&self, clock: &dyn Clock) -> Result<Option<Duration>, Duration> {
        let _turn = self.turn.lock().expect("no panic while a turn is taken");
        let now = clock.monotonic();
        let shared: Vec<Arc<dyn Turns>> = {
            let mut state = self.lock();
            let ready = self.ready_at(&mut state, now);
            if ready > now {
                return Err(ready - now);
            }
            let jobs = state.jobs.iter();
            jobs.filter_map(|(_, pace)| pace.turns.clone()).collect()
        };
        // All are on one file, and a turn there is one for all.
        for turns in shared {
            match turns.take(clock) {
                Turn::Free => {}
                Turn::Taken => break,
                Turn::Wait(wait) => {
                    self.lock().shared_until = clock.monotonic() + wait;
                    return Err(wait.min(LOOK_AGAIN));
                }
                Turn::Stopped => return Ok(None),
            }
        }
        let now = clock.monotonic();
        self.lock().sent.push_back(now);
        Ok(Some(now))
    }

    /// An answer that was no 429.
    pub fn answered(&self, clock: &dyn Clock) {
        let now = clock.monotonic();
        let mut state = self.lock();
        state.refused_since = None;
        state.pauses = 0;
        state.answered.push_back(now);
        forget_before(
            &mut state.answered,
            now.saturating_sub(Duration::from_secs(60)),
        );
    }

    /// A 429 to the request sent at `sent`: everyone pauses.
    ///
    /// # Errors
    /// The limit lasts longer than a job waits.
    pub fn refused(
        &self,
        clock: &dyn Clock,
        sent: Duration,
        retry_after: Option<Duration>,
    ) -> Result<(), TooLong> {
        let now = clock.monotonic();
        let mut state = self.lock();
        if state.refused_since.is_none() {
            forget_before(
                &mut state.answered,
                now.saturating_sub(Duration::from_secs(60)),
            );
            state.fitting = state.answered.len();
        }
        let since = *state.refused_since.get_or_insert(now);
        let same_volley = state.pauses > 0 && sent < state.paused_at;
        let pause = retry::pause(
            state.pauses.saturating_sub(u32::from(same_volley)),
            retry_after,
        );
        let too_long = |wait, is_asked| TooLong {
            wait,
            is_asked,
            fitting_per_minute: self.fitting(&state),
        };
        if pause > retry::PATIENCE {
            return Err(too_long(pause, true));
        }
        if now + pause > since + retry::PATIENCE {
            return Err(too_long(retry::PATIENCE, false));
        }
        if !same_volley {
            state.pauses += 1;
            state.paused_at = now;
        }
        state.paused_until = state.paused_until.max(now + pause);
        Ok(())
    }

    /// What the next request would wait for now.
    pub fn waiting(&self, clock: &dyn Clock) -> Option<Waiting> {
        let now = clock.monotonic();
        let mut state = self.lock();
        if state.paused_until > now {
            return Some(Waiting::Limit(state.paused_until - now));
        }
        let ready = self.ready_at(&mut state, now).max(state.shared_until);
        (ready > now).then(|| Waiting::Rate(ready - now))
    }

    /// The rates that hold now.
    fn rates(&self, state: &State) -> Vec<Rate> {
        let own = state.jobs.iter().map(|(_, pace)| pace.rate.or(self.rate));
        let own = own.chain(state.jobs.is_empty().then_some(self.rate));
        own.flatten().collect()
    }

    /// Answers a minute before the limit. One says nothing of a rate, and nor do as many as the rate allows anyway.
    fn fitting(&self, state: &State) -> Option<usize> {
        let allows_no_more =
            |rate: &Rate| u64::from(rate.count) * 60 <= state.fitting as u64 * rate.per.as_secs();
        let says = state.fitting > 1 && !self.rates(state).iter().any(allows_no_more);
        says.then_some(state.fitting)
    }

    fn ready_at(&self, state: &mut State, now: Duration) -> Duration {
        forget_before(&mut state.sent, now.saturating_sub(LONGEST_WINDOW));
        let beyond = state.sent.len().saturating_sub(MOST as usize);
        state.sent.drain(..beyond);
        let window_opens = |rate: Rate| {
            let first = state.sent.len().checked_sub(rate.count as usize)?;
            Some(state.sent[first] + rate.window())
        };
        let open = self.rates(state).into_iter().filter_map(window_opens).max();
        open.unwrap_or_default().max(state.paused_until)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no panic while the limiter is held")
    }
}

fn forget_before(instants: &mut VecDeque<Duration>, oldest: Duration) {
    while instants.front().is_some_and(|&at| at < oldest) {
        instants.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::run::clock::ManualClock;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_rate_is_a_count_and_a_time() {
        assert_eq!(
            "5/min".parse(),
            Ok(Rate {
                count: 5,
                per: 60 * SECOND
            })
        );
        assert_eq!(
            "100/s".parse::<Rate>().map(|rate| rate.to_string()),
            Ok("100/s".to_owned())
        );
        for nonsense in [
            "",
            "5",
            "/min",
            "0/s",
            "-1/s",
            "1.5/s",
            "5/day",
            "5/0",
            "99999999/s",
            "5/min/s",
        ] {
            assert!(nonsense.parse::<Rate>().is_err(), "{nonsense}");
        }
    }

    proptest! {
        #[test]
        fn no_window_holds_more_requests_than_the_rate_allows(
            count in 1u32..8,
            thinking in prop::collection::vec(0u64..3000, 1..60),
        ) {
            let clock = ManualClock::at(0);
            let limiter = Limiter::new(Rate::new(count, 60 * SECOND));
            let mut sent = Vec::new();
            for pause in thinking {
                clock.advance(Duration::from_millis(pause));
                sent.push(limiter.acquire(&clock, &Cancel::new()).expect("not cancelled"));
            }
            for window in sent.windows(count as usize + 1) {
                prop_assert!(window[count as usize] - window[0] > 60 * SECOND);
            }
        }
    }

    #[test]
    fn the_first_window_is_not_held_back() {
        let clock = ManualClock::at(0);
        let limiter = Limiter::new("5/min".parse().ok());
        for _ in 0..5 {
            assert_eq!(
                limiter.acquire(&clock, &Cancel::new()),
                Some(Duration::ZERO)
            );
        }
        assert!(matches!(limiter.waiting(&clock), Some(Waiting::Rate(_))));
    }

    #[test]
    fn a_429_pauses_everyone_and_doubles_only_after_the_pause() {
        let clock = ManualClock::at(0);
        let limiter = Limiter::new(None);
        let volley = [Duration::ZERO; 3];
        clock.advance(SECOND);
        for sent in volley {
            assert_eq!(limiter.refused(&clock, sent, None), Ok(()));
        }
        assert_eq!(limiter.waiting(&clock), Some(Waiting::Limit(15 * SECOND)));
        let sent = limiter
            .acquire(&clock, &Cancel::new())
            .expect("not cancelled");
        assert_eq!(sent, 16 * SECOND);
        assert_eq!(limiter.refused(&clock, sent, None), Ok(()));
        assert_eq!(limiter.waiting(&clock), Some(Waiting::Limit(30 * SECOND)));
    }

    #[test]
    fn a_limit_that_outlasts_the_jobs_patience_ends_it() {
        let clock = ManualClock::at(0);
        let limiter = Limiter::new(None);
        let long = Some(16 * 60 * SECOND);
        let refused = limiter.refused(&clock, Duration::ZERO, long);
        assert_eq!(
            refused.map_err(|too_long| (too_long.is_asked, too_long.fitting_per_minute)),
            Err((true, None)),
            "nothing was answered that could say what fits"
        );

        let limiter = Limiter::new(None);
        limiter.answered(&clock);
        limiter.answered(&clock);
        let outcome = (0..100).find_map(|_| {
            let sent = limiter
                .acquire(&clock, &Cancel::new())
                .expect("not cancelled");
            limiter.refused(&clock, sent, None).err()
        });
        let outcome = outcome.map(|too_long| (too_long.is_asked, too_long.fitting_per_minute));
        assert_eq!(outcome, Some((false, Some(2))));
        assert!(clock.monotonic() <= retry::PATIENCE);

        limiter.answered(&clock);
        assert_eq!(
            limiter.refused(&clock, clock.monotonic(), None),
            Ok(()),
            "an answer in between starts anew"
        );
    }

    #[test]
    fn no_rate_is_said_to_fit_that_the_job_keeps_already_or_that_one_answer_is_all_there_is_of() {
        for (rate, answers, fitting) in [
            ("5/min", 1, None),
            ("5/min", 4, Some(4)),
            ("5/min", 5, None),
            ("300/h", 5, None),
            ("100/s", 7, Some(7)),
        ] {
            let (clock, limiter) = (ManualClock::at(0), Limiter::new(rate.parse().ok()));
            (0..answers).for_each(|_| limiter.answered(&clock));
            let long = Some(86 * 3600 * SECOND);
            let refused = limiter.refused(&clock, Duration::ZERO, long);
            let told = refused.map_err(|too_long| too_long.fitting_per_minute);
            assert_eq!(told, Err(fitting), "{answers} at {rate}");
        }
    }
}

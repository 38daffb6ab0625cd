//! The limits that hold whatever a provider does: no window with more requests than the rate allows, none during a
//! pause, and no answer that takes longer than was granted. By a clock that a wait moves on, so that minutes cost nothing.

use std::time::{Duration, Instant};

use candlefile::internals::Limiter;
use candlefile::provider::Rate;
use candlefile::{Cancel, Clock, ManualClock};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::table::run;
use crate::support::exchange::Reply;
use crate::support::harness::Home;
use crate::support::server::Server;

const MINUTE: Duration = Duration::from_secs(60);

/// A request on its way: who sent it, when, and when its answer is in.
struct Sent {
    at: Duration,
    answer_at: Duration,
    said: Said,
}

/// One schedule: by turns a worker thinks, asks and is answered later, while the others go on.
#[derive(Clone, Debug)]
struct Turn {
    thinks_ms: u64,
    answered_after_ms: u64,
    /// One in some is refused: without a time, with none, or for so many seconds.
    answer: u8,
}

fn turn() -> impl Strategy<Value = Turn> {
    (
        prop_oneof![Just(0u64), 0u64..200, 0u64..20_000],
        prop_oneof![Just(0u64), 0u64..500, 0u64..8_000],
        any::<u8>(),
    )
        .prop_map(|(thinks_ms, answered_after_ms, answer)| Turn {
            thinks_ms,
            answered_after_ms,
            answer,
        })
}

/// What an answer says of the limit.
#[derive(Clone, Copy)]
enum Said {
    Nothing,
    Pause(Duration),
    PauseWithoutATime,
}

fn said(answer: u8) -> Said {
    match answer {
        0..=15 => Said::Pause(Duration::from_secs(u64::from(answer) * 4)),
        16..=19 => Said::PauseWithoutATime,
        _ => Said::Nothing,
    }
}

/// Takes the answers that are in by now. Whoever is refused tells the limiter, as a worker does.
fn answer(limiter: &Limiter, clock: &ManualClock, flying: &mut Vec<Sent>, silence: &mut Duration) {
    let now = clock.monotonic();
    flying.sort_by_key(|sent| sent.answer_at);
    while flying.first().is_some_and(|sent| sent.answer_at <= now) {
        let sent = flying.remove(0);
        let asked = match sent.said {
            Said::Nothing => {
                limiter.answered(clock);
                continue;
            }
            Said::Pause(pause) => Some(pause),
            Said::PauseWithoutATime => None,
        };
        if limiter.refused(clock, sent.at, asked).is_ok() {
            // Without a time the shortest pause is 15 s; with one it is that.
            *silence = (*silence).max(now + asked.unwrap_or(Duration::from_secs(15)));
        }
    }
}

#[test]
fn ten_thousand_schedules_of_eight_workers_keep_the_rate_in_every_minute_and_every_pause() {
    let config = Config {
        cases: 10_000,
        failure_persistence: None,
        ..Config::default()
    };
    let schedules = (1u32..12, prop::collection::vec(turn(), 1..48));
    let kept = TestRunner::new(config).run(&schedules, |(count, turns)| {
        let clock = ManualClock::at(0);
        let limiter = Limiter::new(Rate::new(count, MINUTE));
        let (mut sent, mut flying, mut silence) = (Vec::new(), Vec::new(), Duration::ZERO);
        for turn in turns {
            clock.advance(Duration::from_millis(turn.thinks_ms));
            // Eight workers at most: the ninth request waits for an answer.
            if flying.len() >= 8 {
                let first = flying
                    .iter()
                    .map(|sent: &Sent| sent.answer_at)
                    .min()
                    .unwrap();
                clock.advance(first.saturating_sub(clock.monotonic()));
            }
            answer(&limiter, &clock, &mut flying, &mut silence);
            let at = limiter.acquire(&clock, &Cancel::new()).unwrap();
            prop_assert!(at >= silence, "sent at {at:?}, silence until {silence:?}");
            sent.push(at);
            flying.push(Sent {
                at,
                answer_at: at + Duration::from_millis(turn.answered_after_ms),
                said: said(turn.answer),
            });
        }
        for window in sent.windows(count as usize + 1) {
            let taken = window[count as usize] - window[0];
            prop_assert!(taken > MINUTE, "{} requests in {taken:?}", count + 1);
        }
        Ok(())
    });
    kept.unwrap();
}

/// Eight threads on one limiter: none gets a place that another has taken.
#[test]
fn eight_threads_at_one_limiter_never_take_more_than_the_rate() {
    for round in 0..50 {
        let clock = ManualClock::at(0);
        let limiter = Limiter::new(Rate::new(5, MINUTE));
        let mut sent: Vec<Duration> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..8)
                .map(|worker| {
                    let (clock, limiter) = (&clock, &limiter);
                    scope.spawn(move || {
                        let mut sent = Vec::new();
                        for n in 0..10 {
                            let at = limiter.acquire(clock, &Cancel::new()).unwrap();
                            sent.push(at);
                            if (n + worker + round) % 7 == 0 {
                                let pause = Some(Duration::from_secs(2));
                                limiter.refused(clock, at, pause).unwrap();
                            } else {
                                limiter.answered(clock);
                            }
                        }
                        sent
                    })
                })
                .collect();
            workers
                .into_iter()
                .flat_map(|w| w.join().unwrap())
                .collect()
        });
        sent.sort();
        for window in sent.windows(6) {
            assert!(window[5] - window[0] > MINUTE, "{window:?}");
        }
    }
}

/// Six tries of a server that drips take six deadlines and no more: back-off waits by the other clock.
#[test]
fn a_server_that_drips_costs_six_deadlines_and_no_more() {
    let drip = Reply::Live(std::sync::Arc::new(|mut stream| {
        use std::io::Write as _;
        let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while sent.is_ok() {
            // A server that is slow on purpose; nothing waits for it.
            std::thread::sleep(Duration::from_millis(10));
            sent = stream.write_all(b" ");
        }
    }));
    let limits = candlefile::provider::Limits {
        connect: Duration::from_millis(200),
        stall: Duration::from_millis(200),
        deadline: Duration::from_millis(300),
    };
    let (home, server) = (Home::new(), Server::always(drip));
    let began = Instant::now();
    let report = run(&home, &server.url(), limits, 8);
    let took = began.elapsed();
    assert_eq!(report.failed.len(), report.series.len(), "{report:?}");
    // A deadline is noticed at the next byte, and at the latest when the stall is.
    let stated = 6 * (limits.deadline + limits.stall);
    assert!(took >= 6 * limits.deadline, "{took:?}");
    assert!(
        took < stated + Duration::from_secs(2),
        "{took:?}, {stated:?} stated"
    );
}

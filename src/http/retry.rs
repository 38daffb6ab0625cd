//! When to try again: the schedule, without a clock, a random source or a wait of its own.

use std::time::{Duration, SystemTime};

/// Requests made for one page at most; a 429 is not counted.
pub(crate) const ATTEMPTS: u32 = 6;

const FIRST_STEP: Duration = Duration::from_millis(500);
const LONGEST_STEP: Duration = Duration::from_secs(60);

/// A pause after a 429 that does not say how long: 15 s, doubling to 3 minutes. Servers that send no `Retry-After` were seen to
/// recover after 2.5 to 3 minutes.
const FIRST_PAUSE: Duration = Duration::from_secs(15);
/// Where a server asks for no pause at all.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(180);

/// A job waits no longer than this for a provider's limit to lift.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// How long to wait before the next attempt: full jitter (`random` in `[0, 1)` of an exponentially growing step), and
/// at least what the server asked for.
///
/// `attempt` counts the attempts made, from 1.
pub(crate) fn backoff(attempt: u32, retry_after: Option<Duration>, random: f64) -> Duration {
    let step = FIRST_STEP
        .saturating_mul(1 << attempt.saturating_sub(1).min(16))
        .min(LONGEST_STEP);
    step.mul_f64(random).max(retry_after.unwrap_or_default())
}

/// How long a 429 pauses everyone: what the server asked for, or a step that doubles with each pause in a row. A server
/// that asks for no time at all gets some all the same, doubling too: its 429s must not become a flood.
///
/// `pauses` counts the pauses in a row before this one.
pub(crate) fn pause(pauses: u32, retry_after: Option<Duration>) -> Duration {
    let step = |first: Duration| first.saturating_mul(1 << pauses.min(16)).min(LONGEST_PAUSE);
    match retry_after {
        Some(asked) if asked >= Duration::from_secs(1) => asked,
        Some(_) => step(SHORTEST_PAUSE),
        None => step(FIRST_PAUSE),
    }
}

/// Reads a `Retry-After` header: seconds or an HTTP date. `None` for anything else, and for a date in the past.
pub(crate) fn retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit is still a number: the longest wait there is.
        return Some(Duration::from_secs(
            header
                .parse()
                .unwrap_or(u64::from(u32::MAX))
                .min(u64::from(u32::MAX)),
        ));
    }
    httpdate::parse_http_date(header)
        .ok()?
        .duration_since(now)
        .ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn steps_double_from_half_a_second_to_a_minute() {
        let steps: Vec<u128> = (1..=9).map(|n| backoff(n, None, 1.0).as_millis()).collect();
        assert_eq!(
            steps,
            [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]
        );
        assert_eq!(backoff(40, None, 1.0), LONGEST_STEP);
        assert_eq!(backoff(6, None, 0.0), Duration::ZERO);
        assert_eq!(backoff(2, None, 0.5), Duration::from_millis(500));
    }

    #[test]
    fn a_server_that_asks_for_more_gets_it() {
        assert_eq!(
            backoff(1, Some(Duration::from_secs(7)), 0.9),
            Duration::from_secs(7)
        );
        assert_eq!(
            backoff(5, Some(Duration::from_secs(1)), 1.0),
            Duration::from_secs(8)
        );
    }

    #[test]
    fn pauses_double_from_15_seconds_to_3_minutes() {
        let pauses: Vec<u64> = (0..6).map(|n| pause(n, None).as_secs()).collect();
        assert_eq!(pauses, [15, 30, 60, 120, 180, 180]);
        assert_eq!(pause(40, None), LONGEST_PAUSE);
        let zeros: Vec<u128> = (0..4)
            .map(|n| pause(n, Some(Duration::ZERO)).as_millis())
            .collect();
        assert_eq!(zeros, [50, 100, 200, 400]);
        assert_eq!(
            pause(4, Some(Duration::from_secs(1))),
            Duration::from_secs(1)
        );
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_nothing_else() {
        let now = httpdate::parse_http_date("Tue, 02 Jan 2024 14:30:00 GMT").expect("a date");
        assert_eq!(retry_after(" 12 ", now), Some(Duration::from_secs(12)));
        assert_eq!(retry_after("0", now), Some(Duration::ZERO));
        assert_eq!(
            retry_after("Tue, 02 Jan 2024 14:30:20 GMT", now),
            Some(Duration::from_secs(20))
        );
        assert_eq!(
            retry_after("99999999999999999999", now),
            Some(Duration::from_secs(u64::from(u32::MAX)))
        );
        for nonsense in [
            "",
            "soon",
            "-5",
            "1.5",
            "Tue, 02 Jan 2024 14:29:00 GMT",
            "\u{0661}",
        ] {
            assert_eq!(retry_after(nonsense, now), None, "{nonsense:?}");
        }
    }

    proptest! {
        #[test]
        fn a_delay_lies_between_what_was_asked_and_the_cap(attempt in 1u32..100, random in 0.0f64..1.0, asked in 0u64..900) {
            let asked = Duration::from_secs(asked);
            let delay = backoff(attempt, Some(asked), random);
            prop_assert!(delay >= asked && delay <= LONGEST_STEP.max(asked));
        }
    }
}

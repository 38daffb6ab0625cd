//! State that must be put back: what was odd, refused or paused once must not count for ever.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use candlefile::internals::Limiter;
use candlefile::model::{Candle, JobStatus};
use candlefile::provider::{ErrorKind, Limits, Pace, Waiting};
use candlefile::{Cancel, ManualClock};

use crate::hostile::table::{limits, run};
use crate::support::exchange::Reply;
use crate::support::harness::Home;
use crate::support::long_past::{COIN, LONG_PAST, cells, coin_of, whole};
use crate::support::scripted::{Bench, DAY, MINUTE, candles, label, ny, refuse_if, utc, version};
use crate::support::server::Server;

const FLAGS: &str = "SELECT count(*) FROM quality_issues";
const JUDGE: &str = "INSERT INTO candle_quality SELECT series_id, ts, 0.5, 0, 0 FROM candle_data";
const UNJUDGED: &str = "SELECT group_concat(ts) FROM candle_data WHERE (series_id, ts) NOT IN (SELECT series_id, ts FROM candle_quality)";
const JUDGED: &str = "SELECT count(*) FROM candle_quality";
const TOO_MANY: &str = r#"{"status":"ERROR","error":"too many requests"}"#;

/// A candle that closed below its low.
fn odd(ts: i64) -> Candle {
    let sound = version(ts, 7);
    Candle {
        close: sound.low - 1.0,
        ..sound
    }
}

#[test]
fn a_candle_that_was_odd_and_is_restated_sound_is_odd_no_more_and_the_other_way_round() {
    let (monday, friday) = (label("2024-03-04"), label("2024-03-08"));
    for (first, then) in [
        (odd(friday), version(friday, 1)),
        (version(friday, 1), odd(friday)),
    ] {
        let mut bench = Bench::new();
        let days = (0..4).map(|n| monday + n * DAY);
        bench.provider.offer("AAPL 1d", candles(days));
        bench.provider.offer("AAPL 1d", [first]);
        bench.update("AAPL 1d", monday, ny("2024-03-08 21:00"));
        let before = i64::from(first.close < first.low);
        assert_eq!(bench.number(FLAGS), before, "flags of the provisional one");
        bench.sql().execute(JUDGE, []).unwrap();
        bench.provider.offer("AAPL 1d", [then]);
        let report = bench.update("AAPL 1d", monday, ny("2024-03-09 12:00"));
        assert_eq!(report.records.restated, 1, "the final answer has another");
        assert_eq!(bench.number(FLAGS), 1 - before, "flags of the final one");
        let unjudged: String = bench
            .sql()
            .query_row(UNJUDGED, [], |row| row.get(0))
            .unwrap();
        assert_eq!(unjudged, friday.to_string(), "to be judged anew");
    }
}

#[test]
fn a_candle_that_is_removed_takes_what_was_odd_about_it_with_it() {
    let minute = |n: i64| ny("2024-03-08 19:50") + n * MINUTE;
    let mut bench = Bench::new();
    bench
        .provider
        .offer("AAPL 1m", candles((0..10).map(minute)));
    bench.provider.offer("AAPL 1m", [odd(minute(5))]);
    bench.update("AAPL 1m", minute(0), ny("2024-03-08 20:15"));
    assert_eq!(bench.number(FLAGS), 1, "one is odd");
    bench.sql().execute(JUDGE, []).unwrap();
    bench.provider.withdraw("AAPL 1m", minute(5));
    let report = bench.update("AAPL 1m", minute(0), ny("2024-03-09 12:00"));
    assert_eq!(report.records.removed, 1, "the final answer lacks it");
    assert_eq!(bench.number(FLAGS), 0, "flags of what is gone");
    assert_eq!(bench.number(JUDGED), 9, "what came of those that are left");
}

/// What everybody waits for after a refusal of the request that goes out now.
fn refused_now(limiter: &Limiter, clock: &ManualClock, asked: Option<u64>) -> Duration {
    let sent = limiter.acquire(clock, &Cancel::new()).unwrap();
    let asked = asked.map(Duration::from_secs);
    limiter.refused(clock, sent, asked).unwrap();
    match limiter.waiting(clock) {
        Some(Waiting::Limit(pause)) => pause,
        other => panic!("after a 429 nobody waits for the limit: {other:?}"),
    }
}

#[test]
fn an_answer_between_two_refusals_begins_the_pauses_anew() {
    let (clock, limiter) = (ManualClock::at(0), Limiter::new(None));
    let first = Duration::from_secs(15);
    assert_eq!(
        refused_now(&limiter, &clock, None),
        first,
        "the first pause"
    );
    assert_eq!(
        refused_now(&limiter, &clock, None),
        2 * first,
        "one right after it is longer"
    );
    limiter.acquire(&clock, &Cancel::new()).unwrap();
    limiter.answered(&clock);
    assert_eq!(
        refused_now(&limiter, &clock, None),
        first,
        "after an answer it is as long as the first again"
    );
}

#[test]
fn a_pause_is_not_cut_short_by_a_refusal_that_asks_for_less() {
    let (clock, limiter) = (ManualClock::at(0), Limiter::new(None));
    let sent = [(); 2].map(|()| limiter.acquire(&clock, &Cancel::new()).unwrap());
    clock.advance(Duration::from_secs(1));
    for (sent, asked) in sent.into_iter().zip([60, 5]) {
        let asked = Some(Duration::from_secs(asked));
        limiter.refused(&clock, sent, asked).unwrap();
    }
    let wanted = Some(Waiting::Limit(Duration::from_secs(60)));
    assert_eq!(limiter.waiting(&clock), wanted, "the longer of both pauses");
}

#[test]
fn refusals_are_no_attempts_however_many_and_failures_after_them_are_tried_as_often_as_ever() {
    let at: Arc<Mutex<Vec<&'static str>>> = Arc::default();
    let log = Arc::clone(&at);
    // Of the first series: five times too many, five times broken, and then the answer.
    let server = Server::scripted(move |request| {
        if request.ask().symbol != crate::hostile::case::BAD {
            return None;
        }
        let mut log = log.lock().unwrap();
        let said = match log.len() {
            0..5 => "429",
            5..10 => "503",
            _ => "answer",
        };
        log.push(said);
        match said {
            "429" => Some(Reply::json(429, TOO_MANY).with("Retry-After", "1")),
            "503" => Some(Reply::json(503, "{}")),
            _ => None,
        }
    });
    let home = Home::new();
    let limits: Limits = limits(false);
    let report = run(&home, &server.url(), limits, 1);
    let at = at.lock().unwrap();
    assert!(
        at.len() > 10,
        "it gave up after {at:?}: {:?}",
        report.failed
    );
    assert_eq!(report.status, JobStatus::Completed, "{:?}", report.failed);
}

/// Sends one request, and says when by the clock.
fn sent(limiter: &Limiter, clock: &ManualClock) -> Duration {
    limiter.acquire(clock, &Cancel::new()).unwrap()
}

#[test]
fn a_rate_by_the_hour_remembers_for_the_whole_of_it() {
    let (clock, limiter) = (ManualClock::at(0), Limiter::new("2/h".parse().ok()));
    sent(&limiter, &clock);
    clock.advance(Duration::from_secs(3_000));
    sent(&limiter, &clock);
    clock.advance(Duration::from_secs(605));
    // The first one lies an hour back, and its line may have squeezed it.
    let third = sent(&limiter, &clock);
    assert!(
        third >= Duration::from_secs(3_636),
        "the third went out at {third:?}"
    );
}

#[test]
fn of_two_jobs_the_slower_rate_holds_for_both_and_when_it_has_left_no_more() {
    let pace = |rate: &str| Pace {
        rate: rate.parse().ok(),
        turns: None,
    };
    let (clock, limiter) = (ManualClock::at(0), Limiter::new(None));
    limiter.join(pace("2/s"));
    let slow = limiter.join(pace("2/min"));
    sent(&limiter, &clock);
    sent(&limiter, &clock);
    let third = sent(&limiter, &clock);
    assert!(
        third >= Duration::from_secs(60),
        "of two windows that are full the faster was waited for: the third went out at {third:?}"
    );
    limiter.leave(slow);
    assert_eq!(sent(&limiter, &clock), third, "at once, by the faster rate");
}

#[test]
fn a_job_that_goes_on_says_no_more_why_it_had_stopped_while_it_runs() {
    let cells = cells(2);
    let (mut bench, now) = (coin_of(&cells), utc(LONG_PAST));
    let resume_at = now + 3_600;
    bench
        .provider
        .script(move |_, _| refuse_if(true, ErrorKind::Throttled { resume_at }));
    let report = bench.backfill(now, COIN, whole(&cells));
    assert_eq!(report.status, JobStatus::Interrupted);
    let path = bench.path();
    bench.provider.script(move |_, _| {
        let file = rusqlite::Connection::open(&path).unwrap();
        let sql = "SELECT count(*) FROM backfill_jobs WHERE status = 'running' AND error IS NULL AND resume_at IS NULL
            AND completed_at IS NULL";
        let at_work: i64 = file.query_row(sql, [], |row| row.get(0)).unwrap();
        refuse_if(at_work != 1, ErrorKind::Slice)
    });
    let resumed = bench
        .try_resume(resume_at, &report.job_id.unwrap())
        .unwrap();
    assert_eq!(
        resumed.status,
        JobStatus::Completed,
        "its row as it ran: {:?}",
        resumed.failed
    );
}

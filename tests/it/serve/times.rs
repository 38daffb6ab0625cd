//! What the server does by itself as time passes: updates that are due, jobs that a limit has interrupted, messages that a
//! receiver does not take. By a clock that the test sets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use candlefile::provider::ErrorKind;
use candlefile::serve::{Settings, Webhook};
use candlefile::{Cancel, Clock};

use crate::support::harness::Home;
use crate::support::inside::{self, settings};
use crate::support::running::eventually;
use crate::support::scripted::{HOUR, Scripted, candles, job, key, refuse_if, span, utc};
use crate::support::serving::Caller;

/// Stands where the test has set it. Whoever waits looks again at once, and for how long he wanted to is kept.
struct Hands {
    now: AtomicI64,
    origin: Instant,
    longest: AtomicU64,
}

impl Hands {
    fn at(text: &str) -> Arc<Hands> {
        Arc::new(Hands {
            now: AtomicI64::new(utc(text)),
            origin: Instant::now(),
            longest: AtomicU64::new(0),
        })
    }

    fn set(&self, text: &str) {
        self.now.store(utc(text), Ordering::SeqCst);
    }

    /// The longest wait that anybody has wanted, in seconds.
    fn longest(&self) -> u64 {
        self.longest.load(Ordering::SeqCst)
    }
}

impl Clock for Hands {
    fn now_ms(&self) -> i64 {
        self.now.load(Ordering::SeqCst) * 1000
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }

    fn sleep(&self, duration: Duration, _: &Cancel) {
        self.longest.fetch_max(duration.as_secs(), Ordering::SeqCst);
        thread::sleep(Duration::from_millis(2));
    }
}

/// A server of this process, while `test` calls it.
fn while_serving(
    home: &Home,
    clock: &Arc<Hands>,
    provider: &Arc<Scripted>,
    (update_at, webhook): (&[&str], Option<Webhook>),
    test: impl FnOnce(&Caller),
) {
    let settings = Settings {
        update_at: update_at.iter().map(|time| time.parse().unwrap()).collect(),
        webhook,
        ..settings(home, provider.clone(), clock.clone())
    };
    inside::while_serving(settings, test);
}

/// A file with some hours of a coin, and a provider that has a week of them.
fn hours() -> (Home, Arc<Scripted>) {
    let (home, provider) = (Home::new(), Arc::new(Scripted::default()));
    let start = utc("2024-06-01 00:00");
    let week = (0..7 * 24).map(|n| start + n * HOUR);
    provider.offer("X:BTCUSD 1h", candles(week));
    let mut store = candlefile::Store::create(&home.db_path()).unwrap();
    let asked = [(key("X:BTCUSD 1h"), span(start, start + 24 * HOUR))];
    let report = job(
        &mut store,
        provider.clone(),
        utc("2024-06-03 00:30"),
        &asked,
    );
    report.unwrap();
    (home, provider)
}

#[test]
fn of_two_times_of_day_each_is_due_at_its_own_and_on_every_day() {
    let (home, provider) = hours();
    let clock = Hands::at("2024-06-03 05:00");
    let times = ["18:00@UTC", "06:00@UTC"];
    while_serving(&home, &clock, &provider, (&times, None), |_| {
        let mut ended = 0;
        for now in [
            // What was due last evening, when the server was not there.
            "2024-06-03 05:00",
            "2024-06-03 06:00",
            "2024-06-03 18:00",
            "2024-06-04 06:00",
            "2024-06-04 18:00",
        ] {
            clock.set(now);
            ended += 1;
            let sql = "SELECT count(*) FROM backfill_jobs WHERE command = 'update' AND status = 'completed'";
            eventually(&format!("update number {ended}, at {now}"), || {
                home.db().count(sql) == ended
            });
        }
    });
}

#[test]
fn while_the_providers_limit_lasts_no_request_is_sent_for_the_job_and_then_it_goes_on() {
    let (home, provider) = hours();
    let clock = Hands::at("2024-06-03 05:00");
    let resume_at = utc("2024-06-03 06:00");
    provider.take_asked();
    provider.script(move |ask, _| {
        let is_first = ask.symbol.as_str() == "X:ETHUSD";
        refuse_if(is_first, ErrorKind::Throttled { resume_at })
    });
    let of = |symbol: &str| {
        format!("symbols={symbol}&timeframes=1h&start_date=2024-06-02&end_date=2024-06-02")
    };
    while_serving(&home, &clock, &provider, (&[], None), |caller| {
        let first = caller.backfill(&of("X:ETHUSD"));
        caller.wait_for(&first, "interrupted");
        provider.script(|_, _| None);
        for now in ["2024-06-03 05:00", "2024-06-03 05:59"] {
            clock.set(now);
            // The older job would be taken before this one.
            let other = caller.backfill(&of("X:BTCUSD"));
            caller.wait_for(&other, "completed");
            let asked = provider.take_asked();
            let again = asked.iter().filter(|(series, _)| series == "X:ETHUSD 1h");
            let allowed = usize::from(now.ends_with("05:00"));
            assert_eq!(
                again.count(),
                allowed,
                "requests for it up to {now}: {asked:?}"
            );
        }
        clock.set("2024-06-03 06:00");
        caller.wait_for(&first, "partial");
        assert_eq!(
            provider.take_asked().len(),
            1,
            "requests once the limit is over"
        );
    });
}

/// A receiver that refuses so often, and asks to be left alone for a day each time; the ids of what it was sent.
fn resting(times: usize) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let ids: Arc<Mutex<Vec<String>>> = Arc::default();
    let all = Arc::clone(&ids);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            let (mut id, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let lower = line.to_lowercase();
                if let Some(value) = lower.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                } else if let Some(value) = lower.strip_prefix("webhook-id:") {
                    value.trim().clone_into(&mut id);
                } else if line.trim().is_empty() {
                    break;
                }
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            let mut ids = all.lock().unwrap();
            let status = if ids.len() < times {
                "429 Later"
            } else {
                "204 Taken"
            };
            ids.push(id);
            let answer = format!(
                "HTTP/1.1 {status}\r\nRetry-After: 86400\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    });
    (url, ids)
}

#[test]
fn a_receiver_that_asks_for_a_day_is_left_alone_for_a_minute_and_told_the_same_message_again() {
    let (home, provider) = hours();
    let clock = Hands::at("2024-06-03 05:00");
    let (url, ids) = resting(2);
    let secret = "a secret of more than 24 bytes".parse().unwrap();
    let webhook = Webhook::new(&url.parse().unwrap(), secret).unwrap();
    while_serving(&home, &clock, &provider, (&[], Some(webhook)), |caller| {
        caller.backfill("symbols=X:BTCUSD&timeframes=1h&start_date=2024-06-01&end_date=2024-06-02");
        eventually("the message is taken", || ids.lock().unwrap().len() == 3);
    });
    assert_eq!(clock.longest(), 60, "the longest wait, in seconds");
    let ids = ids.lock().unwrap();
    assert!(
        ids.iter().all(|id| *id == ids[0]),
        "one message with several ids: {ids:?}"
    );
}

#[test]
fn an_update_that_a_clock_which_ran_ahead_has_asked_for_is_none_that_was_done() {
    let (home, provider) = hours();
    let clock = Hands::at("2024-06-03 05:00");
    let sql = "INSERT INTO backfill_jobs (job_id, status, command, symbols, timeframes, start_ts, end_ts, source, delay_s,
        created_at) SELECT 'ahead', 'completed', 'update', '[]', '[]', 0, 1, 'scripted', 0, unixepoch('2025-01-01')";
    home.sql(sql);
    while_serving(&home, &clock, &provider, (&["00:00@UTC"], None), |_| {
        let sql = "SELECT count(*) FROM backfill_jobs WHERE command = 'update' AND status = 'completed' AND job_id <> 'ahead'";
        eventually("the update that is due", || home.db().count(sql) == 1);
    });
}

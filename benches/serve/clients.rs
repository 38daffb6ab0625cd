//! 64 callers beside a backfill: how long they wait, and what they cost it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use candlefile::Store;

use super::client::Answer;
use super::serving::Serving;
use super::{candles, count, figure, percent, provider, window, year};

const CALLERS: usize = 64;
/// Of them, those that follow the events of the job that runs and do nothing else.
const FOLLOWERS: usize = 8;
/// How often each of the others calls.
const PACE: Duration = Duration::from_millis(100);
/// Seconds of the window beside the callers, and of the two without them, before and after it.
const WINDOW: f64 = 60.0;
const ALONE: f64 = 20.0;
/// More jobs than are done, each of so many symbols.
const JOBS: usize = 40;
const SYMBOLS: usize = 20;
/// What a caller asks for in turn.
const MIX: [Kind; 10] = {
    use Kind::{Coverage, Historical, Recent, Status, Symbols};
    [
        Status, Historical, Status, Recent, Coverage, Status, Historical, Status, Recent, Symbols,
    ]
};

const KINDS: [Kind; 6] = [
    Kind::Status,
    Kind::Recent,
    Kind::Symbols,
    Kind::Coverage,
    Kind::Historical,
    Kind::Events,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Status,
    Recent,
    Symbols,
    Coverage,
    Historical,
    Events,
}

/// A call that was answered, or was not.
struct Call {
    kind: Kind,
    took: Duration,
    /// 0 where there was no whole answer.
    status: u16,
}

pub fn run(folder: &Path) {
    let db = folder.join("clients.db");
    let span = year(&db);
    let serving = Serving::start(&db, &provider::start(span));
    let dates = candles::dates(span);
    let symbols = |job: usize| (0..SYMBOLS).map(move |index| format!("J{job}.{index}"));
    let jobs: Vec<String> = (0..JOBS)
        .map(|job| serving.backfill(&symbols(job).collect::<Vec<_>>(), &dates))
        .collect();
    let store = Store::read(&db).unwrap();
    std::thread::sleep(window(5.0));
    let before = speed(&store, window(ALONE));
    let stop = AtomicBool::new(false);
    let (beside, calls) = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|number| {
                let (serving, jobs, stop) = (&serving, &jobs, &stop);
                scope.spawn(move || match number {
                    0..FOLLOWERS => follow(serving, stop),
                    _ => call_at_pace(serving, number, jobs, stop),
                })
            })
            .collect();
        let beside = speed(&store, window(WINDOW));
        stop.store(true, Ordering::Relaxed);
        let calls = callers.into_iter().flat_map(|one| one.join().unwrap());
        (beside, calls.collect::<Vec<Call>>())
    });
    let after = speed(&store, window(ALONE));
    let left = serving.get(&format!("/api/v1/backfill/status/{}", jobs[JOBS - 1]));
    assert!(
        left.contains("\"queued\""),
        "there were too few jobs: {left}"
    );
    report(&calls, [before, beside, after]);
    drop(serving);
    std::fs::remove_file(&db).unwrap();
}

/// Candles a second that the file gains meanwhile.
fn speed(store: &Store, window: Duration) -> f64 {
    let (began, held) = (Instant::now(), count(store));
    std::thread::sleep(window);
    (count(store) - held) as f64 / began.elapsed().as_secs_f64()
}

fn call_at_pace(serving: &Serving, number: usize, jobs: &[String], stop: &AtomicBool) -> Vec<Call> {
    let (mut client, mut calls) = (serving.client(), Vec::new());
    let (mut turn, mut cursor) = (number, String::new());
    // Not all at once.
    let mut due = Instant::now() + PACE.mul_f64(number as f64 / CALLERS as f64);
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        due = Instant::now().max(due + PACE);
        let kind = MIX[turn % MIX.len()];
        let target = match kind {
            Kind::Status => format!("/api/v1/backfill/status/{}", jobs[turn % jobs.len()]),
            Kind::Recent => "/api/v1/backfill/recent".to_owned(),
            Kind::Symbols => "/api/v1/symbols".to_owned(),
            Kind::Coverage => "/api/v1/coverage/S0?timeframe=1m".to_owned(),
            _ => format!("/api/v1/historical/S0?timeframe=1m&limit=1000{cursor}"),
        };
        turn += 1;
        let began = Instant::now();
        let answer = client.get(&target);
        if let (Kind::Historical, Ok(answer)) = (kind, &answer) {
            cursor = next_cursor(answer);
        }
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        calls.push(Call {
            kind,
            took: began.elapsed(),
            status,
        });
        if status != 200 {
            client = serving.client();
        }
    }
    calls
}

fn next_cursor(answer: &Answer) -> String {
    let tail = String::from_utf8_lossy(&answer.body[answer.body.len().saturating_sub(40)..]);
    let cursor = tail.split("\"next_cursor\":\"").nth(1);
    let cursor = cursor.and_then(|text| text.split('"').next());
    cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"))
}

/// Follows one running job after the other; the time is the one to the first event.
fn follow(serving: &Serving, stop: &AtomicBool) -> Vec<Call> {
    let mut calls = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let recent = serving.get("/api/v1/backfill/recent?limit=200");
        let recent: serde_json::Value = serde_json::from_str(&recent).unwrap_or_default();
        let jobs = recent["jobs"].as_array().cloned().unwrap_or_default();
        let Some(job) = jobs.iter().find(|job| job["status"] == "running") else {
            continue;
        };
        let target = format!(
            "/api/v1/backfill/{}/events",
            job["job_id"].as_str().unwrap()
        );
        let (mut client, began) = (serving.client(), Instant::now());
        let status = client.begin("GET", &target).map_or(0, |(status, _)| status);
        let (mut took, mut whole) = (None, false);
        while status == 200 && !whole && !stop.load(Ordering::Relaxed) {
            match client.chunk(&mut Vec::new()) {
                Ok(more) => whole = !more,
                Err(_) => break,
            }
            took.get_or_insert_with(|| began.elapsed());
        }
        let is_well = status != 200 || whole || stop.load(Ordering::Relaxed);
        calls.push(Call {
            kind: Kind::Events,
            took: took.unwrap_or_else(|| began.elapsed()),
            status: if is_well { status } else { 0 },
        });
    }
    calls
}

fn report(calls: &[Call], [before, beside, after]: [f64; 3]) {
    let pace = PACE.as_millis();
    println!(
        "{CALLERS} callers: {FOLLOWERS} follow the events of the running job, each of the others asks every {pace} ms for\n\
         the next of {MIX:?}"
    );
    let seconds = window(WINDOW).as_secs_f64();
    let all = format!("{:.0}", calls.len() as f64 / seconds);
    figure("calls a second", all, "");
    let of_status = |wanted: fn(u16) -> bool| calls.iter().filter(|c| wanted(c.status)).count();
    figure("  answered 503", of_status(|status| status == 503), "");
    let errors = of_status(|status| ![200, 503].contains(&status));
    figure("  errors", errors, "0");
    for kind in KINDS {
        let of_kind = calls.iter().filter(|call| call.kind == kind);
        let mut times: Vec<f64> = of_kind.map(|call| call.took.as_secs_f64() * 1e3).collect();
        times.sort_by(f64::total_cmp);
        let Some(most) = times.last() else { continue };
        let at = |share: usize| times[(times.len() - 1) * share / 100];
        let name = format!("  {kind:?}: half, 99 %, all within ms").to_lowercase();
        let value = format!("{:.1} {:.1} {most:.1}", at(50), at(99));
        let floor = if kind == Kind::Status {
            "99 % < 50 ms"
        } else {
            ""
        };
        figure(&name, value, floor);
    }
    for (name, speed) in [("before", before), ("beside", beside), ("after", after)] {
        let name = format!("backfill {name} the callers, candles/s");
        figure(&name, format!("{speed:.0}"), "");
    }
    let alone = f64::midpoint(before, after);
    figure("  beside / alone", percent(beside / alone), ">= 70 %");
}

//! A server over time: its memory, the log beside callers who do not read, and how it ends.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use candlefile::Store;

use super::serving::Serving;
use super::{candles, count, figure, mib, provider, year};

/// Callers who read all that there is, again and again.
const READERS: usize = 4;
/// Callers who read nothing of their answers, and call again when they are sent away.
const STUCK: usize = 2;
/// Jobs that are asked for, of so many symbols: more than are done.
const JOBS: usize = 200;
const SYMBOLS: usize = 20;

pub fn run(folder: &Path) {
    let db = folder.join("steady.db");
    let span = year(&db);
    let serving = Serving::start(&db, &provider::start(span));
    let minutes = std::env::var("CANDLEFILE_BENCH_MINUTES").unwrap_or_default();
    let time = Duration::from_secs_f64(minutes.parse().unwrap_or(10.0) * 60.0);
    let stop = AtomicBool::new(false);
    let (resident, log) = std::thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| read_all(&serving, &stop));
        }
        let resident = watch(&serving, &db, time).0;
        // Beside a writer now, and callers who hold on to what it writes.
        ask_for_jobs(&serving, span);
        for _ in 0..STUCK {
            scope.spawn(|| do_not_read(&serving, &stop));
        }
        let log = watch(&serving, &db, time.min(Duration::from_secs(60))).1;
        stop.store(true, Ordering::Relaxed);
        (resident, log)
    });
    let during = format!("{:.1} minutes of reading", time.as_secs_f64() / 60.0);
    for (name, bytes) in ["a tenth", "half", "all"].iter().zip(resident) {
        figure(
            &format!("memory after {name} of {during}"),
            mib(bytes),
            "flat",
        );
    }
    let name = format!("-wal at its largest, {STUCK} callers who never read, a job running");
    figure(&name, mib(log), "<= 160 MiB");
    end(serving, &db);
    std::fs::remove_file(&db).unwrap();
}

fn ask_for_jobs(serving: &Serving, span: candlefile::model::Span) {
    let dates = candles::dates(span);
    for job in 0..JOBS {
        let symbols = (0..SYMBOLS).map(|index| format!("J{job}.{index}"));
        serving.backfill(&symbols.collect::<Vec<_>>(), &dates);
    }
}

/// Memory after a tenth, half and all of a time, and the largest size of the log.
fn watch(serving: &Serving, db: &Path, time: Duration) -> ([u64; 3], u64) {
    let wal = format!("{}-wal", db.display());
    let (began, mut largest) = (Instant::now(), 0);
    let resident = [0.1, 0.5, 1.0].map(|share| {
        while began.elapsed() < time.mul_f64(share) {
            largest = largest.max(std::fs::metadata(&wal).map_or(0, |wal| wal.len()));
            std::thread::sleep(Duration::from_millis(5));
        }
        serving.resident()
    });
    (resident, largest)
}

fn read_all(serving: &Serving, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let mut client = serving.client();
        for format in ["json", "csv"] {
            let target = format!("/api/v1/historical/S0?timeframe=1m&format={format}");
            let answer = client.get(&target).unwrap();
            assert!([200, 503].contains(&answer.status), "{}", answer.status);
        }
    }
}

fn do_not_read(serving: &Serving, stop: &AtomicBool) {
    let target = "/api/v1/historical/S0?timeframe=1m";
    while !stop.load(Ordering::Relaxed) {
        let mut stream = TcpStream::connect(("127.0.0.1", serving.port)).unwrap();
        let port = serving.port;
        write!(
            stream,
            "GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
        )
        .unwrap();
        // By then its transaction has been ended long ago.
        for _ in 0..80 {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Stops it in the middle of a job: what was told is in the file, and what is in the file adds up.
fn end(serving: Serving, db: &Path) {
    let told = count(&Store::read(db).unwrap());
    let took = serving.stop().as_secs_f64();
    figure(
        "SIGTERM to its end, a job running",
        format!("{took:.2} s"),
        "< 5 s",
    );
    let clean = !Path::new(&format!("{}-wal", db.display())).exists();
    let held = count(&Store::read(db).unwrap());
    assert!(held >= told, "{held} of {told} are left");
    let connection = rusqlite::Connection::open(db).unwrap();
    let number = |sql: &str| {
        connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .unwrap()
            .unsigned_abs()
    };
    assert_eq!(number("SELECT count(*) FROM candle_data"), held);
    assert_eq!(
        number("SELECT sum(records_inserted) FROM backfill_progress"),
        held
    );
    let running = "SELECT count(*) FROM backfill_jobs WHERE status IN ('running', 'interrupted')";
    assert_eq!(number(running), 0);
    figure(
        "  all that was told is committed, the log is gone",
        clean,
        "true",
    );
}

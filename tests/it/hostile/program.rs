//! The cases of the hostile provider whose back-off is short, through the program: its exit code, its report and what
//! it says must agree with the file it leaves.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::thread;

use candlefile::model::JobStatus;

use super::answers;
use super::case::{At, BAD, Case, Others, TIMEFRAME, asked};
use super::table::{all_cases, expected, server};
use crate::support::checker::{check, check_books};
use crate::support::exchange::Reply;
use crate::support::harness::Home;
use crate::support::oracle::span;

/// The cases that are tried: no more than one short wait each.
const CHOSEN: [&str; 24] = [
    "closed before the headers, once",
    "closed within the body, once",
    "a body without end",
    "a bomb of 200 MB",
    "half of the JSON, once",
    "a wrong charset in the header alone",
    "302",
    "400",
    "401",
    "403 today before its end",
    "403 in other words",
    "404",
    "429 for no time",
    "429 for an hour",
    "500, once",
    "its own address",
    "another host",
    "a path that climbs",
    "out of order",
    "one row twice with other values",
    "a month after the range",
    "NaN as text",
    "a price of 1e308",
    "another ticker",
];

fn try_case(case: Case, place: usize) {
    let stranger = crate::support::server::Server::start();
    let at = At::new(place, stranger.url());
    let name = format!("{} on page {}", case.name, at.page);
    let want = (case.expect)(&at);
    let (home, server) = (Home::new(), server(Arc::new(case), at.clone()));
    let words = format!("{BAD} GOOD X:GOODUSD -t {TIMEFRAME} --start 2024-01-08 --end 2024-01-09");
    let (code, status) = match want.job {
        JobStatus::Completed => (0, "completed"),
        JobStatus::Partial => (3, "partial"),
        JobStatus::Interrupted => (3, "interrupted"),
        _ => (1, "failed"),
    };
    let run = home.backfill(&server, &words).exit(code);
    let db = home.db();
    check_books(&db);
    assert_eq!(
        db.text("SELECT status FROM backfill_jobs"),
        status,
        "{name}: {run:?}"
    );
    let (rows, covered_to) = expected(&at, &want);
    assert_eq!(db.candles(BAD, TIMEFRAME), rows, "{name}");
    let coverage: Vec<_> = covered_to.map(|end| (asked().0, end)).into_iter().collect();
    assert_eq!(db.coverage(BAD, TIMEFRAME), coverage, "{name}");
    assert!(
        !run.stderr.contains("http://") && !run.stdout.contains("cursor="),
        "{name}: an address was printed\n{run:?}"
    );
    let sent: RangeInclusive<usize> = want.requests;
    let requests = server.requests();
    let sent_now = requests.iter().filter(|r| r.ask().symbol == BAD).count();
    assert!(sent.contains(&sent_now), "{name}: {sent_now} requests");
    assert_eq!(stranger.hits(), 0, "{name}");
    if want.others == Others::Unharmed {
        for symbol in ["GOOD", "X:GOODUSD"] {
            let whole = span(symbol, TIMEFRAME, "2024-01-08", "2024-01-09");
            check(&db, symbol, TIMEFRAME, whole);
        }
        let report = run.json();
        assert_eq!(report["status"], status, "{name}: {report}");
        let failed = report["failed"].as_array().unwrap();
        assert_eq!(failed.len(), usize::from(code == 3), "{name}: {report}");
        for slice in failed {
            assert_eq!(slice["symbol"], BAD, "{name}: {report}");
            assert_ne!(slice["error"], "", "{name}: {report}");
        }
        let records = &report["records"];
        for (kind, count) in [
            ("rejected", want.rejected),
            ("duplicate", want.duplicate),
            ("conflicting", want.conflicting),
        ] {
            assert_eq!(records[kind], count, "{name}: {kind} in {report}");
        }
        let all = db.count("SELECT count(*) FROM candle_data");
        assert_eq!(records["inserted"], all, "{name}: {report}");
    }
    home.assert_no_key_on_disk();
}

#[test]
fn the_program_reports_of_a_hostile_provider_what_its_file_shows() {
    let cases: Vec<Case> = all_cases()
        .into_iter()
        .filter(|case| CHOSEN.contains(&case.name))
        .collect();
    assert_eq!(cases.len(), CHOSEN.len());
    thread::scope(|scope| {
        for (n, case) in cases.into_iter().enumerate() {
            scope.spawn(move || try_case(case, n % 3));
        }
    });
}

/// Runs eight workers on 16 series that are all answered with this, and gives the largest memory the program had.
#[cfg(target_os = "linux")]
fn peak_of(reply: Reply, code: i32) -> u64 {
    let (home, server) = (Home::new(), crate::support::server::Server::always(reply));
    let symbols = "A B C D E F G H J K L M N O P Q";
    let words = format!(
        "--json backfill {symbols} -t {TIMEFRAME} --start 2024-01-08 --end 2024-01-09 --workers 8"
    );
    let mut program = home.to(&server, words.split(' ')).spawn();
    let path = format!("/proc/{}/status", program.id());
    let mut peak = 0;
    // The mark only rises, and is gone with the program.
    crate::support::running::eventually("the program ends", || {
        let status = std::fs::read_to_string(&path).unwrap_or_default();
        let mark = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = mark.and_then(|mark| mark.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0));
        program.has_ended()
    });
    program.wait().exit(code);
    assert!(peak > 0, "the program was not seen");
    crate::support::seeded::say(format!("{} MiB at its highest", peak >> 10));
    peak
}

#[cfg(target_os = "linux")]
#[test]
fn eight_workers_fed_bombs_stay_below_200_mib() {
    let peak = peak_of(answers::zipped_bomb(), 3);
    assert!(peak < 200 << 10, "{} MiB", peak >> 10);
}

#[cfg(target_os = "linux")]
#[test]
fn eight_workers_fed_bodies_of_16_mib_stay_below_200_mib() {
    let mut body = br#"{"status":"OK","results":[]"#.to_vec();
    body.resize((16 << 20) - 1, b' ');
    body.push(b'}');
    let peak = peak_of(Reply::json(200, body), 3);
    assert!(peak < 200 << 10, "{} MiB", peak >> 10);
}

/// Sixteen MiB that are rows to the last byte: what is read of them takes more room than the text.
#[cfg(target_os = "linux")]
#[test]
fn eight_workers_fed_16_mib_of_rows_stay_below_200_mib() {
    let row = br#"{"t":1},"#;
    let mut body = br#"{"status":"OK","results":["#.to_vec();
    while body.len() + row.len() + 16 < 16 << 20 {
        body.extend(row);
    }
    body.extend(br#"{"t":1}]}"#);
    let peak = peak_of(Reply::json(200, body), 3);
    assert!(peak < 200 << 10, "{} MiB", peak >> 10);
}

/// A server's own words are kept for whoever reads the error, but not sixteen MiB of them by each worker.
#[cfg(target_os = "linux")]
#[test]
fn eight_workers_fed_16_mib_of_words_stay_below_200_mib() {
    let said = "a ".repeat((8 << 20) - 100);
    let body = format!(r#"{{"status":"ERROR","message":"{said}"}}"#);
    let peak = peak_of(Reply::json(404, body), 3);
    assert!(peak < 200 << 10, "{} MiB", peak >> 10);
}

/// A whole page of rows that cannot be stored, each as long as a body has room for.
#[cfg(target_os = "linux")]
#[test]
fn eight_workers_fed_50_000_rows_to_reject_stay_below_200_mib() {
    let row = format!(r#"{{"t":1,"x":"{}"}}"#, "y".repeat(310));
    let rows = vec![row; 50_000].join(",");
    let body = format!(r#"{{"status":"OK","results":[{rows}]}}"#);
    let peak = peak_of(Reply::json(200, body), 3);
    assert!(peak < 200 << 10, "{} MiB", peak >> 10);
}

#[cfg(not(target_os = "linux"))]
#[test]
#[ignore = "only Linux tells the largest memory of another process in /proc"]
fn the_largest_memory_is_measured() {}

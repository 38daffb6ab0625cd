//! Signals: those that stop a run, those that were ignored when it started, and the one of a limit on a file's size.

use crate::support::checker::check;
use crate::support::exchange::Gate;
use crate::support::harness::Home;
use crate::support::oracle::span;
use crate::support::running::Running;
use crate::support::seeded::say;
use crate::support::server::Server;

const WORDS: &str = "--json backfill AAPL --start 2024-01-02 --end 2024-01-05";

/// A run that waits for its first answer, which it gets when the gate opens.
fn waiting(ignored: &[&'static str]) -> (Home, Server, Gate, Running) {
    let home = Home::new();
    let (server, gate) = Server::holding(0);
    let mut cli = home.to(&server, WORDS.split(' '));
    for &signal in ignored {
        cli = cli.ignoring(signal);
    }
    let running = cli.spawn();
    server.wait_for(1);
    (home, server, gate, running)
}

/// Whether the tests themselves were started with a signal ignored, as by `nohup`: what they start inherits that.
fn is_inherited(signal: &str) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.map(|mask| u64::from_str_radix(mask.trim(), 16).unwrap());
    mask.is_some_and(|mask| mask & bit(signal) != 0)
}

fn bit(signal: &str) -> u64 {
    match signal {
        "HUP" => 1,
        "INT" => 1 << 1,
        _ => 1 << 14,
    }
}

#[test]
fn each_signal_that_asks_to_stop_saves_what_was_fetched() {
    for signal in ["HUP", "INT", "TERM"] {
        if is_inherited(signal) {
            say(format!("skipped: SIG{signal} is ignored here"));
            continue;
        }
        let (_home, _server, gate, running) = waiting(&[]);
        running.signal(&format!("-{signal}"));
        running.wait_for_stderr("stopping");
        gate.open();
        let run = running.wait().exit(130);
        assert_eq!(run.json()["status"], "interrupted", "{signal}");
    }
}

// A backfill under `nohup` ended with the session, for its own handler was put over what it had inherited.
#[test]
#[cfg(target_os = "linux")]
fn a_signal_that_is_ignored_at_the_start_stays_ignored() {
    for (ignored, other) in [("HUP", "INT"), ("INT", "TERM"), ("TERM", "HUP")] {
        let (_home, _server, gate, running) = waiting(&[ignored]);
        let id = running.id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let mask = |name: &str| {
            let mask = status.lines().find_map(|line| line.strip_prefix(name));
            u64::from_str_radix(mask.unwrap().trim(), 16).unwrap()
        };
        assert_eq!(mask("SigIgn:") & bit(ignored), bit(ignored), "{status}");
        assert_eq!(mask("SigCgt:") & bit(ignored), 0, "{status}");
        if !is_inherited(other) {
            assert_eq!(mask("SigCgt:") & bit(other), bit(other), "{status}");
        }
        running.signal(&format!("-{ignored}"));
        gate.open();
        assert_eq!(running.wait().ok().json()["status"], "completed");
    }
}

/// Blocks of 512 bytes in which there is room for a job, and not for all of its candles.
const FOR_A_JOB: u32 = 500;

// The signal of the limit killed without a word, and `--json` had no document.
#[test]
fn a_limit_on_a_files_size_is_told_like_a_full_disk_and_nothing_is_lost() {
    let minutes = "backfill AAPL -t 1m --start 2024-01-02 --end 2024-01-05";
    let server = Server::start();
    // Not even the file; its first pages, or the log beside it; a part of the candles.
    for blocks in [0, 8, 300, FOR_A_JOB] {
        let (home, other) = (Home::new(), Home::new());
        let limited = |home: &Home, words: &str| {
            let cli = home.to(&server, words.split(' '));
            cli.file_blocks(blocks).run().exit(1)
        };
        let told = limited(&home, minutes);
        let text = format!("{}{}", told.stdout, told.stderr);
        for words in [
            "disk is full or a size limit (ulimit -f",
            "next:",
            "make room or lift the limit",
        ] {
            assert!(text.contains(words), "{words}\n{text}");
        }
        let run = limited(&other, &format!("--json {minutes}"));
        let document = run.json();
        assert_eq!(document["error"]["kind"], "disk_full", "{run:?}");
        assert!(run.stdout.contains("disk is full"), "{run:?}");
        if blocks == FOR_A_JOB {
            // What was done stands beside it, and whoever looks later finds no job that somebody killed.
            assert!(
                text.contains("failed: 1 series") && text.contains("  job "),
                "{text}"
            );
            assert!(document["job_id"].is_string(), "{document}");
            let recorded =
                "SELECT group_concat(DISTINCT status || ' ' || error) FROM backfill_jobs";
            let recorded = home.db().text(recorded);
            let full = "failed the disk is full or a size limit (ulimit -f, a quota) is reached while writing the file";
            assert_eq!(recorded, full);
        }
        home.to(&server, minutes.split(' ')).run().ok();
        let whole = span("AAPL", "1m", "2024-01-02", "2024-01-05");
        check(&home.db(), "AAPL", "1m", whole);
    }
}

//! An export is whole or not there: a full disk, a kill and Ctrl-C leave what was there, and one state of the file is
//! seen whatever is written meanwhile.

use std::fs;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use candlefile::handover::Choice;
use candlefile::handover::export::{Beside, Column, Compression, Encoding, Export, Format};
use candlefile::model::Candle;
use candlefile::monitor::Monitor;
use candlefile::view::Steps;
use candlefile::{Cancel, Clock, ManualClock, Store};

use super::export::{export, files, filled, minutes, names};
use crate::support::harness::{Cli, Home};
use crate::support::running::{Running, eventually};

const FORMATS: &[&str] = &[
    "out.csv",
    "out.csv.gz",
    #[cfg(feature = "parquet")]
    "out.parquet",
    #[cfg(feature = "parquet")]
    "out.arrow",
];
/// Blocks of 512 bytes: what `SQLite` needs beside the file that it reads, and too few for any export.
const ROOM: u32 = 64;

#[test]
fn a_full_disk_behind_stdout_is_told_as_such() {
    let home = Home::of_sample("AAPL --start 2024-01-02 --end 2024-01-31");
    for words in ["export -o - --format csv", "show AAPL --csv", "list --json"] {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_candlefile"));
        program
            .args(words.split(' '))
            .env("CANDLEFILE_DB", home.db_path());
        let run = program.stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(1), "{words}: {said}");
        assert!(said.contains("make room on the disk"), "{words}: {said}");
    }
}

#[test]
fn a_full_disk_leaves_the_old_file_and_nothing_else() {
    let home = filled();
    minutes(&home, 1, 50_000);
    for name in FORMATS {
        std::fs::write(home.path(name), "old").unwrap();
        let before = files(&home);
        // Whether or not the signal is ignored, the write fails, and nothing has happened.
        let words = format!("-o {name} --overwrite");
        for limited in [Cli::file_blocks, Cli::full_disk] {
            let run = limited(home.cli(["export"]).args(&words), ROOM).run();
            run.exit(1)
                .says(&["disk is full", "ulimit", name, "make room"]);
            assert!(files(&home) == before, "{name}: {:?}", names(&home));
        }
        export(&home, &words).ok();
        std::fs::remove_file(home.path(name)).unwrap();
    }
    #[cfg(feature = "parquet")]
    {
        let run = home
            .cli(["export"])
            .args("-o out --layout hive")
            .full_disk(ROOM)
            .run();
        run.exit(1).says(&["disk is full", "out"]);
        assert_eq!(names(&home), ["market.db"]);
    }
}

/// Enough for an export that takes a while.
fn large() -> Home {
    let home = filled();
    minutes(&home, 4, 50_000);
    home
}

/// Ends an export after it has written a part: tried until it was in time.
fn end_in_the_middle(home: &Home, name: &str, words: &str, end: impl Fn(Running)) {
    for _ in 0..100 {
        let mut running = home.cli(["export"]).args(words).spawn();
        let folder = home.path(&format!(".{name}.part"));
        let has_begun = |running: &Running| folder.exists() || has_nameless(running.id());
        eventually("it writes or ends", || {
            has_begun(&running) || running.has_ended()
        });
        if !running.has_ended() {
            end(running);
            if !home.path(name).exists() {
                return;
            }
        }
        let done = home.path(name);
        if done.is_dir() {
            std::fs::remove_dir_all(done).unwrap();
        } else {
            std::fs::remove_file(done).unwrap();
        }
    }
    panic!("never in time");
}

/// Whether a process has written to a file that has no name.
fn has_nameless(id: u32) -> bool {
    let Ok(handles) = std::fs::read_dir(format!("/proc/{id}/fd")) else {
        return false;
    };
    handles.flatten().any(|handle| {
        let name = std::fs::read_link(handle.path()).unwrap_or_default();
        name.to_string_lossy().ends_with("(deleted)")
            && std::fs::metadata(handle.path()).is_ok_and(|file| file.len() > 0)
    })
}

#[test]
#[cfg(target_os = "linux")]
fn a_kill_leaves_nothing_of_a_file_and_the_next_run_takes_over_a_folder() {
    let home = large();
    let before = files(&home);
    end_in_the_middle(&home, "out.jsonl", "-o out.jsonl", Running::kill);
    assert!(files(&home) == before, "{:?}", names(&home));
    #[cfg(feature = "parquet")]
    {
        end_in_the_middle(&home, "out", "-o out --layout hive", Running::kill);
        assert!(home.path(".out.part").exists());
        export(&home, "-o out --layout hive").ok();
        assert!(!home.path(".out.part").exists());
        assert_eq!(
            names(&home)
                .iter()
                .filter(|name| *name == "part-0.parquet")
                .count(),
            12 + 4
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn ctrl_c_leaves_nothing() {
    let home = large();
    let before = names(&home);
    let interrupt = |running: Running| {
        running.interrupt();
        let run = running.wait();
        assert!(matches!(run.code(), Some(0 | 130)), "{run:?}");
    };
    end_in_the_middle(&home, "out.jsonl", "-o out.jsonl", interrupt);
    #[cfg(feature = "parquet")]
    end_in_the_middle(&home, "out", "-o out --layout hive", interrupt);
    assert_eq!(names(&home), before);
    assert!(!home.path(".out.part").exists());
}

/// A clock that does something in between, and on which every look takes long.
struct Meanwhile<'a> {
    clock: ManualClock,
    each: Mutex<Box<dyn FnMut() + Send + 'a>>,
}

impl Clock for Meanwhile<'_> {
    fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    fn monotonic(&self) -> Duration {
        self.clock.advance(Duration::from_secs(29));
        (self.each.lock().unwrap())();
        self.clock.monotonic()
    }

    fn sleep(&self, duration: Duration, cancel: &Cancel) {
        self.clock.sleep(duration, cancel);
    }
}

#[derive(Default)]
struct Told(std::cell::Cell<u32>);

impl Monitor for Told {
    fn log_held(&self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn one_state_is_seen_whatever_is_written_and_a_long_one_says_that_it_holds_the_log() {
    let home = large();
    let csv = || Export {
        choice: Choice::default(),
        steps: Steps::default(),
        columns: Column::unasked(true),
        encoding: Encoding {
            format: Format::Csv,
            compression: Compression::None,
        },
    };
    let written = |clock: &dyn Clock, told: &Told| {
        let store = Store::read(&home.db_path()).unwrap();
        let mut out = Vec::new();
        let beside = Beside {
            clock,
            cancel: &Cancel::new(),
            monitor: told,
        };
        let report = csv().to_stream(&store, &mut out, &beside).unwrap();
        (report, out)
    };
    let mut store = Store::open(&home.db_path()).unwrap();
    store.ready_to_write(&Cancel::new(), || ()).unwrap();
    let told = Told::default();
    let before = written(&ManualClock::at(0), &told);
    assert_eq!(told.0.get(), 0);

    // Of the series that is read last.
    let key = store.series().unwrap().pop().unwrap().key;
    let mut ts = 1_600_041_600;
    let write = move || {
        ts += 86_400;
        let candle = Candle {
            ts,
            open: 1.0,
            high: 1.0,
            low: 1.0,
            close: 1.0,
            volume: Some(1.0),
            vwap: None,
            trades: None,
        };
        assert_eq!(
            store.insert_candles(&key, &[candle], 0).unwrap().inserted,
            1
        );
    };
    let clock = Meanwhile {
        clock: ManualClock::at(0),
        each: Mutex::new(Box::new(write)),
    };
    let during = written(&clock, &told);
    assert!(before == during, "another state was seen");
    assert_eq!(told.0.get(), 1, "told once");
    drop(clock);
    let (after, _) = written(&ManualClock::at(0), &told);
    assert!(after.candles > before.0.candles + 2);
}

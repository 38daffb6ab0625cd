//! A disk that fails: every operation of a small backfill, every commit of it, and a disk of every size too small for it.
//! Whatever failed, the run says so without a panic, what it had reported is there, and the next run finishes the work.
//! It must never skip an operation that fails: a point that is not reached ends its loop.

use std::cell::Cell;
use std::path::PathBuf;

use candlefile::{Store, StoreError};

use crate::support::checker::Saved;
use crate::support::disk::{Disk, Failure, Fault, KINDS, Kind};
use crate::support::harness::folder_in_memory;
use crate::support::seeded::{rounds, say};
use crate::support::small_job::{Size, TINY, complete, recovered, run_all};

/// More pages, and the log moved into the file after each.
const CAMPAIGN: Size = Size {
    jobs: 2,
    days_a_job: 12,
    days_a_page: 4,
    checkpointed: 1,
};

/// A folder on a commanded disk.
struct Place {
    folder: tempfile::TempDir,
    disk: Disk,
}

impl Place {
    fn new() -> Place {
        let folder = folder_in_memory();
        let disk = Disk::of(folder.path());
        Place { folder, disk }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("market.db")
    }

    /// Runs until something fails, and says how much was reported by then.
    fn run(&self, size: Size) -> (Result<(), StoreError>, u64) {
        let reported = Cell::new(0);
        let outcome = run_all(&self.path(), size, &|so_far| reported.set(so_far));
        (outcome, reported.get())
    }

    /// A log that nothing could delete, beside a file that has no need of it any more, may be that of another file: a writer
    /// refuses it, and says how to take it away.
    fn take_log_away(&self) {
        self.disk.fail(None);
        if let Err(StoreError::StrangeLog(log)) = Store::create(&self.path()) {
            std::fs::remove_file(log).unwrap();
        }
    }

    /// Mends the disk, and finds what was reported and a way on from there.
    fn mend(&self, size: Size, reported: u64) -> Saved {
        self.disk.fail(None);
        self.disk.limit(None);
        let found = recovered(&self.path());
        let held = found.candles() as u64;
        assert!(
            held >= reported,
            "{reported} were reported, {held} are held"
        );
        complete(&self.path(), size);
        found
    }
}

/// Fails the n-th operation for every n that there is: how many there were, and how many runs failed.
fn fail_each(size: Size, fault: Fault) -> (u64, u64) {
    let mut failed = 0;
    for nth in 1.. {
        let place = Place::new();
        let fault = Fault { nth, ..fault };
        place.disk.fail(Some(fault));
        let (outcome, reported) = place.run(size);
        if place.disk.seen() < nth {
            assert!(outcome.is_ok(), "nothing failed, and the run did");
            return (nth - 1, failed);
        }
        failed += u64::from(outcome.is_err());
        if fault.kind == Kind::Delete && fault.for_ever {
            place.take_log_away();
        }
        place.mend(size, reported);
    }
    unreachable!("some operation is the last")
}

fn fail_every_operation(size: Size) {
    let mut faults = Vec::new();
    for kind in KINDS {
        for failure in [Failure::NoSpace, Failure::Io] {
            for for_ever in [false, true] {
                faults.push(Fault {
                    kind,
                    suffix: "",
                    nth: 0,
                    for_ever,
                    failure,
                });
            }
        }
    }
    rounds(0..faults.len() as u64, |number| {
        let fault = faults[number as usize];
        let (points, failed) = fail_each(size, fault);
        say(format!("{failed} of {points} were noticed: {fault:?}"));
        assert!(points > 0, "there is no {:?}", fault.kind);
        // What closes the file cannot fail a run whose jobs are over.
        if matches!(fault.kind, Kind::Write | Kind::Sync) {
            assert!(failed >= points / 4, "only {failed} of {points}: {fault:?}");
        }
        points
    });
}

#[test]
fn an_io_error_at_any_operation_loses_nothing_that_was_reported() {
    fail_every_operation(TINY);
}

#[test]
#[ignore = "a campaign: more pages, more jobs, minutes"]
fn io_error_campaign() {
    fail_every_operation(CAMPAIGN);
}

#[test]
fn a_commit_that_fails_is_not_reported_and_the_next_run_makes_up_for_it() {
    for failure in [Failure::NoSpace, Failure::Io] {
        let fault = Fault {
            kind: Kind::Sync,
            suffix: "-wal",
            nth: 0,
            for_ever: false,
            failure,
        };
        let (commits, failed) = fail_each(TINY, fault);
        assert!(commits > 6 && failed > 6, "{failed} of {commits} failed");
    }
}

fn fill_disk(sizes: u64, size: Size) {
    let whole = Place::new();
    whole.run(size).0.unwrap();
    let peak = whole.disk.peak();
    let mut full = 0;
    for nth in 0..sizes {
        let place = Place::new();
        place.disk.limit(Some(peak * nth / sizes));
        let (outcome, reported) = place.run(size);
        if let Err(error) = outcome {
            assert!(matches!(error, StoreError::Full(_)), "{error:?}");
            full += 1;
        }
        place.mend(size, reported);
    }
    // With less than the most that was ever used, only a checkpoint can have been put off.
    assert!(full > sizes / 2, "{full} of {sizes} disks were too small");
}

#[test]
fn a_full_disk_is_told_as_such_and_the_next_run_goes_on_once_there_is_room() {
    fill_disk(40, TINY);
}

#[test]
#[ignore = "a campaign: 200 sizes of a disk"]
fn full_disk_campaign() {
    fill_disk(200, CAMPAIGN);
}

//! Power loss: a small backfill is recorded, and then files are built as a disk could hold them had the power failed at
//! some instant of it. No such file may be damaged or lack what had been reported as saved. The model must never promise
//! more than a disk does: what was not synced may be there, be gone, or be there in part.
//!
//! Files are made and deleted in order, and that is durable once the folder is synced: when a new journal or log is synced for
//! the first time, or a file is deleted so. An unlink may be forgotten until then, however much is written meanwhile.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use fastrand::Rng;

use crate::support::checker::Saved;
use crate::support::disk::{Disk, Event};
use crate::support::harness::folder_in_memory;
use crate::support::seeded::{first_seed, rounds, say, size};
use crate::support::small_job::{Size, complete, recovered, run_all};

const SIZE: Size = Size {
    jobs: 3,
    days_a_job: 24,
    days_a_page: 8,
    checkpointed: 3,
};
/// Every so many images are run to completion as well.
const COMPLETED: u64 = 50;

/// At this position of the log, so much had been reported as saved, and this was there.
struct Mark {
    position: usize,
    saved: Saved,
}

fn record() -> (Vec<Event>, Vec<Mark>) {
    let folder = folder_in_memory();
    let path = folder.path().join("market.db");
    let disk = Disk::of(folder.path());
    disk.record();
    let marks = RefCell::new(Vec::new());
    let told = |reported| {
        let position = disk.recorded();
        let saved = Saved::check_file(&path);
        assert!(
            saved.candles() as u64 >= reported,
            "{reported} candles were reported, and the file holds {}",
            saved.candles()
        );
        marks.borrow_mut().push(Mark { position, saved });
    };
    run_all(&path, SIZE, &told).unwrap();
    let log = disk.take_log();
    for (name, why) in [
        ("market.db-journal", "to the log"),
        ("market.db-wal", "to rest"),
    ] {
        let is_end = |event: &&Event| matches!(event, Event::Delete(gone) if gone == name);
        let switches = log.iter().filter(is_end).count();
        assert!(
            switches >= SIZE.jobs as usize,
            "only {switches} switches {why}"
        );
    }
    (log, marks.into_inner())
}

/// What becomes of what was not synced.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Gone,
    There,
    Half,
    /// A half of it, and of that some writes only up to a boundary of so many bytes.
    Torn(usize),
}

const DAMAGES: [Damage; 5] = [
    Damage::Gone,
    Damage::There,
    Damage::Half,
    Damage::Torn(512),
    Damage::Torn(4096),
];

/// One file that a name has stood for.
#[derive(Default)]
struct Body<'a> {
    synced: Vec<u8>,
    unsynced: Vec<&'a Event>,
}

impl Body<'_> {
    fn sync(&mut self) {
        for event in std::mem::take(&mut self.unsynced) {
            apply(&mut self.synced, event, usize::MAX);
        }
    }

    fn after(mut self, damage: Damage, rng: &mut Rng) -> Vec<u8> {
        for event in &self.unsynced {
            let kept = match damage {
                Damage::Gone => false,
                Damage::There => true,
                Damage::Half | Damage::Torn(_) => rng.bool(),
            };
            let at_most = match (damage, event) {
                (Damage::Torn(unit), Event::Write(_, _, bytes)) if rng.bool() => {
                    rng.usize(0..=bytes.len() / unit) * unit
                }
                _ => usize::MAX,
            };
            if kept {
                apply(&mut self.synced, event, at_most);
            }
        }
        self.synced
    }
}

fn apply(body: &mut Vec<u8>, event: &Event, at_most: usize) {
    match event {
        Event::Write(_, at, bytes) => {
            let bytes = &bytes[..bytes.len().min(at_most)];
            let (from, to) = (*at as usize, *at as usize + bytes.len());
            body.resize(body.len().max(to), 0);
            body[from..to].copy_from_slice(bytes);
        }
        Event::Truncate(_, size) => body.resize(*size as usize, 0),
        _ => {}
    }
}

/// The files after a power loss at the end of a log.
fn image(log: &[Event], damage: Damage, rng: &mut Rng) -> BTreeMap<String, Vec<u8>> {
    let mut bodies: Vec<Body<'_>> = Vec::new();
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    let mut durable = names.clone();
    let mut fresh = BTreeSet::new();
    // The state of the folder after each change since the last sync.
    let mut changes = Vec::new();
    for event in log {
        match event {
            Event::Create(name) => {
                // SQLite syncs the folder for what lies beside the file alone.
                if name.contains('-') {
                    fresh.insert(name.as_str());
                }
                names.insert(name, bodies.len());
                bodies.push(Body::default());
                changes.push(names.clone());
            }
            Event::Delete(name) => {
                names.remove(name.as_str());
                changes.push(names.clone());
            }
            Event::Sync(name) => {
                bodies[names[name.as_str()]].sync();
                if fresh.remove(name.as_str()) {
                    durable.clone_from(&names);
                    changes.clear();
                }
            }
            Event::SyncFolder => {
                durable.clone_from(&names);
                changes.clear();
            }
            Event::Write(name, ..) | Event::Truncate(name, _) => {
                bodies[names[name.as_str()]].unsynced.push(event);
            }
        }
    }
    let kept = rng.usize(0..=changes.len());
    let folder = kept.checked_sub(1).map_or(&durable, |last| &changes[last]);
    let mut files = BTreeMap::new();
    for (name, at) in folder {
        let body = std::mem::take(&mut bodies[*at]);
        files.insert((*name).to_owned(), body.after(damage, rng));
    }
    files
}

/// The power fails at an instant and with a damage that the seed says.
fn round((log, marks): &(Vec<Event>, Vec<Mark>), seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let position = rng.usize(0..=log.len());
    let damage = rng.choice(DAMAGES).unwrap();
    let folder = folder_in_memory();
    // Commanded for its speed: nothing in it needs to be synced.
    let _disk = Disk::of(folder.path());
    for (name, body) in image(&log[..position], damage, &mut rng) {
        std::fs::write(folder.path().join(name), body).unwrap();
    }
    let path = folder.path().join("market.db");
    let found = recovered(&path);
    let known = marks.partition_point(|mark| mark.position <= position);
    if let Some(last) = known.checked_sub(1) {
        found.assert_holds(&marks[last].saved);
    }
    if seed.is_multiple_of(COMPLETED) {
        complete(&path, SIZE);
    }
}

fn lose_power(images: u64, first: u64) {
    let (recorded, began) = (record(), Instant::now());
    let seeds = first..first + images;
    rounds(seeds.clone(), |seed| {
        catch_unwind(AssertUnwindSafe(|| round(&recorded, seed)))
            .unwrap_or_else(|_| panic!("the image of seed {seed} failed"));
        0
    });
    say(format!(
        "{images} images, seeds {seeds:?}, {:?}",
        began.elapsed()
    ));
}

#[test]
fn power_loss_at_any_instant_damages_nothing_and_loses_nothing_that_was_reported() {
    lose_power(2_000, 20_200_101);
}

#[test]
#[ignore = "a campaign: CANDLEFILE_CAMPAIGN_IMAGES, 100,000 where it is not set"]
fn power_loss_campaign() {
    lose_power(size("CANDLEFILE_CAMPAIGN_IMAGES", 100_000), first_seed());
}

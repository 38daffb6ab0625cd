//! Eight readers check one snapshot after the other while a writer runs, is killed, goes on, ends and begins anew. The
//! readers must never be waited for: it is the writer's promise that any instant is good.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use candlefile::{Cancel, Store};

use crate::support::checker::Saved;
use crate::support::harness::Home;
use crate::support::running::eventually;
use crate::support::seeded::{Seeded, first_seed, say, size};
use crate::support::server::Server;

const READERS: usize = 8;
const WORDS: &str = "backfill AAPL MSFT -t 1m,1d --start 2024-01-02 --end 2024-01-05";

/// Sets a flag when it goes, however: readers must not go on for ever after a writer's test has failed.
struct Raises<'a>(&'a AtomicBool);

impl Drop for Raises<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Checks until it is over, on one connection that outlives every writer or each time on a new one.
fn read(home: &Home, over: &AtomicBool, stays: bool) -> (u64, std::collections::BTreeSet<usize>) {
    let (mut snapshots, mut sizes) = (0, std::collections::BTreeSet::new());
    let mut db = home.db();
    while !over.load(Ordering::SeqCst) {
        if !stays {
            db = home.db();
        }
        sizes.insert(Saved::check(&db).candles());
        snapshots += 1;
    }
    (snapshots, sizes)
}

/// Writes until the time is over; says how often it was killed.
fn write(home: &Home, server: &Server, seed: u64, until: Instant) -> u64 {
    let mut random = Seeded::new(seed);
    let mut kills = 0;
    while Instant::now() < until {
        let words = random.pick(&["resume", WORDS]);
        let mut running = home.to(server, words.split(' ')).spawn();
        let goal = server.hits() + 1 + random.below(40) as usize;
        eventually("it asks or ends", || {
            server.hits() >= goal || running.has_ended()
        });
        // Not a wait for anything: it moves the kill to anywhere between two requests.
        thread::sleep(Duration::from_micros(random.below(5_000)));
        if !running.has_ended() {
            running.kill();
            kills += 1;
            continue;
        }
        running.wait().ok();
        if words == WORDS {
            for symbol in ["AAPL", "MSFT"] {
                let drop = format!("drop {symbol} -t 1m --yes");
                home.cli(drop.split(' ')).run().ok();
            }
        }
    }
    kills
}

fn readers_beside_a_writer(seed: u64, time: Duration) {
    let (home, server) = (Home::new(), Server::setup().page(50).start());
    home.backfill(&server, "AAPL -t 1d --start 2024-01-02 --end 2024-01-03")
        .ok();
    // One that is written all the time: at rest, readers without a gap between them would be waited for.
    let writer = Store::open(&home.db_path()).unwrap();
    writer.ready_to_write(&Cancel::new(), || ()).unwrap();
    let over = AtomicBool::new(false);
    let (mut snapshots, mut sizes) = (0, std::collections::BTreeSet::new());
    thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|reader| {
                let (home, over) = (&home, &over);
                scope.spawn(move || read(home, over, reader % 2 == 0))
            })
            .collect();
        let raises = Raises(&over);
        let kills = write(&home, &server, seed, Instant::now() + time);
        drop(raises);
        for reader in readers {
            let (checked, of_one) = reader.join().unwrap();
            assert!(checked > 0, "a reader saw nothing");
            snapshots += checked;
            sizes.extend(of_one);
        }
        say(format!(
            "{snapshots} snapshots of {} sizes by {READERS} readers, {kills} kills, seed {seed}, {time:?}",
            sizes.len()
        ));
        assert!(kills > 0, "the writer was never killed");
    });
    assert!(sizes.len() > 5, "the readers saw only {sizes:?}");
}

#[test]
fn eight_readers_find_every_snapshot_whole_while_the_writer_is_killed_and_goes_on() {
    readers_beside_a_writer(7, Duration::from_secs(5));
}

#[test]
#[ignore = "a campaign: CANDLEFILE_CAMPAIGN_SECONDS, ten minutes where it is not set"]
fn eight_readers_find_every_snapshot_whole_for_ten_minutes() {
    let seconds = size("CANDLEFILE_CAMPAIGN_SECONDS", 600);
    readers_beside_a_writer(first_seed(), Duration::from_secs(seconds));
}

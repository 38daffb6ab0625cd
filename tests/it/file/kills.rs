//! `kill -9` at random instants, also of a program that recovers from the kill before: what was seen as saved stays, the
//! key is nowhere, and in the end the data is whole. A round must never depend on where exactly a kill hits.

use std::time::{Duration, Instant};

use crate::support::checker::{Saved, check};
use crate::support::harness::{Home, KEY};
use crate::support::oracle::{Span, span};
use crate::support::running::eventually;
use crate::support::seeded::{Seeded, first_seed, rounds, say, size};
use crate::support::server::Server;

const WORDS: &str = "backfill AAPL MSFT -t 1m --start 2024-01-02 --end 2024-01-09";
const SYMBOLS: [&str; 2] = ["AAPL", "MSFT"];
const KILLS_OF_A_ROUND: u64 = 15;

fn whole() -> Span {
    span("AAPL", "1m", "2024-01-02", "2024-01-09")
}

/// What the file holds; nothing while it is not made. One that was being made has a journal, which no connection that
/// only reads can roll back.
pub(crate) fn saved(home: &Home) -> Saved {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'candles'";
    home.take_back();
    let made = home.db_path().exists()
        && home
            .db()
            .0
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .is_ok_and(|count| count > 0);
    if made {
        Saved::check_file(&home.db_path())
    } else {
        Saved::default()
    }
}

/// The key was sent to this server in its header alone, and to the other one not at all.
fn assert_key_kept(server: &Server, elsewhere: &Server) {
    assert_eq!(elsewhere.hits(), 0, "a request to another origin");
    for request in server.requests() {
        assert!(!request.target.contains(KEY), "the key is in a URL");
        for (name, value) in &request.headers {
            assert!(
                !value.contains(KEY) || name.eq_ignore_ascii_case("authorization"),
                "the key is in {name}"
            );
        }
    }
}

/// Kills until it has done so often enough or the work is done, then lets it end. Says how often it killed.
fn round(seed: u64) -> u64 {
    let (home, server, elsewhere) = (
        Home::on_disk(),
        Server::setup().page(40).start(),
        Server::start(),
    );
    // Were the flag not heeded, the requests would go there.
    let start = |words: &str| {
        home.to(&server, words.split(' '))
            .env("CANDLEFILE_BASE_URL", elsewhere.url())
    };
    let mut random = Seeded::new(seed);
    let (mut kills, mut before) = (0, Saved::default());
    while kills < KILLS_OF_A_ROUND {
        let has_job = before != Saved::default();
        let words = if has_job && random.one_in(2) {
            "resume"
        } else {
            WORDS
        };
        let mut running = start(words).spawn();
        let early = random.one_in(3);
        // The file is laid to rest when all is done.
        let late = !early && random.one_in(4);
        if late {
            let log = home.path("market.db-wal");
            let written = || std::fs::metadata(&log).is_ok_and(|found| found.len() > 0);
            eventually("it writes or ends", || written() || running.has_ended());
            eventually("its log is emptied or it ends", || {
                !written() || running.has_ended()
            });
        } else if !early {
            let goal = server.hits() + 1 + random.below(8) as usize;
            eventually("it asks or ends", || {
                server.hits() >= goal || running.has_ended()
            });
        }
        let mut reported = before.clone();
        if !early && !late && random.one_in(2) {
            reported = saved(&home);
        }
        // Not a wait for anything: it moves the kill to anywhere in the start, or between two requests.
        let most = match (early, late) {
            (true, _) => 25_000,
            (false, true) => 1_000,
            (false, false) => 6_000,
        };
        std::thread::sleep(Duration::from_micros(random.below(most)));
        if running.has_ended() {
            running.wait().ok();
            break;
        }
        if let Some(line) = running.command_line() {
            assert!(
                !line.contains(KEY),
                "the key is in the command line {line:?}"
            );
        }
        running.kill();
        kills += 1;
        home.assert_no_key_on_disk();
        let now = saved(&home);
        now.assert_holds(&reported);
        if now != Saved::default() && random.one_in(4) {
            let status = home.cli(["status", "--json"]).run().ok().json();
            for job in status["jobs"].as_array().unwrap() {
                assert_ne!(job["status"], "running", "kill {kills} of seed {seed}");
            }
        }
        before = now;
    }
    start(WORDS).run().ok();
    let end = saved(&home);
    end.assert_holds(&before);
    for symbol in SYMBOLS {
        check(&home.db(), symbol, "1m", whole());
    }
    assert_key_kept(&server, &elsewhere);
    server.forget();
    start(WORDS).run().ok();
    assert_eq!(server.hits(), 0, "nothing is left to ask for");
    kills
}

/// Rounds until there were so many kills.
fn kill(first: u64, wanted: u64) {
    let (began, mut seed, mut kills) = (Instant::now(), first, 0);
    while kills < wanted {
        let missing = (wanted - kills).div_ceil(KILLS_OF_A_ROUND);
        kills += rounds(seed..seed + missing, |seed| {
            let kills = std::panic::catch_unwind(|| round(seed));
            kills.unwrap_or_else(|_| panic!("the round of seed {seed} failed"))
        });
        seed += missing;
    }
    say(format!(
        "{kills} kills, seeds {first}..{seed}, {:?}",
        began.elapsed()
    ));
}

#[test]
fn killed_at_150_random_instants_nothing_is_lost_and_it_ends_in_the_same_data() {
    kill(3, 150);
}

#[test]
#[ignore = "a campaign: CANDLEFILE_CAMPAIGN_KILLS, 5,000 where it is not set"]
fn killed_at_thousands_of_random_instants_nothing_is_lost() {
    kill(first_seed(), size("CANDLEFILE_CAMPAIGN_KILLS", 5_000));
}

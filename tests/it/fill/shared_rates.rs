//! A slow rate holds over all programs on a file, and from one run to the next.
//!
//! After `--rate 5/min` the printed hint sent 91 requests in half a second.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use candlefile::backfill::{self, Report, Request, Runner};
use candlefile::model::{Policy, SeriesKey, Span};
use candlefile::provider::Polygon;
use candlefile::{Cancel, Clock, ManualClock, Store, StoreError};

use crate::support::exchange::Reply;
use crate::support::harness::{Home, KEY};
use crate::support::oracle;
use crate::support::server::Server;

const DATES: &str = "-t 1d --start 2024-01-02 --end 2024-01-31";
/// 2024-02-20, noon.
const NOW: i64 = 1_708_430_400;

/// A run of one program: these symbols, at this rate.
fn run(
    home: &Home,
    server: &Server,
    clock: &Arc<ManualClock>,
    symbols: &str,
    rate: &str,
) -> Result<Report, StoreError> {
    let clock: Arc<dyn Clock> = clock.clone();
    let default = "100/s".parse().ok();
    let provider = Polygon::new(
        server.url().parse().unwrap(),
        KEY.parse().unwrap(),
        default,
        clock.clone(),
    );
    let runner = Runner {
        provider: Arc::new(provider.unwrap()),
        clock,
        cancel: Cancel::new(),
        workers: 3,
        rate: rate.parse().ok(),
        policy: Policy::default(),
        force: false,
        wait: false,
        refetch_empty: false,
        refetch_gaps: false,
    };
    let series = symbols.split(' ').map(|symbol| {
        let key = SeriesKey {
            symbol: symbol.parse().unwrap(),
            timeframe: "1d".parse().unwrap(),
            source: "polygon".to_owned(),
            adjusted: candlefile::model::Adjustment::Raw,
            listing: candlefile::model::Listing::on(candlefile::model::MarketCode::XNYS),
        };
        let (start, end) = oracle::span(symbol, "1d", "2024-01-02", "2024-01-31");
        (key, Span::new(start, end).unwrap())
    });
    let request = Request {
        command: "backfill",
        series: series.collect(),
        start_words: None,
        end_words: None,
    };
    let mut store = Store::create(&home.db_path()).unwrap();
    backfill::run(&mut store, &request, &runner, &())
}

/// The send instants in the file, in milliseconds.
fn sends(home: &Home) -> Vec<i64> {
    let list = home
        .db()
        .text("SELECT json_group_array(sent_ms) FROM (SELECT sent_ms FROM sends ORDER BY sent_ms)");
    serde_json::from_str(&list).unwrap()
}

fn three_in_every_minute(sends: &[i64]) {
    for (first, fourth) in sends.iter().zip(&sends[3..]) {
        assert!(
            fourth - first >= 60_000,
            "four requests within {} ms",
            fourth - first
        );
    }
}

#[test]
fn two_runs_on_one_file_share_the_turns_and_the_next_run_goes_on_with_them() {
    let (home, server) = (Home::new(), Server::start());
    let clock = Arc::new(ManualClock::at(NOW));
    drop(Store::create(&home.db_path()).unwrap());
    thread::scope(|scope| {
        for symbols in ["A B C D E", "F G H J K"] {
            let (home, server, clock) = (&home, &server, &clock);
            scope.spawn(move || run(home, server, clock, symbols, "3/min").unwrap());
        }
    });
    run(&home, &server, &clock, "L M", "3/min").unwrap();
    let sends = sends(&home);
    assert_eq!((sends.len(), server.hits()), (12, 12));
    three_in_every_minute(&sends);
}

#[test]
fn the_strictest_rate_of_the_jobs_that_run_holds_for_all_and_ends_with_its_job() {
    let home = Home::new();
    let (server, gate) = Server::holding_if(|request| request.ask().symbol == "SLOW");
    let clock = Arc::new(ManualClock::at(NOW));
    drop(Store::create(&home.db_path()).unwrap());
    thread::scope(|scope| {
        let slow = scope.spawn(|| run(&home, &server, &clock, "SLOW", "3/min").unwrap());
        server.wait_for(1);
        run(&home, &server, &clock, "A B C D E F G", "50/s").unwrap();
        gate.open();
        slow.join().unwrap();
    });
    let shared = sends(&home);
    assert_eq!(shared.len(), 8);
    three_in_every_minute(&shared);
    // With the slow job the reason is gone.
    let before = clock.now_ms();
    run(&home, &server, &clock, "H J K L M", "50/s").unwrap();
    assert!(clock.now_ms() - before < 60_000);
    assert_eq!(sends(&home), shared);
}

#[test]
fn what_was_sent_in_the_future_lapses_and_what_is_old_is_forgotten() {
    let (home, server) = (Home::new(), Server::start());
    let clock = Arc::new(ManualClock::at(NOW));
    drop(Store::create(&home.db_path()).unwrap());
    let (ahead, old) = ((NOW + 400 * 86_400) * 1000, (NOW - 86_400) * 1000);
    for sent in [ahead, ahead + 1, ahead + 2, old] {
        home.sql(&format!("INSERT INTO sends VALUES ('polygon', {sent})"));
    }
    home.sql(&format!("INSERT INTO sends VALUES ('another', {NOW}000), ('another', {NOW}001), ('another', {NOW}002)"));
    run(&home, &server, &clock, "A", "3/min").unwrap();
    let waited = clock.now() - NOW;
    assert!(
        (60..65).contains(&waited),
        "it waited {waited} s: one window"
    );
    let kept = "SELECT count(*) FROM sends WHERE source = 'polygon'";
    assert_eq!(home.db().count(kept), 4, "the old one is gone");
}

#[test]
fn a_file_that_takes_no_turn_ends_the_job_as_an_error_of_the_file() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, &format!("AAPL {DATES}")).ok();
    home.sql("DROP TABLE sends");
    server.forget();
    let run = home
        .to(
            &server,
            format!("backfill MSFT {DATES} --rate 5/min --json").split(' '),
        )
        .run()
        .exit(1);
    assert_eq!(run.json()["error"]["kind"], "file", "{run:?}");
    assert_eq!(server.hits(), 0, "nothing is sent without a turn");
    assert_eq!(
        home.db()
            .count("SELECT count(*) FROM backfill_jobs WHERE status = 'failed'"),
        1
    );
}

/// Between the sending of a request and its arrival here lie two schedulers.
const JITTER: Duration = Duration::from_millis(250);

#[test]
fn a_slow_rate_holds_across_a_kill_and_beside_another_program() {
    let home = Home::new();
    let (server, gate) = Server::holding(1);
    let words = format!("backfill A B C {DATES} --rate 1/s --workers 2");
    let killed = home.to(&server, words.split(' ')).spawn();
    server.wait_for(2);
    killed.kill();
    gate.open();
    let other = home
        .to(
            &server,
            format!("backfill D E {DATES} --rate 1/s").split(' '),
        )
        .spawn();
    home.to(&server, ["resume"]).run().ok();
    other.wait().ok();
    let at: Vec<Instant> = server.requests().iter().map(|request| request.at).collect();
    assert!(at.len() >= 6, "{}", at.len());
    for pair in at.windows(2) {
        assert!(
            pair[1] - pair[0] + JITTER >= Duration::from_secs(1),
            "{:?}",
            pair[1] - pair[0]
        );
    }
}

#[test]
fn send_instants_are_no_data() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, &format!("AAPL {DATES} --rate 5/min"))
        .ok();
    assert_eq!(home.db().count("SELECT count(*) FROM sends"), 1);
    let digest =
        |name: &str| home.cli(["pack", "-o", name, "--json"]).run().ok().json()["data"].clone();
    let with = digest("with.db");
    std::fs::copy(home.db_path(), home.path("copy.db")).unwrap();
    home.sql("DELETE FROM sends");
    assert_eq!(digest("without.db"), with);
    let packed = crate::support::db::Db::open(&home.path("with.db"));
    assert_eq!(packed.count("SELECT count(*) FROM sends"), 0);
    home.cli(["diff", "market.db", "copy.db"]).run().ok();
    home.cli("merge copy.db market.db -o both.db".split(' '))
        .run()
        .ok();
    assert_eq!(
        crate::support::db::Db::open(&home.path("both.db")).count("SELECT count(*) FROM sends"),
        0
    );
    home.cli(["verify", "market.db"]).run().ok();
}

#[test]
fn a_fast_rate_leaves_no_instants() {
    let (home, server) = (Home::new(), Server::always(Reply::json(404, "{}")));
    home.backfill(&server, &format!("AAPL {DATES} --rate 2/s"))
        .exit(3);
    assert_eq!(home.db().count("SELECT count(*) FROM sends"), 0);
}

#[test]
fn a_slow_job_waits_until_a_fast_one_that_runs_knows_of_it() {
    let home = Home::new();
    let (server, gate) = Server::holding_if(|request| request.ask().symbol == "FAST");
    drop(Store::create(&home.db_path()).unwrap());
    let clock = Arc::new(ManualClock::at(NOW));
    let alone = run(&home, &server, &clock, "SLOW", "30/min").unwrap();
    assert_eq!(
        (alone.requests, clock.now()),
        (1, NOW),
        "nobody has to know"
    );
    thread::scope(|scope| {
        let fast = scope.spawn(|| {
            let clock = Arc::new(ManualClock::at(NOW));
            run(&home, &server, &clock, "FAST", "50/s").unwrap();
        });
        server.wait_for(2);
        run(&home, &server, &clock, "SLOW2", "30/min").unwrap();
        assert!(clock.now() >= NOW + 2, "it has waited");
        gate.open();
        fast.join().unwrap();
    });
}

//! The ways to say what is wanted: symbols, timeframes, dates and global options, and what is printed for whom.

use crate::support::checker::check;
use crate::support::db::Db;
use crate::support::harness::Home;
use crate::support::oracle::{self, span};
use crate::support::server::Server;

#[test]
fn an_end_instant_is_exclusive_and_a_part_of_a_candle_asks_for_the_whole() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(
        &server,
        "X:BTCUSD -t 1m --start 2024-01-02T14:30:00Z --end 2024-01-02T15:00:00Z",
    )
    .ok();
    let half_hour = (1_704_205_800, 1_704_207_600);
    check(&home.db(), "X:BTCUSD", "1m", half_hour);
    home.backfill(
        &server,
        "C:EURUSD -t 1m --start 2024-01-02T14:30:30Z --end 2024-01-02T14:59:01Z",
    )
    .ok();
    check(&home.db(), "C:EURUSD", "1m", half_hour);
    home.backfill(
        &server,
        "C:EURUSD -t 1h --start 2024-01-02T14:30:30Z --end 2024-01-02T14:59:01Z",
    )
    .ok();
    check(&home.db(), "C:EURUSD", "1h", (1_704_204_000, 1_704_207_600));
}

#[test]
fn symbols_come_from_a_file_or_from_standard_input_with_comments() {
    let (home, server) = (Home::new(), Server::start());
    std::fs::write(
        home.path("list.txt"),
        "# the list\nAAPL\n\n  MSFT   # a comment behind\r\nX:BTCUSD\n",
    )
    .unwrap();
    home.backfill(
        &server,
        "--symbols-file list.txt --start 2024-01-02 --end 2024-01-05",
    )
    .ok();
    home.to(
        &server,
        [
            "backfill",
            "SPY",
            "--symbols-file",
            "-",
            "--start",
            "2024-01-02",
            "--end",
            "2024-01-05",
        ],
    )
    .stdin("# none\nNVDA\n")
    .run()
    .ok();
    let db = home.db();
    for symbol in ["AAPL", "MSFT", "X:BTCUSD", "SPY", "NVDA"] {
        check(
            &db,
            symbol,
            "1d",
            span(symbol, "1d", "2024-01-02", "2024-01-05"),
        );
    }
    assert_eq!(db.count("SELECT count(*) FROM series"), 5);
}

#[test]
fn timeframes_repeat_or_take_commas_and_default_to_days() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(
        &server,
        "AAPL AAPL -t 1d,1w -t 60m -t 1d --start 2024-01-08 --end 2024-01-12",
    )
    .ok();
    assert_eq!(
        home.db()
            .text("SELECT group_concat(timeframe) FROM (SELECT timeframe FROM series ORDER BY 1)"),
        "1d,1h,1w"
    );
    assert_eq!(server.hits(), 3, "what is named twice is asked once");
    home.backfill(&server, "MSFT --start 2024-01-02 --end 2024-01-05")
        .ok();
    assert_eq!(
        home.db()
            .text("SELECT group_concat(timeframe) FROM series WHERE symbol = 'MSFT'"),
        "1d"
    );
}

#[test]
fn global_options_stand_before_or_after_the_command() {
    let (home, server) = (Home::new(), Server::start());
    let words = [
        "backfill",
        "AAPL",
        "--start",
        "2024-01-02",
        "--end",
        "2024-01-05",
    ];
    let after = home
        .cli(words)
        .without_db()
        .arg("--base-url")
        .arg(server.url())
        .args("--db after.db --json -q")
        .run()
        .ok();
    assert_eq!(after.json()["status"], "completed");
    let before = [
        "--db",
        "before.db",
        "--json",
        "-q",
        "--base-url",
        &server.url(),
    ];
    let before = home
        .cli(before.into_iter().chain(words))
        .without_db()
        .run()
        .ok();
    assert_eq!(before.json()["records"], after.json()["records"]);
    home.cli(words)
        .without_db()
        .env("CANDLEFILE_DB", "env.db")
        .env("CANDLEFILE_BASE_URL", server.url())
        .run()
        .ok();
    home.cli(words)
        .without_db()
        .arg("--base-url")
        .arg(server.url())
        .run()
        .ok();
    for name in ["after.db", "before.db", "env.db", "market.db"] {
        check(
            &Db::open(&home.path(name)),
            "AAPL",
            "1d",
            span("AAPL", "1d", "2024-01-02", "2024-01-05"),
        );
    }
}

#[test]
fn quiet_prints_nothing_on_stderr_and_a_person_gets_a_summary_that_adds_up() {
    let (home, server) = (Home::new(), Server::start());
    let words = [
        "backfill",
        "AAPL",
        "-t",
        "1m",
        "--start",
        "2024-01-02",
        "--end",
        "2024-01-03",
    ];
    let run = home.to(&server, words).run().ok();
    let rows = oracle::candles("AAPL", "1m", span("AAPL", "1m", "2024-01-02", "2024-01-03"))
        .count()
        .to_string();
    let digits: String = run.stdout.chars().filter(|c| *c != ',').collect();
    assert!(
        digits.contains(&rows),
        "the summary names the {rows} candles\n{run:?}"
    );
    assert!(
        !run.stdout.contains('\u{1b}') && !run.stderr.contains('\u{1b}'),
        "no escapes into a pipe\n{run:?}"
    );
    let quiet = Home::new().to(&server, words).arg("-q").run().ok();
    assert_eq!(quiet.stderr, "");
}

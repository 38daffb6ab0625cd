//! `drop --start --end`: a part is forgotten, all that is known of it and nothing else, and the next backfill fills it anew.

use serde_json::json;

use crate::support::checker::{self, check_books};
use crate::support::documents::refused;
use crate::support::harness::Home;
use crate::support::oracle::{date, label, span};
use crate::support::server::Server;

const JANUARY: &str = "--start 2024-01-02 --end 2024-01-31";

#[test]
fn a_part_is_forgotten_and_the_next_backfill_asks_for_it_alone() {
    for (timeframe, from, to) in [
        ("1d", "2024-01-10", "2024-01-12"),
        ("1h", "2024-01-10", "2024-01-12"),
        // A part of a week is a week, from where the source's weeks begin.
        ("1w", "2024-01-10", "2024-01-10"),
        ("1m", "2024-01-10", "2024-01-11"),
    ] {
        let (home, server) = (Home::new(), Server::start());
        let words = format!("AAPL MSFT -t {timeframe} {JANUARY}");
        home.backfill(&server, &words).ok();
        let whole = span("AAPL", timeframe, "2024-01-02", "2024-01-31");
        let part = span("AAPL", timeframe, from, to);
        let before = home.db().candles("AAPL", timeframe);
        let drop = format!("drop AAPL -t {timeframe} --start {from} --end {to} --yes --json");
        let dropped = home.cli(drop.split(' ')).run().ok().json()["dropped"].clone();

        let mut left = before.clone();
        left.retain(|candle| !(part.0..part.1).contains(&candle.ts));
        assert!(left.len() < before.len());
        let db = home.db();
        assert_eq!(dropped["candles"], json!(before.len() - left.len()));
        assert_eq!(db.candles("AAPL", timeframe), left);
        let mut covered = vec![(whole.0, part.0), (part.1, whole.1)];
        covered.retain(|(start, end)| start < end);
        assert_eq!(db.coverage("AAPL", timeframe), covered, "{timeframe}");
        check_books(&db);
        checker::check(&db, "MSFT", timeframe, whole);

        server.forget();
        home.backfill(&server, &words).ok();
        let asked: Vec<_> = server
            .asked()
            .iter()
            .map(|ask| (ask.symbol.clone(), ask.span))
            .collect();
        assert_eq!(asked, [("AAPL".to_owned(), part)], "{timeframe}");
        checker::check(&home.db(), "AAPL", timeframe, whole);
    }
}

#[test]
fn an_open_end_reaches_as_far_as_anything_is_known() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, &format!("AAPL -t 1d {JANUARY}"))
        .ok();
    let run = home
        .cli("drop AAPL -t 1d --start 2024-01-20 --yes".split(' '))
        .run()
        .ok();
    assert_eq!(
        run.stdout,
        "dropped AAPL 1d, 2024-01-20 to 2024-01-31, with 8 candles\n"
    );
    let until = span("AAPL", "1d", "2024-01-02", "2024-01-19");
    checker::check(&home.db(), "AAPL", "1d", until);
    home.cli("drop AAPL -t 1d --end 2024-01-31 --yes".split(' '))
        .run()
        .ok();
    assert!(
        home.db().candles("AAPL", "1d").is_empty() && home.db().coverage("AAPL", "1d").is_empty()
    );
    check_books(&home.db());
}

#[test]
fn everything_known_of_the_part_goes_and_nothing_else() {
    let home = Home::of_sample(&format!("AAPL MSFT {JANUARY}"));
    let (before, within, after) = (
        label(date("2024-01-09")),
        label(date("2024-01-10")),
        label(date("2024-01-12")),
    );
    for ts in [before, within, after] {
        home.sql(&format!(
            "INSERT INTO rejected SELECT id, {ts}, 'odd', '[]', NULL, 0 FROM series;
             INSERT INTO conflicts SELECT id, {ts}, 1, 1, 1, 1, 1, 1, 1, 0 FROM series;
             INSERT INTO restatements SELECT id, {ts}, 'replaced', 1, 1, 1, 1, 1, 1, 1, 0 FROM series;
             INSERT INTO quality_issues SELECT id, {ts}, 'zero_price', '' FROM series;
             INSERT INTO candle_quality SELECT id, {ts}, 0.5, 0, 0 FROM series"
        ));
    }
    home.sql(&format!(
        "INSERT INTO empty_spans SELECT id, {before}, {after}, 77, 1 FROM series"
    ));
    home.cli("drop AAPL -t 1d --start 2024-01-10 --end 2024-01-10 --yes".split(' '))
        .run()
        .ok();
    let db = home.db();
    for table in [
        "rejected",
        "conflicts",
        "restatements",
        "quality_issues",
        "candle_quality",
    ] {
        let left = db.text(&format!(
            "SELECT group_concat(symbol || ' ' || ts, ', ' ORDER BY symbol, ts) FROM {table} JOIN series ON id = series_id"
        ));
        assert_eq!(
            left,
            format!("AAPL {before}, AAPL {after}, MSFT {before}, MSFT {within}, MSFT {after}"),
            "{table}"
        );
    }
    let day = 86_400;
    assert_eq!(
        db.spans("empty_spans", "AAPL", "1d"),
        [(before, within), (within + day, after)]
    );
    assert_eq!(db.spans("empty_spans", "MSFT", "1d"), [(before, after)]);
    assert_eq!(
        db.count("SELECT count(*) FROM empty_spans WHERE asked_at = 77"),
        3
    );
}

#[test]
fn what_was_asked_at_the_live_edge_is_forgotten_as_far_as_the_part_reaches() {
    let tail = |day: &str| label(date(day));
    for (start, end, left) in [
        ("2024-01-03", "2024-01-04", Some("2024-02-05")),
        ("2024-01-30", "2024-02-06", Some("2024-02-07")),
        ("2024-02-06", "2024-02-06", Some("2024-02-07")),
        ("2024-01-30", "2024-02-20", None),
    ] {
        let home = Home::of_sample(&format!("AAPL {JANUARY}"));
        home.sql(&format!(
            "UPDATE series SET tail_asked_at = 99, tail_asked_from = {}, tail_asked_to = {}",
            tail("2024-02-05"),
            tail("2024-02-10")
        ));
        // Something to forget there, too.
        home.sql(&format!(
            "INSERT INTO empty_spans SELECT id, {}, {}, 5, 1 FROM series",
            tail("2024-02-01"),
            tail("2024-02-25")
        ));
        let words = format!("drop AAPL -t 1d --start {start} --end {end} --yes");
        home.cli(words.split(' ')).run().ok();
        let kept = home.db().text(
            "SELECT coalesce(tail_asked_at || ' ' || tail_asked_from || ' ' || tail_asked_to, 'nothing') FROM series",
        );
        let wanted = left.map_or("nothing".to_owned(), |from| {
            format!("99 {} {}", tail(from), tail("2024-02-10"))
        });
        assert_eq!(kept, wanted, "{words}");
    }
}

#[test]
fn a_part_that_holds_nothing_is_said_so_and_nothing_changes() {
    let home = Home::of_sample(&format!("AAPL {JANUARY}"));
    let before = home.files();
    // It asks nobody, as there is nothing to lose.
    let words = "drop AAPL -t 1d --start 2023-01-01 --end 2023-06-30";
    let run = home.cli(words.split(' ')).run().ok();
    assert_eq!(run.stdout, "AAPL 1d holds nothing there\n");
    let run = home.cli(words.split(' ')).arg("--json").run().ok();
    assert_eq!(run.json()["dropped"]["candles"], json!(0));
    assert!(home.files() == before);
}

#[test]
fn a_part_is_not_dropped_without_a_yes_from_a_reversed_range_or_by_a_wrong_name() {
    let (home, server) = (
        Home::of_sample(&format!("AAPL MSFT ZZZ YYY XXX WWW {JANUARY}")),
        Server::start(),
    );
    let part = "--start 2024-01-10 --end 2024-01-12";
    refused(
        &home,
        &server,
        &format!("drop AAPL -t 1d {part}"),
        2,
        &["3 candles", "2024-01-10 to 2024-01-12", "--yes"],
    );
    refused(
        &home,
        &server,
        "drop AAPL -t 1mo --start 2024-01-20 --end 2024-01-05 --yes",
        1,
        &["AAPL 1d"],
    );
    refused(
        &home,
        &server,
        "drop AAPL -t 1d --start 2024-01-20 --end 2024-01-05 --yes",
        2,
        &["2024-01-20", "2024-01-05"],
    );
    for command in ["drop", "show"] {
        refused(
            &home,
            &server,
            &format!("{command} msft MSFT MSTFX MS/FT -t 1d {part}"),
            1,
            &[
                "the file holds no msft, MSTFX, MS/FT: did you mean MSFT for msft, MSFT for MS/FT?",
                "it holds MSFT",
            ],
        );
    }
    let bare = Home::of_sample("MSFT -t 1d --start 2024-01-02 --end 2024-01-05");
    bare.cli("drop MSFT -t 1d --yes".split(' ')).run().ok();
    for words in ["list MSFT", "show MSFT"] {
        refused(&bare, &server, words, 1, &["the file holds no series"]);
    }
}

#[test]
fn a_part_of_what_a_living_job_fills_stays() {
    let home = Home::new();
    let (server, gate) = Server::holding(0);
    let words = "backfill AAPL -t 1d --start 2024-01-02 --end 2024-03-28";
    home.cli(
        format!("{words} --provider sample")
            .replace("AAPL", "MSFT")
            .split(' '),
    )
    .run()
    .ok();
    let running = home.to(&server, words.split(' ')).spawn();
    server.wait_for(1);
    home.sql("INSERT INTO coverage SELECT id, 0, 86400 FROM series WHERE symbol = 'AAPL'");
    let drop = |symbol: &str| {
        home.cli(format!("drop {symbol} -t 1d --end 2024-01-31 --yes").split(' '))
            .run()
    };
    drop("AAPL").exit(1).says(&["job", "wait for it"]);
    assert_eq!(home.db().coverage("AAPL", "1d"), [(0, 86_400)]);
    drop("MSFT").ok();
    gate.open();
    running.wait().ok();
}

#[test]
fn an_open_start_leaves_what_comes_after_the_end() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, &format!("AAPL -t 1d {JANUARY}"))
        .ok();
    home.cli("drop AAPL -t 1d --end 2024-01-19 --yes".split(' '))
        .run()
        .ok();
    let rest = span("AAPL", "1d", "2024-01-20", "2024-01-31");
    let held = home.db().candles("AAPL", "1d");
    assert!(!held.is_empty(), "everything is gone");
    checker::check_rows(&home.db(), "AAPL", "1d", rest);
    assert!(held.iter().all(|candle| candle.ts >= rest.0), "{held:?}");
}

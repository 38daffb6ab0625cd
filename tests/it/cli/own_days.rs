//! What a file is told of calendars: days that the program does not know, and the market of a series; and the days that look as
//! if it should be told.

use serde_json::{Value, json};

use crate::support::checker::check_books;
use crate::support::harness::{Home, Run};

/// Daily candles and hours of the sample, 2024-03-01 to 2024-03-28, and the market's own days of the file.
fn filled(symbols: &str) -> Home {
    Home::of_sample(&format!(
        "{symbols} -t 1d,1h --start 2024-03-01 --end 2024-03-28"
    ))
}

fn run(home: &Home, words: &str) -> Run {
    home.cli(words.split(' ')).run()
}

fn json_of(home: &Home, words: &str) -> Value {
    home.cli(words.split(' ')).arg("--json").run().ok().json()
}

/// The days that the file has of its own.
fn own(home: &Home) -> String {
    home.db().text(
        "SELECT coalesce(group_concat(market || ' ' || date(day, 'unixepoch') || ' ' || is_open, ', '), '') FROM calendar_days",
    )
}

fn off_session(home: &Home) -> i64 {
    home.db()
        .count("SELECT count(*) FROM quality_issues WHERE check_name = 'off_session'")
}

/// Takes candles of some days out of the file, as if the provider had had none.
fn without(home: &Home, which: &str) {
    home.sql(&format!(
        "DELETE FROM candle_data WHERE {which};
         UPDATE series SET candles = (SELECT count(*) FROM candle_data WHERE series_id = id)"
    ));
}

#[test]
fn a_closure_that_the_file_is_told_holds_for_all_that_goes_by_the_calendar_until_the_day_is_opened_again()
 {
    let home = filled("AAPL I:SPX");
    let told = json_of(
        &home,
        "calendar XNYS --close 2024-03-12,2024-03-13 2024-03-16",
    );
    assert_eq!(
        told,
        json!({
            "calendar": "XNYS", "markets": ["XCBO", "XNYS"], "open": false, "changed": ["2024-03-12", "2024-03-13"],
            "known": ["2024-03-16"], "flagged": 32, "cleared": 0,
        })
    );
    assert_eq!(
        own(&home),
        "XCBO 2024-03-12 0, XCBO 2024-03-13 0, XNYS 2024-03-12 0, XNYS 2024-03-13 0"
    );
    assert_eq!(off_session(&home), 32);
    let week = json_of(&home, "calendar XNYS --start 2024-03-11 --end 2024-03-15");
    assert_eq!(week["own_closures"], json!(["2024-03-12", "2024-03-13"]));
    assert_eq!(week["sessions"].as_array().unwrap().len(), 3);
    let text = run(&home, "calendar XCBO --start 2024-03-11 --end 2024-03-15")
        .ok()
        .stdout;
    assert!(
        text.contains("closed by this file: 2024-03-12, 2024-03-13"),
        "{text}"
    );
    let covered = json_of(&home, "coverage");
    let expected: Vec<&Value> = covered["series"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["expected"])
        .collect();
    assert_eq!(expected, [&json!(18), &json!(288), &json!(18), &json!(432)]);
    run(&home, "check --complete-through 2024-03-28").ok();
    check_books(&home.db());
    // Another file, and no file at all, know nothing of it.
    let elsewhere = Home::new();
    let week = json_of(
        &elsewhere,
        "calendar XNYS --start 2024-03-11 --end 2024-03-15",
    );
    assert_eq!(week["sessions"].as_array().unwrap().len(), 5);

    let told = json_of(
        &home,
        "calendar XCBO --open 2024-03-12 2024-03-13 2024-03-29 2024-03-16",
    );
    assert_eq!((&told["cleared"], &told["known"]), (&json!(32), &json!([])));
    assert_eq!(
        own(&home),
        "XCBO 2024-03-16 1, XCBO 2024-03-29 1, XNYS 2024-03-16 1, XNYS 2024-03-29 1"
    );
    assert_eq!(off_session(&home), 0);
    let friday =
        &json_of(&home, "calendar XNYS --start 2024-03-29 --end 2024-03-29")["sessions"][0];
    assert_eq!(
        (&friday["open"], &friday["close"], &friday["own"]),
        (
            &json!("2024-03-29T13:30:00Z"),
            &json!("2024-03-29T20:00:00Z"),
            &json!(true)
        )
    );
    run(&home, "check --complete-through 2024-03-28").exit(3);
}

#[test]
fn what_cannot_be_told_is_refused_with_the_reason() {
    let home = filled("AAPL");
    let before = own(&home);
    for (words, says) in [
        (
            "calendar XNYZ --close 2024-03-12",
            &["no calendar \"XNYZ\"", "XNYS"][..],
        ),
        (
            "calendar XNYS --close 1989-12-29",
            &["outside of the years", "from 1990-01-01 to"],
        ),
        (
            "calendar XNYS --open 2031-03-04",
            &["outside of the years", "to 2027-12-31"],
        ),
        ("calendar 24/7 --close 2024-03-12", &["24/7 is no exchange"]),
        ("calendar FX --close 2024-03-12", &["FX is no exchange"]),
        (
            "calendar XNYS XLON --close 2024-03-12",
            &["told of one calendar"],
        ),
        ("calendar --close 2024-03-12", &["CODE"]),
        (
            "calendar XNYS --close 2024-03-12 --open 2024-03-13",
            &["cannot be used with"],
        ),
        (
            "calendar XNYS --close 2024-03-12 --start 2024-03-01",
            &["cannot be used with"],
        ),
        ("calendar XNYS --close soon", &["soon"]),
        ("calendar XNYS --set AAPL", &["--timeframe"]),
        ("calendar XNYS -t 1d", &["--set"]),
    ] {
        run(&home, words).exit(2).says(says);
    }
    assert_eq!(own(&home), before);
    let empty = Home::new();
    run(&empty, "calendar XNYS --close 2024-03-12")
        .exit(1)
        .says(&["there is no file"]);
    assert!(!empty.db_path().exists());
}

/// Bars of three days as a csv has them, whose market is said to be New York's.
fn imported(name: &str, covers: &str) -> Home {
    let home = Home::new();
    let rows =
        ["2024-03-27", "2024-03-28", "2024-04-01"].map(|day| format!("{day},10,11,9,10,100\n"));
    std::fs::write(
        home.path(name),
        format!("date,open,high,low,close,volume\n{}", rows.concat()),
    )
    .unwrap();
    let words = format!("import {name} --as csv -t 1d --symbol VOD --adjusted none{covers}");
    home.cli(words.split(' ')).run().ok();
    home
}

#[test]
fn a_series_gets_another_market_where_nothing_was_asked_by_days_of_another_zone() {
    // In London the Monday after Easter is a holiday.
    let home = imported("vod.csv", "");
    assert_eq!(off_session(&home), 0);
    let told = json_of(&home, "calendar --set VOD -t 1d XLON");
    assert_eq!(
        told,
        json!({"symbol": "VOD", "timeframe": "1d", "market": "XLON", "before": "XNYS", "flagged": 1, "cleared": 0})
    );
    assert_eq!(home.db().text("SELECT market FROM series"), "XLON");
    assert_eq!(off_session(&home), 1);
    let told = json_of(&home, "calendar --set VOD -t 1d XNYS");
    assert_eq!(told["cleared"], json!(1));
    let text = run(&home, "calendar --set VOD -t 1d XNYS").ok().stdout;
    assert_eq!(text, "VOD 1d is of XNYS already\n");
    run(&home, "calendar --set VOD -t 1h XLON")
        .exit(1)
        .says(&["holds no VOD 1h"]);
    run(&home, "calendar --set VOD -t 1d XLOM")
        .exit(2)
        .says(&["no calendar"]);
    check_books(&home.db());

    let home = imported("vod.csv", " --covers");
    run(&home, "calendar --set VOD -t 1d XLON").exit(1).says(&[
        "VOD 1d is of the market XNYS and cannot be of XLON",
        "another zone",
        "drop VOD -t 1d",
    ]);
    run(&home, "calendar --set VOD -t 1d IEPA").ok();
    assert_eq!(home.db().text("SELECT market FROM series"), "IEPA");

    // What a provider is asked for it says itself.
    let home = filled("AAPL");
    run(&home, "calendar --set AAPL -t 1d IEPA")
        .exit(2)
        .says(&["sample says that AAPL is of the market XNYS"]);
    run(&home, "calendar --set AAPL -t 1d XNYS").ok();
}

#[test]
fn a_market_is_not_set_while_a_job_works_on_its_series() {
    let home = imported("vod.csv", "");
    home.sql(
        "INSERT INTO backfill_jobs (job_id, status, command, symbols, timeframes, start_ts, end_ts, source, delay_s, created_at, owner, heartbeat_at)
             VALUES ('0194', 'running', 'backfill', '[]', '[]', 0, 1, 'csv', 0, 0, 'elsewhere/1/0194a000-0000-7000-8000-000000000000/another-boot.1.1', unixepoch());
         INSERT INTO backfill_series (job_id, series_id, start_ts, end_ts, status) SELECT '0194', id, 0, 1, 'pending' FROM series",
    );
    run(&home, "calendar --set VOD -t 1d XLON")
        .exit(1)
        .says(&["job 0194 is run by"]);
    assert_eq!(home.db().text("SELECT market FROM series"), "XNYS");
}

#[test]
fn candles_that_are_cut_from_a_session_keep_it() {
    let home = filled("AAPL");
    let open = "unixepoch('2024-03-12T13:30:00Z')";
    home.sql(&format!(
        "INSERT INTO series (symbol, timeframe, source, adjusted, market, grid, candles, first_ts, last_ts)
             VALUES ('CUT', '1h', 'hand', 0, 'XNYS', 'session', 1, {open}, {open});
         INSERT INTO candle_data SELECT s.id, {open}, 1, 1, 1, 1, 1, NULL, NULL, NULL FROM series AS s WHERE s.symbol = 'CUT'"
    ));
    run(&home, "calendar XNYS --close 2024-03-12")
        .exit(1)
        .says(&["CUT 1h on 2024-03-12 are cut from the session"]);
    assert_eq!((own(&home), off_session(&home)), (String::new(), 0));
    run(&home, "calendar --set CUT -t 1h XLON")
        .exit(1)
        .says(&["cut from the sessions"]);
    run(&home, "calendar XNYS --close 2024-03-13").ok();
}

#[test]
fn a_day_without_any_candle_of_a_market_is_told_once_and_is_no_gap_of_each_series() {
    let home = filled("AAPL MSFT I:SPX");
    // A day alone, and a row of them that would be a gap.
    let days = ["2024-03-05", "2024-03-12", "2024-03-13", "2024-03-14"];
    let listed = days.map(|day| format!("'{day}'")).join(", ");
    without(&home, &format!("date(ts, 'unixepoch') IN ({listed})"));
    let told = json_of(&home, "coverage AAPL");
    let closed: Vec<&Value> = told["closed"].as_array().unwrap().iter().collect();
    assert_eq!(
        closed.iter().map(|one| &one["day"]).collect::<Vec<_>>(),
        days.iter()
            .map(|day| json!(day))
            .collect::<Vec<_>>()
            .iter()
            .collect::<Vec<_>>()
    );
    assert_eq!(
        (&closed[0]["market"], &closed[0]["symbols"]),
        (&json!("XNYS"), &json!(3))
    );
    let next = closed[0]["next"].as_str().unwrap();
    assert!(next.ends_with("calendar XNYS --close 2024-03-05"), "{next}");
    for series in told["series"].as_array().unwrap() {
        assert_eq!(series["gaps"], json!([]), "{series}");
    }
    let text = run(&home, "coverage").ok().stdout;
    assert_eq!(text.matches("closed?").count(), 1, "{text}");
    // Whoever needs the data is told so before they begin, once.
    let checked = run(&home, "check --complete-through 2024-03-28")
        .exit(3)
        .stdout;
    assert!(
        checked.starts_with("closed? XNYS on 2024-03-05, ") && !checked.contains("missing"),
        "{checked}"
    );
    run(
        &home,
        "check --complete-through 2024-03-28 --max-missing 25%",
    )
    .ok();
    let command = checked
        .lines()
        .nth(1)
        .unwrap()
        .split(" calendar ")
        .nth(1)
        .unwrap();
    run(&home, &format!("calendar {command}")).ok();
    assert_eq!(json_of(&home, "coverage")["closed"], json!([]));
    run(&home, "check --complete-through 2024-03-28").ok();
}

#[test]
fn one_candle_of_the_market_or_fewer_than_three_symbols_is_no_closure() {
    let days = "date(ts, 'unixepoch') BETWEEN '2024-03-12' AND '2024-03-14'";
    // Hours of the third symbol alone.
    let home = filled("AAPL MSFT SPY");
    let spy = "(SELECT id FROM series WHERE symbol = 'SPY' AND timeframe = '1h')";
    without(&home, &format!("{days} AND series_id <> {spy}"));
    let two = filled("AAPL MSFT");
    without(&two, days);
    // A third one that ended before.
    let ended = filled("AAPL MSFT SPY");
    without(&ended, days);
    ended.sql(
        "DELETE FROM candle_data WHERE ts >= unixepoch('2024-03-12') AND series_id IN (SELECT id FROM series WHERE symbol = 'SPY');
         UPDATE series SET candles = (SELECT count(*) FROM candle_data WHERE series_id = id),
             last_ts = (SELECT max(ts) FROM candle_data WHERE series_id = id)",
    );
    // One that was not asked for these days.
    let unasked = filled("AAPL MSFT SPY");
    without(&unasked, days);
    unasked.sql(
        "INSERT INTO coverage SELECT series_id, unixepoch('2024-03-15'), end_ts FROM coverage WHERE series_id IN
             (SELECT id FROM series WHERE symbol = 'SPY');
         UPDATE coverage SET end_ts = unixepoch('2024-03-12') WHERE series_id IN (SELECT id FROM series WHERE symbol = 'SPY')
             AND start_ts < unixepoch('2024-03-12')",
    );
    for home in [home, two, ended, unasked] {
        let told = json_of(&home, "coverage AAPL");
        assert_eq!(told["closed"], json!([]));
        for series in told["series"].as_array().unwrap() {
            assert_eq!(series["gaps"][0]["sessions"], json!(3), "{series}");
        }
    }
}

#[test]
fn the_days_of_a_file_go_where_its_series_go_and_two_files_must_not_contradict_each_other() {
    let (a, b) = (filled("AAPL"), filled("MSFT"));
    run(&a, "calendar XNYS --close 2024-03-12").ok();
    run(&a, "calendar XLON --close 2024-03-12").ok();
    run(&b, "calendar XNYS --open 2024-03-29").ok();
    let words = |path: &std::path::Path| path.display().to_string();
    let [packed, whole, both, none] =
        ["packed.db", "whole.db", "both.db", "none.db"].map(|name| words(&a.path(name)));
    let own = |path: &str| {
        let db = crate::support::db::Db::open(path.as_ref());
        db.text("SELECT coalesce(group_concat(market || ' ' || date(day, 'unixepoch') || ' ' || is_open, ', '), '') FROM calendar_days")
    };
    run(&a, &format!("pack -o {packed}")).ok();
    run(&a, &format!("pack --with-history -o {whole}")).ok();
    for file in [&packed, &whole] {
        // Of the market that it has series of.
        assert_eq!(own(file), "XNYS 2024-03-12 0");
        run(&a, &format!("verify {file}")).ok();
    }
    let other = words(&b.db_path());
    run(&a, &format!("merge {packed} {other} -o {both}")).ok();
    assert_eq!(
        own(&both),
        "XCBO 2024-03-29 1, XNYS 2024-03-12 0, XNYS 2024-03-29 1"
    );
    // The candles of the other file lie outside of trading hours, too, by what the first one was told.
    let db = crate::support::db::Db::open(both.as_ref());
    let flagged = "SELECT count(DISTINCT symbol) FROM quality_issues JOIN series ON id = series_id WHERE check_name = 'off_session'";
    assert_eq!(db.count(flagged), 2);
    check_books(&db);

    b.sql("INSERT INTO calendar_days VALUES ('XNYS', unixepoch('2024-03-12'), 1)");
    let refused = run(&a, &format!("merge {packed} {other} -o {none}")).exit(1);
    refused.says(&[
        "says that XNYS has a session on 2024-03-12",
        "calendar XNYS --close 2024-03-12",
    ]);
}

//! What is said of a run and of a file: the job by its id, rows that are no candles and where they are, each failure once,
//! one thing as one, days as the market has them, and nothing that is not so.

use serde_json::Value;

use crate::support::exchange::Reply;
use crate::support::harness::{Home, Run};
use crate::support::server::Server;

const WEEK: &str = "--start 2024-01-08 --end 2024-01-12";

fn run(home: &Home, words: &str) -> Run {
    home.cli(words.split(' ')).run().ok()
}

fn newest_job(home: &Home) -> Value {
    run(home, "status --json").json()["jobs"][0].clone()
}

#[test]
fn a_summary_names_its_job_and_one_request_is_one() {
    let home = Home::new();
    let fill = format!("backfill AAPL --provider sample {WEEK}");
    let said = run(&home, &fill).stdout;
    let id = newest_job(&home)["job_id"].as_str().unwrap().to_owned();
    assert!(said.contains(&format!("job {id}\n")), "{said}");
    assert!(
        said.contains(", 1 request\n") && said.contains("1 series"),
        "{said}"
    );
    let again = run(&home, &fill).stdout;
    assert!(
        again.contains(", 0 requests\n") && !again.contains("0 fetched"),
        "{again}"
    );
    let dropped = run(
        &home,
        "drop AAPL -t 1d --start 2024-01-08 --end 2024-01-08 --yes",
    )
    .stdout;
    assert!(dropped.ends_with("with 1 candle\n"), "{dropped}");
    let info = run(&home, "info").stdout;
    assert!(
        info.contains("4 candles in 1 series of 1 symbol\n"),
        "{info}"
    );
}

#[test]
fn quiet_says_nothing_where_all_went_well_and_something_where_not() {
    let home = Home::new();
    for words in [
        &format!("backfill AAPL,MSFT --provider sample {WEEK}"),
        &format!("backfill AAPL,MSFT --provider sample {WEEK}"),
        "resume",
        "pack -o packed.db",
        "verify packed.db",
        "export -o all.csv",
        "diff packed.db market.db",
        // What is not final yet is not packed.
        "update",
        "merge packed.db market.db -o both.db",
        "drop MSFT -t 1d --yes",
    ] {
        let said = home.cli(words.split(' ')).arg("-q").run().ok();
        assert_eq!(
            (said.stdout.as_str(), said.stderr.as_str()),
            ("", ""),
            "{words}"
        );
    }
    let failing = Server::always(Reply::json(404, "{}"));
    let said = home
        .to(&failing, format!("backfill QQQ {WEEK} -q").split(' '))
        .run()
        .exit(3);
    assert!(said.stdout.contains("HTTP 404"), "{said:?}");
    // What was asked to be shown is shown.
    assert!(run(&home, "list -q").stdout.contains("AAPL"));
}

#[test]
fn a_failure_is_told_once() {
    for status in [404, 401] {
        let failing = Server::scripted(move |request| {
            (request.ask().symbol != "GOOD")
                .then(|| Reply::json(status, r#"{"message":"no such thing as this"}"#))
        });
        let home = Home::new();
        let said = home
            .to(&failing, format!("backfill BAD {WEEK}").split(' '))
            .run();
        let all = format!("{}{}", said.stdout, said.stderr);
        assert_eq!(all.matches("no such thing as this").count(), 1, "{said:?}");
    }
}

/// A file with a row that could not be stored, one that differs from what is final, and a candle that contradicts itself.
fn with_odd_rows() -> Home {
    let home = Home::new();
    let server = Server::scripted(|request| {
        let row = |(day, close): (u64, &str)| {
            let stamp = 1_704_690_000_000 + day * 86_400_000;
            let high = if day == 3 { 8 } else { 100 };
            format!(r#"{{"t":{stamp},"o":10,"h":{high},"l":9,"c":{close},"v":1}}"#)
        };
        let rows = [(0, "10"), (1, "null"), (2, "10"), (3, "10"), (4, "10")].map(row);
        let answer = format!(
            r#"{{"status":"OK","resultsCount":5,"results":[{}]}}"#,
            rows.join(",")
        );
        (request.ask().symbol == "ODD").then(|| Reply::json(200, answer))
    });
    run_ok(&home, &server, &format!("backfill ODD FINE {WEEK}"));
    let of_odd = "FROM series WHERE symbol = 'ODD'";
    home.sql(&format!("INSERT INTO conflicts (series_id, ts, open, high, low, close, seen_at) SELECT id, 1704844800, 1, 2, 1, 2, 0 {of_odd}"));
    home
}

#[test]
fn rows_that_are_no_candles_stand_where_the_candles_are_told_of() {
    let home = with_odd_rows();
    let list = run(&home, "list --json").json();
    let of = |at: usize| {
        let one = &list["series"][at];
        (
            one["symbol"].as_str().unwrap(),
            one["rejected"].as_u64().unwrap(),
            one["conflicting"].as_u64().unwrap(),
            one["suspicious"].as_u64().unwrap(),
        )
    };
    assert_eq!([of(0), of(1)], [("FINE", 0, 0, 0), ("ODD", 1, 1, 1)]);
    let info = run(&home, "info --json").json();
    assert_eq!(
        [&info["rejected"], &info["conflicting"], &info["suspicious"]],
        [&Value::from(1); 3]
    );
    let id = newest_job(&home)["job_id"].as_str().unwrap().to_owned();
    for words in ["list", "info", &format!("status {id}")] {
        let said = run(&home, words).stdout;
        let (_, advice) = said
            .split_once("1 rejected row: ")
            .unwrap_or_else(|| panic!("{words}\n{said}"));
        // It is a command as it stands.
        let sql = advice.split('\'').nth(1).unwrap();
        let rows = home.cli(["sql", sql, "--json"]).run().ok().json();
        assert_eq!(rows["rows"].as_array().unwrap().len(), 1, "{rows}");
    }
    let list = run(&home, "list").stdout;
    let told = ", 1 rejected, 1 conflicting, 1 suspicious\n";
    assert!(list.contains(told), "{list}");
    let info = run(&home, "info").stdout;
    assert!(
        info.contains("nothing that is known of but the rejected rows\n"),
        "{info}"
    );
    for said in [&list, &info] {
        let (_, look) = said.split_once("1 suspicious candle: ").unwrap();
        let look = look.lines().next().unwrap();
        assert!(
            look.ends_with("sql 'select * from quality_issues'"),
            "{said}"
        );
    }
    assert!(list.contains("1 conflicting row: "), "{list}");
}

#[test]
fn the_sums_of_a_job_and_of_its_slices_add_up() {
    let home = with_odd_rows();
    let id = newest_job(&home)["job_id"].as_str().unwrap().to_owned();
    let status = run(&home, &format!("status {id}")).stdout;
    let sum = status.lines().find(|line| line.contains("fetched ="));
    let sum = sum.unwrap_or_else(|| panic!("{status}"));
    let numbers: Vec<u64> = sum
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    assert_eq!(numbers[0], numbers[1..].iter().sum::<u64>(), "{sum}");
    // The kinds that no slice has have no column.
    let titles = status
        .lines()
        .find(|line| line.starts_with("symbol"))
        .unwrap();
    assert!(
        titles.contains("rejected") && !titles.contains("conflicting"),
        "{status}"
    );
}

fn run_ok(home: &Home, server: &Server, words: &str) -> Run {
    home.to(server, words.split(' ')).run().ok()
}

#[test]
fn verbose_tells_each_request_and_each_429() {
    let home = Home::new();
    let server = Server::scripted(|request| {
        (request.n < 2).then(|| Reply::json(429, "{}").with("Retry-After", "0"))
    });
    let said = run_ok(
        &home,
        &server,
        &format!("backfill AAPL MSFT {WEEK} --workers 1 -v"),
    );
    assert_eq!(server.hits(), 4);
    assert_eq!(
        said.stderr.matches("a request was answered").count(),
        4,
        "{said:?}"
    );
    assert_eq!(said.stderr.matches("HTTP 429").count(), 2, "{said:?}");
    for named in ["AAPL", "MSFT", "2024-01-08"] {
        assert!(said.stderr.contains(named), "{said:?}");
    }
}

#[test]
fn a_job_that_is_taken_up_took_as_long_as_that_run() {
    let home = Home::new();
    let failing = Server::always(Reply::json(404, "{}"));
    home.to(&failing, format!("backfill AAPL {WEEK}").split(' '))
        .run()
        .exit(3);
    home.sql("UPDATE backfill_jobs SET created_at = created_at - 300000, started_at = started_at - 300000, completed_at = started_at - 299990");
    let listed = run(&home, "status").stdout;
    assert!(listed.contains("10 s"), "{listed}");
    // What took less than the file's stamps can tell is not told as nothing.
    home.sql("UPDATE backfill_jobs SET completed_at = started_at + 1");
    let listed = run(&home, "status").stdout;
    assert!(listed.contains("less than 2 s"), "{listed}");
    let server = Server::start();
    let report = home.to(&server, ["resume", "--json"]).run().ok().json();
    let took = newest_job(&home)["duration_s"].as_f64().unwrap();
    assert!(
        (took - report["elapsed_s"].as_f64().unwrap()).abs() < 5.0,
        "{took}: {report}"
    );
}

#[test]
fn a_run_and_the_status_of_its_job_tell_the_same_time() {
    let home = Home::of_sample(&format!("AAPL {WEEK}"));
    let summary = home.sample(&format!("MSFT {WEEK}")).ok().stdout;
    let (_, took) = summary.split_once(" in ").unwrap();
    let (took, _) = took.split_once(", ").unwrap();
    let (_, job) = summary.split_once("job ").unwrap();
    let job = job.lines().next().unwrap();
    let status = run(&home, &format!("status {job}")).stdout;
    assert!(
        status.contains(&format!(", took {took}\n")),
        "{took}: {status}"
    );
}

#[test]
fn nothing_was_missing_is_said_only_where_no_day_is_without_a_candle() {
    for timeframe in ["1d", "1h"] {
        let holiday = Server::scripted(|request| {
            let ask = request.ask();
            (ask.symbol == "SHUT").then(|| {
                let days = [8_u64, 9, 11, 12].map(|day| {
                    let stamp = 1_704_690_000_000 + (day - 8) * 86_400_000 + 14 * 3_600_000;
                    format!(r#"{{"t":{stamp},"o":10,"h":10,"l":10,"c":10,"v":1}}"#)
                });
                Reply::json(
                    200,
                    format!(
                        r#"{{"status":"OK","resultsCount":4,"results":[{}]}}"#,
                        days.join(",")
                    ),
                )
            })
        });
        let home = Home::new();
        let again = |words: &str| {
            let words = format!("backfill {words} -t {timeframe} {WEEK}");
            run_ok(&home, &holiday, &words);
            run_ok(&home, &holiday, &words).stdout
        };
        let whole = again("AAPL");
        assert!(
            whole.contains("nothing was missing"),
            "{timeframe}\n{whole}"
        );
        for words in ["SHUT", "AAPL SHUT"] {
            let short = again(words);
            assert!(
                short.contains("asked for before") && !short.contains("nothing was missing"),
                "{timeframe}\n{short}"
            );
        }
        assert!(!whole.contains("0 inserted"), "{whole}");
    }
    // Of a month that goes on there is nothing to ask for, and nothing is there. Stocks have closed on the evening of its last day.
    let (home, server) = (Home::new(), Server::start());
    let said = run_ok(&home, &server, "backfill X:BTCUSD -t 1mo --start today").stdout;
    assert!(
        said.contains("not yet: no 1mo candle of X:BTCUSD from")
            && said.contains("again once one has closed"),
        "{said}"
    );
    for (start, not_yet) in [("today", true), ("2024-01-01", false)] {
        let words = format!("backfill X:BTCUSD -t 1mo --start {start} --json");
        let document = run_ok(&home, &server, &words).json();
        assert_eq!(document["series"][0]["not_yet"], not_yet, "{start}");
    }
    assert!(!said.contains("nothing was missing"), "{said}");
}

#[test]
fn days_are_told_as_they_are_typed_however_long_the_candles_are() {
    for symbol in ["AAPL", "I:NDX", "X:BTCUSD", "C:EURUSD"] {
        let home = Home::new();
        for timeframe in ["1m", "1h", "2h", "3h", "4h", "6h", "8h", "12h", "1d"] {
            for (start, end) in [
                ("2024-02-01", "2024-02-29"),
                ("2024-03-08", "2024-03-12"),
                ("2024-07-01", "2024-07-03"),
            ] {
                let words = format!(
                    "backfill {symbol} --provider sample -t {timeframe} --start {start} --end {end} --dry-run"
                );
                let said = run(&home, &words).stdout;
                assert!(
                    said.contains(&format!(" {start} to {end} ")),
                    "{words}\n{said}"
                );
            }
        }
    }
    let home = Home::new();
    run(
        &home,
        "backfill AAPL --provider sample -t 12h,4h --start 2024-01-02 --end 2024-01-31",
    );
    for timeframe in ["12h", "4h"] {
        let said = run(
            &home,
            &format!("drop AAPL -t {timeframe} --start 2024-01-16 --end 2024-01-16 --yes"),
        )
        .stdout;
        assert!(said.contains(", 2024-01-16 to 2024-01-16, with"), "{said}");
    }
}

#[test]
fn a_stretch_without_candles_is_told_by_the_days_that_have_none() {
    let home = Home::new();
    run(
        &home,
        "backfill AAPL --provider sample -t 12h,4h,1h,5m --start 2024-01-02 --end 2024-02-16",
    );
    // The Mondays to Fridays of two weeks of New York.
    home.sql("DELETE FROM candle_data WHERE ts >= unixepoch('2024-01-22 05:00') AND ts < unixepoch('2024-02-03 05:00')");
    home.sql("UPDATE series SET candles = (SELECT count(*) FROM candle_data WHERE series_id = series.id)");
    let said = run(&home, "info").stdout;
    for timeframe in ["12h", "4h", "1h", "5m"] {
        let words =
            format!("nothing from the provider: AAPL {timeframe} 2024-01-22 to 2024-02-02\n");
        assert!(said.contains(&words), "{words}\n{said}");
    }
}

#[test]
fn symbols_without_data_are_told_once_and_not_without_end() {
    const NOTHING: &str = r#"{"status":"OK","resultsCount":0}"#;
    let (home, server) = (Home::new(), Server::always(Reply::json(200, NOTHING)));
    let symbols: Vec<String> = (0..25).map(|n| format!("NONE{n}")).collect();
    let words = format!("backfill {} {WEEK}", symbols.join(" "));
    let told = home.to(&server, words.split(' ')).run().exit(3).stdout;
    let id = newest_job(&home)["job_id"].as_str().unwrap().to_owned();
    for said in [told, run(&home, &format!("status {id}")).stdout] {
        let lines = |words: &str| said.lines().filter(|line| line.contains(words)).count();
        assert_eq!(lines("  no data: "), 20, "{said}");
        assert!(
            said.contains("  and 5 more series without data\n"),
            "{said}"
        );
        assert_eq!(lines("nothing from the provider"), 0, "{said}");
    }
}

#[test]
fn a_job_that_had_nothing_to_do_is_told_so_and_has_no_table() {
    let home = Home::new();
    let fill = format!("backfill AAPL --provider sample {WEEK}");
    (0..2).for_each(|_| drop(run(&home, &fill)));
    let id = newest_job(&home)["job_id"].as_str().unwrap().to_owned();
    let said = run(&home, &format!("status {id}")).stdout;
    assert!(said.contains("  nothing had to be asked for\n"), "{said}");
    assert!(
        !said.contains("0 of 0") && !said.contains("timeframe"),
        "{said}"
    );
}

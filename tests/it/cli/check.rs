//! `check`: whether series are complete up to a session.

use serde_json::{Value, json};

use crate::support::harness::{Home, Run};

/// AAPL of the sample, 2024-01-02 to 2024-03-28, after something has been done to its file.
fn sample(timeframe: &str, sql: &str) -> Home {
    let home = Home::of_sample(&format!(
        "AAPL -t {timeframe} --start 2024-01-02 --end 2024-03-28"
    ));
    home.sql(&format!(
        "{sql};
         UPDATE series SET candles = (SELECT count(*) FROM candle_data WHERE series_id = id),
             first_ts = (SELECT min(ts) FROM candle_data WHERE series_id = id),
             last_ts = (SELECT max(ts) FROM candle_data WHERE series_id = id)"
    ));
    home
}

fn check(home: &Home, words: &str) -> Run {
    home.cli(["check", "--json", "--complete-through"])
        .args(words)
        .run()
}

/// Expected and missing candles, and the first session of these.
fn missing(run: &Run) -> (Value, Value, Value) {
    let series = &run.json()["series"][0];
    let field = |name: &str| series[name].clone();
    (field("expected"), field("missing"), field("first_missing"))
}

/// Of days: the second is the last of four in a row.
const WITHOUT: &str =
    "DELETE FROM candle_data WHERE date(ts, 'unixepoch') BETWEEN '2024-02-05' AND '2024-02-08'";

#[test]
fn a_series_is_complete_through_what_was_answered_and_not_through_what_came_since() {
    for (timeframe, session) in [("1d", 1), ("1m", 960), ("1h", 16)] {
        let home = sample(timeframe, "SELECT 1");
        let run = check(&home, "2024-03-28").ok();
        assert_eq!(run.json()["complete"], json!(true));
        assert_eq!(missing(&run), (json!(61 * session), json!(0), Value::Null));
        // Good Friday and a weekend have no session.
        check(&home, "2024-03-31").ok();
        let run = check(&home, "2024-04-01").exit(3);
        assert_eq!(run.json()["complete"], json!(false));
        let since = (json!(62 * session), json!(session), json!("2024-04-01"));
        assert_eq!(missing(&run), since);
        check(&home, "last-session").exit(3);
    }
}

#[test]
fn a_session_without_any_candle_is_missing_and_so_much_of_it_may_be() {
    let home = sample("1d", WITHOUT);
    let run = check(&home, "2024-03-28").exit(3);
    assert_eq!(missing(&run), (json!(61), json!(4), json!("2024-02-05")));
    // 4 of 61 are 6.55 %.
    check(&home, "2024-03-28 --max-missing 6.5%").exit(3);
    check(&home, "2024-03-28 --max-missing 6.6%").ok();
    check(&home, "2024-02-02").ok();
    let told = home
        .cli(["check", "--complete-through", "2024-03-28"])
        .run();
    let told = told.exit(3).stdout;
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(
        lines[0],
        "AAPL 1d: 4 of 61 candles missing, from 2024-02-05 on"
    );
    assert!(
        lines[1].starts_with("next: candlefile ") && lines[1].contains(" coverage` tells "),
        "{told}"
    );
    home.cli([
        "check",
        "--complete-through",
        "2024-03-28",
        "--max-missing",
        "lots",
    ])
    .run()
    .exit(2);
}

#[test]
fn a_series_is_judged_from_its_first_candle_to_its_end() {
    let home = sample(
        "1d",
        "DELETE FROM candle_data WHERE date(ts, 'unixepoch') NOT BETWEEN '2024-02-05' AND '2024-03-04'",
    );
    let run = check(&home, "2024-04-30").ok();
    assert_eq!(missing(&run), (json!(20), json!(0), Value::Null));
    let home = sample("1d", "DELETE FROM candle_data");
    let run = check(&home, "2024-03-28").exit(3);
    assert_eq!(missing(&run), (json!(61), json!(61), json!("2024-01-02")));
}

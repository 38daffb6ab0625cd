//! `calendar`: sessions as exchanges have held them.

use std::fs::File;
use std::io::Read;

use serde_json::{Value, json};

use crate::support::documents::refused;
use crate::support::harness::Home;
use crate::support::lent::fixtures;
use crate::support::server::Server;

fn sessions(code: &str, start: &str, end: &str) -> Vec<Value> {
    let home = Home::new();
    let words = ["calendar", code, "--start", start, "--end", end, "--json"];
    let document = home.cli(words).without_db().run().ok().json();
    assert_eq!(document["calendar"], code);
    document["sessions"].as_array().unwrap().clone()
}

/// Date, open, close and breaks of each.
fn hours(code: &str, start: &str, end: &str) -> Vec<(String, String, String, Value)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of = |session: &Value| {
        let [date, open, close] = ["date", "open", "close"].map(|field| text(&session[field]));
        (date, open, close, session["breaks"].clone())
    };
    sessions(code, start, end).iter().map(of).collect()
}

#[test]
fn sessions_are_told_with_holidays_early_closes_breaks_and_evenings() {
    let dates = |code, start, end| -> Vec<String> {
        let hours = hours(code, start, end);
        hours.into_iter().map(|(date, ..)| date).collect()
    };
    // Four days in September 2001, two of a hurricane, and a day of mourning.
    assert_eq!(
        dates("XNYS", "2001-09-10", "2001-09-18"),
        ["2001-09-10", "2001-09-17", "2001-09-18"]
    );
    assert_eq!(
        dates("XNYS", "2012-10-26", "2012-10-31"),
        ["2012-10-26", "2012-10-31"]
    );
    assert_eq!(
        dates("XNYS", "2025-01-08", "2025-01-10"),
        ["2025-01-08", "2025-01-10"]
    );
    let thanksgiving = sessions("XNYS", "2024-11-27", "2024-11-29");
    assert_eq!(
        json!(thanksgiving),
        json!([
            {"date": "2024-11-27", "open": "2024-11-27T14:30:00Z", "close": "2024-11-27T21:00:00Z", "breaks": [],
             "late_open": false, "early_close": false, "assumed": false, "own": false},
            {"date": "2024-11-29", "open": "2024-11-29T14:30:00Z", "close": "2024-11-29T18:00:00Z", "breaks": [],
             "late_open": false, "early_close": true, "assumed": false, "own": false},
        ])
    );
    let lunch = json!([["2024-11-05T02:30:00Z", "2024-11-05T03:30:00Z"]]);
    let tokyo = hours("XTKS", "2024-11-01", "2024-11-05");
    let closes: Vec<&str> = tokyo
        .iter()
        .map(|(_, _, close, _)| close.as_str())
        .collect();
    assert_eq!(
        closes,
        ["2024-11-01T06:00:00Z", "2024-11-05T06:30:00Z"],
        "half an hour more since then"
    );
    assert_eq!(tokyo[1].3, lunch);
    let monday = &hours("CMES", "2024-12-16", "2024-12-16")[0];
    assert_eq!(
        (monday.1.as_str(), monday.2.as_str()),
        ("2024-12-15T23:00:00Z", "2024-12-16T23:00:00Z"),
        "it opens on Sunday evening"
    );
    let summer = &hours("FX", "2024-07-01", "2024-07-01")[0];
    assert_eq!(
        (summer.1.as_str(), summer.2.as_str()),
        ("2024-06-30T21:00:00Z", "2024-07-01T21:00:00Z")
    );
    assert_eq!(dates("24/7", "2024-12-25", "2025-01-01").len(), 8);
    // Other codes for the same sessions.
    for (alias, of) in [("XCBO", "XNYS"), ("XSHE", "XSHG"), ("XNSE", "XBOM")] {
        assert_eq!(
            hours(alias, "2020-01-01", "2020-12-31"),
            hours(of, "2020-01-01", "2020-12-31")
        );
    }
}

#[test]
fn behind_the_last_day_that_is_known_the_week_goes_on_as_assumed() {
    let later = sessions("XNYS", "2027-12-30", "2028-01-04");
    let told: Vec<(&str, bool)> = later
        .iter()
        .map(|one| {
            (
                one["date"].as_str().unwrap(),
                one["assumed"].as_bool().unwrap(),
            )
        })
        .collect();
    let known = [("2027-12-30", false), ("2027-12-31", false)];
    assert_eq!(told[..2], known);
    assert_eq!(told[2..], [("2028-01-03", true), ("2028-01-04", true)]);
    let home = Home::new();
    let said = home.cli("calendar XNYS --start 2027-12-30 --end 2028-01-04".split(' '));
    let said = said.without_db().run().ok().stdout;
    assert!(
        said.contains("assumed") && said.contains("known up to 2027-12-31"),
        "{said}"
    );
    assert!(
        said.contains("4 sessions, times of America/New_York"),
        "{said}"
    );
}

#[test]
fn every_calendar_is_listed_and_what_is_none_is_refused_with_others() {
    let (home, server) = (Home::new(), Server::start());
    let all = home
        .cli(["calendar", "--json"])
        .without_db()
        .run()
        .ok()
        .json();
    let all = all["calendars"].as_array().unwrap();
    assert_eq!(all.len(), 65 + 5);
    let of = |code: &str| all.iter().find(|one| one["code"] == code).unwrap();
    assert_eq!(of("XNYS")["first"], "1990-01-01");
    assert_eq!(of("XSHG")["hours"], "09:30-11:30,13:00-15:00");
    assert_eq!(of("XCBO")["sessions_of"], "XNYS");
    assert_eq!(of("XCBO")["zone"], "America/Chicago");
    let table = home.cli(["calendar"]).without_db().run().ok().stdout;
    assert_eq!(table.lines().count(), 1 + all.len());
    for (words, names) in [
        ("calendar XNYC", ["XNYC", "XNYS"]),
        ("calendar NASDAQ", ["NASDAQ", "for NASDAQ name XNYS"]),
        (
            "calendar xlon,XPAR TSE",
            [
                r#"no calendar "xlon", "TSE""#,
                "for xlon name XLON; for TSE name XTKS",
            ],
        ),
        (
            "calendar XNYS --start 2024-01-03 --end 2024-01-02",
            ["2024-01-03", "2024-01-02"],
        ),
        (
            "calendar XNYS --start 1985-01-01 --end 1989-12-31",
            ["XNYS", "1990-01-01"],
        ),
        ("calendar XNYS --end soon", ["soon", "2w"]),
    ] {
        refused(&home, &server, words, 2, &names);
    }
}

#[test]
fn several_calendars_are_told_one_after_the_other_each_with_what_is_unusual() {
    let home = Home::new();
    let told = |words: &str| {
        let words = format!("calendar {words} --start 2024-01-02 --end 2024-01-02");
        home.cli(words.split(' ')).without_db().run().ok()
    };
    let [korea, london] = ["XKRX", "XLON"].map(|code| told(&format!("{code} --json")).json());
    assert_eq!(korea["sessions"][0]["late_open"], true);
    let both = told("XKRX,XLON XKRX --json").json();
    assert_eq!(both, json!({"calendars": [korea, london]}));
    let both = told("XKRX XLON").stdout;
    let korea = told("XKRX").stdout;
    assert!(
        korea.contains("10:00  15:30") && korea.contains("late open"),
        "{korea}"
    );
    let london = told("XLON").stdout;
    assert_eq!(both, format!("XKRX\n{korea}\nXLON\n{london}"));
}

// Recorded by others, and not what the tables were made from.
#[test]
fn recorded_sessions_of_five_exchanges_are_told_one_for_one() {
    let Some(folder) = fixtures("exchange_calendars") else {
        return;
    };
    for (file, code) in [
        ("xnys", "XNYS"),
        ("xlon", "XLON"),
        ("xhkg", "XHKG"),
        ("xtks", "XTKS"),
        ("24-7", "24/7"),
    ] {
        let mut table = String::new();
        let packed = File::open(folder.join(format!("{file}.csv.gz"))).unwrap();
        flate2::read::GzDecoder::new(packed)
            .read_to_string(&mut table)
            .unwrap();
        let recorded: Vec<_> = table
            .lines()
            .skip(1)
            .map(|line| {
                let fields: Vec<&str> = line.split(',').collect();
                let breaks = match fields[3] {
                    "" => json!([]),
                    start => json!([[start, fields[4]]]),
                };
                (
                    fields[0][..10].to_owned(),
                    fields[1].to_owned(),
                    fields[2].to_owned(),
                    breaks,
                )
            })
            .collect();
        let (first, last) = (&recorded[0].0, &recorded.last().unwrap().0);
        let told = hours(code, first, last);
        let different = told
            .iter()
            .zip(&recorded)
            .find(|(told, recorded)| told != recorded);
        assert_eq!((told.len(), different), (recorded.len(), None), "{code}");
    }
}

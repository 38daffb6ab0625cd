//! Days, weeks and months by stamps that are not at their midnight, and candles where no trading hours are: what is read
//! as which candle, what is refused, and what is flagged.

use candlefile::model::{Candle, SeriesKey};
use candlefile::provider::{Page, Row};
use chrono_tz::America::Chicago;

use crate::support::aggs::body;
use crate::support::exchange::Reply;
use crate::support::harness::Home;
use crate::support::scripted::{
    Bench, DAY, HOUR, MINUTE, at, candles, key, label, ny, span, utc, version, without_open,
};
use crate::support::server::Server;

/// A row as the provider writes it, stamped with an instant.
fn row(instant: i64, close: f64) -> String {
    format!(
        r#"{{"v":100,"o":10,"c":{close},"h":12,"l":9,"t":{}}}"#,
        instant * 1_000
    )
}

fn answer(rows: &[String]) -> Reply {
    Reply::json(200, body("AAPL", false, rows, None))
}

/// The weekdays of the two weeks around the end of daylight saving, 2024-11-03.
fn weekdays() -> Vec<i64> {
    let monday = label("2024-10-28");
    let days = (0..12).filter(|n| n % 7 < 5);
    days.map(|n| monday + n * DAY).collect()
}

fn midnight(day: i64) -> i64 {
    let date = candlefile::model::date_of(day);
    ny(&format!("{date} 00:00"))
}

const TWO_WEEKS: &str = "AAPL -t 1d --start 2024-10-28 --end 2024-11-08";

fn flags(home: &Home) -> String {
    home.db()
        .text("SELECT coalesce(group_concat(check_name || ' ' || ts), '') FROM quality_issues")
}

// A provider stamped the days of a winter as if daylight saving went on, at 23:00 of the evening before: every day moved
// back by one, and Sundays were filled with Mondays.
#[test]
fn a_day_stamped_up_to_two_hours_before_its_midnight_is_the_day_that_begins() {
    let summer_all_year = |day: i64| day + 4 * HOUR;
    for stamp in [
        &summer_all_year as &dyn Fn(i64) -> i64,
        &midnight,
        &|day| midnight(day) - 2 * HOUR,
        &|day| midnight(day) + 16 * HOUR,
        &|day| midnight(day) + 22 * HOUR - 1,
    ] {
        let rows: Vec<String> = weekdays()
            .iter()
            .map(|&day| row(stamp(day), 10.5))
            .collect();
        let (home, server) = (Home::new(), Server::always(answer(&rows)));
        home.backfill(&server, TWO_WEEKS).ok();
        let held = home.db().candles("AAPL", "1d");
        let held: Vec<i64> = held.iter().map(|candle| candle.ts).collect();
        assert_eq!(held, weekdays());
        assert_eq!(flags(&home), "");
    }
}

#[test]
fn a_week_or_month_that_does_not_begin_on_its_first_day_is_rejected_and_an_early_stamp_is_none_such()
 {
    for (timeframe, start, end, good, off) in [
        (
            "1w",
            "2024-01-07",
            "2024-01-20",
            "2024-01-13 23:00",
            "2024-01-10 00:00",
        ),
        (
            "1mo",
            "2024-01-01",
            "2024-02-29",
            "2024-01-31 22:30",
            "2024-01-16 00:00",
        ),
    ] {
        let rows = [ny(&format!("{start} 00:00")), ny(off), ny(good)];
        let rows = rows.map(|instant| row(instant, 10.5));
        let (home, server) = (Home::new(), Server::always(answer(&rows)));
        let words = format!("AAPL -t {timeframe} --start {start} --end {end}");
        let report = home.backfill(&server, &words).ok().json();
        assert_eq!(report["records"]["rejected"], 1, "{report}");
        let db = home.db();
        let held = db.candles("AAPL", timeframe);
        let held: Vec<i64> = held.iter().map(|candle| candle.ts).collect();
        let next = if timeframe == "1w" {
            "2024-01-14"
        } else {
            "2024-02-01"
        };
        assert_eq!(held, [label(start), label(next)]);
        let reason = db.text("SELECT reason FROM rejected");
        assert!(reason.contains("grid"), "{reason}");
        assert_eq!(db.count("SELECT ts FROM rejected"), label(&off[..10]));
    }
}

#[test]
fn two_stamps_for_one_day_are_no_answer_and_one_stamp_twice_is_a_duplicate_or_a_conflict() {
    let days = weekdays();
    let good: Vec<String> = days.iter().map(|&day| row(midnight(day), 10.5)).collect();
    let with = |extra: String| {
        let mut rows = good.clone();
        rows.insert(3, extra);
        rows
    };
    for (extra, requests, duplicate, conflicting) in [
        (row(midnight(days[2]) + 16 * HOUR, 11.0), 2, 0, 0),
        (row(midnight(days[3]) - HOUR, 10.5), 2, 0, 0),
        (row(midnight(days[2]), 10.5), 1, 1, 0),
        (row(midnight(days[2]), 11.0), 1, 0, 1),
    ] {
        let (odd, right) = (answer(&with(extra)), answer(&good));
        let server = Server::scripted(move |request| {
            Some(if request.n == 0 {
                odd.clone()
            } else {
                right.clone()
            })
        });
        let home = Home::new();
        let report = home.backfill(&server, TWO_WEEKS).ok().json();
        let records = &report["records"];
        assert_eq!(server.hits(), requests, "{report}");
        assert_eq!(records["duplicate"], duplicate, "{report}");
        assert_eq!(records["conflicting"], conflicting, "{report}");
        assert_eq!(records["inserted"], days.len(), "{report}");
        let closes = home.db().candles("AAPL", "1d");
        assert!(closes.iter().all(|candle| candle.close == 10.5));
    }
}

#[test]
fn a_page_that_stamps_a_day_of_the_pages_before_otherwise_is_asked_for_again() {
    let days = weekdays();
    let rows = |days: &[i64], early: i64| -> Vec<String> {
        let stamp = |&day: &i64| row(midnight(day) - early, 10.5);
        days.iter().map(stamp).collect()
    };
    let next =
        "https://api.polygon.io/v2/aggs/ticker/AAPL/range/1/day/1730347200000/2024-11-08?cursor=a";
    let mut spoiled = rows(&days[..5], 0);
    spoiled[4] = spoiled[4].replace(r#""o":10,"#, "");
    let whole = rows(&days[..5], 0);
    // The rest begins with the last day of the page before, or with more of it.
    for (first, again_from, early, requests) in [
        (&whole, 4, HOUR, 3),
        (&whole, 2, HOUR, 3),
        (&spoiled, 4, -16 * HOUR, 3),
        (&whole, 4, 0, 2),
    ] {
        let first = body("AAPL", false, first, Some(next));
        let [odd, right] = [early, 0].map(|early| {
            let overlap = rows(&days[again_from..5], early);
            body(
                "AAPL",
                false,
                &[overlap, rows(&days[5..], 0)].concat(),
                None,
            )
        });
        let server = Server::scripted(move |request| {
            let page = match request.n {
                0 => &first,
                1 => &odd,
                _ => &right,
            };
            Some(Reply::json(200, page.as_bytes()))
        });
        let home = Home::new();
        let report = home.backfill(&server, TWO_WEEKS).ok().json();
        assert_eq!(server.hits(), requests, "{report}");
        assert_eq!(report["records"]["conflicting"], 0, "{report}");
        assert_eq!(home.db().candles("AAPL", "1d").len(), days.len());
    }
}

/// A series, a candle of it, and whether it lies off the trading hours of its market.
fn sessions() -> Vec<(&'static str, i64, bool)> {
    let ny_series = |series, text: &str, off| (series, ny(text), off);
    let chicago = |series, text: &str, off| (series, at(Chicago, text), off);
    vec![
        ("AAPL 1d", label("2024-01-05"), false),
        ("AAPL 1d", label("2024-01-06"), true),
        ("AAPL 1d", label("2024-01-07"), true),
        ("AAPL 1w", label("2024-01-07"), false),
        ny_series("AAPL 1m", "2024-01-05 03:59", true),
        ny_series("AAPL 1m", "2024-01-05 04:00", false),
        ny_series("AAPL 1m", "2024-07-05 19:59", false),
        ny_series("AAPL 1m", "2024-07-05 20:00", true),
        ny_series("AAPL 1m", "2024-07-06 12:00", true),
        // Of several hours it is enough that one is.
        ny_series("AAPL 4h", "2024-01-05 03:00", false),
        ny_series("AAPL 4h", "2024-01-04 23:00", true),
        ny_series("AAPL 12h", "2024-01-05 19:00", false),
        ny_series("AAPL 12h", "2024-01-06 07:00", true),
        ("I:NDX 1d", label("2024-01-06"), true),
        chicago("I:NDX 1m", "2024-01-05 23:59", false),
        chicago("I:NDX 1m", "2024-01-06 00:00", true),
        ("C:EURUSD 1d", label("2024-01-05"), false),
        ("C:EURUSD 1d", label("2024-01-06"), true),
        ("C:EURUSD 1d", label("2024-01-07"), false),
        ny_series("C:EURUSD 1m", "2024-01-05 16:59", false),
        ny_series("C:EURUSD 1m", "2024-01-05 17:00", true),
        ny_series("C:EURUSD 1m", "2024-07-07 16:59", true),
        ny_series("C:EURUSD 1m", "2024-07-07 17:00", false),
        ("X:BTCUSD 1d", label("2024-01-06"), false),
        ("X:BTCUSD 1m", utc("2024-01-07 03:00"), false),
    ]
}

#[test]
fn a_candle_outside_of_trading_hours_is_stored_and_flagged_wherever_it_comes_from() {
    let now = utc("2024-12-01 00:00");
    let (mut fetched, mut handed_in) = (Bench::new(), Bench::new());
    let mut expected: Vec<(String, i64)> = Vec::new();
    for (series, ts, is_off) in sessions() {
        fetched.provider.offer(series, candles([ts]));
        let market = crate::support::scripted::market(series);
        fetched.backfill(now, series, span(ts, market.next(ts)));
        handed_in.hand_in(&key(series), &[version(ts, 0)], now);
        assert!(fetched.stamps(series).contains(&ts), "{series} {ts}");
        if is_off {
            expected.push((series.to_owned(), ts));
        }
    }
    expected.sort();
    for bench in [fetched, handed_in] {
        let sql = "SELECT symbol || ' ' || timeframe, ts FROM quality_issues JOIN series ON series.id = series_id
                   WHERE check_name = 'off_session' AND detail <> '' ORDER BY 1, 2";
        let connection = bench.sql();
        let mut select = connection.prepare(sql).unwrap();
        let found = select.query_map([], |row| row.try_into()).unwrap();
        let found: Vec<(String, i64)> = found.map(Result::unwrap).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn a_page_of_minutes_is_flagged_row_by_row() {
    let mut bench = Bench::new();
    let minutes = (ny("2024-01-04 19:58")..ny("2024-01-05 04:02")).step_by(60);
    bench.provider.offer("AAPL 1m", candles(minutes));
    let asked = span(ny("2024-01-04 19:58"), ny("2024-01-05 04:02"));
    bench.backfill(utc("2024-12-01 00:00"), "AAPL 1m", asked);
    let flagged = "SELECT count(*) FROM quality_issues WHERE check_name = 'off_session'";
    assert_eq!(bench.number(flagged), 8 * 60);
    let first = "SELECT min(ts) FROM quality_issues";
    assert_eq!(bench.number(first), ny("2024-01-04 20:00"));
}

fn partial(bench: &Bench) -> Vec<i64> {
    let sql = "SELECT ts FROM quality_issues WHERE check_name = 'first_partial' ORDER BY ts";
    let connection = bench.sql();
    let mut select = connection.prepare(sql).unwrap();
    let found = select.query_map([], |row| row.get(0)).unwrap();
    found.map(Result::unwrap).collect()
}

#[test]
fn the_first_week_or_month_of_an_answer_that_begins_later_than_asked_is_flagged() {
    let now = utc("2024-12-01 00:00");
    let weeks = |from: &str| {
        let from = label(from);
        candles((0..4).map(move |n| from + n * 7 * DAY))
    };
    for (series, start, first, flagged) in [
        // As recorded of a plan of five years: asked from 2016 on, the weeks came from 2021-05-09.
        ("AAPL 1w", "2016-05-08", "2021-05-09", true),
        ("AAPL 1w", "2021-05-09", "2021-05-09", false),
        ("AAPL 1mo", "2016-05-01", "2021-05-01", true),
        ("AAPL 1mo", "2021-05-01", "2021-05-01", false),
        ("AAPL 1d", "2016-05-02", "2021-05-10", false),
    ] {
        let mut bench = Bench::new();
        let offered: Vec<Candle> = match series {
            "AAPL 1w" => weeks(first).collect(),
            _ => candles([label(first)]).collect(),
        };
        bench.provider.offer(series, offered);
        bench.provider.page_by(2);
        bench.backfill(now, series, span(label(start), label("2021-08-01")));
        let expected = if flagged {
            vec![label(first)]
        } else {
            Vec::new()
        };
        assert_eq!(partial(&bench), expected, "{series} from {start}");
    }
}

#[test]
fn a_first_week_is_no_longer_in_doubt_once_an_answer_has_earlier_ones_beside_it() {
    let week = |n: i64| label("2024-03-03") + n * 7 * DAY;
    for newer in [0, 1] {
        let mut bench = Bench::new();
        bench.provider.offer("AAPL 1w", candles([week(2)]));
        let asked = span(week(0), week(3));
        bench.backfill(ny("2024-03-22 21:00"), "AAPL 1w", asked);
        assert_eq!(partial(&bench), [week(2)]);
        // Still the only one, with whatever value: the doubt stays.
        bench.provider.offer("AAPL 1w", [version(week(2), newer)]);
        bench.force = true;
        bench.backfill(ny("2024-03-22 22:00"), "AAPL 1w", asked);
        assert_eq!(partial(&bench), [week(2)]);
        bench.provider.offer(
            "AAPL 1w",
            [version(week(1), 0), version(week(2), 2 * newer)],
        );
        bench.backfill(ny("2024-03-23 12:00"), "AAPL 1w", asked);
        assert_eq!(bench.stamps("AAPL 1w"), [week(1), week(2)]);
        assert_eq!(partial(&bench), [] as [i64; 0]);
    }
}

#[test]
fn a_week_after_one_that_cannot_be_stored_is_not_the_first_of_its_answer() {
    let week = |n: i64| label("2024-03-03") + n * 7 * DAY;
    for (first_is_bad, doubted) in [(true, vec![]), (false, vec![week(1)])] {
        let mut bench = Bench::new();
        bench.provider.script(move |ask, _| {
            let bad = first_is_bad.then(|| without_open(ask, week(0)));
            let good = candles([week(1), week(2)]);
            let rows = good.map(|candle| Row::of(&candle, &ask.market));
            Some(Ok(Page::of(ask, bad.into_iter().chain(rows))))
        });
        let asked = span(week(0), week(3));
        bench.backfill(utc("2024-12-01 00:00"), "AAPL 1w", asked);
        assert_eq!(partial(&bench), doubted, "the first is bad: {first_is_bad}");
    }
}

#[test]
fn handed_in_weeks_and_months_that_begin_on_another_day_than_the_series_are_rejected() {
    let (mut bench, now) = (Bench::new(), utc("2024-12-01 00:00"));
    let of = |series: &str| SeriesKey {
        source: "csv".to_owned(),
        ..key(series)
    };
    let monday = label("2024-01-01");
    let weeks = [monday, monday + 6 * DAY, monday + 7 * DAY].map(|ts| version(ts, 0));
    let counts = bench.hand_in(&of("AAPL 1w"), &weeks, now);
    assert_eq!((counts.inserted, counts.rejected), (2, 1));
    let counts = bench.hand_in(&of("AAPL 1w"), &[version(monday + 13 * DAY, 0)], now);
    assert_eq!((counts.inserted, counts.rejected), (0, 1));
    let months = [monday, label("2024-02-02")].map(|ts| version(ts, 0));
    let counts = bench.hand_in(&of("AAPL 1mo"), &months, now);
    assert_eq!((counts.inserted, counts.rejected), (1, 1));
    let hours = [
        monday,
        monday + 4 * HOUR,
        monday + 5 * HOUR,
        monday + MINUTE,
    ];
    let counts = bench.hand_in(&of("AAPL 4h"), &hours.map(|ts| version(ts, 0)), now);
    assert_eq!((counts.inserted, counts.rejected), (2, 2));
}

//! What is asked for in vain is asked ever more seldom: contracts that have expired, and series that have gone quiet.
//!
//! Thousands of dead option contracts and delisted symbols made each update of a slow plan last for hours, once a market day
//! and for ever.

use candlefile::model::Calendar;
use chrono::NaiveDate;
use serde_json::json;

use crate::support::aggs;
use crate::support::exchange::Reply;
use crate::support::harness::Home;
use crate::support::scripted::{Bench, DAY, HOUR, MINUTE, candles, label, market, ny, span, utc};
use crate::support::server::Server;

/// Instants of updates: some evenings from the one after an expiry on a Friday, up to a year later.
fn evenings(friday: &str) -> Vec<i64> {
    let friday = ny(&format!("{friday} 21:00"));
    [0, 1, 3, 4, 8, 11, 12, 25, 60, 200, 365]
        .map(|days| friday + days * DAY)
        .to_vec()
}

// Nothing was asked, nothing is there, and it was told that nothing was missing.
#[test]
fn a_contract_that_expired_before_what_is_asked_has_no_data_and_the_reason_is_told() {
    let (home, server) = (Home::new(), Server::start());
    let words = "O:TSLA240119C00150000 -t 1d --start 2024-02-05 --end 2024-03-28";
    for _ in 0..2 {
        let run = home.backfill(&server, words).exit(3);
        let report = run.json();
        assert_eq!(
            (&report["series"][0]["status"], server.hits()),
            (&"no_data".into(), 0)
        );
        let error = report["series"][0]["error"].as_str().unwrap();
        assert!(error.contains("it expired on 2024-01-19"), "{error}");
    }
    // What it had while it lived is none of that.
    let living = "O:TSLA240119C00150000 -t 1d --start 2024-01-08 --end 2024-01-12";
    home.backfill(&server, living).ok();
    home.backfill(&server, words).ok();
}

#[test]
fn a_contract_that_has_expired_is_not_asked_for_once_its_last_day_is_final() {
    for (timeframe, step) in [
        ("1d", DAY),
        ("1h", HOUR),
        ("30m", 30 * MINUTE),
        ("1w", 7 * DAY),
    ] {
        for contract in ["O:SPY240119C00400000", "O:F1240119P00010000"] {
            let series = format!("{contract} {timeframe}");
            let mut bench = Bench::new();
            let market = market(&series);
            let (start, over) = (market.label(ny("2024-01-08 04:00")), ny("2024-01-19 20:00"));
            let stamps = (0..1_000).map(|n| start + n * step);
            let stamps = stamps.filter(|&ts| market.trading_close(ts).is_some());
            let stamps: Vec<i64> = stamps.take_while(|&ts| ts < over).collect();
            bench
                .provider
                .offer(&series, candles(stamps.iter().copied()));
            for now in evenings("2024-01-19") {
                let report = bench.update(&series, start, now);
                let is_final = now >= ny("2024-01-20 12:00");
                // The noon that makes the last day final is asked for once; a night that stays absent once more.
                assert!(!is_final || report.requests <= 1, "{series}: {report:?}");
                if now > ny("2024-01-28 21:00") {
                    assert_eq!(report.requests, 0, "{series}");
                }
            }
            assert_eq!(bench.stamps(&series), stamps, "{series}");
            let covered = bench.coverage(&series);
            assert!(
                covered.len() == 1 && covered[0].end() >= stamps[stamps.len() - 1],
                "{covered:?}"
            );
            let later = span(
                market.label(ny("2024-02-05 04:00")),
                market.label(ny("2024-03-04 04:00")),
            );
            assert_eq!(
                bench
                    .backfill(ny("2024-03-05 12:00"), &series, later)
                    .requests,
                0,
                "{series}"
            );
        }
    }
}

#[test]
fn what_only_looks_like_a_contract_is_asked_for_as_ever() {
    for series in ["SPY240119C00400000 1d", "O:SPY241319C00400000 1d"] {
        let mut bench = Bench::new();
        let start = label("2024-01-08");
        let days = (0..5).chain(7..12).chain(14..19).map(|n| start + n * DAY);
        bench.provider.offer(series, candles(days));
        bench.update(series, start, ny("2024-01-22 21:00"));
        assert_eq!(
            bench.update(series, start, ny("2024-01-23 21:00")).requests,
            1,
            "{series}"
        );
        assert_eq!(
            bench.stamps(series).last(),
            Some(&label("2024-01-23")),
            "{series}"
        );
    }
}

/// Days with trading hours between the last candle and each update that asked for anything: one update an evening.
fn asked_after(series: &str, last: NaiveDate, evenings: u64) -> Vec<usize> {
    let mut bench = Bench::new();
    let exchange = Calendar::of("XNYS").expect("a calendar");
    let has_trading = |day: NaiveDate| series.starts_with("X:") || exchange.session(day).is_some();
    let first = last - chrono::Days::new(4);
    let start = market(series).label(ny(&format!("{first} 12:00")));
    let end = label(&last.to_string()) + DAY;
    bench
        .provider
        .offer(series, candles((start..end).step_by(DAY as usize)));
    let mut asked = Vec::new();
    let mut quiet = 0;
    for evening in 0..evenings {
        let day = last + chrono::Days::new(evening);
        quiet += usize::from(evening > 0 && has_trading(day));
        let now = utc(&format!("{day} 23:30"));
        let report = bench.update(series, start, now);
        if report.requests > 0 && asked.last() != Some(&quiet) {
            asked.push(quiet);
        }
    }
    asked
}

#[test]
fn a_series_that_has_gone_quiet_is_asked_ever_more_seldom() {
    let friday = NaiveDate::from_ymd_opt(2024, 1, 19).unwrap();
    for series in ["AAPL 1d", "AAPL 1h", "I:NDX 1d", "X:BTCUSD 1d"] {
        let asked = asked_after(series, friday, 190);
        let since_20: Vec<usize> = asked.iter().copied().filter(|&days| days > 19).collect();
        // An evening may see two days at once, or none: which day has closed by then is the market's.
        let often = asked.iter().filter(|days| (1..20).contains(*days));
        assert!(often.count() > 14, "{series}: {asked:?}");
        // Counted from the first question after 20 quiet days; which evening that is depends on when a day has closed.
        let gaps: Vec<usize> = since_20.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(gaps[..6], [1, 2, 4, 8, 16, 20], "{series}: {asked:?}");
        assert!(
            gaps[6..].iter().all(|&gap| gap == 20),
            "{series}: {asked:?}"
        );
    }
}

#[test]
fn force_and_a_new_candle_end_the_rest() {
    let mut bench = Bench::new();
    let start = label("2024-01-08");
    bench
        .provider
        .offer("AAPL 1d", candles((0..5).map(|n| start + n * DAY)));
    let quiet = ny("2024-04-01 21:00");
    bench.update("AAPL 1d", start, quiet);
    assert_eq!(bench.update("AAPL 1d", start, quiet + DAY).requests, 0);
    bench.provider.take_asked();
    bench.force = true;
    assert_eq!(bench.update("AAPL 1d", start, quiet + DAY).requests, 1);
    let asked = bench.provider.take_spans();
    assert!(
        asked[0].start() >= label("2024-03-25"),
        "what is covered stays so: {asked:?}"
    );
    bench.force = false;
    // It is listed again.
    bench
        .provider
        .offer("AAPL 1d", candles([label("2024-04-02")]));
    bench.force = true;
    bench.update("AAPL 1d", start, quiet + DAY + HOUR);
    bench.force = false;
    for days in 2..4 {
        let report = bench.update("AAPL 1d", start, quiet + days * DAY);
        assert_eq!(report.requests, 1, "{days} days later");
    }
}

#[test]
fn an_update_says_how_many_series_were_not_due_and_force_asks_them() {
    let server = Server::scripted(|request| {
        let ask = request.ask();
        (ask.span.0 >= label("2024-02-01"))
            .then(|| Reply::json(200, aggs::body(&ask.symbol, false, &[], None)))
    });
    let home = Home::new();
    home.backfill(
        &server,
        "AAPL MSFT -t 1d --start 2024-01-02 --end 2024-01-31",
    )
    .ok();
    home.to(&server, ["update"]).run().ok();
    server.forget();
    let update = home
        .to(&server, ["update", "--json"])
        .run()
        .ok()
        .says(&["2 series were not due", "--force"]);
    let document = update.json();
    assert_eq!(
        (&document["not_due"], server.hits()),
        (&json!(2), 0),
        "{document}"
    );
    let plan = home
        .to(&server, ["update", "--dry-run", "--json"])
        .run()
        .ok()
        .json();
    assert_eq!(
        (&plan["not_due"], &plan["plan"]["slices"]),
        (&json!(2), &json!(0))
    );
    let forced = home
        .to(&server, ["update", "--force", "--json"])
        .run()
        .ok()
        .json();
    assert_eq!(forced["not_due"], 0);
    assert!(server.hits() >= 2, "{forced}");
    home.cli("drop MSFT -t 1d --yes".split(' ')).run().ok();
    let update = home.to(&server, ["update"]).run().ok();
    update.says(&["1 series was not due: it had no candle", "and is asked"]);
}

#[test]
fn who_asks_for_a_part_that_was_never_asked_is_not_put_off() {
    let halted = (label("2024-01-20"), label("2024-03-01"));
    let (mut bench, start) = (Bench::new(), label("2024-01-02"));
    let trades = |ts: &i64| !(halted.0..halted.1).contains(ts);
    let days = (start..label("2024-04-01")).step_by(DAY as usize);
    bench
        .provider
        .offer("AAPL 1d", candles(days.filter(trades)));
    for day in ["2024-01-19", "2024-02-20", "2024-02-28"] {
        bench.update("AAPL 1d", start, ny(&format!("{day} 21:00")));
    }
    let now = ny("2024-03-07 12:00");
    assert_eq!(bench.update("AAPL 1d", start, now).requests, 0, "it rests");
    for part in [
        span(label("2024-03-01"), label("2024-03-02")),
        span(start, label("2024-03-05")),
    ] {
        let report = bench.backfill(now, "AAPL 1d", part);
        assert!(report.requests > 0, "it was never asked for");
        let last = bench.stamps("AAPL 1d").last().copied();
        assert_eq!(last, Some(part.end() - DAY));
    }
}

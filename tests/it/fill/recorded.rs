//! Bodies that were recorded from the real provider, served and stored. `CANDLEFILE_RECORDED` names their folder.

use serde_json::Value;

use crate::support::checker;
use crate::support::exchange::Reply;
use crate::support::harness::Home;
use crate::support::lent::lent;
use crate::support::oracle::{self, DAY};
use crate::support::server::Server;

/// A recorded body, or nothing and a printed line.
fn recorded(name: &str) -> Option<Vec<u8>> {
    let path = lent("CANDLEFILE_RECORDED", name)?;
    Some(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

#[test]
fn the_recorded_days_around_a_clock_change_are_stored_as_their_dates() {
    for name in [
        "client-python-raw/v2_aggs_ticker_AAPL_range_1_day_2005-04-01_2005-04-04.json",
        "client-python/v2__aggs__ticker__AAPL__range__1__day__2005-04-01__2005-04-04.json",
    ] {
        let Some(body) = recorded(name) else { continue };
        let (home, server) = (Home::new(), Server::always(Reply::json(200, body)));
        let words = "AAPL -t 1d --adjusted --start 2005-04-01 --end 2005-04-04";
        let report = home.backfill(&server, words).ok().json();
        assert_eq!(report["records"]["inserted"], 2);
        let db = home.db();
        let stored = db.candles("AAPL", "1d");
        let first = oracle::label(oracle::date("2005-04-01"));
        assert_eq!(
            (stored[0].ts, stored[1].ts),
            (first, first + 3 * DAY),
            "the stamps are 71 hours apart, the dates three days"
        );
        assert_eq!(
            (
                stored[0].open,
                stored[0].high,
                stored[0].low,
                stored[0].close
            ),
            (1.5032, 1.5064, 1.4489, 1.4604)
        );
        assert_eq!(
            (stored[0].volume, stored[0].vwap, stored[0].trades),
            (Some(642_646_396.0), Some(1.469), Some(82_132))
        );
        assert_eq!(
            (stored[1].volume, stored[1].close),
            (Some(578_172_308.0), 1.4675)
        );
        assert_eq!(db.coverage("AAPL", "1d"), [(first, first + 4 * DAY)]);
        checker::check_books(&db);
    }
}

#[test]
fn the_recorded_adjusted_days_are_refused_for_a_raw_series() {
    let Some(body) =
        recorded("client-python-raw/v2_aggs_ticker_AAPL_range_1_day_2005-04-01_2005-04-04.json")
    else {
        return;
    };
    let (home, server) = (Home::new(), Server::always(Reply::json(200, body)));
    home.backfill(&server, "AAPL -t 1d --start 2005-04-01 --end 2005-04-04")
        .exit(3);
    assert_eq!(home.db().count("SELECT count(*) FROM candles"), 0);
}

#[test]
fn the_recorded_answers_of_nothing_are_no_data() {
    for name in [
        "errors/empty_results_absent_shape.json",
        "errors/empty_results_null_2020.json",
    ] {
        let Some(body) = recorded(name) else { continue };
        let (home, server) = (Home::new(), Server::always(Reply::json(200, body)));
        let report = home
            .backfill(
                &server,
                "AAPL -t 1d --adjusted --start 2024-01-02 --end 2024-01-31",
            )
            .exit(3)
            .json();
        assert_eq!(report["series"][0]["status"], "no_data", "{name}");
    }
}

#[test]
fn the_recorded_refusals_are_told_apart() {
    let day = "AAPL MSFT -t 1d --start 2024-01-02 --end 2024-01-31 --workers 1";
    for (name, status, code, requests) in [
        ("errors/http401_no_key_shape.json", 401, 1, 1),
        ("errors/http401_unknown_key_shape.json", 401, 1, 1),
        ("errors/http403_endpoint.json", 403, 3, 1),
        // A slice that does not end before the refused one began is asked all the same: one request a symbol.
        ("errors/http403_timeframe.json", 403, 3, 2),
    ] {
        let Some(body) = recorded(name) else { continue };
        let document: Value = serde_json::from_slice(&body).unwrap();
        let words = document["message"]
            .as_str()
            .or(document["error"].as_str())
            .unwrap()
            .to_owned();
        let (home, server) = (Home::new(), Server::always(Reply::json(status, body)));
        let run = home.backfill(&server, day).exit(code);
        assert_eq!(server.hits(), requests, "{name}\n{run:?}");
        assert!(run.stdout.contains(&words), "{name}: {words:?}\n{run:?}");
        assert_eq!(home.db().count("SELECT count(*) FROM coverage"), 0);
    }
}

#[test]
fn the_recorded_too_many_requests_is_waited_out() {
    let Some(body) = recorded("errors/http429_body_noid_from_docs.json") else {
        return;
    };
    let reply = Reply::json(429, body).with("Retry-After", "1");
    let (home, server) = (
        Home::new(),
        Server::scripted(move |request| (request.n == 0).then(|| reply.clone())),
    );
    home.backfill(&server, "AAPL -t 1d --start 2024-01-02 --end 2024-01-31")
        .ok();
    checker::check(
        &home.db(),
        "AAPL",
        "1d",
        oracle::span("AAPL", "1d", "2024-01-02", "2024-01-31"),
    );
}

#[test]
fn a_recorded_day_stamped_at_its_close_is_stored_under_its_date() {
    let Some(body) = recorded("client-python-raw/v2_aggs_ticker_AAPL_prev.json") else {
        return;
    };
    let (home, server) = (Home::new(), Server::always(Reply::json(200, body)));
    home.backfill(
        &server,
        "AAPL -t 1d --adjusted --start 2022-04-25 --end 2022-04-27",
    )
    .ok();
    let stored = home.db().candles("AAPL", "1d");
    assert_eq!(stored.len(), 1);
    assert_eq!(
        (stored[0].ts, stored[0].close),
        (oracle::label(oracle::date("2022-04-26")), 156.8)
    );
}

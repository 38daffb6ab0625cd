//! Requested minus coverage, through the whole program and against a naive model: the set of candles that were asked for.

use std::collections::BTreeSet;

use chrono::Days;

use crate::support::checker::check_books;
use crate::support::harness::Home;
use crate::support::oracle::{self, Span, grid};
use crate::support::server::Server;

/// A small generator, so that a failing sequence can be played again.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn stamps(timeframe: &str, span: Span) -> BTreeSet<i64> {
    grid(timeframe, span).collect()
}

/// Ten ranges in a random order over the ten weeks around a clock change, some over one another, some apart.
fn each_candle_once(seed: u64, symbol: &str, timeframe: &str) {
    let (home, server) = (Home::new(), Server::setup().page(400).start());
    let mut random = Seeded(seed);
    let mut have = BTreeSet::new();
    for round in 0..10 {
        let start = oracle::date("2024-02-01") + Days::new(random.below(70));
        let end = start + Days::new(random.below(20));
        let (from, to) = (start.to_string(), end.to_string());
        let wanted = stamps(timeframe, oracle::span(symbol, timeframe, &from, &to));
        server.forget();
        let words = format!("{symbol} -t {timeframe} --start {from} --end {to}");
        home.backfill(&server, &words).ok();
        let mut asked = BTreeSet::new();
        for ask in server.asked() {
            for ts in grid(timeframe, ask.span) {
                assert!(
                    asked.insert(ts),
                    "{ts} was asked twice in round {round} of seed {seed}"
                );
            }
        }
        let missing: BTreeSet<i64> = wanted.difference(&have).copied().collect();
        assert_eq!(asked, missing, "round {round} of seed {seed}: {words}");
        have.extend(wanted);
    }
    let db = home.db();
    check_books(&db);
    let stored: Vec<_> = db.candles(symbol, timeframe);
    let expected: Vec<_> = have
        .iter()
        .filter_map(|ts| oracle::candle(symbol, timeframe, *ts))
        .collect();
    assert_eq!(stored, expected);
    let covered: BTreeSet<i64> = db
        .coverage(symbol, timeframe)
        .into_iter()
        .flat_map(|span| grid(timeframe, span))
        .collect();
    assert_eq!(covered, have);
}

#[test]
fn any_order_of_ranges_asks_for_each_hour_of_a_stock_once() {
    each_candle_once(11, "AAPL", "1h");
}

#[test]
fn any_order_of_ranges_asks_for_each_four_hours_of_a_stock_once() {
    each_candle_once(15, "AAPL", "4h");
}

#[test]
fn any_order_of_ranges_asks_for_each_hour_of_a_coin_once() {
    each_candle_once(12, "X:BTCUSD", "1h");
}

#[test]
fn any_order_of_ranges_asks_for_each_day_and_week_once() {
    each_candle_once(13, "AAPL", "1d");
    each_candle_once(14, "I:NDX", "1w");
}

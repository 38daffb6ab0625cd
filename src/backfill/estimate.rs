//! What a plan costs, told before anything is sent: rather too much than too little. Pure.

use std::time::Duration;

use crate::http::rate::Rate;
use crate::model::span::Span;
use crate::provider::{Ask, Expected, Provider, Stamps, Tries};
use crate::store::SeriesPlan;

/// Bytes that one candle takes in the file; measured on minutes of US stocks.
const CANDLE_BYTES: u64 = 72;
/// Candles that a second brings when nothing but this machine limits it; measured.
const CANDLES_PER_SECOND: f64 = 300_000.0;

/// What a plan costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Estimate {
    /// Slices.
    pub slices: u64,
    /// Requests, without those that are tried again.
    pub requests: u64,
    /// Candles.
    pub rows: u64,
}

impl Estimate {
    /// What it costs to fetch what is missing of a series.
    pub(crate) fn of(target: &SeriesPlan, provider: &dyn Provider) -> Estimate {
        let mut estimate = Estimate {
            slices: target.slices.len() as u64,
            ..Estimate::default()
        };
        for &span in &target.slices {
            let Expected { rows, requests } = provider.expected(&ask(target, span));
            estimate.rows += u64::try_from(rows).unwrap_or(0);
            estimate.requests += requests;
        }
        estimate
    }

    /// Bytes that the candles take in the file.
    pub(crate) fn bytes(&self) -> u64 {
        self.rows.saturating_mul(CANDLE_BYTES)
    }

    /// How long it takes at a rate, or without one.
    #[allow(clippy::cast_precision_loss)] // An estimate.
    pub(crate) fn time(&self, rate: Option<Rate>) -> Duration {
        let asking = rate.map_or(0.0, |rate| rate.seconds(self.requests));
        let storing = self.rows as f64 / CANDLES_PER_SECOND;
        Duration::try_from_secs_f64(asking.max(storing)).unwrap_or(Duration::MAX)
    }
}

impl std::ops::AddAssign for Estimate {
    fn add_assign(&mut self, other: Estimate) {
        self.slices += other.slices;
        self.requests += other.requests;
        self.rows += other.rows;
    }
}

fn ask(target: &SeriesPlan, span: Span) -> Ask {
    let key = &target.key;
    Ask {
        symbol: key.symbol.clone(),
        market: target.market,
        adjusted: key.adjusted,
        span,
        stamps: Stamps::default(),
        has_candles: false,
        closed: i64::MAX,
        now: i64::MAX,
        tries: Tries::default(),
    }
}

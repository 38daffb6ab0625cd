//! `candlefile providers`: which there are, what each needs, its timeframes and limits.

use crate::provider::polygon;
use anyhow::Result;
use serde_json::json;

use super::args::Global;
use super::error::Exit;
use super::{output, table};

const TIMEFRAMES: [&str; 5] = ["Nm (N divides 60)", "Nh (N divides 24)", "1d", "1w", "1mo"];

pub fn run(global: &Global) -> Result<Exit> {
    if global.json {
        output::json(&json!({ "providers": [
            {
                "name": "polygon", "about": "Polygon.io, now Massive.com", "default": true, "base_url": polygon::BASE_URL,
                "needs": ["MASSIVE_API_KEY or POLYGON_API_KEY"], "asset_classes": ["stock", "crypto", "forex", "index"],
                "timeframes": TIMEFRAMES, "default_rate": polygon::DEFAULT_RATE,
                "limits": "free plan: 5 requests a minute (--rate 5/min), two years, end of day",
            },
            {
                "name": "sample", "about": "embedded synthetic data, not market data", "default": false, "base_url": null,
                "needs": [], "asset_classes": ["stock", "crypto", "forex", "index"],
                "timeframes": TIMEFRAMES, "default_rate": null, "limits": "New York weekdays 09:30 to 16:00, from 2000-01-03 on",
            },
        ] }))?;
        return Ok(Exit::Complete);
    }
    let rows = [
        [
            "polygon",
            "MASSIVE_API_KEY or POLYGON_API_KEY",
            "stocks, X: crypto, C: forex, I: indices",
            "--rate 100/s; free plan: --rate 5/min, two years, end of day",
        ],
        [
            "sample",
            "nothing",
            "any symbol, synthetic",
            "New York weekdays 09:30 to 16:00, from 2000-01-03 on",
        ],
    ];
    let rows = rows.map(|row| row.map(str::to_owned).to_vec());
    table::print(["provider", "~needs", "~covers", "~limits"], rows)?;
    output::print(format!("timeframes: {}", TIMEFRAMES.join(", ")))?;
    Ok(Exit::Complete)
}

//! What an import would store: its first rows.

use anyhow::Result;
use serde_json::{Value, json};

use crate::cli::args::Global;
use crate::cli::error::Exit;
use crate::cli::next;
use crate::cli::output::{self, short, time};
use crate::import::{Preview, Shown};
use crate::store::FileStatus;

/// What would be stored.
pub(super) fn show(global: &Global, previews: &[Preview]) -> Result<Exit> {
    let has_failed = previews
        .iter()
        .any(|preview| preview.status == FileStatus::Failed);
    let exit = if has_failed {
        Exit::Incomplete
    } else {
        Exit::Complete
    };
    if global.json {
        let files: Vec<Value> = previews
            .iter()
            .map(|preview| preview_document(global, preview))
            .collect();
        output::json(&json!({ "dry_run": true, "files": files }))?;
        return Ok(exit);
    }
    for preview in previews {
        preview_lines(global, preview)?;
    }
    output::print("nothing was stored")?;
    Ok(exit)
}

fn preview_document(global: &Global, preview: &Preview) -> Value {
    let row = |row: &Shown| {
        let (key, candle) = (&row.key, row.candle.as_ref());
        json!({
            "symbol": key.symbol, "timeframe": key.timeframe, "source": key.source, "adjustment": key.adjusted.word(),
            "market": key.listing.market, "grid": key.listing.grid, "currency": key.listing.currency,
            "datetime": candle.ok().map(|candle| time(candle.ts)), "candle": candle.ok(), "rejected": candle.err(),
        })
    };
    let problem = preview.problem.as_ref();
    json!({
        "path": preview.path.display().to_string(), "status": preview.status, "notes": preview.notes,
        "error": problem.map(|problem| &problem.message), "next": problem.map(|problem| next::text(global, &problem.next)),
        "rows": preview.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

fn preview_lines(global: &Global, preview: &Preview) -> Result<()> {
    let path = preview.path.display();
    if let Some(problem) = &preview.problem {
        output::print(format!(
            "{path}: failed: {problem}\n  next: {}",
            next::text(global, &problem.next)
        ))?;
    } else if preview.status == FileStatus::Known {
        output::print(format!("{path}: imported before"))?;
    } else {
        let of = preview.rows.first().map_or_else(String::new, |row| {
            let key = &row.key;
            let currency = key
                .listing
                .currency
                .map_or_else(String::new, |currency| format!(", in {currency}"));
            format!(
                "source {}, {}, market {}, grid {}{currency}",
                key.source, key.adjusted, key.listing.market, key.listing.grid
            )
        });
        output::print(format!("{path}: {of}"))?;
    }
    for note in &preview.notes {
        output::print(format!("  {note}"))?;
    }
    for row in &preview.rows {
        let (symbol, timeframe) = (&row.key.symbol, row.key.timeframe);
        output::print(match &row.candle {
            Ok(candle) => {
                let volume = candle
                    .volume
                    .map_or_else(|| "-".to_owned(), |volume| volume.to_string());
                format!(
                    "  {symbol} {timeframe} {}  open {} high {} low {} close {} volume {volume}",
                    short(candle.ts, timeframe),
                    candle.open,
                    candle.high,
                    candle.low,
                    candle.close
                )
            }
            Err(why) => format!("  {symbol} {timeframe} rejected: {why}"),
        })?;
    }
    Ok(())
}

//! `candlefile pack`: a read-only file to be handed over.

use crate::handover::outfile::Target;
use crate::handover::pack::{PackError, PackOptions, checksum_path, pack};
use crate::monitor::Meter;
use crate::run::clock::Cancel;
use crate::store::Store;
use anyhow::Result;
use serde_json::json;

use super::args::{Global, Pack};
use super::error::Exit;
use super::output::{self, bytes, counted};
use super::progress::Passing;
use super::signals::stop_on_signals;

pub fn run(global: &Global, args: &Pack) -> Result<Exit> {
    let choice = args.part.choice()?;
    let inputs = [global.db.as_path()];
    let target = Target::new(&args.output, args.overwrite, &inputs)?;
    let checksum = Target::new(&checksum_path(&args.output), args.overwrite, &inputs)?;
    let meter = Meter::default();
    let store = Store::untouched(&global.db)?.metered(&meter);
    let options = PackOptions {
        history: args.with_history,
        compat: args.compat,
    };
    let cancel = Cancel::new();
    stop_on_signals(&cancel, None);
    let passing = Passing::new(global.quiet, &meter);
    let packed = pack(&store, &choice, &target, &checksum, options, &cancel);
    drop(passing);
    let packed = packed.map_err(plain)?;
    let manifest = &packed.manifest;
    let candles: u64 = manifest.series.iter().map(|series| series.candles).sum();
    if global.json {
        output::json(&json!({
            "path": target.path(), "bytes": packed.bytes, "format": manifest.format, "program": manifest.program,
            "series": manifest.series.len(), "candles": candles, "left_out": packed.left_out,
            "digest": manifest.digest, "file_digest": packed.file_digest, "sha256": packed.sha256,
            "checksum": packed.checksum,
        }))?;
        return Ok(Exit::Complete);
    }
    if global.quiet {
        return Ok(Exit::Complete);
    }
    output::print(format!(
        "packed {} with {} into {} ({})",
        counted(manifest.series.len() as u64, "series"),
        counted(candles, "candle"),
        target.path().display(),
        bytes(packed.bytes)
    ))?;
    if packed.left_out > 0 {
        output::print(format!(
            "  left out: {}; --with-history keeps them",
            counted(packed.left_out, "provisional candle")
        ))?;
    }
    output::print(format!("  data   {}", manifest.digest))?;
    output::print(format!(
        "  sha256 {} in {}",
        packed.sha256,
        packed.checksum.display()
    ))?;
    Ok(Exit::Complete)
}

/// What lies under an error, where that says more.
fn plain(error: PackError) -> anyhow::Error {
    match error {
        PackError::Choice(error) => error.into(),
        PackError::Store(error) => error.into(),
        PackError::Target(error) => error.into(),
        other => other.into(),
    }
}

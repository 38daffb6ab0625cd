//! `candlefile verify`: whether a file is what it was packed as, and sound.

use crate::handover::verify::{Check, Verdict, verify};
use crate::model::next::Next;
use crate::monitor::Meter;
use crate::store::how_to_restore;
use anyhow::Result;
use serde_json::json;

use super::args::{Global, Verify};
use super::error::{Exit, of_input};
use super::next;
use super::output::{self, counted};
use super::progress::Passing;
use super::signals::end_on_signals;

pub fn run(global: &Global, args: &Verify) -> Result<Exit> {
    end_on_signals();
    let meter = Meter::default();
    let passing = Passing::new(global.quiet, &meter);
    let verdict = verify(&args.file, &meter);
    drop(passing);
    let verdict = verdict.map_err(of_input)?;
    let sound = verdict.problems.is_empty();
    let manifest = verdict.seal.as_ref().map(|seal| &seal.manifest);
    if global.json {
        output::json(&json!({
            "path": args.file, "ok": sound, "packed": verdict.packed, "format": verdict.format,
            "program": manifest.map(|manifest| &manifest.program), "series": verdict.counted.0,
            "candles": verdict.counted.1, "digest": manifest.map(|manifest| manifest.digest),
            "file_digest": verdict.seal.as_ref().map(|seal| seal.file_digest), "checked": verdict.checked,
            "problems": verdict.problems,
        }))?;
    } else if !(sound && global.quiet) {
        output::print(head(&args.file.display().to_string(), &verdict))?;
        for check in &verdict.checked {
            let those = verdict
                .problems
                .iter()
                .filter(|problem| problem.check == *check);
            let said = match those.count() {
                0 => "ok".to_owned(),
                some => counted(some as u64, "problem"),
            };
            output::print(format!("  {:<10} {said}", name(*check)))?;
        }
        for problem in &verdict.problems {
            let series = problem.series.as_ref().map(|series| format!("{series}: "));
            output::print(format!("  {}{}", series.unwrap_or_default(), problem.what))?;
        }
    }
    if sound {
        return Ok(Exit::Complete);
    }
    if !global.json {
        let next = if verdict.packed {
            Next::words("get the file again from whoever packed it")
        } else {
            let restore = Next::words(how_to_restore(&args.file));
            Next::Or(vec![restore, Next::NewFile])
        };
        let next = next::text(global, &next);
        output::say(format!(
            "candlefile: {} is not as it should be\n  next: {next}",
            args.file.display()
        ));
    }
    Ok(Exit::Failed)
}

fn head(path: &str, verdict: &Verdict) -> String {
    let holds = format!(
        "{}, {}",
        counted(verdict.counted.0, "series"),
        counted(verdict.counted.1, "candle")
    );
    match &verdict.seal {
        Some(seal) => format!(
            "{path}: packed by candlefile {}, {holds}\n  data       {}",
            seal.manifest.program, seal.manifest.digest
        ),
        None if verdict.packed => format!("{path}: a packed file"),
        None => format!("{path}: a working file without a digest to be judged by, {holds}"),
    }
}

fn name(check: Check) -> &'static str {
    match check {
        Check::FileDigest => "whole file",
        Check::Integrity => "integrity",
        Check::Schema => "schema",
        Check::Manifest => "manifest",
        Check::Books => "books",
    }
}

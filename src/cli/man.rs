//! `candlefile man`: the main page of the manual, or every page into a folder.

use anyhow::{Context, Result};
use candlefile::StoreError;
use clap::CommandFactory;
use serde_json::json;

use super::args::{Cli, Global, Man};
use super::error::{Exit, usage};
use super::output;

pub fn run(global: &Global, args: &Man) -> Result<Exit> {
    let Some(folder) = &args.dir else {
        if global.json {
            return Err(usage("a page of the manual is no JSON", "leave --json out"));
        }
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page)?;
        output::write(&page)?;
        return Ok(Exit::Complete);
    };
    if !folder.is_dir() {
        return Err(StoreError::NoFolder(folder.clone()).into());
    }
    let name = folder.display();
    clap_mangen::generate_to(Cli::command(), folder)
        .map_err(|error| anyhow::anyhow!(output::plain(&error)))
        .with_context(|| format!("cannot write the pages into {name}"))?;
    if global.json {
        output::json(&json!({ "man": name.to_string() }))?;
    } else {
        output::print(format!(
            "the pages are in {name}: man -l {name}/candlefile.1"
        ))?;
    }
    Ok(Exit::Complete)
}

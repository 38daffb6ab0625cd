//! `candlefile man`: the main page of the manual, or every page into a folder.

use crate::handover::outfile::{Target, TargetError};
use crate::store::StoreError;
use anyhow::Result;
use serde_json::json;

use super::args::{Global, Man, command};
use super::error::{Exit, usage};
use super::output;

pub fn run(global: &Global, args: &Man) -> Result<Exit> {
    let Some(folder) = &args.dir else {
        if global.json {
            return Err(usage("a page of the manual is no JSON", "leave --json out"));
        }
        let mut page = Vec::new();
        clap_mangen::Man::new(command(&global.registry)).render(&mut page)?;
        output::write(&page)?;
        return Ok(Exit::Complete);
    };
    if !folder.is_dir() {
        return Err(StoreError::no_folder(folder).into());
    }
    let name = folder.display();
    let mut all = command(&global.registry).disable_help_subcommand(true);
    all.build();
    let pages = std::iter::once(&all).chain(all.get_subcommands());
    // All are checked before one is written.
    let mut written = Vec::new();
    for page in pages.filter(|page| !page.is_hide_set()) {
        let page = clap_mangen::Man::new(page.clone());
        let target = Target::new(&folder.join(page.get_filename()), true, &[])?;
        written.push((page, target));
    }
    for (page, target) in written {
        let mut part = target.begin()?;
        page.render(part.file())
            .map_err(|error| TargetError::io(target.path(), error))?;
        part.finish()?;
    }
    if global.json {
        output::json(&json!({ "man": name.to_string() }))?;
    } else {
        output::print(format!(
            "the pages are in {name}: man -l {name}/candlefile.1"
        ))?;
    }
    Ok(Exit::Complete)
}

//! `candlefile completions`: what a shell needs to complete this program's commands.

use anyhow::Result;
use clap::CommandFactory;

use super::args::{Cli, Completions, Global};
use super::error::{Exit, usage};
use super::output;

pub fn run(global: &Global, args: &Completions) -> Result<Exit> {
    if global.json {
        return Err(usage("a script for a shell is no JSON", "leave --json out"));
    }
    // Into memory first: the generator does not bear a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "candlefile", &mut script);
    output::write(&script)?;
    Ok(Exit::Complete)
}

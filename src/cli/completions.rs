//! `candlefile completions`: what a shell needs to complete this program's commands.

use anyhow::Result;
use clap::CommandFactory;

use super::args::{Cli, Completions};
use super::error::Exit;
use super::output;

pub fn run(args: &Completions) -> Result<Exit> {
    // Into memory first: the generator does not bear a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "candlefile", &mut script);
    output::write(&script)?;
    Ok(Exit::Complete)
}

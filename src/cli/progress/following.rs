//! Lines about jobs of other processes.

use std::io::IsTerminal;
use std::time::Instant;

use super::{LINE_EVERY, fit};
use crate::cli::output::say;
use crate::cli::stderr;

/// Lines about other processes' jobs: rewritten in place on a terminal, and otherwise written now and then.
pub struct Following {
    quiet: bool,
    is_terminal: bool,
    told: Option<Instant>,
}

impl Following {
    pub fn new(quiet: bool) -> Following {
        Following {
            quiet,
            is_terminal: std::io::stderr().is_terminal(),
            told: None,
        }
    }

    /// Shows the lines, in place of those before.
    pub fn show(&mut self, lines: Vec<String>) {
        if self.quiet {
            return;
        }
        if self.is_terminal {
            stderr::show(lines.iter().map(|line| fit(line)).collect());
        } else if self.told.is_none_or(|told| told.elapsed() >= LINE_EVERY) {
            self.told = Some(Instant::now());
            lines.into_iter().for_each(say);
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        if self.is_terminal {
            stderr::show(Vec::new());
        }
    }
}

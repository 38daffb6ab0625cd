//! What a command that fetches did not ask for, and why: sources that it cannot ask, and series that are not due.

use crate::store::SeriesPlan;
use serde_json::{Value, json};

use super::args::Global;
use super::error::{CliError, Exit, Said};
use super::output::{self, counted, time};

/// What was not asked for.
#[derive(Default)]
pub struct Aside {
    /// Series that were quiet for long when they were asked last, and are not due again.
    not_due: usize,
    /// Series with gaps that were asked for lately, and when the first of these is due.
    resting: usize,
    gaps_due_at: Option<i64>,
    left_out: Vec<LeftOut>,
}

/// A part that could not be done.
struct LeftOut {
    source: String,
    /// What it is part of: series, or a job.
    what: String,
    said: Said,
}

impl Aside {
    /// Counts the series of a plan that are not due.
    pub fn count(&mut self, targets: &[SeriesPlan]) {
        self.not_due += targets.iter().filter(|target| target.not_due).count();
        let due = targets.iter().filter_map(|target| target.gaps_due_at);
        self.resting += due.clone().count();
        self.gaps_due_at = self.gaps_due_at.into_iter().chain(due).min();
    }

    /// Whether no series was passed over because it is not due.
    pub fn all_were_due(&self) -> bool {
        self.not_due + self.resting == 0
    }

    /// Leaves a part out that its source alone keeps from being done; any other error is one of the whole command.
    ///
    /// # Errors
    /// The error, where it is not the source's.
    pub fn leave_out(
        &mut self,
        global: &Global,
        source: &str,
        what: String,
        error: anyhow::Error,
    ) -> anyhow::Result<()> {
        let is_the_sources = matches!(
            error.downcast_ref(),
            Some(CliError::NoKey { .. } | CliError::BadKey { .. } | CliError::NoProvider(_))
        );
        if !is_the_sources {
            return Err(error);
        }
        let (source, said) = (source.to_owned(), Said::of(global, &error));
        self.left_out.push(LeftOut { source, what, said });
        Ok(())
    }

    /// Says it on stderr.
    pub fn say(&self, global: &Global) {
        for LeftOut { source, what, said } in &self.left_out {
            let (message, next) = (&said.message, &said.next);
            output::say(format!(
                "left out: {what} from {source}: {message}\n  next: {next}"
            ));
        }
        if self.not_due > 0 && !global.quiet {
            let series = counted(self.not_due as u64, "series");
            let (were, they, are) = match self.not_due {
                1 => ("was", "it", "is"),
                _ => ("were", "they", "are"),
            };
            output::say(format!(
                "{series} {were} not due: {they} had no candle for 20 days with trading hours and more, and {are} asked ever more seldom (--force asks now)"
            ));
        }
        if let Some(at) = self.gaps_due_at.filter(|_| !global.quiet) {
            let series = counted(self.resting as u64, "series");
            let (have, are) = match self.resting {
                1 => ("has", "is"),
                _ => ("have", "are"),
            };
            output::say(format!(
                "{series} {have} gaps that {are} not due: they were asked for, and are asked again after 1, 2, 4 .. days, the next from {} on (--force asks now)",
                time(at)
            ));
        }
    }

    /// Adds it to a document.
    pub fn add_to(&self, document: &mut Value) {
        let left_out = |left: &LeftOut| {
            let mut row = left.said.document()["error"].take();
            row["source"] = json!(left.source);
            row["what"] = json!(left.what);
            row
        };
        document["not_due"] = json!(self.not_due);
        document["gaps_due_at"] = json!(self.gaps_due_at.map(time));
        document["left_out"] = self.left_out.iter().map(left_out).collect();
    }

    /// Something is missing where a part was left out.
    pub fn exit(&self) -> Exit {
        if self.left_out.is_empty() {
            Exit::Complete
        } else {
            Exit::Incomplete
        }
    }
}

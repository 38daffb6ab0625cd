//! One JSON document on stdout with a list that is written item by item: what is long is not held in memory.

use std::io::{BufWriter, StdoutLock, Write};

use crate::store::StoreError;
use anyhow::Result;
use serde_json::Value;

use super::args::Global;
use super::error::{Exit, Said};

/// A document that has begun. It ends as one: a file that cannot be read to its end says so in the same one.
pub struct ListDocument {
    out: BufWriter<StdoutLock<'static>>,
    separator: &'static str,
}

impl ListDocument {
    /// Writes the fields of `head`, and begins the list of this name.
    pub fn begin(head: &Value, list: &str) -> Result<ListDocument> {
        super::output::begins();
        let mut out = BufWriter::new(std::io::stdout().lock());
        let head = head.to_string();
        let fields = head.strip_suffix('}').unwrap_or(&head);
        write!(out, "{fields},\"{list}\":[")?;
        let separator = "";
        Ok(ListDocument { out, separator })
    }

    pub fn item(&mut self, item: &Value) -> Result<()> {
        write!(self.out, "{}{item}", self.separator)?;
        self.separator = ",";
        Ok(())
    }

    /// Ends the list, and writes the fields that follow it or the error.
    pub fn end(mut self, outcome: Result<Value>, global: &Global) -> Result<Exit> {
        let (rest, exit) = match outcome {
            Ok(rest) => (rest, Exit::Complete),
            Err(error) if error.is::<StoreError>() => {
                let said = Said::of(global, &error);
                (said.document(), said.exit)
            }
            Err(error) => return Err(error),
        };
        let rest = rest.to_string();
        let rest = rest.strip_prefix('{').unwrap_or(&rest);
        let comma = if rest == "}" { "" } else { "," };
        writeln!(self.out, "]{comma}{rest}")?;
        self.out.flush()?;
        Ok(exit)
    }
}

//! What to do next, in the words of the command line. The one place that writes a command of this program into advice: with
//! the file's name wherever that was given or is not the usual one, so that it can be typed as it stands.

use std::path::Path;

use crate::model::next::{Next, Voice};
use crate::provider::Spec;
use crate::run::shell::quoted;

use super::args::Global;
use super::output::time;

/// A next step for people.
pub fn text(global: &Global, next: &Next) -> String {
    Typist(global).tell(next, None)
}

/// Where to see what can be typed, before it is known what was.
pub fn help(command: Option<&str>) -> String {
    let help = Next::Help(command.map(str::to_owned));
    format!("see `{}`", typed(&help, None, &[]).unwrap_or_default())
}

struct Typist<'a>(&'a Global);

impl Voice for Typist<'_> {
    fn step(&self, step: &Next, on: Option<&Path>, amid: bool) -> String {
        let Typist(global) = self;
        match step {
            Next::Wait { until, then } => {
                format!("from {} on: {}", time(*until), self.tell(then, on))
            }
            Next::CheckKey { provider } => {
                let spec = global.registry.get(provider);
                format!(
                    "check {}",
                    spec.map_or_else(String::new, Spec::keys_in_words)
                )
            }
            Next::Setting(setting) => setting.typed().into(),
            Next::Said(setting, value) => format!("{} {value}", setting.typed()),
            Next::File(file) => format!("--db {}", quoted(file)),
            Next::AnotherFile => "use another file with --db".into(),
            Next::FileElsewhere => "name a file elsewhere with --db".into(),
            Next::NewFile => "fill a new one with --db".into(),
            command => {
                let other = on.filter(|&file| file != global.db);
                let typed =
                    typed(command, other.or(global.named_db()), &global.named).unwrap_or_default();
                if amid { format!("`{typed}`") } else { typed }
            }
        }
    }
}

/// A command as it is typed, on the series that were named where it does not know better.
fn typed(command: &Next, file: Option<&Path>, named: &[String]) -> Option<String> {
    let mut words = command.arguments()?;
    if matches!(command, Next::Backfill(None)) && !named.is_empty() {
        words = ["backfill".to_owned()]
            .into_iter()
            .chain(named.iter().cloned())
            .collect();
    }
    let words: Vec<String> = words.iter().map(|word| quoted(word.as_ref())).collect();
    let words = words.join(" ");
    Some(match file.filter(|_| command.is_of_file()) {
        Some(file) => format!("candlefile --db {} {words}", quoted(file)),
        None => format!("candlefile {words}"),
    })
}

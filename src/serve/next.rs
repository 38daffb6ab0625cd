//! What to do next, in the server's words: a call wherever there is one, else a command of whoever runs it. A caller is never
//! told where the file lies, and a command without its name would work on another one: there it is `FILE`.

use std::path::Path;

use super::api::time;
use crate::model::next::{Next, Setting, Voice};
use crate::run::shell::quoted;

/// What stands for the file where it is not told.
const FILE: &str = "FILE";

/// A next step for callers.
pub(super) fn text(next: &Next) -> String {
    Server { owner_of: None }.tell(next, None)
}

/// A next step for whoever runs the server, on the file that it serves.
pub(super) fn for_owner(next: &Next, file: &Path) -> String {
    let owner_of = Some(file);
    Server { owner_of }.tell(next, None)
}

struct Server<'a> {
    /// The file, where it is told to its owner.
    owner_of: Option<&'a Path>,
}

impl Voice for Server<'_> {
    fn step(&self, step: &Next, on: Option<&Path>, amid: bool) -> String {
        match step {
            Next::Wait { until, .. } => format!("it goes on by itself at {}", time(*until)),
            Next::CheckKey { .. } => "start it with that provider's key".into(),
            // A call has it as a parameter; with the others the server was started.
            Next::Setting(Setting::Workers) => "workers".into(),
            Next::Setting(setting) => setting.typed().into(),
            Next::Said(setting, value) => format!("{} {value}", setting.typed()),
            Next::AnotherFile | Next::FileElsewhere | Next::NewFile => "serve another file".into(),
            Next::File(file) => match self.owner_of {
                Some(_) => format!("--db {}", quoted(file)),
                None => "serve that file".into(),
            },
            Next::Verify(file) if self.owner_of.is_none() && file != Path::new(FILE) => {
                self.step(&Next::Verify(FILE.into()), on, amid)
            }
            command => {
                // What is to be done on a file itself is for the command line.
                if let Some(call) = call(command).filter(|_| on.is_none()) {
                    return call;
                }
                let file = self.owner_of.map(|served| quoted(on.unwrap_or(served)));
                let typed = typed(command, &file.unwrap_or_else(|| FILE.into()));
                if amid { format!("`{typed}`") } else { typed }
            }
        }
    }
}

/// The call that does a step.
fn call(step: &Next) -> Option<String> {
    Some(match step {
        Next::Backfill(_) => "POST /api/v1/backfill".into(),
        Next::Resume { job: Some(job), .. } => format!("POST /api/v1/backfill/{job}/resume"),
        Next::Status { job: Some(job) } => format!("GET /api/v1/backfill/status/{job}"),
        Next::Status { job: None } => "GET /api/v1/backfill/recent".into(),
        Next::List { .. } => "GET /api/v1/symbols".into(),
        _ => return None,
    })
}

/// A command as it is typed; `file` is what a shell reads.
fn typed(command: &Next, file: &str) -> String {
    let words = command.arguments().unwrap_or_default();
    let words: Vec<String> = words.iter().map(|word| quoted(word.as_ref())).collect();
    let words = words.join(" ");
    if command.is_of_file() {
        format!("candlefile --db {file} {words}")
    } else {
        format!("candlefile {words}")
    }
}

//! What each error of the library and of the command line comes to: its kind for scripts, the next step, the exit code.

use crate::handover::choice::BadChoice;
use crate::handover::export::{ExportError, after_writing, is_full};
use crate::handover::merge::MergeError;
use crate::handover::outfile::TargetError;
use crate::handover::pack::PackError;
use crate::http::NoClient;
use crate::model::next::Next;
use crate::model::range::BadRange;
use crate::provider::ProviderError;
#[cfg(feature = "serve")]
use crate::serve::ServeError;
use crate::store::StoreError;

use super::{CliError, Exit};
use crate::cli::output;

/// What an error comes to.
pub(super) struct Judged {
    pub(super) kind: &'static str,
    pub(super) next: Next,
    pub(super) exit: Exit,
}

impl Judged {
    fn new(kind: &'static str, next: Next, exit: Exit) -> Judged {
        Judged { kind, next, exit }
    }

    fn failed(kind: &'static str, next: Next) -> Judged {
        Judged::new(kind, next, Exit::Failed)
    }

    pub(super) fn of(error: &anyhow::Error) -> Judged {
        if let Some(error) = error.downcast_ref::<StoreError>() {
            let exit = match error {
                StoreError::Stopped(_) => Exit::Interrupted,
                _ => Exit::Failed,
            };
            return Judged::new(kind_of(error), error.next(), exit);
        }
        if let Some(error) = error.downcast_ref::<CliError>() {
            return of_command_line(error);
        }
        if let Some(error) = error.downcast_ref::<BadRange>() {
            let next = match error {
                BadRange::Reversed { start, end } if start == end => "name a later --end",
                BadRange::Reversed { .. } => "exchange --start and --end",
                _ => "choose a --start that has begun, or leave --end out for now",
            };
            return Judged::new("usage", Next::words(next), Exit::Usage);
        }
        if let Some(error) = error.downcast_ref::<ProviderError>() {
            return Judged::failed("provider", error.next());
        }
        if let Some(error) = error.downcast_ref::<NoClient>() {
            return Judged::failed("provider", error.why.next());
        }
        #[cfg(feature = "serve")]
        if let Some(error) = error.downcast_ref::<ServeError>() {
            let kind = match error {
                ServeError::Store(error) => kind_of(error),
                ServeError::Bind { .. } => "address",
                _ => "io",
            };
            return Judged::failed(kind, error.next());
        }
        if let Some(judged) = of_handover(error) {
            return judged;
        }
        if let Some(full) = output::of_system(error).filter(|error| is_full(error)) {
            return Judged::failed("disk_full", after_writing(full));
        }
        let next = "check the terminal, the pipe or the file, then run the same command again";
        Judged::failed("io", Next::words(next))
    }
}

fn of_command_line(error: &CliError) -> Judged {
    let (kind, exit) = match error {
        CliError::Usage { .. } => ("usage", Exit::Usage),
        CliError::NoKey { .. } | CliError::BadKey { .. } => ("key", Exit::Failed),
        #[cfg(feature = "serve")]
        CliError::BadToken { .. } => ("token", Exit::Failed),
        CliError::NoProvider(_) => ("provider", Exit::Failed),
        CliError::NotImported { problem, .. } if problem.is_asked => ("usage", Exit::Usage),
        CliError::NotImported { .. } => ("input", Exit::Failed),
        CliError::NoInput(error) => (kind_of(error), Exit::Failed),
    };
    Judged::new(kind, error.next(), exit)
}

/// Of a file that is chosen from, written or put together.
fn of_handover(error: &anyhow::Error) -> Option<Judged> {
    if let Some(error) = error.downcast_ref::<TargetError>() {
        let kind = match error {
            TargetError::Full(_) => "disk_full",
            _ => "file",
        };
        return Some(Judged::failed(kind, error.next()));
    }
    if let Some(error) = error.downcast_ref::<MergeError>() {
        let (kind, exit) = match error {
            MergeError::Cancelled => ("interrupted", Exit::Interrupted),
            _ => ("series", Exit::Failed),
        };
        return Some(Judged::new(kind, error.next(), exit));
    }
    if let Some(error) = error.downcast_ref::<PackError>() {
        let (kind, exit) = match error {
            PackError::Cancelled => ("interrupted", Exit::Interrupted),
            PackError::Unchecked { .. } => ("series", Exit::Failed),
            _ => ("io", Exit::Failed),
        };
        return Some(Judged::new(kind, error.next(), exit));
    }
    if let Some(error) = error.downcast_ref::<BadChoice>() {
        let (kind, exit) = match error {
            BadChoice::Reversed { .. } => ("usage", Exit::Usage),
            _ => ("series", Exit::Failed),
        };
        return Some(Judged::new(kind, error.next(), exit));
    }
    let error = error.downcast_ref::<ExportError>()?;
    let (kind, exit) = match error {
        ExportError::Write(error) if is_full(error) => ("disk_full", Exit::Failed),
        ExportError::Unchecked { .. } => ("series", Exit::Failed),
        ExportError::NotBuilt { .. } => ("feature", Exit::Failed),
        ExportError::Cancelled => ("interrupted", Exit::Interrupted),
        _ => ("io", Exit::Failed),
    };
    Some(Judged::new(kind, error.next(), exit))
}

fn kind_of(error: &StoreError) -> &'static str {
    match error {
        StoreError::Bound { .. } | StoreError::Unknown { .. } | StoreError::NoSeries { .. } => {
            "series"
        }
        StoreError::NoJob(_)
        | StoreError::AmbiguousJob { .. }
        | StoreError::Owned { .. }
        | StoreError::IsImport(_)
        | StoreError::LostJob(_) => "job",
        StoreError::BadSql(_) | StoreError::OnlyReads | StoreError::TooSlow(_) => "sql",
        StoreError::Full(_) => "disk_full",
        StoreError::Stopped(_) => "interrupted",
        _ => "file",
    }
}

//! The threads that read: a pool takes the files in their order, and each has a bounded channel of its own to the writer, so that
//! what is stored does not depend on who is quicker.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::Importer;
use super::files::is_unchanged;
use super::opened::Opened;
use super::problem::Problem;
use super::said::Said;
use super::table::{Halt, Whole};
use super::taker::Taken;
use super::text::digest_of;
use crate::run::pipe::Stopped;
use crate::store::{Stamped, StoreError};

/// Handed-on rows that wait for the writer, for each file.
const WAITING: usize = 4;
/// Files that are read at once.
const AT_ONCE: usize = 4;

/// A file to be read.
pub(super) struct Task {
    pub(super) path: PathBuf,
    /// What lay there when it was looked at.
    pub(super) stamped: Stamped,
    /// Where in its text to begin.
    pub(super) from: u64,
    /// Digests of what was imported already and may be this.
    pub(super) known: Vec<String>,
}

/// What a reader says.
pub(super) enum Message {
    /// Of the file's beginning: what was taken for true.
    Notes(Vec<String>),
    /// Rows.
    Rows(Taken),
    /// The end.
    End(Ended),
}

/// How a file ended.
pub(super) enum Ended {
    Whole(Box<Whole>),
    /// It was imported before, under another name; its digest.
    Known(String),
    Failed(Problem),
    Stopped,
}

/// Reads files on a pool while `write` takes what they hold here, the files in their order.
pub(super) fn read_all(
    tasks: Vec<Option<Task>>,
    said: &Said,
    importer: &Importer,
    write: impl FnOnce(Vec<Option<Receiver<Message>>>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(cores.clamp(1, AT_ONCE))
        .thread_name(|index| format!("import-{index}"))
        .build()
        .map_err(|_| StoreError::NoThreads)?;
    pool.in_place_scope_fifo(|scope| {
        let mut receivers = Vec::with_capacity(tasks.len());
        for task in tasks {
            receivers.push(task.map(|task| {
                let (sender, receiver) = sync_channel(WAITING);
                scope.spawn_fifo(move |_| read(&task, said, importer, &sender));
                receiver
            }));
        }
        write(receivers)
    })
}

fn read(task: &Task, said: &Said, importer: &Importer, to_writer: &SyncSender<Message>) {
    // Nobody is there to be told where the writer has ended.
    let _ = to_writer.send(Message::End(match whole(task, said, importer, to_writer) {
        Ok(ended) => ended,
        Err(Halt::Problem(problem)) => Ended::Failed(problem),
        Err(Halt::Stopped) => Ended::Stopped,
    }));
}

fn whole(
    task: &Task,
    said: &Said,
    importer: &Importer,
    to_writer: &SyncSender<Message>,
) -> Result<Ended, Halt> {
    if importer.cancel.is_cancelled() {
        return Err(Halt::Stopped);
    }
    if !task.known.is_empty() {
        let digest = digest_of(&task.path)?;
        if task.known.contains(&digest) {
            return Ok(Ended::Known(digest));
        }
    }
    let opened = Opened::of(&task.path, said, &importer.meter)?;
    let send = |message: Message| to_writer.send(message).map_err(|_| Stopped);
    send(Message::Notes(opened.notes().to_vec()))?;
    let file = (task.path.display().to_string(), importer.clock.now());
    let mut rows = |taken: Taken| send(Message::Rows(taken));
    let from = if opened.covers() { 0 } else { task.from };
    let whole = opened.read(file, from, &importer.cancel, &importer.meter, &mut rows)?;
    if !is_unchanged(&task.path, &task.stamped) {
        return Err(Halt::Problem(Problem::of_file(
            "it was changed while it was read",
            "import it again once nobody writes it any more",
        )));
    }
    Ok(Ended::Whole(Box::new(whole)))
}

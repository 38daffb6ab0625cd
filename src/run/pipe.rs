//! One thread that reads and one that writes, with a bounded channel between them: what leaves a file passes here.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// The other side has ended: whatever it says is what went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stopped;

/// The reading side's end of a pipe.
#[derive(Debug)]
pub(crate) struct Sender<T>(SyncSender<T>);

impl<T> Sender<T> {
    /// Hands an item over, and waits while too many do so already.
    ///
    /// # Errors
    /// The writing side has ended.
    pub(crate) fn send(&self, item: T) -> Result<(), Stopped> {
        self.0.send(item).map_err(|_| Stopped)
    }
}

/// Runs `read` here and `write` on a thread of its own, with at most `waiting` items between them, and returns what both
/// return.
///
/// # Errors
/// What `write` returns, or else what `read` returns. Where `read` fails, `write` must not finish anything: it is told by
/// nothing but the end of its items.
pub(crate) fn pipe<T: Send, R, W: Send, E: Send>(
    waiting: usize,
    read: impl FnOnce(Sender<T>) -> Result<R, E>,
    write: impl FnOnce(Receiver<T>) -> Result<W, E> + Send,
) -> Result<(R, W), E> {
    let (sender, receiver) = sync_channel(waiting);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| write(receiver));
        let read = read(Sender(sender));
        let written = match other.join() {
            Ok(written) => written?,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        Ok((read?, written))
    })
}

/// Runs one here and the other on a thread of its own.
pub(crate) fn both<A, B: Send>(
    here: impl FnOnce() -> A,
    there: impl FnOnce() -> B + Send,
) -> (A, B) {
    std::thread::scope(|scope| {
        let there = scope.spawn(there);
        let here = here();
        match there.join() {
            Ok(there) => (here, there),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_in_order() {
        let read = |sender: Sender<u32>| (0..1000).try_for_each(|n| sender.send(n));
        let (read, written) =
            pipe(2, read, |items| Ok(items.iter().collect::<Vec<_>>())).expect("both");
        assert_eq!((read, written), ((), (0..1000).collect()));
    }

    #[test]
    fn a_writer_that_fails_stops_the_reader_and_its_error_is_the_one_that_is_told() {
        let read = |sender: Sender<u32>| {
            (0..)
                .try_for_each(|n| sender.send(n))
                .map_err(|Stopped| "the other side has ended".to_owned())
        };
        let failed = pipe(2, read, |_| Err::<(), _>("the disk is full".to_owned()));
        assert_eq!(failed.expect_err("full"), "the disk is full");
    }

    #[test]
    fn a_reader_that_fails_is_told_too() {
        let failed = pipe(
            2,
            |_: Sender<u32>| Err::<(), _>("damaged"),
            |items| Ok(items.iter().count()),
        );
        assert_eq!(failed.expect_err("damaged"), "damaged");
    }
}

//! Bodies that are made on a thread that may block, while the caller reads them. What is not ended on purpose is broken off:
//! a caller must never take a part for the whole.

use std::task::Poll;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use futures_util::stream;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Pieces that wait for the caller.
const AHEAD: usize = 4;

/// Where the pieces of a body are handed over.
pub(in crate::serve) struct Sender {
    /// `None` is the end.
    sender: mpsc::Sender<Option<Bytes>>,
    /// Until when the caller is waited for. What needs no wait is handed over later, too.
    until: Instant,
}

/// A piece was not handed over: the caller is gone, or has not read for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) struct Unsent;

/// A body, and where its pieces are handed over. The caller is waited for until `patience` from now is over.
pub(in crate::serve) fn sent(patience: Duration) -> (Sender, Body) {
    let (sender, mut receiver) = mpsc::channel(AHEAD);
    let mut is_over = false;
    let body = stream::poll_fn(move |context| {
        if is_over {
            return Poll::Ready(None);
        }
        receiver.poll_recv(context).map(|piece| match piece {
            Some(Some(piece)) => Some(Ok(piece)),
            end => {
                is_over = true;
                end.is_none().then_some(Err("broken off"))
            }
        })
    });
    let until = Instant::now() + patience;
    (Sender { sender, until }, Body::from_stream(body))
}

impl Sender {
    /// Hands over what was collected, and leaves nothing of it. Only for threads that may block.
    pub(in crate::serve) fn send(&self, collected: &mut Vec<u8>) -> Result<(), Unsent> {
        let until = self.until.into();
        let room = async { tokio::time::timeout_at(until, self.sender.reserve()).await };
        let room = Handle::current().block_on(room);
        room.map_err(|_| Unsent)?
            .map_err(|_| Unsent)?
            .send(Some(std::mem::take(collected).into()));
        Ok(())
    }

    /// Hands over what is left and ends the body, whenever the caller reads: no thread waits for it.
    pub(in crate::serve) fn end(self, rest: Vec<u8>) {
        Handle::current().spawn(async move {
            let _ = self.sender.send(Some(rest.into())).await;
            let _ = self.sender.send(None).await;
        });
    }
}

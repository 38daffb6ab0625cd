//! Large answers while they are sent: so much of them at once and no more, for a caller may ask for many and read none.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::serve::answer::Fault;

/// Bytes of an answer that is not large. A large one is handed over in pieces of so many.
const PIECE: usize = 64 << 10;
/// Pieces of large answers that may be under way.
const PIECES: u32 = 1024;
/// How long one may take.
const LONGEST: Duration = Duration::from_secs(120);

/// Room for large answers.
pub(in crate::serve) struct Large(Arc<Semaphore>);

impl Default for Large {
    fn default() -> Large {
        Large(Arc::new(Semaphore::new(PIECES as usize)))
    }
}

impl Large {
    /// A text as a body. A large one takes room until it is sent.
    pub(in crate::serve) fn body(&self, text: Vec<u8>) -> Result<Body, Fault> {
        if text.len() <= PIECE {
            return Ok(text.into());
        }
        let pieces = u32::try_from(text.len() / PIECE + 1).unwrap_or(PIECES);
        let room = Arc::clone(&self.0).try_acquire_many_owned(pieces.min(PIECES));
        let room = room.map_err(|_| Fault::busy("too many large answers at once"))?;
        Ok(Body::new(Sending {
            rest: text.into(),
            until: Instant::now() + LONGEST,
            _room: room,
        }))
    }
}

/// A large answer on its way.
struct Sending {
    rest: Bytes,
    until: Instant,
    _room: OwnedSemaphorePermit,
}

impl hyper::body::Body for Sending {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        if Instant::now() > self.until {
            return Poll::Ready(Some(Err("read too slowly")));
        }
        let piece = PIECE.min(self.rest.len());
        // Copied: a piece that waits to be sent must not keep all the rest.
        let piece = Bytes::copy_from_slice(&self.rest.split_to(piece));
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_answers_have_room_until_they_are_sent() {
        let large = Large::default();
        let all = vec![b'a'; PIECE * PIECES as usize];
        let first = large.body(all.clone()).expect("there is room");
        assert!(large.body(all.clone()).is_err());
        assert!(large.body(vec![b'a'; PIECE]).is_ok());
        drop(first);
        assert!(large.body(all).is_ok());
    }
}

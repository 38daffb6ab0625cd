//! A connection's bytes. One that ends while an answer is owed is reset: in HTTP/1.0 the end of a connection can be the end
//! of an answer, and a caller must never take a part for the whole.

use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What is owed to a caller.
#[derive(Clone, Debug, Default)]
pub(in crate::serve) struct Owed(Arc<AtomicU8>);

const NOTHING: u8 = 0;
/// An answer that is made.
const ANSWER: u8 = 1;
/// What was made of it and is not sent yet.
const REST: u8 = 2;
/// What cannot be made.
const BROKEN: u8 = 3;

impl Owed {
    /// An answer begins.
    pub(in crate::serve) fn begin(&self) {
        self.0.store(ANSWER, Ordering::Release);
    }

    /// An answer is broken off.
    pub(in crate::serve) fn break_off(&self) {
        self.0.store(BROKEN, Ordering::Release);
    }

    /// Nothing more of an answer is made.
    pub(in crate::serve) fn end(&self) {
        self.move_on(ANSWER, REST);
    }

    /// What was made is sent.
    fn sent(&self) {
        self.move_on(REST, NOTHING);
    }

    fn move_on(&self, from: u8, to: u8) {
        let _ = self
            .0
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// A caller's socket.
pub(in crate::serve) struct Wire {
    stream: TcpStream,
    owed: Owed,
    /// Whether the system resets it when it is closed: also when this process is killed.
    is_reset: bool,
}

impl Wire {
    pub(in crate::serve) fn new(stream: TcpStream) -> (Wire, Owed) {
        let owed = Owed::default();
        let wire = Wire {
            stream,
            owed: owed.clone(),
            is_reset: false,
        };
        (wire, owed)
    }

    fn stream(&mut self) -> Pin<&mut TcpStream> {
        Pin::new(&mut self.stream)
    }

    fn reset_while_owed(&mut self) {
        let is_owed = self.owed.0.load(Ordering::Acquire) != NOTHING;
        if is_owed != self.is_reset {
            let linger = is_owed.then_some(Duration::ZERO);
            let _ = SockRef::from(&self.stream).set_linger(linger);
            self.is_reset = is_owed;
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.reset_while_owed();
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        self.stream().poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        self.reset_while_owed();
        self.stream().poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.reset_while_owed();
        self.stream().poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Only after everything that there was has been written.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let flushed = self.stream().poll_flush(context);
        if matches!(flushed, Poll::Ready(Ok(()))) {
            self.owed.sent();
            self.reset_while_owed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.stream().poll_shutdown(context)
    }
}

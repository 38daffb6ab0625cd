//! What an answer may take: time, bytes, and the memory that all answers of a provider share. Blocking reqwest bounds
//! neither the size of a body nor the time that it takes as a whole.

use std::io::{ErrorKind as IoErrorKind, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::ErrorKind;
use super::http::{Failure, innermost};
use crate::clock::Cancel;

/// Largest body after decompression; a full page of 50,000 candles has 5 to 7 MB.
pub(crate) const BODY_LIMIT: usize = 16 << 20;
/// What is larger than this is no usual page, and eight of them at once would take more memory than is promised.
const LARGE_BODY: usize = 8 << 20;
/// How long one answer may take. Real time, whatever clock the rest of a job goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until the connection stands.
    pub connect: Duration,
    /// Until the headers are complete, and from one piece of the body to the next.
    pub stall: Duration,
    /// From sending to the last byte: a server that drips bytes never stalls.
    pub deadline: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            deadline: Duration::from_secs(120),
        }
    }
}

/// The bodies of one provider's answers, and what they may take together.
#[derive(Default)]
pub(super) struct Bodies {
    /// One body is parsed at a time: what is parsed takes more room than its text, and the one writer takes what comes no
    /// faster.
    parsing: Mutex<()>,
    /// One body at a time may be larger than any page of candles is.
    large: Mutex<()>,
}

/// A whole body.
pub(super) struct Body<'a> {
    bytes: Vec<u8>,
    /// Held as long as a large body is.
    large: Option<MutexGuard<'a, ()>>,
}

impl Bodies {
    /// Reads a body through the limits.
    pub(super) fn receive(
        &self,
        mut from: impl Read,
        started: Instant,
        limits: Limits,
        cancel: &Cancel,
    ) -> Result<Body<'_>, Failure> {
        let mut body = Body {
            bytes: Vec::new(),
            large: None,
        };
        let mut chunk = vec![0; 64 << 10];
        loop {
            let read = match from.read(&mut chunk) {
                Ok(0) => return Ok(body),
                Ok(read) => read,
                Err(error) if error.kind() == IoErrorKind::Interrupted => continue,
                Err(error) => {
                    let why = innermost(&error);
                    return Err(Failure::Again(format!("the answer broke off: {why}")));
                }
            };
            let size = body.bytes.len() + read;
            if size > BODY_LIMIT {
                let why = "the answer is larger than 16 MiB".to_owned();
                return Err(Failure::Final(ErrorKind::Slice, why));
            }
            if cancel.is_cancelled() {
                return Err(Failure::Final(ErrorKind::Cancelled, "stopped".to_owned()));
            }
            if started.elapsed() > limits.deadline {
                let seconds = limits.deadline.as_secs();
                let why = format!("the answer took longer than {seconds} s");
                return Err(Failure::Again(why));
            }
            if body.large.is_none() && size > LARGE_BODY {
                body.large = Some(lock(&self.large));
            }
            body.bytes.extend_from_slice(&chunk[..read]);
        }
    }

    /// Parses a body, in its turn.
    pub(super) fn parse<T>(&self, body: &Body<'_>, parse: impl FnOnce(&[u8]) -> T) -> T {
        let _one = lock(&self.parsing);
        parse(&body.bytes)
    }
}

fn lock(mutex: &Mutex<()>) -> MutexGuard<'_, ()> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

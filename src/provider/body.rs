//! The bodies of answers, and why one may be none. Each is received within a time and a size, and all of a provider within
//! the memory that they share: blocking reqwest bounds neither.
//!
//! A body waits for its turn as it came, compressed, and is opened then: there are as many that wait as there are workers,
//! and a page of candles takes a fourth of the room so.

use std::io::{ErrorKind as IoErrorKind, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;

use super::ErrorKind;
use crate::clock::Cancel;

/// Largest body, as it came and decompressed; a full page of 50,000 candles has 5 to 7 MB, and a fourth of it as it comes.
const BODY_LIMIT: usize = 16 << 20;
/// Bytes of bodies as they came, all together, from which on one is received at a time.
const HELD_LIMIT: usize = 48 << 20;

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

/// Why an answer is none.
pub(crate) enum Failure {
    /// Asking again may help.
    Again(String),
    /// Asking again cannot help.
    Final(ErrorKind, String),
}

/// The bodies of one provider's answers, and what they may take together.
#[derive(Default)]
pub(super) struct Bodies {
    /// Room for the one body that is open: what is read of it takes more than its text, and the one writer takes what comes
    /// no faster.
    open: Mutex<Vec<u8>>,
    /// Bytes that all bodies hold.
    held: AtomicUsize,
    /// Where they hold too many, who has this goes on, up to the end of the body.
    alone: Mutex<()>,
}

/// A whole body, as it came.
pub(super) struct Body<'a> {
    of: &'a Bodies,
    bytes: Vec<u8>,
    is_gzip: bool,
    alone: Option<MutexGuard<'a, ()>>,
}

impl Drop for Body<'_> {
    fn drop(&mut self) {
        self.of.held.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

impl Bodies {
    /// Receives a body through the limits.
    pub(super) fn receive(
        &self,
        mut from: impl Read,
        is_gzip: bool,
        started: Instant,
        limits: Limits,
        cancel: &Cancel,
    ) -> Result<Body<'_>, Failure> {
        let mut body = Body {
            of: self,
            bytes: Vec::new(),
            is_gzip,
            alone: None,
        };
        let mut chunk = vec![0; 64 << 10];
        loop {
            let read = match from.read(&mut chunk) {
                Ok(0) => return Ok(body),
                Ok(read) => read,
                Err(error) if error.kind() == IoErrorKind::Interrupted => continue,
                Err(error) => return Err(broke_off(&error)),
            };
            if body.bytes.len() + read > BODY_LIMIT {
                return Err(too_large());
            }
            if cancel.is_cancelled() {
                return Err(Failure::Final(ErrorKind::Cancelled, "stopped".to_owned()));
            }
            if started.elapsed() > limits.deadline {
                let seconds = limits.deadline.as_secs();
                let why = format!("the answer took longer than {seconds} s");
                return Err(Failure::Again(why));
            }
            let held = self.held.fetch_add(read, Ordering::Relaxed) + read;
            body.bytes.extend_from_slice(&chunk[..read]);
            if held > HELD_LIMIT && body.alone.is_none() {
                body.alone = Some(lock(&self.alone));
            }
        }
    }

    /// Opens a body in its turn, and makes something of it.
    pub(super) fn open<T>(
        &self,
        body: &Body<'_>,
        make: impl FnOnce(&[u8]) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut room = lock(&self.open);
        if !body.is_gzip {
            return make(&body.bytes);
        }
        room.clear();
        // One byte more tells a body that is too large from one that just fits.
        room.reserve_exact(BODY_LIMIT + 1);
        MultiGzDecoder::new(&body.bytes[..])
            .take(BODY_LIMIT as u64 + 1)
            .read_to_end(&mut room)
            .map_err(|error| broke_off(&error))?;
        if room.len() > BODY_LIMIT {
            return Err(too_large());
        }
        make(&room)
    }
}

fn broke_off(error: &std::io::Error) -> Failure {
    Failure::Again(format!("the answer broke off: {}", innermost(error)))
}

fn too_large() -> Failure {
    let why = "the answer is larger than 16 MiB".to_owned();
    Failure::Final(ErrorKind::Slice, why)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a server says of itself, made fit for one line.
pub(crate) fn words(text: &str) -> String {
    text.split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    let text = words(&error.to_string());
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// What a `Content-Encoding` says of a body; nothing but gzip was said to be understood.
pub(super) fn is_gzip(encoding: Option<&[u8]>) -> Result<bool, Failure> {
    match encoding.unwrap_or_default().to_ascii_lowercase().as_slice() {
        b"" | b"identity" => Ok(false),
        b"gzip" | b"x-gzip" => Ok(true),
        _ => {
            let why = "the answer is in an encoding that was not asked for";
            Err(Failure::Again(why.to_owned()))
        }
    }
}

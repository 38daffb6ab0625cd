//! The bodies of answers. Each is received within a time and a size, and all of a provider within
//! the memory that they share: blocking reqwest bounds neither.
//!
//! A body waits for its turn as it came, compressed, and is opened then: there are as many that wait as there are workers,
//! and a page of candles takes a fourth of the room so. It is kept in pieces that the next one takes over: of large blocks
//! that come and go on many threads an allocator keeps many times what is in use.

use std::io::{ErrorKind as IoErrorKind, Read};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;

use super::failure::{Failure, Kind, innermost};
use crate::run::clock::Cancel;

/// Largest body, as it came and decompressed; a full page of 50,000 candles has 5 to 7 MB, and a fourth of it as it comes.
const BODY_LIMIT: usize = 16 << 20;
/// Bytes of bodies as they came, all together. A further one is received once there is room for it.
const HELD_LIMIT: usize = 24 << 20;
/// Room for a body whose length is not told: a page of candles has less.
const USUAL: usize = 2 << 20;
/// Bytes of a piece of a body.
const PIECE: usize = 64 << 10;
/// How often one that waits for its turn looks whether it is to stop.
const TICK: Duration = Duration::from_millis(100);
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
    /// Room for the one body that is open: what is read of it takes more than its text, and the one writer takes what comes
    /// no faster.
    open: Mutex<Vec<u8>>,
    held: Mutex<Held>,
    less_held: Condvar,
}

#[derive(Default)]
struct Held {
    bytes: usize,
    /// Pieces that no body has now.
    spare: Vec<Box<[u8]>>,
    /// Whether there is a body that may grow beyond the limit, up to its end. There is one at most.
    by_one: bool,
}

/// A whole body, as it came.
pub(super) struct Body<'a> {
    of: &'a Bodies,
    pieces: Vec<Box<[u8]>>,
    size: usize,
    is_gzip: bool,
    /// Bytes there is room for.
    room: usize,
    /// Whether it is the one that may grow beyond the limit.
    is_the_one: bool,
}

impl Body<'_> {
    /// Where the next bytes go.
    fn free(&mut self) -> &mut [u8] {
        if self.size == self.pieces.len() * PIECE {
            let spare = lock(&self.of.held).spare.pop();
            let piece = spare.unwrap_or_else(|| vec![0; PIECE].into());
            self.pieces.push(piece);
        }
        &mut self.pieces[self.size / PIECE][self.size % PIECE..]
    }

    /// Makes room for more bytes.
    fn grow<K>(
        &mut self,
        more: usize,
        patience: Duration,
        cancel: &Cancel,
    ) -> Result<(), Failure<K>> {
        let mut held = lock(&self.of.held);
        if !self.is_the_one {
            held = self.of.wait_while(held, patience, cancel, |held| {
                held.by_one && held.bytes + more > HELD_LIMIT
            })?;
            if held.bytes + more > HELD_LIMIT {
                held.by_one = true;
                self.is_the_one = true;
            }
        }
        held.bytes += more;
        self.room += more;
        Ok(())
    }
}

impl Drop for Body<'_> {
    fn drop(&mut self) {
        let mut held = lock(&self.of.held);
        held.bytes -= self.room;
        held.spare.append(&mut self.pieces);
        if self.is_the_one {
            held.by_one = false;
        }
        drop(held);
        self.of.less_held.notify_all();
    }
}

/// Reads a body from its beginning.
struct Pieces<'a>(&'a Body<'a>, usize);

impl Read for Pieces<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let Pieces(body, at) = self;
        let Some(piece) = body.pieces.get(*at / PIECE) else {
            return Ok(0);
        };
        let end = (body.size - *at / PIECE * PIECE).min(PIECE);
        let read = (&piece[*at % PIECE..end]).read(to)?;
        *at += read;
        Ok(read)
    }
}

impl Bodies {
    /// Receives a body through the limits, once there is room for its length, or for a usual one where none is told. The
    /// request was sent at `sent`; waiting for others is not this answer's time, and does not last longer than it may.
    pub(super) fn receive<K>(
        &self,
        mut from: impl Read,
        length: Option<u64>,
        is_gzip: bool,
        sent: Instant,
        limits: Limits,
        cancel: &Cancel,
    ) -> Result<Body<'_>, Failure<K>> {
        let length = length.map_or(USUAL, |length| {
            usize::try_from(length).unwrap_or(usize::MAX)
        });
        if length > BODY_LIMIT {
            return Err(too_large());
        }
        let asks = Instant::now();
        let mut body = self.room_for(length, is_gzip, limits.deadline, cancel)?;
        let mut waited = asks.elapsed();
        loop {
            let read = match from.read(body.free()) {
                Ok(0) => return Ok(body),
                Ok(read) => read,
                Err(error) if error.kind() == IoErrorKind::Interrupted => continue,
                Err(error) => return Err(broke_off(&error)),
            };
            let size = body.size + read;
            if size > BODY_LIMIT {
                return Err(too_large());
            }
            if cancel.is_cancelled() {
                return Err(stopped());
            }
            if sent.elapsed().saturating_sub(waited) > limits.deadline {
                let seconds = limits.deadline.as_secs();
                let why = format!("the answer took longer than {seconds} s");
                return Err(Failure::Again(why));
            }
            if size > body.room {
                let asks = Instant::now();
                let patience = limits.deadline.saturating_sub(waited);
                body.grow(size - body.room, patience, cancel)?;
                waited += asks.elapsed();
            }
            body.size = size;
        }
    }

    fn room_for<K>(
        &self,
        room: usize,
        is_gzip: bool,
        patience: Duration,
        cancel: &Cancel,
    ) -> Result<Body<'_>, Failure<K>> {
        let mut held = self.wait_while(lock(&self.held), patience, cancel, |held| {
            held.bytes > 0 && held.bytes + room > HELD_LIMIT
        })?;
        held.bytes += room;
        Ok(Body {
            of: self,
            pieces: Vec::new(),
            size: 0,
            is_gzip,
            room,
            is_the_one: false,
        })
    }

    fn wait_while<'a, K>(
        &self,
        mut held: MutexGuard<'a, Held>,
        patience: Duration,
        cancel: &Cancel,
        waits: impl Fn(&Held) -> bool,
    ) -> Result<MutexGuard<'a, Held>, Failure<K>> {
        let asks = Instant::now();
        while waits(&held) {
            if cancel.is_cancelled() {
                return Err(stopped());
            }
            if asks.elapsed() > patience {
                let why = "other answers took too long to make room for this one";
                return Err(Failure::Again(why.to_owned()));
            }
            let waited = self.less_held.wait_timeout(held, TICK);
            held = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(held)
    }

    /// Opens a body in its turn, and makes something of it.
    ///
    /// # Errors
    /// The body cannot be opened.
    pub(super) fn open<T, K>(
        &self,
        body: &Body<'_>,
        make: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, Failure<K>> {
        let mut room = lock(&self.open);
        room.clear();
        // One byte more tells a body that is too large from one that just fits.
        room.reserve_exact(BODY_LIMIT + 1);
        let limit = BODY_LIMIT as u64 + 1;
        let pieces = Pieces(body, 0);
        let opened = if body.is_gzip {
            MultiGzDecoder::new(pieces)
                .take(limit)
                .read_to_end(&mut room)
        } else {
            pieces.take(limit).read_to_end(&mut room)
        };
        opened.map_err(|error| broke_off(&error))?;
        if room.len() > BODY_LIMIT {
            return Err(too_large());
        }
        Ok(make(&room))
    }
}

fn stopped<K>() -> Failure<K> {
    Failure::Final(Kind::Cancelled, "stopped".to_owned())
}

fn broke_off<K>(error: &std::io::Error) -> Failure<K> {
    Failure::Again(format!("the answer broke off: {}", innermost(error)))
}

fn too_large<K>() -> Failure<K> {
    let why = "the answer is larger than 16 MiB".to_owned();
    Failure::Final(Kind::Answer, why)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a `Content-Encoding` says of a body; nothing but gzip was said to be understood.
pub(super) fn is_gzip<K>(encoding: Option<&[u8]>) -> Result<bool, Failure<K>> {
    match encoding.unwrap_or_default().to_ascii_lowercase().as_slice() {
        b"" | b"identity" => Ok(false),
        b"gzip" | b"x-gzip" => Ok(true),
        _ => {
            let why = "the answer is in an encoding that was not asked for";
            Err(Failure::Again(why.to_owned()))
        }
    }
}

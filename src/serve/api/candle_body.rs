//! Candles as JSON, the body of an answer, and the cursor at which an answer that has to stop tells where the next one begins.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::handover::export::{Format, Lines};
use crate::model::candle::{MAX_TS, MIN_TS};
use crate::model::series::SeriesKey;
use crate::serve::reading::coding::Coder;
use crate::serve::reading::sending::Sender;
use crate::store::{Store, StoreError};
use crate::view::View;

/// Bytes that are sent at once.
const PIECE: usize = 64 << 10;

/// Where the next answer begins, whatever is stored meanwhile. Its text means nothing to callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor(i64);

/// Beyond all candles, and easily said of a cursor's text.
const FARTHEST: i64 = 1 << 33;
const _: () = assert!(-FARTHEST < MIN_TS && MAX_TS < FARTHEST - 1);

/// Text that no answer gave as a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not the next_cursor of an answer")]
pub(super) struct BadCursor;

impl Cursor {
    /// At the earliest start of a candle that may follow.
    pub(super) fn at(ts: i64) -> Cursor {
        Cursor(ts)
    }

    /// Behind a candle.
    pub(super) fn after(ts: i64) -> Cursor {
        Cursor(ts.saturating_add(1))
    }

    /// The earliest start of a candle that may follow.
    pub(super) fn from(self) -> i64 {
        self.0
    }
}

impl Display for Cursor {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0.to_be_bytes()))
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Cursor, BadCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadCursor)?;
        let ts = i64::from_be_bytes(bytes.try_into().map_err(|_| BadCursor)?);
        let is_possible = (-FARTHEST..FARTHEST).contains(&ts);
        is_possible.then_some(Cursor(ts)).ok_or(BadCursor)
    }
}

/// Tells how the answer goes on its way, once it is known how long it is at least.
pub(super) type Begin<'a> = Box<dyn FnOnce(usize) -> Coder + 'a>;

/// The body while it is written.
pub(super) struct Writing<'a> {
    sender: Sender,
    lines: Lines,
    /// What was written and is not on its way yet.
    text: Vec<u8>,
    begin: Option<Begin<'a>>,
    coder: Coder,
}

/// How far the rows were sent.
#[derive(Clone, Copy)]
pub(super) struct Reached {
    /// Where the next answer begins, if more is to follow.
    next: Option<Cursor>,
}

enum Stop {
    Unsent,
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Stop {
        Stop::Store(error)
    }
}

impl<'a> Writing<'a> {
    pub(super) fn new(key: SeriesKey, sender: Sender, begin: Begin<'a>) -> Writing<'a> {
        let head = format!(
            r#"{{"symbol":{},"timeframe":{},"source":{},"adjusted":{},"candles":["#,
            json!(key.symbol),
            json!(key.timeframe),
            json!(key.source),
            key.adjusted.is_adjusted(),
        );
        Writing {
            sender,
            lines: Lines::of_candles(Format::Jsonl, key),
            text: head.into(),
            begin: Some(begin),
            coder: Coder::default(),
        }
    }

    /// Sends the rows of a view, behind which `next` is where more follow.
    pub(super) fn rows(
        &mut self,
        store: &Store,
        view: &View,
        next: Option<Cursor>,
    ) -> Result<Reached, StoreError> {
        let (mut is_first, mut last) = (true, None);
        let read = view.each_batch(store, |batch| {
            for at in 0..batch.len() {
                if !std::mem::take(&mut is_first) {
                    self.text.push(b',');
                }
                self.lines.row(&batch, at, &mut self.text);
                last = Some(batch.ts[at]);
                if self.text.len() < PIECE {
                    continue;
                }
                self.hand_on();
                let made = self.coder.made();
                if made.len() >= PIECE {
                    self.sender.send(made).map_err(|_| Stop::Unsent)?;
                }
            }
            Ok(())
        });
        match read {
            Ok(_) => Ok(Reached { next }),
            Err(Stop::Unsent) => Ok(Reached {
                next: last.map(Cursor::after),
            }),
            Err(Stop::Store(error)) => Err(error),
        }
    }

    /// Hands on what was written.
    fn hand_on(&mut self) {
        if let Some(begin) = self.begin.take() {
            self.coder = begin(self.text.len());
        }
        self.coder.take(&mut self.text);
    }

    /// Ends the body, with the cursor, whenever the caller has read it.
    pub(super) fn end(mut self, reached: Reached) {
        let cursor = reached.next.map(|next| next.to_string());
        self.text
            .extend(format!("],\"next_cursor\":{}}}\n", json!(cursor)).bytes());
        self.hand_on();
        self.sender.end(self.coder.end());
    }
}

//! Tables of text, read row by row: what a file begins with tells how, and the rest is passed on as it comes.

mod row;

use std::io::{self, Cursor, Read};
use std::path::Path;

use chrono::NaiveDate;
use csv::ByteRecord;

use row::Row;

use super::dialect::reader;
use super::layout::Layout;
use super::problem::Problem;
use super::said::{Format, Said};
use super::taker::{Seen, Taken, Taker};
use super::text::Text;
use crate::model::declared::Declared;
use crate::model::span::Span;
use crate::run::clock::Cancel;
use crate::run::pipe::Stopped;

/// What a file is understood by.
const HEAD: usize = 2 << 20;
/// Rows that are handed on at once.
const AT_ONCE: usize = 8192;
/// No row of a table has so many bytes: what has is none, or a quote in it is not closed.
const ROW: u64 = 1 << 20;

/// Why a file is not read on.
pub(super) enum Halt {
    Problem(Problem),
    /// It was told to stop, or nobody takes the rows any more.
    Stopped,
}

impl From<Problem> for Halt {
    fn from(problem: Problem) -> Halt {
        Halt::Problem(problem)
    }
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Halt {
        Halt::Problem(Problem::unread(&error))
    }
}

impl From<Stopped> for Halt {
    fn from(_: Stopped) -> Halt {
        Halt::Stopped
    }
}

/// A table whose beginning was read.
pub(super) struct Table {
    text: Text,
    head: Vec<u8>,
    is_crlf: bool,
    said: Said,
    pub(super) layout: Layout,
}

/// What a file came to.
pub(super) struct Whole {
    /// Where each series has its candles, by its number.
    pub(super) spans: Vec<Option<Span>>,
    pub(super) seen: Seen,
    pub(super) digest: String,
    /// The days of which the file has all there is.
    pub(super) days: Option<(NaiveDate, NaiveDate)>,
    /// What it says itself of its series.
    pub(super) declared: Vec<Declared>,
}

impl Table {
    /// Reads what a file begins with, and what its rows mean.
    pub(super) fn open(
        path: &Path,
        said: &Said,
        meter: &crate::monitor::Meter,
    ) -> Result<Table, Problem> {
        let unread = |error: io::Error| Problem::unread(&error);
        let mut text = Text::open(path, meter).map_err(unread)?;
        let member = text.member.clone();
        let said = said.of_file(path, member.as_deref())?;
        let (mut head, is_all) = text.head(HEAD).map_err(unread)?;
        let layout = Layout::of((path, member.as_deref()), &head, is_all, &said)?;
        if head.starts_with(b"\xef\xbb\xbf") {
            head.drain(..3);
        }
        let first = head.iter().position(|&byte| byte == b'\n');
        Ok(Table {
            text,
            is_crlf: first.is_some_and(|at| head[..at].ends_with(b"\r")),
            head,
            said,
            layout,
        })
    }

    /// See [`super::opened::Opened::covers`].
    pub(super) fn covers(&self) -> bool {
        let of_provider = matches!(self.said.format, Format::OfProvider(..));
        self.said.covers || self.layout.days.is_some() || of_provider
    }

    /// Reads the table from a place in its text on, and hands on what its rows come to.
    pub(super) fn read(
        mut self,
        (file, now): (String, i64),
        from: u64,
        cancel: &Cancel,
        send: &mut dyn FnMut(Taken) -> Result<(), Stopped>,
    ) -> Result<Whole, Halt> {
        let Layout {
            dialect,
            cuts,
            newest_first,
            zone,
            ..
        } = &self.layout;
        let mut taker = Taker::new(&self.said, cuts, *newest_first, file, now).in_zone(*zone);
        let mut text = Cursor::new(std::mem::take(&mut self.head)).chain(self.text.reader());
        let before = skip(&mut text, from)?;
        let is_crlf = self.is_crlf;
        let mut reader = reader(Bounded { text, left: ROW }, dialect.delimiter);
        let mut rows = Row::all(&self.layout);
        let (mut record, mut left) = (
            ByteRecord::new(),
            if from == 0 { dialect.before } else { 0 },
        );
        loop {
            let (first, at) = (reader.position().line(), from + reader.position().byte());
            // Behind \r the \n of the row before is still to come.
            let line = first + before + u64::from(is_crlf && at > 0);
            let read = reader.read_byte_record(&mut record);
            // Nothing that a table of candles has goes on in another line.
            let goes_on =
                reader.position().line() > first + 1 && record.as_slice().contains(&b'\n');
            if goes_on || reader.get_ref().left == 0 {
                return Err(Halt::Problem(Problem::of_file(
                    format!("line {line}: the row does not end, as if a quote were not closed"),
                    "correct it in the file",
                )));
            }
            if !read.map_err(io::Error::from)? {
                break;
            }
            reader.get_mut().left = ROW;
            if left > 0 {
                left -= 1;
                continue;
            }
            for row in &mut rows {
                row.take(&record, line, &mut taker)?;
            }
            if taker.rows() >= AT_ONCE && taker.is_settled() {
                if cancel.is_cancelled() {
                    return Err(Halt::Stopped);
                }
                send(taker.hand_on(from + reader.position().byte()))?;
            }
        }
        let spans = taker.end()?;
        let position = from + reader.position().byte();
        drop(reader);
        send(taker.hand_on(position))?;
        let seen = taker.seen;
        if let (0, false, 0, Some(why)) = (from, seen.has_candles, seen.unclosed, &seen.rejected) {
            return Err(Halt::Problem(Problem::of_file(
                format!("it holds nothing but rows that cannot be stored: {why}"),
                "see what its columns are, and whether all of them were understood",
            )));
        }
        let days = self.layout.days;
        let digest = self.text.digest()?;
        Ok(Whole {
            spans,
            seen,
            digest,
            days,
            declared: Vec::new(),
        })
    }
}

impl Table {
    /// What the first rows come to, one after the other.
    ///
    /// # Errors
    /// As [`Table::read`].
    pub(super) fn first(self, now: i64, rows: usize) -> Result<Vec<Taken>, Problem> {
        let Layout { dialect, .. } = &self.layout;
        let mut taker = Taker::new(
            &self.said,
            &self.layout.cuts,
            self.layout.newest_first,
            String::new(),
            now,
        );
        taker = taker.in_zone(self.layout.zone);
        let mut all = Vec::with_capacity(rows);
        let mut symbols = Row::all(&self.layout);
        let mut records = reader(self.head.as_slice(), dialect.delimiter);
        let records = records.byte_records().skip(dialect.before);
        for record in records.map_while(Result::ok) {
            let line = record.position().map_or(0, csv::Position::line);
            for row in &mut symbols {
                row.take(&record, line, &mut taker)?;
                if taker.rows() > 0 {
                    all.push(taker.hand_on(0));
                }
            }
            if all.len() >= rows {
                break;
            }
        }
        Ok(all)
    }
}

/// A text of which a row takes no more than so many bytes.
struct Bounded<R> {
    text: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = Read::take(&mut self.text, self.left).read(buffer)?;
        self.left -= read as u64;
        Ok(read)
    }
}

/// Passes over so many bytes, and says how many lines they were.
fn skip(text: &mut impl Read, bytes: u64) -> io::Result<u64> {
    let (mut left, mut lines, mut buffer) = (bytes, 0, vec![0; 1 << 16]);
    while left > 0 {
        let most = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let read = text.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        lines += buffer[..read].split(|&byte| byte == b'\n').count() as u64 - 1;
        left -= read as u64;
    }
    Ok(lines)
}

//! Tables of text, read row by row: what a file begins with tells how, and the rest is passed on as it comes.

use std::io::{self, Cursor, Read};
use std::path::Path;

use chrono::NaiveDate;
use csv::ByteRecord;

use super::columns::Field;
use super::dialect::reader;
use super::layout::{Kind, Layout};
use super::number::number;
use super::problem::Problem;
use super::said::Said;
use super::taker::{Raw, Seen, Taken, Taker};
use super::text::Text;
use crate::model::declared::Declared;
use crate::model::span::Span;
use crate::provider::{Number, Values};
use crate::run::clock::Cancel;
use crate::run::pipe::Stopped;

/// What a file is understood by.
const HEAD: usize = 2 << 20;
/// Rows that are handed on at once.
const AT_ONCE: usize = 8192;

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
        Ok(Table {
            text,
            head,
            said,
            layout,
        })
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
        let mut reader = reader(text, dialect.delimiter);
        let mut row = Row::of(&self.layout);
        let (mut record, mut left) = (
            ByteRecord::new(),
            if from == 0 { dialect.before } else { 0 },
        );
        while reader
            .read_byte_record(&mut record)
            .map_err(io::Error::from)?
        {
            if left > 0 {
                left -= 1;
                continue;
            }
            let line = record.position().map_or(0, csv::Position::line) + before;
            row.take(&record, line, &mut taker)?;
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
        if let (false, 0, Some(why)) = (seen.has_candles, seen.unclosed, &seen.rejected) {
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
        let mut row = Row::of(&self.layout);
        let mut all = Vec::with_capacity(rows);
        let mut records = reader(self.head.as_slice(), dialect.delimiter);
        let records = records.byte_records().skip(dialect.before);
        for record in records.map_while(Result::ok) {
            let line = record.position().map_or(0, csv::Position::line);
            row.take(&record, line, &mut taker)?;
            if taker.rows() > 0 {
                all.push(taker.hand_on(0));
            }
            if all.len() == rows {
                break;
            }
        }
        Ok(all)
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

/// Where the values of a row stand.
struct Row {
    kind: Kind,
    has_comma: bool,
    symbol: Option<Vec<u8>>,
    places: [Option<usize>; FIELDS.len()],
    joined: Vec<u8>,
    divisor: Option<f64>,
    /// The delimiter, to write the row as it came.
    delimiter: char,
}

const FIELDS: [Field; 11] = [
    Field::Ts,
    Field::Time,
    Field::Symbol,
    Field::Timeframe,
    Field::Open,
    Field::High,
    Field::Low,
    Field::Close,
    Field::Volume,
    Field::Vwap,
    Field::Trades,
];

impl Row {
    fn of(layout: &Layout) -> Row {
        Row {
            kind: layout.kind,
            has_comma: layout.dialect.has_comma,
            symbol: layout.symbol.as_ref().map(|symbol| symbol.as_str().into()),
            places: FIELDS.map(|field| layout.dialect.columns.at(field)),
            joined: Vec::new(),
            divisor: layout.divisor,
            delimiter: char::from(layout.dialect.delimiter),
        }
    }

    fn take(
        &mut self,
        record: &ByteRecord,
        line: u64,
        taker: &mut Taker<'_>,
    ) -> Result<(), Problem> {
        let at = |place: Option<usize>| place.and_then(|at| record.get(at));
        let [
            ts,
            time,
            symbol,
            timeframe,
            open,
            high,
            low,
            close,
            volume,
            vwap,
            trades,
        ] = self.places;
        let stamp = at(ts).map(<[u8]>::trim_ascii);
        let stamp = match (stamp, time) {
            (Some(date), Some(time)) => {
                self.joined.clear();
                self.joined.extend_from_slice(date);
                self.joined.push(b' ');
                self.joined
                    .extend_from_slice(record.get(time).unwrap_or_default().trim_ascii());
                Some(self.joined.as_slice())
            }
            (stamp, _) => stamp,
        };
        let stamp = stamp
            .and_then(|text| self.kind.read(text))
            .ok_or_else(|| "the stamp cannot be read".to_owned());
        let value = |place: Option<usize>| {
            at(place).map_or(Number::Absent, |text| number(text, self.has_comma))
        };
        let price = |place: Option<usize>| match (value(place), self.divisor) {
            (Number::Is(value), Some(divisor)) => Number::Is(value / divisor),
            (value, _) => value,
        };
        let values = Values {
            stamp: Number::Absent,
            open: price(open),
            high: price(high),
            low: price(low),
            close: price(close),
            volume: value(volume),
            vwap: value(vwap),
            trades: value(trades),
        };
        let delimiter = self.delimiter;
        let text = || {
            let fields: Vec<_> = record.iter().map(String::from_utf8_lossy).collect();
            fields.join(delimiter.encode_utf8(&mut [0; 4]))
        };
        let own = at(symbol).unwrap_or_default();
        taker.take(&Raw {
            symbol: self.symbol.as_deref().unwrap_or(own),
            timeframe: at(timeframe).unwrap_or_default(),
            stamp,
            values,
            line,
            text: &text,
        })
    }
}

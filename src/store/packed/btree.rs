//! The candles of a packed file, written page by page in the order of their key. SQLite takes row by row and leaves a tenth
//! of each page empty; here all but the last pages are full. What is written is SQLite's file format
//! (<https://www.sqlite.org/fileformat2.html>, sections 1.5, 1.6 and 2.1), and SQLite judges it before the file gets a name.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};

use rusqlite::types::Value;

use crate::store::candles::columns::{NAMES, values_of};
use crate::store::packed::write::Row;

/// Bytes of a page.
pub(in crate::store) const PAGE: usize = 8192;
/// The page that SQLite locks and never uses: the one with the byte at 1 GiB.
const LOCK_PAGE: u32 = (1 << 30) / 8192 + 1;
/// Where the header of the file has its number of pages.
const PAGES_AT: u64 = 28;
const LEAF: u8 = 0x0a;
const INTERIOR: u8 = 0x02;

/// A b-tree of candles that grows at its end. Its keys must come in ascending order.
#[derive(Debug)]
pub(crate) struct Tree {
    file: BufWriter<File>,
    root: u32,
    /// The page after the last one.
    next: u32,
    /// Leaves first.
    levels: Vec<Level>,
    record: Vec<u8>,
}

/// The page of a level that is being filled, and the cell that comes after it. Only the cell after that tells whether it
/// may begin a new page, since no page may be empty.
#[derive(Debug, Default)]
struct Level {
    cells: Vec<u8>,
    /// Where each cell ends in `cells`.
    ends: Vec<usize>,
    waiting: Option<Cell>,
}

/// The page to the left of a record, where there is one, and the record with its length before it.
#[derive(Debug)]
struct Cell {
    left: u32,
    record: Vec<u8>,
}

impl Tree {
    /// A tree whose root has this page, in a file that holds nothing else but the pages that it has by now.
    pub(crate) fn new(mut file: File, root: u32) -> io::Result<Tree> {
        let pages = file.seek(SeekFrom::End(0))? / PAGE as u64;
        Ok(Tree {
            file: BufWriter::with_capacity(1 << 20, file),
            root,
            next: u32::try_from(pages).map_err(|_| io::ErrorKind::FileTooLarge)? + 1,
            levels: Vec::new(),
            record: Vec::new(),
        })
    }

    /// Adds candles of a series.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn add(&mut self, series_id: i64, rows: &[Row]) -> io::Result<()> {
        for row in rows {
            let mut record = std::mem::take(&mut self.record);
            encode(&mut record, series_id, row);
            self.put(0, 0, &record)?;
            self.record = record;
        }
        Ok(())
    }

    fn put(&mut self, level: usize, left: u32, record: &[u8]) -> io::Result<()> {
        if level == self.levels.len() {
            self.levels.push(Level::default());
        }
        let mut cell = match self.levels[level].waiting.take() {
            None => Cell {
                left,
                record: Vec::new(),
            },
            Some(cell) if self.levels[level].has_room(level, &cell) => {
                self.levels[level].push(level, &cell);
                cell
            }
            Some(cell) => {
                let page = self.write(level, cell.left)?;
                self.put(level + 1, page, &cell.record)?;
                cell
            }
        };
        cell.left = left;
        cell.record.clear();
        cell.record.extend_from_slice(record);
        self.levels[level].waiting = Some(cell);
        Ok(())
    }

    /// Writes what is left, the root, and the number of pages. The file is not synced.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let (mut level, mut right) = (0, 0);
        while level < self.levels.len() {
            if let Some(cell) = self.levels[level].waiting.take() {
                if !self.levels[level].has_room(level, &cell) {
                    let last = self.levels[level].pop(level);
                    let page = self.write(level, last.left)?;
                    self.put(level + 1, page, &last.record)?;
                }
                self.levels[level].push(level, &cell);
            }
            if level + 1 == self.levels.len() {
                let root = self.levels[level].page(level, right);
                let at = u64::from(self.root - 1) * PAGE as u64;
                self.file.seek(SeekFrom::Start(at))?;
                self.file.write_all(&root)?;
            } else {
                right = self.write(level, right)?;
            }
            level += 1;
        }
        self.file.seek(SeekFrom::Start(PAGES_AT))?;
        self.file.write_all(&(self.next - 1).to_be_bytes())?;
        self.file.flush()
    }

    /// Writes the page that is being filled and begins another; says where it stands.
    fn write(&mut self, level: usize, right: u32) -> io::Result<u32> {
        if self.next == LOCK_PAGE {
            self.next += 1;
            self.file.write_all(&[0; PAGE])?;
        }
        let page = self.levels[level].page(level, right);
        self.file.write_all(&page)?;
        self.levels[level].cells.clear();
        self.levels[level].ends.clear();
        self.next += 1;
        Ok(self.next - 1)
    }
}

impl Level {
    fn has_room(&self, level: usize, cell: &Cell) -> bool {
        let pointers = 2 * (self.ends.len() + 1);
        let (header, left) = sizes(level);
        header + pointers + self.cells.len() + left + cell.record.len() <= PAGE
    }

    fn push(&mut self, level: usize, cell: &Cell) {
        if level > 0 {
            self.cells.extend_from_slice(&cell.left.to_be_bytes());
        }
        self.cells.extend_from_slice(&cell.record);
        self.ends.push(self.cells.len());
    }

    fn pop(&mut self, level: usize) -> Cell {
        self.ends.pop();
        let bytes = self.cells.split_off(self.ends.last().copied().unwrap_or(0));
        let (left, record) = bytes.split_at(sizes(level).1);
        Cell {
            left: left.try_into().map_or(0, u32::from_be_bytes),
            record: record.to_vec(),
        }
    }

    /// The page as it stands in the file.
    fn page(&self, level: usize, right: u32) -> [u8; PAGE] {
        let mut page = [0; PAGE];
        let content = PAGE - self.cells.len();
        page[0] = if level == 0 { LEAF } else { INTERIOR };
        page[3..5].copy_from_slice(&short(self.ends.len()));
        page[5..7].copy_from_slice(&short(content));
        let (header, _) = sizes(level);
        if level > 0 {
            page[8..12].copy_from_slice(&right.to_be_bytes());
        }
        let starts = std::iter::once(&0).chain(&self.ends);
        for (pointer, start) in page[header..]
            .chunks_exact_mut(2)
            .zip(starts.take(self.ends.len()))
        {
            pointer.copy_from_slice(&short(content + start));
        }
        page[content..].copy_from_slice(&self.cells);
        page
    }
}

/// Bytes of a page's header, and of the pointer before each record.
fn sizes(level: usize) -> (usize, usize) {
    if level == 0 { (8, 0) } else { (12, 4) }
}

/// Within a page.
fn short(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap_or(u16::MAX).to_be_bytes()
}

/// A row of `candle_data` as a record, its length before it.
fn encode(record: &mut Vec<u8>, series_id: i64, (candle, slice_id): &Row) {
    // The length, the header's length, and the type of each column; filled in below.
    const TYPES: usize = 2;
    const HEADER: usize = TYPES + 2 + NAMES.len() + 1;
    record.clear();
    record.resize(HEADER, 0);
    let mut column = TYPES;
    let mut put = |record: &mut Vec<u8>, kind: u8, value: &[u8]| {
        record[column] = kind;
        record.extend_from_slice(value);
        column += 1;
    };
    put_number(record, Some(series_id), &mut put);
    put_number(record, Some(candle.ts), &mut put);
    for value in values_of(candle) {
        match value {
            Value::Real(real) => put(record, 7, &real.to_be_bytes()),
            Value::Integer(number) => put_number(record, Some(number), &mut put),
            _ => put(record, 0, &[]),
        }
    }
    put_number(record, *slice_id, &mut put);
    // Both are far below 128, from where on they would take two bytes.
    record[0] = u8::try_from(record.len() - 1).unwrap_or(u8::MAX);
    record[1] = u8::try_from(HEADER - 1).unwrap_or(u8::MAX);
}

fn put_number(
    record: &mut Vec<u8>,
    number: Option<i64>,
    put: &mut impl FnMut(&mut Vec<u8>, u8, &[u8]),
) {
    match number.map(|number| (width(number), number)) {
        Some(((kind, width), number)) => put(record, kind, &number.to_be_bytes()[8 - width..]),
        None => put(record, 0, &[]),
    }
}

/// The type of an integer in a record, and its bytes.
fn width(number: i64) -> (u8, usize) {
    let fits = |bits: u32| (-1 << (bits - 1)..1 << (bits - 1)).contains(&number);
    match number {
        0 => (8, 0),
        1 => (9, 0),
        _ if fits(8) => (1, 1),
        _ if fits(16) => (2, 2),
        _ if fits(24) => (3, 3),
        _ if fits(32) => (4, 4),
        _ if fits(48) => (5, 6),
        _ => (6, 8),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::model::candle::Candle;

    const TABLE: &str = "PRAGMA page_size = 8192; PRAGMA synchronous = off;
        CREATE TABLE candle_data (series_id INTEGER NOT NULL, ts INTEGER NOT NULL, open REAL NOT NULL, high REAL NOT NULL,
            low REAL NOT NULL, close REAL NOT NULL, volume REAL, vwap REAL, trades INTEGER, slice_id INTEGER,
            PRIMARY KEY (series_id, ts)) STRICT, WITHOUT ROWID";

    /// All widths of integers, absent values and odd reals, by their number.
    fn row(number: i64) -> Row {
        let odd = [0.0, -0.0, 1e300, -5e-324, 12.25, 3.0][usize::try_from(number % 6).unwrap_or(0)];
        let candle = Candle {
            ts: (number - 40) * number.pow(2),
            open: odd,
            high: 1.0 / 3.0,
            low: f64::MIN,
            close: f64::MAX,
            volume: (number % 3 > 0).then_some(odd),
            vwap: (number % 5 > 0).then_some(odd),
            trades: (number % 7 > 0).then_some(1 << (number % 63)),
        };
        (candle, (number % 2 > 0).then_some(-number))
    }

    /// Writes rows with and without this module, and compares what SQLite reads of both.
    fn agree(rows: &[(i64, Row)]) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tree.db");
        let connection = Connection::open(&path).expect("a file");
        connection.execute_batch(TABLE).expect("a table");
        drop(connection);
        let file = File::options()
            .read(true)
            .write(true)
            .open(&path)
            .expect("a file");
        let mut tree = Tree::new(file, 2).expect("a tree");
        for (series_id, row) in rows {
            tree.add(*series_id, &[*row]).expect("room");
        }
        tree.finish().expect("room");
        let connection = Connection::open(&path).expect("a file");
        connection
            .execute_batch("PRAGMA synchronous = off")
            .expect("a file");
        let said: String = connection
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .expect("an answer");
        assert_eq!(said, "ok", "{} rows", rows.len());
        let mut select = connection
            .prepare(
                "SELECT *, typeof(open), typeof(volume) FROM candle_data ORDER BY series_id, ts",
            )
            .expect("a table");
        let read: Vec<(i64, Row)> = select
            .query_map([], |row| {
                assert_eq!(row.get::<_, String>(10)?, "real");
                assert_ne!(row.get::<_, String>(11)?, "integer");
                let candle = Candle {
                    ts: row.get(1)?,
                    open: row.get(2)?,
                    high: row.get(3)?,
                    low: row.get(4)?,
                    close: row.get(5)?,
                    volume: row.get(6)?,
                    vwap: row.get(7)?,
                    trades: row.get(8)?,
                };
                Ok((row.get(0)?, (candle, row.get(9)?)))
            })
            .expect("rows")
            .collect::<rusqlite::Result<_>>()
            .expect("rows");
        assert!(read == rows, "{} rows", rows.len());
        // The tree is one that SQLite can go on with.
        for ts in [i64::MIN, 77, i64::MAX] {
            let sql = "INSERT INTO candle_data VALUES (1, ?, 1, 1, 1, 1, 1, 1, 1, 1)";
            connection.execute(sql, [ts]).expect("a row");
        }
        let said: String = connection
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .expect("an answer");
        assert_eq!(said, "ok", "{} rows and three more", rows.len());
    }

    #[test]
    fn sqlite_finds_every_row_in_trees_of_any_size() {
        let all: Vec<(i64, Row)> = (41..60_000)
            .map(|number| (1 + number / 20_000, row(number)))
            .collect();
        let few = (0..400).chain((400..2_500).step_by(7));
        // Where a page, and where a level, is full to the last cell depends on every row before.
        let many = (11_000..13_000).step_by(41).chain([20_000, all.len()]);
        for count in few.chain(many) {
            agree(&all[..count]);
        }
    }
}

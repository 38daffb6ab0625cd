//! Ways to damage a good file: its bytes, what lies beside it, and a schema or rows that a stranger has made to do harm.
//! Each must be played again by the same random numbers, and never touch another file.

use std::path::Path;

use rusqlite::Connection;

use crate::support::seeded::Seeded;

/// Pages of the files that we make.
const PAGE: usize = 8_192;

/// Numbers that no row of ours has.
const ABSURD: [&str; 12] = [
    "0",
    "-1",
    "1",
    "1000000000000000",
    "-1000000000000000",
    "9223372036854775807",
    "-9223372036854775808",
    "253402300800",
    "8210298412799",
    "-8334601228800",
    "4294967296",
    "1e308",
];

/// Text that no row of ours has.
const STRANGE: [&str; 12] = [
    "",
    " ",
    "AAPL'; DROP TABLE series; --",
    "../../etc/passwd",
    "\u{1b}[2J\u{7}",
    "[\"AAPL\"",
    "{}",
    "////",
    "host/1/99999999999999999999/0",
    "elsewhere/1/1/1",
    "1y",
    "\u{202e}MSFT",
];

/// Damages the file; says how, for the message of a failure.
pub(crate) fn damage(path: &Path, random: &mut Seeded) -> String {
    match random.below(10) {
        0 | 1 => bytes(path, random, |bytes, random| flip(bytes, random)),
        2 => bytes(path, random, cut),
        3 => bytes(path, random, |bytes, random| swap(bytes, random)),
        4 => bytes(path, random, |bytes, random| header(bytes, random)),
        5 => bytes(path, random, |bytes, random| zero(bytes, random)),
        6 => beside(path, random),
        7 => schema(path, random),
        _ => rows(path, random),
    }
}

fn bytes(
    path: &Path,
    random: &mut Seeded,
    change: fn(&mut Vec<u8>, &mut Seeded) -> String,
) -> String {
    let mut bytes = std::fs::read(path).unwrap();
    let how = change(&mut bytes, random);
    std::fs::write(path, bytes).unwrap();
    how
}

fn flip(bytes: &mut [u8], random: &mut Seeded) -> String {
    let count = random.pick(&[1, 1, 8, 64]);
    for _ in 0..count {
        let at = random.below(bytes.len() as u64) as usize;
        bytes[at] ^= 1 << random.below(8);
    }
    format!("{count} bits flipped")
}

fn cut(bytes: &mut Vec<u8>, random: &mut Seeded) -> String {
    let pages = (bytes.len() / PAGE) as u64;
    let length = match random.below(4) {
        0 => random.below(200),
        1 => random.below(pages) * PAGE as u64,
        _ => random.below(bytes.len() as u64),
    };
    bytes.truncate(length as usize);
    format!("cut to {length} bytes")
}

fn swap(bytes: &mut [u8], random: &mut Seeded) -> String {
    let pages = (bytes.len() / PAGE) as u64;
    let (a, b) = (random.below(pages) as usize, random.below(pages) as usize);
    for i in 0..PAGE {
        bytes.swap(a * PAGE + i, b * PAGE + i);
    }
    format!("pages {a} and {b} swapped")
}

fn header(bytes: &mut [u8], random: &mut Seeded) -> String {
    let at = random.below(100) as usize;
    let value = random.pick(&[0, 1, 2, 4, 0x40, 0x7f, 0x80, 0xff]);
    let count = random.pick(&[1, 2, 4]);
    bytes[at..at + count].fill(value);
    format!("header bytes {at} and on: {count} times {value}")
}

fn zero(bytes: &mut [u8], random: &mut Seeded) -> String {
    let page = random.below((bytes.len() / PAGE) as u64) as usize;
    let from = random.pick(&[0, PAGE / 2]);
    bytes[page * PAGE + from..(page + 1) * PAGE].fill(0);
    format!("page {page} zeroed from {from}")
}

fn beside(path: &Path, random: &mut Seeded) -> String {
    let suffix = random.pick(&["-wal", "-wal", "-shm", "-journal"]);
    let length = random.pick(&[0, 1, 31, 32, 4_096, 40_000]);
    let mut garbage: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
    // Its first bytes are what makes it worth a look.
    let magic: &[u8] = match suffix {
        "-wal" => &[0x37, 0x7f, 0x06, 0x82, 0, 0x2d, 0xe2, 0x18, 0, 0, 0x20, 0],
        "-journal" => &[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7],
        _ => &[],
    };
    if random.one_in(2) && garbage.len() >= magic.len() {
        garbage[..magic.len()].copy_from_slice(magic);
    }
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    std::fs::write(name, garbage).unwrap();
    format!("{length} bytes of garbage in {suffix}")
}

/// The statements of a stranger. Closed as we close it: one file, nothing beside it.
fn run(path: &Path, sql: &str) {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch("PRAGMA ignore_check_constraints = on; PRAGMA foreign_keys = off")
        .unwrap();
    // A value that this column cannot hold is no damage.
    drop(connection.execute_batch(sql));
}

/// Holds a row for each time that a hostile trigger ran.
const TRIPPED: &str = "tripped";

/// Whether something in the file was run by who opened it.
pub(crate) fn has_tripped(path: &Path) -> bool {
    let count = format!("SELECT count(*) FROM {TRIPPED}");
    Connection::open(path)
        .and_then(|file| file.query_row(&count, [], |row| row.get::<_, i64>(0)))
        .is_ok_and(|count| count > 0)
}

const TABLES: [&str; 6] = [
    "series",
    "candle_data",
    "coverage",
    "empty_spans",
    "backfill_jobs",
    "backfill_progress",
];

fn schema(path: &Path, random: &mut Seeded) -> String {
    let (table, other) = (random.pick(&TABLES), random.pick(&TABLES));
    let endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)";
    let sql = match random.below(8) {
        0 => format!("DROP VIEW candles; CREATE VIEW candles AS {endless} SELECT i FROM n"),
        1 => format!("DROP VIEW market_data; CREATE VIEW market_data AS {endless} SELECT i FROM n"),
        2 => format!(
            "ALTER TABLE {table} RENAME TO hidden; CREATE VIEW {table} AS {endless} SELECT h.* FROM hidden AS h, n"
        ),
        3 => format!("ALTER TABLE {table} RENAME TO hidden; CREATE TABLE {table} (wrong TEXT)"),
        4 => format!("DROP TABLE {table}"),
        5 => format!(
            "CREATE TABLE {TRIPPED} (what);
             CREATE TRIGGER hostile AFTER INSERT ON {table} BEGIN DELETE FROM {other}; INSERT INTO {TRIPPED} VALUES (1); END;
             CREATE TRIGGER hostile_too AFTER UPDATE ON {other} BEGIN DELETE FROM {table}; INSERT INTO {TRIPPED} VALUES (2); END"
        ),
        6 => format!(
            "CREATE TABLE loose AS SELECT * FROM {table}; DROP TABLE {table}; ALTER TABLE loose RENAME TO {table};
             UPDATE {table} SET rowid = rowid + 5; INSERT INTO {table} SELECT * FROM {table}"
        ),
        _ => format!(
            "CREATE TABLE loose AS SELECT * FROM {table}; DROP TABLE {table}; ALTER TABLE loose RENAME TO {table};
             UPDATE {table} SET start_ts = 'text', ts = x'00', symbol = 5, status = NULL;
             UPDATE {table} SET ts = 'text'; UPDATE {table} SET start_ts = 'text'; UPDATE {table} SET symbol = x'ff'"
        ),
    };
    run(path, &sql);
    sql
}

fn rows(path: &Path, random: &mut Seeded) -> String {
    let column = random.pick(&[
        ("series", "symbol"),
        ("series", "timeframe"),
        ("series", "source"),
        ("series", "adjusted"),
        ("series", "week_start"),
        ("series", "candles"),
        ("series", "first_ts"),
        ("series", "last_ts"),
        ("series", "tail_asked_at"),
        ("series", "tail_asked_from"),
        ("series", "tail_asked_to"),
        ("candle_data", "ts"),
        ("candle_data", "open"),
        ("candle_data", "volume"),
        ("candle_data", "trades"),
        ("candle_data", "series_id"),
        ("coverage", "start_ts"),
        ("coverage", "end_ts"),
        ("empty_spans", "start_ts"),
        ("empty_spans", "end_ts"),
        ("empty_spans", "asked_at"),
        ("backfill_jobs", "job_id"),
        ("backfill_jobs", "status"),
        ("backfill_jobs", "symbols"),
        ("backfill_jobs", "timeframes"),
        ("backfill_jobs", "start_ts"),
        ("backfill_jobs", "end_ts"),
        ("backfill_jobs", "start_words"),
        ("backfill_jobs", "delay_s"),
        ("backfill_jobs", "final_after_s"),
        ("backfill_jobs", "created_at"),
        ("backfill_jobs", "started_at"),
        ("backfill_jobs", "resume_at"),
        ("backfill_jobs", "owner"),
        ("backfill_jobs", "heartbeat_at"),
        ("backfill_series", "start_ts"),
        ("backfill_series", "end_ts"),
        ("backfill_series", "series_id"),
        ("backfill_series", "status"),
        ("backfill_progress", "start_ts"),
        ("backfill_progress", "end_ts"),
        ("backfill_progress", "status"),
        ("backfill_progress", "attempts"),
        ("backfill_progress", "records_fetched"),
        ("backfill_progress", "records_inserted"),
        ("backfill_progress", "started_at"),
    ]);
    let (table, name) = column;
    let text = format!("'{}'", random.pick(&STRANGE).replace('\'', "''"));
    let number = match random.pick(&ABSURD) {
        // Minutes since 1970 are no damage, only more work than a test has time for.
        "0" | "1" | "-1" if name.ends_with("start_ts") => "-62135596801",
        number => number,
    };
    let some = random.pick(&[
        "",
        " WHERE length(hex(series_id)) = 2",
        " WHERE status <> 'completed'",
    ]);
    // STRICT refuses text for a number; whatever fits is in.
    let value = if random.one_in(2) { number } else { &text };
    let mut sql = format!("UPDATE OR IGNORE {table} SET {name} = {value}{some};");
    if random.one_in(4) {
        sql.push_str("UPDATE backfill_jobs SET status = 'running', owner = 'elsewhere/1/1/1', heartbeat_at = -9223372036854775808;");
    }
    for statement in sql.split_inclusive(';') {
        run(path, statement);
    }
    sql
}

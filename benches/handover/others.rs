//! What others make of the same file, where the machine has them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Runs once, and says how long it took.
pub type Other = Box<dyn Fn() -> Duration>;

/// Written by DuckDB's sqlite extension; loading both is not counted.
pub fn duckdb(db: &Path, to: &Path) -> Option<Other> {
    let python = std::env::var_os("CANDLEFILE_PYTHON")?;
    let script = "
import sys, time, duckdb
from duckdb_extensions import extension_importer
extension_importer.import_extension('sqlite_scanner')
db = duckdb.connect()
db.execute('LOAD sqlite_scanner')
db.execute('SET enable_progress_bar = false')
began = time.perf_counter()
db.execute(f\"ATTACH '{sys.argv[1]}' AS s (TYPE sqlite, READ_ONLY)\")
db.execute(f\"COPY (SELECT * FROM s.candles) TO '{sys.argv[2]}' (FORMAT parquet, COMPRESSION zstd)\")
print(time.perf_counter() - began)
";
    let (db, to) = (db.to_owned(), to.to_owned());
    Some(Box::new(move || {
        let mut command = Command::new(&python);
        let done = command
            .args(["-c", script])
            .arg(&db)
            .arg(&to)
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        let seconds = String::from_utf8(done.stdout).unwrap();
        Duration::from_secs_f64(seconds.trim().parse().unwrap())
    }))
}

/// `VACUUM INTO` by the `sqlite3` shell, and `sha256sum` of the result.
pub fn vacuum_and_sum(db: &Path, to: &Path) -> Option<Other> {
    for program in ["sqlite3", "sha256sum"] {
        let mut there = Command::new(program);
        there.arg("--version").stdout(Stdio::null()).status().ok()?;
    }
    let (db, to): (PathBuf, PathBuf) = (db.to_owned(), to.to_owned());
    Some(Box::new(move || {
        drop(std::fs::remove_file(&to));
        let began = Instant::now();
        let vacuum = format!("VACUUM INTO '{}'", to.display());
        let status = Command::new("sqlite3").arg(&db).arg(vacuum).status();
        assert!(status.unwrap().success());
        let mut sum = Command::new("sha256sum");
        let status = sum.arg(&to).stdout(Stdio::null()).status();
        assert!(status.unwrap().success());
        let took = began.elapsed();
        std::fs::remove_file(&to).unwrap();
        took
    }))
}

/// Written by the `sqlite3` shell.
pub fn sqlite_csv(db: &Path, to: &Path) -> Option<Other> {
    Command::new("sqlite3")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .ok()?;
    let (db, to): (PathBuf, PathBuf) = (db.to_owned(), to.to_owned());
    Some(Box::new(move || {
        let began = Instant::now();
        let status = Command::new("sqlite3")
            .args(["-csv", "-header", "-readonly"])
            .arg(&db)
            .arg("SELECT * FROM candles")
            .stdout(std::fs::File::create(&to).unwrap())
            .status();
        assert!(status.unwrap().success());
        began.elapsed()
    }))
}

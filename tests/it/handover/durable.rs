//! A file that is handed over is on the disk before it has its name, and its folder after: what no kill of a process shows,
//! since the system keeps what was written. Seen from below the program, by the calls that it makes.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::harness::Home;
use crate::support::server::Server;

/// Stands between the program and the C library, and notes each write and sync of a file or folder: its number, its size, and
/// whether anything has the name that is to come.
const LAYER: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void note(const char *what, int fd) {
    struct stat held, named;
    const char *log = getenv("LAYER_LOG"), *name = getenv("LAYER_NAME");
    if (!log || !name || fstat(fd, &held) || !(S_ISREG(held.st_mode) || S_ISDIR(held.st_mode))) return;
    char line[128];
    int is_there = lstat(name, &named) == 0;
    int length = snprintf(line, sizeof line, "%s %lu %lld %d\n", what, (unsigned long)held.st_ino,
                          (long long)held.st_size, is_there);
    int to = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (to >= 0) { syscall(SYS_write, to, line, length); syscall(SYS_close, to); }
}

#define REAL(name, ...) static __typeof__(&name) real; if (!real) real = dlsym(RTLD_NEXT, #name); return real(__VA_ARGS__)

int fsync(int fd) { note("sync", fd); REAL(fsync, fd); }
int fdatasync(int fd) { note("sync", fd); REAL(fdatasync, fd); }
ssize_t write(int fd, const void *from, size_t count) { note("write", fd); REAL(write, fd, from, count); }
ssize_t pwrite(int fd, const void *from, size_t count, off_t at) { note("write", fd); REAL(pwrite, fd, from, count, at); }
ssize_t pwrite64(int fd, const void *from, size_t count, off64_t at) { note("write", fd); REAL(pwrite64, fd, from, count, at); }
"#;

/// The layer, made by the compiler that has made the program's `SQLite`.
fn layer(home: &Home) -> PathBuf {
    let (source, library) = (home.path("layer.c"), home.path("layer.so"));
    fs::write(&source, LAYER).unwrap();
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    library
}

/// What happened to one file or folder last.
#[derive(Debug)]
struct Last<'a> {
    what: &'a str,
    size: u64,
    /// Whether the name was there.
    is_named: bool,
}

/// The last call of each file, by its number.
fn calls(log: &str) -> HashMap<u64, Last<'_>> {
    let mut last = HashMap::new();
    for line in log.lines() {
        let [what, number, size, named] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        last.insert(
            number.parse().unwrap(),
            Last {
                what,
                size: size.parse().unwrap(),
                is_named: named == "1",
            },
        );
    }
    last
}

/// Every file at or below a path.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_path_buf()];
    }
    let entries = fs::read_dir(path).unwrap();
    entries
        .flat_map(|entry| files(&entry.unwrap().path()))
        .collect()
}

#[test]
fn whatever_is_handed_over_is_synced_whole_before_it_has_its_name_and_its_folder_after() {
    let home = Home::on_disk();
    let dates = "--start 2023-12-20 --end 2024-01-10";
    home.backfill(&Server::start(), &format!("AAPL MSFT -t 1d {dates}"))
        .ok();
    fs::copy(home.db_path(), home.path("other.db")).unwrap();
    let layer = layer(&home);
    let mut cases = vec![
        ("pack -o out.db", "out.db"),
        ("merge market.db other.db -o both.db", "both.db"),
        ("export -o out.csv", "out.csv"),
        ("export -o out.jsonl.gz", "out.jsonl.gz"),
    ];
    if cfg!(feature = "parquet") {
        cases.push(("export -o out.parquet", "out.parquet"));
        // Its files go to the disk in one call for all, which passes by the C library.
        cases.push(("export --layout hive -o folder", "folder"));
    }
    for (words, output) in cases {
        for overwrite in ["", " --overwrite"] {
            if output == "both.db" && !overwrite.is_empty() {
                continue;
            }
            let (name, log) = (home.path(output), home.path("calls"));
            // Of an output that is written over, what has the name before is another one.
            let old = files_or_none(&name);
            let words = format!("{words}{overwrite}");
            home.cli(words.split(' '))
                .env("LD_PRELOAD", &layer)
                .env("LAYER_LOG", &log)
                .env("LAYER_NAME", &name)
                .run()
                .ok();
            let noted = fs::read_to_string(&log).unwrap();
            fs::remove_file(&log).unwrap();
            let calls = calls(&noted);
            let new = files(&name);
            assert!(!new.is_empty() && old.iter().all(|old| !is_among(*old, &new)));
            for file in new.iter().filter(|_| output != "folder") {
                let held = file.metadata().unwrap();
                let last = calls.get(&held.ino());
                let last = last.unwrap_or_else(|| panic!("{words}: {file:?} was never synced"));
                assert_eq!(
                    last.what, "sync",
                    "{words}: {file:?} was written to after its sync"
                );
                assert_eq!(
                    last.size,
                    held.len(),
                    "{words}: {file:?} had not its size when it was synced"
                );
                let is_late = last.is_named && overwrite.is_empty();
                assert!(
                    !is_late,
                    "{words}: {file:?} had its name before it was synced"
                );
            }
            let folder = home.path("").metadata().unwrap().ino();
            let folder = calls.get(&folder);
            let is_durable = folder.is_some_and(|last| last.what == "sync" && last.is_named);
            assert!(
                is_durable,
                "{words}: the folder was not synced with the name in it: {folder:?}"
            );
        }
    }
}

fn files_or_none(path: &Path) -> Vec<u64> {
    let found = if path.exists() {
        files(path)
    } else {
        Vec::new()
    };
    found
        .iter()
        .map(|file| file.metadata().unwrap().ino())
        .collect()
}

fn is_among(number: u64, files: &[PathBuf]) -> bool {
    files
        .iter()
        .any(|file| file.metadata().unwrap().ino() == number)
}

//! What no output may take the place of. `export --overwrite` renamed a CSV over a file of candles that a backfill was
//! writing, and only `pack` and `merge` looked for a log, and not for an empty one.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::support::harness::{Home, Run};

/// `other.db` is another file of candles, `packed.db` a packed one; `note.csv` is no candlefile.
fn home() -> Home {
    let home = Home::of_sample("AAPL -t 1d --start 2024-01-02 --end 2024-02-29");
    fs::copy(home.db_path(), home.path("other.db")).unwrap();
    home.cli(["pack", "-o", "packed.db"]).run().ok();
    fs::write(home.path("note.csv"), "a note").unwrap();
    home
}

/// Every name with what stands there, if anything does.
fn files(home: &Home) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![home.path("")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path.clone());
            }
            files.insert(path.clone(), fs::read(path).ok());
        }
    }
    files
}

fn run(home: &Home, words: &str) -> Run {
    home.cli(words.split(' ')).run()
}

/// Every command that writes a file where it is told to, with the name left out.
const WRITERS: [&str; 6] = [
    "export --format csv -o",
    "export --format jsonl -o",
    #[cfg(feature = "parquet")]
    "export --format parquet -o",
    #[cfg(not(feature = "parquet"))]
    "export --format csv --columns ts,close -o",
    "pack -o",
    "pack --with-history -o",
    "merge market.db packed.db -o",
];

#[test]
fn a_file_of_candles_is_not_written_over_by_whatever_name() {
    let home = home();
    symlink("other.db", home.path("soft.csv")).unwrap();
    symlink("soft.csv", home.path("softer.csv")).unwrap();
    fs::hard_link(home.path("other.db"), home.path("hard.csv")).unwrap();
    fs::copy(home.path("other.db"), home.path("named.parquet")).unwrap();
    // Cut short, or of a format that nobody knows, it is still what somebody has fetched.
    let mut bytes = fs::read(home.path("other.db")).unwrap();
    fs::write(home.path("cut.db"), &bytes[..10_000]).unwrap();
    bytes[63] = 99;
    fs::write(home.path("newer.db"), &bytes).unwrap();
    let before = files(&home);
    for writer in WRITERS {
        for name in [
            "other.db",
            "soft.csv",
            "softer.csv",
            "hard.csv",
            "named.parquet",
            "cut.db",
            "newer.db",
        ] {
            for overwrite in ["", " --overwrite"] {
                run(&home, &format!("{writer} {name}{overwrite}"))
                    .exit(1)
                    .says(&[name, "is a candlefile", "name another file with -o"]);
                assert!(files(&home) == before, "{writer} {name}{overwrite}");
            }
        }
    }
    for writer in WRITERS {
        fs::write(home.path("out"), "another").unwrap();
        run(&home, &format!("{writer} out --overwrite")).ok();
        fs::remove_file(home.path("out")).ok();
        fs::remove_file(home.path("out.sha256")).ok();
        fs::copy(home.path("packed.db"), home.path("out")).unwrap();
        run(&home, &format!("{writer} out --overwrite")).ok();
        fs::remove_file(home.path("out")).ok();
        fs::remove_file(home.path("out.sha256")).ok();
    }
}

#[test]
fn what_has_a_log_beside_it_is_in_use_however_small_the_log() {
    let home = home();
    fs::copy(home.path("packed.db"), home.path("sealed.db")).unwrap();
    symlink("note.csv", home.path("soft.csv")).unwrap();
    symlink("nothing.csv", home.path("dangling.csv")).unwrap();
    for (target, named) in [
        ("note.csv", "note.csv"),
        ("sealed.db", "sealed.db"),
        ("new.csv", "new.csv"),
        ("note.csv", "soft.csv"),
        ("nothing.csv", "dangling.csv"),
    ] {
        for log in ["-wal", "-shm", "-journal"] {
            let log = home.path(&format!("{target}{log}"));
            fs::write(&log, "").unwrap();
            let before = files(&home);
            for writer in WRITERS {
                run(&home, &format!("{writer} {named} --overwrite"))
                    .exit(1)
                    .says(&["belongs to a file that is open", "-o"]);
                assert!(files(&home) == before, "{writer} {named}");
            }
            fs::remove_file(&log).unwrap();
        }
    }
    // What would be taken for the log of another file, and what proves that a run on it lives.
    let side = "other.db-run-01932c07-209b-7c3f-8d1e-5f2f3d0c8a11";
    fs::write(home.path(side), "").unwrap();
    let before = files(&home);
    for writer in WRITERS {
        for log in [
            "other.db-wal",
            "other.db-shm",
            "sealed.db-journal",
            side,
            &format!("{side} --overwrite"),
        ] {
            run(&home, &format!("{writer} {log}"))
                .exit(1)
                .says(&["a name that SQLite or a run uses beside", "-o"]);
            assert!(files(&home) == before, "{writer} {log}");
        }
    }
}

#[test]
fn a_file_of_candles_that_has_the_name_of_a_part_stays() {
    let home = home();
    for writer in WRITERS {
        for overwrite in [false, true] {
            for log in [None, Some("-wal"), Some("-journal")] {
                let part = home.path(".new.part");
                // Beside a log, whatever it is: the file may be another program's.
                let from = if log.is_some() {
                    "note.csv"
                } else {
                    "other.db"
                };
                fs::copy(home.path(from), &part).unwrap();
                fs::write(home.path("new"), "another").unwrap();
                let log = log.map(|log| home.path(&format!(".new.part{log}")));
                if let Some(log) = &log {
                    fs::write(log, "").unwrap();
                }
                if !overwrite {
                    fs::remove_file(home.path("new")).unwrap();
                }
                let before = files(&home);
                let words = if overwrite { " --overwrite" } else { "" };
                run(&home, &format!("{writer} new{words}"))
                    .exit(1)
                    .says(&[".new.part", "-o"]);
                assert!(files(&home) == before, "{writer} {words} {log:?}");
                if let Some(log) = &log {
                    fs::remove_file(log).unwrap();
                }
            }
        }
        fs::remove_file(home.path(".new.part")).unwrap();
        fs::remove_file(home.path("new")).unwrap();
    }
}

#[test]
#[cfg(feature = "parquet")]
fn a_folder_takes_the_place_of_no_file_of_candles() {
    let home = home();
    let export = |words: &str| run(&home, &format!("export --layout hive -o {words}"));
    export("out").ok();
    symlink("other.db", home.path("soft")).unwrap();
    let part = "out/tf=1d/symbol=AAPL/year=2024/part-0.parquet";
    let exported = fs::read(home.path(part)).unwrap();
    fs::copy(home.path("other.db"), home.path(part)).unwrap();
    fs::create_dir_all(home.path(".next.part")).unwrap();
    fs::copy(home.path("other.db"), home.path(".next.part/mine.db")).unwrap();
    let before = files(&home);
    for (words, says) in [
        ("other.db", "is a candlefile"),
        ("other.db --overwrite", "is a candlefile"),
        ("soft --overwrite", "is a candlefile"),
        ("other.db-wal", "a name that SQLite"),
        ("market.db-journal --overwrite", "a name that SQLite"),
        ("out --overwrite", "would be lost"),
        ("next", "would be lost"),
    ] {
        export(words).exit(1).says(&[says, "-o"]);
        assert!(files(&home) == before, "{words}");
    }
    fs::write(home.path(part), exported).unwrap();
    fs::write(home.path("out-wal"), "").unwrap();
    export("out --overwrite").exit(1).says(&["out-wal"]);
    fs::remove_file(home.path("out-wal")).unwrap();
    export("out --overwrite").ok();
}

#[test]
fn a_page_of_the_manual_takes_the_place_of_no_file_of_candles() {
    let home = home();
    let pages = home.path("pages");
    fs::create_dir(&pages).unwrap();
    run(&home, "man --dir pages").ok();
    let count = fs::read_dir(&pages).unwrap().count();
    assert!(count > 10, "{count}");
    let page = pages.join("candlefile-export.1");
    let written = fs::read(&page).unwrap();
    fs::remove_file(&page).unwrap();
    symlink("../other.db", &page).unwrap();
    let before = files(&home);
    run(&home, "man --dir pages")
        .exit(1)
        .says(&["candlefile-export.1", "is a candlefile"]);
    assert!(files(&home) == before);
    fs::remove_file(&page).unwrap();
    run(&home, "man --dir pages").ok();
    assert!(fs::read(&page).unwrap() == written);
}

//! What `export` refuses: with a message that names the next step, and without leaving anything.

use candlefile::model::Symbol;

use super::export::{export, file, filled, names};

#[test]
fn no_text_begins_like_a_formula_or_breaks_a_line() {
    // The first character, and any other, of everything that is a symbol.
    for c in (0..=u8::MAX).map(char::from) {
        if format!("{c}A").parse::<Symbol>().is_ok() {
            assert!(!"=+-@\t\r\n\"',;".contains(c), "{c:?}");
        }
        if format!("A{c}").parse::<Symbol>().is_ok() {
            assert!(!"\t\r\n\"\\,;".contains(c), "{c:?}");
        }
    }
    let home = filled();
    home.sql("UPDATE series SET source = '=HYPERLINK(1)' WHERE symbol = 'MSFT'");
    for format in ["csv", "jsonl"] {
        let words = format!("-o out.{format} --columns symbol,source");
        export(&home, &words)
            .exit(1)
            .says(&["source", "=HYPERLINK(1)", "leave the column"]);
    }
    export(&home, "-o out.csv").ok();
}

#[test]
fn what_cannot_be_done_is_said_with_the_next_step_and_leaves_nothing() {
    let home = filled();
    std::fs::create_dir(home.path("folder")).unwrap();
    std::fs::write(home.path("old.csv"), "old").unwrap();
    std::fs::hard_link(home.db_path(), home.path("hard.csv")).unwrap();
    std::os::unix::fs::symlink(home.db_path(), home.path("soft.csv")).unwrap();
    let before = home.files();
    for (words, code, says) in [
        (
            "-o out.txt",
            2,
            &["out.txt", "does not tell the format", "--format"][..],
        ),
        ("-o out.parquet.gz", 2, &["compresses by itself"]),
        ("-o -", 2, &["--format csv"]),
        ("-o - --format parquet", 2, &["text"]),
        ("-o out --layout hive --format csv", 2, &["hive", "CSV"]),
        ("-o - --layout hive", 2, &["folder", "-o"]),
        (
            "-o out --layout hive --columns symbol",
            2,
            &["folders' names"],
        ),
        ("--json -o - --format csv", 2, &[]),
        (
            "-o missing/out.csv",
            1,
            &["missing does not exist", "mkdir -p"],
        ),
        (
            "-o old.csv/out.csv",
            1,
            &["old.csv is a file, not a folder", "-o"],
        ),
        ("-o folder --format csv", 1, &["folder is a folder"]),
        ("-o old.csv", 1, &["old.csv exists", "--overwrite"]),
        (
            "-o market.db --format csv --overwrite",
            1,
            &["the file that is read"],
        ),
        (
            "-o market.db-wal --format csv",
            1,
            &["the file that is read"],
        ),
        (
            "-o market.db-journal --format csv",
            1,
            &["the file that is read"],
        ),
        ("-o hard.csv --overwrite", 1, &["the file that is read"]),
        ("-o soft.csv --overwrite", 1, &["the file that is read"]),
        ("-o out.csv APPL", 1, &["holds no APPL", "AAPL"]),
        (
            "-o out.csv aapl AAPL MSFTX",
            1,
            &["holds no aapl, MSFTX: did you mean AAPL for aapl?"],
        ),
        ("-o out.csv -t 5m", 1, &["holds no 5m", "1h, 1d"]),
        ("-o out.csv --start 2030-01-01", 1, &["no candle", "list"]),
        (
            "-o out.csv --start 2024-01-05 --end 2024-01-02",
            2,
            &["exchange"],
        ),
    ] {
        export(&home, words).exit(code).says(says);
        assert!(home.files() == before, "{words}: {:?}", names(&home));
    }
    export(&home, "-o old.csv --overwrite").ok();
    assert!(file(&home, "old.csv").starts_with("symbol"));
}

#[test]
#[cfg(not(feature = "parquet"))]
fn a_lean_build_says_which_feature_it_wants() {
    let home = filled();
    for (words, feature) in [
        ("-o out.parquet", "--features parquet"),
        ("-o out.arrow", "--features parquet"),
        ("-o out --layout hive", "--features parquet"),
    ] {
        export(&home, words)
            .exit(1)
            .says(&["this build has no", feature]);
    }
    assert_eq!(names(&home), ["market.db"]);
}

#[test]
fn an_input_that_is_called_like_the_unfinished_output_is_not_written_over() {
    let home = filled();
    for (output, words) in [
        ("out.csv", "export -o out.csv"),
        ("out.db", "pack -o out.db"),
        ("both.db", "merge .both.db.part market.db -o both.db"),
    ] {
        let input = format!(".{output}.part");
        std::fs::copy(home.db_path(), home.path(&input)).unwrap();
        let before = home.files();
        let words = ["--db", &input].into_iter().chain(words.split(' '));
        let run = home.cli(words).without_db().run();
        assert!(run.failed(), "{input} is read and written: {run:?}");
        assert!(run.stderr.contains("is the file that is read"), "{run:?}");
        assert!(home.files() == before, "{input} was changed");
    }
}

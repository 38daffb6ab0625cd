//! The disk gives out in the middle of a write, at every stage of a file's life: while it is made, while a job is
//! recorded, while candles are stored. Whether the program dies of it or reports it, the next run finishes the file.

use crate::support::checker::check_books;
use crate::support::harness::Home;

const WORDS: &str =
    "backfill AAPL MSFT --provider sample -t 1d,1h --start 2022-01-03 --end 2024-03-28";

#[test]
fn a_write_that_is_cut_off_anywhere_is_made_good_by_the_next_run() {
    let whole = Home::new();
    whole.cli(WORDS.split(' ')).run().ok();
    let expected = ["AAPL", "MSFT"].map(|symbol| whole.db().candles(symbol, "1h"));
    assert!(expected[0].len() > 3_000);
    let mut cut = 0;
    for blocks in [
        0, 1, 8, 15, 16, 33, 48, 80, 200, 330, 340, 400, 500, 700, 1_000,
    ] {
        let home = Home::new();
        let run = home.cli(WORDS.split(' ')).file_blocks(blocks).run();
        cut += u32::from(run.failed());
        home.cli(WORDS.split(' ')).run().ok();
        let db = home.db();
        check_books(&db);
        for (symbol, expected) in ["AAPL", "MSFT"].iter().zip(&expected) {
            assert_eq!(
                &db.candles(symbol, "1h"),
                expected,
                "cut at {blocks} blocks"
            );
        }
    }
    assert!(cut >= 10, "only {cut} runs were cut off");
}

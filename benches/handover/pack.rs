//! Packing, verifying and comparing files of 25 million candles.

use std::path::Path;

use super::{figure, filled, others, program};

/// Each is run so often, in turn with what it is compared with; the fastest counts.
const ROUNDS: usize = 3;

pub fn pack(folder: &Path) {
    let (db, packed) = (folder.join("pack.db"), folder.join("packed.db"));
    filled(&db, 25.0);
    let others = others::vacuum_and_sum(&db, &folder.join("vacuumed.db"));
    let (mut ours, mut theirs, mut peak) = (f64::INFINITY, f64::INFINITY, 0.0_f64);
    for _ in 0..ROUNDS {
        let words = ["pack", "--overwrite", "-o", packed.to_str().unwrap()];
        let run = program::run(&db, &words);
        ours = ours.min(run.elapsed.as_secs_f64());
        peak = peak.max(run.peak_mib);
        if let Some(others) = &others {
            theirs = theirs.min(others().as_secs_f64());
        }
    }
    figure("pack of 25 M", format!("{ours:.1} s"), "< 90 s");
    if theirs.is_finite() {
        figure("  VACUUM INTO and sha256sum", format!("{theirs:.1} s"), "");
        figure(
            "  against it",
            format!("{:.2} x", ours / theirs),
            "<= 1.6 x",
        );
    } else {
        figure("  against VACUUM INTO and sha256sum", "skipped", "<= 1.6 x");
    }
    figure("  its peak memory", format!("{peak:.0} MiB"), "");
    let verify = program::run(&db, &["verify", packed.to_str().unwrap()]);
    let took = verify.elapsed.as_secs_f64();
    figure("verify of the packed file", format!("{took:.1} s"), "");
    figure(
        "  its peak memory",
        format!("{:.0} MiB", verify.peak_mib),
        "",
    );
    for file in [db, packed] {
        std::fs::remove_file(file).unwrap();
    }
}

pub fn diff(folder: &Path) {
    let (a, b) = (folder.join("a.db"), folder.join("b.db"));
    filled(&a, 25.0);
    std::fs::copy(&a, &b).unwrap();
    let sql = "UPDATE candle_data SET close = close + 0.01 WHERE series_id = 25
               AND ts = (SELECT last_ts FROM series WHERE id = 25)";
    let connection = rusqlite::Connection::open(&b).unwrap();
    assert_eq!(connection.execute(sql, []).unwrap(), 1);
    drop(connection);
    let files = [a.to_str().unwrap(), b.to_str().unwrap()];
    let run = program::ending(&a, &["diff", files[0], files[1]], 3);
    let took = run.elapsed.as_secs_f64();
    figure(
        "diff of two files of 25 M with one row changed",
        format!("{took:.1} s"),
        "< 40 s",
    );
    figure("  its peak memory", format!("{:.0} MiB", run.peak_mib), "");
    let packed = files.map(|file| format!("{file}.packed"));
    for (file, packed) in [&a, &b].into_iter().zip(&packed) {
        program::run(file, &["pack", "-o", packed]);
    }
    let run = program::ending(&a, &["diff", &packed[0], &packed[1]], 3);
    let took = run.elapsed.as_secs_f64();
    figure("  of the two packed", format!("{took:.2} s"), "");
    for file in [files[0], files[1], &packed[0], &packed[1]] {
        std::fs::remove_file(file).unwrap();
    }
}

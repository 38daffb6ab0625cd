//! How far a long pass over a file is: whoever looks sees each candle counted once.

use candlefile::handover::export::{Beside, Encoding, Export, Format};
use candlefile::handover::{Choice, PackOptions, Target, checksum_path, diff, merge, pack, verify};
use candlefile::monitor::{Meter, Reading};
use candlefile::view::Steps;
use candlefile::{Cancel, Store, SystemClock};

use crate::support::harness::Home;

#[test]
fn every_pass_tells_how_far_it_is_and_ends_at_what_there_was_to_do() {
    let home = Home::of_sample("AAPL MSFT -t 1m,1d --start 2024-01-02 --end 2024-02-28");
    let candles = home
        .db()
        .count("SELECT count(*) FROM candle_data")
        .unsigned_abs();
    let meter = Meter::default();
    assert_eq!(meter.read(), Reading::default());
    let open = |path: &str| Store::untouched(&home.path(path)).unwrap().metered(&meter);
    let target = |path: &str| Target::new(&home.path(path), false, &[]).unwrap();
    let cancel = Cancel::new();
    let whole = |what: &'static str, all: u64| Reading {
        what,
        done: all,
        all,
        is_bytes: false,
    };

    let export = Export {
        choice: Choice::default(),
        steps: Steps::default(),
        columns: candlefile::handover::export::Column::unasked(true),
        encoding: Encoding {
            format: Format::Csv,
            compression: candlefile::handover::export::Compression::None,
        },
    };
    let beside = Beside {
        clock: &SystemClock::default(),
        cancel: &cancel,
        monitor: &(),
    };
    export
        .to_file(&open("market.db"), &target("all.csv"), &beside)
        .unwrap();
    assert_eq!(meter.read(), whole("exporting", candles));

    let (packed, checksum) = (target("packed.db"), target("packed.db.sha256"));
    assert_eq!(checksum.path(), checksum_path(packed.path()));
    pack(
        &open("market.db"),
        &Choice::default(),
        &packed,
        &checksum,
        PackOptions::default(),
        &cancel,
    )
    .unwrap();
    assert_eq!(
        meter.read(),
        Reading {
            what: "checking what was written",
            ..Reading::default()
        }
    );

    assert!(
        verify(&home.path("packed.db"), &meter)
            .unwrap()
            .problems
            .is_empty()
    );
    assert_eq!(meter.read(), whole("checking the candles", candles));

    assert!(
        diff(&open("market.db"), &open("packed.db"), 1)
            .unwrap()
            .is_none()
    );
    assert_eq!(meter.read(), whole("comparing", 2 * candles));

    let inputs = [open("market.db"), open("packed.db")];
    merge(&inputs, &target("both.db"), 0, &cancel).unwrap();
    assert_eq!(meter.read(), whole("merging", 2 * candles));

    // Of a part it is an estimate.
    let part = Export {
        choice: Choice {
            symbols: vec!["AAPL".parse().unwrap()],
            ..Choice::default()
        },
        ..export
    };
    part.to_file(&open("market.db"), &target("part.csv"), &beside)
        .unwrap();
    assert_eq!(meter.read(), whole("exporting", candles / 2));
}

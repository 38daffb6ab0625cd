//! How candles are read: batches of columns, whole at one instant or continued by key.

use candlefile::StoreError;
use candlefile::handover::Choice;
use candlefile::handover::export::{Beside, Column, Compression, Encoding, Export, Format};
use candlefile::model::{Candle, Market, Span};
use candlefile::view::{Batch, Pieces, PiecesError, ROWS, Selection, Step, Steps, Turn, View};
use candlefile::{Cancel, SystemClock};

use crate::support::scripted::{Bench, DAY, HOUR, candles, key, label, span, utc, version};

const HOURS: &str = "X:BTCUSD 1h";

/// Candles that take three batches, every third of them without volume, price by volume and trades.
fn offered() -> Vec<Candle> {
    let from = utc("2020-01-01 00:00");
    let stamps = (0..).map(|n| from + n * HOUR).take(2 * ROWS + 17);
    let sparse = |candle: Candle| match candle.ts / HOUR % 3 {
        0 => Candle {
            vwap: None,
            trades: None,
            ..candle
        },
        _ => candle,
    };
    candles(stamps).map(sparse).collect()
}

fn filled() -> (Bench, Vec<Candle>) {
    let (mut bench, offered) = (Bench::new(), offered());
    bench.hand_in(&key(HOURS), &offered, utc("2024-01-01 00:00"));
    (bench, offered)
}

fn view(bench: &Bench, series: &str) -> View {
    let key = key(series);
    View::open(&bench.store, &key.symbol, key.timeframe).unwrap()
}

fn batches(bench: &Bench, view: &View) -> Vec<Batch> {
    let mut batches = Vec::new();
    let read = view.each_batch(&bench.store, |batch| {
        batches.push(batch);
        Ok::<(), StoreError>(())
    });
    let rows: usize = batches.iter().map(Batch::len).sum();
    assert_eq!(read.unwrap().candles, rows as u64);
    batches
}

fn joined(batches: &[Batch]) -> Vec<Candle> {
    batches.iter().flat_map(Batch::candles).collect()
}

#[test]
fn batches_are_columns_of_equal_length_that_join_to_what_is_stored() {
    let (bench, offered) = filled();
    let whole = view(&bench, HOURS);
    let read = batches(&bench, &whole);
    assert_eq!(
        read.iter().map(Batch::len).collect::<Vec<_>>(),
        [ROWS, ROWS, 17]
    );
    assert!(joined(&read) == offered, "other candles");
    for batch in &read {
        let ends: Vec<i64> = batch.ts.iter().map(|ts| ts + HOUR).collect();
        assert_eq!(batch.end_ts, ends);
        let is_there: Vec<bool> = batch.ts.iter().map(|ts| ts / HOUR % 3 != 0).collect();
        assert_eq!(batch.vwap.validity(), is_there);
        assert_eq!(batch.trades.validity(), is_there);
        assert_eq!(batch.volume.values(), vec![1000.5; batch.len()]);
        // Handed in: nobody knows when it was first told.
        assert_eq!(batch.known_at.validity(), vec![false; batch.len()]);
    }
    let last = offered.len();
    let within = Selection::Within(span(offered[5].ts, offered[9000].ts));
    for (selection, rows) in [
        (Selection::Head(9000), 0..9000),
        (Selection::Tail(9000), last - 9000..last),
        (Selection::Head(0), 0..0),
        (Selection::Tail(u32::MAX), 0..last),
        (within, 5..9000),
    ] {
        let read = batches(&bench, &whole.clone().select(selection));
        assert!(joined(&read) == offered[rows], "{selection:?}");
    }
}

#[test]
fn a_batch_says_where_each_month_ends_and_when_it_was_told() {
    let mut bench = Bench::new();
    let months = ["2024-01-01", "2024-02-01", "2024-03-01"].map(label);
    bench.provider.offer("AAPL 1mo", candles(months));
    let now = utc("2024-06-01 00:00");
    bench.backfill(now, "AAPL 1mo", span(months[0], label("2024-04-01")));
    let months_of = view(&bench, "AAPL 1mo");
    let [batch] = &batches(&bench, &months_of.clone().with_known_at())[..] else {
        panic!("one batch")
    };
    assert_eq!(
        batch.end_ts,
        ["2024-02-01", "2024-03-01", "2024-04-01"].map(label)
    );
    assert_eq!(batch.known_at.values(), [now; 3]);
    let [unasked] = &batches(&bench, &months_of)[..] else {
        panic!("one batch")
    };
    assert_eq!(unasked.known_at.get(0), None);
}

#[test]
fn rows_that_the_books_do_not_know_are_refused_once_they_were_read() {
    let (bench, offered) = filled();
    let pieces = || Pieces::new(view(&bench, HOURS), Span::EVERYTHING, u64::MAX);
    let read_all = |pieces: &mut Pieces| {
        while !pieces.is_over() {
            pieces.next(&bench.store)?;
        }
        Ok::<(), PiecesError>(())
    };
    read_all(&mut pieces()).unwrap();
    let middle = offered[ROWS + 5].ts;
    let delete = format!("DELETE FROM candle_data WHERE ts = {middle}");
    bench.sql().execute(&delete, []).unwrap();
    let read = view(&bench, HOURS).each_batch(&bench.store, |_| Ok::<(), StoreError>(()));
    assert!(matches!(read, Err(StoreError::Books { .. })), "{read:?}");
    let read = read_all(&mut pieces());
    let is_refused = matches!(read, Err(PiecesError::Store(StoreError::Books { .. })));
    assert!(is_refused, "{read:?}");
}

#[test]
fn pieces_go_on_behind_the_last_candle_whatever_is_added_and_not_where_it_has_changed() {
    let (mut bench, offered) = filled();
    let mut pieces = Pieces::new(view(&bench, HOURS), Span::EVERYTHING, u64::MAX);
    let first = pieces.next(&bench.store).unwrap();
    assert!(joined(&[first]) == offered[..ROWS], "the first piece");
    // Behind what was read, and before it.
    let added = [offered[offered.len() - 1].ts + HOUR, offered[0].ts - DAY];
    for ts in added {
        bench.hand_in(&key(HOURS), &[version(ts, 0)], utc("2024-01-01 00:00"));
    }
    let mut rest = Vec::new();
    while !pieces.is_over() {
        rest.push(pieces.next(&bench.store).unwrap());
    }
    let mut expected = offered[ROWS..].to_vec();
    expected.push(version(added[0], 0));
    assert!(joined(&rest) == expected, "the others");

    let mut pieces = Pieces::new(view(&bench, HOURS), Span::EVERYTHING, u64::MAX);
    let piece = pieces.next(&bench.store).unwrap();
    let last = piece.ts[ROWS - 1];
    let change = format!("UPDATE candle_data SET close = close + 1 WHERE ts = {last}");
    bench.sql().execute(&change, []).unwrap();
    let next = pieces.next(&bench.store);
    assert!(matches!(next, Err(PiecesError::Changed)), "{next:?}");
}

/// Leaves out every second hour, by the clock.
#[derive(Debug)]
struct EvenHours;

/// Doubles the close of what is there in an odd hour, so that it shows whether it had its turn before the other.
#[derive(Debug)]
struct OddDoubled;

impl Step for EvenHours {
    fn turn(&self) -> Turn {
        Turn::Which
    }

    fn apply(&self, candle: Candle, _: &Market) -> Option<Candle> {
        (candle.ts / HOUR % 2 == 0).then_some(candle)
    }
}

impl Step for OddDoubled {
    fn turn(&self) -> Turn {
        Turn::Values
    }

    fn apply(&self, candle: Candle, _: &Market) -> Option<Candle> {
        assert!(candle.ts / HOUR % 2 == 0, "it was left out before");
        let close = candle.close * 2.0;
        let ts = candle.ts + 1;
        Some(Candle {
            ts,
            close,
            ..candle
        })
    }
}

/// The steps of the tests, and what comes out of them.
fn stepped(offered: &[Candle]) -> (Steps, Vec<Candle>) {
    let even = offered.iter().filter(|candle| candle.ts / HOUR % 2 == 0);
    let doubled = even.map(|candle| Candle {
        close: candle.close * 2.0,
        ..*candle
    });
    let steps = Steps::default().with(OddDoubled).with(EvenHours);
    (steps, doubled.collect())
}

#[test]
fn what_comes_out_of_steps_is_selected_and_counted_and_the_books_are_those_of_what_is_stored() {
    let (bench, offered) = filled();
    let (steps, expected) = stepped(&offered);
    let stepped = view(&bench, HOURS).through(steps.clone());
    let read = batches(&bench, &stepped);
    assert_eq!(
        read.iter().map(Batch::len).collect::<Vec<_>>(),
        [ROWS, expected.len() - ROWS]
    );
    assert!(joined(&read) == expected, "other candles");
    let last = expected.len();
    let within = Selection::Within(span(expected[5].ts, expected[900].ts));
    for (selection, rows) in [
        (Selection::Head(900), 0..900),
        (Selection::Head(u32::MAX), 0..last),
        (Selection::Tail(900), last - 900..last),
        (Selection::Tail(1), last - 1..last),
        (Selection::Tail(u32::MAX), 0..last),
        (Selection::Tail(0), 0..0),
        (within, 5..900),
    ] {
        let read = batches(&bench, &stepped.clone().select(selection));
        assert!(joined(&read) == expected[rows], "{selection:?}");
    }

    let pieces = || Pieces::new(stepped.clone(), Span::EVERYTHING, last as u64);
    let read_all = || {
        let (mut pieces, mut read) = (pieces(), Vec::new());
        while !pieces.is_over() {
            read.push(pieces.next(&bench.store)?);
        }
        Ok::<_, PiecesError>(joined(&read))
    };
    assert!(read_all().unwrap() == expected, "other candles");

    // One that is left out either way.
    let left_out = offered[ROWS + 5].ts;
    assert_eq!(left_out / HOUR % 2, 1);
    let delete = format!("DELETE FROM candle_data WHERE ts = {left_out}");
    bench.sql().execute(&delete, []).unwrap();
    let read = stepped.each_batch(&bench.store, |_| Ok::<(), StoreError>(()));
    assert!(matches!(read, Err(StoreError::Books { .. })), "{read:?}");
    let read = read_all();
    assert!(
        matches!(read, Err(PiecesError::Store(StoreError::Books { .. }))),
        "{read:?}"
    );
}

#[test]
fn a_page_ends_behind_as_many_rows_as_come_out_of_steps() {
    let (bench, offered) = filled();
    let (steps, expected) = stepped(&offered);
    let view = view(&bench, HOURS).through(steps);
    let last = expected.len();
    let rows = |rows: usize| u32::try_from(rows).unwrap();
    for count in [1, 100, last - 1] {
        let end = view.page_end(&bench.store, rows(count)).unwrap();
        assert_eq!(end, Some(expected[count - 1].ts + 1), "{count}");
    }
    for count in [last, last + 1, offered.len()] {
        let end = view.page_end(&bench.store, rows(count)).unwrap();
        assert_eq!(end, None, "{count}");
    }
}

#[test]
fn an_export_hands_on_and_counts_what_comes_out_of_steps() {
    let (bench, offered) = filled();
    let (steps, expected) = stepped(&offered);
    let export = Export {
        choice: Choice::default(),
        steps,
        columns: vec![Column::TS, "close".parse().unwrap()],
        encoding: Encoding {
            format: Format::Csv,
            compression: Compression::None,
        },
    };
    let mut out = Vec::new();
    let beside = Beside {
        clock: &SystemClock::default(),
        cancel: &Cancel::new(),
        monitor: &(),
    };
    let report = export.to_stream(&bench.store, &mut out, &beside).unwrap();
    assert_eq!(report.candles, expected.len() as u64);
    let lines = String::from_utf8(out).unwrap();
    let rows = lines.lines().skip(1).map(|line| {
        let (ts, close) = line.split_once(',').unwrap();
        (ts.parse().unwrap(), close.parse().unwrap())
    });
    let expected: Vec<(i64, f64)> = expected.iter().map(|c| (c.ts, c.close)).collect();
    assert!(rows.eq(expected), "other rows");
}

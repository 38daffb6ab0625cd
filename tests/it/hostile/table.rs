//! A lying, slow or dead provider: every case of the tables on the first, a middle and the last page, with one worker
//! and with eight. Back-off and pauses go by a clock that a wait moves on; only the limits of one answer are real time.

use std::collections::HashSet;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use candlefile::backfill::{self, Report, Runner, Stop};
use candlefile::model::{JobStatus, Policy, SeriesKey, Span};
use candlefile::provider::{Limits, Polygon};
use candlefile::{Cancel, ManualClock, Store};

use super::case::{At, BAD, Case, Kept, ODD, Others, Outcome, PAGE, ROW, TIMEFRAME, asked};
use super::{answers, case, pages, rows, statuses};
use crate::support::checker::{check, check_books};
use crate::support::db::Db;
use crate::support::exchange::{Reply, Request};
use crate::support::harness::{Home, KEY};
use crate::support::oracle::{self, Candle};
use crate::support::server::Server;

/// The series that nothing befalls, of the same asset class and of another: together with the bad one as many as workers.
const GOOD: [&str; 7] = [
    "GOOD",
    "X:GOODUSD",
    "FINE",
    "X:FINEUSD",
    "SOUND",
    "X:SOUNDUSD",
    "WELL",
];

/// Far from the candles asked for: all of them are final.
const NOW: i64 = 1_717_400_000;

/// Where a time is to run out it does so soon; where none is, a busy machine must not make it.
pub(crate) fn limits(slow: bool) -> Limits {
    let (stall, deadline) = if slow { (500, 800) } else { (20_000, 40_000) };
    Limits {
        connect: Duration::from_millis(stall),
        stall: Duration::from_millis(stall),
        deadline: Duration::from_millis(deadline),
    }
}

/// Runs a job for all series against a server.
pub(crate) fn run(home: &Home, url: &str, limits: Limits, workers: usize) -> Report {
    let clock = Arc::new(ManualClock::at(NOW));
    let provider = Polygon::with_limits(
        url.parse().unwrap(),
        KEY.parse().unwrap(),
        None,
        limits,
        clock.clone(),
    );
    let runner = Runner {
        provider: Arc::new(provider.unwrap()),
        clock,
        cancel: Cancel::new(),
        workers,
        rate: None,
        policy: Policy::default(),
        force: false,
        refetch_empty: false,
        refetch_gaps: false,
        wait: false,
    };
    let series = [BAD].into_iter().chain(GOOD).map(|symbol| {
        let key = SeriesKey {
            symbol: symbol.parse().unwrap(),
            timeframe: TIMEFRAME.parse().unwrap(),
            source: "polygon".to_owned(),
            adjusted: candlefile::model::Adjustment::Raw,
            listing: candlefile::model::Listing::on(candlefile::model::MarketCode::XNYS),
        };
        let (start, end) = good_span(symbol);
        (key, Span::new(start, end).unwrap())
    });
    let request = backfill::Request {
        command: "backfill",
        series: series.collect(),
        start_words: None,
        end_words: None,
    };
    let mut store = Store::create(&home.db_path()).unwrap();
    backfill::run(&mut store, &request, &runner, &()).unwrap()
}

fn good_span(symbol: &str) -> oracle::Span {
    oracle::span(symbol, TIMEFRAME, "2024-01-08", "2024-01-09")
}

/// The server that has the case's fault at one page of one series.
pub(crate) fn server(case: Arc<Case>, at: At) -> Server {
    let struck = Mutex::new(HashSet::new());
    let script = move |request: &Request| -> Option<Reply> {
        let ask = request.ask();
        if ask.symbol != BAD {
            return None;
        }
        if let Some(cursor) = request.param("cursor").filter(|c| c.starts_with(ODD)) {
            return Some((case.detour)(&at, cursor));
        }
        let before = at.candles.iter().filter(|c| c.ts < ask.span.0).count();
        let strikes =
            before == at.page * PAGE && (struck.lock().unwrap().insert(at.page) || !case.once);
        strikes.then(|| (case.strike)(&at))
    };
    Server::setup().page(PAGE).script(script).start()
}

/// What must be stored of the series, and where its coverage ends.
pub(crate) fn expected(at: &At, outcome: &Outcome) -> (Vec<Candle>, Option<i64>) {
    let mut rows = at.candles.clone();
    let first = at.page * PAGE;
    if let Some(change) = outcome.stored {
        change(&mut rows[first + ROW]);
    }
    let pages = |count: usize| {
        let kept: Vec<Candle> = rows.iter().take(count * PAGE).copied().collect();
        let end = kept.last().map(|last| last.ts + 3_600);
        (kept, end)
    };
    let end = Some(asked().1);
    match outcome.kept {
        Kept::Before => pages(at.page),
        Kept::Through => pages(at.page + 1),
        Kept::Whole => (rows, end),
        Kept::AllButTheRow => {
            rows.remove(first + ROW);
            (rows, end)
        }
    }
}

fn same<T: PartialEq + Debug>(what: &str, name: &str, have: &T, want: &T) {
    assert_eq!(have, want, "{name}: {what}");
}

/// Runs one case at one page and looks at everything it left.
fn try_case(case: &Arc<Case>, place: usize, workers: usize) {
    let stranger = Server::start();
    let at = At::new(place, stranger.url());
    let name = format!("{} on page {} with {workers} workers", case.name, at.page);
    let want = (case.expect)(&at);
    let (home, server) = (Home::new(), server(Arc::clone(case), at.clone()));
    let report = run(&home, &server.url(), limits(case.slow), workers);
    same("how the job ended", &name, &report.status, &want.job);

    let db = Db::open(&home.db_path());
    check_books(&db);
    let (rows, covered_to) = expected(&at, &want);
    same("rows", &name, &db.candles(BAD, TIMEFRAME), &rows);
    let coverage: Vec<_> = covered_to.map(|end| (asked().0, end)).into_iter().collect();
    same("coverage", &name, &db.coverage(BAD, TIMEFRAME), &coverage);
    let empty = db.spans("empty_spans", BAD, TIMEFRAME);
    let proven = |span: &oracle::Span| coverage.iter().any(|c| c.0 <= span.0 && span.1 <= c.1);
    assert!(empty.iter().all(proven), "{name}: empty spans {empty:?}");

    let records = report.series[0].records;
    let counts = (
        records.rejected as usize,
        records.duplicate as usize,
        records.conflicting as usize,
    );
    let counted = (want.rejected, want.duplicate, want.conflicting);
    same("rejected, duplicate, conflicting", &name, &counts, &counted);
    let asked_for = |symbol: &str| {
        let requests = server.requests();
        requests.iter().filter(|r| r.ask().symbol == symbol).count()
    };
    let sent = asked_for(BAD);
    // Where time runs out soon, a busy machine may make it run out for a good page, too, which is then asked again.
    let most = want.requests.end() + if case.slow { 4 } else { 0 };
    assert!(
        (*want.requests.start()..=most).contains(&sent),
        "{name}: {sent} requests"
    );
    same("requests to a stranger", &name, &stranger.hits(), &0);

    for symbol in GOOD {
        let whole = want.others == Others::Unharmed
            || (want.others == Others::ClassMayBeMissing && symbol.starts_with("X:"));
        if whole || !db.coverage(symbol, TIMEFRAME).is_empty() && report.stop.is_none() {
            check(&db, symbol, TIMEFRAME, good_span(symbol));
        }
        for candle in db.candles(symbol, TIMEFRAME) {
            let true_one = oracle::candle(symbol, TIMEFRAME, candle.ts);
            same("a good series' candle", &name, &Some(candle), &true_one);
        }
    }
    home.assert_no_key_on_disk();
}

/// Every case of a table at three pages, with one worker and with eight. What fails is named by its panic; the others
/// are tried all the same.
fn try_all(cases: Vec<Case>) {
    let cases: Vec<Arc<Case>> = cases.into_iter().map(Arc::new).collect();
    let failed = AtomicUsize::new(0);
    let six = |case: &Arc<Case>| {
        thread::scope(|scope| {
            for (place, workers) in [(0, 1), (0, 8), (1, 1), (1, 8), (2, 1), (2, 8)] {
                let failed = &failed;
                scope.spawn(move || {
                    let tried = catch_unwind(AssertUnwindSafe(|| try_case(case, place, workers)));
                    failed.fetch_add(usize::from(tried.is_err()), Ordering::Relaxed);
                });
            }
        });
    };
    // What waits for a time to run out waits beside the others.
    thread::scope(|scope| {
        for case in cases.iter().filter(|case| case.slow) {
            scope.spawn(|| six(case));
        }
        for case in cases.iter().filter(|case| !case.slow) {
            six(case);
        }
    });
    let runs = 6 * cases.len();
    assert_eq!(failed.into_inner(), 0, "failed runs of {runs}");
}

/// The cases of all tables.
pub(crate) fn all_cases() -> Vec<Case> {
    [
        answers::connections(),
        answers::bodies(),
        statuses::statuses(),
        pages::addresses(),
        rows::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn the_tables_hold_at_least_64_cases_each_with_a_name_of_its_own() {
    let cases = all_cases();
    let names: Vec<&str> = cases.iter().map(|case| case.name).collect();
    assert!(names.len() >= 64, "{} cases", names.len());
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    assert!(At::new(1, String::new()).pages >= 3);
}

#[test]
fn a_connection_that_fails_costs_no_candle_and_proves_nothing() {
    try_all(answers::connections());
}

#[test]
fn a_body_that_is_no_answer_is_never_read_as_one() {
    try_all(answers::bodies());
}

#[test]
fn a_status_means_what_the_rules_say_on_every_page() {
    try_all(statuses::statuses());
}

#[test]
fn an_address_of_the_next_page_leads_nowhere_but_to_the_next_page() {
    try_all(pages::addresses());
}

#[test]
fn a_row_that_lies_is_rejected_or_ends_the_slice_and_is_never_taken_for_another() {
    try_all(rows::rows());
}

#[test]
fn an_address_that_nothing_answers_at_fails_the_job_and_stores_nothing() {
    // Bound and dropped: nobody listens there now.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    for workers in [1, 8] {
        let home = Home::new();
        let report = run(&home, &url, limits(false), workers);
        assert_eq!(report.status, JobStatus::Failed);
        assert!(matches!(report.stop, Some(Stop::Unreachable { .. })));
        let db = Db::open(&home.db_path());
        check_books(&db);
        assert_eq!(db.count("SELECT count(*) FROM candle_data"), 0);
        assert_eq!(db.count("SELECT count(*) FROM coverage"), 0);
    }
}

#[test]
fn a_server_that_goes_away_costs_what_it_still_owed_and_no_more() {
    for place in [1, 2] {
        let at = At::new(place, String::new());
        let expect = |at: &At| Outcome {
            others: Others::MayBeMissing,
            ..case::is_final(at)
        };
        let gone = Arc::new(case::case("gone", expect, |_| Reply::Gone));
        let (home, server) = (Home::new(), server(Arc::clone(&gone), at.clone()));
        let report = run(&home, &server.url(), limits(false), 1);
        assert_eq!((report.status, &report.stop), (JobStatus::Partial, &None));
        assert_eq!(report.failed.len(), 1 + GOOD.len(), "{report:?}");
        assert_eq!(server.hits(), at.page + 1);
        let db = Db::open(&home.db_path());
        check_books(&db);
        let (rows, covered_to) = expected(&at, &expect(&at));
        assert_eq!(db.candles(BAD, TIMEFRAME), rows);
        let covered = (asked().0, covered_to.unwrap());
        assert_eq!(db.coverage(BAD, TIMEFRAME), [covered]);
    }
}

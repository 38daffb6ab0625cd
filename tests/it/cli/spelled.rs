//! What comes from outside and is spelled otherwise: symbols, zones, keys, and the words of a server.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::documents::refused;
use crate::support::exchange::Reply;
use crate::support::harness::Home;
use crate::support::server::Server;

const NOTHING: &str = r#"{"status":"OK","resultsCount":0}"#;
const WEEK: &str = "--start 2024-01-08 --end 2024-01-12";

#[test]
fn a_symbol_that_others_spell_otherwise_is_told_as_the_provider_spells_it() {
    let home = Home::new();
    let server = Server::always(Reply::json(200, NOTHING));
    for (asked, hints) in [
        ("BAC-L", "did you mean BACpL or BAC.L?"),
        ("kimpl", "did you mean KIMPL or KIMpL?"),
        ("BAC.PRL", "did you mean BACpL?"),
        ("BAC^L", "did you mean BACpL?"),
        ("AAM/WS", "did you mean AAM.WS?"),
        ("BRK_B", "did you mean BRK.B or BRKpB?"),
        ("BRK.b", "did you mean BRK.B?"),
        ("BTC-USD", "did you mean X:BTCUSD?"),
        ("x:btcusd", "did you mean X:BTCUSD?"),
        ("X:BTC_USD", "did you mean X:BTCUSD?"),
        ("XAUUSD", "did you mean C:XAUUSD?"),
        ("i:ndx", "did you mean I:NDX?"),
        ("X:BTC-USD", "did you mean X:BTCUSD?"),
        ("EURUSD=X", "did you mean C:EURUSD?"),
        ("^NDX", "did you mean I:NDX?"),
        ("SPY251219C00650000", "did you mean O:SPY251219C00650000?"),
        ("BRKB", "did you mean BRK.B?"),
        ("SPX", "did you mean I:SPX?"),
        ("NDX", "did you mean I:NDX?"),
        ("AAPL.US", "did you mean AAPL?"),
        ("NASDAQ:AAPL", "did you mean AAPL?"),
        ("FX:EURUSD", "did you mean C:EURUSD?"),
        ("XBTUSD", "did you mean X:BTCUSD?"),
        ("XXBTZUSD", "did you mean X:BTCUSD?"),
        ("X:XBTUSD", "did you mean X:BTCUSD?"),
        ("EUR.USD", "did you mean C:EURUSD?"),
        ("AAPL:US", "did you mean AAPL?"),
        ("SPY_251219C450", "did you mean O:SPY251219C00450000?"),
        ("LSE:VOD", "those of the United States alone"),
        ("RY.TO", "those of the United States alone"),
    ] {
        let words = [
            "backfill",
            asked,
            "--start",
            "2024-01-08",
            "--end",
            "2024-01-12",
        ];
        let run = home.to(&server, words).run().exit(3);
        assert!(run.stdout.contains(hints), "{hints}\n{run:?}");
        let is_a_guess = hints.starts_with("did");
        let next = "leave out what the provider does not have";
        assert_ne!(run.stdout.contains(next), is_a_guess, "{run:?}");
        let shown = home.cli(["show", asked]).run().ok().stdout;
        let says = format!("no data for {asked} ");
        assert!(shown.contains(&says) && shown.contains(hints), "{shown}");
    }
    // As a clearing house pads it, it is no symbol at all.
    for (word, meant) in [
        ("SPY   240119C00450000", "O:SPY240119C00450000"),
        ("O:SPY   240119C00450000", "O:SPY240119C00450000"),
        ("BAC$L", "BACpL"),
        ("$SPX", "I:SPX"),
        ("AAM+", "AAM.WS"),
    ] {
        let run = home.cli(["backfill", word]).run().exit(2);
        let hint = format!("did you mean {meant}?");
        assert!(run.stderr.contains(&hint), "{run:?}");
    }
    // A file of symbols is read as strangers wrote it, too.
    let run = home.cli(["backfill", "--symbols-file", "-"]);
    let run = run.stdin("AAPL\n.SPX\n").run().exit(2);
    assert!(
        run.stderr.contains("-:2: ") && run.stderr.contains("did you mean I:SPX?"),
        "{run:?}"
    );
}

#[test]
fn a_range_without_a_session_is_told_by_what_trades_when() {
    let home = Home::new();
    let (empty, server) = (Server::always(Reply::json(200, NOTHING)), Server::start());
    let said = |server: &Server, symbol: &str, exit: i32| {
        // On Sundays forex trades.
        let last = if symbol.starts_with("C:") { 6 } else { 7 };
        let weekend = format!("--start 2024-01-06 --end 2024-01-0{last}");
        let words = format!("backfill {symbol} -t 1d {weekend}");
        home.to(server, words.split(' ')).run().exit(exit).stdout
    };
    // What is meant may trade then.
    let text = said(&empty, "BTC-USD", 3);
    assert!(text.contains("did you mean X:BTCUSD?"), "{text}");
    assert!(!text.contains("do not trade"), "{text}");
    assert!(text.contains("next: check the spelling"), "{text}");
    let text = said(&empty, "X:NOCOIN", 3);
    assert!(!text.contains("holidays"), "{text}");
    let text = said(&empty, "brk-b", 3);
    assert!(text.contains("stocks do not trade then"), "{text}");
    // Later, too.
    let newest = "SELECT job_id FROM backfill_jobs ORDER BY created_at DESC, job_id DESC LIMIT 1";
    let job = home.db().text(newest);
    let status = home.cli(["status", &job]).run().ok().stdout;
    assert!(
        status.contains("no data: the provider has no data for brk-b 1d"),
        "{status}"
    );
    // Of a series that is held, too.
    for _ in 0..2 {
        home.backfill(&server, &format!("AAPL -t 1d {WEEK}")).ok();
        let text = said(&server, "AAPL", 0);
        assert!(
            text.contains("no session: stocks do not trade then"),
            "{text}"
        );
        assert!(!text.contains("nothing was missing"), "{text}");
    }
    let text = said(&server, "X:BTCUSD", 0);
    assert!(!text.contains("no session"), "{text}");
    // A candle that the provider has of then is held, and is told of whoever asks again.
    let saturday = r#"{"ticker":"C:EURUSD","status":"OK","resultsCount":1,"results":[
        {"o":1.1,"h":1.1,"l":1.1,"c":1.1,"v":1,"t":1704499200000}]}"#;
    let odd = Server::always(Reply::json(200, saturday));
    for _ in 0..2 {
        let text = said(&odd, "C:EURUSD", 0);
        let held = "currencies do not trade then, and 1 candle of then is held (off_session)";
        assert!(text.contains(held), "{text}");
    }
}

#[test]
fn a_zone_is_understood_as_people_say_it() {
    let home = Home::of_sample(&format!("AAPL -t 1h {WEEK}"));
    let shown = |zone: &str, local: &str| {
        let words = [
            "show", "AAPL", "-t", "1h", "--tail", "1", "--json", "--tz", zone,
        ];
        let run = home.cli(words).env("TZ", local).run().ok().json();
        run["tz"].as_str().unwrap().to_owned()
    };
    for (zone, name) in [
        ("ET", "America/New_York"),
        ("pt", "America/Los_Angeles"),
        ("Berlin", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("europe/london", "Europe/London"),
        ("utc", "UTC"),
    ] {
        assert_eq!(shown(zone, "Asia/Tokyo"), name, "{zone}");
    }
    assert_eq!(shown("local", "Asia/Tokyo"), "Asia/Tokyo");
    assert_eq!(shown("Local", ":Europe/Paris"), "Europe/Paris");
    assert_eq!(shown("local", "JST-9"), "Etc/GMT-9");
    // A file is the zone that its name, or where it leads to, says.
    fs::create_dir_all(home.path("zoneinfo/America")).unwrap();
    fs::write(home.path("zoneinfo/America/New_York"), "").unwrap();
    symlink(home.path("zoneinfo/America/New_York"), home.path("here")).unwrap();
    for file in ["here", "zoneinfo/America/New_York"] {
        let file = home.path(file).display().to_string();
        for local in [format!(":{file}"), file] {
            assert_eq!(shown("local", &local), "America/New_York", "{local}");
        }
    }
    assert_eq!(shown("local", ":/etc/localtime"), shown("local", ""));
    assert_eq!(shown("local", ":America/New_York"), "America/New_York");
    let words = "show AAPL -t 1h --tz local";
    for (local, why) in [
        ("IST-5:30", "has minutes or a summer time"),
        ("EST5EDT4,M3.2.0,M11.1.0", "has minutes or a summer time"),
        ("<-03>3<-02>,M3.2.0,M11.1.0", "JST-9, it is understood"),
        ("Berlinn", "names no zone"),
        (":/no/such/file", "names no zone"),
    ] {
        let run = home.cli(words.split(' ')).env("TZ", local).run().exit(2);
        run.says(&[&format!("TZ={local} "), why, "set TZ to a name"]);
    }
    let server = Server::start();
    refused(
        &home,
        &server,
        "show AAPL -t 1h --tz Berlinn",
        2,
        &["Berlinn", "Europe/Berlin", "local"],
    );
    // Zones of fixed hours have the sign that nobody expects in their names.
    for (zone, meant) in [
        ("UTC+1", "Etc/GMT-1 (that is UTC+1"),
        ("GMT+1", "Etc/GMT-1 (that is UTC+1"),
        ("+05:00", "Etc/GMT-5 (that is UTC+5"),
        ("utc-10", "Etc/GMT+10 (that is UTC-10"),
    ] {
        let words = format!("show AAPL -t 1h --tz {zone}");
        refused(&home, &server, &words, 2, &[meant]);
    }
    assert_eq!(shown("Etc/GMT-1", "UTC"), "Etc/GMT-1");
}

#[test]
#[cfg(feature = "serve")]
fn a_daily_update_understands_the_same_zones() {
    let (home, server) = (Home::new(), Server::start());
    refused(
        &home,
        &server,
        "serve --update-at 20:30@Berlinn",
        2,
        &["Europe/Berlin"],
    );
    refused(&home, &server, "serve --update-at 25:30@ET", 2, &["25:30"]);
    for zone in ["ET", "Berlin", "local"] {
        // The port is refused, and the zone is not.
        let words = format!("serve --update-at 20:30@{zone} --port many");
        let run = home.cli(words.split(' ')).run().exit(2);
        assert!(
            run.stderr.contains("many") && !run.stderr.contains("20:30"),
            "{run:?}"
        );
    }
}

#[test]
fn a_key_of_fewer_than_eight_characters_is_none() {
    let (home, server) = (Home::new(), Server::start());
    for key in ["k", "short-7"] {
        let run = home
            .to(&server, format!("backfill AAPL {WEEK}").split(' '))
            .env("MASSIVE_API_KEY", key)
            .run()
            .exit(1);
        assert!(
            run.stderr.contains("eight") && run.stderr.contains("MASSIVE_API_KEY"),
            "{run:?}"
        );
    }
    assert_eq!(server.hits(), 0);
    // Another than the server knows, and it is sent.
    let run = home
        .to(&server, format!("backfill AAPL {WEEK}").split(' '))
        .env("MASSIVE_API_KEY", "eight-ch")
        .run()
        .exit(1);
    assert!(run.stdout.contains("401") && server.hits() == 1, "{run:?}");
}

#[test]
fn a_servers_words_turn_nothing_around() {
    let home = Home::new();
    let said = "no \u{202e}such\u{2066} thing\u{200f} as \u{61c}this";
    let server = Server::always(Reply::json(404, format!(r#"{{"message":"{said}"}}"#)));
    let run = home
        .to(&server, format!("backfill AAPL {WEEK}").split(' '))
        .run()
        .exit(3);
    assert!(run.stdout.contains("no such thing as this"), "{run:?}");
    assert!(
        home.db()
            .text("SELECT error FROM backfill_progress")
            .contains("no such thing as this")
    );
    // What is in a file is shown as what it is.
    let shown = home
        .cli(["sql", "select 'a' || char(8238) || 'b' as c"])
        .run()
        .ok()
        .stdout;
    assert!(shown.contains(r"a\u{202e}b"), "{shown}");
}

//! Reads answers: what is data, and what is an error. A 2xx is data only if its body says so.

use std::fmt;
use std::ops::Deref;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use serde_json::value::RawValue;

use super::rows::{Rows, row};
use super::{LIMIT, NEXT_LIMIT, next_page};
use crate::http::{Failure, Heard, Kind, words};
use crate::provider::prefixes::asset_class;
use crate::provider::{Ask, AssetClass, Dated, ErrorKind, Page};

/// More characters than a number or a truth value has.
const SIMPLE_LIMIT: usize = 64;

/// The fields of an answer that are read. Index bodies carry neither `adjusted` nor counts.
#[derive(Deserialize)]
struct Answer<'a> {
    status: Option<Text>,
    ticker: Option<Text>,
    #[serde(borrow)]
    adjusted: Option<&'a RawValue>,
    #[serde(borrow, rename = "resultsCount")]
    results_count: Option<&'a RawValue>,
    #[serde(borrow)]
    count: Option<&'a RawValue>,
    #[serde(borrow)]
    results: Option<Rows<'a>>,
    next_url: Option<Text>,
    error: Option<Text>,
    message: Option<Text>,
}

/// The beginning of a text, as much as is looked at of any: a body that is one long text must not be kept twice.
struct Text(String);

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
        struct Beginning;

        impl Visitor<'_> for Beginning {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                let end = text.ceil_char_boundary(NEXT_LIMIT + 1);
                Ok(Text(text[..end].to_owned()))
            }
        }
        deserializer.deserialize_str(Beginning)
    }
}

/// Turns a status and a body into a page, or says why it is none.
pub(super) fn read(heard: Heard<'_>, ask: &Ask, prefix: &str) -> Result<Page, Failure<ErrorKind>> {
    let Heard {
        status,
        dated,
        body,
    } = heard;
    if !(200..300).contains(&status) {
        return Err(refusal(heard));
    }
    let body = body.unwrap_or_default();
    // Fields by their order in a list would be read as well.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(odd("it is no JSON object"));
    }
    let answer: Answer<'_> =
        serde_json::from_slice(body).map_err(|error| odd(&words(&error.to_string())))?;
    check(&answer, ask)?;
    let rows = answer.results.map_or_else(Vec::new, |results| results.rows);
    let next = answer
        .next_url
        .filter(|url| !url.is_empty())
        .map(|url| next_page(&url, ask, prefix))
        .transpose()?;
    let page = Page::of(ask, rows.into_iter().map(row))
        .followed_by(next)
        .dated(dated);
    match page.contradiction() {
        Some(why) => Err(contradiction(why.to_owned())),
        None => Ok(page),
    }
}

/// A 2xx is data only if its body says so and speaks of what was asked.
fn check(answer: &Answer<'_>, ask: &Ask) -> Result<(), Failure<ErrorKind>> {
    match answer.status.as_deref() {
        Some("OK" | "DELAYED") => {}
        Some(status) => {
            let said = answer
                .message
                .as_deref()
                .or(answer.error.as_deref())
                .unwrap_or("");
            return Err(Failure::Again(format!(
                "the answer's status is {}: {}",
                words(status),
                words(said)
            )));
        }
        None => return Err(Failure::Again("the answer has no status".to_owned())),
    }
    if let Some(ticker) = answer.ticker.as_deref()
        && ticker != ask.symbol.as_str()
    {
        return Err(wrong(format!(
            "the answer is for {}, and {} was asked",
            words(ticker),
            ask.symbol
        )));
    }
    if let Some(adjusted) = simple::<bool>(answer.adjusted)?
        && asset_class(&ask.symbol) == AssetClass::Stock
        && adjusted != ask.adjusted.is_adjusted()
    {
        return Err(wrong(format!(
            "the answer has adjusted={adjusted}, and adjusted={} was asked",
            ask.adjusted.is_adjusted()
        )));
    }
    if answer
        .results
        .as_ref()
        .is_some_and(|results| results.too_many)
    {
        return Err(wrong(format!(
            "the answer has more than the {LIMIT} rows that were asked for"
        )));
    }
    check_counts(answer)
}

/// What is counted must be there, unless it is on a page that follows.
#[allow(clippy::cast_precision_loss)] // At most so many rows as were asked for.
fn check_counts(answer: &Answer<'_>) -> Result<(), Failure<ErrorKind>> {
    let held = answer
        .results
        .as_ref()
        .map_or(0, |results| results.rows.len()) as f64;
    let follows = answer.next_url.as_ref().is_some_and(|url| !url.is_empty());
    for counted in [answer.results_count, answer.count] {
        let counted: f64 = simple(counted)?.unwrap_or_default();
        let lacks = counted > held && !(follows && held > 0.0);
        if lacks || (held == 0.0 && counted != 0.0) {
            return Err(contradiction(format!(
                "the answer counts {counted} results and holds {held}"
            )));
        }
    }
    Ok(())
}

/// The answer contradicts itself or the question, and so is none: it is asked for again like a body that broke off.
fn contradiction(why: String) -> Failure<ErrorKind> {
    Failure::Again(why)
}

/// A number or a truth value. A long text in its place must not get into an error.
fn simple<'a, T: Deserialize<'a>>(
    raw: Option<&'a RawValue>,
) -> Result<Option<T>, Failure<ErrorKind>> {
    let Some(raw) = raw.map(RawValue::get) else {
        return Ok(None);
    };
    if raw.len() > SIMPLE_LIMIT {
        return Err(odd("a field is too long"));
    }
    serde_json::from_str(raw).map_err(|error| odd(&error.to_string()))
}

fn odd(why: &str) -> Failure<ErrorKind> {
    Failure::Again(format!("the answer is not what it should be: {why}"))
}

pub(super) fn wrong(message: String) -> Failure<ErrorKind> {
    Failure::Final(Kind::Answer, message)
}

/// What a 4xx means. 403 has `message` and comes in three wordings, 401 has `error`: recorded.
fn refusal(heard: Heard<'_>) -> Failure<ErrorKind> {
    #[derive(Deserialize)]
    struct Said {
        message: Option<Text>,
        error: Option<Text>,
    }
    let status = heard.status;
    // The three kinds of 403 are told apart by their words.
    if heard.body.is_none() && status == 403 {
        return odd("its words are missing");
    }
    let said = serde_json::from_slice::<Said>(heard.body.unwrap_or_default())
        .ok()
        .and_then(|said| said.message.or(said.error))
        .map_or_else(String::new, |said| said.0);
    let kind = match status {
        401 => ErrorKind::Unauthorized,
        403 if said.contains("before end of day") => ErrorKind::TodayBeforeEnd {
            now: heard.dated.map(Dated::now),
        },
        403 if said.contains("include this data timeframe") => ErrorKind::OutsideHistory,
        403 if said.contains("not entitled to this data") => ErrorKind::NotEntitled,
        403 => ErrorKind::Refused { by_plan: true },
        400..500 => ErrorKind::Refused { by_plan: false },
        _ => ErrorKind::Slice,
    };
    let said = words(&said);
    let message = if said.is_empty() {
        format!("HTTP {status}")
    } else {
        format!("HTTP {status}: {said}")
    };
    Failure::Final(Kind::Read(kind), message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::polygon::tests::{ask, days};

    fn heard(status: u16, body: &str) -> Heard<'_> {
        Heard {
            status,
            dated: None,
            body: Some(body.as_bytes()),
        }
    }

    fn page(body: &str, ask: &Ask) -> Page {
        match read(heard(200, body), ask, "") {
            Ok(page) => page,
            Err(Failure::Again(why) | Failure::Final(_, why)) => panic!("{why}"),
        }
    }

    fn failure(status: u16, body: &str, ask: &Ask) -> (Option<ErrorKind>, String) {
        match read(heard(status, body), ask, "") {
            Ok(_) => panic!("this is no answer: {body}"),
            Err(Failure::Again(why)) => (None, why),
            Err(Failure::Final(Kind::Read(kind), why)) => (Some(kind), why),
            Err(Failure::Final(_, why)) => (Some(ErrorKind::Slice), why),
        }
    }

    #[test]
    fn rows_come_in_every_recorded_shape() {
        let body = r#"{"ticker":"AAPL","status":"DELAYED","adjusted":false,"resultsCount":2,"results":[
            {"v":6.42646396e+08,"vw":184.5,"o":184,"c":185.64,"h":188.44,"l":183.89,"t":1704171600000,"n":82132},
            {"v":7.5,"o":1e2,"c":1.0E2,"h":100,"l":100,"t":1704312000000,"otc":true}],"next_url":null}"#;
        let page = page(body, &days());
        assert!(page.rejected.is_empty() && page.next.is_none());
        let first = &page.candles[0];
        assert_eq!(
            (first.ts, first.open, first.volume, first.trades),
            (1_704_153_600, 184.0, Some(642_646_396.0), Some(82132))
        );
        let second = &page.candles[1];
        assert_eq!(
            (second.ts, second.close, second.vwap, second.trades),
            (1_704_240_000, 100.0, None, None)
        );
    }

    #[test]
    fn an_index_has_no_volume_and_its_envelope_no_counts() {
        let body = r#"{"ticker":"I:NDX","status":"OK","results":[{"o":16532,"c":1,"h":1,"l":1,"t":1704175200000}]}"#;
        let page = page(body, &ask("I:NDX", "1d", 1_704_153_600, 1_704_326_400));
        assert_eq!(
            (page.candles[0].ts, page.candles[0].volume),
            (1_704_153_600, None)
        );
    }

    #[test]
    fn a_bad_value_spoils_its_row_and_not_the_page() {
        let row = |fields: &str| {
            format!(r#"{{"t":1704171600000,"o":1,"h":1,"l":1,"c":1,"v":1{fields}}}"#)
        };
        let body = |rows: &[String]| format!(r#"{{"status":"OK","results":[{}]}}"#, rows.join(","));
        let reason = |row: &str| {
            let good = r#"{"t":1704258000000,"o":1,"h":1,"l":1,"c":1,"v":1}"#;
            page(&body(&[row.to_owned(), good.to_owned()]), &days())
                .rejected
                .remove(0)
                .reason
        };
        assert_eq!(
            reason(r#"{"t":1704171600000,"o":null,"h":1,"l":1,"c":1,"v":1}"#),
            "open is missing"
        );
        assert_eq!(
            reason(r#"{"t":1704171600000,"o":"1.5","h":1,"l":1,"c":1,"v":1}"#),
            "open is not a number"
        );
        assert_eq!(
            reason(r#"{"t":1704171600000,"o":[{}],"h":1,"l":1,"c":1,"v":1}"#),
            "open is not a number"
        );
        assert_eq!(
            reason(r#"{"t":1704171600000,"o":1,"h":1,"l":1,"c":1}"#),
            "volume is missing"
        );
        assert_eq!(
            reason(r#"{"t":1704171600000,"o":1,"h":1,"l":1,"c":1,"v":-2}"#),
            "volume is negative"
        );
        assert_eq!(
            reason(r#"{"o":1,"h":1,"l":1,"c":1,"v":1}"#),
            "the stamp is missing"
        );
        assert_eq!(reason(&row(r#","n":1.5"#)), "trades is not a whole number");
        let mixed = page(
            &body(&[row(""), r#"{"t":1704171600000,"o":null}"#.to_owned()]),
            &days(),
        );
        assert_eq!(
            (mixed.candles.len(), mixed.rejected[0].raw.as_str()),
            (1, r#"{"t":1704171600000,"o":null}"#)
        );
    }

    #[test]
    fn rows_outside_are_dropped_within_one_candle_and_make_the_answer_none_beyond() {
        let row = |t: i64| format!(r#"{{"t":{t},"o":1,"h":1,"l":1,"c":1,"v":1}}"#);
        let body = |t: i64| {
            let rows = [row(660_000), row(t)].join(",");
            format!(r#"{{"status":"OK","results":[{rows}]}}"#)
        };
        let minutes = ask("AAPL", "1m", 600, 1200);
        for (t, candles, rejected) in [
            (540_000, 1, 0),
            (600_000, 2, 0),
            (1_140_000, 2, 0),
            (1_200_000, 1, 0),
            (630_000, 1, 1),
            (600_500, 1, 1),
        ] {
            let page = page(&body(t), &minutes);
            assert_eq!(
                (page.candles.len(), page.rejected.len()),
                (candles, rejected),
                "{t}"
            );
        }
        for t in [
            480_000,
            1_260_000,
            1_260_001,
            253_402_300_740_000,
            -999_999_999_999_999,
        ] {
            let (kind, why) = failure(200, &body(t), &minutes);
            assert_eq!(kind, None, "asked for again: {t}");
            assert!(why.contains("outside of what was asked"), "{why}");
        }
    }

    #[test]
    fn a_page_of_nothing_but_bad_rows_is_no_answer_unless_it_is_a_single_one_after_candles() {
        let body = r#"{"status":"OK","results":[{"t":1704171600000,"o":null}]}"#;
        let (kind, why) = failure(200, body, &days());
        assert_eq!(kind, None);
        assert!(why.ends_with("cannot be stored: open is missing"), "{why}");
        let (kind, _) = failure(
            200,
            &body.replace(
                "]}",
                r#"],"next_url":"/v2/aggs/ticker/AAPL/range/1/day/1/2?cursor=a"}"#,
            ),
            &days(),
        );
        assert_eq!(kind, None);
        // The day that is not over.
        let unclosed = Ask {
            closed: 1_704_153_600,
            ..days()
        };
        assert!(read(heard(200, body), &unclosed, "").is_ok());
        let after_candles = Ask {
            has_candles: true,
            ..days()
        };
        let later = read(heard(200, body), &after_candles, "");
        assert!(later.is_ok_and(|page| page.rejected.len() == 1));
        let two = body.replace("[{", r#"[{"t":1704258000000,"o":null},{"#);
        let (kind, why) = failure(200, &two, &after_candles);
        assert_eq!(kind, None);
        assert!(why.ends_with("cannot be stored: open is missing"), "{why}");
    }

    #[test]
    fn what_an_answer_counts_it_holds_or_another_page_does() {
        let row = r#"{"t":1704171600000,"o":1,"h":1,"l":1,"c":1,"v":1}"#;
        let next = "/v2/aggs/ticker/AAPL/range/1/day/1/2?cursor=a";
        let body = |counts: &str, next: &str| {
            format!(r#"{{"status":"OK",{counts},"results":[{row}],"next_url":"{next}"}}"#)
        };
        for counts in [r#""resultsCount":2"#, r#""resultsCount":1,"count":7"#] {
            let (kind, why) = failure(200, &body(counts, ""), &days());
            assert_eq!(kind, None, "{counts}");
            assert!(why.contains("results and holds 1"), "{why}");
            assert_eq!(page(&body(counts, next), &days()).candles.len(), 1);
        }
        let fewer = r#""queryCount":99,"resultsCount":0,"count":1"#;
        assert_eq!(page(&body(fewer, ""), &days()).candles.len(), 1);
    }

    #[test]
    fn what_is_no_answer_is_an_error_and_never_empty() {
        for body in [
            "",
            "null",
            "[]",
            "<html>Sign in</html>",
            r#"{"status":"OK","results":[{"t":1"#,
            r#"{"status":"OK"} trailing"#,
            r#"{"results":[]}"#,
            r#"{"status":"ERROR","error":"unknown"}"#,
            r#"{"status":"NOT_AUTHORIZED","message":"no"}"#,
            r#"{"status":"OK","resultsCount":3}"#,
            r#"{"status":"OK","count":3,"results":null}"#,
        ] {
            assert_eq!(failure(200, body, &days()).0, None, "{body}");
        }
        let another = failure(
            200,
            r#"{"status":"OK","ticker":"MSFT","results":[]}"#,
            &days(),
        );
        assert_eq!(another.0, Some(ErrorKind::Slice));
        let adjusted = failure(
            200,
            r#"{"status":"OK","adjusted":true,"results":[]}"#,
            &days(),
        );
        assert_eq!(adjusted.0, Some(ErrorKind::Slice));
    }

    #[test]
    fn nothing_is_an_answer_in_three_spellings() {
        for results in ["", r#","results":null"#, r#","results":[]"#] {
            let page = page(
                &format!(r#"{{"status":"OK","resultsCount":0{results}}}"#),
                &days(),
            );
            assert!(page.candles.is_empty() && !page.has_rows && page.next.is_none());
        }
    }

    #[test]
    fn refusals_are_told_apart_by_their_words() {
        let kind = |status, words: &str| {
            failure(
                status,
                &format!(r#"{{"status":"X","message":"{words}"}}"#),
                &days(),
            )
            .0
        };
        assert_eq!(
            kind(403, "Your plan doesn't include this data timeframe."),
            Some(ErrorKind::OutsideHistory)
        );
        assert_eq!(
            kind(403, "Attempted to request today's data before end of day."),
            Some(ErrorKind::TodayBeforeEnd { now: None })
        );
        assert_eq!(
            kind(403, "You are not entitled to this data."),
            Some(ErrorKind::NotEntitled)
        );
        assert_eq!(
            kind(403, "Something new."),
            Some(ErrorKind::Refused { by_plan: true })
        );
        assert_eq!(kind(401, "Unknown API Key"), Some(ErrorKind::Unauthorized));
        assert_eq!(
            failure(404, "<html>", &days()),
            (
                Some(ErrorKind::Refused { by_plan: false }),
                "HTTP 404".to_owned()
            )
        );
    }
}

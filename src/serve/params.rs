//! What a call is given: query parameters, or the same as a JSON body, read strictly. A name that the route does not know,
//! or one that is given twice where once is meant, is an error, and so is a text that is not UTF-8.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::answer::Fault;
use super::routes::{Kind, Param, Route};
use crate::model::range::Moment;
use crate::view::Steps;

/// Values in a body at most.
const VALUES: usize = 20_000;

/// Parameters of a call, in the order given.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads a query and, where the route takes one, a JSON body.
    pub(super) fn read(route: &Route, query: &str, body: &[u8]) -> Result<Params, Fault> {
        let mut params = Params(of_query(query)?);
        if let Some(given) = of_body(route, body)? {
            if !params.0.is_empty() {
                return Err(Fault::contradiction(
                    "parameters are given both in the query and in the body",
                    "give them in one of the two",
                ));
            }
            params = Params(given);
        }
        for (name, text) in &params.0 {
            let known = known(route, name)?;
            if !known.repeats && params.all(name).count() > 1 {
                return Err(twice(name));
            }
            known.check(text)?;
        }
        Ok(params)
    }

    /// The value of a parameter that is given once or not at all.
    pub(super) fn one<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// All values of a parameter that may be repeated.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_name =
            move |(given, value): &'a (String, String)| (given == name).then_some(value.as_str());
        self.0.iter().filter_map(of_name)
    }

    /// All that was given, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter()
    }

    /// A parameter parsed; the error says what its text should have been.
    pub(super) fn parsed<T>(&self, name: &'static str) -> Result<Option<T>, Fault>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        self.read_as(name, str::parse)
    }

    /// What is to become of candles on their way out.
    #[allow(clippy::unused_self)] // No parameter names a step yet.
    pub(super) fn steps(&self) -> Steps {
        Steps::default()
    }

    /// A day or an instant, as it may be typed on the command line, too; it may count from `now`.
    pub(super) fn moment(&self, name: &'static str, now: i64) -> Result<Option<Moment>, Fault> {
        self.read_as(name, |text| Moment::typed(text, now))
    }

    fn read_as<T, E: std::fmt::Display>(
        &self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Fault> {
        let wrong = |error| Fault::usage(format!("{name}: {error}"), "correct it");
        let read = |text| read(text).map_err(wrong);
        self.one(name).map(read).transpose()
    }

    /// A whole number within bounds, both inclusive.
    pub(super) fn number(
        &self,
        name: &'static str,
        default: u32,
        bounds: RangeInclusive<u32>,
    ) -> Result<u32, Fault> {
        let text = self.one(name);
        text.map_or(Ok(default), |text| number(name, text, &bounds))
    }
}

impl Param {
    /// Whether a text can be a value at all: what the table says of a parameter holds without a handler's doing.
    fn check(&self, text: &str) -> Result<(), Fault> {
        let wrong = |next: String| {
            let what = format!("{}: {} is not possible", self.name, shown(text));
            Err(Fault::usage(what, next))
        };
        match self.kind {
            Kind::Like(..) | Kind::Read(_) => Ok(()),
            Kind::Flag if ["true", "false"].contains(&text) => Ok(()),
            Kind::Flag => wrong("write true or false".into()),
            Kind::Number(least, most) => number(self.name, text, &(least..=most)).map(drop),
            Kind::OneOf(words) if words.contains(&text) => Ok(()),
            Kind::OneOf(words) => wrong(format!("write one of {}", words.join(", "))),
        }
    }
}

fn number(name: &str, text: &str, bounds: &RangeInclusive<u32>) -> Result<u32, Fault> {
    // Digits alone: a sign would be read, too.
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_digits);
    number
        .filter(|number| bounds.contains(number))
        .ok_or_else(|| {
            let (least, most) = (bounds.start(), bounds.end());
            Fault::usage(
                format!("{name}: {} is out of bounds", shown(text)),
                format!("write a whole number from {least} to {most}"),
            )
        })
}

fn known<'a>(route: &'a Route, name: &str) -> Result<&'a Param, Fault> {
    let known = route.params.iter().find(|param| param.name == name);
    known.ok_or_else(|| {
        let names: Vec<&str> = route.params.iter().map(|param| param.name).collect();
        let next = if names.is_empty() {
            "leave it out: this call takes none".to_owned()
        } else {
            format!("this call takes {}", names.join(", "))
        };
        Fault::usage(format!("there is no parameter {}", shown(name)), next)
    })
}

fn twice(name: &str) -> Fault {
    Fault::usage(format!("{name} is given more than once"), "give it once")
}

fn of_query(query: &str) -> Result<Vec<(String, String)>, Fault> {
    // Bytes that are not UTF-8 would be replaced without a word.
    if percent_encoding::percent_decode_str(query)
        .decode_utf8()
        .is_err()
    {
        return Err(Fault::usage("the query is not UTF-8", "correct it"));
    }
    Ok(url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect())
}

/// An object whose members are texts, numbers, flags, or lists of texts.
/// `None` where there is nothing, or the word for it.
fn of_body(route: &Route, body: &[u8]) -> Result<Option<Vec<(String, String)>>, Fault> {
    if body.is_empty() {
        return Ok(None);
    }
    let bad = |what: &str| {
        Fault::usage(
            what,
            r#"send an object like {"symbols": ["AAPL"], "start_date": "2024-11-01"}"#,
        )
    };
    // Read as pairs: a name that is given twice must be seen.
    let members: Option<Pairs> =
        serde_json::from_slice(body).map_err(|_| bad("the body is not a JSON object"))?;
    let Some(Pairs(members)) = members else {
        return Ok(None);
    };
    let mut given = Vec::new();
    let mut seen = Vec::new();
    for (name, value) in members {
        // What has no value has a name all the same.
        let param = known(route, &name)?;
        let name = param.name;
        if seen.contains(&name) {
            return Err(twice(name));
        }
        seen.push(name);
        let values = match value {
            Value::Null => continue,
            Value::Array(values) if param.repeats => values,
            value => vec![value],
        };
        for value in values {
            let text = match value {
                Value::String(text) => text,
                Value::Bool(flag) if matches!(param.kind, Kind::Flag) => flag.to_string(),
                _ => {
                    let what = "a parameter in the body is neither a text nor a list of texts";
                    return Err(bad(what));
                }
            };
            if given.len() == VALUES {
                return Err(Fault::usage(
                    format!("the body has more than {VALUES} values"),
                    "send fewer, each once",
                ));
            }
            given.push((name.to_owned(), text));
        }
    }
    Ok(Some(given))
}

struct Pairs(Vec<(String, Value)>);

impl<'de> serde::Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> serde::de::Visitor<'de> for Members {
            type Value = Pairs;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// A stranger's text as it may stand in a message: short, and of one line.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let cut: String = text.chars().take(LONGEST).collect();
    let more = if cut.len() < text.len() { "..." } else { "" };
    format!("{cut:?}{more}")
}

//! Time zones as people type them: by their names, by their cities, by the letters of the United States, and this machine's
//! own, which is the only thing that is read from outside.

use std::path::Path;

use chrono_tz::{TZ_VARIANTS, Tz};

use crate::model::nearest::nearest;

/// What people write for the zones of the United States, whatever the season.
const LETTERS: [(&str, Tz); 11] = [
    ("ET", Tz::America__New_York),
    ("EDT", Tz::America__New_York),
    ("CT", Tz::America__Chicago),
    ("CST", Tz::America__Chicago),
    ("CDT", Tz::America__Chicago),
    ("MT", Tz::America__Denver),
    ("MDT", Tz::America__Denver),
    ("PT", Tz::America__Los_Angeles),
    ("PST", Tz::America__Los_Angeles),
    ("PDT", Tz::America__Los_Angeles),
    ("Z", Tz::UTC),
];

/// Text that means no zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadZone {
    /// It is no name of one.
    #[error("{text:?} is no zone, did you mean {}?", like(text))]
    Unknown {
        /// The text.
        text: String,
    },
    /// This machine's zone is meant, and what `TZ` says of it is not understood.
    #[error(
        "local goes by TZ, and TZ={text} {why}: set TZ to a name like Europe/Berlin, or write that name instead of local", text = .0, why = why_not(.0)
    )]
    Local(String),
}

/// The zone that a text means: a name (`Europe/Berlin`), its city alone (`Berlin`, `New York`), `ET`, `CT`, `MT`, `PT`, or
/// `local` for this machine's. Case does not count.
///
/// # Errors
/// It means none.
pub(crate) fn named(text: &str) -> Result<Tz, BadZone> {
    if text.eq_ignore_ascii_case("local") {
        return local();
    }
    let name = text.replace(' ', "_");
    let by = |of: fn(&'static str) -> &'static str| {
        let is_it = |zone: &&Tz| of(zone.name()).eq_ignore_ascii_case(&name);
        TZ_VARIANTS.iter().find(is_it).copied()
    };
    let letters = LETTERS
        .iter()
        .find(|(letters, _)| letters.eq_ignore_ascii_case(text));
    // As the name of a zone `GMT+1` is behind UTC; whoever types it means an hour ahead.
    let of_city = || by(city).filter(|_| fixed(text).is_none());
    by(|name| name)
        .or_else(|| letters.map(|&(_, zone)| zone))
        .or_else(of_city)
        .ok_or_else(|| BadZone::Unknown {
            text: text.to_owned(),
        })
}

/// The zone of fixed hours that a text like `UTC+1` means, and those hours.
fn fixed(text: &str) -> Option<(Tz, String)> {
    let upper = text.to_ascii_uppercase();
    let signed = ["UTC", "GMT"]
        .iter()
        .find_map(|word| upper.strip_prefix(word));
    let signed = signed.unwrap_or(&upper);
    // The names have the signs of POSIX.
    let (sign, theirs) = match signed.chars().next()? {
        '+' => ('+', '-'),
        '-' => ('-', '+'),
        _ => return None,
    };
    let hours = &signed[1..];
    let hours = hours.strip_suffix(":00").unwrap_or(hours);
    let hours: u8 = hours.parse().ok()?;
    let zone = format!("Etc/GMT{theirs}{hours}").parse().ok()?;
    Some((zone, format!("UTC{sign}{hours}")))
}

/// What was likely meant by a text that is no zone, in words.
pub(crate) fn like(text: &str) -> String {
    match fixed(text) {
        Some((zone, hours)) => {
            let name = zone.name();
            format!("{name} (that is {hours}: such names have the opposite sign)")
        }
        None => similar(text).join(", "),
    }
}

/// The zones whose names are the most similar to a text.
fn similar(text: &str) -> Vec<&'static str> {
    let all = TZ_VARIANTS.iter().map(|zone| zone.name());
    // Most people know the city alone.
    nearest(text, all, |name| {
        if text.contains('/') { name } else { city(name) }
    })
}

fn city(name: &'static str) -> &'static str {
    name.rsplit('/').next().unwrap_or(name)
}

/// This machine's zone: `TZ`, then the file that `/etc/localtime` leads to, then UTC.
fn local() -> Result<Tz, BadZone> {
    match std::env::var_os("TZ") {
        Some(text) if !text.is_empty() => {
            let text = text.to_string_lossy();
            let name = text.strip_prefix(':').unwrap_or(&text);
            let zone = name.parse().ok().or_else(|| of_hours(name));
            let zone = zone.or_else(|| of_file(Path::new(name)));
            zone.ok_or_else(|| BadZone::Local(text.escape_debug().to_string()))
        }
        _ => Ok(of_file(Path::new("/etc/localtime")).unwrap_or(Tz::UTC)),
    }
}

/// The zone whose file lies at a path, or where its links lead to: the folder of all zones tells it by its name there.
fn of_file(path: &Path) -> Option<Tz> {
    let of = |path: &Path| path.to_str()?.split_once("zoneinfo/")?.1.parse().ok();
    of(path).or_else(|| of(&path.canonicalize().ok()?))
}

/// Why what `TZ` says is not understood.
fn why_not(text: &str) -> &'static str {
    let is_rule = hours(text).is_some_and(|hours| {
        let hours = hours.trim_start_matches(['+', '-']);
        hours.starts_with(|c: char| c.is_ascii_digit())
    });
    if is_rule {
        "is no name, and has minutes or a summer time (without them, as in JST-9, it is understood)"
    } else {
        "names no zone"
    }
}

/// The zone of fixed hours that `TZ` says in the words of POSIX: an abbreviation, and the hours that are missing to UTC, as in
/// `JST-9`. One with minutes or a summer time has no name.
fn of_hours(text: &str) -> Option<Tz> {
    let hours = hours(text)?;
    let hours = hours.strip_suffix(":00").unwrap_or(hours);
    let (sign, digits) = match hours.strip_prefix(['+', '-']) {
        Some(digits) => (&hours[..1], digits),
        None => ("+", hours),
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let hours: u8 = digits.parse().ok().filter(|_| is_number)?;
    format!("Etc/GMT{sign}{hours}").parse().ok()
}

/// What stands behind an abbreviation of POSIX: three letters or more, or anything in angle brackets.
fn hours(text: &str) -> Option<&str> {
    let hours = match text.strip_prefix('<') {
        Some(quoted) => quoted.split_once('>')?.1,
        None => text.trim_start_matches(|c: char| c.is_ascii_alphabetic()),
    };
    (text.len() - hours.len() >= 3).then_some(hours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_meant_by_letters_and_by_a_city_alone() {
        assert_eq!(named("ET"), Ok(Tz::America__New_York));
        assert_eq!(named("berlin"), Ok(Tz::Europe__Berlin));
        assert!(named("Atlantis").is_err());
    }

    #[test]
    fn the_fixed_hours_of_posix_are_understood_and_nothing_else_of_it() {
        for (text, zone) in [
            ("JST-9", Some(Tz::Etc__GMTMinus9)),
            ("<+09>-9", Some(Tz::Etc__GMTMinus9)),
            ("EST5", Some(Tz::Etc__GMTPlus5)),
            ("EST+05:00", Some(Tz::Etc__GMTPlus5)),
            ("UTC0", Some(Tz::Etc__GMTPlus0)),
            ("IST-5:30", None),
            ("CET-1CEST,M3.5.0,M10.5.0/3", None),
            ("JST-15", None),
            ("9", None),
            ("<+09", None),
            ("Atlantis", None),
            ("", None),
        ] {
            assert_eq!(of_hours(text), zone, "{text}");
        }
    }
}

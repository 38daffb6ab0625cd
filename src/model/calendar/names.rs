//! What people call exchanges, beside the codes of their calendars.

use super::Calendar;

/// Everyday names, with the calendar whose sessions they have.
const NAMES: [(&str, &[&str]); 34] = [
    ("24/7", &["CRYPTO"]),
    ("BVMF", &["B3", "BMF", "BOVESPA"]),
    ("CMES", &["CBOT", "CME", "COMEX", "GLOBEX", "NYMEX"]),
    ("FX", &["FOREX"]),
    ("IEPA", &["ICE", "ICEUS", "NYFE"]),
    ("XAMS", &["AEX"]),
    ("XASX", &["ASX"]),
    ("XBKK", &["SET"]),
    ("XBOM", &["BSE"]),
    ("XCBF", &["CFE"]),
    ("XCBO", &["CBOE"]),
    ("XETR", &["XETRA"]),
    ("XEUR", &["EUREX"]),
    ("XFRA", &["FSE", "FWB"]),
    ("XHKG", &["HKEX", "HKSE", "SEHK"]),
    ("XIDX", &["IDX", "JKT"]),
    ("XIST", &["BIST"]),
    ("XJSE", &["JSE"]),
    ("XKRX", &["KOSDAQ", "KOSPI", "KRX"]),
    ("XLON", &["LSE"]),
    ("XMAD", &["BME"]),
    ("XMEX", &["BMV"]),
    ("XNSE", &["NSE"]),
    (
        "XNYS",
        &[
            "AMEX", "ARCA", "BATS", "IEX", "NASDAQ", "NYSE", "XASE", "XNAS",
        ],
    ),
    ("XNZE", &["NZX"]),
    ("XOSL", &["OSE"]),
    ("XPAR", &["EURONEXT"]),
    ("XSES", &["SGX"]),
    ("XSHE", &["SZSE"]),
    ("XSHG", &["SSE"]),
    ("XSWX", &["SIX"]),
    ("XTAI", &["TWSE"]),
    ("XTKS", &["JPX", "TSE", "TYO"]),
    ("XTSE", &["TSX"]),
];

impl Calendar {
    /// The one that is meant by an everyday name, or by its code in other letters.
    pub(crate) fn meant(name: &str) -> Option<&'static Calendar> {
        let is_name = |other: &str| other.eq_ignore_ascii_case(name);
        let known = NAMES
            .iter()
            .find(|(_, names)| names.iter().any(|other| is_name(other)));
        let code = known.map_or(name, |(code, _)| code);
        Calendar::all().find(|calendar| calendar.code.eq_ignore_ascii_case(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_everyday_name_is_of_a_calendar_and_none_is_its_code() {
        let mut seen = std::collections::BTreeSet::new();
        for (code, names) in NAMES {
            assert!(Calendar::of(code).is_some(), "{code}");
            for name in names {
                assert!(Calendar::of(name).is_none() && seen.insert(name), "{name}");
            }
        }
    }
}

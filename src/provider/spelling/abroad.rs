//! Exchanges as they are written before or behind a symbol, and whether one is of the United States. Pure.
//!
//! What trades elsewhere must never be told as the ticker behind or before its exchange: in the United States that is often
//! another company's.

/// Exchanges of the United States as charts and brokers write them, and indices by who makes them.
const OF_STATES: [&str; 24] = [
    "US",
    "NASDAQ",
    "NASDAQGS",
    "NASDAQGM",
    "NASDAQCM",
    "XNAS",
    "NYSE",
    "XNYS",
    "NYSEARCA",
    "ARCA",
    "ARCX",
    "NYSEAMERICAN",
    "NYSEMKT",
    "AMEX",
    "XASE",
    "BATS",
    "CBOE",
    "IEX",
    "OTC",
    "OTCMKTS",
    "PINK",
    "TVC",
    "DJ",
    "SP",
];
/// The same as terminals write them in two letters.
const LETTERS_OF_STATES: [&str; 10] = ["US", "UA", "UF", "UN", "UP", "UQ", "UR", "UV", "UW", "UT"];
/// Other exchanges as they are written behind a dot; none that may be a class of shares, as `.V`.
const ABROAD: [&str; 48] = [
    "AS", "AT", "AX", "BA", "BE", "BK", "BO", "BR", "CN", "CO", "DE", "DU", "F", "HA", "HE", "HK",
    "HM", "IC", "IR", "IS", "JK", "JO", "KL", "KQ", "KS", "L", "LON", "LS", "MC", "ME", "MI", "MU",
    "MX", "NE", "NS", "NZ", "OL", "PA", "SA", "SG", "SI", "SS", "ST", "SW", "SZ", "T", "TO", "VI",
];
/// Others as terminals write them, in two letters behind a blank.
const LETTERS_ABROAD: [&str; 37] = [
    "AU", "AV", "BB", "BZ", "CH", "CN", "CT", "DC", "FH", "FP", "GR", "GY", "HK", "ID", "IJ", "IM",
    "IN", "JP", "JT", "KS", "LN", "MK", "MM", "NA", "NO", "NZ", "PL", "PW", "SE", "SJ", "SM", "SP",
    "SS", "SW", "TB", "TI", "TT",
];
/// What terminals write behind both.
const SHARE: &str = " EQUITY";

/// A symbol, in capitals, with an exchange beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside<'a> {
    /// One of the United States, and what is traded there.
    States(&'a str),
    /// Another one, or nobody knows which: what stands before it, and behind.
    Other(&'a str, &'a str),
}

/// The exchange that is named beside a symbol of no asset class, as in `LSE:VOD` or `VOD.L`.
pub(super) fn exchange(upper: &str) -> Option<Beside<'_>> {
    if let Some((before, behind)) = upper.split_once(':') {
        return Some(if before.is_empty() || OF_STATES.contains(&before) {
            Beside::States(behind)
        } else if behind.is_empty() || LETTERS_OF_STATES.contains(&behind) {
            Beside::States(before)
        } else {
            Beside::Other(before, behind)
        });
    }
    let share = upper.strip_suffix(SHARE);
    if let Some((name, letters)) = share.unwrap_or(upper).rsplit_once(' ') {
        // Without the word behind, two letters may be a kind of share: `UN` is one.
        if letters == "US" || share.is_some() && LETTERS_OF_STATES.contains(&letters) {
            return Some(Beside::States(name.trim_end()));
        }
        let is_known = share.is_some() || LETTERS_ABROAD.contains(&letters);
        return is_known.then_some(Beside::Other(name, letters));
    }
    let (name, letters) = upper.rsplit_once('.')?;
    // A preferred share's letter may be one of them.
    let is_preferred = name.rsplit('.').next() == Some("PR");
    let is_abroad = !name.is_empty() && !is_preferred && ABROAD.contains(&letters);
    is_abroad.then_some(Beside::Other(name, letters))
}

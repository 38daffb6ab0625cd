//! Numbers in words for people: the one place that knows how things are called when there are several.

/// A count with thousands set apart.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// How many of what: `1 request`, `2 requests`.
pub(crate) fn counted(number: u64, what: &str) -> String {
    let ending = match what {
        _ if number == 1 || what.ends_with("series") => "",
        _ if what.ends_with("ch") => "es",
        _ => "s",
    };
    format!("{} {what}{ending}", count(number))
}

/// Bytes for people.
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let unit = (number.max(1).ilog2() / 10).min(4);
    match unit.checked_sub(1) {
        None => counted(number, "byte"),
        #[allow(clippy::cast_precision_loss)] // For people.
        Some(at) => format!(
            "{:.2} {}",
            number as f64 / f64::from(10 * unit).exp2(),
            UNITS[at as usize]
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_told_as_one() {
        assert_eq!(counted(1, "request"), "1 request");
        assert_eq!(counted(1_000, "request"), "1,000 requests");
        assert_eq!(counted(2, "stretch"), "2 stretches");
        assert_eq!(counted(2, "series"), "2 series");
    }
}

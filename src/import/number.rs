//! Numbers as tables have them: quickly where they are plain, and exactly always.

use crate::provider::Number;

/// Powers of ten that a binary number holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// What tables write where there is nothing.
const NOTHING: [&[u8]; 7] = [b"", b"null", b"NULL", b"None", b"N/A", b"NA", b"-"];

/// A number of a table, whose point is a comma where that is so.
pub(super) fn number(text: &[u8], has_comma: bool) -> Number {
    let text = text.trim_ascii();
    if let Some(value) = plain(text, if has_comma { b',' } else { b'.' }) {
        return Number::Is(value);
    }
    if NOTHING.contains(&text) {
        return Number::Absent;
    }
    let text = text.strip_prefix(b"$").unwrap_or(text);
    let swapped;
    let text = if has_comma {
        if text.contains(&b'.') {
            return Number::IsNone;
        }
        swapped = text
            .iter()
            .map(|&byte| if byte == b',' { b'.' } else { byte })
            .collect::<Vec<u8>>();
        &swapped
    } else {
        text
    };
    let value = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok());
    value.map_or(Number::IsNone, Number::Is)
}

/// A number of digits and a point alone, whose digits and power of ten are exact: one division rounds it as it should be.
#[allow(clippy::cast_precision_loss)] // Below 2^53.
fn plain(text: &[u8], point: u8) -> Option<f64> {
    let (digits, negative) = match text.first()? {
        b'-' => (&text[1..], true),
        _ => (text, false),
    };
    if digits.len() > 17 || digits.is_empty() {
        return None;
    }
    let (mut whole, mut behind, mut seen) = (0_u64, 0_usize, false);
    for &byte in digits {
        if byte.is_ascii_digit() {
            whole = whole * 10 + u64::from(byte - b'0');
            behind += usize::from(seen);
        } else if byte == point && !seen {
            seen = true;
        } else {
            return None;
        }
    }
    if whole >= 1 << 53 || digits.len() == usize::from(seen) {
        return None;
    }
    let value = whole as f64 / POWERS[behind];
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_that_the_standard_library_reads() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let value = f64::from(random.u32(..)) / POWERS[random.usize(0..9)];
            for text in [
                value.to_string(),
                format!("{value:.6}"),
                format!("-{value:.2}"),
                format!("{value:e}"),
            ] {
                let expected: f64 = text.parse().expect("a number");
                assert_eq!(
                    number(text.as_bytes(), false),
                    Number::Is(expected),
                    "{text}"
                );
            }
        }
        for text in [
            "0.1",
            "123456789012345678",
            "0.30000000000000004",
            "1e5",
            "7195.24000000",
            "-0.5",
            "5.",
            ".5",
            "inf",
        ] {
            assert_eq!(
                number(text.as_bytes(), false),
                Number::Is(text.parse().expect("a number")),
                "{text}"
            );
        }
    }

    #[test]
    fn a_decimal_comma_is_a_point_and_what_is_no_number_is_none() {
        assert_eq!(number(b"1,5", true), Number::Is(1.5));
        assert_eq!(number(b"-1234,75", true), Number::Is(-1234.75));
        assert_eq!(number(b"1.234,5", true), Number::IsNone);
        for nothing in ["", "null", "None", " "] {
            assert_eq!(
                number(nothing.as_bytes(), false),
                Number::Absent,
                "{nothing:?}"
            );
        }
        for none in ["abc", "1,234", "45.3M", "--1", ".", "1.2.3"] {
            assert_eq!(number(none.as_bytes(), false), Number::IsNone, "{none}");
        }
        assert_eq!(number(b"$170.1", false), Number::Is(170.1));
    }
}

//! Times as text. No I/O.

use crate::model::market::date_of;

const DAY: i64 = 86_400;

/// Writes times as RFC 3339 text, UTC. The date is made once a day.
#[derive(Default)]
pub(super) struct Days {
    day: i64,
    date: String,
}

impl Days {
    pub(super) fn write(&mut self, ts: i64, out: &mut Vec<u8>) {
        let (day, second) = (ts.div_euclid(DAY), ts.rem_euclid(DAY));
        if day != self.day || self.date.is_empty() {
            *self = Days {
                day,
                date: date_of(ts).to_string(),
            };
        }
        out.extend(self.date.bytes());
        for (before, part) in [
            (b'T', second / 3600),
            (b':', second / 60 % 60),
            (b':', second % 60),
        ] {
            let digit = |value: i64| b'0' + u8::try_from(value).unwrap_or_default();
            out.extend([before, digit(part / 10), digit(part % 10)]);
        }
        out.push(b'Z');
    }

    #[cfg(feature = "parquet")]
    pub(super) fn text(&mut self, ts: i64) -> String {
        let mut out = Vec::with_capacity(20);
        self.write(ts, &mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, SecondsFormat};

    use super::*;

    #[test]
    fn a_time_is_written_as_chrono_writes_it() {
        let mut days = Days::default();
        for ts in [
            0,
            1,
            59,
            86_399,
            86_400,
            -1,
            -86_401,
            951_782_400,
            7_258_118_399,
            -62_135_596_800,
        ] {
            let mut out = Vec::new();
            days.write(ts, &mut out);
            let time = DateTime::from_timestamp(ts, 0).expect("a time");
            let expected = time.to_rfc3339_opts(SecondsFormat::Secs, true);
            assert_eq!(String::from_utf8(out), Ok(expected));
        }
    }
}

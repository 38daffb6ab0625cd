//! Digests of candles that anyone can compute anew from the values alone, whatever wrote them. No I/O.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::model::candle::Candle;

/// A SHA-256, written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

/// Text that is no [`Digest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 64 lower-case hex digits")]
pub struct BadDigest;

impl Digest {
    /// Of bytes.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Digest {
        Digest(bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = BadDigest;

    fn from_str(text: &str) -> Result<Digest, BadDigest> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(BadDigest),
        };
        let text: &[u8; 64] = text.as_bytes().try_into().map_err(|_| BadDigest)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_chunks::<2>().0) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Digest(bytes))
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Bytes of one candle in a [`CandleDigest`].
const RECORD: usize = 65;
/// Candles that are hashed at once.
const BATCH: usize = 1024;

/// The SHA-256 of a series' candles in ascending order, each as 65 bytes, little-endian:
///
/// | bytes | what |
/// | --- | --- |
/// | 1 | which of the values that may be absent are there: 1 `volume`, 2 `vwap`, 4 `trades`, added up |
/// | 8 | `ts`, a signed integer |
/// | 6 x 8 | `open, high, low, close, volume, vwap` as IEEE 754 doubles; an absent one and a negative zero as zero |
/// | 8 | `trades`, a signed integer; an absent one as zero |
///
/// In Python: `struct.pack("<Bqddddddq", there, ts, open, high, low, close, volume or 0, vwap or 0, trades or 0)`.
#[derive(Clone, Debug, Default)]
pub struct CandleDigest {
    hash: Sha256,
    waiting: Vec<u8>,
}

impl CandleDigest {
    /// Of no candle yet.
    pub fn new() -> CandleDigest {
        CandleDigest::default()
    }

    /// Adds the next candle.
    pub fn add(&mut self, candle: &Candle) {
        let there = u8::from(candle.volume.is_some())
            | u8::from(candle.vwap.is_some()) << 1
            | u8::from(candle.trades.is_some()) << 2;
        let mut record = [0; RECORD];
        record[0] = there;
        record[1..9].copy_from_slice(&candle.ts.to_le_bytes());
        let reals = [
            candle.open,
            candle.high,
            candle.low,
            candle.close,
            candle.volume.unwrap_or(0.0),
            candle.vwap.unwrap_or(0.0),
        ];
        for (bytes, real) in record[9..57].as_chunks_mut::<8>().0.iter_mut().zip(reals) {
            // What a negative zero plus zero is.
            *bytes = (real + 0.0).to_le_bytes();
        }
        record[57..].copy_from_slice(&candle.trades.unwrap_or(0).to_le_bytes());
        self.waiting.extend_from_slice(&record);
        if self.waiting.len() >= BATCH * RECORD {
            self.hash.update(&self.waiting);
            self.waiting.clear();
        }
    }

    /// The digest of all that were added.
    pub fn finish(mut self) -> Digest {
        self.hash.update(&self.waiting);
        Digest(self.hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candle() -> Candle {
        Candle {
            ts: 1_704_153_600,
            open: 187.15,
            high: 188.44,
            low: 183.89,
            close: 185.64,
            volume: Some(82_488_700.0),
            vwap: None,
            trades: Some(0),
        }
    }

    fn of(candles: &[Candle]) -> String {
        let mut digest = CandleDigest::new();
        for candle in candles {
            digest.add(candle);
        }
        digest.finish().to_string()
    }

    #[test]
    fn the_digest_is_what_the_documented_line_of_python_gives() {
        // hashlib.sha256(struct.pack("<Bqddddddq", 5, 1704153600, 187.15, 188.44, 183.89, 185.64, 82488700, 0, 0))
        assert_eq!(
            of(&[candle()]),
            "f050a859419699809241ad9fc32bfd57f5c13dc03e0c02b97e1282bc8ef460ab"
        );
        assert_eq!(of(&[]), Digest::of(b"").to_string());
    }

    #[test]
    fn an_absent_value_is_not_zero_and_a_negative_zero_is() {
        let absent = Candle {
            trades: None,
            ..candle()
        };
        assert_ne!(of(&[absent]), of(&[candle()]));
        let [zero, negative] = [0.0, -0.0].map(|low| Candle { low, ..candle() });
        assert_eq!(of(&[zero]), of(&[negative]));
    }

    #[test]
    fn hex_is_read_as_it_is_written_and_nothing_else_is() {
        let text = of(&[candle()]);
        assert_eq!(
            text.parse::<Digest>().map(|d| d.to_string()),
            Ok(text.clone())
        );
        for bad in ["", "00", &text.to_uppercase(), &format!("{text}0")] {
            assert_eq!(bad.parse::<Digest>(), Err(BadDigest), "{bad:?}");
        }
    }
}

//! Answers made smaller on their way, for who asks: gzip, on the thread that makes the text. It must never hold a caller up:
//! where two are made smaller already, the next one goes as it is.

use std::io::Write;
use std::sync::Arc;

use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use axum::http::{HeaderMap, HeaderValue, Version};
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes from which on it is worth it.
const LEAST: usize = 1 << 10;
/// Answers made smaller at once at most.
const AT_ONCE: usize = 2;

/// Turns at making answers smaller.
#[derive(Debug)]
pub(in crate::serve) struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Turns {
        Turns(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// How a caller takes an answer.
#[derive(Clone, Debug)]
pub(in crate::serve) struct Coding {
    turns: Arc<Semaphore>,
    /// Whether it may be made smaller.
    pub(in crate::serve) is_asked: bool,
}

impl Coding {
    /// What a request asks for. Programs of old say what they cannot read.
    pub(in crate::serve) fn of(turns: &Turns, version: Version, headers: &HeaderMap) -> Coding {
        Coding {
            turns: Arc::clone(&turns.0),
            is_asked: version >= Version::HTTP_11 && takes_gzip(headers),
        }
    }

    /// Begins an answer of so many bytes or more.
    pub(in crate::serve) fn begin(&self, bytes: usize) -> Coder {
        if !self.is_asked {
            return Coder::default();
        }
        if bytes < LEAST {
            return Coder::Denied(Vec::new());
        }
        match Arc::clone(&self.turns).try_acquire_owned() {
            Ok(turn) => Coder::Zipped(Box::new(Zip {
                encoder: GzEncoder::new(Vec::new(), Compression::new(1)),
                _turn: turn,
            })),
            Err(_) => Coder::Denied(Vec::new()),
        }
    }

    /// An answer that is there as a whole.
    pub(in crate::serve) fn whole(&self, text: String) -> Coded {
        let mut text = text.into_bytes();
        let mut coder = self.begin(text.len());
        coder.take(&mut text);
        let is_zipped = coder.is_zipped();
        Coded {
            bytes: coder.end(),
            is_zipped,
        }
    }
}

/// An answer as it is sent.
pub(in crate::serve) struct Coded {
    pub(in crate::serve) bytes: Vec<u8>,
    pub(in crate::serve) is_zipped: bool,
}

/// An answer while it is made, and what of it was not handed over yet.
pub(in crate::serve) enum Coder {
    /// As it is.
    Plain(Vec<u8>),
    /// As it is, though compression was asked for.
    Denied(Vec<u8>),
    Zipped(Box<Zip>),
}

/// An answer while it is made smaller.
pub(in crate::serve) struct Zip {
    encoder: GzEncoder<Vec<u8>>,
    _turn: OwnedSemaphorePermit,
}

impl Default for Coder {
    fn default() -> Coder {
        Coder::Plain(Vec::new())
    }
}

impl Coder {
    pub(in crate::serve) fn is_zipped(&self) -> bool {
        matches!(self, Coder::Zipped(..))
    }

    /// Takes what follows, and leaves nothing of it.
    pub(in crate::serve) fn take(&mut self, text: &mut Vec<u8>) {
        match self {
            Coder::Plain(made) | Coder::Denied(made) if made.is_empty() => {
                std::mem::swap(made, text);
            }
            Coder::Plain(made) | Coder::Denied(made) => made.append(text),
            Coder::Zipped(zip) => {
                let written = zip.encoder.write_all(text);
                written.expect("memory can always be written");
                text.clear();
            }
        }
    }

    /// What was made and is to be handed over.
    pub(in crate::serve) fn made(&mut self) -> &mut Vec<u8> {
        match self {
            Coder::Plain(made) | Coder::Denied(made) => made,
            Coder::Zipped(zip) => zip.encoder.get_mut(),
        }
    }

    /// The rest of it.
    pub(in crate::serve) fn end(self) -> Vec<u8> {
        match self {
            Coder::Plain(made) | Coder::Denied(made) => made,
            Coder::Zipped(zip) => {
                let made = zip.encoder.finish();
                made.expect("memory can always be written")
            }
        }
    }
}

/// Says of an answer that it was made smaller.
pub(in crate::serve) fn mark(headers: &mut HeaderMap) {
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
}

/// Whether `Accept-Encoding` names gzip, and nothing that is liked better.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let given = headers.get_all(ACCEPT_ENCODING).iter();
    let words = given
        .filter_map(|given| given.to_str().ok())
        .flat_map(|given| given.split(','));
    let (mut gzip, mut others, mut plain) = (None, 0.0, 0.0);
    for word in words {
        let mut parts = word.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| {
            let (name, weight) = part.split_once('=')?;
            let is_weight = name.trim().eq_ignore_ascii_case("q");
            is_weight.then(|| weight.trim().parse().unwrap_or(0.0))
        });
        let weight: f32 = weight.unwrap_or(1.0);
        match &*name {
            "gzip" | "x-gzip" => gzip = Some(weight),
            "*" => others = weight,
            "identity" => plain = weight,
            _ => {}
        }
    }
    let weight = gzip.unwrap_or(others);
    weight > 0.0 && weight >= plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_for_who_names_it_and_likes_nothing_better() {
        let takes = |given: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for given in given {
                headers.append(ACCEPT_ENCODING, HeaderValue::from_static(given));
            }
            takes_gzip(&headers)
        };
        for given in [
            &["gzip"][..],
            &["GZip"],
            &["x-gzip"],
            &["gzip, deflate, br, zstd"],
            &["br", "gzip;q=0.1"],
            &["*"],
            &["identity;q=0.5, *;q=0.5"],
            &["gzip ; Q=1.000"],
            &["identity;q=0, gzip"],
        ] {
            assert!(takes(given), "{given:?}");
        }
        for given in [
            &[][..],
            &[""],
            &["identity"],
            &["br, zstd"],
            &["gzip;q=0"],
            &["gzip;q=0.0, *"],
            &["*;q=0"],
            &["gzip;q=0.5, identity"],
            &["gzip;q=much"],
            &["gzipped"],
        ] {
            assert!(!takes(given), "{given:?}");
        }
    }

    #[test]
    fn two_are_made_smaller_at_once_and_a_third_goes_as_it_is() {
        let coding = Coding {
            turns: Turns::default().0,
            is_asked: true,
        };
        assert!(!coding.begin(LEAST - 1).is_zipped());
        let (first, second) = (coding.begin(LEAST), coding.begin(LEAST));
        assert!(first.is_zipped() && second.is_zipped());
        let third = coding.whole("a".repeat(LEAST));
        assert!(!third.is_zipped && third.bytes.len() == LEAST);
        drop(first.end());
        let next = coding.whole("a".repeat(LEAST));
        assert!(next.is_zipped && next.bytes.len() < LEAST / 8);
    }
}

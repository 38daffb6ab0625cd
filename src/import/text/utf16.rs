//! Text in UTF-16, as programs for Windows export it, on its way to UTF-8.

use std::io::{self, BufRead, Read};

/// Bytes that are taken at once.
const AT_ONCE: usize = 1 << 16;

/// A reader of the same text in UTF-8.
pub(super) struct Utf16<R> {
    from: R,
    unit: fn([u8; 2]) -> u16,
    taken: Vec<u8>,
    /// The first half of a pair whose other half was not taken yet.
    half: Option<u16>,
    text: Vec<u8>,
    /// What of the text was handed on.
    at: usize,
}

impl<R: BufRead> Utf16<R> {
    /// Where a text begins like one in UTF-16.
    pub(super) fn of(begins: &[u8], from: R) -> Result<Utf16<R>, R> {
        let unit = match begins {
            [0xff, 0xfe, ..] => u16::from_le_bytes,
            [0xfe, 0xff, ..] => u16::from_be_bytes,
            _ => return Err(from),
        };
        Ok(Utf16 {
            from,
            unit,
            taken: Vec::new(),
            half: None,
            text: Vec::new(),
            at: 0,
        })
    }

    fn take(&mut self) -> io::Result<()> {
        self.taken.clear();
        self.at = 0;
        let mut some = (&mut self.from).take(AT_ONCE as u64);
        some.read_to_end(&mut self.taken)?;
        let (pairs, rest) = self.taken.as_chunks();
        if !rest.is_empty() {
            let why = "it is text in UTF-16 that ends within a character";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
        }
        let mut units: Vec<u16> = self.half.take().into_iter().collect();
        units.extend(pairs.iter().map(|pair| (self.unit)(*pair)));
        if pairs.len() * 2 == AT_ONCE {
            self.half = units.pop_if(|unit| (0xd800..0xdc00).contains(unit));
        }
        let read = char::decode_utf16(units);
        let text: String = read
            .map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        self.text = text.into_bytes();
        Ok(())
    }
}

impl<R: BufRead> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.text.len() {
            self.take()?;
        }
        let read = (&self.text[self.at..]).read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        let mut reader = Utf16::of(bytes, bytes).expect("a mark");
        reader.read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn text_is_the_same_in_both_orders_of_bytes_and_across_what_is_taken_at_once() {
        // Of 3 units each, so that one is cut in its pair.
        let text = format!("\u{feff}{}", "a\u{1f600}".repeat(AT_ONCE / 2));
        let units: Vec<u16> = text.encode_utf16().collect();
        let bytes = |of: fn(u16) -> [u8; 2]| units.iter().flat_map(|unit| of(*unit)).collect();
        let (little, big): (Vec<u8>, Vec<u8>) = (bytes(u16::to_le_bytes), bytes(u16::to_be_bytes));
        assert_eq!(read(&little).expect("text"), text);
        assert_eq!(read(&big).expect("text"), text);
        assert!(read(&little[..little.len() - 1]).is_err());
        assert!(Utf16::of(b"date", &b"date"[..]).is_err());
    }
}

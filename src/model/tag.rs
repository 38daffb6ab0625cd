//! A short word that stays where it is, so that what carries it can be copied. No I/O.

use std::fmt;

/// Printable ASCII without spaces, at most [`Tag::LONGEST`] characters and at least one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Tag([u8; Tag::LONGEST]);

impl Tag {
    pub(crate) const LONGEST: usize = 12;

    /// `None` for text that is no tag.
    pub(crate) const fn of(text: &str) -> Option<Tag> {
        let text = text.as_bytes();
        if text.is_empty() || text.len() > Tag::LONGEST {
            return None;
        }
        let mut bytes = [0; Tag::LONGEST];
        let mut at = 0;
        while at < text.len() {
            if !text[at].is_ascii_graphic() {
                return None;
            }
            bytes[at] = text[at];
            at += 1;
        }
        Some(Tag(bytes))
    }

    pub(crate) fn as_str(&self) -> &str {
        let end = self.0.iter().position(|&byte| byte == 0);
        std::str::from_utf8(&self.0[..end.unwrap_or(Tag::LONGEST)]).unwrap_or_default()
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Tag;

    #[test]
    fn a_tag_is_read_as_it_is_written_and_what_is_too_long_or_odd_is_none() {
        for text in ["X", "24/7", "123456789012"] {
            assert_eq!(
                Tag::of(text).map(|tag| tag.as_str().to_owned()).as_deref(),
                Some(text)
            );
        }
        for text in ["", "1234567890123", "A B", "A\n", "Ä", "\0"] {
            assert_eq!(Tag::of(text), None, "{text:?}");
        }
    }
}

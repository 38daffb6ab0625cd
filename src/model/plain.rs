//! Characters from outside that turn what stands around them: a name that is shown must be the name that is meant.

/// Whether a character changes the direction in which those after it are shown, and is not seen itself.
pub(crate) fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::turns;

    #[test]
    fn marks_turn_and_letters_do_not() {
        assert!(turns('\u{202e}') && turns('\u{2067}') && !turns('a') && !turns('\u{5d0}'));
    }
}

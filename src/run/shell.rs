//! Words in advice that is to be copied to a shell.

use std::path::Path;

/// A path, or any other word, as a shell reads it.
pub(crate) fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._:-".contains(c);
    if !path.is_empty() && path.chars().all(is_plain) {
        path
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_word_is_quoted_where_a_shell_would_cut_it() {
        assert_eq!(quoted("data/m.db".as_ref()), "data/m.db");
        assert_eq!(quoted("my data/m.db".as_ref()), "'my data/m.db'");
    }
}

//! What others have made, and is not ours to give away: bodies of a provider, tables, archives, calendars. Whoever has them names
//! their folder in a variable; without it the tests that need them say so and pass.

use std::path::PathBuf;

use super::seeded::say;

/// Something in the folder that a variable names.
pub(crate) fn lent(variable: &str, name: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(|folder| PathBuf::from(folder).join(name));
    if found.is_none() {
        say(format!(
            "skipped: {variable} names no folder that has {name}"
        ));
    }
    found
}

/// A folder of tables, archives or calendars.
pub(crate) fn fixtures(folder: &str) -> Option<PathBuf> {
    lent("CANDLEFILE_FIXTURES", folder)
}

//! What is typed with commas between.

use std::str::FromStr;

/// The items of one argument. A comma may stand at either end of it: `AAPL, MSFT` comes as two arguments, the first with a
/// comma behind it.
#[derive(Clone, Debug)]
pub struct Listed<T>(Vec<T>);

impl<T: FromStr> FromStr for Listed<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let listed = text.trim_matches(|c: char| c == ',' || c.is_whitespace());
        let items = listed.split(',').map(|item| item.trim().parse());
        items.collect::<Result<_, _>>().map(Listed)
    }
}

/// The items of all arguments, in order.
pub fn flat<T: Clone>(arguments: &[Listed<T>]) -> Vec<T> {
    let items = arguments.iter().flat_map(|Listed(items)| items);
    items.cloned().collect()
}

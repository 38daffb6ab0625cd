//! What a provider's plans include or do not include as a whole.

use std::fmt;

/// A part of what a provider has. A plan that refuses two symbols of one is not asked for a third. When what is in it trades
/// is its market's to say, not its.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AssetClass {
    /// Stocks, funds and options.
    Stock,
    /// Crypto currencies.
    Crypto,
    /// Currencies of states.
    Forex,
    /// Indices.
    Index,
}

impl fmt::Display for AssetClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AssetClass::Stock => "stock",
            AssetClass::Crypto => "crypto",
            AssetClass::Forex => "forex",
            AssetClass::Index => "index",
        })
    }
}

//! What takes the rows of an export, whatever the format.

use std::io;

use super::columns::Part;

/// Encodes rows and writes them where it was told to when it was made.
pub(super) trait Sink: Send {
    /// Takes the next candles, ascending by symbol, timeframe and time.
    fn write(&mut self, parts: &[Part]) -> io::Result<()>;

    /// Writes what is still held back, and whatever the format ends with.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

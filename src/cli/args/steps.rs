//! What can be typed of the steps between the file and whoever reads candles, the same for every command that reads them.

use clap::Args;

use crate::view::Steps;

/// The steps. No argument names one yet.
#[derive(Args, Clone, Debug)]
pub struct ReadSteps {}

impl ReadSteps {
    /// The same as candles are read through them.
    #[allow(clippy::unused_self)] // See above.
    pub fn steps(&self) -> Steps {
        Steps::default()
    }
}

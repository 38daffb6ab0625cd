//! Ctrl-C and its kind: the first signal asks what runs to stop, the second ends the program.

use candlefile::Cancel;

use super::error::Exit;
use super::output;

/// Says `words` at the first signal, where there is something to say.
pub fn stop_on_signals(cancel: &Cancel, words: Option<&'static str>) {
    let cancel = cancel.clone();
    // Refused only where a handler is set already.
    let _ = ctrlc::set_handler(move || {
        if cancel.is_cancelled() {
            std::process::exit(Exit::Interrupted.code());
        }
        cancel.cancel();
        words.into_iter().for_each(output::say);
    });
}

//! Ctrl-C and its kind: the first signal asks what runs to stop, the second ends the program. A signal that is ignored when
//! the program starts (`nohup`, a script that traps it) must stay ignored.

use crate::run::clock::Cancel;

use super::error::Exit;
use super::{output, stderr};

/// Says `words` at the first signal, where there is something to say.
pub fn stop_on_signals(cancel: &Cancel, words: Option<&'static str>) {
    let cancel = cancel.clone();
    on_signals(move || {
        if cancel.is_cancelled() {
            stderr::end();
            std::process::exit(Exit::Interrupted.code());
        }
        cancel.cancel();
        words.into_iter().for_each(output::say);
    });
}

/// What has nothing to save ends at the first signal, and leaves nothing on the terminal.
pub fn end_on_signals() {
    on_signals(|| {
        stderr::end();
        std::process::exit(Exit::Interrupted.code());
    });
}

/// A write beyond the limit of a file's size fails, like one on a full disk, in place of ending the program.
pub fn outlive_the_size_limit() {
    #[cfg(unix)]
    {
        use signal_hook::consts::signal::SIGXFSZ;
        // Nobody looks at the flag: that something handles the signal is enough.
        let _ = signal_hook::flag::register(SIGXFSZ, std::sync::Arc::default());
    }
}

#[cfg(unix)]
fn on_signals(mut each: impl FnMut() + Send + 'static) {
    use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let ignored = ignored();
    let heeded = [SIGHUP, SIGINT, SIGTERM]
        .into_iter()
        .filter(|&signal| ignored & (1 << (signal - 1)) == 0);
    // Refused only where the system has no pipe or thread left: then a signal ends the program, which is safe, too.
    if let Ok(mut signals) = Signals::new(heeded) {
        let wait = move || signals.forever().for_each(|_| each());
        let _ = std::thread::Builder::new()
            .name("signals".into())
            .spawn(wait);
    }
}

#[cfg(not(unix))]
fn on_signals(each: impl FnMut() + Send + 'static) {
    // Refused only where a handler is set already.
    let _ = ctrlc::set_handler(each);
}

/// The signals that are ignored, a bit each; none where the system does not tell.
#[cfg(unix)]
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

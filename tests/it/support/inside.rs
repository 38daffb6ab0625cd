//! The server within the test's process, with a clock, a provider or a disk that no command line can name. It must never outlive
//! its test, also when that fails.

use std::sync::{Arc, mpsc};
use std::thread;

use candlefile::model::Policy;
use candlefile::provider::Provider;
use candlefile::serve::{Settings, Sockets};
use candlefile::{Cancel, Clock};

use super::exchange::PATIENCE;
use super::harness::Home;
use super::serving::Caller;

/// What is usual: one job at a time, one worker, and nothing that happens by itself.
pub(crate) fn settings(
    home: &Home,
    provider: Arc<dyn Provider>,
    clock: Arc<dyn Clock>,
) -> Settings {
    Settings {
        db: home.db_path(),
        providers: vec![provider],
        workers: 1,
        rate: None,
        policy: Policy::default(),
        jobs: 1,
        update_at: Vec::new(),
        webhook: None,
        hosts: Vec::new(),
        token: None,
        log_lost: Arc::default(),
        clock,
        cancel: Cancel::new(),
    }
}

struct Stop(Cancel);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Serves while `test` calls, and ends well.
pub(crate) fn while_serving(settings: Settings, test: impl FnOnce(&Caller)) {
    let sockets = Sockets::bind(None, 0).unwrap();
    let port = sockets.port();
    let cancel = settings.cancel.clone();
    thread::scope(|scope| {
        let stop = Stop(cancel);
        let (is_ready, ready) = mpsc::channel();
        let tell = move || is_ready.send(()).unwrap();
        let server = scope.spawn(|| candlefile::serve::serve(settings, sockets, tell));
        ready.recv_timeout(PATIENCE).unwrap();
        test(&Caller { port });
        drop(stop);
        server.join().unwrap().unwrap();
    });
}

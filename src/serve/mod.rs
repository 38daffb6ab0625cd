//! The server: jobs over HTTP, what the file holds as JSON or CSV, and a page that shows both. The file stays the one
//! truth: the queue is in it, and what is told of a job is read from it or was committed to it.
//!
//! A request comes in by `door::listen`, is let through by `door::guard`, and finds its route in `routes`; `api` answers it.
//! Reading goes over `reading::readers`. Jobs go through `jobs::queue` into the file and are run by `jobs::work`, on threads of their own with
//! [`crate::backfill::resume`]: nothing that blocks runs where connections are served.

mod answer;
mod api;
mod door;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod jobs;
mod metrics;
mod next;
mod openapi;
mod page;
mod params;
mod patterns;
mod reading;
mod router;
mod routes;
mod settings;

pub use door::host::{BadHostName, HostName};
pub use door::sockets::Sockets;
pub use door::token::{BadToken, Token};
pub use error::ServeError;
pub use jobs::schedule::{BadDaily, Daily};
pub use jobs::webhook::{BadSecret, Secret, Webhook};
pub use settings::Settings;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use tokio::sync::{Semaphore, watch};

use crate::provider::Provider;
use crate::store::{Place, Store, StoreError};
use door::connections::Connections;
use door::guard::Guard;
use door::host::Hosts;
use jobs::crew::Crew;
use jobs::events::Hub;
use jobs::queue::Queue;
use jobs::webhook::Line;
use metrics::Metrics;
use reading::readers::Readers;
use router::router;
use routes::Route;

/// Threads that serve connections. What takes long runs elsewhere.
const THREADS: usize = 2;
/// Threads that a server has at once, with a few readers and a job that runs.
const NEEDED_THREADS: usize = 24;
/// How long the jobs have, once connections have ended, to save what they have fetched when the server stops.
const GRACE: Duration = Duration::from_secs(3);
/// How often a signal is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// What all calls share.
struct Service {
    settings: Settings,
    guard: Guard,
    place: Arc<Place>,
    readers: Arc<Readers>,
    queue: Queue,
    crew: Arc<Crew>,
    webhook: Line,
    hub: Hub,
    metrics: Metrics,
    connections: Arc<Connections>,
    thinking: Semaphore,
    turns: reading::coding::Turns,
    /// Whether the server stops.
    stop: watch::Sender<bool>,
}

/// Serves until it is told to stop. Then no connection is taken any more, jobs save what they have fetched and go back
/// into the queue, and the file is closed cleanly, within five seconds.
///
/// `ready` is called once calls are answered.
///
/// # Errors
/// The file cannot be opened, or the system has no threads or files left.
pub fn serve(
    mut settings: Settings,
    sockets: Sockets,
    ready: impl FnOnce(),
) -> Result<(), ServeError> {
    let store = Store::create(&settings.db)?;
    // From here on to its end: callers who read slowly are in nobody's way then.
    let ready_to_write = store.ready_to_write(&settings.cancel, || {
        tracing::warn!(file = %settings.db.display(), "somebody reads the file, and until he is done it cannot be written");
    });
    match ready_to_write {
        Err(StoreError::Stopped(_)) => return Ok(()),
        other => other?,
    }
    check_threads().map_err(ServeError::Runtime)?;
    sockets.listen()?;
    let place = Arc::new(store.place());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("serve")
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)?;
    let crew = Crew::new(Arc::clone(&settings.clock), settings.cancel.clone());
    let webhook = Line::start(
        settings.webhook.take(),
        Arc::clone(&settings.clock),
        settings.cancel.clone(),
        &crew,
    )
    .map_err(ServeError::Runtime)?;
    let service = Arc::new(Service {
        guard: Guard {
            hosts: Hosts::new(sockets.port(), settings.hosts.clone()),
            token: settings.token.clone(),
        },
        readers: Readers::new(Arc::clone(&place)),
        place,
        queue: Queue::new(store, settings.cancel.clone())?,
        crew,
        webhook,
        hub: Hub::new(),
        metrics: Metrics::new(),
        connections: Arc::default(),
        thinking: Semaphore::new(1),
        turns: reading::coding::Turns::default(),
        stop: watch::Sender::new(false),
        settings,
    });
    jobs::work::start(&service)?;
    // The sockets are bound: whoever calls now waits for his answer.
    ready();
    let served = runtime.block_on(async {
        let stopping = tokio::spawn(stop_on_request(Arc::clone(&service)));
        let router = router(&service);
        let served = door::listen::answer_all(sockets, router, &service).await;
        stopping.abort();
        served
    });
    service.crew.end(GRACE);
    service.queue.leave();
    runtime.shutdown_timeout(LOOK_EVERY);
    served
}

/// That as many threads can be started as are needed at once: whoever starts them later cannot say that there are none.
fn check_threads() -> std::io::Result<()> {
    let gate = Arc::new(std::sync::RwLock::new(()));
    let mut started = Vec::new();
    let closed = gate.write();
    for _ in 0..NEEDED_THREADS {
        let gate = Arc::clone(&gate);
        let wait = move || {
            let _opened = gate.read();
        };
        started.push(std::thread::Builder::new().spawn(wait)?);
    }
    drop(closed);
    for one in started {
        let _ = one.join();
    }
    Ok(())
}

/// Raised from outside by a signal's handler, which can do no more than that.
async fn stop_on_request(service: Arc<Service>) {
    while !service.settings.cancel.is_cancelled() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    service.stop.send_replace(true);
    service.queue.wake();
}

impl Service {
    /// One request, from its head to the head of its answer.
    async fn answer(&self, mut router: Router, request: Request<Body>) -> Response<Body> {
        use tower_service::Service as _;
        let began = Instant::now();
        let (version, reads) = (request.version(), door::guard::reads(request.method()));
        let mut response = match self.guard.check(&request) {
            Ok(()) => {
                let answered: Result<_, std::convert::Infallible> = router.call(request).await;
                answered.unwrap_or_else(|never| match never {})
            }
            Err(fault) => fault.response(),
        };
        door::guard::dress(&mut response, version, reads);
        let route = response.extensions().get::<&'static Route>().copied();
        self.metrics
            .answered(route, response.status(), began.elapsed());
        response
    }

    /// Does what may take a while and waits for nothing, like reading a long list: one caller's at a time, while others are
    /// answered.
    async fn think<T>(&self, work: impl FnOnce() -> T) -> T {
        let _turn = self.thinking.acquire().await;
        tokio::task::block_in_place(work)
    }

    /// Whether the file has gone from its place. Then nothing of this process stays open of it, and what has come in its place
    /// is not touched.
    fn has_lost_the_file(&self) -> bool {
        let is_lost = self.place.check().is_err();
        if is_lost {
            self.readers.let_go();
            self.queue.let_go();
            self.place.let_go();
        }
        is_lost
    }

    /// The providers' names.
    fn sources(&self) -> Vec<&str> {
        let providers = self.settings.providers.iter();
        providers.map(|provider| provider.name()).collect()
    }

    /// The provider of a source.
    fn provider(&self, source: &str) -> Option<&dyn Provider> {
        let mut providers = self.settings.providers.iter();
        let provider = providers.find(|provider| provider.name() == source);
        provider.map(AsRef::as_ref)
    }

    fn now(&self) -> i64 {
        self.settings.clock.now()
    }
}

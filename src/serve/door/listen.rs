//! The sockets: how many connections there are, how long each may take to say what it wants, and how they end. Where all
//! places are taken, the connection that has asked nothing for longest gives way to a new one; where all have asked
//! something, the one that has taken nothing of its answer for longest.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::TcpStream;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio_io_timeout::TimeoutStream;

use crate::serve::door::wire::{Owed, Wire};
use crate::serve::{ServeError, Service};

/// Connections at once at most.
const CONNECTIONS: usize = 512;
/// How long a connection may take to send a request's head, the first or the next one.
const HEAD: Duration = Duration::from_secs(5);
/// How long a caller may take to read some of its answer.
const STALL: Duration = Duration::from_secs(20);
/// Connections that wait to be taken. Where there is no room, a caller's system tries again after a second.
const BACKLOG: i32 = 1024;
/// How long an answer's next piece, of some 64 KiB, may wait until it is taken.
const SLOW: Duration = Duration::from_secs(60);
/// Bytes that the system keeps unsent.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 << 10;
/// How often it is looked for those who are slower.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long no connection is taken once one could not be.
const REST: Duration = Duration::from_millis(50);
/// Bytes of a request's head that are read at all; what is allowed is less.
const HEAD_BYTES: usize = 32 << 10;
/// How long answers that are under way have to come to an end when the server stops.
const GRACE: Duration = Duration::from_millis(1500);

/// Bound sockets, which nobody reaches before the server begins.
#[derive(Debug)]
pub struct Sockets {
    listeners: Vec<TcpListener>,
    /// The port of all of them.
    port: u16,
}

impl Sockets {
    /// Binds this machine's own addresses, or another one. Port 0 is any free one.
    ///
    /// # Errors
    /// The port is in use or not allowed, or the address is not this machine's.
    pub fn bind(listen: Option<IpAddr>, port: u16) -> Result<Sockets, ServeError> {
        let bind = |address: SocketAddr| {
            listener(address).map_err(|why| ServeError::Bind { address, why })
        };
        let first = bind((listen.unwrap_or(Ipv4Addr::LOCALHOST.into()), port).into())?;
        let address = first.local_addr();
        let address = address.map_err(|why| ServeError::Bind {
            address: ([127, 0, 0, 1], port).into(),
            why,
        })?;
        let mut listeners = vec![first];
        if listen.is_none() {
            match bind((Ipv6Addr::LOCALHOST, address.port()).into()) {
                Ok(second) => listeners.push(second),
                // Without IPv6 the one address is enough. With it, `localhost` would lead to somebody else.
                Err(ServeError::Bind { address, why })
                    if why.kind() == std::io::ErrorKind::AddrInUse =>
                {
                    return Err(ServeError::Bind { address, why });
                }
                Err(_) => {}
            }
        }
        Ok(Sockets {
            listeners,
            port: address.port(),
        })
    }

    /// From now on callers are let in; until then they are told that nobody is there.
    pub(in crate::serve) fn listen(&self) -> Result<(), ServeError> {
        for listener in &self.listeners {
            SockRef::from(listener).listen(BACKLOG).map_err(|why| {
                let address = listener.local_addr();
                let address = address.unwrap_or_else(|_| ([127, 0, 0, 1], self.port).into());
                ServeError::Bind { address, why }
            })?;
        }
        Ok(())
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where a browser on this machine finds it.
    pub fn url(&self) -> String {
        let address = self.listeners.first().and_then(|one| one.local_addr().ok());
        match address {
            Some(address) if !address.ip().is_unspecified() => format!("http://{address}"),
            _ => format!("http://127.0.0.1:{}", self.port),
        }
    }
}

fn listener(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A server that starts anew need not wait for the connections of the one before.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// The connections that stand.
#[derive(Debug)]
pub(in crate::serve) struct Connections {
    places: Arc<Semaphore>,
    next: AtomicU64,
    open: Mutex<HashMap<u64, Open>>,
    /// How many were sent away.
    pub(in crate::serve) evicted: AtomicU64,
}

#[derive(Debug)]
struct Open {
    /// Whether it has asked something that is not answered whole yet.
    asks: bool,
    /// When it last began or ended to ask, or took a piece of its answer.
    moved: Instant,
    leave: Arc<Notify>,
}

impl Default for Connections {
    fn default() -> Self {
        Connections {
            places: Arc::new(Semaphore::new(places())),
            next: AtomicU64::default(),
            open: Mutex::default(),
            evicted: AtomicU64::default(),
        }
    }
}

/// A quarter of the files that may be open at most, so that there are some left for the jobs.
fn places() -> usize {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Resource, getrlimit};
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        usize::try_from(files / 4).map_or(CONNECTIONS, |most| most.clamp(1, CONNECTIONS))
    }
    #[cfg(not(target_os = "linux"))]
    CONNECTIONS
}

impl Connections {
    pub(in crate::serve) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Makes a place, if need be by sending the one away that has been silent for longest.
    async fn enter(self: &Arc<Self>) -> Place {
        let places = || Arc::clone(&self.places);
        let room = if let Ok(room) = places().try_acquire_owned() {
            Some(room)
        } else {
            self.send_idlest_away();
            places().acquire_owned().await.ok()
        };
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let leave = Arc::new(Notify::new());
        let entry = Open {
            asks: false,
            moved: Instant::now(),
            leave: Arc::clone(&leave),
        };
        self.lock().insert(id, entry);
        Place {
            connections: Arc::clone(self),
            id,
            leave,
            _room: room,
        }
    }

    fn send_idlest_away(&self) {
        let mut open = self.lock();
        let idlest = open.iter().min_by_key(|(_, one)| (one.asks, one.moved));
        let idlest = idlest.map(|(id, _)| *id);
        if let Some(gone) = idlest.and_then(|id| open.remove(&id)) {
            self.send_away(&gone);
        }
    }

    /// Sends those away who take a piece of their answer for so long.
    fn send_slow_away(&self) {
        let gone = self
            .lock()
            .extract_if(|_, one| one.asks && one.moved.elapsed() > SLOW)
            .collect::<Vec<_>>();
        for (_, gone) in gone {
            self.send_away(&gone);
        }
    }

    fn send_away(&self, gone: &Open) {
        gone.leave.notify_one();
        self.evicted.fetch_add(1, Ordering::Relaxed);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place.
struct Place {
    connections: Arc<Connections>,
    id: u64,
    leave: Arc<Notify>,
    /// Given back when the connection is closed, not when it is told to leave.
    _room: Option<OwnedSemaphorePermit>,
}

impl Place {
    fn moves(&self, asks: bool) {
        if let Some(open) = self.connections.lock().get_mut(&self.id) {
            (open.asks, open.moved) = (asks, Instant::now());
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.id);
    }
}

/// Answers until it is told to stop, and then lets what is under way come to an end.
pub(in crate::serve) async fn answer_all(
    sockets: Sockets,
    router: Router,
    service: &Arc<Service>,
) -> Result<(), ServeError> {
    let mut listening = Vec::new();
    for listener in sockets.listeners {
        listener
            .set_nonblocking(true)
            .map_err(ServeError::Runtime)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(ServeError::Runtime)?;
        let taking = take_all(Arc::new(listener), router.clone(), Arc::clone(service));
        listening.push(tokio::spawn(taking));
    }
    let connections = Arc::clone(&service.connections);
    let looking = tokio::spawn(async move {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            connections.send_slow_away();
        }
    });
    for one in listening {
        let _ = one.await;
    }
    looking.abort();
    let ended = async {
        while service.connections.count() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let _ = tokio::time::timeout(GRACE, ended).await;
    Ok(())
}

/// Takes connections until the server stops, whatever happens meanwhile.
async fn take_all(listener: Arc<tokio::net::TcpListener>, router: Router, service: Arc<Service>) {
    loop {
        let (listener, router) = (Arc::clone(&listener), router.clone());
        let taking = tokio::spawn(accept(listener, router, Arc::clone(&service)));
        if taking.await.is_ok() {
            return;
        }
        tokio::time::sleep(REST).await;
    }
}

async fn accept(listener: Arc<tokio::net::TcpListener>, router: Router, service: Arc<Service>) {
    let mut stop = service.stop.subscribe();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let place = service.connections.enter().await;
                let (router, service) = (router.clone(), Arc::clone(&service));
                tokio::spawn(one(stream, router, service, place, stop.clone()));
            }
            // Out of files, or a connection that is gone already: the next one may do.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

async fn one(
    stream: TcpStream,
    router: Router,
    service: Arc<Service>,
    place: Place,
    mut stop: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    // The system takes more once little is unsent, not once a part of all that it has room for was read: who reads slowly is
    // seen to read.
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT);
    let (wire, owed) = Wire::new(stream);
    let mut stream = TimeoutStream::new(wire);
    stream.set_write_timeout(Some(STALL));
    let leave = Arc::clone(&place.leave);
    let place = Arc::new(place);
    let answer = service_fn(move |request: Request<Incoming>| {
        let (router, service) = (router.clone(), Arc::clone(&service));
        let (place, owed) = (Arc::clone(&place), owed.clone());
        async move {
            place.moves(true);
            let response = service.answer(router, request.map(Body::new)).await;
            owed.begin();
            let response = response.map(|body| Answering { body, place, owed });
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        // Who has said all that he wants to say may still listen.
        .half_close(true)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Box::pin(stream)), answer);
    let mut connection = std::pin::pin!(connection);
    let mut stopping = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection");
                }
                return;
            }
            () = leave.notified() => return,
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// A body during which its connection is not idle.
struct Answering {
    body: Body,
    place: Arc<Place>,
    owed: Owed,
}

impl hyper::body::Body for Answering {
    type Data = axum::body::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        // More of it is wanted: what there was has been taken.
        self.place.moves(true);
        let polled = std::pin::Pin::new(&mut self.body).poll_frame(context);
        if matches!(polled, std::task::Poll::Ready(Some(Err(_)))) {
            self.owed.break_off();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.owed.end();
        self.place.moves(false);
    }
}

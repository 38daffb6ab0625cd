//! Connections: how long each may take to say what it wants and to take its answer, and how they end.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_io_timeout::TimeoutStream;

use crate::serve::door::connections::Place;
use crate::serve::door::sockets::Sockets;
use crate::serve::door::wire::{Owed, Wire};
use crate::serve::{ServeError, Service};

/// How long a connection may take to send a request's head, the first or the next one.
const HEAD: Duration = Duration::from_secs(5);
/// How long a caller may take to read some of its answer.
const STALL: Duration = Duration::from_secs(20);
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

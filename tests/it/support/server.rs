//! The fake provider: a loopback HTTP/1.1 server that answers from the oracle unless a script says otherwise, checks
//! the key and records every request. It must never listen on anything but loopback, and never on a fixed port.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::aggs::{self, Ask};
use super::exchange::{Gate, PATIENCE, Reply, Request};
use super::harness::KEY;

type Script = dyn Fn(&Request) -> Option<Reply> + Send + Sync;

struct Shared {
    page: usize,
    gzip: bool,
    script: Box<Script>,
    log: Mutex<Vec<Request>>,
    arrived: Condvar,
    factor: Mutex<f64>,
    address: SocketAddr,
    stop: AtomicBool,
    /// Whether nobody listens any more.
    gone: Mutex<bool>,
    left: Condvar,
}

/// How a server is to behave; `start` makes it.
pub(crate) struct Setup {
    page: usize,
    gzip: bool,
    script: Box<Script>,
}

impl Setup {
    /// Rows on a page.
    pub(crate) fn page(mut self, rows: usize) -> Self {
        self.page = rows;
        self
    }

    pub(crate) fn gzip(mut self) -> Self {
        self.gzip = true;
        self
    }

    /// Is asked before every answer; `None` lets the oracle answer. It may block, and only its own connection waits.
    pub(crate) fn script(
        mut self,
        script: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        self.script = Box::new(script);
        self
    }

    pub(crate) fn start(self) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            page: self.page,
            gzip: self.gzip,
            script: self.script,
            log: Mutex::default(),
            arrived: Condvar::new(),
            factor: Mutex::new(1.0),
            address,
            stop: AtomicBool::new(false),
            gone: Mutex::new(false),
            left: Condvar::new(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.stop.load(Ordering::SeqCst) {
                    break;
                }
                let serving = Arc::clone(&accepting);
                thread::spawn(move || serving.serve(&stream));
            }
            drop(listener);
            *accepting.gone.lock().unwrap() = true;
            accepting.left.notify_all();
        });
        Server { shared }
    }
}

pub(crate) struct Server {
    shared: Arc<Shared>,
}

impl Server {
    pub(crate) fn setup() -> Setup {
        Setup {
            page: 1_000,
            gzip: false,
            script: Box::new(|_| None),
        }
    }

    pub(crate) fn start() -> Self {
        Self::setup().start()
    }

    pub(crate) fn scripted(
        script: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        Self::setup().script(script).start()
    }

    /// Holds back the request with this number until the gate is opened.
    pub(crate) fn holding(number: usize) -> (Self, Gate) {
        Self::holding_if(move |request| request.n == number)
    }

    /// Holds back each request of this kind until the gate is opened.
    pub(crate) fn holding_if(
        is_held: impl Fn(&Request) -> bool + Send + Sync + 'static,
    ) -> (Self, Gate) {
        let gate = Gate::default();
        let held = gate.clone();
        let server = Self::scripted(move |request| {
            if is_held(request) {
                held.wait();
            }
            None
        });
        (server, gate)
    }

    /// Answers every request with the same body.
    pub(crate) fn always(reply: Reply) -> Self {
        Self::scripted(move |_| Some(reply.clone()))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.log.lock().unwrap().clone()
    }

    pub(crate) fn hits(&self) -> usize {
        self.shared.log.lock().unwrap().len()
    }

    pub(crate) fn forget(&self) {
        self.shared.log.lock().unwrap().clear();
    }

    /// What was asked for at the beginning of each chain of pages, in order of time asked about.
    pub(crate) fn asked(&self) -> Vec<Ask> {
        let mut asked: Vec<Ask> = self
            .requests()
            .iter()
            .filter(|r| !r.continues())
            .map(Request::ask)
            .collect();
        asked.sort_by_key(|ask| ask.span);
        asked
    }

    /// From now on adjusted prices are the raw ones times this, as after a split.
    pub(crate) fn split(&self, factor: f64) {
        *self.shared.factor.lock().unwrap() = factor;
    }

    pub(crate) fn wait_for(&self, count: usize) {
        let log = self.shared.log.lock().unwrap();
        let (log, _) = self
            .shared
            .arrived
            .wait_timeout_while(log, PATIENCE, |log| log.len() < count)
            .unwrap();
        assert!(
            log.len() >= count,
            "{} of {count} requests arrived",
            log.len()
        );
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.leave();
    }
}

impl Shared {
    /// Stops listening. The accepting thread sleeps in accept; one more connection wakes it.
    fn leave(&self) {
        self.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        let gone = self.gone.lock().unwrap();
        let patience = self.left.wait_timeout_while(gone, PATIENCE, |gone| !*gone);
        drop(patience.unwrap());
    }

    fn serve(&self, stream: &TcpStream) {
        stream.set_nodelay(true).unwrap();
        let mut reader = BufReader::new(stream);
        while let Some((target, headers)) = read_head(&mut reader) {
            let request = {
                let mut log = self.log.lock().unwrap();
                let request = Request {
                    n: log.len(),
                    target,
                    headers,
                    at: Instant::now(),
                };
                log.push(request.clone());
                self.arrived.notify_all();
                request
            };
            let reply = (self.script)(&request).unwrap_or_else(|| self.answer(&request));
            if !self.send(stream, &request, reply) {
                return;
            }
        }
    }

    fn answer(&self, request: &Request) -> Reply {
        if request.header("authorization") != Some(&format!("Bearer {KEY}")) {
            return Reply::json(
                401,
                r#"{"status":"ERROR","request_id":"a1","error":"Unknown API Key"}"#,
            );
        }
        let Some(ask) = Ask::parse(request.path()) else {
            return Reply::json(
                404,
                r#"{"status":"NOT_FOUND","request_id":"a2","message":"Page not found"}"#,
            );
        };
        // The provider's own default is true; a cursor stands for the parameters of the first request.
        let adjusted = match request.param("cursor") {
            Some(cursor) => cursor.starts_with("YWRqdXN0ZWQ9dH"),
            None => request.param("adjusted") != Some("false"),
        };
        let factor = *self.factor.lock().unwrap();
        let limit = request
            .param("limit")
            .and_then(|limit| limit.parse().ok())
            .unwrap_or(5_000);
        Reply::json(
            200,
            aggs::page(&ask, self.page.min(limit), adjusted, factor),
        )
    }

    /// Whether the connection lives on.
    fn send(&self, mut stream: &TcpStream, request: &Request, reply: Reply) -> bool {
        let (status, headers, body) = match reply {
            Reply::Full {
                status,
                headers,
                body,
            } => (status, headers, body),
            Reply::Raw(bytes) => {
                drop(stream.write_all(&bytes));
                drop(stream.shutdown(std::net::Shutdown::Both));
                return false;
            }
            Reply::Reset(bytes) => {
                drop(stream.write_all(&bytes));
                // Closed without a wait for what lies in the way, it resets the connection.
                let now = Some(Duration::ZERO);
                SockRef::from(stream).set_linger(now).unwrap();
                return false;
            }
            Reply::Gone => {
                self.leave();
                return false;
            }
            Reply::Live(write) => {
                write(stream);
                drop(stream.shutdown(std::net::Shutdown::Both));
                return false;
            }
        };
        let mut head = format!("HTTP/1.1 {status} Answer\r\n");
        for (name, value) in &headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        let zip = self.gzip
            && request
                .header("accept-encoding")
                .is_some_and(|value| value.contains("gzip"));
        let body = if zip {
            head.push_str("Content-Encoding: gzip\r\n");
            gzip(&body)
        } else {
            body
        };
        write!(head, "Content-Length: {}\r\n\r\n", body.len()).unwrap();
        stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(&body))
            .is_ok()
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The target and the headers of the next request, or nothing when the client has gone.
fn read_head(reader: &mut impl BufRead) -> Option<(String, Vec<(String, String)>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let target = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
            None => return Some((target, headers)),
        }
    }
}

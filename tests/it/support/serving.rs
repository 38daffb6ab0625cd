//! The program as a server, and a client for it that sends exactly the bytes it is given. It must never follow, retry or
//! mend anything by itself.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::Deref;

use serde_json::Value;

use super::exchange::{Gate, PATIENCE};
use super::harness::{Cli, Home, Run};
use super::running::{Running, eventually};
use super::server::Server;

/// The program while it serves.
pub(crate) struct Serving {
    running: Running,
    caller: Caller,
}

/// Who calls a server on this machine.
pub(crate) struct Caller {
    pub(crate) port: u16,
}

impl Deref for Serving {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Home {
    /// `serve` at any free port, from a fake provider.
    pub(crate) fn serve(&self, provider: &Server) -> Cli {
        self.to(provider, ["serve", "--port", "0"])
    }

    /// `serve` at any free port, from the embedded sample data.
    pub(crate) fn serve_sample(&self) -> Cli {
        self.cli(["serve", "--port", "0", "--provider", "sample"])
    }
}

impl Serving {
    /// Starts the server, and waits until it says where.
    pub(crate) fn start(cli: Cli) -> Self {
        Self::try_start(cli).unwrap_or_else(|run| panic!("it does not serve\n{run:?}"))
    }

    /// The server in a folder of its own, from the embedded sample data.
    pub(crate) fn of_sample() -> (Home, Self) {
        let home = Home::new();
        let serving = Self::start(home.serve_sample());
        (home, serving)
    }

    /// The server in a folder of its own, from a fake provider.
    pub(crate) fn of_provider() -> (Home, Server, Self) {
        let (home, provider) = (Home::new(), Server::start());
        let serving = Self::start(home.serve(&provider));
        (home, provider, serving)
    }

    /// The same, from a provider that holds back the request with this number.
    pub(crate) fn holding(number: usize) -> (Home, Server, Gate, Self) {
        Self::holding_with(number, |cli| cli)
    }

    /// The same with one worker, so that what comes after the request that is held is not asked for.
    pub(crate) fn holding_one_worker(number: usize) -> (Home, Server, Gate, Self) {
        Self::holding_with(number, |cli| cli.args("--workers 1"))
    }

    fn holding_with(number: usize, options: impl FnOnce(Cli) -> Cli) -> (Home, Server, Gate, Self) {
        let home = Home::new();
        let (provider, gate) = Server::holding(number);
        let serving = Self::start(options(home.serve(&provider)));
        (home, provider, gate, serving)
    }

    /// Starts the server, or gives the run that has ended without one.
    pub(crate) fn try_start(cli: Cli) -> Result<Self, Run> {
        let mut running = cli.spawn();
        let Some(said) = running.first_line() else {
            return Err(running.wait());
        };
        let port = said.rsplit(':').next().unwrap().parse().unwrap();
        let caller = Caller { port };
        Ok(Self { running, caller })
    }

    /// What identifies the process.
    pub(crate) fn id(&self) -> u32 {
        self.running.id()
    }

    /// SIGTERM, and the wait for its clean end.
    pub(crate) fn stop(self) -> Run {
        self.running.terminate();
        self.running.wait()
    }

    /// A signal, as for `kill`.
    pub(crate) fn signal(&self, signal: &str) {
        self.running.signal(signal);
    }

    /// `kill -9`.
    pub(crate) fn kill(self) {
        self.running.kill();
    }
}

impl Caller {
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends these bytes on a connection of their own and reads until its end. `None` where nothing is answered.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Option<Answer> {
        let mut stream = self.connect();
        // A server that refuses early may close before it has read everything.
        drop(stream.write_all(bytes));
        read_answer(&mut stream)
    }

    /// A request with these header lines (each ended by `\r\n`) beside its host.
    pub(crate) fn send(&self, method: &str, target: &str, headers: &str, body: &str) -> Answer {
        let length = match body.len() {
            0 => String::new(),
            length => format!("Content-Length: {length}\r\n"),
        };
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n{length}{headers}\r\n{body}",
            self.port
        );
        self.raw(head.as_bytes())
            .unwrap_or_else(|| panic!("{method} {target} was not answered"))
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        self.send("GET", target, "", "")
    }

    pub(crate) fn post(&self, target: &str) -> Answer {
        self.send("POST", target, "", "")
    }

    pub(crate) fn post_json(&self, target: &str, body: &Value) -> Answer {
        let typed = "Content-Type: application/json\r\n";
        self.send("POST", target, typed, &body.to_string())
    }

    /// Asks for a backfill, and gives its id.
    pub(crate) fn backfill(&self, query: &str) -> String {
        let answer = self.post(&format!("/api/v1/backfill?{query}")).is(202);
        answer.json()["job_id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn status(&self, job_id: &str) -> Value {
        let target = format!("/api/v1/backfill/status/{job_id}");
        self.get(&target).is(200).json()
    }

    /// Waits until a job has this status.
    pub(crate) fn wait_for(&self, job_id: &str, status: &str) -> Value {
        let mut job = Value::Null;
        eventually(&format!("job {job_id} is {status}"), || {
            job = self.status(job_id);
            job["status"] == status
        });
        job
    }
}

/// A request as it is sent, with the server's name in place of `{host}`.
pub(crate) fn host(serving: &Serving, text: &str) -> Vec<u8> {
    let host = format!("127.0.0.1:{}", serving.port);
    text.replace("{host}", &host).into_bytes()
}

/// Reads an answer until the end of its connection.
pub(crate) fn read_answer(stream: &mut TcpStream) -> Option<Answer> {
    let mut bytes = Vec::new();
    let mut piece = vec![0; 65536];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => bytes.extend_from_slice(&piece[..read]),
            // A reset is an end, too: what came before it was answered.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error}"),
        }
    }
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut answer = Answer {
        status,
        head,
        body: bytes[end + 4..].to_vec(),
    };
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = unchunked(&answer.body);
    }
    Some(answer)
}

/// The bytes of chunks; they must end as they should.
fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = bytes.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = std::str::from_utf8(&bytes[..line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&bytes[line + 2..line + 2 + size]);
        bytes = &bytes[line + 2 + size + 2..];
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("the body is not one JSON document: {error}\n{self:?}"))
    }

    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.text());
        self
    }

    /// An error of this kind, with a message that holds these words, and a next step.
    pub(crate) fn refuses(self, status: u16, kind: &str, words: &str) -> Self {
        let answer = self.is(status);
        let error = &answer.json()["error"];
        assert_eq!(error["kind"], kind, "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(words), "{error} does not say {words:?}");
        assert!(!error["next"].as_str().unwrap().is_empty(), "{error}");
        answer
    }
}

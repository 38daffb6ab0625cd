//! A client that costs little: what is measured is the server.

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

pub struct Client {
    stream: BufReader<TcpStream>,
    host: String,
}

pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Client {
    pub fn connect(port: u16) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        Client {
            stream: BufReader::with_capacity(1 << 16, stream),
            host: format!("127.0.0.1:{port}"),
        }
    }

    pub fn get(&mut self, target: &str) -> Result<Answer> {
        self.ask("GET", target)
    }

    pub fn post(&mut self, target: &str) -> Result<Answer> {
        self.ask("POST", target)
    }

    fn ask(&mut self, method: &str, target: &str) -> Result<Answer> {
        let (status, length) = self.begin(method, target)?;
        let mut body = Vec::new();
        match length {
            Some(length) => {
                body.resize(length, 0);
                self.stream.read_exact(&mut body)?;
            }
            None => while self.chunk(&mut body)? {},
        }
        Ok(Answer { status, body })
    }

    /// Asks, and reads the head alone: the status, and the body's length where it has one.
    pub fn begin(&mut self, method: &str, target: &str) -> Result<(u16, Option<usize>)> {
        let head = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.stream.get_mut().write_all(head.as_bytes())?;
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|word| word.parse().ok());
        let mut length = None;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                return Ok((status.unwrap_or(0), length));
            }
            if let Some(text) = line.strip_prefix("content-length:") {
                length = text.trim().parse().ok();
            }
        }
    }

    /// Reads a chunk of a body; no more come after an empty one.
    pub fn chunk(&mut self, body: &mut Vec<u8>) -> Result<bool> {
        let size = usize::from_str_radix(&self.line()?, 16).unwrap_or(0);
        let held = body.len();
        body.resize(held + size, 0);
        self.stream.read_exact(&mut body[held..])?;
        self.line()?;
        Ok(size > 0)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

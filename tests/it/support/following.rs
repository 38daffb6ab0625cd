//! A follower of a job's events, who reads when the test wants it to. It must never go on after its last event by itself.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::serving::Serving;

/// Comments in a row, one every 15 seconds, after which nobody waits any more.
const COMMENTS: u32 = 4;

/// An event as it came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) data: Value,
}

pub(crate) struct Following {
    reader: BufReader<TcpStream>,
    text: String,
    /// The number of the newest event.
    newest: u64,
}

impl Serving {
    /// Follows a job from its state now.
    pub(crate) fn follow(&self, job_id: &str) -> Following {
        self.follow_after(job_id, "")
    }

    /// Follows a job from an event on.
    pub(crate) fn follow_after(&self, job_id: &str, id: &str) -> Following {
        let following = Following::on(self.connect(), self.port, job_id, id);
        following.unwrap_or_else(|head| panic!("{head}"))
    }
}

impl Following {
    /// Follows a job on a connection; the head of the answer, where that is no stream of events.
    pub(crate) fn on(
        mut stream: TcpStream,
        port: u16,
        job_id: &str,
        id: &str,
    ) -> Result<Self, String> {
        let last = match id {
            "" => String::new(),
            id => format!("Last-Event-ID: {id}\r\n"),
        };
        let request = format!(
            "GET /api/v1/backfill/{job_id}/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{last}\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut following = Self {
            reader: BufReader::new(stream),
            text: String::new(),
            newest: 0,
        };
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(following.reader.read_line(&mut head).unwrap() > 0, "{head}");
        }
        let is_stream = head.contains("content-type: text/event-stream");
        if is_stream && head.starts_with("HTTP/1.1 200") {
            Ok(following)
        } else {
            Err(head)
        }
    }

    /// The next event; `None` where the stream has come to its end as it should.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let mut comments = 0;
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = parse(event);
                self.text = rest.to_owned();
                if let Some(event) = event {
                    assert!(event.number() > self.newest, "told twice: {event:?}");
                    self.newest = event.number();
                    return Some(event);
                }
                comments += 1;
                assert!(comments < COMMENTS, "nothing came");
            } else if !self.read_chunk() {
                assert_eq!(self.text, "", "an event was broken off");
                return None;
            }
        }
    }

    /// All events up to the stream's end.
    pub(crate) fn rest(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.next()).collect()
    }

    /// Reads on until an event is such a one.
    pub(crate) fn until(&mut self, what: impl Fn(&Event) -> bool) -> Event {
        std::iter::from_fn(|| self.next())
            .find(what)
            .expect("the stream ended before")
    }

    fn read_chunk(&mut self) -> bool {
        let mut line = String::new();
        assert!(self.reader.read_line(&mut line).unwrap() > 0, "cut off");
        let size = usize::from_str_radix(line.trim_end(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        self.reader.read_exact(&mut chunk).unwrap();
        self.text += std::str::from_utf8(&chunk[..size]).unwrap();
        size > 0
    }
}

/// An event's lines; `None` for a comment.
fn parse(text: &str) -> Option<Event> {
    let field = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(name));
        let value = lines.next().map(str::to_owned);
        assert_eq!(lines.next(), None, "{text}");
        value
    };
    Some(Event {
        id: field("id: ")?,
        name: field("event: ")?,
        data: serde_json::from_str(&field("data: ")?).unwrap(),
    })
}

impl Event {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    pub(crate) fn run(&self) -> &str {
        self.id.rsplit_once('-').unwrap().0
    }

    pub(crate) fn number(&self) -> u64 {
        self.id.rsplit_once('-').unwrap().1.parse().unwrap()
    }
}

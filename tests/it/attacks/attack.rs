//! The server under attack: tables of bytes that are sent, each with the exact answer. What holds for every answer is
//! looked at for every attack, and behind each comes a second request that must never be run. Attacks that are about all
//! routes are made from the interface's own document and the page's files, so that a new one is attacked from its first day.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rusqlite::Connection;
use serde_json::Value;

use super::rules::{self as rules, Route};
use crate::support::harness::{Home, KEY};
use crate::support::running::eventually;
use crate::support::serving::{Answer, Serving};

pub(crate) const TOKEN: &str = "canary-token-5d1f0b9e7c3a48264f8e1d";
/// What the server may be allowed to be called by.
pub(crate) const NAME: &str = "candles.example";
/// What comes behind every attack on the same connection.
const SECOND: &str = "POST /api/v1/backfill?symbols=EVIL&start_date=2024-01-02&end_date=2024-01-05 HTTP/1.1\r\n\
                      Host: {host}\r\nAuthorization: Bearer {token}\r\n\r\n";
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What an attack comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Expect {
    /// This status with an error of this kind, and the end of the connection.
    Refused(u16, &'static str),
    /// What is no request at all: a status alone, and the end of the connection.
    Bare(u16),
    /// The end of the connection.
    Closed,
    /// It is a request like any other.
    Answered(u16),
    /// It is answered well, with a body of this type.
    Read(&'static str),
}
use Expect::{Answered, Bare, Closed, Read, Refused};

struct Attack {
    bytes: Vec<u8>,
    expect: Expect,
}

pub(crate) struct Table {
    host: String,
    attacks: Vec<Attack>,
}

impl Table {
    /// An attack as it is sent; `{host}` and `{port}` are the server's, and characters stand for the bytes of Latin-1.
    pub(crate) fn raw(&mut self, expect: Expect, text: &str) {
        let (_, port) = self.host.rsplit_once(':').unwrap();
        let text = format!("{text}{SECOND}");
        let text = text.replace("{host}", &self.host).replace("{port}", port);
        let text = text.replace("{token}", TOKEN);
        let bytes = text.chars().map(|c| u8::try_from(c).unwrap()).collect();
        self.attacks.push(Attack { bytes, expect });
    }

    /// A request line with the right host, header lines (each ended by `\r\n`) and a body, whose length is told.
    pub(crate) fn call(&mut self, expect: Expect, line: &str, headers: &str, body: &str) {
        let mut head = format!("{line} HTTP/1.1\r\nHost: {{host}}\r\n{headers}");
        // A refusal ends the connection without being asked to; of a call that only reads, nothing is left there.
        if matches!(expect, Answered(_) | Read(_) | Refused(404, _)) {
            head.push_str("Connection: close\r\n");
        }
        if !body.is_empty() {
            write!(head, "Content-Length: {}\r\n", body.chars().count()).unwrap();
        }
        self.raw(expect, &format!("{head}\r\n{body}"));
    }

    pub(crate) fn get(&mut self, expect: Expect, target: &str, headers: &str) {
        self.call(expect, &format!("GET {target}"), headers, "");
    }

    pub(crate) fn post(&mut self, expect: Expect, target: &str, headers: &str, body: &str) {
        self.call(expect, &format!("POST {target}"), headers, body);
    }
}

/// A server with a candle in its file, under attack.
pub(crate) struct Siege {
    home: Home,
    pub(crate) serving: Serving,
    token: Option<&'static str>,
    /// The job that the file holds.
    job: String,
    /// Sockets while nobody is connected.
    sockets: usize,
}

impl Siege {
    pub(crate) fn lay() -> Siege {
        Siege::with(None, None)
    }

    pub(crate) fn lay_with_token() -> Siege {
        Siege::with(Some(TOKEN), None)
    }

    /// The server goes by another name, too.
    pub(crate) fn lay_with_name() -> Siege {
        Siege::with(None, Some(NAME))
    }

    fn with(token: Option<&'static str>, name: Option<&str>) -> Siege {
        let home = Home::of_sample("AAPL --start 2024-01-02 --end 2024-01-05");
        let job = home.db().text("SELECT job_id FROM backfill_jobs");
        let mut cli = home.serve_sample();
        if let Some(token) = token {
            let path = home.path("token");
            fs::write(&path, format!("{token}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            cli = cli.arg("--token-file").arg(path);
        }
        if let Some(name) = name {
            cli = cli.arg("--allow-host").arg(name);
        }
        let serving = Serving::start(cli);
        let sockets = open_sockets(serving.id());
        Siege {
            home,
            serving,
            token,
            job,
            sockets,
        }
    }

    fn get(&self, target: &str) -> Answer {
        let token = self
            .token
            .map(|token| format!("Authorization: Bearer {token}\r\n"));
        self.serving
            .send("GET", target, &token.unwrap_or_default(), "")
    }

    /// Every route that there is: the interface's calls and the page's files.
    pub(crate) fn routes(&self) -> Vec<Route> {
        let document = self.get("/api/v1/openapi.json").is(200).json();
        let mut routes = rules::calls(&document, &self.job);
        routes.extend(rules::files());
        routes
    }

    /// What the file consists of. What readers tell each other in memory is no part of it.
    fn bytes(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = self.home.files();
        files.retain(|(path, _)| !path.ends_with("market.db-shm"));
        files
    }

    /// Makes the attacks, and looks at what came of each and of all. `least`: so many there are.
    pub(crate) fn withstands(self, least: usize, attacks: impl FnOnce(&Siege, &mut Table)) {
        let mut table = Table {
            host: format!("127.0.0.1:{}", self.serving.port),
            attacks: Vec::new(),
        };
        attacks(&self, &mut table);
        assert!(
            table.attacks.len() >= least,
            "{} attacks",
            table.attacks.len()
        );
        let file = Connection::open(self.home.db_path()).unwrap();
        let version = || -> i64 {
            file.query_row("PRAGMA data_version", [], |row| row.get(0))
                .unwrap()
        };
        let bytes = self.bytes();
        let mut wrong = Vec::new();
        for attack in &table.attacks {
            let before = version();
            let mut judged = self.judge(attack);
            if version() != before {
                judged = Err("it has written".into());
            }
            if let Err(why) = judged {
                let sent: String = attack
                    .bytes
                    .iter()
                    .take(300)
                    .map(|&byte| char::from(byte))
                    .collect();
                wrong.push(format!("{sent:?}\n    {why}\n"));
            }
            // One that is let in may leave its connection open, and these tell enough.
            if wrong.len() == 5 {
                break;
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.concat());
        assert!(self.bytes() == bytes, "something was written");
        self.get("/health").is(200);
        self.get("/api/v1/coverage/AAPL").is(200);
        let jobs = self.get("/api/v1/backfill/recent").is(200).json();
        assert_eq!(jobs["jobs"].as_array().unwrap().len(), 1, "{jobs}");
        eventually("connections end", || {
            open_sockets(self.serving.id()) <= self.sockets
        });
        self.serving.stop().ok();
    }

    fn judge(&self, attack: &Attack) -> Result<(), String> {
        let answer = self.serving.raw(&attack.bytes);
        let expect = attack.expect;
        let Some(answer) = answer else {
            let closed = expect == Closed;
            return closed
                .then_some(())
                .ok_or_else(|| "it was not answered".into());
        };
        let start: String = answer.text().chars().take(500).collect();
        let told = format!("{expect:?} was expected\n{}\n{start}", answer.head);
        let must =
            |holds: bool, what: &str| holds.then_some(()).ok_or_else(|| format!("{what}: {told}"));
        let status = match expect {
            Refused(status, _) | Bare(status) | Answered(status) => status,
            Read(_) => 200,
            Closed => 0,
        };
        must(answer.status == status, "the status")?;
        let is_head = attack.bytes.starts_with(b"HEAD ");
        let length = answer.header("content-length").unwrap_or("0");
        let is_one = match answer.header("transfer-encoding") {
            Some(_) => matches!(expect, Read(_) | Answered(_)),
            None => answer.body.len() == length.parse::<usize>().unwrap(),
        };
        must(is_head || is_one, "more than one answer")?;
        must(
            answer.header("connection") == Some("close"),
            "the connection goes on",
        )?;
        let place = self.home.path("").display().to_string().to_lowercase();
        let all = format!("{}\n{}", answer.head, answer.text()).to_lowercase();
        for secret in [
            KEY,
            TOKEN,
            &place,
            "sqlite",
            "select ",
            "panicked",
            "access-control",
            "location:",
            "set-cookie",
        ] {
            must(!all.contains(secret), secret)?;
        }
        must(!answer.text().contains(".rs:"), "a place in the source")?;
        if matches!(expect, Bare(_)) {
            return must(answer.body.is_empty(), "the body");
        }
        for (name, value) in [
            ("content-security-policy", POLICY),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            must(answer.header(name) == Some(value), name)?;
        }
        if let Read(kind) = expect {
            must(is_head == answer.body.is_empty(), "the body")?;
            return must(answer.header("content-type") == Some(kind), "content-type");
        }
        let Refused(_, kind) = expect else {
            return Ok(());
        };
        must(
            answer.header("cache-control") == Some("no-store"),
            "cache-control",
        )?;
        must(
            answer.header("content-type") == Some("application/json; charset=utf-8"),
            "content-type",
        )?;
        if is_head {
            return Ok(());
        }
        let document = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        let error = document["error"].as_object().filter(|error| {
            error.len() == 3
                && error.values().all(|text| {
                    text.as_str()
                        .is_some_and(|text| !text.is_empty() && text.len() < 2_100)
                })
        });
        let fields = ["kind", "message", "next"];
        let is_whole =
            error.is_some_and(|error| fields.iter().all(|name| error.contains_key(*name)));
        must(is_whole, "the error")?;
        must(document["error"]["kind"] == kind, "the kind")
    }
}

/// Files and sockets that a process has open, where the system shows it.
pub(crate) fn open_sockets(process: u32) -> usize {
    let Ok(files) = fs::read_dir(format!("/proc/{process}/fd")) else {
        return 0;
    };
    files
        .filter_map(|file| fs::read_link(file.ok()?.path()).ok())
        .filter(|file| file.to_string_lossy().starts_with("socket:"))
        .count()
}

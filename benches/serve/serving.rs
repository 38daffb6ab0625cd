//! The real program while it serves.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::Client;

pub struct Serving {
    child: Child,
    pub port: u16,
}

impl Serving {
    /// Serves a file, from a provider.
    pub fn start(db: &Path, provider: &str) -> Serving {
        let mut child = Command::new(env!("CARGO_BIN_EXE_candlefile"))
            .arg("--db")
            .arg(db)
            .args(["serve", "--port", "0", "--rate", "10000/s"])
            .args(["--base-url", provider])
            .env("MASSIVE_API_KEY", "benchmark")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut said)
            .unwrap();
        let port = said.trim().rsplit(':').next().unwrap().parse().unwrap();
        Serving { child, port }
    }

    pub fn client(&self) -> Client {
        Client::connect(self.port)
    }

    /// Asks for minutes of symbols, and gives the job's id.
    pub fn backfill(&self, symbols: &[String], [start, end]: &[String; 2]) -> String {
        let target = format!(
            "/api/v1/backfill?timeframes=1m&symbols={}&start_date={start}&end_date={end}",
            symbols.join(",")
        );
        let answer = self.client().post(&target).unwrap();
        let document: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(answer.status, 202, "{document}");
        document["job_id"].as_str().unwrap().to_owned()
    }

    /// The body of an answer, on a connection of its own.
    pub fn get(&self, target: &str) -> String {
        let answer = self.client().get(target).unwrap();
        String::from_utf8(answer.body).unwrap()
    }

    /// Bytes of its memory that are resident, as Linux tells it; 0 elsewhere.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kib.unwrap_or(0) << 10
    }

    /// SIGTERM, and how long it takes from there to its end.
    pub fn stop(mut self) -> Duration {
        let began = Instant::now();
        let id = self.child.id().to_string();
        let kill = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(kill.success());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
        began.elapsed()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! Datasette, where the machine has it.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::client::Client;

pub struct Datasette {
    child: Child,
    port: u16,
    name: String,
}

impl Datasette {
    /// Serves the same file; `None` without an interpreter that has it, and why.
    pub fn start(db: &Path) -> Result<Datasette, &'static str> {
        let python = std::env::var_os("CANDLEFILE_PYTHON").ok_or("no CANDLEFILE_PYTHON")?;
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut child = Command::new(python)
            .args(["-m", "datasette", "serve", "-p", &port.to_string()])
            .args(["--setting", "max_returned_rows", "1000000"])
            .args(["--setting", "sql_time_limit_ms", "60000"])
            .arg(db)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|_| "CANDLEFILE_PYTHON cannot be run")?;
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if child.try_wait().unwrap().is_some() || began.elapsed() > Duration::from_secs(30) {
                return Err("Datasette does not start");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let name = db.file_stem().unwrap().to_str().unwrap().to_owned();
        Ok(Datasette { child, port, name })
    }

    /// The same candles with the same columns, as JSON.
    pub fn candles(&self) -> (Duration, usize) {
        const SQL: &str = "select+ts,datetime,open,high,low,close,volume,vwap,trades+from+market_data\
                           +where+symbol='S0'+and+timeframe='1m'+order+by+ts";
        let target = format!("/{}.json?_shape=array&sql={SQL}", self.name);
        let mut client = Client::connect(self.port);
        let began = Instant::now();
        let answer = client.get(&target).unwrap();
        let took = began.elapsed();
        assert_eq!(answer.status, 200);
        (took, super::historical::starts(&answer.body))
    }
}

impl Drop for Datasette {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

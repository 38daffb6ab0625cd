//! How jobs ended is told to a webhook: signed, tried again, and without the provider's key.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use crate::support::harness::{Home, KEY};
use crate::support::running::eventually;
use crate::support::server::Server;
use crate::support::serving::Serving;

const SECRET: &str = "a secret of more than 24 bytes";

/// A request that the receiver was sent: its head, and its body.
type Told = (String, String);

/// A receiver that answers with these statuses, one after the other, and then with 204.
fn receiver(statuses: &'static [u16]) -> (String, Arc<Mutex<Vec<Told>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks/candles", listener.local_addr().unwrap());
    let told: Arc<Mutex<Vec<Told>>> = Arc::default();
    let all = Arc::clone(&told);
    thread::spawn(move || {
        for (index, stream) in listener.incoming().flatten().enumerate() {
            let mut reader = BufReader::new(stream);
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if line.trim().is_empty() {
                    break;
                }
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                head += &line;
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            all.lock()
                .unwrap()
                .push((head, String::from_utf8(body).unwrap()));
            let status = statuses.get(index).unwrap_or(&204);
            let answer =
                format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    });
    (url, told)
}

fn header<'a>(told: &'a Told, name: &str) -> &'a str {
    let mut lines = told.0.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(key, _)| key.eq_ignore_ascii_case(name));
    found
        .unwrap_or_else(|| panic!("no {name} in {}", told.0))
        .1
        .trim()
}

#[test]
fn the_end_of_a_job_is_told_signed_until_it_is_taken_and_without_the_key() {
    let (home, provider) = (Home::new(), Server::start());
    let (url, told) = receiver(&[503]);
    let cli = home.serve(&provider).args("--webhook").arg(&url);
    let serving = Serving::start(cli.env("CANDLEFILE_WEBHOOK_SECRET", SECRET));
    let job = serving.backfill("symbols=AAPL&start_date=2024-01-02&end_date=2024-01-05");
    eventually("it is told twice", || told.lock().unwrap().len() == 2);
    serving.stop().ok();
    let told = told.lock().unwrap();
    let [first, second] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert!(first.0.starts_with("POST /hooks/candles "), "{}", first.0);
    assert_eq!(
        first.1, second.1,
        "the message is the same when it is sent again"
    );
    assert_eq!(
        header(first, "webhook-id"),
        header(second, "webhook-id"),
        "the id is the same when it is sent again"
    );
    assert!(header(first, "webhook-signature").starts_with("v1,"));
    let message: Value = serde_json::from_str(&first.1).unwrap();
    assert_eq!(
        message["type"], "backfill.ended",
        "what the message is about"
    );
    assert_eq!(message["data"]["job_id"], job, "whose end is told");
    assert_eq!(message["data"]["status"], "completed", "how the job ended");
    for (head, body) in told.iter() {
        assert!(!head.contains(KEY) && !body.contains(KEY) && !body.contains(SECRET));
        assert!(!head.to_lowercase().contains("authorization"), "{head}");
    }
}

#[test]
fn a_job_that_is_cancelled_before_it_began_is_told_too() {
    let home = Home::new();
    let (provider, _gate) = Server::holding(0);
    let (url, told) = receiver(&[]);
    let cli = home.serve(&provider).args("--webhook").arg(&url);
    let serving = Serving::start(cli.env("CANDLEFILE_WEBHOOK_SECRET", SECRET));
    serving.backfill("symbols=AAPL&start_date=2024-01-02&end_date=2024-01-05");
    provider.wait_for(1);
    let job = serving.backfill("symbols=MSFT&start_date=2024-01-02&end_date=2024-01-05");
    serving
        .post(&format!("/api/v1/backfill/{job}/cancel"))
        .is(202);
    eventually("it is told", || !told.lock().unwrap().is_empty());
    serving.kill();
    let message: Value = serde_json::from_str(&told.lock().unwrap()[0].1).unwrap();
    assert_eq!(message["data"]["job_id"], job, "whose end is told");
    assert_eq!(
        message["data"]["status"], "interrupted",
        "how the job ended"
    );
}

#[test]
fn a_receiver_that_refuses_is_not_asked_again_and_holds_nothing_up() {
    let (home, provider) = (Home::new(), Server::start());
    let (url, told) = receiver(&[410]);
    let cli = home.serve(&provider).args("--webhook").arg(&url);
    let serving = Serving::start(cli.env("CANDLEFILE_WEBHOOK_SECRET", SECRET));
    for symbol in ["AAPL", "MSFT"] {
        let job = serving.backfill(&format!(
            "symbols={symbol}&start_date=2024-01-02&end_date=2024-01-05"
        ));
        serving.wait_for(&job, "completed");
    }
    eventually("both are told", || told.lock().unwrap().len() == 2);
    serving.stop().ok();
    let ids: Vec<String> = told
        .lock()
        .unwrap()
        .iter()
        .map(|told| header(told, "webhook-id").to_owned())
        .collect();
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn a_webhook_without_a_secret_or_over_plain_http_is_refused() {
    let home = Home::new();
    home.serve_sample()
        .args("--webhook https://example.com/x")
        .run()
        .exit(2)
        .says(&["CANDLEFILE_WEBHOOK_SECRET", "openssl"]);
    home.serve_sample()
        .args("--webhook http://example.com/x")
        .env("CANDLEFILE_WEBHOOK_SECRET", SECRET)
        .run()
        .exit(2)
        .says(&["https"]);
    assert!(!home.db_path().exists());
}

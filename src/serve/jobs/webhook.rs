//! Telling another server how a job ended, signed as standardwebhooks.com describes, so that its libraries can verify it.
//! The provider's key has no part in it, and a receiver that does not answer holds nothing up.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::http::retry::{ATTEMPTS, backoff};
use crate::http::{BaseUrl, NoClient, Teller};
use crate::run::clock::{Cancel, Clock};
use crate::serve::jobs::crew::Crew;

/// Messages that wait to be sent at most; more are given up.
const WAITING: usize = 1000;

/// How long a receiver may make the others' messages wait at a time.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How often the thread looks whether it is to end.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What signs. Printing it prints stars.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// Text that cannot be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a secret is whsec_ with base64 after it, or any text, of {} bytes or more",
    Secret::SHORTEST
)]
pub struct BadSecret;

impl Secret {
    /// Bytes of a secret at least.
    pub const SHORTEST: usize = 24;
}

impl std::str::FromStr for Secret {
    type Err = BadSecret;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = match text.strip_prefix("whsec_") {
            Some(coded) => STANDARD.decode(coded).map_err(|_| BadSecret)?,
            None => text.as_bytes().to_vec(),
        };
        if bytes.len() < Self::SHORTEST {
            return Err(BadSecret);
        }
        Ok(Secret(bytes))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Where to tell, and what signs it.
pub struct Webhook {
    teller: Teller,
    secret: Secret,
}

impl Webhook {
    /// A webhook at a URL, which is https unless it is this machine.
    ///
    /// # Errors
    /// The machine's TLS roots could not be read.
    pub fn new(url: &BaseUrl, secret: Secret) -> Result<Webhook, NoClient> {
        Ok(Webhook {
            teller: Teller::new(url)?,
            secret,
        })
    }

    /// Sends one message until it is taken, given up, or told to stop.
    fn tell(&self, body: &str, clock: &dyn Clock, cancel: &Cancel) {
        let id = format!("msg_{}", uuid::Uuid::now_v7().simple());
        for attempt in 1..=ATTEMPTS {
            let at = clock.now();
            let headers = [
                ("webhook-id", id.clone()),
                ("webhook-timestamp", at.to_string()),
                ("webhook-signature", self.signature(&id, at, body)),
            ];
            let (why, wait) = match self.teller.post(&headers, body) {
                Ok((200..300, _)) => return,
                Ok((status @ (408 | 425 | 429 | 500..600), wait)) => {
                    (format!("HTTP {status}"), wait)
                }
                Ok((status, _)) => {
                    tracing::warn!(status, "the webhook's receiver refuses");
                    return;
                }
                Err(why) => (why, None),
            };
            tracing::warn!(attempt, why, "the webhook's receiver does not take it");
            if attempt < ATTEMPTS {
                let wait = wait.map(|wait| wait.min(LONGEST_WAIT));
                clock.sleep(backoff(attempt, wait, fastrand::f64()), cancel);
            }
            if cancel.is_cancelled() {
                return;
            }
        }
    }

    fn signature(&self, id: &str, at: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret.0).expect("any length is a key");
        mac.update(format!("{id}.{at}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The line to the thread that tells.
pub(in crate::serve) struct Line {
    to_thread: Option<SyncSender<Value>>,
}

impl Line {
    /// Starts the thread, where there is anybody to tell.
    pub(in crate::serve) fn start(
        webhook: Option<Webhook>,
        clock: Arc<dyn Clock>,
        cancel: Cancel,
        crew: &Arc<Crew>,
    ) -> std::io::Result<Line> {
        let Some(webhook) = webhook else {
            return Ok(Line { to_thread: None });
        };
        let (to_thread, messages): (_, Receiver<Value>) = sync_channel(WAITING);
        crew.start("webhook", move || {
            while !cancel.is_cancelled() {
                if let Ok(message) = messages.recv_timeout(LOOK_EVERY) {
                    webhook.tell(&message.to_string(), clock.as_ref(), &cancel);
                }
            }
        })?;
        let to_thread = Some(to_thread);
        Ok(Line { to_thread })
    }

    /// Says that a job has ended, and how.
    pub(in crate::serve) fn job_ended(&self, job: &Value) {
        let Some(to_thread) = &self.to_thread else {
            return;
        };
        let message =
            json!({ "type": "backfill.ended", "timestamp": job["completed_at"], "data": job });
        if to_thread.try_send(message).is_err() {
            tracing::warn!("too many messages wait for the webhook's receiver");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_standards_own_example() {
        let webhook = Webhook {
            teller: Teller::new(&"http://127.0.0.1:9".parse().expect("a URL")).expect("a client"),
            secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
                .parse()
                .expect("a secret"),
        };
        let body = r#"{"test": 2432232314}"#;
        let signature = webhook.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_long_and_is_not_printed() {
        assert!("short".parse::<Secret>().is_err());
        assert!("whsec_c2hvcnQ=".parse::<Secret>().is_err());
        assert!(
            "whsec_no base64 at all, but long"
                .parse::<Secret>()
                .is_err()
        );
        let secret: Secret = "0123456789abcdef01234567".parse().expect("a secret");
        assert_eq!(format!("{secret:?}"), "Secret(***)");
    }
}

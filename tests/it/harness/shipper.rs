//! Clients as they are in the field, as far as repeating goes: what they send again, and what they give up.

use std::time::{Duration, Instant};

/// How a client writes a batch and reads the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Logstash's http output with `format => json_batch` (6.0.1): repeats 429, 500, 502, 503 and 504, connections that
    /// fail and answers that do not come within its socket timeout of 10 s; drops a batch for any other code.
    JsonBatch,
    /// Logstash's elasticsearch output: `create` actions without ids in NDJSON to `/_bulk`; repeats 429, 502, 503, 504 and
    /// connections that fail for ever, and here 500 as well; takes a batch for done by the items of a 200.
    Bulk,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::JsonBatch, Self::Bulk];

    fn path(self) -> &'static str {
        match self {
            Self::JsonBatch => "/",
            Self::Bulk => "/_bulk?filter_path=errors,items.*.error,items.*.status",
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::JsonBatch => "application/json",
            Self::Bulk => "application/x-ndjson",
        }
    }

    fn body(self, batch: &[String]) -> String {
        match self {
            Self::JsonBatch => format!("[{}]", batch.join(",")),
            Self::Bulk => {
                batch.iter().map(|event| format!("{{\"create\":{{\"_index\":\"logs\"}}}}\n{event}\n")).collect()
            }
        }
    }

    /// Whether a 200 means that all of the batch is taken.
    fn is_taken(self, answer: &[u8]) -> bool {
        match self {
            Self::JsonBatch => true,
            Self::Bulk => memchr::memmem::find(answer, b"\"errors\":false").is_some(),
        }
    }
}

/// What became of what a client was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Events that were answered 200.
    pub taken: usize,
    /// Events that the client gave up.
    pub dropped: usize,
    /// Requests that were sent again.
    pub repeats: usize,
    /// The longest that an answer took.
    pub slowest: Duration,
}

/// A client in a dialect.
pub struct Shipper {
    dialect: Dialect,
    url: String,
    client: reqwest::Client,
}

impl Shipper {
    /// That writes to oversight at `url`.
    pub fn new(dialect: Dialect, url: &str) -> Self {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build();
        Self { dialect, url: url.trim_end_matches('/').to_owned(), client: client.expect("a client") }
    }

    /// Sends these events in batches of `size`, each until it is taken or given up, with a pause between them.
    pub async fn send(&self, events: &[String], size: usize, pause: Duration) -> Sent {
        let mut sent = Sent::default();
        for batch in events.chunks(size) {
            self.send_batch(batch, &mut sent).await;
            tokio::time::sleep(pause).await;
        }
        sent
    }

    async fn send_batch(&self, batch: &[String], sent: &mut Sent) {
        let (body, url) = (self.dialect.body(batch), format!("{}{}", self.url, self.dialect.path()));
        loop {
            let started = Instant::now();
            let request = self.client.post(&url).header("content-type", self.dialect.content_type()).body(body.clone());
            let answer = match request.send().await {
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    // an answer that breaks off is none
                    answer.bytes().await.map(|body| (status, body))
                }
                Err(error) => Err(error),
            };
            sent.slowest = sent.slowest.max(started.elapsed());
            match answer {
                Ok((200, answer)) if self.dialect.is_taken(&answer) => {
                    sent.taken += batch.len();
                    return;
                }
                Ok((429 | 500 | 502 | 503 | 504, _)) | Err(_) => sent.repeats += 1,
                Ok(_) => {
                    sent.dropped += batch.len();
                    return;
                }
            }
            // Logstash waits for seconds and minutes; how long does not matter for what is lost or doubled
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

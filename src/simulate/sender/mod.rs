//! Posts events over HTTP as Logstash's http output does (`json_batch`), and does not let go of a batch before it is
//! answered 200.
//!
//! A batch is sent again with the very same bytes, so that a server that knows it already takes it once. 429 and 5xx,
//! broken connections and missing answers are tried again, with growing pauses or as `Retry-After` says; any other
//! answer means that trying again is no use, and ends the work. Memory is bounded by a few batches per connection.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rand::Rng;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Certificate, Client, Response, StatusCode};
use serde::Deserialize;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::config::Secret;
use crate::normalise::records::SourceError;

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How much of an answer is read.
const ANSWER_LIMIT: usize = 64 << 10;

/// Where to and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Where to post, such as `http://127.0.0.1:9292/`.
    pub url: String,
    /// The API key to show; none where nobody asks for one.
    pub key: Option<Secret>,
    /// PEM of the authority that signed its certificate, where the system does not know it.
    pub authority: Option<Vec<u8>>,
    /// Events a request; Logstash's default is 125.
    pub batch: usize,
    /// Requests at once.
    pub connections: usize,
    /// Whether bodies are compressed.
    pub gzip: bool,
    /// Events a second at most; none for as fast as they are taken.
    pub rate: Option<f64>,
    /// Until when a batch is tried again, counted from the start of [`send`]; none for ever.
    pub deadline: Option<Duration>,
    /// How long one answer may take.
    pub timeout: Duration,
    /// The first pause before a batch is sent again; it doubles up to 10 s.
    pub first_pause: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:9292/".to_owned(),
            key: None,
            authority: None,
            batch: 125,
            connections: 4,
            gzip: false,
            rate: None,
            deadline: None,
            timeout: Duration::from_secs(60),
            first_pause: Duration::from_millis(100),
        }
    }
}

/// How far sending is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Events that were answered.
    pub sent: u64,
    /// Events that were taken.
    pub accepted: u64,
    /// Events that the server found unreadable; it keeps them aside.
    pub refused: u64,
    /// How many of the accepted the server had already, from a batch whose answer was lost.
    pub repeated: u64,
    /// Batches that were sent again.
    pub retries: u64,
    /// Bytes of bodies that were answered, as sent over the wire.
    pub bytes: u64,
    /// Since the start.
    pub elapsed: Duration,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Events that were answered: all of them.
    pub sent: u64,
    /// Events that were taken.
    pub accepted: u64,
    /// Events that the server found unreadable.
    pub refused: u64,
    /// How many of the accepted the server had already.
    pub repeated: u64,
    /// Batches that were sent again.
    pub retries: u64,
    /// How long it took.
    pub seconds: f64,
}

/// Why sending ended early.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The URL is none, or the client cannot be set up.
    #[error("cannot send to {url}")]
    Client {
        /// The URL.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The server does not want a batch, and would not want it later.
    #[error("events {first} to {last} were refused with {status}: {answer}")]
    Refused {
        /// The first event of the batch, counted from 1.
        first: u64,
        /// The last.
        last: u64,
        /// What the server answered.
        status: StatusCode,
        /// And its words.
        answer: String,
    },
    /// The deadline passed while the server could not be reached or was full.
    #[error("events {first} to {last} were not taken in time; last: {problem}")]
    Deadline {
        /// The first event of the batch, counted from 1.
        first: u64,
        /// The last.
        last: u64,
        /// What the last try met.
        problem: String,
    },
    /// The events ended with a fault.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// A request's body and which events it holds.
struct Batch {
    first: u64,
    count: u64,
    body: Bytes,
}

/// What one try came to.
enum Tried {
    Taken(Answer),
    Again { problem: String, after: Option<Duration> },
    Refused { status: StatusCode, answer: String },
}

/// The counts in the server's answer.
#[derive(Debug, Deserialize)]
struct Answer {
    accepted: u64,
    refused: u64,
    #[serde(default)]
    repeated: u64,
}

/// Sends all `events`; `progress` hears of every batch that was answered.
///
/// # Errors
/// When the server refuses a batch for good, the deadline passes, or the events end with a fault.
pub async fn send<I>(
    settings: Settings,
    events: I,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Report, SendError>
where
    I: Iterator<Item = Result<String, SourceError>> + Send + 'static,
{
    let clock = Clock::system();
    let begun = clock.monotonic();
    let sender = Arc::new(Sender::new(settings, clock.clone())?);
    let connections = sender.settings.connections.max(1);
    let (batches, waiting) = mpsc::channel(connections);
    let waiting = Arc::new(Mutex::new(waiting));
    let (answers, mut answered) = mpsc::channel(connections);
    let settings = sender.settings.clone();
    let reading = tokio::task::spawn_blocking(move || read(&settings, events, &batches, &clock));
    let mut workers = JoinSet::new();
    for _ in 0..connections {
        workers.spawn(work(Arc::clone(&sender), Arc::clone(&waiting), answers.clone()));
    }
    drop((answers, waiting));

    let mut so_far = Progress::default();
    while let Some(outcome) = answered.recv().await {
        // leaving here drops the workers, and with them the channel that the reader fills
        let (batch, answer, retries): (Batch, Answer, u64) = outcome?;
        so_far.sent += batch.count;
        so_far.accepted += answer.accepted;
        so_far.refused += answer.refused;
        so_far.repeated += answer.repeated;
        so_far.retries += retries;
        so_far.bytes += batch.body.len() as u64;
        so_far.elapsed = sender.clock.monotonic() - begun;
        progress(so_far);
    }
    reading.await.expect("reading events does not panic")?;
    let Progress { sent, accepted, refused, repeated, retries, .. } = so_far;
    let seconds = (sender.clock.monotonic() - begun).as_secs_f64();
    Ok(Report { sent, accepted, refused, repeated, retries, seconds })
}

/// Makes batches of events until there are none, or nobody takes them any more.
fn read<I>(settings: &Settings, events: I, batches: &mpsc::Sender<Batch>, clock: &Clock) -> Result<(), SourceError>
where
    I: Iterator<Item = Result<String, SourceError>>,
{
    let begun = clock.monotonic();
    let mut events = events.peekable();
    let mut first = 1;
    while events.peek().is_some() {
        let mut body = String::from("[");
        let mut count = 0;
        while count < settings.batch.max(1) as u64 {
            let Some(event) = events.next() else { break };
            body.push_str(if count == 0 { "" } else { "," });
            body.push_str(&event?);
            count += 1;
        }
        body.push(']');
        if let Some(rate) = settings.rate.filter(|rate| *rate > 0.0) {
            let due = Duration::try_from_secs_f64((first - 1) as f64 / rate).unwrap_or(Duration::MAX);
            std::thread::sleep(due.saturating_sub(clock.monotonic() - begun));
        }
        let body = if settings.gzip { compress(&body) } else { body.into() };
        if batches.blocking_send(Batch { first, count, body }).is_err() {
            return Ok(());
        }
        first += count;
    }
    Ok(())
}

fn compress(body: &str) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), Compression::fast());
    encoder.write_all(body.as_bytes()).and_then(|()| encoder.finish()).expect("writing to memory does not fail").into()
}

async fn work(
    sender: Arc<Sender>,
    waiting: Arc<Mutex<mpsc::Receiver<Batch>>>,
    answers: mpsc::Sender<Result<(Batch, Answer, u64), SendError>>,
) {
    loop {
        let next = waiting.lock().await.recv().await;
        let Some(batch) = next else { return };
        let outcome = sender.deliver(&batch).await.map(|(answer, retries)| (batch, answer, retries));
        if answers.send(outcome).await.is_err() {
            return;
        }
    }
}

/// Delivers one batch at a time, as often as it takes.
struct Sender {
    client: Client,
    settings: Settings,
    clock: Clock,
    begun: Duration,
}

impl Sender {
    fn new(settings: Settings, clock: Clock) -> Result<Self, SendError> {
        let fault = |source| SendError::Client { url: settings.url.clone(), source };
        let mut client = Client::builder()
            .timeout(settings.timeout)
            .pool_max_idle_per_host(settings.connections.max(1))
            .redirect(reqwest::redirect::Policy::none());
        if let Some(authority) = &settings.authority {
            client = client.add_root_certificate(Certificate::from_pem(authority).map_err(fault)?);
        }
        let client = client.build().map_err(fault)?;
        // a URL that is none is told before anything is read
        client.post(&settings.url).build().map_err(fault)?;
        let begun = clock.monotonic();
        Ok(Self { client, settings, clock, begun })
    }

    /// The answer to a batch and how often it was sent again.
    async fn deliver(&self, batch: &Batch) -> Result<(Answer, u64), SendError> {
        let (first, last) = (batch.first, batch.first + batch.count - 1);
        let mut retries = 0;
        let mut pause = self.settings.first_pause;
        loop {
            let (problem, after) = match self.attempt(batch).await {
                Tried::Taken(answer) => return Ok((answer, retries)),
                Tried::Refused { status, answer } => return Err(SendError::Refused { first, last, status, answer }),
                Tried::Again { problem, after } => (problem, after),
            };
            let jittered = pause.mul_f64(rand::rng().random_range(0.5..1.0));
            let wait = after.unwrap_or(jittered);
            let spent = self.clock.monotonic() - self.begun;
            if self.settings.deadline.is_some_and(|deadline| spent + wait > deadline) {
                return Err(SendError::Deadline { first, last, problem });
            }
            tracing::debug!(first, last, %problem, ?wait, "a batch is sent again");
            tokio::time::sleep(wait).await;
            retries += 1;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn attempt(&self, batch: &Batch) -> Tried {
        let mut request = self.client.post(&self.settings.url).header(CONTENT_TYPE, "application/json");
        if self.settings.gzip {
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        if let Some(key) = &self.settings.key {
            request = request.bearer_auth(key.reveal());
        }
        let again = |problem: String| Tried::Again { problem, after: None };
        let response = match request.body(batch.body.clone()).send().await {
            Ok(response) => response,
            Err(error) => return again(in_full(&error)),
        };
        let status = response.status();
        let after = retry_after(&response);
        let answer = match text(response).await {
            Ok(answer) => answer,
            Err(error) => return again(in_full(&error)),
        };
        if status.is_success() {
            let all = Answer { accepted: batch.count, refused: 0, repeated: 0 };
            return Tried::Taken(serde_json::from_str(&answer).unwrap_or(all));
        }
        let passing = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
        if passing {
            return Tried::Again { problem: format!("{status} {answer}"), after };
        }
        Tried::Refused { status, answer }
    }
}

/// What the server asks for; only seconds, as dates need its clock.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds: u64 = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(Duration::from_secs(3_600)))
}

/// The answer's text, as far as it is of use.
async fn text(mut response: Response) -> Result<String, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = ANSWER_LIMIT.saturating_sub(bytes.len());
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// An error with its causes: reqwest's own words leave out why a connection failed.
fn in_full(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests;

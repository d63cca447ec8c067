//! The load: batches of events over keep-alive connections, each event with a number of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Where each event carries its number: ten digits that are overwritten before each sending.
const NUMBER: &str = "0000000000";

/// A request that is sent again and again, with other numbers in it each time.
#[derive(Clone)]
pub struct Template {
    head: Vec<u8>,
    body: Vec<u8>,
    numbers: Vec<usize>,
}

impl Template {
    /// A `json_batch` body of these events, each given a field `bench_number`.
    pub fn new(events: &[String]) -> Self {
        let mut body = String::from("[");
        let mut numbers = Vec::new();
        for event in events {
            let open = event.strip_suffix('}').expect("an event is an object");
            body.push_str(open);
            body.push_str(r#","bench_number":"#);
            body.push('"');
            numbers.push(body.len());
            body.push_str(NUMBER);
            body.push_str("\"},");
        }
        body.pop();
        body.push(']');
        let head = format!(
            "POST / HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        Self { head: head.into_bytes(), body: body.into_bytes(), numbers }
    }

    /// Events in one request.
    pub fn events(&self) -> usize {
        self.numbers.len()
    }

    /// Bytes of one event, on average.
    pub fn event_bytes(&self) -> usize {
        self.body.len() / self.numbers.len()
    }

    /// The body, as it is sent first.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    fn renumber(&mut self, first: u64) {
        for (number, place) in (first..).zip(&self.numbers) {
            let digits = format!("{number:010}");
            self.body[*place..place + NUMBER.len()].copy_from_slice(digits.as_bytes());
        }
    }
}

/// What a load did.
pub struct Outcome {
    /// Events answered 200.
    pub answered: u64,
    /// Requests answered otherwise.
    pub refused: u64,
    /// Answer times, sorted.
    pub answers: Vec<Duration>,
    /// From the first request to the last answer.
    pub took: Duration,
}

impl Outcome {
    /// The answer time that this share of the requests stayed under.
    pub fn quantile(&self, share: f64) -> Duration {
        let place = ((self.answers.len() as f64 - 1.0) * share).round() as usize;
        self.answers.get(place).copied().unwrap_or_default()
    }
}

/// Sends for `length` over `connections`; each waits for its answer before the next request. With `rate` (events a
/// second over all connections) requests start on a fixed schedule, and answer times count from when they were due.
pub async fn send(port: u16, template: &Template, connections: u32, length: Duration, rate: Option<f64>) -> Outcome {
    static NUMBERS: AtomicU64 = AtomicU64::new(1);
    let started = Instant::now();
    let answers = Arc::new(Mutex::new((Vec::new(), 0_u64, 0_u64)));
    let mut tasks = Vec::new();
    for place in 0..connections {
        let (mut template, answers) = (template.clone(), answers.clone());
        tasks.push(tokio::spawn(async move {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("oversight listens");
            stream.set_nodelay(true).expect("a fresh socket");
            let step =
                rate.map(|rate| Duration::from_secs_f64(template.events() as f64 * f64::from(connections) / rate));
            let mut due = started + step.map_or(Duration::ZERO, |step| step * place / connections);
            let (mut mine, mut answered, mut refused) = (Vec::new(), 0, 0);
            while started.elapsed() < length {
                if let Some(step) = step {
                    tokio::time::sleep_until(due.into()).await;
                    due += step;
                }
                let from = step.map_or_else(Instant::now, |step| due - step);
                template.renumber(NUMBERS.fetch_add(template.events() as u64, Ordering::Relaxed));
                stream.write_all(&template.head).await.expect("the connection stays");
                stream.write_all(&template.body).await.expect("the connection stays");
                if read_answer(&mut stream).await == 200 {
                    answered += template.events() as u64;
                } else {
                    refused += 1;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                mine.push(from.elapsed());
            }
            let mut answers = answers.lock().expect("no holder panics");
            answers.0.extend(mine);
            answers.1 += answered;
            answers.2 += refused;
        }));
    }
    for task in tasks {
        task.await.expect("a sender does not panic");
    }
    let took = started.elapsed();
    let (mut answers, answered, refused) = std::mem::take(&mut *answers.lock().expect("no holder panics"));
    answers.sort_unstable();
    Outcome { answered, refused, answers, took }
}

async fn read_answer(stream: &mut TcpStream) -> u16 {
    let mut buffer = Vec::with_capacity(1024);
    loop {
        assert!(stream.read_buf(&mut buffer).await.expect("the connection stays") > 0, "closed without an answer");
        let text = String::from_utf8_lossy(&buffer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .to_ascii_lowercase()
            .lines()
            .find_map(|line| line.strip_prefix("content-length:").and_then(|value| value.trim().parse::<usize>().ok()));
        if body.len() >= length.expect("every answer says its length") {
            return head[9..12].parse().expect("a status");
        }
    }
}

//! What every shipper has to go through: ten thousand events, while the sink is full, stands still, and is killed.
//!
//! 1. The engine is away, and the spool has room for a part of the first events only: the shipper is refused.
//! 2. The engine comes, and all that was sent so far has to arrive.
//! 3. The sink stands still for longer than the shipper waits for an answer, while more is sent.
//! 4. The sink is killed while the rest is sent, and started again.

use std::collections::HashMap;
use std::io::Write;
use std::ops::Range;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::oversight::Oversight;
use crate::harness::scripted::Scripted;

/// How many events are sent.
pub const EVENTS: usize = 10_000;
/// How long the sink stands still; shippers that have a timeout have a shorter one.
const STANDSTILL: Duration = Duration::from_secs(3);
/// How long anything may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A sink in front of an engine that is away at first.
pub struct Ordeal {
    pub oversight: Oversight,
    engine: Scripted,
    _folder: tempfile::TempDir,
}

/// What has become of the events.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Events that the engine does not hold.
    pub lost: usize,
    /// Documents that it holds beyond one for each event.
    pub doubled: usize,
}

impl Ordeal {
    /// With a spool that a fraction of the events fills.
    pub fn prepare() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Scripted::start();
        engine.be_away(true);
        let url = engine.url();
        let settings = [
            ("STORE_ELASTICSEARCH_URL", url.as_str()),
            ("STORE_ELASTICSEARCH_INSTALL_TEMPLATES", "false"),
            ("SPOOL_MAX_SIZE", "768KiB"),
            ("SPOOL_SEGMENT_SIZE", "64KiB"),
            ("BULK_OVERLOAD_DELAY", "200ms"),
        ];
        let oversight = Oversight::start(&folder.path().join("data"), &settings);
        Self { oversight, engine, _folder: folder }
    }

    /// Puts a shipper through it, which takes its events as lines from `feed`.
    pub async fn run(mut self, feed: impl Write + Send + 'static) -> Outcome {
        let feed = Feed::start(feed);
        feed.send(0..7_000);
        self.until("the sink refuses something", async |sink| {
            sink.metric("oversight_bodies_refused_total").await > 0.0
        })
        .await;
        let engine = self.engine.clone();
        engine.be_away(false);
        wait("the first events are stored", || stored(&engine).len() >= 7_000).await;

        self.oversight.signal("STOP");
        feed.send(7_000..8_500);
        tokio::time::sleep(STANDSTILL).await;
        self.oversight.signal("CONT");
        self.until("something is taken again", async |sink| {
            sink.metric("oversight_events_received_total").await > 7_000.0
        })
        .await;
        feed.send(8_500..EVENTS);
        self.oversight.kill();
        self.oversight.start_again();
        feed.end();
        wait("all events are stored", || stored(&engine).len() >= EVENTS).await;
        self.oversight.drained().await;
        assert!(self.oversight.stop().success());
        let stored = stored(&engine);
        Outcome { lost: EVENTS - stored.len(), doubled: stored.values().map(|count| count - 1).sum() }
    }

    async fn until(&self, what: &str, mut happened: impl AsyncFnMut(&Oversight) -> bool) {
        let since = Instant::now();
        while !happened(&self.oversight).await {
            assert!(since.elapsed() < PATIENCE, "it has not come about that {what}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn wait(what: &str, mut happened: impl FnMut() -> bool) {
    let since = Instant::now();
    while !happened() {
        assert!(since.elapsed() < PATIENCE, "it has not come about that {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// How many documents there are of each event.
fn stored(engine: &Scripted) -> HashMap<usize, usize> {
    let mut counts = HashMap::new();
    for document in engine.documents().into_values() {
        let document: Value = serde_json::from_str(&document).expect("documents are JSON");
        // a field of the event, or of the metric that a shipper of metrics makes of it
        let message = document.get("message").or(document.pointer("/event/value")).and_then(Value::as_str);
        let message = message.unwrap_or_else(|| panic!("{document}"));
        let (_, number) = message.trim().rsplit_once("number ").unwrap_or_else(|| panic!("{document}"));
        *counts.entry(number.parse().expect("a number")).or_default() += 1;
    }
    counts
}

/// Writes events on a thread of its own, for a shipper that is refused stops reading.
struct Feed {
    wanted: std::sync::mpsc::Sender<Range<usize>>,
    writer: std::thread::JoinHandle<()>,
}

impl Feed {
    fn start(mut feed: impl Write + Send + 'static) -> Self {
        let (wanted, portions) = std::sync::mpsc::channel::<Range<usize>>();
        let writer = std::thread::spawn(move || {
            for portion in portions {
                for number in portion {
                    // as a syslog line, which is text like any other to those who do not know it
                    writeln!(feed, "<13>Nov 22 10:00:00 host app: \"quoted\" number {number}").expect("it is read");
                }
                feed.flush().expect("it is read");
            }
        });
        Self { wanted, writer }
    }

    fn send(&self, numbers: Range<usize>) {
        self.wanted.send(numbers).expect("the writer runs");
    }

    /// Lets the shipper see the end of its input, without waiting for it.
    fn end(self) {
        drop(self.wanted);
        drop(self.writer);
    }
}

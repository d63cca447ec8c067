//! The thread that takes events from the spool to the store's writer: whatever is waiting makes a batch, and nothing
//! is waited for to make it larger.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::classify;
use crate::clock::Clock;
use crate::files;
use crate::spool::{Next, Reader, Spool, StoredBatch};
use crate::store::Batch;
use crate::store::writer::{Ledger, Refusal};

use super::pipeline::Pipeline;

/// How long the worker looks for events before it looks at the clock.
const PATIENCE: Duration = Duration::from_millis(250);

/// The most bytes of events that make one batch: about what one bulk request should hold.
const BATCH_BYTES: usize = 2 << 20;

/// What a worker needs.
pub struct Worker {
    /// Where events come from.
    pub reader: Reader,
    /// Is told up to where the metrics have counted.
    pub spool: Spool,
    /// Makes documents of them.
    pub pipeline: Pipeline,
    /// Where documents go.
    pub batches: mpsc::Sender<Batch>,
    /// Keeps what turns out to be no event.
    pub ledger: Arc<dyn Ledger>,
    /// The most events that make one batch.
    pub batch_events: usize,
    /// Where and how often the metrics' state is kept; none keeps nothing.
    pub snapshots: Option<Snapshots>,
    /// The time.
    pub clock: Clock,
    /// Ends the worker after the batch it is at.
    pub stop: Arc<AtomicBool>,
}

/// When the metrics' state is saved.
#[derive(Debug, Clone)]
pub struct Snapshots {
    /// The file.
    pub path: PathBuf,
    /// After so long,
    pub every: Duration,
    /// or after so many bytes of events: what has come since the last snapshot stays in the spool.
    pub every_bytes: usize,
}

impl Worker {
    /// Works until it is told to stop, the spool is closed, or nobody takes documents any more.
    pub fn run(mut self) {
        classify::init_runtime();
        let (mut saved, mut bytes) = (self.clock.monotonic(), 0);
        while !self.stop.load(Ordering::Relaxed) {
            let Some(stored) = self.gather() else { break };
            bytes += stored.iter().map(|batch| batch.body.len()).sum::<usize>();
            if !self.hand_on(&stored) {
                break;
            }
            if self.snapshots.as_ref().is_some_and(|when| {
                bytes >= when.every_bytes || self.clock.monotonic().saturating_sub(saved) >= when.every
            }) {
                self.save();
                (saved, bytes) = (self.clock.monotonic(), 0);
            }
        }
        self.save();
    }

    /// What is waiting, up to a batch; empty after a while without events. None when the spool is closed.
    fn gather(&mut self) -> Option<Vec<StoredBatch>> {
        let (mut stored, mut events, mut bytes) = (Vec::new(), 0, 0);
        let mut wait = PATIENCE;
        while events < self.batch_events && bytes < BATCH_BYTES {
            match self.reader.next(wait) {
                Ok(Next::Batch(batch)) => {
                    events += batch.members.len();
                    bytes += batch.body.len();
                    stored.push(batch);
                }
                Ok(Next::Idle) => break,
                Ok(Next::Closed) => return (!stored.is_empty()).then_some(stored),
                Err(fault) => {
                    tracing::error!(%fault, "the spool cannot be read; trying again");
                    std::thread::sleep(PATIENCE);
                    break;
                }
            }
            wait = Duration::ZERO;
        }
        Some(stored)
    }

    /// False when nobody takes documents any more.
    fn hand_on(&mut self, stored: &[StoredBatch]) -> bool {
        let now = self.clock.now();
        if stored.is_empty() {
            let batch = self.pipeline.idle(now);
            return batch.documents.is_empty() || self.batches.blocking_send(batch).is_ok();
        }
        let annotated = self.pipeline.annotate(stored, now);
        if !annotated.unreadable.is_empty() {
            self.bury(annotated.unreadable);
        }
        annotated.batch.documents.is_empty() || self.batches.blocking_send(annotated.batch).is_ok()
    }

    /// Keeps what is no event in the dead letters; tries until the disk takes it.
    fn bury(&self, unreadable: Vec<Refusal>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
        while !self.stop.load(Ordering::Relaxed) {
            match runtime.block_on(self.ledger.refused(unreadable.clone())) {
                Ok(()) => return,
                Err(fault) => tracing::error!(%fault, "dead letters cannot be kept; trying again"),
            }
            std::thread::sleep(PATIENCE);
        }
    }

    fn save(&mut self) {
        let Some(Snapshots { path, .. }) = &self.snapshots else { return };
        let Some(bytes) = self.pipeline.snapshot() else { return };
        match files::write(path, &bytes) {
            // events up to here are not needed for counting any more
            Ok(()) => self.spool.hold(self.pipeline.counted_to().unwrap_or_default().plus(1)),
            Err(fault) => tracing::error!(%fault, path = %path.display(), "the metrics' state cannot be saved"),
        }
    }
}

//! Annotates events for answers (`/v1/enrich`): a pipeline and a thread of its own, started at first use.
//!
//! Its windows and metrics see only what is asked of it, so an answer never depends on what is stored, nor the other way
//! round; the models are shared. A body that nobody waits for any more is passed over.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::classify::{Slot, init_runtime};
use crate::clock::Clock;
use crate::config::Config;
use crate::event::SeqNo;
use crate::event::id::SpoolId;
use crate::ingest::enrich::{Enriched, Enricher};
use crate::spool::StoredBatch;
use crate::telemetry::catalogue;

use super::pipeline::{Parts, Pipeline};
use super::{configuration, dialects};

/// Bodies that wait for the thread; more are answered 429.
const WAITING: usize = 4;

/// An enricher whose thread begins with the first body.
pub struct PipelineEnricher {
    config: Config,
    slot: Option<Arc<Slot>>,
    clock: Clock,
    running: Mutex<Option<Running>>,
}

struct Running {
    /// None when the end has come.
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

struct Job {
    batch: StoredBatch,
    answer: oneshot::Sender<Enriched>,
}

impl PipelineEnricher {
    /// With the metrics that `config` declares, which must have been checked, and the models of `slot`.
    pub fn new(config: &Config, slot: Option<Arc<Slot>>, clock: Clock) -> Arc<Self> {
        Arc::new(Self { config: config.clone(), slot, clock, running: Mutex::default() })
    }

    fn start(&self) -> std::io::Result<Running> {
        let parts = Parts {
            slot: self.slot.clone(),
            explain: configuration::explain(&self.config),
            // an answer is no part of what is compared
            watch: None,
            engine: configuration::engine(&self.config).expect("the metrics were checked at the start"),
            // ids of answers are like those of stored events, and never the same
            spool: SpoolId(rand::random()),
            rules: dialects::rules(&self.config),
            flow: dialects::flow_fields(&self.config),
            census: None,
            threats: false,
            excused: configuration::excused(&self.config),
            settled_below: SeqNo(0),
        };
        let (jobs, waiting) = sync_channel(WAITING);
        let clock = self.clock.clone();
        let thread =
            std::thread::Builder::new().name("enricher".to_owned()).spawn(move || work(parts, &waiting, &clock))?;
        Ok(Running { jobs: Some(jobs), thread: Some(thread) })
    }
}

impl Enricher for PipelineEnricher {
    fn begin(&self, batch: StoredBatch) -> Option<oneshot::Receiver<Enriched>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_none() {
            let started = self.start();
            *running = started.inspect_err(|error| tracing::error!(%error, "no thread can be started")).ok();
        }
        let jobs = running.as_ref()?.jobs.as_ref()?;
        let (answer, answered) = oneshot::channel();
        jobs.try_send(Job { batch, answer }).ok().map(|()| answered)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // a panic of the thread has been said by its own message
            let _ = thread.join();
        }
    }
}

fn work(parts: Parts, jobs: &Receiver<Job>, clock: &Clock) {
    init_runtime();
    let mut pipeline = Pipeline::new(parts);
    let mut next = SeqNo(1);
    while let Ok(Job { batch, answer }) = jobs.recv() {
        if answer.is_closed() {
            continue;
        }
        let batch = StoredBatch { first: next, ..batch };
        next = next.plus(batch.members.len() as u64);
        let enriched = pipeline.enrich(&batch, clock.now());
        catalogue::EVENTS_ENRICHED.add(enriched.documents.iter().filter(|document| document.is_ok()).count() as u64);
        // whoever asked may have gone meanwhile
        let _ = answer.send(enriched);
    }
}

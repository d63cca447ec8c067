//! Joins the rooms into a running program: the only room that knows all of them.
//!
//! Threads: the runtime's (HTTP, requests to the store), the spool's writer, and one worker. Between them lie the spool
//! (bounded by its size on disk) and one channel (bounded to a few batches); nothing else queues.

pub mod accounts;
pub mod census;
pub mod configuration;
pub mod demo;
mod descriptors;
pub mod dialects;
mod document;
mod door;
mod enricher;
mod error;
mod excused;
mod fields;
mod flow;
mod health;
pub mod history;
mod inputs;
mod judging;
mod ledger;
mod listener;
pub mod offline;
mod output;
mod pipeline;
mod quality;
pub mod ranking;
mod reasons;
pub mod reload;
mod rows;
#[cfg(test)]
mod schedules;
pub mod service;
mod serving;
mod shutdown;
mod state;
pub mod survey;
mod threats;
mod verdict;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle as Task;

use crate::access::audit::Act;
use crate::anomaly::{AsideSettings, Engine};
use crate::api::{Readiness, Room, State};
use crate::classify;
use crate::clock::Clock;
use crate::config::Config;
use crate::event::SeqNo;
use crate::event::id::SpoolId;
use crate::models::{Keeper, Watch};
use crate::spool::{self, Opened, Reader, RealFiles, Recovery, Spool};
use crate::store::writer::Ledger;
use crate::store::{Batch, Store, writer};
use crate::telemetry::catalogue;

pub use accounts::Accounts;
pub use door::Entrance;
pub use error::StartError;

use accounts::Bookkeeper;
use census::LiveCensus;
use enricher::PipelineEnricher;
use health::Sources;
use inputs::{Inputs, Reading};
use ledger::SpoolLedger;
use pipeline::{Parts, Pipeline};
use serving::{Rooms, Serving};
use worker::{Snapshots, Worker};

/// Batches that wait between the worker and the store's writer.
const CHANNEL: usize = 2;

/// A running oversight.
pub struct Running {
    address: SocketAddr,
    entrance: Entrance,
    models: Option<Arc<Keeper>>,
    serving: Serving,
    spool: Spool,
    store: Arc<dyn Store>,
    stop_worker: Arc<AtomicBool>,
    stop_writer: watch::Sender<bool>,
    reading: Reading,
    writer: Task<()>,
    health: Option<Task<()>>,
    worker: JoinHandle<()>,
    bookkeeper: Bookkeeper,
}

/// Starts everything. A store that is down does not keep it from starting: events are taken and kept meanwhile.
///
/// # Errors
/// When the address is taken, the spool or the model cannot be used, or the store's settings are wrong.
pub async fn start(config: &Config, clock: Clock) -> Result<Running, StartError> {
    descriptors::raise(config.http.max_connections);
    let (listener, address) = listener::open(config).await?;
    let readiness = Arc::new(Readiness::new());
    let Opened { spool, mut reader, recovery } = open_spool(config, &clock).await?;
    readiness.set(Room::Spool, State::Up);
    let entrance = door::open(config, &clock)?;
    let inputs = Inputs::open(config, &readiness).await?;
    let store = configuration::store(config, &clock)?;
    let models = open_models(config, &entrance, &clock)?;
    let slot = models.as_ref().map(|models| models.slot().clone());
    readiness.set(Room::Model, State::Up);
    let replayed = recovery.checkpoint..recovery.next;
    let ledger: Arc<dyn Ledger> = Arc::new(SpoolLedger::new(spool.clone(), clock.clone(), store.name(), replayed));

    let (batches, receiver) = mpsc::channel(CHANNEL);
    let (stop_writer, stopped) = watch::channel(false);
    let writer = start_writer(config, &store, &ledger, &readiness, receiver, stopped.clone());

    let (engine, snapshots) = counting(config, &spool, &mut reader, &recovery)?;
    let enricher = PipelineEnricher::new(config, slot, clock.clone());
    let census = Arc::<LiveCensus>::default();
    let stop_worker = Arc::new(AtomicBool::new(false));
    let worker = Worker {
        reader,
        spool: spool.clone(),
        pipeline: judging(config, models.as_deref(), engine, &census, (spool.id(), recovery.checkpoint), &clock),
        batches,
        ledger,
        batch_events: config.enrich.batch,
        snapshots,
        clock: clock.clone(),
        stop: stop_worker.clone(),
    };
    let worker = std::thread::Builder::new().name("worker".to_owned()).spawn(move || worker.run());
    let worker = worker.map_err(StartError::Thread)?;

    let door = entrance.door.clone();
    let bookkeeper = Bookkeeper::start(&config.data_dir, spool.clone(), readiness.clone(), clock.clone());
    let reading = inputs.start(&spool, &clock);
    let gauges = serving::gauges(spool.clone(), models.clone(), readiness.clone());
    let health = configuration::health_every(config).map(|every| {
        let (store, spool, models, gauges) = (store.clone(), spool.clone(), models.clone(), gauges.clone());
        let (readiness, census, clock) = (readiness.clone(), census.clone(), clock.clone());
        health::start(Sources { store, spool, models, readiness, census, gauges, clock }, every, stopped)
    });
    let rooms = Rooms {
        spool: &spool,
        store: &store,
        models: models.clone(),
        readiness,
        clock,
        door,
        enricher,
        census,
        gauges,
    };
    let serving = rooms.serve(config, listener)?;
    entrance.audit.tell(Act::Started { address: address.to_string() });
    Ok(Running {
        address,
        entrance,
        models,
        serving,
        reading,
        spool,
        store,
        stop_worker,
        stop_writer,
        writer,
        health,
        worker,
        bookkeeper,
    })
}

/// The task that writes to the store, as soon as that is ready.
fn start_writer(
    config: &Config,
    store: &Arc<dyn Store>,
    ledger: &Arc<dyn Ledger>,
    readiness: &Arc<Readiness>,
    batches: mpsc::Receiver<Batch>,
    stopped: watch::Receiver<bool>,
) -> Task<()> {
    let settings = configuration::writer(config);
    let writing = writer::run(store.clone(), ledger.clone(), settings, batches, stopped.clone());
    let prepared = prepare(store.clone(), readiness.clone(), stopped);
    tokio::spawn(async move {
        if prepared.await {
            writing.await;
        }
    })
}

/// What makes documents of the events of this spool that are not settled yet.
fn judging(
    config: &Config,
    models: Option<&Keeper>,
    engine: Option<Engine>,
    census: &Arc<LiveCensus>,
    (spool, settled_below): (SpoolId, SeqNo),
    clock: &Clock,
) -> Pipeline {
    Pipeline::new(Parts {
        slot: models.map(|models| models.slot().clone()),
        explain: configuration::explain(config),
        watch: models.map(|models| Watch::new(models.observed().clone(), clock.clone())),
        engine,
        spool,
        rules: dialects::rules(config),
        flow: dialects::flow_fields(config),
        census: Some(census.clone()),
        threats: configuration::tells_threats(config),
        excused: configuration::excused(config),
        settled_below,
    })
}

/// The models that judge; none where judging is switched off.
fn open_models(config: &Config, entrance: &Entrance, clock: &Clock) -> Result<Option<Arc<Keeper>>, StartError> {
    if !config.enrich.enabled || !config.classify.enabled {
        return Ok(None);
    }
    let settings = configuration::models(config);
    let keeper = tokio::task::block_in_place(|| {
        classify::init_runtime();
        Keeper::open(&settings, entrance.audit.clone(), clock.clone())
    });
    Ok(Some(Arc::new(keeper?)))
}

/// The metrics as an earlier run left them, with the reader set back to the first event that they have not counted.
fn counting(
    config: &Config,
    spool: &Spool,
    reader: &mut Reader,
    recovery: &Recovery,
) -> Result<(Option<Engine>, Option<Snapshots>), StartError> {
    let Some(engine) = configuration::engine(config)? else { return Ok((None, None)) };
    let snapshots = Snapshots {
        path: config.data_dir.join("state").join("anomaly.snapshot"),
        every: config.anomaly.snapshot_every,
        every_bytes: usize::try_from(config.spool.max_bytes / 8).unwrap_or(usize::MAX),
    };
    let engine = match config.anomaly.max_aside {
        0 => engine,
        bytes => engine.setting_aside(AsideSettings { folder: config.data_dir.join("aside"), bytes }),
    };
    let engine = state::restored(engine, &snapshots.path)?;
    let counted = engine.position();
    if counted > SeqNo(0) {
        spool.hold(counted.plus(1));
        reader.go_to(counted.plus(1).min(recovery.checkpoint));
    }
    Ok((Some(engine), Some(snapshots)))
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Who is let in, and where that is written down.
    pub fn entrance(&self) -> &Entrance {
        &self.entrance
    }

    /// Whether everything that should run does; where it does not, only a new start helps.
    pub fn is_whole(&self) -> bool {
        !self.worker.is_finished() && self.serving.is_whole() && !self.writer.is_finished()
    }

    /// The models that judge; none where judging is switched off.
    pub fn models(&self) -> Option<&Arc<Keeper>> {
        self.models.as_ref()
    }

    /// Its spool.
    pub fn spool(&self) -> &Spool {
        &self.spool
    }

    /// Ends in order, each step within its deadline; gives the accounts.
    pub async fn stop(self) -> Accounts {
        self.entrance.audit.tell(Act::Stopping);
        self.serving.stop().await;
        shutdown::within(shutdown::SERVING, "messages under way to the spool", self.reading.stop()).await;
        self.stop_worker.store(true, Ordering::Relaxed);
        // the worker waits for the writer where batches wait; the writer stops taking them, and it goes on
        let worker = tokio::task::spawn_blocking(move || self.worker.join());
        tokio::time::sleep(Duration::from_millis(50)).await;
        let _ = self.stop_writer.send(true);
        shutdown::within(shutdown::LANDING, "documents on their way to the store", self.writer).await;
        if let Some(health) = self.health {
            shutdown::within(shutdown::LANDING, "the document of how it goes", health).await;
        }
        shutdown::within(shutdown::WORKER, "the worker's last batch", worker).await;
        let (spool, store) = (self.spool.clone(), self.store);
        let closing = tokio::task::spawn_blocking(move || {
            drop(store);
            if let Err(fault) = spool.close() {
                tracing::error!(%fault, "the spool's last checkpoint was not written; settled events are written again at the next start");
            }
        });
        shutdown::within(shutdown::CLOSING, "the spool's checkpoint", closing).await;
        let auditing = self.entrance.auditing;
        let audited = tokio::task::spawn_blocking(move || auditing.finish());
        shutdown::within(shutdown::CLOSING, "the audit log", audited).await;
        shutdown::within(shutdown::CLOSING, "the accounts", self.bookkeeper.stop()).await;
        Accounts::of(&self.spool.usage())
    }
}

async fn open_spool(config: &Config, clock: &Clock) -> Result<Opened, StartError> {
    let (settings, clock) = (configuration::spool(config), clock.clone());
    let opened = tokio::task::spawn_blocking(move || spool::open(settings, Arc::new(RealFiles), clock)).await;
    let opened = opened.expect("opening a spool does not panic")?;
    let recovery = &opened.recovery;
    if recovery.waiting > 0 {
        tracing::info!(events = recovery.waiting, "events of an earlier run wait in the spool");
    }
    Ok(opened)
}

/// Makes the store ready, as often as it takes. False when told to stop before.
async fn prepare(store: Arc<dyn Store>, readiness: Arc<Readiness>, mut stop: watch::Receiver<bool>) -> bool {
    let mut pause = Duration::from_millis(250);
    loop {
        let fault = match store.prepare().await {
            Ok(()) => {
                readiness.set(Room::Store, State::Up);
                catalogue::STORE_UP.set(1);
                return true;
            }
            Err(fault) => fault,
        };
        tracing::warn!(%fault, "the store is not ready; events are taken and wait in the spool");
        readiness.set(Room::Store, State::Down(fault.to_string()));
        catalogue::STORE_UP.set(0);
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(5)),
            _ = stop.wait_for(|stopped| *stopped) => return false,
        }
    }
}

//! The routes of all rooms behind one listener.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use warp::Filter;

use crate::access::Door;
use crate::api::simulated::Wanted;
use crate::api::status::Look;
use crate::api::{self, Api, Readiness, Room, State};
use crate::clock::Clock;
use crate::config::Config;
use crate::ingest::{self, Ingest, Redriver};
use crate::models::Keeper;
use crate::simulate::{Settings as TrafficSettings, Traffic};
use crate::spool::Spool;
use crate::store::Store;
use crate::telemetry::catalogue;
use crate::ui;

use super::census::LiveCensus;
use super::enricher::PipelineEnricher;
use super::{StartError, accounts, configuration, shutdown};

/// What requests are answered from.
pub struct Rooms<'a> {
    /// Where events go.
    pub spool: &'a Spool,
    /// Where searches look.
    pub store: &'a Arc<dyn Store>,
    /// Which models judge; none where nothing does.
    pub models: Option<Arc<Keeper>>,
    /// How each room is.
    pub readiness: Arc<Readiness>,
    /// The time.
    pub clock: Clock,
    /// Who is let in.
    pub door: Door,
    /// Annotates for an answer.
    pub enricher: Arc<PipelineEnricher>,
    /// How good the features are that events bring.
    pub census: Arc<LiveCensus>,
    /// Brings gauges up to date.
    pub gauges: Arc<dyn Fn() + Send + Sync>,
}

/// A listener that is being answered.
pub struct Serving {
    ingest: Arc<Ingest>,
    server: JoinHandle<()>,
    stop: oneshot::Sender<()>,
    /// Who looks on is let go when this is dropped.
    looking: watch::Sender<()>,
}

impl Rooms<'_> {
    /// Begins to answer requests on `listener`.
    ///
    /// # Errors
    /// When limits contradict each other.
    pub fn serve(self, config: &Config, listener: TcpListener) -> Result<Serving, StartError> {
        let mut settings = configuration::http(config).map_err(StartError::Http)?;
        settings.bulk.cluster = self.spool.id();
        let recent = self.spool.recent();
        let keep = Arc::new(self.spool.clone());
        let ingest = Ingest::new(settings.clone(), keep, recent.iter().copied(), self.clock.clone());
        let gauges = self.gauges;
        let (looking, stopping) = watch::channel(());
        let look = Look {
            readiness: self.readiness.clone(),
            spool: self.spool.clone(),
            store: self.store.name(),
            gauges: gauges.clone(),
            clock: self.clock.clone(),
            stopping,
        };
        let api = Api::new(self.readiness, self.store.clone(), api::SEARCHES_AT_ONCE, move || gauges());
        let redriver = Redriver::new(self.spool.clone(), settings.clone());
        let ours = ui::routes()
            .or(ingest::routes(ingest.clone()))
            .unify()
            .or(ingest::enrich::route(ingest.clone(), self.enricher))
            .unify()
            .or(api::doctor::route(move || serde_json::json!({"dialects": self.census.report()})))
            .unify()
            .or(api::simulated::route(made_up))
            .unify()
            .or(api::letters::routes(redriver))
            .unify()
            .or(api::models::routes(self.models))
            .unify()
            .or(api::session::route(self.door.clone()))
            .unify()
            .or(api::openapi::route())
            .unify()
            .or(api::status::routes(look))
            .unify()
            .or(api::measures::routes(api.clone(), configuration::declarations(config)))
            .unify()
            .or(api::routes(api))
            .unify();
        // the paths in Elasticsearch's shape come last: index names are any
        let routes = ours.or(ingest::elastic::routes(ingest.clone())).unify();
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(ingest::server::serve(listener, routes, settings, self.door, async {
            // a sender that is gone means the same
            let _ = stopped.await;
        }));
        Ok(Serving { ingest, server, stop, looking })
    }
}

impl Serving {
    /// Whether it still answers.
    pub fn is_whole(&self) -> bool {
        !self.server.is_finished()
    }

    /// Takes nothing more; what was taken is answered and in the spool then, or the deadlines are over.
    pub async fn stop(self) {
        drop(self.looking);
        // the receiver is gone only when the server has ended already
        let _ = self.stop.send(());
        shutdown::within(shutdown::SERVING, "requests under way", self.server).await;
        shutdown::within(shutdown::SERVING, "bodies under way to the spool", self.ingest.settled()).await;
    }
}

/// What brings the gauges and metrics up to date that are measured only when somebody looks.
pub fn gauges(spool: Spool, models: Option<Arc<Keeper>>, readiness: Arc<Readiness>) -> Arc<dyn Fn() + Send + Sync> {
    Arc::new(move || {
        measure(&spool);
        if let Some(models) = &models {
            look_at_models(models, &readiness);
        }
    })
}

/// Events of a made-up day, as a JSON list.
fn made_up(wanted: Wanted) -> Vec<u8> {
    let mut list = vec![b'['];
    for event in Traffic::new(TrafficSettings::ending(wanted.end)).skip(wanted.skip).take(wanted.size) {
        if list.len() > 1 {
            list.push(b',');
        }
        list.extend_from_slice(event.json.as_bytes());
    }
    list.push(b']');
    list
}

/// Brings the metrics of models up to date, and what is said of them where somebody asks how it goes.
fn look_at_models(models: &Keeper, readiness: &Readiness) {
    models.measure();
    readiness.set(Room::Model, models.standing().notice.map_or(State::Up, State::Degraded));
    readiness.hint(Room::Model, models.observed().drift().hint());
}

/// Brings the gauges up to date.
fn measure(spool: &Spool) {
    let usage = spool.usage();
    let as_gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    catalogue::SPOOL_BYTES.set(as_gauge(usage.bytes));
    catalogue::SPOOL_LIMIT_BYTES.set(as_gauge(usage.limit));
    catalogue::EVENTS_WAITING.set(as_gauge(usage.waiting));
    catalogue::SPOOL_DAMAGED_FRAMES.raise_to(usage.damaged);
    accounts::measure(spool);
}

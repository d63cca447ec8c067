//! Writes into the engine how it goes, every so often: what its dashboards *Health* and *Model quality* are drawn from.
//!
//! - Counts are those of the time since the document before, so that they can be added up over any time and over several
//!   programs; levels are as they stand.
//! - Nothing waits for these documents and none is kept: one that the engine does not take is gone, and the counts of
//!   its time are in the next one. They do not pass the spool, and stand in no account.

mod documents;
mod totals;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::api::Readiness;
use crate::clock::Clock;
use crate::models::Keeper;
use crate::spool::Spool;
use crate::store::{Outcome, Store};
use crate::telemetry::{catalogue, process};

use super::census::{DialectReport, LiveCensus};
use documents::{About, Reading};
use totals::Totals;

/// Where it is read how it goes.
pub struct Sources {
    /// Where documents go.
    pub store: Arc<dyn Store>,
    /// The queue.
    pub spool: Spool,
    /// Which models judge; none where nothing does.
    pub models: Option<Arc<Keeper>>,
    /// How each room is.
    pub readiness: Arc<Readiness>,
    /// How good the features are that events bring.
    pub census: Arc<LiveCensus>,
    /// Brings gauges up to date.
    pub gauges: Arc<dyn Fn() + Send + Sync>,
    /// The time.
    pub clock: Clock,
}

/// Writes every so often until `stop` turns true.
pub fn start(sources: Sources, every: Duration, mut stop: watch::Receiver<bool>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut told = Told::new(sources);
        let mut ticks = interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stopped| *stopped) => break,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                biased;
                _ = stop.wait_for(|stopped| *stopped) => break,
                () = told.tell() => {}
            }
        }
    })
}

/// What has been told, and what it is told from.
struct Told {
    sources: Sources,
    about: About,
    started: Duration,
    since: Duration,
    totals: Totals,
    /// Events of each dialect up to the document before.
    dialects: BTreeMap<&'static str, u64>,
}

impl Told {
    fn new(sources: Sources) -> Self {
        let now = sources.clock.monotonic();
        let about = About::of(sources.spool.id());
        Self { sources, about, started: now, since: now, totals: Totals::now(), dialects: BTreeMap::new() }
    }

    async fn tell(&mut self) {
        // before that there are no templates, and an index would be made without them
        if catalogue::STORE_UP.value() == 0 {
            return;
        }
        (self.sources.gauges)();
        process::measure();
        let (now, totals, census) = (self.sources.clock.monotonic(), Totals::now(), self.sources.census.report());
        let batch = self.reading(now, &totals, &census).batch(&self.about);
        let outcomes = self.sources.store.write(&batch).await;
        if let Some(Outcome::Again { reason, .. } | Outcome::Refused { reason }) = outcomes.first() {
            tracing::debug!(reason, "how it goes was not written; the next document tells of this time too");
            return;
        }
        self.dialects = census.iter().map(|dialect| (dialect.dialect, dialect.events)).collect();
        (self.since, self.totals) = (now, totals);
    }

    fn reading<'a>(&'a self, now: Duration, totals: &Totals, census: &'a [DialectReport]) -> Reading<'a> {
        let observed = self.sources.models.as_ref().map(|models| models.observed());
        Reading {
            at: self.sources.clock.now(),
            uptime: now.saturating_sub(self.started),
            interval: now.saturating_sub(self.since),
            counts: totals.since(&self.totals),
            health: self.sources.readiness.told(),
            drift: observed.map(|observed| observed.drift()),
            shadow: observed.and_then(|observed| observed.shadow()),
            census,
            dialects: &self.dialects,
        }
    }
}

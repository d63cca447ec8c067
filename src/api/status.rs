//! How it goes, in numbers, as the page shows it: `GET /v1/status`, and the same each second as server-sent events at
//! `GET /v1/status/live`.
//!
//! The numbers are counted up at most once in [`EVERY`], however many look. Live answers end when oversight stops, so
//! that nobody who looks on delays that; a browser asks again by itself.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{Stream, stream};
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use warp::filters::BoxedFilter;
use warp::reply::{Reply, Response};
use warp::{Filter as _, sse};

use super::error::Refusal;
use super::health::{Health, Readiness, health};
use super::{Accounts, json as json_response};
use crate::clock::Clock;
use crate::event::ReceivedTime;
use crate::spool::Spool;
use crate::telemetry::catalogue;

/// How often a live answer brings news, and how old the numbers may be.
const EVERY: Duration = Duration::from_secs(1);
/// Live answers at one time; further ones are told to come again.
const LIVE_AT_ONCE: usize = 32;

/// How it goes.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Status {
    /// Of this program.
    pub version: &'static str,
    /// When this was so.
    pub at: String,
    /// When the program started.
    pub started: String,
    /// What the store is called: `elasticsearch`, `embedded` …
    pub store: &'static str,
    /// How each room is.
    pub health: Health,
    /// What became of every event since the start.
    pub accounts: Accounts,
    /// What came in less what became of it: 0 whenever nothing is under way.
    pub difference: i64,
    /// What was found since the start, and how far behind judging is.
    pub judged: Judged,
    /// The queue on the disk.
    pub spool: Fill,
    /// What was refused.
    pub dead_letters: Fill,
    /// Bytes of memory that the process has.
    pub resident_bytes: i64,
}

/// What was found since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Judged {
    /// Events that a network judged.
    pub events: u64,
    /// Of those, attacks.
    pub attacks: u64,
    /// Anomaly records.
    pub anomalies: u64,
    /// Metric series in memory.
    pub series: i64,
    /// How long the event judged last had waited, in seconds.
    pub lag_seconds: i64,
}

/// What lies on the disk, and how much may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Fill {
    /// Events.
    pub events: i64,
    /// Bytes of their files.
    pub bytes: i64,
    /// What these may not exceed.
    pub limit_bytes: i64,
}

/// What the routes answer from.
pub struct Look {
    /// How each room is.
    pub readiness: Arc<Readiness>,
    /// The queue.
    pub spool: Spool,
    /// What the store is called.
    pub store: &'static str,
    /// Brings gauges up to date.
    pub gauges: Arc<dyn Fn() + Send + Sync>,
    /// The time.
    pub clock: Clock,
    /// Its sender goes when oversight stops.
    pub stopping: watch::Receiver<()>,
}

struct Shared {
    look: Look,
    started: ReceivedTime,
    latest: Mutex<Option<(Duration, Arc<Status>)>>,
    live: Arc<Semaphore>,
}

/// The routes; they reject other paths only.
pub fn routes(look: Look) -> BoxedFilter<(Response,)> {
    let started = look.clock.now();
    let live = Arc::new(Semaphore::new(LIVE_AT_ONCE));
    let shared = Arc::new(Shared { look, started, latest: Mutex::default(), live });
    let once = warp::path!("v1" / "status").map(|| false);
    let live = warp::path!("v1" / "status" / "live").map(|| true);
    once.or(live)
        .unify()
        .and(warp::method())
        .map(move |live, method: Method| match method {
            Method::GET if live => shared.live(),
            Method::GET | Method::HEAD if !live => json_response(StatusCode::OK, &*shared.status()),
            _ => Refusal::WrongMethod { allowed: if live { "GET" } else { "GET, HEAD" } }.into_problem(),
        })
        .boxed()
}

impl Shared {
    /// Counted up now, or less than [`EVERY`] ago.
    fn status(&self) -> Arc<Status> {
        let now = self.look.clock.monotonic();
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, status)) = &*latest
            && now.saturating_sub(*at) < EVERY
        {
            return Arc::clone(status);
        }
        let status = Arc::new(self.count());
        *latest = Some((now, Arc::clone(&status)));
        status
    }

    fn count(&self) -> Status {
        (self.look.gauges)();
        let accounts = Accounts::of(&self.look.spool.usage());
        Status {
            version: env!("CARGO_PKG_VERSION"),
            at: self.look.clock.now().to_string(),
            started: self.started.to_string(),
            store: self.look.store,
            health: health(&self.look.readiness),
            accounts,
            difference: i64::try_from(accounts.difference()).unwrap_or(i64::MAX),
            judged: Judged {
                events: catalogue::EVENTS_CLASSIFIED.value(),
                attacks: catalogue::DETECTIONS.value(),
                anomalies: catalogue::ANOMALIES.value(),
                series: catalogue::METRIC_SERIES.value(),
                lag_seconds: catalogue::EVENT_LAG_SECONDS.value(),
            },
            spool: Fill {
                events: catalogue::EVENTS_WAITING.value(),
                bytes: catalogue::SPOOL_BYTES.value(),
                limit_bytes: catalogue::SPOOL_LIMIT_BYTES.value(),
            },
            dead_letters: Fill {
                events: catalogue::DEAD_LETTERS.value(),
                bytes: catalogue::DEAD_LETTERS_BYTES.value(),
                limit_bytes: catalogue::DEAD_LETTERS_LIMIT_BYTES.value(),
            },
            resident_bytes: catalogue::PROCESS_RESIDENT_BYTES.value(),
        }
    }

    fn live(self: &Arc<Self>) -> Response {
        match Arc::clone(&self.live).try_acquire_owned() {
            Ok(place) => sse::reply(self.news(place)).into_response(),
            Err(_) => Refusal::Watched.into_problem(),
        }
    }

    /// The status now, and then each second until oversight stops.
    fn news(
        self: &Arc<Self>,
        place: OwnedSemaphorePermit,
    ) -> impl Stream<Item = Result<sse::Event, Infallible>> + Send + Sync + 'static {
        let begin = (Arc::clone(self), self.look.stopping.clone(), place, false);
        stream::unfold(begin, |(shared, mut stopping, place, later)| async move {
            // the sender sends nothing: that it is gone is the news
            if later && timeout(EVERY, stopping.changed()).await.is_ok() {
                return None;
            }
            let event = sse::Event::default().event("status").json_data(&*shared.status()).ok()?;
            Some((Ok(event), (shared, stopping, place, true)))
        })
    }
}

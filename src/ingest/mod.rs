//! 1 RECEIVE: events over HTTP, and from streams that have no answer: [`syslog`] and Kafka.
//!
//! The contract: **answered 200 means synced in the spool**, to be enriched once. Everything else is told in time:
//!
//! - 200: the good events are in the spool, the bad ones in the dead letters, each counted in the answer. The same body
//!   within the retry window is taken once and answered the same; `repeated` says so.
//! - 429 with `Retry-After`: no room in the spool or in memory, or the spool takes longer than a second. It may still
//!   be kept then; sent again it is taken once.
//! - 503: the disk refuses, the body stopped coming, all connections are taken, or the process ends.
//! - 400: the body as a whole is unreadable, with reason and place; its bytes are in the dead letters.
//! - 401, 403: nobody known, or somebody who may not; 413, 415, 404, 405: see the table in `error.rs`. Connections are not reset; bodies are read to their end.
//!
//! The way of a request: [`server`] (places) → `connection` (deadlines, admission) → `http` (path, method) → `body` and `decode` (bytes, capped)
//! → `format` (members; `json` judges each, `resync` finds the end of a bad one, `text` makes events of forms and text)
//! → `intake` (what is to be kept) → `repeat` and `admit` (once, in time) → `keep` (the spool) → `answer` or `error`.
//!
//! [`elastic`] is a second door to the same spool, in Elasticsearch's shape.
//! Beside it: [`enrich`] answers with the annotated documents and keeps nothing, and [`Redriver`] takes dead letters in
//! once more. Streams go another way: each message is an event (`syslog`) or a body (`kafka`), `gathering` puts what is
//! waiting into batches, and `insist` keeps them, however long the spool takes.
//!
//! Memory is bounded by [`HttpSettings::max_in_flight`] for bodies and [`HttpSettings::max_connections`] for buffers.
//! Nothing of an event is logged, only why a body is refused, at debug level.

mod admit;
mod answer;
mod body;
mod connection;
mod crowd;
mod decode;
pub mod elastic;
pub mod enrich;
mod error;
mod format;
#[doc(hidden)]
pub mod fuzzing;
mod gathering;
#[cfg(test)]
mod harness;
mod http;
mod insist;
mod intake;
mod json;
#[cfg(feature = "kafka")]
pub mod kafka;
mod keep;
mod patience;
mod redrive;
mod repeat;
mod resync;
mod room;
pub mod server;
mod settings;
pub mod syslog;
mod text;

use std::sync::Arc;

use crate::clock::Clock;
use crate::event::ReceivedTime;
use crate::spool::Digest;

pub use self::http::{Peer, routes};
pub use keep::{Keep, Unkept};
pub use redrive::{RedriveError, Redriven, Redriver};
pub use settings::{HttpSettings, SettingFault};
pub(crate) use text::decoded;

use repeat::Repeats;
use room::Room;

/// Takes bodies and answers for them; shared by all requests.
pub struct Ingest {
    settings: Arc<HttpSettings>,
    keep: Arc<dyn Keep>,
    repeats: Arc<Repeats>,
    room: Room,
    identity: elastic::Identity,
    clock: Clock,
}

impl Ingest {
    /// `settings` as [`HttpSettings::checked`] let them pass. `recent`: the bodies that the spool took within the retry
    /// window before this start, with the times at which it did.
    pub fn new(
        settings: HttpSettings,
        keep: Arc<dyn Keep>,
        recent: impl IntoIterator<Item = (Digest, ReceivedTime)>,
        clock: Clock,
    ) -> Arc<Self> {
        let repeats = Repeats::new(settings.retry_window, settings.max_remembered, clock.clone(), recent);
        let room = Room::new(settings.max_in_flight);
        let identity = elastic::Identity::new(&settings.bulk.version, settings.bulk.cluster);
        Arc::new(Self { settings: Arc::new(settings), keep, repeats, room, identity, clock })
    }

    /// Waits until nothing is under way to the spool any more, not even what was answered 429. To be called when the
    /// server has ended and before the spool is closed; give it a deadline.
    pub async fn settled(&self) {
        self.room.empty().await;
    }
}

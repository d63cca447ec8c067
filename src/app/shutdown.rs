//! The end, in order: nothing new is taken, what is taken gets its answer, what is on its way to the store lands, the
//! worker saves what the metrics have learnt, the spool writes down what is settled. Each step has its deadline; what is
//! not settled then stays in the spool for the next start.

use std::time::Duration;

use crate::spool::Usage;
use crate::telemetry::catalogue;

/// For requests that are being answered, beyond the server's own deadline.
pub const SERVING: Duration = Duration::from_secs(15);
/// For what is on its way to the store.
pub const LANDING: Duration = Duration::from_secs(15);
/// For the worker's last batch and its snapshot.
pub const WORKER: Duration = Duration::from_secs(30);
/// For the last checkpoint.
pub const CLOSING: Duration = Duration::from_secs(10);

/// Waits for a step of the end, but not longer than this.
pub async fn within<T>(limit: Duration, what: &str, step: impl Future<Output = T>) {
    if tokio::time::timeout(limit, step).await.is_err() {
        tracing::warn!(seconds = limit.as_secs(), "not waiting any longer for {what}");
    }
}

/// How the accounts of this run stand: `recovered + received = stored + repeated + refused + waiting`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accounts {
    /// Events that waited in the spool at the start.
    pub recovered: u64,
    /// Events that came in.
    pub received: u64,
    /// In the store, written by this run or an earlier one.
    pub stored: u64,
    /// Sent twice and taken once.
    pub repeated: u64,
    /// In the dead letters.
    pub refused: u64,
    /// In the spool, for the next start.
    pub waiting: u64,
}

impl Accounts {
    /// From the counters and the spool.
    pub fn of(usage: &Usage) -> Self {
        Self {
            recovered: usage.recovered,
            received: catalogue::EVENTS_RECEIVED.value(),
            stored: catalogue::EVENTS_STORED.value() + catalogue::EVENTS_ALREADY_THERE.value(),
            repeated: catalogue::EVENTS_REPEATED.value(),
            refused: catalogue::EVENTS_REFUSED.value() + catalogue::EVENTS_DEAD_LETTERED.value(),
            waiting: usage.waiting,
        }
    }
}

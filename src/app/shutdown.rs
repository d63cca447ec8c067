//! The end, in order: nothing new is taken, what is taken gets its answer, what is on its way to the store lands, the
//! worker saves what the metrics have learnt, the spool writes down what is settled. Each step has its deadline; what is
//! not settled then stays in the spool for the next start.

use std::time::Duration;

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

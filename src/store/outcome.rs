//! What became of one document.

use std::time::Duration;

/// What became of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the store, durably.
    Stored,
    /// It was there already.
    AlreadyThere,
    /// Not now; to be written again no sooner than `after`.
    Again {
        /// How long to wait at least.
        after: Duration,
        /// In the store's words.
        reason: String,
    },
    /// Never: the store will not take this document as it is. It belongs into the dead letters.
    Refused {
        /// In the store's words.
        reason: String,
    },
}

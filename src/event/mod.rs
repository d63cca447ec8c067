//! What flows: an event as it came, its identity and its times.
//!
//! Every room may use this one, and it uses none.

pub mod annotated;
pub mod fields;
pub mod id;
pub mod json;
pub mod units;

use bytes::Bytes;

pub use id::EventId;
pub use units::{Day, EventTime, Probability, ReceivedTime, SeqNo};

/// One event that the spool holds: a JSON object, and what is known of it from outside.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its place in the spool; grows by one from event to event.
    pub sequence: SeqNo,
    /// The id its document has in the store; the same event has the same id after a restart.
    pub id: EventId,
    /// When oversight took it.
    pub received: ReceivedTime,
    /// The JSON object, byte for byte as it came.
    pub body: Bytes,
    /// It was in the spool before this process started, so an earlier one may have stored it already.
    pub replayed: bool,
}

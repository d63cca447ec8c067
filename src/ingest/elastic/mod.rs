//! The door in Elasticsearch's shape: whatever can write to Elasticsearch can write to oversight.
//!
//! The contract of a bulk request: **all or nothing**.
//!
//! - 200: every good event is synced in the spool; the items say 201, in the order and under the names of the actions.
//!   The id of an item is the one its action gave. Bad documents are in the dead letters, and their items say 201 too
//!   unless [`BulkSettings::report_bad_documents`] is set: a shipper would drop them, or send the same for ever.
//!   `update` and `delete` are 400 in any case; the document of an `update` is in the dead letters.
//! - The same body again within the retry window is taken once and answered the same.
//! - 429: nothing is kept for sure, send all of it again. The body is a complete answer in which every item says so,
//!   because some shippers look at the status and some at the items; [`Overload`] has a third way. It comes late by
//!   [`BulkSettings::overload_delay`], because some repeat at once.
//! - Anything else: the request as a whole cannot be taken, with `error.type` and `error.reason`.
//!
//! A [document](document) in a request of its own is answered 201, or 400 with the reason and its bytes in the dead
//! letters; overload as above.
//!
//! The way of a request: `call` (which call is it?) → `bulk` and `action` (pairs of lines, each judged by itself) or `document` → the
//! same spool as all bodies → `reply` and `filter` (the parts that are wanted). `handshake` answers what clients ask
//! before they send. Paths of our own are looked at first.

mod action;
mod bulk;
mod call;
mod document;
mod door;
mod filter;
pub(super) mod fuzzing;
mod handshake;
mod intake;
mod overload;
mod reply;

pub(super) use door::greeting;
pub use door::routes;
pub(super) use handshake::Identity;
pub(super) use overload::{Unanswered, closes};

use std::time::Duration;

use crate::config::Overload;
use crate::event::id::SpoolId;

/// How this door behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkSettings {
    /// The version that clients are told, such as `8.19.0`.
    pub version: String,
    /// The spool behind the door, by which clients know it again.
    pub cluster: SpoolId,
    /// Whether the answer tells of bad documents: item status 400. They are in the dead letters either way.
    pub report_bad_documents: bool,
    /// What a sender meets when there is no room.
    pub overload: Overload,
    /// How long the answer to it is held back then.
    pub overload_delay: Duration,
}

impl Default for BulkSettings {
    fn default() -> Self {
        Self {
            version: "8.19.0".to_owned(),
            cluster: SpoolId(0),
            report_bad_documents: false,
            overload: Overload::Auto,
            overload_delay: Duration::from_secs(1),
        }
    }
}

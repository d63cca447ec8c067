//! 8 WRITE: where annotated documents go.
//!
//! A [`Store`] takes a batch and gives back one [`Outcome`] for each document, in the same order, whatever happens:
//! a store that is down answers [`Outcome::Again`] for all. Writing is repeatable: a document has the same id and
//! the same index whenever it is written, and one that is there already is [`Outcome::AlreadyThere`], not a fault.

pub mod elasticsearch;
#[cfg(feature = "embedded")]
pub mod embedded;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod memory;
pub mod outcome;
pub mod search;
pub mod writer;

use std::ops::Range;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::event::{Day, EventId, SeqNo};

pub use outcome::Outcome;
pub use search::{SearchError, SearchRequest};

/// What a document is; decides the index it goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `oversight-events-YYYY.MM.DD`
    Event,
    /// `oversight-anomalies-YYYY.MM.DD`
    Anomaly,
    /// `oversight-health-YYYY.MM.DD`: how it went. Only engines are given these.
    Health,
    /// `threat-YYYY.MM.DD`: a detection in the four fields of older dashboards. Only engines are given these.
    Threat,
}

impl Kind {
    /// The word for it in the names of indices.
    pub fn word(self) -> &'static str {
        match self {
            Self::Event => "events",
            Self::Anomaly => "anomalies",
            Self::Health => "health",
            Self::Threat => "threat",
        }
    }
}

/// One document to write.
#[derive(Debug, Clone)]
pub struct Document {
    /// What it is.
    pub kind: Kind,
    /// The UTC day of its `@timestamp`: part of the index name, so that a repetition meets the same index.
    pub day: Day,
    /// Its id.
    pub id: EventId,
    /// The JSON object: a range of the batch's bytes.
    pub source: Range<usize>,
    /// The event it was made from, which may be let go once this is stored; none for derived documents.
    pub sequence: Option<SeqNo>,
    /// It may be in the store already, from before a restart.
    pub replayed: bool,
}

/// Documents that are written together.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// In the order of their events.
    pub documents: Vec<Document>,
    /// All their JSON, one after the other.
    pub bytes: Bytes,
}

impl Batch {
    /// The JSON of one document.
    pub fn source(&self, document: &Document) -> &[u8] {
        &self.bytes[document.source.clone()]
    }
}

/// A place for documents.
pub trait Store: Send + Sync + 'static {
    /// What messages call it: `elasticsearch`, `embedded`.
    fn name(&self) -> &'static str;

    /// Makes ready what writing needs (index templates, folders). Called at start and again until it succeeds.
    fn prepare(&self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Writes the batch; one outcome for each document, in order.
    fn write<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Vec<Outcome>>;

    /// Answers a search in Elasticsearch's shape.
    fn search(&self, request: SearchRequest) -> BoxFuture<'_, Result<Value, SearchError>>;
}

/// Why a store cannot be made ready.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nobody answers, or not as it should; it may come back.
    #[error("{store} cannot be reached: {reason}")]
    Unreachable {
        /// Which store.
        store: &'static str,
        /// In its own words.
        reason: String,
    },
    /// It answered, and refuses us: the credentials or their rights have to be changed.
    #[error("{store} refuses: {reason}")]
    Forbidden {
        /// Which store.
        store: &'static str,
        /// In its own words.
        reason: String,
    },
    /// The store's own files cannot be used.
    #[error("{store}: {path}: {reason}")]
    Files {
        /// Which store.
        store: &'static str,
        /// The file or folder.
        path: std::path::PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

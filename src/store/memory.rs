//! A store in memory, for tests and for measuring: it can refuse, delay and break on command.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::{Batch, Document, Outcome, SearchError, SearchRequest, Store, StoreError};

type Judge = Box<dyn Fn(&Document, &[u8]) -> Option<Outcome> + Send + Sync>;

/// Keeps documents in a map by id.
#[derive(Default)]
pub struct MemoryStore {
    documents: Mutex<HashMap<String, Vec<u8>>>,
    judge: Mutex<Option<Judge>>,
}

impl MemoryStore {
    /// An empty store that takes everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on `judge` may decide the outcome of a document; none lets it be stored.
    pub fn judge_by(&self, judge: impl Fn(&Document, &[u8]) -> Option<Outcome> + Send + Sync + 'static) {
        *self.judge.lock().expect("no holder panics") = Some(Box::new(judge));
    }

    /// The documents as they were written, by id.
    pub fn documents(&self) -> HashMap<String, Vec<u8>> {
        self.documents.lock().expect("no holder panics").clone()
    }

    fn take(&self, document: &Document, source: &[u8]) -> Outcome {
        let judged = self.judge.lock().expect("no holder panics").as_ref().and_then(|judge| judge(document, source));
        if let Some(outcome) = judged {
            return outcome;
        }
        let previous =
            self.documents.lock().expect("no holder panics").insert(document.id.to_string(), source.to_vec());
        if previous.is_some() { Outcome::AlreadyThere } else { Outcome::Stored }
    }
}

impl Store for MemoryStore {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn write<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(async { batch.documents.iter().map(|document| self.take(document, batch.source(document))).collect() })
    }

    fn search(&self, _request: SearchRequest) -> BoxFuture<'_, Result<Value, SearchError>> {
        let total = self.documents.lock().expect("no holder panics").len();
        Box::pin(async move { Ok(json!({"hits": {"total": {"value": total, "relation": "eq"}, "hits": []}})) })
    }
}

/// An outcome that asks for a repetition at once.
pub fn again(reason: &str) -> Outcome {
    Outcome::Again { after: Duration::ZERO, reason: reason.to_owned() }
}

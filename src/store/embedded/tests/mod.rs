//! The store as its callers see it.

mod aggregations;
mod durability;
mod queries;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{EmbeddedStore, Settings};
use crate::clock::Clock;
use crate::event::id::SpoolId;
use crate::event::{Day, EventId, ReceivedTime, SeqNo};
use crate::store::{Batch, Document, Kind, Outcome, SearchError, SearchRequest, Store};

/// 2026-11-22T12:00:00Z
const NOON: i64 = 1_795_348_800_000_000;

fn settings(folder: &Path) -> Settings {
    Settings { linger: Duration::from_millis(1), memory: 16_000_000, ..Settings::new(folder.to_owned()) }
}

fn clock() -> Clock {
    Clock::manual(ReceivedTime::from_micros(NOON))
}

async fn open(folder: &Path) -> EmbeddedStore {
    let store = EmbeddedStore::new(settings(folder), clock());
    store.prepare().await.expect("prepared");
    store
}

fn day(text: &str) -> Day {
    Day::parse(text).expect("a day")
}

fn place(number: u64) -> EventId {
    EventId::Place(SpoolId(7), SeqNo(number))
}

/// Texts as documents of one day, with ids by place from `first` on.
fn batch_of(texts: &[String], first: u64, day: Day, replayed: bool) -> Batch {
    let mut bytes = Vec::new();
    let mut documents = Vec::new();
    for (number, text) in (first..).zip(texts) {
        let start = bytes.len();
        bytes.extend_from_slice(text.as_bytes());
        documents.push(Document {
            kind: Kind::Event,
            day,
            id: place(number),
            source: start..bytes.len(),
            sequence: Some(SeqNo(number)),
            replayed,
        });
    }
    Batch { documents, bytes: Bytes::from(bytes) }
}

fn texts(values: &[Value]) -> Vec<String> {
    values.iter().map(Value::to_string).collect()
}

/// Writes documents of 2026-11-22 and expects all to be stored.
async fn fill(store: &EmbeddedStore, first: u64, values: &[Value]) {
    let batch = batch_of(&texts(values), first, day("2026.11.22"), false);
    let outcomes = store.write(&batch).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Stored), "{outcomes:?}");
}

async fn ask(store: &EmbeddedStore, body: Value) -> Result<Value, SearchError> {
    store.search(SearchRequest { kind: Kind::Event, body }).await
}

async fn total(store: &EmbeddedStore, query: Value) -> u64 {
    let answer = ask(store, json!({"query": query, "size": 0})).await.expect("answered");
    answer["hits"]["total"]["value"].as_u64().expect("a number")
}

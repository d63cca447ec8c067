//! What writing a document costs by itself: into the embedded index, and to an engine that only counts, whose own cost
//! is in it because it runs in this process.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use oversight::clock::Clock;
use oversight::event::id::SpoolId;
use oversight::event::{Day, EventId, SeqNo};
use oversight::simulate::{Settings as Scene, Traffic};
use oversight::store::elasticsearch::{ElasticStore, NodeUrl, Settings as ElasticSettings};
use oversight::store::embedded::{EmbeddedStore, Settings};
use oversight::store::{Batch, Document, Kind, Outcome, SearchRequest, Store};
use serde_json::{Value, json};

use super::process::own_cpu;

const DOCUMENTS: usize = 50_000;
const BATCH: usize = 500;
/// Batches that are under way at once.
const UNDER_WAY: usize = 64;

/// Prints what both stores cost; `engine` is the port of one that takes everything.
pub async fn print(engine: u16) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Arc::new(EmbeddedStore::new(Settings::new(folder.path().to_owned()), Clock::system()));
    let bytes = written("embedded index", Arc::clone(&store) as _).await;
    println!("{:<32} {:>9.2} of the documents' size on disk", "", size(folder.path()) as f64 / bytes as f64);
    for (name, body) in [
        ("a page of hits", json!({ "size": 50 })),
        ("terms of an address", json!({ "size": 0, "aggs": { "a": { "terms": { "field": "id.orig_h" } } } })),
        (
            "a histogram by the hour",
            json!({ "size": 0, "aggs": { "a": { "date_histogram":
            { "field": "@timestamp", "fixed_interval": "1h" } } } }),
        ),
    ] {
        println!("{:<32} {:>9.1} ms {name}", "", fastest(&*store, &body).await);
    }
    for gzip in [false, true] {
        let node = NodeUrl::parse(&format!("http://127.0.0.1:{engine}")).expect("a URL");
        let store = ElasticStore::new(ElasticSettings { gzip, ..ElasticSettings::for_node(node) });
        let name = if gzip { "elasticsearch output, gzip" } else { "elasticsearch output" };
        written(name, Arc::new(store.expect("valid settings"))).await;
    }
}

/// Writes all documents and prints the rate and the CPU time of each; gives their size in bytes.
async fn written(name: &str, store: Arc<dyn Store>) -> usize {
    store.prepare().await.expect("the store is there");
    let batches: Vec<Batch> = batches();
    let bytes = batches.iter().map(|batch| batch.bytes.len()).sum();
    let (started, cpu) = (Instant::now(), own_cpu());
    let mut under_way = tokio::task::JoinSet::new();
    for batch in batches {
        if under_way.len() >= UNDER_WAY {
            stored(under_way.join_next().await);
        }
        let store = Arc::clone(&store);
        under_way.spawn(async move { store.write(&batch).await });
    }
    while let Some(outcome) = under_way.join_next().await {
        stored(Some(outcome));
    }
    let (took, spent) = (started.elapsed(), own_cpu() - cpu);
    println!(
        "{name:<32} {:>9.0} documents/s {:>8.1} µs of CPU each",
        DOCUMENTS as f64 / took.as_secs_f64(),
        spent.as_secs_f64() * 1e6 / DOCUMENTS as f64
    );
    bytes
}

fn stored(outcomes: Option<Result<Vec<Outcome>, tokio::task::JoinError>>) {
    let outcomes = outcomes.expect("one is under way").expect("it does not panic");
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Stored), "{outcomes:?}");
}

/// Made-up connections, as they came.
fn batches() -> Vec<Batch> {
    let traffic = Traffic::new(Scene::default());
    let events: Vec<String> = traffic.take(DOCUMENTS).map(|event| event.json).collect();
    assert_eq!(events.len(), DOCUMENTS);
    let day = Day::parse("2026.11.22").expect("a day");
    let mut number = 0;
    let mut batch_of = |events: &[String]| {
        let (mut bytes, mut documents) = (Vec::new(), Vec::new());
        for event in events {
            let start = bytes.len();
            bytes.extend_from_slice(event.as_bytes());
            let id = EventId::Place(SpoolId(1), SeqNo(number));
            let source = start..bytes.len();
            let sequence = Some(SeqNo(number));
            documents.push(Document { kind: Kind::Event, day, id, source, sequence, replayed: false });
            number += 1;
        }
        Batch { documents, bytes: bytes.into() }
    };
    events.chunks(BATCH).map(&mut batch_of).collect()
}

/// Milliseconds of the fastest of five searches.
async fn fastest(store: &dyn Store, body: &Value) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let started = Instant::now();
        let answer = store.search(SearchRequest { kind: Kind::Event, body: body.clone() }).await.expect("answered");
        assert_eq!(answer["hits"]["total"]["value"], DOCUMENTS);
        best = best.min(started.elapsed().as_secs_f64() * 1e3);
    }
    best
}

/// Bytes of all files below a folder.
pub fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.metadata().map_or(0, |it| if it.is_dir() { size(&entry.path()) } else { it.len() })).sum()
}

//! The store against real engines.

use std::time::Duration;

use bytes::Bytes;
use oversight::event::id::SpoolId;
use oversight::event::{Day, EventId, SeqNo};
use oversight::store::elasticsearch::{
    Credentials, ElasticStore, IndexPrefix, NodeUrl, PipelineName, Product, Secret, Settings,
};
use oversight::store::{Batch, Document, Kind, Outcome, SearchError, SearchRequest, Store, StoreError};
use serde_json::{Value, json};

use crate::harness::engines::{self, Engine, PASSWORD, Variant};

/// Settings for this engine, with indices of their own.
pub fn settings(url: &str, prefix: &str) -> Settings {
    let mut settings = Settings::for_node(NodeUrl::parse(url).expect("a url"));
    settings.index_prefix = IndexPrefix::new(prefix).expect("a prefix");
    // the machine may be busy with anything
    settings.timeout = Duration::from_secs(300);
    settings
}

/// Events of 2026-11-22.
pub fn batch(documents: impl IntoIterator<Item = (EventId, String)>) -> Batch {
    let day = Day::parse("2026.11.22").expect("a day");
    let mut batch = Batch::default();
    let mut bytes = Vec::new();
    for (id, source) in documents {
        let start = bytes.len();
        bytes.extend_from_slice(source.as_bytes());
        let source = start..bytes.len();
        batch.documents.push(Document { kind: Kind::Event, day, id, source, sequence: None, replayed: false });
    }
    batch.bytes = Bytes::from(bytes);
    batch
}

/// The id of event `number` of one spool.
pub fn place(number: u64) -> EventId {
    EventId::Place(SpoolId(0x5EED), SeqNo(number))
}

fn numbered(range: std::ops::Range<u64>) -> Batch {
    let document = |n: u64| {
        let label = if n.is_multiple_of(4) { "neptune" } else { "normal" };
        json!({"@timestamp": "2026-11-22T10:00:00Z", "n": n, "oversight": {"classification": {"label": label}}})
            .to_string()
    };
    batch(range.map(|n| (place(n), document(n))))
}

fn again(outcomes: &[Outcome]) -> usize {
    outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Again { .. })).count()
}

async fn count(engine: &Engine, prefix: &str) -> u64 {
    engine.ask("POST", &format!("/{prefix}-*/_refresh"), &Value::Null).await;
    engine.ask("GET", &format!("/{prefix}-*/_count"), &Value::Null).await.1["count"].as_u64().expect("a count")
}

/// Each of these runs against both engines.
macro_rules! on_both {
    ($($name:ident)*) => {
        mod on_elasticsearch {
            $(#[tokio::test] async fn $name() { super::$name(crate::harness::engines::Kind::Elasticsearch).await })*
        }
        mod on_opensearch {
            $(#[tokio::test] async fn $name() { super::$name(crate::harness::engines::Kind::OpenSearch).await })*
        }
    };
}
pub(crate) use on_both;

on_both! {
    thousands_of_documents_are_stored_once_however_often_they_are_written
    a_document_that_does_not_fit_is_refused_in_the_engines_words_and_the_others_are_stored
    ids_and_layouts_of_any_kind_arrive_as_they_are_meant
    a_full_disk_makes_documents_wait_until_it_has_room
    a_closed_index_and_a_missing_pipeline_make_documents_wait
    searches_and_aggregations_are_answered_in_the_engines_shape
    a_request_larger_than_the_engine_takes_is_cut_until_only_the_large_document_is_refused
    an_engine_that_is_away_gets_every_document_when_it_is_back
}

async fn thousands_of_documents_are_stored_once_however_often_they_are_written(kind: engines::Kind) {
    let Some(engine) = engines::shared(kind) else { return };
    let engine = engine.read().await;
    let mut settings = settings(&engine.url(), "many");
    // several requests for the batch
    settings.max_bulk_bytes = 200_000;
    for gzip in [false, true] {
        settings.gzip = gzip;
        let store = ElasticStore::new(settings.clone()).expect("valid settings");
        store.prepare().await.expect("the engine is there");
        let first = u64::from(gzip) * 5_000;
        let batch = numbered(first..first + 5_000);
        assert!(store.write(&batch).await.iter().all(|outcome| *outcome == Outcome::Stored));
        assert!(store.write(&batch).await.iter().all(|outcome| *outcome == Outcome::AlreadyThere));
    }
    assert_eq!(count(&engine, "many").await, 10_000);
    assert!(ElasticStore::new(settings).expect("valid").write(&Batch::default()).await.is_empty());
}

async fn a_document_that_does_not_fit_is_refused_in_the_engines_words_and_the_others_are_stored(kind: engines::Kind) {
    let Some(engine) = engines::shared(kind) else { return };
    let engine = engine.read().await;
    let index = "/poison-events-2026.11.22";
    let strict = json!({"mappings": {"properties": {"n": {"type": "long"}}}});
    assert_eq!(engine.ask("PUT", index, &strict).await.0, 200);
    let store = ElasticStore::new(settings(&engine.url(), "poison")).expect("valid settings");
    let broken = [r#"{"n":"many"}"#, r#"{"n":1"#, "[]", r#"{"":1}"#, r#"{"a":1,"a":2}"#];
    let good = (100..200).map(|n| (place(n), format!(r#"{{"n":{n}}}"#)));
    let bad = broken.iter().enumerate().map(|(n, text)| (place(n as u64), (*text).to_owned()));
    let outcomes = store.write(&batch(bad.chain(good))).await;
    for (text, outcome) in broken.iter().zip(&outcomes) {
        let Outcome::Refused { reason } = outcome else { panic!("{text}: {outcome:?}") };
        assert!(reason.contains("pars"), "{text}: {reason}");
    }
    assert!(matches!(&outcomes[0], Outcome::Refused { reason } if reason.contains("many")), "{:?}", outcomes[0]);
    assert_eq!(outcomes[broken.len()..].iter().filter(|outcome| **outcome == Outcome::Stored).count(), 100);
}

async fn ids_and_layouts_of_any_kind_arrive_as_they_are_meant(kind: engines::Kind) {
    let Some(engine) = engines::shared(kind) else { return };
    let engine = engine.read().await;
    let store = ElasticStore::new(settings(&engine.url(), "ids")).expect("valid settings");
    let ids = ["\"quoted\" \\ and / more", "ümläut ✓ 🦀", "tab\tand\nnewline", "plain"];
    let pretty = serde_json::to_string_pretty(&json!({"text": "two\nlines", "list": [1, 2]})).expect("JSON");
    let documents = ids.map(|id| (EventId::Given(id.into()), pretty.replace('\n', "\r\n")));
    let long = (EventId::Given("x".repeat(513).into()), "{}".to_owned());
    let outcomes = store.write(&batch(documents.into_iter().chain([long]))).await;
    assert_eq!(outcomes[..4], [const { Outcome::Stored }; 4]);
    assert!(matches!(outcomes[4], Outcome::Refused { .. }));
    count(&engine, "ids").await;
    let query = json!({"size": 10, "query": {"match_all": {}}});
    let found = store.search(SearchRequest { kind: Kind::Event, body: query }).await.expect("an answer");
    let hits = found["hits"]["hits"].as_array().expect("hits");
    let mut found: Vec<&str> = hits.iter().filter_map(|hit| hit["_id"].as_str()).collect();
    found.sort_unstable();
    let mut expected = ids;
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert!(hits.iter().all(|hit| hit["_source"]["text"] == "two\nlines"), "{hits:?}");
}

async fn a_full_disk_makes_documents_wait_until_it_has_room(kind: engines::Kind) {
    let Some(engine) = engines::shared(kind) else { return };
    let engine = engine.read().await;
    let store = ElasticStore::new(settings(&engine.url(), "flood")).expect("valid settings");
    assert_eq!(store.write(&numbered(0..1)).await, [Outcome::Stored]);
    for block in ["read_only_allow_delete", "write"] {
        let set = |value: Value| json!({format!("index.blocks.{block}"): value});
        let path = "/flood-events-2026.11.22/_settings";
        assert_eq!(engine.ask("PUT", path, &set(json!(true))).await.0, 200);
        let outcomes = store.write(&numbered(1..11)).await;
        for outcome in &outcomes {
            let Outcome::Again { after, reason } = outcome else { panic!("{block}: {outcome:?}") };
            assert!(*after >= Duration::from_secs(5) && reason.contains("blocked"), "{outcome:?}");
        }
        engine.ask("PUT", path, &set(Value::Null)).await;
    }
    assert!(store.write(&numbered(1..11)).await.iter().all(|outcome| *outcome == Outcome::Stored));
}

async fn a_closed_index_and_a_missing_pipeline_make_documents_wait(kind: engines::Kind) {
    let Some(engine) = engines::shared(kind) else { return };
    let engine = engine.read().await;
    let mut settings = settings(&engine.url(), "closed");
    let store = ElasticStore::new(settings.clone()).expect("valid settings");
    assert_eq!(store.write(&numbered(0..1)).await, [Outcome::Stored]);
    assert_eq!(engine.ask("POST", "/closed-events-2026.11.22/_close", &Value::Null).await.0, 200);
    assert_eq!(again(&store.write(&numbered(1..3)).await), 2);
    engine.ask("POST", "/closed-events-2026.11.22/_open", &Value::Null).await;
    settings.pipeline = Some(PipelineName::new("of-tomorrow").expect("a name"));
    let piped = ElasticStore::new(settings).expect("valid settings");
    let outcomes = piped.write(&numbered(1..3)).await;
    assert!(matches!(&outcomes[0], Outcome::Again { reason, .. } if reason.contains("of-tomorrow")), "{outcomes:?}");
    engine.ask("PUT", "/_ingest/pipeline/of-tomorrow", &json!({"processors": []})).await;
    assert_eq!(piped.write(&numbered(1..3)).await, [const { Outcome::Stored }; 2]);
}

async fn searches_and_aggregations_are_answered_in_the_engines_shape(kind: engines::Kind) {
    let Some(engine) = engines::shared(kind) else { return };
    let engine = engine.read().await;
    let store = ElasticStore::new(settings(&engine.url(), "found")).expect("valid settings");
    store.prepare().await.expect("the engine is there");
    let search = |body: Value| store.search(SearchRequest { kind: Kind::Event, body });
    let nothing = search(json!({"query": {"match_all": {}}})).await.expect("no index yet is no fault");
    assert_eq!(nothing["hits"]["total"]["value"], 0);
    store.write(&numbered(0..100)).await;
    count(&engine, "found").await;
    let body = json!({"size": 2, "sort": [{"n": "desc"}], "query": {"range": {"n": {"lt": 50}}},
        "aggs": {"labels": {"terms": {"field": "oversight.classification.label"}},
                 "hours": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1h"}}}});
    let found = search(body).await.expect("an answer");
    assert_eq!(found["hits"]["total"]["value"], 50);
    assert_eq!(found["hits"]["hits"][0]["_source"]["n"], 49);
    let buckets = &found["aggregations"]["labels"]["buckets"];
    assert_eq!((&buckets[0]["key"], &buckets[0]["doc_count"]), (&json!("normal"), &json!(37)));
    assert_eq!(found["aggregations"]["hours"]["buckets"][0]["doc_count"], 50);
    match search(json!({"query": {"no_such_query": {}}})).await {
        Err(SearchError::Bad(reason)) => assert!(reason.contains("no_such_query"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

async fn a_request_larger_than_the_engine_takes_is_cut_until_only_the_large_document_is_refused(kind: engines::Kind) {
    let Some(engine) = engines::shared(kind) else { return };
    let engine = engine.read().await;
    let mut settings = settings(&engine.url(), "large");
    // beyond what the engines take (100 MB)
    settings.max_bulk_bytes = 400 << 20;
    let store = ElasticStore::new(settings).expect("valid settings");
    let large = format!(r#"{{"text":"{}"}}"#, "x".repeat(105 << 20));
    let outcomes =
        store.write(&batch([(place(1), "{}".to_owned()), (place(2), large), (place(3), "{}".to_owned())])).await;
    assert!(matches!(&outcomes[1], Outcome::Refused { reason } if reason.contains("413")), "{:?}", outcomes[1]);
    assert_eq!((&outcomes[0], &outcomes[2]), (&Outcome::Stored, &Outcome::Stored));
}

async fn an_engine_that_is_away_gets_every_document_when_it_is_back(kind: engines::Kind) {
    let Some(engine) = engines::shared(kind) else { return };
    let mut engine = engine.write().await;
    let store = ElasticStore::new(settings(&engine.url(), "away")).expect("valid settings");
    assert_eq!(again(&store.write(&numbered(0..10)).await), 0);
    engine.stop();
    let outcomes = store.write(&numbered(0..20)).await;
    assert_eq!(again(&outcomes), 20, "{outcomes:?}");
    assert!(matches!(store.prepare().await, Err(StoreError::Unreachable { .. })));
    let search = SearchRequest { kind: Kind::Event, body: json!({}) };
    assert!(matches!(store.search(search).await, Err(SearchError::Unavailable(_))));
    engine.start_again();
    let outcomes = store.write(&numbered(0..20)).await;
    assert_eq!(outcomes[..10], [const { Outcome::AlreadyThere }; 10]);
    assert_eq!(outcomes[10..], [const { Outcome::Stored }; 10]);
    assert_eq!(count(&engine, "away").await, 20);
    // what it has answered for is there even if it is killed
    engine.kill();
    engine.start_again();
    assert_eq!(count(&engine, "away").await, 20);
}

#[tokio::test]
async fn rights_that_are_missing_make_documents_wait_and_are_told_in_the_engines_words() {
    let Some(engine) = engines::start(engines::Kind::Elasticsearch, Variant::Secured) else { return };
    let store = |prefix: &str, user: &str, password: &str| {
        let mut settings = settings(&engine.url(), prefix);
        settings.credentials = Credentials::Basic { user: user.to_owned(), password: Secret::new(password) };
        settings.authorities = Some(engine.authority());
        ElasticStore::new(settings).expect("valid settings")
    };
    let writer = store("secured", "writer", PASSWORD);
    writer.prepare().await.expect("the writer may install templates");
    assert_eq!(writer.product().await.ok(), Some(Some(Product::Elasticsearch)));
    assert_eq!(again(&writer.write(&numbered(0..10)).await), 0);

    let forbidden = |outcomes: Vec<Outcome>, word: &str| {
        for outcome in outcomes {
            let Outcome::Again { after, reason } = &outcome else { panic!("{outcome:?}") };
            assert!(*after >= Duration::from_secs(30) && reason.contains(word), "{outcome:?}");
        }
    };
    let stranger = store("secured", "writer", "wrong");
    forbidden(stranger.write(&numbered(10..12)).await, "401");
    assert!(matches!(stranger.prepare().await, Err(StoreError::Forbidden { .. })));
    // an item of its own is forbidden in a request that is allowed
    forbidden(store("others", "writer", PASSWORD).write(&numbered(10..12)).await, "security_exception");

    let narrow = store("narrow", "narrow", PASSWORD);
    assert!(matches!(narrow.prepare().await, Err(StoreError::Forbidden { reason, .. }) if reason.contains("template")));
    assert_eq!(again(&narrow.write(&numbered(0..3)).await), 0);
    let mut without = narrow.settings().clone();
    without.install_templates = false;
    ElasticStore::new(without).expect("valid").prepare().await.expect("templates are left to an operator");
    let search = SearchRequest { kind: Kind::Event, body: json!({}) };
    assert!(matches!(narrow.search(search).await, Err(SearchError::Unavailable(reason)) if reason.contains("403")));

    let mut untrusting = writer.settings().clone();
    untrusting.authorities = None;
    let outcomes = ElasticStore::new(untrusting).expect("valid").write(&numbered(0..1)).await;
    assert!(matches!(&outcomes[0], Outcome::Again { reason, .. } if reason.contains("UnknownIssuer")), "{outcomes:?}");
}

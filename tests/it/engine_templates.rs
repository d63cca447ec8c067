//! The index templates on real engines, with events as real sources write them.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use oversight::features;
use oversight::setup;
use oversight::store::elasticsearch::{ElasticStore, Product, TemplateState};
use oversight::store::{Kind, Outcome, SearchRequest, Store};
use serde_json::{Value, json};

use crate::elasticsearch::{batch, on_both, place, settings};
use crate::harness::{engines, skip};

on_both! {
    setting_up_installs_what_is_missing_or_older_and_leaves_the_rest_alone
    a_field_may_have_any_shape_in_any_event
    verdicts_and_anomalies_can_be_searched_and_aggregated
    no_event_of_a_real_source_is_refused
}

async fn setting_up_installs_what_is_missing_or_older_and_leaves_the_rest_alone(kind: engines::Kind) {
    let Some(engine) = engines::shared(kind) else { return };
    let engine = engine.read().await;
    let settings = settings(&engine.url(), "setup");
    let states =
        |report: &setup::Report| -> Vec<_> { report.templates.iter().map(|template| template.found).collect() };

    let planned = setup::plan(settings.clone()).await.expect("the engine is there");
    assert_eq!(states(&planned), [TemplateState::Missing; 4]);
    assert_eq!(engine.ask("GET", "/_index_template/setup-events", &Value::Null).await.0, 404);
    let product = if kind == engines::Kind::OpenSearch { Product::OpenSearch } else { Product::Elasticsearch };
    assert_eq!(planned.product, Some(product));

    let applied = setup::apply(settings.clone()).await.expect("the engine is there");
    assert!(applied.templates.iter().all(|template| template.installed));
    let again = setup::apply(settings.clone()).await.expect("the engine is there");
    assert_eq!(states(&again), [TemplateState::Current; 4]);
    assert!(!again.has_changes());

    // an earlier one of ours, and somebody else's
    let (_, found) = engine.ask("GET", "/_index_template/setup-events", &Value::Null).await;
    let mut template = found["index_templates"][0]["index_template"].clone();
    template["version"] = json!(0);
    // Elasticsearch tells when it was made, and takes no such thing
    template.as_object_mut().expect("a template").retain(|key, _| !key.contains("_date"));
    assert_eq!(engine.ask("PUT", "/_index_template/setup-events", &template).await.0, 200);
    let theirs = json!({"index_patterns": ["setup-anomalies-*"], "priority": 7});
    assert_eq!(engine.ask("PUT", "/_index_template/setup-anomalies", &theirs).await.0, 200);
    let mixed = setup::apply(settings).await.expect("the engine is there");
    assert_eq!(
        states(&mixed),
        [TemplateState::Current, TemplateState::Older(0), TemplateState::Foreign, TemplateState::Current]
    );
    let (_, found) = engine.ask("GET", "/_index_template/setup-anomalies", &Value::Null).await;
    assert_eq!(found["index_templates"][0]["index_template"]["priority"], 7);
    let (_, found) = engine.ask("GET", "/_index_template/setup-events", &Value::Null).await;
    assert_eq!(found["index_templates"][0]["index_template"]["version"], 7);
}

async fn a_field_may_have_any_shape_in_any_event(kind: engines::Kind) {
    let Some(engine) = engines::shared(kind) else { return };
    let engine = engine.read().await;
    let store = ElasticStore::new(settings(&engine.url(), "shapes")).expect("valid settings");
    store.prepare().await.expect("the engine is there");
    let shapes = [
        json!("text"),
        json!(7),
        json!(0.5),
        json!(true),
        json!(null),
        json!([]),
        json!({}),
        json!({"a": {"b": 1}}),
        json!({"a": "text"}),
        json!([1, {"a": "b"}, [2]]),
        json!(18_446_744_073_709_551_615_u64),
        json!("x".repeat(40_000)),
    ];
    let names = [
        "id",
        "host",
        "event",
        "source",
        "threat",
        "ts",
        "duration",
        "message",
        "@timestamp",
        "tags",
        "new",
        "id.orig_h",
        "source.ip",
        "src_port",
        "event.risk_score",
        "oversight",
        "protocol_type",
        "timestamp",
    ];
    let mut documents = Vec::new();
    for name in names {
        for shape in &shapes {
            documents.push((place(documents.len() as u64), json!({name: shape}).to_string()));
        }
    }
    let documents = batch(documents);
    for (document, outcome) in documents.documents.iter().zip(store.write(&documents).await) {
        let source = String::from_utf8_lossy(documents.source(document));
        assert_eq!(outcome, Outcome::Stored, "{}", source.chars().take(200).collect::<String>());
    }
}

async fn verdicts_and_anomalies_can_be_searched_and_aggregated(kind: engines::Kind) {
    let Some(engine) = engines::shared(kind) else { return };
    let engine = engine.read().await;
    let store = ElasticStore::new(settings(&engine.url(), "typed")).expect("valid settings");
    store.prepare().await.expect("the engine is there");
    let mut kdd: serde_json::Map<String, Value> =
        features::NAMES.iter().map(|name| ((*name).to_owned(), json!(0.25))).collect();
    kdd.insert("service".to_owned(), json!("http"));
    let zeek = json!({"ts": 1_511_366_900.123_456, "id.orig_h": "10.1.2.3", "id.resp_h": "fe80::1", "id.orig_p": 80,
        "source": {"ip": "10.1.2.3"}, "event": {"risk_score": 91.5},
        "oversight": {"classification": {"label": "neptune", "probability": 0.99,
            "top": [{"label": "neptune", "probability": 0.99}, {"label": "normal", "probability": 0.01}],
            "explanation": [{"feature": "flag", "value": "S0", "typical": "SF", "contribution": 2.5},
                            {"feature": "count", "value": 511, "typical": 4, "contribution": 1.25}],
            "counterfactual": {"text": "normal if count ≤ 12",
                               "changes": [{"feature": "count", "operator": "<=", "value": 12}]}},
            "anomaly": {"score": 87.0, "metrics": [{"name": "logins", "entity": "10.1.2.3", "value": 900, "probability": 1e-30}]},
            "ingest": {"id": "x", "received": "2026-11-22T10:00:01.123Z"}}});
    let iso = json!({"ts": "2017-11-22T16:08:20.123456Z", "timestamp": "2015-03-29T11:01:38.221126-0600"});
    let documents = [Value::Object(kdd), zeek, iso].map(|document| document.to_string());
    let mut documents = batch(documents.into_iter().enumerate().map(|(n, text)| (place(n as u64), text)));
    let anomaly = json!({"timestamp": 1_511_366_900_000_u64, "record_score": 98.2, "probability": 1.3e-10, "actual": [63], "typical": [6.35], "influencers": [{"influencer_field_name": "source.ip", "influencer_field_values": ["10.1.2.3"]}]});
    let more = batch([(place(9), anomaly.to_string())]);
    let start = documents.bytes.len();
    documents.bytes = [&documents.bytes[..], &more.bytes[..]].concat().into();
    documents.documents.extend(more.documents);
    let last = documents.documents.last_mut().expect("just added");
    (last.kind, last.source) = (Kind::Anomaly, start + last.source.start..start + last.source.end);
    assert_eq!(store.write(&documents).await, [const { Outcome::Stored }; 4]);
    engine.ask("POST", "/typed-*/_refresh", &Value::Null).await;

    let count = async |kind, query: Value| {
        let body = json!({"size": 0, "track_total_hits": true, "query": query});
        let found = store.search(SearchRequest { kind, body }).await.expect("an answer");
        found["hits"]["total"]["value"].as_u64().expect("a count")
    };
    for query in [
        json!({"term": {"id.orig_h": "10.1.0.0/16"}}),
        json!({"term": {"source.ip": "10.0.0.0/8"}}),
        json!({"range": {"event.risk_score": {"gte": 91}}}),
        json!({"term": {"oversight.classification.top.label": "normal"}}),
        json!({"term": {"oversight.classification.explanation.value": "511"}}),
        json!({"term": {"oversight.classification.explanation.typical": "SF"}}),
        json!({"term": {"oversight.classification.counterfactual.changes.value": "12"}}),
        json!({"range": {"oversight.anomaly.metrics.probability": {"lt": 1e-20}}}),
        json!({"range": {"oversight.ingest.received": {"gte": "2026-11-22T10:00:01.000Z"}}}),
        json!({"range": {"serror_rate": {"gt": 0.2, "lt": 0.3}}}),
        json!({"range": {"timestamp": {"gte": "2015-03-29T17:01:38Z", "lt": "2015-03-29T17:01:39Z", "format": "strict_date_time_no_millis"}}}),
    ] {
        assert_eq!(count(Kind::Event, query.clone()).await, 1, "{query}");
    }
    let day = json!({"range": {"ts": {"gte": "2017-11-22T16:00:00Z", "lt": "2017-11-22T17:00:00Z"}}});
    assert_eq!(count(Kind::Event, day).await, 2);
    assert_eq!(count(Kind::Anomaly, json!({"range": {"record_score": {"gt": 98}}})).await, 1);
    let body = json!({"size": 0, "aggs": {"labels": {"terms": {"field": "oversight.classification.top.label"}},
        "reasons": {"terms": {"field": "oversight.classification.explanation.feature"}},
        "how": {"avg": {"field": "oversight.classification.explanation.contribution"}}}});
    let found = store.search(SearchRequest { kind: Kind::Event, body }).await.expect("an answer");
    assert_eq!(found["aggregations"]["labels"]["buckets"].as_array().map(Vec::len), Some(2));
    assert_eq!(found["aggregations"]["reasons"]["buckets"].as_array().map(Vec::len), Some(2));
    assert_eq!(found["aggregations"]["how"]["value"], 1.875);
}

/// Events of real sensors, all in one index: that is the worst case, for they share names and not shapes.
async fn no_event_of_a_real_source_is_refused(kind: engines::Kind) {
    let data = shared_data();
    if !data.is_dir() {
        return skip(&format!("{} is not there", data.display()));
    }
    let Some(engine) = engines::shared(kind) else { return };
    let engine = engine.read().await;
    let store = ElasticStore::new(settings(&engine.url(), "real")).expect("valid settings");
    store.prepare().await.expect("the engine is there");
    let mut files = Vec::new();
    for source in ["otrf-zeek", "rita-zeek", "suricata-eve", "otrf-logstash-docs", "netflow-logstash", "web-auth-cloud"]
    {
        collect(&data.join(source), &mut files);
    }
    let (mut number, mut refused) = (0, Vec::new());
    for file in &files {
        let events = events(file, 300).into_iter().enumerate();
        let events = batch(events.map(|(n, text)| (place(number + n as u64), text)));
        number += events.documents.len() as u64;
        for outcome in store.write(&events).await {
            if outcome != Outcome::Stored {
                refused.push(format!("{}: {:.500}", file.display(), format!("{outcome:?}")));
            }
        }
    }
    eprintln!("{number} events of {} files, {} not stored", files.len(), refused.len());
    assert!(number > 2_000, "only {number} events were read");
    refused.truncate(20);
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

fn shared_data() -> PathBuf {
    match std::env::var_os("OVERSIGHT_SHARED") {
        Some(folder) => PathBuf::from(folder).join("data"),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        folder.read_dir().into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            collect(&entry, files);
        } else if entry.extension().is_some_and(|extension| extension == "gz") {
            files.push(entry);
        }
    }
}

/// The first JSON objects of a file, one a line; none of a file of another kind.
fn events(file: &Path, most: usize) -> Vec<String> {
    let reader = BufReader::new(MultiGzDecoder::new(File::open(file).expect("it was listed")));
    let lines = reader.lines().map_while(Result::ok).take(most);
    lines.filter(|line| serde_json::from_str::<serde_json::Map<String, Value>>(line).is_ok()).collect()
}

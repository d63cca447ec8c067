//! Aggregations against numbers worked out by hand.

use super::*;

/// Six documents in two segments and two days; `n` is a whole number in the first segment and not in the second.
async fn sample(folder: &Path) -> EmbeddedStore {
    let store = open(folder).await;
    let first = [
        json!({"@timestamp": "2026-11-22T10:00:10.500Z", "label": "neptune", "n": 5, "ok": true, "source.ip": "10.0.0.1",
            "when": "2026-11-22T10:00:00Z", "tags": ["a", "b", "a"]}),
        json!({"@timestamp": "2026-11-22T10:00:50Z", "label": "normal", "n": 1, "ok": false, "source.ip": "10.0.0.2",
            "tags": ["b"]}),
        json!({"@timestamp": "2026-11-22T10:03:00Z", "label": "neptune", "n": 2, "source.ip": "10.0.0.1"}),
    ];
    let second = [
        json!({"@timestamp": "2026-11-22T10:03:30Z", "label": "neptune", "n": 5.0, "m": "x"}),
        json!({"@timestamp": "2026-11-22T10:03:59.999Z", "label": "smurf", "n": 2.5, "source.ip": "fe80::1"}),
    ];
    fill(&store, 1, &first).await;
    fill(&store, 4, &second).await;
    let other_day = [json!({"@timestamp": "2026-11-21T23:59:59Z", "label": "normal", "n": "5"})];
    let batch = batch_of(&texts(&other_day), 6, day("2026.11.21"), false);
    assert_eq!(store.write(&batch).await, [Outcome::Stored]);
    store
}

async fn aggregate(store: &EmbeddedStore, definition: Value) -> Value {
    let body = json!({"size": 0, "aggs": {"a": definition}});
    let answer = ask(store, body.clone()).await.unwrap_or_else(|error| panic!("{body}: {error}"));
    answer["aggregations"]["a"].clone()
}

/// Key and count of each bucket.
fn counts(aggregation: &Value) -> Vec<(Value, u64)> {
    let buckets = aggregation["buckets"].as_array().expect("buckets");
    buckets.iter().map(|bucket| (bucket["key"].clone(), bucket["doc_count"].as_u64().expect("a number"))).collect()
}

#[tokio::test]
async fn terms_are_counted_over_segments_and_days() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = sample(folder.path()).await;
    let labels = aggregate(&store, json!({"terms": {"field": "label.keyword", "size": 2}})).await;
    assert_eq!(counts(&labels), [(json!("neptune"), 3), (json!("normal"), 2)]);
    assert_eq!(labels["sum_other_doc_count"], 1);
    let addresses = aggregate(&store, json!({"terms": {"field": "source.ip", "order": {"_key": "desc"}}})).await;
    let expected = [(json!("fe80::1"), 1), (json!("10.0.0.2"), 1), (json!("10.0.0.1"), 2)];
    assert_eq!(counts(&addresses), expected);
    let tags = aggregate(&store, json!({"terms": {"field": "tags", "missing": "none"}})).await;
    assert_eq!(counts(&tags), [(json!("none"), 4), (json!("b"), 2), (json!("a"), 1)]);
    let truths = aggregate(&store, json!({"terms": {"field": "ok"}})).await;
    assert_eq!(truths["buckets"][0], json!({"key": 0, "key_as_string": "false", "doc_count": 1}));
    let dates = aggregate(&store, json!({"terms": {"field": "when"}})).await;
    let expected = json!({"key": 1_795_341_600_000_i64, "key_as_string": "2026-11-22T10:00:00.000Z", "doc_count": 1});
    assert_eq!(dates["buckets"][0], expected);
    assert_eq!(counts(&aggregate(&store, json!({"terms": {"field": "unknown"}})).await), []);
}

#[tokio::test]
async fn whole_numbers_and_fractions_of_one_path_are_one_field() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = sample(folder.path()).await;
    let numbers = aggregate(&store, json!({"terms": {"field": "n"}})).await;
    let expected = [(json!(5), 2), (json!(1), 1), (json!(2), 1), (json!(2.5), 1), (json!("5"), 1)];
    assert_eq!(counts(&numbers), expected);
    let stats = aggregate(&store, json!({"stats": {"field": "n"}})).await;
    assert_eq!(stats, json!({"count": 5, "min": 1.0, "max": 5.0, "avg": 3.1, "sum": 15.5}));
    assert_eq!(aggregate(&store, json!({"value_count": {"field": "n"}})).await, json!({"value": 6}));
    assert_eq!(aggregate(&store, json!({"sum": {"field": "unknown"}})).await, json!({"value": 0.0}));
    assert_eq!(aggregate(&store, json!({"avg": {"field": "unknown"}})).await, json!({"value": null}));
    let extended = aggregate(&store, json!({"extended_stats": {"field": "n"}})).await;
    assert_eq!(extended["sum_of_squares"], 61.25);
    let variance = extended["variance"].as_f64().expect("a number");
    assert!((variance - 2.64).abs() < 1e-9, "{variance}");
    let sampling = extended["std_deviation_sampling"].as_f64().expect("a number");
    assert!((sampling - 3.3_f64.sqrt()).abs() < 1e-9, "{sampling}");
    let percentiles = aggregate(&store, json!({"percentiles": {"field": "n", "percents": [50, 100]}})).await;
    assert_eq!(percentiles, json!({"values": {"50.0": 2.5, "100.0": 5.0}}));
    assert_eq!(aggregate(&store, json!({"cardinality": {"field": "n"}})).await, json!({"value": 5}));
    assert_eq!(aggregate(&store, json!({"cardinality": {"field": "source.ip"}})).await, json!({"value": 3}));
    let newest = aggregate(&store, json!({"max": {"field": "@timestamp"}})).await;
    assert_eq!(newest["value_as_string"], "2026-11-22T10:03:59.999Z");
}

#[tokio::test]
async fn time_is_cut_into_buckets_without_gaps() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = sample(folder.path()).await;
    let query = json!({"range": {"@timestamp": {"gte": "2026-11-22"}}});
    let histogram = json!({"field": "@timestamp", "fixed_interval": "1m"});
    let aggs = json!({"a": {"date_histogram": histogram, "aggs": {"most": {"max": {"field": "n"}}}}});
    let answer = ask(&store, json!({"query": query, "size": 0, "aggs": aggs})).await.expect("answered");
    let minute = |n: i64| 1_795_341_600_000 + n * 60_000;
    let expected = json!([
        {"key": minute(0), "key_as_string": "2026-11-22T10:00:00.000Z", "doc_count": 2, "most": {"value": 5.0}},
        {"key": minute(1), "key_as_string": "2026-11-22T10:01:00.000Z", "doc_count": 0, "most": {"value": null}},
        {"key": minute(2), "key_as_string": "2026-11-22T10:02:00.000Z", "doc_count": 0, "most": {"value": null}},
        {"key": minute(3), "key_as_string": "2026-11-22T10:03:00.000Z", "doc_count": 3, "most": {"value": 5.0}},
    ]);
    assert_eq!(answer["aggregations"]["a"]["buckets"], expected);
    let days = json!({"date_histogram": {"field": "@timestamp", "calendar_interval": "day",
        "extended_bounds": {"min": "2026-11-20", "max": "2026-11-22"}}});
    let days: Vec<u64> = counts(&aggregate(&store, days).await).into_iter().map(|(_, count)| count).collect();
    assert_eq!(days, [0, 1, 5]);
    let months = json!({"date_histogram": {"field": "@timestamp", "calendar_interval": "month", "min_doc_count": 1}});
    assert_eq!(counts(&aggregate(&store, months).await), [(json!(1_793_491_200_000_i64), 6)]);
    let narrow =
        json!({"size": 0, "aggs": {"a": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1ms"}}}});
    let error = ask(&store, narrow).await.expect_err("too many buckets").to_string();
    assert!(error.contains("65536"), "{error}");
}

#[tokio::test]
async fn numbers_are_cut_into_buckets_and_ranges() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = sample(folder.path()).await;
    let histogram = aggregate(&store, json!({"histogram": {"field": "n", "interval": 2}})).await;
    assert_eq!(counts(&histogram), [(json!(0.0), 1), (json!(2.0), 2), (json!(4.0), 2)]);
    let ranges =
        json!({"range": {"field": "n", "ranges": [{"from": 2.5}, {"to": 2.5}, {"key": "mid", "from": 2, "to": 3}]}});
    let ranges = aggregate(&store, ranges).await;
    assert_eq!(counts(&ranges), [(json!("*-2.5"), 2), (json!("mid"), 2), (json!("2.5-*"), 3)]);
    assert_eq!(ranges["buckets"][0]["to"], 2.5);
    let dates =
        json!({"date_range": {"field": "@timestamp", "keyed": true, "ranges": [{"key": "today", "from": "now/d"}]}});
    assert_eq!(aggregate(&store, dates).await["buckets"]["today"]["doc_count"], 5);
}

#[tokio::test]
async fn buckets_of_queries_hold_other_aggregations() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = sample(folder.path()).await;
    let filters = json!({"filters": {"other_bucket": true, "filters": {
        "attack": {"bool": {"must_not": {"term": {"label": "normal"}}}}, "big": {"range": {"n": {"gt": 4}}},
    }}});
    let filters = aggregate(&store, filters).await;
    let count = |name: &str| filters["buckets"][name]["doc_count"].as_u64();
    assert_eq!([count("attack"), count("big"), count("_other_")], [Some(4), Some(2), Some(2)]);
    let filter = json!({"filter": {"exists": {"field": "source.ip"}}, "aggs": {"b": {"terms": {"field": "label"}}}});
    let filter = aggregate(&store, filter).await;
    assert_eq!(filter["doc_count"], 4);
    assert_eq!(counts(&filter["b"]), [(json!("neptune"), 2), (json!("normal"), 1), (json!("smurf"), 1)]);
    assert_eq!(aggregate(&store, json!({"missing": {"field": "source.ip"}})).await, json!({"doc_count": 2}));
    let nested =
        json!({"terms": {"field": "label", "order": [{"mean": "asc"}]}, "aggs": {"mean": {"avg": {"field": "n"}}}});
    let nested = aggregate(&store, nested).await;
    assert_eq!(counts(&nested), [(json!("normal"), 2), (json!("smurf"), 1), (json!("neptune"), 3)]);
    assert_eq!(nested["buckets"][2]["mean"]["value"], 4.0);
}

/// Documents whose fields come and go, by a rule: some have an address, some several tags, some another type, and some no time.
fn mixed(count: u64) -> Vec<Value> {
    let one = |n: u64| {
        let label = ["normal", "dos", "scan"][(n * n % 3) as usize];
        let mut document = json!({"label": label, "port": n * 31 % 70_000, "wide": n * 1_000_003});
        if !n.is_multiple_of(7) {
            let second = n * 37 % 86_400;
            document["@timestamp"] =
                json!(format!("2026-11-22T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60));
        }
        if n.is_multiple_of(3) {
            document["source.ip"] = json!(format!("10.0.{}.{}", n % 5, n % 200));
        }
        if n.is_multiple_of(4) {
            let tags = [["a", "b"], ["b", "b"]][(n / 4 % 2) as usize];
            document["tags"] = json!(tags);
        }
        if n.is_multiple_of(11) {
            document["port"] = json!(format!("{}", n % 9));
        }
        document
    };
    (0..count).map(one).collect()
}

#[tokio::test]
async fn blocks_of_documents_are_counted_as_each_document_by_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let documents = mixed(3000);
    for (part, first) in documents.chunks(1100).zip([0, 1100, 2200]) {
        fill(&store, first, part).await;
    }
    for field in ["label", "port", "wide", "source.ip", "tags", "none"] {
        let terms = json!({"terms": {"field": field, "size": 10_000}});
        // with a word for what is missing, documents are looked at one by one
        let each = json!({"terms": {"field": field, "size": 10_000, "missing": "?"}});
        let (blocks, mut each) = (counts(&aggregate(&store, terms).await), counts(&aggregate(&store, each).await));
        each.retain(|(key, _)| key != "?");
        assert_eq!(blocks, each, "{field}");
        assert_eq!(blocks.is_empty(), field == "none", "{field}");
    }
    for interval in ["1s", "10m", "1h", "30d"] {
        let histogram = json!({"field": "@timestamp", "fixed_interval": interval, "min_doc_count": 1});
        let labels = json!({"terms": {"field": "label"}});
        let blocks = json!({"date_histogram": histogram, "aggs": {"labels": labels, "with": {"filter": {"exists": {"field": "source.ip"}}}}});
        // a number within is reckoned document by document
        let each = json!({"date_histogram": histogram, "aggs": {"labels": labels, "with": {"filter": {"exists": {"field": "source.ip"}}}, "n": {"value_count": {"field": "label"}}}});
        let (blocks, mut each) = (aggregate(&store, blocks).await, aggregate(&store, each).await);
        for bucket in each["buckets"].as_array_mut().expect("buckets") {
            bucket.as_object_mut().expect("a bucket").remove("n");
        }
        assert_eq!(blocks, each, "{interval}");
    }
}

#[tokio::test]
async fn too_many_buckets_are_refused_whichever_way_they_are_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    fill(&store, 0, &mixed(3000)).await;
    for wide in [json!({"terms": {"field": "wide"}}), json!({"terms": {"field": "wide", "missing": "?"}})] {
        assert_eq!(aggregate(&store, wide.clone()).await["sum_other_doc_count"], 2990);
        let many: serde_json::Map<String, Value> = (0..140).map(|n| (format!("a{n}"), wide.clone())).collect();
        let refused = ask(&store, json!({"size": 0, "aggs": many})).await.expect_err("420,000").to_string();
        assert!(refused.contains("more than 400000 buckets"), "{refused}");
    }
}

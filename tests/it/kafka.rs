//! Events come from Kafka once and go to Kafka, whatever is killed on the way.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::engines::{self, Kind};
use crate::harness::kafka::{Access, Broker, PASSWORD, USER};
use crate::harness::oversight::{Oversight, client};

const EVENTS: usize = 10_000;

fn values(range: std::ops::Range<usize>) -> impl Iterator<Item = String> {
    range.map(|number| json!({"number": number, "@timestamp": "2026-11-22T10:00:00Z"}).to_string())
}

fn reading(data: &Path, broker: &Broker, more: &[(&str, &str)]) -> Oversight {
    // the group waits so long for a member that was killed
    let file = data.with_extension("yml");
    std::fs::write(&file, "kafka: {input: {properties: {session.timeout.ms: 6000}}}").unwrap();
    let address = broker.address();
    let mut settings = vec![
        ("KAFKA_INPUT_BROKERS", address.as_str()),
        ("KAFKA_INPUT_TOPICS", "events"),
        ("CONFIG", file.to_str().unwrap()),
    ];
    settings.extend(more);
    Oversight::start(data, &settings)
}

async fn stored(oversight: &Oversight) -> (u64, f64) {
    let body = json!({"size": 0, "track_total_hits": true, "aggs": {"sum": {"sum": {"field": "number"}}}});
    let (status, found) = oversight.post("/v1/search", body.to_string()).await;
    assert_eq!(status, 200, "{found}");
    let sum = found["aggregations"]["sum"]["value"].as_f64().unwrap_or_default();
    (found["hits"]["total"]["value"].as_u64().unwrap(), sum)
}

/// Waits until as many documents are there; gives up after two minutes without a new one.
async fn wait_for(count: u64, documents: impl AsyncFn() -> u64) {
    let (mut most, mut since) = (0, Instant::now());
    loop {
        let now = documents().await;
        if now >= count {
            return;
        }
        if now > most {
            (most, since) = (now, Instant::now());
        }
        assert!(since.elapsed() < Duration::from_secs(120), "{now} of {count}, and nothing new for two minutes");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_messages_are_stored_once_though_oversight_and_the_broker_are_killed() {
    let Some(mut broker) = Broker::start() else { return };
    broker.produce("events", values(0..EVENTS / 2)).await;
    let folder = tempfile::tempdir().unwrap();
    let mut oversight = reading(&folder.path().join("data"), &broker, &[]);
    wait_for(500, async || oversight.metric("oversight_events_accepted_total").await as u64).await;
    oversight.kill();
    oversight.start_again();
    broker.kill();
    wait_for(1, async || {
        let ready = oversight.get("/health/ready").await;
        u64::from(ready["rooms"]["kafka"]["state"] == "down" && ready["status"] == "degraded")
    })
    .await;
    broker.start_again();
    broker.produce("events", values(EVENTS / 2..EVENTS)).await;
    broker.produce("events", ["nonsense".to_owned(), r#"[{"number":0},7]"#.to_owned()]).await;
    wait_for(EVENTS as u64 + 1, async || stored(&oversight).await.0).await;
    oversight.drained().await;
    let sum = (EVENTS * (EVENTS - 1) / 2) as f64;
    assert_eq!(stored(&oversight).await, (EVENTS as u64 + 1, sum), "each once");
    assert_eq!(oversight.metric("oversight_events_refused_total").await, 2.0);
    assert_eq!(oversight.metric("oversight_kafka_up").await, 1.0);
    assert!(oversight.stop().success());

    // what is committed does not come again, and what is not is known
    oversight.start_again();
    broker.produce("events", ["{\"number\":0}".to_owned()]).await;
    wait_for(EVENTS as u64 + 2, async || stored(&oversight).await.0).await;
    oversight.drained().await;
    assert_eq!(stored(&oversight).await.0, EVENTS as u64 + 2);
    assert_eq!(oversight.metric("oversight_events_received_total").await, 1.0, "everything else was committed");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_one_group_share_the_partitions_and_store_each_event_once() {
    let Some(broker) = Broker::start() else { return };
    let Some(engine) = engines::shared(Kind::Elasticsearch) else { return };
    let engine = engine.read().await;
    let url = engine.url();
    let settings = [("STORE_ELASTICSEARCH_URL", url.as_str()), ("STORE_ELASTICSEARCH_INDEX_PREFIX", "kafka-group")];
    let folder = tempfile::tempdir().unwrap();
    broker.produce("events", values(0..EVENTS / 2)).await;
    let mut first = reading(&folder.path().join("first"), &broker, &settings);
    wait_for(100, async || first.metric("oversight_events_accepted_total").await as u64).await;
    let mut second = reading(&folder.path().join("second"), &broker, &settings);
    // once more until both have a share
    let mut sent = EVENTS / 2;
    while second.metric("oversight_kafka_messages_total").await == 0.0 || sent < EVENTS {
        broker.produce("events", values(sent..sent + 1000)).await;
        sent += 1000;
    }
    let count = async || {
        client().post(format!("{url}/kafka-group-events-*/_refresh")).send().await.unwrap();
        let answer = client().get(format!("{url}/kafka-group-events-*/_count")).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["count"].as_u64().unwrap_or_default()
    };
    wait_for(sent as u64, count).await;
    first.drained().await;
    second.drained().await;
    assert_eq!(count().await, sent as u64);
    let mut taken = 0.0;
    for oversight in [&first, &second] {
        taken += oversight.metric("oversight_events_received_total").await;
        let there = oversight.metric("oversight_events_stored_total").await
            + oversight.metric("oversight_events_already_there_total").await;
        assert_eq!(oversight.metric("oversight_events_received_total").await, there, "the accounts add up");
    }
    assert!(taken >= sent as f64);
    assert!(first.stop().success() && second.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_events_arrive_in_the_topic_with_their_ids() {
    let Some(broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let address = broker.address();
    let settings = [
        ("STORE_KIND", "kafka"),
        ("STORE_KAFKA_BROKERS", address.as_str()),
        ("STORE_KAFKA_KEY", "destination_host"),
        ("ANOMALY_ENABLED", "false"),
    ];
    let mut oversight = Oversight::start(folder.path(), &settings);
    for lot in 0..EVENTS / 100 {
        let events: Vec<Value> = (0..100)
            .map(|n| json!({"number": lot * 100 + n, "destination": {"ip": format!("10.0.0.{}", n % 7)}}))
            .collect();
        assert_eq!(oversight.post("/", Value::from(events).to_string()).await.0, 200);
    }
    let long = json!({"filler": "x".repeat(1_200_000)});
    assert_eq!(oversight.post("/", long.to_string()).await.0, 200);
    oversight.drained().await;
    assert_eq!(oversight.metric("oversight_events_dead_lettered_total").await, 1.0, "the broker takes 1 MB");
    let records = tokio::task::spawn_blocking(move || (broker.records("oversight-events", EVENTS), broker)).await;
    let (records, _broker) = records.unwrap();
    assert_eq!(records.len(), EVENTS);
    let ids: BTreeSet<&str> = records.iter().map(|record| record.id.as_str()).collect();
    assert_eq!(ids.len(), EVENTS);
    for record in &records {
        assert_eq!(record.value["oversight"]["ingest"]["id"], record.id.as_str());
        assert_eq!(record.value["destination"]["ip"], record.key.as_str());
    }
    let (status, answer) = oversight.post("/v1/search", "{}".to_owned()).await;
    assert!(status >= 500 && answer.to_string().contains("cannot be searched"), "{status} {answer}");
    assert!(oversight.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_asks_for_a_password_gets_it_and_a_wrong_one_is_said() {
    let Some(broker) = Broker::start_for(Access::Password) else { return };
    broker.produce("events", values(0..1_000)).await;
    let folder = tempfile::tempdir().unwrap();
    let properties = json!({"security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN", "sasl.username": USER,
                            "sasl.password": {"env": "OVERSIGHT_TEST_PASSWORD"}});
    let brokers = [broker.address()];
    let file = folder.path().join("oversight.yml");
    let settings = json!({
        "kafka": {"input": {"brokers": brokers, "topics": ["events"], "properties": properties}},
        "store": {"kind": "kafka", "kafka": {"brokers": brokers, "events_topic": "judged", "properties": properties}},
        "anomaly": {"enabled": false},
    });
    // JSON is YAML
    std::fs::write(&file, settings.to_string()).unwrap();
    let start = |data: &str, password: &str| {
        let config = [("CONFIG", file.to_str().unwrap())];
        Oversight::start_in(&folder.path().join(data), &config, &[("OVERSIGHT_TEST_PASSWORD", password)])
    };
    let refused = start("refused", "wrong");
    wait_for(1, async || {
        let rooms = refused.get("/health/ready").await["rooms"].clone();
        let said = |room: &str| rooms[room].to_string().contains("Invalid username or password");
        u64::from(rooms["kafka"]["state"] == "down" && said("kafka") && said("store"))
    })
    .await;
    drop(refused);
    let mut oversight = start("taken", PASSWORD);
    wait_for(1_000, async || oversight.metric("oversight_events_accepted_total").await as u64).await;
    oversight.drained().await;
    let records = tokio::task::spawn_blocking(move || broker.records("judged", 1_000)).await.unwrap();
    let ids: BTreeSet<&str> = records.iter().map(|record| record.id.as_str()).collect();
    assert_eq!((records.len(), ids.len()), (1_000, 1_000));
    assert!(oversight.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_librdkafka_does_not_take_are_named_without_their_value() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("oversight.yml");
    let text = "kafka: {input: {brokers: ['127.0.0.1:1'], topics: [a], properties: {sasl.pasword: hunter2}}}";
    std::fs::write(&file, text).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_oversight"));
    command.arg("--config").arg(&file).arg("serve");
    let done =
        command.env("OVERSIGHT_LISTEN", "127.0.0.1:0").env("OVERSIGHT_DATA_DIR", folder.path()).output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(!done.status.success() && said.contains("sasl.pasword") && !said.contains("hunter2"), "{said}");
}

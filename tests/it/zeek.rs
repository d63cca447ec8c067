//! Real Zeek connection records are stored with every field as it came.

use serde_json::{Value, json};

use crate::harness::data;
use crate::harness::oversight::{Oversight, run};

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_a_real_zeek_log_is_stored_unchanged() {
    let Some(log) = data::shared("stratosphere-zeek/002-zeek-scenario-port-scanning/conn.log.gz") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut oversight = Oversight::start(folder.path(), &[]);
    let sent = run(&["replay", log.to_str().unwrap(), "--format", "zeek", "--url", &oversight.url("/")]);
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    oversight.drained().await;

    let originals: Vec<Value> = data::lines(&log).map(|line| serde_json::from_str(&line).unwrap()).collect();
    let body = json!({"size": 10_000, "track_total_hits": true, "query": {"match_all": {}}});
    let (status, found) = oversight.post("/v1/search", body.to_string()).await;
    assert_eq!(status, 200, "{found}");
    assert_eq!(found["hits"]["total"]["value"], originals.len());
    let stored: std::collections::HashMap<&str, &Value> = found["hits"]["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| (hit["_source"]["uid"].as_str().unwrap(), &hit["_source"]))
        .collect();
    for original in &originals {
        let document = stored[original["uid"].as_str().unwrap()];
        for (name, value) in original.as_object().unwrap() {
            assert_eq!(&document[name], value, "{name} of {original}");
        }
        assert!(document["oversight"]["classification"]["label"].is_string(), "{document}");
        assert!(document["@timestamp"].is_string(), "{document}");
    }
    assert!(oversight.stop().success());
}

#[test]
fn a_half_open_connection_between_two_hosts_is_not_called_land() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("conn.log");
    let line = |place: usize| {
        let (host, port) = (format!("10.0.0.{}", place + 1), [23, 79, 80, 22][place]);
        let ends =
            json!({"id.orig_h": "203.0.113.5", "id.orig_p": 40_001 + place, "id.resp_h": host, "id.resp_p": port});
        let about =
            json!({"ts": 1.7e9 + 100.0 * place as f64, "uid": format!("C{place}"), "proto": "tcp", "conn_state": "S0"});
        let both = ends.as_object().into_iter().chain(about.as_object()).flatten();
        Value::from_iter(both.map(|(name, value)| (name.clone(), value.clone()))).to_string()
    };
    std::fs::write(&log, (0..4).map(|place| line(place) + "\n").collect::<String>()).unwrap();
    let done = run(&["judge", log.to_str().unwrap(), "--output", "json"]);
    let found: Value = serde_json::from_slice(&done.stdout).expect("one JSON object");
    assert_eq!(found["connections"], 4, "{found}");
    assert!(found["classes"].get("land").is_none(), "{found}");
}

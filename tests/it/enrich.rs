//! Events annotated for an answer, and not stored.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::accounts::assert_accounts;
use crate::harness::oversight::{Oversight, client};

/// A connection as Zeek writes it.
const CONNECTION: &str = r#"{"ts":1700000000.5,"uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":40000,"id.resp_h":"10.0.0.2","id.resp_p":80,"proto":"tcp","service":"http","duration":0.5,"orig_bytes":200,"resp_bytes":4000,"conn_state":"SF"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn logstash_gets_its_event_back_judged_and_nothing_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let oversight = Oversight::start(folder.path(), &[]);
    let (status, one) = oversight.post("/v1/enrich", CONNECTION).await;
    assert_eq!((status, &one["uid"]), (200, &json!("C1")));
    assert!(one["oversight"]["classification"]["label"].is_string(), "{one}");
    let (_, three) = oversight.post("/v1/enrich", format!("[{CONNECTION},17,{CONNECTION}]")).await;
    assert_eq!((three.as_array().unwrap().len(), three[1]["error"]["offset"].is_u64()), (3, true), "{three}");
    let ids = [&one, &three[0], &three[2]].map(|event| event["oversight"]["ingest"]["id"].as_str().unwrap().to_owned());
    assert!(ids[0] != ids[1] && ids[1] != ids[2], "{ids:?}");
    let lines =
        client().post(oversight.url("/v1/enrich")).body(format!("{CONNECTION}\n{CONNECTION}")).send().await.unwrap();
    assert_eq!(lines.headers()["content-type"], "application/x-ndjson");
    let lines = lines.text().await.unwrap();
    assert!(lines.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()) && lines.lines().count() == 2);
    assert_eq!(oversight.post("/v1/enrich", "{").await.0, 400);
    assert_eq!(oversight.get("/v1/search").await["hits"]["total"]["value"], 0);
    let metrics = assert_accounts(&oversight).await;
    assert_eq!((metrics.get("events_received_total"), metrics.get("dead_letters")), (0, 0));
    assert_eq!(metrics.get("events_enriched_total"), 5);
    let mut slowest = Duration::ZERO;
    for _ in 0..200 {
        let started = Instant::now();
        assert_eq!(oversight.post("/v1/enrich", CONNECTION).await.0, 200);
        slowest = slowest.max(started.elapsed());
    }
    println!("200 single events, each on a connection of its own: the slowest answer took {slowest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_thread_that_judges_gets_no_second_one_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let oversight = Oversight::start(folder.path(), &[]);
    let batch = format!("[{}]", [CONNECTION; 2000].join(","));
    for _ in 0..12 {
        assert_eq!(oversight.post("/v1/events", batch.clone()).await.0, 200);
    }
    assert_eq!(oversight.post("/v1/enrich", batch).await.0, 200);
    oversight.drained().await;
    // a pool of OpenMP takes the name of the thread that it belongs to
    for name in ["worker", "enricher"] {
        let threads = oversight.threads();
        assert_eq!(threads.iter().filter(|thread| *thread == name).count(), 1, "{threads:?}");
    }
}

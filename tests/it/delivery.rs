//! A hundred thousand real records reach a real engine, each once, whatever is killed on the way.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::harness::accounts::assert_accounts;
use crate::harness::data;
use crate::harness::engines::{self, Engine, Kind, Variant};
use crate::harness::oversight::{Oversight, client, run};

const RECORDS: usize = 100_000;

#[tokio::test(flavor = "multi_thread")]
async fn elasticsearch_holds_every_record_once_and_agrees_with_the_evaluation() {
    let Some(engine) = engines::start(Kind::Elasticsearch, Variant::Open) else { return };
    undisturbed(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opensearch_holds_every_record_once_and_agrees_with_the_evaluation() {
    let Some(engine) = engines::start(Kind::OpenSearch, Variant::Open) else { return };
    undisturbed(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_kills_and_an_engine_away_for_20_seconds_lose_and_double_nothing() {
    let Some(mut engine) = engines::start(Kind::Elasticsearch, Variant::Open) else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(records) = data::kdd_records(folder.path(), RECORDS) else { return };
    let mut oversight = start(folder.path(), &engine);
    let mut sender = replay(&records, &oversight, 8_000);
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(rand::rng().random());
    for round in 0..3 {
        tokio::time::sleep(Duration::from_millis(random.random_range(500..3_000))).await;
        oversight.kill();
        if round == 1 {
            engine.stop();
        }
        oversight.start_again();
        if round == 1 {
            tokio::time::sleep(Duration::from_secs(20)).await;
            engine.start_again();
        }
    }
    assert!(sender.wait().unwrap().success(), "replay ends well although oversight was away");
    oversight.drained().await;
    assert_eq!(count(&engine).await, RECORDS);
    assert_accounts(&oversight).await;
    assert!(oversight.stop().success());
}

async fn undisturbed(engine: &Engine) {
    let folder = tempfile::tempdir().unwrap();
    let Some(records) = data::kdd_records(folder.path(), RECORDS) else { return };
    let mut oversight = start(folder.path(), engine);
    assert!(replay(&records, &oversight, 0).wait().unwrap().success());
    oversight.drained().await;
    assert_eq!(count(engine).await, RECORDS);
    assert_eq!(assert_accounts(&oversight).await.get("events_stored_total"), i64::try_from(RECORDS).unwrap());

    let body =
        json!({"size": 0, "aggs": {"labels": {"terms": {"field": "oversight.classification.label", "size": 100}}}});
    let (status, found) = oversight.post("/v1/search", body.to_string()).await;
    assert_eq!(status, 200, "{found}");
    let buckets = found["aggregations"]["labels"]["buckets"].as_array().unwrap();
    let stored: Value =
        buckets.iter().map(|b| (b["key"].as_str().unwrap().to_owned(), b["doc_count"].clone())).collect();
    assert_eq!(stored, evaluated(&records)["labels"], "the index and the evaluation of the same rows");
    assert!(oversight.stop().success());
}

fn start(folder: &Path, engine: &Engine) -> Oversight {
    let url = engine.url();
    Oversight::start(&folder.join("data"), &[("STORE_ELASTICSEARCH_URL", &url)])
}

fn replay(records: &Path, oversight: &Oversight, rate: u32) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oversight"));
    command.arg("replay").arg(records).args(["--format", "kdd", "--url", &oversight.url("/")]);
    if rate > 0 {
        command.args(["--rate", &rate.to_string()]);
    }
    command.stdout(Stdio::null()).spawn().unwrap()
}

async fn count(engine: &Engine) -> usize {
    let url = engine.url();
    client().post(format!("{url}/oversight-events-*/_refresh")).send().await.unwrap();
    let answer = client().get(format!("{url}/oversight-events-*/_count")).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    usize::try_from(answer["count"].as_u64().unwrap_or_else(|| panic!("{answer}"))).unwrap()
}

fn evaluated(records: &Path) -> Value {
    let records = records.to_str().unwrap();
    let done = run(&["evaluate", "classifier", "--data", records, "--format", "kdd", "--output", "json"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

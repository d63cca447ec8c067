//! What an earlier version left behind opens: configuration, spool, dead letters, index, what the metrics have learnt, and which
//! model judges. `WRITE_GOLDEN=1` writes the folder of this version where there is none yet; one that is there is
//! never written again.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::oversight::Oversight;

/// One for each version whose files differ from those before.
const VERSIONS: [&str; 1] = ["data-0.1.0"];
/// Events that were in the index, and that waited in the spool.
const STORED: u64 = 5;
const WAITING: u64 = 3;

fn golden(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats").join(version)
}

fn event(number: u64) -> Value {
    json!({"ts": 1_795_000_000.0 + number as f64, "uid": format!("C{number}"), "id.orig_h": "10.1.2.3",
        "id.orig_p": 40_000 + number, "id.resp_h": "10.1.2.4", "id.resp_p": 80, "proto": "tcp", "service": "http",
        "duration": 0.5, "orig_bytes": 100, "resp_bytes": 2_000, "conn_state": "SF", "history": "ShADadFf",
        "orig_pkts": 5, "orig_ip_bytes": 360, "resp_pkts": 5, "resp_ip_bytes": 2_260})
}

const CONFIGURATION: &str = "\
# as somebody wrote it for version 0.1.0
listen: 127.0.0.1:0
http: {max_body: 32MiB, header_timeout: 1m}
spool: {max_size: 64MiB, segment_size: 1MiB}
enrich: {batch: 256}
classify: {model: 'builtin:flow', second: 'builtin:kdd99', window: 1h}
anomaly: {threshold: 80, lateness: 2m, max_series: 10000}
store:
  embedded: {retention_days: 36500, max_size: 1GiB}
security:
  api_keys: []
log: {level: info, format: json}
";

/// Leaves behind what this version leaves behind.
async fn write(folder: &Path) {
    let data = folder.join("data");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(folder.join("oversight.yml"), CONFIGURATION).unwrap();
    let configuration = folder.join("oversight.yml");
    let settings = [("CONFIG", configuration.to_str().unwrap())];
    let mut oversight = Oversight::start(&data, &settings);
    let events: Vec<Value> = (0..STORED).map(event).collect();
    assert_eq!(oversight.post("/", json!(events).to_string()).await.0, 200);
    assert_eq!(oversight.post("/", "[1]").await.0, 200);
    oversight.drained().await;
    assert!(oversight.stop().success());
    assert!(oversight.command(&["model", "activate", "builtin:kdd99"]).status.success());

    // an engine that is never there
    let settings = [settings[0], ("STORE_ELASTICSEARCH_URL", "http://127.0.0.1:9")];
    let mut oversight = Oversight::start(&data, &settings);
    let events: Vec<Value> = (STORED..STORED + WAITING).map(event).collect();
    assert_eq!(oversight.post("/", json!(events).to_string()).await.0, 200);
    oversight.kill();
    for name in ["index/lock", "audit.log"] {
        let _ = std::fs::remove_file(data.join(name));
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

#[tokio::test]
async fn what_every_version_left_behind_is_there_after_the_next_start() {
    let newest = golden(VERSIONS[VERSIONS.len() - 1]);
    if std::env::var_os("WRITE_GOLDEN").is_some() && !newest.exists() {
        write(&newest).await;
    }
    for version in VERSIONS {
        let folder = tempfile::tempdir().unwrap();
        copy(&golden(version), folder.path());
        let (data, file) = (folder.path().join("data"), folder.path().join("oversight.yml"));
        let checked = crate::harness::oversight::run(&["--config", file.to_str().unwrap(), "config", "show"]);
        assert!(checked.status.success(), "{version}: {}", String::from_utf8_lossy(&checked.stderr));

        let mut oversight = Oversight::start(&data, &[("CONFIG", file.to_str().unwrap())]);
        assert_eq!(oversight.metric("oversight_events_recovered_total").await, WAITING as f64, "{version}: the spool");
        assert_eq!(oversight.metric("oversight_dead_letters_found_total").await, 1.0, "{version}: the dead letters");
        oversight.drained().await;
        let found = oversight.get("/v1/search?size=100").await;
        let hits = found["hits"]["hits"].as_array().unwrap_or_else(|| panic!("{version}: {found}"));
        let mut uids: Vec<&str> = hits.iter().filter_map(|hit| hit["_source"]["uid"].as_str()).collect();
        uids.sort_unstable();
        let wanted: Vec<String> = (0..STORED + WAITING).map(|number| format!("C{number}")).collect();
        assert_eq!(uids, wanted, "{version}: the index, and once what waited");
        assert!(oversight.metric("oversight_metric_series").await > 0.0, "{version}: what the metrics have learnt");
        let models = oversight.get("/v1/models").await;
        assert!(models.to_string().contains("kdd99"), "{version}: {models}");
        assert!(oversight.stop().success());
        let again = Oversight::start(&data, &[("CONFIG", file.to_str().unwrap())]);
        assert_eq!(again.metric("oversight_events_recovered_total").await, 0.0, "{version}: nothing waits twice");
    }
}

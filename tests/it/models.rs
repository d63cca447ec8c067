//! Models come and go while events are judged: none is lost, none is judged by half, and what is asked for is what judges.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::harness::accounts::assert_accounts;
use crate::harness::oversight::{Oversight, client, run};
use crate::harness::watched::Watched;

/// The model that ships as a folder, under another version and after changes to the text of its card.
fn version_of_the_shipped(place: &Path, version: &str, change: impl FnOnce(String) -> String) -> PathBuf {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/kdd99");
    let text = std::fs::read_to_string(shipped.join("card.json")).unwrap();
    let card: Value = serde_json::from_str(&text).unwrap();
    let named = format!("\"version\": {}", card["version"]);
    assert_eq!(text.matches(&named).count(), 1);
    let folder = place.join(format!("source-{version}"));
    std::fs::create_dir(&folder).unwrap();
    for entry in std::fs::read_dir(&shipped).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    let text = text.replace(&named, &format!("\"version\": \"{version}\""));
    std::fs::write(folder.join("card.json"), change(text)).unwrap();
    folder
}

/// What a command prints as JSON.
fn told(oversight: &Oversight, arguments: &[&str]) -> Value {
    let done = oversight.command(&[arguments, &["--output", "json"]].concat());
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).expect("one JSON object")
}

fn import(oversight: &Oversight, source: &Path) -> Value {
    told(oversight, &["model", "import", source.to_str().unwrap()])
}

/// A body of connections as Zeek writes them, each with a number of its own.
fn connections(first: u64, count: u64) -> String {
    let connection = |number: u64| {
        json!({
            "ts": 1_700_000_000.0 + number as f64 / 100.0, "uid": format!("C{number}"),
            "id.orig_h": format!("10.0.0.{}", number % 50), "id.orig_p": 40_000 + number % 20_000,
            "id.resp_h": format!("10.0.1.{}", number % 7), "id.resp_p": 80, "proto": "tcp", "service": "http",
            "duration": 0.5, "orig_bytes": 200 + number % 900, "resp_bytes": 4000, "conn_state": "SF",
        })
    };
    Value::from((first..first + count).map(connection).collect::<Vec<_>>()).to_string()
}

/// How many documents there are of each value, as the store counts them.
async fn counted(oversight: &Oversight, field: &str) -> Vec<(String, u64)> {
    let field = format!("oversight.classification.{field}");
    let body = json!({"size": 0, "aggs": {"by": {"terms": {"field": field, "size": 100}}}});
    let (status, found) = oversight.post("/v1/search?kind=events", body.to_string()).await;
    assert_eq!(status, 200, "{found}");
    let buckets = found["aggregations"]["by"]["buckets"].as_array().unwrap();
    let count = |bucket: &Value| (bucket["key"].as_str().unwrap().to_owned(), bucket["doc_count"].as_u64().unwrap());
    let mut counted: Vec<_> = buckets.iter().map(count).collect();
    counted.sort();
    counted
}

#[tokio::test(flavor = "multi_thread")]
async fn models_are_exchanged_under_load_and_every_event_is_judged_once_by_one_of_them() {
    const EXCHANGES: usize = 60;
    let folder = tempfile::tempdir().unwrap();
    let oversight = Oversight::start(&folder.path().join("data"), &[("CLASSIFY_MODEL", "builtin:kdd99")]);
    let hashes = ["a", "b"].map(|version| {
        let imported = import(&oversight, &version_of_the_shipped(folder.path(), version, |card| card));
        (version.to_owned(), imported["hash"].as_str().unwrap().to_owned())
    });
    let (accepted, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let next = AtomicU64::new(0);
    let send = async || {
        while !done.load(Ordering::Relaxed) {
            let body = connections(next.fetch_add(40, Ordering::Relaxed), 40);
            let (status, answer) = oversight.post("/", body).await;
            assert_eq!(status, 200, "{answer}");
            accepted.fetch_add(answer["accepted"].as_u64().unwrap(), Ordering::Relaxed);
        }
    };
    let exchange = async || {
        let mut revision = oversight.get("/v1/models").await["revision"].as_u64().unwrap();
        for round in 0..EXCHANGES {
            let body = json!({"model": format!("kdd99/{}", if round % 2 == 0 { "a" } else { "b" })});
            let request = client().post(oversight.url("/v1/models/activate")).json(&body);
            let answer = request.header("if-match", format!("\"{revision}\"")).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            revision = answer.json::<Value>().await.unwrap()["revision"].as_u64().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    };
    tokio::join!(send(), send(), exchange());
    oversight.drained().await;
    assert_accounts(&oversight).await;
    let accepted = accepted.into_inner();
    let (versions, by_hash) = (counted(&oversight, "model.version").await, counted(&oversight, "model.hash").await);
    // the model that ships may have judged the first batches
    let shipped = oversight.get("/v1/models").await["models"][1].clone();
    let known = hashes
        .iter()
        .cloned()
        .chain([(shipped["version"].as_str().unwrap().to_owned(), shipped["hash"].as_str().unwrap().to_owned())]);
    for (version, hash) in known {
        let count =
            |counted: &[(String, u64)], key: &str| counted.iter().find(|(value, _)| value == key).map(|(_, n)| *n);
        assert_eq!(count(&versions, &version), count(&by_hash, &hash), "{version}: {versions:?} {by_hash:?}");
    }
    assert_eq!(versions.iter().map(|(_, count)| count).sum::<u64>(), accepted, "{versions:?}");
    assert_eq!(by_hash.iter().map(|(_, count)| count).sum::<u64>(), accepted, "{by_hash:?}");
    assert!(versions.len() >= 2, "both had their turn: {versions:?}");
    assert_eq!(oversight.metric("oversight_model_exchanges_total").await, EXCHANGES as f64);
    println!("{accepted} events, {EXCHANGES} exchanges: {versions:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_asks_the_running_oversight_and_otherwise_writes_what_the_next_start_does() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut oversight = Oversight::start(&data, &[("CLASSIFY_MODEL", "builtin:kdd99")]);
    let imported = import(&oversight, &version_of_the_shipped(folder.path(), "a", |card| card));
    assert_eq!(imported["model"], "stored:kdd99/a");
    assert_eq!(told(&oversight, &["model", "activate", "kdd99/a"])["active"]["by"], "api");
    assert_eq!(oversight.get("/v1/models").await["active"]["version"], "a");
    let listed = told(&oversight, &["model", "list"]);
    assert_eq!((&listed["active"], listed["models"].as_array().unwrap().len()), (&json!("stored:kdd99/a"), 3));
    assert!(oversight.stop().success());

    assert_eq!(told(&oversight, &["model", "rollback"])["active"]["model"], "builtin:kdd99");
    assert_eq!(told(&oversight, &["model", "activate", "kdd99/a"])["active"]["by"], "command line");
    assert_eq!(told(&oversight, &["model", "show", "kdd99/a"])["card"]["version"], "a");
    oversight.start_again();
    assert_eq!(oversight.get("/v1/models").await["active"]["hash"], imported["hash"]);
    let (_, answer) = oversight.post("/v1/enrich", connections(1, 1)).await;
    let model = &answer[0]["oversight"]["classification"]["model"];
    assert_eq!(model, &json!({"name": "kdd99", "version": "a", "hash": imported["hash"]}));
    let info =
        format!("oversight_model_info{{role=\"active\",name=\"kdd99\",version=\"a\",hash={}}}", imported["hash"]);
    assert_eq!(oversight.metric(&info).await, 1.0);

    // torn on the disk, it is replaced by the one that ships, and everybody is told
    assert!(oversight.stop().success());
    let weights = data.join("models/kdd99/a/weights.safetensors");
    let whole = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &whole[..whole.len() / 2]).unwrap();
    let checked = oversight.command(&["check", "--output", "json"]);
    let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let model = checked["findings"].as_array().unwrap().iter().find(|finding| finding["what"] == "model").unwrap();
    assert!(model["note"].as_str().unwrap().contains("stored:kdd99/a was activated and cannot be used"), "{checked}");
    let verified = oversight.command(&["model", "verify"]);
    assert!(!verified.status.success() && String::from_utf8_lossy(&verified.stdout).contains("weights.safetensors"));
    oversight.start_again();
    assert_eq!(oversight.get("/v1/models").await["active"]["model"], "builtin:kdd99");
    let ready = oversight.get("/health/ready").await;
    assert_eq!(
        (&ready["rooms"]["model"]["state"], &ready["status"]),
        (&json!("degraded"), &json!("degraded")),
        "{ready}"
    );
    assert_eq!(oversight.metric("oversight_model_fallback").await, 1.0);
    let (status, problem) = oversight.post("/v1/models/activate", r#"{"model":"kdd99/a"}"#).await;
    assert_eq!(status, 422, "{problem}");
    std::fs::write(&weights, &whole).unwrap();
    assert_eq!(oversight.post("/v1/models/activate", r#"{"model":"kdd99/a"}"#).await.0, 200);
    assert_eq!(oversight.get("/health/ready").await["rooms"]["model"]["state"], "up");
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_takes_over_another_model_and_refuses_a_configuration_whose_model_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let source = version_of_the_shipped(folder.path(), "a", |card| card);
    let oversight = Watched::start(folder.path(), "log: {level: info}\n");
    let models = async || {
        let answer = client().get(oversight.url("http", "/v1/models")).send().await.unwrap();
        answer.json::<Value>().await.unwrap()
    };
    oversight.configure(&format!("classify: {{model: '{}', shadow: 'builtin:kdd99'}}\n", source.display()));
    oversight.reload();
    let now = models().await;
    assert_eq!((&now["active"]["version"], &now["active"]["by"]), (&json!("a"), &json!("configuration")), "{now}");
    assert_eq!(now["shadow"]["model"], "builtin:kdd99");
    assert!(!oversight.log().contains("classify.model, "), "no restart is asked for: {}", oversight.log());
    oversight.until(|| oversight.audit().contains("model_activated"), "it is in the audit log");
    oversight.configure("classify: {model: 'stored:none/1'}\n");
    oversight.reload();
    assert!(oversight.log().contains("there is no model none/1"), "{}", oversight.log());
    assert_eq!(models().await["active"]["version"], "a", "the old one stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_is_compared_by_class_and_changes_nothing_that_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let oversight = Oversight::start(&folder.path().join("data"), &[("CLASSIFY_MODEL", "builtin:kdd99")]);
    // the same network with the classes `normal` and `neptune` exchanged: it disagrees wherever one of them is told
    let exchanged = version_of_the_shipped(folder.path(), "exchanged", |card| {
        let card = card.replace(
            "\"name\": \"normal\",\n      \"category\": \"normal\"",
            "\"name\": \"@\",\n      \"category\": \"dos\"",
        );
        let card = card.replace(
            "\"name\": \"neptune\",\n      \"category\": \"dos\"",
            "\"name\": \"normal\",\n      \"category\": \"normal\"",
        );
        card.replace("\"name\": \"@\"", "\"name\": \"neptune\"")
    });
    import(&oversight, &exchanged);
    let begun = told(&oversight, &["model", "shadow", "kdd99/exchanged"]);
    assert_eq!(begun["shadow"]["version"], "exchanged");
    assert_eq!(oversight.post("/", connections(0, 500)).await.0, 200);
    oversight.drained().await;
    // counts are handed over once a second
    let compared = async || oversight.get("/v1/models/shadow").await["shadow"].clone();
    let mut reading = compared().await;
    while reading["compared"] != 500 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        reading = compared().await;
    }
    let labels = counted(&oversight, "label").await;
    let told_apart: u64 =
        labels.iter().filter(|(label, _)| label == "normal" || label == "neptune").map(|(_, n)| n).sum();
    assert!(told_apart > 0, "{labels:?}");
    assert_eq!((&reading["disagreed"], &reading["window"]["disagreed"]), (&json!(told_apart), &json!(told_apart)));
    let share = reading["window"]["share"].as_f64().unwrap();
    assert!((share - told_apart as f64 / 500.0).abs() < 1e-9, "{reading}");
    assert_eq!(oversight.metric("oversight_shadow_compared_total").await, 500.0);
    for (label, count) in labels.iter().filter(|(label, _)| label == "normal" || label == "neptune") {
        let name = format!("oversight_shadow_disagreed_total{{class=\"{label}\"}}");
        assert_eq!(oversight.metric(&name).await, *count as f64);
    }
    assert_eq!(counted(&oversight, "model.version").await.len(), 1, "only one model's verdicts are stored");
    told(&oversight, &["model", "shadow", "--stop"]);
    assert_eq!(oversight.get("/v1/models/shadow").await["shadow"], Value::Null);
}

/// KDD lines of three classes that a small network learns in a moment.
fn training_lines() -> String {
    let tail = "0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,8,8,0,0,0,0,1,0,0,9,9,1,0,0.11,0,0,0,0,0";
    let row = |row: usize| {
        format!(
            "0,tcp,http,SF,{},{},{tail},normal.\n0,icmp,ecr_i,SF,{},0,{tail},smurf.\n0,tcp,private,S0,0,{row},{tail},neptune.\n",
            200 + row,
            4000 + 7 * row,
            1000 + row
        )
    };
    (0..60).map(row).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_told_where_events_are_not_like_the_training_data() {
    let folder = tempfile::tempdir().unwrap();
    let (data, model) = (folder.path().join("lines"), folder.path().join("model"));
    std::fs::write(&data, training_lines()).unwrap();
    let (data, model) = (data.to_str().unwrap(), model.to_str().unwrap());
    let trained =
        run(&["train", "kdd99", "--data", data, "--into", model, "--model-version", "small", "--epochs", "1"]);
    assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
    let oversight = Oversight::start(&folder.path().join("data"), &[("CLASSIFY_MODEL", model)]);
    let drift = oversight.get("/v1/models/drift").await;
    assert_eq!((&drift["model"], &drift["enough"]), (&json!("kdd99/small"), &json!(false)), "{drift}");
    assert_eq!(oversight.get("/health/ready").await["rooms"]["model"].get("hint"), None);
    for batch in 0..16 {
        assert_eq!(oversight.post("/", connections(500 * batch, 500)).await.0, 200);
    }
    oversight.drained().await;
    let mut drift = oversight.get("/v1/models/drift").await;
    while drift["enough"] == false {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        drift = oversight.get("/v1/models/drift").await;
    }
    let features = drift["features"].as_array().unwrap();
    let feature = |name: &str| features.iter().find(|feature| feature["feature"] == name).unwrap();
    assert_eq!(features.len(), 41);
    // a log of connections cannot tell what was in them
    assert_eq!((&feature("hot")["state"], &feature("hot")["missing"]), (&json!("other"), &json!(1.0)), "{drift}");
    // a third of the training data were over http, all of these are
    assert_eq!(feature("service")["state"], "other");
    assert_eq!(feature("land")["state"], "stable", "it is 0 here and there");
    let ready = oversight.get("/health/ready").await;
    assert_eq!(ready["rooms"]["model"]["state"], "up");
    assert!(ready["rooms"]["model"]["hint"].as_str().unwrap().contains("distributed otherwise"), "{ready}");
    let shown = oversight.metric("oversight_feature_drift_psi{feature=\"service\"}").await;
    assert!(shown > 0.25, "{shown}");
}

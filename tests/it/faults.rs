//! What goes wrong at start and while running is said clearly, and loses nothing.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::harness::accounts::assert_accounts;
use crate::harness::disk::Disk;
use crate::harness::oversight::{Oversight, client, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let done = serve_and_fail(folder.path(), &[("LISTEN", &address)]);
    assert!(done.contains(&address) && done.contains("listen"), "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_folder_that_lies_is_refused_with_the_lie() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/kdd99");
    std::fs::create_dir(&model).unwrap();
    std::fs::copy(source.join("card.json"), model.join("card.json")).unwrap();
    let mut weights = std::fs::read(source.join("weights.safetensors")).unwrap();
    weights.truncate(weights.len() / 2);
    std::fs::write(model.join("weights.safetensors"), weights).unwrap();
    let done = serve_and_fail(&folder.path().join("data"), &[("CLASSIFY_MODEL", model.to_str().unwrap())]);
    assert!(done.contains("weights.safetensors"), "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_data_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _first = Oversight::start(folder.path(), &[]);
    let done = serve_and_fail(folder.path(), &[]);
    assert!(done.contains("another oversight"), "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_down_at_start_gets_its_events_when_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let settings = [("STORE_ELASTICSEARCH_URL", url.as_str())];
    let oversight = Oversight::start(folder.path(), &settings);
    let (status, answer) = oversight.post("/", r#"[{"message":"one"},{"message":"two"}]"#).await;
    assert_eq!((status, &answer["accepted"]), (200, &json!(2)), "{answer}");
    let ready = oversight.get("/health/ready").await;
    assert!(ready.to_string().contains("store"), "{ready}");
    assert!(oversight.metric("oversight_events_waiting").await >= 2.0);
    let engine = crate::harness::swallow::start(port).await;
    oversight.drained().await;
    assert_eq!(engine.documents(), 2);
    assert_accounts(&oversight).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_answered_with_a_retryable_code_and_nothing_taken_is_lost() {
    let Some(disk) = Disk::in_memory(16) else { return };
    std::fs::write(disk.path.join("ballast"), vec![0; 4 << 20]).unwrap();
    let settings = [("STORE_ELASTICSEARCH_URL", "http://127.0.0.1:9"), ("SPOOL_SEGMENT_SIZE", "1MiB")];
    let mut oversight = Oversight::start(&disk.path.join("data"), &settings);
    let filler = "x".repeat(20_000);
    let mut accepted = 0;
    let mut refused = None;
    for number in 0..2_000 {
        let event = json!({"number": number, "filler": filler});
        match oversight.post("/", event.to_string()).await {
            (200, _) => accepted += 1,
            (status, answer) => {
                refused = Some((status, answer));
                break;
            }
        }
    }
    let (status, answer) = refused.expect("32 MiB do not fit on a disk of 16");
    assert!([429, 503].contains(&status), "{status} {answer}");
    assert!(accepted > 100);
    oversight.kill();
    std::fs::remove_file(disk.path.join("ballast")).unwrap();
    let engine = crate::harness::swallow::start(0).await;
    let url = format!("http://127.0.0.1:{}", engine.port);
    let again = Oversight::start(&disk.path.join("data"), &[("STORE_ELASTICSEARCH_URL", &url)]);
    again.drained().await;
    assert_accounts(&again).await;
    let stored = engine.documents();
    assert!(stored >= accepted && stored <= accepted + 1, "accepted {accepted}, stored {stored}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_beyond_this_machine_needs_protection_or_a_plain_word() {
    let folder = tempfile::tempdir().unwrap();
    let done = serve_and_fail(folder.path(), &[("LISTEN", "0.0.0.0:0")]);
    assert!(done.contains("listen_unprotected"), "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retried_batch_is_taken_once_across_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut oversight = Oversight::start(folder.path(), &[]);
    let body = r#"[{"message":"a","n":1},{"message":"a","n":1}]"#;
    assert_eq!(oversight.post("/", body).await.1["accepted"], 2);
    oversight.kill();
    oversight.start_again();
    let (status, answer) = oversight.post("/", body).await;
    assert_eq!((status, &answer["repeated"]), (200, &json!(2)), "{answer}");
    oversight.drained().await;
    assert_eq!(assert_accounts(&oversight).await.get("events_repeated_total"), 2);
    let found = oversight.get("/v1/search?q=message:a").await;
    assert_eq!(found["hits"]["total"]["value"], 2, "equal events of one body are two events: {found}");
}

/// Runs `serve`, which must end by itself with exit code 1 or 2; what it said.
fn serve_and_fail(data: &Path, settings: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oversight"));
    command.arg("serve").env("OVERSIGHT_DATA_DIR", data).env("OVERSIGHT_LISTEN", "127.0.0.1:0");
    for (name, value) in settings {
        command.env(format!("OVERSIGHT_{name}"), value);
    }
    let done = command.output().unwrap();
    assert!(matches!(done.status.code(), Some(1 | 2)), "{done:?}");
    String::from_utf8(done.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_200_mb_body_is_refused_and_the_next_request_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let oversight = Oversight::start(folder.path(), &[]);
    let sent = client().post(oversight.url("/")).body(vec![b' '; 200 << 20]).send().await;
    // the server may close before it has read it all, which a client sees as a broken pipe
    if let Ok(answer) = sent {
        assert_eq!(answer.status().as_u16(), 413);
    }
    assert_eq!(oversight.post("/", "{}").await.0, 200);
    assert!(run(&["config", "show"]).status.success());
}

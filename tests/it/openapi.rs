//! What the document of the API promises, tried by a program that makes up requests from its schemas: right ones, wrong ones, and
//! such as nobody would think of. Nothing is answered 5xx, and nothing in another way than the document says.

use std::process::Command;

use serde_json::json;

use crate::clients::found::client;
use crate::harness::oversight::Oversight;

/// Its version, with which the same requests come from the same document.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
/// What every answer is held against.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,unsupported_method,allow_header_conformance";
/// An answer that never ends, which the page's own tests look at.
const ENDLESS: &str = "live_status";

/// Something of everything: events with verdicts, anomalies, and dead letters.
async fn filled(oversight: &Oversight) {
    let event = |place: u64| {
        let time = 1_795_000_000_000 + place * 40;
        json!({
            "@timestamp": time, "uid": format!("C{place}"), "id.orig_h": "10.1.1.1", "id.orig_p": 40_000, "id.resp_h": "10.1.1.2",
            "id.resp_p": place % 1000, "proto": "tcp", "conn_state": "S0", "duration": 0.1, "orig_bytes": 0, "resp_bytes": 0,
        })
    };
    let events: Vec<_> = (0..1000).map(event).collect();
    assert_eq!(oversight.post("/v1/events", json!(events).to_string()).await.0, 200);
    assert_eq!(oversight.post("/v1/events", r#"[{"a": 1}, {"b": ]"#).await.0, 200);
    oversight.drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_is_answered_as_the_document_says_and_nothing_breaks() {
    let Some(python) = client(&["python", "schemathesis", SCHEMATHESIS]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let oversight = Oversight::start(&folder.path().join("data"), &[]);
    filled(&oversight).await;
    let mut command = Command::new(python.with_file_name("st"));
    command
        .args(["run", &oversight.url("/v1/openapi.json"), "--checks", CHECKS, "--exclude-operation-id", ENDLESS])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            "20",
            "--generation-deterministic",
            "--no-shrink",
        ])
        .args(["--continue-on-failure", "--no-color", "--output-sanitize", "false"])
        .current_dir(folder.path())
        // it would find a configuration of its own above the folder, and a proxy that knows nobody here
        .env("NO_PROXY", "127.0.0.1");
    let run = tokio::task::spawn_blocking(move || command.output().expect("it starts")).await.unwrap();
    let told = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{told}\n{}", String::from_utf8_lossy(&run.stderr));
    let number = |line: &str| line.trim().split_once(" generated,")?.0.replace(',', "").parse::<u32>().ok();
    let asked = told.lines().find_map(number).unwrap_or_else(|| panic!("it says how many: {told}"));
    println!("{asked} requests made up from the document, and all of them answered as it says");
    assert!(asked > 700, "{told}");
    assert_eq!(oversight.get("/health/live").await["status"], "live", "it still runs");
}

//! The commands, as a person types them.

use serde_json::Value;

use crate::harness::oversight::run;

#[test]
fn the_demo_finds_the_flood_and_some_anomaly_and_stores_all_it_sends() {
    let done = run(&["demo", "--once", "--output", "json"]);
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{errors}");
    let result: Value = serde_json::from_slice(&done.stdout).expect("one JSON object on standard output");
    assert!(result["sent"].as_u64().unwrap() > 10_000, "{result}");
    assert_eq!(result["sent"], result["accepted"], "{result}");
    assert_eq!(result["sent"], result["stored"], "{result}");
    let labels = result["labels"].as_object().unwrap();
    let judged: u64 = labels.values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(judged, result["sent"].as_u64().unwrap(), "every simulated event is a connection");
    assert!(labels.contains_key("dos"), "the SYN flood: {result}");
    assert!(result["anomalies"].as_u64().unwrap() > 0, "{result}");

    let once_more = run(&["demo", "--once", "--output", "json"]);
    let once_more: Value = serde_json::from_slice(&once_more.stdout).expect("one JSON object on standard output");
    assert_eq!(once_more["labels"], result["labels"], "the same seed, the same verdicts");
}

#[test]
fn wrong_usage_exits_with_2_and_says_what_is_meant() {
    let done = run(&["replay"]);
    assert_eq!(done.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&done.stderr).contains("Usage"), "{done:?}");
}

#[test]
fn who_has_read_enough_of_the_output_ends_the_work_without_an_error() {
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_oversight"))
        .args(["simulate", "--hours", "1"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 1];
    std::io::Read::read_exact(program.stdout.as_mut().unwrap(), &mut first).unwrap();
    drop(program.stdout.take());
    let done = program.wait_with_output().unwrap();
    assert!(done.status.success() && done.stderr.is_empty(), "{done:?}");
}

#[test]
fn failed_work_exits_with_1_and_names_the_file() {
    let done = run(&["evaluate", "classifier", "--data", "no-such-file.csv"]);
    assert_eq!(done.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&done.stderr).contains("no-such-file.csv"), "{done:?}");
}

#[test]
fn the_reference_in_docs_is_the_one_the_program_prints() {
    let done = run(&["config", "reference"]);
    assert!(done.status.success());
    let kept = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let kept = std::fs::read_to_string(kept).unwrap();
    assert!(
        kept == String::from_utf8(done.stdout).unwrap(),
        "write it anew: oversight config reference > docs/configuration.md"
    );
}

#[test]
fn every_fault_of_a_configuration_is_told_at_once_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("oversight.yml");
    std::fs::write(&file, "listn: 127.0.0.1:1\nspool:\n  max_size: much\n").unwrap();
    let done = run(&["--config", file.to_str().unwrap(), "check"]);
    assert_eq!(done.status.code(), Some(2));
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(said.contains("oversight.yml:1: listn: unknown key; did you mean listen?"), "{said}");
    assert!(said.contains("oversight.yml:3: spool.max_size: 'much' is not a size"), "{said}");
}

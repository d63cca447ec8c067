//! What was refused is kept as it came, looked at, and sent again once.

use serde_json::{Value, json};

use crate::elasticsearch::on_both;
use crate::harness::accounts::assert_accounts;
use crate::harness::engines;
use crate::harness::oversight::Oversight;
use crate::harness::scripted::Scripted;

/// Two good events, one that the engine refuses, one that is none.
const BODY: &str = r#"[{"n":1},{"n":"x","conflict":true},{"n":3},{"n":}]"#;

fn start(folder: &std::path::Path) -> (Scripted, Oversight) {
    let engine = Scripted::start();
    engine.refuse(Some("conflict"));
    let url = engine.url();
    let settings = [("STORE_ELASTICSEARCH_URL", url.as_str()), ("CLASSIFY_ENABLED", "false")];
    let oversight = Oversight::start(folder, &settings);
    (engine, oversight)
}

/// The lines that a command prints as JSON.
fn lines(oversight: &Oversight, arguments: &[&str]) -> Vec<Value> {
    let done = oversight.command(arguments);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = String::from_utf8(done.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{text}"))).collect()
}

/// Nobody but the engine and the dead letters has the events.
async fn settled(oversight: &Oversight) {
    oversight.drained().await;
    assert_accounts(oversight).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_oversight_shows_its_dead_letters_and_sends_them_again_once() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, oversight) = start(folder.path());
    assert_eq!(oversight.post("/", BODY).await.0, 200);
    settled(&oversight).await;
    let seen = lines(&oversight, &["spool", "inspect", "--output", "json"]);
    assert_eq!((&seen[0]["running"], &seen[0]["dead_letters"]["count"]), (&json!(true), &json!(2)), "{seen:?}");
    let letter = seen.iter().find(|line| line["content"] == "event").expect("what the engine refused");
    assert_eq!(
        (letter["raw"].as_str(), letter["source"].as_str()),
        (Some(r#"{"n":"x","conflict":true}"#), Some("http 127.0.0.1"))
    );
    assert!(letter["reason"].as_str().unwrap().contains("failed to parse field [n]"), "{letter}");
    let (_, page) = (0, oversight.get("/v1/dead-letters?reason=failed+to+parse").await);
    assert_eq!((page["letters"].as_array().unwrap().len(), &page["letters"][0]["id"]), (1, &letter["id"]));

    let redrive = ["spool", "redrive", "--reason", "failed to parse", "--output", "json"];
    assert_eq!(lines(&oversight, &redrive)[0]["redriven"], 1);
    settled(&oversight).await;
    let page = oversight.get("/v1/dead-letters").await;
    assert_eq!(page["count"], 2, "refused again, it is a new letter: {page}");
    engine.refuse(None);
    let tried = lines(&oversight, &["spool", "redrive", "--all", "--dry-run", "--output", "json"]);
    assert_eq!((&tried[0]["redriven"], &tried[0]["unreadable"]), (&json!(1), &json!(1)));
    assert_eq!(lines(&oversight, &["spool", "redrive", "--all", "--output", "json"])[0]["redriven"], 1);
    settled(&oversight).await;
    let stored = engine.documents();
    let document: Value = serde_json::from_str(&stored[letter["id"].as_str().unwrap()]).unwrap();
    assert_eq!((stored.len(), &document["conflict"]), (3, &json!(true)), "under the id that it had from the first");
    assert_eq!(oversight.get("/v1/dead-letters").await["count"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_oversight_finds_what_was_sent_again_when_it_starts() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, mut oversight) = start(folder.path());
    assert_eq!(oversight.post("/", BODY).await.0, 200);
    settled(&oversight).await;
    assert!(oversight.stop().success());
    let seen = lines(&oversight, &["spool", "inspect", "--output", "json"]);
    let accounts = &seen[0]["accounts"];
    assert_eq!((&seen[0]["running"], &accounts["ended"]), (&json!(false), &json!(true)), "{seen:?}");
    assert_eq!((&accounts["received"], &accounts["stored"], &accounts["refused"]), (&json!(4), &json!(2), &json!(2)));
    engine.refuse(None);
    assert_eq!(lines(&oversight, &["spool", "redrive", "--all", "--output", "json"])[0]["redriven"], 1);
    let audit = std::fs::read_to_string(folder.path().join("audit.log")).unwrap();
    assert_eq!(audit.matches(r#""action":"by_hand""#).count(), 1, "{audit}");
    let seen = lines(&oversight, &["spool", "inspect", "--output", "json"]);
    assert_eq!((&seen[0]["waiting"], &seen[0]["dead_letters"]["count"]), (&json!(1), &json!(1)));
    oversight.start_again();
    settled(&oversight).await;
    assert_eq!(engine.documents().len(), 3);
    assert!(oversight.stop().success());
    let text = oversight.command(&["spool", "inspect"]);
    let equation = "recovered 1 + received 0 + redriven 0 = stored 1 + repeated 0 + refused 0 + lost 0 + waiting 0";
    assert!(String::from_utf8_lossy(&text.stdout).contains(equation), "{text:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_says_what_it_means_to_send() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, oversight) = start(folder.path());
    for arguments in [&["spool", "redrive"][..], &["spool", "redrive", "--all", "--number", "3"]] {
        assert_eq!(oversight.command(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

on_both! { what_a_mapping_refused_is_stored_once_the_mapping_has_been_put_right }

async fn what_a_mapping_refused_is_stored_once_the_mapping_has_been_put_right(kind: engines::Kind) {
    let Some(engine) = engines::shared(kind) else { return };
    let engine = engine.read().await;
    // stricter than the template, which lets an engine ignore what does not fit
    let index = "/mended-events-2026.11.22";
    let field = |lenient: bool| json!({"properties": {"n": {"type": "long", "ignore_malformed": lenient}}});
    let (status, answer) = engine.ask("PUT", index, &json!({"mappings": field(false)})).await;
    assert_eq!(status, 200, "{answer}");
    let folder = tempfile::tempdir().unwrap();
    let url = engine.url();
    let settings = [("STORE_ELASTICSEARCH_URL", url.as_str()), ("STORE_ELASTICSEARCH_INDEX_PREFIX", "mended")];
    let oversight = Oversight::start(folder.path(), &settings);
    let event = |n: Value| json!({"@timestamp": "2026-11-22T10:00:00Z", "n": n});
    let body = json!([event(json!(1)), event(json!("two")), event(json!(3))]);
    assert_eq!(oversight.post("/", body.to_string()).await.0, 200);
    settled(&oversight).await;
    let letters = oversight.get("/v1/dead-letters").await;
    assert_eq!(letters["count"], 1, "{letters}");

    let (status, answer) = engine.ask("PUT", &format!("{index}/_mapping"), &field(true)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(lines(&oversight, &["spool", "redrive", "--all", "--output", "json"])[0]["redriven"], 1);
    settled(&oversight).await;
    engine.ask("POST", &format!("{index}/_refresh"), &Value::Null).await;
    let (_, found) = engine.ask("GET", &format!("{index}/_search?q=_ignored:n"), &Value::Null).await;
    let stored = &found["hits"]["hits"][0];
    assert_eq!((&stored["_source"]["n"], &stored["_id"]), (&json!("two"), &letters["letters"][0]["id"]), "{found}");
    let (_, all) = engine.ask("GET", &format!("{index}/_count"), &Value::Null).await;
    assert_eq!((&all["count"], &oversight.get("/v1/dead-letters").await["count"]), (&json!(3), &json!(0)));
}

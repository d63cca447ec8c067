//! `oversight setup`: a real engine and a Kibana that writes down what it is asked.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::elasticsearch::on_both;
use crate::harness::engines::{self, Engine};
use crate::harness::scripted::{Scripted, Step};

on_both! {
    setting_up_checking_and_taking_away_is_told_and_done
}

/// Lines of the file that is imported.
fn objects() -> Vec<Value> {
    let text = include_str!("../../kibana/oversight.ndjson");
    text.lines().map(|line| serde_json::from_str(line).expect("each line is an object")).collect()
}

fn run(engine: &Engine, kibana: &Scripted, arguments: &[&str]) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_oversight"));
    command
        .arg("setup")
        .args(arguments)
        .args(["--dashboards", &kibana.url(), "--space", "soc"])
        .current_dir(folder.path());
    command.env("OVERSIGHT_STORE_ELASTICSEARCH_URL", engine.url());
    command.env("OVERSIGHT_STORE_ELASTICSEARCH_INDEX_PREFIX", "whole");
    let Output { status, stdout, stderr } = command.output().expect("it starts");
    (status.success(), String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
}

async fn setting_up_checking_and_taking_away_is_told_and_done(kind: engines::Kind) {
    let Some(engine) = engines::shared(kind) else { return };
    let engine = engine.read().await;
    let kibana = Scripted::start();
    let objects = objects();
    let all = objects.len();
    let nothing = Step::Reply(200, r#"{"saved_objects":[{"id":"oversight-overview","error":{"statusCode":404}}]}"#);
    let everything: &'static str = json!({ "saved_objects": objects }).to_string().leak();
    let imported: &'static str = json!({"success": true, "successCount": all}).to_string().leak();

    kibana.next([nothing.clone()]);
    let (success, said) = run(&engine, &kibana, &["--check"]);
    assert!(!success && said.contains("template whole-events: would be installed (missing)"), "{said}");
    assert!(said.contains(&format!("dashboards: 0 of {all} objects are there")), "{said}");
    assert_eq!(
        engine.ask("GET", "/_index_template/whole-events", &Value::Null).await.0,
        404,
        "looking changes nothing"
    );

    kibana.next([nothing, Step::Reply(200, imported)]);
    let (success, said) = run(&engine, &kibana, &[]);
    assert!(success && said.contains(&format!("dashboards: {all} objects imported")), "{said}");
    assert!(!said.contains("normalise.ecs_fields"), "{said}");
    let request = kibana.requests().pop().expect("it was asked");
    assert_eq!(request.line, "POST /s/soc/api/saved_objects/_import?overwrite=true");
    for name in ["kbn-xsrf", "osd-xsrf"] {
        assert_eq!(request.headers.get(name).map(String::as_str), Some("true"), "{name}");
    }
    let body = String::from_utf8(request.body).expect("text");
    assert!(body.contains(r#"filename="oversight.ndjson""#) && body.contains(r#""title":"whole-events-*""#));
    assert_eq!(body.lines().filter(|line| line.starts_with('{')).count(), all);

    kibana.next([Step::Reply(200, everything)]);
    let (success, said) = run(&engine, &kibana, &["--check"]);
    assert!(success, "{said}");

    // somebody changes a template of this version: told, and left
    let (_, found) = engine.ask("GET", "/_index_template/whole-events", &Value::Null).await;
    let mut template = found["index_templates"][0]["index_template"].clone();
    template.as_object_mut().expect("a template").retain(|key, _| !key.contains("_date"));
    template["template"]["mappings"]["properties"]["theirs"] = json!({"type": "long"});
    assert_eq!(engine.ask("PUT", "/_index_template/whole-events", &template).await.0, 200);
    kibana.next([Step::Reply(200, everything)]);
    let (success, said) = run(&engine, &kibana, &["--check"]);
    assert!(!success && said.contains("changed since it was installed: theirs.type"), "{said}");

    // somebody else's under our name stays
    let theirs = json!({"index_patterns": ["whole-anomalies-*"], "priority": 7});
    assert_eq!(engine.ask("PUT", "/_index_template/whole-anomalies", &theirs).await.0, 200);
    let before = kibana.requests().len();
    let (success, said) = run(&engine, &kibana, &["--remove"]);
    assert!(success && said.contains(&format!("dashboards: {all} objects removed")), "{said}");
    let asked: Vec<String> = kibana.requests()[before..].iter().map(|request| request.line.clone()).collect();
    assert_eq!(asked.len(), all);
    assert!(
        asked.iter().all(|line| line.starts_with("DELETE /s/soc/api/saved_objects/") && line.contains("/oversight-"))
    );
    assert!(asked[0].contains("/dashboard/"), "{}", asked[0]);
    for (name, status) in [
        ("_index_template/whole-events", 404),
        ("_component_template/whole-common", 404),
        ("_index_template/whole-anomalies", 200),
    ] {
        assert_eq!(engine.ask("GET", &format!("/{name}"), &Value::Null).await.0, status, "{name}");
    }
    assert_eq!(engine.ask("DELETE", "/_index_template/whole-anomalies", &Value::Null).await.0, 200);
}

#[tokio::test]
async fn a_kibana_that_refuses_is_told_in_its_words() {
    let (engine, kibana) = (Scripted::start(), Scripted::start());
    kibana.next([Step::Reply(401, r#"{"message":"who are you"}"#)]);
    let url = engine.url();
    let folder = tempfile::tempdir().expect("a folder");
    let password = folder.path().join("password");
    std::fs::write(&password, "secret\n").expect("a writable folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_oversight"));
    command.args(["setup", "--dashboards", &kibana.url(), "--dashboards-user", "ana", "--dashboards-password-file"]);
    command.arg(&password).env("OVERSIGHT_STORE_ELASTICSEARCH_URL", url).current_dir(folder.path());
    // what the scripted engine says to a template is no template
    let template = r#"{"index_templates":[{"index_template":{"version":99,"_meta":{"managed_by":"oversight"}}}],"component_templates":[{"component_template":{"version":99,"_meta":{"managed_by":"oversight"}}}]}"#;
    let root = Step::ReplyWith(200, "x-elastic-product: Elasticsearch", r#"{"tagline":"You Know, for Search"}"#);
    let (absent, forbidden) = (Step::Reply(404, "{}"), Step::Reply(403, "{}"));
    engine.next([root.clone(), absent.clone(), absent.clone(), absent, root]);
    engine.next(std::iter::repeat_n(Step::Reply(200, template), 4).chain([forbidden]));
    let done = command.output().expect("it starts");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success() && said.contains("401") && said.contains("who are you"), "{said}");
    let request = kibana.requests().remove(0);
    assert_eq!(request.headers["authorization"], "Basic YW5hOnNlY3JldA==");
    assert!(!said.contains("secret"), "{said}");
}

//! What deletes old days, what oversight may do in the engine, and documents beside events: on real engines as far as
//! those have it, and where they do not, by what is said to a scripted one.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use oversight::setup;
use oversight::store::elasticsearch::ElasticStore;
use oversight::store::{Kind, Outcome, SearchRequest, Store};
use serde_json::{Value, json};

use crate::elasticsearch::{batch, on_both, place, settings};
use crate::harness::engines::{self, Engine, PASSWORD, Variant};
use crate::harness::oversight::Oversight;
use crate::harness::scripted::{Scripted, Step};

on_both! {
    an_engine_without_lifecycles_is_told_of_and_gets_everything_else
    data_streams_take_documents_once_and_keep_the_template_they_need
}

/// `oversight setup` with these arguments and settings; whether it succeeded, and what it said.
fn set_up(url: &str, arguments: &[&str], settings: &[(&str, &str)]) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_oversight"));
    command.arg("setup").args(arguments).current_dir(folder.path()).env("OVERSIGHT_STORE_ELASTICSEARCH_URL", url);
    command.envs(settings.iter().map(|(name, value)| (format!("OVERSIGHT_STORE_ELASTICSEARCH_{name}"), value)));
    let done = command.output().expect("it starts");
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    (done.status.success(), said)
}

async fn an_engine_without_lifecycles_is_told_of_and_gets_everything_else(kind: engines::Kind) {
    let Some(engine) = engines::shared(kind) else { return };
    let engine = engine.read().await;
    let settings = [("INDEX_PREFIX", "mortal"), ("RETENTION_DAYS_EVENTS", "30")];
    let (success, said) = set_up(&engine.url(), &[], &settings);
    assert!(
        success && said.contains("lifecycle policy mortal-events: left as it is (this engine has no index"),
        "{said}"
    );
    assert!(said.contains("template mortal-health: installed"), "{said}");
    let (_, found) = engine.ask("GET", "/_index_template/mortal-events", &Value::Null).await;
    let index = &found["index_templates"][0]["index_template"]["template"]["settings"]["index"];
    assert!(index["lifecycle"].is_null(), "{index}");
    let (success, said) = set_up(&engine.url(), &["--check"], &settings);
    assert!(!success && !said.contains("would be"), "{said}");
    let (success, said) = set_up(&engine.url(), &["--check"], &settings[..1]);
    assert!(success, "{said}");
    let (success, said) = set_up(&engine.url(), &["--api-key", "-"], &settings[..1]);
    assert!(!success && said.contains("has no API keys"), "{said}");
    let (success, said) = set_up(&engine.url(), &["--remove"], &settings);
    assert!(success && said.contains("template mortal-common: removed"), "{said}");
}

async fn data_streams_take_documents_once_and_keep_the_template_they_need(kind: engines::Kind) {
    let Some(engine) = engines::shared(kind) else { return };
    let engine = engine.read().await;
    let mut settings = settings(&engine.url(), "flowing");
    settings.data_streams = true;
    let store = ElasticStore::new(settings.clone()).expect("valid settings");
    store.prepare().await.expect("the engine is there");
    let event = |n: u64| (place(n), json!({"@timestamp": "2026-11-22T10:00:00Z", "n": n}).to_string());
    assert_eq!(store.write(&batch((0..3).map(event))).await, [const { Outcome::Stored }; 3]);
    assert_eq!(store.write(&batch((0..3).map(event))).await, [const { Outcome::AlreadyThere }; 3]);
    let untimed = store.write(&batch([(place(9), "{}".to_owned())])).await;
    assert!(matches!(&untimed[0], Outcome::Refused { reason } if reason.contains("@timestamp")), "{untimed:?}");
    engine.ask("POST", "/flowing-events-default/_refresh", &Value::Null).await;
    let (_, resolved) = engine.ask("GET", "/_resolve/index/flowing-*", &Value::Null).await;
    assert_eq!(resolved["data_streams"][0]["name"], "flowing-events-default", "{resolved}");
    let body = json!({"size": 0, "track_total_hits": true});
    let found = store.search(SearchRequest { kind: Kind::Event, body }).await.expect("an answer");
    assert_eq!(found["hits"]["total"]["value"], 3);
    assert!(setup::plan(settings.clone()).await.expect("it answers").is_as_installed());

    // back to days: the stream that is there keeps its template, and documents still arrive
    settings.data_streams = false;
    let report = setup::apply(settings.clone()).await.expect("it answers");
    let events = report.templates.iter().find(|template| template.name == "flowing-events").expect("it is there");
    assert!(events.kept.as_ref().is_some_and(|reason| reason.contains("data stream")), "{events:?}");
    let store = ElasticStore::new(settings.clone()).expect("valid settings");
    store.prepare().await.expect("the engine is there");
    assert_eq!(store.write(&batch([event(20)])).await, [Outcome::Stored]);
    let removals = setup::remove(settings).await.expect("it answers");
    let kept: Vec<&str> = removals.iter().filter(|one| one.kept.is_some()).map(|one| one.name.as_str()).collect();
    assert_eq!(kept, ["flowing-events", "flowing-common"], "{removals:?}");
}

#[test]
fn elasticsearch_is_told_its_policies_before_the_templates_that_name_them() {
    let engine = Scripted::start();
    let root = || Step::ReplyWith(200, "x-elastic-product: Elasticsearch", r#"{"tagline":"You Know, for Search"}"#);
    let (absent, done) = (|| Step::Reply(404, "{}"), || Step::Reply(200, r#"{"acknowledged":true}"#));
    engine.next([root(), absent(), done(), absent(), absent(), root(), done()]);
    engine.next((0..4).flat_map(|_| [absent(), done()]));
    engine.next([absent(), done()]);
    let (success, said) = set_up(&engine.url(), &[], &[("RETENTION_DAYS_EVENTS", "30")]);
    assert!(success && said.contains("lifecycle policy oversight-events: made (missing)"), "{said}");
    assert!(said.contains("role oversight-writer: made (missing)"), "{said}");
    let puts: Vec<(String, Value)> = sent(&engine, "PUT ");
    let order: Vec<&str> = puts.iter().map(|(line, _)| line.as_str()).collect();
    assert_eq!(
        order,
        [
            "/_ilm/policy/oversight-events",
            "/_component_template/oversight-common",
            "/_index_template/oversight-events",
            "/_index_template/oversight-anomalies",
            "/_index_template/oversight-health",
            "/_security/role/oversight-writer",
        ]
    );
    assert_eq!(puts[0].1["policy"]["phases"]["delete"]["min_age"], "30d");
    let lifecycle = |number: usize| &puts[number].1["template"]["settings"]["index"]["lifecycle"];
    assert_eq!(lifecycle(2), &json!({"name": "oversight-events"}));
    assert_eq!((lifecycle(1), lifecycle(3)), (&Value::Null, &Value::Null));
    assert!(puts[5].1["cluster"].as_array().expect("rights").contains(&json!("read_ilm")));
}

#[test]
fn opensearch_is_told_its_policy_and_rid_of_the_one_that_nobody_asks_for() {
    let engine = Scripted::start();
    let root = || Step::ReplyWith(200, "x-opensearch-version: 3.8.0", r#"{"version":{"distribution":"opensearch"}}"#);
    let (absent, done) = (|| Step::Reply(404, "{}"), || Step::Reply(200, r#"{"acknowledged":true}"#));
    let older =
        r#"{"_id":"x","_seq_no":7,"_primary_term":2,"policy":{"description":"managed by oversight: x","states":[]}}"#;
    // events: there and otherwise; anomalies: there and no longer asked for; health: not there
    engine.next([root(), Step::Reply(200, older), done(), Step::Reply(200, older), done(), absent(), root()]);
    engine.next((0..5).flat_map(|_| [absent(), done()]));
    engine.next([Step::Reply(400, r#"{"error":"no handler found for uri"}"#)]);
    let (success, said) = set_up(
        &engine.url(),
        &[],
        &[("RETENTION_DAYS_EVENTS", "7"), ("THREAT_INDEX", "threat"), ("DATA_STREAMS", "true")],
    );
    assert!(success && said.contains("lifecycle policy oversight-events: put right"), "{said}");
    assert!(said.contains("lifecycle policy oversight-anomalies: taken away (no longer asked for)"), "{said}");
    assert!(!said.contains("role"), "there is no security: {said}");
    let puts = sent(&engine, "PUT ");
    assert_eq!(puts[0].0, "/_plugins/_ism/policies/oversight-events?if_seq_no=7&if_primary_term=2");
    assert_eq!(puts[0].1["policy"]["ism_template"][0]["index_patterns"], json!(["oversight-events-*", "threat-*"]));
    assert_eq!(puts[0].1["policy"]["states"][0]["transitions"][0]["conditions"]["min_index_age"], "7d");
    assert_eq!(sent(&engine, "DELETE ")[0].0, "/_plugins/_ism/policies/oversight-anomalies");
    let events = puts.iter().find(|(line, _)| line == "/_index_template/oversight-events").expect("it was installed");
    assert!(events.1["data_stream"].is_object() && events.1["template"]["settings"].is_null());
}

/// Paths and bodies of the requests with this method.
fn sent(engine: &Scripted, method: &str) -> Vec<(String, Value)> {
    let requests = engine.requests().into_iter();
    let asked = requests.filter_map(|request| {
        let path = request.line.strip_prefix(method)?.to_owned();
        Some((path, serde_json::from_slice(&request.body).unwrap_or_default()))
    });
    asked.collect()
}

#[tokio::test]
async fn with_the_role_and_key_that_are_made_everything_works_and_nothing_more_is_allowed() {
    let Some(engine) = engines::start(engines::Kind::Elasticsearch, Variant::Whole) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let (password, authority, key) = (file("password"), file("ca.pem"), file("key"));
    std::fs::write(&password, PASSWORD).expect("a writable folder");
    std::fs::write(&authority, engine.authority()).expect("a writable folder");
    let url = engine.url();
    let settings = [("INDEX_PREFIX", "least"), ("THREAT_INDEX", "old"), ("CA_FILE", authority.as_str())];
    let admin = ["--engine-user", "admin", "--engine-password-file", &password];
    let as_admin = |more: &[&str]| set_up(&url, &[&admin[..], more].concat(), &settings);

    knows_roles(&engine).await;
    let (success, said) = as_admin(&["--dry-run"]);
    assert!(success && said.contains("role least-writer: would be made (missing)"), "{said}");
    let (success, said) = as_admin(&["--api-key", &key]);
    assert!(success && said.contains("role least-writer: made") && said.contains("API key: made"), "{said}");
    let mode = Path::new(&key).metadata().expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let secret = std::fs::read_to_string(&key).expect("it can be read");
    assert!(secret.len() > 40 && !said.contains(&secret), "it stands in the file alone");
    let (success, said) = as_admin(&["--api-key", &key]);
    assert!(success && said.contains("is there, and left as it is"), "{said}");
    let (success, said) = as_admin(&["--check"]);
    assert!(success && said.contains("role least-writer: left as it is (as it should be)"), "{said}");

    works_with(&engine, &key, &authority).await;
    is_allowed_no_more(&engine, &secret).await;

    // rights that somebody adds are told, and taken back
    let more = json!({"cluster": ["all"], "indices": [], "metadata": {"managed_by": "oversight"}});
    assert_eq!(engine.ask("PUT", "/_security/role/least-writer", &more).await.0, 200);
    let (success, said) = as_admin(&["--check"]);
    assert!(!success && said.contains("  cluster: all, ours: manage_index_templates, monitor"), "{said}");
    let (success, said) = as_admin(&[]);
    assert!(success && said.contains("role least-writer: put right"), "{said}");
    assert!(as_admin(&["--check"]).0);

    let (success, said) = as_admin(&["--remove"]);
    assert!(success && said.contains("role least-writer: removed"), "{said}");
    assert!(said.contains("API key least-writer: removed"), "{said}");
    assert_eq!(with_key(&engine, &secret, "GET", "/least-events-*/_count", None).await, 401);
    let (_, count) = engine.ask("GET", "/least-events-*/_count", &Value::Null).await;
    assert_eq!(count["count"], 3, "what is in indices stays");
}

/// Waits until the engine can keep roles: it answers before the index of them is ready.
async fn knows_roles(engine: &Engine) {
    let probe = json!({"cluster": ["monitor"]});
    for _ in 0..1200 {
        if engine.ask("PUT", "/_security/role/probe", &probe).await.0 == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the engine never knew its roles");
}

/// oversight with that key: documents of all kinds arrive.
async fn works_with(engine: &Engine, key: &str, authority: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = engine.url();
    let oversight = Oversight::start(
        folder.path(),
        &[
            ("STORE_ELASTICSEARCH_URL", url.as_str()),
            ("STORE_ELASTICSEARCH_CA_FILE", authority),
            ("STORE_ELASTICSEARCH_API_KEY_FILE", key),
            ("STORE_ELASTICSEARCH_INDEX_PREFIX", "least"),
            ("STORE_ELASTICSEARCH_THREAT_INDEX", "old"),
            ("STORE_ELASTICSEARCH_HEALTH_EVERY", "1s"),
        ],
    );
    let event = |n: u64| json!({"@timestamp": "2026-11-22T10:00:00Z", "n": n});
    let (status, answer) = oversight.post("/", json!([event(1), event(2), event(3)]).to_string()).await;
    assert_eq!(status, 200, "{answer}");
    oversight.drained().await;
    let found = oversight.get("/v1/search").await;
    assert_eq!(found["error"], Value::Null, "it may search what it wrote: {found}");
    for _ in 0..600 {
        engine.ask("POST", "/least-*/_refresh", &Value::Null).await;
        let (_, health) = engine.ask("GET", "/least-health-*/_count?allow_no_indices=true", &Value::Null).await;
        if health["count"].as_u64() > Some(0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no document of how it goes arrived");
}

async fn is_allowed_no_more(engine: &Engine, key: &str) {
    assert_eq!(engine.ask("PUT", "/others/_doc/1", &json!({"a": 1})).await.0, 201);
    let (_, found) = engine.ask("GET", "/_resolve/index/least-events-*", &Value::Null).await;
    let index = found["indices"][0]["name"].as_str().expect("events have an index").to_owned();
    for (method, path, body) in [
        ("DELETE", format!("/{index}"), None),
        ("POST", format!("/{index}/_close"), None),
        ("PUT", format!("/{index}/_doc/1"), Some(json!({"a": 1}))),
        ("PUT", "/others/_create/2".to_owned(), Some(json!({"a": 1}))),
        ("GET", "/others/_search".to_owned(), None),
        ("GET", "/_security/role/least-writer".to_owned(), None),
        ("PUT", "/_cluster/settings".to_owned(), Some(json!({"persistent": {"cluster.max_shards_per_node": 2000}}))),
        ("POST", "/_security/api_key".to_owned(), Some(json!({"name": "more"}))),
    ] {
        assert_eq!(with_key(engine, key, method, &path, body).await, 403, "{method} {path}");
    }
}

/// The status of a request with this key.
async fn with_key(engine: &Engine, key: &str, method: &str, path: &str, body: Option<Value>) -> u16 {
    let authority = reqwest::Certificate::from_pem(engine.authority().as_bytes()).expect("a certificate");
    let client = reqwest::Client::builder().no_proxy().add_root_certificate(authority).build().expect("a client");
    let url = format!("{}{path}", engine.url());
    let mut request =
        client.request(method.parse().expect("a method"), url).header("authorization", format!("ApiKey {key}"));
    if let Some(body) = body {
        request = request.json(&body);
    }
    request.send().await.expect("the engine answers").status().as_u16()
}

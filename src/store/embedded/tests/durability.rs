//! Stored once, and for good.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::*;

fn numbered(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|n| json!({"@timestamp": "2026-11-22T10:00:00Z", "n": n}).to_string()).collect()
}

async fn everything(store: &EmbeddedStore) -> u64 {
    total(store, json!({"match_all": {}})).await
}

#[tokio::test]
async fn a_document_comes_back_as_it_was_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let value =
        json!({"@timestamp": "2026-11-22T10:00:00.123Z", "a": {"b": [1, "x", null, {"c": 1.5}]}, "message": "hi"});
    fill(&store, 1, std::slice::from_ref(&value)).await;
    let answer = ask(&store, json!({})).await.expect("answered");
    let hit = &answer["hits"]["hits"][0];
    assert_eq!(hit["_source"], value);
    assert_eq!(hit["_id"], place(1).to_string());
    assert_eq!(hit["_index"], "oversight-events-2026.11.22");
}

#[tokio::test]
async fn a_repetition_is_recognised_before_and_after_the_commit() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut slow = settings(folder.path());
    slow.linger = Duration::from_millis(200);
    let store = EmbeddedStore::new(slow, clock());
    store.prepare().await.expect("prepared");
    let first = batch_of(&numbered(0..3), 0, day("2026.11.22"), true);
    let again = batch_of(&numbered(0..4), 0, day("2026.11.22"), true);
    let (first, again) = futures_util::future::join(store.write(&first), store.write(&again)).await;
    assert_eq!(first, vec![Outcome::Stored; 3]);
    let mut expected = vec![Outcome::AlreadyThere; 3];
    expected.push(Outcome::Stored);
    assert_eq!(again, expected);
    drop(store);
    let store = open(folder.path()).await;
    let batch = batch_of(&numbered(0..4), 0, day("2026.11.22"), true);
    assert_eq!(store.write(&batch).await, vec![Outcome::AlreadyThere; 4]);
    assert_eq!(everything(&store).await, 4);
}

#[tokio::test]
async fn ids_that_senders_gave_are_stored_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let mut batch = batch_of(&numbered(0..2), 0, day("2026.11.22"), false);
    for document in &mut batch.documents {
        document.id = EventId::Given("same \"id\"".into());
    }
    assert_eq!(store.write(&batch).await, [Outcome::Stored, Outcome::AlreadyThere]);
    assert_eq!(store.write(&batch).await, vec![Outcome::AlreadyThere; 2]);
    assert_eq!(total(&store, json!({"ids": {"values": ["same \"id\""]}})).await, 1);
    batch.documents[0].id = EventId::Given("x".repeat(513).into());
    batch.documents[1].id = EventId::Given("".into());
    let outcomes = store.write(&batch).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Refused { .. })), "{outcomes:?}");
}

#[tokio::test]
async fn the_same_id_on_another_day_is_another_document() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    for text in ["2026.11.21", "2026.11.22"] {
        let batch = batch_of(&numbered(0..1), 0, day(text), true);
        assert_eq!(store.write(&batch).await, [Outcome::Stored]);
    }
    assert_eq!(everything(&store).await, 2);
}

#[tokio::test]
async fn what_was_not_committed_is_written_again_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut answered = 0;
    for round in 0..4_u64 {
        let mut patient = settings(folder.path());
        patient.linger = Duration::from_secs(3600);
        patient.commit_documents = 100;
        let store = EmbeddedStore::new(patient, clock());
        store.prepare().await.expect("prepared");
        let committed = batch_of(&numbered(0..100 + round), 0, day("2026.11.22"), true);
        let outcomes = store.write(&committed).await;
        let known = outcomes.iter().filter(|outcome| **outcome == Outcome::AlreadyThere).count() as u64;
        assert_eq!(known, answered);
        answered = committed.documents.len() as u64;
        // this one waits for a commit that never comes
        let lost = batch_of(&numbered(1000..1050), 1000, day("2026.11.22"), false);
        {
            let pending = store.write(&lost);
            tokio::pin!(pending);
            let early = tokio::time::timeout(Duration::from_millis(50), &mut pending).await;
            assert!(early.is_err(), "answered before the commit");
            store.abandon();
            assert!(pending.await.iter().all(|outcome| matches!(outcome, Outcome::Again { .. })));
        }
        drop(store);
        let reopened = open(folder.path()).await;
        assert_eq!(everything(&reopened).await, answered);
    }
}

#[tokio::test]
async fn a_batch_over_more_days_than_may_be_open_is_stored_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut narrow = settings(folder.path());
    narrow.open_days = 2;
    let store = EmbeddedStore::new(narrow, clock());
    store.prepare().await.expect("prepared");
    let mut batch = batch_of(&numbered(0..12), 0, day("2026.11.22"), false);
    for (number, document) in (0..).zip(&mut batch.documents) {
        document.day = Day::from_days(20_000 + number % 5);
        document.kind = if number % 2 == 0 { Kind::Event } else { Kind::Anomaly };
    }
    assert_eq!(store.write(&batch).await, vec![Outcome::Stored; 12]);
    assert_eq!(everything(&store).await, 6);
    let anomalies = store.search(SearchRequest { kind: Kind::Anomaly, body: json!({}) }).await.expect("answered");
    assert_eq!(anomalies["hits"]["total"]["value"], 6);
}

#[tokio::test]
async fn a_damaged_day_is_moved_aside_and_its_documents_go_in_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    fill(&store, 0, &[json!({"n": 1}), json!({"n": 2})]).await;
    drop(store);
    let path = folder.path().join("events/2026.11.22");
    let segment = std::fs::read_dir(&path)
        .expect("listed")
        .flatten()
        .find(|entry| entry.path().extension().is_some_and(|extension| extension == "fast"));
    let segment = segment.expect("a segment has columns").path();
    let whole = std::fs::read(&segment).expect("read");
    std::fs::write(&segment, &whole[..whole.len() / 2]).expect("written");
    let store = open(folder.path()).await;
    assert_eq!(store.counts().damaged, 1);
    assert!(folder.path().join("events/2026.11.22.damaged-1").exists());
    let batch = batch_of(&texts(&[json!({"n": 1}), json!({"n": 2})]), 0, day("2026.11.22"), true);
    assert_eq!(store.write(&batch).await, vec![Outcome::Stored; 2]);
    assert_eq!(everything(&store).await, 2);
}

#[tokio::test]
async fn a_day_that_cannot_be_written_is_asked_for_again_and_the_others_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let blocked = folder.path().join("events/2026.11.21");
    std::fs::write(&blocked, "in the way").expect("written");
    let mut batch = batch_of(&numbered(0..2), 0, day("2026.11.22"), false);
    batch.documents[0].day = day("2026.11.21");
    let outcomes = store.write(&batch).await;
    assert!(matches!(&outcomes[0], Outcome::Again { reason, .. } if !reason.is_empty()), "{outcomes:?}");
    assert_eq!(outcomes[1], Outcome::Stored);
    std::fs::remove_file(&blocked).expect("removed");
    assert_eq!(store.write(&batch).await[0], Outcome::Stored);
}

#[tokio::test]
async fn hostile_documents_are_stored_and_those_that_are_no_objects_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let wide: Vec<_> = (0..5000).map(|n| format!("\"field_{n}\":{n}")).collect();
    let hostile = [
        format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20)),
        format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000)),
        format!("{{{}}}", wide.join(",")),
        r#"{"a":"NaN","b":1e999,"c":-0.0,"d":18446744073709551615,"e":-9223372036854775808}"#.to_owned(),
        r#"{"a":1,"a":"two","a":{"b":true},"":{"":1},"x.y":1,"x":{"y":"z"},"k\u0000\u0001":1}"#.to_owned(),
        r#"{"source.ip":["10.0.0.1","no address",5,null],"@timestamp":"never","message":["a",1,{}]}"#.to_owned(),
        "{\"\\ud800\":\"\\udfff\"}".to_owned(),
        "{}".to_owned(),
        r#"{"a": "#.to_owned(),
        "[{}]".to_owned(),
    ];
    let outcomes = store.write(&batch_of(&hostile, 0, day("2026.11.22"), false)).await;
    assert_eq!(outcomes[..8], vec![Outcome::Stored; 8]);
    assert!(outcomes[8..].iter().all(|outcome| matches!(outcome, Outcome::Refused { .. })), "{outcomes:?}");
    assert_eq!(everything(&store).await, 8);
    assert_eq!(store.counts().partial, 4);
    let answer = ask(&store, json!({"size": 100})).await.expect("answered");
    assert_eq!(answer["hits"]["hits"].as_array().map(Vec::len), Some(8));
    for body in [
        json!({"aggs": {"x": {"terms": {"field": "a"}}, "y": {"stats": {"field": "d"}}}}),
        json!({"query": {"range": {"e": {"gte": 9.9, "lte": 10}}}}),
        json!({"query": {"query_string": {"query": "a:[9.9 TO 10.0] OR b:[9 TO 10.5]"}}}),
        json!({"sort": [{"a": "desc"}, {"d": "asc"}]}),
    ] {
        ask(&store, body.clone()).await.unwrap_or_else(|error| panic!("{body}: {error}"));
    }
}

#[tokio::test]
async fn retention_counts_from_the_end_of_a_day_or_from_its_beginning_to_be_filled() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut short = settings(folder.path());
    short.retention_days = Some(3);
    let moving = clock();
    let store = EmbeddedStore::new(short.clone(), moving.clone());
    store.prepare().await.expect("prepared");
    for text in ["2011.08.10", "2026.11.22"] {
        let batch = batch_of(&numbered(0..1), 0, day(text), true);
        assert_eq!(store.write(&batch).await, [Outcome::Stored]);
    }
    drop(store);
    for (hours, left) in [(48, 2), (30, 1), (12, 0)] {
        moving.advance(Duration::from_secs(hours * 3600));
        let store = EmbeddedStore::new(short.clone(), moving.clone());
        store.prepare().await.expect("prepared");
        assert_eq!(everything(&store).await, left);
    }
}

#[tokio::test]
async fn retention_by_size_drops_the_oldest_days_and_keeps_the_newest() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    for text in ["2026.11.20", "2026.11.21", "2026.11.22"] {
        let batch = batch_of(&numbered(0..50), 0, day(text), true);
        assert_eq!(store.write(&batch).await, vec![Outcome::Stored; 50]);
    }
    drop(store);
    let mut small = settings(folder.path());
    small.max_bytes = Some(1);
    let store = EmbeddedStore::new(small, clock());
    store.prepare().await.expect("prepared");
    assert_eq!(store.counts().dropped, 2);
    let answer = ask(&store, json!({"size": 1})).await.expect("answered");
    assert_eq!(answer["hits"]["total"]["value"], 50);
    assert_eq!(answer["hits"]["hits"][0]["_index"], "oversight-events-2026.11.22");
}

#[tokio::test]
async fn a_closed_store_asks_to_be_written_to_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    store.close();
    let outcomes = store.write(&batch_of(&numbered(0..1), 0, day("2026.11.22"), false)).await;
    assert!(matches!(outcomes[..], [Outcome::Again { .. }]), "{outcomes:?}");
}

const CHILD: &str = "OVERSIGHT_EMBEDDED_CHILD";

/// Not a test of its own: the other side of the next one, which kills it.
#[tokio::test]
async fn a_process_that_writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let store = EmbeddedStore::new(settings(Path::new(&folder)), Clock::system());
    store.prepare().await.expect("prepared");
    for first in (0..).step_by(50) {
        let batch = batch_of(&numbered(first..first + 50), first, day("2026.11.22"), true);
        store.write(&batch).await;
        println!("answered {}", first + 50);
    }
}

#[tokio::test]
async fn a_kill_loses_nothing_that_was_answered_and_doubles_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    for least in [100, 400, 700] {
        let mut child = Command::new(std::env::current_exe().expect("known"))
            .args([
                "--exact",
                "--nocapture",
                "store::embedded::tests::durability::a_process_that_writes_until_it_is_killed",
            ])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let mut answered = 0;
        for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
            let line = line.expect("text");
            if let Some((_, count)) = line.split_once("answered ") {
                answered = count.trim().parse().expect("a number");
            }
            if answered >= least {
                break;
            }
        }
        child.kill().expect("killed");
        child.wait().expect("ended");
        assert!(answered >= least, "the child ended by itself");
        let store = open(folder.path()).await;
        let found = everything(&store).await;
        assert!(found >= answered, "{found} of {answered}");
        let batch = batch_of(&numbered(0..found + 75), 0, day("2026.11.22"), true);
        store.write(&batch).await;
        assert_eq!(everything(&store).await, found + 75);
    }
}

//! The store against an engine that follows a script.

use std::time::Duration;

use oversight::event::EventId;
use oversight::store::elasticsearch::{Credentials, ElasticStore, NodeUrl, Secret, Settings};
use oversight::store::{Batch, Outcome, Store};

use crate::elasticsearch::{batch, place, settings};
use crate::harness::scripted::{Scripted, Step};

fn store_at(url: &str) -> ElasticStore {
    ElasticStore::new(Settings { timeout: Duration::from_secs(10), ..settings(url, "faults") }).expect("valid settings")
}

fn some(count: u64) -> Batch {
    batch((0..count).map(|n| (place(n), format!(r#"{{"n":{n}}}"#))))
}

/// All the same kind of outcome; the first reason and waiting time.
fn all_again(outcomes: &[Outcome], count: usize) -> (Duration, String) {
    assert_eq!(outcomes.len(), count);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Again { .. })), "{outcomes:?}");
    match &outcomes[0] {
        Outcome::Again { after, reason } => (*after, reason.clone()),
        _ => unreachable!("checked above"),
    }
}

#[tokio::test]
async fn whatever_goes_wrong_with_a_request_its_documents_wait_and_are_stored_next_time() {
    for (step, words) in [
        (
            Step::Reply(
                429,
                r#"{"error":{"type":"es_rejected_execution_exception","reason":"rejected"},"status":429}"#,
            ),
            "rejected",
        ),
        (Step::Reply(503, "<html>no upstream</html>"), "503"),
        (Step::Reply(502, ""), "502"),
        (Step::Reply(200, "<html>a login page</html>"), "no bulk reply"),
        (Step::Reply(200, ""), "no bulk reply"),
        (Step::Reply(200, r#"{"took":1,"errors":false,"items":[]}"#), "0 documents where 10"),
        (Step::Reply(401, "Unauthorized"), "Unauthorized"),
        (Step::Reply(404, ""), "404"),
        (Step::Reply(400, "The plain HTTP request was sent to HTTPS port"), "plain HTTP"),
        (Step::ReplyWith(302, "location: /login", ""), "40"),
        (Step::OneItemShort, "9 documents where 10"),
        (Step::HalfAnAnswer, "127.0.0.1"),
        (Step::Close, "127.0.0.1"),
    ] {
        let engine = Scripted::start();
        let store = store_at(&engine.url());
        let steps = match step {
            // it is followed, and what it leads to takes no documents either
            Step::ReplyWith(302, ..) => vec![step.clone(), Step::Reply(405, "")],
            _ => vec![step.clone()],
        };
        engine.next(steps);
        let (_, reason) = all_again(&store.write(&some(10)).await, 10);
        assert!(reason.contains(words), "{step:?}: {reason}");
        let outcomes = store.write(&some(10)).await;
        let settled = |outcome: &Outcome| matches!(outcome, Outcome::Stored | Outcome::AlreadyThere);
        assert!(outcomes.iter().all(settled), "{step:?}: {outcomes:?}");
        assert_eq!(engine.documents().len(), 10);
    }
}

#[tokio::test]
async fn an_engine_that_never_answers_is_given_up_after_the_timeout() {
    let engine = Scripted::start();
    engine.next([Step::Hang]);
    let store = ElasticStore::new(Settings { timeout: Duration::from_millis(200), ..settings(&engine.url(), "slow") });
    let (_, reason) = all_again(&store.expect("valid settings").write(&some(3)).await, 3);
    assert!(reason.contains("timed out"), "{reason}");
}

#[tokio::test]
async fn an_engine_that_asks_for_patience_is_left_alone_that_long() {
    let engine = Scripted::start();
    engine.next([Step::ReplyWith(429, "retry-after: 17", "")]);
    let (after, _) = all_again(&store_at(&engine.url()).write(&some(3)).await, 3);
    assert_eq!(after, Duration::from_secs(17));
}

#[tokio::test]
async fn one_document_that_is_too_large_is_found_and_the_others_are_stored_in_order() {
    let engine = Scripted::start();
    engine.next([Step::LimitBodies(2_000)]);
    let large = format!(r#"{{"text":"{}"}}"#, "x".repeat(3_000));
    let documents = (0..32).map(|n| (place(n), if n == 13 { large.clone() } else { format!(r#"{{"n":{n}}}"#) }));
    let outcomes = store_at(&engine.url()).write(&batch(documents)).await;
    for (n, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Outcome::Refused { reason } => assert!(n == 13 && reason.contains("413"), "{n}: {reason}"),
            other => assert_eq!((n == 13, other), (false, &Outcome::Stored), "{n}"),
        }
    }
    assert_eq!(engine.documents().len(), 31);
}

#[tokio::test]
async fn a_request_that_is_refused_for_one_document_is_cut_until_that_one_stands_alone() {
    const INVALID: Step = Step::Reply(
        400,
        r#"{"error":{"type":"action_request_validation_exception","reason":"2 is wrong"},"status":400}"#,
    );
    let engine = Scripted::start();
    let store = store_at(&engine.url());
    // both together, and then each passes alone
    engine.next([INVALID]);
    let outcomes = store.write(&some(2)).await;
    assert_eq!(outcomes, [const { Outcome::Stored }; 2]);
    // both together, and then the first alone
    engine.next([INVALID, INVALID]);
    let outcomes = store.write(&batch([(place(8), "{}".to_owned()), (place(9), "{}".to_owned())])).await;
    assert!(matches!(&outcomes[0], Outcome::Refused { reason } if reason.contains("2 is wrong")), "{outcomes:?}");
    assert_eq!(outcomes[1], Outcome::Stored);
}

#[tokio::test]
async fn after_a_fault_the_portions_behind_it_are_not_sent() {
    let engine = Scripted::start();
    let mut settings = settings(&engine.url(), "portions");
    settings.max_bulk_bytes = 300;
    engine.next([Step::Reply(503, "")]);
    let store = ElasticStore::new(settings).expect("valid settings");
    all_again(&store.write(&some(50)).await, 50);
    assert_eq!(engine.requests().len(), 1);
    assert!(store.write(&some(50)).await.iter().all(|outcome| *outcome == Outcome::Stored));
}

#[tokio::test]
async fn a_node_that_is_down_is_passed_over_for_one_that_is_up() {
    let engine = Scripted::start();
    // nothing listens at port 9 (discard)
    let mut settings = settings("http://127.0.0.1:9", "nodes");
    settings.nodes.push(NodeUrl::parse(&engine.url()).expect("a url"));
    let store = ElasticStore::new(settings).expect("valid settings");
    for round in 0..3 {
        let outcomes = store.write(&batch([(place(round), "{}".to_owned())])).await;
        assert_eq!(outcomes, [Outcome::Stored], "round {round}");
    }
}

#[tokio::test]
async fn requests_carry_credentials_and_a_compressed_body_where_they_are_asked_to() {
    let engine = Scripted::start();
    let mut settings = settings(&engine.url(), "head");
    settings.credentials = Credentials::ApiKey { id: "id".to_owned(), key: Secret::new("key") };
    settings.gzip = true;
    let store = ElasticStore::new(settings).expect("valid settings");
    let given = EventId::Given("\u{1}\"é".into());
    assert_eq!(store.write(&batch([(given, "{\n}".to_owned())])).await, [Outcome::Stored]);
    let request = &engine.requests()[0];
    assert!(request.line.starts_with("POST /_bulk?filter_path=errors"), "{}", request.line);
    assert_eq!(request.headers["authorization"], "ApiKey aWQ6a2V5");
    assert_eq!(request.headers["content-encoding"], "gzip");
    assert_eq!(engine.documents().get("\u{1}\"é").map(String::as_str), Some("{ }"));
}

//! What an answer to a `_bulk` request means for each document in it.
//!
//! Of a document, by the status and error type of its item:
//!
//! | status | type | outcome | because |
//! | --- | --- | --- | --- |
//! | 200, 201 | | Stored | also where a pipeline drops it (`noop`): it is settled |
//! | 409 | `version_conflict_engine_exception`, none | AlreadyThere | an id names one event, so what is there is this document |
//! | 400 | `index_closed_exception`, `validation_exception` (no shard left), a pipeline that is missing | Again, blocked | the operator's to mend; other documents meet it too |
//! | 400, 413 | any other: mapping, malformed JSON, field limit | Refused | it will never be taken as it is |
//! | 401, 403 | `security_exception` and the like | Again, forbidden | rights can be mended, and every document meets it: refusing would pour all of them into the dead letters |
//! | 403, 429 | `cluster_block_exception` (read-only, flood stage) | Again, blocked | lifts when the disk has room again |
//! | 404 | index missing and not to be made | Again, blocked | the operator's to mend |
//! | 429 | rejected execution, circuit breaker | Again, busy | load passes |
//! | 5xx, anything else | | Again, busy | shards move, nodes restart |
//!
//! Of a whole request, by its HTTP status: 200 is judged item by item, and as *Again* for all where its items are
//! not as many as were sent or cannot be read. 413, and 400 where the engine objects to what is in it, are one
//! document's fault: the request is cut in halves until that one stands alone, which is Refused. (400 in other words is a proxy's or a wrong
//! port's, and Again.) Everything else is Again for all: 401, 403 forbidden; 404, 405, 406 blocked; 429, 5xx busy.
//!
//! A reason for *Refused* may quote the document; one for *Again* never does, so that it may be logged.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::client::Answer;
use super::words::{EngineError, request_reason};
use crate::store::Outcome;

/// Load passes by itself; the writer's own back-off grows from here.
const BUSY: Duration = Duration::from_secs(1);
/// A block lifts by itself or by an operator.
const BLOCKED: Duration = Duration::from_secs(5);
/// Rights change by an operator.
const FORBIDDEN: Duration = Duration::from_secs(30);
/// No engine is waited for longer than this on its own word.
const LONGEST: Duration = Duration::from_secs(60);

/// What a whole answer means.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// Each by itself.
    Judged(Judged),
    /// Some document in it cannot be taken, and the engine does not say which.
    Split(String),
    /// None of them, for now.
    Again(Trouble, Duration, String),
}

/// What became of the documents of one request.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Judged {
    /// One outcome for each document, in order.
    pub outcomes: Vec<Outcome>,
    /// Why some have to wait, if some have: the gravest trouble and a reason for it.
    pub worst: Option<(Trouble, String)>,
}

impl Judged {
    fn push(&mut self, outcome: Outcome, trouble: Option<Trouble>) {
        if let (Outcome::Again { reason, .. }, Some(trouble)) = (&outcome, trouble)
            && self.worst.as_ref().is_none_or(|(worst, _)| *worst < trouble)
        {
            self.worst = Some((trouble, reason.clone()));
        }
        self.outcomes.push(outcome);
    }
}

/// Why none is taken, by who can mend it; the gravest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    /// Nobody answers.
    Unreachable,
    /// It passes.
    Busy,
    /// The engine's operator: blocks, missing indices, a wrong address.
    Blocked,
    /// Whoever gives us credentials and rights.
    Forbidden,
}

impl Trouble {
    /// How long to wait at least.
    pub fn patience(self) -> Duration {
        match self {
            Self::Unreachable | Self::Busy => BUSY,
            Self::Blocked => BLOCKED,
            Self::Forbidden => FORBIDDEN,
        }
    }
}

/// Judges the answer to a request with `count` documents.
pub(super) fn judge(answer: &Answer, count: usize) -> Verdict {
    let reason = || request_reason(answer);
    let again = |trouble: Trouble| Verdict::Again(trouble, patience(answer, trouble.patience()), reason());
    match answer.status {
        200 => match items(&answer.body, count) {
            Ok(judged) => Verdict::Judged(judged),
            Err(reason) => Verdict::Again(Trouble::Blocked, BLOCKED, reason),
        },
        413 => Verdict::Split(reason()),
        400 if is_about_a_document(&answer.body) => Verdict::Split(reason()),
        401 | 403 => again(Trouble::Forbidden),
        408 | 429 | 500..=599 => again(Trouble::Busy),
        _ => again(Trouble::Blocked),
    }
}

/// Whether the engine refuses a request for what is in it, and not for the way it was sent: that would refuse every
/// document there is.
fn is_about_a_document(body: &[u8]) -> bool {
    EngineError::of(body).is_some_and(|error| match error.kind() {
        // no type: there is no bulk endpoint at this address
        "" | "media_type_header_exception" => false,
        _ => !error.reason().contains("unrecognized parameter"),
    })
}

fn patience(answer: &Answer, least: Duration) -> Duration {
    answer.retry_after.map_or(least, |asked| asked.clamp(least, LONGEST.max(least)))
}

/// The outcomes of a bulk reply's items; why it is none, otherwise.
fn items(body: &[u8], count: usize) -> Result<Judged, String> {
    let mut judged = Judged { outcomes: Vec::with_capacity(count), worst: None };
    // once for all, which is cheaper than key by key
    let text = std::str::from_utf8(body).map_err(|error| format!("the answer is no text: {error}"))?;
    let mut reader = serde_json::Deserializer::from_str(text);
    ReplySeed(&mut judged)
        .deserialize(&mut reader)
        .and_then(|()| reader.end())
        .map_err(|error| format!("the answer is no bulk reply, or only a part of one: {error}"))?;
    if judged.outcomes.len() == count {
        Ok(judged)
    } else {
        Err(format!("the answer tells of {} documents where {count} were sent", judged.outcomes.len()))
    }
}

/// Reads `{"errors":…,"items":[…]}` in one pass and keeps the outcomes only.
struct ReplySeed<'o>(&'o mut Judged);

impl<'de> DeserializeSeed<'de> for ReplySeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ReplySeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bulk reply")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut found = false;
        while let Some(key) = map.next_key::<Key>()? {
            match key {
                Key::Items if found => return Err(A::Error::duplicate_field("items")),
                Key::Items => map.next_value_seed(ItemsSeed(self.0))?,
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            }
            found = true;
        }
        if found { Ok(()) } else { Err(A::Error::missing_field("items")) }
    }
}

/// The keys of a reply that matter.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Key {
    Items,
    #[serde(other)]
    Other,
}

struct ItemsSeed<'o>(&'o mut Judged);

impl<'de> DeserializeSeed<'de> for ItemsSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ItemsSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the items of a bulk reply")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(Action(item)) = items.next_element()? {
            let (outcome, trouble) = item.outcome();
            self.0.push(outcome, trouble);
        }
        Ok(())
    }
}

/// `{"create":{…}}`: the item, whatever the action is called.
struct Action<'a>(Item<'a>);

impl<'de> Deserialize<'de> for Action<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Only;
        impl<'de> Visitor<'de> for Only {
            type Value = Action<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an action with its item")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Action<'de>, A::Error> {
                let Some((IgnoredAny, item)) = map.next_entry()? else {
                    return Err(A::Error::custom("an item without an action"));
                };
                match map.next_entry::<IgnoredAny, IgnoredAny>()? {
                    None => Ok(Action(item)),
                    Some(_) => Err(A::Error::custom("an item with two actions")),
                }
            }
        }
        deserializer.deserialize_map(Only)
    }
}

#[derive(Deserialize)]
struct Item<'a> {
    status: u16,
    /// Read only where there is one: nearly all items have none.
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

impl Item<'_> {
    fn outcome(&self) -> (Outcome, Option<Trouble>) {
        if matches!(self.status, 200 | 201) {
            return (Outcome::Stored, None);
        }
        let error = self.error.and_then(|raw| EngineError::read(raw.get())).unwrap_or_default();
        let again = |trouble: Trouble| {
            (Outcome::Again { after: trouble.patience(), reason: error.without_content() }, Some(trouble))
        };
        match (self.status, error.kind()) {
            (409, "version_conflict_engine_exception" | "") => (Outcome::AlreadyThere, None),
            (400, "index_closed_exception" | "validation_exception") => again(Trouble::Blocked),
            (400, "illegal_argument_exception") if error.reason().starts_with("pipeline with id [") => {
                again(Trouble::Blocked)
            }
            (400 | 413, _) => (Outcome::Refused { reason: error.in_full() }, None),
            (403 | 429, "cluster_block_exception") | (404, _) => again(Trouble::Blocked),
            (401 | 403, _) => again(Trouble::Forbidden),
            _ => again(Trouble::Busy),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;
    use crate::store::elasticsearch::client::Answer;
    use bytes::Bytes;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, product: None, retry_after: None, body: Bytes::copy_from_slice(body.as_bytes()) }
    }

    fn judged(body: &str, count: usize) -> Vec<Outcome> {
        match judge(&answer(200, body), count) {
            Verdict::Judged(judged) => judged.outcomes,
            other => panic!("{other:?}"),
        }
    }

    fn one(status: u16, kind: &str, reason: &str) -> Outcome {
        let item = serde_json::json!({"status": status, "error": {"type": kind, "reason": reason}});
        judged(&format!(r#"{{"errors":true,"items":[{{"create":{item}}}]}}"#), 1).remove(0)
    }

    fn again_after(outcome: &Outcome) -> Option<Duration> {
        match outcome {
            Outcome::Again { after, .. } => Some(*after),
            _ => None,
        }
    }

    #[test]
    fn items_are_judged_one_by_one_and_in_order() {
        let body = r#"{"items":[{"create":{"status":201}},
            {"create":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"[1]: version conflict"}}},
            {"create":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"rejected"}}},
            {"create":{"status":400,"error":{"type":"document_parsing_exception","reason":"[1:6] failed to parse","caused_by":{"type":"x","reason":"because \"so\""}}}}
            ],"took":3,"errors":true}"#;
        let outcomes = judged(body, 4);
        assert_eq!(outcomes[..2], [Outcome::Stored, Outcome::AlreadyThere]);
        assert_eq!(again_after(&outcomes[2]), Some(BUSY));
        let Outcome::Refused { reason } = &outcomes[3] else { panic!("{outcomes:?}") };
        assert_eq!(reason, r#"document_parsing_exception: [1:6] failed to parse (caused by x: because "so")"#);
    }

    #[test]
    fn what_an_operator_has_to_mend_is_never_refused() {
        for (status, kind, reason, after) in [
            (400, "index_closed_exception", "closed", BLOCKED),
            (400, "validation_exception", "this action would add [2] shards", BLOCKED),
            (400, "illegal_argument_exception", "pipeline with id [p] does not exist", BLOCKED),
            (403, "cluster_block_exception", "index [x] blocked by: [FORBIDDEN/8/index write (api)];", BLOCKED),
            (429, "cluster_block_exception", "index [x] blocked by: [TOO_MANY_REQUESTS/12/…];", BLOCKED),
            (404, "index_not_found_exception", "no such index", BLOCKED),
            (403, "security_exception", "action is unauthorized", FORBIDDEN),
            (503, "unavailable_shards_exception", "primary shard is not active", BUSY),
            (409, "resource_already_exists_exception", "two made it at once", BUSY),
            (418, "", "", BUSY),
        ] {
            assert_eq!(again_after(&one(status, kind, reason)), Some(after), "{status} {kind}");
        }
    }

    #[test]
    fn the_gravest_trouble_of_a_request_is_told() {
        let body = r#"{"items":[{"create":{"status":429,"error":{"type":"busy","reason":"a"}}},
            {"create":{"status":403,"error":{"type":"security_exception","reason":"b"}}},{"create":{"status":201}},
            {"create":{"status":503,"error":{"type":"away","reason":"c"}}}]}"#;
        let Verdict::Judged(judged) = judge(&answer(200, body), 4) else { panic!("it is a reply") };
        assert_eq!(judged.worst, Some((Trouble::Forbidden, "security_exception: b".to_owned())));
    }

    #[test]
    fn what_is_wrong_with_a_document_is_refused() {
        for (status, kind) in [
            (400, "mapper_parsing_exception"),
            (400, "document_parsing_exception"),
            (400, "illegal_argument_exception"),
            (400, "a_type_of_tomorrow"),
            (413, "es_rejected_execution_exception"),
        ] {
            assert!(matches!(one(status, kind, "words"), Outcome::Refused { .. }), "{status} {kind}");
        }
    }

    #[test]
    fn an_error_that_is_only_a_text_is_judged_by_its_status() {
        let body = r#"{"errors":true,"items":[{"create":{"status":400,"error":"MapperParsingException[failed]"}}]}"#;
        assert_eq!(judged(body, 1), [Outcome::Refused { reason: "MapperParsingException[failed]".to_owned() }]);
    }

    #[test]
    fn a_reply_that_does_not_account_for_every_document_settles_none() {
        for body in [
            r#"{"took":1,"errors":false,"items":[]}"#,
            r#"{"errors":false,"items":[{"create":{"status":201}},{"create":{"status":201}},{"create":{"status":201}}]}"#,
            r#"{"errors":false,"items":[{"create":{"status":201}},{"create":{"st"#,
            r#"{"errors":false,"items":[{"create":{"status":201}},{}]}"#,
            r#"{"errors":false,"items":[{"create":{}},{"create":{}}]}"#,
            r#"{"errors":false}"#,
            "<html>",
            "",
            r#"{"errors":false,"items":[{"create":{"status":201}},{"create":{"status":201}}]} trailing"#,
        ] {
            let verdict = judge(&answer(200, body), 2);
            assert!(matches!(verdict, Verdict::Again(Trouble::Blocked, ..)), "{body}: {verdict:?}");
        }
    }

    #[test]
    fn a_whole_request_is_judged_by_who_can_mend_it() {
        let trouble = |status, body: &str| match judge(&answer(status, body), 2) {
            Verdict::Again(trouble, ..) => Some(trouble),
            Verdict::Split(_) => None,
            Verdict::Judged(_) => panic!("nothing was judged"),
        };
        assert_eq!(trouble(401, "Unauthorized"), Some(Trouble::Forbidden));
        assert_eq!(trouble(403, "{}"), Some(Trouble::Forbidden));
        assert_eq!(trouble(404, "not here"), Some(Trouble::Blocked));
        assert_eq!(trouble(429, ""), Some(Trouble::Busy));
        assert_eq!(trouble(503, "<html>"), Some(Trouble::Busy));
        assert_eq!(trouble(301, ""), Some(Trouble::Blocked));
        assert_eq!(trouble(413, ""), None);
        assert_eq!(trouble(400, r#"{"error":{"type":"action_request_validation_exception","reason":"x"}}"#), None);
        assert_eq!(
            trouble(400, r#"{"error":"no handler found for uri [/es/_bulk] and method [POST]"}"#),
            Some(Trouble::Blocked)
        );
        let parameter = r#"{"error":{"type":"illegal_argument_exception","reason":"request [/_bulk] contains unrecognized parameter: [x]"}}"#;
        assert_eq!(trouble(400, parameter), Some(Trouble::Blocked));
        assert_eq!(trouble(400, "The plain HTTP request was sent to HTTPS port"), Some(Trouble::Blocked));
    }

    #[test]
    fn an_engine_that_asks_for_patience_gets_it_within_bounds() {
        let after = |seconds| {
            let asked = Answer { retry_after: Some(Duration::from_secs(seconds)), ..answer(429, "") };
            match judge(&asked, 1) {
                Verdict::Again(_, after, _) => after.as_secs(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!([after(0), after(7), after(100_000)], [1, 7, 60]);
    }

    proptest! {
        #[test]
        fn no_answer_brings_it_down(body in any::<Vec<u8>>(), status in 100_u16..600) {
            let answer = Answer { status, product: None, retry_after: None, body: Bytes::from(body) };
            let verdict = judge(&answer, 1);
            assert!(!matches!(verdict, Verdict::Judged(_)), "noise settled a document: {verdict:?}");
        }
    }
}

//! The answers of the bulk door, as Elasticsearch writes them: compact, `"errors"` before `"items"` and nothing between
//! them, one item for each action. Vector and Fluent Bit look for these very bytes, and Fluent Bit reads only the
//! beginning of a long answer, so there is no more in it than a shipper needs.

use bytes::Bytes;
use serde_json::json;

use super::action::Operation;
use super::bulk::{Fault, Item};
use super::filter::Filter;
use crate::event::json::{write_integer, write_string};

/// What an item says besides its names.
#[derive(Debug, Clone, Copy)]
enum Outcome<'a> {
    Created,
    Failed { status: u64, kind: &'a str, reason: &'a str },
}

/// The answer to a bulk request whose good events are kept.
///
/// `strict`: bad documents are told of, not only kept in the dead letters.
pub(super) fn kept(items: &[Item], took: u64, strict: bool, filter: &Filter) -> Bytes {
    let failed = |item: &Item| item.fault.as_ref().is_some_and(|fault| strict || fault.is_unacceptable());
    let errors = items.iter().any(failed);
    let mut writer = Writer::new(took, errors, items.len(), filter);
    for item in items {
        match item.fault.as_ref().filter(|_| failed(item)) {
            None => writer.item(item, Outcome::Created),
            Some(fault) => {
                let reason = fault.to_string();
                writer.item(item, Outcome::Failed { status: 400, kind: fault.kind(), reason: &reason });
            }
        }
    }
    writer.finish()
}

/// The answer to a document that came by itself and is kept. Strict clients miss what has no meaning here: shards,
/// versions and terms are those of a document that was just made.
pub(super) fn created(item: &Item) -> Bytes {
    let shards = json!({ "total": 1, "successful": 1, "failed": 0 });
    let made = json!({
        "_index": item.index, "_id": item.id, "_version": 1, "result": "created", "_shards": shards,
        "_seq_no": 0, "_primary_term": 1,
    });
    Bytes::from(made.to_string())
}

/// The answer to a bulk request of which nothing is kept now: every action is to be sent again.
pub(super) fn overloaded(items: &[Item], took: u64, reason: &str, filter: &Filter) -> Bytes {
    let mut writer = Writer::new(took, true, items.len(), filter);
    for item in items {
        writer.item(item, Outcome::Failed { status: 429, kind: OVERLOADED, reason });
    }
    writer.finish()
}

/// Elasticsearch's word for "send again".
pub(super) const OVERLOADED: &str = "es_rejected_execution_exception";

/// A request that is refused as a whole, in Elasticsearch's shape.
pub(super) fn error(status: u16, kind: &str, reason: &str) -> Bytes {
    let cause = json!({ "type": kind, "reason": reason });
    let error = json!({ "root_cause": [cause], "type": kind, "reason": reason });
    Bytes::from(json!({ "error": error, "status": status }).to_string())
}

impl Fault {
    /// The sender has to learn of it whatever is configured: it asked for something that is not done here.
    fn is_unacceptable(&self) -> bool {
        matches!(self, Self::Impossible(_))
    }

    /// Elasticsearch's name for it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Document(_) => "document_parsing_exception",
            Self::NoDocument | Self::Action | Self::Stray | Self::Id => "illegal_argument_exception",
            Self::Index => "invalid_index_name_exception",
            Self::Impossible(_) => "action_request_validation_exception",
        }
    }
}

/// Which parts of the items of one operation are written.
#[derive(Debug, Clone, Copy, Default)]
struct Shown {
    index: bool,
    id: bool,
    result: bool,
    status: bool,
    kind: bool,
    reason: bool,
}

impl Shown {
    fn of(operation: Operation, filter: &Filter) -> Self {
        let shown = |name| filter.admits(&["items", operation.name(), name]);
        let error = |name| filter.admits(&["items", operation.name(), "error", name]);
        Self {
            index: shown("_index"),
            id: shown("_id"),
            result: shown("result"),
            status: shown("status"),
            kind: error("type"),
            reason: error("reason"),
        }
    }
}

struct Writer {
    out: Vec<u8>,
    /// By operation.
    shown: [Shown; Operation::ALL.len()],
    /// Where the items begin; what stands before is not followed by a comma yet.
    start: usize,
}

impl Writer {
    fn new(took: u64, errors: bool, items: usize, filter: &Filter) -> Self {
        let mut out = Vec::with_capacity(64 + items * 64);
        out.push(b'{');
        if filter.admits(&["took"]) {
            out.extend_from_slice(br#""took":"#);
            write_integer(&mut out, took);
        }
        if filter.admits(&["errors"]) {
            separate(&mut out);
            out.extend_from_slice(if errors { br#""errors":true"# } else { br#""errors":false"# });
        }
        separate(&mut out);
        out.extend_from_slice(br#""items":["#);
        let start = out.len();
        Self { out, shown: Operation::ALL.map(|operation| Shown::of(operation, filter)), start }
    }

    /// One item; nothing where nothing of it is wanted.
    fn item(&mut self, item: &Item, outcome: Outcome<'_>) {
        let (before, shown) = (self.out.len(), self.shown[item.operation as usize]);
        let out = &mut self.out;
        separate(out);
        out.extend_from_slice(br#"{""#);
        out.extend_from_slice(item.operation.name().as_bytes());
        out.extend_from_slice(br#"":{"#);
        let empty = out.len();
        text(out, "_index", item.index.as_deref().filter(|_| shown.index));
        text(out, "_id", item.id.as_deref().filter(|_| shown.id));
        match outcome {
            Outcome::Created => {
                text(out, "result", Some("created").filter(|_| shown.result));
                status(out, 201, shown);
            }
            Outcome::Failed { status: code, kind, reason } => {
                status(out, code, shown);
                if shown.kind || shown.reason {
                    separate(out);
                    out.extend_from_slice(br#""error":{"#);
                    text(out, "type", Some(kind).filter(|_| shown.kind));
                    text(out, "reason", Some(reason).filter(|_| shown.reason));
                    out.push(b'}');
                }
            }
        }
        if out.len() == empty {
            out.truncate(before);
        } else {
            out.extend_from_slice(b"}}");
        }
    }

    fn finish(mut self) -> Bytes {
        const ITEMS: usize = r#""items":["#.len();
        // an empty list is not written, like all that is empty once it has been filtered
        if self.out.len() == self.start {
            self.out.truncate(self.start - ITEMS);
            if self.out.last() == Some(&b',') {
                self.out.pop();
            }
        } else {
            self.out.push(b']');
        }
        self.out.push(b'}');
        Bytes::from(self.out)
    }
}

/// A comma, unless this is the first of its object or list.
fn separate(out: &mut Vec<u8>) {
    if !matches!(out.last(), Some(b'{' | b'[')) {
        out.push(b',');
    }
}

fn text(out: &mut Vec<u8>, key: &str, value: Option<&str>) {
    if let Some(value) = value {
        separate(out);
        write_string(out, key);
        out.push(b':');
        write_string(out, value);
    }
}

fn status(out: &mut Vec<u8>, code: u64, shown: Shown) {
    if shown.status {
        separate(out);
        out.extend_from_slice(br#""status":"#);
        write_integer(out, code);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::json::{self, Flaw};

    fn item(operation: Operation, id: &str, fault: Option<Fault>) -> Item {
        Item { operation, index: Some("logs".into()), id: (!id.is_empty()).then(|| id.into()), fault }
    }

    fn items() -> [Item; 3] {
        let bad = Fault::Document(json::Fault { at: 7, flaw: Flaw::NotAnObject });
        [
            item(Operation::Create, "1", None),
            item(Operation::Index, "", Some(bad)),
            item(Operation::Delete, "\"", Some(Fault::Impossible(Operation::Delete))),
        ]
    }

    fn text_of(answer: &Bytes) -> &str {
        std::str::from_utf8(answer).unwrap()
    }

    #[test]
    fn an_answer_is_written_as_shippers_look_for_it() {
        let answer = kept(&items()[..2], 3, false, &Filter::default());
        assert_eq!(
            text_of(&answer),
            r#"{"took":3,"errors":false,"items":[{"create":{"_index":"logs","_id":"1","result":"created","status":201}},{"index":{"_index":"logs","result":"created","status":201}}]}"#
        );
        let strict = kept(&items()[..2], 3, true, &Filter::parse("-took,-items.create"));
        assert_eq!(
            text_of(&strict),
            r#"{"errors":true,"items":[{"index":{"_index":"logs","status":400,"error":{"type":"document_parsing_exception","reason":"an event is a JSON object, and this is none, at byte 7 of the body"}}}]}"#
        );
    }

    #[test]
    fn what_is_not_done_here_is_an_error_in_any_case() {
        let answer = kept(&items(), 0, false, &Filter::parse("errors,items.*.error,items.*.status"));
        assert_eq!(
            text_of(&answer),
            r#"{"errors":true,"items":[{"create":{"status":201}},{"index":{"status":201}},{"delete":{"status":400,"error":{"type":"action_request_validation_exception","reason":"oversight keeps events and changes none: delete is not possible"}}}]}"#
        );
    }

    #[test]
    fn overload_is_told_of_every_action_under_its_own_name() {
        let answer = overloaded(&items(), 0, "full", &Filter::parse("errors,items.*.status,items.*.error.type"));
        assert_eq!(
            text_of(&answer),
            r#"{"errors":true,"items":[{"create":{"status":429,"error":{"type":"es_rejected_execution_exception"}}},{"index":{"status":429,"error":{"type":"es_rejected_execution_exception"}}},{"delete":{"status":429,"error":{"type":"es_rejected_execution_exception"}}}]}"#
        );
    }

    #[test]
    fn what_nobody_wants_is_not_written_and_what_is_written_is_json() {
        for (filter, expected) in [
            ("took", r#"{"took":9}"#),
            ("errors", r#"{"errors":false}"#),
            ("nothing", "{}"),
            ("errors,items.*.error", r#"{"errors":false}"#),
            ("items.create.status", r#"{"items":[{"create":{"status":201}}]}"#),
        ] {
            let answer = kept(&items()[..2], 9, false, &Filter::parse(filter));
            assert_eq!(text_of(&answer), expected, "{filter}");
            serde_json::from_slice::<serde_json::Value>(&answer).unwrap();
        }
        assert_eq!(text_of(&error(400, "x", "a \"b\"")).matches(r#"a \"b\""#).count(), 2);
    }
}
